//! The text of the plans in the main situations, read as an auditor would; their JSON is beside the engine's tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use kirikae_engine::testing::situations::SITUATIONS;
use kirikae_engine::text::{Lang, Text};
use unicode_width::UnicodeWidthStr;

use super::text;

fn shown(situation: &str, lang: Lang) -> String {
    let (_, desk) = SITUATIONS.iter().find(|(name, _)| *name == situation).expect("a situation");
    let desk = desk();
    text(&desk.plan(), &desk.checked, &desk.site, &Text::new("組み込み", "built in"), lang)
}

#[test]
fn renew_due() {
    insta::assert_snapshot!("renew-due.ja", shown("renew-due", Lang::Ja));
    insta::assert_snapshot!("renew-due.en", shown("renew-due", Lang::En));
}

#[test]
fn renew_not_due() {
    insta::assert_snapshot!("renew-not-due.ja", shown("renew-not-due", Lang::Ja));
}

#[test]
fn renew_expired() {
    insta::assert_snapshot!("renew-expired.ja", shown("renew-expired", Lang::Ja));
}

#[test]
fn renew_unreadable() {
    insta::assert_snapshot!("renew-unreadable.ja", shown("renew-unreadable", Lang::Ja));
}

#[test]
fn renew_two_candidates() {
    insta::assert_snapshot!("renew-two-candidates.ja", shown("renew-two-candidates", Lang::Ja));
}

#[test]
fn renew_leftover() {
    insta::assert_snapshot!("renew-leftover.ja", shown("renew-leftover", Lang::Ja));
}

#[test]
fn renew_unreachable() {
    insta::assert_snapshot!("renew-unreachable.ja", shown("renew-unreachable", Lang::Ja));
}

#[test]
fn renew_unverified() {
    insta::assert_snapshot!("renew-unverified.ja", shown("renew-unverified", Lang::Ja));
}

#[test]
fn delete_old_pair() {
    insta::assert_snapshot!("delete-old-pair.ja", shown("delete-old-pair", Lang::Ja));
}

#[test]
fn delete_old_single() {
    insta::assert_snapshot!("delete-old-single.ja", shown("delete-old-single", Lang::Ja));
}

#[test]
fn obtain() {
    insta::assert_snapshot!("obtain.ja", shown("obtain", Lang::Ja));
}

/// Every situation in both languages: no expression of the playbook is shown as code, and nothing but the command to copy is
/// wider than the page.
#[test]
fn no_template_is_shown_and_lines_fit_the_page() {
    for (situation, _) in SITUATIONS {
        for lang in [Lang::Ja, Lang::En] {
            let text = shown(situation, lang);
            assert!(!text.contains("${{"), "{situation}: {text}");
            for line in text.lines().filter(|line| !line.contains("kirikae dry-run")) {
                assert!(line.width() <= super::words::WIDTH, "{situation}: {} columns: {line}", line.width());
            }
        }
    }
}
