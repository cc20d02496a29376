//! `kirikae.lock`: written by `check --write-lock`, refused when a document changed behind it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use support::{kirikae, root, said};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { std::fs::copy(entry.path(), target).map(|_| ()).unwrap() }
    }
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = kirikae().args(arguments).output().unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn what_was_reviewed_stays_what_it_was() {
    let place = tempfile::tempdir().unwrap();
    copy(&root().join("playbooks"), place.path());
    let playbook = place.path().join("obn/renew-web.yaml");
    let playbook = playbook.to_str().unwrap();
    assert_eq!(run(&["check", "--write-lock", playbook]).0, Some(0));
    let lock = std::fs::read_to_string(place.path().join("kirikae.lock")).unwrap();
    for locked in ["kirikae: lock/1", "  common/install-p12: { version: \"1.0.0\", sha256: \"", "  obn: { version: ", "catalogue: { sha256: \""] {
        assert!(lock.contains(locked), "{locked} in {lock}");
    }
    let file = place.path().join("kirikae.lock");
    assert_eq!(run(&["check", playbook, file.to_str().unwrap()]).0, Some(0));

    let called = place.path().join("common/install-p12.yaml");
    let text = std::fs::read_to_string(&called).unwrap();
    std::fs::write(&called, format!("{text}# changed\n")).unwrap();
    let (code, text) = run(&["check", playbook]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("LOCK.CHANGED") && text.contains("kirikae.lock:") && text.contains("common/install-p12"), "{text}");
    let (code, text) = run(&["plan", playbook, "--site", "no-such-site.yaml"]);
    assert!(code == Some(2) && text.contains("LOCK.CHANGED"), "nothing is planned with it: {text}");

    assert_eq!(run(&["check", "--write-lock", playbook]).0, Some(0));
    assert_eq!(run(&["check", playbook]).0, Some(0));
}

#[test]
fn without_a_library_there_is_nothing_to_lock() {
    let place = tempfile::tempdir().unwrap();
    let alone = place.path().join("alone.yaml");
    std::fs::copy(root().join("playbooks/obn/renew-web.yaml"), &alone).unwrap();
    let (code, text) = run(&["check", "--write-lock", alone.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(text.contains("LOCK.NO_LIBRARY"), "{text}");
}
