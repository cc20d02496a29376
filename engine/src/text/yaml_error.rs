//! The YAML library's errors in words that say what was probably meant.
//!
//! May use: the YAML library's error kinds. Must not: know what a document means.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::quoting::{block_value, line_of, quoted};
use super::traps::{escape, fullwidth_after_colon, fullwidth_colon, fullwidth_sign, tag};
use super::{Diagnostic, Source, Span, Text};

/// The finding for an error of syntax. A reader stops at the first one.
pub(super) fn explain(source: &Source, error: &ScanError) -> Diagnostic {
    let text = &*source.text;
    let mut at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if let Some(finding) = fullwidth_colon_before(source, at).or_else(|| fullwidth_after_colon(source, line_of(text, at))) {
        return finding;
    }
    let here = one_character(text, at);
    let line = line_of(text, at);
    if let Some(tabs) = indented_with_tab(text, line) {
        return tab(source, tabs);
    }
    let key = text[line.start..at].trim_start_matches([' ', '-']);
    let first_on_line = key.is_empty() || (text[at..].starts_with(':') && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
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
        _ if open_quote_above(text, at).is_some() => {
            let quote = open_quote_above(text, at).unwrap_or(at);
            unclosed(source, Span::new(quote, quote + 1))
        }
        ErrorKind::SimpleKeyExpected if glued_colon(text, line).is_none() && !text[line.start..line.end].contains(':') => no_colon(source, here),
        _ if text[..at].ends_with('!') || text[at..].starts_with('!') => {
            let start = if text[at..].starts_with('!') { at } else { at - 1 };
            let end = text[start..line.end].find(' ').map_or(line.end, |space| start + space);
            tag(source, Span::new(start, end))
        }
        _ if text[at..].starts_with(['@', '`', '%']) => reserved_sign(source, here),
        _ if text[..at].ends_with('$') && text[at..].starts_with("{{") => bare_expression(source, at),
        _ if glued_colon(text, line).is_some() || glued_colon(text, line_before(text, line)).is_some() => {
            let colon = glued_colon(text, line_before(text, line)).or_else(|| glued_colon(text, line)).unwrap_or(at);
            no_space_after_colon(source, colon)
        }
        _ if text[at..].starts_with(':') && block_value(text, at).is_some_and(|value| value.start < at && at < value.end) => second_colon(source, at),
        _ if text[at..].starts_with(':') && !text[line.start..at].contains([':', '{', '[', ',']) && open_bracket(text, line_before(text, line)).is_none() => {
            indentation(source, line_text(text, line))
        }
        _ if first_on_line && open_bracket(text, line_before(text, line)).is_some() => {
            let bracket = open_bracket(text, line_before(text, line)).unwrap_or(at);
            unclosed(source, Span::new(bracket, bracket + 1))
        }
        _ if key.is_empty() && !text[at..].starts_with(SIGNS) => indentation(source, here),
        kind if text[at..].starts_with('"') && kind.to_string().contains("escape") => escape(source, at),
        _ if block_value(text, at).is_some_and(|value| value.start < at && text[value.start..].starts_with(['\'', '"'])) => quote_ends(source, at),
        kind if text[here.start..].starts_with(SIGNS) || value_on_line(text, at) => quote_needed(source, here, &kind.to_string()),
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

/// Signs that cannot begin a value without quotes.
const SIGNS: [char; 16] = ['@', '`', '%', '!', '&', '*', '|', '>', '\'', '"', '{', '}', '[', ']', ',', ':'];

/// A correction that puts the whole value of the line into quotes, where that is possible.
fn with_quotes(source: &Source, at: usize, finding: Diagnostic) -> Diagnostic {
    let value = block_value(&source.text, at).and_then(|value| Some((value, quoted(&source.text[value.start..value.end])?)));
    match value {
        Some((value, text)) if value.start <= at => finding.fix(value, text),
        _ => finding,
    }
}

fn reserved_sign(source: &Source, here: Span) -> Diagnostic {
    let sign = &source.text[here.start..here.end];
    let what = Text::new(format!("値を「{sign}」で始めることはできません。"), format!("a value cannot start with the sign {sign} ."));
    let why = Text::new("YAML がこの記号を自分のために取ってあります", "YAML keeps this sign for itself");
    let cure = Text::new("値の全体を \"…\" で囲んでください。", "quote the whole value.");
    with_quotes(source, here.start, Diagnostic::error("YAML.RESERVED_SIGN", source.place(here), what).why(why).cure(cure))
}

fn no_colon(source: &Source, here: Span) -> Diagnostic {
    let what = Text::new("「項目: 値」の形になっていない行です。", "this line is not `key: value`.");
    let cure = Text::new(
        "項目名とコロンを書くか、上の行の続きなら、字下げを上の値に合わせるか、全体を \"…\" で囲んでください。",
        "write a key and a colon; a line that continues the value above is indented more, or both are quoted.",
    );
    Diagnostic::error("YAML.NO_COLON", source.place(here), what).cure(cure)
}

fn bare_expression(source: &Source, brace: usize) -> Diagnostic {
    let start = brace - 1;
    let end = source.text[brace..].find("}}").map(|end| brace + end + 2);
    let span = Span::new(start, end.unwrap_or(brace + 2));
    let what = Text::new("{ } や [ ] の中の ${{ }} は引用符で囲みます。", "inside { } and [ ], a `${{ }}` needs quotes.");
    let cure = Text::new("\"${{ … }}\" と書いてください。", "write \"${{ .. }}\".");
    let finding = Diagnostic::error("YAML.BARE_EXPRESSION", source.place(span), what).cure(cure);
    let whole = end.is_some_and(|end| source.text[end..].trim_start_matches(' ').starts_with([',', '}', ']']));
    let begins = source.text[..start].trim_end_matches(' ').ends_with([':', ',', '[']);
    match quoted(&source.text[span.start..span.end]) {
        Some(text) if whole && begins && !text.contains('\n') => finding.fix(span, text),
        _ => finding,
    }
}

fn second_colon(source: &Source, at: usize) -> Diagnostic {
    let what = Text::new("値の中の「: 」(コロンと空白)が、項目の区切りと読まれます。", "the `: ` inside this value is read as the end of another key.");
    let cure = Text::new("値の全体を \"…\" で囲んでください。", "quote the whole value.");
    with_quotes(source, at, Diagnostic::error("YAML.COLON", source.place(one_character(&source.text, at)), what).cure(cure))
}

fn quote_ends(source: &Source, at: usize) -> Diagnostic {
    let what = Text::new("引用符が閉じた後に、値が続いています。", "the value goes on after its quotes are closed.");
    let cure = Text::new(
        "値の全体を、もう一方の引用符で囲んでください(例: \"'a' in x\")。",
        "put the other kind of quotes around the whole value, such as \"'a' in x\".",
    );
    let finding = Diagnostic::error("YAML.QUOTE_ENDS", source.place(one_character(&source.text, at)), what).cure(cure);
    // Right behind the quote it may be an apostrophe (`'it's'`): then nobody knows what was meant.
    if source.text[..at].ends_with(' ') { with_quotes(source, at, finding) } else { finding }
}

/// Where a quote right before this place closes one that was opened on a line above, it was that one which was never closed.
fn open_quote_above(text: &str, at: usize) -> Option<usize> {
    let line = line_of(text, at);
    let before = text[line.start..at].trim_end();
    if !before.ends_with('"') || before.matches('"').count().is_multiple_of(2) {
        return None;
    }
    let mut start = 0;
    text[..line.start].split_inclusive('\n').find_map(|written| {
        let here = start;
        start += written.len();
        let own = written.split(" #").next().unwrap_or(written);
        (own.matches('"').count() % 2 == 1).then(|| own.rfind('"').map(|quote| here + quote)).flatten()
    })
}

/// A bracket of a line that is not closed on it: the last one.
fn open_bracket(text: &str, line: Span) -> Option<usize> {
    let mut open = vec![];
    for (at, c) in text[line.start..line.end].char_indices() {
        match c {
            '{' | '[' => open.push(line.start + at),
            '}' | ']' => {
                open.pop();
            }
            '#' | '"' | '\'' => break,
            _ => {}
        }
    }
    open.pop()
}

/// `key:value` at the start of a line: the place behind its colon.
fn glued_colon(text: &str, line: Span) -> Option<usize> {
    let written = &text[line.start..line.end];
    let key = written.trim_start_matches([' ', '-']);
    let length = key.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))?;
    let rest = key[length..].strip_prefix(':')?;
    let glued = length > 0 && !rest.is_empty() && !rest.starts_with([' ', '\t', '/', '\u{3000}', '\u{a0}']);
    glued.then(|| line.end - rest.len())
}

fn no_space_after_colon(source: &Source, at: usize) -> Diagnostic {
    let colon = Span::new(at - 1, at);
    let what = Text::new("「:」の後に空白がありません。", "there is no space after the colon.");
    let why = Text::new("YAML では「: 」(コロンと空白)で項目になります", "YAML wants a colon and a space");
    let cure = Text::new("空白を1つ入れてください。", "put a space there.");
    Diagnostic::error("YAML.COLON_SPACE", source.place(colon), what).why(why).cure(cure).fix(Span::new(at, at), " ")
}

fn line_before(text: &str, line: Span) -> Span {
    line_of(text, line.start.saturating_sub(1))
}

fn line_text(text: &str, line: Span) -> Span {
    let written = &text[line.start..line.end];
    one_character(text, line.start + written.len() - written.trim_start_matches([' ', '-']).len())
}

/// The line, or the one after it, begins with a tab.
fn indented_with_tab(text: &str, line: Span) -> Option<usize> {
    let next = line_of(text, (line.end + 1).min(text.len()));
    let tabbed = |line: &Span| {
        let written = &text[line.start..line.end];
        let blank = written.len() - written.trim_start_matches([' ', '\t']).len();
        written[..blank].contains('\t') && blank < written.len()
    };
    [line, next].iter().find(|line| tabbed(line)).map(|line| line.start)
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

/// Whether a value already stands before this place on its line.
fn value_on_line(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..at].contains(": ")
}

fn one_character(text: &str, at: usize) -> Span {
    Span::new(at, at + text[at..].chars().next().map_or(0, char::len_utf8))
}
