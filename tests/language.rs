//! `docs/language.md`: its tables are those of the registries, and every example in it is checked.
//!
//! After a change of the language, write the tables anew: `UPDATE_DOCS=1 cargo test -p kirikae-cli --test language`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/fences.rs"]
mod fences;
#[path = "support/tables.rs"]
mod tables;

use std::path::{Path, PathBuf};

use fences::fences;
use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, check};
use kirikae_engine::dsl::expr::FORMS;
use kirikae_engine::dsl::{decode_profile, decode_site, decode_sources};
use kirikae_engine::text::{Diagnostic, Lang, Source};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/language.md")).unwrap()
}

#[test]
fn the_tables_are_those_of_the_registries() {
    let written = page();
    let mut fresh = written.clone();
    for (name, table) in tables::all() {
        let (begin, end) = (format!("<!-- table: {name} -->\n"), "<!-- end -->");
        let start = fresh.find(&begin).unwrap_or_else(|| panic!("docs/language.md has no place for the table `{name}`")) + begin.len();
        let stop = start + fresh[start..].find(end).unwrap();
        fresh.replace_range(start..stop, &table);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join("docs/language.md"), &fresh).unwrap();
        return;
    }
    let differs = written.lines().zip(fresh.lines()).find(|(was, is)| was != is);
    assert!(
        written == fresh,
        "docs/language.md is behind the language ({differs:?}). Write it anew with\n  UPDATE_DOCS=1 cargo test -p kirikae-cli --test language\nand read the difference."
    );
}

/// The shipped library.
struct Shipped;

impl Shipped {
    fn read(path: &str) -> Option<Source> {
        Some(Source::new(path, std::fs::read_to_string(root().join("playbooks").join(path)).ok()?))
    }
}

impl Library for Shipped {
    fn playbook(&self, id: &str) -> Option<Source> {
        Self::read(&format!("{id}.yaml"))
    }

    fn portal(&self, id: &str) -> Option<Source> {
        Self::read(&format!("portals/{id}.yaml"))
    }

    fn sources(&self) -> Option<Source> {
        Self::read("sources.yaml")
    }
}

/// What stands around an example that is a part of a playbook, unless the example has it.
const AROUND: [(&str, &str); 5] = [
    ("kirikae:", "kirikae: playbook/1\nid: example\nversion: \"1.0.0\"\ntitle: 例\nsources: [obn_edge]\n"),
    ("backends:", "backends:\n  issuer: { kind: ca, profile: obn }\n  personal: store\n  backup: folder\n"),
    (
        "inputs:",
        "inputs:\n  medical_code: { type: digits(10), title: 医療機関コード, example: \"0110119153\" }\n  renew_within_days: { type: int, default: 90, title: 残り日数 }\n",
    ),
    ("secrets:", "secrets:\n  p12_password: { type: digits(4), new: true, title: 証明書パスワード }\n"),
    ("steps:", "steps:\n"),
];

/// The step that examples refer to, unless they have it.
const CURRENT: &str = "  current:\n    title: 今の証明書を探す\n    uses: cert.find@1\n    with: { in: personal, issuer: \"Online Billing*\", cn: \"${{ inputs.medical_code }}\", pick: newest }\n";

/// An example as a whole document.
fn whole(example: &str) -> String {
    if example.starts_with("kirikae:") {
        return example.to_owned();
    }
    let has = |key: &str| example.lines().any(|line| line.starts_with(key));
    let with_current = if example.contains("\n  current:") { String::new() } else { CURRENT.to_owned() };
    let mut document: String = AROUND.iter().filter(|(key, _)| !has(key)).filter(|(key, _)| *key != "steps:").map(|(_, text)| *text).collect();
    match example.find("steps:\n").filter(|at| *at == 0 || example[..*at].ends_with('\n')) {
        Some(at) => {
            let (before, steps) = example.split_at(at + "steps:\n".len());
            document.push_str(&format!("{before}{with_current}{steps}"));
        }
        None => document.push_str(&format!("{example}steps:\n{with_current}")),
    }
    document
}

fn findings(document: &str) -> Vec<Diagnostic> {
    let source = Source::new("example.yaml", document);
    let found = match document.lines().next().unwrap_or_default() {
        "kirikae: portal/1" => decode_profile(&source).err(),
        "kirikae: site/1" => decode_site(&source).err(),
        "kirikae: sources/1" => decode_sources(&source).err(),
        _ => check(&source, &Shipped, registry()).result.err(),
    };
    found.unwrap_or_default()
}

#[test]
fn every_example_is_accepted_or_refused_as_the_page_says() {
    let (mut good, mut bad, mut wrong) = (0, 0, vec![]);
    for fence in fences("docs/language.md", &page()).iter().filter(|fence| fence.language == "yaml") {
        let document = whole(&fence.text);
        let found = findings(&document);
        let fits = match fence.get("error") {
            Some(code) => !found.is_empty() && found.iter().all(|finding| finding.code == code),
            None => found.is_empty(),
        };
        if !fits {
            let said: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.code, finding.what.get(Lang::En))).collect();
            wrong.push(format!("{}: {said:?} in\n{document}", fence.place));
        }
        *(if fence.get("error").is_some() { &mut bad } else { &mut good }) += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(good >= 18 && bad >= 12, "{good} good examples, {bad} bad ones");
}

#[test]
fn the_examples_of_expressions_are_expressions() {
    for form in FORMS {
        let document = whole(&format!("let:\n  example: {}\n", quoted(form.example)));
        assert!(findings(&document).is_empty(), "{}: {:#?}", form.example, findings(&document));
    }
}

/// As one YAML text.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
