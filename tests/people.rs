//! People in a run: questions that park it, answers, approvals by rules of the site.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Lab, said};

const QUESTION: &str = r#"kirikae: playbook/1
id: obn/ask
version: "1.0.0"
title: { ja: 人に確かめてもらう, en: A person confirms }
sources: [obn_edge]
backends: { personal: store }
steps:
  current:
    title: 探す
    cite: obn_edge#1.6
    uses: cert.find@1
    with: { in: personal, issuer: "Online Billing NW Common Root CA*", key: true, pick: newest }
  seen:
    title: サイトに入れるか見る
    cite: obn_edge#1.6
    uses: human.confirm@1
    with:
      ask: サイトに入れましたか
      do: [{ do: ブラウザで更新申請サイトを開く, cite: "obn_edge#1.6" }]
      fields: { shown: { type: digits(4), title: 画面の番号, example: "0042" } }
      proves: "${{ steps.current.cert }}"
  tell:
    title: 知らせる
    cite: obn_edge#1.6
    uses: notify.send@1
    with: { to: 担当者, subject: 確かめました, body: "${{ steps.seen.by }} が確かめました。" }
"#;

fn ask(lab: &Lab) -> String {
    let path = lab.path("ask.yaml");
    std::fs::write(&path, QUESTION).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_question_parks_the_run_until_a_fitting_answer() {
    let lab = Lab::start(&[]);
    let parked = lab.run(&["apply", &ask(&lab)]);
    assert_eq!(parked.status.code(), Some(75), "{}", said(&parked));
    assert!(said(&parked).contains("サイトに入れましたか") && said(&parked).contains("kirikae answer"), "{}", said(&parked));
    let answer = |more: &[&str]| lab.run(&[&["answer", "last", "seen", "--by", "受付 佐藤"], more].concat());
    for unfit in [&["--yes"] as &[&str], &["--yes", "--field", "shown=0042"], &["--yes", "--saw", "画面", "--field", "shown=42"]] {
        let refused = answer(unfit);
        assert_eq!(refused.status.code(), Some(2), "{unfit:?}: {}", said(&refused));
        assert!(said(&refused).contains("ANSWER.UNFIT"), "{unfit:?}: {}", said(&refused));
    }
    assert_eq!(lab.run(&["resume", "last"]).status.code(), Some(75), "nobody has answered yet");
    let taken = answer(&["--yes", "--saw", "更新後証明書の取得の画面", "--field", "shown=００４２"]);
    assert_eq!(taken.status.code(), Some(0), "{}", said(&taken));
    assert_eq!(answer(&["--no"]).status.code(), Some(2), "an answer is given once");
    let resumed = lab.run(&["resume", "last"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert!(said(&resumed).contains("受付 佐藤 が確かめました。"), "the notice is on the screen: {}", said(&resumed));
    let outputs = lab.show()["state"]["steps"]["seen"]["doing"]["ended"]["outputs"].clone();
    assert_eq!(outputs["fields"]["shown"], "0042", "full-width digits are folded: {outputs}");
    assert_eq!(outputs["proof"]["by"], "person", "{outputs}");
    assert_eq!(lab.run(&["answer", "last", "seen", "--by", "x", "--yes"]).status.code(), Some(2), "too late");
}

#[test]
fn a_no_stops_the_run() {
    let lab = Lab::start(&[]);
    assert_eq!(lab.run(&["apply", &ask(&lab)]).status.code(), Some(75));
    assert_eq!(lab.run(&["answer", "last", "seen", "--by", "受付", "--no"]).status.code(), Some(0));
    let stopped = lab.run(&["resume", "last"]);
    assert_eq!(stopped.status.code(), Some(1), "{}", said(&stopped));
    assert!(said(&stopped).contains("HUMAN.DECLINED"), "{}", said(&stopped));
}

/// The exit code of `apply` without `--approve`, under these rules.
fn under_rules(lab: &Lab, rules: &str) -> (Option<i32>, String) {
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    let site = site.split("approvals:").next().unwrap().to_owned();
    std::fs::write(lab.path("site.yaml"), format!("{site}approvals:\n{rules}")).unwrap();
    let output = lab.run(&["apply", "playbooks/obn/renew-web.yaml"]);
    (output.status.code(), said(&output))
}

#[test]
fn rules_of_the_site_approve_what_they_cover_and_nothing_else() {
    let lab = Lab::start(&[]);
    let delete = "  - { action: cert.delete, allow: auto }\n";
    for (renew, why) in [
        ("{ action: ca.renew, program: obn, max_fee_jpy: 1500, allow: auto }", "unverified"),
        ("{ action: ca.renew, program: obn, max_fee_jpy: 1400, unverified: true, allow: auto }", "max_fee_jpy"),
        ("{ action: ca.renew, program: sanka, max_fee_jpy: 1500, unverified: true, allow: auto }", "request"),
        ("{ action: ca.renew, program: obn, max_fee_jpy: 1500, per_day: 0, unverified: true, allow: auto }", "per_day"),
    ] {
        let (code, text) = under_rules(&lab, &format!("  - {renew}\n{delete}"));
        assert_eq!(code, Some(4), "{renew}: {text}");
        assert!(text.contains("APPROVAL.MISSING") && text.contains(why), "{renew}: {text}");
    }
    assert_eq!(lab.count("received", None), 0, "nothing was sent");
    let (code, text) =
        under_rules(&lab, &format!("  - {{ action: ca.renew, program: obn, max_fee_jpy: 1500, per_day: 1, unverified: true, allow: auto }}\n{delete}"));
    assert_eq!(code, Some(0), "{text}");
    let events = lab.show()["events"].as_array().unwrap().clone();
    let by = events.iter().filter(|event| event["kind"] == "ApprovalGiven").map(|event| event["by"].as_str().unwrap().to_owned());
    assert!(by.into_iter().all(|by| by.starts_with("rule")), "{events:?}");
}
