//! `secrets:` as it is written: the five kinds of secrets and the limits on their tries (`language.md` 6).
//!
//! May use: the reader, types. Must not: know where a secret flows.

use super::Type;
use super::playbook::{cites, declared_type};
use super::playbook_step::Written;
use super::reader::{Fields, Reader};
use crate::check::{Attempts, Cite};
use crate::text::{Node, Spanned, Text};

pub(super) const SECRET_KEYS: [&str; 7] = ["type", "title", "new", "kept", "typed_by_person", "attempts", "cite"];
pub(super) const ATTEMPT_KEYS: [&str; 4] = ["limit", "leave", "per_run", "cite"];

/// A secret as written.
#[derive(Clone, Debug)]
pub(crate) struct SecretSpec {
    /// Name.
    pub(crate) name: Spanned<String>,
    /// Type; `None` if it could not be read.
    pub(crate) ty: Option<Type>,
    /// Title.
    pub(crate) title: Text,
    /// Newly chosen.
    pub(crate) new: bool,
    /// Kept from another year: name, and a text that says what it is about.
    pub(crate) kept: Option<(String, Written)>,
    /// A person types it elsewhere; it is only counted.
    pub(crate) typed_by_person: bool,
    /// How often it may be tried, with the place of the word.
    pub(crate) attempts: Option<Spanned<Attempts>>,
    /// Manual sections, those of `attempts` among them.
    pub(crate) cite: Vec<Spanned<Cite>>,
}

/// Reads one secret.
pub(super) fn secret(reader: &mut Reader<'_>, name: Spanned<String>, node: &Node) -> SecretSpec {
    let empty = SecretSpec { name, ty: None, title: Text::default(), new: false, kept: None, typed_by_person: false, attempts: None, cite: vec![] };
    let Some(fields) = reader.map(node, &SECRET_KEYS) else { return empty };
    let ty = declared_type(reader, &fields);
    let handle = ty.as_ref().is_some_and(|ty| ty.is_handle() || ty.is_optional() || matches!(ty, Type::List(_) | Type::Map(_)));
    if let (true, Some(node)) = (handle, fields.get("type")) {
        let what = Text::new("秘密の値の型には、文字や数字の型を書いてください。", "a secret is of a type of text, such as string or digits(4).");
        reader.error("TYPE.NOT_HERE", node.span, what);
    }
    let title = reader.need(&fields, "title").and_then(|node| reader.text(node));
    let new = fields.get("new").and_then(|node| reader.flag(node)).unwrap_or(false);
    let typed_by_person = fields.get("typed_by_person").and_then(|node| reader.flag(node)).unwrap_or(false);
    let kept = fields.get("kept").and_then(|node| {
        let fields = reader.map(node, &["name", "about"])?;
        let name = reader.need(&fields, "name").and_then(|node| reader.string(node));
        let about = reader.need(&fields, "about").and_then(|node| Written::read(reader, node));
        Some((name?, about?))
    });
    one_kind(reader, &fields, new, typed_by_person);
    let mut cite = cites(reader, &fields);
    let attempts = fields.get("attempts").and_then(|node| attempts(reader, node, &mut cite));
    let attempts = attempts.zip(fields.key("attempts")).map(|(attempts, key)| Spanned::new(attempts, key.span));
    SecretSpec { title: title.unwrap_or_default(), new, kept, typed_by_person, attempts, cite, ty, ..empty }
}

/// A secret is newly chosen, kept from before, or typed elsewhere; never two of these.
fn one_kind(reader: &mut Reader<'_>, fields: &Fields<'_>, new: bool, typed_by_person: bool) {
    let kinds = [("new", "new: true", new), ("kept", "kept", true), ("typed_by_person", "typed_by_person: true", typed_by_person)];
    let said: Vec<_> = kinds.into_iter().filter_map(|(key, shown, on)| fields.key(key).filter(|_| on).map(|key| (key, shown))).collect();
    if let [(_, first), (key, second), ..] = said.as_slice() {
        let what = Text::new(format!("{first} と {second} は一緒に書けません。"), format!("`{first}` and `{second}` exclude each other."));
        reader.error("DSL.EXCLUDES", key.span, what).cure.push(Text::new("どちらかを消してください。", "leave one out."));
    }
}

/// `{ limit: 10, leave: 5, per_run: 2, cite: manual#section }`; at least one try must be left over.
fn attempts(reader: &mut Reader<'_>, node: &Node, cite: &mut Vec<Spanned<Cite>>) -> Option<Attempts> {
    let fields = reader.map(node, &ATTEMPT_KEYS)?;
    let mut number = |key: &'static str| reader.need(&fields, key).and_then(|node| Some((reader.count(node)?, node.span)));
    let (limit, leave, per_run) = (number("limit"), number("leave"), number("per_run"));
    reader.need(&fields, "cite");
    let cited = cites(reader, &fields);
    let ((limit, _), (leave, leave_at), (per_run, per_run_at)) = (limit?, leave?, per_run?);
    let free = limit.saturating_sub(leave);
    let refused = if free == 0 {
        let what = Text::new(format!("{limit}回のうち{leave}回を残すと、1回も試せません。"), format!("leaving {leave} of {limit} tries allows none at all."));
        Some((leave_at, what, Text::new("leave を limit より小さくしてください。", "make `leave` smaller than `limit`.")))
    } else if per_run == 0 || per_run > free {
        let what = Text::new(
            format!("1回の実行で{per_run}回は試せません(試せるのは {limit} - {leave} = {free}回までです)。"),
            format!("{per_run} tries a run do not fit: {limit} - {leave} = {free} may be used."),
        );
        Some((per_run_at, what, Text::new(format!("per_run は1から{free}までにしてください。"), format!("`per_run` is from 1 to {free}."))))
    } else {
        None
    };
    if let Some((at, what, cure)) = refused {
        reader.error("SECRET.ATTEMPTS", at, what).cure.push(cure);
        return None;
    }
    let attempts = Attempts { limit, leave, per_run, cite: cited.iter().map(|cite| cite.value.clone()).collect() };
    cite.extend(cited);
    Some(attempts)
}
