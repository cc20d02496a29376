//! How long secrets are kept: until their certificate has expired and been replaced, and never shorter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use kirikae_engine::backend::EntryInfo;
use kirikae_engine::dsl::{CertInfo, Value};
use kirikae_engine::journal::Journal;
use kirikae_engine::run::{EventBody, Outcome, ParkCause, Retention, RunEnd, SiteNeeds, Standing, StepEnd};
use kirikae_engine::secret::SecretRef;
use kirikae_engine::testing::certificate;

const CODE: &str = "0110119153";
const NOW: &str = "2026-11-23T01:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A state folder with the runs that the test writes down.
struct State {
    _folder: tempfile::TempDir,
    journal: Journal,
}

impl State {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        Self { _folder: folder, journal }
    }

    /// A run that carries out `P-<run>` and brings these certificates.
    fn run(&mut self, run: &str, brought: &[&CertInfo], last: EventBody) {
        let started = EventBody::RunStarted {
            plan: format!("P-{run}"),
            digest: String::new(),
            engine: "test".into(),
            playbook: "obn/renew-web@1.0.0".into(),
            site: "clinic".into(),
            blobs: BTreeMap::new(),
            bindings: BTreeMap::new(),
            batch: None,
            account: "test".into(),
        };
        self.journal.begin(run, at(NOW), "obn/renew-web", "clinic", started, vec![]).unwrap();
        let looked_at = certificate(CODE, 99, "2000-01-01", "2099-01-01");
        let steps = brought.iter().map(|cert| (Outcome::Changed, *cert)).chain([(Outcome::Observed, &looked_at)]);
        for (outcome, cert) in steps {
            let outputs = BTreeMap::from([("cert".to_owned(), Value::Cert(Box::new(cert.clone())).to_json())]);
            let end = StepEnd { outcome, outputs, error: None, finish: None };
            self.journal.append(run, at(NOW), EventBody::StepEnded { step: format!("s{}", cert.serial), end }).unwrap();
        }
        let named = EventBody::SecretEscrowed { step: "x".into(), name: "x".into(), reference: "vault:named-in-the-journal".into() };
        self.journal.append(run, at(NOW), named).unwrap();
        self.journal.append(run, at(NOW), last).unwrap();
    }

    fn standing(&self, entry: &EntryInfo, present: &[CertInfo], now: &str) -> Standing {
        let site = SiteNeeds { present: present.to_vec(), named: BTreeSet::from(["token_pin".to_owned()]), plan_valid: Duration::from_hours(12) };
        Retention::gather(&self.journal, std::slice::from_ref(entry), site, at(now)).unwrap().of(entry)
    }
}

fn ended(end: RunEnd) -> EventBody {
    EventBody::RunEnded { end, reason: None, outputs: BTreeMap::new() }
}

fn parked() -> EventBody {
    EventBody::RunParked { cause: ParkCause::Person, steps: vec![], until: None }
}

fn entry(id: &str, about: &str, labels: &[(&str, &str)]) -> EntryInfo {
    EntryInfo {
        reference: SecretRef::vault(id),
        name: "obn_p12_password".into(),
        about: about.into(),
        written_at: at(NOW),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

#[test]
fn a_secret_is_kept_until_its_certificate_has_expired_and_been_replaced() {
    let (old, new) = (certificate(CODE, 1, "2023-10-22", "2027-01-22"), certificate(CODE, 2, "2026-11-23", "2030-02-23"));
    let mut state = State::new();
    state.run("r1", &[&old], ended(RunEnd::Done));
    let of_run = entry("runs/r1/p12_password", "r1", &[("run", "r1")]);
    let about = entry("kept-1", &old.sha1, &[]);
    let there = std::slice::from_ref(&old);
    assert!(matches!(state.standing(&of_run, &[], NOW), Standing::Live(cert) if cert.sha1 == old.sha1), "the run brought it, wherever it is now");
    assert!(matches!(state.standing(&about, there, NOW), Standing::Live(_)));
    // A newer one beside it does not make the older needless while it is valid.
    assert!(matches!(state.standing(&about, &[old.clone(), new.clone()], NOW), Standing::Live(_)));
    let later = "2027-02-01T00:00:00Z";
    assert!(matches!(state.standing(&about, there, later), Standing::NotReplaced(_)));
    let of_another = certificate("9999999999", 3, "2026-11-23", "2030-02-23");
    assert!(matches!(state.standing(&of_run, &[of_another], later), Standing::NotReplaced(_)), "a certificate of another name replaces nothing");
    for secret in [&about, &of_run] {
        let standing = state.standing(secret, &[old.clone(), new.clone()], later);
        assert!(matches!(&standing, Standing::Replaced(was, by) if was.sha1 == old.sha1 && by.sha1 == new.sha1), "{standing:?}");
        assert!(standing.is_over() && !standing.is_needed());
    }
}

#[test]
fn what_an_unfinished_run_names_is_needed() {
    let mut state = State::new();
    state.run("r1", &[], parked());
    let needed = [
        entry("runs/r1/p12_password", "r1", &[("run", "r1")]),
        entry("runs/r1/files/ab", "file", &[("run", "r1")]),
        entry("plans/P-r1/inputs/birthday", "P-r1", &[("plan", "P-r1")]),
        entry("named-in-the-journal", "", &[]),
    ];
    for entry in needed {
        let standing = state.standing(&entry, &[], NOW);
        assert!(standing == Standing::InRun("r1".into()) && standing.is_needed(), "{entry:?}: {standing:?}");
    }
    let mut state = State::new();
    state.run("r1", &[], ended(RunEnd::Abandoned));
    assert_eq!(state.standing(&entry("named-in-the-journal", "", &[]), &[], NOW), Standing::Unknown);
}

#[test]
fn files_and_inputs_go_with_their_run_or_plan() {
    let mut state = State::new();
    state.run("r1", &[], ended(RunEnd::Failed));
    assert_eq!(state.standing(&entry("runs/r1/files/ab", "file", &[("run", "r1")]), &[], NOW), Standing::RunOver("r1".into()));
    assert_eq!(state.standing(&entry("plans/P-r1/inputs/birthday", "P-r1", &[("plan", "P-r1")]), &[], NOW), Standing::RunOver("r1".into()));
    let unused = entry("plans/P-9/inputs/birthday", "P-9", &[("plan", "P-9")]);
    assert_eq!(state.standing(&unused, &[], "2026-11-23T12:59:00Z"), Standing::Plan("P-9".into()));
    assert_eq!(state.standing(&unused, &[], "2026-11-23T13:01:00Z"), Standing::PlanOver("P-9".into()));
}

#[test]
fn what_nothing_is_known_of_stays() {
    let mut state = State::new();
    state.run("r1", &[], ended(RunEnd::Done));
    for unknown in [entry("runs/r1/reference_id", "r1", &[("run", "r1")]), entry("kept-1", "202611230000001", &[]), entry("x", "", &[("run", "gone")])] {
        let standing = state.standing(&unknown, &[], "2099-01-01T00:00:00Z");
        assert!(standing == Standing::Unknown && !standing.is_over(), "{standing:?}");
    }
    assert_eq!(state.standing(&entry("stores/ab12", "personal", &[]), &[], NOW), Standing::Store);
    let pin = EntryInfo { name: "token_pin".into(), ..entry("kept-2", "", &[]) };
    assert_eq!(state.standing(&pin, &[], NOW), Standing::Named);
}
