//! Applies the mechanical corrections of findings to a text. Everything else of the file stays byte for byte: comments, spaces, line ends.
//!
//! May use: text. Must not: touch files.
#![expect(clippy::disallowed_types, reason = "only asked whether something is in it, never walked")]

use std::collections::HashSet;

use super::quoting::line_of;
use super::{Diagnostic, Fix, LineColumn, Source};

/// Corrections are made in so many rounds at most: a corrected text can show further findings.
const MAX_ROUNDS: usize = 1_000;

/// One correction, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The finding that it mends.
    pub code: &'static str,
    /// Where, in the text as it was at that moment.
    pub at: LineColumn,
    /// The line before.
    pub before: String,
    /// The line, or lines, after.
    pub after: String,
}

/// A corrected text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The new text; the old one if nothing could be corrected.
    pub text: String,
    /// What was changed, in order.
    pub changes: Vec<Change>,
}

/// Corrects a text until `examine` finds nothing more in it that has exactly one mechanical correction. What was corrected once is not
/// corrected again: a second call changes nothing.
pub fn mend(source: &Source, mut examine: impl FnMut(&Source) -> Vec<Diagnostic>) -> Mended {
    let mut current = source.clone();
    let mut changes = vec![];
    let mut seen = HashSet::from([current.digest()]);
    for _ in 0..MAX_ROUNDS {
        let findings = examine(&current);
        let own: Vec<_> = findings.iter().filter(|finding| finding.place.as_ref().is_some_and(|place| place.file == current.name)).collect();
        // While YAML reads something else than was meant, what looks like a misspelt name may be none.
        let is_yaml = |finding: &&&Diagnostic| finding.code.starts_with("YAML.");
        let broken = own.iter().any(|finding| is_yaml(&finding));
        let own = own.iter().filter(|finding| !broken || is_yaml(finding));
        let fixes: Vec<(&'static str, &Fix)> = own.filter_map(|finding| Some((finding.code, finding.fix.as_ref()?))).collect();
        let (text, made) = apply(&current, fixes);
        let next = Source::new(current.name.clone(), text);
        if made.is_empty() || !seen.insert(next.digest()) {
            break;
        }
        changes.extend(made);
        current = next;
    }
    Mended { text: current.text.to_string(), changes }
}

/// Applies at most one correction per line; those left come in the next round.
fn apply(source: &Source, mut fixes: Vec<(&'static str, &Fix)>) -> (String, Vec<Change>) {
    let old = &*source.text;
    fixes.retain(|(_, fix)| old.get(fix.span.start..fix.span.end).is_some_and(|written| written != fix.text));
    fixes.sort_by_key(|(_, fix)| fix.span);
    let (mut text, mut changes, mut copied, mut free) = (String::with_capacity(old.len()), vec![], 0, 0);
    for (code, fix) in fixes {
        let (first, last) = (line_of(old, fix.span.start), line_of(old, fix.span.end));
        if first.start < free {
            continue;
        }
        free = last.end + 1;
        text.push_str(&old[copied..fix.span.start]);
        text.push_str(&fix.text);
        copied = fix.span.end;
        changes.push(Change {
            code,
            at: source.line_column(fix.span.start),
            before: old[first.start..last.end].to_owned(),
            after: format!("{}{}{}", &old[first.start..fix.span.start], fix.text, &old[fix.span.end..last.end.max(fix.span.end)]),
        });
    }
    text.push_str(&old[copied..]);
    (text, changes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::text::{Span, Text, Tree};

    #[test]
    fn comments_and_line_ends_survive_and_a_second_call_changes_nothing() {
        let text = "# head\r\na: 0123 # why\r\nb: *.p12\r\nc: [ 007, 008 ]\r\n";
        let examine = |source: &Source| Tree::read(source).findings;
        let mended = mend(&Source::new("t", text), examine);
        assert_eq!(mended.text, "# head\r\na: \"0123\" # why\r\nb: \"*.p12\"\r\nc: [ \"007\", \"008\" ]\r\n");
        assert_eq!(mended.changes.len(), 4);
        assert_eq!((mended.changes[0].before.as_str(), mended.changes[0].after.as_str()), ("a: 0123 # why", "a: \"0123\" # why"));
        let again = mend(&Source::new("t", mended.text.as_str()), examine);
        assert_eq!((again.text, again.changes), (mended.text, vec![]));
    }

    #[test]
    fn corrections_that_undo_each_other_end() {
        let flip = |source: &Source| {
            let other = if &*source.text == "a" { "b" } else { "a" };
            vec![Diagnostic::error("T.T", source.place(Span::new(0, 1)), Text::plain("x")).fix(Span::new(0, 1), other)]
        };
        assert_eq!(mend(&Source::new("t", "a"), flip).changes.len(), 1);
    }

    #[test]
    fn other_files_are_left_alone() {
        let other = |_: &Source| {
            let place = Source::new("other", "x").place(Span::new(0, 1));
            vec![Diagnostic::error("T.T", place, Text::plain("x")).fix(Span::new(0, 1), "y")]
        };
        assert_eq!(mend(&Source::new("t", "x"), other).text, "x");
    }
}
