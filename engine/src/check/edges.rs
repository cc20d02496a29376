//! What a step waits for, followed through `let`, the inputs of calls and the outputs of sub-playbooks.

use std::collections::BTreeSet;

use super::scope::refs;
use super::{Binding, Frame, Guard, Step, What};
use crate::dsl::expr::{Expr, Ref, Template};

/// Steps by index.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    /// Outputs of these are taken.
    pub(super) data: BTreeSet<usize>,
    /// Outcomes of these are looked at.
    pub(super) order: BTreeSet<usize>,
}

/// Follows names through frames.
pub(super) struct Follow<'a> {
    /// Frames so far.
    pub(super) frames: &'a [Frame],
    /// Steps so far.
    pub(super) steps: &'a [Step],
}

impl Follow<'_> {
    /// Adds what an expression of a frame needs.
    pub(super) fn expr(&self, frame: usize, expr: &Expr, edges: &mut Edges) {
        let scope = &self.frames[frame];
        for r in refs(expr) {
            match r {
                Ref::Output { step, output } => {
                    let Some(index) = scope.steps.get(step) else { continue };
                    edges.data.insert(*index);
                    if let Some(What::Call { frame }) = self.steps.get(*index).map(|step| &step.what)
                        && let Some(expr) = self.frames[*frame].outputs.get(output)
                    {
                        self.expr(*frame, expr, edges);
                    }
                }
                Ref::Outcome(step) => edges.order.extend(scope.steps.get(step)),
                Ref::Let(name) => {
                    if let Some(expr) = scope.lets.get(name) {
                        self.expr(frame, expr, edges);
                    }
                }
                Ref::Input(name) => self.given(frame, scope.inputs.get(name), edges),
                Ref::Secret(name) => {
                    self.given(frame, scope.secrets.get(name), edges);
                    if let Some((_, about)) = scope.kept.get(name) {
                        self.template(frame, about, edges);
                    }
                }
                Ref::Result(_) | Ref::Error(_) | Ref::Run(_) => {}
            }
        }
    }

    fn given(&self, frame: usize, binding: Option<&Binding>, edges: &mut Edges) {
        if let (Some((caller, _)), Some(binding)) = (self.frames[frame].caller, binding) {
            self.binding(caller, binding, edges);
        }
    }

    /// Adds what a binding in a frame needs.
    pub(super) fn binding(&self, frame: usize, binding: &Binding, edges: &mut Edges) {
        match binding {
            Binding::Literal(_) => {}
            Binding::Expr(expr) => self.expr(frame, expr, edges),
            Binding::Template(template) => self.template(frame, template, edges),
        }
    }

    /// Adds what a text needs.
    pub(super) fn template(&self, frame: usize, template: &Template, edges: &mut Edges) {
        template.exprs().for_each(|expr| self.expr(frame, expr, edges));
    }

    /// Adds what guards need, their words included.
    pub(super) fn guards(&self, guards: &[Guard], edges: &mut Edges) {
        for guard in guards {
            self.expr(guard.that.frame, &guard.that.expr, edges);
            self.template(guard.that.frame, &guard.say, edges);
        }
    }
}
