//! `retry` and `deadline`: when a step is tried again, and when it is too late.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use kirikae_engine::backend::profile::Operation;
use kirikae_engine::plan::Decision;
use kirikae_engine::run::{Doing, Event, EventBody, Outcome, ParkCause, Phase, RunEnd, State, apply, longest_wait, wait};
use kirikae_engine::testing::{Fault, World, certificate};
use support::{CURRENT, Desk, REQUEST, RUN};

const SECOND: Duration = Duration::from_secs(1);
const BUSY: &str = "    retry: { errors: [PORTAL.BUSY, NET.UNREACHABLE], times: 3, wait: 30s }\n";

fn desk() -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

fn busy(desk: &Desk, times: usize) {
    (0..times).for_each(|_| desk.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.BUSY")));
}

fn request(rest: &str) -> String {
    format!("{CURRENT}{REQUEST}{rest}")
}

#[test]
fn a_busy_portal_is_tried_again_through_look_and_intent_and_requested_once() {
    let desk = desk();
    busy(&desk, 2);
    let state = desk.apply(&desk.program(&request(BUSY)));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!(state.ended("request").unwrap().outcome, Outcome::Changed);
    assert_eq!((desk.world.portal.received(), desk.world.portal.issued()), (1, 1));
    assert_eq!(desk.count("IntentRecorded", "request"), 3, "each try has its own intent, after its own look");
    let expected: Vec<Duration> = (1..=2).map(|nth| wait(30 * SECOND, nth, RUN, "request")).collect();
    assert_eq!(*desk.waits.borrow(), expected);
    for (wait, nth) in expected.iter().zip(1..) {
        assert!(*wait <= longest_wait(30 * SECOND, nth));
    }
}

#[test]
fn after_the_last_try_the_step_has_failed_and_another_code_is_not_retried() {
    let desk = desk();
    busy(&desk, 9);
    let state = desk.apply(&desk.program(&request(BUSY)));
    assert_eq!(state.phase, Phase::Parked(ParkCause::Failed), "intents were recorded");
    assert_eq!(state.ended("request").unwrap().error.as_ref().unwrap().code, "PORTAL.BUSY");
    assert_eq!(desk.count("IntentRecorded", "request"), 4, "the first and three more");
    let other = self::desk();
    other.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.SESSION_EXPIRED"));
    other.apply(&other.program(&request(BUSY)));
    assert_eq!(other.count("IntentRecorded", "request"), 1);
    assert_eq!(other.count("TimerArmed", "request"), 0);
}

#[test]
fn counts_and_waits_go_on_in_the_next_process() {
    let desk = desk();
    busy(&desk, 9);
    desk.patience.set(Duration::ZERO);
    let program = desk.program(&request(BUSY));
    let mut state = desk.apply(&program);
    for nth in 1..=3 {
        let Doing::Retrying { due, .. } = state.step("request").unwrap().doing else { panic!("{:?}", state.step("request")) };
        assert_eq!(state.phase, Phase::Parked(ParkCause::Time));
        assert_eq!(state.step("request").unwrap().retries, nth);
        // Too early: it waits on, and nothing is tried.
        let early = desk.resume(&program);
        assert_eq!((early.phase, desk.count("IntentRecorded", "request")), (Phase::Parked(ParkCause::Time), nth as usize));
        desk.world.clock.set(due);
        state = desk.resume(&program);
    }
    assert_eq!(state.phase, Phase::Parked(ParkCause::Failed));
    assert_eq!(desk.count("IntentRecorded", "request"), 4);
    let again = desk.resume(&program);
    assert_eq!(again.phase, Phase::Parked(ParkCause::Failed), "its tries are used up: resume tries once and waits no more");
    assert_eq!((desk.count("IntentRecorded", "request"), desk.count("TimerArmed", "request")), (5, 3));
}

#[test]
fn what_may_have_happened_is_looked_up_and_never_retried() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::LoseAnswer);
    let state = desk.apply(&desk.program(&request(BUSY)));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "found in the list");
    assert_eq!((desk.world.portal.received(), desk.count("IntentRecorded", "request"), desk.count("TimerArmed", "request")), (1, 1, 0));
    let lost = self::desk();
    lost.world.portal.fault(Operation::Renew, Fault::DropBefore);
    let program = lost.program(&request(BUSY));
    assert_eq!(lost.apply(&program).phase, Phase::Parked(ParkCause::Uncertain));
    lost.world.clock.advance(Duration::from_hours(24));
    assert_eq!(lost.resume(&program).phase, Phase::Parked(ParkCause::Uncertain));
    assert_eq!((lost.world.portal.received(), lost.count("TimerArmed", "request")), (1, 0));
}

#[test]
fn a_look_that_answers_starts_the_count_of_a_poll_anew() {
    let desk = desk();
    let listed = certificate("0110119153", 9, "2026-11-20", "2030-02-20");
    desk.world.portal.list("202611200000001", &listed);
    desk.world.portal.change_last(|row| row.pending_looks = 2);
    let faults = |count: usize| (0..count).for_each(|_| desk.world.portal.fault(Operation::Status, Fault::Before("PORTAL.BUSY")));
    faults(2);
    let steps = format!(
        "{CURRENT}
  issued:
    title: 待つ
    uses: ca.status@1
    with: {{ client_cert: \"${{{{ steps.current.cert }}}}\", request_id: \"202611200000001\" }}
    repeat: {{ until: \"result.status != 'pending'\", every: 30s, within: 24h }}
    retry: {{ errors: [PORTAL.BUSY], times: 2, wait: 30s }}
"
    );
    let state = desk.apply(&desk.program(&steps));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!(state.step("issued").unwrap().retries, 0);
    faults(3);
    let second = Desk::new(desk.world);
    let state = second.apply(&second.program(&steps));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Failed), "three in a row are one too many");
}

#[test]
fn a_datetime_counts_to_its_instant_and_a_date_to_the_end_of_its_day_in_japan() {
    let failed = |deadline: &str, now: &str| {
        let desk = desk();
        let program = desk.program(&request(&format!("    deadline: {deadline}\n")));
        desk.world.clock.set(now.parse().unwrap());
        let state = desk.apply(&program);
        let error = state.ended("request").unwrap().error.clone();
        let sent = desk.world.portal.received();
        assert_eq!(sent == 0, error.is_some());
        assert_eq!(state.phase == Phase::Ended(RunEnd::Failed), error.is_some());
        error.map(|error| error.code)
    };
    for (now, late) in [("2026-11-23T11:59:59Z", false), ("2026-11-23T12:00:00Z", false), ("2026-11-23T12:00:01Z", true)] {
        assert_eq!(failed("inputs.at", now), late.then(|| "DEADLINE.PASSED".to_owned()), "{now}");
    }
    for (now, late) in [("2026-11-23T14:59:59Z", false), ("2026-11-23T15:00:00Z", true)] {
        assert_eq!(failed("inputs.until", now), late.then(|| "DEADLINE.PASSED".to_owned()), "{now}");
    }
}

#[test]
fn a_deadline_that_passes_while_the_run_is_parked_stops_the_write() {
    let desk = desk();
    busy(&desk, 1);
    desk.patience.set(Duration::ZERO);
    let program = desk.program(&request(&format!("{BUSY}    deadline: inputs.at\n")));
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Time));
    desk.world.clock.set("2026-11-24T00:00:00Z".parse().unwrap());
    let state = desk.resume(&program);
    assert_eq!(state.ended("request").unwrap().error.as_ref().unwrap().code, "DEADLINE.PASSED");
    assert_eq!((desk.world.portal.received(), desk.count("IntentRecorded", "request")), (0, 1));
}

#[test]
fn a_deadline_that_passes_while_a_secret_is_typed_stops_the_write() {
    let desk = desk();
    desk.world.portal.list("202611200000001", &certificate("0110119153", 9, "2026-11-20", "2030-02-20"));
    let steps = format!(
        "{CURRENT}
  fetch:
    title: 受け取る
    uses: ca.fetch@1
    with: {{ client_cert: \"${{{{ steps.current.cert }}}}\", request_id: \"202611200000001\", password: \"${{{{ secrets.pin }}}}\" }}
    deadline: inputs.at
"
    );
    let program = desk.program(&steps);
    desk.typist.types(["0417"]);
    *desk.typist.typing.lock().unwrap() = Duration::from_hours(12);
    let state = desk.apply(&program);
    assert_eq!(state.ended("fetch").unwrap().error.as_ref().unwrap().code, "DEADLINE.PASSED");
    assert_eq!(desk.count("IntentRecorded", "fetch"), 0);
}

#[test]
fn a_plan_says_the_deadline_and_is_blocked_after_it() {
    let desk = desk();
    let open = desk.program(&request("    deadline: steps.current.cert.not_after\n")).plan;
    assert_eq!(open.step("request").unwrap().deadline.as_deref(), Some("2027-01-22T03:00:00Z"));
    let checked = support::checked(&request("    deadline: inputs.until\n"));
    let past = desk.plan_with(&checked, &BTreeMap::from([("until".to_owned(), "2026-11-22".to_owned())]));
    let step = past.step("request").unwrap();
    assert_eq!((step.decision, step.blocked.as_ref().unwrap().code.as_str()), (Decision::Blocked, "DEADLINE.PASSED"));
    assert_eq!(step.deadline.as_deref(), Some("2026-11-22"));
    assert!(past.is_blocked());
}

#[test]
fn a_journal_that_does_not_say_that_the_step_ended_is_read_as_failed_and_goes_on() {
    let desk = desk();
    busy(&desk, 1);
    let program = desk.program(&request(""));
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Failed));
    let mut state = State::new(RUN);
    let ended = |event: &Event| matches!(&event.body, EventBody::StepEnded { step, .. } if step == "request");
    let old = desk.events().into_iter().filter(|event| !ended(event)).zip(1..).map(|(event, seq)| Event { seq, ..event });
    old.for_each(|event| apply(&program, &mut state, &event));
    assert_eq!(state.failed().map(|(address, _)| address), Some("request"));
    assert_eq!(state.phase, Phase::Parked(ParkCause::Failed));
    let resumed = EventBody::RunResumed { engine: "test".to_owned(), account: "test".to_owned() };
    let next = Event { seq: state.seq + 1, at: state.at.unwrap(), body: resumed };
    apply(&program, &mut state, &next);
    assert_eq!(state.step("request").unwrap().doing, Doing::Waiting);
}
