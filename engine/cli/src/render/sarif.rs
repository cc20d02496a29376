//! Findings as a SARIF 2.1.0 log (OASIS standard), for code hosts and editors.

use std::collections::BTreeMap;
use std::fmt::Write;

use kirikae_engine::explain::{Story, stories};
use kirikae_engine::text::{Diagnostic, Lang, Place, Severity, Source, Sources, Span, Text};
use serde_json::{Value as Json, json};

/// The log of one check. Columns count characters.
pub fn log(sources: &Sources, findings: &[Diagnostic], lang: Lang) -> Json {
    let told: BTreeMap<String, Story> = stories().into_iter().map(|story| (story.code.clone(), story)).collect();
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Json> = codes.iter().map(|code| rule(code, told.get(*code), lang)).collect();
    let results: Vec<Json> = findings
        .iter()
        .map(|finding| {
            let index = codes.iter().position(|code| *code == finding.code);
            result(sources, finding, index, lang)
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "kirikae", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str, story: Option<&Story>, lang: Lang) -> Json {
    let mut rule = json!({"id": code});
    if let Some(story) = story {
        rule["shortDescription"] = message(&story.title, lang);
        rule["fullDescription"] = message(&story.story, lang);
    }
    rule
}

fn result(sources: &Sources, finding: &Diagnostic, rule: Option<usize>, lang: Lang) -> Json {
    let said: Vec<&str> = std::iter::once(&finding.what).chain(&finding.why).chain(&finding.cure).map(|text| text.get(lang)).collect();
    let level = if finding.severity == Severity::Error { "error" } else { "warning" };
    let mut result = json!({"ruleId": finding.code, "ruleIndex": rule, "level": level, "message": {"text": said.join("\n")}, "locations": []});
    if let Some(place) = &finding.place {
        result["locations"] = json!([{"physicalLocation": physical(sources, place)}]);
    }
    if !finding.related.is_empty() {
        let related = |(id, related): (usize, &kirikae_engine::text::Related)| json!({"id": id, "physicalLocation": physical(sources, &related.place), "message": message(&related.label, lang)});
        result["relatedLocations"] = finding.related.iter().enumerate().map(related).collect();
    }
    if let (Some(fix), Some(place)) = (&finding.fix, &finding.place)
        && let Some(source) = sources.get(&place.file)
    {
        let replacement = json!({"deletedRegion": region(source, fix.span), "insertedContent": {"text": fix.text}});
        let change = json!({"artifactLocation": artifact(&place.file), "replacements": [replacement]});
        let description = finding.cure.first().unwrap_or(&finding.what);
        result["fixes"] = json!([{"description": message(description, lang), "artifactChanges": [change]}]);
    }
    result
}

fn message(text: &Text, lang: Lang) -> Json {
    json!({"text": text.get(lang)})
}

fn physical(sources: &Sources, place: &Place) -> Json {
    let mut physical = json!({"artifactLocation": artifact(&place.file)});
    if let Some(source) = sources.get(&place.file) {
        physical["region"] = region(source, place.span);
    }
    physical
}

fn region(source: &Source, span: Span) -> Json {
    let (start, end) = (source.line_column(span.start), source.line_column(span.end));
    json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
}

/// A path as a URI reference (RFC 3986): absolute ones with the scheme `file`.
fn artifact(name: &str) -> Json {
    let mut uri = String::new();
    let windows = name.as_bytes().get(1) == Some(&b':');
    if name.starts_with('/') {
        uri.push_str("file://");
    } else if windows {
        uri.push_str("file:///");
    }
    for byte in name.bytes() {
        match byte {
            b'\\' if windows => uri.push('/'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            b':' if windows && uri.len() < 12 => uri.push(':'),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    json!({"uri": uri})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn paths_become_uris() {
        let uri = |name| artifact(name)["uri"].as_str().unwrap().to_owned();
        assert_eq!(uri("playbooks/更新 1.yaml"), "playbooks/%E6%9B%B4%E6%96%B0%201.yaml");
        assert_eq!(uri("/tmp/a.yaml"), "file:///tmp/a.yaml");
        assert_eq!(uri("C:\\a\\b.yaml"), "file:///C:/a/b.yaml");
    }
}
