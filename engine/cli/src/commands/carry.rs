//! What `apply`, `resume` and `rehearse` share: carrying a run on in this process, and saying how it ended.

use std::time::Duration;

use jiff::Timestamp;
use kirikae_engine::action::registry;
use kirikae_engine::backend::{BackendSet, CancelToken};
use kirikae_engine::clock::SystemClock;
use kirikae_engine::journal::{DayLock, Journal};
use kirikae_engine::run::{Driver, EndOfRun, EventBody, ParkCause, Pauser, Person, Phase, Program, RunContext, RunEnd, SecretSources, State};
use kirikae_engine::text::Lang;

use crate::exit;
use crate::failure::Failure;
use crate::globals::Format;
use crate::render;
use crate::render::run::Screen;

/// The longest time a process waits; more, and the run parks.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Waits in this process for up to five minutes.
pub struct Patient;

/// The longest time that a rehearsal spends waiting, all waits together: long enough for the lab's slowest list (40 s, twice).
#[cfg(feature = "lab")]
const LONGEST_REHEARSAL: Duration = Duration::from_secs(90);

/// Waits for a rehearsal: never longer than a moment, and not for ever for what never comes.
#[cfg(feature = "lab")]
pub struct Shortened {
    begun: std::time::Instant,
}

#[cfg(feature = "lab")]
impl Shortened {
    /// For a rehearsal that begins now.
    pub fn begin() -> Self {
        Self { begun: std::time::Instant::now() }
    }
}

fn nap(until: Timestamp, longest: Duration, cancel: &CancelToken) {
    let started = std::time::Instant::now();
    while Timestamp::now() < until && started.elapsed() < longest && !cancel.is_cancelled() {
        let left = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

impl Pauser for Patient {
    fn wait(&self, now: Timestamp, until: Timestamp, cancel: &CancelToken) -> bool {
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        if wait > LONGEST_WAIT {
            return false;
        }
        nap(until, LONGEST_WAIT, cancel);
        true
    }
}

#[cfg(feature = "lab")]
impl Pauser for Shortened {
    fn wait(&self, _now: Timestamp, until: Timestamp, cancel: &CancelToken) -> bool {
        nap(until, Duration::from_millis(250), cancel);
        self.begun.elapsed() < LONGEST_REHEARSAL
    }
}

/// The parts of a run's surroundings that commands choose.
pub struct Surroundings<'a> {
    /// What is carried out.
    pub program: &'a Program,
    /// Backends.
    pub backends: &'a BackendSet,
    /// Sources of secrets.
    pub sources: &'a dyn SecretSources,
    /// Who answers questions.
    pub person: &'a dyn Person,
    /// How waits are spent.
    pub pauser: &'a dyn Pauser,
    /// How old a proof may be.
    pub fresh_for: Duration,
    /// Site id.
    pub site: String,
    /// Set by Ctrl-C.
    pub cancel: CancelToken,
}

impl<'a> Surroundings<'a> {
    fn context(self) -> RunContext<'a> {
        RunContext {
            program: self.program,
            registry: registry(),
            backends: self.backends,
            clock: &SystemClock,
            sources: self.sources,
            person: self.person,
            pauser: self.pauser,
            cancel: self.cancel,
            fresh_for: self.fresh_for,
            site: self.site,
        }
    }
}

/// The first Ctrl-C lets the step in flight finish and parks; the second ends the process.
pub fn on_ctrl_c() -> CancelToken {
    let cancel = CancelToken::default();
    let shared = cancel.clone();
    let installed = ctrlc::set_handler(move || {
        if shared.is_cancelled() {
            end_now();
        }
        shared.cancel();
    });
    if installed.is_err() {
        render::err("Ctrl-C: -");
    }
    cancel
}

#[expect(clippy::exit, reason = "the second Ctrl-C ends the process at once; the next process reconciles")]
fn end_now() {
    std::process::exit(i32::from(exit::STOPPED));
}

/// Begins a run and carries it on. `counting` is let go once its approvals are on disk.
pub fn begin(
    surroundings: Surroundings<'_>,
    journal: &mut Journal,
    screen: &mut Screen,
    run: &str,
    started: EventBody,
    approvals: Vec<EventBody>,
    counting: Option<DayLock>,
) -> Result<EndOfRun, Failure> {
    let driver = Driver::begin(surroundings.context(), journal, screen, run, started, approvals)?;
    drop(counting);
    Ok(driver.run()?)
}

/// Takes a run up again and carries it on; `replaced` is what changed in what it embeds.
pub fn resume(surroundings: Surroundings<'_>, journal: &mut Journal, screen: &mut Screen, run: &str, replaced: Vec<EventBody>) -> Result<EndOfRun, Failure> {
    let mut driver = Driver::take_up(surroundings.context(), journal, screen, run)?;
    // A run that failed before anything was written can be tried again, too.
    if !matches!(driver.state().phase, Phase::Ended(RunEnd::Done | RunEnd::Finished | RunEnd::Abandoned)) {
        for event in replaced {
            driver.append(event)?;
        }
        let account = crate::state::account();
        driver.append(EventBody::RunResumed { engine: env!("CARGO_PKG_VERSION").to_owned(), account })?;
    }
    Ok(driver.run()?)
}

/// Says how it ended, and gives the exit code.
pub fn report(program: &Program, end: &EndOfRun, lang: Lang, format: Format) -> u8 {
    match format {
        Format::Json => render::out(&render::run::end_json(program, end).to_string()),
        _ => render::out(&render::run::end_text(program, end, lang)),
    }
    exit_code(&end.state)
}

fn exit_code(state: &State) -> u8 {
    let code = state.failed().and_then(|(_, ended)| ended.error.as_ref()).map(|error| error.code.as_str());
    match state.phase {
        Phase::Ended(RunEnd::Done | RunEnd::Finished) => exit::DONE,
        Phase::Ended(RunEnd::Failed | RunEnd::Abandoned) | Phase::Parked(ParkCause::Failed) if code == Some("PLAN.DRIFT") => exit::DRIFT,
        Phase::Ended(RunEnd::Failed | RunEnd::Abandoned) | Phase::Parked(ParkCause::Failed) => exit::FAILED,
        Phase::Parked(ParkCause::Person | ParkCause::Time | ParkCause::Uncertain) => exit::WAITING,
        Phase::Parked(ParkCause::Cancelled) => exit::STOPPED,
        Phase::New | Phase::Active => exit::FAILED,
    }
}
