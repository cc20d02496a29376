//! The way a secret took: where it was declared or shown, named anew, handed on. Shown where it reaches a place that is not secret.

use std::collections::BTreeMap;

use crate::text::{Diagnostic, Place, Related, Source, Text};

/// Ways by the name an expression uses (`secrets.pin`, `let.code`, `steps.request.reference_id`), nearest place first.
#[derive(Clone, Debug, Default)]
pub(super) struct Traces(BTreeMap<String, Vec<Related>>);

impl Traces {
    /// A secret comes from `place`; `before` is the name it had there.
    pub(super) fn add(&mut self, name: String, place: Place, label: Text, before: &[Related]) {
        let mut way = vec![Related { place, label }];
        way.extend_from_slice(before);
        self.0.insert(name, way);
    }

    /// The way of what an expression is written as; empty if it is no secret.
    pub(super) fn of(&self, written: &str) -> &[Related] {
        self.0.get(written.trim()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Shows the way in a finding about a secret.
    pub(super) fn explain(&self, source: &Source, finding: &mut Diagnostic) {
        if !matches!(finding.code, "EXPR.SECRET" | "SECRET.SINK") {
            return;
        }
        let written = finding.place.as_ref().and_then(|place| source.text.get(place.span.start..place.span.end));
        finding.related.extend_from_slice(self.of(written.unwrap_or_default()));
    }
}
