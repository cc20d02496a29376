//! Accounts over real HTTPS: a wrong password is counted, stopped in time, and a site that does lock is never brought to it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../engine/tests/attempts/mod.rs"]
mod attempts;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use attempts::{Desk, Said, failure};
use kirikae_backends::ca::portal::{Portal, PortalSettings, Roots};
use kirikae_engine::action::registry;
use kirikae_engine::backend::profile::Hands;
use kirikae_engine::check::{Checked, Library, check};
use kirikae_engine::run::{Outcome, Phase, RunEnd, State};
use kirikae_engine::text::Source;
use kirikae_lab::{Fault, Lab, LabOptions, start};
use support::{Browser, count, profile};

const PROFILE: &str = include_str!("sample/portal.yaml");

struct Shelf;

impl Library for Shelf {
    fn playbook(&self, _id: &str) -> Option<Source> {
        None
    }

    fn portal(&self, id: &str) -> Option<Source> {
        (id == "sample").then(|| Source::new("portals/sample.yaml", PROFILE))
    }

    fn sources(&self) -> Option<Source> {
        let text = "kirikae: sources/1\nsources:\n  sample:\n    title: 見本\n    edition: \"1\"\n    standing: official\n    sections: { \"1\": ログイン, \"2\": 一覧 }\n";
        Some(Source::new("sources.yaml", text))
    }
}

fn playbook(limits: &str, rest: &str) -> Checked {
    let text = format!(
        r#"kirikae: playbook/1
id: sample/login
version: "1.0.0"
title: 例
sources: [sample]
backends:
  web: {{ kind: web, profile: sample }}
secrets:
  password: {{ type: text, title: パスワード, attempts: {{ {limits}, cite: sample#1 }} }}
steps:
  login:
    title: ログイン
    uses: web.sign_in@1
    with: {{ portal: web, user_id: "0012700016000053", password: "${{{{ secrets.password }}}}" }}
{rest}"#
    );
    let source = Source::from_bytes("login.yaml", text.as_bytes()).unwrap();
    check(&source, &Shelf, registry()).result.unwrap_or_else(|findings| panic!("{findings:#?}"))
}

struct Clinic {
    lab_dir: tempfile::TempDir,
    _lab: Lab,
    desk: Desk,
    device: String,
}

impl Clinic {
    /// A lab where the account's password is `himitsu`. The first sign-in, by hand, takes the first strike of a fault.
    fn new(faults: &[&str]) -> Self {
        Self::by(faults, None)
    }

    fn by(faults: &[&str], hands: Option<Hands>) -> Self {
        let lab_dir = tempfile::tempdir().unwrap();
        let faults = faults.iter().map(|fault| fault.parse::<Fault>().unwrap()).collect();
        let lab = start(LabOptions { faults, ..LabOptions::new(lab_dir.path(), vec![profile(PROFILE)]) }).unwrap();
        let port = std::fs::read_to_string(lab_dir.path().join("port")).unwrap();
        let base = format!("https://127.0.0.1:{}", port.trim());
        let settings = PortalSettings {
            base: base.clone(),
            roots: Roots::Pem(std::fs::read(lab_dir.path().join("lab-ca.pem")).unwrap()),
            proxy: None,
            timeout: Duration::from_secs(20),
            absent_after: None,
            hands,
        };
        let desk = Desk::new();
        *desk.portal.borrow_mut() = Some(Arc::new(Portal::new(profile(PROFILE), settings).unwrap()));
        let clinic = Self { desk, _lab: lab, device: format!("account:0012700016000053@{base}"), lab_dir };
        clinic.by_hand("himitsu");
        clinic
    }

    fn dir(&self) -> &Path {
        self.lab_dir.path()
    }

    /// Somebody signs in with a browser.
    fn by_hand(&self, password: &str) -> String {
        let browser = Browser::new(self.dir(), &self._lab, None);
        let page = browser.open("/start").unwrap();
        browser.press(&page, "ログイン", &["0012700016000053", password]).map_or_else(|_| String::new(), |page| page.text)
    }

    fn used(&self) -> u32 {
        self.desk.used_on(&self.device)
    }
}

fn signed_in(state: &State) -> bool {
    state.ended("login").is_some_and(|ended| ended.outcome == Outcome::Changed)
}

#[test]
fn a_stored_wrong_password_reaches_the_site_once() {
    let clinic = Clinic::new(&[]);
    let playbook = playbook("limit: 10, leave: 5, per_run: 1", "");
    clinic.desk.file("chigau");
    let sent = count(clinic.dir(), "received");
    for night in 1..=5 {
        let (code, used, _) = failure(&clinic.desk.night(&playbook), "login");
        assert_eq!((code.as_str(), used.as_deref()), (if night == 1 { "LOGIN.REFUSED" } else { "LOGIN.STOPPED" }, Some("1")), "night {night}");
    }
    assert_eq!((count(clinic.dir(), "received") - sent, count(clinic.dir(), "locked")), (1, 0));
    clinic.desk.file("himitsu");
    assert!(signed_in(&clinic.desk.night(&playbook)));
    assert_eq!(clinic.used(), 0);
}

#[test]
fn a_person_at_the_browser_is_counted_like_the_engine_and_a_good_end_ends_the_count() {
    let clinic = Clinic::by(&[], Some(Hands::Person));
    let playbook = playbook("limit: 10, leave: 5, per_run: 1", "");
    clinic.desk.file("himitsu");
    for night in 1..=3 {
        clinic.desk.words.borrow_mut().push_back(Said::Yes);
        assert!(signed_in(&clinic.desk.night(&playbook)), "night {night}");
        assert_eq!((clinic.desk.count("AttemptCounted"), clinic.desk.count("AttemptEnded"), clinic.used()), (1, 1, 0), "night {night}");
    }
    clinic.desk.words.borrow_mut().push_back(Said::Problem("refused"));
    assert_eq!(failure(&clinic.desk.night(&playbook), "login").0, "LOGIN.REFUSED");
    assert_eq!(clinic.used(), 1);
    clinic.desk.words.borrow_mut().push_back(Said::Yes);
    assert_eq!(failure(&clinic.desk.night(&playbook), "login").0, "LOGIN.STOPPED", "the value of the source was refused; it is not shown to anybody again");
    assert!(clinic.desk.questions.borrow()[0].items[0].ja.contains("回数に限りがあります"));
}

#[test]
fn a_lost_answer_counts_and_is_not_sent_again_from_a_file() {
    let clinic = Clinic::new(&["drop-after-effect@sign_in:2"]);
    let playbook = playbook("limit: 10, leave: 5, per_run: 2", "");
    clinic.desk.file("himitsu");
    let sent = count(clinic.dir(), "received");
    // The answer is lost, the look afterwards finds nothing to look at, and the value of the file is not tried again.
    assert_eq!(failure(&clinic.desk.night(&playbook), "login").0, "LOGIN.STOPPED");
    assert_eq!((count(clinic.dir(), "received") - sent, clinic.used()), (1, 1));
    assert_eq!(clinic.desk.count("Uncertain"), 1);
}

#[test]
fn a_site_locks_and_says_so() {
    let clinic = Clinic::new(&[]);
    for _ in 0..9 {
        assert!(clinic.by_hand("chigau").contains("パスワードが違います"));
    }
    assert_eq!(count(clinic.dir(), "locked"), 0);
    assert!(clinic.by_hand("chigau").contains("ロックされています"));
    assert!(clinic.by_hand("himitsu").contains("ロックされています"), "the right one, too");
    assert_eq!(count(clinic.dir(), "locked"), 1, "told once");
    clinic.desk.file("himitsu");
    let (code, used, left) = failure(&clinic.desk.night(&playbook("limit: 10, leave: 5, per_run: 1", "")), "login");
    assert_eq!((code.as_str(), used.as_deref(), left.as_deref()), ("LOGIN.LOCKED", Some("10"), Some("0")), "the site's word wins over the count");
}

#[test]
fn a_later_step_goes_on_in_the_session_and_no_password_is_written_down() {
    let clinic = Clinic::new(&[]);
    let rest = "  list:\n    title: 一覧\n    uses: ca.find_issued@1\n    with: { portal: web, web: \"${{ steps.login.web }}\" }\n";
    clinic.desk.file("himitsu");
    let state = clinic.desk.night(&playbook("limit: 10, leave: 5, per_run: 1", rest));
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{:?}", state.failed());
    let journal = format!("{:?}", clinic.desk.events());
    assert!(!journal.contains("himitsu") && journal.contains("live:"), "the session's name, nothing else");
}
