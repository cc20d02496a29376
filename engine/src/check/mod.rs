//! Documents to [`Checked`]: names, types, order, effects, proofs, skips.
//!
//! May use: `dsl`, `action` manifests, `backend::profile`, `text`. Must not: contact anything, know plans or runs.

mod assign;
mod bind;
mod calls;
mod checked;
mod cited;
mod closure;
mod coverage;
mod document;
mod edges;
mod endless;
mod guards;
mod held;
mod kept;
mod lints;
mod live;
mod lock;
mod lost;
mod origins;
mod playbook_test;
mod private;
mod proofs;
mod rescue;
mod rows;
mod rules;
mod scope;
mod secrets;
mod steps;
mod traces;

pub use checked::{
    Attempts, Binding, BoundAction, Catalogue, Checked, Cite, Condition, Deadline, Document, DocumentKind, EndsAs, Frame, Guard, InputDecl, Manual, Repeat,
    Rescue, Retry, RoleDecl, Row, SecretDecl, Step, What,
};
pub use coverage::{CitingStep, Coverage, ManualCoverage, SectionCoverage, coverage};
pub use lock::{Lock, Locked};
pub use playbook_test::{TestOutcome, TestSuite, check_test, status_words};
pub use rows::RescueRow;

pub(crate) use closure::{FURTHER_SOURCES, SOURCES};

pub use document::{Examined, examine, kind_of};

use crate::action::Registry;
use crate::dsl::reader::first_findings;
use crate::text::{Diagnostic, Severity, Source, Sources};

/// Where the documents that a playbook refers to are found.
pub trait Library {
    /// The playbook of this id (`common/install-p12`).
    fn playbook(&self, id: &str) -> Option<Source>;
    /// The portal profile of this id (`obn`).
    fn portal(&self, id: &str) -> Option<Source>;
    /// The catalogue of manuals.
    fn sources(&self) -> Option<Source>;
    /// `kirikae.lock`; `None` where nothing is locked.
    fn lock(&self) -> Option<Source> {
        None
    }
    /// A catalogue behind it, for the manuals that it does not have: a folder's own playbooks may use built-in ones.
    fn further_sources(&self) -> Option<Source> {
        None
    }
}

/// What a check says.
#[derive(Clone, Debug)]
pub struct CheckOutcome {
    /// Every document that was read, so that findings can be shown with their text.
    pub sources: Sources,
    /// The checked playbook, or all findings: sorted, at most 20.
    pub result: Result<Checked, Vec<Diagnostic>>,
}

/// Checks a playbook with everything it refers to. Reads documents from `library` only.
///
/// Findings have codes `YAML.* DSL.* TYPE.* EXPR.* REF.* CITE.* ROLE.* ACTION.* SECRET.* CHECK.* LOCK.*`.
pub fn check(source: &Source, library: &dyn Library, registry: &Registry) -> CheckOutcome {
    let mut closure = closure::load(source, library);
    let unfolded = closure.root.clone().filter(|_| !closure.cyclic).map(|root| steps::unfold(&closure, &root, registry));
    closure.compare_with_lock(library);
    let mut found = std::mem::take(&mut closure.found);
    let checked = unfolded.map(|(checked, more)| {
        found.extend(more);
        checked
    });
    let (errors, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(|finding| finding.severity == Severity::Error);
    let result = match checked {
        Some(checked) if errors.is_empty() => Ok(Checked { warnings: first_findings(warnings), ..checked }),
        _ => Err(first_findings(errors)),
    };
    CheckOutcome { sources: closure.sources, result }
}
