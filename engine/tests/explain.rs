//! Every code has a story; a wrong example raises its code, the right one beside it does not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod shipped;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kirikae_engine::action::registry;
use kirikae_engine::check::examine;
use kirikae_engine::explain::{Example, Part, findings, stories, untold};
use kirikae_engine::text::{Lang, Source};
use shipped::{Folders, top};

/// Codes of findings in documents that no example of one file can show: the reason beside each.
const WITHOUT_EXAMPLE: &[(&str, &str)] = &[
    ("CHECK.LIVE_HANDLE", "needs a profile with needs_sign_in: engine/tests/lang_rules.rs"),
    ("TEST.NONE", "found when there is nothing to try"),
    ("TEST.PLAYBOOK", "needs a playbook with a finding beside it"),
];

/// Found when a playbook meets a site and its files: `tests/bad_input.rs` runs these examples through the program.
const ON_A_TERMINAL: &[&str] = &["SITE.ROOTS", "SITE.WRONG_KIND"];

const PLAYBOOK: &str = r#"kirikae: playbook/1
id: case/base
version: "1.0.0"
title: 例
sources: [obn_edge]
backends:
  issuer: { kind: ca, profile: obn }
  personal: store
  backup: folder
inputs:
  code: { type: digits(10), title: 番号 }
  limit: { type: int, default: 90, title: 日数 }
  maybe: { type: optional<string>, title: 任意 }
secrets:
  pin: { type: digits(4), title: 暗証 }
steps:
  current:
    title: 探す
    uses: cert.find@1
    with: { in: personal, issuer: "Online*", pick: newest }
"#;

const PORTAL: &str = r#"kirikae: portal/1
id: case
version: "1.0.0"
title: 例
checked: { status: unverified, by: 例 }
base: https://example.jp
operations:
  probe: { pages: [{ open: / }] }
"#;

const TEST: &str = "kirikae: test/1\nplaybook: obn/renew-web\nclock: \"2026-11-23T10:00:00+09:00\"\n";

const SITE: &str = "kirikae: site/1\nid: case\ntitle: 例\n";

#[test]
fn every_code_in_the_sources_has_a_story() {
    let told: BTreeSet<String> = stories().into_iter().map(|story| story.code).collect();
    let used = codes_in_sources();
    assert!(used.len() > 200, "the codes are no longer found in the sources: {used:?}");
    let missing: Vec<String> = used.iter().filter(|(code, _)| !told.contains(*code)).map(|(code, file)| format!("{code} ({file})")).collect();
    assert!(missing.is_empty(), "no story in engine/src/explain/*.yaml for: {missing:#?}");
    assert!(untold().is_empty(), "no story for codes of ERROR_CODES: {:?}", untold());
    let unused: Vec<&String> = told.iter().filter(|code| !used.contains_key(*code)).collect();
    assert!(unused.is_empty(), "stories of codes that nobody gives: {unused:?}");
}

#[test]
fn stories_are_clean_and_in_both_languages() {
    assert_eq!(findings().iter().map(|finding| (finding.code, finding.place.clone())).collect::<Vec<_>>(), []);
    for story in stories() {
        for text in [&story.title, &story.story] {
            assert!(!text.get(Lang::Ja).is_empty() && text.en.as_ref().is_some_and(|en| en != &text.ja), "{}: {text:?}", story.code);
        }
    }
}

#[test]
fn wrong_examples_raise_their_code_and_right_ones_do_not() {
    let areas = ["YAML.", "DSL.", "TYPE.", "EXPR.", "REF.", "CITE.", "ROLE.", "ACTION.", "CHECK.", "PROFILE.", "SITE.", "TEST."];
    let mut wrong = vec![];
    for story in stories() {
        let Some(example) = &story.example else {
            let excused = WITHOUT_EXAMPLE.iter().any(|(code, _)| *code == story.code);
            if areas.iter().any(|area| story.code.starts_with(area)) && !excused {
                wrong.push(format!("{}: no example", story.code));
            }
            continue;
        };
        if ON_A_TERMINAL.contains(&story.code.as_str()) {
            continue;
        }
        let raised = codes(example, &example.wrong, true);
        if !raised.contains(&story.code) {
            wrong.push(format!("{}: the wrong example gives {raised:?}", story.code));
        }
        let raised = codes(example, &example.right, false);
        if !raised.is_empty() {
            wrong.push(format!("{}: the right example gives {raised:?}", story.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an example raises, put into a document.
fn codes(example: &Example, text: &str, wrong: bool) -> Vec<String> {
    let bytes = match example.part {
        Part::Playbook => merged(PLAYBOOK, text).into_bytes(),
        Part::Portal => merged(PORTAL, text).into_bytes(),
        Part::Site => merged(SITE, text).into_bytes(),
        Part::Sources => merged("kirikae: sources/1\n", text).into_bytes(),
        Part::Test => merged(TEST, text).into_bytes(),
        Part::When => merged(PLAYBOOK, &asking(&format!("    when: {text}\n"))).into_bytes(),
        Part::Bytes if wrong => (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect(),
        Part::File | Part::Bytes => text.as_bytes().to_vec(),
        Part::Size => sized(text).into_bytes(),
    };
    match Source::from_bytes("case.yaml", &bytes) {
        Ok(source) => examine(&source, &Folders, registry()).findings.iter().map(|finding| finding.code.to_owned()).collect(),
        Err(finding) => vec![finding.code.to_owned()],
    }
}

fn asking(line: &str) -> String {
    format!("steps:\n  ask:\n    title: 聞く\n{line}    uses: human.confirm@1\n    with: {{ ask: よいですか }}\n")
}

/// A file made of a piece and a number (`[ * 100`).
fn sized(text: &str) -> String {
    let (piece, count) = text.rsplit_once(" * ").unwrap();
    let count: usize = count.trim().parse().unwrap();
    match piece {
        "when" => merged(PLAYBOOK, &asking(&format!("    when: inputs.code != '{}'\n", "a".repeat(count)))),
        "list" => merged(PLAYBOOK, &asking(&format!("    when: inputs.limit in [{}]\n", vec!["1"; count].join(",")))),
        "steps" => {
            let step = |index| format!("  ask{index}:\n    title: 聞く\n    uses: human.confirm@1\n    with: {{ ask: よいですか }}\n");
            merged(PLAYBOOK, &format!("steps:\n{}", (0..count).map(step).collect::<String>()))
        }
        "# " | "#" | "# a\n" => format!("{SITE}{}\n", format!("{}\n", piece.trim_end()).repeat(count / 2)),
        piece => piece.repeat(count),
    }
}

/// The base with its top-level keys replaced by those of the example; new ones follow.
fn merged(base: &str, example: &str) -> String {
    let (base, example) = (sections(base), sections(example));
    let mut whole = String::new();
    for (key, text) in &base {
        match example.iter().find(|(other, _)| other == key) {
            Some(_) if key.is_empty() => {}
            Some(_) => example.iter().filter(|(other, _)| other == key).for_each(|(_, text)| whole.push_str(text)),
            None => whole.push_str(text),
        }
    }
    for (_, text) in example.iter().filter(|(key, _)| !base.iter().any(|(other, _)| other == key)) {
        whole.push_str(text);
    }
    whole
}

/// Top-level keys with their lines. A line that begins with no key belongs to the one before.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = vec![];
    for line in text.lines() {
        let key: String = line.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        let begins = !key.is_empty() && line[key.len()..].starts_with([':', '：', '\u{200b}']);
        match sections.last_mut() {
            Some((_, last)) if !begins => last.push_str(&format!("{line}\n")),
            _ => sections.push((key, format!("{line}\n"))),
        }
    }
    sections
}

/// Every `"AREA.CAUSE"` in the sources (tests aside), with a file that has it.
fn codes_in_sources() -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for folder in ["engine/src", "engine/cli/src", "backends/src", "backends/lab/src"] {
        collect(&top().join(folder), &mut codes);
    }
    codes
}

fn collect(folder: &Path, codes: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("testing") {
                collect(&path, codes);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let own = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for word in own.split('"').filter(|word| is_code(word)) {
                codes.entry(word.to_owned()).or_insert_with(|| path.strip_prefix(top()).unwrap_or(&path).display().to_string());
            }
        }
    }
}

fn is_code(word: &str) -> bool {
    let part = |part: &str| {
        part.len() > 1 && part.starts_with(|c: char| c.is_ascii_uppercase()) && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    word.split_once('.').is_some_and(|(area, cause)| part(area) && part(cause))
}
