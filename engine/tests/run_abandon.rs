//! Giving a run up, and what later plans are told of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use kirikae_engine::action::Answer;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::{Commitment, Journal};
use kirikae_engine::run::{EventBody, Phase, Program, Settled, State, Word, abandonment, apply, earlier, in_doubt};
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

/// Gives the run up as `kirikae abandon` does.
fn abandon(desk: &Desk, program: &Program, state: &State, words: &[Word]) -> State {
    let mut journal = Journal::open(desk.state.path()).unwrap();
    let mut state = state.clone();
    for body in abandonment(&state.clone(), words, &answer(desk), "").unwrap() {
        let event = journal.append(RUN, desk.world.clock.now(), body).unwrap();
        apply(program, &mut state, &event);
    }
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
    let state = desk.apply(&program);
    assert_eq!(in_doubt(&state), ["request"]);
    let refused = abandonment(&state, &[], &answer(&desk), "").unwrap_err();
    assert_eq!(refused.code, "STEP.UNCERTAIN");
    let other = [Word { step: Some("current".to_owned()), settled: Settled::Done }];
    assert!(abandonment(&state, &other, &answer(&desk), "").unwrap_err().cause.ja.contains("current ではありません"));
    let twice = [word(Settled::Done), word(Settled::NotDone)].concat();
    assert_eq!(abandonment(&state, &twice, &answer(&desk), "").unwrap_err().code, "STEP.UNCERTAIN", "two words contradict each other");
    let ended = abandon(&desk, &program, &state, &word(Settled::NotDone));
    assert!(matches!(ended.phase, Phase::Ended(_)));
    assert_eq!(commitments(&desk, &program).iter().map(|c| c.state.as_str()).collect::<Vec<_>>(), ["not_done"]);
    assert_eq!(told(&desk, &program, Lang::Ja), Vec::<String>::new(), "what did not happen binds nobody");
    assert_eq!(abandonment(&ended, &[], &answer(&desk), "").unwrap_err().code, "RUN.ENDED");
}

#[test]
fn settled_as_done_it_is_done_for_every_later_plan() {
    let desk = desk(Some(Fault::DropBefore));
    let program = desk.program(&request());
    let state = desk.apply(&program);
    let ended = abandon(&desk, &program, &state, &word(Settled::Done));
    assert!(ended.ended("request").is_some(), "what is settled is no longer left to do");
    assert_eq!(commitments(&desk, &program).iter().map(|c| c.state.as_str()).collect::<Vec<_>>(), ["done"]);
    insta::assert_snapshot!("told-after-done", [told(&desk, &program, Lang::Ja), told(&desk, &program, Lang::En)].concat().join("\n"));
}

/// The state of a run whose process ended right after an intent.
fn crashed(desk: &Desk, program: &Program) -> State {
    let mut state = State::new(RUN);
    for event in desk.events() {
        let last = matches!(&event.body, EventBody::IntentRecorded { .. });
        apply(program, &mut state, &event);
        if last {
            break;
        }
    }
    state
}

#[test]
fn a_step_in_flight_becomes_uncertain_before_it_is_settled() {
    let desk = desk(None);
    let program = desk.program(&request());
    desk.apply(&program);
    let state = crashed(&desk, &program);
    assert_eq!(in_doubt(&state), ["request"], "nobody knows what became of it");
    let kinds: Vec<&str> = abandonment(&state, &word(Settled::Done), &answer(&desk), "").unwrap().iter().map(EventBody::kind).collect();
    assert_eq!(kinds, ["Uncertain", "HumanAnswered", "StepEnded", "RunAbandoned"]);
    let kinds: Vec<&str> = abandonment(&state, &word(Settled::NotDone), &answer(&desk), "").unwrap().iter().map(EventBody::kind).collect();
    assert_eq!(kinds, ["Uncertain", "HumanAnswered", "RunAbandoned"]);
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
