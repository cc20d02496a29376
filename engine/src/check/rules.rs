//! The rules over a whole unfolded playbook that need to know where things are written.

use super::closure::Closure;
use super::lints::Facts;
use super::{Binding, Checked};
use crate::text::{Diagnostic, Place, Source};

/// A playbook with the places of its parts.
pub(super) struct Graph<'a> {
    /// The playbook.
    pub(super) checked: &'a Checked,
    /// Its documents.
    pub(super) closure: &'a Closure,
    /// Facts of its steps.
    pub(super) facts: &'a [Facts],
}

/// What all rules find.
pub(super) fn findings(graph: &Graph<'_>) -> Vec<Diagnostic> {
    [
        super::live::live_handles(graph),
        super::held::without_login(graph),
        super::lost::shown_once(graph),
        super::endless::repeats(graph),
        super::proofs::of_what_is_destroyed(graph),
        super::private::in_the_open(graph),
    ]
    .concat()
}

impl Graph<'_> {
    /// Where the id of a step is written.
    pub(super) fn place(&self, step: usize) -> Place {
        self.facts[step].place.clone()
    }

    /// The file of a frame's playbook.
    pub(super) fn source(&self, frame: usize) -> Option<&Source> {
        Some(&self.closure.playbooks.get(&self.checked.frames[frame].playbook)?.as_ref()?.source)
    }

    /// Where an expression that is given in a frame is written.
    pub(super) fn place_of(&self, frame: usize, binding: &Binding) -> Option<Place> {
        let span = match binding {
            Binding::Expr(expr) => expr.span,
            Binding::Template(template) => template.whole()?.span,
            Binding::Literal(_) => return None,
        };
        Some(self.source(frame)?.place(span))
    }
}
