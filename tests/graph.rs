//! The picture of a plan: reviewed as text, and drawn by Graphviz.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use support::component::program;
use support::{Lab, kirikae, root, said};

fn dot(command: &mut Command) -> String {
    let output = command.args(["--format", "dot"]).output().unwrap();
    assert!(output.stdout.starts_with(b"digraph"), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The drawing, or `None` where Graphviz is missing.
fn svg(dot: &str) -> Option<String> {
    let mut drawing = Command::new(program("dot")?).arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drawing.stdin.take().unwrap().write_all(dot.as_bytes()).unwrap();
    let output = drawing.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("Error") && !errors.contains("syntax"), "{errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_graph_of_the_renewal_is_reviewed_and_can_be_drawn() {
    let lab = Lab::start(&[]);
    let graph = || dot(lab.command(&["plan", "playbooks/obn/renew-web.yaml"]).args(["--lang", "ja"]));
    let first = graph();
    assert_eq!(first, graph());
    insta::assert_snapshot!("renew_web", first);
    insta::assert_snapshot!("renew_web_offline_en", dot(lab.command(&["plan", "playbooks/obn/renew-web.yaml", "--offline"]).args(["--lang", "en"])));
    let Some(svg) = svg(&first) else { return };
    for words in ["オンライン請求 電子証明書の更新", "更新を申請する(Submit)", "install の終わり", "凡例"] {
        assert!(svg.contains(words), "{words}");
    }
    assert_eq!(svg.matches("class=\"cluster\"").count(), 2, "install, and the legend");
}

/// Words of an author never leave their label, whatever they hold.
#[test]
fn labels_are_drawn_as_they_are_written() {
    let place = tempfile::tempdir().unwrap();
    let playbook = place.path().join("odd.yaml");
    std::fs::write(
        &playbook,
        "kirikae: playbook/1\nid: odd\nversion: \"1.0.0\"\ntitle: '\"a\\N\" -> b; &lt; </text>'\nbackends: { personal: store }\nsteps:\n\
         \x20 ask:\n    title: '[担当者] \"\\G\" {見る} & <b>'\n    uses: human.confirm@1\n    with: { ask: よいですか }\n",
    )
    .unwrap();
    let site = place.path().join("site.yaml");
    std::fs::write(&site, "kirikae: site/1\nid: a/b\ntitle: 試し\nbackends: { personal: { store: dir, path: ./personal } }\n").unwrap();
    let graph = dot(kirikae().arg("plan").arg(&playbook).arg("--site").arg(&site).arg("--state").arg(place.path().join("state")));
    assert!(graph.contains("shape=hexagon"), "a person's step: {graph}");
    let Some(svg) = svg(&graph) else { return };
    for words in ["&quot;a\\N&quot; &#45;&gt; b; &amp;lt; &lt;/text&gt;", "[担当者] &quot;\\G&quot; {見る} &amp; &lt;b&gt;"] {
        assert!(svg.contains(words), "{words} in {svg}");
    }
}

/// The steps of a row of `rescue` stand apart from those that are always done.
#[test]
fn what_is_done_about_an_error_stands_apart() {
    let place = tempfile::tempdir().unwrap();
    let playbook = place.path().join("errors.yaml");
    std::fs::write(
        &playbook,
        "kirikae: playbook/1\nid: errors\nversion: \"1.0.0\"\ntitle: 試し\nbackends: { personal: store }\nsteps:\n\
         \x20 find:\n    title: 探す\n    uses: cert.find@1\n    with: { in: personal, issuer: \"*\" }\n    rescue:\n\
         \x20     CERT.NOT_FOUND:\n        say: ありません\n        then: stop\n        do:\n\
         \x20         ask: { title: 棚を見る, uses: human.confirm@1, with: { ask: ありますか } }\n\
         \x20 after: { title: 知らせる, uses: notify.send@1, with: { to: 担当者, subject: 件名, body: 本文 } }\n",
    )
    .unwrap();
    let site = place.path().join("site.yaml");
    std::fs::write(&site, "kirikae: site/1\nid: a/b\ntitle: 試し\nbackends: { personal: { store: dir, path: ./personal } }\n").unwrap();
    let graph = dot(kirikae().arg("plan").arg(&playbook).arg("--offline").arg("--site").arg(&site).arg("--state").arg(place.path().join("state")));
    let cluster =
        graph.split("subgraph \"cluster find/rescue/CERT.NOT_FOUND\"").nth(1).and_then(|rest| rest.split('}').next()).unwrap_or_else(|| panic!("{graph}"));
    assert!(cluster.contains("こんなときは: CERT.NOT_FOUND") && cluster.contains("棚を見る"), "{graph}");
    assert_eq!(graph.matches("棚を見る").count(), 1, "{graph}");
    assert!(graph.contains("\"find\" -> \"find/rescue/CERT.NOT_FOUND/ask\""), "{graph}");
    let Some(svg) = svg(&graph) else { return };
    assert_eq!(svg.matches("class=\"cluster\"").count(), 2, "the row, and the legend");
}

#[test]
fn only_plans_are_drawn() {
    let output = kirikae().args(["check", "playbooks/obn/verify.yaml", "--format", "dot"]).current_dir(root()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("CLI.FORMAT"), "{}", said(&output));
}
