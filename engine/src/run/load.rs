//! A run embeds what it was planned with: its closure as blobs, and back.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;

use super::decide::Program;
use super::event::{Event, EventBody};
use super::inputs::inputs_from_json;
use crate::action::Registry;
use crate::backend::{BackendError, BackendSet, Class};
use crate::check::{Checked, DocumentKind, FURTHER_SOURCES, Library, SOURCES, Step, What, check};
use crate::journal::blob::{keep_blob, read_blob};
use crate::plan::{Moved, Plan, moved_bindings};
use crate::text::{Diagnostic, Lang, Source, Text};

/// Blobs of a run: `plan`, `kind:id` of documents; name to SHA-256.
pub type RunBlobs = BTreeMap<String, String>;

/// Why a run cannot be loaded.
pub type LoadError = BackendError;

/// Keeps the plan and every document of its closure as blobs. They are durable before the event that names them.
///
/// # Errors
/// `FOLDER.FULL`, `FOLDER.READONLY`.
pub fn store_closure(folder: &Path, plan: &Plan, checked: &Checked) -> Result<RunBlobs, BackendError> {
    let mut blobs = RunBlobs::new();
    let json = serde_json::to_vec(plan).unwrap_or_default();
    blobs.insert("plan".to_owned(), keep_blob(folder, &json)?);
    for document in &checked.documents {
        let name = format!("{}:{}", document.kind.word(), document.id);
        blobs.insert(name, keep_blob(folder, document.source.text.as_bytes())?);
    }
    Ok(blobs)
}

/// The documents that a run embeds, as a library.
pub(super) struct Embedded<'a> {
    pub(super) folder: &'a Path,
    pub(super) blobs: &'a RunBlobs,
}

impl Embedded<'_> {
    /// The playbook that was planned.
    pub(super) fn root(&self, plan: &Plan) -> Option<Source> {
        self.playbook(&plan.playbook.id)
    }

    fn source(&self, kind: DocumentKind, id: &str) -> Option<Source> {
        let name = format!("{}:{id}", kind.word());
        let content = read_blob(self.folder, self.blobs.get(&name)?).ok()?;
        Some(Source::new(name, String::from_utf8(content).ok()?))
    }
}

impl Library for Embedded<'_> {
    fn playbook(&self, id: &str) -> Option<Source> {
        self.source(DocumentKind::Playbook, id)
    }

    fn portal(&self, id: &str) -> Option<Source> {
        self.source(DocumentKind::Portal, id)
    }

    fn sources(&self) -> Option<Source> {
        self.source(DocumentKind::Sources, SOURCES)
    }

    fn further_sources(&self) -> Option<Source> {
        self.source(DocumentKind::Sources, FURTHER_SOURCES)
    }
}

/// The plan and the checked playbook of a run, from its blobs. Another version of the program may have begun it: texts, waits and
/// checks are this version's; steps and what they can do are the plan's.
///
/// # Errors
/// `RUN.UNREADABLE` when a blob is missing or damaged, this version does not accept its playbook, or its steps would do other things.
pub fn load_program(folder: &Path, blobs: &RunBlobs, registry: &Registry, zone: TimeZone, backends: Option<&BackendSet>) -> Result<Program, LoadError> {
    let unreadable = |ja: &str, en: &str| BackendError::new("RUN.UNREADABLE", Text::new(ja, en)).class(Class::Permanent);
    let digest = blobs.get("plan").ok_or_else(|| unreadable("実行の計画がありません。", "the run has no plan."))?;
    let plan: Plan =
        serde_json::from_slice(&read_blob(folder, digest)?).map_err(|_| unreadable("実行の計画が読めません。", "the run's plan cannot be read."))?;
    let library = Embedded { folder, blobs };
    let root = library.root(&plan).ok_or_else(|| unreadable("実行の手順書がありません。", "the run has no playbook."))?;
    let checked = check(&root, &library, registry).result.map_err(|found| not_accepted(&plan, &found))?;
    let moved = other_steps(&plan, &checked);
    if !moved.is_empty() {
        return Err(other_engine(&plan, &moved));
    }
    let inputs = inputs_from_json(&checked, &plan, backends.map(|backends| &*backends.vault));
    let absent_after = backends.map(|backends| absent_after(&checked, backends)).unwrap_or_default();
    Ok(Program { checked, plan, inputs, zone, absent_after })
}

/// What this version would do that the plan does not say. What a step costs is compared before it writes.
fn other_steps(plan: &Plan, checked: &Checked) -> Vec<Moved> {
    let uses = |step: &Step| match &step.what {
        What::Action(action) => action.manifest.reference(),
        What::Call { frame } => format!("playbook:{}", checked.frames[*frame].playbook),
    };
    let gone = plan.steps.iter().filter(|planned| !checked.steps.iter().any(|step| step.address == planned.address));
    let mut moved: Vec<Moved> = gone.map(|planned| Moved::at(&planned.address, "step", &planned.uses, "-")).collect();
    for step in &checked.steps {
        match plan.step(&step.address) {
            None => moved.push(Moved::at(&step.address, "step", "-", uses(step))),
            Some(planned) if planned.uses != uses(step) => moved.push(Moved::at(&step.address, "uses", &planned.uses, uses(step))),
            Some(planned) => {
                if let What::Action(action) = &step.what
                    && action.manifest.effect > planned.effect
                {
                    moved.push(Moved::at(&step.address, "effect", planned.effect.word(), action.manifest.effect.word()));
                }
            }
        }
    }
    moved
}

/// The playbook was accepted by the version that began the run.
fn not_accepted(plan: &Plan, found: &[Diagnostic]) -> LoadError {
    let (ja, en) = found.first().map(|first| (first.what.ja.clone(), first.what.get(Lang::En).to_owned())).unwrap_or_default();
    let this = env!("CARGO_PKG_VERSION");
    let cause = Text::new(
        format!("実行は kirikae {} で始めました。この版({this})では、その手順書を受け付けません: {ja}", plan.engine),
        format!("the run was begun by kirikae {}; this version ({this}) does not accept its playbook: {en}", plan.engine),
    );
    BackendError::new("RUN.UNREADABLE", cause).class(Class::Permanent).cure(with_its_own(plan)).with("engine", plan.engine.clone())
}

fn other_engine(plan: &Plan, moved: &[Moved]) -> LoadError {
    let this = env!("CARGO_PKG_VERSION");
    let intro = Text::new(
        format!("実行は kirikae {} で始めました。この版({this})では、手順のすることが違います。", plan.engine),
        format!("the run was begun by kirikae {}; this version ({this}) would do other things.", plan.engine),
    );
    Moved::into_error("RUN.UNREADABLE", &intro, moved, with_its_own(plan))
}

fn with_its_own(plan: &Plan) -> Text {
    Text::new(
        format!("kirikae {} で続けるか、kirikae abandon でやめてください。", plan.engine),
        format!("go on with kirikae {}, or give the run up with `kirikae abandon`.", plan.engine),
    )
}

/// Whether the roles are bound to what they were when the run began.
///
/// # Errors
/// `RUN.BINDINGS_CHANGED` with every role that is not.
pub fn same_bindings(events: &[Event], now: &BTreeMap<String, String>) -> Result<(), BackendError> {
    let Some(EventBody::RunStarted { bindings, .. }) = events.first().map(|event| &event.body) else { return Ok(()) };
    let moved = moved_bindings(bindings, now);
    if moved.is_empty() {
        return Ok(());
    }
    let intro = Text::new("役割の結び先が、実行を始めたときと違います。", "roles are bound elsewhere than when the run began.");
    let cure = Text::new(
        "始めたときと同じサイトファイルで続けるか、kirikae abandon でやめてください。",
        "go on with the site file the run began with, or give it up with `kirikae abandon`.",
    );
    Err(Moved::into_error("RUN.BINDINGS_CHANGED", &intro, &moved, cure))
}

/// By address: how long after a sending "not in the list" is conclusive, as site or profile verified it.
pub fn absent_after(checked: &Checked, backends: &BackendSet) -> BTreeMap<String, std::time::Duration> {
    use crate::backend::profile::ObserveBy;
    let steps = checked.steps.iter().filter_map(|step| {
        let What::Action(action) = &step.what else { return None };
        let profile = checked.profiles.get(action.portal.as_deref()?)?;
        let ObserveBy::Look(looking) = profile.operations.get(&action.manifest.operation?)?.observe else { return None };
        let ca = backends.reads().ca(action.portal.as_deref()?).ok()?;
        Some((step.address.clone(), ca.absent_after(looking)?))
    });
    steps.collect()
}
