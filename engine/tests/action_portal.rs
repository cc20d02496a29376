//! ca.status, ca.find_issued, ca.fetch, ca.obtain, web.probe; and what a profile adds to manifests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use kirikae_engine::action::{Inputs, Observed, registry};
use kirikae_engine::backend::Class;
use kirikae_engine::backend::profile::{Hands, Operation, OperationSpec};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::{CertInfo, Proof, ProofBy, ProofKind, TokenInfo, Type, Value, decode_profile};
use kirikae_engine::testing::{Ended, FakeToken, Fault, World, certificate, inputs, obn_profile};
use kirikae_engine::text::Source;

const CODE: &str = "0110119153";
const REQUEST: &str = "202611200000001";

fn word(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn clinic() -> (World, CertInfo) {
    let world = World::obn();
    let old = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    world.portal.list(REQUEST, &certificate(CODE, 5, "2026-11-20", "2030-02-20"));
    world.secrets.set("p12_password", "0417");
    (world, old)
}

fn with_client(cert: &CertInfo) -> Inputs {
    inputs([("portal", Value::Role("issuer".to_owned())), ("client_cert", Value::Cert(Box::new(cert.clone())))])
}

fn fetch(cert: &CertInfo) -> Inputs {
    let mut given = with_client(cert);
    given.0.insert("request_id".to_owned(), word(REQUEST));
    given.0.insert("password".to_owned(), Value::DeclaredSecret("p12_password".to_owned()));
    given
}

#[test]
fn status_goes_from_absent_over_pending_to_issued() {
    let (world, old) = clinic();
    let mut given = with_client(&old);
    given.0.insert("request_id".to_owned(), word("202611230000001"));
    let status = |given: &Inputs| world.outputs("ca.status", given).unwrap()["status"].clone();
    assert_eq!(status(&given), word("pending"), "not in the list yet");
    given.0.insert("request_id".to_owned(), word(REQUEST));
    world.portal.change_last(|row| row.pending_looks = 1);
    assert_eq!(status(&given), word("pending"));
    assert_eq!(status(&given), word("issued"));
    given.0.remove("request_id");
    assert_eq!(status(&given), word("issued"), "the newest row without a request ID");
}

#[test]
fn a_certificate_on_a_token_is_used_in_the_login_of_that_token() {
    let world = World::obn();
    world.secrets.set("pin", "12345678");
    for (serial, nth) in [("A1", 1), ("B2", 2)] {
        world.tokens.insert(FakeToken { certs: vec![certificate(CODE, nth, "2023-10-22", "2027-01-22")], ..FakeToken::new(serial) });
    }
    let token = |serial: &str| {
        let info = TokenInfo { serial: serial.to_owned(), label: String::new(), model: String::new(), holder: "fake:tokens".to_owned() };
        inputs([("token", Value::Token(info)), ("pin", Value::DeclaredSecret("pin".to_owned()))])
    };
    let cert = CertInfo { holder: "token:A1".to_owned(), ..certificate(CODE, 1, "2023-10-22", "2027-01-22") };
    let attempt = world.attempt();
    let probe = |session: Option<Value>| {
        let mut given = with_client(&cert);
        given.0.extend(session.map(|session| ("session".to_owned(), session)));
        attempt.step("web.probe", &given)
    };
    let log_in = |serial: &str| match attempt.step("token.login", &token(serial)).unwrap() {
        Ended::Changed(outputs) => outputs["session"].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(probe(None).unwrap_err().code, "TOKEN.NOT_OPEN");
    assert_eq!(probe(Some(Value::Live("gone".to_owned()))).unwrap_err().code, "TOKEN.NOT_OPEN");
    assert_eq!(probe(Some(log_in("B2"))).unwrap_err().code, "TOKEN.WRONG");
    let Ended::Unchanged(outputs) = probe(Some(log_in("A1"))).unwrap() else { panic!("a read") };
    let Value::Proof(proof) = &outputs["proof"] else { panic!("{outputs:?}") };
    assert_eq!((proof.holder.as_str(), proof.by), ("token:A1", ProofBy::Engine));
    // A dry run opens no token.
    assert_eq!(attempt.preflight("ca.renew", &with_client(&cert)).unwrap_err().code, kirikae_engine::action::NOT_KNOWN);
}

#[test]
fn find_issued_counts_the_rows() {
    let (world, old) = clinic();
    let outputs = world.outputs("ca.find_issued", &with_client(&old)).unwrap();
    assert_eq!((&outputs["found"], &outputs["count"]), (&Value::Bool(true), &Value::Int(1)));
    let empty = World::obn();
    let old = empty.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let outputs = empty.outputs("ca.find_issued", &with_client(&old)).unwrap();
    assert_eq!((&outputs["found"], &outputs["count"]), (&Value::Bool(false), &Value::Int(0)));
}

#[test]
fn fetch_gives_a_file_that_opens_and_lies_in_the_vault() {
    let (world, old) = clinic();
    let Ended::Changed(outputs) = world.step("ca.fetch", &fetch(&old)).unwrap() else { panic!("received") };
    let Value::File(file) = &outputs["file"] else { panic!("a file") };
    assert!(file.vault.is_some(), "it holds a key");
    let inspect = inputs([("file", outputs["file"].clone()), ("password", Value::DeclaredSecret("p12_password".to_owned()))]);
    let inside = world.outputs("p12.inspect", &inspect).unwrap();
    assert!(matches!(&inside["cert"], Value::Cert(cert) if cert.serial == "0005"));
}

#[test]
fn a_bad_file_is_no_output_and_may_be_fetched_again() {
    let (world, old) = clinic();
    use kirikae_engine::backend::Vault;
    for fault in [Fault::CutFile, Fault::HtmlFile, Fault::WrongPasswordFile] {
        let before = world.vault.list().unwrap().len();
        world.portal.fault(Operation::Fetch, fault.clone());
        let error = world.step("ca.fetch", &fetch(&old)).unwrap_err();
        assert_eq!((error.code.as_str(), error.class), ("PORTAL.FILE_BAD", Class::Transient), "{fault:?}");
        assert_eq!(world.vault.list().unwrap().len(), before, "nothing is kept");
    }
    assert!(matches!(world.step("ca.fetch", &fetch(&old)).unwrap(), Ended::Changed(_)));
}

#[test]
fn receiving_is_repeated_when_the_journal_has_no_file() {
    let (world, old) = clinic();
    let attempt = world.attempt();
    let intent = attempt.intent(serde_json::Value::Null);
    for (action, given) in [("ca.fetch", fetch(&old)), ("ca.obtain", inputs([]))] {
        assert!(matches!(attempt.observe(action, &given, Some(&intent)).unwrap(), Observed::NotDone { conclusive: true, .. }));
    }
}

#[test]
fn fetch_says_that_there_is_nothing_to_fetch_yet() {
    let (world, old) = clinic();
    world.portal.change_last(|row| row.pending_looks = 3);
    assert_eq!(world.step("ca.fetch", &fetch(&old)).unwrap_err().code, "PORTAL.NO_ROW");
}

fn obtain(request_id: &str) -> Inputs {
    inputs([
        ("portal", Value::Role("issuer".to_owned())),
        ("request_id", word(request_id)),
        ("reference_id", Value::DeclaredSecret("reference_id".to_owned())),
        ("password", Value::DeclaredSecret("p12_password".to_owned())),
    ])
}

#[test]
fn obtain_needs_no_certificate() {
    let (world, _) = clinic();
    world.secrets.set("reference_id", "FPwNiG5g4r");
    assert!(matches!(world.step("ca.obtain", &obtain(REQUEST)).unwrap(), Ended::Changed(outputs) if outputs.contains_key("file")));
    assert_eq!(world.step("ca.obtain", &obtain("202611200000002")).unwrap_err().code, "PORTAL.WRONG_ID");
    world.attempt().preflight("ca.obtain", &obtain(REQUEST)).expect("a probe that needs a certificate is not made without one");
}

#[test]
fn a_secret_of_the_wrong_shape_is_sent_nowhere() {
    let (world, _) = clinic();
    world.secrets.set("reference_id", "FPwNiG5g4r");
    world.secrets.set("p12_password", "12345");
    let error = world.step("ca.obtain", &obtain(REQUEST)).unwrap_err();
    assert_eq!(error.code, "SECRET.UNFIT");
    assert!(!format!("{error:?}").contains("12345"), "the value is not shown");
    assert_eq!(world.attempt().preflight("ca.obtain", &obtain(REQUEST)).unwrap_err().code, "SECRET.UNFIT");
}

#[test]
fn probe_proves_with_the_key_from_the_holder() {
    let (world, old) = clinic();
    let outputs = world.outputs("web.probe", &with_client(&old)).unwrap();
    let expected = Proof {
        thumbprint: old.sha1.clone(),
        sha256: old.sha256.clone(),
        holder: "dir:/personal".to_owned(),
        kind: ProofKind::Accepted,
        by: ProofBy::Engine,
        evidence: "更新後証明書の取得".to_owned(),
        at: world.clock.now(),
    };
    assert_eq!(outputs["proof"], Value::Proof(Box::new(expected)));

    world.store.spoil_key(&old.sha1);
    assert_eq!(world.outputs("web.probe", &with_client(&old)).unwrap_err().code, "KEY.UNUSABLE");
    let elsewhere = CertInfo { holder: "file:00".to_owned(), ..old };
    assert_eq!(world.outputs("web.probe", &with_client(&elsewhere)).unwrap_err().code, "BACKEND.MISSING", "a file is no holder");
}

#[test]
fn a_rejected_certificate_is_not_proved() {
    let (world, old) = clinic();
    world.portal.reject(&old.sha1);
    assert_eq!(world.outputs("web.probe", &with_client(&old)).unwrap_err().code, "PORTAL.CERT_REJECTED");
}

#[test]
fn a_profile_types_the_manifest() {
    let profile = obn_profile();
    let of = |name: &str| registry().find(name, 1).unwrap().0.with_profile(&profile).unwrap();
    let renew = of("ca.renew");
    let output = |name: &str| renew.outputs.iter().find(|output| output.name == name).unwrap();
    assert_eq!(output("request_id").ty, Type::Digits(15));
    assert!(output("request_id").recoverable, "a column of the list");
    assert!(!output("reference_id").recoverable && output("reference_id").ty.is_secret(), "shown once");
    assert!(!output("cn").recoverable, "no column of that name");
    let fetch = of("ca.fetch");
    let input = |name: &str| fetch.inputs.iter().find(|input| input.name == name).unwrap();
    assert_eq!(input("client_cert").ty, Type::Cert, "the operation needs it");
    assert!(input("request_id").ty.is_optional() && input("password").ty.is_secret());
    let proof = |manifest: &kirikae_engine::action::Manifest| manifest.outputs.iter().find(|output| output.name == "proof").unwrap().ty.clone();
    assert_eq!(proof(&of("web.probe")), Type::Proof, "the marker makes it sure");
    assert_eq!(proof(registry().find("web.probe", 1).unwrap().0), Type::Proof.optional());
    assert!(registry().find("cert.find", 1).unwrap().0.with_profile(&profile).is_none(), "no operation of a portal");
}

/// A clinic whose portal has this operation without a client certificate.
fn clinic_with(operation: Operation, takes: Vec<(String, Type)>) -> World {
    let mut world = World::obn();
    let mut profile = obn_profile();
    let spec = OperationSpec { takes, gives: vec![], tries: None, claim: None, ..profile.operations[&Operation::Obtain].clone() };
    profile.operations.insert(operation, spec);
    world.portal = std::sync::Arc::new(kirikae_engine::testing::FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
    world
}

#[test]
fn a_root_is_received_and_its_thumbprint_can_be_shown() {
    let world = clinic_with(Operation::Root, vec![]);
    let given = inputs([("portal", Value::Role("issuer".to_owned()))]);
    let Ended::Changed(outputs) = world.step("ca.root", &given).unwrap() else { panic!("received") };
    let (Value::File(file), Value::Cert(cert)) = (&outputs["file"], &outputs["cert"]) else { panic!("a file and its certificate") };
    assert!(file.vault.is_none(), "there is no key in it");
    assert_eq!((cert.subject_dn == cert.issuer_dn, cert.has_key, cert.holder.starts_with("file:")), (true, false, true));
}

#[test]
fn a_program_is_received_as_a_file_of_its_kind() {
    let world = clinic_with(Operation::Software, vec![]);
    let given = inputs([("portal", Value::Role("issuer".to_owned()))]);
    let Ended::Changed(outputs) = world.step("ca.software", &given).unwrap() else { panic!("received") };
    assert!(matches!(&outputs["file"], Value::File(file) if file.name == "client.msi" && file.vault.is_none()));
}

#[test]
fn a_refused_revocation_has_not_happened_and_a_lost_one_is_in_doubt() {
    let world = clinic_with(Operation::Revoke, vec![]);
    let given = inputs([("portal", Value::Role("issuer".to_owned()))]);
    for (fault, code, class) in
        [(Fault::Refuse("PORTAL.REFUSED"), "PORTAL.REFUSED", Class::Permanent), (Fault::LoseAnswer, "PORTAL.RESULT_UNKNOWN", Class::Ambiguous)]
    {
        world.portal.fault(Operation::Revoke, fault);
        let error = world.step("ca.revoke", &given).unwrap_err();
        assert_eq!((error.code.as_str(), error.class), (code, class));
    }
}

#[test]
fn a_person_is_told_which_file_to_upload() {
    use kirikae_engine::action::Blobs;
    use kirikae_engine::backend::profile::{Label, PageItem};
    let mut world = clinic_with(Operation::Apply, vec![("csr".to_owned(), Type::File)]);
    let mut profile = kirikae_engine::backend::CaRead::profile(&*world.portal).clone();
    profile.hands = Hands::Person;
    let label = |text: &str| Label { labels: vec![text.to_owned()], ..Label::default() };
    profile.operations.get_mut(&Operation::Apply).unwrap().pages =
        vec![PageItem { upload: vec![("csr".to_owned(), label("CSRファイル"))], press: Some(label("申請する")), commits: true, ..PageItem::default() }];
    world.portal = std::sync::Arc::new(kirikae_engine::testing::FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
    let csr = world.blobs.keep("uketsuke-1.csr", &kirikae_engine::secret::Secret::text("csr"), false).unwrap();
    let given = inputs([("portal", Value::Role("issuer".to_owned())), ("csr", Value::File(csr))]);
    let question = world.attempt().question("ca.apply", &given).unwrap();
    let lines: Vec<&str> = question.items.iter().map(|item| item.ja.as_str()).collect();
    assert!(lines.contains(&"ファイルを選ぶ: 「CSRファイル」に uketsuke-1.csr"), "{lines:?}");
}

/// What actions see of an operation: what it takes and gives, how it is looked up, the columns of its lists, its marker.
fn seen(spec: &OperationSpec) -> impl PartialEq + std::fmt::Debug + use<> {
    let columns: BTreeSet<String> =
        spec.pages.iter().filter_map(|page| page.rows.as_ref()).flat_map(|rows| rows.columns.iter().map(|(name, _)| name.clone())).collect();
    let marker = spec.pages.iter().find_map(|page| page.signed_in.clone());
    (spec.client_cert, spec.takes.clone(), spec.gives.clone(), spec.observe, spec.claim.clone(), spec.repeatable, columns, marker)
}

#[test]
fn the_fake_portal_follows_the_shipped_profile() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks/portals/obn.yaml");
    let source = Source::from_bytes("portals/obn.yaml", &std::fs::read(path).unwrap()).unwrap();
    let (shipped, fake) = (decode_profile(&source).unwrap(), obn_profile());
    assert_eq!(shipped.operations.keys().collect::<Vec<_>>(), fake.operations.keys().collect::<Vec<_>>());
    for (operation, spec) in &shipped.operations {
        assert_eq!(seen(spec), seen(&fake.operations[operation]), "{operation}");
    }
}

#[test]
fn a_person_who_probes_is_named_in_the_proof() {
    use std::sync::Arc;
    let mut world = World::obn();
    let mut profile = obn_profile();
    profile.hands = Hands::Person;
    world.portal = Arc::new(kirikae_engine::testing::FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
    let cert = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let seen = kirikae_engine::action::Answer { yes: true, evidence: Some("メニューが出た".to_owned()), by: "受付".to_owned(), ..Default::default() };
    let outputs = world.attempt().answered("web.probe", &with_client(&cert), &seen).unwrap();
    assert!(matches!(&outputs["proof"], Value::Proof(proof) if proof.by == ProofBy::Person && proof.evidence.contains("受付")));
}
