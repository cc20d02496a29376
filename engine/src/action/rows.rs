//! Rows of a portal's list: which are about our certificate, which are newer than it, which were not there before.
//!
//! May use: rows, certificates, dates. Must not: contact anything.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::backend::Row;
use crate::dsl::{CertInfo, Type, fold};

/// How a row stands to the certificate that is being replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// A date on it shows that it is newer.
    Newer,
    /// A date or the serial shows that it is not.
    NotNewer,
    /// Nothing on it tells, or what is on it contradicts itself.
    Unknown,
}

/// The age of a row against `old`. Days are counted in `zone`, as the page shows them.
pub(super) fn age(row: &Row, old: &CertInfo, zone: &TimeZone) -> Age {
    if cell(row, "serial").is_some_and(|serial| same_serial(&serial, &old.serial)) {
        return Age::NotNewer;
    }
    let day = |at: jiff::Timestamp| at.to_zoned(zone.clone()).date();
    let by_expiry = cell(row, "not_after").and_then(|text| read_dates(&text).pop()).map(|date| date > day(old.not_after));
    let by_issue = cell(row, "issued_on").and_then(|text| read_dates(&text).into_iter().next()).map(|date| date > day(old.not_before));
    match (by_expiry, by_issue) {
        (Some(true), None | Some(true)) | (None, Some(true)) => Age::Newer,
        (Some(false), None | Some(false)) | (None, Some(false)) => Age::NotNewer,
        (None, None) | (Some(true), Some(false)) | (Some(false), Some(true)) => Age::Unknown,
    }
}

/// Whether a row is about this common name; rows that do not say are.
pub(super) fn is_about(row: &Row, cn: &str) -> bool {
    let Some(subject) = cell(row, "subject") else { return true };
    let wanted = narrow(cn);
    let names = |part: &str| part.trim().split_once('=').is_some_and(|(key, value)| key.trim().eq_ignore_ascii_case("cn") && value.trim() == wanted);
    subject == wanted || subject.split([',', '/', ';']).any(names)
}

/// The rows of `now` that `before` does not have. A row is the same by its request ID, else by its serial, else by all
/// cells but its state; equal rows are counted.
pub(super) fn appeared(now: &[Row], before: &[Row]) -> Vec<Row> {
    let mut left: Vec<Identity> = before.iter().map(identity).collect();
    let is_new = |row: &&Row| match left.iter().position(|known| *known == identity(row)) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    };
    now.iter().filter(is_new).cloned().collect()
}

/// What makes a row the row it is.
#[derive(PartialEq)]
enum Identity {
    Request(String),
    Serial(String),
    Cells(Vec<String>),
}

fn identity(row: &Row) -> Identity {
    if let Some(request) = cell(row, "request_id") {
        return Identity::Request(request);
    }
    if let Some(serial) = cell(row, "serial") {
        return Identity::Serial(plain_serial(&serial));
    }
    let mut cells: Vec<String> = row.cells.iter().map(|text| narrow(text)).collect();
    if let Some(status) = row.columns.get("status").map(|text| narrow(text))
        && let Some(at) = cells.iter().position(|text| *text == status)
    {
        cells.remove(at);
    }
    Identity::Cells(cells)
}

/// The text of a column, folded; `None` when it is empty or a dash.
pub(super) fn cell(row: &Row, column: &str) -> Option<String> {
    row.columns.get(column).map(|text| narrow(text)).filter(|text| !text.is_empty() && !text.chars().all(|c| matches!(c, '-' | 'ー' | '―' | '‐' | '—' | '−')))
}

fn narrow(text: &str) -> String {
    fold(&Type::Ascii, text)
}

fn plain_serial(text: &str) -> String {
    let text = fold(&Type::Hex, text);
    text.strip_prefix("0x").unwrap_or(&text).trim_start_matches('0').to_owned()
}

fn same_serial(shown: &str, serial: &str) -> bool {
    plain_serial(shown) == plain_serial(serial)
}

/// The dates in a text, in order: `2026/11/23`, `2026-11-23`, `2026.11.23`, `2026年11月23日`, `令和8年11月23日`, full-width too.
/// A text that is eight digits is `20261123`. What is no date is passed over.
pub(super) fn read_dates(text: &str) -> Vec<Date> {
    let text = narrow(text);
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        return date(text[..4].parse().ok(), &text[4..6], &text[6..]).into_iter().collect();
    }
    let mut dates = vec![];
    let mut year: Option<i16> = None;
    let mut month: Option<&str> = None;
    for (before, digits) in (Numbers { rest: &text }) {
        let separated = matches!(before.trim(), "/" | "-" | "." | "年" | "月");
        match (year, month) {
            (Some(_), None) if separated && digits.len() <= 2 => month = Some(digits),
            (Some(_), Some(known)) if separated && digits.len() <= 2 => {
                dates.extend(date(year, known, digits));
                (year, month) = (None, None);
            }
            _ => {
                month = None;
                year = if digits.len() == 4 {
                    digits.parse().ok()
                } else if before.trim_end().ends_with("令和") && digits.len() <= 2 {
                    digits.parse().ok().and_then(|era: i16| era.checked_add(2018))
                } else {
                    None
                };
                // 令和元年11月23日: the first number is already the month.
                if year.is_none() && before.trim_end().ends_with("令和元年") {
                    (year, month) = (Some(2019), Some(digits));
                }
            }
        }
    }
    dates
}

fn date(year: Option<i16>, month: &str, day: &str) -> Option<Date> {
    Date::new(year?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// Runs of digits, each with the text before it.
struct Numbers<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Numbers<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.find(|c: char| c.is_ascii_digit())?;
        let (before, digits) = self.rest.split_at(start);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(end);
        self.rest = rest;
        Some((before, digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, &str)]) -> Row {
        Row {
            columns: columns.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            cells: columns.iter().map(|(_, text)| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn dates_in_the_spellings_of_japanese_pages() {
        let day = jiff::civil::date(2026, 11, 23);
        for text in [
            "2026/11/23",
            "2026-11-23",
            "2026.11.23",
            "2026年11月23日",
            "２０２６年１１月２３日",
            "2026 / 11 / 23 10:15:00",
            "令和8年11月23日",
            "20261123",
            "発行日: 2026/11/23",
        ] {
            assert_eq!(read_dates(text), [day], "{text}");
        }
        assert_eq!(read_dates("令和元年5月1日"), [jiff::civil::date(2019, 5, 1)]);
        assert_eq!(read_dates("2026/11/23 ~ 2030/02/22"), [day, jiff::civil::date(2030, 2, 22)]);
        for text in ["", "-", "発行済み", "202612310100076", "2026/13/01", "11/23/2026", "23 Nov 2026"] {
            assert_eq!(read_dates(text), [], "{text}");
        }
    }

    #[test]
    fn a_row_is_the_same_when_only_its_state_changed() {
        let before = [row(&[("request_id", "202611230100076"), ("status", "鍵生成中")])];
        let after = [row(&[("request_id", "202611230100076"), ("status", "発行済み")])];
        assert_eq!(appeared(&after, &before), []);
        let before = [row(&[("subject", "0110119153"), ("status", "鍵生成中")])];
        let after = [row(&[("subject", "0110119153"), ("status", "発行済み")])];
        assert_eq!(appeared(&after, &before), []);
    }

    #[test]
    fn equal_rows_are_counted() {
        let one = row(&[("subject", "0110119153"), ("status", "発行済み")]);
        assert_eq!(appeared(&[one.clone(), one.clone()], std::slice::from_ref(&one)), [one]);
    }

    #[test]
    fn subjects_are_compared_as_names() {
        for (shown, ours) in
            [("0110119153", true), ("０１１０１１９１５３", true), ("C=JP, CN=0110119153", true), ("0110119154", false), ("10110119153", false)]
        {
            assert_eq!(is_about(&row(&[("subject", shown)]), "0110119153"), ours, "{shown}");
        }
        assert!(is_about(&row(&[("status", "発行済み")]), "0110119153"));
    }
}
