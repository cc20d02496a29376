//! The YAML library's errors in words that say what was probably meant.
//!
//! May use: the YAML library's error kinds. Must not: know what a document means.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::traps::{fullwidth_colon, fullwidth_sign};
use super::{Diagnostic, Source, Span, Text};

/// The finding for an error of syntax. A reader stops at the first one.
pub(super) fn explain(source: &Source, error: &ScanError) -> Diagnostic {
    let text = &*source.text;
    let mut at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if let Some(finding) = fullwidth_colon_before(source, at) {
        return finding;
    }
    let here = one_character(text, at);
    match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => tab(source, at),
        ErrorKind::RecursionLimitExceeded => Diagnostic::error("YAML.TOO_DEEP", source.place(here), Text::new("入れ子が深すぎます。", "nested too deeply.")),
        ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnclosedQuotedScalar => unclosed(source, here),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator if at >= text.trim_end().len() => unclosed(source, here),
        ErrorKind::MismatchedFlowCollectionEnd { .. } | ErrorKind::MisplacedFlowCollectionEnd => {
            let what = Text::new("括弧の対応が合っていません。", "the brackets do not match.");
            let cure = Text::new("{ } と [ ] の数と順を確かめてください。", "check the pairs of { } and [ ].");
            Diagnostic::error("YAML.UNCLOSED", source.place(here), what).cure(cure)
        }
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockSequenceEntry => indentation(source, here),
        kind if starts_with_sign(text, here) || value_on_line(text, at) => quote_needed(source, here, &kind.to_string()),
        kind => {
            let what = Text::new("YAML として読めません。", "this is not readable as YAML.");
            let why = Text::plain(kind.to_string());
            let cure = Text::new(
                "字下げ、「: 」(コロンと空白)、引用符を確かめてください。記号で始まる文や、: , # のある文は \"…\" で囲みます。",
                "check the indentation, `: ` and quotes; quote texts that start with a sign or contain : , or #.",
            );
            Diagnostic::error("YAML.SYNTAX", source.place(here), what).why(why).cure(cure)
        }
    }
}

fn tab(source: &Source, at: usize) -> Diagnostic {
    let text = &*source.text;
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let indentation = text.len() - line - text[line..].trim_start_matches([' ', '\t']).len();
    let tabs = Span::new(line, line + indentation);
    let spaces = text[tabs.start..tabs.end].replace('\t', "  ");
    let span = if indentation == 0 { one_character(text, at) } else { tabs };
    let what = Text::new("タブで字下げされています。", "this is indented with a tab.");
    let cure = Text::new("半角スペース2つに直してください。", "use two spaces.");
    let finding = Diagnostic::error("YAML.TAB", source.place(span), what).cure(cure);
    if indentation == 0 { finding } else { finding.fix(tabs, spaces) }
}

fn unclosed(source: &Source, here: Span) -> Diagnostic {
    let what = Text::new("閉じていない括弧または引用符があります。", "a bracket or quote is not closed.");
    let cure = Text::new("\" ' { [ の閉じ忘れを、この場所より上から探してください。", "look above this place for a missing \" ' } or ].");
    Diagnostic::error("YAML.UNCLOSED", source.place(here), what).cure(cure)
}

fn indentation(source: &Source, here: Span) -> Diagnostic {
    let what = Text::new("字下げがそろっていません。", "the indentation does not fit.");
    let cure = Text::new("同じ段の項目は、行の頭の空白の数をそろえてください。", "keys of one level start in the same column.");
    Diagnostic::error("YAML.INDENTATION", source.place(here), what).cure(cure)
}

fn quote_needed(source: &Source, here: Span, why: &str) -> Diagnostic {
    let what = Text::new("ここから先が値として読めません。", "the value cannot be read from here on.");
    let cure = Text::new(
        "記号で始まる値や、「: 」「, 」「 #」、途中までの引用符を含む値は、全体を引用符で囲んでください。",
        "quote the whole value when it starts with a sign, holds `: `, `, ` or ` #`, or starts with a quoted part.",
    );
    Diagnostic::error("YAML.QUOTE_NEEDED", source.place(here), what).why(Text::plain(why)).cure(cure)
}

/// A full-width colon on the line of the error or on the one before it, after what looks like a key.
fn fullwidth_colon_before(source: &Source, at: usize) -> Option<Diagnostic> {
    let text = &*source.text;
    let mut line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    for _ in 0..2 {
        line = text[..line.saturating_sub(1)].rfind('\n').map_or(0, |newline| newline + 1);
    }
    let colon = line + fullwidth_colon(&text[line..end])?;
    Some(fullwidth_sign(source, Span::new(colon, colon + '：'.len_utf8()), '：', ": "))
}

fn starts_with_sign(text: &str, here: Span) -> bool {
    text[here.start..].starts_with(['@', '`', '%', '!', '&', '*', '|', '>', '\'', '"', '{', '}', '[', ']', ',', ':'])
}

/// Whether a value already stands before this place on its line.
fn value_on_line(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..at].contains(": ")
}

fn one_character(text: &str, at: usize) -> Span {
    Span::new(at, at + text[at..].chars().next().map_or(0, char::len_utf8))
}
