//! A playbook that opens a token, and somebody who runs it night after night.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kirikae_engine::action::{Answer, Question, registry};
use kirikae_engine::backend::{BackendError, BackendSet, CaWrite, CancelToken};
use kirikae_engine::check::{Checked, SecretDecl, check};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::decode_site;
use kirikae_engine::dsl::site::Site;
use kirikae_engine::journal::{Cut, Journal};
use kirikae_engine::plan::{Ledger, LookScope, Plan, PlanRequest, SourceVersion, Tally, Target, World as PlanWorld, plan};
use kirikae_engine::run::{
    Driver, Event, EventBody, MissingInputs, NoSecrets, Observer, Pauser, Person, Program, RunContext, RunError, SecretSources, Settled, State, gather_inputs,
};
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::{FakeToken, FakeTokens, FixedClock, Shipped, World};
use kirikae_engine::text::Source;

/// Serial of the token.
pub const SERIAL: &str = "9F02A7";
/// What tries are counted on.
pub const DEVICE: &str = "token:9F02A7";

/// A playbook that opens the token with a PIN of these limits; `rest` stands below the step that opens it.
pub fn checked(limits: &str, rest: &str) -> Checked {
    let text = format!(
        r#"kirikae: playbook/1
id: obn/case
version: "1.0.0"
title: 例
sources: [obn_edge]
backends:
  key: token
secrets:
  pin: {{ type: ascii, title: ユーザPIN, attempts: {{ {limits}, cite: obn_edge#1.3 }} }}
steps:
  key:
    title: USBキー
    uses: token.wait@1
    with: {{ in: key }}
  unlock:
    title: PIN
    uses: token.login@1
    with: {{ token: "${{{{ steps.key.token }}}}", pin: "${{{{ secrets.pin }}}}" }}
{rest}"#
    );
    let source = Source::from_bytes("case.yaml", text.as_bytes()).unwrap();
    check(&source, &Shipped, registry()).result.unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// A person's answer.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    Yes,
    No,
    Problem(&'static str),
    PowerFails,
}

/// The terminal of the nights.
pub struct Desk {
    pub world: World,
    pub folder: PathBuf,
    _home: Option<tempfile::TempDir>,
    /// What a source that asks nobody gives.
    pub filed: RefCell<Option<String>>,
    /// Its version.
    pub version: Cell<u32>,
    /// What a person types, in order; nobody is there when it is used up.
    pub typed: RefCell<VecDeque<&'static str>>,
    /// How often a person was asked.
    pub asked: Cell<u32>,
    /// What a person answers to questions, in order; nobody is there when it is used up. Before an answer the power may fail.
    pub words: RefCell<VecDeque<Said>>,
    /// The questions that were put.
    pub questions: RefCell<Vec<Question>>,
    /// What the role `web` is bound to, if anything.
    pub portal: RefCell<Option<Arc<dyn CaWrite>>>,
    /// The site's id: runs of one playbook at one site exclude each other.
    pub site: RefCell<String>,
    /// The folder is one account's.
    pub per_user: Cell<bool>,
    run: Cell<u32>,
}

impl Desk {
    /// A terminal with an empty state folder and one token in memory.
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut desk = Self::at(home.path(), Arc::default());
        desk.world.tokens.insert(FakeToken::new(SERIAL));
        desk._home = Some(home);
        desk
    }

    /// A terminal with this state folder and these tokens.
    pub fn at(folder: &Path, tokens: Arc<FakeTokens>) -> Self {
        let mut world = World::obn();
        world.tokens = tokens;
        Self {
            world,
            folder: folder.to_owned(),
            _home: None,
            filed: RefCell::default(),
            version: Cell::new(1),
            typed: RefCell::default(),
            asked: Cell::new(0),
            words: RefCell::default(),
            questions: RefCell::default(),
            portal: RefCell::default(),
            site: RefCell::new("clinic".to_owned()),
            per_user: Cell::new(false),
            run: Cell::new(0),
        }
    }

    /// Another terminal with the same state folder, tokens and vault.
    pub fn beside(&self, site: &str) -> Self {
        let mut other = Self::at(&self.folder, self.world.tokens.clone());
        other.world.vault = self.world.vault.clone();
        *other.site.borrow_mut() = site.to_owned();
        other.run.set(1_000);
        other
    }

    /// The value that the source gives from now on, a changed one.
    pub fn file(&self, value: &str) {
        *self.filed.borrow_mut() = Some(value.to_owned());
        self.version.set(self.version.get() + 1);
    }

    pub fn journal(&self) -> Journal {
        let mut journal = Journal::open(&self.folder).unwrap();
        if self.per_user.get() {
            journal.refuse_counting();
        }
        journal
    }

    /// Plans, knowing what was counted.
    pub fn plan(&self, checked: &Checked, ledger: &dyn Ledger) -> Plan {
        let site = site();
        let request = PlanRequest {
            checked,
            registry: registry(),
            scope: LookScope::Local,
            plan_id: format!("P-{}-{}", std::process::id(), self.run.get()),
            valid: Duration::from_hours(1),
            inputs: gather_inputs(checked, &BTreeMap::new(), &site, MissingInputs::Refuse).unwrap(),
            secret_sources: BTreeMap::new(),
            target: Target { id: "clinic".to_owned(), labels: BTreeMap::new() },
            bindings: BTreeMap::new(),
            hands: BTreeMap::new(),
            site: None,
            clean_up: None,
            notices: vec![],
        };
        let backends = self.backends();
        let world = PlanWorld {
            now: self.world.clock.now(),
            zone: &self.world.zone,
            backends: backends.reads(),
            secrets: &NoSecrets,
            blobs: &self.world.blobs,
            committed: &|_, _| vec![],
            fresh_for: self.world.fresh_for,
            tries: ledger,
        };
        plan(&request, &world)
    }

    /// A program whose plan knows nothing of counts, as one that was saved before.
    pub fn program(&self, checked: &Checked) -> Program {
        let plan = self.plan(checked, &kirikae_engine::plan::NoLedger);
        let inputs = gather_inputs(checked, &BTreeMap::new(), &site(), MissingInputs::Refuse).unwrap();
        let inputs = inputs.into_iter().map(|(name, given)| (name, given.value)).collect();
        Program { checked: checked.clone(), plan, inputs, zone: self.world.zone.clone(), absent_after: BTreeMap::new() }
    }

    /// The id of the next run.
    fn next(&self) -> String {
        self.run.set(self.run.get() + 1);
        format!("{}-{}", std::process::id(), self.run.get())
    }

    /// The id of the last run.
    pub fn last(&self) -> String {
        format!("{}-{}", std::process::id(), self.run.get())
    }

    /// One night: what was left parked is given up, then a new run from plan to end.
    pub fn night(&self, checked: &Checked) -> State {
        self.night_until(checked, None).unwrap()
    }

    /// The same, with the power failing at a write of its journal.
    pub fn night_until(&self, checked: &Checked, cut: Option<Cut>) -> Result<State, RunError> {
        self.give_up();
        let run = self.next();
        let program = self.program(checked);
        let started = EventBody::RunStarted {
            plan: program.plan.plan_id.clone(),
            digest: program.plan.compute_digest(),
            engine: "test".to_owned(),
            playbook: checked.id.clone(),
            site: "clinic".to_owned(),
            blobs: BTreeMap::new(),
            bindings: BTreeMap::new(),
            batch: None,
            account: "test".to_owned(),
        };
        let approved = EventBody::ApprovalGiven {
            steps: program.plan.approvals_required.clone(),
            by: "--approve".to_owned(),
            who: "test".to_owned(),
            site_digest: None,
            subject: BTreeMap::new(),
        };
        self.with(&program, cut, |context, journal| Ok(Driver::begin(context, journal, &mut Silent, &run, started, vec![approved])?.run()?.state))
    }

    fn backends(&self) -> BackendSet {
        let mut backends = self.world.backends();
        backends.cas.extend(self.portal.borrow().clone().map(|portal| ("web".to_owned(), portal)));
        backends
    }

    /// Gives up every run that has not ended, as somebody may do who only wants to go on.
    pub fn give_up(&self) {
        let mut journal = self.journal();
        let number = |run: &str| run.strip_prefix(&format!("{}-", std::process::id()))?.parse::<u32>().ok();
        let ours = |run: &str| number(run).is_some_and(|number| number / 1_000 == self.run.get() / 1_000);
        for row in journal.runs().unwrap().into_iter().filter(|row| row.phase != "ended" && ours(&row.run)) {
            let given_up = EventBody::RunAbandoned { by: "test".to_owned(), reason: "-".to_owned() };
            journal.append(&row.run, self.world.clock.now(), given_up).unwrap();
        }
    }

    /// Takes the last run up in a new process.
    pub fn resume(&self, checked: &Checked) -> State {
        let program = self.program(checked);
        self.with(&program, None, |context, journal| {
            let mut observer = Silent;
            let mut driver = Driver::take_up(context, journal, &mut observer, &self.last()).unwrap();
            driver.append(EventBody::RunResumed { engine: "test".to_owned(), account: "test".to_owned() }).unwrap();
            driver.run().unwrap().state
        })
    }

    fn with<T>(&self, program: &Program, cut: Option<Cut>, work: impl FnOnce(RunContext<'_>, &mut Journal) -> T) -> T {
        let backends = self.backends();
        let context = RunContext {
            program,
            registry: registry(),
            backends: &backends,
            clock: &*self.world.clock,
            sources: self,
            person: self,
            pauser: self,
            cancel: CancelToken::default(),
            fresh_for: self.world.fresh_for,
            site: self.site.borrow().clone(),
        };
        let mut journal = self.journal();
        if let Some(cut) = cut {
            journal.cut(cut);
        }
        work(context, &mut journal)
    }

    pub fn used(&self) -> u32 {
        self.used_on(DEVICE)
    }

    /// Failures in a row that are recorded of a device or account.
    pub fn used_on(&self, device: &str) -> u32 {
        self.journal().attempt(device).unwrap().map_or(0, |row| row.used)
    }

    /// PINs that the token saw.
    pub fn tries(&self) -> usize {
        self.world.tokens.tries(SERIAL)
    }

    pub fn events(&self) -> Vec<Event> {
        self.journal().events(&self.last()).unwrap()
    }

    /// Answers the last run's question from outside, as `kirikae answer` does.
    pub fn answer(&self, step: &str, yes: bool, settled: Option<Settled>) {
        let (name, at) = ("受付".to_owned(), self.world.clock.now());
        let answer = Answer { yes, by: name.clone(), account: name, at, ..Answer::default() };
        self.journal().append(&self.last(), at, EventBody::HumanAnswered { step: step.to_owned(), answer, settled }).unwrap();
    }

    pub fn count(&self, kind: &str) -> usize {
        self.events().iter().filter(|event| event.body.kind() == kind).count()
    }
}

/// The code and the count that a step ended with.
pub fn failure(state: &State, step: &str) -> (String, Option<String>, Option<String>) {
    let error = state.ended(step).and_then(|ended| ended.error.clone()).unwrap_or_else(|| panic!("{step}: {:?}", state.step(step)));
    (error.code, error.data.get("used").cloned(), error.data.get("left").cloned())
}

fn site() -> Site {
    decode_site(&Source::from_bytes("site.yaml", b"kirikae: site/1\nid: clinic\ntitle: x\n").unwrap()).unwrap()
}

/// What the journal tells a planner.
impl Ledger for Desk {
    fn tally(&self, device: &str) -> Tally {
        let row = self.journal().attempt(device).unwrap();
        row.map_or_else(Tally::default, |row| Tally { used: row.used, in_run: 0, failed: row.failed })
    }

    fn version(&self, _secret: &str) -> Option<SourceVersion> {
        self.filed.borrow().as_ref().map(|_| SourceVersion { source: "file:/pin".to_owned(), version: self.version.get().to_string() })
    }

    fn per_user(&self) -> bool {
        self.per_user.get()
    }
}

impl SecretSources for Desk {
    fn unattended(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(self.filed.borrow().clone().map(Secret::text))
    }

    fn version(&self, secret: &SecretDecl) -> Option<SourceVersion> {
        Ledger::version(self, &secret.name)
    }

    fn ask(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        self.asked.set(self.asked.get() + 1);
        Ok(self.typed.borrow_mut().pop_front().map(Secret::text))
    }
}

impl Person for Desk {
    fn answer(&self, _step: &str, question: &Question) -> Option<Answer> {
        self.questions.borrow_mut().push(question.clone());
        let name = "受付".to_owned();
        let answer = Answer { by: name.clone(), account: name, at: self.world.clock.now(), ..Answer::default() };
        match self.words.borrow_mut().pop_front()? {
            Said::Yes => Some(Answer { yes: true, ..answer }),
            Said::No => Some(answer),
            Said::Problem(name) => Some(Answer { problem: Some(name.to_owned()), ..answer }),
            Said::PowerFails => panic!("the power fails while the person types"),
        }
    }
}

impl Pauser for Desk {
    fn wait(&self, _now: Timestamp, until: Timestamp, _cancel: &CancelToken) -> bool {
        let clock: &FixedClock = &self.world.clock;
        clock.set(until);
        true
    }
}

struct Silent;

impl Observer for Silent {
    fn event(&mut self, _program: &Program, _state: &State, _event: &Event) {}

    fn note(&mut self, _error: &BackendError) {}
}
