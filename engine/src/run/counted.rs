//! Tries that are on disk and whose end is not: between the count and the other side's answer, or a person's. Pure.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{EventBody, TryEnd};
use super::state::State;

/// A try of a step that was counted and has not ended yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Device or account.
    pub on: String,
    /// Failures in a row, this one included.
    pub used: u32,
    /// Sources that the value comes from, with their versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
    /// The number of its event.
    pub seq: u64,
}

impl Counted {
    /// Its end, where a person's word says that the value was right.
    pub(super) fn proved(&self, step: &str) -> EventBody {
        EventBody::AttemptEnded {
            step: step.to_owned(),
            on: self.on.clone(),
            end: TryEnd::Proved,
            used: 0,
            sources: self.sources.keys().cloned().collect(),
            secrets: vec![],
        }
    }
}

/// What an event about tries means for the state of its run.
pub(super) fn follow(state: &mut State, seq: u64, body: &EventBody) {
    match body {
        EventBody::AttemptCounted { step, on, used, sources } => {
            *state.tries.entry(on.clone()).or_default() += 1;
            let counted = Counted { on: on.clone(), used: *used, sources: sources.clone(), seq };
            state.steps.entry(step.clone()).or_default().trying = Some(counted);
        }
        EventBody::AttemptEnded { step, on, end, .. } => {
            if *end == TryEnd::Proved {
                state.tries.remove(on);
            }
            if let Some(step) = state.steps.get_mut(step) {
                step.trying = None;
            }
        }
        _ => {}
    }
}
