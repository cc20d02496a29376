//! The core alone: whatever happened, duplicates change nothing, the same state decides the same, and a state that was written down and
//! read back is the same state.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use kirikae_engine::action::Answer;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::Journal;
use kirikae_engine::run::{Doing, Event, EventBody, Phase, Program, RunEnd, Settled, State, apply, decide};
use kirikae_engine::testing::{Fault, World, certificate};
use proptest::prelude::*;
use support::{CURRENT, Desk, REQUEST, RUN};

/// A run as its journal holds it.
struct Story {
    program: Program,
    events: Vec<Event>,
}

fn desk() -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

fn story(desk: &Desk, steps: &str, resumes: usize) -> Story {
    let program = desk.program(steps);
    desk.apply(&program);
    (0..resumes).for_each(|_| drop(desk.resume(&program)));
    Story { program, events: desk.events() }
}

/// Runs that between them hold most kinds of events: a renewal, retries, doubt settled by looks, failure and resume, two branches.
fn stories() -> Vec<Story> {
    let linear = format!("{CURRENT}{REQUEST}");
    let retried = format!("{linear}    retry: {{ errors: [PORTAL.BUSY], times: 3, wait: 30s }}\n");
    let told =
        |id: &str| format!("\n  {id}:\n    title: 知らせる\n    needs: []\n    uses: notify.send@1\n    with: {{ to: 受付, subject: 件名, body: 本文 }}\n");
    let busy = desk();
    (0..2).for_each(|_| busy.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.BUSY")));
    let lost = desk();
    lost.world.portal.absent_after(Duration::from_secs(60));
    lost.world.portal.fault(Operation::Renew, Fault::DropBefore);
    let failed = desk();
    failed.world.portal.fault(Operation::Renew, Fault::Refuse("PORTAL.REFUSED"));
    let parked = desk();
    parked.world.portal.fault(Operation::Renew, Fault::LoseAnswerHidden(Duration::from_secs(3600)));
    vec![
        story(&desk(), &linear, 0),
        story(&busy, &retried, 0),
        story(&lost, &linear, 0),
        story(&failed, &linear, 1),
        story(&parked, &linear, 1),
        story(&desk(), &format!("{}{}{linear}", told("one"), told("two")), 0),
    ]
}

fn after(story: &Story, count: usize) -> State {
    let mut state = State::new(RUN);
    story.events[..count].iter().for_each(|event| apply(&story.program, &mut state, event));
    state
}

#[test]
fn duplicates_change_nothing_and_a_state_read_back_decides_and_goes_on_the_same() {
    let stories = stories();
    assert!(stories.iter().map(|story| story.events.len()).sum::<usize>() > 60);
    let pick = (0..stories.len()).prop_flat_map(|number| (Just(number), 0..=stories[number].events.len(), any::<prop::sample::Index>()));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 400, ..ProptestConfig::default() });
    let checked = runner.run(&pick, |(number, count, again)| {
        let story = &stories[number];
        let state = after(story, count);
        // An event that was applied before, or one from too far ahead.
        let mut disturbed = state.clone();
        if count > 0 {
            apply(&story.program, &mut disturbed, &story.events[again.index(count)]);
        }
        if let Some(early) = story.events.get(count + 1) {
            apply(&story.program, &mut disturbed, early);
        }
        prop_assert_eq!(&disturbed, &state);
        prop_assert_eq!(decide(&story.program, &state), decide(&story.program, &state));
        let mut read: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        prop_assert_eq!(&read, &state);
        prop_assert_eq!(decide(&story.program, &read), decide(&story.program, &state));
        story.events[count..].iter().for_each(|event| apply(&story.program, &mut read, event));
        prop_assert_eq!(read, after(story, story.events.len()));
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn an_answer_that_comes_twice_changes_nothing_though_it_is_written_down_twice() {
    let mut again = 0;
    for story in stories() {
        for count in 0..=story.events.len() {
            let state = after(&story, count);
            let answers = story.events[..count].iter().filter(|event| matches!(event.body, EventBody::Observed { .. } | EventBody::EffectEnded { .. }));
            for answer in answers {
                let mut told = state.clone();
                apply(&story.program, &mut told, &Event { seq: state.seq + 1, at: state.at.unwrap(), body: answer.body.clone() });
                assert_eq!(told, State { seq: state.seq + 1, ..state.clone() }, "{:?} again after {count} events", answer.body);
                again += 1;
            }
        }
    }
    assert!(again > 100);
}

#[test]
fn an_answer_that_comes_when_its_step_is_uncertain_already_still_counts() {
    let story = story(&desk(), &format!("{CURRENT}{REQUEST}"), 0);
    let ended = story.events.iter().position(|event| event.body.kind() == "EffectEnded").unwrap();
    let mut state = after(&story, ended);
    let mut tell = |body: EventBody| {
        let event = Event { seq: state.seq + 1, at: state.at.unwrap(), body };
        apply(&story.program, &mut state, &event);
        state.step("request").unwrap().doing.clone()
    };
    let doubt =
        EventBody::Uncertain { step: "request".to_owned(), code: "RUN.INTERRUPTED".to_owned(), why: kirikae_engine::text::Text::default(), attempt: None };
    assert!(matches!(tell(doubt), Doing::Uncertain(_)));
    assert!(matches!(tell(story.events[ended].body.clone()), Doing::Effected { unchanged: false, .. }));
}

#[test]
fn every_event_that_the_driver_wrote_of_its_own_accord_is_what_the_core_commanded() {
    // What is no answer to a command (`Observed`, `EffectEnded`, a person) comes from outside; everything else the core decides.
    for story in stories() {
        for (count, event) in story.events.iter().enumerate() {
            let decided =
                matches!(event.body, EventBody::Decided { .. } | EventBody::StepEnded { .. } | EventBody::TimerArmed { .. } | EventBody::RunEnded { .. });
            if decided {
                let commands = decide(&story.program, &after(&story, count));
                let recorded = commands.iter().any(|command| matches!(command, kirikae_engine::run::Command::Record(body) if *body == event.body));
                assert!(recorded, "{} {:?} is none of {commands:?}", event.seq, event.body);
            }
        }
    }
}

#[test]
fn a_state_of_a_newer_version_or_of_none_is_refused() {
    let state = State::new(RUN);
    let mut json = serde_json::to_value(&state).unwrap();
    assert_eq!(json["version"], 1);
    json["version"] = 2.into();
    let refused = serde_json::from_value::<State>(json.clone()).unwrap_err().to_string();
    assert!(refused.contains("version 2 is newer"), "{refused}");
    json.as_object_mut().unwrap().remove("version");
    assert!(serde_json::from_value::<State>(json).is_err());
}

#[test]
fn a_person_settles_a_step_that_a_dead_process_left_in_flight_before_anybody_resumes() {
    for (settled, phase, received) in [(Settled::Done, Phase::Ended(RunEnd::Done), 0), (Settled::NotDone, Phase::Ended(RunEnd::Done), 1)] {
        let desk = desk();
        let program = desk.program(&format!("{CURRENT}{REQUEST}"));
        let whole = story(&self::desk(), &format!("{CURRENT}{REQUEST}"), 0);
        // The journal of a process that died just after the intent.
        let intent = whole.events.iter().position(|event| event.body.kind() == "IntentRecorded").unwrap();
        let mut journal = Journal::open(desk.state.path()).unwrap();
        let mut events = whole.events[..=intent].iter().map(|event| event.body.clone());
        journal.begin(RUN, desk.world.clock.now(), "obn/case", "clinic", events.next().unwrap(), events.collect()).unwrap();
        let fields = [("request_id".to_owned(), "202611230036865".to_owned())].into();
        let name = "受付".to_owned();
        let answer = Answer { yes: true, fields, by: name.clone(), account: name, at: desk.world.clock.now(), ..Answer::default() };
        let settled_by = EventBody::HumanAnswered { step: "request".to_owned(), answer, settled: Some(settled) };
        journal.append(RUN, desk.world.clock.now(), settled_by).unwrap();
        let credential = journal.events(RUN).unwrap().into_iter().find_map(|event| match event.body {
            EventBody::IntentRecorded { credential, .. } => credential,
            _ => None,
        });
        let commitment = journal.commitments(&credential.unwrap()).unwrap().pop().unwrap();
        assert_eq!(commitment.state, if settled == Settled::Done { "done" } else { "not_done" });
        drop(journal);
        let state = desk.resume(&program);
        assert!(matches!(state.step("request").unwrap().doing, Doing::Ended(_)));
        assert_eq!((state.phase, desk.world.portal.received()), (phase, received), "{settled:?}");
    }
}

#[test]
fn the_files_of_the_core_forbid_clocks_threads_files_and_hash_order() {
    let run = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run");
    for file in ["conform", "decide", "event", "rescue", "retry", "state"] {
        let text = std::fs::read_to_string(run.join(file).with_extension("rs")).unwrap();
        assert!(text.contains("\n#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]\n"), "{file}.rs");
    }
}
