//! Playbooks: the shipped ones pass, and each broken case is refused at its place, in both languages.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod shipped;

use std::fmt::Write;
use std::path::Path;

use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, What, check, examine};
use kirikae_engine::text::{Diagnostic, Lang, Place, Severity, Source, Sources};
use shipped::{Folders, files, read, top};

/// The findings of a file of any kind, readable or not.
fn found(path: &Path) -> (Sources, Vec<Diagnostic>) {
    let (name, bytes) = (path.file_name().unwrap().to_string_lossy(), std::fs::read(path).unwrap());
    match Source::from_bytes(&name, &bytes) {
        Ok(source) => {
            let examined = examine(&source, &Folders, registry());
            (examined.sources, examined.findings)
        }
        Err(finding) => {
            let mut sources = Sources::default();
            sources.add(Source::for_excerpt(&name, &bytes));
            (sources, vec![finding])
        }
    }
}

/// Every finding with its place, and what it says in one language.
fn shown(sources: &Sources, findings: &[Diagnostic], lang: Lang) -> String {
    let mut lines = String::new();
    let at = |place: &Place| {
        let at = sources.get(&place.file).unwrap().line_column(place.span.start);
        format!("{}:{}:{}", place.file, at.line, at.column)
    };
    for finding in findings {
        assert!(finding.what.en.is_some(), "{} in both languages", finding.code);
        writeln!(lines, "{} {}", finding.code, finding.place.as_ref().map(at).unwrap_or_default()).unwrap();
        writeln!(lines, "  {}", finding.what.get(lang)).unwrap();
        if let Some(why) = &finding.why {
            writeln!(lines, "    {}", why.get(lang)).unwrap();
        }
        for cure in &finding.cure {
            writeln!(lines, "  > {}", cure.get(lang)).unwrap();
        }
        for related in &finding.related {
            writeln!(lines, "  - {} {}", at(&related.place), related.label.get(lang)).unwrap();
        }
        if let Some(fix) = &finding.fix {
            writeln!(lines, "  = {:?}", fix.text).unwrap();
        }
    }
    lines
}

#[test]
fn shipped_playbooks_and_valid_cases_pass() {
    for folder in ["playbooks", "playbooks/obn", "playbooks/common", "playbooks/portals", "tests/cases/valid"] {
        for path in files(folder) {
            let (sources, findings) = found(&path);
            let said = shown(&sources, &findings, Lang::En);
            assert!(said.is_empty(), "{}:\n{said}", path.display());
        }
    }
}

fn report(folder: &str, severity: Severity, lang: Lang) -> String {
    let mut report = String::new();
    for path in files(folder) {
        let (sources, findings) = found(&path);
        assert!(findings.iter().any(|finding| finding.severity == severity), "{} passes", path.display());
        let said = shown(&sources, &findings, lang);
        writeln!(report, "{}\n{said}", path.file_stem().unwrap().to_string_lossy()).unwrap();
    }
    report
}

#[test]
fn each_invalid_case_is_refused_at_its_place() {
    assert!(files("tests/cases/invalid").len() >= 100);
    insta::assert_snapshot!("invalid_ja", report("tests/cases/invalid", Severity::Error, Lang::Ja));
    insta::assert_snapshot!("invalid_en", report("tests/cases/invalid", Severity::Error, Lang::En));
}

#[test]
fn each_doubtful_case_is_warned_of_at_its_place() {
    insta::assert_snapshot!("warned_ja", report("tests/cases/warned", Severity::Warning, Lang::Ja));
    insta::assert_snapshot!("warned_en", report("tests/cases/warned", Severity::Warning, Lang::En));
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
