//! Limited tries from the command line: a stored wrong password is tried once, shown, cleared by somebody with a name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use serde_json::Value as Json;
use support::{Lab, said};

const SOURCES: &str =
    "kirikae: sources/1\nsources:\n  sample:\n    title: 見本\n    edition: \"1\"\n    standing: official\n    sections: { \"1\": ログイン, \"2\": 一覧 }\n";

const PROFILE: &str = include_str!("../backends/lab/tests/sample/portal.yaml");

const LOGIN: &str = r#"kirikae: playbook/1
id: sample/login
version: "1.0.0"
title: ログインする
sources: [sample]
backends:
  web: { kind: web, profile: sample }
secrets:
  password: { type: text, title: パスワード, attempts: { limit: 10, leave: 5, per_run: 2, cite: sample#1 } }
steps:
  login:
    title: ログイン
    cite: sample#1
    uses: web.sign_in@1
    with: { portal: web, user_id: "0012700016000053", password: "${{ secrets.password }}" }
"#;

fn library(place: &Path) {
    for (name, text) in [("sources.yaml", SOURCES), ("portals/sample.yaml", PROFILE), ("sample/login.yaml", LOGIN)] {
        let path = place.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn counts(lab: &Lab) -> Vec<Json> {
    let output = lab.run(&["attempts", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told: Json = serde_json::from_slice(&output.stdout).unwrap();
    told.as_array().or_else(|| told["attempts"].as_array()).unwrap_or_else(|| panic!("{told}")).clone()
}

#[test]
fn a_stored_wrong_password_is_tried_once_and_cleared_by_somebody_with_a_name() {
    let shelf = tempfile::tempdir().unwrap();
    library(shelf.path());
    let lab = Lab::start(&["--library", shelf.path().to_str().unwrap()]);
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    let stored = lab.path("stored.pw");
    std::fs::write(lab.path("site.yaml"), format!("{site}state_scope: per_user\n")).unwrap();
    let given = format!("password={}", stored.display());
    let playbook = shelf.path().join("sample/login.yaml");
    let sign_in = |password: &str| {
        // A file that is not written anew keeps its identity and its time.
        if std::fs::read_to_string(&stored).ok().as_deref() != Some(password) {
            std::fs::write(&stored, password).unwrap();
        }
        let output = lab.run(&["apply", playbook.to_str().unwrap(), "--secret-file", &given]);
        // Parked where a try was made; at an end already where none was allowed.
        lab.run(&["abandon", "last", "--by", "受付", "--reason", "試し"]);
        output
    };
    // The practice portal takes the first password that it sees for an account.
    let first = sign_in("himitsu");
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let wrong = sign_in("machigai");
    assert!(wrong.status.code() == Some(1) && said(&wrong).contains("LOGIN.REFUSED"), "{}", said(&wrong));
    for _ in 0..3 {
        assert_ne!(sign_in("machigai").status.code(), Some(0));
    }
    let told = counts(&lab);
    assert_eq!((told.len(), &told[0]["used"]), (1, &Json::from(1)), "{told:?}");
    let device = told[0]["device"].as_str().unwrap().to_owned();
    let shown = said(&lab.run(&["attempts"]));
    assert!(shown.contains("続けて1回失敗") && shown.contains(&device) && !shown.contains("machigai"), "{shown}");
    let doctor = said(&lab.run(&["doctor"]));
    assert!(doctor.contains("続けて1回まちがえています") && doctor.contains(&format!("kirikae attempts {device}")), "{doctor}");

    let unknown = lab.run(&["attempts", "clear", "nothing", "--by", "院長", "--reason", "電話で確かめた"]);
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("ATTEMPTS.UNKNOWN"), "{}", said(&unknown));
    let nameless = lab.run(&["attempts", "clear", &device, "--by", " ", "--reason", "x"]);
    assert!(nameless.status.code() == Some(2) && said(&nameless).contains("ATTEMPTS.REASON"), "{}", said(&nameless));
    let cleared = lab.run(&["attempts", "clear", &device, "--by", "院長", "--reason", "電話で確かめた"]);
    assert_eq!(cleared.status.code(), Some(0), "{}", said(&cleared));
    assert!(counts(&lab).iter().all(|row| row["used"] == 0));
    let right = sign_in("himitsu");
    assert_eq!(right.status.code(), Some(0), "{}", said(&right));
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));
}
