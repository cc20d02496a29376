//! Giving a run up: what is in doubt is settled by a person first, so that later runs know what this one committed (`runs.md` 3).
//!
//! It goes by the events alone, so that a run whose playbook this version cannot read any more can be given up, too.
//! Must not: write anything down, undo anything.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{EffectResult, Event, EventBody, Seen, Settled, StepEnd};
use super::state::Outcome;
use crate::action::Answer;
use crate::backend::{BackendError, Class};
use crate::text::Text;

/// A person's word on what is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Address of the step; `None`: the only one in doubt.
    pub step: Option<String>,
    /// What they say.
    pub settled: Settled,
}

/// What is not known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It was in flight when the process ended, or is still under way at the portal.
    InFlight,
    /// It was looked up without a result, or the look before it could not tell.
    Uncertain,
}

/// The steps of which nobody knows whether they happened, by address.
pub fn in_doubt(events: &[Event]) -> BTreeMap<&str, Doubt> {
    let mut doubts = BTreeMap::new();
    let mut ended = BTreeSet::new();
    for event in events {
        let Some(step) = event.body.step() else { continue };
        match &event.body {
            EventBody::IntentRecorded { .. } => {
                doubts.insert(step, Doubt::InFlight);
            }
            EventBody::Decided { run: true, .. } => {
                ended.remove(step);
            }
            // What comes late, when the step has ended, puts nothing in doubt again.
            EventBody::Uncertain { .. } if !doubts.contains_key(step) => {}
            EventBody::Observed { seen: Seen::CannotTell { .. }, .. } if ended.contains(step) => {}
            EventBody::Uncertain { .. } | EventBody::Observed { seen: Seen::CannotTell { .. }, .. } => {
                doubts.insert(step, Doubt::Uncertain);
            }
            EventBody::EffectEnded { result: EffectResult::Failed { error }, .. } if error.class == Class::Ambiguous => {}
            EventBody::EffectEnded { result: EffectResult::Done { .. } | EffectResult::Failed { .. }, .. }
            | EventBody::Reconciled { seen: Seen::Done { .. } | Seen::NotDone { conclusive: true, .. }, .. }
            | EventBody::HumanAnswered { settled: Some(_), .. }
            | EventBody::StepEnded { .. } => {
                doubts.remove(step);
                if matches!(event.body, EventBody::StepEnded { .. }) {
                    ended.insert(step);
                }
            }
            _ => {}
        }
    }
    doubts
}

/// The events that give a run up. `answer` is who says so, and when.
///
/// # Errors
/// `RUN.ENDED`; `STEP.UNCERTAIN` if a step is in doubt and no word settles it, or if a word is about no such step.
pub fn abandonment(run: &str, events: &[Event], words: &[Word], answer: &Answer, reason: &str) -> Result<Vec<EventBody>, BackendError> {
    let last = events.iter().rev().find(|event| {
        matches!(event.body, EventBody::RunEnded { .. } | EventBody::RunAbandoned { .. } | EventBody::RunResumed { .. } | EventBody::RunParked { .. })
    });
    if last.is_some_and(|event| matches!(event.body, EventBody::RunEnded { .. } | EventBody::RunAbandoned { .. })) {
        let cause = Text::new(format!("実行 {run} はもう終わっています。"), format!("run {run} has ended already."));
        return Err(BackendError::new("RUN.ENDED", cause));
    }
    let doubtful = in_doubt(events);
    let about = |word: &Word, step: &str| word.step.as_deref().map_or(doubtful.len() == 1, |named| named == step);
    let steps: Vec<&str> = doubtful.keys().copied().collect();
    if let Some(word) = words.iter().find(|word| !steps.iter().any(|step| about(word, step))) {
        return Err(unsettled(&steps, word.step.as_deref()));
    }
    let mut given_up = vec![];
    for (step, doubt) in &doubtful {
        let mut said = words.iter().filter(|word| about(word, step));
        let (Some(word), None) = (said.next(), said.next()) else { return Err(unsettled(&steps, None)) };
        if *doubt == Doubt::InFlight {
            let why = Text::new("前の実行が途中で止まりました。", "the run was interrupted here.");
            given_up.push(EventBody::Uncertain { step: (*step).to_owned(), code: "RUN.INTERRUPTED".to_owned(), why, attempt: None });
        }
        let answer = Answer { yes: word.settled == Settled::Done, ..answer.clone() };
        given_up.push(EventBody::HumanAnswered { step: (*step).to_owned(), answer, settled: Some(word.settled) });
        if word.settled == Settled::Done {
            let end = StepEnd { outcome: Outcome::Changed, outputs: BTreeMap::new(), error: None, finish: None };
            given_up.push(EventBody::StepEnded { step: (*step).to_owned(), end });
        }
    }
    given_up.push(EventBody::RunAbandoned { by: answer.by.clone(), reason: reason.to_owned() });
    Ok(given_up)
}

fn unsettled(doubtful: &[&str], named: Option<&str>) -> BackendError {
    let (steps, list) = (doubtful.join("・"), doubtful.join(", "));
    let (cause, cure) = match (named, doubtful) {
        (Some(named), []) => (
            Text::new(format!("手順 {named} について、分かっていないことはありません。"), format!("nothing about `{named}` is in doubt.")),
            Text::new("--uncertain を付けずに実行してください。", "leave `--uncertain` out."),
        ),
        (Some(named), _) => (
            Text::new(format!("分かっていないのは手順 {steps} です({named} ではありません)。"), format!("what is in doubt is {list}, not `{named}`.")),
            Text::new("--uncertain 手順=done か 手順=not-done で答えてください。", "answer with --uncertain STEP=done or STEP=not-done."),
        ),
        (None, []) => (
            Text::new("この実行に、分かっていないことはありません。", "nothing of this run is in doubt."),
            Text::new("--uncertain を付けずに実行してください。", "leave `--uncertain` out."),
        ),
        (None, [_]) => (
            Text::new(format!("手順 {steps} が行われたかどうか分かっていません。"), format!("whether `{list}` happened is not known.")),
            Text::new(
                "サイトの一覧を見てから、--uncertain done か --uncertain not-done を付けてください。kirikae resume なら自動で調べます。",
                "look at the site's list, then give --uncertain done or not-done; `kirikae resume` looks by itself.",
            ),
        ),
        (None, _) => (
            Text::new(format!("手順 {steps} が行われたかどうか分かっていません。"), format!("whether {list} happened is not known.")),
            Text::new(
                "サイトの一覧を見てから、手順ごとに --uncertain 手順=done か 手順=not-done を付けてください。kirikae resume なら自動で調べます。",
                "look at the site's list, then give --uncertain STEP=done or STEP=not-done for each; `kirikae resume` looks by itself.",
            ),
        ),
    };
    BackendError::new("STEP.UNCERTAIN", cause).class(Class::Human).cure(cure)
}
