//! The journal as its readers see it: whole or visibly not, one plan once, one run for a credential.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Barrier;

use jiff::Timestamp;
use kirikae_engine::action::Intent;
use kirikae_engine::journal::{ChainFault, Journal, RunLock};
use kirikae_engine::run::{EffectResult, EventBody, Outcome, RunEnd, StepEnd};
use serde_json::json;

fn started(plan: &str) -> EventBody {
    EventBody::RunStarted {
        plan: plan.to_owned(),
        digest: "d".to_owned(),
        engine: "0".to_owned(),
        playbook: "a/b@1".to_owned(),
        site: "s".to_owned(),
        blobs: BTreeMap::new(),
        bindings: BTreeMap::new(),
        batch: None,
        account: "a".to_owned(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn begin(journal: &mut Journal, run: &str) {
    journal.begin(run, at(0), "a/b", "s", started(&format!("P-{run}")), vec![]).unwrap();
}

fn intended(step: &str) -> EventBody {
    EventBody::IntentRecorded {
        step: step.to_owned(),
        key: "k".to_owned(),
        operation: "ca.renew".to_owned(),
        credential: Some("c".to_owned()),
        intent: Intent { attempt: 1, at: at(1), baseline: json!([]) },
    }
}

fn ended() -> EventBody {
    EventBody::RunEnded { end: RunEnd::Done, reason: None, outputs: BTreeMap::new() }
}

fn tamper(folder: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(folder.join("journal.db")).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0);
}

/// A run of four events, and the hash of the last.
fn four_events(folder: &Path) -> (Journal, String) {
    let mut journal = Journal::open(folder).unwrap();
    begin(&mut journal, "r1");
    for second in 1..3 {
        journal.append("r1", at(second), EventBody::ClockStepped { back_ms: second }).unwrap();
    }
    journal.append("r1", at(3), ended()).unwrap();
    let head = journal.verify_run("r1", None).unwrap().head;
    (journal, head)
}

#[test]
fn many_first_openings_at_once_all_succeed() {
    for _ in 0..20 {
        let place = tempfile::tempdir().unwrap();
        let gate = Barrier::new(8);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (gate, folder) = (&gate, place.path());
                scope.spawn(move || {
                    gate.wait();
                    let mut journal = Journal::open(folder).expect("opens");
                    begin(&mut journal, &format!("r{number}"));
                });
            }
        });
        assert_eq!(Journal::open(place.path()).unwrap().runs().unwrap().len(), 8);
    }
}

#[test]
fn what_was_appended_is_read_back_in_order_and_verifies() {
    let place = tempfile::tempdir().unwrap();
    let (journal, head) = four_events(place.path());
    let events = journal.events("r1").unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(events[0].body, started("P-r1"));
    let verified = journal.verify_run("r1", Some(&head)).unwrap();
    assert_eq!((verified.events, verified.fault), (4, None));
}

#[test]
fn a_clock_that_steps_back_never_orders_events_backwards() {
    let place = tempfile::tempdir().unwrap();
    let (mut journal, _) = four_events(place.path());
    let event = journal.append("r1", at(-500), EventBody::ClockStepped { back_ms: 1 }).unwrap();
    assert_eq!(event.at, at(3));
}

#[test]
fn a_changed_event_a_missing_one_and_a_cut_tail_are_found() {
    let change = |sql: &str, head: bool| {
        let place = tempfile::tempdir().unwrap();
        let (journal, kept) = four_events(place.path());
        drop(journal);
        tamper(place.path(), sql);
        Journal::open(place.path()).unwrap().verify_run("r1", head.then_some(kept.as_str())).unwrap().fault
    };
    assert_eq!(change("UPDATE events SET body=replace(body, '\"back_ms\":2', '\"back_ms\":3') WHERE seq=3", false), Some(ChainFault::Broken(3)));
    assert_eq!(change("UPDATE events SET at=at+1 WHERE seq=2", false), Some(ChainFault::Broken(2)));
    assert_eq!(change("DELETE FROM events WHERE seq=2", false), Some(ChainFault::Missing(2)));
    // A cut tail leaves a whole chain: only a head kept elsewhere shows it.
    assert_eq!(change("DELETE FROM events WHERE seq=4", false), None);
    assert_eq!(change("DELETE FROM events WHERE seq=4", true), Some(ChainFault::HeadNotFound));
}

#[test]
fn a_plan_is_used_once() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(place.path()).unwrap();
    journal.begin("r1", at(0), "a/b", "s", started("P"), vec![]).unwrap();
    let refused = journal.begin("r2", at(1), "a/b", "s", started("P"), vec![]).unwrap_err();
    assert_eq!(refused.code, "PLAN.USED");
    assert!(journal.events("r2").unwrap().is_empty(), "nothing of the second run is left");
}

#[test]
fn a_claim_is_one_runs_until_it_ends() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(place.path()).unwrap();
    begin(&mut journal, "r1");
    begin(&mut journal, "r2");
    journal.claim("r1", at(1), &["c".to_owned()]).unwrap();
    journal.claim("r1", at(1), &["c".to_owned()]).unwrap();
    let refused = journal.claim("r2", at(2), &["other".to_owned(), "c".to_owned()]).unwrap_err();
    assert_eq!(refused.code, "RUN.UNFINISHED");
    assert!(refused.cure.ja.contains("kirikae resume r1"));
    assert_eq!(journal.claimed_by("other").unwrap(), None, "all or none");
    journal.append("r1", at(3), ended()).unwrap();
    journal.claim("r2", at(4), &["c".to_owned()]).unwrap();
    assert_eq!(journal.claimed_by("c").unwrap().as_deref(), Some("r2"));
}

#[test]
fn commitments_follow_intent_effect_and_doubt() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(place.path()).unwrap();
    begin(&mut journal, "r1");
    let state = |journal: &Journal| journal.commitments("c").unwrap().into_iter().map(|c| (c.state, c.request_id)).collect::<Vec<_>>();
    journal.append("r1", at(1), intended("request")).unwrap();
    assert_eq!(state(&journal), [("intended".to_owned(), None)]);
    let doubt = EventBody::Uncertain { step: "request".to_owned(), code: "PORTAL.RESULT_UNKNOWN".to_owned(), why: Default::default(), attempt: None };
    journal.append("r1", at(2), doubt).unwrap();
    assert_eq!(state(&journal), [("uncertain".to_owned(), None)]);
    let outputs = BTreeMap::from([("request_id".to_owned(), json!("123"))]);
    let done = EffectResult::Done { outputs: outputs.clone() };
    journal.append("r1", at(3), EventBody::EffectEnded { step: "request".to_owned(), attempt: 1, result: done }).unwrap();
    // A check that fails after the effect does not undo it.
    let end = StepEnd { outcome: Outcome::Failed, outputs, error: None, finish: None };
    journal.append("r1", at(4), EventBody::StepEnded { step: "request".to_owned(), end }).unwrap();
    assert_eq!(state(&journal), [("done".to_owned(), Some("123".to_owned()))]);
    assert_eq!(journal.acts_since("ca.renew", at(0)).unwrap(), 1);
}

#[test]
fn a_run_is_driven_by_one_process_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let lock = RunLock::take(place.path(), "r1").unwrap();
    assert_eq!(RunLock::take(place.path(), "r1").unwrap_err().code, "RUN.UNFINISHED");
    RunLock::take(place.path(), "r2").unwrap();
    drop(lock);
    RunLock::take(place.path(), "r1").unwrap();
}

#[test]
fn a_journal_of_a_newer_format_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    drop(Journal::open(place.path()).unwrap());
    tamper(place.path(), "UPDATE meta SET value='2.0' WHERE key='format'");
    assert_eq!(Journal::open(place.path()).err().unwrap().code, "JOURNAL.NEWER");
}
