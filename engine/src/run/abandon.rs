//! Giving a run up: what is in doubt is settled by a person first, so that later runs know what this one committed (`runs.md` 3).
//!
//! Must not: write anything down, undo anything.

use std::collections::BTreeMap;

use crate::action::Answer;
use crate::backend::{BackendError, Class};
use crate::text::Text;

use super::event::{EventBody, Settled, StepEnd};
use super::state::{Doing, Outcome, Phase, State};

/// A person's word on what is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Address of the step; `None`: the only one in doubt.
    pub step: Option<String>,
    /// What they say.
    pub settled: Settled,
}

/// Addresses of the steps of which nobody knows whether they happened: in flight when the process ended, still under way at the
/// portal, or looked up without a result.
pub fn in_doubt(state: &State) -> Vec<&str> {
    let doubtful = |doing: &Doing| matches!(doing, Doing::InFlight(_) | Doing::Pending { .. } | Doing::Uncertain(_));
    state.steps.iter().filter(|(_, step)| doubtful(&step.doing)).map(|(address, _)| address.as_str()).collect()
}

/// The events that give a run up. `answer` is who says so, and when.
///
/// # Errors
/// `RUN.ENDED`; `STEP.UNCERTAIN` if a step is in doubt and no word settles it, or if a word is about no such step.
pub fn abandonment(state: &State, words: &[Word], answer: &Answer, reason: &str) -> Result<Vec<EventBody>, BackendError> {
    if matches!(state.phase, Phase::Ended(_)) {
        let cause = Text::new(format!("実行 {} はもう終わっています。", state.run), format!("run {} has ended already.", state.run));
        return Err(BackendError::new("RUN.ENDED", cause));
    }
    let doubtful = in_doubt(state);
    let about = |word: &Word, step: &str| word.step.as_deref().map_or(doubtful.len() == 1, |named| named == step);
    if let Some(word) = words.iter().find(|word| !doubtful.iter().any(|step| about(word, step))) {
        return Err(unsettled(&doubtful, word.step.as_deref()));
    }
    let mut events = vec![];
    for step in &doubtful {
        let mut said = words.iter().filter(|word| about(word, step));
        let (Some(word), None) = (said.next(), said.next()) else { return Err(unsettled(&doubtful, None)) };
        if !matches!(state.step(step).map(|step| &step.doing), Some(Doing::Uncertain(_))) {
            let why = Text::new("前の実行が途中で止まりました。", "the run was interrupted here.");
            events.push(EventBody::Uncertain { step: (*step).to_owned(), code: "RUN.INTERRUPTED".to_owned(), why, attempt: None });
        }
        let answer = Answer { yes: word.settled == Settled::Done, ..answer.clone() };
        events.push(EventBody::HumanAnswered { step: (*step).to_owned(), answer, settled: Some(word.settled) });
        if word.settled == Settled::Done {
            let end = StepEnd { outcome: Outcome::Changed, outputs: BTreeMap::new(), error: None, finish: None };
            events.push(EventBody::StepEnded { step: (*step).to_owned(), end });
        }
    }
    events.push(EventBody::RunAbandoned { by: answer.by.clone(), reason: reason.to_owned() });
    Ok(events)
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
