//! cert.find, cert.import, cert.delete, cert.export, cert.prove_key, cert.trust, p12.inspect.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use kirikae_engine::action::{Inputs, Observed, Outputs};
use kirikae_engine::backend::{Class, FolderRead, Vault};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::{BackupRef, CertInfo, Proof, ProofBy, ProofKind, TokenInfo, Value};
use kirikae_engine::testing::{Ended, FakeToken, World, certificate, inputs, root_certificate};

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

#[test]
fn a_key_that_fits_is_proved_and_proves_no_more_than_that() {
    let world = World::obn();
    let cert = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let given = inputs([("cert", cert_value(&cert))]);
    let outputs = world.outputs("cert.prove_key", &given).unwrap();
    let Value::Proof(proof) = &outputs["proof"] else { panic!("a proof") };
    assert_eq!((proof.kind, proof.by, &proof.sha256, &proof.holder), (ProofKind::Key, ProofBy::Engine, &cert.sha256, &cert.holder));
    world.store.spoil_key(&cert.sha1);
    assert_eq!(world.outputs("cert.prove_key", &given).unwrap_err().code, "KEY.UNUSABLE");
    let another = CertInfo { sha256: "00".repeat(32), ..world.store.put(certificate(CODE, 2, "2026-11-20", "2030-02-20")) };
    assert_eq!(world.outputs("cert.prove_key", &inputs([("cert", cert_value(&another))])).unwrap_err().code, "CERT.GONE", "not the one that was found");
}

#[test]
fn an_exported_file_opens_with_its_password_and_has_a_name_for_people() {
    let world = World::obn();
    world.secrets.set("password", "0417");
    let cert = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let given = |cert: &CertInfo| inputs([("cert", cert_value(cert)), ("in", role("personal")), ("password", Value::DeclaredSecret("password".to_owned()))]);
    let outputs = world.outputs("cert.export", &given(&cert)).unwrap();
    let Value::File(file) = &outputs["file"] else { panic!("a file") };
    assert_eq!(file.name, "0110119153-20270122.p12");
    assert!(file.vault.is_some(), "it holds a key");
    let inspect = inputs([("file", outputs["file"].clone()), ("password", Value::DeclaredSecret("password".to_owned()))]);
    assert_eq!(cert_of(&world.outputs("p12.inspect", &inspect).unwrap(), "cert").sha256, cert.sha256);
    assert_eq!(world.store.effects(), (vec![], vec![]), "the store is not changed");

    let fixed = world.store.put(CertInfo { key_exportable: false, ..certificate(CODE, 2, "2026-11-20", "2030-02-20") });
    assert_eq!(world.outputs("cert.export", &given(&fixed)).unwrap_err().code, "KEY.NOT_EXPORTABLE");
    assert_eq!(world.attempt().preflight("cert.export", &given(&fixed)).unwrap_err().code, "KEY.NOT_EXPORTABLE");
    world.attempt().preflight("cert.export", &given(&cert)).unwrap();
    world.store.take(&cert.sha1);
    assert_eq!(world.attempt().preflight("cert.export", &given(&cert)).unwrap_err().code, "CERT.GONE");
}

/// A root that was received, and what `cert.trust` is given besides it.
fn trusting(world: &World, root: &CertInfo, besides: &[(&str, Value)]) -> Inputs {
    use kirikae_engine::action::Blobs;
    let file = world.blobs.keep("root.cer", &world.p12.make_certificate(root), false).unwrap();
    let mut given = inputs([("file", Value::File(file)), ("in", role("personal"))]);
    given.0.extend(besides.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    given
}

fn trusted(world: &World) -> Vec<String> {
    use kirikae_engine::backend::{Call, StoreRead};
    StoreRead::roots(&*world.store).unwrap().trusted(&Call::unattached()).unwrap().into_iter().map(|root| root.info.sha256).collect()
}

fn by_person(world: &World, cert: &CertInfo) -> Proof {
    Proof {
        thumbprint: cert.sha1.clone(),
        sha256: cert.sha256.clone(),
        holder: "file:00".to_owned(),
        kind: ProofKind::Accepted,
        by: ProofBy::Person,
        evidence: "窓口の紙と同じ".to_owned(),
        at: world.clock.now(),
    }
}

#[test]
fn a_root_is_trusted_only_after_somebody_compared_it() {
    let root = root_certificate("Security Communication RootCA2");
    let printed: String = root.sha1.to_ascii_uppercase().as_bytes().chunks(2).map(|pair| format!("{} ", String::from_utf8_lossy(pair))).collect();
    let world = World::obn();
    let proof = |proof: Proof| ("proof", Value::Proof(Box::new(proof)));
    let refused = |besides: &[(&str, Value)]| world.step("cert.trust", &trusting(&world, &root, besides)).unwrap_err().code;
    assert_eq!(refused(&[]), "INPUT.UNKNOWN", "nothing to compare with");
    assert_eq!(refused(&[("sha1", word("00"))]), "CERT.FINGERPRINT");
    assert_eq!(refused(&[("sha1", word(&root.sha1)), ("sha256", word(&"0".repeat(64)))]), "CERT.FINGERPRINT", "each one that is given counts");
    assert_eq!(refused(&[("sha1", word(&root.sha1)), ("issuer", word("Another*"))]), "CERT.FINGERPRINT");
    let other = by_person(&world, &root_certificate("Another Root"));
    assert_eq!(refused(&[proof(other.clone())]), "PROOF.MISMATCH", "they compared another one");
    assert_eq!(refused(&[("sha1", word(&root.sha1)), proof(other)]), "PROOF.MISMATCH");
    assert_eq!(
        refused(&[proof(Proof { by: ProofBy::Engine, ..by_person(&world, &root) })]),
        "PROOF.MISMATCH",
        "the engine compares with nothing from elsewhere"
    );
    let old = Proof { at: world.clock.now() - SignedDuration::from_hours(2), ..by_person(&world, &root) };
    assert_eq!(refused(&[proof(old)]), "PROOF.STALE");
    assert_eq!(trusted(&world), Vec::<String>::new());

    for besides in [vec![("sha1", word(&printed))], vec![("sha256", word(&root.sha256))], vec![proof(by_person(&world, &root))]] {
        let world = World::obn();
        assert!(matches!(world.step("cert.trust", &trusting(&world, &root, &besides)).unwrap(), Ended::Changed(_)), "{besides:?}");
        assert_eq!(trusted(&world), [root.sha256.as_str()]);
        assert!(matches!(world.step("cert.trust", &trusting(&world, &root, &besides)).unwrap(), Ended::Unchanged(_)));
    }
}

#[test]
fn a_practice_root_is_trusted_in_a_rehearsal_only() {
    let practice = CertInfo { sha256: kirikae_engine::backend::PRACTICE_ROOTS[0].to_owned(), ..root_certificate("Practice") };
    let mut world = World::obn();
    let given = |world: &World| trusting(world, &practice, &[("sha256", word(&practice.sha256))]);
    assert_eq!(world.step("cert.trust", &given(&world)).unwrap_err().code, "CERT.FINGERPRINT");
    world.practice = true;
    assert!(matches!(world.step("cert.trust", &given(&world)).unwrap(), Ended::Changed(_)));
}

#[test]
fn what_is_no_root_is_not_trusted() {
    let world = World::obn();
    let leaf = certificate(CODE, 1, "2023-10-22", "2027-01-22");
    let given = trusting(&world, &leaf, &[("sha256", word(&leaf.sha256))]);
    assert_eq!(world.step("cert.trust", &given).unwrap_err().code, "CERT.UNREADABLE");
}
