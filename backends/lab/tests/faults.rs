//! Each fault acts as it is named and as often as it was asked for; nothing else changes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::time::{Duration, SystemTime};

use kirikae_lab::{HtmlVariant, Lab, LabOptions, start};
use support::{Browser, Seen, count, lab, obn, old_credential, open_p12};
use tempfile::TempDir;

/// A lab with one fault, and a browser with the certificate to renew.
struct Visit {
    home: TempDir,
    lab: Lab,
    browser: Browser,
}

impl Visit {
    fn with(fault: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let lab = lab(home.path(), &[fault], HtmlVariant::Plain);
        let browser = Browser::new(home.path(), &lab, Some(&old_credential(home.path())));
        Self { home, lab, browser }
    }

    fn dir(&self) -> &Path {
        self.home.path()
    }

    fn renew(&self) -> Option<Seen> {
        let form = self.browser.follow(&self.browser.open("/p/ru").unwrap(), "証明書更新申請").unwrap();
        self.browser.press(&form, "Submit", &[]).ok()
    }

    fn accepted(&self) -> bool {
        self.renew().is_some_and(|page| page.shows("申請情報を受け付けました"))
    }

    fn list(&self) -> Seen {
        self.browser.follow(&self.browser.open("/p/ru").unwrap(), "更新後証明書の取得").unwrap()
    }

    fn issued_list(&self) -> Seen {
        std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(50));
            self.list()
        })
        .take(200)
        .find(|list| list.shows("発行済み"))
        .expect("an issued row")
    }

    fn fetch(&self) -> Vec<u8> {
        let key = self.browser.press(&self.issued_list(), "Download Key", &[]).unwrap();
        let ready = self.browser.press(&key, "Submit", &["0417"]).unwrap();
        self.browser.press(&ready, "Download", &[]).unwrap().body
    }

    /// (received, issued)
    fn counts(&self) -> (usize, usize) {
        (count(self.dir(), "received"), count(self.dir(), "issued"))
    }
}

#[test]
fn drop_before_closes_the_connection_and_issues_nothing() {
    let visit = Visit::with("drop-before");
    assert!(visit.renew().is_none());
    assert_eq!(visit.counts(), (1, 0));
    assert!(visit.accepted(), "once only");
    assert_eq!(visit.counts(), (2, 1));
}

#[test]
fn drop_after_effect_issues_and_closes_the_connection() {
    let visit = Visit::with("drop-after-effect@renew");
    assert!(visit.renew().is_none());
    assert_eq!(visit.counts(), (1, 1));
    assert!(visit.list().shows("0110119153"));
    assert!(open_p12(&visit.fetch(), "0417").is_some());
}

#[test]
fn hidden_30s_keeps_the_row_out_of_the_list_though_it_is_issued() {
    let visit = Visit::with("drop-after-effect-hidden-30s");
    assert!(visit.renew().is_none());
    assert_eq!(visit.counts(), (1, 1));
    std::thread::sleep(Duration::from_millis(300));
    assert!(visit.list().shows("表示する情報はありません"));
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(visit.dir().join("lab-state.json")).unwrap()).unwrap();
    // The first is the certificate in the store; the renewal comes after it.
    let renewal = state["issuances"].as_array().unwrap().last().unwrap();
    let time = |key: &str| renewal[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("hidden_until").duration_since(time("accepted_at")).as_secs(), 30);
}

#[test]
fn stale_row_shows_an_older_certificate_than_the_clients_own() {
    let visit = Visit::with("stale-row");
    let stale = visit.list();
    assert!(stale.shows("発行済み") && stale.shows("Download Key"));
    assert!(visit.accepted());
    assert_eq!(visit.counts(), (1, 1), "the old row is no issuance");
    assert!(visit.list().text.matches("<tr>").count() >= 2);
}

#[test]
fn http_503_redirect_307_and_session_timeout_have_no_effect_and_act_as_often_as_asked() {
    for (fault, status) in [("http-503:2", 503), ("redirect-307:2", 307), ("session-timeout:2", 200)] {
        let visit = Visit::with(fault);
        for _ in 0..2 {
            let page = visit.renew().unwrap();
            assert_eq!(page.status, status, "{fault}");
            assert_eq!(page.location.is_some(), status == 307, "{fault}");
            assert_eq!(page.shows("セッションがタイムアウトしました"), status == 200, "{fault}");
        }
        assert_eq!(visit.counts(), (2, 0), "{fault}");
        assert!(visit.accepted(), "{fault}");
        assert_eq!(visit.counts(), (3, 1), "{fault}");
    }
}

#[test]
fn counts_survive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let old = |lab: &Lab| Browser::new(home.path(), lab, Some(&old_credential(home.path())));
    for left in [true, true, false] {
        let lab = lab(home.path(), &["http-503:2"], HtmlVariant::Plain);
        let browser = old(&lab);
        let form = browser.follow(&browser.open("/p/ru").unwrap(), "証明書更新申請").unwrap();
        assert_eq!(browser.press(&form, "Submit", &[]).unwrap().status == 503, left);
    }
}

#[test]
fn a_fault_acts_on_the_operation_it_is_named_with() {
    let visit = Visit::with("http-503@status");
    assert!(visit.accepted());
    assert_eq!(visit.list().status, 503);
    assert_eq!(visit.list().status, 200);
}

#[test]
fn files_come_truncated_as_a_page_or_under_another_password_once() {
    for fault in ["truncated-file", "html-instead-of-file", "wrong-password-file"] {
        let visit = Visit::with(fault);
        assert!(visit.accepted(), "{fault}");
        let bad = visit.fetch();
        assert!(open_p12(&bad, "0417").is_none(), "{fault}");
        assert_eq!(bad.starts_with(b"<!DOCTYPE html>"), fault == "html-instead-of-file", "{fault}");
        let good = visit.fetch();
        assert!(open_p12(&good, "0417").is_some(), "{fault}");
        assert_eq!(bad.len() * 2 <= good.len(), fault != "wrong-password-file", "{fault}");
    }
}

#[test]
fn never_issued_stays_pending_and_is_no_issuance() {
    let visit = Visit::with("never-issued");
    assert!(visit.accepted());
    std::thread::sleep(Duration::from_millis(400));
    let list = visit.list();
    assert!(list.shows("発行要求中") && !list.shows("発行済み"));
    assert_eq!(visit.counts(), (1, 0));
}

#[test]
fn issued_wrong_subject_is_somebody_elses_certificate() {
    let visit = Visit::with("issued-wrong-subject");
    assert!(visit.accepted());
    assert!(visit.issued_list().shows("0110119159"));
    let stranger = open_p12(&visit.fetch(), "0417").unwrap();
    assert!(stranger.chain[0].windows(10).any(|octets| octets == b"0110119159"));
}

#[test]
fn revokes_old_at_issue_ends_the_old_certificate_only_then() {
    let visit = Visit::with("revokes-old-at-issue");
    assert!(visit.accepted());
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(visit.browser.open("/p/ru").unwrap().status, 403);
    assert_eq!(count(visit.dir(), "revoked"), 1);
    let kept = Visit::with("delay:1");
    assert!(kept.accepted());
    assert!(open_p12(&kept.fetch(), "0417").is_some());
    assert_eq!(kept.browser.open("/p/ru").unwrap().status, 200, "without the fault the old one keeps working");
}

#[test]
fn delay_answers_late_but_as_always() {
    let home = tempfile::tempdir().unwrap();
    let faults = vec!["delay".parse().unwrap()];
    let lab = start(LabOptions { faults, pace: Duration::from_millis(250), ..LabOptions::new(home.path(), vec![obn()]) }).unwrap();
    let browser = Browser::new(home.path(), &lab, Some(&old_credential(home.path())));
    let form = browser.follow(&browser.open("/p/ru").unwrap(), "証明書更新申請").unwrap();
    let begun = std::time::Instant::now();
    assert!(browser.press(&form, "Submit", &[]).unwrap().shows("申請情報を受け付けました"));
    assert!(begun.elapsed() >= Duration::from_millis(500));
}

#[test]
fn clock_skew_lasts_one_session() {
    let late = |page: &Seen| httpdate::parse_http_date(&page.date).unwrap() > SystemTime::now() + Duration::from_secs(3000);
    let visit = Visit::with("clock-skew@renew");
    assert!(late(&visit.list()) && late(&visit.list()), "each answer of the session");
    let next = Browser::new(visit.dir(), &visit.lab, Some(&old_credential(visit.dir())));
    assert!(!late(&next.open("/p/ru").unwrap()));
}
