//! Playbooks: the shipped ones pass, and each broken case is refused at its place, in both languages.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fmt::Write;
use std::path::Path;

use kirikae_engine::action::registry;
use kirikae_engine::check::{CheckOutcome, What, check, examine};
use kirikae_engine::text::{Diagnostic, Lang, Severity, Source, Sources};
use support::{Folders, files, read, top};

fn checked(path: &Path) -> CheckOutcome {
    check(&read(path, &path.file_name().unwrap().to_string_lossy()).unwrap(), &Folders, registry())
}

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

/// Every error with its place, and what it says in one language.
fn shown(sources: &Sources, findings: &[Diagnostic], lang: Lang) -> String {
    let mut lines = String::new();
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Error) {
        let place = finding.place.as_ref().map(|place| {
            let at = sources.get(&place.file).unwrap().line_column(place.span.start);
            format!("{}:{}:{}", place.file, at.line, at.column)
        });
        writeln!(lines, "{} {}", finding.code, place.unwrap_or_default()).unwrap();
        writeln!(lines, "  {}", finding.what.get(lang)).unwrap();
        if let Some(why) = &finding.why {
            writeln!(lines, "    {}", why.get(lang)).unwrap();
        }
        for cure in &finding.cure {
            writeln!(lines, "  > {}", cure.get(lang)).unwrap();
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

fn report(lang: Lang) -> String {
    let mut report = String::new();
    for path in files("tests/cases/invalid") {
        let (sources, findings) = found(&path);
        let said = shown(&sources, &findings, lang);
        assert!(!said.is_empty(), "{} passes", path.display());
        writeln!(report, "{}\n{said}", path.file_stem().unwrap().to_string_lossy()).unwrap();
    }
    report
}

#[test]
fn each_invalid_case_is_refused_at_its_place() {
    assert!(files("tests/cases/invalid").len() >= 100);
    insta::assert_snapshot!("invalid_ja", report(Lang::Ja));
    insta::assert_snapshot!("invalid_en", report(Lang::En));
}

#[test]
fn a_call_is_unfolded_before_the_step_that_calls() {
    let checked = checked(&top().join("playbooks/obn/renew-web.yaml")).result.unwrap();
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
