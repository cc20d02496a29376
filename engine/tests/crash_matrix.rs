//! Every shipped playbook dies at every write of its journal, twice, and ends as if nothing had happened.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use kirikae_engine::action::{Answer, Effect, Question, registry};
use kirikae_engine::backend::profile::ObserveBy;
use kirikae_engine::check::{Checked, What, check};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::Type;
use kirikae_engine::journal::Journal;
use kirikae_engine::run::{Doing, Person, Phase, RunEnd, RunError, State};
use kirikae_engine::testing::{CrashCase, Desk, Drive, Shipped, Willing, World, certificate, crash_matrix, planned, situations};
use tempfile::TempDir;

const RUN: &str = "20261123-abcdef";

/// A clinic in which a playbook has something to do.
fn desk(playbook: &str) -> Desk {
    let desk = match playbook {
        "obn/delete-old" => situations::pair(),
        "obn/obtain" => {
            let desk = situations::obtain();
            desk.world.portal.list("202610050000123", &certificate("0110119153", 7, "2026-10-05", "2030-01-05"));
            desk
        }
        other => {
            let mut desk = Desk::at(other);
            if other == "obn/revoke" {
                desk = desk.given(&[("revoke_reason", "lost_notice"), ("revoked_request_id", "202311010000042"), ("applicant_mail", "uketsuke@example.jp")]);
            }
            desk.world.store.put(certificate("0110119153", 1, "2023-08-22", "2027-01-22"));
            let file = desk.world.p12.make("1234", &certificate("0110119153", 2, "2026-11-01", "2030-02-01"), &[]);
            desk.world.inbox.put("202611010000042.p12", file.expose());
            desk
        }
    };
    desk.world.portal.absent_after(Duration::from_secs(60));
    desk
}

/// A playbook that a person starts: it asks for nothing that only another playbook can give.
fn is_started_by_people(checked: &Checked) -> bool {
    checked.inputs.iter().all(|input| !matches!(input.ty, Type::File | Type::Cert | Type::Proof | Type::BackupRef))
}

/// Whether this is its clinic: that of online billing. Other programs are cut off in the worlds of their own tests (`kirikae test`,
/// `generated/crash`).
fn fits(checked: &Checked) -> bool {
    checked.program == "obn"
}

/// Whether nothing shows if this step happened: a person did it, or it was sent to a portal that has no page for it.
fn is_out_of_sight(checked: &Checked, step: &str) -> bool {
    let Some(What::Action(action)) = checked.steps.iter().find(|known| known.address == step).map(|step| &step.what) else { return false };
    let profile = action.portal.as_ref().and_then(|role| checked.profiles.get(role));
    let spec = profile.and_then(|profile| profile.operations.get(&action.manifest.operation?));
    let irreversible = action.manifest.effect == Effect::Irreversible;
    action.manifest.person || irreversible && spec.is_some_and(|spec| spec.observe == ObserveBy::Nothing)
}

/// Says yes to everything, and does what is asked of them with the MPKI client: the renewed certificate lies in the store.
struct AtWork<'a>(&'a World);

impl Person for AtWork<'_> {
    fn answer(&self, step: &str, question: &Question) -> Option<Answer> {
        let with_client = question.place.as_ref().is_some_and(|place| place.ja.contains("MPKI クライアント"));
        if with_client && self.0.store.certs().len() == 1 {
            self.0.store.put(certificate("0110119153", 9, "2026-11-22", "2030-02-22"));
        }
        Willing.answer(step, question).map(|answer| Answer { at: self.0.clock.now(), ..answer })
    }
}

struct Clinic {
    desk: Desk,
    state: TempDir,
    /// A certificate worked before the run.
    worked: bool,
}

struct Case(String);

impl Clinic {
    fn works(&self) -> bool {
        let now = self.desk.world.clock.now();
        let certs = kirikae_engine::backend::StoreRead::list(&*self.desk.world.store, &kirikae_engine::backend::Call::unattached()).unwrap();
        certs.iter().any(|cert| cert.info.has_key && cert.info.not_before <= now && now < cert.info.not_after)
    }
}

impl CrashCase for Case {
    type World = Clinic;

    fn world(&self) -> Clinic {
        let memory = PathBuf::from("/dev/shm");
        let state = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let mut clinic = Clinic { desk: desk(&self.0), state: state.unwrap(), worked: false };
        clinic.worked = clinic.works();
        clinic
    }

    fn folder<'w>(&self, world: &'w Clinic) -> &'w Path {
        world.state.path()
    }

    fn process(&self, clinic: &Clinic, journal: &mut Journal) -> Result<State, RunError> {
        let Desk { world, checked, site, scope, set } = &clinic.desk;
        let backends = world.backends();
        let drive = Drive { site, backends: &backends, clock: &*world.clock, pauser: &*world.clock, person: &AtWork(world) };
        let known = !journal.runs().unwrap().is_empty();
        let end = if known {
            drive.resume(journal, RUN)
        } else {
            let plan = planned(checked, site, &backends, world.clock.now(), *scope, set);
            assert!(!plan.is_blocked(), "{}: the plan is blocked", self.0);
            drive.begin(journal, RUN, plan, checked)
        };
        Ok(end?.state)
    }

    fn holds(&self, clinic: &Clinic) -> Result<(), String> {
        if clinic.worked && !clinic.works() { Err("no certificate works".to_owned()) } else { Ok(()) }
    }

    fn only_a_person_can_tell(&self, state: &State) -> bool {
        let doubts: Vec<&String> = state.steps.iter().filter(|(_, known)| matches!(known.doing, Doing::Uncertain(_))).map(|(step, _)| step).collect();
        let checked = Desk::at(&self.0).checked;
        !doubts.is_empty() && doubts.iter().all(|step| is_out_of_sight(&checked, step))
    }

    fn effects(&self, clinic: &Clinic) -> Vec<(String, u64)> {
        let world = &clinic.desk.world;
        let (imported, deleted) = world.store.effects();
        let counts = [
            ("requests", u64::from(world.portal.received())),
            ("issuances", u64::from(world.portal.issued())),
            ("imports", imported.len() as u64),
            ("deletions", deleted.len() as u64),
            ("backups", world.folder.names().len() as u64),
            ("files to install", world.inbox.names().len() as u64),
        ];
        counts.map(|(name, count)| (name.to_owned(), count)).into()
    }
}

#[test]
fn every_shipped_playbook_survives_a_crash_at_every_write() {
    let mut wrong = vec![];
    for source in Shipped.playbooks() {
        let checked = check(&source, &Shipped, registry()).result.unwrap();
        if !is_started_by_people(&checked) || !fits(&checked) {
            continue;
        }
        let case = Case(checked.id.clone());
        let report = crash_matrix(&case).unwrap_or_else(|why| panic!("{}: {why}", case.0));
        assert!(matches!(report.phase, Phase::Ended(RunEnd::Done)), "{}: nothing is done in its clinic, or not all: {:?}", case.0, report.phase);
        println!("{}: {} writes, {} cuts, {} faults", case.0, report.writes, report.cuts, report.faults.len());
        wrong.extend(report.faults.iter().map(|fault| format!("{}: {fault}", case.0)));
    }
    assert!(wrong.is_empty(), "{} cuts went wrong:\n{}", wrong.len(), wrong.join("\n"));
}
