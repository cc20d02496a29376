//! `fullwidth`: full-width digits in values, full-width letters in labels, a full-width colon after each.

use super::Field;
use super::markup::{Markup, escape};

/// The full-width variant.
pub(super) struct Fullwidth;

impl Markup for Fullwidth {
    fn label(&self, text: &str) -> String {
        escape(
            &text
                .chars()
                .map(|c| {
                    if c == ' ' {
                        '\u{3000}'
                    } else if c.is_ascii_alphanumeric() {
                        widen(c)
                    } else {
                        c
                    }
                })
                .collect::<String>(),
        )
    }

    fn value(&self, text: &str) -> String {
        escape(&text.chars().map(|c| if c.is_ascii_digit() { widen(c) } else { c }).collect::<String>())
    }

    fn values(&self, values: &[(String, String)]) -> String {
        let rows: String = values.iter().map(|(label, value)| format!("<tr><td>{}：</td><td>{}</td></tr>\n", self.label(label), self.value(value))).collect();
        format!("<table>\n{rows}</table>\n")
    }

    fn field(&self, field: &Field) -> String {
        format!("<p><label for=\"{}\">{}：</label>{}</p>\n", escape(&field.name), self.label(&field.label), self.control(field))
    }
}

/// The full-width form of a printable ASCII character (U+FF01..U+FF5E).
fn widen(c: char) -> char {
    char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)
}
