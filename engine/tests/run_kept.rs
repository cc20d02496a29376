//! A secret kept in another year is taken from the vault by a run, by its name and what it is about.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod documents;
mod support;

use std::collections::BTreeMap;

use documents::{Shelf, playbook};
use kirikae_engine::backend::{EntryInfo, Vault};
use kirikae_engine::check::Checked;
use kirikae_engine::run::{ParkCause, Phase, RunEnd};
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::testing::{World, certificate};
use support::Desk;

const CODE: &str = "0110119153";

/// Opens the file in the backup folder with the password that was kept about the certificate that is there now.
fn opens_with_kept() -> Checked {
    Shelf::default().checked(&playbook(
        "obn/case",
        "backends:\n  personal: store\n  backup: folder\nsecrets:\n  pin: { type: digits(4), title: PIN, kept: { name: obn_p12_password, about: \"${{ let.now }}\" } }\n\
        let:\n  now: steps.current.cert.thumbprint\nsteps:\n\
        \x20 current: { title: 探す, uses: cert.find@1, with: { in: personal, issuer: \"Online*\" } }\n\
        \x20 file: { title: ファイルを探す, needs: [], uses: file.find@1, with: { in: backup, name: \"*.p12\" } }\n\
        \x20 look: { title: 中を見る, needs: [], uses: p12.inspect@1, with: { file: \"${{ steps.file.file }}\", password: \"${{ secrets.pin }}\" } }\n",
    ))
}

fn desk() -> Desk {
    let world = World::obn().plain_backup();
    let present = certificate(CODE, 1, "2023-10-22", "2027-01-22");
    let file = world.p12.make("0417", &present, &[]);
    world.folder.put("202611230000001.p12", file.expose());
    world.store.put(present);
    Desk::new(world)
}

fn keep(desk: &Desk, about: &str, value: &str) {
    let (reference, written_at) = (SecretRef::vault("kept-2023"), "2023-10-22T00:00:00Z".parse().unwrap());
    let entry = EntryInfo { reference, name: "obn_p12_password".into(), about: about.into(), written_at, labels: BTreeMap::new() };
    desk.world.vault.put(&entry, &Secret::text(value)).unwrap();
}

#[test]
fn the_kept_value_is_used_and_nobody_is_asked() {
    let desk = desk();
    keep(&desk, &certificate(CODE, 1, "2023-10-22", "2027-01-22").sha1, "0417");
    desk.typist.types(["9999"]);
    let state = desk.apply(&desk.program_of(opens_with_kept(), &BTreeMap::new()));
    assert_eq!((state.phase, desk.typist.left()), (Phase::Ended(RunEnd::Done), 1));
    let journal = desk.events().iter().map(|event| serde_json::to_string(&event.body).unwrap()).collect::<String>();
    assert!(!journal.contains("0417\""), "the value is in no event");
}

#[test]
fn what_was_kept_about_another_certificate_is_not_taken() {
    let desk = desk();
    keep(&desk, "ab12", "0417");
    let program = desk.program_of(opens_with_kept(), &BTreeMap::new());
    assert!(program.plan.diagnostics.iter().any(|message| message.code == "PLAN.NOT_KEPT"));
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Person));
    desk.typist.types(["0417"]);
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done));
}
