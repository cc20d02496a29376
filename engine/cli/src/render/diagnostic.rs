//! Findings: source excerpt and carets under the right character, or JSON.

use std::path::Path;

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};
use kirikae_engine::text::{Change, Diagnostic, Lang, MAX_FINDINGS, Severity, Source, Sources, Span};
use serde_json::{Value as Json, json};

/// A longer line is cut around the place that is shown.
const MAX_LINE: usize = 400;

/// Findings for people, at most twenty of each file.
pub fn text(sources: &Sources, findings: &[Diagnostic], lang: Lang) -> String {
    let mut text = String::new();
    for finding in findings.iter().take(shown(findings)) {
        text.push_str(&one(sources, finding, lang));
        text.push_str("\n\n");
    }
    if findings.len() > shown(findings) {
        let more = findings.len() - shown(findings);
        text.push_str(&match lang {
            Lang::Ja => format!("ほかに {more} 件あります。\n"),
            Lang::En => format!("and {more} more.\n"),
        });
    }
    text
}

/// Of one file at most twenty; of a folder as many for each.
fn shown(findings: &[Diagnostic]) -> usize {
    let mut files: Vec<_> = findings.iter().map(|finding| finding.place.as_ref().map(|place| &place.file)).collect();
    files.dedup();
    files.len().max(1) * MAX_FINDINGS
}

fn one(sources: &Sources, finding: &Diagnostic, lang: Lang) -> String {
    let level = match (finding.severity, lang) {
        (Severity::Error, Lang::Ja) => Level::ERROR.with_name("エラー"),
        (Severity::Error, Lang::En) => Level::ERROR,
        (Severity::Warning, Lang::Ja) => Level::WARNING.with_name("警告"),
        (Severity::Warning, Lang::En) => Level::WARNING,
    };
    let why = finding.why.as_ref().map(|why| why.get(lang)).unwrap_or_default();
    let mut group = level.primary_title(finding.what.get(lang)).id(finding.code).elements(Vec::<Element<'_>>::new());
    if let Some(place) = &finding.place {
        match sources.get(&place.file) {
            Some(source) if is_long(source, place.span) => {
                let at = source.line_column(place.span.start);
                group = group.element(Origin::path(&*place.file).line(at.line).char_column(at.column));
                if !why.is_empty() {
                    group = group.element(Level::NOTE.with_name(word("理由", "why", lang)).message(why));
                }
            }
            Some(source) => {
                let end = place.span.end.max(place.span.start + 1).min(source.text.len().max(place.span.start));
                let mut snippet = Snippet::source(&*source.text).path(&*place.file).annotation(AnnotationKind::Primary.span(place.span.start..end).label(why));
                for related in finding.related.iter().filter(|related| related.place.file == place.file && !is_long(source, related.place.span)) {
                    snippet = snippet.annotation(AnnotationKind::Context.span(related.place.span.start..related.place.span.end).label(related.label.get(lang)));
                }
                group = group.element(snippet);
            }
            None => group = group.element(Origin::path(&*place.file)),
        }
    }
    for cure in &finding.cure {
        group = group.element(Level::HELP.with_name(word("直し方", "cure", lang)).message(cure.get(lang)));
    }
    Renderer::plain().render(&[group])
}

fn word(ja: &'static str, en: &'static str, lang: Lang) -> &'static str {
    if lang == Lang::Ja { ja } else { en }
}

/// Whether the lines of a span are too long to be shown.
fn is_long(source: &Source, span: Span) -> bool {
    let text = source.text.as_bytes();
    let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
    let before = text[..start].iter().rev().take(MAX_LINE + 1).take_while(|byte| **byte != b'\n').count();
    let after = text[end..].iter().take(MAX_LINE + 1).take_while(|byte| **byte != b'\n').count();
    before + after + end.saturating_sub(start) > MAX_LINE
}

/// Findings for machines.
pub fn json(sources: &Sources, findings: &[Diagnostic], lang: Lang) -> Vec<Json> {
    findings
        .iter()
        .map(|finding| {
            let at = finding.place.as_ref().map(|place| range(sources, &place.file, place.span));
            let fix = finding.fix.as_ref().zip(finding.place.as_ref()).map(|(fix, place)| {
                let mut fixed = range(sources, &place.file, fix.span);
                fixed["text"] = json!(fix.text);
                fixed
            });
            let related: Vec<Json> = finding
                .related
                .iter()
                .map(|related| json!({"at": range(sources, &related.place.file, related.place.span), "label": related.label.get(lang)}))
                .collect();
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            let cures: Vec<&str> = finding.cure.iter().map(|cure| cure.get(lang)).collect();
            let why = finding.why.as_ref().map(|why| why.get(lang));
            json!({
                "code": finding.code, "severity": severity, "at": at, "message": finding.what.get(lang), "why": why, "cure": cures,
                "fix": fix, "related": related,
            })
        })
        .collect()
}

fn range(sources: &Sources, file: &str, span: Span) -> Json {
    match sources.get(file) {
        Some(source) => {
            let (start, end) = (source.line_column(span.start), source.line_column(span.end));
            json!({"file": file, "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column})
        }
        None => json!({"file": file}),
    }
}

/// A correction for people: where, and the line before and after.
pub fn change(path: &Path, change: &Change, lang: Lang) -> String {
    let head = format!("{} {}:{}:{}  {}", word("直しました", "corrected", lang), path.display(), change.at.line, change.at.column, change.code);
    let lines = |sign: char, text: &str| text.lines().map(|line| format!("  {sign} {}", cut(line))).collect::<Vec<_>>();
    [vec![head], lines('-', &change.before), lines('+', &change.after)].concat().join("\n")
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// The same for machines.
pub fn change_json(path: &Path, change: &Change) -> Json {
    json!({
        "file": path.display().to_string(), "line": change.at.line, "column": change.at.column, "code": change.code,
        "before": change.before, "after": change.after,
    })
}
