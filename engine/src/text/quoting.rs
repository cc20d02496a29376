//! Putting quotes around a value, for corrections.
//!
//! May use: text. Must not: know the YAML library.

use super::Span;

/// The line of a byte, without its end.
pub(super) fn line_of(text: &str, at: usize) -> Span {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    Span::new(start, end - usize::from(end > start && text[..end].ends_with('\r')))
}

/// The value that a line of a block mapping or list holds: behind the first `: `, else behind `- `, up to the line's end or a comment.
/// `None` for a value that begins with a bracket: there, several values share the line.
pub(super) fn block_value(text: &str, at: usize) -> Option<Span> {
    let line = line_of(text, at);
    let written = &text[line.start..line.end];
    let colon = written.find(": ").map(|colon| colon + 2);
    let dash = written.trim_start().starts_with("- ").then(|| written.find("- ").map_or(0, |dash| dash + 2));
    let from = colon.or(dash)?;
    let start = from + written[from..].len() - written[from..].trim_start_matches(' ').len();
    let end = start + written[start..].find(" #").unwrap_or(written.len() - start);
    let value = written[start..end].trim_end_matches([' ', '\t']);
    if value.is_empty() || value.starts_with(['{', '[']) {
        return None;
    }
    Some(Span::new(line.start + start, line.start + start + value.len()))
}

/// A text in quotes that YAML reads back as the same text; `None` where neither kind of quotes does without escapes.
pub(super) fn quoted(text: &str) -> Option<String> {
    if !text.contains(['"', '\\']) {
        Some(format!("\"{text}\""))
    } else if !text.contains('\'') {
        Some(format!("'{text}'"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_value_of_a_line_ends_before_its_comment() {
        let value = |text: &str| block_value(text, text.len() - 1).map(|span| text[span.start..span.end].to_owned());
        assert_eq!(value("a:\n  say: 時刻: 9:00  # c").as_deref(), Some("時刻: 9:00"));
        assert_eq!(value("- @x").as_deref(), Some("@x"));
        assert_eq!(value("- say: @x\r\n").as_deref(), Some("@x"));
        assert_eq!(value("a: { b: @x }"), None);
        assert_eq!(value("a"), None);
    }

    #[test]
    fn quotes_are_chosen_so_that_nothing_needs_escapes() {
        assert_eq!(quoted("it's").unwrap(), "\"it's\"");
        assert_eq!(quoted("\"x\" and y").unwrap(), "'\"x\" and y'");
        assert_eq!(quoted("\"x\" and 'y'"), None);
    }
}
