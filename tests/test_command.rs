//! `kirikae test`: every shipped playbook has a test, and all pass; what is wrong is said at its line, in three forms.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/fences.rs"]
mod fenced;
mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use fenced::fences;
use serde_json::Value as Json;
use support::{kirikae, root, said};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    kirikae().current_dir(folder).args(["--lang", "en"]).args(arguments).output().unwrap()
}

/// A copy of the shipped playbooks to spoil.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy_folder(&root().join("playbooks"), copy.0.path());
        copy
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.0.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// The number of the line that has this text.
    fn line(&self, file: &str, text: &str) -> usize {
        std::fs::read_to_string(self.0.path().join(file)).unwrap().lines().position(|line| line.contains(text)).unwrap() + 1
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_folder(&path, &target) } else { std::fs::copy(&path, &target).map(drop).unwrap() }
    }
}

fn playbooks(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            playbooks(&path, found);
        } else if std::fs::read_to_string(&path).unwrap_or_default().lines().any(|line| line == "kirikae: playbook/1") {
            found.push(path);
        }
    }
}

#[test]
fn every_shipped_playbook_has_a_test_and_all_pass() {
    let mut found = vec![];
    playbooks(&root().join("playbooks"), &mut found);
    assert!(found.len() >= 7);
    for playbook in &found {
        assert!(playbook.with_extension("test.yaml").is_file(), "{} has no test beside it", playbook.display());
    }
    let output = run(&root(), &["test", "playbooks", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), found.len());
    let crashed = |file: &Json| file["trials"].as_array().unwrap().iter().any(|trial| trial["name"] == "generated/crash" && trial["generated"] == true);
    assert!(files.iter().all(crashed), "the run of each is cut off everywhere");
    assert_eq!((report["failed"].as_u64(), report["tried"].as_u64() > Some(80)), (Some(0), true));
}

#[test]
fn a_broken_playbook_fails_its_test_at_the_line_that_says_otherwise() {
    let copy = Copy::new();
    copy.change("obn/renew-web.yaml", "result.cert.days_left <= inputs", "result.cert.days_left >= inputs");
    let output = run(copy.0.path(), &["test", "obn/renew-web.yaml", "--filter", "not_due"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let line = copy.line("obn/renew-web.test.yaml", "result: finished");
    assert!(text.contains("  FAILED  not_due"), "{text}");
    assert!(text.contains(&format!("obn/renew-web.test.yaml:{line}:15  result: expected finished, got ")), "{text}");
    assert!(text.contains("1 tried: 0 ok, 1 failed"), "{text}");
}

#[test]
fn a_row_that_nothing_exercises_fails_at_its_line_in_the_playbook() {
    let copy = Copy::new();
    let test = "kirikae: test/1\nplaybook: obn/backup-file\nclock: \"2026-11-23T10:00:00+09:00\"\n";
    std::fs::write(copy.0.path().join("obn/backup-file.test.yaml"), test).unwrap();
    let output = run(copy.0.path(), &["test", "obn/backup-file.test.yaml", "--filter", "rescue/look", "--format", "junit"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let line = copy.line("obn/backup-file.yaml", "P12.BAD_PASSWORD:");
    assert!(text.contains("<testsuites tests=\"1\" failures=\"1\">"), "{text}");
    assert!(text.contains("<testcase classname=\"obn/backup-file\" name=\"generated/rescue/look/P12.BAD_PASSWORD\""), "{text}");
    assert!(text.contains(&format!("obn/backup-file.yaml:{line}:7  no case exercises this row")), "{text}");
}

#[test]
fn a_plan_that_moved_is_shown_and_accepted() {
    let copy = Copy::new();
    copy.change("obn/verify.yaml", "title: { ja: 個人の証明書を調べる,", "title: { ja: 個人の証明書を見る,");
    let verify = ["test", "obn/verify.test.yaml", "--filter", "works"];
    let output = run(copy.0.path(), &verify);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the plan differs from obn/verify.test/works.plan.txt:"), "{text}");
    assert!(text.contains("個人の証明書を調べる") && text.contains("個人の証明書を見る"), "{text}");
    assert_eq!(run(copy.0.path(), &[&verify[..], &["--accept"]].concat()).status.code(), Some(0));
    assert_eq!(run(copy.0.path(), &verify).status.code(), Some(0));
}

#[test]
fn a_test_that_is_no_test_is_refused_before_anything_is_tried() {
    let copy = Copy::new();
    copy.change("obn/verify.test.yaml", "outcome: { find: observed, usable: observed }", "outcome: { fined: observed }");
    let output = run(copy.0.path(), &["test", "obn"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("TEST.UNKNOWN_NAME") && text.contains("did you mean `find`?") && !text.contains("ok  "), "{text}");
    let check = run(copy.0.path(), &["check", "obn/verify.test.yaml"]);
    assert_eq!(check.status.code(), Some(2), "{}", said(&check));
}

#[test]
fn a_playbook_without_a_test_is_tried_by_itself() {
    let copy = Copy::new();
    std::fs::remove_file(copy.0.path().join("common/install-p12.test.yaml")).unwrap();
    let output = run(copy.0.path(), &["test", "common/install-p12.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let output = run(copy.0.path(), &["test", "common/install-p12.yaml", "--generated"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("ok      generated/crash"), "{text}");
}

#[test]
fn the_tests_of_the_manual_pass() {
    for page in ["testing-playbooks.md", "testing-playbooks.ja.md"] {
        let copy = Copy::new();
        let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
        let fences: Vec<_> = fences(page, &text).into_iter().filter(|fence| fence.get("test").is_some()).collect();
        assert!(!fences.is_empty(), "{page} has a test to follow");
        for fence in fences {
            let id = fence.get("test").unwrap();
            std::fs::write(copy.0.path().join(format!("{id}.test.yaml")), &fence.text).unwrap();
            let output = run(copy.0.path(), &["test", &format!("{id}.test.yaml")]);
            assert_eq!(output.status.code(), Some(0), "{}: {}", fence.place, said(&output));
        }
    }
}

#[test]
fn a_test_to_start_from_passes_check_and_is_tried() {
    let copy = Copy::new();
    std::fs::remove_file(copy.0.path().join("obn/install.test.yaml")).unwrap();
    let output = run(copy.0.path(), &["new", "test", "obn/install", "--library", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let check = run(copy.0.path(), &["check", "obn/install.test.yaml"]);
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    let test = run(copy.0.path(), &["test", "obn/install.test.yaml", "--filter", "usual"]);
    assert_eq!(test.status.code(), Some(0), "{}", said(&test));
    let unknown = run(copy.0.path(), &["new", "test", "obn/instal", "--library", "."]);
    assert_eq!(unknown.status.code(), Some(2), "{}", said(&unknown));
}
