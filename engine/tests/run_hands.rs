//! Portal operations carried out by a person: the checklist, what is on record when, what an answer gives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kirikae_engine::action::Answer;
use kirikae_engine::backend::checklist::Move;
use kirikae_engine::backend::profile::Hands;
use kirikae_engine::backend::{Class, Vault};
use kirikae_engine::check::Checked;
use kirikae_engine::run::{EventBody, Outcome, ParkCause, Phase, Program, RunEnd, State};
use kirikae_engine::secret::SecretRef;
use kirikae_engine::testing::{FakePortal, World, certificate};
use support::{CURRENT, Desk, REQUEST};

const CODE: &str = "0110119153";

/// A clinic where a person does the portal's pages.
fn desk() -> Desk {
    let mut world = World::obn();
    let profile = checked(&format!("{CURRENT}{REQUEST}")).profiles["issuer"].clone();
    assert_eq!(profile.hands, Hands::Person);
    world.portal = Arc::new(FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
    world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

fn checked(steps: &str) -> Checked {
    support::checked_with_profile(steps, "base: https://cert.obn", "hands: person\nbase: https://cert.obn")
}

fn program(desk: &Desk, steps: &str) -> Program {
    desk.program_of(checked(steps), &BTreeMap::new())
}

fn yes(fields: &[(&str, &str)]) -> Answer {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { yes: true, fields, ..Answer::default() }
}

fn listed(rows: &[&[(&str, &str)]]) -> Answer {
    let row = |row: &&[(&str, &str)]| row.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { yes: true, rows: Some(rows.iter().map(row).collect()), ..Answer::default() }
}

fn problem(name: &str) -> Answer {
    Answer { problem: Some(name.to_owned()), ..Answer::default() }
}

const SHOWN: [(&str, &str); 4] = [("request_id", "２０２６１１２３００００００１"), ("cn", CODE), ("ou", "医療機関\n0110119153"), ("o", "ReceiptOnline")];

const OLD_ROW: &[(&str, &str)] = &[("request_id", "202310220000007"), ("subject", CODE), ("not_after", "2027年1月22日")];
const NEW_ROW: &[(&str, &str)] = &[("request_id", "202611230000001"), ("subject", CODE), ("not_after", "2030年2月23日")];

fn words(desk: &Desk, question: usize) -> Vec<String> {
    desk.questions.borrow()[question].items.iter().map(|item| item.ja.clone()).collect()
}

fn code(state: &State, step: &str) -> String {
    state.ended(step).unwrap().error.as_ref().unwrap().code.clone()
}

#[test]
fn a_renewal_looks_records_its_intent_and_only_then_has_the_button_pressed() {
    let desk = desk();
    desk.words.borrow_mut().extend([listed(&[OLD_ROW]), yes(&SHOWN)]);
    desk.shown.borrow_mut().push_back("zigLUVC29Q");
    let program = program(&desk, &format!("{CURRENT}{REQUEST}"));
    assert_eq!(program.plan.step("request").unwrap().person.as_deref(), Some("担当者"));
    assert_eq!(program.plan.approvals_required, ["request"], "the effect stays what it is");
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{state:?}");
    let kinds: Vec<_> = desk.events().iter().filter(|event| event.body.step() == Some("request")).map(|event| event.body.kind()).collect();
    let expected = ["Decided", "HumanAsked", "HumanAnswered", "IntentRecorded", "HumanAsked", "SecretEscrowed", "HumanAnswered", "EffectEnded", "StepEnded"];
    assert_eq!(kinds, expected);
    assert_eq!(
        words(&desk, 1)[1..],
        [
            "開く: https://127.0.0.1/p/ru (証明書を選ぶ画面では「0110119153」期限 2027-01-22 を選ぶ)",
            "押す(リンク): 「証明書更新申請」",
            "押す: 「Submit」(一度だけ)",
            "確かめる: 「申請情報を受け付けました」と出ている",
            "書き取る: 「リクエストID」の値",
            "書き取る: 「リファレンスID」の値(秘密の値。ほかの人に見せない)",
            "書き取る: 「Common Name」の値",
            "書き取る: 「Organizational Unit」の値",
            "書き取る: 「Organization」の値",
        ]
    );
    assert!(words(&desk, 1)[0].contains("二度押さない"));
    let ended = state.ended("request").unwrap();
    assert_eq!((ended.outcome, &ended.outputs["request_id"]), (Outcome::Changed, &"202611230000001".into()));
    assert_eq!(ended.outputs["ou"], serde_json::json!(["医療機関", "0110119153"]));
    let reference = SecretRef::parse(ended.outputs["reference_id"].as_str().unwrap()).unwrap();
    assert_eq!(desk.world.vault.get(&reference).unwrap().unwrap().expose_text(), Some("zigLUVC29Q"));
    let journal = serde_json::to_string(&desk.events()).unwrap();
    assert!(!journal.contains("zigLUVC29Q"), "a secret is in no event");
    assert_eq!(desk.world.portal.received(), 0, "the engine sent nothing");
}

#[test]
fn a_row_that_a_person_sees_is_judged_like_one_that_the_engine_reads() {
    let desk = desk();
    desk.words.borrow_mut().push_back(listed(&[OLD_ROW, NEW_ROW]));
    let program = program(&desk, &format!("{CURRENT}{REQUEST}"));
    let state = desk.apply(&program);
    assert_eq!((state.ended("request").unwrap().outcome, desk.count("IntentRecorded", "request")), (Outcome::Unchanged, 0));
    let desk = self::desk();
    desk.words.borrow_mut().push_back(listed(&[&[("subject", CODE)]]));
    let state = desk.apply(&self::program(&desk, &format!("{CURRENT}{REQUEST}")));
    assert_eq!(state.phase, Phase::Parked(ParkCause::Uncertain), "whether the row is newer cannot be told");
}

#[test]
fn after_a_crash_the_list_is_asked_for_and_nobody_presses_twice() {
    for (rows, presses) in [(vec![OLD_ROW, NEW_ROW], 1), (vec![OLD_ROW], 1)] {
        let desk = desk();
        let program = program(&desk, &format!("{CURRENT}{REQUEST}"));
        assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Person));
        desk.answer_with("request", listed(&[OLD_ROW]), None);
        desk.answers.borrow_mut().push_back((true, Box::new(|_| panic!("the power fails while the person presses"))));
        catch_unwind(AssertUnwindSafe(|| desk.resume(&program))).unwrap_err();
        desk.words.borrow_mut().push_back(listed(&rows));
        let state = desk.resume(&program);
        let asked = desk.questions.borrow().iter().filter(|question| question.acts).count();
        assert_eq!(asked, presses);
        assert!(desk.questions.borrow().last().unwrap().rows.is_some(), "the list was asked for");
        if rows.len() == 2 {
            assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
            assert_eq!(state.ended("request").unwrap().outputs["request_id"], "202611230000001");
        } else {
            assert_eq!(state.phase, Phase::Parked(ParkCause::Uncertain), "nobody verified when absence is conclusive");
        }
    }
}

#[test]
fn a_result_that_is_not_known_is_looked_up_and_a_refusal_before_pressing_is_not() {
    let desk = desk();
    desk.words.borrow_mut().extend([listed(&[OLD_ROW]), problem("result_unknown"), listed(&[OLD_ROW, NEW_ROW])]);
    let state = desk.apply(&program(&desk, &format!("{CURRENT}{REQUEST}")));
    assert_eq!((state.phase, desk.count("Reconciled", "request")), (Phase::Ended(RunEnd::Done), 1));
    let desk = self::desk();
    desk.words.borrow_mut().extend([listed(&[OLD_ROW]), problem("session_expired")]);
    let state = desk.apply(&program(&desk, &format!("{CURRENT}{REQUEST}")));
    let error = state.ended("request").unwrap().error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.class, desk.count("Uncertain", "request")), ("PORTAL.SESSION_EXPIRED", Class::Transient, 0));
}

const FETCH: &str = r#"
  state:
    title: 状態を見る
    uses: ca.status@1
    with: { client_cert: "${{ steps.current.cert }}", request_id: "202611230000001" }
  fetch:
    title: 受け取る
    uses: ca.fetch@1
    with: { client_cert: "${{ steps.current.cert }}", request_id: "202611230000001", password: "${{ secrets.pin }}" }
"#;

#[test]
fn a_state_is_given_in_the_words_of_the_screen_and_a_file_is_taken_from_where_the_browser_saved_it() {
    let desk = desk();
    *desk.typist.filed.lock().unwrap() = Some("0417");
    desk.reads.set(true);
    let new = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    let old_file = desk.world.p12.make("0417", &certificate(CODE, 1, "2023-10-22", "2027-01-22"), &[]);
    desk.world.downloads.put("202310220000007.p12", old_file.expose());
    desk.world.clock.advance(std::time::Duration::from_secs(60));
    desk.words.borrow_mut().push_back(yes(&[("status", "発行済み")]));
    desk.answers.borrow_mut().push_back((
        true,
        Box::new(move |world| {
            let file = world.p12.make("0417", &new, &[]);
            world.downloads.put("202611230000001 (1).p12", file.expose());
        }),
    ));
    let state = desk.apply(&program(&desk, &format!("{CURRENT}{FETCH}")));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{state:?}");
    assert_eq!(state.ended("state").unwrap().outputs["status"], "issued");
    assert_eq!(state.ended("fetch").unwrap().outputs["file"]["name"], "202611230000001 (1).p12");
    assert!(words(&desk, 1).contains(&"一覧で見る: 「202611230000001」とある行で、「Download Key」のボタンがある行(複数あれば、いちばん新しい行)".to_owned()));
    assert!(words(&desk, 1).contains(&"「鍵の取得」と出たときだけ: 入力: 「パスワード」に 秘密の値(別に示す)".to_owned()), "{:?}", words(&desk, 1));
    assert!(words(&desk, 1).contains(&"保存: *.p12 を /downloads に".to_owned()));
    assert_eq!(*desk.revealed.borrow(), [("パスワード".to_owned(), "0417".to_owned())]);
    let shown = desk.events().into_iter().filter(|event| matches!(event.body, EventBody::SecretShown { .. })).count();
    assert_eq!(shown, 1, "that it was shown is on record");
    assert!(!serde_json::to_string(&desk.events()).unwrap().contains("\"0417\""));
}

#[test]
fn a_saved_file_is_checked_like_a_received_one() {
    type Saves = Box<dyn FnOnce(&World)>;
    let bad: [Saves; 4] = [
        Box::new(|_| {}),
        Box::new(|world| world.downloads.put("a.p12", b"<html>")),
        Box::new(|world| {
            let file = world.p12.make("9999", &certificate(CODE, 2, "2026-11-20", "2030-02-20"), &[]);
            world.downloads.put("a.p12", file.expose());
        }),
        Box::new(|world| world.downloads.put("a.txt", b"x")),
    ];
    for saves in bad {
        let desk = desk();
        *desk.typist.filed.lock().unwrap() = Some("0417");
        desk.words.borrow_mut().push_back(yes(&[("status", "Download Key")]));
        desk.answers.borrow_mut().push_back((true, saves));
        let state = desk.apply(&program(&desk, &format!("{CURRENT}{FETCH}")));
        assert_eq!(code(&state, "fetch"), "PORTAL.FILE_BAD");
    }
}

#[test]
fn a_word_that_the_screen_does_not_have_is_no_answer() {
    let desk = desk();
    desk.words.borrow_mut().push_back(yes(&[("status", "たぶん済み")]));
    let state = desk.apply(&program(&desk, &format!("{CURRENT}{FETCH}")));
    assert_eq!((state.phase, desk.count("HumanAnswered", "state")), (Phase::Parked(ParkCause::Person), 0));
}

#[test]
fn a_probe_by_a_person_needs_evidence_and_is_a_persons_proof_from_when_it_was_seen() {
    let probe = r#"
  usable:
    title: 入れるか
    uses: web.probe@1
    with: { portal: issuer, client_cert: "${{ steps.current.cert }}" }
"#;
    let desk = desk();
    let program = program(&desk, &format!("{CURRENT}{probe}"));
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Person));
    let question = desk.questions.borrow()[0].clone();
    assert!(question.accepts(&yes(&[])).is_err(), "a yes without evidence proves nothing");
    assert!(matches!(&question.moves[..], [Move::Open { .. }, Move::SignedIn { text }] if text == "更新後証明書の取得"), "{:?}", question.moves);
    let seen = kirikae_engine::clock::Clock::now(&*desk.world.clock);
    desk.answer_with("usable", Answer { evidence: Some("メニューが出た".to_owned()), ..yes(&[]) }, None);
    desk.world.clock.advance(std::time::Duration::from_secs(1800));
    let state = desk.resume(&program);
    let proof = &state.ended("usable").unwrap().outputs["proof"];
    assert_eq!((proof["by"].as_str(), proof["at"].as_str().unwrap().parse().ok()), (Some("person"), Some(seen)));
    assert_eq!(proof["evidence"], "更新後証明書の取得: メニューが出た (受付, 受付)");
}

#[test]
fn a_sign_in_by_a_person_is_a_proof_from_when_it_was_seen() {
    let entered = r#"
  entered:
    title: 入る
    uses: web.sign_in@1
    with: { client_cert: "${{ steps.current.cert }}", user_id: "0110119153" }
"#;
    let steps = format!("{CURRENT}{entered}");
    let sign_in = "operations:\n  sign_in: { hands: person, client_cert: true, tries: user_id, takes: { user_id: digits(10) }, pages: [{ open: /in, fill: { user_id: ID }, press: ログイン, commits: true }, { signed_in: メニュー }] }\n";
    let checked = support::checked_with_profile(&steps, "operations:\n", sign_in);
    let mut world = World::obn();
    world.portal = Arc::new(FakePortal::new(checked.profiles["issuer"].clone(), world.clock.clone(), world.p12.clone()));
    world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let desk = Desk::new(world);
    let program = desk.program_of(checked, &BTreeMap::new());
    let parked = desk.apply(&program);
    assert_eq!(parked.phase, Phase::Parked(ParkCause::Person), "{:?}", parked.failed());
    let seen = kirikae_engine::clock::Clock::now(&*desk.world.clock);
    desk.answer_with("entered", Answer { evidence: Some("メニューが出た".to_owned()), ..yes(&[]) }, None);
    desk.world.clock.advance(std::time::Duration::from_secs(1800));
    let state = desk.resume(&program);
    let proof = &state.ended("entered").unwrap().outputs["proof"];
    assert_eq!((proof["by"].as_str(), proof["at"].as_str().unwrap().parse().ok()), (Some("person"), Some(seen)), "not from when it was taken up");
}

#[test]
fn the_notice_s_numbers_are_shown_and_its_secrets_are_not() {
    let steps = r#"
  obtain:
    title: 受け取る
    uses: ca.obtain@1
    with: { request_id: "202611230000001", reference_id: "${{ secrets.pin }}", password: "${{ secrets.pin }}" }
"#;
    let desk = desk();
    *desk.typist.filed.lock().unwrap() = Some("0417");
    desk.words.borrow_mut().push_back(problem("wrong_id"));
    let state = desk.apply(&program(&desk, steps));
    assert_eq!(code(&state, "obtain"), "PORTAL.WRONG_ID");
    let question = desk.questions.borrow()[0].clone();
    assert!(words(&desk, 0).contains(&"入力: 「リクエストID」に 「202611230000001」".to_owned()), "{:?}", words(&desk, 0));
    assert_eq!(question.reveals.iter().map(|reveal| reveal.label.as_str()).collect::<Vec<_>>(), ["リファレンスID", "証明書パスワード"]);
    assert!(!serde_json::to_string(&question).unwrap().contains("0417"));
    assert!(desk.revealed.borrow().is_empty(), "nobody was there to read it");
}

#[test]
fn while_one_person_is_asked_to_press_no_other_is_and_an_older_look_counts_no_more() {
    let second = REQUEST.replace("request:", "second:") + "    needs: [current]\n";
    let desk = desk();
    let program = program(&desk, &format!("{CURRENT}{REQUEST}{second}"));
    // Nobody is there: both ask for the list, and are answered from elsewhere.
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Person));
    for step in ["request", "second"] {
        desk.answer_with(step, listed(&[OLD_ROW]), None);
    }
    desk.resume(&program);
    let asked_to_press = |step: &str| desk.count("IntentRecorded", step);
    assert_eq!(asked_to_press("request") + asked_to_press("second"), 1, "one of them");
    let (first, other) = if asked_to_press("request") == 1 { ("request", "second") } else { ("second", "request") };
    desk.shown.borrow_mut().push_back("zigLUVC29Q");
    let fields = yes(&SHOWN).fields.into_iter().filter(|(name, _)| name != "request_id");
    let fields = fields.chain([("request_id".to_owned(), "202611230000001".to_owned()), ("reference_id".to_owned(), "vault:typed".to_owned())]).collect();
    desk.answer_with(first, Answer { yes: true, fields, ..Answer::default() }, None);
    desk.words.borrow_mut().push_back(listed(&[OLD_ROW, NEW_ROW]));
    let state = desk.resume(&program);
    assert_eq!(state.ended(first).unwrap().outcome, Outcome::Changed);
    assert_eq!(
        (desk.count("HumanAsked", other), desk.count("IntentRecorded", other)),
        (2, 0),
        "it looks once more, and presses nothing: {:?}",
        state.step(other)
    );
}
