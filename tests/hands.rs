//! A person's hands at the portal: rehearsed with a practice person, and by `apply` and `answer` alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Lab, kirikae, said};

/// A lab whose portal is worked by a person.
fn by_hand(arguments: &[&str]) -> Lab {
    let lab = Lab::start(arguments);
    lab.edit_site("roots: ./lab-ca.pem,", "roots: ./lab-ca.pem, hands: person,");
    lab
}

#[test]
fn a_renewal_is_rehearsed_with_a_person_s_hands() {
    let place = tempfile::tempdir().unwrap();
    let output = kirikae().env("TMPDIR", place.path()).args(["rehearse", "playbooks/obn/renew-web.yaml", "--hands", "person", "--keep"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // The plan breaks long lines.
    let text = said(&output).replace([' ', '\n'], "");
    for words in ["□押す:「Submit」(一度だけ)", "(人の確認による)", "kirikaesecretsshowruns/", "終わりました。"] {
        assert!(text.contains(words), "{words}: {}", said(&output));
    }
    let kept = std::fs::read_dir(place.path()).unwrap().flatten().next().unwrap().path();
    let effects = std::fs::read_to_string(kept.join("lab/effects.jsonl")).unwrap();
    assert_eq!(effects.lines().filter(|line| line.contains("\"issued\"")).count(), 1, "{effects}");
    let store = std::fs::read_dir(kept.join("lab/personal")).unwrap().flatten();
    let left = store.filter(|file| file.path().extension().is_some_and(|extension| extension == "p12")).count();
    assert_eq!(left, 1, "the old certificate is gone, after its proof");
}

#[test]
fn an_obtained_certificate_is_rehearsed_with_a_person_s_hands() {
    let output = kirikae().args(["rehearse", "playbooks/obn/obtain.yaml", "--hands", "person"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("□ 入力: 「リファレンスID」に 秘密の値(別に示す)"), "{}", said(&output));
}

#[test]
fn apply_and_answer_carry_a_renewal_through_and_its_proof_is_a_person_s() {
    let lab = by_hand(&[]);
    let parked = lab.renew();
    assert_eq!(parked.status.code(), Some(75), "{}", said(&parked));
    for words in ["□ 押す(リンク): 「更新後証明書の取得」", "--row", "--problem page_unknown"] {
        assert!(said(&parked).contains(words), "{words}: {}", said(&parked));
    }
    assert_eq!(lab.count("received", None), 0, "the engine's own hands stay in their pockets");
    let done = lab.people_go_on();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!((lab.count("issued", None), lab.count("received", Some("renew")), lab.store().len()), (1, 1, 1));
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));
    let proof = lab.show()["state"]["steps"]["usable"]["doing"]["ended"]["outputs"]["proof"].clone();
    assert_eq!(proof["by"], "person", "{proof}");
    assert!(proof["evidence"].as_str().unwrap().contains("練習の人"), "{proof}");
}

#[test]
fn a_lost_answer_is_looked_up_by_the_person_and_nothing_is_pressed_twice() {
    for fault in ["drop-after-effect@renew", "http-503@renew", "html-instead-of-file@fetch"] {
        let lab = by_hand(&["--fault", fault]);
        assert_eq!(lab.renew().status.code(), Some(75));
        let mut last = lab.people_go_on();
        for _ in 0..4 {
            if last.status.code() == Some(0) {
                break;
            }
            // A row that needs time, or a file that is received again.
            std::thread::sleep(std::time::Duration::from_millis(1100));
            lab.run(&["resume", "last"]);
            last = lab.people_go_on();
        }
        assert_eq!((lab.count("issued", None), lab.store().len()), (1, 1), "{fault}: {}", said(&last));
    }
}

#[test]
fn late_double_and_unfit_answers_are_refused() {
    let lab = by_hand(&[]);
    assert_eq!(lab.renew().status.code(), Some(75));
    let answer = |more: &[&str]| lab.run(&[&["answer", "last", "request", "--by", "受付 佐藤"], more].concat());
    let unfit: [&[&str]; 5] = [
        &["--yes"],
        &["--yes", "--row", "nothing"],
        &["--yes", "--row", "colour=red"],
        &["--problem", "too_tired"],
        &["--yes", "--field", "reference_id=abc", "--row", "none"],
    ];
    for more in unfit {
        let refused = answer(more);
        assert_eq!(refused.status.code(), Some(2), "{more:?}: {}", said(&refused));
    }
    assert_eq!(answer(&["--yes", "--row", "none"]).status.code(), Some(0));
    assert_eq!(answer(&["--yes", "--row", "none"]).status.code(), Some(2), "an answer is given once");
    assert_eq!(lab.run(&["resume", "last"]).status.code(), Some(75));
    assert!(said(&lab.run(&["show", "last"])).contains("二度押さない"), "now the button is asked for");
    assert_eq!(lab.run(&["abandon", "last", "--by", "受付"]).status.code(), Some(1), "whoever was asked to press may have pressed");
    assert_eq!(answer(&["--no"]).status.code(), Some(0));
    let stopped = lab.run(&["resume", "last"]);
    assert_eq!(stopped.status.code(), Some(1), "{}", said(&stopped));
    assert!(said(&stopped).contains("HUMAN.DECLINED"), "{}", said(&stopped));
}

#[test]
fn a_typed_secret_goes_through_a_file_into_the_vault_and_nowhere_else() {
    let lab = by_hand(&[]);
    assert_eq!(lab.renew().status.code(), Some(75));
    assert_eq!(lab.run(&["answer", "last", "request", "--by", "受付", "--yes", "--row", "none"]).status.code(), Some(0));
    assert_eq!(lab.run(&["resume", "last"]).status.code(), Some(75));
    let canary = "zigLUVC29Qcanary";
    std::fs::write(lab.path("typed.txt"), format!("{canary}\n")).unwrap();
    let file = format!("reference_id={}", lab.path("typed.txt").display());
    let fields = ["request_id=202611230000001", "cn=0110119153", "ou=a", "o=ReceiptOnline"];
    let mut answer = vec!["answer", "last", "request", "--by", "受付", "--yes", "--secret-file", &file];
    answer.extend(fields.iter().flat_map(|field| ["--field", field]));
    let taken = lab.run(&answer);
    assert_eq!(taken.status.code(), Some(0), "{}", said(&taken));
    std::fs::remove_file(lab.path("typed.txt")).unwrap();
    lab.run(&["resume", "last"]);
    assert!(lab.show().to_string().contains("vault:runs/"), "it is named by where it lies");
    let mut folders = vec![lab.state()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let content = std::fs::read(entry.path()).unwrap();
                assert!(!content.windows(canary.len()).any(|window| window == canary.as_bytes()), "{}", entry.path().display());
            }
        }
    }
}

#[test]
fn evidence_is_kept_by_its_digest() {
    let lab = Lab::start(&[]);
    let playbook = lab.path("photo.yaml");
    let text = r#"kirikae: playbook/1
id: obn/photo
version: "1.0.0"
title: { ja: 写真, en: a photo }
steps:
  cut:
    title: 裁断する
    uses: human.perform@1
    with: { ask: 裁断しましたか, evidence: [photo] }
"#;
    std::fs::write(&playbook, text).unwrap();
    let parked = lab.run(&["apply", playbook.to_str().unwrap()]);
    assert_eq!(parked.status.code(), Some(75), "{}", said(&parked));
    let answer = |more: &[&str]| lab.run(&[&["answer", "last", "cut", "--by", "受付", "--yes"], more].concat());
    assert_eq!(answer(&["--saw", "裁断した"]).status.code(), Some(2), "words are no photo");
    std::fs::write(lab.path("photo.jpg"), "JPEG").unwrap();
    let taken = answer(&["--evidence", lab.path("photo.jpg").to_str().unwrap()]);
    assert_eq!(taken.status.code(), Some(0), "{}", said(&taken));
    assert_eq!(lab.run(&["resume", "last"]).status.code(), Some(0));
    let events = lab.show()["events"].as_array().unwrap().clone();
    let answered = events.iter().find(|event| event["kind"] == "HumanAnswered").unwrap();
    let digest = answered["answer"]["files"][0]["sha256"].as_str().unwrap();
    assert_eq!(std::fs::read(lab.state().join("blobs").join(digest)).unwrap(), b"JPEG");
}

/// A rehearsal with its folder kept: what it said, and the folder of its lab.
fn rehearsed(place: &std::path::Path, arguments: &[&str]) -> (std::process::Output, std::path::PathBuf) {
    let output = kirikae().env("TMPDIR", place).arg("rehearse").args(arguments).arg("--keep").output().unwrap();
    let kept = std::fs::read_dir(place).unwrap().flatten().next().unwrap().path().join("lab");
    (output, kept)
}

fn count(folder: &std::path::Path, extension: &str) -> usize {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    files.filter(|file| file.path().extension().is_some_and(|known| known == extension)).count()
}

#[test]
fn webqkan_is_rehearsed_by_a_person_at_the_browser() {
    for playbook in ["client-renew", "admin-renew", "client-renew-api", "import"] {
        let place = tempfile::tempdir().unwrap();
        let (output, lab) = rehearsed(place.path(), &[&format!("playbooks/webqkan/{playbook}.yaml")]);
        assert_eq!(output.status.code(), Some(0), "{playbook}: {}", said(&output));
        assert!(said(&output).contains("終わりました。"), "{playbook}: {}", said(&output));
        let issued = std::fs::read_to_string(lab.join("effects.jsonl")).unwrap().matches("\"issued\"").count();
        let renews = usize::from(playbook != "import");
        assert_eq!(issued, renews, "{playbook}");
        // The door to the administration site, the old one, and the new one under the same name.
        assert_eq!((count(&lab.join("webqkan"), "p12"), count(&lab.join("backup"), "age")), (3, 1), "{playbook}: {}", said(&output));
        if playbook == "admin-renew" {
            assert_eq!(count(&lab.join("downloads"), "zip"), 1, "the browser saved a zip file");
        }
    }
}

#[test]
fn a_terminal_whose_certificate_has_expired_is_brought_back() {
    let place = tempfile::tempdir().unwrap();
    let (output, lab) = rehearsed(place.path(), &["playbooks/webqkan/expired.yaml", "--days-left", "-1"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(count(&lab.join("webqkan"), "p12"), 3, "{}", said(&output));
    let place = tempfile::tempdir().unwrap();
    let (output, _) = rehearsed(place.path(), &["playbooks/webqkan/expired.yaml"]);
    assert!(output.status.code() == Some(0) && said(&output).contains("まだ期限内です"), "{}", said(&output));
    let place = tempfile::tempdir().unwrap();
    let (output, lab) = rehearsed(place.path(), &["playbooks/webqkan/client-renew.yaml", "--days-left", "-1"]);
    assert!(output.status.code() == Some(1) && said(&output).contains("webqkan/expired"), "{}", said(&output));
    assert!(!std::fs::read_to_string(lab.join("effects.jsonl")).unwrap_or_default().contains("signed_in"));
}

#[test]
fn a_site_under_maintenance_is_waited_for() {
    let output = kirikae().args(["rehearse", "playbooks/webqkan/client-renew.yaml", "--fault", "maintenance@sign_in"]).output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    assert!(said(&output).contains("メンテナンス中です"), "{}", said(&output));
}
