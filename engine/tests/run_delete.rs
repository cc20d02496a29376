//! A deletion that was cut short is finished; a target that somebody else changed is left alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use kirikae_engine::dsl::CertInfo;
use kirikae_engine::run::{Phase, RunEnd, State};
use kirikae_engine::testing::{World, certificate};
use support::Desk;

/// Of two certificates the newer is proved, then the older deleted.
const STEPS: &str = r#"
  newer:
    title: 新しい方
    uses: cert.find@1
    with: { in: personal, issuer: "*", key: true, pick: newest }
  older:
    title: 古い方
    uses: cert.find@1
    with: { in: personal, issuer: "*", pick: oldest, besides: "${{ steps.newer.cert }}" }
  usable:
    title: 試す
    uses: web.probe@1
    with: { client_cert: "${{ steps.newer.cert }}" }
  sure:
    title: 聞く
    uses: human.confirm@1
    with: { ask: 消してよいですか }
  retire:
    title: 消す
    uses: cert.delete@1
    with: { cert: "${{ steps.older.cert }}", in: personal, replaced_by: "${{ steps.usable.proof }}" }
"#;

/// The desk and the thumbprints of the older and the newer certificate.
fn desk() -> (Desk, String, String) {
    let world = World::obn();
    let put = |cert: CertInfo| world.store.put(CertInfo { key_exportable: false, ..cert }).sha1;
    let older = put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    let newer = put(certificate("0110119153", 2, "2026-11-01", "2030-02-01"));
    (Desk::new(world), older, newer)
}

fn code(state: &State) -> &str {
    &state.ended("retire").unwrap().error.as_ref().unwrap().code
}

#[test]
fn a_deletion_cut_between_key_and_certificate_is_finished_by_resume() {
    let (desk, older, newer) = desk();
    desk.world.store.fail("delete half", "STORE.READONLY");
    desk.answers.borrow_mut().push_back((true, Box::new(|_: &World| ())));
    let program = desk.program(STEPS);
    let cut = desk.apply(&program);
    assert_eq!(code(&cut), "STORE.READONLY");
    assert_eq!(desk.world.store.thumbprints(), [older, newer.clone()], "the certificate is listed still, without its key");
    let resumed = desk.resume(&program);
    assert_eq!(resumed.phase, Phase::Ended(RunEnd::Done), "{:?}", resumed.failed());
    assert_eq!(desk.world.store.thumbprints(), [newer]);
}

#[test]
fn a_deletion_whose_end_was_not_heard_is_found_done_by_resume() {
    let (desk, _, newer) = desk();
    desk.world.store.fail("delete late", "STORE.UNREADABLE");
    desk.answers.borrow_mut().push_back((true, Box::new(|_: &World| ())));
    let program = desk.program(STEPS);
    assert_eq!(code(&desk.apply(&program)), "STORE.UNREADABLE");
    let resumed = desk.resume(&program);
    assert_eq!((resumed.phase.clone(), desk.count("IntentRecorded", "retire")), (Phase::Ended(RunEnd::Done), 1), "{:?}", resumed.failed());
    assert_eq!(desk.world.store.thumbprints(), [newer]);
}

#[test]
fn a_target_that_somebody_else_changed_is_not_deleted_however_often_it_is_tried() {
    let (desk, older, newer) = desk();
    let program = desk.program(STEPS);
    let target = older.clone();
    desk.answers.borrow_mut().push_back((true, Box::new(move |world: &World| world.store.take_key(&target))));
    assert_eq!(code(&desk.apply(&program)), "CERT.GONE");
    assert_eq!(code(&desk.resume(&program)), "CERT.GONE");
    assert_eq!(desk.count("IntentRecorded", "retire"), 0);
    assert_eq!(desk.world.store.thumbprints(), [older, newer]);
}
