//! What the doctor finds, and that looking harms nothing; what kinds of backends there are; certificates on tokens.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::process::Output;

use kirikae_backends::token::soft::{NewSoftToken, SoftToken};
use kirikae_engine::backend::{Call, TokenWrite};
use kirikae_engine::secret::Secret;
use serde_json::Value as Json;
use support::{Lab, kirikae, said};

fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

/// The findings of an area: what about, state, code.
fn found(report: &Json, area: &str) -> Vec<(String, String, Option<String>)> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let all = report["findings"].as_array().unwrap().iter().filter(|finding| finding["area"] == area);
    all.map(|finding| (text(&finding["about"]).unwrap(), text(&finding["state"]).unwrap(), text(&finding["code"]))).collect()
}

fn one(about: &str, state: &str, code: Option<&str>) -> Vec<(String, String, Option<String>)> {
    vec![(about.to_owned(), state.to_owned(), code.map(str::to_owned))]
}

#[test]
fn a_terminal_in_order_is_told_so_and_nothing_is_sent_to_the_portal() {
    let lab = Lab::start(&[]);
    let before = lab.effects();
    let told = lab.run(&["doctor", "obn/renew-web", "--format", "json"]);
    assert_eq!(told.status.code(), Some(0), "{}", said(&told));
    let report = json(&told);
    assert_eq!(found(&report, "store"), [one("personal", "good", None), one("sanka/personal", "good", None), one("webqkan/personal", "good", None)].concat());
    assert!(found(&report, "portal").iter().any(|(about, state, _)| about == "obn" && state == "good"), "{report}");
    assert!(found(&report, "folder").iter().all(|(_, state, _)| state == "good"), "{report}");
    assert_eq!(found(&report, "playbook"), one("obn/renew-web", "good", None));
    assert_eq!(lab.effects(), before);
    let text = said(&lab.run(&["doctor", "obn/renew-web"]));
    assert!(text.contains("証明書の保管先") && text.contains("問題 0件"), "{text}");
    // Nothing of the looking is left: no journal was begun, no file stays in the folders.
    assert!(!lab.state().join("journal.db").exists());
    assert!(std::fs::read_dir(lab.path("backup")).unwrap().next().is_none());
}

#[test]
fn each_finding_has_its_code_and_cure() {
    let lab = Lab::start(&[]);
    lab.edit_site("personal: { store: dir, path: ./personal", "personal: { store: dir, path: ./site.yaml");
    lab.edit_site("backup: { folder: ./backup }", "backup: { folder: ./stick, removable: true }");
    lab.edit_site("inbox: { folder: ./inbox }", "inbox: { folder: ./none }");
    let told = lab.run(&["doctor", "--format", "json"]);
    assert_eq!(told.status.code(), Some(1), "{}", said(&told));
    let report = json(&told);
    assert_eq!(
        found(&report, "store"),
        [one("personal", "problem", Some("STORE.UNREADABLE")), one("sanka/personal", "good", None), one("webqkan/personal", "good", None)].concat()
    );
    // A stick may be taken out; a folder may not be missing.
    let folder = |about: &str, state: &str| (about.to_owned(), state.to_owned(), Some("FOLDER.ABSENT".to_owned()));
    let found_wrong: Vec<_> = found(&report, "folder").into_iter().filter(|(_, state, _)| state != "good").collect();
    assert_eq!(found_wrong, [folder("backup", "note"), folder("inbox", "problem")]);
    for finding in report["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] != "good") {
        assert!(finding["cure"]["ja"].as_str().is_some_and(|cure| !cure.is_empty()) && finding["cure"]["en"].is_string(), "{finding}");
    }
}

#[test]
fn a_portal_that_does_not_answer_or_is_not_trusted_is_told_from_one_that_does() {
    let lab = Lab::start(&[]);
    // The certificate of some other root.
    let issuer = std::fs::read_to_string(support::root().join("backends/lab/src/pki/issuer_root.pem")).unwrap();
    std::fs::write(lab.path("other.pem"), issuer).unwrap();
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    std::fs::write(lab.path("site.yaml"), site.replace("./lab-ca.pem", "./other.pem")).unwrap();
    let report = json(&lab.run(&["doctor", "--format", "json"]));
    assert!(found(&report, "portal").iter().all(|(_, state, code)| state == "problem" && code.as_deref() == Some("NET.UNTRUSTED")), "{report}");

    let port = std::fs::read_to_string(lab.path("port")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    std::fs::write(lab.path("site.yaml"), site.replace(port.trim(), &free)).unwrap();
    let report = json(&lab.run(&["doctor", "--format", "json"]));
    assert!(found(&report, "portal").iter().all(|(_, state, code)| state == "problem" && code.as_deref() == Some("NET.UNREACHABLE")), "{report}");
}

#[test]
fn what_a_playbook_lacks_is_named_with_where_to_write_it() {
    let place = tempfile::tempdir().unwrap();
    let told = kirikae().args(["doctor", "obn/renew-web", "--format", "json", "--state"]).arg(place.path()).output().unwrap();
    assert_eq!(told.status.code(), Some(1), "{}", said(&told));
    let report = json(&told);
    let lacks = found(&report, "playbook");
    for role in ["personal", "backup"] {
        assert!(lacks.contains(&(role.to_owned(), "problem".to_owned(), None)), "{role}: {lacks:?}");
    }
    assert!(said(&told).contains("backends.personal"), "{}", said(&told));
    assert_eq!(found(&report, "store"), one("-", "note", None));
    // What is no playbook is a wrong usage, not a finding.
    assert_eq!(kirikae().args(["doctor", "obn/none", "--state"]).arg(place.path()).output().unwrap().status.code(), Some(2));
}

/// A token in `folder` that locks at the second wrong PIN.
fn token(folder: &Path) -> SoftToken {
    let new = NewSoftToken { serial: "SOFT0001".to_owned(), label: "練習用".to_owned(), pin: Secret::text("12345678"), limit: 3 };
    SoftToken::create(folder, &new).unwrap()
}

#[test]
fn a_token_s_state_is_told_before_anybody_tries_a_pin() {
    let place = tempfile::tempdir().unwrap();
    let site = place.path().join("site.yaml");
    std::fs::write(&site, "kirikae: site/1\nid: x\ntitle: 試験\nbackends: { key: { token: soft, path: ./key } }\n").unwrap();
    let run = |command: &str| {
        let mut arguments = vec![command, "--format", "json", "--no-input", "--site"];
        arguments.push(site.to_str().unwrap());
        kirikae().args(arguments).arg("--state").arg(place.path().join("state")).output().unwrap()
    };
    assert_eq!(found(&json(&run("doctor")), "token"), one("key", "note", None));
    let certs = json(&run("certs"));
    assert_eq!((certs["tokens"].as_array().unwrap().len(), certs["stores"].as_array().unwrap().len()), (0, 0), "{certs}");

    let token = token(&place.path().join("key"));
    assert_eq!(found(&json(&run("doctor")), "token"), one("key", "good", None));
    assert_eq!(json(&run("certs"))["tokens"][0]["id"], "練習用 (SOFT0001)");
    for (wrong, state) in [(1, "note"), (2, "problem"), (3, "problem")] {
        assert!(token.login(&Call::unattached(), "SOFT0001", &Secret::text("87654321")).is_err());
        let told = run("doctor");
        assert_eq!(found(&json(&told), "token"), one("key", state, None), "{wrong} wrong");
        assert_eq!(told.status.code(), Some(i32::from(state == "problem")));
    }
}

#[test]
fn every_built_in_kind_says_what_it_can_do() {
    let told = kirikae().args(["backends", "--format", "json"]).output().unwrap();
    assert_eq!(told.status.code(), Some(0), "{}", said(&told));
    let kinds = json(&told);
    let row = |port: &str, kind: &str| kinds["kinds"].as_array().unwrap().iter().find(|row| row["port"] == port && row["kind"] == kind).cloned().unwrap();
    for (port, kinds) in [
        ("store", kirikae_backends::builtin().stores.iter().map(|kind| kind.name).collect::<Vec<_>>()),
        ("token", kirikae_backends::builtin().tokens.iter().map(|kind| kind.name).collect()),
        ("folder", kirikae_backends::builtin().folders.iter().map(|kind| kind.name).collect()),
        ("ca", vec!["portal"]),
    ] {
        for kind in kinds {
            let row = row(port, kind);
            // The store of Windows is the one that does not exist elsewhere, and says so.
            let elsewhere = kind == "windows" && !cfg!(windows);
            assert_eq!(row["capabilities"].is_object(), !elsewhere, "{row}");
            assert_eq!(row["error"].is_object(), elsewhere, "{row}");
        }
    }
    assert_eq!(row("ca", "portal")["capabilities"]["remote"], true);
    assert_eq!(row("store", "dir")["capabilities"]["import_options"]["strong_protection"], "recorded");
    assert_eq!(row("token", "pkcs11")["capabilities"]["hardware_keys"], true);
    let text = said(&kirikae().args(["backends"]).output().unwrap());
    assert!(["store: dir", "取り込み", "鍵は機器の中", "plan では接続しない"].iter().all(|word| text.contains(word)), "{text}");
}
