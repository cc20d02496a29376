//! Approvals: all of them before the first write (`runs.md` 7).

use crate::check::{Checked, What};
use crate::dsl::site::ApprovalRule;
use crate::plan::{Decision, Message, Plan, PlanStep};
use crate::text::Text;

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
        match by_rule(step, plan, checked, rules, done_today) {
            Ok(rule) => granted.push(grant(format!("rule {rule}"))),
            Err(refusal) => match approver(step) {
                Some(true) => granted.push(grant("interactive".to_owned())),
                _ => needed.push(Needed { step: address.clone(), why: refusal.map(|(_, why)| why) }),
            },
        }
    }
    if needed.is_empty() { Ok(granted) } else { Err(needed) }
}

/// What the site's rules say of a plan's irreversible steps, for who reads the plan. Steps that no rule is about are left out;
/// what was done today is not counted yet, a daily limit is told.
pub fn rule_notices(plan: &Plan, checked: &Checked, rules: &[ApprovalRule]) -> Vec<Message> {
    let steps = plan.approvals_required.iter().filter_map(|address| plan.step(address));
    let said = steps.filter_map(|step| {
        let address = &step.address;
        let message = match by_rule(step, plan, checked, rules, &|_| 0) {
            Ok(rule) => {
                let (ja, en) = match rules[rule - 1].per_day {
                    Some(most) => (format!("(1日{most}件まで)"), format!(" (at most {most} a day)")),
                    None => (String::new(), String::new()),
                };
                Text::new(
                    format!("{address} はサイトの承認規則 {rule} で自動的に承認されます{ja}。"),
                    format!("rule {rule} of the site approves `{address}`{en}."),
                )
            }
            Err(Some((rule, why))) => {
                let why = refusal_words(why);
                Text::new(
                    format!("{address} にはサイトの承認規則 {rule} が使えません。{}", why.ja),
                    format!("rule {rule} of the site does not cover `{address}`: {}", why.get(crate::text::Lang::En)),
                )
            }
            Err(None) => return None,
        };
        Some(Message { code: "PLAN.APPROVAL_RULE".to_owned(), message })
    });
    said.collect()
}

fn refusal_words(why: &str) -> Text {
    let (ja, en) = match why {
        "maybe" => ("行うかどうかが実行のときに決まるためです。", "whether it is done is decided at run time."),
        "unverified" => {
            ("未確認の費用か画面があり、規則に unverified: true が無いためです。", "its fee or pages are unverified, and the rule lacks `unverified: true`.")
        }
        "max_fee_jpy" => ("費用が規則の上限(max_fee_jpy)を超えるためです。", "its fee is above the rule's `max_fee_jpy`."),
        "person_proof" => {
            ("人の確認に基づく手順で、規則に person_proof: true が無いためです。", "it rests on a person's word, and the rule lacks `person_proof: true`.")
        }
        "per_day" => ("今日の件数が規則の上限(per_day)に達しているためです。", "the rule's `per_day` is reached."),
        _ => ("規則が allow: ask(人に聞く)だからです。", "the rule says `allow: ask`."),
    };
    Text::new(ja, en)
}

/// The number of the rule that does not cover a step, and why.
type Refusal = (usize, &'static str);

/// The number of the rule that approves a step by itself. The first rule that matches action and program decides.
fn by_rule(step: &PlanStep, plan: &Plan, checked: &Checked, rules: &[ApprovalRule], done_today: &dyn Fn(&str) -> u32) -> Result<usize, Option<Refusal>> {
    let action = step.uses.split('@').next().unwrap_or_default();
    let matching = |rule: &&ApprovalRule| rule.action == action && rule.program.as_ref().is_none_or(|program| *program == checked.program);
    let Some(rule) = rules.iter().find(matching) else { return Err(None) };
    let number = rules.iter().position(|other| std::ptr::eq(other, rule)).unwrap_or_default() + 1;
    if !rule.auto {
        return Err(Some((number, "allow: ask")));
    }
    if step.decision == Decision::Maybe {
        return Err(Some((number, "maybe")));
    }
    if !rule.unverified && (step.unverified || step.fee.is_some_and(|fee| !fee.verified)) {
        return Err(Some((number, "unverified")));
    }
    if let (Some(most), Some(fee)) = (rule.max_fee_jpy, step.fee)
        && fee.yen > most
    {
        return Err(Some((number, "max_fee_jpy")));
    }
    if !rule.person_proof && rests_on_person(step, plan, checked) {
        return Err(Some((number, "person_proof")));
    }
    if let Some(most) = rule.per_day
        && done_today(action) >= most
    {
        return Err(Some((number, "per_day")));
    }
    Ok(number)
}

/// Whether a proof that the step takes comes from a person: from an action of people, or from pages that a person does.
fn rests_on_person(step: &PlanStep, plan: &Plan, checked: &Checked) -> bool {
    step.depends_on.iter().any(|on| plan.step(&on.step).is_some_and(|source| source.person.is_some()) && proves(checked, &on.step))
}

/// Whether a step's action makes proofs.
fn proves(checked: &Checked, address: &str) -> bool {
    let action = checked.steps.iter().find(|step| step.address == address).and_then(|step| match &step.what {
        What::Action(action) => Some(action),
        What::Call { .. } => None,
    });
    action.is_some_and(|action| action.manifest.outputs.iter().any(|output| *output.ty.required() == crate::dsl::Type::Proof))
}
