//! What a plan says of deadlines and of rows for errors.

use super::deadline::{DeadlineState, deadline};
use super::model::{Blocked, Decision, Finished, PlanRescue, PlanStep, Reason, UnknownInput};
use super::planner::{Walk, absent_reason};
use crate::action::Outputs;
use crate::backend::BackendError;
use crate::backend::profile::Then;
use crate::check::{RescueRow, Row, Step, What};
use crate::dsl::Value;
use crate::text::Text;

impl Walk<'_> {
    /// The rows of a step, and the default endings of its portal's profile that no row replaces.
    pub(super) fn rows(&self, step: &Step) -> Vec<PlanRescue> {
        let checked = self.request.checked;
        let resolver = self.resolver();
        let own_steps = |code: &str| {
            let of_row =
                checked.steps.iter().filter(|inner| inner.row.as_ref().is_some_and(|row| row.code == code && checked.steps[row.owner].address == step.address));
            of_row.map(|inner| inner.address.clone()).collect()
        };
        let written = step.rescue.iter().map(|row| PlanRescue {
            code: row.code.clone(),
            say: resolver.text(step.frame, &row.say, None),
            then: row.then.word().to_owned(),
            times: (row.then == Then::Retry).then_some(row.times),
            steps: own_steps(&row.code),
            cite: row.cite.iter().map(ToString::to_string).collect(),
            from: "playbook".to_owned(),
        });
        let defaults = checked.defaults(step).filter(|(known, _)| step.rescue(&known.code).is_none());
        let defaults = defaults.map(|(known, then)| PlanRescue {
            code: known.code.clone(),
            say: known.say.clone().unwrap_or_else(|| seen(&known.see)),
            then: then.word().to_owned(),
            times: (then == Then::Retry).then_some(1),
            steps: vec![],
            cite: known.cite.clone(),
            from: "profile".to_owned(),
        });
        written.chain(defaults).collect()
    }

    /// What becomes of a step of a row: it is done only if the row's step runs and ends so.
    pub(super) fn of_row(&self, row: &Row) -> (Decision, Reason) {
        let owner = &self.request.checked.steps[row.owner].address;
        if self.decisions.get(row.owner) == Some(&Decision::Skip) {
            let say = Text::new(format!("手順 {owner} をしないため"), format!("`{owner}` is not done"));
            return (Decision::Skip, Reason { say, expr: None, waits_for: vec![] });
        }
        let say = Text::new(format!("手順 {owner} が {} になったときだけ", row.code), format!("only if `{owner}` ends with {}", row.code));
        (Decision::Maybe, Reason { say, expr: None, waits_for: vec![owner.clone()] })
    }

    /// Fills in the deadline. A decision, where it stops or skips the step.
    pub(super) fn deadline(&self, step: &Step, entry: &mut PlanStep) -> Option<(Decision, Reason)> {
        let shown = |latest: &Value| latest.to_json().as_str().map(str::to_owned);
        match deadline(&self.resolver(), step, self.world.now) {
            DeadlineState::None => None,
            DeadlineState::Open(latest) => {
                entry.deadline = shown(&latest);
                None
            }
            DeadlineState::Unknown(ty, why) => {
                entry.deadline_unknown = Some(UnknownInput { ty: ty.to_string(), from: why.0.into_iter().collect() });
                None
            }
            DeadlineState::Absent(why) => Some((Decision::Skip, absent_reason(&why.0))),
            DeadlineState::Passed(latest, error) => {
                entry.deadline = shown(&latest);
                entry.blocked = Some(Blocked { code: error.code.clone(), class: error.class, cure: error.cure.clone() });
                let expr = step.deadline.as_ref().map(|deadline| deadline.text.clone());
                Some((Decision::Blocked, Reason { say: error.cause.clone(), expr, waits_for: vec![] }))
            }
        }
    }

    /// An error that was found while planning, if it has a row: the row's ending is that of the plan. `false`: it has none.
    pub(super) fn rescued(&mut self, step: &Step, error: &BackendError, entry: &mut PlanStep) -> bool {
        let Some(row) = self.request.checked.row_for(step, &error.code) else { return false };
        let say = match row {
            RescueRow::Written(owner, row) => {
                let facts = super::resolve::ErrorFacts::of(&error.code, &error.data);
                super::resolve::Resolver { error: Some(facts), ..self.resolver() }.text(owner.frame, &row.say, None::<&Outputs>)
            }
            RescueRow::OfAction => error.cure.clone(),
            RescueRow::OfProfile(known, _) => known.say.clone().unwrap_or_else(|| error.cause.clone()),
        };
        // A row that the playbook writes in place of the action's own asks a person as that does.
        let asks = matches!(&step.what, What::Action(action) if action.manifest.hand_off.contains(&error.code.as_str()));
        let asked_then = asks && row.then() == Then::HandOff;
        match row.then() {
            Then::Finish => {
                self.finished = Some(Finished { step: step.address.clone(), say });
                entry.decision = Decision::Skip;
                true
            }
            // What a person does when they are asked is no reason not to begin.
            then if asked_then || matches!(then, Then::Retry | Then::Resume) => {
                entry.decision = Decision::Maybe;
                let reason = Reason {
                    say: Text::new(
                        format!("今は {}。こんなときは: {}", error.code, say.ja),
                        format!("{} now; then: {}", error.code, say.get(crate::text::Lang::En)),
                    ),
                    expr: None,
                    waits_for: vec![step.address.clone()],
                };
                entry.reason = Some(reason.clone());
                self.maybe_from_here.get_or_insert(reason);
                true
            }
            _ => {
                entry.decision = Decision::Blocked;
                entry.blocked = Some(Blocked { code: error.code.clone(), class: error.class, cure: error.cure.clone() });
                entry.reason = Some(Reason { say, expr: None, waits_for: vec![] });
                true
            }
        }
    }
}

fn seen(text: &str) -> Text {
    Text::new(format!("画面に「{text}」と出たとき"), format!("when the page says \u{201c}{text}\u{201d}"))
}
