//! Playbooks: the shipped ones pass, and each broken case is refused at its place, in both languages.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, What, check};
use kirikae_engine::dsl::decode_profile;
use kirikae_engine::text::{Diagnostic, Lang, Place, Severity, Source, Sources};

/// The shipped playbooks, and those beside the cases.
struct Folders;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path, name: &str) -> Option<Source> {
    Some(Source::from_bytes(name, &std::fs::read(path).ok()?).unwrap())
}

impl Library for Folders {
    fn playbook(&self, id: &str) -> Option<Source> {
        let file = format!("{id}.yaml");
        read(&top().join("playbooks").join(&file), &file).or_else(|| read(&top().join("tests/cases/library").join(&file), &file))
    }

    fn portal(&self, id: &str) -> Option<Source> {
        let file = format!("portals/{id}.yaml");
        read(&top().join("playbooks").join(&file), &file).or_else(|| read(&top().join("tests/cases/library").join(&file), &file))
    }

    fn sources(&self) -> Option<Source> {
        read(&top().join("playbooks/sources.yaml"), "sources.yaml")
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(top().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{folder} has files");
    files
}

/// The findings of a document with their documents: of a profile for itself, of a playbook with all it refers to.
fn findings(path: &Path) -> (Sources, Vec<Diagnostic>) {
    let source = read(path, &path.file_name().unwrap().to_string_lossy()).unwrap();
    if source.text.lines().any(|line| line == "kirikae: portal/1") {
        let mut sources = Sources::default();
        sources.add(source.clone());
        return (sources, decode_profile(&source).err().unwrap_or_default());
    }
    let outcome = check(&source, &Folders, registry());
    (outcome.sources, outcome.result.map_or_else(|found| found, |checked| checked.warnings))
}

fn shown((sources, findings): &(Sources, Vec<Diagnostic>)) -> String {
    let mut lines = String::new();
    let at = |place: &Place| {
        let at = sources.get(&place.file).unwrap().line_column(place.span.start);
        format!("{}:{}:{}", place.file, at.line, at.column)
    };
    for finding in findings {
        writeln!(lines, "{} {}", finding.code, finding.place.as_ref().map(at).unwrap_or_default()).unwrap();
        for lang in [Lang::Ja, Lang::En] {
            writeln!(lines, "  {}", finding.what.get(lang)).unwrap();
        }
        for related in &finding.related {
            writeln!(lines, "  - {} {} / {}", at(&related.place), related.label.ja, related.label.get(Lang::En)).unwrap();
        }
    }
    lines
}

fn report(folder: &str, severity: Severity) -> String {
    let mut report = String::new();
    for path in files(folder) {
        let found = findings(&path);
        assert!(found.1.iter().any(|finding| finding.severity == severity), "{} passes", path.display());
        for finding in &found.1 {
            assert!(finding.what.en.is_some(), "{}: {} in both languages", path.display(), finding.code);
        }
        writeln!(report, "{}\n{}", path.file_stem().unwrap().to_string_lossy(), shown(&found)).unwrap();
    }
    report
}

#[test]
fn shipped_playbooks_and_valid_cases_pass() {
    for folder in ["playbooks/obn", "playbooks/common", "tests/cases/valid"] {
        for path in files(folder) {
            let found = findings(&path);
            assert!(found.1.is_empty(), "{}:\n{}", path.display(), shown(&found));
        }
    }
}

#[test]
fn each_invalid_case_is_refused_at_its_place() {
    insta::assert_snapshot!(report("tests/cases/invalid", Severity::Error));
}

#[test]
fn each_doubtful_case_is_warned_of_at_its_place() {
    insta::assert_snapshot!(report("tests/cases/warned", Severity::Warning));
}

#[test]
fn a_call_is_unfolded_before_the_step_that_calls() {
    let checked = check(&read(&top().join("playbooks/obn/renew-web.yaml"), "renew-web.yaml").unwrap(), &Folders, registry()).result.unwrap();
    let index = |address: &str| checked.steps.iter().position(|step| step.address == address).unwrap();
    let (look, put, install) = (index("install/look"), index("install/put"), index("install"));
    assert!(look < put && put < install);
    assert!(checked.steps[look].after.contains(&index("fetch")), "the first step waits for what the call waits for");
    assert!(checked.steps[look].data.contains(&index("fetch")), "its file comes from the caller");
    assert!(checked.steps[install].after.contains(&put));
    assert!(checked.steps[index("retire")].data.contains(&index("usable")));
    let What::Call { frame } = checked.steps[install].what else { panic!("a call") };
    assert_eq!(checked.frames[frame].caller, Some((0, install)));
    assert_eq!(checked.frames[frame].roles["personal"], "personal");
    assert!(checked.profiles.contains_key("issuer"));
}

/// A library with a catalogue of its own before the shipped one.
struct Own(&'static str);

impl Library for Own {
    fn playbook(&self, id: &str) -> Option<Source> {
        Folders.playbook(id)
    }

    fn portal(&self, id: &str) -> Option<Source> {
        Folders.portal(id)
    }

    fn sources(&self) -> Option<Source> {
        Some(Source::new("own.yaml", self.0))
    }

    fn further_sources(&self) -> Option<Source> {
        Folders.sources()
    }
}

#[test]
fn a_catalogue_of_ones_own_stands_before_the_shipped_one() {
    let playbook = read(&top().join("playbooks/common/install-p12.yaml"), "install-p12.yaml").unwrap();
    let other = Own("kirikae: sources/1\nsources:\n  mine: { title: 手引き, edition: \"1\", sections: { \"1\": 初めに } }\n");
    let checked = check(&playbook, &other, registry()).result.unwrap();
    assert!(checked.catalogue.0.contains_key("mine") && checked.catalogue.0.contains_key("obn_edge"));
    let same = Own("kirikae: sources/1\nsources:\n  obn_edge: { title: 自分の写し, edition: \"9\", sections: { \"1.2\": 取り込み } }\n");
    let checked = check(&playbook, &same, registry()).result.unwrap();
    assert_eq!(checked.catalogue.0["obn_edge"].edition, "9", "the nearer one wins");
}
