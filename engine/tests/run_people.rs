//! Actions of people in whole runs: intents, answers, problems, crashes, lapsing, evidence.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kirikae_engine::action::Answer;
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::FileRef;
use kirikae_engine::run::{Doing, EventBody, Outcome, ParkCause, Phase, RunEnd, Settled, Uncovered, in_doubt};
use kirikae_engine::testing::{World, certificate};
use support::{CURRENT, Desk};

const CODE: &str = "0110119153";

fn desk() -> Desk {
    let world = World::obn();
    world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

const REGISTER: &str = r#"
  register:
    title: アプリで初回登録をする
    uses: human.perform@1
    with:
      who: 医師本人
      where: スマートフォン
      do:
        - { do: カメラでQRコードを読む, cite: "obn_edge#1.6" }
        - { do: 【登録】を押す, problem: used_qr }
      fields: { name: { type: ascii, title: ラベル } }
      problems: { used_qr: 【セキュリティキーによるサインイン】と出た }
"#;

fn yes(fields: &[(&str, &str)]) -> Answer {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { yes: true, fields, ..Answer::default() }
}

fn problem(name: &str) -> Answer {
    Answer { problem: Some(name.to_owned()), ..Answer::default() }
}

fn kinds(desk: &Desk, step: &str) -> Vec<&'static str> {
    let events = desk.events();
    events.iter().filter(|event| event.body.step() == Some(step)).map(|event| event.body.kind()).collect()
}

#[test]
fn the_intent_is_on_disk_before_the_person_is_asked_and_the_answer_is_the_outcome() {
    let desk = desk();
    desk.words.borrow_mut().push_back(yes(&[("name", "ｐｈｏｎｅ")]));
    let state = desk.apply(&desk.program(REGISTER));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!(kinds(&desk, "register"), ["Decided", "IntentRecorded", "HumanAsked", "HumanAnswered", "EffectEnded", "StepEnded"]);
    let ended = state.ended("register").unwrap();
    assert_eq!((ended.outcome, &ended.outputs["by"], &ended.outputs["fields"]["name"]), (Outcome::Changed, &"受付".into(), &"phone".into()));
    let question = desk.questions.borrow()[0].clone();
    assert!(question.acts);
    assert_eq!(question.ask.ja, "アプリで初回登録をする", "without `ask` the title is asked");
    assert_eq!(question.items[0].ja, "カメラでQRコードを読む [obn_edge#1.6]");
    assert_eq!(question.items[1].ja, "【登録】を押す (できないとき: used_qr)");
}

#[test]
fn a_problem_is_a_code_for_rescue_and_a_no_means_that_nothing_happened() {
    let desk = desk();
    let row = "    rescue:\n      HUMAN.USED_QR: { say: 電子認証センターへ。, then: retry, times: 1 }\n";
    desk.words.borrow_mut().extend([problem("used_qr"), yes(&[("name", "a")])]);
    let state = desk.apply(&desk.program(&format!("{REGISTER}{row}")));
    assert_eq!((state.phase, desk.count("IntentRecorded", "register")), (Phase::Ended(RunEnd::Done), 2));

    let desk = self::desk();
    desk.words.borrow_mut().push_back(problem("used_qr"));
    let program = desk.program(REGISTER);
    let state = desk.apply(&program);
    let error = state.ended("register").unwrap().error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.data["shown"].as_str()), ("HUMAN.USED_QR", "【セキュリティキーによるサインイン】と出た"));
    assert_eq!(state.phase, Phase::Parked(ParkCause::Failed));
    desk.words.borrow_mut().push_back(Answer::default());
    let state = desk.resume(&program);
    assert_eq!(state.ended("register").unwrap().error.as_ref().unwrap().code, "HUMAN.DECLINED");
    assert!(in_doubt(&desk.events()).is_empty());
}

#[test]
fn an_answer_that_does_not_fit_parks_and_the_question_stays() {
    for unfit in [yes(&[]), yes(&[("name", "名前")]), yes(&[("name", "a"), ("other", "b")]), problem("nothing_such")] {
        let desk = desk();
        desk.words.borrow_mut().push_back(unfit);
        let program = desk.program(REGISTER);
        let state = desk.apply(&program);
        assert_eq!((state.phase, desk.count("HumanAnswered", "register")), (Phase::Parked(ParkCause::Person), 0));
        assert_eq!(desk.resume(&program).phase, Phase::Parked(ParkCause::Person), "nobody has answered yet");
        assert_eq!((desk.count("HumanAsked", "register"), desk.count("IntentRecorded", "register")), (1, 1));
        desk.answer_with("register", yes(&[("name", "a")]), None);
        assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done));
    }
}

#[test]
fn after_a_crash_nobody_is_asked_to_act_again_before_somebody_says_what_happened() {
    for (settled, outcome, asked) in [(Settled::Done, Outcome::Changed, 1), (Settled::NotDone, Outcome::Changed, 2)] {
        let desk = desk();
        let program = desk.program(REGISTER);
        desk.answers.borrow_mut().push_back((true, Box::new(|_| panic!("the power fails while the person acts"))));
        catch_unwind(AssertUnwindSafe(|| desk.apply(&program))).unwrap_err();
        assert_eq!(kinds(&desk, "register"), ["Decided", "IntentRecorded", "HumanAsked"]);
        let state = desk.resume(&program);
        assert_eq!(state.phase, Phase::Parked(ParkCause::Uncertain));
        assert_eq!(state.uncertain().unwrap().0, "register");
        assert_eq!(desk.questions.borrow().len(), 1, "it is not put again");
        desk.answer_with("register", yes(&[("name", "a")]), Some(settled));
        desk.words.borrow_mut().push_back(yes(&[("name", "a")]));
        let state = desk.resume(&program);
        let ended = state.ended("register").unwrap();
        assert_eq!((state.phase.clone(), ended.outcome, desk.count("HumanAsked", "register")), (Phase::Ended(RunEnd::Done), outcome, asked));
        assert_eq!((&ended.outputs["by"], &ended.outputs["fields"]["name"]), (&"受付".into(), &"a".into()));
    }
}

#[test]
fn a_stop_while_the_person_acts_waits_for_their_word_and_parks() {
    let desk = desk();
    let program = desk.program(
        &format!("{REGISTER}  after:\n    title: 後\n    uses: human.confirm@1\n    with: {{ ask: 済みましたか }}\n")
            .replace("      fields: { name: { type: ascii, title: ラベル } }\n", ""),
    );
    let cancel = desk.cancel.borrow().clone();
    desk.answers.borrow_mut().push_back((true, Box::new(move |_| cancel.cancel())));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Cancelled));
    assert_eq!(state.ended("register").unwrap().outcome, Outcome::Changed, "what was done is on record");
    *desk.cancel.borrow_mut() = kirikae_engine::backend::CancelToken::default();
    desk.words.borrow_mut().push_back(yes(&[]));
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done));
    assert_eq!(desk.count("HumanAsked", "register"), 1, "and nobody does it again");
}

#[test]
fn a_crash_after_the_answer_keeps_the_answer() {
    let desk = desk();
    let program = desk.program(REGISTER);
    desk.answers.borrow_mut().push_back((true, Box::new(|_| panic!("crash"))));
    catch_unwind(AssertUnwindSafe(|| desk.apply(&program))).unwrap_err();
    desk.answer_with("register", yes(&[("name", "a")]), None);
    let state = desk.resume(&program);
    assert_eq!((state.phase, desk.count("Uncertain", "register"), desk.count("HumanAsked", "register")), (Phase::Ended(RunEnd::Done), 0, 1));
}

#[test]
fn lapsing_is_no_approval() {
    let seen = "
  seen:
    title: 見る
    uses: human.confirm@1
    with: { ask: 見ましたか, lapse: 2h }
";
    let desk = desk();
    let program = desk.program(seen);
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Person));
    desk.world.clock.advance(Duration::from_secs(2 * 3600 + 1));
    let question = desk.questions.borrow()[0].clone();
    let late = Answer { yes: true, at: question.until.unwrap() + Duration::from_secs(1), ..Answer::default() };
    assert!(question.accepts(&late).unwrap_err().ja.contains("期限"));
    desk.words.borrow_mut().push_back(yes(&[]));
    let state = desk.resume(&program);
    assert_eq!(state.ended("seen").unwrap().error.as_ref().unwrap().code, "HUMAN.LAPSED");
    assert_eq!(desk.questions.borrow().len(), 1);
    let state = desk.resume(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "resume asks anew: {state:?}");

    let desk = self::desk();
    let program = desk.program(&format!("{REGISTER}      lapse: 30m\n"));
    desk.answers.borrow_mut().push_back((true, Box::new(|world| world.clock.advance(Duration::from_secs(3600)))));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Uncertain), "the person may have acted all the same");
    assert_eq!(state.uncertain().unwrap().1.first_code, "HUMAN.LAPSED");
}

#[test]
fn what_a_person_writes_is_never_evaluated() {
    let steps = r#"
  seen:
    title: 見る
    uses: human.confirm@1
    with: { ask: 何と出ましたか, fields: { shown: { type: string, title: 文 } }, evidence: [witness] }
  tell:
    title: 知らせる
    uses: notify.send@1
    with: { to: 担当者, subject: 確かめました, body: "${{ steps.seen.evidence }}" }
"#;
    let desk = desk();
    let trick = "${{ inputs.code }}";
    desk.words.borrow_mut().push_back(Answer { evidence: Some(trick.to_owned()), ..yes(&[("shown", trick)]) });
    let state = desk.apply(&desk.program(steps));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!(state.ended("seen").unwrap().outputs["fields"]["shown"], trick);
    assert_eq!(desk.world.notifier.sent()[0].body, trick);
}

#[test]
fn evidence_as_a_file_is_asked_for_and_named_by_its_digest() {
    let steps = format!(
        "{CURRENT}
  seen:
    title: 見る
    uses: human.confirm@1
    with: {{ ask: 入れましたか, proves: \"${{{{ steps.current.cert }}}}\", evidence: [photo] }}
"
    );
    let desk = desk();
    let program = desk.program(&steps);
    assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Person));
    let question = desk.questions.borrow()[0].clone();
    let words = Answer { evidence: Some("見た".to_owned()), ..yes(&[]) };
    assert!(question.accepts(&words).unwrap_err().ja.contains("ファイル"), "words are no photo");
    let file = FileRef { vault: None, name: "photo.jpg".to_owned(), size: 3, sha256: "ab".repeat(32) };
    desk.answer_with("seen", Answer { files: vec![file], ..yes(&[]) }, None);
    let state = desk.resume(&program);
    let proof = &state.ended("seen").unwrap().outputs["proof"];
    assert_eq!((proof["by"].as_str(), proof["kind"].as_str()), (Some("person"), Some("accepted")));
    assert!(proof["evidence"].as_str().unwrap().contains(&format!("photo.jpg sha256:{}", "ab".repeat(32))), "{proof}");
}

const CUT: &str = r#"
  cut:
    title: 古いCD-ROMを裁断する
    uses: human.destroy@1
    with:
      object: "古いCD-ROM(期限 ${{ steps.current.cert.not_after }})"
      cert: "${{ steps.current.cert }}"
      medium: CD-ROM
      replaced_by: "${{ steps.usable.proof }}"
      do: [{ do: ハサミで裁断する }]
"#;

const PROVED: &str = r#"
  newer:
    title: 新しい方を探す
    uses: cert.find@1
    with: { in: personal, issuer: "*", pick: newest }
  current:
    title: 古い方を探す
    uses: cert.find@1
    with: { in: personal, issuer: "*", besides: "${{ steps.newer.cert }}", pick: newest }
  usable:
    title: 使えるか見る
    uses: human.confirm@1
    with: { ask: 入れましたか, proves: "${{ steps.newer.cert }}" }
"#;

#[test]
fn a_thing_is_destroyed_only_once_its_replacement_is_proved_elsewhere() {
    let old = certificate(CODE, 1, "2023-10-22", "2027-01-22");
    let new = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    let world = World::obn();
    let (old, new) = (world.store.put(old), world.store.put(new));
    let attempt = world.attempt();
    let proof = kirikae_engine::dsl::Proof {
        thumbprint: new.sha1.clone(),
        sha256: new.sha256.clone(),
        holder: new.holder.clone(),
        kind: kirikae_engine::dsl::ProofKind::Accepted,
        by: kirikae_engine::dsl::ProofBy::Person,
        evidence: "入れた (受付, 受付)".to_owned(),
        at: kirikae_engine::clock::Clock::now(&*world.clock),
    };
    let given = |proof: &kirikae_engine::dsl::Proof, medium: Option<&str>| {
        let mut given = kirikae_engine::testing::inputs([
            ("object", kirikae_engine::dsl::Value::Text(kirikae_engine::text::Text::plain("古いCD-ROM"))),
            ("cert", kirikae_engine::dsl::Value::Cert(Box::new(old.clone()))),
            ("replaced_by", kirikae_engine::dsl::Value::Proof(Box::new(proof.clone()))),
        ]);
        given.0.extend(medium.map(|medium| ("medium".to_owned(), kirikae_engine::dsl::Value::Str(medium.to_owned()))));
        given
    };
    let asked = attempt.question("human.destroy", &given(&proof, Some("CD-ROM"))).unwrap();
    assert_eq!((asked.items[0].ja.as_str(), asked.acts), ("壊す物: 古いCD-ROM", true));
    let refused = |proof: &kirikae_engine::dsl::Proof, medium: Option<&str>| attempt.question("human.destroy", &given(proof, medium)).unwrap_err().code;
    assert_eq!(refused(&proof, None), "PROOF.MISMATCH", "the replacement is in what is destroyed");
    assert_eq!(refused(&kirikae_engine::dsl::Proof { thumbprint: old.sha1.clone(), ..proof.clone() }, Some("CD-ROM")), "PROOF.MISMATCH");
    assert_eq!(refused(&kirikae_engine::dsl::Proof { kind: kirikae_engine::dsl::ProofKind::Key, ..proof.clone() }, Some("CD-ROM")), "PROOF.MISMATCH");
    world.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(refused(&proof, Some("CD-ROM")), "PROOF.STALE");
    let answer = Answer { yes: true, by: "院長".to_owned(), ..Answer::default() };
    let sessions_answer = attempt.answered("human.destroy", &given(&proof, Some("CD-ROM")), &answer);
    assert_eq!(sessions_answer.unwrap_err().code, "PROOF.STALE", "nobody was asked");
}

#[test]
fn what_cannot_be_undone_takes_an_approval_and_a_rule_does_not_give_it_on_a_persons_word() {
    let desk = desk();
    let commit = "
  order:
    title: 再発行を申し込む
    uses: human.commit@1
    with: { ask: 申し込みましたか }
";
    let program = desk.program(commit);
    assert_eq!(program.plan.approvals_required, ["order"]);
    assert_eq!(program.plan.step("order").unwrap().person.as_deref(), Some("担当者"));
    desk.words.borrow_mut().push_back(yes(&[]));
    assert_eq!(desk.apply(&program).phase, Phase::Ended(RunEnd::Done));

    let steps = format!("{PROVED}{CUT}");
    desk.world.store.put(certificate(CODE, 2, "2026-11-20", "2030-02-20"));
    let checked = support::checked(&steps);
    let program = desk.program_of(checked, &BTreeMap::new());
    let rule = |person_proof| kirikae_engine::dsl::site::ApprovalRule {
        action: "human.destroy".to_owned(),
        program: None,
        max_fee_jpy: None,
        per_day: None,
        auto: true,
        unverified: false,
        person_proof,
    };
    let settle = |rule| kirikae_engine::run::settle(&program.plan, &program.checked, &[rule], &[], &|_| 0, &|_| None);
    assert_eq!(settle(rule(false)).unwrap_err()[0].rule, Some((1, Uncovered::PersonProof)));
    assert_eq!(settle(rule(true)).unwrap()[0].by, "rule 1");
}

#[test]
fn a_question_in_doubt_is_found_until_it_is_answered() {
    let desk = desk();
    let program = desk.program(REGISTER);
    let state = desk.apply(&program);
    assert_eq!(in_doubt(&desk.events()).into_keys().collect::<Vec<_>>(), ["register"], "somebody was asked to act and has not answered");
    assert!(matches!(state.step("register").unwrap().doing, Doing::Asked(_)));
    desk.answer_with("register", Answer::default(), Some(Settled::NotDone));
    let events = desk.events();
    assert!(matches!(events.last().unwrap().body, EventBody::HumanAnswered { settled: Some(Settled::NotDone), .. }));
    desk.words.borrow_mut().push_back(yes(&[("name", "a")]));
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done));
}

#[test]
fn after_a_clock_that_was_set_back_a_question_still_waits_as_long_as_it_says() {
    let steps = "
  first:
    title: 先に見る
    uses: human.confirm@1
    with: { ask: 見ましたか }
  act:
    title: 行う
    uses: human.perform@1
    with: { ask: 行いましたか, lapse: 10m }
";
    let desk = desk();
    let program = desk.program(steps);
    // The first answer comes while the clock is a day ahead.
    let clock = desk.world.clock.clone();
    desk.answers.borrow_mut().push_back((true, Box::new(move |_| clock.advance(Duration::from_hours(24)))));
    let back = desk.world.clock.clone();
    desk.answers.borrow_mut().push_back((true, Box::new(|_| ())));
    let seen = desk.apply_watching(&program, move |event| {
        if matches!(&event.body, EventBody::StepEnded { step, .. } if step == "first") {
            back.set(back.now() - jiff::SignedDuration::from_hours(24));
        }
    });
    assert_eq!((seen.phase, desk.count("Uncertain", "act")), (Phase::Ended(RunEnd::Done), 0));
}
