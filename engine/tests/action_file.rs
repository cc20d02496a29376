//! file.delete, file.find, file.save, secret.keep, human.confirm, notify.send.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use kirikae_engine::action::{Answer, Blobs, Inputs};
use kirikae_engine::backend::{SecretSink, Vault};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::{CertInfo, FileRef, Proof, ProofBy, ProofKind, Value};
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::{Ended, FakeSink, World, certificate, inputs};
use kirikae_engine::text::Text;
use sha2::{Digest, Sha256};

const CODE: &str = "0110119153";

fn word(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn backup() -> (&'static str, Value) {
    ("in", Value::Role("backup".to_owned()))
}

fn p12_password() -> (&'static str, Value) {
    ("password", Value::DeclaredSecret("p12_password".to_owned()))
}

fn cert_input(cert: &CertInfo) -> (&'static str, Value) {
    ("cert", Value::Cert(Box::new(cert.clone())))
}

fn p12(world: &World, cert: &CertInfo) -> FileRef {
    world.secrets.set("p12_password", "0417");
    world.blobs.keep("777.p12", &world.p12.make("0417", cert, &[]), true).unwrap()
}

fn new_cert() -> CertInfo {
    certificate(CODE, 2, "2026-11-20", "2030-02-20")
}

#[test]
fn find_picks_by_name_and_time() {
    let world = World::obn().plain_backup();
    world.folder.put("202101010000777.p12", b"one");
    world.folder.put("readme.txt", b"no");
    let find = |pick: &str| inputs([backup(), ("name", word("*.p12")), ("pick", word(pick))]);
    let outputs = world.outputs("file.find", &find("only")).unwrap();
    let Value::File(file) = &outputs["file"] else { panic!("a file") };
    assert_eq!((file.name.as_str(), file.size, outputs["count"].clone()), ("202101010000777.p12", 3, Value::Int(1)));
    assert_eq!(world.blobs.read(file).unwrap().expose(), b"one");
    assert!(file.vault.is_some(), "a file that may hold a key lies in the vault");

    world.clock.advance(Duration::from_secs(60));
    world.folder.put("202611230000001.p12", b"two");
    assert_eq!(world.outputs("file.find", &find("only")).unwrap_err().code, "FILE.AMBIGUOUS");
    let newest = world.outputs("file.find", &find("newest")).unwrap();
    assert!(matches!(&newest["file"], Value::File(file) if file.name == "202611230000001.p12"));
    assert_eq!(newest["modified"], Value::DateTime(world.clock.now()));
    world.folder.put("202611230000002.p12", b"three");
    assert_eq!(world.outputs("file.find", &find("newest")).unwrap_err().code, "FILE.AMBIGUOUS", "two of the same time");
    assert_eq!(world.outputs("file.find", &inputs([backup(), ("name", word("*.pfx"))])).unwrap_err().code, "FILE.NOT_FOUND");
}

#[test]
fn a_wrapped_file_that_is_not_ours_is_an_error_not_a_file() {
    let world = World::obn();
    world.folder.put("a.p12.age", b"something else");
    assert_eq!(world.outputs("file.find", &inputs([backup(), ("name", word("a.p12"))])).unwrap_err().code, "VAULT.UNREADABLE");
}

#[test]
fn a_plain_folder_gets_the_bare_file_under_the_given_name() {
    let world = World::obn().plain_backup();
    let cert = new_cert();
    let file = p12(&world, &cert);
    let save = inputs([("file", Value::File(file.clone())), backup(), ("name", word("obn/控え.p12")), cert_input(&cert), p12_password()]);
    let outputs = world.outputs("file.save", &save).unwrap();
    assert_eq!(world.folder.names(), ["obn_控え.p12"]);
    assert_eq!(outputs["sha256"], word(&file.sha256));
    assert!(matches!(&outputs["backed_up"], Value::BackupRef(backup) if backup.thumbprint == cert.sha1 && backup.sha256 == file.sha256));
}

#[test]
fn without_certificate_and_password_there_is_no_verified_backup() {
    let world = World::obn();
    let cert = new_cert();
    let file = Value::File(p12(&world, &cert));
    let outputs = world.outputs("file.save", &inputs([("file", file.clone()), backup()])).unwrap();
    assert!(!outputs.contains_key("backed_up"));
    assert_eq!(world.folder.names(), ["777.p12.age"]);
    let outputs = world.outputs("file.save", &inputs([("file", file), backup(), cert_input(&cert)])).unwrap();
    assert!(!outputs.contains_key("backed_up"));
}

#[test]
fn a_backup_of_another_certificate_is_refused() {
    let world = World::obn();
    let file = Value::File(p12(&world, &new_cert()));
    let other = certificate(CODE, 3, "2026-11-20", "2030-02-20");
    let error = world.step("file.save", &inputs([("file", file), backup(), cert_input(&other), p12_password()])).unwrap_err();
    assert_eq!(error.code, "KEY.MISMATCH");
}

#[test]
fn nothing_is_ever_overwritten() {
    for world in [World::obn(), World::obn().plain_backup()] {
        let save = |file: FileRef| inputs([("file", Value::File(file)), backup(), ("name", word("obn.p12"))]);
        world.outputs("file.save", &save(p12(&world, &new_cert()))).unwrap();
        let error = world.step("file.save", &save(p12(&world, &new_cert()))).unwrap_err();
        assert_eq!(error.code, "FILE.DIFFERENT", "another file of the same certificate");
    }
}

#[test]
fn a_torn_backup_is_noticed() {
    for world in [World::obn(), World::obn().plain_backup()] {
        let cert = new_cert();
        let save = inputs([("file", Value::File(p12(&world, &cert))), backup(), cert_input(&cert), p12_password()]);
        world.folder.tear_next_write();
        assert_eq!(world.step("file.save", &save).unwrap_err().code, "FILE.DIFFERENT");
        assert_eq!(world.step("file.save", &save).unwrap_err().code, "FILE.DIFFERENT", "and it does not count as the backup later");
    }
}

#[test]
fn a_backup_that_reads_back_changed_is_no_backup() {
    for world in [World::obn(), World::obn().plain_backup()] {
        let cert = new_cert();
        let save = inputs([("file", Value::File(p12(&world, &cert))), backup(), cert_input(&cert), p12_password()]);
        world.folder.flip_next_write();
        assert_eq!(world.step("file.save", &save).unwrap_err().code, "FILE.DIFFERENT");
        assert_eq!(world.step("file.save", &save).unwrap_err().code, "FILE.DIFFERENT", "and it does not count as the backup later");
    }
}

#[test]
fn a_bare_certificate_is_read_back_and_compared() {
    let der = b"\x30\x82 what a certificate would be".to_vec();
    let pem = "text before\n-----BEGIN CERTIFICATE-----\nMIIgd2hhdCBhIGNlcnRpZmljYXRl\nIHdvdWxkIGJl\n-----END CERTIFICATE-----\n".to_owned();
    let cert = CertInfo { sha256: hex::encode(Sha256::digest(&der)), ..new_cert() };
    for content in [der, pem.into_bytes()] {
        let world = World::obn();
        let file = world.blobs.keep("ca.cer", &Secret::bytes(content), false).unwrap();
        let save = |name: &str, cert: &CertInfo| inputs([("file", Value::File(file.clone())), backup(), ("name", word(name)), cert_input(cert)]);
        let outputs = world.outputs("file.save", &save("a.cer", &cert)).unwrap();
        assert!(!outputs.contains_key("backed_up"), "without its key nothing is backed up");
        assert_eq!(world.step("file.save", &save("b.cer", &new_cert())).unwrap_err().code, "KEY.MISMATCH", "another certificate");
        world.folder.flip_next_write();
        assert_eq!(world.step("file.save", &save("c.cer", &cert)).unwrap_err().code, "FILE.DIFFERENT");
        world.folder.tear_next_write();
        assert_eq!(world.step("file.save", &save("d.cer", &cert)).unwrap_err().code, "FILE.DIFFERENT");
    }
}

#[test]
fn the_dry_run_of_a_backup_sees_a_medium_that_is_absent() {
    let world = World::obn();
    world.attempt().preflight("file.save", &inputs([backup()])).unwrap();
    world.folder.fail(Some("FOLDER.ABSENT"));
    assert_eq!(world.attempt().preflight("file.save", &inputs([backup()])).unwrap_err().code, "FOLDER.ABSENT");
}

// secret.keep

fn keep(value: Option<Value>) -> Inputs {
    let mut given = inputs([("name", word("obn_reference_id")), ("about", word("202611230000001"))]);
    if let Some(value) = value {
        given.0.insert("value".to_owned(), value);
    }
    given
}

#[test]
fn keep_names_the_entry_that_the_page_made() {
    let world = World::obn();
    let reference = FakeSink(world.vault.clone(), world.clock.now()).keep("reference_id", Secret::text("zigLUVC29Q")).unwrap();
    let given = keep(Some(Value::Secret(reference.clone())));
    assert!(matches!(world.step("secret.keep", &given).unwrap(), Ended::Changed(outputs) if outputs["kept"] == Value::Secret(reference.clone())));
    let entries = world.vault.list().unwrap();
    let [entry] = entries.as_slice() else { panic!("one entry") };
    assert_eq!((entry.name.as_str(), entry.about.as_str()), ("obn_reference_id", "202611230000001"));
    assert_eq!(world.vault.get(&reference).unwrap().unwrap().expose_text(), Some("zigLUVC29Q"));
    assert!(matches!(world.step("secret.keep", &given).unwrap(), Ended::Unchanged(_)));
}

#[test]
fn keep_without_a_value_changes_nothing() {
    let world = World::obn();
    assert!(matches!(world.step("secret.keep", &keep(None)).unwrap(), Ended::Unchanged(outputs) if outputs.is_empty()));
    assert!(world.vault.list().unwrap().is_empty());
}

#[test]
fn a_declared_secret_gets_one_entry_that_follows_its_value() {
    let world = World::obn();
    world.secrets.set("p12_password", "0417");
    let given = keep(Some(Value::DeclaredSecret("p12_password".to_owned())));
    let Ended::Changed(outputs) = world.step("secret.keep", &given).unwrap() else { panic!("kept") };
    assert!(matches!(world.step("secret.keep", &given).unwrap(), Ended::Unchanged(_)));
    world.secrets.set("p12_password", "2222");
    assert!(matches!(world.step("secret.keep", &given).unwrap(), Ended::Changed(again) if again == outputs));
    let Value::Secret(reference) = &outputs["kept"] else { panic!("a reference") };
    assert_eq!(world.vault.get(reference).unwrap().unwrap().expose_text(), Some("2222"));
    assert_eq!(world.vault.list().unwrap().len(), 1);
}

// human.confirm

fn answer(yes: bool, evidence: Option<&str>) -> Answer {
    Answer {
        yes,
        fields: BTreeMap::from([("shelf".to_owned(), "金庫".to_owned())]),
        evidence: evidence.map(str::to_owned),
        by: "佐藤".to_owned(),
        account: "uketsuke".to_owned(),
        at: "2026-11-23T01:02:03Z".parse().unwrap(),
        ..Answer::default()
    }
}

#[test]
fn a_question_has_its_checklist_fields_and_evidence() {
    let item =
        Value::Map(BTreeMap::from([("do".to_owned(), Value::Text(Text::new("一覧を開く", "open the list"))), ("cite".to_owned(), word("obn_edge#1.3"))]));
    let field = Value::Map(BTreeMap::from([("type".to_owned(), word("digits(10)")), ("title".to_owned(), Value::Text(Text::plain("発行先")))]));
    let given = inputs([
        ("ask", Value::Text(Text::plain("入れましたか"))),
        ("who", word("担当者")),
        ("do", Value::List(vec![item])),
        ("fields", Value::Map(BTreeMap::from([("cn".to_owned(), field)]))),
        ("evidence", Value::List(vec![word("photo"), word("witness")])),
    ]);
    let world = World::obn();
    let question = world.attempt().question("human.confirm", &given).unwrap();
    assert_eq!(question.items[0], Text::new("一覧を開く [obn_edge#1.3]", "open the list [obn_edge#1.3]"));
    assert_eq!(question.items[1].ja, "証拠を残す: 写真、立ち会った人の名前");
    assert!(question.evidence);
    assert!(question.accepts(&answer(true, Some("見た"))).is_err(), "the field cn is missing");
}

#[test]
fn a_field_that_no_person_could_fill_is_an_error_of_the_playbook() {
    for ty in ["digits", "secret<ascii>", "proof"] {
        let field = Value::Map(BTreeMap::from([("type".to_owned(), word(ty))]));
        let given = inputs([("ask", Value::Text(Text::plain("?"))), ("fields", Value::Map(BTreeMap::from([("x".to_owned(), field)])))]);
        assert_eq!(World::obn().attempt().question("human.confirm", &given).unwrap_err().code, "INPUT.UNFIT", "{ty}");
    }
}

#[test]
fn a_yes_with_evidence_proves_and_a_no_stops() {
    let world = World::obn();
    let cert = world.store.put(new_cert());
    let given = inputs([("ask", Value::Text(Text::plain("入れましたか"))), ("proves", Value::Cert(Box::new(cert.clone())))]);
    let attempt = world.attempt();
    assert!(attempt.question("human.confirm", &given).unwrap().evidence, "a proof needs evidence");
    let outputs = attempt.answered("human.confirm", &given, &answer(true, Some("メニューが出た"))).unwrap();
    let expected = Proof {
        thumbprint: cert.sha1.clone(),
        sha256: cert.sha256.clone(),
        holder: cert.holder.clone(),
        kind: ProofKind::Accepted,
        by: ProofBy::Person,
        evidence: "メニューが出た (佐藤, uketsuke)".to_owned(),
        at: "2026-11-23T01:02:03Z".parse().unwrap(),
    };
    assert_eq!(outputs["proof"], Value::Proof(Box::new(expected)));
    assert_eq!(outputs["fields"], Value::Map(BTreeMap::from([("shelf".to_owned(), word("金庫"))])));
    assert!(!attempt.answered("human.confirm", &given, &answer(true, Some("  "))).unwrap().contains_key("proof"));
    assert_eq!(attempt.answered("human.confirm", &given, &answer(false, None)).unwrap_err().code, "HUMAN.DECLINED");
}

// notify.send

#[test]
fn a_notice_is_sent_in_japanese() {
    let world = World::obn();
    let given = inputs([
        ("to", word("担当者")),
        ("subject", Value::Text(Text::new("更新しました", "renewed"))),
        ("body", Value::Text(Text::plain("新しい期限は2030年2月20日です。"))),
    ]);
    let outputs = world.outputs("notify.send", &given).unwrap();
    assert_eq!(outputs["sent_at"], Value::DateTime(world.clock.now()));
    let sent = world.notifier.sent();
    assert_eq!((sent.len(), sent[0].to.as_str(), sent[0].subject.as_str()), (1, "担当者", "更新しました"));
}

/// A downloaded file, and what `file.delete` is given for it.
fn purge(world: &World) -> Inputs {
    world.secrets.set("p12_password", "0417");
    world.inbox.put("777.p12", world.p12.make("0417", &new_cert(), &[]).expose());
    let found = world.outputs("file.find", &inputs([("in", Value::Role("inbox".to_owned())), ("name", word("777.p12"))])).unwrap();
    let saved = world.outputs("file.save", &inputs([("file", found["file"].clone()), backup(), cert_input(&new_cert()), p12_password()])).unwrap();
    inputs([("file", found["file"].clone()), ("in", Value::Role("inbox".to_owned())), ("backed_up", saved["backed_up"].clone())])
}

#[test]
fn a_file_goes_only_while_its_backup_has_the_same_content() {
    let world = World::obn();
    let given = purge(&world);
    world.attempt().preflight("file.delete", &given).unwrap();
    assert!(matches!(world.step("file.delete", &given).unwrap(), Ended::Changed(outputs) if outputs.contains_key("deleted_at")));
    assert_eq!((world.inbox.names().len(), world.folder.names().len()), (0, 1), "the backup stays");

    let refused = |harm: fn(&World)| {
        let world = World::obn();
        let given = purge(&world);
        harm(&world);
        let preflight = world.attempt().preflight("file.delete", &given).unwrap_err().code;
        let error = world.step("file.delete", &given).unwrap_err();
        assert_eq!(world.inbox.names(), ["777.p12"], "nothing is deleted: {error}");
        assert_eq!(preflight, error.code);
        error.code
    };
    assert_eq!(refused(|world| world.folder.put(&world.folder.names()[0], b"damaged")), "PROOF.MISMATCH");
    assert_eq!(refused(|world| world.folder.fail(Some("FOLDER.ABSENT"))), "PROOF.MISMATCH", "the stick was taken out");
}

#[test]
fn neither_another_file_of_that_name_nor_the_backup_itself_is_deleted() {
    let world = World::obn();
    let given = purge(&world);
    world.inbox.put("777.p12", b"somebody put another file there");
    assert!(matches!(world.step("file.delete", &given).unwrap(), Ended::Unchanged(_)), "the file itself is gone");
    assert_eq!(world.inbox.names(), ["777.p12"]);

    let world = World::obn().plain_backup();
    let mut given = purge(&world);
    let name = world.folder.names().remove(0);
    let found = world.outputs("file.find", &inputs([backup(), ("name", word(&name))])).unwrap();
    given.0.insert("file".to_owned(), found["file"].clone());
    given.0.insert("in".to_owned(), Value::Role("backup".to_owned()));
    assert_eq!(world.step("file.delete", &given).unwrap_err().code, "PROOF.MISMATCH");
    assert_eq!(world.folder.names(), [name]);
}
