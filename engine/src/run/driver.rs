//! The embedded driver: asks the core, acts, writes down, in the process that called it. Here stands what callers see; the main loop is
//! in `turns`, workers in `crew` and `attempt`, events on their way to disk in `log`.

use std::time::Duration;

use jiff::Timestamp;

use super::attempt::Shared;
use super::crew::Crew;
use super::decide::Program;
use super::event::{Event, EventBody, RunEnd};
use super::files::StateBlobs;
use super::log::Log;
use super::private;
use super::secrets::{RunSecrets, SecretSources};
use super::state::{Phase, State, apply};
use super::turns::{Desk, Turns};
use crate::action::{Answer, Live, Question, Registry};
use crate::backend::{BackendError, BackendSet, CancelToken, Class};
use crate::clock::Clock;
use crate::journal::{Journal, JournalError, PlaceError, RunLock};
use crate::secret::SecretRef;
use crate::text::{Lang, Text};

/// How long one call of a backend may take. The slowest, ten moves on a portal whose every answer takes a minute, fit in.
const CALL_LIMIT: Duration = Duration::from_mins(10);

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

/// The person at the terminal. Asked one thing at a time, by the thread that called [`Driver::run`], when no step is under way.
pub trait Person {
    /// Answers a question; `None`: nobody is there.
    fn answer(&self, step: &str, question: &Question) -> Option<Answer>;

    /// Answers what a row of `rescue` hands off. By default as any question; who only plays a person has nothing to say to it.
    fn take_over(&self, step: &str, question: &Question) -> Option<Answer> {
        self.answer(step, question)
    }
}

/// Waits for a time, while no step is under way.
pub trait Pauser {
    /// Waits until then, or until cancelled. `false`: it is too long to wait in this process, the run parks.
    fn wait(&self, now: Timestamp, until: Timestamp, cancel: &CancelToken) -> bool;
}

/// Sees every event after it is on disk.
pub trait Observer {
    /// An event, and the state after it and all that went to disk together with it.
    fn event(&mut self, program: &Program, state: &State, event: &Event);
    /// Something worth saying that is no event.
    fn note(&mut self, error: &BackendError);
    /// A step is stuck (`STEP.STUCK` with `step`, `device`, `seconds`): its call has overrun its deadline and not come back. Said once
    /// for each such call. Nothing else is sent to the device until it comes back, and then its result counts.
    fn stuck(&mut self, error: &BackendError) {
        self.note(error);
    }
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
    shared: Shared<'a>,
    desk: Desk<'a>,
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
        let private = context.program.private();
        for event in journal.events(run)? {
            let body = private::show(&private, event.body);
            apply(context.program, &mut state, &Event { body, ..event });
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
        let journal_folder = journal.folder().to_owned();
        let log = Log::new(context.program, context.clock, journal, observer, state);
        let desk = Desk { log, secrets, person: context.person, pauser: context.pauser };
        let shared = Shared {
            program: context.program,
            registry: context.registry,
            backends: context.backends,
            clock: context.clock,
            cancel: context.cancel,
            fresh_for: context.fresh_for,
            site: context.site,
            folder: journal_folder,
            live: Live::default(),
            blobs,
            call_limit: CALL_LIMIT,
        };
        Self { shared, desk, _lock: lock }
    }

    /// The same, with another limit on how long one call of a backend may take (10 minutes).
    #[must_use]
    pub fn call_limit(mut self, limit: Duration) -> Self {
        self.shared.call_limit = limit;
        self
    }

    /// The state so far.
    pub fn state(&self) -> &State {
        self.desk.log.state()
    }

    /// Writes an event down, then shows it. A step back of the clock is written down first.
    ///
    /// # Errors
    /// `JOURNAL.*`: nothing may be done after it.
    pub fn append(&mut self, body: EventBody) -> Result<(), RunError> {
        self.desk.stage(body);
        self.desk.log.commit()
    }

    /// Carries the run on until it ends or parks.
    ///
    /// Steps are carried out in threads of their own, those of branches side by side. A call that never comes back keeps this from
    /// returning, however often it was cancelled: the process must end, and the next one looks whether the effect happened.
    ///
    /// # Errors
    /// When it cannot be written down, or the program is at fault; the run can be resumed.
    pub fn run(self) -> Result<EndOfRun, RunError> {
        let Self { shared, mut desk, _lock } = self;
        let (messages, inbox) = std::sync::mpsc::channel();
        #[expect(clippy::disallowed_methods, reason = "the one place with threads; none outlives it")]
        std::thread::scope(|scope| Turns::new(scope, &shared, &mut desk, inbox, Crew::new(messages)).run())?;
        // A run that failed before it wrote anything can be taken up again, with the files it has read.
        if let Phase::Ended(RunEnd::Done | RunEnd::Finished | RunEnd::Abandoned) = desk.log.state().phase
            && let Err(error) = shared.blobs.erase_keys()
        {
            desk.log.note(&error);
        }
        desk.log.release();
        let head = desk.log.head()?;
        Ok(EndOfRun { state: desk.log.into_state()?, head })
    }
}

/// The words of a run error in a language, for callers that show it.
impl RunError {
    /// `CODE: cause`, one line.
    pub fn line(&self, lang: Lang) -> String {
        format!("{}: {}", self.code, self.cause.get(lang))
    }
}
