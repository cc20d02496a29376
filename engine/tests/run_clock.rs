//! A wall clock that steps back in the middle of a run: written down, nothing irreversible is done until it is right, nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::run::{EventBody, ParkCause, Phase, RunEnd};
use kirikae_engine::testing::{Fault, World, certificate};
use support::{CURRENT, Desk, REQUEST};

fn desk() -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

fn back(desk: &Desk, by: SignedDuration) -> Timestamp {
    let was = desk.world.clock.now();
    desk.world.clock.set(was - by);
    was
}

#[test]
fn nothing_irreversible_is_done_while_the_clock_is_before_the_last_event() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.BUSY"));
    let program = desk.program(&format!("{CURRENT}{REQUEST}"));
    // It stops at the busy site; then somebody sets the clock back.
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Failed));
    let was = back(&desk, SignedDuration::from_hours(1));
    let state = desk.resume(&program);
    let error = state.ended("request").and_then(|ended| ended.error.clone()).unwrap_or_else(|| panic!("{:?}", state.step("request")));
    assert_eq!(error.code, "CLOCK.WRONG");
    assert_eq!(desk.world.portal.received(), 0, "nothing was sent");
    let events = desk.events();
    assert!(events.iter().any(|event| matches!(event.body, EventBody::ClockStepped { back_ms } if back_ms > 3_500_000)), "it is written down");
    assert!(events.is_sorted_by_key(|event| event.at), "no event is before the one in front of it");
    // Set right again, the run goes on.
    desk.world.clock.set(was + SignedDuration::from_mins(10));
    let state = desk.resume(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{:?}", state.step("request"));
    assert_eq!((desk.world.portal.received(), desk.world.portal.issued()), (1, 1));
}

#[test]
fn a_request_in_doubt_is_not_sent_again_because_the_clock_jumps() {
    let desk = desk();
    desk.world.portal.absent_after(Duration::from_secs(60));
    desk.world.portal.fault(Operation::Renew, Fault::LoseAnswerHidden(Duration::from_secs(50)));
    let program = desk.program(&format!("{CURRENT}{REQUEST}"));
    desk.patience.set(Duration::ZERO);
    desk.apply(&program);
    // Far back: the second look must not seem to be long after the first.
    let was = back(&desk, SignedDuration::from_hours(3));
    for _ in 0..3 {
        desk.resume(&program);
    }
    assert_eq!(desk.world.portal.received(), 1, "looked up, and not sent again");
    desk.world.clock.set(was + SignedDuration::from_mins(2));
    desk.patience.set(Duration::MAX);
    let state = desk.resume(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{:?}", state.step("request"));
    assert_eq!((desk.world.portal.received(), desk.world.portal.issued()), (1, 1));
}
