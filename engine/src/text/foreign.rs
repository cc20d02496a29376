//! Texts without quotes that other YAML readers take for a truth value, a number, a date or a time.
//!
//! The language reads them by the type of their field, so nothing is lost here; in an editor, a script or a later tool it is. Hence the quotes.
//! Sources: YAML 1.1 type repository (bool, int, float, timestamp), YAML 1.2.2 chapter 10.3.
//!
//! May use: text. Must not: know types of the language.

use super::{Diagnostic, Source, Span, Text};

/// What another reader makes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    Truth(bool),
    Number,
    Date,
    Sexagesimal,
}

/// The truth value that a YAML 1.1 reader sees in a text (`yes`, `Off`, `n`).
pub(crate) fn truth_word(text: &str) -> Option<bool> {
    let folded = text.to_ascii_lowercase();
    let cased = text == folded || text == text.to_ascii_uppercase() || text.get(1..) == folded.get(1..);
    match folded.as_str() {
        "y" | "yes" | "true" | "on" if cased => Some(true),
        "n" | "no" | "false" | "off" if cased => Some(false),
        _ => None,
    }
}

/// The finding for a text without quotes, in a place for texts, that another reader changes.
pub(crate) fn foreign(source: &Source, text: &str, span: Span) -> Option<Diagnostic> {
    let (code, what, why) = match kind(text)? {
        Foreign::Truth(yes) => (
            "YAML.TRUTH_WORD",
            Text::new(format!("「{text}」は引用符で囲んでください。"), format!("quote `{text}`.")),
            Text::new(format!("他の YAML ソフトは真偽値({yes})と読みます"), format!("other YAML readers take it as the truth value {yes}")),
        ),
        Foreign::Number => (
            "YAML.NUMBER",
            Text::new(format!("「{text}」は引用符で囲んでください。"), format!("quote `{text}`.")),
            Text::new("他の YAML ソフトは数と読み、書き方や桁が変わることがあります", "other YAML readers take it as a number and may change its digits"),
        ),
        Foreign::Date => (
            "YAML.DATE",
            Text::new(format!("「{text}」は引用符で囲んでください。"), format!("quote `{text}`.")),
            Text::new("他の YAML ソフトは文字ではなく日付と読みます", "other YAML readers take it as a date, not a text"),
        ),
        Foreign::Sexagesimal => (
            "YAML.SEXAGESIMAL",
            Text::new(format!("「{text}」は引用符で囲んでください。"), format!("quote `{text}`.")),
            Text::new("他の YAML ソフトは60進数と読みます(12:30 は 750 になります)", "other YAML readers take it as a number to base 60 (12:30 becomes 750)"),
        ),
    };
    let cure = Text::new(format!("\"{text}\" と書いてください。"), format!("write \"{text}\"."));
    Some(Diagnostic::error(code, source.place(span), what).why(why).cure(cure).fix(span, format!("\"{text}\"")))
}

fn kind(text: &str) -> Option<Foreign> {
    if let Some(yes) = truth_word(text) {
        return Some(Foreign::Truth(yes));
    }
    if !text.is_ascii() || text.len() > 64 {
        return None;
    }
    if is_date(text) {
        return Some(Foreign::Date);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_sexagesimal(unsigned) {
        return Some(Foreign::Sexagesimal);
    }
    is_changed_number(unsigned).then_some(Foreign::Number)
}

/// `2026-11-23`, with or without a time behind it.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let number = |part: Option<&str>, most: usize| part.is_some_and(|part| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let year = parts.next();
    let month = parts.next();
    let rest = parts.next().unwrap_or_default();
    let day = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    year.is_some_and(|year| year.len() == 4)
        && number(year, 4)
        && number(month, 2)
        && number(rest.get(..day), 2)
        && (day == rest.len() || rest[day..].starts_with(['T', 't', ' ']))
}

/// `12:30`, `1:00:00`, `190:20:30.15`.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let starts = first.starts_with(|c: char| ('1'..='9').contains(&c)) && first.bytes().all(|b| b.is_ascii_digit());
    let sixty = |part: &str| {
        let whole = part.split_once('.').map_or(part, |(whole, _)| whole);
        (1..=2).contains(&whole.len()) && whole.parse::<u8>().is_ok_and(|number| number < 60)
    };
    starts && !rest.is_empty() && rest.iter().all(|part| sixty(part) && part.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// A number that does not come back as it was written. Plain whole numbers up to 15 digits do.
fn is_changed_number(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    let digits = |part: &str, fits: fn(u8) -> bool| !part.is_empty() && part.bytes().all(|b| fits(b) || b == b'_');
    for (prefix, fits) in [("0x", is_hex as fn(u8) -> bool), ("0b", |b| matches!(b, b'0' | b'1')), ("0o", |b| (b'0'..=b'7').contains(&b))] {
        if lower.strip_prefix(prefix).is_some_and(|rest| digits(rest, fits)) {
            return true;
        }
    }
    let decimal = |b: u8| b.is_ascii_digit();
    if text.starts_with(|c: char| c.is_ascii_digit()) && digits(text, decimal) {
        return text.contains('_') || text.len() > 15;
    }
    let (mantissa, exponent) = lower.split_once('e').map_or((lower.as_str(), None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && exponent.bytes().all(|b| b.is_ascii_digit())
    });
    let starts = whole.starts_with(|c: char| c.is_ascii_digit()) || (whole.is_empty() && fraction.starts_with(|c: char| c.is_ascii_digit()));
    (mantissa.contains('.') || exponent.is_some()) && starts && all(whole) && all(fraction) && exponent_fits
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_readers_change_is_found() {
        for (text, wanted) in [
            ("no", Foreign::Truth(false)),
            ("Yes", Foreign::Truth(true)),
            ("ON", Foreign::Truth(true)),
            ("n", Foreign::Truth(false)),
            ("12E4", Foreign::Number),
            ("1.10", Foreign::Number),
            ("0x1F", Foreign::Number),
            ("1_000", Foreign::Number),
            ("-.5", Foreign::Number),
            (".NaN", Foreign::Number),
            ("1234567890123456", Foreign::Number),
            ("2026-11-23", Foreign::Date),
            ("2026-1-2 10:00", Foreign::Date),
            ("12:30", Foreign::Sexagesimal),
            ("190:20:30", Foreign::Sexagesimal),
        ] {
            assert_eq!(kind(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_comes_back_as_written_is_left_alone() {
        for text in [
            "",
            "nO",
            "none",
            "90",
            "0",
            "-3",
            "110119153012345",
            "1.0.0",
            "30s",
            "90d",
            "08:00-22:00",
            "12:75",
            "2026-11",
            "0xZZ",
            "e5",
            ".",
            "1e",
            "日付",
            "a1",
        ] {
            assert_eq!(kind(text), None, "{text}");
        }
    }
}
