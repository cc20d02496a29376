//! The embedded driver: asks the core, acts, writes down. One step at a time, in the process that called it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::attempt::STEP_BACK;
use super::decide::{Command, Program, decide};
use super::event::{Event, EventBody, ParkCause};
use super::files::StateBlobs;
use super::secrets::{RunSecrets, SecretSources};
use super::state::{Phase, State, apply};
use crate::action::{Answer, Question, QuestionField, Registry, Reveal};
use crate::backend::{BackendError, BackendSet, CancelToken, Class};
use crate::clock::Clock;
use crate::journal::{Journal, JournalError, PlaceError, RunLock, reserve};
use crate::plan::site_key;
use crate::secret::{Secret, SecretRef};
use crate::text::{Lang, Text};

/// Everything a run is carried out with.
pub struct RunContext<'a> {
    /// What is carried out.
    pub program: &'a Program,
    /// Actions.
    pub registry: &'static Registry,
    /// Backends.
    pub backends: &'a BackendSet,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Sources of declared secrets.
    pub sources: &'a dyn SecretSources,
    /// The person at the terminal.
    pub person: &'a dyn Person,
    /// Waits.
    pub pauser: &'a dyn Pauser,
    /// Set by the first Ctrl-C.
    pub cancel: CancelToken,
    /// How old an accepted proof may be.
    pub fresh_for: Duration,
    /// Site id.
    pub site: String,
}

/// The person at the terminal.
pub trait Person {
    /// Answers a question; `None`: nobody is there.
    fn answer(&self, step: &str, question: &Question) -> Option<Answer>;

    /// Answers what a row of `rescue` hands off. By default as any question; who only plays a person has nothing to say to it.
    fn take_over(&self, step: &str, question: &Question) -> Option<Answer> {
        self.answer(step, question)
    }

    /// The OS account of the person, where secrets can be shown to them; `None`: nowhere.
    fn reader(&self) -> Option<String> {
        None
    }

    /// Shows a secret that the person types into a page.
    fn reveal(&self, _reveal: &Reveal, _value: &Secret) {}

    /// A secret that the page shows, typed by the person; `None`: it is not given.
    fn secret_shown(&self, _field: &QuestionField) -> Option<Secret> {
        None
    }

    /// A file of evidence: its name and content; `None`: no more.
    fn evidence(&self) -> Option<(String, Secret)> {
        None
    }
}

/// Waits for a time.
pub trait Pauser {
    /// Waits until then, or until cancelled. `false`: it is too long to wait in this process, the run parks.
    fn wait(&self, now: Timestamp, until: Timestamp, cancel: &CancelToken) -> bool;
}

/// Sees every event after it is on disk.
pub trait Observer {
    /// An event, and the state after it.
    fn event(&mut self, program: &Program, state: &State, event: &Event);
    /// Something worth saying that is no event.
    fn note(&mut self, error: &BackendError);
}

/// How a process's part of a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct EndOfRun {
    /// The state.
    pub state: State,
    /// Hash of the last event, hex: keep it elsewhere to notice a cut journal.
    pub head: String,
}

/// Why a run could not go on at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// Code.
    pub code: String,
    /// What and why.
    pub cause: Text,
    /// What to do.
    pub cure: Text,
}

impl RunError {
    pub(super) fn internal(what: &str) -> Self {
        Self {
            code: "RUN.INTERNAL".to_owned(),
            cause: Text::new(format!("プログラムの誤りです({what})。"), format!("this is a defect of the program ({what}).")),
            cure: Text::new("kirikae show の結果を添えて知らせてください。", "please report it with the output of `kirikae show`."),
        }
    }
}

impl From<JournalError> for RunError {
    fn from(error: JournalError) -> Self {
        Self { code: error.code.to_owned(), cause: error.cause, cure: error.cure }
    }
}

impl From<PlaceError> for RunError {
    fn from(error: PlaceError) -> Self {
        Self { code: error.code.to_owned(), cause: error.cause, cure: error.cure }
    }
}

impl From<RunError> for BackendError {
    fn from(error: RunError) -> Self {
        BackendError::new(&error.code, error.cause).class(Class::Human).cure(error.cure)
    }
}

/// Drives one run. It holds the run's lock.
pub struct Driver<'a> {
    pub(super) context: RunContext<'a>,
    pub(super) secrets: RunSecrets<'a>,
    pub(super) blobs: StateBlobs,
    journal: &'a mut Journal,
    observer: &'a mut dyn Observer,
    state: State,
    _lock: RunLock,
}

impl<'a> Driver<'a> {
    /// Begins a run: `started` is its first event, `approvals` follow it in the same transaction.
    ///
    /// # Errors
    /// `PLAN.USED`, `RUN.UNFINISHED`, `JOURNAL.*`.
    pub fn begin(
        context: RunContext<'a>,
        journal: &'a mut Journal,
        observer: &'a mut dyn Observer,
        run: &str,
        started: EventBody,
        approvals: Vec<EventBody>,
    ) -> Result<Self, RunError> {
        let lock = RunLock::take(journal.folder(), run)?;
        let now = context.clock.now();
        let events = journal.begin(run, now, &context.program.checked.id, &context.site, started, approvals)?;
        let mut state = State::new(run);
        for event in &events {
            apply(context.program, &mut state, event);
            observer.event(context.program, &state, event);
        }
        Ok(Self::assemble(context, journal, observer, state, lock))
    }

    /// Takes up a run from its journal. `resumed` is appended when it is to go on.
    ///
    /// # Errors
    /// `RUN.UNFINISHED` if another process drives it; `JOURNAL.*`.
    pub fn take_up(context: RunContext<'a>, journal: &'a mut Journal, observer: &'a mut dyn Observer, run: &str) -> Result<Self, RunError> {
        let lock = RunLock::take(journal.folder(), run)?;
        let mut state = State::new(run);
        for event in journal.events(run)? {
            apply(context.program, &mut state, &event);
        }
        Ok(Self::assemble(context, journal, observer, state, lock))
    }

    fn assemble(context: RunContext<'a>, journal: &'a mut Journal, observer: &'a mut dyn Observer, state: State, lock: RunLock) -> Self {
        let vault = context.backends.vault.clone();
        let at = context.clock.now();
        let references = state.secrets.iter().filter_map(|(name, reference)| Some((name.clone(), SecretRef::parse(reference)?))).collect();
        let checked = &context.program.checked;
        let secrets = RunSecrets::new(context.sources, &checked.secrets, vault.clone(), &state.run, &checked.id, at, references);
        secrets.ask_again(state.asked_again.iter().filter(|name| !state.secrets.contains_key(*name)));
        let blobs = StateBlobs::new(journal.folder().to_owned(), vault, &state.run, at);
        Self { context, secrets, blobs, journal, observer, state, _lock: lock }
    }

    /// The state so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Writes an event down, then changes the state by it, then shows it. A step back of the clock is written down first.
    ///
    /// # Errors
    /// `JOURNAL.*`: nothing may be done after it.
    pub fn append(&mut self, body: EventBody) -> Result<(), RunError> {
        let wall = self.context.clock.now();
        if let Some(last) = self.state.at
            && last.duration_since(wall) > STEP_BACK
        {
            let back_ms = i64::try_from(last.duration_since(wall).as_millis()).unwrap_or(i64::MAX);
            self.append_one(wall, EventBody::ClockStepped { back_ms })?;
        }
        self.append_one(wall, body)
    }

    fn append_one(&mut self, wall: Timestamp, body: EventBody) -> Result<(), RunError> {
        let event = self.journal.append(&self.state.run, wall, body)?;
        apply(self.context.program, &mut self.state, &event);
        if let EventBody::Decided { rescue: Some(taken), .. } = &event.body {
            self.secrets.ask_again(&taken.ask_again);
        }
        self.observer.event(self.context.program, &self.state, &event);
        Ok(())
    }

    pub(super) fn note(&mut self, error: &BackendError) {
        self.observer.note(error);
    }

    /// The time of the next event.
    pub(super) fn now(&self) -> Timestamp {
        let wall = self.context.clock.now();
        self.state.at.map_or(wall, |last| last.max(wall))
    }

    /// Carries the run on until it ends or parks.
    ///
    /// # Errors
    /// When it cannot be written down, or the program is at fault; the run can be resumed.
    pub fn run(mut self) -> Result<EndOfRun, RunError> {
        loop {
            if self.context.cancel.is_cancelled() && !self.state.cancelled && self.state.phase == Phase::Active {
                self.append(EventBody::CancelRequested { by: "terminal".to_owned() })?;
            }
            let commands = decide(self.context.program, &self.state);
            let Some(command) = commands.into_iter().min_by_key(urgency) else { break };
            self.carry_out(command)?;
        }
        self.tidy_up();
        let head = self.journal.verify_run(&self.state.run, None)?.head;
        Ok(EndOfRun { state: self.state, head })
    }

    fn carry_out(&mut self, command: Command) -> Result<(), RunError> {
        match command {
            Command::Record(body) => self.append(body),
            Command::Start { step, attempt } => self.start(&step, attempt),
            Command::Continue { step, attempt, cookie } => self.go_on(&step, attempt, &cookie),
            Command::Look { step } => self.reconcile(&step),
            Command::Conclude { step, attempt } => self.conclude(&step, attempt),
            Command::AwaitAnswer { step } => self.await_answer(step),
            Command::AwaitTimer { step, due } => self.await_timer(step, due),
        }
    }

    fn await_timer(&mut self, step: String, due: Timestamp) -> Result<(), RunError> {
        let now = self.now();
        if now < due && !self.context.pauser.wait(now, due, &self.context.cancel) {
            return self.append(EventBody::RunParked { cause: ParkCause::Time, steps: vec![step], until: Some(due) });
        }
        if self.context.cancel.is_cancelled() {
            return Ok(());
        }
        self.append(EventBody::TimerFired { timer: format!("{step}/{due}"), step })
    }

    /// Takes the claims of the run: of the step's credential, else of the site and playbook.
    pub(super) fn take_claims(&mut self, credential: Option<&str>) -> Result<(), BackendError> {
        let key = match credential {
            Some(key) => key.to_owned(),
            None if self.state.wrote => return Ok(()),
            None => site_key(&self.context.program.checked, &self.context.site),
        };
        let now = self.now();
        self.journal.claim(&self.state.run, now, &[key]).map_err(|error| RunError::from(error).into())
    }

    pub(super) fn reserve(&self) -> Result<(), BackendError> {
        reserve(self.journal.folder()).map_err(|error| RunError::from(error).into())
    }

    /// Request IDs that earlier runs committed for a credential.
    pub(super) fn committed(&self, credential: &str) -> Result<Vec<String>, BackendError> {
        let commitments = self.journal.commitments(credential).map_err(RunError::from)?;
        Ok(commitments.into_iter().filter_map(|commitment| commitment.request_id).collect())
    }

    fn tidy_up(&mut self) {
        if let Phase::Ended(_) = self.state.phase
            && let Err(error) = self.blobs.erase_keys()
        {
            self.observer.note(&error);
        }
        remove_reserve(self.journal.folder());
    }
}

fn remove_reserve(folder: &Path) {
    // Only room that was kept free; the next run makes it again.
    let _ = std::fs::remove_file(folder.join("reserve"));
}

fn urgency(command: &Command) -> (u8, Option<Timestamp>) {
    match command {
        Command::Record(_) => (0, None),
        Command::Conclude { .. } => (1, None),
        Command::Continue { .. } => (2, None),
        Command::Look { .. } => (3, None),
        Command::Start { .. } => (4, None),
        Command::AwaitAnswer { .. } => (6, None),
        Command::AwaitTimer { due, .. } => (7, Some(*due)),
    }
}

/// The words of a run error in a language, for callers that show it.
impl RunError {
    /// `CODE: cause`, one line.
    pub fn line(&self, lang: Lang) -> String {
        format!("{}: {}", self.code, self.cause.get(lang))
    }
}
