//! Every `when` and `require`, forced true, false and unknown: whatever the playbook's data would say, the plan tells the truth of the run.

use super::scene::Played;
use super::{Bench, Difference, TrialResult, broke, first, root_place};
use crate::check::{Checked, Condition, Step, TestSuite};
use crate::dsl::expr::{Expr, Node, Ref};
use crate::dsl::{Type, Value};
use crate::plan::Decision;
use crate::text::{Span, Text};

/// A condition that is forced.
#[derive(Clone, Debug)]
pub(super) struct Force {
    step: String,
    kind: Forced,
    to: To,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forced {
    When,
    Require,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    True,
    False,
    /// The plan cannot tell; the run finds it true, and in another world false.
    Unknown,
}

impl Force {
    pub(super) fn name(&self) -> String {
        let kind = if self.kind == Forced::When { "when" } else { "require" };
        let to = match self.to {
            To::True => "true",
            To::False => "false",
            To::Unknown => "unknown",
        };
        format!("{kind}/{}/{to}", self.step)
    }
}

/// All conditions of a playbook, three times each.
pub(super) fn forces(checked: &Checked) -> Vec<Force> {
    let of_step = |step: &Step| {
        let kinds = [(Forced::When, step.when.is_empty()), (Forced::Require, step.require.is_empty())];
        let kinds = kinds.into_iter().filter(|(_, none)| !none).map(|(kind, _)| kind);
        let forces = kinds.flat_map(|kind| [To::True, To::False, To::Unknown].map(|to| (kind, to)));
        forces.map(|(kind, to)| Force { step: step.address.clone(), kind, to }).collect::<Vec<_>>()
    };
    checked.steps.iter().flat_map(of_step).collect()
}

/// Plans and runs the first case with a condition forced.
pub(super) fn force(bench: &Bench, suite: &TestSuite, force: &Force) -> TrialResult {
    let planned = forced(&suite.checked, force, force.to);
    let runs: &[To] = match force.to {
        To::Unknown => &[To::True, To::False],
        _ => std::slice::from_ref(&force.to),
    };
    let at = root_place(&suite.checked);
    let mut differences = vec![];
    for to in runs {
        let run = forced(&suite.checked, force, *to);
        let scene = bench.scene(suite, &run, first(suite));
        match scene.play(&planned, false) {
            Ok(played) => {
                differences.extend(bench.always(&scene, &played, &at, true));
                differences.extend(wrong(force, *to, &played).map(|what| Difference { place: Some(at.clone()), what }));
            }
            Err(why) => differences.push(broke(at.clone(), &why)),
        }
    }
    TrialResult::of(differences)
}

/// What the forced condition alone must have led to.
fn wrong(force: &Force, ran: To, played: &Played) -> Option<Text> {
    let step = &force.step;
    let decision = played.plan.step(step).map(|step| step.decision);
    if let Some((at, code)) = played.trouble().filter(|(_, code)| matches!(code.as_str(), "PLAN.DRIFT" | "RUN.VALUE_MISSING" | "RUN.INTERNAL")) {
        return Some(Text::new(format!("{} にすると、{at} が {code} で止まります", force.name()), format!("with {} `{at}` ends with {code}", force.name())));
    }
    let decided = match (force.kind, force.to) {
        (Forced::When, To::False) => matches!(decision, Some(Decision::Skip | Decision::Blocked)),
        (Forced::When, To::Unknown) => !matches!(decision, Some(Decision::Run | Decision::Observed)),
        _ => true,
    };
    if !decided {
        return Some(Text::new(format!("{} でも、計画は {decision:?} です", force.name()), format!("with {} the plan says {decision:?}", force.name())));
    }
    let acted = matches!(played.outcome(step), "observed" | "changed" | "unchanged");
    if ran == To::False && acted {
        return Some(Text::new(format!("{} でも、手順が行われました", force.name()), format!("with {} the step was done all the same", force.name())));
    }
    None
}

/// The playbook with a condition in the place of those that are written.
fn forced(checked: &Checked, force: &Force, to: To) -> Checked {
    let mut checked = checked.clone();
    let ids: Vec<_> = checked.frames.iter().map(|frame| frame.steps.clone()).collect();
    for (index, step) in checked.steps.iter_mut().enumerate().filter(|(_, step)| step.address == force.step) {
        let node = match to {
            To::True => Node::Literal(Value::Bool(true)),
            To::False => Node::Literal(Value::Bool(false)),
            // How the step itself ends is known to nobody before it begins.
            To::Unknown => match ids[step.frame].iter().find(|(_, at)| **at == index) {
                Some((id, _)) => Node::Ref(Ref::Outcome(id.clone())),
                None => Node::Literal(Value::Bool(true)),
            },
        };
        let expr = Expr { node, ty: Type::Bool, span: Span::default() };
        let put = |condition: &mut Condition| *condition = Condition { frame: step.frame, expr: expr.clone(), text: condition.text.clone() };
        match force.kind {
            Forced::When => step.when.iter_mut().for_each(put),
            Forced::Require => step.require.iter_mut().map(|guard| &mut guard.that).for_each(put),
        }
    }
    checked
}
