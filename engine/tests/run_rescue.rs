//! `rescue`: each ending, the steps of `do`, what they see, and what survives a stop.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use kirikae_engine::backend::profile::{Operation, Then};
use kirikae_engine::plan::Decision;
use kirikae_engine::run::{Doing, EventBody, Outcome, ParkCause, Phase, RunEnd};
use kirikae_engine::testing::{Fault, World, certificate};
use kirikae_engine::text::Lang;
use support::{CURRENT, Desk, REQUEST};

const CODE: &str = "0110119153";

fn desk() -> Desk {
    let world = World::obn().plain_backup();
    world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    Desk::new(world)
}

const FIND: &str = r#"
  file:
    title: ファイルを探す
    uses: file.find@1
    with: { in: backup, name: "*.p12" }
"#;

fn find(rescue: &str) -> String {
    format!("{FIND}    rescue:\n{rescue}")
}

fn put_file(world: &World, password: &str) {
    let file = world.p12.make(password, &certificate(CODE, 2, "2026-11-20", "2030-02-20"), &[]);
    world.folder.put("202611230000001.p12", file.expose());
}

#[test]
fn stop_fails_with_the_words_of_the_row_and_finish_ends_well_with_them() {
    let desk = desk();
    let state = desk.apply(&desk.program(&find("      FILE.NOT_FOUND: { say: \"CD-ROMにありません(${{ error.code }})。\", then: stop }\n")));
    let error = state.ended("file").unwrap().error.clone().unwrap();
    assert_eq!(
        (state.phase, error.code.as_str(), error.cause.ja.as_str()),
        (Phase::Ended(RunEnd::Failed), "FILE.NOT_FOUND", "CD-ROMにありません(FILE.NOT_FOUND)。")
    );
    let desk = self::desk();
    let steps = find("      FILE.NOT_FOUND: { say: 今日は届いていません。, then: finish }\n") + &CURRENT.replace("current", "after");
    let state = desk.apply(&desk.program(&steps));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Finished));
    assert_eq!(state.finish.as_ref().unwrap().1.ja, "今日は届いていません。");
    assert!(state.step("after").is_none(), "nothing after it runs");
}

#[test]
fn retry_runs_the_step_again_at_most_so_often_also_across_processes() {
    let desk = desk();
    let steps = find("      FILE.NOT_FOUND: { say: もう一度見ます。, then: retry, times: 2 }\n");
    let program = desk.program(&steps);
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Failed));
    assert_eq!((desk.count("Observed", "file"), state.step("file").unwrap().rescued["FILE.NOT_FOUND"]), (3, 2));
    let state = desk.resume(&program);
    assert_eq!((state.phase, desk.count("Observed", "file")), (Phase::Ended(RunEnd::Failed), 4), "resume tries once; the row is used up");
}

#[test]
fn resume_takes_what_the_row_gives_for_the_outputs() {
    let desk = desk();
    let given = certificate(CODE, 7, "2024-01-01", "2028-01-01");
    desk.world.store.put(given.clone());
    let steps = format!(
        "{CURRENT}
  other:
    title: ほかの1枚
    uses: cert.find@1
    with: {{ in: personal, issuer: \"*\", cn: \"9999999999\" }}
    rescue:
      CERT.NOT_FOUND:
        say: 今の証明書を使います。
        then: resume
        give: {{ cert: \"${{{{ steps.current.cert }}}}\", count: 0 }}
    expect:
      - that: result.count == 0
        say: 数が違います。
  seen:
    title: 見せる
    uses: human.confirm@1
    with: {{ ask: \"${{{{ steps.other.cert.serial }}}} ${{{{ steps.other.outcome }}}}\" }}
"
    );
    desk.answers.borrow_mut().push_back((true, Box::new(|_| {})));
    let state = desk.apply(&desk.program(&steps));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!(state.ended("other").unwrap().outcome, Outcome::Observed);
    assert_eq!(desk.questions.borrow()[0].ask.ja, format!("{} observed", given.serial));
}

#[test]
fn a_step_that_counts_as_done_still_fails_its_checks() {
    let desk = desk();
    let steps = find(
        "      FILE.NOT_FOUND: { say: 無し。, then: resume, give: { count: 0 } }\n      EXPECT.FAILED: { say: 再び。, then: resume, give: { count: 0 } }\n",
    ) + "    expect:\n      - that: result.count > 0\n        say: 1つも無い。\n";
    let state = desk.apply(&desk.program(&steps));
    assert_eq!(state.ended("file").unwrap().error.as_ref().unwrap().code, "EXPECT.FAILED");
    assert_eq!(state.phase, Phase::Ended(RunEnd::Failed));
}

#[test]
fn a_writing_step_that_counts_as_done_is_unchanged_and_sends_nothing() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::Refuse("PORTAL.REFUSED"));
    let row = "    rescue:\n      PORTAL.REFUSED: { say: もう更新されています。, then: resume, give: { cn: \"${{ inputs.code }}\" } }\n";
    let state = desk.apply(&desk.program(&format!("{CURRENT}{REQUEST}{row}")));
    let ended = state.ended("request").unwrap();
    assert_eq!((ended.outcome, ended.outputs["cn"].as_str(), desk.world.portal.received()), (Outcome::Unchanged, Some(CODE), 1));
}

const INSERT: &str = r#"      FOLDER.ABSENT:
        say: 媒体が見つかりません。
        do:
          ask:
            title: 挿してもらう
            uses: human.confirm@1
            with: { ask: "USBメモリを挿してください(${{ error.code }})。" }
          seen:
            title: 挿した人を確かめる
            uses: human.confirm@1
            when: do.ask.by != '受付'
            with: { ask: "${{ do.ask.by }}" }
        then: retry
        times: 2
"#;

#[test]
fn the_steps_of_do_run_first_each_time_and_only_when_their_row_is_followed() {
    let desk = desk();
    put_file(&desk.world, "0417");
    let program = desk.program(&find(INSERT));
    let quiet = Desk::new(World::obn().plain_backup());
    put_file(&quiet.world, "0417");
    let state = quiet.apply(&quiet.program(&find(INSERT)));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert!(quiet.questions.borrow().is_empty() && state.step("file/rescue/FOLDER.ABSENT/ask").is_none());

    desk.world.folder.fail(Some("FOLDER.ABSENT"));
    desk.answers.borrow_mut().push_back((true, Box::new(|_| {})));
    desk.answers.borrow_mut().push_back((true, Box::new(|world| world.folder.fail(None))));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    let asked: Vec<String> = desk.questions.borrow().iter().map(|question| question.ask.ja.clone()).collect();
    assert_eq!(asked, ["USBメモリを挿してください(FOLDER.ABSENT)。"; 2]);
    assert_eq!(state.ended("file/rescue/FOLDER.ABSENT/seen").unwrap().outcome, Outcome::Skipped);
    assert_eq!(desk.count("Observed", "file"), 3);
}

#[test]
fn a_run_that_parks_inside_do_goes_on_there() {
    let desk = desk();
    put_file(&desk.world, "0417");
    let program = desk.program(&find(INSERT));
    desk.world.folder.fail(Some("FOLDER.ABSENT"));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Person));
    assert!(matches!(state.step("file").unwrap().doing, Doing::Rescuing { .. }));
    desk.world.folder.fail(None);
    desk.answer("file/rescue/FOLDER.ABSENT/ask", true);
    let state = desk.resume(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!((desk.count("Observed", "file"), state.step("file").unwrap().rescued["FOLDER.ABSENT"]), (2, 1));
}

#[test]
fn a_step_of_do_that_fails_fails_the_run_at_its_own_address() {
    let desk = desk();
    let program = desk.program(&find(INSERT));
    desk.world.folder.fail(Some("FOLDER.ABSENT"));
    desk.answers.borrow_mut().push_back((false, Box::new(|_| {})));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Failed));
    assert_eq!(state.failed().unwrap().0, "file/rescue/FOLDER.ABSENT/ask");
}

#[test]
fn a_hand_off_parks_with_the_words_and_yes_runs_the_step_again() {
    let desk = desk();
    let row = "    rescue:\n      PORTAL.CERT_REJECTED: { say: 窓口に電話してください。, then: hand_off }\n";
    let program = desk.program(&format!("{CURRENT}{REQUEST}{row}"));
    for _ in 0..2 {
        desk.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.CERT_REJECTED"));
    }
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Person));
    let Doing::Asked(question) = &state.step("request").unwrap().doing else { panic!("asked") };
    assert_eq!(question.ask.ja, "窓口に電話してください。");
    assert!(question.items[0].ja.contains("PORTAL.CERT_REJECTED"));
    desk.answer("request", true);
    let state = desk.resume(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Person), "it happened again, and is handed off again");
    desk.answer("request", true);
    let state = desk.resume(&program);
    assert_eq!((state.phase, desk.world.portal.received()), (Phase::Ended(RunEnd::Done), 1));
}

#[test]
fn no_to_a_hand_off_fails_the_step() {
    let desk = desk();
    let row = "    rescue:\n      PORTAL.CERT_REJECTED: { say: 窓口に電話してください。, then: hand_off }\n";
    let program = desk.program(&format!("{CURRENT}{REQUEST}{row}"));
    desk.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.CERT_REJECTED"));
    desk.answers.borrow_mut().push_back((false, Box::new(|_| {})));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Failed));
    assert_eq!(state.ended("request").unwrap().error.as_ref().unwrap().code, "PORTAL.CERT_REJECTED");
}

const LOOK: &str = r#"
  look:
    title: 中を見る
    uses: p12.inspect@1
    with: { file: "${{ steps.file.file }}", password: "${{ secrets.pin }}" }
    rescue:
      P12.BAD_PASSWORD: { say: パスワードが違います。もう一度入れてください。, then: retry, times: 2, ask_again: [pin] }
"#;

#[test]
fn a_wrong_password_is_forgotten_and_asked_for_again() {
    let desk = desk();
    put_file(&desk.world, "0417");
    desk.typist.types(["1111", "2222", "0417"]);
    let state = desk.apply(&desk.program(&format!("{FIND}{LOOK}")));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!(desk.typist.left(), 0);
    let taken: Vec<Vec<String>> = desk
        .events()
        .into_iter()
        .filter_map(|event| if let EventBody::Decided { rescue: Some(taken), .. } = event.body { Some(taken.ask_again) } else { None })
        .collect();
    assert_eq!(taken, vec![vec!["pin".to_owned()]; 2]);
}

#[test]
fn a_wrong_value_of_a_file_is_asked_for_at_the_terminal() {
    let desk = desk();
    put_file(&desk.world, "0417");
    *desk.typist.filed.lock().unwrap() = Some("9999");
    desk.typist.types(["0417"]);
    let state = desk.apply(&desk.program(&format!("{FIND}{LOOK}")));
    assert_eq!((state.phase, desk.count("Observed", "look")), (Phase::Ended(RunEnd::Done), 2));
}

#[test]
fn without_the_row_a_wrong_password_is_not_asked_for_twice() {
    let desk = desk();
    put_file(&desk.world, "0417");
    desk.typist.types(["1111", "0417"]);
    let without = LOOK.split("    rescue:").next().unwrap();
    let state = desk.apply(&desk.program(&format!("{FIND}{without}")));
    assert_eq!((state.phase, desk.typist.left()), (Phase::Ended(RunEnd::Failed), 1));
}

#[test]
fn the_words_of_an_ambiguous_row_come_after_looking_and_settle_nothing() {
    for (then, cause) in [("hand_off", ParkCause::Uncertain), ("stop", ParkCause::Failed)] {
        let row = format!("    rescue:\n      PORTAL.RESULT_UNKNOWN: {{ say: 管理画面で発行日を確かめてください。, then: {then} }}\n");
        let steps = format!("{CURRENT}{REQUEST}{row}");
        let found = desk();
        found.world.portal.fault(Operation::Renew, Fault::LoseAnswer);
        let state = found.apply(&found.program(&steps));
        assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "looking settles it; the row is not needed");
        let desk = desk();
        desk.world.portal.fault(Operation::Renew, Fault::DropBefore);
        let program = desk.program(&steps);
        let state = desk.apply(&program);
        assert_eq!(state.phase, Phase::Parked(cause));
        let (_, uncertain) = state.uncertain().expect("it stays uncertain");
        assert_eq!(
            (uncertain.why.ja.as_str(), uncertain.row),
            ("管理画面で発行日を確かめてください。", Then::ALL.into_iter().find(|known| known.word() == then))
        );
        assert!(matches!(desk.resume(&program).phase, Phase::Parked(_)));
        assert_eq!((desk.world.portal.received(), desk.count("IntentRecorded", "request")), (1, 1), "never sent again");
    }
}

#[test]
fn a_row_on_a_call_is_for_the_steps_inside_unless_they_have_their_own() {
    let desk = desk();
    put_file(&desk.world, "0417");
    let steps = format!(
        "{FIND}
  install:
    title: 取り込む
    uses: playbook:common/install-p12@1
    with: {{ file: \"${{{{ steps.file.file }}}}\", p12_password: \"${{{{ secrets.pin }}}}\", issuer: \"*\", exportable: true }}
    rescue:
      P12.BAD_PASSWORD: {{ say: 違います。, then: retry, ask_again: [pin] }}
"
    );
    desk.typist.types(["1111", "0417"]);
    let state = desk.apply(&desk.program(&steps));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!((desk.count("Observed", "install/look"), state.step("install/look").unwrap().rescued["P12.BAD_PASSWORD"]), (2, 1));
    assert_eq!(state.ended("install").unwrap().outcome, Outcome::Changed);
}

#[test]
fn irreversible_steps_of_do_are_in_the_plan_as_maybe_and_want_approval() {
    let desk = desk();
    let steps = format!(
        "{CURRENT}{FIND}    rescue:
      FILE.NOT_FOUND:
        say: 申請します。
        do:
          request:
            title: 申請する
            uses: ca.renew@1
            with: {{ client_cert: \"${{{{ steps.current.cert }}}}\" }}
        then: finish
"
    );
    put_file(&desk.world, "0417");
    let program = desk.program(&steps);
    let address = "file/rescue/FILE.NOT_FOUND/request";
    let step = program.plan.step(address).unwrap();
    assert_eq!(step.decision, Decision::Maybe);
    assert_eq!(step.row.as_ref().map(|row| (row.step.as_str(), row.code.as_str())), Some(("file", "FILE.NOT_FOUND")));
    assert_eq!(program.plan.approvals_required, [address]);
    let row = &program.plan.step("file").unwrap().rescue[0];
    assert_eq!((row.then.as_str(), row.steps.as_slice(), row.say.get(Lang::Ja)), ("finish", [address.to_owned()].as_slice(), "申請します。"));
    // The file goes away after the plan: the row is followed, with its approval.
    let empty = Desk { world: World::obn().plain_backup(), ..Desk::new(World::obn()) };
    empty.world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let state = empty.apply(&program);
    assert_eq!((&state.phase, empty.world.portal.received()), (&Phase::Ended(RunEnd::Finished), 1));
    assert_eq!(state.ended(address).unwrap().outcome, Outcome::Changed);
}

#[test]
fn a_poll_that_timed_out_can_wait_once_more() {
    let desk = desk();
    desk.world.portal.list("202611200000001", &certificate(CODE, 9, "2026-11-20", "2030-02-20"));
    desk.world.portal.change_last(|row| row.pending_looks = 9);
    let steps = format!(
        "{CURRENT}
  issued:
    title: 待つ
    uses: ca.status@1
    with: {{ client_cert: \"${{{{ steps.current.cert }}}}\", request_id: \"202611200000001\" }}
    repeat: {{ until: \"result.status != 'pending'\", every: 10m, within: 1h }}
    rescue:
      REPEAT.TIMEOUT: {{ say: まだです。, then: retry }}
"
    );
    let state = desk.apply(&desk.program(&steps));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    let waited: Duration = desk.waits.borrow().iter().sum();
    assert!(waited > Duration::from_hours(1), "{waited:?}");
}

const REJECTED: &str = "code: PORTAL.CERT_REJECTED, status: unverified";

#[test]
fn a_default_ending_of_the_profile_holds_unless_the_playbook_has_a_row() {
    let handed = "code: PORTAL.CERT_REJECTED, say: 窓口に尋ねてください。, then: hand_off, status: unverified";
    for (row, phase, from) in [
        ("", Phase::Parked(ParkCause::Person), "profile"),
        ("    rescue:\n      PORTAL.CERT_REJECTED: { say: 止めます。, then: stop }\n", Phase::Parked(ParkCause::Failed), "playbook"),
    ] {
        let desk = desk();
        let checked = support::checked_with_profile(&format!("{CURRENT}{REQUEST}{row}"), REJECTED, handed);
        let program = desk.program_of(checked, &std::collections::BTreeMap::new());
        assert_eq!(program.plan.step("request").unwrap().rescue.iter().map(|row| row.from.as_str()).collect::<Vec<_>>(), [from]);
        desk.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.CERT_REJECTED"));
        assert_eq!(desk.apply(&program).phase, phase);
    }
}

#[test]
fn what_a_look_finds_while_planning_ends_as_its_row_says() {
    let desk = desk();
    let plan = |then: &str| desk.plan(&support::checked(&(find(&format!("      FILE.NOT_FOUND: {{ say: 無し。, then: {then} }}\n")) + CURRENT)));
    let decided = |then: &str| (plan(then).step("file").unwrap().decision, plan(then).step("current").unwrap().decision);
    assert_eq!(decided("stop"), (Decision::Blocked, Decision::Blocked));
    assert_eq!(decided("hand_off"), (Decision::Blocked, Decision::Blocked));
    assert_eq!(decided("finish"), (Decision::Skip, Decision::Skip));
    assert_eq!(plan("finish").finished.unwrap().say.ja, "無し。");
    assert_eq!(decided("retry"), (Decision::Maybe, Decision::Maybe));
    assert_eq!(plan("stop").step("file").unwrap().reason.as_ref().unwrap().say.ja, "無し。");
}

#[test]
fn a_plan_holds_deadlines_retries_and_rows_as_data() {
    let desk = desk();
    put_file(&desk.world, "0417");
    let row = "    retry: { errors: [PORTAL.BUSY], times: 3, wait: 30s }\n    deadline: steps.current.cert.not_after | minus('1d')\n    rescue:\n      PORTAL.REFUSED: { cite: obn_edge#2.2.1, say: \"断られました(${{ error.shown }})。\", then: stop }\n";
    let plan = desk.plan(&support::checked(&format!("{CURRENT}{REQUEST}{row}{}", find(INSERT))));
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| {
            serde_json::json!({
                "address": step.address, "decision": step.decision, "reason": step.reason, "deadline": step.deadline, "retry": step.retry,
                "rescue": step.rescue, "row": step.row,
            })
        })
        .collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&steps).unwrap());
}
