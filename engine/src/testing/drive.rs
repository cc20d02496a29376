//! Carries plans out with the real driver and journal: for benches and tests that need a whole run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::FixedClock;
use crate::action::{Answer, Question, registry};
use crate::backend::{BackendError, BackendSet, CancelToken};
use crate::check::{Checked, SecretDecl};
use crate::clock::Clock;
use crate::dsl::site::Site;
use crate::journal::Journal;
use crate::plan::Plan;
use crate::run::{
    Driver, EndOfRun, Event, EventBody, Observer, Pauser, Person, Phase, Program, RunContext, RunEnd, RunError, SecretSources, State, absent_after,
    inputs_from_json, load_program, store_closure,
};
use crate::secret::Secret;

/// A fixed clock jumps to the time that is waited for.
impl Pauser for FixedClock {
    fn wait(&self, _now: jiff::Timestamp, until: jiff::Timestamp, _cancel: &CancelToken) -> bool {
        self.set(until);
        true
    }
}

/// What a run is carried out with: every secret is `1234`, every approval was given, every question is answered with the examples of
/// its fields or, by `Nobody`, not at all.
pub struct Drive<'a> {
    /// The site.
    pub site: &'a Site,
    /// Backends.
    pub backends: &'a BackendSet,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Waits.
    pub pauser: &'a dyn Pauser,
    /// The person at the terminal.
    pub person: &'a dyn Person,
}

impl Drive<'_> {
    /// Begins a run and carries it on.
    ///
    /// # Errors
    /// What ended the driver.
    pub fn begin(&self, journal: &mut Journal, run: &str, plan: Plan, checked: &Checked) -> Result<EndOfRun, RunError> {
        let blobs = store_closure(journal.folder(), &plan, checked).expect("blobs");
        let started = EventBody::RunStarted {
            plan: plan.plan_id.clone(),
            digest: plan.digest.clone(),
            engine: plan.engine.clone(),
            playbook: format!("{}@{}", checked.id, checked.version),
            site: self.site.id.clone(),
            blobs,
            bindings: plan.bindings.clone(),
            batch: None,
            account: "test".to_owned(),
        };
        let approvals = EventBody::ApprovalGiven {
            steps: plan.approvals_required.clone(),
            by: "rehearsal".to_owned(),
            who: "test".to_owned(),
            site_digest: None,
            subject: BTreeMap::from([("plan".to_owned(), plan.digest.clone())]),
        };
        let program = Program {
            checked: checked.clone(),
            inputs: inputs_from_json(checked, &plan, Some(&*self.backends.vault)),
            zone: self.site.timezone.clone(),
            absent_after: absent_after(checked, self.backends),
            plan,
        };
        let mut unseen = Unseen;
        Driver::begin(self.context(&program), journal, &mut unseen, run, started, vec![approvals])?.run()
    }

    /// Takes a run up as another process does: its program comes from the state folder.
    ///
    /// # Errors
    /// What ended the driver.
    pub fn resume(&self, journal: &mut Journal, run: &str) -> Result<EndOfRun, RunError> {
        let blobs = journal.blobs(run)?;
        let program = load_program(journal.folder(), &blobs, registry(), self.site.timezone.clone(), Some(self.backends)).expect("the run's program");
        let mut unseen = Unseen;
        let mut driver = Driver::take_up(self.context(&program), journal, &mut unseen, run)?;
        if !matches!(driver.state().phase, Phase::Ended(RunEnd::Done | RunEnd::Finished | RunEnd::Abandoned)) {
            driver.append(EventBody::RunResumed { engine: "test".to_owned(), account: "test".to_owned() })?;
        }
        driver.run()
    }

    fn context<'c>(&'c self, program: &'c Program) -> RunContext<'c> {
        RunContext {
            program,
            registry: registry(),
            backends: self.backends,
            clock: self.clock,
            sources: &Told,
            person: self.person,
            pauser: self.pauser,
            cancel: CancelToken::default(),
            fresh_for: Duration::from_secs(3600),
            site: self.site.id.clone(),
        }
    }
}

/// Carries `plan` out in the state folder `folder`: nobody is asked.
pub fn carry_out(plan: Plan, checked: &Checked, site: &Site, backends: &BackendSet, clock: &dyn Clock, pauser: &dyn Pauser, folder: &Path) -> EndOfRun {
    let mut journal = Journal::open(folder).expect("a journal");
    let drive = Drive { site, backends, clock, pauser, person: &Nobody };
    drive.begin(&mut journal, "20261123-abcdef", plan, checked).expect("a run that can be written down")
}

struct Told;

impl SecretSources for Told {
    fn unattended(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(Some(Secret::text("1234")))
    }

    fn ask(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(None)
    }
}

/// Answers nothing.
#[derive(Debug)]
pub struct Nobody;

impl Person for Nobody {
    fn answer(&self, _step: &str, _question: &Question) -> Option<Answer> {
        None
    }
}

/// Says yes to everything, with the examples of the fields and a sentence as evidence.
#[derive(Debug)]
pub struct Willing;

impl Person for Willing {
    fn answer(&self, _step: &str, question: &Question) -> Option<Answer> {
        let fields = question.fields.iter().filter_map(|field| Some((field.name.clone(), field.example.clone()?)));
        let by = "受付".to_owned();
        Some(Answer {
            yes: true,
            fields: fields.collect(),
            evidence: Some("画面で見ました".to_owned()),
            account: by.clone(),
            by,
            at: jiff::Timestamp::UNIX_EPOCH,
        })
    }
}

struct Unseen;

impl Observer for Unseen {
    fn event(&mut self, _program: &Program, _state: &State, _event: &Event) {}

    fn note(&mut self, error: &BackendError) {
        panic!("{error}");
    }
}
