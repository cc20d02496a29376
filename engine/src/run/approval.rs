//! Approvals: all of them before the first write (`runs.md` 7).
//!
//! May use: the plan, the checked playbook, the site's rules. Must not: ask anybody by itself, look at the journal.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::Effect;
use crate::check::{Checked, What};
use crate::dsl::Type;
use crate::dsl::site::ApprovalRule;
use crate::plan::{Decision, EdgeKind, Message, Plan, PlanStep};
use crate::text::{Lang, Text};

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
    /// The number of the rule (from 1) that matched its action, and why it did not cover it.
    pub rule: Option<(usize, Uncovered)>,
}

/// Why a rule does not cover a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncovered {
    /// It says so: a person is asked.
    Ask,
    /// Whether it is done is decided at run time.
    Maybe,
    /// Its fee or its pages are unverified.
    Unverified,
    /// Its fee is above `max_fee_jpy`.
    FeeAbove,
    /// The rule has `max_fee_jpy`, and what the portal takes for this is not known.
    FeeUnknown,
    /// It rests on a person's word.
    PersonProof,
    /// `per_day` is reached.
    PerDay,
}

/// Says yes or no to a step; `None`: nobody is there.
pub type Approver<'a> = &'a dyn Fn(&PlanStep) -> Option<bool>;

/// How often an action was approved by a rule or done today, in all runs.
pub type DoneToday<'a> = &'a dyn Fn(&str) -> u32;

impl Uncovered {
    /// A sentence for people.
    pub fn words(self) -> Text {
        let (ja, en) = match self {
            Self::Ask => ("規則が allow: ask(人に聞く)だからです。", "the rule says `allow: ask`."),
            Self::Maybe => ("行うかどうかが実行のときに決まるためです。", "whether it is done is decided at run time."),
            Self::Unverified => (
                "未確認の費用か画面があり、規則に unverified: true が無いためです。",
                "its fee or pages are unverified, and the rule lacks `unverified: true`.",
            ),
            Self::FeeAbove => ("費用が規則の上限(max_fee_jpy)を超えるためです。", "its fee is above the rule's `max_fee_jpy`."),
            Self::FeeUnknown => ("規則に上限(max_fee_jpy)があり、費用が分からないためです。", "the rule has a `max_fee_jpy`, and its fee is not known."),
            Self::PersonProof => {
                ("人の確認に基づく手順で、規則に person_proof: true が無いためです。", "it rests on a person's word, and the rule lacks `person_proof: true`.")
            }
            Self::PerDay => ("今日の件数が規則の上限(per_day)に達しているためです。", "the rule's `per_day` is reached."),
        };
        Text::new(ja, en)
    }
}

/// Settles the approvals of a plan. `named` are the addresses of `--approve` (`all` for every one).
///
/// # Errors
/// Those still wanted.
pub fn settle(
    plan: &Plan,
    checked: &Checked,
    rules: &[ApprovalRule],
    named: &[String],
    done_today: DoneToday<'_>,
    approver: Approver<'_>,
) -> Result<Vec<Granted>, Vec<Needed>> {
    let mut day = Day { before: done_today, here: BTreeMap::new() };
    let (mut granted, mut needed) = (vec![], vec![]);
    for address in &plan.approvals_required {
        let Some(step) = plan.step(address) else { continue };
        let grant = |by: String| Granted { step: address.clone(), by };
        if named.iter().any(|name| name == "all" || name == address) {
            granted.push(grant("--approve".to_owned()));
            continue;
        }
        match by_rule(plan, step, checked, rules, &mut day) {
            Ok(rule) => granted.push(grant(format!("rule {rule}"))),
            Err(rule) => match approver(step) {
                Some(true) => granted.push(grant("interactive".to_owned())),
                _ => needed.push(Needed { step: address.clone(), rule }),
            },
        }
    }
    if needed.is_empty() { Ok(granted) } else { Err(needed) }
}

/// Of the approvals that rules gave, those that another run's have used up since: asked once more while no other run can begin.
pub fn over_the_day(plan: &Plan, checked: &Checked, rules: &[ApprovalRule], granted: &[Granted], done_today: DoneToday<'_>) -> Vec<Needed> {
    let mut day = Day { before: done_today, here: BTreeMap::new() };
    let by_rules = granted.iter().filter(|granted| granted.by.starts_with("rule "));
    let refused = by_rules.filter_map(|granted| {
        let rule = by_rule(plan, plan.step(&granted.step)?, checked, rules, &mut day).err()?;
        Some(Needed { step: granted.step.clone(), rule })
    });
    refused.collect()
}

/// Names of `--approve` that no step of the plan has.
pub fn unknown_steps<'n>(plan: &Plan, named: &'n [String]) -> Vec<&'n str> {
    named.iter().map(String::as_str).filter(|name| *name != "all" && plan.step(name).is_none()).collect()
}

/// What was approved, for the journal: the plan's digest, and what each step uses, so that later runs can count it.
pub fn approval_subject(plan: &Plan, steps: &[String]) -> BTreeMap<String, String> {
    let uses = steps.iter().filter_map(|address| Some((format!("uses:{address}"), plan.step(address)?.uses.clone())));
    uses.chain([("plan".to_owned(), plan.digest.clone())]).collect()
}

/// What the site's rules say of a plan's irreversible steps, for who reads the plan. Steps that no rule is about are left out;
/// what was done today is not counted yet, a daily limit is told.
pub fn rule_notices(plan: &Plan, checked: &Checked, rules: &[ApprovalRule]) -> Vec<Message> {
    let mut day = Day { before: &|_| 0, here: BTreeMap::new() };
    let steps = plan.approvals_required.iter().filter_map(|address| plan.step(address));
    let said = steps.filter_map(|step| {
        let address = &step.address;
        let message = match by_rule(plan, step, checked, rules, &mut day) {
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
            Err(Some(rule)) => uncovered(address, rule),
            Err(None) => return None,
        };
        Some(Message { code: "PLAN.APPROVAL_RULE".to_owned(), message })
    });
    said.collect()
}

/// Why the rule that is about a step does not cover it, as a sentence.
pub fn uncovered(address: &str, (rule, why): (usize, Uncovered)) -> Text {
    let why = why.words();
    Text::new(
        format!("{address} にはサイトの承認規則 {rule} が使えません。{}", why.ja),
        format!("rule {rule} of the site does not cover `{address}`: {}", why.get(Lang::En)),
    )
}

/// The count of a day: what was before, and what the plan at hand adds.
struct Day<'a> {
    before: DoneToday<'a>,
    here: BTreeMap<String, u32>,
}

/// The number of the rule that approves a step by itself. The first rule that matches action and program decides.
fn by_rule(plan: &Plan, step: &PlanStep, checked: &Checked, rules: &[ApprovalRule], day: &mut Day<'_>) -> Result<usize, Option<(usize, Uncovered)>> {
    let action = action_of(step);
    let matching = |rule: &ApprovalRule| rule.action == action && rule.program.as_ref().is_none_or(|program| *program == checked.program);
    let Some((index, rule)) = rules.iter().enumerate().find(|(_, rule)| matching(rule)) else { return Err(None) };
    let refuse = |why: Uncovered| Err(Some((index + 1, why)));
    if !rule.auto {
        return refuse(Uncovered::Ask);
    }
    if step.decision == Decision::Maybe {
        return refuse(Uncovered::Maybe);
    }
    if !rule.unverified && (step.unverified || step.fee.is_some_and(|fee| !fee.verified)) {
        return refuse(Uncovered::Unverified);
    }
    match (rule.max_fee_jpy, step.fee) {
        (Some(most), Some(fee)) if fee.yen > most => return refuse(Uncovered::FeeAbove),
        // A deletion at this terminal costs nothing; what a portal takes that no profile tells may be anything.
        (Some(_), None) if step.remote => return refuse(Uncovered::FeeUnknown),
        _ => {}
    }
    if !rule.person_proof && rests_on_person(plan, step, checked) {
        return refuse(Uncovered::PersonProof);
    }
    if let Some(most) = rule.per_day {
        let here = day.here.entry(action.to_owned()).or_default();
        if (day.before)(action).saturating_add(*here) >= most {
            return refuse(Uncovered::PerDay);
        }
        *here += 1;
    }
    Ok(index + 1)
}

/// `ca.renew` of `ca.renew@1`.
fn action_of(step: &PlanStep) -> &str {
    step.uses.split('@').next().unwrap_or_default()
}

/// Whether a proof that the step takes comes from a person: from an action that asks one, or from an operation whose pages a
/// person does. Values of a sub-playbook come from any of its steps.
fn rests_on_person(plan: &Plan, step: &PlanStep, checked: &Checked) -> bool {
    let mut left: Vec<&str> = step.depends_on.iter().filter(|on| on.kind == EdgeKind::Data).map(|on| on.step.as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(address) = left.pop() {
        if !seen.insert(address) {
            continue;
        }
        let Some(source) = checked.steps.iter().find(|step| step.address == address) else { continue };
        match &source.what {
            What::Call { frame } => left.extend(checked.frames[*frame].steps.values().map(|inner| checked.steps[*inner].address.as_str())),
            What::Action(action) => {
                let by_person = action.manifest.person || plan.step(address).is_some_and(|step| step.person.is_some());
                if by_person && action.manifest.outputs.iter().any(|output| *output.ty.required() == Type::Proof) {
                    return true;
                }
            }
        }
    }
    false
}

/// Whether the site has a rule with a daily limit that could approve a step of the plan.
pub fn has_daily_limit(plan: &Plan, rules: &[ApprovalRule]) -> bool {
    let acts = |action: &str| plan.steps.iter().any(|step| step.effect == Effect::Irreversible && action_of(step) == action);
    rules.iter().any(|rule| rule.per_day.is_some() && acts(&rule.action))
}
