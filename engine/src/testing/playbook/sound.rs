//! Whether a plan told the truth: what it called known or skipped is what happened.
//!
//! May use: plans and what was played. Must not: judge a run by anything but its plan.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::scene::Played;
use crate::action::Inputs;
use crate::dsl::test::Ending;
use crate::plan::{Decision, outputs_to_json};
use crate::text::Text;

/// What the plan said and was not so. `given` are the inputs that each step's action got.
pub(super) fn unsound(played: &Played, given: &BTreeMap<String, Inputs>) -> Vec<Text> {
    let Some(state) = &played.state else { return vec![] };
    let mut found = vec![];
    let mut say = |step: &str, ja: String, en: String| found.push(Text::new(format!("計画と違う: {step} {ja}"), format!("not as planned: {step} {en}")));
    let whole = played.ending() == Some(Ending::Done);
    for planned in &played.plan.steps {
        let (step, outcome) = (planned.address.as_str(), played.outcome(&planned.address));
        let agrees = match planned.decision {
            Decision::Skip => matches!(outcome, "none" | "skipped"),
            Decision::Run => !whole || !matches!(outcome, "none" | "skipped"),
            Decision::Observed => matches!(outcome, "observed" | "unchanged" | "none"),
            Decision::Maybe | Decision::Blocked => true,
        };
        if !agrees {
            let decision = serde_json::to_value(planned.decision).unwrap_or_default();
            let decision = decision.as_str().unwrap_or_default();
            say(step, format!("は {decision} のはずが {outcome}"), format!("was to be {decision} and is {outcome}"));
        }
        let actual = given.get(step).map(|inputs| outputs_to_json(&inputs.0)).unwrap_or_default();
        for (name, value) in &planned.with {
            // Of a private value the plan holds where it lies.
            let differs = |now: &&Json| !value.to_string().contains("vault:plans/") && identity(now) != identity(value);
            if let Some(now) = actual.get(name).filter(differs) {
                say(step, format!("の入力 {name} は {value} のはずが {now}"), format!("has {now} for {name}, and was to have {value}"));
            }
        }
    }
    for observation in &played.plan.observations {
        let Some(ended) = state.ended(&observation.step).filter(|ended| ended.error.is_none()) else { continue };
        for (name, value) in &observation.outputs {
            if ended.outputs.get(name).map(identity) != Some(identity(value)) {
                say(&observation.step, format!("の出力 {name} が計画と違う"), format!("has another {name} than planned"));
            }
        }
    }
    let finished = |step: &str| state.finish.as_ref().is_some_and(|(at, _)| at == step);
    if let Some(end) = played.plan.finished.as_ref().filter(|end| !finished(&end.step)) {
        say(&end.step, "で終わるはずが、終わらない".to_owned(), "was to end the run and does not".to_owned());
    }
    found
}

/// A file is the same if its bytes are: a plan keeps it elsewhere than a run.
fn identity(value: &Json) -> Json {
    match value.as_object() {
        Some(fields) if fields.contains_key("size") && fields.contains_key("sha256") => fields.get("sha256").cloned().unwrap_or_default(),
        _ => value.clone(),
    }
}
