//! A clinic that carries playbooks out: strict fakes, a real journal, a person and a clock that the test moves.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kirikae_engine::action::{Answer, Question, QuestionField, Reveal, registry};
use kirikae_engine::backend::{BackendError, CancelToken};
use kirikae_engine::check::{Checked, Library, SecretDecl, check};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::site::Site;
use kirikae_engine::journal::Journal;
use kirikae_engine::plan::{LookScope, Plan, PlanRequest, Target, plan};
use kirikae_engine::run::{
    Driver, Event, EventBody, MissingInputs, NoSecrets, Observer, Pauser, Person, Program, RunContext, SecretSources, Settled, State, gather_inputs,
};
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::{FixedClock, World};
use kirikae_engine::text::Source;

/// The id of the only run.
pub const RUN: &str = "20261123-abcdef";

/// The shipped documents; in portal profiles one text is replaced by another.
struct Shipped(&'static str, &'static str);

fn playbooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks")
}

fn read(name: &str) -> Option<Source> {
    Some(Source::from_bytes(name, &std::fs::read(playbooks().join(name)).ok()?).unwrap())
}

impl Library for Shipped {
    fn playbook(&self, id: &str) -> Option<Source> {
        read(&format!("{id}.yaml"))
    }

    fn portal(&self, id: &str) -> Option<Source> {
        let source = read(&format!("portals/{id}.yaml"))?;
        assert!(source.text.contains(self.0));
        Some(Source::new(source.name.clone(), source.text.replacen(self.0, self.1, 1)))
    }

    fn sources(&self) -> Option<Source> {
        read("sources.yaml")
    }
}

/// A checked playbook of these steps, with the roles of [`World`] and the secret `pin`.
pub fn checked(steps: &str) -> Checked {
    checked_with_profile(steps, "", "")
}

/// The same with a text of the portal's profile replaced.
pub fn checked_with_profile(steps: &str, from: &'static str, to: &'static str) -> Checked {
    let head = r#"kirikae: playbook/1
id: obn/case
version: "1.0.0"
title: 例
sources: [obn_edge]
backends:
  issuer: { kind: ca, profile: obn }
  personal: store
  backup: folder
inputs:
  code: { type: digits(10), title: 番号, default: "0110119153" }
  until: { type: date, title: 期限の日, default: 2026-11-23 }
  at: { type: datetime, title: 期限の日時, default: "2026-11-23T12:00:00Z" }
secrets:
  pin: { type: digits(4), title: 暗証 }
steps:
"#;
    let source = Source::from_bytes("case.yaml", format!("{head}{steps}").as_bytes()).unwrap();
    let outcome = check(&source, &Shipped(from, to), registry());
    outcome.result.unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// A step that finds the certificate of the terminal.
pub const CURRENT: &str = r#"
  current:
    title: 探す
    uses: cert.find@1
    with: { in: personal, issuer: "*", pick: newest }
"#;

/// A step that requests a renewal.
pub const REQUEST: &str = r#"
  request:
    title: 申請
    uses: ca.renew@1
    with: { client_cert: "${{ steps.current.cert }}" }
"#;

/// What is done before an answer.
type Act = Box<dyn FnOnce(&World)>;

/// Somebody at the desk: answers, waits, types secrets.
pub struct Desk {
    pub world: World,
    pub state: tempfile::TempDir,
    /// Answers in order, each with what is done before it is given; nobody is there when they are used up.
    pub answers: RefCell<VecDeque<(bool, Act)>>,
    /// Answers in words, given before those: fields, problems, rows; who and when are filled in.
    pub words: RefCell<VecDeque<Answer>>,
    /// Secrets that a page showed, in the order they are typed.
    pub shown: RefCell<VecDeque<&'static str>>,
    /// Whether somebody is there to be shown secrets; and those that were shown: label and value.
    pub reads: Cell<bool>,
    pub revealed: RefCell<Vec<(String, String)>>,
    /// Ctrl-C.
    pub cancel: RefCell<CancelToken>,
    /// The questions that were put.
    pub questions: RefCell<Vec<Question>>,
    /// Where secrets come from.
    pub typist: Typist,
    /// Waits longer than this park the run.
    pub patience: Cell<Duration>,
    /// How long was waited, in order.
    pub waits: RefCell<Vec<Duration>>,
}

/// Types secrets.
pub struct Typist {
    clock: Arc<FixedClock>,
    /// Values in the order they are typed.
    pub typed: Mutex<VecDeque<&'static str>>,
    /// A value of a source that asks nobody.
    pub filed: Mutex<Option<&'static str>>,
    /// How long a person takes to type a secret.
    pub typing: Mutex<Duration>,
}

impl Typist {
    /// Will type these, in order.
    pub fn types(&self, values: impl IntoIterator<Item = &'static str>) {
        self.typed.lock().unwrap().extend(values);
    }

    /// How many values were not typed yet.
    pub fn left(&self) -> usize {
        self.typed.lock().unwrap().len()
    }
}

impl Desk {
    pub fn new(world: World) -> Self {
        Self {
            typist: Typist { clock: world.clock.clone(), typed: Mutex::default(), filed: Mutex::default(), typing: Mutex::default() },
            world,
            state: tempfile::tempdir().unwrap(),
            answers: RefCell::default(),
            words: RefCell::default(),
            shown: RefCell::default(),
            reads: Cell::default(),
            revealed: RefCell::default(),
            cancel: RefCell::default(),
            questions: RefCell::default(),
            patience: Cell::new(Duration::MAX),
            waits: RefCell::default(),
        }
    }

    /// Plans the steps, looking at this machine only.
    pub fn plan(&self, checked: &Checked) -> Plan {
        self.plan_with(checked, &BTreeMap::new())
    }

    pub fn plan_with(&self, checked: &Checked, set: &BTreeMap<String, String>) -> Plan {
        let site = site();
        let request = PlanRequest {
            checked,
            registry: registry(),
            scope: LookScope::Local,
            plan_id: "P-20261123-0001".to_owned(),
            valid: Duration::from_hours(1),
            inputs: gather_inputs(checked, set, &site, MissingInputs::Refuse).unwrap(),
            secret_sources: BTreeMap::new(),
            target: Target { id: "clinic".to_owned(), labels: BTreeMap::new() },
            bindings: BTreeMap::new(),
            hands: BTreeMap::new(),
            site: None,
            clean_up: None,
            notices: vec![],
        };
        let backends = self.world.backends();
        let world = kirikae_engine::plan::World {
            now: self.world.clock.now(),
            zone: &self.world.zone,
            backends: backends.reads(),
            secrets: &NoSecrets,
            blobs: &self.world.blobs,
            committed: &|_, _| vec![],
            fresh_for: self.world.fresh_for,
            tries: &kirikae_engine::plan::NoLedger,
        };
        plan(&request, &world)
    }

    /// Checks, plans.
    pub fn program(&self, steps: &str) -> Program {
        self.program_with(steps, &BTreeMap::new())
    }

    pub fn program_with(&self, steps: &str, set: &BTreeMap<String, String>) -> Program {
        self.program_of(checked(steps), set)
    }

    pub fn program_of(&self, checked: Checked, set: &BTreeMap<String, String>) -> Program {
        let plan = self.plan_with(&checked, set);
        let inputs = gather_inputs(&checked, set, &site(), MissingInputs::Refuse).unwrap();
        let inputs = inputs.into_iter().map(|(name, given)| (name, given.value)).collect();
        let absent_after = kirikae_engine::run::absent_after(&checked, &self.world.backends());
        Program { checked, plan, inputs, zone: self.world.zone.clone(), absent_after }
    }

    /// Begins the run with everything approved, and carries it on.
    pub fn apply(&self, program: &Program) -> State {
        self.apply_watching(program, |_| ())
    }

    /// The same; `seen` is told every event once it is on disk.
    pub fn apply_watching(&self, program: &Program, seen: impl FnMut(&Event)) -> State {
        let started = EventBody::RunStarted {
            plan: program.plan.plan_id.clone(),
            digest: program.plan.compute_digest(),
            engine: "test".to_owned(),
            playbook: program.checked.id.clone(),
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
        self.with(program, |context, journal| Driver::begin(context, journal, &mut Watching(seen), RUN, started, vec![approved]).unwrap().run().unwrap().state)
    }

    /// Takes the run up in a new process, and carries it on.
    pub fn resume(&self, program: &Program) -> State {
        self.with(program, |context, journal| {
            let mut observer = Silent;
            let mut driver = Driver::take_up(context, journal, &mut observer, RUN).unwrap();
            driver.append(EventBody::RunResumed { engine: "test".to_owned(), account: "test".to_owned() }).unwrap();
            driver.run().unwrap().state
        })
    }

    /// Answers from outside, as `kirikae answer` does.
    pub fn answer(&self, step: &str, yes: bool) {
        let mut journal = Journal::open(self.state.path()).unwrap();
        journal.append(RUN, self.world.clock.now(), EventBody::HumanAnswered { step: step.to_owned(), answer: self.word(yes), settled: None }).unwrap();
    }

    /// Answers in words from outside; `settled` for an uncertain step.
    pub fn answer_with(&self, step: &str, words: Answer, settled: Option<Settled>) {
        let mut journal = Journal::open(self.state.path()).unwrap();
        let now = self.world.clock.now();
        let answer = Answer { at: now, ..self.said(words) };
        journal.append(RUN, now, EventBody::HumanAnswered { step: step.to_owned(), answer, settled }).unwrap();
    }

    fn said(&self, words: Answer) -> Answer {
        let name = "受付".to_owned();
        Answer { by: name.clone(), account: name, ..words }
    }

    /// Settles a step in doubt from outside, as `kirikae answer --uncertain` does. The request ID is read off the site.
    pub fn settle(&self, step: &str, settled: Settled) {
        let fields = BTreeMap::from([("request_id".to_owned(), "202611230036865".to_owned())]);
        let answer = Answer { fields, ..self.word(true) };
        let mut journal = Journal::open(self.state.path()).unwrap();
        journal.append(RUN, self.world.clock.now(), EventBody::HumanAnswered { step: step.to_owned(), answer, settled: Some(settled) }).unwrap();
    }

    fn word(&self, yes: bool) -> Answer {
        let name = "受付".to_owned();
        Answer { yes, by: name.clone(), account: name, at: self.world.clock.now(), ..Answer::default() }
    }

    pub fn with<T>(&self, program: &Program, work: impl FnOnce(RunContext<'_>, &mut Journal) -> T) -> T {
        let backends = self.world.backends();
        let waits = Waits { desk: self, clock: &self.world.clock };
        let context = RunContext {
            program,
            registry: registry(),
            backends: &backends,
            clock: &*self.world.clock,
            sources: &self.typist,
            person: self,
            pauser: &waits,
            cancel: self.cancel.borrow().clone(),
            fresh_for: self.world.fresh_for,
            site: "clinic".to_owned(),
        };
        let mut journal = Journal::open(self.state.path()).unwrap();
        work(context, &mut journal)
    }

    /// The journal.
    pub fn events(&self) -> Vec<Event> {
        Journal::open(self.state.path()).unwrap().events(RUN).unwrap()
    }

    /// How many events of a kind a step has.
    pub fn count(&self, kind: &str, step: &str) -> usize {
        self.events().iter().filter(|event| event.body.kind() == kind && event.body.step() == Some(step)).count()
    }
}

fn site() -> Site {
    let text = "kirikae: site/1\nid: clinic\ntitle: 医院\n";
    kirikae_engine::dsl::decode_site(&Source::from_bytes("site.yaml", text.as_bytes()).unwrap()).unwrap()
}

impl Person for Desk {
    fn answer(&self, _step: &str, question: &Question) -> Option<Answer> {
        self.questions.borrow_mut().push(question.clone());
        if let Some(words) = self.words.borrow_mut().pop_front() {
            return Some(Answer { at: self.world.clock.now(), ..self.said(words) });
        }
        let (yes, before) = self.answers.borrow_mut().pop_front()?;
        before(&self.world);
        Some(self.word(yes))
    }

    fn reader(&self) -> Option<String> {
        self.reads.get().then(|| "uketsuke".to_owned())
    }

    fn reveal(&self, reveal: &Reveal, value: &Secret) {
        self.revealed.borrow_mut().push((reveal.label.clone(), value.expose_text().unwrap().to_owned()));
    }

    fn secret_shown(&self, _field: &QuestionField) -> Option<Secret> {
        self.shown.borrow_mut().pop_front().map(Secret::text)
    }
}

impl SecretSources for Typist {
    fn unattended(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(self.filed.lock().unwrap().map(Secret::text))
    }

    fn ask(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        self.clock.advance(*self.typing.lock().unwrap());
        Ok(self.typed.lock().unwrap().pop_front().map(Secret::text))
    }
}

struct Waits<'a> {
    desk: &'a Desk,
    clock: &'a FixedClock,
}

impl Pauser for Waits<'_> {
    fn wait(&self, now: Timestamp, until: Timestamp, _cancel: &CancelToken) -> bool {
        let wait = Duration::try_from(until.duration_since(now)).unwrap();
        if wait > self.desk.patience.get() {
            return false;
        }
        self.desk.waits.borrow_mut().push(wait);
        self.clock.set(until);
        true
    }
}

pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _program: &Program, _state: &State, _event: &Event) {}

    fn note(&mut self, _error: &BackendError) {}
}

/// Tells a closure every event.
struct Watching<F>(F);

impl<F: FnMut(&Event)> Observer for Watching<F> {
    fn event(&mut self, _program: &Program, _state: &State, event: &Event) {
        (self.0)(event);
    }

    fn note(&mut self, _error: &BackendError) {}
}
