//! Bad input: a coded error with place, cause and cure; exit 2; never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{kirikae, root, said};

fn playbook_with(from: &str, to: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("playbooks/obn/renew-web.yaml")).unwrap();
    assert!(text.contains(from));
    let path = place.path().join("renew-web.yaml");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    (place, path)
}

fn refused(arguments: &[&str], words: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let output = kirikae().arg("--state").arg(place.path()).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    let text = said(&output);
    assert!(!text.contains("panicked"), "{text}");
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_misspelt_key_has_line_column_and_cure() {
    let (_place, path) = playbook_with("    expect:", "    expcet:");
    refused(&["check", path.to_str().unwrap()], &["DSL.UNKNOWN_KEY", "renew-web.yaml:", "expect"]);
}

#[test]
fn an_unknown_output_is_named() {
    let (_place, path) = playbook_with("steps.request.request_id", "steps.request.reqest_id");
    refused(&["check", path.to_str().unwrap()], &["REF.UNKNOWN_OUTPUT", "request_id"]);
}

#[test]
fn a_duplicate_key_is_refused() {
    let (_place, path) = playbook_with("id: obn/renew-web", "id: obn/renew-web\nid: obn/renew-web");
    refused(&["check", path.to_str().unwrap()], &["YAML."]);
}

#[test]
fn a_number_with_a_leading_zero_must_be_quoted() {
    let place = tempfile::tempdir().unwrap();
    let site = place.path().join("site.yaml");
    std::fs::write(&site, "kirikae: site/1\nid: a/b\ntitle: 試し\ninputs:\n  medical_code: 0110119153\n").unwrap();
    refused(&["plan", "playbooks/obn/renew-web.yaml", "--site", site.to_str().unwrap()], &["\"0110119153\"", "site.yaml:5:17"]);
}

#[test]
fn a_missing_file_a_folder_and_a_huge_file_are_refused() {
    refused(&["check", "no/such.yaml"], &["FILE.NOT_READABLE"]);
    refused(&["plan", "no/such.yaml"], &["FILE.NOT_READABLE"]);
    refused(&["plan", "playbooks"], &["FILE.IS_FOLDER"]);
    let place = tempfile::tempdir().unwrap();
    let huge = place.path().join("huge.yaml");
    std::fs::File::create(&huge).unwrap().set_len(200 << 20).unwrap();
    refused(&["check", huge.to_str().unwrap()], &["YAML."]);
}

#[test]
fn a_secret_in_the_arguments_is_refused() {
    refused(
        &["plan", "playbooks/obn/renew-web.yaml", "--set", "medical_code=0110119153", "--set", "p12_password=1234"],
        &["CLI.SECRET_IN_ARGV", "--secret-file"],
    );
}

#[test]
fn what_may_have_happened_is_never_retried() {
    let (_place, path) = playbook_with("    uses: ca.renew@1", "    uses: ca.renew@1\n    retry: { errors: [PORTAL.RESULT_UNKNOWN], times: 3, wait: 10s }");
    refused(&["check", path.to_str().unwrap()], &["CHECK.RETRY_CLASS", "PORTAL.RESULT_UNKNOWN", "renew-web.yaml:"]);
}

#[test]
fn examples_of_site_errors_are_what_a_terminal_answers() {
    for code in ["SITE.ROOTS", "SITE.WRONG_KIND"] {
        let place = tempfile::tempdir().unwrap();
        let story = kirikae_engine::explain::stories().into_iter().find(|story| story.code == code).unwrap();
        let example = story.example.unwrap();
        let answer = |text: &str| {
            let site = place.path().join("site.yaml");
            std::fs::write(&site, format!("kirikae: site/1\nid: a/b\ntitle: 試し\ninputs: {{ medical_code: \"0110119153\" }}\n{text}")).unwrap();
            let state = place.path().join("state");
            said(&kirikae().args(["plan", "playbooks/obn/verify.yaml", "--site"]).arg(&site).arg("--state").arg(&state).output().unwrap())
        };
        assert!(answer(&example.wrong).contains(code), "{code}: {}", answer(&example.wrong));
        assert!(!answer(&example.right).contains("SITE."), "{code}: {}", answer(&example.right));
    }
}
