//! The state of a run, and how events change it. Pure and total: a duplicate event changes nothing.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::counted::{Counted, follow as follow_tries};
use super::decide::Program;
use super::event::{EffectResult, ErrorBody, Event, EventBody, ParkCause, RunEnd, Seen, Settled, Taken};
use super::late::is_late;
use crate::action::{Answer, Answered, Intent, Look, Question};
use crate::backend::profile::Then;
use crate::text::Text;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It looked.
    Observed,
    /// It was so already; nothing was sent.
    Unchanged,
    /// It acted.
    Changed,
    /// It was not done.
    Skipped,
    /// It failed.
    Failed,
}

impl Outcome {
    /// The word that expressions compare with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing has happened.
    #[default]
    New,
    /// It is going on.
    Active,
    /// It waits outside a process.
    Parked(ParkCause),
    /// It ended.
    Ended(RunEnd),
}

/// The version of [`State`] as text: it rises with every change that an older reader would misread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StateVersion(u32);

impl StateVersion {
    /// What this program writes, and the newest that it reads.
    pub const CURRENT: Self = Self(1);
}

impl Default for StateVersion {
    fn default() -> Self {
        Self::CURRENT
    }
}

impl<'de> Deserialize<'de> for StateVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = u32::deserialize(deserializer)?;
        if found > Self::CURRENT.0 {
            let newest = Self::CURRENT.0;
            return Err(serde::de::Error::custom(format!("state version {found} is newer than this program, which reads up to {newest}")));
        }
        Ok(Self(found))
    }
}

/// The state of a run. It can be written down as JSON in the middle of a run and read back, by a driver that keeps no journal to
/// rebuild it from; a newer version is refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Of this form.
    pub version: StateVersion,
    /// Run id.
    pub run: String,
    /// `seq` of the last event.
    pub seq: u64,
    /// `at` of the last event.
    pub at: Option<Timestamp>,
    /// Expressions' "now".
    pub started_at: Option<Timestamp>,
    /// Where it is.
    pub phase: Phase,
    /// Steps by address; those not named wait.
    pub steps: BTreeMap<String, StepState>,
    /// An intent was recorded in this run.
    pub wrote: bool,
    /// Approved addresses.
    pub approved: BTreeSet<String>,
    /// The step and reason that ended it well.
    pub finish: Option<(String, Text)>,
    /// Somebody wants it to stop.
    pub cancelled: bool,
    /// Vault references of secrets, by secret name.
    pub secrets: BTreeMap<String, String>,
    /// Secrets whose value was wrong: a person is asked before their source is.
    pub asked_again: BTreeSet<String>,
    /// Counted tries of this run since the last that was proved right, by device or account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tries: BTreeMap<String, u32>,
}

/// The state of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepState {
    /// Attempts or polls begun.
    pub attempt: u32,
    /// What it is doing.
    pub doing: Doing,
    /// First look of a `repeat`.
    pub first_poll: Option<Timestamp>,
    /// A person said that what could not be told had not happened.
    pub told_not_done: bool,
    /// An intent of it was recorded in this run: what changed in its target may be its own doing.
    pub intended: bool,
    /// Re-tries after transient errors since the last look that answered.
    pub retries: u32,
    /// How often a row let it run again, by code.
    pub rescued: BTreeMap<String, u32>,
    /// The error that a person was handed.
    pub handed_off: Option<ErrorBody>,
    /// What a question interrupted; with the answer it goes on from there.
    #[serde(default)]
    pub interrupted: Option<Box<Doing>>,
    /// What people answered in the look or act that goes on, in the order asked.
    #[serde(default)]
    pub answered: Vec<Answered>,
    /// The number of the event that put its last question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
    /// Its counted try whose end is not on disk yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trying: Option<Counted>,
    /// Id of the timer that was armed for it and has not fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub armed: Option<String>,
}

/// What a step is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It waits for steps above it.
    #[default]
    Waiting,
    /// It is to run.
    Ready,
    /// A look gave outputs that have not been judged yet.
    Seen(BTreeMap<String, Json>),
    /// A `repeat` waits until then.
    Polling(Timestamp),
    /// The intent is on disk; nothing is known of the effect.
    InFlight(Intent),
    /// The effect goes on; ask again then.
    Pending {
        /// Its intent.
        intent: Intent,
        /// When.
        due: Timestamp,
        /// For the backend, hex.
        cookie: String,
    },
    /// The effect happened, in this attempt or (`unchanged`) before it; not judged yet.
    Effected {
        /// Outputs.
        outputs: BTreeMap<String, Json>,
        /// It was so already.
        unchanged: bool,
    },
    /// It ended with an error that has not been judged yet. Nothing happened.
    Erred(ErrorBody),
    /// It is tried again then.
    Retrying {
        /// The last error.
        error: ErrorBody,
        /// When.
        due: Timestamp,
    },
    /// A row for its error is followed.
    Rescuing {
        /// The error.
        error: ErrorBody,
        /// Address of the step that has the row.
        of: String,
        /// What people are told.
        say: Text,
        /// Outputs from before a check failed.
        outputs: BTreeMap<String, Json>,
    },
    /// A person was asked.
    Asked(Question),
    /// Whether it happened is not known.
    Uncertain(UncertainStep),
    /// It ended.
    Ended(Ended),
}

impl Doing {
    /// Whether what comes next for the step is a call of its action, as a start, another poll or a look, by itself.
    pub(super) fn uses_sessions(&self) -> bool {
        match self {
            Self::Ready | Self::Polling(_) | Self::Retrying { .. } | Self::Pending { .. } => true,
            Self::Uncertain(uncertain) => !uncertain.needs_person,
            _ => false,
        }
    }
}

/// A step whose effect is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UncertainStep {
    /// Its intent; `None` if the look before the first sending could not tell.
    pub intent: Option<Intent>,
    /// Code of the error, or `RUN.INTERRUPTED`.
    pub first_code: String,
    /// Code of what is known now.
    pub code: String,
    /// In words.
    pub why: Text,
    /// The ending of the row whose words were given.
    pub row: Option<Then>,
    /// Looks since the intent that did not find it.
    pub looks: Vec<Look>,
    /// The next look is due then.
    pub timer: Option<Timestamp>,
    /// Only a person can tell.
    pub needs_person: bool,
    /// The last look failed.
    pub look_failed: Option<ErrorBody>,
    /// Looks that failed since the last one that answered.
    pub failed_looks: u32,
    /// Looks of any end.
    #[serde(default)]
    pub looked: u32,
}

/// A step that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Outputs.
    pub outputs: BTreeMap<String, Json>,
    /// The error.
    pub error: Option<ErrorBody>,
    /// When.
    pub at: Timestamp,
}

impl State {
    /// The state of a run of which nothing is known.
    pub fn new(run: impl Into<String>) -> Self {
        Self { run: run.into(), ..Self::default() }
    }

    /// The state of a step.
    pub fn step(&self, address: &str) -> Option<&StepState> {
        self.steps.get(address)
    }

    /// How a step ended, if it did.
    pub fn ended(&self, address: &str) -> Option<&Ended> {
        match &self.steps.get(address)?.doing {
            Doing::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    /// The first failed step, in address order.
    pub fn failed(&self) -> Option<(&str, &Ended)> {
        self.steps.iter().find_map(|(address, step)| match &step.doing {
            Doing::Ended(ended) if ended.outcome == Outcome::Failed => Some((address.as_str(), ended)),
            _ => None,
        })
    }

    /// Whether an effect is being carried out: its intent is on disk, and nothing is known of it yet.
    pub fn is_in_flight(&self) -> bool {
        self.steps.values().any(|step| matches!(step.doing, Doing::InFlight(_)))
    }

    /// A step has failed, or it is uncertain and only a person can tell.
    pub fn is_in_trouble(&self) -> bool {
        self.steps.values().any(|step| match &step.doing {
            Doing::Ended(ended) => ended.outcome == Outcome::Failed,
            Doing::Uncertain(uncertain) => uncertain.needs_person,
            _ => false,
        })
    }

    /// The step whose effect is not known, if any.
    pub fn uncertain(&self) -> Option<(&str, &UncertainStep)> {
        self.steps.iter().find_map(|(address, step)| match &step.doing {
            Doing::Uncertain(uncertain) => Some((address.as_str(), uncertain)),
            _ => None,
        })
    }
}

impl StepState {
    /// Id of the timer whose time comes at `due`: the armed one; for an answer that is to be asked for again, which arms none, its instant.
    pub fn timer(&self, address: &str, due: Timestamp) -> String {
        let armed = self.armed.as_ref().filter(|_| !matches!(self.doing, Doing::Pending { .. }));
        armed.cloned().unwrap_or_else(|| format!("{address}/{due}"))
    }

    /// Whether its intent is on disk and nothing says what became of it.
    pub fn in_doubt(&self) -> bool {
        let open = |doing: &Doing| matches!(doing, Doing::InFlight(_) | Doing::Pending { .. } | Doing::Uncertain(_));
        open(&self.doing) || self.interrupted.as_deref().is_some_and(open)
    }

    /// Whether a person was asked to act, or what came of it, and what they say has not been taken in yet.
    pub fn is_in_their_hands(&self) -> bool {
        match &self.doing {
            Doing::Asked(_) => self.in_doubt(),
            Doing::InFlight(_) => !self.answered.is_empty(),
            _ => false,
        }
    }

    /// When the question that waits lapses.
    pub fn lapses_at(&self) -> Option<Timestamp> {
        if let Doing::Asked(question) = &self.doing { question.until } else { None }
    }

    /// Goes on with what the question interrupted.
    fn uninterrupted(&mut self) {
        self.doing = self.interrupted.take().map_or(Doing::Ready, |doing| *doing);
    }
}

/// Changes the state by an event. An event that is not the next one changes nothing.
pub fn apply(program: &Program, state: &mut State, event: &Event) {
    if event.seq != state.seq + 1 {
        return;
    }
    state.seq = event.seq;
    state.at = Some(event.at);
    if let Some(address) = event.body.step()
        && is_late(address, state.steps.get(address).unwrap_or(&StepState::default()), &event.body)
    {
        return;
    }
    if let Some(address) = moves_an_act(program, state, &event.body) {
        forget_looks(program, state, &address);
    }
    match &event.body {
        EventBody::RunStarted { .. } => {
            state.phase = Phase::Active;
            state.started_at = Some(event.at);
        }
        EventBody::RunResumed { .. } => resume(program, state),
        EventBody::ApprovalGiven { steps, .. } => state.approved.extend(steps.iter().cloned()),
        EventBody::CancelRequested { .. } => state.cancelled = true,
        EventBody::RunParked { cause, .. } => {
            state.phase = Phase::Parked(*cause);
            if *cause == ParkCause::Failed {
                give_up(state, event.at);
            }
        }
        EventBody::RunAbandoned { .. } => state.phase = Phase::Ended(RunEnd::Abandoned),
        EventBody::RunEnded { end, .. } => {
            state.phase = Phase::Ended(*end);
            if *end == RunEnd::Failed {
                give_up(state, event.at);
            }
        }
        body @ (EventBody::AttemptCounted { .. } | EventBody::AttemptEnded { .. }) => follow_tries(state, event.seq, body),
        EventBody::SecretEscrowed { name, reference, .. } => {
            state.secrets.insert(name.clone(), reference.clone());
        }
        EventBody::Decided { step, rescue: Some(taken), why, .. } => follow(state, step, taken, why.as_ref()),
        EventBody::StepEnded { step, end } => {
            if let Some(reason) = &end.finish {
                state.finish = Some((step.clone(), reason.clone()));
            }
            let ended = Ended { outcome: end.outcome, outputs: end.outputs.clone(), error: end.error.clone(), at: event.at };
            let entry = state.steps.entry(step.clone()).or_default();
            entry.handed_off = None;
            entry.doing = Doing::Ended(ended);
        }
        EventBody::IntentRecorded { step, intent, .. } => {
            state.wrote = true;
            let entry = state.steps.entry(step.clone()).or_default();
            entry.attempt = entry.attempt.max(intent.attempt);
            entry.intended = true;
            entry.answered.clear();
            entry.doing = Doing::InFlight(intent.clone());
        }
        body => {
            if let Some(address) = body.step() {
                let entry = state.steps.entry(address.to_owned()).or_default();
                change_step(program, address, entry, body, event.at);
                if matches!(body, EventBody::HumanAsked { .. }) {
                    entry.asked = Some(event.seq);
                }
            }
        }
    }
}

/// The irreversible step that an event brings nearer to its end, or begins.
fn moves_an_act(program: &Program, state: &State, body: &EventBody) -> Option<String> {
    let address = match body {
        EventBody::IntentRecorded { step, .. }
        | EventBody::EffectEnded { step, .. }
        | EventBody::Reconciled { step, .. }
        | EventBody::StepEnded { step, .. } => step,
        EventBody::HumanAnswered { step, .. } if state.step(step).is_some_and(StepState::in_doubt) => step,
        _ => return None,
    };
    program.is_irreversible(address).then(|| address.clone())
}

/// What people saw for other irreversible steps, they saw before this one went on: they look once more.
fn forget_looks(program: &Program, state: &mut State, address: &str) {
    for (other, step) in &mut state.steps {
        if other != address && !step.answered.is_empty() && !step.in_doubt() && program.is_irreversible(other) {
            step.answered.clear();
        }
    }
}

fn resume(program: &Program, state: &mut State) {
    // A run that was not parked was cut off: whoever had been asked to act may have acted, and another person must not do it again.
    let cut_off = state.phase == Phase::Active;
    state.phase = Phase::Active;
    state.cancelled = false;
    reopen(program, state);
    for (address, step) in &mut state.steps {
        let acting = matches!(step.interrupted.as_deref(), Some(Doing::InFlight(_)));
        // A question alone is put again; where its answer takes a limited try, that is a new one, counted like any other.
        let tried = step.interrupted.is_some() && step.trying.is_some();
        if cut_off && (acting || tried) && matches!(step.doing, Doing::Asked(_)) {
            step.uninterrupted();
        }
        if !step.answered.is_empty() {
            continue;
        }
        step.doing = match std::mem::take(&mut step.doing) {
            Doing::InFlight(intent) => Doing::Uncertain(UncertainStep {
                needs_person: false,
                ..asks_a_person(Some(intent), "RUN.INTERRUPTED", &Text::new("前の実行が途中で止まりました。", "the run was interrupted here."))
            }),
            // What a look could not tell then it may tell now: one more is made before a person is asked again.
            Doing::Uncertain(uncertain) => {
                let needs_person = uncertain.intent.is_none() || !program.can_observe(address);
                Doing::Uncertain(UncertainStep { look_failed: None, failed_looks: 0, timer: None, needs_person, ..uncertain })
            }
            Doing::Ended(ended) if ended.outcome == Outcome::Failed => Doing::Waiting,
            Doing::Erred(_) => {
                step.handed_off = None;
                Doing::Waiting
            }
            other => other,
        };
    }
}

/// Sessions end with the process that opened them: a step whose session a later step still needs is done again. A session in a person's
/// browser is no part of the process.
fn reopen(program: &Program, state: &mut State) {
    let steps = &program.checked.steps;
    let unfinished = steps.iter().filter(|step| state.ended(&step.address).is_none_or(|ended| ended.outcome == Outcome::Failed));
    let mut open: Vec<usize> = unfinished.flat_map(|step| program.checked.sessions_of(step)).collect();
    let in_a_browser = |index: usize| program.plan.step(&steps[index].address).is_some_and(|planned| planned.person.is_some());
    while let Some(index) = open.pop() {
        if !in_a_browser(index)
            && let Some(step) = state.steps.get_mut(&steps[index].address)
            && matches!(&step.doing, Doing::Ended(ended) if ended.outcome == Outcome::Changed)
        {
            step.doing = Doing::Waiting;
            open.extend(program.checked.sessions_of(&steps[index]));
        }
    }
}

/// An error that nobody judged before the run stopped. Journals from before there were rows end so: the end of the run says that the
/// step has failed.
fn give_up(state: &mut State, at: Timestamp) {
    for step in state.steps.values_mut() {
        if let Doing::Erred(error) = &step.doing {
            step.doing = failed(error.clone(), at);
        }
    }
}

/// A row is followed: its steps can run, once more if they did before.
fn follow(state: &mut State, address: &str, taken: &Taken, say: Option<&Text>) {
    let prefix = format!("{}/rescue/{}/", taken.of, taken.error.code);
    for (_, inner) in state.steps.iter_mut().filter(|(inner, _)| inner.starts_with(&prefix)) {
        if matches!(inner.doing, Doing::Ended(_)) {
            *inner = StepState { attempt: inner.attempt, ..StepState::default() };
        }
    }
    for name in &taken.ask_again {
        state.secrets.remove(name);
        state.asked_again.insert(name.clone());
    }
    let say = say.cloned().unwrap_or_default();
    let step = state.steps.entry(address.to_owned()).or_default();
    if let Doing::Uncertain(uncertain) = &mut step.doing {
        uncertain.row = Some(taken.then);
        uncertain.why = say;
        return;
    }
    if taken.then == Then::Retry {
        *step.rescued.entry(taken.error.code.clone()).or_default() += 1;
        step.first_poll = None;
    }
    step.doing = Doing::Rescuing { error: taken.error.clone(), of: taken.of.clone(), say, outputs: taken.outputs.clone() };
}

fn change_step(program: &Program, address: &str, step: &mut StepState, body: &EventBody, at: Timestamp) {
    match body {
        // A row that lets the step run again: it begins anew, with its deadline and all that must hold before a write.
        EventBody::Decided { run: true, .. } if matches!(step.doing, Doing::Rescuing { .. }) => step.doing = Doing::Waiting,
        EventBody::Decided { run: true, .. } => step.doing = Doing::Ready,
        EventBody::Observed { attempt, seen, .. } => {
            step.attempt = step.attempt.max(*attempt);
            step.answered.clear();
            step.interrupted = None;
            let writes = program.writes(address);
            match seen {
                Seen::Done { outputs, .. } if writes => step.doing = Doing::Effected { outputs: outputs.clone(), unchanged: true },
                Seen::Done { outputs, .. } => {
                    step.first_poll.get_or_insert(at);
                    step.retries = 0;
                    step.doing = Doing::Seen(outputs.clone());
                }
                Seen::CannotTell { code, why } => step.doing = Doing::Uncertain(asks_a_person(None, code, why)),
                Seen::NotDone { .. } => {}
                Seen::Failed { error } => step.doing = Doing::Erred(error.clone()),
            }
        }
        EventBody::EffectEnded { result, .. } => {
            let Some(intent) = intent_of(&step.doing).cloned() else { return };
            // What is not known is said by the event after it.
            if !matches!(result, EffectResult::Failed { error } if error.class == crate::backend::Class::Ambiguous) {
                step.answered.clear();
            }
            match result {
                EffectResult::Done { outputs } => step.doing = Doing::Effected { outputs: outputs.clone(), unchanged: false },
                EffectResult::Failed { error } if error.class != crate::backend::Class::Ambiguous => step.doing = Doing::Erred(error.clone()),
                EffectResult::Pending { due, cookie } => step.doing = Doing::Pending { intent, due: *due, cookie: cookie.clone() },
                EffectResult::Failed { .. } => {}
            }
        }
        EventBody::Uncertain { code, why, .. } => {
            if matches!(step.doing, Doing::Asked(_)) {
                step.uninterrupted();
            }
            step.answered.clear();
            if let Doing::InFlight(intent) | Doing::Pending { intent, .. } = &step.doing {
                let mut uncertain = asks_a_person(Some(intent.clone()), code, why);
                uncertain.needs_person = !program.can_observe(address);
                step.doing = Doing::Uncertain(uncertain);
            }
        }
        EventBody::Reconciled { seen, .. } => {
            step.answered.clear();
            reconcile(program, address, step, seen, at);
        }
        EventBody::TimerArmed { timer, due, .. } => {
            match &mut step.doing {
                Doing::Uncertain(uncertain) => uncertain.timer = Some(*due),
                Doing::Seen(_) => step.doing = Doing::Polling(*due),
                Doing::Erred(error) => {
                    step.retries += 1;
                    step.doing = Doing::Retrying { error: error.clone(), due: *due };
                }
                _ => return,
            }
            step.armed = Some(timer.clone());
        }
        EventBody::TimerFired { .. } => {
            step.armed = None;
            match &mut step.doing {
                Doing::Uncertain(uncertain) => {
                    uncertain.timer = None;
                    uncertain.look_failed = None;
                }
                Doing::Polling(_) => step.doing = Doing::Ready,
                Doing::Retrying { .. } => step.doing = Doing::Waiting,
                _ => {}
            }
        }
        EventBody::HumanAsked { question, .. } => {
            let before = std::mem::take(&mut step.doing);
            step.handed_off = if let Doing::Rescuing { error, .. } = &before { Some(error.clone()) } else { None };
            step.interrupted = Some(Box::new(before)).filter(|_| step.handed_off.is_none());
            step.doing = Doing::Asked(question.clone());
        }
        EventBody::HumanAnswered { answer, settled, .. } => {
            if settled.is_some() && matches!(step.doing, Doing::Asked(_)) {
                step.uninterrupted();
            }
            answer_step(program, address, step, answer, *settled);
        }
        _ => {}
    }
}

fn answer_step(program: &Program, address: &str, step: &mut StepState, answer: &Answer, settled: Option<Settled>) {
    match (&step.doing, settled) {
        (Doing::Asked(_), None) if step.handed_off.is_some() => {
            // A no leaves the error to the core, which ends the step with it.
            step.doing = match step.handed_off.take() {
                Some(error) if !answer.yes => Doing::Erred(step.handed_off.insert(error).clone()),
                _ => Doing::Waiting,
            };
        }
        (Doing::Asked(question), None) => {
            step.answered.push(Answered { question: question.clone(), answer: answer.clone() });
            step.uninterrupted();
        }
        // A process that died leaves a step in flight; a person may settle it before anybody resumes the run.
        (Doing::Uncertain(_) | Doing::InFlight(_) | Doing::Pending { .. }, Some(Settled::Done)) => {
            step.answered.clear();
            step.doing = Doing::Effected { outputs: program.outputs_of_word(address, answer), unchanged: false };
        }
        (Doing::Uncertain(_) | Doing::InFlight(_) | Doing::Pending { .. }, Some(Settled::NotDone)) => {
            step.answered.clear();
            step.told_not_done = true;
            step.doing = Doing::Ready;
        }
        _ => {}
    }
}

/// The intent of an effect whose end is not known yet. An answer that comes late, when a look was asked for already, still counts.
fn intent_of(doing: &Doing) -> Option<&Intent> {
    match doing {
        Doing::InFlight(intent) | Doing::Pending { intent, .. } => Some(intent),
        Doing::Uncertain(uncertain) => uncertain.intent.as_ref(),
        _ => None,
    }
}

fn reconcile(program: &Program, address: &str, step: &mut StepState, seen: &Seen, at: Timestamp) {
    let Doing::Uncertain(uncertain) = &mut step.doing else { return };
    uncertain.looked += 1;
    if !matches!(seen, Seen::Failed { .. }) {
        uncertain.failed_looks = 0;
    }
    match seen {
        Seen::Done { outputs, .. } => step.doing = Doing::Effected { outputs: outputs.clone(), unchanged: false },
        Seen::NotDone { conclusive: true, .. } => step.doing = Doing::Ready,
        Seen::NotDone { conclusive: false, baseline } => {
            uncertain.looks.push(Look { at, baseline: baseline.clone() });
            if program.repeatable(address) || agree(&uncertain.looks, program.absent_after(address)) {
                step.doing = Doing::Ready;
            } else if program.absent_after(address).is_none() {
                uncertain.needs_person = true;
            }
        }
        Seen::CannotTell { code, why } => {
            uncertain.code.clone_from(code);
            uncertain.why = why.clone();
            uncertain.needs_person = true;
        }
        Seen::Failed { error } => {
            uncertain.look_failed = Some(error.clone());
            uncertain.failed_looks += 1;
        }
    }
}

/// Two looks at least `apart` from each other saw the same, and so did those between them.
fn agree(looks: &[Look], apart: Option<std::time::Duration>) -> bool {
    let (Some(last), Some(apart)) = (looks.last(), apart) else { return false };
    let same = looks.iter().rev().take_while(|look| look.baseline == last.baseline);
    same.last().is_some_and(|first| last.at.duration_since(first.at) >= jiff::SignedDuration::try_from(apart).unwrap_or(jiff::SignedDuration::MAX))
}

fn asks_a_person(intent: Option<Intent>, code: &str, why: &Text) -> UncertainStep {
    let needs_person = intent.is_none();
    UncertainStep {
        intent,
        first_code: code.to_owned(),
        code: code.to_owned(),
        why: why.clone(),
        row: None,
        looks: vec![],
        timer: None,
        needs_person,
        look_failed: None,
        failed_looks: 0,
        looked: 0,
    }
}

fn failed(error: ErrorBody, at: Timestamp) -> Doing {
    Doing::Ended(Ended { outcome: Outcome::Failed, outputs: BTreeMap::new(), error: Some(error), at })
}
