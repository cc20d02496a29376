//! Limited tries of a token: counted before they are made, stopped in time, never spent twice on the same stored value.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attempts;

use std::collections::BTreeMap;
use std::time::Duration;

use attempts::{DEVICE, Desk, SERIAL, checked, failure};
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::{Cut, STATE_RUN};
use kirikae_engine::plan::{Decision, NoLedger};
use kirikae_engine::run::{EventBody, Outcome, ParkCause, Phase, RunEnd, State, TryEnd};

const LIMITS: &str = "limit: 10, leave: 5, per_run: 2";

fn opened(state: &State) -> bool {
    state.ended("unlock").is_some_and(|ended| ended.outcome == Outcome::Changed)
}

#[test]
fn the_right_pin_is_counted_before_the_try_and_ends_the_count() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("12345678");
    let state = desk.night(&playbook);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert!(opened(&state));
    assert_eq!((desk.tries(), desk.used()), (1, 0));
    let kinds: Vec<&str> = desk.events().iter().map(|event| event.body.kind()).filter(|kind| kind.contains("Attempt") || *kind == "IntentRecorded").collect();
    assert_eq!(kinds, ["IntentRecorded", "AttemptCounted", "AttemptEnded"]);
    assert!(desk.journal().attempt(DEVICE).unwrap().unwrap().failed.is_empty());
    let journaled = format!("{:?}", desk.events());
    assert!(!journaled.contains("12345678"), "no value is written down");
}

#[test]
fn a_token_that_is_not_inserted_is_asked_for_and_the_run_waits() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("12345678");
    desk.world.tokens.change(SERIAL, |token| token.present = false);
    let plan = desk.plan(&playbook, &NoLedger);
    assert!(plan.steps.iter().all(|step| step.decision != Decision::Blocked), "it may be inserted when it is asked for");
    let state = desk.night(&playbook);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Person), "{:?}", desk.events());
    let question =
        desk.events().into_iter().find_map(|event| if let EventBody::HumanAsked { step, question, .. } = event.body { Some((step, question)) } else { None });
    let (step, question) = question.unwrap();
    assert_eq!((step.as_str(), question.ask.ja.as_str()), ("key", "USBキーを挿してください。"));
    assert_eq!(desk.tries(), 0);
}

#[test]
fn a_stored_wrong_pin_run_thirty_nights_spends_one_try() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("99999999");
    for night in 1..=30 {
        let state = desk.night(&playbook);
        desk.world.clock.advance(Duration::from_hours(24));
        let (code, used, left) = failure(&state, "unlock");
        let expected = if night == 1 { "PIN.INCORRECT" } else { "PIN.STOPPED" };
        assert_eq!((code.as_str(), used.as_deref()), (expected, Some("1")), "night {night}");
        assert_eq!(left.as_deref(), if night == 1 { Some("1") } else { Some("2") }, "night {night}: `per_run` begins anew, the value stays refused");
        assert_eq!(desk.tries(), 1, "night {night}");
        let planned = desk.plan(&playbook, &desk);
        let step = planned.step("unlock").unwrap();
        assert_eq!((step.decision, step.blocked.as_ref().unwrap().code.as_str()), (Decision::Blocked, "PIN.STOPPED"), "a plan says so before anybody tries");
    }
    assert_eq!(desk.used(), 1);
    assert!(desk.journal().verify().unwrap().iter().all(|run| run.fault.is_none()));
}

#[test]
fn a_source_that_changed_is_tried_again() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("99999999");
    desk.night(&playbook);
    desk.night(&playbook);
    assert_eq!(desk.tries(), 1);
    desk.file("88888888");
    assert_eq!(failure(&desk.night(&playbook), "unlock").1.as_deref(), Some("2"));
    assert_eq!((desk.tries(), desk.used()), (2, 2));
    desk.file("12345678");
    assert!(opened(&desk.night(&playbook)));
    assert_eq!((desk.tries(), desk.used()), (3, 0));
    assert!(opened(&desk.night(&playbook)), "and the next night with the same value");
}

#[test]
fn a_source_whose_change_cannot_be_seen_fails_once_then_a_person_is_asked() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("99999999");
    desk.night(&playbook);
    // The same version with another value, as of an environment variable.
    *desk.filed.borrow_mut() = Some("12345678".to_owned());
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "PIN.STOPPED");
    assert_eq!((desk.tries(), desk.asked.get()), (1, 1), "a person was looked for");
    desk.typed.borrow_mut().push_back("12345678");
    assert!(opened(&desk.night(&playbook)));
    assert_eq!((desk.tries(), desk.used()), (2, 0));
}

#[test]
fn tries_end_at_limit_less_leave_and_at_per_run() {
    let (desk, playbook) = (
        Desk::new(),
        checked("limit: 6, leave: 2, per_run: 3", "    rescue:\n      PIN.INCORRECT: { say: 違います, ask_again: [pin], then: retry, times: 9 }\n"),
    );
    *desk.typed.borrow_mut() = ["1111", "2222", "3333", "4444", "5555", "6666", "7777"].into();
    let state = desk.night(&playbook);
    assert_eq!(failure(&state, "unlock"), ("PIN.STOPPED".to_owned(), Some("3".to_owned()), Some("0".to_owned())), "{:?}", desk.events());
    assert_eq!(desk.tries(), 3, "as many as one run may");
    let state = desk.night(&playbook);
    assert_eq!(failure(&state, "unlock").0, "PIN.STOPPED");
    assert_eq!((desk.tries(), desk.used()), (4, 4), "and no more than leave two of six");
    for _ in 0..3 {
        desk.night(&playbook);
    }
    assert_eq!((desk.tries(), desk.world.tokens.look(SERIAL).wrong), (4, 4));
}

#[test]
fn the_count_reaches_the_words_of_a_rescue() {
    let rest = "    rescue:\n      PIN.INCORRECT: { say: \"失敗 ${{ error.used }} 回、あと ${{ error.left }} 回\", then: stop }\n";
    let (desk, playbook) = (Desk::new(), checked(LIMITS, rest));
    desk.typed.borrow_mut().push_back("99999999");
    let state = desk.night(&playbook);
    assert_eq!(state.ended("unlock").unwrap().error.as_ref().unwrap().cause.ja, "失敗 1 回、あと 1 回");
}

#[test]
fn clearing_lets_a_value_be_tried_again_and_is_journaled() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("99999999");
    desk.night(&playbook);
    desk.night(&playbook);
    desk.world.tokens.change(SERIAL, |token| token.pin = "99999999".to_owned());
    desk.journal().clear_attempts(desk.world.clock.now(), DEVICE, "佐藤", "sato", "窓口で PIN を確かめた").unwrap();
    assert_eq!(desk.journal().attempt(DEVICE).unwrap(), None);
    assert!(opened(&desk.night(&playbook)));
    let events = desk.journal().events(STATE_RUN).unwrap();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let EventBody::AttemptsCleared { on, by, account, reason } = &event.body else { panic!("{event:?}") };
    assert_eq!((on.as_str(), by.as_str(), account.as_str(), reason.as_str()), (DEVICE, "佐藤", "sato", "窓口で PIN を確かめた"));
    assert!(desk.journal().verify().unwrap().iter().all(|run| run.fault.is_none()));
    assert_eq!(desk.journal().attempt_events(DEVICE).unwrap().len(), 5, "counted, failed, cleared, counted, proved");
}

#[test]
fn what_the_device_says_wins_where_it_is_worse() {
    // Somebody else spent tries on it; nothing is recorded here.
    for (wrong, code) in [(9, "PIN.FINAL_TRY"), (10, "PIN.LOCKED")] {
        let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
        desk.world.tokens.change(SERIAL, |token| token.wrong = wrong);
        desk.file("12345678");
        assert_eq!(failure(&desk.night(&playbook), "unlock").0, code);
        assert_eq!(desk.tries(), 0, "{code}: the token saw no PIN, not even the right one");
        assert_eq!(desk.plan(&playbook, &NoLedger).step("unlock").unwrap().blocked.as_ref().unwrap().code, code);
    }
    let (desk, playbook) = (Desk::new(), checked("limit: 2, leave: 1, per_run: 1", ""));
    desk.world.tokens.change(SERIAL, |token| token.wrong = 1);
    desk.file("12345678");
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "PIN.STOPPED", "COUNT_LOW is one failure at least");
    assert_eq!(desk.tries(), 0);
}

#[test]
fn flags_after_a_try_are_recorded_when_they_are_worse() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.world.tokens.change(SERIAL, |token| token.wrong = 8);
    desk.typed.borrow_mut().push_back("99999999");
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "PIN.FINAL_TRY");
    assert_eq!(desk.used(), 9, "also where the token cannot be asked any more");
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.world.tokens.change(SERIAL, |token| (token.wrong, token.mute) = (9, true));
    desk.typed.borrow_mut().push_back("99999999");
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "PIN.LOCKED");
    assert_eq!(desk.used(), 10);
}

#[test]
fn a_value_that_the_device_does_not_take_never_gets_there_and_is_not_counted() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    for unfit in ["123", "12345678901234567", "ピン番号"] {
        desk.file(unfit);
        assert_eq!(failure(&desk.night(&playbook), "unlock").0, "SECRET.UNFIT", "{unfit}");
    }
    assert_eq!((desk.tries(), desk.used(), desk.journal().attempts().unwrap().len()), (0, 0, 0));
}

#[test]
fn a_driver_that_only_reports_a_failure_costs_no_second_try() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.world.tokens.change(SERIAL, |token| token.vague = true);
    desk.file("99999999");
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "TOKEN.FAILED");
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "PIN.STOPPED");
    assert_eq!((desk.tries(), desk.used()), (1, 1));
}

#[test]
fn a_token_pulled_out_in_the_middle_counts_as_a_failure() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.world.tokens.change(SERIAL, |token| token.pulled_at_login = true);
    desk.file("12345678");
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "TOKEN.FAILED");
    assert_eq!((desk.tries(), desk.used()), (1, 1), "whether it was right nobody knows");
    desk.world.tokens.change(SERIAL, |token| token.present = true);
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "PIN.STOPPED");
}

#[test]
fn a_state_folder_of_one_account_counts_nothing_and_so_tries_nothing() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("12345678");
    desk.per_user.set(true);
    assert_eq!(failure(&desk.night(&playbook), "unlock").0, "ATTEMPTS.PER_USER");
    assert_eq!(desk.tries(), 0);
    assert_eq!(desk.plan(&playbook, &desk).step("unlock").unwrap().blocked.as_ref().unwrap().code, "ATTEMPTS.PER_USER");
    desk.per_user.set(false);
    assert!(opened(&desk.night(&playbook)));
}

#[test]
fn a_crash_at_any_write_spends_a_stored_value_at_most_once() {
    for right in [true, false] {
        for write in 1..=12 {
            for durable in [false, true] {
                let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
                desk.file(if right { "12345678" } else { "99999999" });
                if desk.night_until(&playbook, Some(Cut { write, durable })).is_ok() {
                    continue;
                }
                let place = format!("write {write}, durable {durable}, right {right}");
                let (before, counted) = (desk.tries(), desk.used());
                assert!(before <= 1, "{place}");
                assert!(before == 0 || right || counted == 1, "{place}: a try that is not on disk");
                if desk.journal().runs().unwrap().is_empty() {
                    continue;
                }
                let state = desk.resume(&playbook);
                let wrong = desk.world.tokens.look(SERIAL).tries.iter().filter(|right| !**right).count();
                assert!(wrong <= 1, "{place}: the stored value was tried again");
                if !right {
                    assert!(!opened(&state), "{place}");
                    assert!(usize::try_from(desk.used()).unwrap() >= wrong, "{place}: {} counted, {wrong} made", desk.used());
                }
                for _ in 0..5 {
                    desk.night(&playbook);
                }
                let wrong = desk.world.tokens.look(SERIAL).tries.iter().filter(|right| !**right).count();
                assert!(wrong <= 1 && desk.used() <= 5, "{place}: later nights");
                assert!(desk.journal().verify().unwrap().iter().all(|run| run.fault.is_none()), "{place}");
            }
        }
    }
}

#[test]
fn between_count_and_try_and_between_try_and_record_the_count_stands() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("12345678");
    // Which write holds the count, and which the end.
    desk.night(&playbook);
    let (mut between_count_and_try, mut between_try_and_record) = (0, 0);
    for write in 1..=12 {
        for durable in [false, true] {
            let desk = Desk::new();
            desk.file("12345678");
            if desk.night_until(&playbook, Some(Cut { write, durable })).is_ok() || desk.journal().runs().unwrap().is_empty() {
                continue;
            }
            let ended = desk.events().iter().any(|event| matches!(event.body, EventBody::AttemptEnded { .. }));
            if desk.count("AttemptCounted") == 1 && !ended {
                assert_eq!(desk.used(), 1);
                *(if desk.tries() == 0 { &mut between_count_and_try } else { &mut between_try_and_record }) += 1;
                // The run may try once more (`per_run: 2`), but the value of the source may have been wrong: a person is asked.
                let state = desk.resume(&playbook);
                assert_eq!((desk.used(), desk.asked.get()), (1, 1));
                assert_eq!(failure(&state, "unlock").0, "PIN.STOPPED");
                desk.typed.borrow_mut().push_back("12345678");
                assert!(opened(&desk.resume(&playbook)));
                assert_eq!(desk.used(), 0);
            }
        }
    }
    assert!(between_count_and_try > 0 && between_try_and_record > 0, "{between_count_and_try} and {between_try_and_record}");
}

#[test]
fn a_site_that_did_not_answer_leaves_the_count_and_frees_the_source() {
    // Written as the ledger does: `not_judged` keeps `used`.
    let desk = Desk::new();
    let mut journal = desk.journal();
    let (on, step) = ("account:1@https://127.0.0.1".to_owned(), "login".to_owned());
    let at = desk.world.clock.now();
    let sources = BTreeMap::from([("file:/password".to_owned(), "1".to_owned())]);
    journal.append("r1", at, EventBody::AttemptCounted { step: step.clone(), on: on.clone(), used: 3, sources }).unwrap();
    assert_eq!(journal.attempt(&on).unwrap().unwrap().failed.len(), 1, "until it has ended well the source counts as failed");
    let ended = EventBody::AttemptEnded { step, on: on.clone(), end: TryEnd::NotJudged, used: 3, sources: vec!["file:/password".to_owned()], secrets: vec![] };
    journal.append("r1", at, ended).unwrap();
    let row = journal.attempt(&on).unwrap().unwrap();
    assert_eq!((row.used, row.failed.len()), (3, 0));
}

#[test]
fn a_wrong_pin_before_anything_else_was_written_parks_the_run() {
    let (desk, playbook) = (Desk::new(), checked(LIMITS, ""));
    desk.file("99999999");
    assert_eq!(desk.night(&playbook).phase, Phase::Parked(ParkCause::Failed), "an intent is on disk");
    assert_eq!(failure(&desk.resume(&playbook), "unlock").0, "PIN.STOPPED", "resuming spends nothing");
    assert_eq!(desk.tries(), 1);
}
