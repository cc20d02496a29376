//! A run embeds what it was planned with: its closure as blobs, and back.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;

use super::decide::Program;
use super::inputs::inputs_from_json;
use crate::action::Registry;
use crate::backend::{BackendError, BackendSet, Class};
use crate::check::{Checked, DocumentKind, FURTHER_SOURCES, Library, SOURCES, check};
use crate::journal::blob::{keep_blob, read_blob};
use crate::plan::Plan;
use crate::text::{Source, Text};

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

struct Embedded<'a> {
    folder: &'a Path,
    blobs: &'a RunBlobs,
}

impl Embedded<'_> {
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

/// The plan and the checked playbook of a run, from its blobs.
///
/// # Errors
/// `RUN.UNREADABLE` when a blob is missing or damaged, or this version does not accept its playbook.
pub fn load_program(folder: &Path, blobs: &RunBlobs, registry: &Registry, zone: TimeZone, backends: Option<&BackendSet>) -> Result<Program, LoadError> {
    let unreadable = |ja: &str, en: &str| BackendError::new("RUN.UNREADABLE", Text::new(ja, en)).class(Class::Permanent);
    let digest = blobs.get("plan").ok_or_else(|| unreadable("実行の計画がありません。", "the run has no plan."))?;
    let plan: Plan =
        serde_json::from_slice(&read_blob(folder, digest)?).map_err(|_| unreadable("実行の計画が読めません。", "the run's plan cannot be read."))?;
    let library = Embedded { folder, blobs };
    let root = library.playbook(&plan.playbook.id).ok_or_else(|| unreadable("実行の手順書がありません。", "the run has no playbook."))?;
    let checked = check(&root, &library, registry)
        .result
        .map_err(|_| unreadable("この版では、実行の手順書を受け付けません。", "this version does not accept the run's playbook."))?;
    let inputs = inputs_from_json(&checked, &plan, backends.map(|backends| &*backends.vault));
    let absent_after = backends.map(|backends| absent_after(&checked, backends)).unwrap_or_default();
    Ok(Program { checked, plan, inputs, zone, absent_after })
}

/// By address: how long after a sending "not in the list" is conclusive, as site or profile verified it.
pub fn absent_after(checked: &Checked, backends: &BackendSet) -> BTreeMap<String, std::time::Duration> {
    use crate::backend::profile::ObserveBy;
    let steps = checked.steps.iter().filter_map(|step| {
        let crate::check::What::Action(action) = &step.what else { return None };
        let profile = checked.profiles.get(action.portal.as_deref()?)?;
        let ObserveBy::Look(looking) = profile.operations.get(&action.manifest.operation?)?.observe else { return None };
        let ca = backends.reads().ca(action.portal.as_deref()?).ok()?;
        Some((step.address.clone(), ca.absent_after(looking)?))
    });
    steps.collect()
}
