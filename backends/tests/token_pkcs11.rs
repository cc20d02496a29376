//! Tokens behind PKCS#11 modules: SoftHSM2, and the same with the faults of real devices.
//!
//! A module has one state in a process, and SoftHSM2 reads its configuration from the environment: what is tried on one set of tokens
//! runs in a process of its own, which is this test again.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../../tests/support/component.rs"]
mod component;
#[path = "support/softhsm.rs"]
mod softhsm;
mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kirikae_backends::ca::portal::{Portal, PortalSettings, Roots};
use kirikae_backends::store::signer::verify;
use kirikae_backends::token::pkcs11::Pkcs11Tokens;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::backend::{BackendError, CaRead, Call, PresentToken, Request, TokenRead, TokenSession, TokenWrite};
use kirikae_engine::dsl::decode_profile;
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::contract::token::{TokenRig, holds};
use kirikae_engine::text::Source;
use p256::pkcs8::EncodePublicKey;
use softhsm::{Faulty, PIN, SoftHsm, module};
use support::{Issued, issue};

/// Names the part that a process of its own carries out, and the folder with its tokens.
const PART: &str = "KIRIKAE_TEST_PART";
const PLACE: &str = "KIRIKAE_TEST_PLACE";
const WRONG: &str = "00000000";
/// More fresh tokens than the contract asks for.
const FRESH: usize = 6;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A part, carried out in a process of its own; in a plain run of the suite it does nothing.
#[test]
fn part() {
    let Some(part) = std::env::var_os(PART) else { return };
    let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
    match part.to_str().unwrap() {
        "contract" => contract(&place),
        "contract_of_devices" => contract_of_devices(&place),
        "keys" => keys(&place),
        "vague" => vague(&place),
        "pulled" => pulled(&place),
        "two_logins" => two_logins(&place),
        "hanging" => hanging(&place),
        "mutual_tls" => mutual_tls(&place),
        other => panic!("{other}"),
    }
    println!("done: {}", part.display());
}

fn carry_out(hsm: &SoftHsm, part: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["part", "--exact", "--nocapture"]).env(PART, part).env(PLACE, hsm.path("")).env("SOFTHSM2_CONF", hsm.conf());
    let output = command.output().unwrap();
    let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains(&format!("done: {part}")), "{part}: {said}");
}

fn tokens(module: &Path, label: &str) -> Pkcs11Tokens {
    let settings = BTreeMap::from([("module".to_owned(), module.display().to_string()), ("label".to_owned(), label.to_owned())]);
    Pkcs11Tokens::open(Path::new("/"), &settings).unwrap()
}

fn only(backend: &Pkcs11Tokens) -> PresentToken {
    let mut found = backend.tokens(&Call::unattached()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn log_in(backend: &Pkcs11Tokens, pin: &str) -> Result<Arc<dyn TokenSession>, BackendError> {
    backend.login(&Call::unattached(), &only(backend).info.serial, &Secret::text(pin))
}

fn refused(backend: &Pkcs11Tokens, pin: &str) -> String {
    log_in(backend, pin).unwrap_err().code
}

fn put(hsm: &SoftHsm, label: &str, id: &str, issued: &Issued) {
    hsm.put_key(label, id, issued.pkcs8().expose());
    hsm.put_certificate(label, id, &issued.der);
}

/// Tokens `fresh-1` to `fresh-6`, each with one credential.
fn fresh_tokens() -> Option<SoftHsm> {
    let hsm = SoftHsm::new()?;
    let issued = issue("CN=0110119153,O=ReceiptOnline,C=JP", 7, 90, None, false);
    for nth in 1..=FRESH {
        let label = format!("fresh-{nth}");
        hsm.token(&label);
        put(&hsm, &label, "01", &issued);
    }
    Some(hsm)
}

fn rig(backend: Pkcs11Tokens, locks_after: Option<u32>, flags: bool) -> TokenRig {
    let token = only(&backend);
    let credential = backend.certificates(&Call::unattached(), &token.info.serial).unwrap()[0].info.sha1.clone();
    let (serial, backend) = (token.info.serial, Arc::new(backend));
    TokenRig { backend, serial, pin: PIN.to_owned(), wrong_pin: WRONG.to_owned(), credential: Some(credential), locks_after, flags }
}

#[test]
fn softhsm2_keeps_the_contract() {
    let Some(hsm) = fresh_tokens() else { return };
    carry_out(&hsm, "contract");
}

fn contract(_place: &Path) {
    let nth = Cell::new(0);
    holds(|| {
        nth.set(nth.get() + 1);
        rig(tokens(&module(), &format!("fresh-{}", nth.get())), None, true)
    });
}

#[test]
fn devices_that_lock_keep_the_contract() {
    for faults in [&["limit 4"][..], &["limit 4", "mute"], &["limit 4", "vague"]] {
        let Some(hsm) = fresh_tokens() else { return };
        for nth in 1..=FRESH {
            if Faulty::new(&hsm.path(""), &format!("device-{nth}"), faults).is_none() {
                return;
            }
        }
        std::fs::write(hsm.path("mute"), if faults.contains(&"mute") { "yes" } else { "no" }).unwrap();
        carry_out(&hsm, "contract_of_devices");
    }
}

fn contract_of_devices(place: &Path) {
    let flags = std::fs::read_to_string(place.join("mute")).unwrap() == "no";
    let nth = Cell::new(0);
    holds(|| {
        nth.set(nth.get() + 1);
        rig(tokens(&place.join(format!("device-{}.so", nth.get())), &format!("fresh-{}", nth.get())), Some(4), flags)
    });
}

#[test]
fn keys_are_found_by_id_and_by_public_key_and_make_every_signature_of_tls() {
    let Some(hsm) = SoftHsm::new() else { return };
    let Some((rsa_key, rsa_certificate)) = rsa(&hsm) else { return };
    hsm.token("keys");
    let root = issue("CN=root", 1, 900, None, true);
    let ec = issue("CN=ec", 2, 90, Some(&root), false);
    put(&hsm, "keys", "01", &ec);
    hsm.put_certificate("keys", "0a", &root.der);
    // Under another ID than its certificate, as some tools leave it.
    hsm.put_key("keys", "02", &rsa_key);
    hsm.put_certificate("keys", "03", &rsa_certificate);
    hsm.put_public_key("keys", "01", ec.key.verifying_key().to_public_key_der().unwrap().as_bytes());
    // A certificate whose key is not there, and one that has the ID of another one's key.
    hsm.put_certificate("keys", "04", &issue("CN=alone", 3, 90, None, false).der);
    hsm.put_certificate("keys", "01", &issue("CN=same id", 4, 90, None, false).der);
    carry_out(&hsm, "keys");
}

/// An RSA key (PKCS#8) and its certificate, made by OpenSSL.
fn rsa(hsm: &SoftHsm) -> Option<(Vec<u8>, Vec<u8>)> {
    let openssl = component::program("openssl")?;
    let (key, certificate) = (hsm.path("rsa.key"), hsm.path("rsa.der"));
    let made = Command::new(&openssl).args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER", "-out"]).arg(&key).output();
    assert!(made.unwrap().status.success());
    let request = ["req", "-x509", "-new", "-subj", "/CN=rsa", "-days", "90", "-outform", "DER", "-keyform", "DER", "-key"];
    let made = Command::new(&openssl).args(request).arg(&key).arg("-out").arg(&certificate).output();
    assert!(made.unwrap().status.success());
    Some((std::fs::read(key).unwrap(), std::fs::read(certificate).unwrap()))
}

fn keys(_place: &Path) {
    let backend = tokens(&module(), "keys");
    let serial = only(&backend).info.serial;
    let listed = backend.certificates(&Call::unattached(), &serial).unwrap();
    let session = log_in(&backend, PIN).unwrap();
    assert_eq!(listed, backend.certificates(&Call::unattached(), &serial).unwrap(), "a login changes nothing of what a plan saw");
    let by_name = |cn: &str| listed.iter().find(|cert| cert.info.subject.cn == cn).unwrap_or_else(|| panic!("{cn}"));
    let made = |cn: &str| {
        let signer = session.signer(&Call::unattached(), &by_name(cn).info.sha1).unwrap();
        for scheme in signer.schemes() {
            let signature = signer.sign(scheme, b"message").unwrap();
            verify(&by_name(cn).der, scheme, b"message", &signature).unwrap_or_else(|error| panic!("{cn} {scheme:#06x}: {error:?}"));
        }
        (signer.schemes(), signer.chain().len())
    };
    assert_eq!(made("ec"), (vec![0x0403], 1), "the root is not sent");
    assert_eq!(made("rsa"), (vec![0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601], 1));
    assert!(by_name("ec").info.has_key && !by_name("alone").info.has_key && !by_name("root").info.has_key);
    for cn in ["alone", "same id"] {
        let error = session.signer(&Call::unattached(), &by_name(cn).info.sha1).unwrap_err();
        assert_eq!(error.code, "KEY.UNUSABLE", "{cn}");
    }
}

#[test]
fn a_wrong_pin_is_sent_once_whatever_the_driver_answers() {
    let Some(hsm) = SoftHsm::new() else { return };
    hsm.token("vague");
    for (name, faults) in [("general", ["limit 4", "vague"]), ("none", ["limit 4", "silent"])] {
        if Faulty::new(&hsm.path(""), name, &faults).is_none() {
            return;
        }
    }
    carry_out(&hsm, "vague");
}

fn vague(place: &Path) {
    for name in ["general", "none"] {
        let file = place.join(format!("{name}.so"));
        let (backend, device) = (tokens(&file, "vague"), Faulty::at(&file));
        assert_eq!(refused(&backend, WRONG), "PIN.INCORRECT", "{name}: the count of the device tells");
        assert_eq!(device.tries(), 1);
        assert!(only(&backend).flags.count_low);
        let second = refused(&backend, WRONG);
        assert!(["PIN.INCORRECT", "TOKEN.FAILED"].contains(&second.as_str()), "{name}: {second}");
        assert_eq!(device.tries(), 2, "one for each call");
        refused(&backend, WRONG);
        assert!(only(&backend).flags.final_try);
        assert_eq!(refused(&backend, WRONG), "PIN.LOCKED");
        assert_eq!((refused(&backend, PIN).as_str(), device.tries()), ("PIN.LOCKED", 4), "a locked device sees no PIN");
    }
}

#[test]
fn a_token_that_is_pulled_out_is_said_to_be() {
    let Some(hsm) = SoftHsm::new() else { return };
    hsm.token("pulled");
    put(&hsm, "pulled", "01", &issue("CN=pulled", 5, 90, None, false));
    if Faulty::new(&hsm.path(""), "pulled", &["pull_at_sign 3"]).is_some() {
        carry_out(&hsm, "pulled");
    }
}

fn pulled(place: &Path) {
    let file = place.join("pulled.so");
    let (backend, device) = (tokens(&file, "pulled"), Faulty::at(&file));
    let serial = only(&backend).info.serial;
    let session = log_in(&backend, PIN).unwrap();
    let sha1 = backend.certificates(&Call::unattached(), &serial).unwrap()[0].info.sha1.clone();
    let signer = session.signer(&Call::unattached(), &sha1).unwrap();
    let sign = || signer.sign(0x0403, b"message");
    // One was made to find out which key it is.
    sign().unwrap();
    assert_eq!(sign().unwrap_err().code, "TOKEN.ABSENT", "while it signs");
    assert_eq!(sign().unwrap_err().code, "TOKEN.ABSENT", "and afterwards");
    assert_eq!(device.signatures(), 3);
    assert_eq!(backend.tokens(&Call::unattached()).unwrap(), []);
    assert_eq!(backend.certificates(&Call::unattached(), &serial).unwrap_err().code, "TOKEN.ABSENT");
    assert_eq!(backend.login(&Call::unattached(), &serial, &Secret::text(PIN)).unwrap_err().code, "TOKEN.ABSENT");
    assert_eq!(device.tries(), 1, "no PIN was sent to a token that is not there");
    drop((session, signer));
    device.insert();
    assert_eq!(only(&backend).info.serial, serial, "it is seen when it is put in again");
    log_in(&backend, PIN).unwrap().signer(&Call::unattached(), &sha1).unwrap().sign(0x0403, b"message").unwrap();
}

#[test]
fn a_second_login_is_a_try_of_its_own_and_outlives_the_first() {
    let Some(hsm) = SoftHsm::new() else { return };
    hsm.token("twice");
    put(&hsm, "twice", "01", &issue("CN=twice", 6, 90, None, false));
    carry_out(&hsm, "two_logins");
}

fn two_logins(_place: &Path) {
    // Two roles of a site may lead to one module.
    let (one, two) = (tokens(&module(), "twice"), tokens(&module(), "twice"));
    let sha1 = one.certificates(&Call::unattached(), &only(&one).info.serial).unwrap()[0].info.sha1.clone();
    let first = log_in(&one, PIN).unwrap();
    assert_eq!(refused(&two, WRONG), "PIN.INCORRECT", "an open token looks at the PIN, too");
    let second = log_in(&two, PIN).unwrap();
    let signer = second.signer(&Call::unattached(), &sha1).unwrap();
    drop(first);
    signer.sign(0x0403, b"message").unwrap();
    drop((second, signer));
    let third = log_in(&one, PIN).unwrap();
    third.signer(&Call::unattached(), &sha1).unwrap().sign(0x0403, b"message").unwrap();
}

#[test]
fn a_driver_that_is_none_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("driver.so");
    std::fs::write(&file, "not a library").unwrap();
    for module in [file, place.path().join("none.so")] {
        let error = tokens(&module, "x").tokens(&Call::unattached()).unwrap_err();
        assert_eq!(error.code, "TOKEN.NO_MODULE");
        assert!(error.cause.ja.contains(module.to_str().unwrap()), "{}", error.cause.ja);
    }
}

#[test]
fn a_driver_that_hangs_does_not_keep_others_from_ending() {
    let Some(hsm) = SoftHsm::new() else { return };
    hsm.token("hangs");
    put(&hsm, "hangs", "01", &issue("CN=hangs", 8, 90, None, false));
    if Faulty::new(&hsm.path(""), "hangs", &["hang_at_sign 2"]).is_some() {
        carry_out(&hsm, "hanging");
    }
}

fn hanging(place: &Path) {
    let backend = tokens(&place.join("hangs.so"), "hangs");
    let sha1 = backend.certificates(&Call::unattached(), &only(&backend).info.serial).unwrap()[0].info.sha1.clone();
    let session = log_in(&backend, PIN).unwrap();
    let signer = session.signer(&Call::unattached(), &sha1).unwrap();
    let device = Faulty::at(&place.join("hangs.so"));
    std::thread::spawn(move || signer.sign(0x0403, b"message"));
    while device.signatures() < 2 {
        std::thread::yield_now();
    }
    // The stuck call keeps its login; who else holds it can go, and so can the process.
    drop(session);
    assert!(!backend.capabilities().interruptible);
}

const PROFILE: &str = "kirikae: portal/1\nid: peer\nversion: \"1.0.0\"\ntitle: 例\nchecked: { status: unverified, by: 例 }\nbase: https://127.0.0.1\n\
    operations: { probe: { client_cert: true, pages: [{ open: /probe.html, signed_in: 入りました }] } }\n";

#[test]
fn openssl_takes_signatures_of_a_token_in_tls_1_2_and_1_3() {
    let Some(hsm) = SoftHsm::new() else { return };
    let Some(openssl) = component::program("openssl") else { return };
    hsm.token("tls");
    let made = |arguments: &[&str], out: &str| {
        let output = Command::new(&openssl).args(arguments).arg("-out").arg(hsm.path(out)).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(hsm.path(out)).unwrap()
    };
    let mut trusted = String::new();
    for (nth, algorithm, option) in [("01", "RSA", "rsa_keygen_bits:2048"), ("02", "EC", "ec_paramgen_curve:P-256"), ("03", "EC", "ec_paramgen_curve:P-384")] {
        let key = made(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-outform", "DER"], "key.der");
        let key_file = hsm.path("key.der").display().to_string();
        let request = ["req", "-x509", "-new", "-days", "9", "-keyform", "DER", "-key", &key_file, "-subj", &format!("/CN=client {nth}")];
        trusted.push_str(&String::from_utf8(made(&request, "client.pem")).unwrap());
        hsm.put_key("tls", nth, &key);
        let client = hsm.path("client.pem").display().to_string();
        hsm.put_certificate("tls", nth, &made(&["x509", "-in", &client, "-outform", "DER"], "client.der"));
    }
    std::fs::write(hsm.path("clients.pem"), trusted).unwrap();
    let server = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    let key_file = hsm.path("server.key").display().to_string();
    made(&[&server[..], &["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key_file]].concat(), "server.pem");
    std::fs::write(hsm.path("probe.html"), "<h1>入りました</h1>").unwrap();
    carry_out(&hsm, "mutual_tls");
}

fn mutual_tls(place: &Path) {
    let backend = tokens(&module(), "tls");
    let listed = backend.certificates(&Call::unattached(), &only(&backend).info.serial).unwrap();
    let session = log_in(&backend, PIN).unwrap();
    assert_eq!(listed.len(), 3);
    for version in ["-tls1_2", "-tls1_3"] {
        for cert in &listed {
            let server = Peer::start(place, version);
            let signer = session.signer(&Call::unattached(), &cert.info.sha1).unwrap();
            let settings = PortalSettings {
                base: server.base.clone(),
                roots: Roots::Pem(std::fs::read(place.join("server.pem")).unwrap()),
                proxy: None,
                timeout: Duration::from_secs(30),
                absent_after: None,
                hands: None,
            };
            let portal = Portal::new(decode_profile(&Source::new("peer.yaml", PROFILE)).unwrap(), settings).unwrap();
            let mut web = portal.open(&Call::unattached(), Some(signer)).unwrap();
            let probe = portal.look(&Call::unattached(), web.as_mut(), Operation::Probe, &Request::default());
            assert_eq!(probe.unwrap().signed_in.as_deref(), Some("入りました"), "{version} {}", cert.info.subject.cn);
        }
    }
}

/// OpenSSL as a server that lets nobody in without one of the certificates.
struct Peer {
    child: Child,
    base: String,
}

impl Peer {
    fn start(place: &Path, version: &str) -> Self {
        let arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key", "server.key", "-CAfile", "clients.pem"];
        let mut command = Command::new("openssl");
        command.current_dir(place).args(arguments).args(["-Verify", "2", "-verify_return_error", "-WWW", version]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:").map(str::to_owned)).expect("the port");
        // What it goes on to say is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base: format!("https://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A new kind of token needs its line in a contract test.
#[test]
fn every_kind_of_token_keeps_the_contract_somewhere() {
    let kinds: Vec<&str> = kirikae_backends::builtin().tokens.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds, ["pkcs11", "soft"], "here and in token_soft.rs");
}
