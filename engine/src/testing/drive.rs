//! Carries a plan out with the real driver and journal: for benches and tests that need a whole run.

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
    Driver, EndOfRun, Event, EventBody, MissingInputs, Observer, Pauser, Person, Program, RunContext, SecretSources, State, absent_after, gather_inputs,
    store_closure,
};
use crate::secret::Secret;

/// A fixed clock jumps to the time that is waited for.
impl Pauser for FixedClock {
    fn wait(&self, _now: jiff::Timestamp, until: jiff::Timestamp, _cancel: &CancelToken) -> bool {
        self.set(until);
        true
    }
}

/// Carries `plan` out in the state folder `folder`: nobody is asked, every secret is `1234`, every approval was given.
pub fn carry_out(plan: Plan, checked: &Checked, site: &Site, backends: &BackendSet, clock: &dyn Clock, pauser: &dyn Pauser, folder: &Path) -> EndOfRun {
    let run = "20261123-abcdef";
    let mut journal = Journal::open(folder).expect("a journal");
    let blobs = store_closure(folder, &plan, checked).expect("blobs");
    let inputs = gather_inputs(checked, &BTreeMap::new(), site, MissingInputs::Refuse).expect("inputs of the site");
    let started = EventBody::RunStarted {
        plan: plan.plan_id.clone(),
        digest: plan.digest.clone(),
        engine: plan.engine.clone(),
        playbook: format!("{}@{}", checked.id, checked.version),
        site: site.id.clone(),
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
        inputs: inputs.into_iter().map(|(name, given)| (name, given.value)).collect(),
        zone: site.timezone.clone(),
        absent_after: absent_after(checked, backends),
        plan,
    };
    let context = RunContext {
        program: &program,
        registry: registry(),
        backends,
        clock,
        sources: &Told,
        person: &Nobody,
        pauser,
        cancel: CancelToken::default(),
        fresh_for: Duration::from_secs(3600),
        site: site.id.clone(),
    };
    let mut unseen = Unseen;
    let driver = Driver::begin(context, &mut journal, &mut unseen, run, started, vec![approvals]).expect("a run");
    driver.run().expect("a run that can be written down")
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

struct Nobody;

impl Person for Nobody {
    fn answer(&self, _step: &str, _question: &Question) -> Option<Answer> {
        None
    }
}

struct Unseen;

impl Observer for Unseen {
    fn event(&mut self, _program: &Program, _state: &State, _event: &Event) {}

    fn note(&mut self, error: &BackendError) {
        panic!("{error}");
    }
}
