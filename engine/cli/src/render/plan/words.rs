//! Words, dates, values and lines of a plan for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_engine::check::Catalogue;
use kirikae_engine::dsl::days_left;
use kirikae_engine::dsl::site::Site;
use kirikae_engine::plan::{Fee, Plan};
use kirikae_engine::text::Lang;
use serde_json::Value as Json;
use unicode_linebreak::linebreaks;
use unicode_width::UnicodeWidthStr;

use crate::render::pad;

/// Half-width columns of a line.
pub(super) const WIDTH: usize = 78;

/// The reader's language and the site's time zone.
pub(super) struct Words {
    pub(super) lang: Lang,
    zone: TimeZone,
}

impl Words {
    pub(super) fn new(lang: Lang, site: &Site) -> Self {
        Self { lang, zone: site.timezone.clone() }
    }

    pub(super) fn pick(&self, ja: &str, en: &str) -> String {
        if self.lang == Lang::Ja { ja.to_owned() } else { en.to_owned() }
    }

    pub(super) fn minute(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The latest time: a day, or an instant to the minute.
    pub(super) fn latest(&self, text: &str) -> String {
        text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |at| self.minute(at))
    }

    pub(super) fn count(&self, number: usize) -> String {
        if number == 0 { self.pick("なし", "none") } else { self.pick(&format!("{number}件"), &number.to_string()) }
    }

    /// `30s` in words; what is no duration stays as it is.
    pub(super) fn span(&self, written: &str) -> String {
        let (number, unit) = written.split_at(written.len().saturating_sub(1));
        let (ja, en) = match unit {
            "s" => ("秒", " s"),
            "m" => ("分", " min"),
            "h" => ("時間", " h"),
            "d" => ("日", " d"),
            _ => return written.to_owned(),
        };
        format!("{number}{}", self.pick(ja, en))
    }

    pub(super) fn fee(&self, fee: Fee) -> String {
        let standing = if fee.yen > 0 && !fee.verified { self.pick("(未確認)", " (unverified)") } else { String::new() };
        format!("{}{}{standing}", fee.yen, self.pick("円", " yen"))
    }

    /// A name list: `a・b`, `a, b`.
    pub(super) fn list(&self, names: &[impl AsRef<str>]) -> String {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        names.join(if self.lang == Lang::Ja { "・" } else { ", " })
    }

    /// A value as a plan holds it: a certificate, a file, anything else.
    pub(super) fn value(&self, value: &Json, plan: &Plan) -> String {
        let field = |name: &str| value.get(name).and_then(Json::as_str).unwrap_or_default();
        let (sha1, until) = (field("sha1"), field("not_after").parse::<Timestamp>());
        if let (Some((head, _)), Some(tail), Ok(until)) = (sha1.split_at_checked(4), sha1.get(sha1.len().saturating_sub(4)..), until) {
            let cn = value.get("subject").and_then(|subject| subject.get("cn")).and_then(Json::as_str).unwrap_or_default();
            let (day, left) = (until.to_zoned(self.zone.clone()).date(), days_left(until, plan.created_at, &self.zone));
            let left = if until <= plan.created_at {
                self.pick("期限切れ", "expired")
            } else {
                self.pick(&format!("残り{left}日"), &format!("{left} days left"))
            };
            return self.pick(&format!("{cn}  拇印 {head}…{tail}  期限 {day}  {left}"), &format!("{cn}  sha1 {head}…{tail}  until {day}, {left}"));
        }
        match value.get("name").and_then(Json::as_str) {
            Some(name) => name.to_owned(),
            None => plain(value),
        }
    }

    /// Sections of manuals; unofficial ones are marked.
    pub(super) fn cites(&self, cites: &[String], catalogue: &Catalogue) -> String {
        let section = |cite: &String| {
            let (manual, section) = cite.split_once('#').unwrap_or((cite, ""));
            let unofficial = catalogue.0.get(manual).is_some_and(|manual| manual.unofficial);
            if unofficial { self.pick(&format!("参考{section}"), &format!("unofficial {section}")) } else { section.to_owned() }
        };
        let sections: Vec<String> = cites.iter().map(section).collect();
        if sections.is_empty() { String::new() } else { format!("{} {}", self.pick("手引", "manual"), sections.join(", ")) }
    }
}

pub(super) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A labelled line of the header, the summary and the footer.
pub(super) fn row(label: &str, text: &str) -> Vec<String> {
    hang(&format!("  {}  ", pad(label, 16)), text)
}

/// A text behind its head, broken where its language may break, later lines below the text's beginning.
pub(super) fn hang(head: &str, text: &str) -> Vec<String> {
    let indent = " ".repeat(head.width());
    let mut lines = vec![];
    let (mut line, mut start) = (head.to_owned(), 0);
    let mut empty = true;
    for (end, _) in linebreaks(text) {
        let piece = &text[start..end];
        start = end;
        if !empty && line.width() + piece.trim_end().width() > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.clone()));
        }
        line.push_str(piece);
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_by_display_width_and_never_before_a_closing_mark() {
        let text = "あ".repeat(34) + "い。う";
        assert_eq!(hang("  原因  ", &text), [format!("  原因  {}", "あ".repeat(34)), "        い。う".to_owned()]);
        assert_eq!(hang("a ", ""), ["a "]);
    }

    #[test]
    fn a_word_longer_than_a_line_stays_whole() {
        let word = "x".repeat(100);
        assert_eq!(hang("- ", &format!("see {word}")), ["- see ".to_owned(), format!("  {word}")]);
    }
}
