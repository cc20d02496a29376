//! A process that drives one run: what `run::Driver` does, in stages between which anything can happen.
//!
//! It follows the same rules: decide, write down, act; look, intent on disk, effect. Where it dies, everything that it had in
//! memory and had not committed is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::faults::Harm;
use super::ground::Ground;
use super::invariants::Checker;
use super::mutant::Mutant;
use super::portal::SimPortal;
use super::task::{Stage, Task};
use crate::action::{Question, Registry};
use crate::backend::{BackendSet, CancelToken};
use crate::clock::{Clock, stepped_back};
use crate::run::{Command, Doing, Event, EventBody, Phase, Program, RunSecrets, SecretSources, State, decide, park};
use crate::secret::SecretRef;
use crate::testing::{FakeBlobs, FakeFolder};

/// What every process of one clinic works with.
pub(super) struct Site<'w> {
    pub(super) program: &'w Program,
    pub(super) registry: &'static Registry,
    pub(super) backends: &'w BackendSet,
    pub(super) blobs: &'w FakeBlobs,
    /// Portals by role, for people who work their pages.
    pub(super) portals: &'w BTreeMap<String, Arc<SimPortal>>,
    /// Where a browser saves.
    pub(super) downloads: &'w FakeFolder,
    pub(super) ground: &'w Ground,
    pub(super) sources: &'w dyn SecretSources,
    pub(super) mutant: Option<Mutant>,
    /// Of 1000 appended events, how many are committed at once.
    pub(super) eager: u64,
    /// A process waits so long; a longer time parks the run.
    pub(super) patience: Duration,
    /// Steps that are carried out side by side.
    pub(super) hands: usize,
}

/// The process is gone. What is in the journal is all that is left.
#[derive(Debug)]
pub(super) struct Dead;

/// What a turn of a process came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something was done.
    Moved,
    /// The run ended or parked, and so did the process.
    Over,
}

/// See the module.
pub(super) struct Process<'w> {
    pub(super) site: &'w Site<'w>,
    pub(super) run: String,
    pub(super) state: State,
    pub(super) secrets: RunSecrets<'w>,
    pub(super) cancel: CancelToken,
    pub(super) checker: Checker,
    tasks: Vec<Task>,
    /// Events that will be delivered a second time.
    again: Vec<EventBody>,
    /// Steps that wait for a person who is not there.
    pub(super) alone: BTreeSet<String>,
    /// Turns since the last event.
    idle: u32,
}

impl<'w> Process<'w> {
    /// Begins a run: these are its first events.
    pub(super) fn begin(site: &'w Site<'w>, run: &str, events: Vec<EventBody>) -> Result<Self, Dead> {
        let mut process = Self::with(site, State::new(run), Checker::default());
        for body in events {
            process.append(body)?;
        }
        process.commit();
        Ok(process)
    }

    /// Takes a run up from the journal.
    pub(super) fn take_up(site: &'w Site<'w>, run: &str) -> Self {
        let mut state = State::new(run);
        let mut checker = Checker::default();
        site.ground.journal(|journal| {
            for event in journal.events(run) {
                Mutant::apply(site.mutant, site.program, &mut state, event);
                if journal.is_copy(run, event.seq) {
                    checker.skipped(event);
                } else {
                    checker.replayed(site.program, event);
                }
            }
        });
        Self::with(site, state, checker)
    }

    /// A process with what the journal says.
    pub(super) fn with(site: &'w Site<'w>, state: State, checker: Checker) -> Self {
        let references = state.secrets.iter().filter_map(|(name, reference)| Some((name.clone(), SecretRef::parse(reference)?))).collect();
        let checked = &site.program.checked;
        let vault = site.backends.vault.clone();
        let secrets = RunSecrets::new(site.sources, &checked.secrets, vault, &state.run, &checked.id, site.ground.now(), references);
        secrets.ask_again(state.asked_again.iter().filter(|name| !state.secrets.contains_key(*name)));
        Self {
            site,
            run: state.run.clone(),
            state,
            secrets,
            cancel: CancelToken::default(),
            checker,
            tasks: vec![],
            again: vec![],
            alone: BTreeSet::new(),
            idle: 0,
        }
    }

    /// The time of the next event.
    pub(super) fn now(&self) -> Timestamp {
        let wall = self.site.ground.now();
        self.state.at.map_or(wall, |last| last.max(wall))
    }

    /// Writes an event down and changes the state by it.
    pub(super) fn append(&mut self, body: EventBody) -> Result<(), Dead> {
        let ground = self.site.ground;
        let wall = ground.now();
        if let Some(back_ms) = stepped_back(self.state.at, wall) {
            self.append_one(wall, EventBody::ClockStepped { back_ms })?;
        }
        self.append_one(wall, body)
    }

    fn append_one(&mut self, wall: Timestamp, body: EventBody) -> Result<(), Dead> {
        let ground = self.site.ground;
        if ground.is_down() {
            return Err(Dead);
        }
        if ground.harmed(Harm::Journal) || ground.harmed(Harm::Crash) {
            ground.crash("before a journal write");
            return Err(Dead);
        }
        let event = ground.journal(|journal| journal.append(&self.run, wall, body));
        ground.say(|| format!("{} #{:<3} {}", self.run, event.seq, brief(&event.body)));
        Mutant::apply(self.site.mutant, self.site.program, &mut self.state, &event);
        if let EventBody::Decided { rescue: Some(taken), .. } = &event.body {
            self.secrets.ask_again(&taken.ask_again);
        }
        if let EventBody::AttemptEnded { secrets, .. } = &event.body {
            self.secrets.refused(secrets);
        }
        if matches!((self.site.mutant, &event.body), (Some(Mutant::DropsClaim), EventBody::RunParked { .. })) {
            ground.journal(|journal| journal.drop_claims(&self.run));
        }
        self.checker.appended(self.site, &self.state, &event);
        if ground.is_broken() {
            return Err(Dead);
        }
        self.idle = 0;
        if ground.draw(|rng| rng.chance(self.site.eager)) {
            self.commit();
        }
        if ground.harmed(Harm::Crash) {
            ground.crash("after a journal write");
            return Err(Dead);
        }
        self.shake(&event);
        Ok(())
    }

    /// Makes everything durable that was written down.
    pub(super) fn commit(&self) {
        self.site.ground.journal(super::journal::Journal::commit);
    }

    /// What must make no difference: the same event again, an old one, the state through its JSON.
    fn shake(&mut self, event: &Event) {
        let ground = self.site.ground;
        match ground.draw(|rng| rng.below(32)) {
            0 | 1 => {
                let before = self.state.clone();
                Mutant::apply(self.site.mutant, self.site.program, &mut self.state, event);
                let old = ground.draw(|rng| rng.below(event.seq));
                let old = ground.journal(|journal| usize::try_from(old).ok().and_then(|at| journal.events(&self.run).get(at).cloned()));
                if let Some(old) = old {
                    Mutant::apply(self.site.mutant, self.site.program, &mut self.state, &old);
                }
                if self.state != before {
                    ground.violation(format!("event #{} applied twice, or an old one, changes the state", event.seq));
                }
            }
            2 => {
                let through = serde_json::to_string(&self.state).ok().and_then(|json| Mutant::read_back(self.site.mutant, &json));
                match through {
                    Some(state) if state == self.state => self.state = state,
                    _ => ground.violation(format!("the state after #{} is another one after its JSON", event.seq)),
                }
            }
            _ => {}
        }
    }

    /// Does one thing: any of those that are possible now.
    pub(super) fn turn(&mut self) -> Result<Turn, Dead> {
        let ground = self.site.ground;
        if ground.harmed(Harm::Crash) {
            ground.crash("between two steps");
            return Err(Dead);
        }
        if ground.harmed(Harm::Cancel) {
            self.cancel.cancel();
        }
        if !self.again.is_empty() && ground.draw(|rng| rng.chance(300)) {
            return self.deliver_again();
        }
        if self.cancel.is_cancelled() && !self.state.cancelled && self.state.phase == Phase::Active {
            self.append(EventBody::CancelRequested { by: "terminal".to_owned() })?;
            return self.alive();
        }
        let commands = Mutant::decide(self.site.mutant, self.site.program, &self.state);
        if self.site.mutant.is_none() && ground.draw(|rng| rng.chance(60)) && commands != decide(self.site.program, &self.state) {
            ground.violation("decide gives other commands for the same state".to_owned());
        }
        if commands.is_empty() && self.tasks.is_empty() {
            if self.state.phase == Phase::Active {
                ground.violation("an active run has nothing to do and does not end".to_owned());
            }
            self.commit();
            return Ok(Turn::Over);
        }
        self.idle += 1;
        if self.idle > 80 {
            ground.violation(format!("no progress: {commands:?} again and again"));
            return Err(Dead);
        }
        self.choose(commands)?;
        self.alive()
    }

    fn alive(&self) -> Result<Turn, Dead> {
        if self.site.ground.is_down() || self.site.ground.is_broken() { Err(Dead) } else { Ok(Turn::Moved) }
    }

    /// Whether a task is at a step.
    fn is_at(&self, step: &str) -> bool {
        self.tasks.iter().any(|task| task.step == step)
    }

    /// Whether a task for this step may begin: hands are free, and nobody acts on the same credential.
    fn has_room(&self, step: &str) -> bool {
        self.tasks.len() < self.site.hands && self.credential(step).is_none_or(|key| !self.tasks.iter().any(|task| task.credential.as_ref() == Some(&key)))
    }

    /// Carries one command out, or one task on; waits only where nothing else is possible, parks only where nothing is in flight.
    fn choose(&mut self, commands: Vec<Command>) -> Result<(), Dead> {
        let (mut acts, mut asked, mut timers, mut stop) = (vec![], vec![], vec![], None);
        for command in commands {
            match command {
                Command::Record(body) if body.stops() => stop = Some(body),
                Command::Record(_) => acts.push(command),
                Command::AwaitTimer { step, due } => timers.push((due, step)),
                Command::AwaitAnswer { step } if !self.alone.contains(&step) => asked.push(step),
                Command::AwaitAnswer { .. } => {}
                other => {
                    if other.step().is_some_and(|step| !self.is_at(step) && !self.alone.contains(step) && self.has_room(step)) {
                        acts.push(other);
                    }
                }
            }
        }
        timers.sort();
        let ground = self.site.ground;
        let possible = acts.len() + self.tasks.len();
        if possible > 0 {
            let at = ground.draw(|rng| rng.index(possible));
            if at < acts.len() {
                return self.carry_out(acts.swap_remove(at));
            }
            let task = self.tasks.swap_remove(at - acts.len());
            let step = task.step.clone();
            let next = self.advance(task)?;
            if next.is_none() {
                ground.devices(|devices| devices.give_back(&self.run, Some(&step)));
            }
            self.tasks.extend(next);
            return Ok(());
        }
        if let Some(step) = (!asked.is_empty()).then(|| ground.draw(|rng| rng.pick(&asked).clone())) {
            return self.await_answer(step);
        }
        if let Some((due, step)) = timers.first().cloned() {
            return self.await_timer(due, step, &timers);
        }
        match stop {
            Some(body) => self.append(body),
            None => self.park(&timers),
        }
    }

    fn park(&mut self, timers: &[(Timestamp, String)]) -> Result<(), Dead> {
        let body = park(&self.state, self.alone.iter().cloned().collect(), timers);
        self.append(body)
    }

    fn carry_out(&mut self, command: Command) -> Result<(), Dead> {
        let (step, attempt, stage) = match command {
            Command::Record(body) => return self.append(body),
            Command::Start { step, attempt } => {
                self.checker.starts(self.site, &self.state, &step);
                (step, attempt, Stage::Begin)
            }
            Command::Continue { step, attempt, cookie } => (step, attempt, Stage::GoOn(cookie)),
            Command::Look { step } => (step, 0, Stage::Look),
            Command::Conclude { step, attempt } => (step, attempt, Stage::Conclude),
            Command::AwaitAnswer { .. } | Command::AwaitTimer { .. } => return Ok(()),
        };
        let credential = self.credential(&step);
        self.tasks.push(Task::new(step, attempt, stage).on(credential));
        Ok(())
    }

    /// An answer arrived. It may arrive once more, much later.
    pub(super) fn deliver(&mut self, body: EventBody) -> Result<(), Dead> {
        if self.site.ground.harmed(Harm::Twice) {
            self.again.push(body.clone());
        }
        self.append(body)
    }

    fn deliver_again(&mut self) -> Result<Turn, Dead> {
        let at = self.site.ground.draw(|rng| rng.index(self.again.len()));
        let body = self.again.swap_remove(at);
        self.site.ground.say(|| format!("    delivered twice: {}", brief(&body)));
        let before = State { seq: 0, at: None, ..self.state.clone() };
        let ground = self.site.ground;
        let wall = ground.now();
        let event = ground.journal(|journal| journal.append_again(&self.run, wall, body));
        Mutant::apply(self.site.mutant, self.site.program, &mut self.state, &event);
        if (State { seq: 0, at: None, ..self.state.clone() }) != before {
            ground.violation(format!("an answer that was delivered twice changes the state: {}", brief(&event.body)));
            return Err(Dead);
        }
        self.checker.skipped(&event);
        Ok(Turn::Moved)
    }

    fn await_answer(&mut self, step: String) -> Result<(), Dead> {
        let Some(Doing::Asked(question)) = self.state.step(&step).map(|known| known.doing.clone()) else { return Ok(()) };
        // What was asked must be on disk before anybody sees it.
        self.commit();
        if self.lapses(&step, &question)? {
            return Ok(());
        }
        match super::people::at_the_desk(self, &step, &question) {
            Some(answer) if question.accepts(&answer).is_ok() => return self.deliver(EventBody::HumanAnswered { step, answer, settled: None }),
            _ => {}
        }
        if !self.lapses(&step, &question)? {
            self.alone.insert(step);
        }
        Ok(())
    }

    /// Whether it is too late to answer; then the time is on record.
    fn lapses(&mut self, step: &str, question: &Question) -> Result<bool, Dead> {
        let Some(until) = question.until.filter(|until| self.now() > *until) else { return Ok(false) };
        self.append(EventBody::TimerFired { timer: format!("{step}/lapse/{until}"), step: step.to_owned() })?;
        Ok(true)
    }

    fn await_timer(&mut self, due: Timestamp, step: String, timers: &[(Timestamp, String)]) -> Result<(), Dead> {
        let now = self.now();
        if now < due {
            let wait = Duration::try_from(due.duration_since(now)).unwrap_or_default();
            if wait > self.site.patience {
                return self.park(timers);
            }
            self.site.ground.pass(wait);
            if self.site.ground.harmed(Harm::Cancel) {
                self.cancel.cancel();
                return Ok(());
            }
        }
        let timer = self.state.step(&step).map_or_else(|| format!("{step}/{due}"), |known| known.timer(&step, due));
        self.deliver(EventBody::TimerFired { timer, step })
    }
}

/// An event in a few words.
pub(super) fn brief(body: &EventBody) -> String {
    let step = body.step().unwrap_or_default();
    let detail = match body {
        EventBody::Observed { attempt, seen, .. } => format!("attempt {attempt} {}", seen_word(seen)),
        EventBody::Reconciled { seen, .. } => seen_word(seen),
        EventBody::Decided { run, rescue, .. } => match rescue {
            Some(taken) => format!("row {} of {} then {:?}", taken.error.code, taken.of, taken.then),
            None => format!("run {run}"),
        },
        EventBody::IntentRecorded { intent, .. } => format!("attempt {}", intent.attempt),
        EventBody::EffectEnded { attempt, result, .. } => match result {
            crate::run::EffectResult::Done { .. } => format!("attempt {attempt} done"),
            crate::run::EffectResult::Failed { error } => format!("attempt {attempt} failed {}", error.code),
            crate::run::EffectResult::Pending { due, .. } => format!("attempt {attempt} goes on until {due}"),
        },
        EventBody::StepEnded { end, .. } => {
            let error = end.error.as_ref().map(|error| format!(" {}", error.code)).unwrap_or_default();
            let finish = if end.finish.is_some() { " finish" } else { "" };
            format!("{}{error}{finish}", end.outcome.word())
        }
        EventBody::Uncertain { code, .. } => code.clone(),
        EventBody::TimerArmed { due, .. } => format!("due {due}"),
        EventBody::HumanAnswered { answer, settled, .. } => format!("yes {} {:?} {settled:?}", answer.yes, answer.problem),
        EventBody::AttemptCounted { on, used, .. } => format!("{on} {used}"),
        EventBody::AttemptEnded { on, end, used, .. } => format!("{on} {end:?} {used}"),
        EventBody::RunParked { cause, steps, .. } => format!("{cause:?} {steps:?}"),
        EventBody::RunEnded { end, .. } => format!("{end:?}"),
        _ => String::new(),
    };
    format!("{} {step} {detail}", body.kind())
}

fn seen_word(seen: &crate::run::Seen) -> String {
    match seen {
        crate::run::Seen::Done { .. } => "done".to_owned(),
        crate::run::Seen::NotDone { conclusive, .. } => format!("not done, conclusive {conclusive}"),
        crate::run::Seen::CannotTell { code, .. } => format!("cannot tell {code}"),
        crate::run::Seen::Failed { error } => format!("failed {}", error.code),
    }
}
