//! Private inputs: their values stand in no plan, digest or journal, and a run has them again when it is taken up.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod documents;
mod support;

use std::collections::BTreeMap;

use documents::{Shelf, playbook};
use kirikae_engine::action::Answer;
use kirikae_engine::backend::Vault;
use kirikae_engine::check::Checked;
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::Value;
use kirikae_engine::journal::Journal;
use kirikae_engine::plan::{Private, private_ref};
use kirikae_engine::run::{EventBody, ParkCause, Phase, Program, RunEnd, hide_private, inputs_from_json, keep_private, show_private};
use kirikae_engine::testing::{World, certificate};
use support::{Desk, RUN};

const BIRTHDAY: &str = "1961-07-08";
const CARD: &str = "HPKI-77104";

fn asking() -> Checked {
    Shelf::default().checked(&playbook(
        "obn/private",
        r#"backends: { personal: store }
inputs:
  birthday: { type: date, title: 生年月日, private: true }
  card: { type: string, title: カードの番号, private: true }
steps:
  current:
    title: 探す
    uses: cert.find@1
    with: { in: personal, issuer: "*", pick: newest }
    expect:
      - that: inputs.birthday < date('2000-01-01')
        say: "${{ inputs.birthday }} 生まれの方は対象外です。"
  seen:
    title: 人に確かめる
    uses: human.confirm@1
    with:
      ask: "カード ${{ inputs.card }} の方ですか"
      do: [{ do: "${{ inputs.birthday }} を入れる" }]
      fields: { again: { type: string, title: もう一度 } }
  tell:
    title: 知らせる
    uses: notify.send@1
    with: { to: 担当者, subject: 済, body: "${{ inputs.card }} の方を確かめました(${{ steps.seen.by }})。" }
outputs:
  who: inputs.card
"#,
    ))
}

fn set() -> BTreeMap<String, String> {
    BTreeMap::from([("birthday".to_owned(), BIRTHDAY.to_owned()), ("card".to_owned(), CARD.to_owned())])
}

fn clinic() -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

fn hidden(text: &str, what: &str) {
    assert!(!text.contains(BIRTHDAY) && !text.contains(CARD), "{what}: {text}");
}

/// What a new process knows: the plan, and what lies in the vault.
fn taken_up(program: &Program, desk: &Desk) -> Program {
    let inputs = inputs_from_json(&program.checked, &program.plan, Some(&*desk.world.vault));
    Program { checked: program.checked.clone(), plan: program.plan.clone(), inputs, zone: program.zone.clone(), absent_after: BTreeMap::new() }
}

#[test]
fn a_plan_and_its_digest_do_not_depend_on_private_values() {
    let desk = clinic();
    let plan = desk.plan_with(&asking(), &set());
    hidden(&serde_json::to_string(&plan).unwrap(), "plan");
    let card = private_ref(&plan.plan_id, "card");
    assert_eq!(plan.inputs["card"].value, card.as_str());
    let other = BTreeMap::from([("birthday".to_owned(), "1970-01-01".to_owned()), ("card".to_owned(), "HPKI-00000".to_owned())]);
    assert_eq!(desk.plan_with(&asking(), &other).compute_digest(), plan.compute_digest());
}

#[test]
fn a_run_has_its_private_inputs_again_and_the_journal_never() {
    let desk = clinic();
    let program = desk.program_of(asking(), &set());
    keep_private(&program.checked, &program.plan, &program.inputs, &*desk.world.vault).unwrap();
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Person));
    let asked = desk.questions.borrow()[0].clone();
    assert!(asked.ask.ja.contains(CARD) && asked.items[0].ja.contains(BIRTHDAY), "the person at the terminal reads what to type: {asked:?}");

    // Another process, somebody at the desk who types the value again.
    let program = taken_up(&program, &desk);
    assert_eq!(program.inputs["birthday"], Value::Date("1961-07-08".parse().unwrap()));
    let private = Private::of(&program.checked, &program.plan.plan_id, &program.inputs);
    let fields = BTreeMap::from([("again".to_owned(), CARD.to_owned())]);
    let answer = Answer { yes: true, fields, evidence: None, by: "受付".into(), account: "test".into(), at: desk.world.clock.now() };
    let answered = hide_private(&private, EventBody::HumanAnswered { step: "seen".into(), answer, settled: None });
    Journal::open(desk.state.path()).unwrap().append(RUN, desk.world.clock.now(), answered).unwrap();
    let state = desk.resume(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert!(desk.world.notifier.sent()[0].body.contains(CARD), "the notice says it: that is what it is for");

    hidden(&serde_json::to_string(&state).unwrap(), "the state that is shown");
    let events = desk.events();
    hidden(&serde_json::to_string(&events).unwrap(), "events");
    let written = std::fs::read_dir(desk.state.path()).unwrap().flatten().filter(|file| file.path().is_file());
    for file in written {
        hidden(&String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()), &file.path().display().to_string());
    }
    // Whoever has the vault can read the journal as it was.
    let shown: Vec<_> = events.into_iter().map(|event| show_private(&private, event.body)).collect();
    assert!(serde_json::to_string(&shown).unwrap().contains("HPKI-77104 の方ですか"));
}

#[test]
fn errors_and_reasons_do_not_tell() {
    let desk = clinic();
    let young = BTreeMap::from([("birthday".to_owned(), "2001-07-08".to_owned()), ("card".to_owned(), CARD.to_owned())]);
    let program = desk.program_of(asking(), &young);
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Failed));
    for text in [serde_json::to_string(&program.plan).unwrap(), serde_json::to_string(&desk.events()).unwrap(), serde_json::to_string(&state).unwrap()] {
        assert!(text.contains("生まれの方は対象外です") && !text.contains("2001-07-08"), "{text}");
    }
    assert_eq!(desk.world.vault.list().unwrap(), []);
}
