//! What moved since a plan or since a run began: what it was, what it is.

use jiff::tz::TimeZone;
use kirikae_engine::plan::Moved;
use kirikae_engine::text::Lang;

use super::pad;

/// Two lines below the name of each thing that moved.
pub fn lines(moved: &[Moved], zone: &TimeZone, lang: Lang) -> Vec<String> {
    let (was, is) = if lang == Lang::Ja { ("計画", "今") } else { ("was", "is") };
    let mut lines = vec![];
    for moved in moved {
        lines.push(moved.label().get(lang).to_owned());
        let (before, now) = moved.values(zone);
        lines.push(format!("  {}  {}", pad(was, 4), before.get(lang)));
        lines.push(format!("  {}  {}", pad(is, 4), now.get(lang)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved() -> Vec<Moved> {
        vec![
            Moved::at("current", "cert.sha1", "d9cb3c82b9bf4a1b7019fa0796dc508c82ac0e70", "d274224d8f1be7ab8ad7d5c0a0e0c7ce1e9c0349"),
            Moved::at("current", "cert.not_after", "2027-01-22T03:00:00Z", "2027-02-01T03:00:00Z"),
            Moved::at("retire", "when.steps.current.cert.days_left <= 59", "skip", "run"),
            Moved::at("request", "fee", "1000", "1500"),
            Moved::at("fetch", "secret.password", "-", "pin"),
            Moved::of_all("role.personal", "dir:/personal", "dir:/elsewhere"),
            Moved::of_all("site.sakura-clinic/uketsuke-01", "1a2b3c4d5e6f", "6f5e4d3c2b1a"),
        ]
    }

    #[test]
    fn people_read_what_it_was_and_what_it_is() {
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC);
        insta::assert_snapshot!("moved.ja", lines(&moved(), &tokyo, Lang::Ja).join("\n"));
        insta::assert_snapshot!("moved.en", lines(&moved(), &tokyo, Lang::En).join("\n"));
    }
}
