//! `kirikae selftest`: a store is tried with a throw-away certificate, and nothing is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value as Json;
use support::{kirikae, said};

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_passes_every_step_and_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "not of the test").unwrap();
    let output = kirikae().args(["selftest", "--format", "json", "--store", "dir", "--path"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["passed"], true);
    let trials = told["trials"].as_array().unwrap();
    let abouts: Vec<&str> = trials.iter().map(|trial| trial["about"].as_str().unwrap()).collect();
    assert_eq!(abouts.len(), 3, "both kinds of key, and the vault: {abouts:?}");
    for trial in &trials[..2] {
        let passed = |step: &str| trial["steps"].as_array().unwrap().iter().any(|told| told["step"] == step && told["outcome"] == "passed");
        for step in ["make", "list", "import", "find", "sign", "delete", "restore", "tidy"] {
            assert!(passed(step), "{step}: {trial}");
        }
    }
    assert_eq!(names(folder.path()), ["mine.txt"]);
}

#[test]
fn people_read_a_line_for_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let output = kirikae().args(["selftest", "--lang", "ja", "--store", "dir", "--path"]).arg(folder.path()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("○ 鍵で署名し、証明書で確かめる  (rsa_pss_rsae_sha256"), "{told}");
    assert!(told.trim_end().ends_with("すべて問題ありません。試しに使った証明書は残っていません。"), "{told}");
    assert!(!told.contains('×'));
}

#[test]
fn a_store_that_cannot_be_tried_is_said_with_its_code() {
    let absent = kirikae().args(["selftest", "--store", "dir", "--path", "/nowhere/at/all"]).output().unwrap();
    assert_eq!(absent.status.code(), Some(2), "{}", said(&absent));
    assert!(said(&absent).contains("FILE.NOT_WRITABLE"));
    #[cfg(not(windows))]
    {
        let unnamed = kirikae().arg("selftest").output().unwrap();
        assert_eq!(unnamed.status.code(), Some(2));
        assert!(said(&unnamed).contains("SELFTEST.NO_STORE"), "{}", said(&unnamed));
        let elsewhere = kirikae().args(["selftest", "--store", "windows"]).output().unwrap();
        assert_eq!(elsewhere.status.code(), Some(1));
        assert!(said(&elsewhere).contains("BACKEND.UNSUPPORTED") && said(&elsewhere).contains("Windows"), "{}", said(&elsewhere));
    }
}
