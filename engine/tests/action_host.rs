//! host.check, time.wait.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use kirikae_engine::action::Inputs;
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::Value;
use kirikae_engine::plan::Decision;
use kirikae_engine::run::{ParkCause, Phase, RunEnd};
use kirikae_engine::testing::{World, certificate, inputs};
use support::{CURRENT, Desk};

fn word(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn words(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| word(text)).collect())
}

fn program(name: &str, absent: bool) -> Value {
    Value::List(vec![Value::Map(BTreeMap::from([("name".to_owned(), word(name)), ("absent".to_owned(), Value::Bool(absent))]))])
}

fn refused(world: &World, given: &Inputs) -> String {
    world.outputs("host.check", given).unwrap_err().code
}

#[test]
fn a_terminal_that_is_as_the_manual_wants_it_is_described() {
    let world = World::obn();
    world.host.answers("onshikaku.example", 443);
    world.host.has("Cybertrust Managed PKI Client", "2.1.0");
    let given = inputs([
        ("os", words(&["windows10", "windows11"])),
        ("user", word("UKETSUKE")),
        ("programs", program("Cybertrust*", false)),
        ("resolves", words(&["onshikaku.example"])),
        ("reach", words(&["onshikaku.example:443"])),
        ("at", Value::Role("issuer".to_owned())),
    ]);
    let outputs = world.outputs("host.check", &given).unwrap();
    assert_eq!((&outputs["os"], &outputs["user"]), (&word("windows11"), &word("uketsuke")));
    assert_eq!(outputs["programs"], Value::Map(BTreeMap::from([("Cybertrust Managed PKI Client".to_owned(), word("2.1.0"))])));
    assert_eq!(world.host.asked(), ["onshikaku.example", "onshikaku.example:443"], "nothing else is contacted");
}

#[test]
fn what_does_not_fit_stops_with_its_own_code() {
    let world = World::obn();
    world.host.has("Old Client", "1.0");
    for (given, code) in [
        (inputs([("os", words(&["linux"]))]), "HOST.OS"),
        (inputs([("user", word("another"))]), "HOST.USER"),
        (inputs([("programs", program("New*", false))]), "HOST.PROGRAM_MISSING"),
        (inputs([("programs", program("Old*", true))]), "HOST.PROGRAM_PRESENT"),
        (inputs([("resolves", words(&["nowhere.example"]))]), "NET.UNREACHABLE"),
        (inputs([("reach", words(&["nowhere.example:443"]))]), "NET.UNREACHABLE"),
        (inputs([("reach", words(&["nowhere.example"]))]), "INPUT.UNFIT"),
    ] {
        assert_eq!(refused(&world, &given), code, "{given:?}");
    }
    world.portal.tells_time(SignedDuration::from_mins(6));
    assert_eq!(refused(&world, &inputs([("at", Value::Role("issuer".to_owned()))])), "CLOCK.WRONG");
    world.host.has_no_list();
    assert_eq!(refused(&world, &inputs([("programs", program("Old*", true))])), "BACKEND.UNSUPPORTED");
}

const WAIT: &str = "  rest:\n    title: 期限の翌日まで待つ\n    uses: time.wait@1\n    with: { until: \"${{ steps.current.cert.not_after | plus('1d') }}\" }\n";

fn desk() -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

#[test]
fn a_run_waits_for_a_date_and_goes_on_after_it() {
    let desk = desk();
    desk.patience.set(Duration::ZERO);
    let program = desk.program(&format!("{CURRENT}{WAIT}"));
    let step = program.plan.steps.iter().find(|step| step.address == "rest").unwrap();
    assert_eq!(step.decision, Decision::Run);
    assert!(step.reason.as_ref().unwrap().say.ja.contains("2027-01-23"), "{:?}", step.reason);
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Time));
    assert_eq!(desk.resume(&program).phase, Phase::Parked(ParkCause::Time), "it is too early");
    desk.world.clock.set("2027-01-23T03:00:01Z".parse().unwrap());
    let state = desk.resume(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{:?}", state.ended("rest"));
    let reached = &state.ended("rest").unwrap().outputs["reached_at"];
    assert_eq!(reached.as_str().unwrap().parse::<jiff::Timestamp>().unwrap(), desk.world.clock.now());
}

#[test]
fn a_date_that_has_come_holds_nothing_up_and_practice_waits_for_none() {
    let mut world = World::obn();
    let until = |world: &World, by: SignedDuration| inputs([("until", Value::DateTime(world.clock.now() + by))]);
    world.outputs("time.wait", &until(&world, SignedDuration::ZERO)).unwrap();
    let later = until(&world, SignedDuration::from_hours(24));
    assert_eq!(world.outputs("time.wait", &later).unwrap_err().code, "TIME.NOT_YET");
    world.clock.advance(Duration::from_secs(24 * 3600));
    world.outputs("time.wait", &later).unwrap();
    world.practice = true;
    world.outputs("time.wait", &until(&world, SignedDuration::from_hours(999))).unwrap();
}
