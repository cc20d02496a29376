//! Findings about a document, as data.

use super::{Place, Span, Text};

/// At most so many findings are shown for one file.
pub const MAX_FINDINGS: usize = 20;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// It can be used; somebody should look.
    Warning,
}

/// One finding: code, where, what, why, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `AREA.CAUSE`, never renamed.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// Where; `None` when the finding is about a whole file that could not be read.
    pub place: Option<Place>,
    /// What is wrong, one sentence.
    pub what: Text,
    /// Why, with the values (shown under the caret).
    pub why: Option<Text>,
    /// What to do; each a sentence.
    pub cure: Vec<Text>,
    /// A mechanical correction, when there is exactly one.
    pub fix: Option<Fix>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
}

/// Replace the bytes of `span` by `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to replace, in the finding's file.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// A second place that a finding points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there.
    pub label: Text,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, place: Place, what: Text) -> Self {
        Self { code, severity: Severity::Error, place: Some(place), what, why: None, cure: vec![], fix: None, related: vec![] }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, place: Place, what: Text) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, what) }
    }

    /// With the reason shown under the caret.
    pub fn why(mut self, why: Text) -> Self {
        self.why = Some(why);
        self
    }

    /// With one more sentence of advice.
    pub fn cure(mut self, cure: Text) -> Self {
        self.cure.push(cure);
        self
    }

    /// With a mechanical correction.
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, text: text.into() });
        self
    }

    /// With one more place that belongs to it.
    pub fn related(mut self, place: Place, label: Text) -> Self {
        self.related.push(Related { place, label });
        self
    }
}

/// Findings in file order, errors before warnings at one place, doubles dropped.
pub fn sorted(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.sort_by(|a, b| (&a.place, a.severity, a.code).cmp(&(&b.place, b.severity, b.code)));
    findings.dedup();
    findings
}
