//! A run does what was planned, in the world that was planned for, or it does not begin; and with a clock that is right.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use kirikae_engine::action::Effect;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::plan::{Decision, Fee, Moved, PlanStep};
use kirikae_engine::run::{EventBody, Outcome, Phase, Program, RunEnd, State};
use kirikae_engine::testing::{Fault, World, certificate};
use kirikae_engine::text::Lang;
use support::{CURRENT, Desk, REQUEST};

const DAY: Duration = Duration::from_hours(24);

/// A certificate that ends in 60 days.
fn desk() -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

fn request(rest: &str) -> String {
    format!("{CURRENT}{REQUEST}{rest}")
}

/// What moved, by the run's own word; nothing was sent.
fn moved(desk: &Desk, state: &State) -> Vec<String> {
    let (_, ended) = state.failed().expect("a failed step");
    let error = ended.error.as_ref().unwrap();
    assert_eq!(error.code, "PLAN.DRIFT");
    assert_eq!((desk.world.portal.received(), &state.phase), (0, &Phase::Ended(RunEnd::Failed)));
    let moved = Moved::of_error(&error.data);
    assert!(!moved.is_empty(), "the refusal says what moved");
    moved.into_iter().map(|moved| format!("{} {}: {} -> {}", moved.step.unwrap_or_default(), moved.field, moved.was, moved.is)).collect()
}

fn step<'p>(program: &'p mut Program, address: &str) -> &'p mut PlanStep {
    program.plan.steps.iter_mut().find(|step| step.address == address).unwrap()
}

#[test]
fn another_certificate_than_planned_is_told_field_by_field() {
    let desk = desk();
    let program = desk.program(&request(""));
    let planned = desk.world.store.thumbprints().remove(0);
    desk.world.store.take(&planned);
    let now = desk.world.store.put(certificate("0110119153", 2, "2023-10-22", "2027-02-01"));
    let state = desk.apply(&program);
    assert_eq!(
        moved(&desk, &state),
        [format!("current cert.sha1: {planned} -> {}", now.sha1), "current cert.not_after: 2027-01-22T03:00:00Z -> 2027-02-01T03:00:00Z".to_owned(),]
    );
    let error = state.failed().unwrap().1.error.clone().unwrap();
    let labels = Moved::of_error(&error.data).iter().map(|moved| format!("{} / {}", moved.label().ja, moved.label().get(Lang::En))).collect::<Vec<_>>();
    assert_eq!(labels, ["手順 current  cert の拇印 / step current, thumbprint of cert", "手順 current  cert の期限 / step current, end of validity of cert"]);
    assert!(error.cause.ja.ends_with("(ほか1件)"), "{}", error.cause.ja);
}

#[test]
fn a_condition_that_time_has_changed_stops_the_run_at_its_start() {
    let drifted = |steps: &str, planned: Decision| {
        let desk = desk();
        let program = desk.program(steps);
        assert_eq!(program.plan.step("request").unwrap().decision, planned);
        desk.world.clock.advance(DAY);
        moved(&desk, &desk.apply(&program))
    };
    let skipped = request("    when: steps.current.cert.days_left <= 59\n");
    assert_eq!(drifted(&skipped, Decision::Skip), ["request when.steps.current.cert.days_left <= 59: skip -> run"]);
    let run = request("    when: steps.current.cert.days_left >= 60\n");
    assert_eq!(drifted(&run, Decision::Run), ["request when.steps.current.cert.days_left >= 60: run -> skip"], "less than approved is not what was approved");
    let finished = format!("{CURRENT}    expect: [{{ that: result.cert.days_left <= 59, say: まだです, then: finish }}]\n{REQUEST}");
    assert_eq!(drifted(&finished, Decision::Skip), ["current expect.result.cert.days_left <= 59: fails -> holds"]);
    let guarded = request("    require: [{ that: steps.current.cert.days_left >= 60, say: 遅すぎます, then: stop }]\n");
    assert_eq!(drifted(&guarded, Decision::Run), ["request require.steps.current.cert.days_left >= 60: holds -> fails"]);
}

#[test]
fn time_alone_is_no_drift_and_what_was_open_may_be_decided() {
    let steps = request("    when: steps.current.cert.days_left <= 60\n");
    let desk = desk();
    let program = desk.program(&steps);
    desk.world.clock.advance(Duration::from_hours(3));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{:?}", state.failed());
    // Whether the deletion is done depends on what an earlier step finds out: maybe becomes skip.
    let desk = self::desk();
    let program = desk.program(&request(
        "  told:\n    title: 知らせる\n    when: steps.request.outcome == 'unchanged'\n    uses: notify.send@1\n    with: { to: 受付, subject: 例, body: 例 }\n",
    ));
    assert_eq!(program.plan.step("told").unwrap().decision, Decision::Maybe);
    let state = desk.apply(&program);
    assert_eq!((state.phase.clone(), state.ended("told").unwrap().outcome), (Phase::Ended(RunEnd::Done), Outcome::Skipped));
}

#[test]
fn a_start_that_was_refused_is_refused_again() {
    let desk = desk();
    let program = desk.program(&request("    when: steps.current.cert.days_left <= 59\n"));
    desk.world.clock.advance(DAY);
    let first = moved(&desk, &desk.apply(&program));
    assert_eq!(moved(&desk, &desk.resume(&program)), first);
}

#[test]
fn what_an_action_does_beyond_its_plan_is_refused_before_it_writes() {
    let drifted = |change: &dyn Fn(&mut Program)| {
        let desk = desk();
        let mut program = desk.program(&request(""));
        change(&mut program);
        moved(&desk, &desk.apply(&program))
    };
    let cheap = |program: &mut Program| step(program, "request").fee = Some(Fee { yen: 1000, verified: true });
    assert_eq!(drifted(&cheap), ["request fee: 1000 -> 1500"]);
    let free = |program: &mut Program| step(program, "request").fee = None;
    assert_eq!(drifted(&free), ["request fee: - -> 1500"]);
    let harmless = |program: &mut Program| step(program, "request").effect = Effect::Write;
    assert_eq!(drifted(&harmless), ["request effect: write -> irreversible"]);
    let other = |program: &mut Program| step(program, "request").uses = "ca.renew@2".to_owned();
    assert_eq!(drifted(&other), ["request uses: ca.renew@2 -> ca.renew@1"]);
    let skip = |program: &mut Program| step(program, "request").decision = Decision::Skip;
    assert_eq!(drifted(&skip), ["request decision: skip -> run"]);
    let new = |program: &mut Program| program.plan.steps.retain(|step| step.address != "request");
    assert_eq!(drifted(&new), ["request step: - -> run"]);
    let target = |program: &mut Program| {
        step(program, "request").with.insert("portal".to_owned(), "other".into());
    };
    assert_eq!(drifted(&target), ["request portal: other -> issuer"]);
    // A fee that has come down is no drift.
    let desk = desk();
    let mut program = desk.program(&request(""));
    step(&mut program, "request").fee = Some(Fee { yen: 2000, verified: true });
    assert_eq!(desk.apply(&program).phase, Phase::Ended(RunEnd::Done));
}

const FETCH: &str = r#"
  fetch:
    title: 受け取る
    uses: ca.fetch@1
    with: { client_cert: "${{ steps.current.cert }}", password: "${{ secrets.pin }}" }
"#;

#[test]
fn a_secret_goes_nowhere_else_than_planned() {
    let desk = desk();
    *desk.typist.filed.lock().unwrap() = Some("1234");
    let mut program = desk.program(&format!("{CURRENT}{FETCH}"));
    step(&mut program, "fetch").with_secret.clear();
    assert_eq!(moved(&desk, &desk.apply(&program)), ["fetch secret.password: - -> pin"]);
}

#[test]
fn a_deadline_of_a_later_step_that_has_passed_stops_the_run_before_the_first_write() {
    let desk = desk();
    *desk.typist.filed.lock().unwrap() = Some("1234");
    let program = desk.program(&format!("{CURRENT}{REQUEST}{FETCH}    deadline: inputs.at\n    needs: [request]\n"));
    desk.world.clock.set("2026-11-23T12:00:01Z".parse().unwrap());
    let state = desk.apply(&program);
    assert_eq!(state.failed().map(|(step, ended)| (step, ended.error.as_ref().unwrap().code.as_str())), Some(("fetch", "DEADLINE.PASSED")));
    assert_eq!(desk.world.portal.received(), 0, "the request before it was not sent");
}

/// A person is asked before the request; meanwhile the clock is set.
const SURE: &str = r#"
  sure:
    title: 聞く
    uses: human.confirm@1
    with: { ask: 申請してよいですか }
"#;

fn code(state: &State) -> Option<&str> {
    state.failed().map(|(_, ended)| ended.error.as_ref().unwrap().code.as_str())
}

#[test]
fn a_clock_that_steps_back_is_written_down_and_stops_what_cannot_be_undone() {
    let desk = desk();
    let program = desk.program(&format!("{CURRENT}{SURE}{REQUEST}    needs: [sure]\n"));
    desk.answers.borrow_mut().push_back((true, Box::new(|world: &World| world.clock.set("2026-11-23T00:00:00Z".parse().unwrap()))));
    let state = desk.apply(&program);
    assert_eq!((code(&state), desk.world.portal.received()), (Some("CLOCK.WRONG"), 0));
    let events = desk.events();
    assert!(events.iter().any(|event| matches!(event.body, EventBody::ClockStepped { back_ms: 3_600_000 })), "{events:?}");
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at), "no event is before the one in front of it");
    // Set right again, the run goes on.
    desk.world.clock.set("2026-11-23T01:30:00Z".parse().unwrap());
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done));
    assert_eq!(desk.world.portal.issued(), 1);
}

#[test]
fn a_clock_from_before_the_program_stops_what_cannot_be_undone() {
    let desk = desk();
    desk.world.clock.set("2026-10-31T00:00:00Z".parse().unwrap());
    let state = desk.apply(&desk.program(&request("")));
    assert_eq!((code(&state), desk.world.portal.received()), (Some("CLOCK.WRONG"), 0));
    assert_eq!(state.ended("current").unwrap().outcome, Outcome::Observed, "looking is harmless");
}

#[test]
fn a_clock_more_than_five_minutes_from_the_portals_stops_what_cannot_be_undone() {
    for (off, right) in [(300, true), (-300, true), (301, false), (-301, false)] {
        let desk = desk();
        desk.world.portal.tells_time(SignedDuration::from_secs(off));
        let state = desk.apply(&desk.program(&request("")));
        assert_eq!((code(&state), desk.world.portal.received()), if right { (None, 1) } else { (Some("CLOCK.WRONG"), 0) }, "{off} s");
    }
}

#[test]
fn a_plan_is_held_against_the_start_only_not_against_the_hours_after_it() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.BUSY"));
    let program = desk.program(&request("    when: steps.current.cert.days_left >= 60\n"));
    let state = desk.apply(&program);
    assert_eq!(code(&state), Some("PORTAL.BUSY"));
    desk.world.clock.advance(3 * DAY);
    assert!(desk.world.clock.now() > program.plan.expires_at);
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done), "expressions of a run see its start as now");
    assert_eq!(BTreeMap::from([("issued", desk.world.portal.issued())]), BTreeMap::from([("issued", 1)]));
}
