//! A mended profile takes the place of the one a run was planned with (`runs.md` 8).
//!
//! May use: the run's blobs, the checker. Must not: write anything into the journal, contact anything.

use std::path::Path;

use jiff::tz::TimeZone;

use super::conform::grown;
use super::decide::Program;
use super::event::EventBody;
use super::load::{Embedded, RunBlobs, load_program};
use super::state::{Doing, Outcome, State};
use crate::action::Registry;
use crate::backend::profile::{PageItem, Profile};
use crate::backend::{BackendError, Class};
use crate::check::{DocumentKind, check};
use crate::dsl::decode_profile;
use crate::journal::blob::keep_blob;
use crate::plan::drift;
use crate::text::{Diagnostic, Source, Sources, Text};

/// A run with its mended profile.
#[derive(Debug)]
pub struct Replaced {
    /// What is carried out now.
    pub program: Program,
    /// The run's blobs, the mended profile among them.
    pub blobs: RunBlobs,
    /// `ProfileReplaced`, one for each role; none if it is the profile that the run has already.
    pub events: Vec<EventBody>,
}

/// Why a profile is not taken.
#[derive(Debug)]
pub enum NotReplaced {
    /// The profile, or the playbook with it, has findings.
    Findings(Box<Sources>, Vec<Diagnostic>),
    /// It does not fit the run.
    Refused(BackendError),
}

impl From<BackendError> for NotReplaced {
    fn from(error: BackendError) -> Self {
        Self::Refused(error)
    }
}

/// Puts a mended profile in the place of the run's own. The playbook is checked with it; the plan stays. The text is kept as a blob
/// before anything else knows of it.
///
/// # Errors
/// Findings; `RUN.PROFILE_UNKNOWN` if the run uses none of its id; `RUN.PROFILE_COMMITS` if it changes the committing move of a step
/// that is in doubt; `PLAN.DRIFT` if a step would cost or do more than was planned.
pub fn replace_profile(
    folder: &Path,
    blobs: &RunBlobs,
    old: &Program,
    state: &State,
    source: &Source,
    registry: &Registry,
    zone: TimeZone,
) -> Result<Replaced, NotReplaced> {
    let findings = |found| {
        let mut sources = Sources::default();
        sources.add(source.clone());
        NotReplaced::Findings(Box::new(sources), found)
    };
    let mended = decode_profile(source).map_err(findings)?;
    let roles: Vec<&String> = old.checked.profiles.iter().filter(|(_, profile)| profile.id == mended.id).map(|(role, _)| role).collect();
    let Some(before) = roles.first().and_then(|role| old.checked.profiles.get(*role)) else { return Err(unknown(old, &mended.id).into()) };
    commits_as_before(old, state, &roles, before, &mended)?;
    let name = format!("{}:{}", DocumentKind::Portal.word(), mended.id);
    let from = blobs.get(&name).cloned().unwrap_or_default();
    let to = keep_blob(folder, source.text.as_bytes())?;
    let mut blobs = blobs.clone();
    blobs.insert(name, to.clone());
    let library = Embedded { folder, blobs: &blobs };
    if let Some(root) = library.root(&old.plan) {
        let outcome = check(&root, &library, registry);
        outcome.result.map_err(|found| NotReplaced::Findings(Box::new(outcome.sources), found))?;
    }
    let loaded = load_program(folder, &blobs, registry, zone, None)?;
    let over = |address: &str| state.ended(address).is_some_and(|ended| ended.outcome != Outcome::Failed);
    let left = loaded.plan.steps.iter().filter(|step| !over(&step.address));
    let moved: Vec<_> = left.filter_map(|step| Some(grown(&loaded, step, loaded.action(&step.address)?))).flatten().collect();
    if !moved.is_empty() {
        return Err(drift(&moved).into());
    }
    let program = Program { inputs: old.inputs.clone(), absent_after: old.absent_after.clone(), ..loaded };
    let events = roles.into_iter().filter(|_| from != to).map(|role| EventBody::ProfileReplaced { role: role.clone(), from: from.clone(), to: to.clone() });
    let events = events.collect();
    Ok(Replaced { program, blobs, events })
}

/// While nobody knows whether a request arrived, the page it was sent from stays what it was: what comes of looking must mean the same.
fn commits_as_before(old: &Program, state: &State, roles: &[&String], before: &Profile, mended: &Profile) -> Result<(), BackendError> {
    for (address, step) in &state.steps {
        let doubtful = matches!(step.doing, Doing::InFlight(_) | Doing::Pending { .. } | Doing::Uncertain(_));
        let Some(action) = old.action(address).filter(|_| doubtful) else { continue };
        let (Some(role), Some(operation)) = (&action.portal, action.manifest.operation) else { continue };
        let commits = |profile: &Profile| -> Vec<PageItem> {
            let pages = profile.operations.get(&operation).map(|spec| spec.pages.clone()).unwrap_or_default();
            pages.into_iter().filter(|page| page.commits).collect()
        };
        if roles.contains(&role) && commits(before) != commits(mended) {
            let cause = Text::new(
                format!("手順 {address} が行われたかどうか分からない間は、送信の画面(commits)を変えたプロファイルに替えられません。"),
                format!("whether `{address}` happened is not known; until then its committing move cannot be changed."),
            );
            let cure = Text::new(
                "kirikae resume で調べるか、kirikae answer で答えてから、プロファイルを替えてください。",
                "find out by `kirikae resume` or `kirikae answer` first, then replace the profile.",
            );
            return Err(BackendError::new("RUN.PROFILE_COMMITS", cause).class(Class::Human).cure(cure).with("step", address.clone()));
        }
    }
    Ok(())
}

fn unknown(old: &Program, id: &str) -> BackendError {
    let known: Vec<&str> = old.checked.profiles.values().map(|profile| profile.id.as_str()).collect();
    let (ja, en) = if known.is_empty() { ("なし".to_owned(), "none".to_owned()) } else { (known.join("・"), known.join(", ")) };
    let cause = Text::new(format!("この実行はプロファイル {id} を使いません。"), format!("this run does not use a profile `{id}`."));
    let cure = Text::new(format!("使っているプロファイル: {ja}"), format!("profiles of the run: {en}"));
    BackendError::new("RUN.PROFILE_UNKNOWN", cause).class(Class::Human).cure(cure)
}
