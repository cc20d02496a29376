//! Findings: source excerpt and carets under the right character, or JSON.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use kirikae_engine::text::{Diagnostic, Lang, MAX_FINDINGS, Severity, Sources};
use serde_json::{Value as Json, json};

/// Findings for people, at most twenty.
pub fn text(sources: &Sources, findings: &[Diagnostic], lang: Lang) -> String {
    let mut text = String::new();
    for finding in findings.iter().take(MAX_FINDINGS) {
        text.push_str(&one(sources, finding, lang));
        text.push_str("\n\n");
    }
    if findings.len() > MAX_FINDINGS {
        let more = findings.len() - MAX_FINDINGS;
        text.push_str(&match lang {
            Lang::Ja => format!("ほかに {more} 件あります。\n"),
            Lang::En => format!("and {more} more.\n"),
        });
    }
    text
}

fn one(sources: &Sources, finding: &Diagnostic, lang: Lang) -> String {
    let level = match (finding.severity, lang) {
        (Severity::Error, Lang::Ja) => Level::ERROR.with_name("エラー"),
        (Severity::Error, Lang::En) => Level::ERROR,
        (Severity::Warning, Lang::Ja) => Level::WARNING.with_name("警告"),
        (Severity::Warning, Lang::En) => Level::WARNING,
    };
    let cures: Vec<String> = finding.cure.iter().map(|cure| cure.get(lang).to_owned()).collect();
    let source = finding.place.as_ref().and_then(|place| Some((place, sources.get(&place.file)?)));
    let mut group = level.primary_title(finding.what.get(lang)).id(finding.code).elements(Vec::<annotate_snippets::Element<'_>>::new());
    if let Some((place, source)) = source {
        let end = place.span.end.max(place.span.start + 1).min(source.text.len().max(place.span.start));
        let label = finding.why.as_ref().map(|why| why.get(lang)).unwrap_or_default();
        let mut snippet = Snippet::source(&*source.text).path(&*place.file).annotation(AnnotationKind::Primary.span(place.span.start..end).label(label));
        for related in finding.related.iter().filter(|related| related.place.file == place.file) {
            snippet = snippet.annotation(AnnotationKind::Context.span(related.place.span.start..related.place.span.end).label(related.label.get(lang)));
        }
        group = group.element(snippet);
    }
    for cure in &cures {
        let word = if lang == Lang::Ja { "直し方" } else { "cure" };
        group = group.element(Level::HELP.with_name(word).message(cure.as_str()));
    }
    Renderer::plain().render(&[group])
}

/// Findings for machines.
pub fn json(sources: &Sources, findings: &[Diagnostic], lang: Lang) -> Vec<Json> {
    findings
        .iter()
        .map(|finding| {
            let at = finding.place.as_ref().and_then(|place| {
                let source = sources.get(&place.file)?;
                let (start, end) = (source.line_column(place.span.start), source.line_column(place.span.end));
                Some(json!({"file": &*place.file, "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column}))
            });
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            let cures: Vec<&str> = finding.cure.iter().map(|cure| cure.get(lang)).collect();
            json!({"code": finding.code, "severity": severity, "at": at, "message": finding.what.get(lang), "why": finding.why.as_ref().map(|why| why.get(lang)), "cure": cures})
        })
        .collect()
}
