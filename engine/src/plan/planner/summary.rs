//! What a plan comes to: steps by decision and effect, people, fees.

use std::collections::BTreeSet;

use super::super::model::*;
use crate::action::Effect;
use crate::check::{Checked, What};

/// Adds the steps of a plan up. `unreadable` are those that could not be looked at now.
pub(super) fn summary(checked: &Checked, steps: &[PlanStep], unreadable: &BTreeSet<usize>) -> PlanSummary {
    let mut summary = PlanSummary::default();
    let mut verified = true;
    let actions = steps.iter().zip(&checked.steps).enumerate().filter(|(_, (_, step))| matches!(step.what, What::Action(_)));
    for (index, (step, _)) in actions {
        match step.decision {
            Decision::Observed => summary.observed += 1,
            Decision::Run => summary.run += 1,
            Decision::Skip => summary.skip += 1,
            Decision::Maybe => summary.maybe += 1,
            Decision::Blocked => summary.blocked += 1,
        }
        if matches!(step.decision, Decision::Run | Decision::Maybe) {
            let effect = match step.effect {
                Effect::Read => "read",
                Effect::Write => "write",
                Effect::Irreversible => "irreversible",
            };
            *summary.effects.entry(effect.to_owned()).or_default() += 1;
            summary.person += u32::from(step.person.is_some());
        }
        let perhaps = matches!(step.decision, Decision::Run | Decision::Maybe) || unreadable.contains(&index);
        if let Some(fee) = step.fee.filter(|_| perhaps) {
            summary.fee.yen += fee.yen;
            verified &= fee.verified;
        }
    }
    summary.fee.verified = verified;
    summary
}
