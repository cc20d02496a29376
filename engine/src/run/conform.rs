//! Whether the world is still the one the plan was made for (`runs.md` 7).
//!
//! May use: the program, a run's facts. Must not: look at the world.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::decide::Program;
use super::event::{ErrorBody, EventBody, StepEnd};
use super::state::{Doing, Outcome, State};
use crate::action::Inputs;
use crate::backend::BackendError;
use crate::check::{BoundAction, EndsAs, Guard, Step, What};
use crate::dsl::Value;
use crate::plan::{DeadlineState, Decision, Moved, PlanFacts, PlanStep, Resolver, compare, deadline, drift, outputs_from_json};

/// Checks a write before it starts: a step planned as `skip` stays one; known inputs are the same, of certificates the pinned
/// fields; secrets go to the same sinks; the action can do no more and costs no more than was planned. `None`: all of it holds.
pub fn conform(program: &Program, address: &str, actual: &Inputs) -> Option<BackendError> {
    let Some(planned) = program.plan.step(address) else { return Some(drift(&[Moved::at(address, "step", "-", "run")])) };
    let mut moved = vec![];
    if planned.decision == Decision::Skip {
        moved.push(Moved::at(address, "decision", "skip", "run"));
    }
    for (name, value) in &planned.with {
        moved.extend(compare(address, name, value, &actual.0.get(name).map_or(Json::Null, Value::to_json)));
    }
    for (name, value) in &actual.0 {
        let Value::DeclaredSecret(secret) = value else { continue };
        let was = planned.with_secret.get(name).map(String::as_str);
        if was != Some(secret.as_str()) {
            moved.push(Moved::at(address, format!("secret.{name}"), was.unwrap_or("-"), secret));
        }
    }
    if let Some(action) = program.action(address) {
        moved.extend(grown(program, planned, action));
    }
    (!moved.is_empty()).then(|| drift(&moved))
}

/// What an action does beyond its plan: with another version of the program or another profile.
pub(super) fn grown(program: &Program, planned: &PlanStep, action: &BoundAction) -> Vec<Moved> {
    let (address, manifest) = (planned.address.as_str(), &action.manifest);
    let mut moved = vec![];
    if manifest.reference() != planned.uses {
        moved.push(Moved::at(address, "uses", &planned.uses, manifest.reference()));
    }
    if manifest.effect > planned.effect {
        moved.push(Moved::at(address, "effect", planned.effect.word(), manifest.effect.word()));
    }
    let profile = action.portal.as_deref().and_then(|role| program.checked.profiles.get(role));
    let fee = profile.zip(manifest.operation).and_then(|(profile, operation)| profile.fee(operation)).map(|(yen, _)| yen);
    let was = planned.fee.map(|fee| fee.yen);
    if fee > was {
        let yen = |fee: Option<u32>| fee.map_or_else(|| "-".to_owned(), |yen| yen.to_string());
        moved.push(Moved::at(address, "fee", yen(was), yen(fee)));
    }
    moved
}

/// Checks a read against what the plan observed: pinned outputs are the same. `None`: they are.
pub fn conform_outputs(program: &Program, address: &str, action: &BoundAction, actual: &BTreeMap<String, Json>) -> Option<BackendError> {
    let observation = program.plan.observations.iter().find(|observation| observation.step == address)?;
    let pinned = action.manifest.outputs.iter().filter(|output| output.pinned);
    let at = |outputs: &BTreeMap<String, Json>, name: &str| outputs.get(name).cloned().unwrap_or_default();
    let moved: Vec<Moved> =
        pinned.flat_map(|output| compare(address, &output.name, &at(&observation.outputs, &output.name), &at(actual, &output.name))).collect();
    (!moved.is_empty()).then(|| drift(&moved))
}

/// Decides the conditions of the plan again at the run's start, before anything was begun: what was planned to be skipped is not
/// done after all, and a step whose deadline has passed since stops the run before it has changed anything. Only decisions count.
pub(super) fn at_start(program: &Program, state: &State) -> Option<EventBody> {
    let begun = state.wrote || state.steps.values().any(|step| step.doing != Doing::Waiting);
    let start = state.started_at.filter(|_| !begun)?;
    let facts = PlanFacts { checked: &program.checked, plan: &program.plan };
    let at = |now| Resolver { checked: &program.checked, inputs: &program.inputs, facts: &facts, run: "", now, zone: &program.zone, error: None };
    let (was, is) = (at(program.plan.created_at), at(start));
    let planned = program.checked.steps.iter().filter(|step| step.row.is_none()).filter_map(|step| Some((step, program.plan.step(&step.address)?)));
    let moved: Vec<Moved> = planned.clone().flat_map(|(step, entry)| decided_again(step, entry, program, &was, &is)).collect();
    let (address, error) = match moved.first().and_then(|first| first.step.clone()) {
        Some(address) => (address, drift(&moved)),
        None => planned.into_iter().find_map(|(step, entry)| Some((step.address.clone(), too_late(step, entry, program, &is, start)?)))?,
    };
    let end = StepEnd { outcome: Outcome::Failed, outputs: BTreeMap::new(), error: Some(ErrorBody::from(error)), finish: None };
    Some(EventBody::StepEnded { step: address, end })
}

/// The conditions of one step, as they were when the plan was made and as they are now, with the same facts.
fn decided_again(step: &Step, entry: &PlanStep, program: &Program, was: &Resolver<'_>, is: &Resolver<'_>) -> Vec<Moved> {
    let mut moved = vec![];
    for condition in &step.when {
        let decision = |resolver: &Resolver<'_>| match resolver.truth(condition, None).truth() {
            Some(true) => "run",
            Some(false) => "skip",
            None => "maybe",
        };
        if decision(was) != decision(is) {
            moved.push(Moved::at(&step.address, format!("when.{}", condition.text), decision(was), decision(is)));
        }
    }
    if !moved.is_empty() || entry.decision == Decision::Skip {
        return moved;
    }
    let result = match &step.what {
        What::Action(action) => {
            let observation = program.plan.observations.iter().find(|observation| observation.step == step.address);
            observation.map(|observation| outputs_from_json(action, &observation.outputs))
        }
        What::Call { .. } => None,
    };
    let after: &[Guard] = if result.is_some() { &step.expect } else { &[] };
    for (field, guards) in [("require", &step.require[..]), ("expect", after)] {
        for guard in guards {
            let truth = |resolver: &Resolver<'_>| resolver.truth(&guard.that, result.as_ref()).truth();
            let word = |truth: Option<bool>| if truth == Some(true) { "holds" } else { "fails" };
            // A failure that stops is blocked in the plan, so only one that came up since is told; an end that came up or went is.
            let differs = matches!((truth(was), truth(is)), (Some(was), Some(is)) if was != is && (guard.then == EndsAs::Finish || was));
            if differs {
                moved.push(Moved::at(&step.address, format!("{field}.{}", guard.that.text), word(truth(was)), word(truth(is))));
            }
        }
    }
    moved
}

/// A deadline that has passed since the plan, unless the playbook says what is done about it.
fn too_late(step: &Step, entry: &PlanStep, program: &Program, resolver: &Resolver<'_>, start: Timestamp) -> Option<BackendError> {
    let around = |outer: &Step| outer.address == step.address || step.address.starts_with(&format!("{}/", outer.address));
    let foreseen = program.checked.steps.iter().any(|outer| around(outer) && outer.rescue("DEADLINE.PASSED").is_some());
    if foreseen || !matches!(entry.decision, Decision::Run | Decision::Maybe) {
        return None;
    }
    match deadline(resolver, step, start) {
        DeadlineState::Passed(_, error) => Some(*error),
        _ => None,
    }
}
