//! Answers that come twice or too late change nothing; a request whose number nobody wrote down binds later ones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use kirikae_engine::action::Answer;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::Journal;
use kirikae_engine::run::{Event, EventBody, ParkCause, Phase, Program, RunEnd, Settled, State, apply};
use kirikae_engine::testing::{Fault, World, certificate};
use kirikae_engine::text::Text;
use support::{CURRENT, Desk, REQUEST, RUN};

fn desk() -> Desk {
    let world = World::obn().plain_backup();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

const ISSUED: &str = r#"
  issued:
    title: 待つ
    uses: ca.status@1
    with: { client_cert: "${{ steps.current.cert }}", request_id: "${{ steps.request.request_id }}" }
    repeat: { until: "result.status != 'pending'", every: 30s, slow_to: 10m, within: 24h }
  sure:
    title: 聞く
    uses: human.confirm@1
    with: { ask: よいですか }
"#;

#[test]
fn an_answer_that_is_delivered_again_later_changes_nothing() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::LoseAnswer);
    desk.answers.borrow_mut().push_back((true, Box::new(|_: &World| ())));
    let program = desk.program(&format!("{CURRENT}{REQUEST}{ISSUED}"));
    assert_eq!(desk.apply(&program).phase, Phase::Ended(RunEnd::Done));
    let kinds = ["Decided", "Observed", "IntentRecorded", "EffectEnded", "Uncertain", "Reconciled", "TimerFired", "HumanAsked", "HumanAnswered", "StepEnded"];
    for kind in kinds {
        assert!(desk.events().iter().any(|event| event.body.kind() == kind), "the run has {kind}");
    }
    nothing_changes_when_it_comes_again(&desk, &program, &kinds);
}

#[test]
fn a_timer_that_fires_twice_counts_once_though_the_clock_stands_still() {
    let desk = desk();
    desk.world.portal.pending_looks(3);
    desk.answers.borrow_mut().push_back((true, Box::new(|_: &World| ())));
    let program = desk.program(&format!("{CURRENT}{REQUEST}{ISSUED}"));
    assert_eq!(desk.apply(&program).phase, Phase::Ended(RunEnd::Done));
    // The clock was set far back: every event is of the same instant, and so is every timer.
    let mut events = desk.events();
    let still = events.iter().map(|event| event.at).max().unwrap();
    for event in &mut events {
        event.at = still;
        if let EventBody::TimerArmed { due, .. } = &mut event.body {
            *due = still;
        }
    }
    let mut state = State::new(RUN);
    let mut fired: Vec<Event> = vec![];
    for event in &events {
        apply(&program, &mut state, event);
        for old in &fired {
            let mut after = state.clone();
            apply(&program, &mut after, &Event { seq: state.seq + 1, at: still, body: old.body.clone() });
            assert_eq!(State { seq: state.seq, ..after }, state, "{:?} again after {:?}", old.body, event.body);
        }
        fired.extend(Some(event).filter(|event| event.body.kind() == "TimerFired").cloned());
    }
    assert!(fired.len() >= 2, "{fired:?}");
}

/// Every event of these kinds, delivered once more at any later time, changes nothing.
fn nothing_changes_when_it_comes_again(desk: &Desk, program: &Program, kinds: &[&str]) {
    let events = desk.events();
    let mut state = State::new(RUN);
    for (at, event) in events.iter().enumerate() {
        apply(program, &mut state, event);
        for old in events[..=at].iter().filter(|old| kinds.contains(&old.body.kind())) {
            let mut after = state.clone();
            apply(program, &mut after, &Event { seq: state.seq + 1, at: event.at, body: old.body.clone() });
            assert_eq!(State { seq: state.seq, ..after }, state, "{:?} again after {:?}", old.body, event.body);
        }
    }
}

#[test]
fn under_a_person_s_hands_an_answer_counts_for_its_own_question_only() {
    let desk = desk();
    let steps = format!("{CURRENT}{REQUEST}");
    let checked = support::checked_with_profile(&steps, "base: https://cert.obn", "hands: person\nbase: https://cert.obn");
    let mut world = World::obn();
    let profile = checked.profiles["issuer"].clone();
    world.portal = std::sync::Arc::new(kirikae_engine::testing::FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
    world.store = desk.world.store.clone();
    let desk = Desk::new(world);
    let program = desk.program_of(checked, &BTreeMap::new());
    let listed = |rows: Vec<BTreeMap<String, String>>| Answer { yes: true, rows: Some(rows), ..Answer::default() };
    let row = [("request_id", "202611230000001"), ("subject", "0110119153"), ("not_after", "2030年2月23日")];
    let row = row.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let unknown = Answer { problem: Some("result_unknown".to_owned()), ..Answer::default() };
    desk.words.borrow_mut().extend([listed(vec![]), unknown, listed(vec![row])]);
    assert_eq!(desk.apply(&program).phase, Phase::Ended(RunEnd::Done));
    let kinds = ["Decided", "Observed", "IntentRecorded", "EffectEnded", "Uncertain", "Reconciled", "HumanAsked", "HumanAnswered", "StepEnded"];
    assert_eq!(desk.count("HumanAsked", "request"), 3, "the list, the button, the list");
    nothing_changes_when_it_comes_again(&desk, &program, &kinds);
}

#[test]
fn a_doubt_that_comes_late_takes_no_commitment_back() {
    let desk = desk();
    desk.answers.borrow_mut().push_back((true, Box::new(|_: &World| ())));
    let program = desk.program(&format!("{CURRENT}{REQUEST}{ISSUED}"));
    assert_eq!(desk.apply(&program).phase, Phase::Ended(RunEnd::Done));
    let events = desk.events();
    let credential = events.iter().find_map(|event| match &event.body {
        EventBody::IntentRecorded { credential, .. } => credential.clone(),
        _ => None,
    });
    let credential = credential.unwrap();
    let mut journal = Journal::open(desk.state.path()).unwrap();
    let why = Text::plain("返事が無い");
    let late = EventBody::Uncertain { step: "request".to_owned(), code: "PORTAL.RESULT_UNKNOWN".to_owned(), why, attempt: Some(1) };
    journal.append(RUN, events.last().unwrap().at, late).unwrap();
    let known: Vec<String> = journal.commitments(&credential).unwrap().into_iter().map(|commitment| commitment.state).collect();
    assert_eq!(known, ["done"]);
}

#[test]
fn a_request_that_a_person_vouches_for_without_its_number_is_not_made_again() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::LoseAnswerHidden(Duration::from_hours(1)));
    let again = REQUEST.replace("request:", "again:");
    let program = desk.program(&format!("{CURRENT}{REQUEST}{again}"));
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Uncertain));
    let (name, at) = ("院長".to_owned(), desk.world.clock.now());
    let answer = Answer {
        yes: true,
        fields: BTreeMap::new(),
        evidence: None,
        by: name.clone(),
        account: name,
        at,
        problem: None,
        rows: None,
        files: vec![],
        asked: None,
    };
    let told = EventBody::HumanAnswered { step: "request".to_owned(), answer, settled: Some(Settled::Done) };
    Journal::open(desk.state.path()).unwrap().append(RUN, at, told).unwrap();
    let state = desk.resume(&program);
    assert_eq!((state.phase.clone(), desk.world.portal.received()), (Phase::Parked(ParkCause::Uncertain), 1));
    assert_eq!(state.uncertain().unwrap().0, "again", "a person says what becomes of it");
    assert_eq!(desk.count("IntentRecorded", "again"), 0);
}
