//! One clinic in memory: every backend, a clock, secrets, and a small driver for one step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    FakeBlobs, FakeFolder, FakeHost, FakeNotifier, FakeP12, FakePortal, FakeSecrets, FakeSink, FakeStore, FakeTokens, FakeVault, FixedClock, obn_profile,
};
use crate::action::{Answer, Answered, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, Question, ReadCx, Sessions, WriteCx, registry};
use crate::backend::{BackendError, BackendSet, CaWrite, Call, FolderWrite, IdempotencyKey, Progress, StoreWrite, TokenWrite};
use crate::clock::Clock;
use crate::dsl::Value;

/// The backends of one terminal: roles `personal` (store), `key` (tokens), `issuer` (portal), `backup` and `inbox` (folders).
pub struct World {
    pub clock: Arc<FixedClock>,
    pub p12: Arc<FakeP12>,
    pub store: Arc<FakeStore>,
    pub tokens: Arc<FakeTokens>,
    pub portal: Arc<FakePortal>,
    pub folder: Arc<FakeFolder>,
    pub inbox: Arc<FakeFolder>,
    /// Where a person's browser saves.
    pub downloads: Arc<FakeFolder>,
    pub vault: Arc<FakeVault>,
    pub notifier: Arc<FakeNotifier>,
    pub host: Arc<FakeHost>,
    /// All of it is practice.
    pub practice: bool,
    pub secrets: FakeSecrets,
    pub blobs: FakeBlobs,
    pub zone: TimeZone,
    /// Request IDs that earlier runs committed for the credential.
    pub committed: Vec<String>,
    pub fresh_for: Duration,
}

/// How one step ended, carried out as the driver does.
#[derive(Debug)]
pub enum Ended {
    /// A look found it done; nothing was sent.
    Unchanged(Outputs),
    /// It acted.
    Changed(Outputs),
    /// A look could not tell; nothing was sent.
    Parked(Observed),
}

impl World {
    /// The online-billing clinic of the manual on 2026-11-23, 10:00 Japan time: empty store, empty list, a wrapping backup folder.
    pub fn obn() -> Self {
        let clock = Arc::new(FixedClock::at("2026-11-23T01:00:00Z"));
        let p12 = Arc::new(FakeP12::default());
        let vault = Arc::new(FakeVault::default());
        Self {
            store: Arc::new(FakeStore::new("dir:/personal", p12.clone())),
            tokens: Arc::default(),
            portal: Arc::new(FakePortal::new(obn_profile(), clock.clone(), p12.clone())),
            folder: Arc::new(FakeFolder::new("folder:/backup", false, clock.clone())),
            inbox: Arc::new(FakeFolder::new("folder:/inbox", true, clock.clone())),
            downloads: Arc::new(FakeFolder::new("folder:/downloads", true, clock.clone())),
            notifier: Arc::default(),
            host: Arc::default(),
            practice: false,
            secrets: FakeSecrets::new(vault.clone()),
            blobs: FakeBlobs::new(vault.clone(), clock.clone()),
            zone: TimeZone::get("Asia/Tokyo").expect("the built-in time zones"),
            committed: vec![],
            fresh_for: Duration::from_secs(3600),
            clock,
            p12,
            vault,
        }
    }

    /// The same with a backup folder of bare files (`plain: true`).
    pub fn plain_backup(mut self) -> Self {
        self.folder = Arc::new(FakeFolder::new("folder:/backup", true, self.clock.clone()));
        self
    }

    /// The backends by role.
    pub fn backends(&self) -> BackendSet {
        BackendSet {
            stores: BTreeMap::from([("personal".to_owned(), self.store.clone() as Arc<dyn StoreWrite>)]),
            tokens: BTreeMap::from([("key".to_owned(), self.tokens.clone() as Arc<dyn TokenWrite>)]),
            cas: BTreeMap::from([("issuer".to_owned(), self.portal.clone() as Arc<dyn CaWrite>)]),
            folders: [("backup", &self.folder), ("inbox", &self.inbox)].map(|(role, folder)| (role.to_owned(), folder.clone() as Arc<dyn FolderWrite>)).into(),
            downloads: Some(self.downloads.clone()),
            p12: self.p12.clone(),
            vault: self.vault.clone(),
            notifier: self.notifier.clone(),
            host: self.host.clone(),
            practice: self.practice,
        }
    }

    /// One attempt of one step: its own Web sessions.
    pub fn attempt(&self) -> Attempt<'_> {
        Attempt { world: self, set: self.backends(), sessions: Sessions::default() }
    }

    /// One step in one attempt.
    ///
    /// # Errors
    /// Of the action.
    pub fn step(&self, action: &str, inputs: &Inputs) -> Result<Ended, BackendError> {
        self.attempt().step(action, inputs)
    }

    /// The outputs of a step that reads, or of one that acted or had nothing to do.
    ///
    /// # Errors
    /// Of the action.
    pub fn outputs(&self, action: &str, inputs: &Inputs) -> Result<Outputs, BackendError> {
        match self.step(action, inputs)? {
            Ended::Unchanged(outputs) | Ended::Changed(outputs) => Ok(outputs),
            Ended::Parked(observed) => panic!("{action} is parked: {observed:?}"),
        }
    }
}

/// One attempt of one step.
pub struct Attempt<'w> {
    world: &'w World,
    set: BackendSet,
    sessions: Sessions,
}

impl Attempt<'_> {
    fn read_cx(&self) -> ReadCx<'_> {
        let now = self.world.clock.now();
        ReadCx {
            now,
            wall: now,
            zone: &self.world.zone,
            backends: self.set.reads(),
            call: Call { key: IdempotencyKey::new("20261123-abcdef", "step"), ..Call::unattached() },
            secrets: &self.world.secrets,
            blobs: &self.world.blobs,
            sessions: &self.sessions,
            committed: &self.world.committed,
            fresh_for: self.world.fresh_for,
        }
    }

    /// Looks whether it happened.
    ///
    /// # Errors
    /// Of the look.
    pub fn observe(&self, action: &str, inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        match find(action).kind() {
            Kind::Write(write) => write.observe(&self.read_cx(), inputs, intent),
            _ => panic!("{action} does not write"),
        }
    }

    /// Writes the intent down and acts.
    ///
    /// # Errors
    /// Of the action.
    pub fn perform(&self, action: &str, inputs: &Inputs, intent: Intent) -> Result<Outputs, BackendError> {
        let Kind::Write(write) = find(action).kind() else { panic!("{action} does not write") };
        let sink = RefCell::new(FakeSink(self.world.vault.clone(), self.world.clock.now()));
        let cx = WriteCx { read: self.read_cx(), writes: self.set.writes(), sink: &sink, cookie: None };
        match write.perform(&cx, inputs, &IntentOnDisk(intent))? {
            Progress::Done(outputs) => Ok(outputs),
            Progress::Pending { .. } => panic!("{action} is pending"),
        }
    }

    /// What the driver does with a step: a read, or a look and then, if it is not done, intent and act.
    ///
    /// # Errors
    /// Of the action.
    pub fn step(&self, action: &str, inputs: &Inputs) -> Result<Ended, BackendError> {
        let Kind::Write(_) = find(action).kind() else { return self.read(action, inputs).map(Ended::Unchanged) };
        match self.observe(action, inputs, None)? {
            Observed::Done { outputs, .. } => Ok(Ended::Unchanged(outputs)),
            Observed::NotDone { baseline, .. } => self.perform(action, inputs, self.intent(baseline)).map(Ended::Changed),
            cannot_tell @ Observed::CannotTell { .. } => Ok(Ended::Parked(cannot_tell)),
        }
    }

    /// A first intent with this baseline.
    pub fn intent(&self, baseline: serde_json::Value) -> Intent {
        Intent { attempt: 1, at: self.world.clock.now(), baseline }
    }

    /// Reads.
    ///
    /// # Errors
    /// Of the action.
    pub fn read(&self, action: &str, inputs: &Inputs) -> Result<Outputs, BackendError> {
        match find(action).kind() {
            Kind::Read(read) => read.read(&self.read_cx(), inputs),
            _ => panic!("{action} does not read"),
        }
    }

    /// What a dry run would say.
    ///
    /// # Errors
    /// Of the preflight.
    pub fn preflight(&self, action: &str, inputs: &Inputs) -> Result<(), BackendError> {
        match find(action).kind() {
            Kind::Read(read) => read.preflight(&self.read_cx(), inputs),
            Kind::Write(write) => write.preflight(&self.read_cx(), inputs),
        }
    }

    /// The question that an action is left with.
    ///
    /// # Errors
    /// Of the action, when it asks nobody.
    pub fn question(&self, action: &str, inputs: &Inputs) -> Result<Question, BackendError> {
        let result = self.carry_out(action, inputs);
        self.sessions.asked().map_or_else(|| Err(result.expect_err("a question")), Ok)
    }

    /// The outputs of an answer to its question.
    ///
    /// # Errors
    /// Of the action.
    pub fn answered(&self, action: &str, inputs: &Inputs, answer: &Answer) -> Result<Outputs, BackendError> {
        let question = self.question(action, inputs)?;
        let sessions = Sessions::default().with_answers(vec![Answered { question, answer: answer.clone() }]);
        Attempt { world: self.world, set: self.set.clone(), sessions }.carry_out(action, inputs)
    }

    fn carry_out(&self, action: &str, inputs: &Inputs) -> Result<Outputs, BackendError> {
        match find(action).kind() {
            Kind::Read(_) => self.read(action, inputs),
            Kind::Write(_) => self.perform(action, inputs, self.intent(serde_json::Value::Null)),
        }
    }
}

fn find(action: &str) -> &'static dyn crate::action::Action {
    let (_, found): (&Manifest, _) = registry().find(action, 1).unwrap_or_else(|| panic!("no action {action}"));
    found
}

/// Inputs from names and values.
pub fn inputs<const N: usize>(values: [(&str, Value); N]) -> Inputs {
    Inputs(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::profile::Operation;
    use crate::testing::{Fault, certificate};

    fn clinic() -> (World, Inputs) {
        let world = World::obn();
        let cert = world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
        let given = inputs([("portal", Value::Role("issuer".to_owned())), ("client_cert", Value::Cert(Box::new(cert)))]);
        (world, given)
    }

    #[test]
    #[should_panic(expected = "without a look in its session")]
    fn a_sending_without_a_look_panics() {
        let (world, given) = clinic();
        let attempt = world.attempt();
        let _ = attempt.perform("ca.renew", &given, attempt.intent(serde_json::Value::Null));
    }

    #[test]
    #[should_panic(expected = "without a conclusive look")]
    fn a_second_sending_without_a_conclusive_look_panics() {
        let (world, given) = clinic();
        world.portal.absent_after(Duration::from_secs(60));
        world.portal.fault(Operation::Renew, Fault::DropBefore);
        world.step("ca.renew", &given).unwrap_err();
        let _ = world.step("ca.renew", &given);
    }

    #[test]
    #[should_panic(expected = "after an answered one")]
    fn a_second_renewal_of_one_certificate_panics() {
        let (world, given) = clinic();
        let attempt = world.attempt();
        attempt.step("ca.renew", &given).unwrap();
        let _ = attempt.perform("ca.renew", &given, attempt.intent(serde_json::Value::Null));
    }

    #[test]
    #[should_panic(expected = "without a look under the lock")]
    fn a_deletion_without_a_look_panics() {
        let (world, _) = clinic();
        let thumbprint = world.store.thumbprints().remove(0);
        let _ = world.store.lock(&Call::unattached()).unwrap().delete(&thumbprint);
    }
}
