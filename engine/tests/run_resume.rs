//! A run goes on with what it was planned with: under a mended profile, under another version of the program, in changed surroundings.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use kirikae_engine::action::registry;
use kirikae_engine::backend::BackendError;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::journal::Journal;
use kirikae_engine::plan::{Moved, sha256_hex};
use kirikae_engine::run::{
    Driver, EventBody, NotReplaced, Phase, Program, Replaced, RunEnd, State, apply, load_program, replace_profile, same_bindings, store_closure,
};
use kirikae_engine::testing::{Fault, World, certificate};
use kirikae_engine::text::{Lang, Source};
use support::{CURRENT, Desk, REQUEST, RUN, Silent};

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

/// Begins the run with everything it embeds.
fn begin(desk: &Desk, program: &Program) -> State {
    let blobs = store_closure(desk.state.path(), &program.plan, &program.checked).unwrap();
    let started = EventBody::RunStarted {
        plan: program.plan.plan_id.clone(),
        digest: program.plan.compute_digest(),
        engine: program.plan.engine.clone(),
        playbook: program.checked.id.clone(),
        site: "clinic".to_owned(),
        blobs,
        bindings: BTreeMap::from([("personal".to_owned(), "dir:/personal".to_owned()), ("issuer".to_owned(), "portal:obn@a".to_owned())]),
        batch: None,
        account: "test".to_owned(),
    };
    let approved = EventBody::ApprovalGiven {
        steps: program.plan.approvals_required.clone(),
        by: "--approve".to_owned(),
        who: "test".to_owned(),
        site_digest: None,
        subject: BTreeMap::new(),
    };
    desk.with(program, |context, journal| Driver::begin(context, journal, &mut Silent, RUN, started, vec![approved]).unwrap().run().unwrap().state)
}

fn journal(desk: &Desk) -> Journal {
    Journal::open(desk.state.path()).unwrap()
}

/// What the next process loads.
fn loaded(desk: &Desk) -> Result<Program, BackendError> {
    load_program(desk.state.path(), &journal(desk).blobs(RUN).unwrap(), registry(), desk.world.zone.clone(), Some(&desk.world.backends()))
}

/// Another version of the program made this document of the run: its blob is another one.
fn doctor(desk: &Desk, name: &str, change: impl Fn(&str) -> String) {
    let blobs = desk.state.path().join("blobs");
    let old = journal(desk).blobs(RUN).unwrap()[name].clone();
    let text = std::fs::read_to_string(blobs.join(&old)).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "something is changed");
    let new = sha256_hex(changed.as_bytes());
    std::fs::write(blobs.join(&new), changed).unwrap();
    let connection = rusqlite::Connection::open(desk.state.path().join("journal.db")).unwrap();
    assert_eq!(connection.execute("UPDATE blobs SET sha256=?1 WHERE run=?2 AND name=?3", [&new, RUN, name]).unwrap(), 1);
}

fn older(text: &str) -> String {
    text.replacen(&format!("\"engine\":\"{}\"", env!("CARGO_PKG_VERSION")), "\"engine\":\"0.0.7\"", 1)
}

#[test]
fn a_run_of_an_older_version_goes_on_under_this_one() {
    let desk = desk(Some(Fault::Before("PORTAL.BUSY")));
    begin(&desk, &desk.program(&request()));
    // The older version had other words, and did not know of re-tries.
    doctor(&desk, "plan", |text| older(text).replace("探す", "むかしの言葉"));
    let program = loaded(&desk).unwrap();
    assert_eq!((program.plan.engine.as_str(), program.plan.step("current").unwrap().title.ja.as_str()), ("0.0.7", "むかしの言葉"));
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done));
    assert_eq!(desk.world.portal.issued(), 1);
}

#[test]
fn a_run_whose_action_is_no_longer_known_is_refused_and_says_which_version_to_use() {
    let desk = desk(Some(Fault::Before("PORTAL.BUSY")));
    begin(&desk, &desk.program(&request()));
    doctor(&desk, "plan", older);
    doctor(&desk, "playbook:obn/case", |text| text.replacen("ca.renew@1", "ca.renew@9", 1));
    let error = loaded(&desk).unwrap_err();
    assert_eq!(error.code, "RUN.UNREADABLE");
    assert!(error.cause.ja.contains("0.0.7") && error.cause.ja.contains("ca.renew"), "{}", error.cause.ja);
    insta::assert_snapshot!("resume-unknown-action", texts(&error));
}

#[test]
fn a_run_whose_steps_would_do_more_is_refused_with_what_differs() {
    let desk = desk(Some(Fault::Before("PORTAL.BUSY")));
    begin(&desk, &desk.program(&request()));
    // To the older version the renewal was a plain change, and it had one more step.
    doctor(&desk, "plan", |text| {
        let mut plan: serde_json::Value = serde_json::from_str(&older(text)).unwrap();
        plan["steps"][1]["effect"] = "write".into();
        let mut third = plan["steps"][0].clone();
        third["address"] = "after".into();
        plan["steps"].as_array_mut().unwrap().push(third);
        plan.to_string()
    });
    let error = loaded(&desk).unwrap_err();
    let moved: Vec<String> =
        Moved::of_error(&error.data).into_iter().map(|moved| format!("{} {}: {} -> {}", moved.step.unwrap(), moved.field, moved.was, moved.is)).collect();
    assert_eq!(
        (error.code.as_str(), moved),
        ("RUN.UNREADABLE", vec!["after step: cert.find@1 -> -".to_owned(), "request effect: write -> irreversible".to_owned()])
    );
    insta::assert_snapshot!("resume-other-steps", texts(&error));
}

fn texts(error: &BackendError) -> String {
    format!("{}\n{}\n{}\n{}", error.cause.ja, error.cure.ja, error.cause.get(Lang::En), error.cure.get(Lang::En))
        .replace(&format!("({})", env!("CARGO_PKG_VERSION")), "(VERSION)")
}

#[test]
fn changed_roles_are_refused_with_all_of_them() {
    let desk = desk(None);
    begin(&desk, &desk.program(&request()));
    let events = journal(&desk).events(RUN).unwrap();
    let bound = |personal: &str, issuer: &str| BTreeMap::from([("personal".to_owned(), personal.to_owned()), ("issuer".to_owned(), issuer.to_owned())]);
    assert_eq!(same_bindings(&events, &bound("dir:/personal", "portal:obn@a")), Ok(()));
    let error = same_bindings(&events, &bound("dir:/other", "portal:obn@b")).unwrap_err();
    let moved: Vec<String> = Moved::of_error(&error.data).into_iter().map(|moved| format!("{}: {} -> {}", moved.field, moved.was, moved.is)).collect();
    assert_eq!(
        (error.code.as_str(), moved),
        ("RUN.BINDINGS_CHANGED", vec!["role.issuer: portal:obn@a -> portal:obn@b".to_owned(), "role.personal: dir:/personal -> dir:/other".to_owned()])
    );
}

fn shipped_profile() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks/portals/obn.yaml")).unwrap()
}

fn mend(desk: &Desk, state: &State, change: impl Fn(String) -> String) -> Result<Replaced, NotReplaced> {
    let program = loaded(desk).unwrap();
    let source = Source::from_bytes("obn.yaml", change(shipped_profile()).as_bytes()).unwrap();
    replace_profile(desk.state.path(), &journal(desk).blobs(RUN).unwrap(), &program, state, &source, registry(), desk.world.zone.clone())
}

fn refusal(result: Result<Replaced, NotReplaced>) -> String {
    match result {
        Err(NotReplaced::Refused(error)) => error.code,
        Err(NotReplaced::Findings(_, found)) => format!("finding {}", found[0].code),
        Ok(_) => "taken".to_owned(),
    }
}

/// The list's heading, in pages that are only looked at.
fn heading(text: String) -> String {
    text.replace("label: 証明書ステータス, optional: true", "label: 状態, optional: true")
}

/// The button that commits.
fn button(text: String) -> String {
    text.replacen(
        "press: Submit\n        commits: true\n      - see: 申請情報を受け付けました",
        "press: 申請する\n        commits: true\n      - see: 申請情報を受け付けました",
        1,
    )
}

#[test]
fn a_mended_profile_is_journaled_with_both_digests_and_stays() {
    let desk = desk(Some(Fault::Before("PORTAL.PAGE_UNKNOWN")));
    let state = begin(&desk, &desk.program(&request()));
    let before = journal(&desk).blobs(RUN).unwrap()["portal:obn"].clone();
    let mended = mend(&desk, &state, |text| button(heading(text))).unwrap();
    let after = mended.blobs["portal:obn"].clone();
    assert_eq!(mended.events, [EventBody::ProfileReplaced { role: "issuer".to_owned(), from: before.clone(), to: after.clone() }]);
    assert_ne!(before, after);
    let mut run = journal(&desk);
    let mut state = state;
    for body in mended.events.clone() {
        let event = run.append(RUN, kirikae_engine::clock::Clock::now(&*desk.world.clock), body).unwrap();
        apply(&mended.program, &mut state, &event);
    }
    drop(run);
    // Every later process has it: nothing has to be named again.
    assert_eq!(loaded(&desk).unwrap().checked.profiles["issuer"].digest, after);
    let again = mend(&desk, &state, |text| button(heading(text))).unwrap();
    assert_eq!(again.events, [], "the same profile once more changes nothing");
    assert_eq!(desk.resume(&loaded(&desk).unwrap()).phase, Phase::Ended(RunEnd::Done));
    assert_eq!(journal(&desk).verify_run(RUN, None).unwrap().fault, None);
}

#[test]
fn while_a_request_is_in_doubt_its_committing_move_stays_and_other_pages_may_be_mended() {
    let desk = desk(Some(Fault::DropBefore));
    let state = begin(&desk, &desk.program(&request()));
    assert!(state.uncertain().is_some(), "{:?}", state.phase);
    assert_eq!(refusal(mend(&desk, &state, button)), "RUN.PROFILE_COMMITS");
    assert_eq!(refusal(mend(&desk, &state, heading)), "taken");
    let settled = BTreeMap::from([("request".to_owned(), Default::default())]);
    assert_eq!(refusal(mend(&desk, &State { steps: settled, ..state }, button)), "taken", "once it is settled, it may");
}

#[test]
fn a_profile_that_does_not_fit_is_refused_before_anything_changes() {
    let desk = desk(Some(Fault::Before("PORTAL.PAGE_UNKNOWN")));
    let state = begin(&desk, &desk.program(&request()));
    assert_eq!(
        refusal(mend(&desk, &state, |text| text.replacen("portal: obn", "portal: other", 1).replacen("id: obn\n", "id: other\n", 1))),
        "RUN.PROFILE_UNKNOWN"
    );
    assert_eq!(refusal(mend(&desk, &state, |text| text.replacen("yen: 1500", "yen: 1600", 1))), "PLAN.DRIFT", "a higher fee was not approved");
    assert!(refusal(mend(&desk, &state, |text| text.replacen("kirikae: portal/1", "kirikae: portal/9", 1))).starts_with("finding "));
    let without_renew = |text: String| text.replacen("\n  renew:\n", "\n  revoke:\n", 1);
    assert!(refusal(mend(&desk, &state, without_renew)).starts_with("finding "), "the playbook is checked with it");
    assert_eq!(desk.count("ProfileReplaced", ""), 0);
    assert_eq!(loaded(&desk).unwrap().checked.profiles["issuer"].digest, sha256_hex(shipped_profile().as_bytes()));
}
