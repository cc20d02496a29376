//! Approvals: all of them before the first write (`runs.md` 7).

use crate::check::{Checked, What};
use crate::dsl::site::ApprovalRule;
use crate::plan::{Decision, Plan, PlanStep};

/// An approval that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Address.
    pub step: String,
    /// `--approve`, `interactive`, `rule N` (from 1), `rehearsal`.
    pub by: String,
}

/// An approval that is wanted and was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Address.
    pub step: String,
    /// Why the rule that matched its action did not cover it.
    pub why: Option<&'static str>,
}

/// Says yes or no to a step; `None`: nobody is there.
pub type Approver<'a> = &'a dyn Fn(&PlanStep) -> Option<bool>;

/// Settles the approvals of a plan. `named` are the addresses of `--approve` (`all` for every one); `done_today` counts what was
/// committed of an action today.
///
/// # Errors
/// Those still wanted.
pub fn settle(
    plan: &Plan,
    checked: &Checked,
    rules: &[ApprovalRule],
    named: &[String],
    done_today: &dyn Fn(&str) -> u32,
    approver: Approver<'_>,
) -> Result<Vec<Granted>, Vec<Needed>> {
    let (mut granted, mut needed) = (vec![], vec![]);
    for address in &plan.approvals_required {
        let Some(step) = plan.step(address) else { continue };
        let grant = |by: String| Granted { step: address.clone(), by };
        if named.iter().any(|name| name == "all" || name == address) {
            granted.push(grant("--approve".to_owned()));
            continue;
        }
        match by_rule(step, checked, rules, done_today) {
            Ok(rule) => granted.push(grant(format!("rule {rule}"))),
            Err(why) => match approver(step) {
                Some(true) => granted.push(grant("interactive".to_owned())),
                _ => needed.push(Needed { step: address.clone(), why }),
            },
        }
    }
    if needed.is_empty() { Ok(granted) } else { Err(needed) }
}

/// The number of the rule that approves a step by itself. The first rule that matches action and program decides.
fn by_rule(step: &PlanStep, checked: &Checked, rules: &[ApprovalRule], done_today: &dyn Fn(&str) -> u32) -> Result<usize, Option<&'static str>> {
    let action = step.uses.split('@').next().unwrap_or_default();
    let matching = |rule: &&ApprovalRule| rule.action == action && rule.program.as_ref().is_none_or(|program| *program == checked.program);
    let Some(rule) = rules.iter().find(matching) else { return Err(None) };
    let number = rules.iter().position(|other| std::ptr::eq(other, rule)).unwrap_or_default() + 1;
    if !rule.auto {
        return Err(Some("allow: ask"));
    }
    if step.decision == Decision::Maybe {
        return Err(Some("maybe"));
    }
    if !rule.unverified && (step.unverified || step.fee.is_some_and(|fee| !fee.verified)) {
        return Err(Some("unverified"));
    }
    if let (Some(most), Some(fee)) = (rule.max_fee_jpy, step.fee)
        && fee.yen > most
    {
        return Err(Some("max_fee_jpy"));
    }
    if !rule.person_proof && rests_on_person(step, checked) {
        return Err(Some("person_proof"));
    }
    if let Some(most) = rule.per_day
        && done_today(action) >= most
    {
        return Err(Some("per_day"));
    }
    Ok(number)
}

/// Whether a proof that the step takes comes from a person.
fn rests_on_person(step: &PlanStep, checked: &Checked) -> bool {
    let sources = step.depends_on.iter().filter_map(|on| checked.steps.iter().find(|step| step.address == on.step));
    sources
        .filter_map(|source| if let What::Action(action) = &source.what { Some(action) } else { None })
        .any(|action| action.manifest.person && action.manifest.outputs.iter().any(|output| *output.ty.required() == crate::dsl::Type::Proof))
}
