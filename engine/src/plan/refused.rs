//! What this version cannot carry out is refused in the plan, never ignored.
//!
//! Must not: decide anything else about a step.

use super::model::{Blocked, Decision, PlanStep, Reason};
use crate::backend::BackendError;
use crate::check::Checked;
use crate::text::Text;

/// Blocks a step whose secret has a limited number of tries, while nothing counts them yet.
pub(super) fn uncounted_tries(checked: &Checked, entry: &mut PlanStep) {
    let Some(attempts) = checked.attempts.get(&entry.address) else { return };
    if matches!(entry.decision, Decision::Skip | Decision::Blocked) {
        return;
    }
    let cause = Text::new(
        format!("試せる回数に限りがあります({}回まで、{}回は残す)が、この版は回数を数えられません", attempts.limit, attempts.leave),
        format!("its tries are limited (to {}, of which {} are left alone), and this version cannot count them", attempts.limit, attempts.leave),
    );
    let error = BackendError::new("ATTEMPTS.NOT_COUNTED", cause);
    entry.decision = Decision::Blocked;
    entry.reason = Some(Reason { say: error.cause, expr: None, waits_for: vec![] });
    entry.blocked = Some(Blocked { code: error.code, class: error.class, cure: error.cure });
}
