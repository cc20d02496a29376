//! What an author is given: manuals of actions, documents to start from, the coverage of manuals.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value as Json;
use support::{kirikae, said};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    kirikae().current_dir(folder).args(arguments).output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = run(folder, arguments);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(words.iter().all(|word| text.contains(word)), "{words:?} in {text}");
}

#[test]
fn the_manual_of_an_action_in_both_languages() {
    let here = support::root();
    insta::assert_snapshot!("actions_ja", done(&here, &["actions", "--lang", "ja"]));
    insta::assert_snapshot!("cert_find_ja", done(&here, &["actions", "cert.find", "--lang", "ja"]));
    insta::assert_snapshot!("ca_fetch_en", done(&here, &["actions", "ca.fetch@1", "--lang", "en"]));
}

#[test]
fn the_manual_as_json_has_what_the_text_has() {
    let all: Json = serde_json::from_str(&done(&support::root(), &["actions", "--format", "json"])).unwrap();
    let delete: Json = serde_json::from_str(&done(&support::root(), &["actions", "cert.delete", "--format", "json"])).unwrap();
    assert!(all.as_array().unwrap().contains(&delete));
    assert_eq!(delete["effect"], "irreversible");
    assert_eq!(delete["example"]["with"]["replaced_by"], "${{ steps.usable.proof }}");
    assert!(delete["codes"].as_array().unwrap().iter().any(|code| code["code"] == "PROOF.STALE" && code["class"] == "human"));
    assert!(delete["observe"]["ja"].is_string() && delete["observe"]["en"].is_string());
}

#[test]
fn a_misspelt_action_is_answered_with_the_nearest() {
    let here = support::root();
    refused(&here, &["actions", "ca.renwe"], &["ACTION.UNKNOWN", "ca.renew@1"]);
    refused(&here, &["actions", "cert.find@7"], &["ACTION.UNKNOWN", "cert.find@1"]);
    refused(&here, &["actions", "something"], &["ACTION.UNKNOWN", "kirikae actions"]);
}

/// Every new document passes the check as it is, in an empty folder, without a warning.
#[test]
fn new_documents_pass_the_check_as_they_are() {
    for lang in ["ja", "en"] {
        let place = tempfile::tempdir().unwrap();
        let kirikae = |arguments: &[&str]| done(place.path(), &[arguments, &["--lang", lang]].concat());
        kirikae(&["new", "playbook", "demo/renew-web"]);
        kirikae(&["new", "portal", "demo"]);
        kirikae(&["new", "site", "sakura/desk-1"]);
        let nothing_found = if lang == "ja" { "問題ありません。\n" } else { "no findings.\n" };
        for file in ["demo/renew-web.yaml", "sources.yaml", "portals/demo.yaml", "sites/sakura/desk-1.yaml"] {
            assert_eq!(kirikae(&["check", file]), nothing_found, "{file}");
            let text = std::fs::read_to_string(place.path().join(file)).unwrap();
            assert!(!text.contains('@') || !["@ID@", "@MANUAL@", "@CITE@", "@SCHEMA@"].iter().any(|mark| text.contains(mark)), "{file}: {text}");
        }
        // The schema that the first line names is where `schema --out` writes it.
        kirikae(&["schema", "--out", "schemas"]);
        for file in ["demo/renew-web.yaml", "sources.yaml", "portals/demo.yaml", "sites/sakura/desk-1.yaml"] {
            let text = std::fs::read_to_string(place.path().join(file)).unwrap();
            let schema = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
            assert!(place.path().join(file).parent().unwrap().join(schema).is_file(), "{file}: {schema}");
        }
    }
}

/// The three documents fit each other: the plan finds the store, the portal's operations bind.
#[test]
fn new_documents_work_together() {
    let place = tempfile::tempdir().unwrap();
    for (kind, name) in [("playbook", "demo/renew"), ("portal", "demo"), ("site", "desk")] {
        done(place.path(), &["new", kind, name]);
    }
    let path = place.path().join("demo/renew.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("  # issuer: { kind: ca, profile: 名前 }", "  issuer: { kind: ca, profile: demo }")
        .replace("  # request:\n  #   title", "  request:\n    title")
        .replace("  #   uses: ca.renew", "    uses: ca.renew")
        .replace("  #   with: {", "    with: {");
    assert!(text.contains("\n  request:\n    title: 更新を申請する\n    uses: ca.renew@1\n"), "{text}");
    std::fs::write(&path, text).unwrap();
    assert_eq!(done(place.path(), &["check", "demo/renew.yaml"]), "問題ありません。\n");
    let output = run(place.path(), &["plan", "demo/renew.yaml", "--site", "sites/desk.yaml", "--state", "state", "--format", "json"]);
    let plan: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    // Nothing but the store's missing folder stands in the way.
    assert_eq!(plan["summary"]["blocked"], 1);
    assert_eq!(plan["steps"][0]["blocked"]["code"], "STORE.UNREADABLE");
}

#[test]
fn new_overwrites_nothing_and_takes_ids_only() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("demo")).unwrap();
    std::fs::write(place.path().join("demo/a.yaml"), "mine").unwrap();
    refused(place.path(), &["new", "playbook", "demo/a"], &["FILE.EXISTS", "demo/a.yaml"]);
    assert_eq!(std::fs::read_to_string(place.path().join("demo/a.yaml")).unwrap(), "mine");
    assert!(!place.path().join("sources.yaml").exists());
    for name in ["Demo", "../demo", "demo/", "/demo", "demo.yaml", "yes", ""] {
        refused(place.path(), &["new", "playbook", name], &["DSL.BAD_ID"]);
    }
}

/// An author's catalogue is left alone; then the skeleton's citations wait as comments.
#[test]
fn new_leaves_a_catalogue_alone() {
    let place = tempfile::tempdir().unwrap();
    let catalogue = "kirikae: sources/1\nsources:\n  other: { title: 手引, edition: 第1版, sections: { \"1\": 初めに } }\n";
    std::fs::write(place.path().join("sources.yaml"), catalogue).unwrap();
    let said = done(place.path(), &["new", "playbook", "demo/renew"]);
    assert!(said.contains("sources.yaml に手順書を加え"), "{said}");
    assert_eq!(std::fs::read_to_string(place.path().join("sources.yaml")).unwrap(), catalogue);
    assert_eq!(done(place.path(), &["check", "demo/renew.yaml"]), "問題ありません。\n");
    // In a folder below the library the file stands where the library looks for it.
    done(&place.path().join("demo"), &["new", "playbook", "demo/again"]);
    assert!(place.path().join("demo/again.yaml").is_file());
}

#[test]
fn coverage_of_the_shipped_playbooks() {
    insta::assert_snapshot!(done(&support::root(), &["coverage", "playbooks", "--lang", "ja"]));
}

#[test]
fn coverage_tells_sections_without_a_step_and_steps_without_a_section() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(
        place.path().join("sources.yaml"),
        "kirikae: sources/1\nsources:\n\
         \x20 used: { title: 手引, edition: 第1版, sections: { \"2.10\": 最後, \"2.9\": 途中, \"1\": 初めに } }\n\
         \x20 unused: { title: 別の手引, edition: 第1版, sections: { \"1\": 初めに } }\n",
    )
    .unwrap();
    let step = |id: &str, cite: &str| format!("  {id}:\n    title: 探す\n{cite}    uses: cert.find@1\n    with: {{ in: personal, issuer: \"*\" }}\n");
    let head = "kirikae: playbook/1\nid: a\nversion: \"1.0.0\"\ntitle: 試し\nsources: [used]\nbackends: { personal: store }\nsteps:\n";
    let playbook = place.path().join("a.yaml");
    std::fs::write(&playbook, format!("{head}{}{}", step("one", "    cite: [used#2.9, used#1]\n"), step("two", ""))).unwrap();
    let coverage: Json = serde_json::from_str(&done(place.path(), &["coverage", ".", "--format", "json"])).unwrap();
    assert_eq!((&coverage["sections"], &coverage["sections_with_step"]), (&Json::from(3), &Json::from(2)));
    let sections: Vec<&str> = coverage["manuals"][0]["sections"].as_array().unwrap().iter().map(|section| section["section"].as_str().unwrap()).collect();
    assert_eq!(sections, ["1", "2.9", "2.10"]);
    assert_eq!(coverage["manuals"][0]["sections"][2]["steps"], Json::Array(vec![]));
    assert_eq!(coverage["manuals_not_cited"][0], "unused");
    assert_eq!(coverage["steps_without_section"], serde_json::json!([{ "playbook": "a", "step": "two" }]));
    // A report alone fails nobody; a threshold does, and so does a step without a section then.
    assert_eq!(run(place.path(), &["coverage", "a.yaml", "--fail-under", "10"]).status.code(), Some(1));
    std::fs::write(&playbook, format!("{head}{}", step("one", "    cite: [used#2.9, used#1]\n"))).unwrap();
    assert_eq!(run(place.path(), &["coverage", "a.yaml", "--fail-under", "66"]).status.code(), Some(0));
    assert_eq!(run(place.path(), &["coverage", "a.yaml", "--fail-under", "67"]).status.code(), Some(1));
    refused(place.path(), &["coverage", "sources.yaml"], &["DSL.HEADER"]);
}
