//! What is shown once can be lost: a warning where a later step cannot do without it.

use super::rules::Graph;
use super::{BoundAction, Condition, What};
use crate::action::Effect;
use crate::dsl::Type;
use crate::dsl::expr::{Expr, Node, Ref};
use crate::text::{Diagnostic, Text};

/// Warns of required inputs and conditions that rest on an output no look can give back, without `default()`.
/// Absent in an optional input means not given: nothing is lost by it.
pub(super) fn shown_once(graph: &Graph<'_>) -> Vec<Diagnostic> {
    let mut found = vec![];
    for step in &graph.checked.steps {
        let required: Vec<(usize, &Expr)> = match &step.what {
            What::Action(action) => {
                let inputs = action.manifest.inputs.iter().filter(|input| !input.ty.is_optional());
                inputs.filter_map(|input| Some((step.frame, whole(action.with.get(&input.name)?)?))).collect()
            }
            What::Call { frame } => {
                let inner = &graph.checked.frames[*frame];
                let optional = |name: &str| graph.input(*frame, name).is_none_or(Type::is_optional);
                let inputs = inner.inputs.iter().filter(|(name, _)| !optional(name)).map(|(_, binding)| binding);
                inputs.chain(inner.secrets.values()).filter_map(|binding| Some((step.frame, whole(binding)?))).collect()
            }
        };
        let guards = step.require.iter().map(|guard| &guard.that);
        let conditions = step.when.iter().chain(guards).map(|Condition { frame, expr, .. }| (*frame, expr));
        for (frame, expr) in required.into_iter().chain(conditions) {
            // A session is made again, not shown.
            if expr.ty.is_live() {
                continue;
            }
            let Some((origin, output)) = graph.lost(frame, expr) else { continue };
            let Some(source) = graph.source(frame) else { continue };
            let maker = &graph.checked.steps[origin].address;
            let what = Text::new(
                format!("手順「{maker}」の {output} は一度しか表示されません。直後に中断すると、手順「{}」は行われません。", step.address),
                format!("`{output}` of `{maker}` is shown once; if it is lost in a crash, `{}` is not done.", step.address),
            );
            let cure = if expr.ty.is_secret() {
                Text::new(
                    "省ける入力に渡すか、失われたときに人が調べる手順を置いてください。",
                    "give it to an optional input, or add a step for a person to find it.",
                )
            } else {
                Text::new("失われたときの値を「| default(…)」で書いてください。", "write `| default(…)` for when it is lost.")
            };
            let label = Text::new("ここで表示される", "shown here");
            found.push(Diagnostic::warning("CHECK.SHOWN_ONCE", source.place(expr.span), what).cure(cure).related(graph.place(origin), label));
        }
    }
    found
}

/// The expression of a value that is nothing but one.
fn whole(binding: &super::Binding) -> Option<&Expr> {
    match binding {
        super::Binding::Expr(expr) => Some(expr),
        super::Binding::Template(template) => template.whole(),
        super::Binding::Literal(_) => None,
    }
}

impl Graph<'_> {
    /// The declared type of an input of a called playbook.
    fn input(&self, frame: usize, name: &str) -> Option<&Type> {
        let playbook = self.closure.playbooks.get(&self.checked.frames[frame].playbook)?.as_ref()?;
        playbook.inputs.iter().find(|input| input.name.value == name)?.ty.as_ref()
    }

    /// The step and output that an expression cannot do without, if a look cannot give it back. What `default()` stands in for is not among them,
    /// nor what a caller gives: the call itself is told of.
    fn lost(&self, frame: usize, expr: &Expr) -> Option<(usize, String)> {
        let scope = &self.checked.frames[frame];
        let both = |a: &Expr, b: &Expr| self.lost(frame, a).or_else(|| self.lost(frame, b));
        match &expr.node {
            Node::Literal(_) => None,
            Node::Ref(Ref::Let(name)) => self.lost(frame, scope.lets.get(name)?),
            Node::Ref(Ref::Output { step, output }) => {
                let index = *scope.steps.get(step)?;
                match &self.checked.steps[index].what {
                    What::Action(action) => loses(action, output).then(|| (index, output.clone())),
                    What::Call { frame } => self.lost(*frame, self.checked.frames[*frame].outputs.get(output)?),
                }
            }
            Node::Ref(_) => None,
            Node::List(items) => items.iter().find_map(|item| self.lost(frame, item)),
            Node::Object(fields) => fields.values().find_map(|field| self.lost(frame, field)),
            Node::Text(template) => template.whole().and_then(|expr| self.lost(frame, expr)),
            Node::Default(_, other) => self.lost(frame, other),
            Node::If { condition, then, otherwise } => self.lost(frame, condition).or_else(|| both(then, otherwise)),
            Node::Binary(_, a, b) | Node::Glob(a, b) => both(a, b),
            Node::Attribute(inner, _)
            | Node::Not(inner)
            | Node::Lower(inner)
            | Node::Length(inner)
            | Node::First(inner)
            | Node::Last(inner)
            | Node::Shift(inner, _) => self.lost(frame, inner),
        }
    }
}

fn loses(action: &BoundAction, output: &str) -> bool {
    let manifest = &action.manifest;
    let once = manifest.outputs.iter().any(|known| known.name == output && !known.recoverable && !known.ty.is_optional());
    once && manifest.effect != Effect::Read && !manifest.repeatable
}
