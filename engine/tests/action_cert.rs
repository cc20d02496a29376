//! cert.find, cert.import, cert.delete, p12.inspect.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use kirikae_engine::action::{Inputs, Observed, Outputs};
use kirikae_engine::backend::{Class, FolderRead, Vault};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::{BackupRef, CertInfo, Proof, ProofBy, ProofKind, TokenInfo, Value};
use kirikae_engine::testing::{Ended, FakeToken, World, certificate, inputs};

const CODE: &str = "0110119153";

fn word(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn role(name: &str) -> Value {
    Value::Role(name.to_owned())
}

fn cert_value(cert: &CertInfo) -> Value {
    Value::Cert(Box::new(cert.clone()))
}

fn cert_of(outputs: &Outputs, name: &str) -> CertInfo {
    match &outputs[name] {
        Value::Cert(cert) => (**cert).clone(),
        other => panic!("{other:?}"),
    }
}

fn find(pick: &str) -> Inputs {
    inputs([
        ("in", role("personal")),
        ("issuer", word("Online Billing NW Common Root CA*")),
        ("cn", word(CODE)),
        ("key", Value::Bool(true)),
        ("pick", word(pick)),
    ])
}

// cert.find

#[test]
fn find_takes_issuer_name_and_key_into_account() {
    let world = World::obn();
    let ours = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    world.store.put(certificate("0110119154", 2, "2023-10-22", "2027-01-22"));
    world.store.put(CertInfo { has_key: false, ..certificate(CODE, 3, "2023-10-22", "2028-01-22") });
    world.store.put(CertInfo { issuer: "Other CA".to_owned(), ..certificate(CODE, 4, "2023-10-22", "2028-01-22") });
    let outputs = world.outputs("cert.find", &find("only")).unwrap();
    assert_eq!(cert_of(&outputs, "cert"), ours);
    assert_eq!(outputs["count"], Value::Int(1));
    assert_eq!(outputs["others"], Value::List(vec![]));
}

#[test]
fn find_searches_the_tokens_that_are_inserted_or_one_of_them() {
    let world = World::obn();
    let on = |serial: &str, nth: u64, until: &str| FakeToken { certs: vec![certificate(CODE, nth, "2023-10-22", until)], ..FakeToken::new(serial) };
    let find = |token: Option<&str>| {
        let mut given = Inputs(BTreeMap::from([("in".to_owned(), role("key")), ("issuer".to_owned(), word("Online*")), ("pick".to_owned(), word("newest"))]));
        if let Some(serial) = token {
            let holder = "fake:tokens".to_owned();
            let token = TokenInfo { serial: serial.to_owned(), label: String::new(), model: String::new(), holder };
            given.0.insert("on".to_owned(), Value::Token(token));
        }
        world.outputs("cert.find", &given)
    };
    assert_eq!(find(None).unwrap_err().code, "TOKEN.ABSENT");
    world.tokens.insert(on("A1", 1, "2027-01-22"));
    world.tokens.insert(on("B2", 2, "2028-01-22"));
    world.store.put(certificate(CODE, 3, "2023-10-22", "2029-01-22"));
    let holder = |token: Option<&str>| cert_of(&find(token).unwrap(), "cert").holder;
    assert_eq!(holder(None), "token:B2");
    assert_eq!(holder(Some("A1")), "token:A1");
    let error = find(Some("C3")).unwrap_err();
    assert!(error.code == "CERT.NOT_FOUND" && error.cause.ja.contains("fake:tokens"), "{error:?}");
    assert_eq!(world.tokens.tries("A1") + world.tokens.tries("B2"), 0);
}

#[test]
fn find_names_a_leftover_pair_and_picks_by_expiry() {
    let world = World::obn();
    let old = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let new = world.store.put(certificate(CODE, 2, "2026-11-20", "2030-02-20"));
    let outputs = world.outputs("cert.find", &find("newest")).unwrap();
    assert_eq!(cert_of(&outputs, "cert"), new);
    assert_eq!(outputs["others"], Value::List(vec![cert_value(&old)]));
    assert_eq!(cert_of(&world.outputs("cert.find", &find("oldest")).unwrap(), "cert"), old);
    let error = world.outputs("cert.find", &find("only")).unwrap_err();
    assert_eq!(error.code, "CERT.AMBIGUOUS");
    assert!(error.cause.ja.contains("2030-02-20") && error.cause.ja.contains("2027-01-22"), "{}", error.cause.ja);
}

#[test]
fn find_does_not_guess_between_equal_dates() {
    let world = World::obn();
    world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    world.store.put(certificate(CODE, 2, "2023-10-22", "2027-01-22"));
    assert_eq!(world.outputs("cert.find", &find("newest")).unwrap_err().code, "CERT.AMBIGUOUS");
}

#[test]
fn find_filters_by_state_besides_and_newer_than() {
    let world = World::obn();
    let expired = world.store.put(certificate(CODE, 1, "2020-01-01", "2023-04-01"));
    let old = world.store.put(certificate(CODE, 2, "2023-10-22", "2027-01-22"));
    let new = world.store.put(certificate(CODE, 3, "2026-11-20", "2030-02-20"));
    let with = |name: &str, value: Value| {
        let mut inputs = find("oldest");
        inputs.0.insert(name.to_owned(), value);
        cert_of(&world.outputs("cert.find", &inputs).unwrap(), "cert")
    };
    assert_eq!(with("state", word("any")), expired);
    assert_eq!(with("state", word("valid")), old);
    assert_eq!(with("state", word("expired")), expired);
    assert_eq!(with("besides", cert_value(&expired)), old);
    assert_eq!(with("newer_than", cert_value(&old)), new);
    let mut none = find("newest");
    none.0.insert("newer_than".to_owned(), cert_value(&new));
    assert_eq!(world.outputs("cert.find", &none).unwrap_err().code, "CERT.NOT_FOUND");
}

#[test]
fn find_passes_on_what_the_store_says() {
    let world = World::obn();
    world.store.fail("list", "STORE.UNREADABLE");
    assert_eq!(world.outputs("cert.find", &find("only")).unwrap_err().code, "STORE.UNREADABLE");
}

// p12.inspect and cert.import

fn file_with(world: &World, cert: &CertInfo, password: &str) -> Value {
    use kirikae_engine::action::Blobs;
    let content = world.p12.make(password, cert, &[]);
    Value::File(world.blobs.keep("202101010000777.p12", &content, true).unwrap())
}

fn import(file: Value) -> Inputs {
    inputs([
        ("file", file),
        ("password", Value::DeclaredSecret("p12_password".to_owned())),
        ("in", role("personal")),
        ("exportable", Value::Bool(true)),
        ("strong_protection", Value::Bool(false)),
        ("extended_properties", Value::Bool(true)),
    ])
}

#[test]
fn inspect_tells_roots_from_intermediates_and_refuses_what_is_not_newer() {
    use kirikae_engine::action::Blobs;
    let world = World::obn();
    world.secrets.set("p12_password", "0417");
    let old = certificate(CODE, 1, "2023-10-22", "2027-01-22");
    let new = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    let root = CertInfo { subject_dn: "CN=R".to_owned(), issuer_dn: "CN=R".to_owned(), ..certificate("R", 7, "2020-01-01", "2040-01-01") };
    let content = world.p12.make("0417", &new, &[root.clone(), certificate("I", 8, "2020-01-01", "2040-01-01")]);
    let file = Value::File(world.blobs.keep("a.p12", &content, true).unwrap());
    let mut given = inputs([("file", file), ("password", Value::DeclaredSecret("p12_password".to_owned())), ("newer_than", cert_value(&old))]);
    let outputs = world.outputs("p12.inspect", &given).unwrap();
    assert_eq!(cert_of(&outputs, "cert").sha1, new.sha1);
    assert!(matches!(&outputs["roots"], Value::List(roots) if roots.len() == 1));
    assert!(matches!(&outputs["others"], Value::List(others) if others.len() == 1));

    given.0.insert("newer_than".to_owned(), cert_value(&new));
    assert_eq!(world.outputs("p12.inspect", &given).unwrap_err().code, "CERT.NOT_NEWER");
    world.secrets.set("p12_password", "9999");
    assert_eq!(world.outputs("p12.inspect", &given).unwrap_err().code, "P12.BAD_PASSWORD");
}

#[test]
fn import_puts_the_credential_in_once() {
    let world = World::obn();
    world.secrets.set("p12_password", "0417");
    let new = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    let given = import(file_with(&world, &new, "0417"));
    let Ended::Changed(outputs) = world.step("cert.import", &given).unwrap() else { panic!("imported") };
    let imported = cert_of(&outputs, "cert");
    assert_eq!((imported.sha1.as_str(), imported.holder.as_str(), imported.key_exportable), (new.sha1.as_str(), "dir:/personal", true));
    let Ended::Unchanged(again) = world.step("cert.import", &given).unwrap() else { panic!("it is there") };
    assert_eq!(again, outputs);
    assert_eq!(world.store.effects().0, [new.sha1]);
}

#[test]
fn a_wrong_password_never_touches_the_store() {
    let world = World::obn();
    world.secrets.set("p12_password", "9999");
    let given = import(file_with(&world, &certificate(CODE, 2, "2026-11-20", "2030-02-20"), "0417"));
    assert_eq!(world.step("cert.import", &given).unwrap_err().code, "P12.BAD_PASSWORD");
    assert_eq!(world.attempt().preflight("cert.import", &given).unwrap_err().code, "P12.BAD_PASSWORD");
    assert!(world.store.thumbprints().is_empty());
}

#[test]
fn an_import_without_its_key_there_is_not_done() {
    let world = World::obn();
    world.secrets.set("p12_password", "0417");
    let new = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    world.store.put(CertInfo { has_key: false, ..new.clone() });
    let looked = world.attempt().observe("cert.import", &import(file_with(&world, &new, "0417")), None).unwrap();
    assert!(matches!(looked, Observed::NotDone { conclusive: true, .. }), "{looked:?}");
}

#[test]
fn the_dry_run_of_an_import_names_what_stands_in_the_way() {
    let world = World::obn();
    world.secrets.set_asked("p12_password", "0417");
    let new = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    let mut given = import(file_with(&world, &new, "another"));
    world.attempt().preflight("cert.import", &given).expect("a password that a person types is not asked for");
    world.store.fail("writable", "STORE.READONLY");
    assert_eq!(world.attempt().preflight("cert.import", &given).unwrap_err().code, "STORE.READONLY");
    given.0.insert("strong_protection".to_owned(), Value::Bool(true));
    assert_eq!(world.attempt().preflight("cert.import", &given).unwrap_err().code, "BACKEND.UNSUPPORTED");
}

// cert.delete

struct Pair {
    world: World,
    old: CertInfo,
    new: CertInfo,
}

impl Pair {
    fn new() -> Self {
        let world = World::obn();
        let old = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
        let new = world.store.put(certificate(CODE, 2, "2026-11-20", "2030-02-20"));
        Self { world, old, new }
    }

    fn proof(&self, of: &CertInfo) -> Proof {
        Proof {
            thumbprint: of.sha1.clone(),
            sha256: of.sha256.clone(),
            holder: of.holder.clone(),
            kind: ProofKind::Accepted,
            by: ProofBy::Engine,
            evidence: "更新後証明書の取得".to_owned(),
            at: self.world.clock.now(),
        }
    }

    fn backup(&self, of: &CertInfo) -> BackupRef {
        BackupRef { thumbprint: of.sha1.clone(), place: "folder:/backup/a.p12.age".to_owned(), sha256: "00".repeat(32), at: self.world.clock.now() }
    }

    fn inputs(&self, target: &CertInfo, proof: Proof, backup: Option<BackupRef>) -> Inputs {
        let mut given = inputs([("cert", cert_value(target)), ("in", role("personal")), ("replaced_by", Value::Proof(Box::new(proof)))]);
        if let Some(backup) = backup {
            given.0.insert("backed_up".to_owned(), Value::BackupRef(backup));
        }
        given
    }

    fn delete(&self) -> Inputs {
        self.inputs(&self.old, self.proof(&self.new), Some(self.backup(&self.new)))
    }

    /// The code of the refusal, after making sure that nothing was deleted.
    #[track_caller]
    fn refused(&self, given: &Inputs) -> String {
        let before = self.world.store.thumbprints();
        let error = self.world.step("cert.delete", given).unwrap_err();
        assert_eq!(self.world.store.thumbprints(), before, "nothing is deleted");
        error.code
    }
}

#[test]
fn delete_removes_the_old_one_and_nothing_else() {
    let pair = Pair::new();
    let Ended::Changed(outputs) = pair.world.step("cert.delete", &pair.delete()).unwrap() else { panic!("deleted") };
    assert_eq!(outputs["deleted_at"], Value::DateTime(pair.world.clock.now()));
    assert_eq!(pair.world.store.thumbprints(), [pair.new.sha1.as_str()]);
    assert!(matches!(pair.world.step("cert.delete", &pair.delete()).unwrap(), Ended::Unchanged(_)), "gone is done");
}

#[test]
fn delete_refuses_a_proof_that_does_not_fit() {
    let pair = Pair::new();
    let backup = Some(pair.backup(&pair.new));
    let with = |change: fn(&mut Proof)| {
        let mut proof = pair.proof(&pair.new);
        change(&mut proof);
        pair.refused(&pair.inputs(&pair.old, proof, backup.clone()))
    };
    assert_eq!(with(|proof| proof.holder = "dir:/elsewhere".to_owned()), "PROOF.MISMATCH");
    assert_eq!(with(|proof| proof.kind = ProofKind::Key), "PROOF.MISMATCH");
    assert_eq!(with(|proof| proof.thumbprint = "ab".repeat(20)), "PROOF.MISMATCH");
    assert_eq!(with(|proof| proof.sha256 = "ab".repeat(32)), "PROOF.MISMATCH");
    assert_eq!(with(|proof| proof.at -= SignedDuration::from_secs(3601)), "PROOF.STALE");
    assert_eq!(with(|proof| proof.at += SignedDuration::from_secs(60)), "PROOF.STALE");
    assert_eq!(pair.refused(&pair.inputs(&pair.old, pair.proof(&pair.old), backup.clone())), "PROOF.MISMATCH", "proof of the very one");
}

#[test]
fn delete_accepts_a_proof_up_to_its_last_second() {
    let pair = Pair::new();
    let given = pair.delete();
    pair.world.clock.advance(Duration::from_secs(3600));
    assert!(matches!(pair.world.step("cert.delete", &given).unwrap(), Ended::Changed(_)));
}

#[test]
fn delete_wants_a_backup_of_the_replacement_where_its_key_can_leave() {
    let pair = Pair::new();
    assert_eq!(pair.refused(&pair.inputs(&pair.old, pair.proof(&pair.new), None)), "PROOF.MISMATCH");
    assert_eq!(pair.refused(&pair.inputs(&pair.old, pair.proof(&pair.new), Some(pair.backup(&pair.old)))), "PROOF.MISMATCH", "backup of another");

    let world = World::obn();
    let old = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let new = world.store.put(CertInfo { key_exportable: false, ..certificate(CODE, 2, "2026-11-20", "2030-02-20") });
    let pair = Pair { world, old, new };
    let given = pair.inputs(&pair.old, pair.proof(&pair.new), None);
    assert!(matches!(pair.world.step("cert.delete", &given).unwrap(), Ended::Changed(_)), "a key that cannot leave needs no backup");
}

#[test]
fn delete_never_takes_the_last_or_the_newer_one() {
    let pair = Pair::new();
    let given = pair.delete();
    pair.world.store.take(&pair.new.sha1);
    assert_eq!(pair.refused(&given), "CERT.LAST");

    let pair = Pair::new();
    let given = pair.inputs(&pair.new, pair.proof(&pair.old), Some(pair.backup(&pair.old)));
    assert_eq!(pair.refused(&given), "CERT.NEWER");
}

#[test]
fn delete_looks_at_the_replacement_as_it_is_now() {
    // Another name.
    let pair = Pair::new();
    let other = pair.world.store.put(certificate("0110119154", 9, "2026-11-20", "2030-02-20"));
    assert_eq!(pair.refused(&pair.inputs(&pair.old, pair.proof(&other), Some(pair.backup(&other)))), "PROOF.MISMATCH");
    // Its key no longer matches.
    let pair = Pair::new();
    pair.world.store.spoil_key(&pair.new.sha1);
    assert_eq!(pair.refused(&pair.delete()), "KEY.MISMATCH");
    // Not valid yet.
    let world = World::obn();
    let old = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let new = world.store.put(certificate(CODE, 2, "2026-12-01", "2030-02-20"));
    let pair = Pair { world, old, new };
    assert_eq!(pair.refused(&pair.delete()), "PROOF.MISMATCH");
    // The one to delete was found elsewhere.
    let pair = Pair::new();
    let elsewhere = CertInfo { holder: "dir:/elsewhere".to_owned(), ..pair.old.clone() };
    assert_eq!(pair.refused(&pair.inputs(&elsewhere, pair.proof(&pair.new), Some(pair.backup(&pair.new)))), "PROOF.MISMATCH");
}

#[test]
fn delete_holds_the_lock_only_while_it_works() {
    let pair = Pair::new();
    pair.world.store.fail("delete", "STORE.READONLY");
    assert_eq!(pair.refused(&pair.delete()), "STORE.READONLY");
    pair.world.store.fail("lock", "STORE.LOCKED");
    let error = pair.world.step("cert.delete", &pair.delete()).unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("STORE.LOCKED", Class::Transient));
    assert!(matches!(pair.world.step("cert.delete", &pair.delete()).unwrap(), Ended::Changed(_)), "the lock was given back");
}

#[test]
fn the_dry_run_of_a_deletion_sees_whether_the_target_is_there() {
    let pair = Pair::new();
    let given = inputs([("cert", cert_value(&pair.old)), ("in", role("personal"))]);
    pair.world.attempt().preflight("cert.delete", &given).unwrap();
    pair.world.store.take(&pair.old.sha1);
    assert_eq!(pair.world.attempt().preflight("cert.delete", &given).unwrap_err().code, "CERT.GONE");
    assert_eq!(pair.world.attempt().preflight("cert.delete", &inputs([("in", role("personal"))])).unwrap_err().code, "INPUT.UNKNOWN");
}

// file.find and file.save with certificate files

#[test]
fn the_backup_of_a_certificate_is_wrapped_read_back_and_found_again() {
    let world = World::obn();
    world.secrets.set("p12_password", "0417");
    let new = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    let file = file_with(&world, &new, "0417");
    let save =
        inputs([("file", file.clone()), ("in", role("backup")), ("cert", cert_value(&new)), ("password", Value::DeclaredSecret("p12_password".to_owned()))]);
    let Ended::Changed(outputs) = world.step("file.save", &save).unwrap() else { panic!("saved") };
    let name = format!("{CODE}-20300220-{}.p12.age", &new.sha1[..8]);
    assert_eq!(world.folder.names(), [name.as_str()]);
    let Value::BackupRef(backup) = &outputs["backed_up"] else { panic!("verified") };
    assert_eq!((backup.thumbprint.as_str(), backup.place.as_str()), (new.sha1.as_str(), format!("folder:/backup/{name}").as_str()));
    let call = kirikae_engine::backend::Call::unattached();
    let there = world.folder.read(&call, &name, 1 << 20).unwrap();
    let Value::File(file) = file else { panic!("a file") };
    let unwrapped = world.vault.unwrap(&there).unwrap();
    assert_eq!(u64::try_from(unwrapped.expose().len()).unwrap(), file.size);
    assert!(!there.windows(unwrapped.expose().len()).any(|part| part == unwrapped.expose()), "not in the clear");

    assert!(matches!(world.step("file.save", &save).unwrap(), Ended::Unchanged(again) if again == outputs), "the same content is done");
    let found = world.outputs("file.find", &inputs([("in", role("backup")), ("name", word(&format!("{CODE}*.p12")))])).unwrap();
    assert!(matches!(&found["file"], Value::File(found) if found.sha256 == file.sha256 && found.name == name.trim_end_matches(".age")));
}
