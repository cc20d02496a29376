//! Plans that were saved: read back, and held against what they would be applied with (`runs.md` 7).
//!
//! May use: the text of a file. Must not: read a file, plan, look at the world.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::canonical_digest;
use super::model::{ClosureItem, Plan};
use super::moved::{Moved, drift};
use crate::backend::{BackendError, Class};
use crate::text::Text;

/// What a saved plan would be applied with now.
#[derive(Clone, Debug)]
pub struct Present<'a> {
    /// Now.
    pub now: Timestamp,
    /// The site.
    pub site: &'a str,
    /// Identity of the state folder.
    pub state: &'a str,
    /// Documents of the playbook, and the site.
    pub closure: &'a [ClosureItem],
    /// Roles and the identity of what they are bound to.
    pub bindings: &'a BTreeMap<String, String>,
}

/// Reads a plan that was saved as JSON. It is the plan that was made, or it is refused.
///
/// # Errors
/// `PLAN.UNREADABLE`; `PLAN.EDITED` if its digest does not fit.
pub fn read_saved(text: &str) -> Result<Plan, BackendError> {
    let json: Json = serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))?;
    let format = json.get("format_version").and_then(Json::as_str).ok_or_else(|| unreadable("format_version"))?;
    if format.split('.').next() != Some("1") {
        let cure = Text::new("新しい版の kirikae を使ってください。", "use a newer kirikae.");
        return Err(unreadable(&format!("format_version {format}")).cure(cure));
    }
    // The digest is that of the file, so that what a newer version added is not lost from it.
    let said = json.get("digest").and_then(Json::as_str).unwrap_or_default().to_owned();
    let plan: Plan = serde_json::from_value(json.clone()).map_err(|error| unreadable(&error.to_string()))?;
    let mut bare = json;
    if let Some(object) = bare.as_object_mut() {
        object.remove("digest");
        object.remove("diagnostics");
    }
    if canonical_digest(&bare).as_deref() == Some(said.as_str()) {
        return Ok(plan);
    }
    let cause = Text::new(
        format!("計画 {} のファイルは、作られた後で書きかえられています。", plan.plan_id),
        format!("the file of plan {} was changed after it was made.", plan.plan_id),
    );
    Err(BackendError::new("PLAN.EDITED", cause).class(Class::Permanent).cure(again()))
}

/// Whether a saved plan may be started: it is for this site and this state folder, it has not expired, and nothing that it was
/// made from has changed.
///
/// # Errors
/// `PLAN.ELSEWHERE`, `PLAN.EXPIRED`, `PLAN.DRIFT`.
pub fn may_start(plan: &Plan, present: &Present<'_>) -> Result<(), BackendError> {
    let id = &plan.plan_id;
    if plan.target.id != present.site {
        let cause = Text::new(
            format!("計画 {id} は端末 {} のものです。この端末は {} です。", plan.target.id, present.site),
            format!("plan {id} is for terminal {}; this is {}.", plan.target.id, present.site),
        );
        let cure = Text::new("計画を作った端末で実行するか、この端末で作り直してください。", "apply it where it was made, or plan again here.");
        return Err(BackendError::new("PLAN.ELSEWHERE", cause).class(Class::Permanent).cure(cure));
    }
    if plan.state.as_deref().is_some_and(|state| state != present.state) {
        let cause = Text::new(
            format!("計画 {id} は別の状態フォルダで作られました。1回限りかどうかを、このフォルダでは確かめられません。"),
            format!("plan {id} was made with another state folder; this one cannot tell whether it was used."),
        );
        let cure = Text::new("--state に、計画を作ったときの状態フォルダを指定してください。", "name the state folder it was made with by --state.");
        return Err(BackendError::new("PLAN.ELSEWHERE", cause).class(Class::Permanent).cure(cure));
    }
    if plan.expires_at < present.now {
        let cause = Text::new(format!("計画 {id} は期限({})が切れています。", plan.expires_at), format!("plan {id} expired at {}.", plan.expires_at));
        return Err(BackendError::new("PLAN.EXPIRED", cause).class(Class::Permanent).cure(again()));
    }
    let mut moved = documents(&plan.closure, present.closure);
    moved.extend(bindings(&plan.bindings, present.bindings));
    if moved.is_empty() { Ok(()) } else { Err(drift(&moved)) }
}

/// Roles that are bound elsewhere.
pub fn bindings(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<Moved> {
    let roles = was.keys().chain(is.keys().filter(|role| !was.contains_key(*role)));
    let text = |bound: Option<&String>| bound.map_or_else(|| "-".to_owned(), Clone::clone);
    let moved = roles.filter(|role| was.get(*role) != is.get(*role));
    moved.map(|role| Moved::of_all(format!("role.{role}"), text(was.get(role)), text(is.get(role)))).collect()
}

fn documents(was: &[ClosureItem], is: &[ClosureItem]) -> Vec<Moved> {
    let find = |items: &[ClosureItem], wanted: &ClosureItem| {
        let found = items.iter().find(|item| (&item.kind, &item.id) == (&wanted.kind, &wanted.id));
        found.map_or_else(|| "-".to_owned(), |item| item.digest.clone())
    };
    let new = is.iter().filter(|item| find(was, item) == "-");
    let all = was.iter().chain(new).map(|item| (item, find(was, item), find(is, item)));
    let short = |digest: String| digest.chars().take(12).collect::<String>();
    all.filter(|(_, was, is)| was != is).map(|(item, was, is)| Moved::of_all(format!("{}.{}", item.kind, item.id), short(was), short(is))).collect()
}

fn unreadable(why: &str) -> BackendError {
    let cause = Text::new(format!("計画として読めません: {why}"), format!("this is not a plan: {why}"));
    let cure = Text::new("kirikae plan --out で作ったファイルを指定してください。", "name a file made by `kirikae plan --out`.");
    BackendError::new("PLAN.UNREADABLE", cause).class(Class::Permanent).cure(cure)
}

fn again() -> Text {
    Text::new("kirikae plan で計画を作り直し、内容を見てから実行してください。", "plan again, read it, then apply.")
}
