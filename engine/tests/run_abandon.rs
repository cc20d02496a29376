//! Giving a run up, and what later plans are told of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use kirikae_engine::action::Answer;
use kirikae_engine::backend::BackendError;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::{Commitment, Journal};
use kirikae_engine::run::{Doubt, Event, EventBody, Outcome, Phase, Program, RunEnd, Settled, State, Word, abandonment, apply, earlier, in_doubt};
use kirikae_engine::testing::{Fault, World, certificate};
use kirikae_engine::text::Lang;
use support::{CURRENT, Desk, REQUEST, RUN};

fn desk(fault: Option<Fault>) -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    if let Some(fault) = fault {
        world.portal.fault(Operation::Renew, fault);
    }
    Desk::new(world)
}

fn request() -> String {
    format!("{CURRENT}{REQUEST}")
}

fn answer(desk: &Desk) -> Answer {
    Answer { yes: true, fields: BTreeMap::new(), evidence: None, by: "受付".to_owned(), account: "uketsuke".to_owned(), at: desk.world.clock.now() }
}

fn word(settled: Settled) -> Vec<Word> {
    vec![Word { step: None, settled }]
}

fn given_up(desk: &Desk, events: &[Event], words: &[Word]) -> Result<Vec<EventBody>, BackendError> {
    abandonment(RUN, events, words, &answer(desk), "")
}

/// Gives the run up as `kirikae abandon` does.
fn abandon(desk: &Desk, program: &Program, words: &[Word]) -> State {
    let mut journal = Journal::open(desk.state.path()).unwrap();
    for body in given_up(desk, &desk.events(), words).unwrap() {
        journal.append(RUN, desk.world.clock.now(), body).unwrap();
    }
    let mut state = State::new(RUN);
    desk.events().iter().for_each(|event| apply(program, &mut state, event));
    state
}

fn commitments(desk: &Desk, program: &Program) -> Vec<Commitment> {
    let journal = Journal::open(desk.state.path()).unwrap();
    let keys = kirikae_engine::run::credentials_of(&program.plan, &program.checked);
    keys.iter().flat_map(|key| journal.commitments(key).unwrap()).collect()
}

/// The notices of a plan that is made now.
fn told(desk: &Desk, program: &Program, lang: Lang) -> Vec<String> {
    let journal = Journal::open(desk.state.path()).unwrap();
    let plan = desk.plan(&program.checked);
    let messages = earlier(&journal, &plan, &program.checked, &desk.world.zone).unwrap();
    messages.into_iter().map(|message| format!("{} {}", message.code, message.message.get(lang))).collect()
}

#[test]
fn a_run_in_doubt_is_given_up_only_with_a_persons_word() {
    let desk = desk(Some(Fault::DropBefore));
    let program = desk.program(&request());
    desk.apply(&program);
    let events = desk.events();
    assert_eq!(in_doubt(&events), BTreeMap::from([("request", Doubt::Uncertain)]));
    assert_eq!(given_up(&desk, &events, &[]).unwrap_err().code, "STEP.UNCERTAIN");
    let other = [Word { step: Some("current".to_owned()), settled: Settled::Done }];
    assert!(given_up(&desk, &events, &other).unwrap_err().cause.ja.contains("current ではありません"));
    let twice = [word(Settled::Done), word(Settled::NotDone)].concat();
    assert_eq!(given_up(&desk, &events, &twice).unwrap_err().code, "STEP.UNCERTAIN", "two words contradict each other");
    let ended = abandon(&desk, &program, &word(Settled::NotDone));
    assert_eq!(ended.phase, Phase::Ended(RunEnd::Abandoned));
    assert_eq!(commitments(&desk, &program).iter().map(|c| c.state.as_str()).collect::<Vec<_>>(), ["not_done"]);
    assert_eq!(told(&desk, &program, Lang::Ja), Vec::<String>::new(), "what did not happen binds nobody");
    assert_eq!(given_up(&desk, &desk.events(), &[]).unwrap_err().code, "RUN.ENDED");
}

#[test]
fn settled_as_done_it_is_done_for_every_later_plan() {
    let desk = desk(Some(Fault::DropBefore));
    let program = desk.program(&request());
    desk.apply(&program);
    let ended = abandon(&desk, &program, &word(Settled::Done));
    assert_eq!(ended.ended("request").unwrap().outcome, Outcome::Changed, "what is settled is no longer left to do");
    assert_eq!(commitments(&desk, &program).iter().map(|c| c.state.as_str()).collect::<Vec<_>>(), ["done"]);
    insta::assert_snapshot!("told-after-done", [told(&desk, &program, Lang::Ja), told(&desk, &program, Lang::En)].concat().join("\n"));
}

#[test]
fn a_step_in_flight_becomes_uncertain_before_it_is_settled() {
    let desk = desk(None);
    let program = desk.program(&request());
    desk.apply(&program);
    let events = desk.events();
    let intent = events.iter().position(|event| event.body.kind() == "IntentRecorded").unwrap();
    // The process ended right after the intent.
    let crashed = &events[..=intent];
    assert_eq!(in_doubt(crashed), BTreeMap::from([("request", Doubt::InFlight)]), "nobody knows what became of it");
    let kinds = |settled| given_up(&desk, crashed, &word(settled)).unwrap().iter().map(EventBody::kind).collect::<Vec<_>>();
    assert_eq!(kinds(Settled::Done), ["Uncertain", "HumanAnswered", "StepEnded", "RunAbandoned"]);
    assert_eq!(kinds(Settled::NotDone), ["Uncertain", "HumanAnswered", "RunAbandoned"]);
    assert_eq!(in_doubt(&events), BTreeMap::new(), "an answer settled it");
}

#[test]
fn an_unfinished_run_and_its_doubt_are_shown_by_a_later_plan() {
    let desk = desk(Some(Fault::DropBefore));
    let program = desk.program(&request());
    desk.apply(&program);
    insta::assert_snapshot!("told-in-doubt", [told(&desk, &program, Lang::Ja), told(&desk, &program, Lang::En)].concat().join("\n"));
}

#[test]
fn a_refusal_of_the_portal_commits_nothing() {
    let desk = desk(Some(Fault::Refuse("PORTAL.REFUSED")));
    let program = desk.program(&request());
    desk.apply(&program);
    assert_eq!(commitments(&desk, &program).iter().map(|c| c.state.as_str()).collect::<Vec<_>>(), ["not_done"]);
}
