//! What a test says, as data.

use crate::plan::Plan;
use crate::text::{Place, Span, Text};

/// How one trial ended.
#[derive(Clone, Debug)]
pub struct TrialResult {
    /// What was not as it should be; empty: it passed.
    pub differences: Vec<Difference>,
    /// What was done, for who reads (`57 writes, 114 cuts`).
    pub note: Option<Text>,
    /// The plan, and where the file says that it is compared with the one kept beside it.
    pub snapshot: Option<(Span, Box<Plan>)>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In the test file, or in the playbook for trials that nobody wrote.
    pub place: Option<Place>,
    /// What, with the values.
    pub what: Text,
}

impl TrialResult {
    /// Passed, unless there are differences.
    pub(super) fn of(differences: Vec<Difference>) -> Self {
        Self { differences, note: None, snapshot: None }
    }

    /// With a note.
    pub(super) fn note(mut self, ja: String, en: String) -> Self {
        self.note = Some(Text::new(ja, en));
        self
    }
}
