//! Private inputs go nowhere where they would be kept in the open: names of files and secrets, what a claim is made of.
//!
//! Must not: know values.

use super::rules::Graph;
use super::scope::refs;
use super::{Binding, BoundAction, What};
use crate::action::Effect;
use crate::dsl::expr::{Expr, Ref};
use crate::text::{Diagnostic, Text};

/// Inputs of actions that are written down as they are: in a folder, or beside a secret in the vault.
const IN_THE_OPEN: [(&str, &str); 3] = [("file.save", "name"), ("secret.keep", "name"), ("secret.keep", "about")];

/// Reports private inputs that reach such a place.
pub(super) fn in_the_open(graph: &Graph<'_>) -> Vec<Diagnostic> {
    let private: Vec<&str> = graph.checked.inputs.iter().filter(|input| input.private).map(|input| input.name.as_str()).collect();
    let mut found = vec![];
    if private.is_empty() {
        return found;
    }
    for (index, step) in graph.checked.steps.iter().enumerate() {
        let What::Action(action) = &step.what else { continue };
        for sink in sinks(graph, action) {
            let Some(binding) = action.with.get(sink) else { continue };
            let Some(name) = of_binding(graph, step.frame, binding).into_iter().find(|name| private.contains(&name.as_str())) else { continue };
            let what = Text::new(
                format!("「{name}」は private なので、{sink} には渡せません({sink} は暗号化されずに残ります)。"),
                format!("`{name}` is private and cannot go into `{sink}`, which is kept in the open."),
            );
            let cure = Text::new(
                "証明書の拇印や受付番号など、人のことが分からない値を渡してください。",
                "give a value that tells nothing of a person: a thumbprint, a request ID.",
            );
            found.push(Diagnostic::error("CHECK.PRIVATE", graph.place_of(step.frame, binding).unwrap_or_else(|| graph.place(index)), what).cure(cure));
        }
    }
    found
}

/// Inputs of an action whose values are kept in the open. A claim stands in the table of claims and in every later plan.
fn sinks<'a>(graph: &'a Graph<'_>, action: &'a BoundAction) -> Vec<&'a str> {
    let manifest = &action.manifest;
    let named = IN_THE_OPEN.iter().filter(|(name, _)| *name == manifest.name).map(|(_, input)| *input);
    let operation = manifest.operation.filter(|_| manifest.effect > Effect::Read);
    let claim = operation.and_then(|operation| graph.checked.profiles.get(action.portal.as_deref()?)?.operations.get(&operation)?.claim.as_deref());
    named.chain(claim).collect()
}

/// The inputs of the root playbook that a value is made from.
fn of_binding(graph: &Graph<'_>, frame: usize, binding: &Binding) -> Vec<String> {
    match binding {
        Binding::Literal(_) => vec![],
        Binding::Expr(expr) => of_expr(graph, frame, expr),
        Binding::Template(template) => template.exprs().flat_map(|expr| of_expr(graph, frame, expr)).collect(),
    }
}

fn of_expr(graph: &Graph<'_>, frame: usize, expr: &Expr) -> Vec<String> {
    let scope = &graph.checked.frames[frame];
    let of_ref = |reference: &Ref| match reference {
        Ref::Input(name) => match (scope.caller, scope.inputs.get(name)) {
            (None, _) => vec![name.clone()],
            (Some((caller, _)), Some(binding)) => of_binding(graph, caller, binding),
            (Some(_), None) => vec![],
        },
        Ref::Let(name) => scope.lets.get(name).map(|expr| of_expr(graph, frame, expr)).unwrap_or_default(),
        Ref::Output { step, output } => match scope.steps.get(step).map(|index| &graph.checked.steps[*index].what) {
            Some(What::Call { frame }) => graph.checked.frames[*frame].outputs.get(output).map(|expr| of_expr(graph, *frame, expr)).unwrap_or_default(),
            _ => vec![],
        },
        _ => vec![],
    };
    refs(expr).into_iter().flat_map(of_ref).collect()
}
