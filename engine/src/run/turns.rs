//! The main loop of the embedded driver. It alone holds the journal, the state, the secrets and the person at the terminal.
//!
//! Each turn asks the core and does the most pressing thing there is: write a decision down, send workers, ask the person, let a timer
//! fire, wait, park. What is staged is committed before anybody acts on it or is told: everything that has come in by then goes to disk
//! in one transaction.
//! One thing at a time happens at the terminal. The main loop itself puts questions and prompts, when no worker is busy, so that
//! nothing in flight waits for a person. Time is waited for here, too; the nearest timer first, and any message ends a wait early.
//! Must not: call a backend.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::Scope;
use std::time::Duration;

use jiff::Timestamp;

use super::attempt::{Attempt, Shared, backup_roles};
use super::crew::{Crew, Message};
use super::decide::{Command, StateFacts, decide, may_begin, park};
use super::devices::{Device, credential, devices, folders};
use super::driver::{Pauser, Person, RunError};
use super::event::{EventBody, Seen};
use super::ledger::Known;
use super::log::Log;
use super::secrets::RunSecrets;
use super::state::{Phase, StepState};
use crate::action::{Effect, Inputs, Kind, Secrets};
use crate::backend::BackendError;
use crate::dsl::Value;

/// How often a wait looks whether somebody wants the run to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What only the main loop touches.
pub(super) struct Desk<'a> {
    pub(super) log: Log<'a>,
    pub(super) secrets: RunSecrets<'a>,
    pub(super) person: &'a dyn Person,
    pub(super) pauser: &'a dyn Pauser,
}

impl Desk<'_> {
    /// Stages an event; values that a row of `rescue` found wrong are forgotten.
    pub(super) fn stage(&mut self, body: EventBody) {
        match &body {
            EventBody::Decided { rescue: Some(taken), .. } => self.secrets.ask_again(&taken.ask_again),
            EventBody::AttemptEnded { secrets, .. } => self.secrets.refused(secrets),
            _ => {}
        }
        self.log.stage(body);
    }

    /// Secrets that went into the vault are in the journal before they are used.
    fn stage_escrowed(&mut self, step: &str) {
        for (name, reference) in self.secrets.take_escrowed() {
            self.log.stage(EventBody::SecretEscrowed { step: step.to_owned(), name, reference: reference.as_str().to_owned() });
        }
    }
}

/// What became of a turn.
enum Turn {
    /// Something was done: ask the core again.
    Next,
    /// Nothing to do until a message comes or this time.
    Wait(Option<Timestamp>),
    /// The run has ended or is parked.
    Over,
}

/// What became of a command for a worker.
enum Sent {
    /// A worker is at it, or it ended at once.
    Yes,
    /// Its devices are busy, or somebody must be asked when nobody is busy.
    Later,
}

/// Whether the secrets of a step are at hand.
enum Fetched {
    All,
    Later,
    Not(BackendError),
}

/// The loop over one run.
pub(super) struct Turns<'scope, 'env, 'desk, 'a> {
    scope: &'scope Scope<'scope, 'env>,
    shared: &'env Shared<'a>,
    desk: &'desk mut Desk<'a>,
    inbox: Receiver<Message>,
    crew: Crew<'scope>,
    /// Told to those who wait, after the next commit.
    answers: Vec<Box<dyn FnOnce()>>,
    /// Steps that wait for a person who is not there.
    alone: BTreeSet<String>,
}

impl<'scope, 'env, 'desk, 'a> Turns<'scope, 'env, 'desk, 'a> {
    /// A loop whose workers live in `scope` and send to `inbox`.
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        shared: &'env Shared<'a>,
        desk: &'desk mut Desk<'a>,
        inbox: Receiver<Message>,
        crew: Crew<'scope>,
    ) -> Self {
        Self { scope, shared, desk, inbox, crew, answers: vec![], alone: BTreeSet::new() }
    }

    /// Carries the run on until it ends or parks and nobody is at work any more.
    ///
    /// # Errors
    /// When it cannot be written down, or the program is at fault.
    pub(super) fn run(mut self) -> Result<(), RunError> {
        loop {
            match self.turn()? {
                Turn::Next => {}
                Turn::Wait(until) => self.receive(until)?,
                Turn::Over => return self.commit(),
            }
        }
    }

    fn turn(&mut self) -> Result<Turn, RunError> {
        let state = self.desk.log.state();
        if self.shared.cancel.is_cancelled() && !state.cancelled && state.phase == Phase::Active {
            self.desk.stage(EventBody::CancelRequested { by: "terminal".to_owned() });
        }
        let mut commands = decide(self.shared.program, self.desk.log.state());
        if let Some(at) = commands.iter().position(|command| matches!(command, Command::Record(body) if !body.stops())) {
            if let Command::Record(body) = commands.swap_remove(at) {
                self.desk.stage(body);
            }
            return Ok(Turn::Next);
        }
        commands.sort_by_key(urgency);
        let (mut timers, mut asked, mut stop) = (vec![], None, None);
        for command in commands {
            match command {
                Command::Record(body) => stop = Some(body),
                Command::AwaitTimer { step, due } => timers.push((due, step)),
                Command::AwaitAnswer { step } => asked = asked.or((!self.alone.contains(&step)).then_some(step)),
                effect => {
                    if let Sent::Yes = self.send(effect)? {
                        return Ok(Turn::Next);
                    }
                }
            }
        }
        timers.sort();
        let now = self.desk.log.now();
        if let Some((due, step)) = timers.iter().find(|(due, _)| *due <= now) {
            self.fire(step, *due);
            return Ok(Turn::Next);
        }
        if !self.crew.is_quiet() {
            return Ok(Turn::Wait(timers.first().map(|(due, _)| *due)));
        }
        if let Some(step) = asked {
            self.commit()?;
            if !self.desk.await_answer(self.shared, &step)? {
                self.alone.insert(step);
            }
            return Ok(Turn::Next);
        }
        if !self.crew.is_empty() {
            return Ok(Turn::Wait(timers.first().map(|(due, _)| *due)));
        }
        if let Some((due, step)) = timers.first() {
            self.commit()?;
            self.await_timer(now, *due, step, &timers);
            return Ok(Turn::Next);
        }
        Ok(match stop {
            Some(body) => {
                self.desk.stage(body);
                Turn::Next
            }
            None if self.alone.is_empty() || self.desk.log.state().phase != Phase::Active => Turn::Over,
            None => {
                self.park(&timers);
                Turn::Next
            }
        })
    }

    fn park(&mut self, timers: &[(Timestamp, String)]) {
        let body = park(self.desk.log.state(), self.alone.iter().cloned().collect(), timers);
        self.desk.stage(body);
    }

    fn fire(&mut self, step: &str, due: Timestamp) {
        let timer = self.desk.log.state().step(step).map_or_else(|| format!("{step}/{due}"), |known| known.timer(step, due));
        self.desk.stage(EventBody::TimerFired { timer, step: step.to_owned() });
    }

    /// Waits for the nearest timer while nobody is at work; where that is too long, the run parks.
    fn await_timer(&mut self, now: Timestamp, due: Timestamp, step: &str, timers: &[(Timestamp, String)]) {
        if !self.desk.pauser.wait(now, due, &self.shared.cancel) {
            self.park(timers);
        } else if !self.shared.cancel.is_cancelled() {
            self.fire(step, due);
        }
    }

    /// Writes what is staged down, then answers those who waited for that.
    fn commit(&mut self) -> Result<(), RunError> {
        self.desk.log.commit()?;
        self.answers.drain(..).for_each(|answer| answer());
        Ok(())
    }

    /// Commits, then waits for messages, until a time at most, and takes in all that have come.
    fn receive(&mut self, until: Option<Timestamp>) -> Result<(), RunError> {
        self.commit()?;
        let left = until.map_or(LOOK_UP, |due| Duration::try_from(due.duration_since(self.desk.log.now())).unwrap_or_default());
        match self.inbox.recv_timeout(left.min(LOOK_UP)) {
            Ok(message) => self.take_in(message)?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.take_in(message)?;
        }
        for late in self.crew.newly_stuck() {
            self.desk.log.stuck(&late);
        }
        Ok(())
    }

    fn take_in(&mut self, message: Message) -> Result<(), RunError> {
        match message {
            Message::Record { body, written } => {
                let wanted = match &*body {
                    EventBody::IntentRecorded { step, .. } => may_begin(self.shared.program, self.desk.log.state(), step),
                    // Of a question alone; the try of an act whose intent is on disk is made.
                    EventBody::AttemptCounted { step, .. } if !self.desk.log.state().step(step).is_some_and(StepState::in_doubt) => {
                        may_begin(self.shared.program, self.desk.log.state(), step)
                    }
                    _ => true,
                };
                if wanted {
                    self.desk.stage(*body);
                }
                self.answer(move || written.send(wanted).is_ok());
            }
            Message::Claim { step, key, of, claimed } => {
                let result = self.desk.log.claim(&step, key.as_deref(), of.as_deref()).map_err(BackendError::from);
                self.answer(move || claimed.send(result).is_ok());
            }
            Message::Secret { step, of, unattended, value } => {
                let result = if unattended { self.desk.secrets.unattended(&of) } else { self.desk.secrets.value(&of).map(Some) };
                self.desk.stage_escrowed(&step);
                self.answer(move || value.send(result).is_ok());
            }
            Message::Tries { step, device, values, since, known } => {
                // What other steps of this run have counted is in the table before it is read.
                let result = self.commit().and_then(|()| self.known(&step, &device, values, since)).map_err(BackendError::from);
                self.answer(move || known.send(result).is_ok());
            }
            Message::Over { step } => {
                let handed = self.crew.take(&step).unwrap_or_else(|| Ok(vec![]))?;
                handed.into_iter().for_each(|body| self.desk.stage(body));
            }
        }
        Ok(())
    }

    /// What is recorded of a device or account, and of the values that are to be tried there.
    fn known(&self, step: &str, device: &str, values: Vec<Value>, since: Option<u64>) -> Result<Known, RunError> {
        let tally = self.desk.log.tally(device)?;
        let values = values.into_iter().map(|value| {
            let source = self.desk.secrets.source_of(&value);
            let name = if let Value::DeclaredSecret(name) = value { Some(name) } else { None };
            (name, source)
        });
        let anew = since.map_or(Ok(false), |seq| self.desk.log.began_anew(device, seq))?;
        let busy = self.desk.log.tried_by_somebody(device, step)?;
        Ok(Known { tally, anew, busy, per_user: self.desk.log.refuses_counting(), values: values.collect() })
    }

    /// Whether the one who waits still listens is his affair.
    fn answer(&mut self, tell: impl FnOnce() -> bool + 'static) {
        self.answers.push(Box::new(move || {
            let _ = tell();
        }));
    }

    /// Sends a worker, if nobody is at the step, its devices have room and its secrets are at hand.
    fn send(&mut self, command: Command) -> Result<Sent, RunError> {
        let Some(step) = command.step().map(str::to_owned) else { return Ok(Sent::Later) };
        if self.crew.is_at(&step) || self.alone.contains(&step) {
            return Ok(Sent::Later);
        }
        let (inputs, kind) = self.prepared(&step)?;
        let devices = self.devices(&step, &inputs);
        if !self.crew.has_room(&devices) {
            return Ok(Sent::Later);
        }
        if let Command::Start { attempt, .. } = command {
            match self.fetch(&step, &inputs)? {
                Fetched::All => {}
                Fetched::Later => return Ok(Sent::Later),
                Fetched::Not(error) if error.code == "SECRET.MISSING" => {
                    self.desk.log.note(&error);
                    self.alone.insert(step);
                    return Ok(Sent::Yes);
                }
                Fetched::Not(error) => {
                    self.desk.stage(EventBody::Observed { step, attempt, seen: Seen::Failed { error: error.into() } });
                    return Ok(Sent::Yes);
                }
            }
        }
        self.commit()?;
        let attempt = Attempt::new(self.shared, self.desk.log.snapshot(), self.crew.link(&step), &step);
        self.crew.send(self.scope, attempt, command, inputs, kind, devices);
        Ok(Sent::Yes)
    }

    fn devices(&self, step: &str, inputs: &Inputs) -> Vec<Device> {
        let (program, state) = (self.shared.program, self.desk.log.state());
        let Some(action) = program.action(step) else { return vec![] };
        let mut found = devices(self.shared.backends, &self.shared.live, action, inputs);
        found.extend(credential(&program.checked, action, inputs));
        if action.manifest.effect > Effect::Read && !state.wrote {
            // The run's first write also tries the places of its backups.
            found.extend(folders(self.shared.backends, backup_roles(program, state)));
            found.sort_by(|one, other| one.id.cmp(&other.id));
            found.dedup();
        }
        found
    }

    /// Fetches the secrets of a step. Somebody is asked only while nobody is busy.
    fn fetch(&mut self, step: &str, inputs: &Inputs) -> Result<Fetched, RunError> {
        if self.shared.program.spends_attempt(step) {
            let failed = self.desk.log.failed_sources()?;
            self.desk.secrets.distrust(&|source| failed.contains(&(source.source.clone(), source.version.clone())));
        }
        let elsewhere = |name: &String| self.shared.program.checked.secrets.iter().any(|secret| secret.typed_by_person && secret.name == *name);
        for value in inputs.0.values().filter(|value| matches!(value, Value::DeclaredSecret(name) if !elsewhere(name))) {
            let quiet = self.crew.is_quiet();
            if !quiet && self.desk.secrets.asks_first(value) {
                return Ok(Fetched::Later);
            }
            if quiet {
                // What is decided so far is on disk and on the screen while somebody types.
                self.commit()?;
            }
            let fetched = match self.desk.secrets.unattended(value) {
                Ok(None) if !quiet => return Ok(Fetched::Later),
                Ok(None) => self.desk.secrets.value(value).map(|_| ()),
                other => other.map(|_| ()),
            };
            self.desk.stage_escrowed(step);
            if let Err(error) = fetched {
                return Ok(Fetched::Not(error));
            }
        }
        Ok(Fetched::All)
    }

    /// The inputs of a step, all known now, and how its action is carried out.
    fn prepared(&self, address: &str) -> Result<(Inputs, Kind<'static>), RunError> {
        let program = self.shared.program;
        let gone = || RunError::internal(&format!("step {address}"));
        let index = program.index(address).ok_or_else(gone)?;
        let action = program.action(address).ok_or_else(gone)?;
        let facts = StateFacts(self.desk.log.state(), program);
        let step = &program.checked.steps[index];
        let resolver = program.resolver_at(&facts, step);
        for secret in &program.checked.secrets {
            if let Some(subject) = resolver.subject(secret) {
                self.desk.secrets.is_about(&secret.name, subject);
            }
        }
        let inputs = resolver.inputs_of(step.frame, action).known;
        let (_, implementation) = self.shared.registry.find(action.manifest.name, action.manifest.major).ok_or_else(gone)?;
        Ok((inputs, implementation.kind()))
    }
}

/// Which command comes first.
fn urgency(command: &Command) -> u8 {
    match command {
        Command::Record(_) => 0,
        Command::Conclude { .. } => 1,
        Command::Continue { .. } => 2,
        Command::Look { .. } => 3,
        Command::Start { .. } => 4,
        Command::AwaitAnswer { .. } => 6,
        Command::AwaitTimer { .. } => 7,
    }
}
