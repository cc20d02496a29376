//! Where values come from: through `let`, the inputs of calls and the outputs of sub-playbooks, back to actions.

use std::collections::BTreeSet;

use super::scope::refs;
use super::{Binding, Frame, Step, What};
use crate::dsl::expr::{Expr, Ref};

/// An output of an action: index of its step, name.
pub(super) type Origin = (usize, String);

/// Follows values through frames.
#[derive(Clone, Copy)]
pub(super) struct Origins<'a> {
    /// All frames.
    pub(super) frames: &'a [Frame],
    /// All steps.
    pub(super) steps: &'a [Step],
}

impl Origins<'_> {
    /// What a binding in a frame is made from.
    pub(super) fn of_binding(&self, frame: usize, binding: &Binding) -> BTreeSet<Origin> {
        let mut found = BTreeSet::new();
        self.binding(frame, binding, &mut found);
        found
    }

    fn expr(&self, frame: usize, expr: &Expr, found: &mut BTreeSet<Origin>) {
        let scope = &self.frames[frame];
        for r in refs(expr) {
            match r {
                Ref::Output { step, output } => {
                    let Some(index) = scope.steps.get(step) else { continue };
                    match &self.steps[*index].what {
                        What::Action(_) => {
                            found.insert((*index, output.clone()));
                        }
                        What::Call { frame } => {
                            if let Some(expr) = self.frames[*frame].outputs.get(output) {
                                self.expr(*frame, expr, found);
                            }
                        }
                    }
                }
                Ref::Let(name) => {
                    if let Some(expr) = scope.lets.get(name) {
                        self.expr(frame, expr, found);
                    }
                }
                Ref::Input(name) => {
                    if let (Some((caller, _)), Some(binding)) = (scope.caller, scope.inputs.get(name)) {
                        self.binding(caller, binding, found);
                    }
                }
                _ => {}
            }
        }
    }

    fn binding(&self, frame: usize, binding: &Binding, found: &mut BTreeSet<Origin>) {
        match binding {
            Binding::Literal(_) => {}
            Binding::Expr(expr) => self.expr(frame, expr, found),
            Binding::Template(template) => template.exprs().for_each(|expr| self.expr(frame, expr, found)),
        }
    }

    /// Every step that has ended before this one starts.
    pub(super) fn before(&self, index: usize) -> BTreeSet<usize> {
        let mut before = BTreeSet::new();
        let mut open = self.steps[index].after.clone();
        while let Some(next) = open.pop() {
            if before.insert(next) {
                open.extend(&self.steps[next].after);
            }
        }
        before
    }
}
