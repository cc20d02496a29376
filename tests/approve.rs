//! Approvals, saved plans and mended profiles as an operator meets them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Lab, kirikae, root, said};

const RENEW: &str = "playbooks/obn/renew-web.yaml";

/// A saved plan of the renewal.
fn saved(lab: &Lab, name: &str) -> String {
    let path = lab.place.path().join(name).to_str().unwrap().to_owned();
    let output = lab.run(&["plan", RENEW, "--out", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    path
}

fn edit(path: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} in {path}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_is_missing_is_said_with_its_rule_and_the_saved_plan_can_be_applied() {
    let lab = Lab::start(&[]);
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    let rules = "approvals:\n  - { action: ca.renew, program: obn, per_day: 1, allow: auto }\n  - { action: cert.delete, allow: auto }\n";
    std::fs::write(lab.path("site.yaml"), site + rules).unwrap();
    let refused = lab.run(&["apply", RENEW]);
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
    assert!(said(&refused).contains("unverified: true が無いためです"), "{}", said(&refused));
    assert_eq!(lab.count("received", None), 0);
    let misspelt = lab.run(&["apply", RENEW, "--approve", "reqest"]);
    assert_eq!(misspelt.status.code(), Some(2), "{}", said(&misspelt));
    assert!(said(&misspelt).contains("APPROVAL.UNKNOWN_STEP") && said(&misspelt).contains("request"), "{}", said(&misspelt));
    let plans: Vec<_> = std::fs::read_dir(lab.state().join("plans")).unwrap().flatten().map(|file| file.path()).collect();
    let applied = lab.run(&["apply", plans[0].to_str().unwrap(), "--approve", "request"]);
    assert_eq!(applied.status.code(), Some(0), "{}", said(&applied));
    assert_eq!(lab.count("issued", None), 1);
}

#[test]
fn a_rule_approves_by_itself_up_to_its_daily_limit() {
    let lab = Lab::start(&[]);
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    let rules = "approvals:\n  - { action: ca.renew, per_day: 0, unverified: true, allow: auto }\n  - { action: cert.delete, allow: auto }\n";
    std::fs::write(lab.path("site.yaml"), site + rules).unwrap();
    let refused = lab.run(&["apply", RENEW]);
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
    assert!(said(&refused).contains("per_day"), "{}", said(&refused));
    lab.edit_site("per_day: 0", "per_day: 1");
    let applied = lab.run(&["apply", RENEW]);
    assert_eq!(applied.status.code(), Some(0), "{}", said(&applied));
    let events = lab.show()["events"].as_array().unwrap().clone();
    let ways: Vec<&str> = events.iter().filter(|event| event["kind"] == "ApprovalGiven").map(|event| event["by"].as_str().unwrap()).collect();
    assert_eq!(ways, ["rule 1", "rule 2"]);
}

#[test]
fn a_saved_plan_can_be_shown_and_is_refused_when_edited_elsewhere_or_when_things_moved() {
    let lab = Lab::start(&[]);
    let path = saved(&lab, "plan.json");
    let shown = lab.run(&["show", &path]);
    assert_eq!(shown.status.code(), Some(0), "{}", said(&shown));
    assert!(said(&shown).contains("まだ実行できます: kirikae apply") && said(&shown).contains("更新を申請する"), "{}", said(&shown));
    let edited = saved(&lab, "edited.json");
    edit(&edited, "\"approvals_required\": [", "\"approvals_required\": [\"current\",");
    for command in ["show", "apply"] {
        let refused = lab.run(&[command, &edited]);
        assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
        assert!(said(&refused).contains("PLAN.EDITED"), "{}", said(&refused));
    }
    let elsewhere = kirikae()
        .arg("--site")
        .arg(lab.path("site.yaml"))
        .arg("--state")
        .arg(lab.place.path().join("other"))
        .args(["apply", &path, "--approve", "all"])
        .output()
        .unwrap();
    assert_eq!(elsewhere.status.code(), Some(3), "{}", said(&elsewhere));
    assert!(said(&elsewhere).contains("PLAN.ELSEWHERE"), "{}", said(&elsewhere));
    lab.edit_site("timezone", "# moved\ntimezone");
    let moved = lab.run(&["apply", &path, "--approve", "all"]);
    assert_eq!(moved.status.code(), Some(3), "{}", said(&moved));
    assert!(said(&moved).contains("PLAN.DRIFT") && said(&moved).contains("サイトファイル"), "{}", said(&moved));
    let json = lab.run(&["apply", &path, "--approve", "all", "--format", "json"]);
    let errors: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(errors["errors"][0]["code"], "PLAN.DRIFT");
    assert!(errors["errors"][0]["moved"][0]["field"].as_str().unwrap().starts_with("site."), "{errors}");
    assert_eq!(lab.count("received", None), 0);
}

#[test]
fn a_blocked_plan_can_be_saved_and_shown_and_is_not_applied() {
    let lab = Lab::start(&[]);
    lab.edit_site("path: ./personal,", "path: ./nowhere,");
    let path = lab.place.path().join("blocked.json").to_str().unwrap().to_owned();
    let planned = lab.run(&["plan", RENEW, "--out", &path]);
    assert_eq!(planned.status.code(), Some(1), "{}", said(&planned));
    let shown = lab.run(&["show", &path]);
    assert_eq!(shown.status.code(), Some(0), "{}", said(&shown));
    assert!(said(&shown).contains("このままでは実行できません"), "{}", said(&shown));
    let applied = lab.run(&["apply", &path, "--approve", "all"]);
    assert_eq!(applied.status.code(), Some(1), "{}", said(&applied));
    assert_eq!((lab.count("received", None), lab.run(&["runs", "--format", "json"]).stdout), (0, b"[]\n".to_vec()));
}

#[test]
fn a_used_plan_says_which_run_used_it() {
    let lab = Lab::start(&[]);
    let path = saved(&lab, "plan.json");
    assert_eq!(lab.run(&["apply", &path, "--approve", "all"]).status.code(), Some(0));
    let shown = lab.run(&["show", &path]);
    assert!(said(&shown).contains("で使いました"), "{}", said(&shown));
    let again = lab.run(&["apply", &path, "--approve", "all"]);
    assert!(said(&again).contains("PLAN.USED"), "{}", said(&again));
}

#[test]
fn a_page_that_changed_is_gone_on_with_under_a_mended_profile() {
    let lab = Lab::start(&[]);
    let library = lab.place.path().join("library");
    copy(&root().join("playbooks"), &library);
    let profile = library.join("portals/obn.yaml");
    let right = std::fs::read_to_string(&profile).unwrap();
    let wrong = right.replace("Download Key", "Get Key");
    assert_ne!(right, wrong);
    std::fs::write(&profile, wrong).unwrap();
    let playbook = library.join("obn/renew-web.yaml");
    let stopped = lab.run(&["apply", playbook.to_str().unwrap(), "--approve", "all"]);
    assert_ne!(stopped.status.code(), Some(0), "{}", said(&stopped));
    assert_eq!((lab.count("issued", None), lab.store().len()), (1, 1), "{}", said(&stopped));
    // Mending the library does nothing to the run: it goes on with what it was planned with.
    std::fs::write(&profile, &right).unwrap();
    assert_ne!(lab.run(&["resume", "last"]).status.code(), Some(0));
    let other = lab.place.path().join("other.yaml");
    std::fs::write(&other, right.replacen("id: obn", "id: other", 1)).unwrap();
    let refused = lab.run(&["resume", "last", "--with-profile", other.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("RUN.PROFILE_UNKNOWN"), "{}", said(&refused));
    let resumed = lab.run(&["resume", "last", "--with-profile", profile.to_str().unwrap()]);
    if resumed.status.code() != Some(0) {
        let answered = lab.run(&["answer", "last", "fetch", "--yes", "--by", "受付"]);
        assert_eq!(answered.status.code(), Some(0), "{}\n{}", said(&resumed), said(&answered));
        lab.resume_to_the_end();
    }
    assert!(said(&resumed).contains("プロファイルを替えました"), "{}", said(&resumed));
    assert_eq!((lab.count("issued", None), lab.count("received", Some("renew"))), (1, 1), "nothing was requested again");
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn what_a_run_that_was_given_up_did_is_told_by_every_later_plan() {
    let lab = Lab::start(&["--fault", "drop-before@renew"]);
    lab.edit_site("absent_after: 1s", "timeout: 30s");
    assert_eq!(lab.renew().status.code(), Some(75), "in doubt");
    let plan = lab.run(&["plan", RENEW]);
    assert!(one_line(&plan).contains("届いたかどうか分かっていません") && one_line(&plan).contains("kirikaeresume"), "{}", said(&plan));
    let blunt = lab.run(&["abandon", "last", "--by", "受付"]);
    assert_eq!(blunt.status.code(), Some(1), "{}", said(&blunt));
    assert!(said(&blunt).contains("STEP.UNCERTAIN"), "{}", said(&blunt));
    let given_up = lab.run(&["abandon", "last", "--by", "受付", "--uncertain", "request=not-done"]);
    assert_eq!(given_up.status.code(), Some(0), "{}", said(&given_up));
    let plan = lab.run(&["plan", RENEW]);
    assert!(!one_line(&plan).contains("届いたかどうか"), "what did not happen binds nobody: {}", said(&plan));
    assert_eq!(lab.renew().status.code(), Some(0), "the claim is free again");
    assert_eq!((lab.count("issued", None), lab.run(&["verify"]).status.code()), (1, Some(0)));
}

/// What was said, without the breaks and spaces of the page.
fn one_line(output: &std::process::Output) -> String {
    said(output).split_whitespace().collect()
}

#[test]
fn other_sources_and_time_outs_are_read_fresh_and_other_roles_are_refused_with_what_moved() {
    let lab = Lab::start(&["--fault", "truncated-file@fetch"]);
    assert_eq!(lab.renew().status.code(), Some(1), "requested, and stopped before the import");
    std::fs::create_dir(lab.path("elsewhere")).unwrap();
    lab.edit_site("path: ./personal,", "path: ./elsewhere,");
    let refused = lab.run(&["resume", "last"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(
        said(&refused).contains("RUN.BINDINGS_CHANGED") && said(&refused).contains("役割 personal") && said(&refused).contains("elsewhere"),
        "{}",
        said(&refused)
    );
    lab.edit_site("path: ./elsewhere,", "path: ./personal,");
    std::fs::write(lab.path("other.pw"), "4826\n").unwrap();
    lab.edit_site("{ generate: digits(4) }", "{ file: ./other.pw }");
    lab.edit_site("absent_after: 1s", "absent_after: 1s, timeout: 20s");
    lab.resume_to_the_end();
    assert_eq!(lab.count("issued", None), 1);
}
