//! key.create, csr.create, cert.accept, software.install, software.remove.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use kirikae_engine::action::{Blobs, Inputs};
use kirikae_engine::backend::{Call, StoreKeys, StoreRead};
use kirikae_engine::dsl::{CertInfo, KeyInfo, Value};
use kirikae_engine::plan::Decision;
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::{Ended, World, certificate, inputs};
use support::Desk;

fn word(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn personal() -> (&'static str, Value) {
    ("in", Value::Role("personal".to_owned()))
}

/// A key that was made in the store.
fn made(world: &World) -> KeyInfo {
    let given = inputs([personal(), ("alg", word("p256")), ("exportable", Value::Bool(false))]);
    match world.outputs("key.create", &given).unwrap().remove("key") {
        Some(Value::Key(key)) => *key,
        other => panic!("{other:?}"),
    }
}

fn subject(parts: &[(&str, &str)]) -> Value {
    Value::Map(parts.iter().map(|(name, value)| ((*name).to_owned(), word(value))).collect())
}

fn key(info: &KeyInfo) -> (&'static str, Value) {
    ("key", Value::Key(Box::new(info.clone())))
}

#[test]
fn a_key_is_made_once_and_named_after_its_step() {
    let world = World::obn();
    let first = made(&world);
    assert_eq!((first.alg.as_str(), first.holder.as_str(), first.id.len()), ("p256", "dir:/personal", 32));
    assert_eq!(made(&world), first, "the step that runs again finds it");
    assert_eq!(world.store.pending(&Call::unattached()).unwrap().len(), 1);
}

#[test]
fn a_request_has_its_subject_most_specific_first_and_lies_among_the_files() {
    let world = World::obn();
    let made = made(&world);
    let given = inputs([key(&made), ("subject", subject(&[("c", "JP"), ("cn", "1234567-受付1"), ("o", "Aozora")]))]);
    let outputs = world.outputs("csr.create", &given).unwrap();
    let Value::File(file) = &outputs["file"] else { panic!("a file") };
    assert_eq!((file.name.as_str(), file.vault.is_none()), ("1234567-受付1.csr", true), "there is no key in it");
    assert_eq!(outputs["sha256"], word(&file.sha256));
    let text = String::from_utf8(world.blobs.read(file).unwrap().expose().to_vec()).unwrap();
    let body = text.strip_prefix("-----BEGIN CERTIFICATE REQUEST-----\n").and_then(|rest| rest.strip_suffix("\n-----END CERTIFICATE REQUEST-----\n")).unwrap();
    assert!(body.lines().all(|line| line.len() <= 64) && body.lines().rev().skip(1).all(|line| line.len() == 64), "{text}");

    let mut der = given.clone();
    der.0.insert("format".to_owned(), word("der"));
    let Value::File(file) = world.outputs("csr.create", &der).unwrap().remove("file").unwrap() else { panic!("a file") };
    let content = String::from_utf8(world.blobs.read(&file).unwrap().expose().to_vec()).unwrap();
    assert_eq!(content, format!("request of {} for CN=1234567-受付1,O=Aozora,C=JP", made.id));

    for parts in [vec![], vec![("cn", " ")], vec![("cn", "a"), ("dc", "b")]] {
        let error = world.outputs("csr.create", &inputs([key(&made), ("subject", subject(&parts))])).unwrap_err();
        assert_eq!(error.code, "INPUT.UNFIT", "{parts:?}");
    }
    let gone = KeyInfo { id: "00".to_owned(), ..made };
    assert_eq!(world.outputs("csr.create", &inputs([key(&gone), ("subject", subject(&[("cn", "a")]))])).unwrap_err().code, "KEY.UNUSABLE");
}

/// What `cert.accept` is given for a certificate that came.
fn accept(world: &World, info: &KeyInfo, cert: &CertInfo) -> Inputs {
    let file = world.blobs.keep("issued.cer", &world.p12.make_certificate(cert), false).unwrap();
    inputs([("file", Value::File(file)), key(info), personal()])
}

#[test]
fn a_certificate_joins_the_key_that_it_was_issued_for_and_no_other() {
    let world = World::obn();
    let made = made(&world);
    let (issued, other) = (certificate("1234567-受付1", 5, "2026-11-20", "2029-11-20"), certificate("another", 6, "2026-11-20", "2029-11-20"));
    world.store.issue(&made.id, &issued);
    assert_eq!(world.step("cert.accept", &accept(&world, &made, &other)).unwrap_err().code, "KEY.MISMATCH");
    assert_eq!(world.store.pending(&Call::unattached()).unwrap().len(), 1, "the key waits on");

    let elsewhere = KeyInfo { holder: "dir:/other".to_owned(), ..made.clone() };
    assert_eq!(world.step("cert.accept", &accept(&world, &elsewhere, &issued)).unwrap_err().code, "KEY.UNUSABLE");

    let given = accept(&world, &made, &issued);
    world.attempt().preflight("cert.accept", &given).unwrap();
    let Ended::Changed(outputs) = world.step("cert.accept", &given).unwrap() else { panic!("accepted") };
    assert!(matches!(&outputs["cert"], Value::Cert(cert) if cert.has_key && cert.sha256 == issued.sha256 && cert.holder == "dir:/personal"));
    assert_eq!(world.store.keys().unwrap().pending(&Call::unattached()).unwrap(), vec![]);
    assert!(matches!(world.step("cert.accept", &given).unwrap(), Ended::Unchanged(_)), "once more changes nothing");
}

fn installer(world: &World, name: &str, version: &str) -> Value {
    Value::File(world.blobs.keep("client.msi", &world.host.installer(name, version), false).unwrap())
}

#[test]
fn a_program_counts_as_installed_when_the_list_says_so() {
    let world = World::obn();
    let given = |version: &str| inputs([("file", installer(&world, "Practice Client", "2.1")), ("name", word("Practice*")), ("version", word(version))]);
    let error = world.step("software.install", &given("3.0")).unwrap_err();
    assert_eq!(error.code, "SOFTWARE.FAILED");
    assert!(error.cause.ja.contains("2.1"), "what the list has instead is told: {error}");
    assert!(matches!(world.step("software.install", &given("2.1")).unwrap(), Ended::Unchanged(outputs) if outputs["version"] == word("2.1")));

    let remove = inputs([("name", word("Practice Client"))]);
    world.host.has("Practice Client Tools", "1.0");
    assert!(matches!(world.step("software.remove", &remove).unwrap(), Ended::Changed(outputs) if outputs["version"] == word("2.1")));
    assert!(matches!(world.step("software.remove", &remove).unwrap(), Ended::Unchanged(_)));
    let pattern = inputs([("name", word("Practice*"))]);
    assert!(matches!(world.step("software.remove", &pattern).unwrap(), Ended::Unchanged(_)), "no pattern takes others along");

    let broken = Value::File(world.blobs.keep("client.msi", &Secret::text("no installer"), false).unwrap());
    assert_eq!(world.step("software.install", &inputs([("file", broken), ("name", word("New"))])).unwrap_err().code, "SOFTWARE.FAILED");
}

const INSTALL: &str =
    "  client:\n    title: プログラムを入れる\n    uses: software.install@1\n    with: { file: \"${{ steps.found.file }}\", name: Practice Client }\n";
const FOUND: &str = "  found:\n    title: インストーラーを探す\n    uses: file.find@1\n    with: { in: backup, name: client.msi }\n";

#[test]
fn where_nothing_can_be_installed_the_plan_says_so_and_why() {
    let plan = |lists: bool| {
        let world = World::obn();
        if !lists {
            world.host.has_no_list();
        }
        world.folder.put("client.msi", world.host.installer("Practice Client", "2.1").expose());
        let desk = Desk::new(world);
        desk.program_with(&format!("{FOUND}{INSTALL}"), &BTreeMap::new()).plan
    };
    let step = |lists: bool| plan(lists).steps.into_iter().find(|step| step.address == "client").unwrap();
    assert_eq!(step(true).decision, Decision::Run);
    let blocked = step(false);
    assert_eq!((blocked.decision, blocked.blocked.unwrap().code.as_str()), (Decision::Blocked, "BACKEND.UNSUPPORTED"));
}
