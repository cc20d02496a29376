//! Bringing a certificate back from a backup: on record first, only what the backup holds, finished by the same call after a crash.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use kirikae_engine::backend::{EntryInfo, StoreRead, StoreWrite, Vault};
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::{Journal, STATE_RUN};
use kirikae_engine::run::{Backup, EventBody, Holds, Keys, Opened, Outcome, Present, backups, bring_back, present};
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::testing::{World, certificate};

const CODE: &str = "0110119153";

fn entry(world: &World, id: &str, name: &str, about: &str, value: &str) {
    let info = EntryInfo { reference: SecretRef::vault(id), name: name.into(), about: about.into(), written_at: world.clock.now(), labels: BTreeMap::new() };
    world.vault.put(&info, &Secret::text(value)).unwrap();
}

fn found(world: &World, given: Option<&Secret>) -> Vec<Backup> {
    backups(&*world.folder, &Keys { p12: &*world.p12, vault: &*world.vault, given }).unwrap()
}

fn opened(mut found: Vec<Backup>) -> Box<Opened> {
    match found.remove(0).holds {
        Holds::Credential(opened) => opened,
        _ => panic!("it does not open"),
    }
}

#[test]
fn the_vault_knows_which_value_opens_a_backup() {
    let world = World::obn().plain_backup();
    world.folder.put("a.p12", &[&[0x30, 0x80, 2, 1, 3][..], b"not ours", &[0, 0]].concat());
    world.folder.put("b.txt", b"no backup");
    entry(&world, "kept-1", "obn_reference_id", "x", "zigLUVC29Q");
    let states: Vec<bool> = found(&world, None).iter().map(|backup| matches!(backup.holds, Holds::Locked)).collect();
    assert_eq!(states, [true], "what nothing opens is listed, what is no backup is not");
}

#[test]
fn a_store_is_compared_by_name_key_and_end() {
    let world = World::obn();
    let cert = |serial, until| certificate(CODE, serial, "2023-10-22", until);
    let wanted = cert(2, "2027-01-22");
    let compare = || present(&*world.store, &wanted).unwrap();
    world.store.put(certificate("9999999999", 9, "2023-10-22", "2040-01-01"));
    assert_eq!(compare(), Present::Others(vec![]), "another name");
    let older = world.store.put(cert(1, "2026-12-01"));
    assert_eq!(compare(), Present::Others(vec![older]));
    let newer = world.store.put(cert(3, "2030-01-22"));
    assert_eq!(compare(), Present::Newer(Box::new(newer.clone())));
    world.store.take_key(&newer.sha1);
    assert!(matches!(compare(), Present::Others(_)), "a certificate without its key is used by nobody");
    let same = world.store.put(wanted.clone());
    assert_eq!(compare(), Present::Same(Box::new(same)));
}

fn state(journal: &Journal) -> Vec<EventBody> {
    journal.events(STATE_RUN).unwrap().into_iter().map(|event| event.body).collect()
}

#[test]
fn the_intent_is_on_disk_before_the_store_changes_and_the_end_after() {
    let world = World::obn();
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    let backup = wrapped(&world);
    world.store.fail("import", "STORE.READONLY");
    let error = bring_back(&mut journal, &*world.store, &backup, "folder:/backup/x", world.clock.now()).unwrap_err();
    assert_eq!(error.code, "STORE.READONLY");
    let [EventBody::IntentRecorded { intent, operation, .. }, EventBody::StepEnded { end, .. }] = &state(&journal)[..] else { panic!("two events") };
    assert_eq!((operation.as_str(), &intent.baseline["place"]), ("cert.import", &"folder:/backup/x".into()));
    assert_eq!((end.outcome, end.error.as_ref().unwrap().code.as_str()), (Outcome::Failed, "STORE.READONLY"));
    assert!(world.store.thumbprints().is_empty());
}

#[test]
fn a_second_call_finishes_what_a_crash_cut() {
    let world = World::obn();
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    let backup = wrapped(&world);
    for _ in 0..2 {
        let cert = bring_back(&mut journal, &*world.store, &backup, "folder:/backup/x", world.clock.now()).unwrap();
        assert_eq!((cert.sha1.as_str(), cert.holder.as_str()), (backup.cert.sha1.as_str(), world.store.id()));
    }
    assert_eq!(world.store.thumbprints().len(), 1);
    assert_eq!(world.store.effects().0.len(), 1, "imported once");
    world.store.spoil_key(&backup.cert.sha1);
    let store: &dyn StoreWrite = &*world.store;
    let error = bring_back(&mut journal, store, &backup, "x", world.clock.now()).unwrap_err();
    assert!(error.code.starts_with("KEY."), "what cannot sign is not restored: {error:?}");
    assert_eq!(journal.verify_run(STATE_RUN, None).unwrap().fault, None);
}

/// A backup that only the vault's value opens.
fn wrapped(world: &World) -> Box<Opened> {
    let cert = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    entry(world, "kept-0", "obn_reference_id", "x", "zigLUVC29Q");
    entry(world, "kept-1", "obn_p12_password", &cert.sha1, "0417");
    world.folder.put("new.p12.age", &world.vault.wrap(&world.p12.make("0417", &cert, &[])).unwrap());
    let backup = opened(found(world, None));
    assert_eq!(backup.password_from, Some(SecretRef::vault("kept-1")));
    backup
}
