//! What the core does about an error: try again, follow a row, or fail. Pure.
//!
//! An error that is not ambiguous means that nothing happened. `retry` waits and lets the step begin anew: look, intent, send. A row
//! of `rescue` is written down with its error (`Decided` with `rescue`), the steps of its `do` run, then it ends as it says. An
//! ambiguous error is never retried; its row only says what a person is told once looking has not settled it.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::decide::{Judge, Next, Program};
use super::event::{ErrorBody, EventBody, ParkCause, StepEnd, Taken};
use super::retry::wait;
use super::state::{Doing, Outcome, State, UncertainStep};
use crate::action::{Effect, NOT_YET, Outputs, Question, UNTIL};
use crate::backend::profile::Then;
use crate::backend::{Class, code_info};
use crate::check::{RescueRow, Step};
use crate::dsl::Value;
use crate::dsl::expr::Ref;
use crate::plan::{ErrorFacts, Resolver, outputs_from_json, outputs_to_json};
use crate::text::Text;

/// How often a look at an uncertain effect that failed in passing is repeated, and the longest first wait (doubled each time).
const LOOKS: u32 = 5;
const LOOK_WAIT: Duration = Duration::from_secs(30);

/// The error that expressions of this step can see: that of the row it belongs to, else its own.
pub(super) fn error_at<'s>(program: &Program, state: &'s State, step: &Step) -> Option<&'s ErrorBody> {
    let Some(row) = &step.row else {
        return match &state.step(&step.address)?.doing {
            Doing::Erred(error) | Doing::Rescuing { error, .. } => Some(error),
            _ => None,
        };
    };
    let owner = &program.checked.steps[row.owner].address;
    state.steps.values().find_map(|known| match &known.doing {
        Doing::Rescuing { error, of, .. } if of == owner && error.code == row.code => Some(error),
        _ => None,
    })
}

impl ErrorBody {
    pub(super) fn facts(&self) -> ErrorFacts<'_> {
        ErrorFacts::of(&self.code, &self.data)
    }
}

impl Judge<'_> {
    /// Whether a step of a row may run: the row is being followed.
    pub(super) fn in_turn(&self) -> bool {
        self.step.row.is_none() || error_at(self.program, self.state, self.step).is_some()
    }

    /// After an error of the action: another try, a row, or the end.
    pub(super) fn judge_error(&self, error: &ErrorBody, held_up: bool) -> EventBody {
        if held_up {
            return self.gave_up(error.clone(), BTreeMap::new());
        }
        match self.another_try(error) {
            Some(timer) => timer,
            None => self.erred(error.clone(), BTreeMap::new()),
        }
    }

    fn another_try(&self, error: &ErrorBody) -> Option<EventBody> {
        if let Some(due) = not_before(error) {
            let attempt = self.state.step(&self.step.address)?.attempt;
            return Some(EventBody::TimerArmed { timer: format!("{}/until/{attempt}", self.step.address), step: self.step.address.clone(), due });
        }
        let retry = self.step.retry.as_ref()?;
        let (used, attempt) = self.state.step(&self.step.address).map(|known| (known.retries, known.attempt))?;
        if error.class != Class::Transient || !retry.errors.contains(&error.code) || used >= retry.times {
            return None;
        }
        let (nth, now) = (used + 1, self.state.at?);
        let wait = jiff::SignedDuration::try_from(wait(retry.wait, nth, &self.state.run, &self.step.address)).ok()?;
        // Re-tries are counted anew after a look that answered; attempts never are.
        let timer = format!("{}/retry/{attempt}", self.step.address);
        Some(EventBody::TimerArmed { timer, step: self.step.address.clone(), due: now.saturating_add(wait).unwrap_or(now) })
    }

    /// After a look at an uncertain effect that failed: looking changes nothing, so it is tried again by itself where the error passes.
    pub(super) fn look_again(&self, error: &ErrorBody, failed: u32) -> Option<EventBody> {
        if error.class != Class::Transient || failed > LOOKS {
            return None;
        }
        let (step, now) = (self.step.address.clone(), self.state.at?);
        // Another draw than that of the step's own re-tries.
        let draw = format!("{step}/look again/{failed}");
        let wait = jiff::SignedDuration::try_from(wait(LOOK_WAIT, failed, &self.state.run, &draw)).ok()?;
        let timer = format!("{step}/look again/{}/{failed}", self.state.step(&step)?.attempt);
        Some(EventBody::TimerArmed { timer, step, due: now.saturating_add(wait).unwrap_or(now) })
    }

    /// An error that is not tried again: its row is followed, or the step has failed.
    pub(super) fn erred(&self, error: ErrorBody, outputs: BTreeMap<String, Json>) -> EventBody {
        let Some(row) = self.program.checked.row_for(self.step, &error.code).filter(|row| self.may_follow(row, &error)) else {
            return self.gave_up(error, outputs);
        };
        let say = self.say(&row, &error);
        let (of, ask_again) = match row {
            RescueRow::Written(owner, row) => (owner.address.clone(), self.secrets_of(owner, &row.ask_again)),
            RescueRow::OfAction | RescueRow::OfProfile(..) => (self.step.address.clone(), vec![]),
        };
        let taken = Taken { then: row.then(), of, error, outputs, ask_again };
        EventBody::Decided { step: self.step.address.clone(), run: false, why: Some(say), rescue: Some(Box::new(taken)) }
    }

    fn may_follow(&self, row: &RescueRow<'_>, error: &ErrorBody) -> bool {
        let used = self.state.step(&self.step.address).and_then(|step| step.rescued.get(&error.code).copied()).unwrap_or_default();
        error.class != Class::Ambiguous && (row.then() != Then::Retry || used < row.times())
    }

    pub(super) fn gave_up(&self, error: ErrorBody, outputs: BTreeMap<String, Json>) -> EventBody {
        self.ended(StepEnd { error: Some(error), ..self.end(Outcome::Failed, outputs) })
    }

    fn say(&self, row: &RescueRow<'_>, error: &ErrorBody) -> Text {
        match row {
            RescueRow::Written(owner, row) => self.seeing(error).text(owner.frame, &row.say, None),
            RescueRow::OfAction => error.cure.clone(),
            RescueRow::OfProfile(known, _) => known.say.clone().unwrap_or_else(|| error.cause.clone()),
        }
    }

    fn seeing<'e>(&'e self, error: &'e ErrorBody) -> Resolver<'e> {
        Resolver { error: Some(error.facts()), ..self.program.resolver(self.facts) }
    }

    /// The root's names of the secrets that a row names.
    fn secrets_of(&self, owner: &Step, names: &[String]) -> Vec<String> {
        let resolver = self.resolver();
        let value = |name: &String| resolver.named(owner.frame, &Ref::Secret(name.clone()));
        names.iter().filter_map(|name| if let Some(Value::DeclaredSecret(root)) = value(name) { Some(root) } else { None }).collect()
    }

    /// A row that was taken: its steps first; when they have ended, its ending.
    pub(super) fn follow(&self, error: &ErrorBody, of: &str, say: &Text, outputs: &BTreeMap<String, Json>) -> Option<EventBody> {
        let checked = &self.program.checked;
        let of_row = |inner: &&Step| inner.row.as_ref().is_some_and(|row| row.code == error.code && checked.steps[row.owner].address == of);
        let done = |inner: &Step| self.state.ended(&inner.address).is_some_and(|ended| ended.outcome != Outcome::Failed);
        let inner: Vec<&Step> = checked.steps.iter().filter(of_row).collect();
        if !inner.iter().all(|inner| done(inner)) {
            return None;
        }
        let row = checked.row_for(self.step, &error.code)?;
        Some(match row.then() {
            Then::Retry => EventBody::Decided { step: self.step.address.clone(), run: true, why: None, rescue: None },
            Then::Resume => self.count_as_done(&row, error, outputs, &inner),
            Then::Finish => {
                let end = StepEnd { error: Some(error.clone()), finish: Some(say.clone()), ..self.end(Outcome::Skipped, outputs.clone()) };
                self.ended(end)
            }
            Then::Stop => {
                let mut error = error.clone();
                let shown = std::mem::replace(&mut error.cause, say.clone());
                error.data.insert("cause".to_owned(), shown.ja);
                self.gave_up(error, outputs.clone())
            }
            Then::HandOff => EventBody::HumanAsked { step: self.step.address.clone(), question: hand_off(error, say), attempt: None, look: None },
        })
    }

    /// `then: resume`: what the row gives stands for what the step would have given; its checks still hold or fail.
    fn count_as_done(&self, row: &RescueRow<'_>, error: &ErrorBody, outputs: &BTreeMap<String, Json>, inner: &[&Step]) -> EventBody {
        let resolver = self.seeing(error);
        let mut json = outputs.clone();
        if let RescueRow::Written(owner, row) = row {
            let given = row.give.iter().filter_map(|(name, binding)| Some((name.clone(), resolver.given(owner.frame, binding)?)));
            json.extend(outputs_to_json(&given.collect()));
        }
        let changed = |inner: &&Step| self.state.ended(&inner.address).is_some_and(|ended| ended.outcome == Outcome::Changed);
        let outcome = match self.action().map(|action| action.manifest.effect) {
            Some(Effect::Write | Effect::Irreversible) if inner.iter().any(changed) => Outcome::Changed,
            Some(Effect::Write | Effect::Irreversible) => Outcome::Unchanged,
            _ => Outcome::Observed,
        };
        let result = self.action().map_or_else(Outputs::new, |action| outputs_from_json(action, &json));
        match self.unmet(&self.step.expect, Some(&result)) {
            None => self.ended(StepEnd { error: Some(error.clone()), ..self.end(outcome, json) }),
            Some(Ok(finish)) => self.ended(StepEnd { finish: Some(finish), ..self.end(outcome, json) }),
            Some(Err(unmet)) => self.gave_up(unmet.into(), json),
        }
    }

    /// An uncertain step that looking has not settled: the row's words once, then the run parks.
    pub(super) fn park_uncertain(&self, uncertain: &UncertainStep) -> Next {
        let row = [&uncertain.first_code, &uncertain.code].into_iter().find_map(|code| Some((code, self.program.checked.row_for(self.step, code)?)));
        if let (None, Some((code, row))) = (uncertain.row, row)
            && row.then().keeps_doubt()
        {
            let cure = code_info(code).map_or_else(Text::default, |info| info.cure.into());
            let error = ErrorBody { code: code.clone(), class: Class::Ambiguous, cause: uncertain.why.clone(), cure, data: BTreeMap::new() };
            let say = self.say(&row, &error);
            let taken = Taken { then: row.then(), of: self.step.address.clone(), error, outputs: BTreeMap::new(), ask_again: vec![] };
            return EventBody::Decided { step: self.step.address.clone(), run: false, why: Some(say), rescue: Some(Box::new(taken)) }.into();
        }
        Next::Park(if uncertain.row == Some(Then::Stop) { ParkCause::Failed } else { ParkCause::Uncertain })
    }
}

fn hand_off(error: &ErrorBody, say: &Text) -> Question {
    let en = crate::text::Lang::En;
    Question {
        ask: say.clone(),
        items: vec![
            Text::new(format!("{} {}", error.code, error.cause.ja), format!("{} {}", error.code, error.cause.get(en))),
            Text::new(
                "「はい」: 済ませたので、この手順をもう一度行う。「いいえ」: 失敗として止める。",
                "yes: it was seen to, do this step again. no: stop as failed.",
            ),
        ],
        ..Question::default()
    }
}

/// The instant that a step waits for.
fn not_before(error: &ErrorBody) -> Option<jiff::Timestamp> {
    error.data.get(UNTIL).filter(|_| error.code == NOT_YET)?.parse().ok()
}
