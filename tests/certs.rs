//! Which certificate is where, and what a file holds.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;
use support::component::program;
use support::{Lab, kirikae, said};

/// A certificate with its key, made by OpenSSL: `one.pem`, `one.p12` (password 2468), ends in 30 days.
fn made_by_openssl(openssl: &Path, place: &Path) {
    let run = |arguments: &[&str]| {
        let output = Command::new(openssl).args(arguments).current_dir(place).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "one.pem", "-days", "30", "-subj", "/O=Clinic/CN=0110119153"]);
    run(&["pkcs12", "-export", "-inkey", "key.pem", "-in", "one.pem", "-out", "one.p12", "-passout", "pass:2468", "-name", "sakura"]);
    std::fs::write(place.join("right.pw"), "2468\n").unwrap();
    std::fs::write(place.join("wrong.pw"), "1357\n").unwrap();
}

fn inspect(place: &Path, arguments: &[&str]) -> std::process::Output {
    kirikae().current_dir(place).arg("inspect").args(arguments).output().unwrap()
}

#[test]
fn the_site_s_certificates_are_listed_with_their_days() {
    let lab = Lab::start(&[]);
    let listed = lab.run(&["certs"]);
    assert_eq!(listed.status.code(), Some(0), "{}", said(&listed));
    let text = said(&listed);
    assert!(["personal", "残り60日", "CN=0110119153", "鍵あり"].iter().all(|word| text.contains(word)), "{text}");
    let json: Json = serde_json::from_slice(&lab.run(&["certs", "--format", "json"]).stdout).unwrap();
    assert_eq!((&json["stores"][0]["certs"][0]["days_left"], &json["stores"][0]["leftovers"]), (&Json::from(60), &Json::Array(vec![])));
}

#[test]
fn an_old_certificate_beside_a_newer_one_is_pointed_out() {
    let lab = Lab::start(&[]);
    let old: Json = serde_json::from_slice(&lab.run(&["certs", "--format", "json"]).stdout).unwrap();
    let kept: Vec<_> = std::fs::read_dir(lab.path("personal")).unwrap().flatten().map(|file| (file.path(), std::fs::read(file.path()).unwrap())).collect();
    assert_eq!(lab.renew().status.code(), Some(0));
    for (path, bytes) in kept {
        std::fs::write(path, bytes).unwrap();
    }
    let json: Json = serde_json::from_slice(&lab.run(&["certs", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["stores"][0]["certs"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["stores"][0]["leftovers"], Json::Array(vec![old["stores"][0]["certs"][0]["sha1"].clone()]));
    assert!(said(&lab.run(&["certs"])).contains("これは古い方です"));
}

#[test]
fn a_store_that_cannot_be_read_is_named_with_its_code_and_no_store_has_a_cure() {
    let lab = Lab::start(&[]);
    lab.edit_site("store: dir, path: ./personal", "store: dir, path: ./site.yaml");
    let listed = lab.run(&["certs"]);
    assert_eq!(listed.status.code(), Some(1), "{}", said(&listed));
    assert!(said(&listed).contains("STORE."), "{}", said(&listed));
    let state = lab.state();
    let none = kirikae().args(["certs", "--state"]).arg(&state).output().unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).contains("kirikae new site"), "{}", said(&none));
}

#[test]
fn a_file_of_openssl_is_told_or_refused_by_its_code() {
    let Some(openssl) = program("openssl") else { return };
    let place = tempfile::tempdir().unwrap();
    made_by_openssl(&openssl, place.path());
    let told = inspect(place.path(), &["one.p12", "--secret-file", "password=right.pw"]);
    assert_eq!(told.status.code(), Some(0), "{}", said(&told));
    let text = said(&told);
    let words = ["CN=0110119153", "残り30日", "組になっています", "sakura", "HMAC-SHA256(2048回)", "PBES2 AES-256-CBC", "RSA 2048", "JST"];
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    let json: Json = serde_json::from_slice(&inspect(place.path(), &["one.pem", "--format", "json"]).stdout).unwrap();
    assert_eq!((&json["kind"], &json["key_matches"], &json["certs"][0]["has_key"]), (&Json::from("certificates"), &Json::Null, &Json::from(false)));
    for (arguments, code) in [
        (&["one.p12", "--secret-file", "password=wrong.pw"][..], "P12.BAD_PASSWORD"),
        (&["one.p12"], "SECRET.MISSING"),
        (&["key.pem", "--secret-file", "password=right.pw"], "P12.UNREADABLE"),
        (&["none.p12"], "FILE.NOT_READABLE"),
    ] {
        let refused = inspect(place.path(), arguments);
        assert_ne!(refused.status.code(), Some(0), "{arguments:?}");
        assert!(said(&refused).contains(code) && !said(&refused).contains("1357"), "{arguments:?}: {}", said(&refused));
    }
    let roots = |file: &str| inspect(place.path(), &["one.p12", "--secret-file", "password=right.pw", "--roots", file]);
    assert_eq!(roots("one.pem").status.code(), Some(0), "{}", said(&roots("one.pem")));
    openssl_root(&openssl, place.path());
    assert_eq!(roots("other.pem").status.code(), Some(1));
    assert!(said(&roots("other.pem")).contains("どれでもありません"), "{}", said(&roots("other.pem")));
}

/// `other.pem`, another root.
fn openssl_root(openssl: &Path, place: &Path) {
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "other.key", "-out", "other.pem", "-subj", "/CN=other"];
    assert!(Command::new(openssl).args(arguments).current_dir(place).output().unwrap().status.success());
}

#[test]
fn a_file_without_a_key_shows_what_it_has_and_why_it_is_no_credential() {
    let Some(openssl) = program("openssl") else { return };
    let place = tempfile::tempdir().unwrap();
    made_by_openssl(&openssl, place.path());
    let made =
        Command::new(&openssl).args("pkcs12 -export -nokeys -in one.pem -out nokey.p12 -passout pass:2468".split(' ')).current_dir(place.path()).output();
    assert!(made.unwrap().status.success());
    let told = inspect(place.path(), &["nokey.p12", "--secret-file", "password=right.pw"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(said(&told).contains("CN=0110119153") && said(&told).contains("P12.NO_KEY"), "{}", said(&told));
    let json = inspect(place.path(), &["nokey.p12", "--secret-file", "password=right.pw", "--format", "json"]);
    let json: Json = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["refusal"]["code"], &json["key_matches"], &json["certs"][0]["key"]), (&Json::from("P12.NO_KEY"), &Json::Null, &Json::from("RSA 2048")));
    assert_eq!(json["protection"]["mac"]["algorithm"], "HMAC-SHA256");
}
