//! `require` and `expect` in a plan: what is known of them acts, the rest is listed.

use super::super::model::*;
use super::super::resolve::outputs_from_json;
use super::{Fact, Walk};
use crate::action::Outputs;
use crate::backend::{BackendError, Class};
use crate::check::{EndsAs, Guard, Step, What};
use crate::text::Text;

impl Walk<'_> {
    /// `require` before a look: one that does not hold stops or finishes.
    pub(super) fn require_stops(&mut self, step: &Step, entry: &mut PlanStep) -> bool {
        for guard in &step.require {
            if self.resolver().truth(&guard.that, None).truth() == Some(false) {
                self.guard_fails(step, guard, None, entry);
                return true;
            }
        }
        false
    }

    fn guard_fails(&mut self, step: &Step, guard: &Guard, result: Option<&Outputs>, entry: &mut PlanStep) {
        let say = self.resolver().text(guard.that.frame, &guard.say, result);
        match guard.then {
            EndsAs::Finish => self.finished = Some(Finished { step: step.address.clone(), say }),
            EndsAs::Stop => {
                let code = guard.code.clone().unwrap_or_else(|| "EXPECT.FAILED".to_owned());
                let cure = Text::new("理由を確かめてから、計画を作り直してください。", "find out why, then plan again.");
                let error = BackendError::new(&code, say).class(Class::Permanent).cure(cure);
                if self.rescued(step, &error, entry) {
                    return;
                }
                entry.decision = Decision::Blocked;
                entry.blocked = Some(Blocked { code, class: error.class, cure: error.cure });
                entry.reason = Some(Reason { say: error.cause, expr: Some(guard.that.text.clone()), waits_for: vec![] });
            }
        }
    }

    /// Lists the checks, and lets those that are known act.
    pub(super) fn guards(&mut self, step: &Step, entry: &mut PlanStep, index: usize) {
        let result = match (&self.known.0[index], &step.what) {
            (Fact::Ended(_, json), What::Action(action)) => Some(outputs_from_json(action, json)),
            _ => None,
        };
        let decided = matches!(entry.decision, Decision::Observed | Decision::Run | Decision::Maybe);
        for (when, guards) in [(CheckWhen::Before, &step.require), (CheckWhen::After, &step.expect)] {
            for guard in guards {
                let state = match (when, &result) {
                    (CheckWhen::After, None) => CheckState::Unknown,
                    _ => match self.resolver().truth(&guard.that, result.as_ref()).truth() {
                        Some(true) => CheckState::Holds,
                        Some(false) => CheckState::Fails,
                        None => CheckState::Unknown,
                    },
                };
                let then = if guard.then == EndsAs::Finish { "finish" } else { "stop" };
                entry.checks.push(PlanCheck { when, expr: guard.that.text.clone(), state, then: then.to_owned() });
                if !decided || self.finished.is_some() || entry.decision == Decision::Blocked {
                    continue;
                }
                match state {
                    CheckState::Fails => self.guard_fails(step, guard, result.as_ref(), entry),
                    CheckState::Unknown if guard.then == EndsAs::Finish && self.maybe_from_here.is_none() => {
                        self.maybe_from_here = Some(Reason {
                            say: Text::new(format!("手順 {} で終わるかもしれないため", step.address), format!("the run may end at `{}`", step.address)),
                            expr: Some(guard.that.text.clone()),
                            waits_for: vec![step.address.clone()],
                        });
                    }
                    _ => {}
                }
            }
        }
        if self.finished.as_ref().is_some_and(|finished| finished.step == step.address) && entry.decision == Decision::Run {
            entry.decision = Decision::Skip;
        }
    }
}
