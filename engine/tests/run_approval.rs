//! Approvals: which rule of the site covers which step, how days are counted, what is left to a person.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use kirikae_engine::action::Intent;
use kirikae_engine::journal::Journal;
use kirikae_engine::plan::{Decision, Plan};
use kirikae_engine::run::{EventBody, Granted, Needed, RunEnd, Settled, Uncovered, approval_subject, over_the_day, settle, uncovered, unknown_steps};
use kirikae_engine::testing::Desk;
use kirikae_engine::testing::situations::due;
use kirikae_engine::text::Lang;
use serde_json::json;

/// The rules as lines of the site file; the deletion is always covered.
fn desk(rules: &[&str]) -> Desk {
    let lines: String = rules.iter().map(|rule| format!("  - {rule}\n")).collect();
    due().with_site(&format!("approvals:\n{lines}  - {{ action: cert.delete, allow: auto }}\n"))
}

fn settled(desk: &Desk, plan: &Plan, done_today: u32) -> Result<Vec<Granted>, Vec<Needed>> {
    settle(plan, &desk.checked, &desk.site.approvals, &[], &|_| done_today, &|_| None)
}

/// Who approved the request, or why its rule did not.
fn request(rules: &[&str]) -> Result<String, Option<(usize, Uncovered)>> {
    changed(rules, |_| {})
}

fn changed(rules: &[&str], change: impl Fn(&mut Plan)) -> Result<String, Option<(usize, Uncovered)>> {
    let desk = desk(rules);
    let mut plan = desk.plan();
    change(&mut plan);
    match settled(&desk, &plan, 3) {
        Ok(granted) => Ok(granted.into_iter().find(|granted| granted.step == "request").unwrap().by),
        Err(needed) => Err(needed.into_iter().find(|needed| needed.step == "request").unwrap().rule),
    }
}

#[test]
fn the_first_rule_of_action_and_program_decides() {
    let auto = "{ action: ca.renew, program: obn, unverified: true, allow: auto }";
    assert_eq!(request(&[auto]), Ok("rule 1".to_owned()));
    assert_eq!(request(&["{ action: ca.renew, program: hpki, allow: ask }", auto]), Ok("rule 2".to_owned()), "another program's rule is passed over");
    assert_eq!(request(&["{ action: ca.renew, unverified: true, allow: auto }", "{ action: ca.renew, allow: ask }"]), Ok("rule 1".to_owned()));
    assert_eq!(request(&["{ action: ca.renew, allow: ask }", auto]), Err(Some((1, Uncovered::Ask))), "a later rule does not soften an earlier one");
    assert_eq!(request(&["{ action: ca.fetch, allow: auto }"]), Err(None), "without a rule a person is asked");
}

#[test]
fn a_rule_covers_no_more_than_it_says() {
    let verified = |plan: &mut Plan| {
        let step = plan.steps.iter_mut().find(|step| step.address == "request").unwrap();
        step.unverified = false;
        step.fee.as_mut().unwrap().verified = true;
    };
    let plain = "{ action: ca.renew, allow: auto }";
    assert_eq!(changed(&[plain], verified), Ok("rule 1".to_owned()));
    assert_eq!(request(&[plain]), Err(Some((1, Uncovered::Unverified))));
    let only_fee = |plan: &mut Plan| {
        verified(plan);
        plan.steps.iter_mut().find(|step| step.address == "request").unwrap().fee.as_mut().unwrap().verified = false;
    };
    assert_eq!(changed(&[plain], only_fee), Err(Some((1, Uncovered::Unverified))), "an unverified fee alone is enough");
    assert_eq!(changed(&["{ action: ca.renew, max_fee_jpy: 1500, allow: auto }"], verified), Ok("rule 1".to_owned()));
    assert_eq!(changed(&["{ action: ca.renew, max_fee_jpy: 1499, allow: auto }"], verified), Err(Some((1, Uncovered::FeeAbove))));
    let unknown_fee = |plan: &mut Plan| {
        verified(plan);
        plan.steps.iter_mut().find(|step| step.address == "request").unwrap().fee = None;
    };
    assert_eq!(changed(&["{ action: ca.renew, max_fee_jpy: 1500, allow: auto }"], unknown_fee), Err(Some((1, Uncovered::FeeUnknown))));
    let maybe = |plan: &mut Plan| {
        verified(plan);
        plan.steps.iter_mut().find(|step| step.address == "request").unwrap().decision = Decision::Maybe;
    };
    assert_eq!(changed(&[plain], maybe), Err(Some((1, Uncovered::Maybe))));
    let three = "{ action: ca.renew, per_day: 3, allow: auto }";
    assert_eq!(changed(&[three], verified), Err(Some((1, Uncovered::PerDay))), "three were done today");
    assert_eq!(changed(&["{ action: ca.renew, per_day: 4, allow: auto }"], verified), Ok("rule 1".to_owned()));
}

#[test]
fn what_rests_on_a_persons_word_needs_a_rule_that_says_so() {
    let by_person = |plan: &mut Plan| {
        for step in &mut plan.steps {
            if step.address == "usable" {
                step.person = Some("担当者".to_owned());
            }
        }
    };
    let retire = |rule: &str| {
        let desk = due().with_site(&format!("approvals:\n  - {rule}\n"));
        let mut plan = desk.plan();
        by_person(&mut plan);
        let needed = settle(&plan, &desk.checked, &desk.site.approvals, &["request".to_owned()], &|_| 0, &|_| None);
        needed.map_err(|needed| needed[0].rule)
    };
    assert_eq!(retire("{ action: cert.delete, allow: auto }"), Err(Some((1, Uncovered::PersonProof))));
    let granted = retire("{ action: cert.delete, person_proof: true, allow: auto }").unwrap();
    assert_eq!(granted.iter().map(|granted| granted.by.as_str()).collect::<Vec<_>>(), ["--approve", "rule 1"]);
}

#[test]
fn flags_and_a_person_approve_what_no_rule_covers() {
    let desk = due();
    let plan = desk.plan();
    let by = |named: &[&str], says: &dyn Fn(&str) -> Option<bool>| {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        settle(&plan, &desk.checked, &[], &named, &|_| 0, &|step| says(&step.address))
    };
    let ways = |granted: Vec<Granted>| granted.into_iter().map(|granted| format!("{} {}", granted.step, granted.by)).collect::<Vec<_>>();
    assert_eq!(ways(by(&["all"], &|_| None).unwrap()), ["request --approve", "retire --approve"]);
    assert_eq!(ways(by(&["request"], &|step| (step == "retire").then_some(true)).unwrap()), ["request --approve", "retire interactive"]);
    let asked = RefCell::new(vec![]);
    let refused = by(&["request"], &|step| {
        asked.borrow_mut().push(step.to_owned());
        Some(false)
    });
    assert_eq!(refused.unwrap_err()[0].step, "retire", "a no is no approval");
    assert_eq!(*asked.borrow(), ["retire"], "what was named is not asked again");
    let named = ["all", "retire", "retier"].map(str::to_owned);
    assert_eq!(unknown_steps(&plan, &named), ["retier"]);
}

#[test]
fn the_reason_is_told_in_both_languages() {
    let words = |why| uncovered("request", (2, why));
    insta::assert_snapshot!(
        "uncovered",
        [Uncovered::Ask, Uncovered::Maybe, Uncovered::Unverified, Uncovered::FeeAbove, Uncovered::FeeUnknown, Uncovered::PersonProof, Uncovered::PerDay]
            .map(|why| format!("{}\n{}", words(why).ja, words(why).get(Lang::En)))
            .join("\n")
    );
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn begin(journal: &mut Journal, run: &str, second: i64) {
    let started = EventBody::RunStarted {
        plan: format!("P-{run}"),
        digest: "d".to_owned(),
        engine: "0".to_owned(),
        playbook: "a/b@1".to_owned(),
        site: "s".to_owned(),
        blobs: BTreeMap::new(),
        bindings: BTreeMap::new(),
        batch: None,
        account: "a".to_owned(),
    };
    journal.begin(run, at(second), "a/b", "s", started, vec![]).unwrap();
}

fn approved(plan: &Plan, by: &str) -> EventBody {
    let steps = vec!["request".to_owned(), "retire".to_owned()];
    EventBody::ApprovalGiven { subject: approval_subject(plan, &steps), steps, by: by.to_owned(), who: "a".to_owned(), site_digest: None }
}

fn intended(step: &str, operation: &str) -> EventBody {
    EventBody::IntentRecorded {
        step: step.to_owned(),
        key: "k".to_owned(),
        operation: operation.to_owned(),
        credential: Some("c".to_owned()),
        intent: Intent { attempt: 1, at: at(1), baseline: json!([]) },
    }
}

#[test]
fn a_day_counts_what_was_done_and_what_rules_approved_in_every_run() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(place.path()).unwrap();
    let plan = due().plan();
    let count = |journal: &Journal| (journal.acts_since("ca.renew", at(0)).unwrap(), journal.acts_since("cert.delete", at(0)).unwrap());
    // Yesterday's do not count.
    begin(&mut journal, "r0", -100);
    journal.append("r0", at(-90), intended("request", "ca.renew")).unwrap();
    assert_eq!(count(&journal), (0, 0));
    // What a rule approved counts before it is sent, once; what a person approved counts when it is begun.
    begin(&mut journal, "r1", 1);
    journal.append("r1", at(1), approved(&plan, "rule 1")).unwrap();
    assert_eq!(count(&journal), (1, 1));
    journal.append("r1", at(2), intended("request", "ca.renew")).unwrap();
    assert_eq!(count(&journal), (1, 1));
    begin(&mut journal, "r2", 3);
    journal.append("r2", at(3), approved(&plan, "--approve")).unwrap();
    assert_eq!(count(&journal), (1, 1));
    journal.append("r2", at(4), intended("request", "ca.renew")).unwrap();
    assert_eq!(count(&journal), (2, 1));
    // A run that ended without doing it gives its approval back; what is known not to have happened does not count either.
    journal.append("r1", at(5), EventBody::RunEnded { end: RunEnd::Failed, reason: None, outputs: BTreeMap::new() }).unwrap();
    assert_eq!(count(&journal), (2, 0));
    let answer = kirikae_engine::action::Answer { yes: false, fields: BTreeMap::new(), evidence: None, by: "b".to_owned(), account: "b".to_owned(), at: at(6) };
    journal.append("r2", at(6), EventBody::HumanAnswered { step: "request".to_owned(), answer, settled: Some(Settled::NotDone) }).unwrap();
    assert_eq!(count(&journal), (1, 0));
}

#[test]
fn a_limit_that_another_run_used_up_meanwhile_refuses() {
    let desk = desk(&["{ action: ca.renew, per_day: 4, unverified: true, allow: auto }"]);
    let plan = desk.plan();
    let granted = settled(&desk, &plan, 3).unwrap();
    assert_eq!(over_the_day(&plan, &desk.checked, &desk.site.approvals, &granted, &|_| 3), []);
    let refused = over_the_day(&plan, &desk.checked, &desk.site.approvals, &granted, &|_| 4);
    assert_eq!(refused, [Needed { step: "request".to_owned(), rule: Some((1, Uncovered::PerDay)) }]);
}
