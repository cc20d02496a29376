//! Whether a step may still be started.
//!
//! Two clocks: the expression of a `deadline` sees the run's start as "now", like every expression of a run, so that its value
//! stays the same; what it is compared with is the time at hand, which the caller gives: the plan's, and in a run that of the
//! last event, and once more the wall clock just before the intent of a write. A run that waited too long sends nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::resolve::Resolver;
use crate::backend::BackendError;
use crate::check::Step;
use crate::dsl::expr::{Tri, Why};
use crate::dsl::{Type, Value};
use crate::text::Text;

/// What is known of a step's deadline.
#[derive(Clone, Debug, PartialEq)]
pub enum DeadlineState {
    /// It has none.
    None,
    /// It may start, until then.
    Open(Value),
    /// It is too late: `DEADLINE.PASSED`.
    Passed(Value, Box<BackendError>),
    /// It is not known yet.
    Unknown(Type, Why),
    /// What it depends on was skipped: so is the step.
    Absent(Why),
}

/// The deadline of a step, seen at `now`.
pub fn deadline(resolver: &Resolver<'_>, step: &Step, now: Timestamp) -> DeadlineState {
    let Some(deadline) = &step.deadline else { return DeadlineState::None };
    match resolver.value(step.frame, &deadline.expr, None) {
        Tri::Known(latest) if is_past(&latest, now, resolver.zone) => {
            let error = Box::new(passed(&latest, now, resolver.zone));
            DeadlineState::Passed(latest, error)
        }
        Tri::Known(latest) => DeadlineState::Open(latest),
        Tri::Unknown(ty, why) => DeadlineState::Unknown(ty, why),
        Tri::Absent(why) => DeadlineState::Absent(why),
    }
}

/// The instant itself still counts; of a date, its whole day.
fn is_past(latest: &Value, now: Timestamp, zone: &TimeZone) -> bool {
    match latest {
        Value::DateTime(latest) => now > *latest,
        Value::Date(latest) => now.to_zoned(zone.clone()).date() > *latest,
        _ => false,
    }
}

fn passed(latest: &Value, now: Timestamp, zone: &TimeZone) -> BackendError {
    let minute = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let until = match latest {
        Value::DateTime(at) => minute(*at),
        Value::Date(day) => day.to_string(),
        _ => String::new(),
    };
    let now = minute(now);
    let cause = Text::new(format!("期限 {until} を過ぎたので始めません(今 {now})。"), format!("it is not started after its deadline, {until} (now {now})."));
    BackendError::new("DEADLINE.PASSED", cause).with("deadline", until)
}
