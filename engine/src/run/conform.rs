//! Whether the world is still the one the plan was made for (`runs.md` 7).
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::action::Inputs;
use crate::backend::{BackendError, Class};
use crate::check::BoundAction;
use crate::dsl::Value;
use crate::plan::{Decision, Plan};
use crate::text::Text;

/// What moved since the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Address of the step.
    pub step: String,
    /// What, by name.
    pub what: String,
    /// As planned.
    pub planned: String,
    /// As it is.
    pub actual: String,
}

impl Drift {
    /// As the error of a step.
    pub fn into_error(self) -> BackendError {
        let Self { step, what, planned, actual } = self;
        let cause = Text::new(
            format!("計画のときと違います。手順 {step} の {what}: 計画 {planned} → 今 {actual}"),
            format!("the world differs from the plan. step `{step}`, {what}: planned {planned}, now {actual}"),
        );
        let cure = Text::new("kirikae plan で計画を作り直し、内容を見てから実行してください。", "plan again, read it, then apply.");
        BackendError::new("PLAN.DRIFT", cause)
            .class(Class::Permanent)
            .cure(cure)
            .with("step", step)
            .with("what", what)
            .with("planned", planned)
            .with("actual", actual)
    }
}

/// Checks a write before it starts: a step planned as `skip` stays one; known inputs are the same, of certificates the pinned
/// fields; secrets go to the same sinks.
///
/// # Errors
/// What moved.
pub fn conform(plan: &Plan, address: &str, actual: &Inputs) -> Result<(), Drift> {
    let drift = |what: &str, planned: String, actual: String| Drift { step: address.to_owned(), what: what.to_owned(), planned, actual };
    let Some(planned) = plan.step(address) else { return Err(drift("step", "-".to_owned(), "run".to_owned())) };
    if planned.decision == Decision::Skip {
        return Err(drift("decision", "skip".to_owned(), "run".to_owned()));
    }
    for (name, value) in &planned.with {
        let now = actual.0.get(name).map_or(Json::Null, Value::to_json);
        if pinned(value) != pinned(&now) {
            return Err(drift(name, show(value), show(&now)));
        }
    }
    for (name, value) in &actual.0 {
        let Value::DeclaredSecret(secret) = value else { continue };
        let planned_secret = planned.with_secret.get(name).map(String::as_str);
        if planned_secret != Some(secret.as_str()) {
            return Err(drift(name, planned_secret.unwrap_or("-").to_owned(), secret.clone()));
        }
    }
    Ok(())
}

/// Checks a read against what the plan observed: pinned outputs are the same.
///
/// # Errors
/// What moved.
pub fn conform_outputs(plan: &Plan, address: &str, action: &BoundAction, actual: &BTreeMap<String, Json>) -> Result<(), Drift> {
    let Some(observation) = plan.observations.iter().find(|observation| observation.step == address) else { return Ok(()) };
    for output in action.manifest.outputs.iter().filter(|output| output.pinned) {
        let (planned, now) = (observation.outputs.get(&output.name), actual.get(&output.name));
        if planned.map(pinned) != now.map(pinned) {
            let (planned, actual) = (planned.map(show).unwrap_or_default(), now.map(show).unwrap_or_default());
            return Err(Drift { step: address.to_owned(), what: output.name.clone(), planned, actual });
        }
    }
    Ok(())
}

/// Of a certificate its digest, end and place; of a file its digest; of anything else the whole value.
fn pinned(value: &Json) -> Json {
    match value.as_object() {
        Some(object) if object.contains_key("sha256") && object.contains_key("size") => object.get("sha256").cloned().unwrap_or(Json::Null),
        Some(object) if object.contains_key("sha256") && object.contains_key("not_after") => {
            ["sha256", "not_after", "holder"].iter().map(|field| object.get(*field).cloned().unwrap_or(Json::Null)).collect()
        }
        _ => value.clone(),
    }
}

fn show(value: &Json) -> String {
    match value.get("sha1").and_then(Json::as_str) {
        Some(thumbprint) => thumbprint.to_owned(),
        None => value.to_string(),
    }
}
