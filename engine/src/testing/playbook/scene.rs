//! One situation in one world: planned, begun, taken up again, each time as the command line does it.
//!
//! May use: the planner, the driver, the journal in a folder that it is given. Must not: know what is expected.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::super::locked;
use super::people::People;
use super::sealed::sealed;
use super::stage::{Planned, Stage, When};
use super::world::SimWorld;
use crate::action::{Answer, Blobs, Effect, registry};
use crate::backend::profile::ObserveBy;
use crate::backend::{BackendError, BackendSet, CaRead, CancelToken};
use crate::check::{Checked, InputDecl};
use crate::clock::Clock;
use crate::dsl::test::{Ending, SimFault, SimInput, Situation};
use crate::dsl::{FileRef, Value, fold, read_scalar};
use crate::journal::Journal;
use crate::plan::{GivenInput, InputOrigin, LookScope, NoLedger, Plan, PlanRequest, Target, World as PlanWorld, plan, sha256_hex};
use crate::run::{
    Doing, Driver, Event, EventBody, MemoryBlobs, NoSecrets, Observer, ParkCause, Phase, Program, RunContext, RunEnd, RunError, Settled, State, absent_after,
    inputs_from_json, keep_private, load_program, store_closure,
};
use crate::secret::SecretRef;
use crate::text::Lang;

/// The id of the only run of a world.
pub(super) const RUN: &str = "20261123-abcdef";
/// How old an accepted proof may be.
const FRESH_FOR: Duration = Duration::from_secs(3600);

/// A situation in a world of its own, with a state folder that is gone with it.
pub(super) struct Scene<'a> {
    pub(super) checked: &'a Checked,
    pub(super) world: SimWorld,
    pub(super) people: People,
    situation: &'a Situation,
    stage: &'a Stage,
    folder: PathBuf,
    worked: bool,
    watch: Mutex<Watched>,
}

/// What was seen while the run went on.
#[derive(Clone, Debug, Default)]
struct Watched {
    /// The fewest certificates that worked at any event.
    fewest: Option<usize>,
    notes: Vec<String>,
}

/// What came of a situation.
pub(super) struct Played {
    pub(super) plan: Plan,
    /// `None`: nothing was begun.
    pub(super) state: Option<State>,
    pub(super) events: Vec<Event>,
    pub(super) notes: Vec<String>,
    pub(super) fewest: Option<usize>,
}

impl<'a> Scene<'a> {
    /// A scene whose state folder is `folder`, which must not be there yet.
    pub(super) fn new(checked: &'a Checked, situation: &'a Situation, issuer: Option<&str>, stage: &'a Stage, folder: PathBuf) -> Self {
        let world = SimWorld::new(situation, checked, issuer);
        let answers = situation.answers.iter().map(|(name, answers)| (name.clone(), answers.value.clone())).collect();
        let people = People::new(answers, &world);
        let faults = situation.faults.iter().filter_map(|fault| match &fault.value {
            SimFault::Before { at, code, times } => Some(Planned { step: at.value.clone(), code: code.value.clone(), when: When::Before, times: *times }),
            SimFault::After { at, code, times } => Some(Planned { step: at.value.clone(), code: code.value.clone(), when: When::After, times: *times }),
            SimFault::Crash => None,
        });
        stage.set(RUN, checked.steps.iter().map(|step| step.address.as_str()), faults.collect());
        Self { worked: world.working() > 0, checked, world, people, situation, stage, folder, watch: Mutex::default() }
    }

    /// The state folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a certificate worked before anything was done.
    pub(super) fn worked(&self) -> bool {
        self.worked
    }

    /// Values of secrets that were kept from before.
    pub(super) fn kept(&self) -> impl Iterator<Item = String> {
        self.situation.vault.iter().map(|entry| entry.value.clone())
    }

    /// Plans, and unless `plan_only` or the plan is blocked carries it out. `planned` is the playbook to plan with, when it is not the one
    /// that is run.
    ///
    /// # Errors
    /// What the world did not put up with, or what ended the driver, in words.
    pub(super) fn play(&self, planned: &Checked, plan_only: bool) -> Result<Played, String> {
        let played = catch_unwind(AssertUnwindSafe(|| {
            let plan = self.plan(planned);
            if plan_only || plan.is_blocked() {
                return Ok((plan, None, vec![]));
            }
            let mut journal = Journal::open(&self.folder).map_err(|error| error.to_string())?;
            let state = self.begin(&mut journal, plan.clone()).map_err(|error| error.line(Lang::En))?;
            let events = journal.events(RUN).map_err(|error| error.to_string())?;
            Ok((plan, Some(state), events))
        }));
        let (plan, state, events) = played.unwrap_or_else(|panic| Err(told(panic)))?;
        let Watched { fewest, notes } = locked(&self.watch).clone();
        Ok(Played { plan, state, events, notes, fewest })
    }

    /// The plan, made with backends that cannot be written through.
    pub(super) fn plan(&self, checked: &Checked) -> Plan {
        let backends = sealed(&self.world.backends());
        let blobs = MemoryBlobs::default();
        let request = PlanRequest {
            checked,
            registry: registry(),
            scope: LookScope::Local,
            plan_id: "P-TEST".to_owned(),
            valid: Duration::from_secs(12 * 3_600),
            inputs: self.inputs(&blobs),
            secret_sources: BTreeMap::new(),
            target: Target { id: "test".to_owned(), labels: BTreeMap::new() },
            bindings: self.bindings(&backends),
            hands: BTreeMap::new(),
            site: None,
            clean_up: None,
            notices: vec![],
        };
        let world = PlanWorld {
            now: self.world.clock.now(),
            zone: &zone(),
            backends: backends.reads(),
            secrets: &NoSecrets,
            blobs: &blobs,
            committed: &|_, _| vec![],
            fresh_for: FRESH_FOR,
            tries: &NoLedger,
        };
        let mut plan = plan(&request, &world);
        plan.digest = plan.compute_digest();
        plan
    }

    fn bindings(&self, backends: &BackendSet) -> BTreeMap<String, String> {
        let reads = backends.reads();
        let id = |role: &str| {
            let store = reads.store(role).map(|store| store.id().to_owned());
            let other = store.or_else(|_| reads.ca(role).map(|ca| ca.id().to_owned())).or_else(|_| reads.folder(role).map(|folder| folder.id().to_owned()));
            other.or_else(|_| reads.token(role).map(|token| token.id().to_owned())).ok()
        };
        self.checked.roles.iter().filter_map(|role| Some((role.name.clone(), id(&role.name)?))).collect()
    }

    /// The inputs: as the test gives them, else the default, else the example.
    fn inputs(&self, blobs: &MemoryBlobs) -> BTreeMap<String, GivenInput> {
        let given = self.checked.inputs.iter().filter_map(|decl| {
            let (value, origin) = self.value(decl, blobs)?;
            Some((decl.name.clone(), GivenInput { value, origin, folded: false }))
        });
        given.collect()
    }

    fn value(&self, decl: &InputDecl, blobs: &MemoryBlobs) -> Option<(Value, InputOrigin)> {
        Some(match (self.situation.inputs.get(&decl.name), &decl.default) {
            (Some(given), _) => (self.input(decl, &given.value, blobs)?, InputOrigin::Site),
            (None, Some(default)) => (default.clone(), InputOrigin::Default),
            (None, None) => (read_scalar(&decl.ty, decl.example.as_ref()?).ok()?, InputOrigin::Example),
        })
    }

    fn input(&self, decl: &InputDecl, given: &SimInput, blobs: &MemoryBlobs) -> Option<Value> {
        match given {
            SimInput::Scalar(text) => read_scalar(&decl.ty, &fold(&decl.ty, text)).ok(),
            SimInput::Cert(name) => {
                let cert = self.world.named(name)?;
                let held = self.world.stores.values().flat_map(|store| store.certs()).find(|held| held.sha1 == cert.sha1);
                Some(Value::Cert(Box::new(held.unwrap_or(cert))))
            }
            SimInput::File(name, file) => {
                let content = self.world.content(file);
                // For the plan's memory, and for the run in the vault, as a file that may hold a key.
                blobs.keep(name, &content, false).ok()?;
                let reference = SecretRef::vault(&format!("inputs/{}", decl.name));
                self.world.keep(&reference, name, "file", &content);
                let size = content.expose().len() as u64;
                Some(Value::File(FileRef { vault: Some(reference), name: name.clone(), size, sha256: sha256_hex(content.expose()) }))
            }
        }
    }

    /// Begins the run of a plan, everything approved, and carries it on.
    fn begin(&self, journal: &mut Journal, mut plan: Plan) -> Result<State, RunError> {
        // The portals of this world act by themselves, also where the plan shows a person at a browser.
        plan.steps.iter_mut().filter(|step| step.remote).for_each(|step| step.person = None);
        plan.digest = plan.compute_digest();
        let backends = self.world.backends();
        keep_private(self.checked, &plan, &self.private_inputs(), &*backends.vault).map_err(run_error)?;
        let blobs = store_closure(journal.folder(), &plan, self.checked).map_err(run_error)?;
        let started = EventBody::RunStarted {
            plan: plan.plan_id.clone(),
            digest: plan.digest.clone(),
            engine: plan.engine.clone(),
            playbook: format!("{}@{}", self.checked.id, self.checked.version),
            site: "test".to_owned(),
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
            checked: self.checked.clone(),
            inputs: inputs_from_json(self.checked, &plan, Some(&*backends.vault)),
            zone: zone(),
            absent_after: absent_after(self.checked, &backends),
            plan,
        };
        let mut watch = Watch(self);
        let end = Driver::begin(self.context(&program, &backends), journal, &mut watch, RUN, started, vec![approvals])?.run()?;
        Ok(end.state)
    }

    /// Private inputs by name.
    fn private_inputs(&self) -> BTreeMap<String, Value> {
        let (private, blobs) = (self.checked.inputs.iter().filter(|decl| decl.private), MemoryBlobs::default());
        private.filter_map(|decl| Some((decl.name.clone(), self.value(decl, &blobs)?.0))).collect()
    }

    /// Texts of private inputs, which are kept like secrets.
    pub(super) fn private_texts(&self) -> impl Iterator<Item = String> {
        self.private_inputs().into_values().filter_map(|value| value.to_json().as_str().map(str::to_owned))
    }

    /// One process: begins the run if the journal holds none, else takes it up from what it holds.
    ///
    /// # Errors
    /// What ended the driver.
    pub(super) fn process(&self, journal: &mut Journal) -> Result<State, RunError> {
        if journal.runs()?.is_empty() {
            return self.begin(journal, self.plan(self.checked));
        }
        let backends = self.world.backends();
        let blobs = journal.blobs(RUN)?;
        let program = load_program(journal.folder(), &blobs, registry(), zone(), Some(&backends)).map_err(run_error)?;
        let mut watch = Watch(self);
        let mut driver = Driver::take_up(self.context(&program, &backends), journal, &mut watch, RUN)?;
        if !matches!(driver.state().phase, Phase::Ended(RunEnd::Done | RunEnd::Finished | RunEnd::Abandoned)) {
            driver.append(EventBody::RunResumed { engine: "test".to_owned(), account: "test".to_owned() })?;
        }
        for (step, done) in self.in_doubt(&program, driver.state()) {
            let answer = Answer { yes: done, by: "受付".to_owned(), account: "test".to_owned(), at: self.world.clock.now(), ..Answer::default() };
            driver.append(EventBody::HumanAnswered { step, answer, settled: Some(if done { Settled::Done } else { Settled::NotDone }) })?;
        }
        Ok(driver.run()?.state)
    }

    /// Steps of which only a person can tell whether they happened, and whether they did: what somebody was asked to do, and what was
    /// sent to a portal that has no page for it.
    fn in_doubt(&self, program: &Program, state: &State) -> Vec<(String, bool)> {
        let uncertain = state.steps.iter().filter(|(_, known)| matches!(known.doing, Doing::Uncertain(_)));
        uncertain.filter_map(|(step, _)| Some((step.clone(), self.happened(program, step)?))).collect()
    }

    /// `None`: there is a page to look at.
    fn happened(&self, program: &Program, step: &str) -> Option<bool> {
        let action = program.action(step)?;
        if action.manifest.person {
            return Some(self.people.did(step));
        }
        let (portal, operation) = (self.world.portals.get(action.portal.as_deref()?)?, action.manifest.operation?);
        let spec = CaRead::profile(&**portal).operations.get(&operation)?;
        // What its page showed once is lost with the answer: then nobody's word lets the run come to the same end.
        let settled_by_word = spec.observe == ObserveBy::Nothing && spec.gives.is_empty();
        (action.manifest.effect == Effect::Irreversible && settled_by_word).then(|| portal.calls(operation) > 0)
    }

    fn context<'c>(&'c self, program: &'c Program, backends: &'c BackendSet) -> RunContext<'c> {
        RunContext {
            program,
            registry: self.stage.registry(),
            backends,
            clock: &*self.world.clock,
            sources: &self.people,
            person: &self.people,
            pauser: &*self.world.clock,
            cancel: CancelToken::default(),
            fresh_for: FRESH_FOR,
            site: "test".to_owned(),
        }
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        // What is left lies in the folder of the whole test, which is removed by who made it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Watch<'s>(&'s Scene<'s>);

impl Observer for Watch<'_> {
    fn event(&mut self, _program: &Program, _state: &State, _event: &Event) {
        let working = self.0.world.working();
        let mut watched = locked(&self.0.watch);
        watched.fewest = Some(watched.fewest.map_or(working, |fewest| fewest.min(working)));
    }

    fn note(&mut self, error: &BackendError) {
        locked(&self.0.watch).notes.push(error.to_string());
    }
}

impl Played {
    /// How it ended.
    pub(super) fn ending(&self) -> Option<Ending> {
        match self.state.as_ref().map(|state| &state.phase) {
            None => self.plan.is_blocked().then_some(Ending::Blocked),
            Some(Phase::Ended(RunEnd::Done)) => Some(Ending::Done),
            Some(Phase::Ended(RunEnd::Finished)) => Some(Ending::Finished),
            Some(Phase::Parked(ParkCause::Person | ParkCause::Time)) => Some(Ending::Waiting),
            Some(Phase::Parked(ParkCause::Uncertain)) => Some(Ending::Uncertain),
            Some(_) => Some(Ending::Failed),
        }
    }

    /// The step and the code of what went wrong.
    pub(super) fn trouble(&self) -> Option<(String, String)> {
        let Some(state) = &self.state else {
            return self.plan.steps.iter().find_map(|step| Some((step.address.clone(), step.blocked.as_ref()?.code.clone())));
        };
        let failed = state.failed().and_then(|(address, ended)| Some((address.to_owned(), ended.error.as_ref()?.code.clone())));
        let handed = || state.steps.iter().find_map(|(address, step)| Some((address.clone(), step.handed_off.as_ref()?.code.clone())));
        failed.or_else(handed).or_else(|| state.uncertain().map(|(address, uncertain)| (address.to_owned(), uncertain.code.clone())))
    }

    /// The outputs of the playbook.
    pub(super) fn outputs(&self) -> BTreeMap<String, serde_json::Value> {
        let ended = self.events.iter().rev().find_map(|event| if let EventBody::RunEnded { outputs, .. } = &event.body { Some(outputs.clone()) } else { None });
        ended.unwrap_or_default()
    }

    /// How a step ended, in the words of tests.
    pub(super) fn outcome(&self, address: &str) -> &'static str {
        match self.state.as_ref().and_then(|state| state.step(address)).map(|step| &step.doing) {
            None | Some(Doing::Waiting) => "none",
            Some(Doing::Ended(ended)) => ended.outcome.word(),
            Some(Doing::Uncertain(_)) => "uncertain",
            Some(_) => "waiting",
        }
    }
}

/// What a panic said.
pub(super) fn told(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "panic".to_owned())
}

fn zone() -> TimeZone {
    TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC)
}

fn run_error(error: BackendError) -> RunError {
    RunError { code: error.code, cause: error.cause, cure: error.cure }
}
