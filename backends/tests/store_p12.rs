//! PKCS#12 files as people hand them in, and as other tools see those we write.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use std::process::Command;
use std::time::SystemTime;

use kirikae_backends::store::p12::{self, Pkcs12Files};
use kirikae_backends::store::signer;
use kirikae_engine::backend::{BackendError, OpenedP12, P12};
use kirikae_engine::secret::Secret;
use support::{Issued, clinic, issue, issue_for, issue_valid};
use x509_cert::time::{Time, Validity};

fn open(file: &[u8], password: &str) -> Result<OpenedP12, BackendError> {
    Pkcs12Files.open(&Secret::bytes(file.to_vec()), &Secret::text(password))
}

fn refusal(file: &[u8], password: &str) -> BackendError {
    open(file, password).expect_err("it must be refused")
}

/// The output of `openssl`, or `None` where it is not installed.
fn openssl(folder: &std::path::Path, arguments: &str) -> Option<String> {
    let run = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let Ok(output) = run else {
        println!("skipped: openssl is not installed");
        return None;
    };
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_certificate_of_the_key_is_the_leaf_whatever_the_order() {
    let clinic = clinic();
    let opened = open(clinic.p12("1234").expose(), "1234").unwrap();
    let info = &opened.leaf.info;
    assert_eq!(opened.leaf.der, clinic.leaf.der);
    assert_eq!((info.subject.cn.as_str(), info.subject.o.as_deref(), info.subject.c.as_deref()), ("0110119153", Some("さくら医院"), Some("JP")));
    // RFC 4514 writes the last RDN first; the list keeps the order of the certificate.
    assert_eq!(info.subject.ou, ["端末2", "受付"]);
    assert_eq!(info.subject_dn, "CN=0110119153,OU=受付,OU=端末2,O=さくら医院,C=JP");
    assert_eq!((info.issuer.as_str(), info.issuer_dn.as_str()), ("Practice Issuing CA", "CN=Practice Issuing CA,O=Practice,C=JP"));
    assert_eq!((info.serial.as_str(), info.has_key, info.friendly_name.as_deref()), ("8f01", true, Some("受付2")));
    assert_eq!(info.not_after.duration_since(info.not_before).as_hours(), 60 * 24);
    assert!(info.holder.starts_with("file:") && info.holder.len() == 5 + 64);
    let others: Vec<_> = opened.others.iter().map(|cert| (cert.info.subject.cn.as_str(), cert.info.has_key)).collect();
    assert_eq!(others, [("Practice Root CA", false), ("Practice Issuing CA", false)]);
}

#[test]
fn a_certificate_that_never_expires_is_no_error() {
    let root = issue("CN=Root", 1, 10, None, true);
    let validity = Validity::new(Time::try_from(SystemTime::UNIX_EPOCH).unwrap(), Time::INFINITY);
    let forever = issue_valid(root.key.clone(), "CN=forever", 2, validity, Some(&root), false);
    let info = open(forever.p12(&[], "a", "1234").expose(), "1234").unwrap().leaf.info;
    assert_eq!((info.not_before.as_second(), info.not_after.to_string().get(..4)), (0, Some("9999")));
}

#[test]
fn of_two_certificates_for_one_key_the_marked_one_is_taken() {
    let root = issue("CN=Root", 1, 3650, None, true);
    let old = issue("CN=a", 2, 10, Some(&root), false);
    let new = issue_for(old.key.clone(), "CN=a", 3, 400, Some(&root), false);
    let folder = tempfile::tempdir().unwrap();
    let pem = |issued: &Issued| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64(&issued.der));
    std::fs::write(folder.path().join("all.pem"), [pem(&root), pem(&old), pem(&new)].concat()).unwrap();
    std::fs::write(folder.path().join("key.der"), old.pkcs8().expose()).unwrap();
    if openssl(folder.path(), "pkey -inform DER -in key.der -out key.pem").is_none() {
        return;
    }
    openssl(folder.path(), "pkcs12 -export -inkey key.pem -in all.pem -passout pass:1234 -out two.p12");
    let opened = open(&std::fs::read(folder.path().join("two.p12")).unwrap(), "1234").unwrap();
    // OpenSSL marks the first that fits.
    assert_eq!(opened.leaf.der, old.der);
    let others: Vec<_> = opened.others.iter().map(|cert| &cert.der).collect();
    assert_eq!(others, [&root.der, &new.der]);
}

#[test]
fn a_wrong_password_is_told_from_a_bad_file() {
    let clinic = clinic();
    let file = clinic.p12("1234");
    assert_eq!(refusal(file.expose(), "1235").code, "P12.BAD_PASSWORD");
    assert_eq!(refusal(file.expose(), "").code, "P12.BAD_PASSWORD");
    assert_eq!(refusal(file.expose(), "🔑").code, "P12.BAD_PASSWORD");
    let bytes = Secret::bytes(vec![0xff, 0xfe]);
    assert_eq!(Pkcs12Files.open(&file, &bytes).unwrap_err().code, "SECRET.UNFIT");
    // What we write must open everywhere, and tools disagree about characters beyond U+FFFF.
    let error = p12::write(&clinic.leaf.pkcs8(), std::slice::from_ref(&clinic.leaf.der), "a", &Secret::text("🔑")).unwrap_err();
    assert_eq!(error.code, "SECRET.UNFIT");
    let message = format!("{:?}", refusal(file.expose(), "hunter2"));
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn what_is_no_pkcs12_says_what_it_looks_like() {
    let clinic = clinic();
    let file = clinic.p12("1234");
    let said = |content: &[u8]| {
        let error = refusal(content, "1234");
        assert_eq!(error.code, "P12.UNREADABLE", "{error}");
        error.cause
    };
    assert!(said(b"<!DOCTYPE html><html>").ja.contains("HTML"));
    assert!(said(&file.expose()[..file.expose().len() / 2]).ja.contains("途中で切れて"));
    assert!(said(&clinic.leaf.der).ja.contains("証明書だけ"));
    assert!(said(b"").ja.contains("空"));
    assert!(said(&vec![0x30; p12::MAX_SIZE + 1]).ja.contains("16777217"));
}

#[test]
fn every_cut_of_a_file_is_refused_without_a_panic() {
    let clinic = clinic();
    let file = clinic.leaf.p12(&[], "a", "1234");
    for end in 0..file.expose().len() {
        assert_eq!(refusal(&file.expose()[..end], "1234").code, "P12.UNREADABLE", "cut at {end}");
    }
}

#[test]
fn keys_and_certificates_that_do_not_fit_are_never_written() {
    let clinic = clinic();
    let stranger = issue("CN=stranger", 9, 10, None, false);
    let error = p12::write(&stranger.pkcs8(), std::slice::from_ref(&clinic.leaf.der), "a", &Secret::text("1234")).unwrap_err();
    assert_eq!(error.code, "KEY.MISMATCH");
    assert!(signer::key_belongs(&clinic.leaf.pkcs8(), &clinic.leaf.der).unwrap());
    assert!(!signer::key_belongs(&stranger.pkcs8(), &clinic.leaf.der).unwrap());
    assert_eq!(signer::key_belongs(&Secret::text("no key"), &clinic.leaf.der).unwrap_err().code, "KEY.UNUSABLE");
}

#[test]
fn openssl_reads_what_we_write() {
    let clinic = clinic();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.p12"), clinic.p12("1234").expose()).unwrap();
    let Some(all) = openssl(folder.path(), "pkcs12 -in a.p12 -passin pass:1234 -nodes") else { return };
    assert_eq!((all.matches("BEGIN CERTIFICATE").count(), all.matches("BEGIN PRIVATE KEY").count()), (3, 1));
    let text = Command::new("openssl").args(["pkcs12", "-in", "a.p12", "-passin", "pass:1234", "-info", "-noout"]).current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&text.stderr).into_owned();
    assert!(text.contains("AES-256-CBC") && text.contains("sha256"), "{text}");
}

#[test]
fn files_of_openssl_are_read_and_their_oddities_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &str| openssl(folder.path(), arguments);
    let content = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    if run("req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 30 -subj /OU=kaikei/O=byouin").is_none() {
        return;
    }
    run("pkcs12 -export -inkey k.pem -in c.pem -passout pass:ab12 -out modern.p12");
    run("pkcs12 -export -legacy -descert -inkey k.pem -in c.pem -passout pass:ab12 -out legacy.p12");
    run("pkcs12 -export -nomac -inkey k.pem -in c.pem -passout pass:ab12 -out nomac.p12");
    run("pkcs12 -export -nokeys -in c.pem -passout pass:ab12 -out nokey.p12");
    for name in ["modern.p12", "legacy.p12", "nomac.p12"] {
        let opened = open(&content(name), "ab12").unwrap_or_else(|error| panic!("{name}: {error}"));
        let info = &opened.leaf.info;
        // No CN: Windows shows the unit.
        assert_eq!((info.subject.cn.as_str(), info.issuer.as_str()), ("", "kaikei"), "{name}");
        assert_eq!(refusal(&content(name), "ab13").code, "P12.BAD_PASSWORD", "{name}");
    }
    assert_eq!(refusal(&content("nokey.p12"), "ab12").code, "P12.NO_KEY");

    run("req -x509 -newkey rsa:2048 -nodes -keyout k2.pem -out c2.pem -days 30 -subj /CN=other");
    let fingerprint = run("x509 -in c.pem -noout -fingerprint -sha1").unwrap().replace(':', "").to_lowercase();
    let opened = open(&content("modern.p12"), "ab12").unwrap();
    assert!(fingerprint.trim().ends_with(&opened.leaf.info.sha1), "{fingerprint}");
}

fn base64(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn of_two_authorities_of_one_name_the_one_that_signed_is_in_the_chain() {
    let (one, two) = (clinic(), clinic());
    let middles = [&two.middle.der, &one.middle.der, &one.root.der].map(Vec::as_slice);
    assert_eq!(one.middle.subject(), two.middle.subject());
    let chain = kirikae_backends::x509::chain(&one.leaf.der, middles).unwrap();
    assert_eq!(chain, [one.leaf.der, one.middle.der]);
}
