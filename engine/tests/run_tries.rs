//! Limited tries that a person makes elsewhere: counted before they are asked, ended by what they answer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attempts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use attempts::{Desk, Said, failure};
use kirikae_engine::action::registry;
use kirikae_engine::check::{Checked, check};
use kirikae_engine::plan::Decision;
use kirikae_engine::run::{EventBody, Outcome, ParkCause, Phase, RunEnd, Settled, State, TryEnd};
use kirikae_engine::testing::Shipped;
use kirikae_engine::text::Source;

/// What the tries of the card are recorded under: its number is private.
const CARD: &str = "elsewhere:vault:tries/1";

/// A playbook in which somebody registers on a phone with a password that locks after five failures.
fn registering(uses: &str, rest: &str) -> Checked {
    let text = format!(
        r#"kirikae: playbook/1
id: obn/case
version: "1.0.0"
title: 例
sources: [obn_edge]
inputs:
  card: {{ type: ascii, title: 本人ID, default: A1234567, private: true }}
secrets:
  birthday: {{ type: digits(8), title: 生年月日, typed_by_person: true, attempts: {{ limit: 5, leave: 3, per_run: 2, cite: obn_edge#1.3 }} }}
steps:
  ready:
    title: 用意
    uses: human.confirm@1
    with: {{ ask: カードはありますか }}
  register:
    title: 登録
    uses: {uses}@1
    with:
      tries: "${{{{ secrets.birthday }}}}"
      tries_on: "${{{{ inputs.card }}}}"
      do:
        - {{ do: QRコードを読む, problem: unreadable }}
        - {{ do: パスワードを入れる, spends: true, problem: wrong }}
        - {{ do: 【登録】を押す, problem: cancelled }}
      problems: {{ unreadable: 読めない, wrong: 違うと出た, cancelled: 取り消した, locked: 使えなくなった }}
{rest}"#
    );
    let source = Source::from_bytes("case.yaml", text.as_bytes()).unwrap();
    check(&source, &Shipped, registry()).result.unwrap_or_else(|findings| panic!("{findings:#?}"))
}

fn perform() -> Checked {
    registering("human.perform", "")
}

fn says(desk: &Desk, words: &[Said]) {
    desk.words.borrow_mut().extend([Said::Yes].iter().chain(words));
}

fn registered(state: &State) -> bool {
    state.ended("register").is_some_and(|ended| matches!(ended.outcome, Outcome::Changed | Outcome::Observed))
}

fn ends(desk: &Desk) -> Vec<TryEnd> {
    desk.events().iter().filter_map(|event| if let EventBody::AttemptEnded { end, .. } = &event.body { Some(*end) } else { None }).collect()
}

#[test]
fn a_try_is_on_disk_before_the_question_and_a_yes_ends_the_count() {
    for uses in ["human.perform", "human.commit", "human.confirm"] {
        let (desk, playbook) = (Desk::new(), registering(uses, ""));
        for night in 1..=3 {
            says(&desk, &[Said::Yes]);
            let state = desk.night(&playbook);
            assert_eq!((state.phase.clone(), registered(&state)), (Phase::Ended(RunEnd::Done), true), "{uses}, night {night}");
            let of_step = |body: &EventBody| body.step() == Some("register");
            let kinds: Vec<&str> = desk.events().iter().filter(|event| of_step(&event.body)).map(|event| event.body.kind()).collect();
            let (intent, end) = if uses == "human.confirm" { (None, "Observed") } else { (Some("IntentRecorded"), "EffectEnded") };
            let mut expected = vec!["Decided"];
            expected.extend(intent);
            expected.extend(["AttemptCounted", "HumanAsked", "HumanAnswered", "AttemptEnded", end, "StepEnded"]);
            assert_eq!(kinds, expected, "{uses}, night {night}");
            assert_eq!((desk.used_on(CARD), desk.asked.get()), (0, 0), "and nobody was asked for the value");
        }
        assert_eq!(desk.journal().attempts().unwrap().len(), 1, "every night the same card");
        let all = std::fs::read(desk.folder.join("journal.db")).unwrap();
        assert!(!all.windows(8).any(|bytes| bytes == b"A1234567"), "the private number is not in the journal");
    }
}

#[test]
fn the_question_says_how_many_tries_are_left() {
    let (desk, playbook) = (Desk::new(), perform());
    says(&desk, &[Said::Problem("wrong")]);
    desk.night(&playbook);
    says(&desk, &[Said::Yes]);
    desk.night(&playbook);
    let questions = desk.questions.borrow();
    let first: Vec<&str> = questions.iter().filter(|question| question.acts).map(|question| question.items[0].ja.as_str()).collect();
    assert!(first[0].contains("続けて0回失敗") && first[0].contains("あと2回"), "{first:?}");
    assert!(first[1].contains("続けて1回失敗") && first[1].contains("あと1回"), "{first:?}");
    assert!(questions.iter().filter(|question| !question.acts).all(|question| question.items.is_empty()), "the other question counts nothing");
}

#[test]
fn a_wrong_entry_stays_counted_and_tries_end_at_limit_less_leave() {
    let (desk, playbook) = (Desk::new(), perform());
    for night in 1..=2 {
        says(&desk, &[Said::Problem("wrong")]);
        let (code, used, left) = failure(&desk.night(&playbook), "register");
        assert_eq!((code.as_str(), used.unwrap(), left.unwrap()), ("HUMAN.WRONG", night.to_string(), (2 - night).to_string()));
        assert_eq!(ends(&desk), [TryEnd::Failed]);
    }
    for _ in 0..3 {
        says(&desk, &[]);
        assert_eq!(failure(&desk.night(&playbook), "register").0, "PIN.STOPPED");
        assert_eq!((desk.used_on(CARD), desk.count("HumanAsked")), (2, 1), "only whether the card is there was asked");
        let planned = desk.plan(&playbook, &desk);
        let step = planned.step("register").unwrap();
        assert_eq!((step.decision, step.blocked.as_ref().unwrap().code.as_str()), (Decision::Blocked, "PIN.STOPPED"));
        let tries = step.tries.as_ref().unwrap();
        assert_eq!((tries.on.as_deref(), tries.used, tries.left), (Some(CARD), Some(2), Some(0)));
        assert!(step.spends_attempt && planned.step("ready").unwrap().tries.is_none());
    }
    desk.journal().clear_attempts("2026-11-24T00:00:00Z".parse().unwrap(), CARD, "佐藤", "sato", "窓口で確かめた").unwrap();
    says(&desk, &[Said::Yes]);
    assert!(registered(&desk.night(&playbook)));
}

#[test]
fn one_run_tries_no_more_often_than_it_may() {
    let row = "    rescue:\n      HUMAN.WRONG: { say: \"失敗 ${{ error.used }} 回\", then: retry, times: 9 }\n";
    let (desk, playbook) = (Desk::new(), registering("human.perform", row));
    says(&desk, &[Said::Problem("wrong"); 9]);
    assert_eq!(failure(&desk.night(&playbook), "register").0, "PIN.STOPPED");
    assert_eq!((desk.used_on(CARD), desk.count("AttemptCounted")), (2, 2));
}

#[test]
fn who_got_past_the_password_had_typed_it_right() {
    let row = "    rescue:\n      HUMAN.CANCELLED: { say: やり直す, then: retry, times: 4 }\n";
    let (desk, playbook) = (Desk::new(), registering("human.perform", row));
    says(&desk, &[Said::Problem("wrong")]);
    desk.night(&playbook);
    says(&desk, &[Said::Problem("cancelled"), Said::Problem("cancelled"), Said::Problem("cancelled"), Said::Yes]);
    let state = desk.night(&playbook);
    assert!(registered(&state), "{:?}", state.step("register"));
    assert_eq!((ends(&desk), desk.used_on(CARD)), (vec![TryEnd::Proved; 4], 0));
}

#[test]
fn what_does_not_say_that_it_was_right_stays_counted() {
    for said in [Said::Problem("unreadable"), Said::Problem("locked"), Said::No] {
        let (desk, playbook) = (Desk::new(), perform());
        says(&desk, &[said]);
        assert_eq!(failure(&desk.night(&playbook), "register").1.as_deref(), Some("1"), "{said:?}");
        assert_eq!((ends(&desk), desk.used_on(CARD)), (vec![TryEnd::NotJudged], 1), "{said:?}");
    }
}

#[test]
fn a_question_that_waits_is_one_try_however_often_the_run_is_taken_up() {
    let (desk, playbook) = (Desk::new(), perform());
    says(&desk, &[]);
    assert_eq!(desk.night(&playbook).phase, Phase::Parked(ParkCause::Person));
    for _ in 0..3 {
        assert_eq!(desk.resume(&playbook).phase, Phase::Parked(ParkCause::Person));
    }
    assert_eq!((desk.count("AttemptCounted"), desk.used_on(CARD)), (1, 1));
    desk.answer("register", true, None);
    assert!(registered(&desk.resume(&playbook)));
    assert_eq!((ends(&desk), desk.used_on(CARD)), (vec![TryEnd::Proved], 0));
}

#[test]
fn after_a_crash_the_try_stays_counted_until_somebody_says_what_became_of_it() {
    for settled in [Settled::Done, Settled::NotDone] {
        let (desk, playbook) = (Desk::new(), perform());
        says(&desk, &[Said::PowerFails]);
        catch_unwind(AssertUnwindSafe(|| desk.night(&playbook))).unwrap_err();
        assert_eq!(desk.resume(&playbook).phase, Phase::Parked(ParkCause::Uncertain));
        assert_eq!(desk.used_on(CARD), 1, "{settled:?}");
        desk.answer("register", true, Some(settled));
        desk.words.borrow_mut().push_back(Said::Problem("wrong"));
        let state = desk.resume(&playbook);
        if settled == Settled::Done {
            assert_eq!((registered(&state), desk.used_on(CARD)), (true, 0), "a word for the deed is one for the value");
        } else {
            assert_eq!((failure(&state, "register").0.as_str(), desk.used_on(CARD)), ("HUMAN.WRONG", 2), "asked again: one more");
        }
    }
    // A question alone is put again by itself: as a try of its own.
    let (desk, playbook) = (Desk::new(), registering("human.confirm", ""));
    for used in 1..=2 {
        says(&desk, &[Said::PowerFails]);
        if used > 1 {
            desk.words.borrow_mut().pop_front();
            catch_unwind(AssertUnwindSafe(|| desk.resume(&playbook))).unwrap_err();
        } else {
            catch_unwind(AssertUnwindSafe(|| desk.night(&playbook))).unwrap_err();
        }
        assert_eq!(desk.used_on(CARD), used);
    }
    assert_eq!(failure(&desk.resume(&playbook), "register").0, "PIN.STOPPED");
    assert_eq!((desk.used_on(CARD), desk.count("HumanAsked")), (2, 3));
}

#[test]
fn a_count_that_began_anew_meanwhile_gets_the_failure_that_comes_late() {
    let (desk, playbook) = (Desk::new(), perform());
    says(&desk, &[]);
    desk.night(&playbook);
    desk.journal().clear_attempts("2026-11-24T00:00:00Z".parse().unwrap(), CARD, "佐藤", "sato", "窓口で確かめた").unwrap();
    desk.world.clock.advance(Duration::from_hours(1));
    desk.words.borrow_mut().push_back(Said::Problem("wrong"));
    assert_eq!(failure(&desk.resume(&playbook), "register").1.as_deref(), Some("1"));
    assert_eq!(desk.used_on(CARD), 1);
}

#[test]
fn while_somebody_is_asked_nobody_else_is() {
    let (desk, playbook) = (Desk::new(), perform());
    says(&desk, &[]);
    desk.night(&playbook);
    let waiting = desk.last();
    // Another terminal of the same state folder, with the same card.
    let other = desk.beside("annex");
    says(&other, &[Said::Yes]);
    let state = other.night(&playbook);
    assert_eq!(failure(&state, "register").0, "ATTEMPTS.BUSY");
    assert!(state.ended("register").unwrap().error.as_ref().unwrap().cause.ja.contains(&waiting));
    assert_eq!((desk.used_on(CARD), other.count("AttemptCounted")), (1, 0));
    desk.words.borrow_mut().push_back(Said::Problem("wrong"));
    desk.resume(&playbook);
    other.words.borrow_mut().clear();
    other.words.borrow_mut().push_back(Said::Yes);
    assert!(registered(&other.resume(&playbook)));
    assert_eq!(desk.used_on(CARD), 0);
}
