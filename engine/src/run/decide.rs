//! What to do next. Pure: the same program and state give the same commands in the same order.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::conform::{at_start, conform, conform_outputs};
use super::event::{ErrorBody, EventBody, ParkCause, RunEnd, Seen, StepEnd};
use super::private::hide_inputs;
use super::rescue::error_at;
use super::state::{Doing, Outcome, Phase, State, StepState, UncertainStep};
use crate::action::{Answer, Effect, Outputs, word_of};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Class};
use crate::check::{BoundAction, Checked, EndsAs, Guard, Repeat, Step, What};
use crate::dsl::Value;
use crate::dsl::expr::Tri;
use crate::plan::{DeadlineState, Facts, Plan, Private, Resolver, StepFacts, deadline, outputs_from_json, outputs_to_json};
use crate::text::Text;

/// What a run carries out: immutable.
#[derive(Debug)]
pub struct Program {
    /// The playbook.
    pub checked: Checked,
    /// The plan it was approved by.
    pub plan: Plan,
    /// Inputs of the root playbook.
    pub inputs: BTreeMap<String, Value>,
    /// The site's time zone.
    pub zone: TimeZone,
    /// By address: how long until "not in the list" is conclusive, where somebody verified it.
    pub absent_after: BTreeMap<String, Duration>,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful of commands live for a moment")]
pub enum Command {
    /// Write this event down.
    Record(EventBody),
    /// Carry out the step: look or act.
    Start {
        /// Address.
        step: String,
        /// From 1.
        attempt: u32,
    },
    /// Go on with a pending effect.
    Continue {
        /// Address.
        step: String,
        /// Attempt.
        attempt: u32,
        /// For the backend, hex.
        cookie: String,
    },
    /// Look whether an uncertain effect happened.
    Look {
        /// Address.
        step: String,
    },
    /// Take what a person's hands gave in an act whose intent is on disk.
    Conclude {
        /// Address.
        step: String,
        /// Attempt.
        attempt: u32,
    },
    /// Get an answer, or park.
    AwaitAnswer {
        /// Address.
        step: String,
    },
    /// Wait for a time, or park.
    AwaitTimer {
        /// Address.
        step: String,
        /// When.
        due: Timestamp,
    },
}

impl Command {
    /// The step it is about; `None` for an event, which says so itself.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Record(_) => None,
            Self::Start { step, .. }
            | Self::Continue { step, .. }
            | Self::Look { step }
            | Self::Conclude { step, .. }
            | Self::AwaitAnswer { step }
            | Self::AwaitTimer { step, .. } => Some(step),
        }
    }
}

impl Program {
    /// The index of a step.
    pub fn index(&self, address: &str) -> Option<usize> {
        self.checked.steps.iter().position(|step| step.address == address)
    }

    /// The action of a step; `None` for a call or an unknown address.
    pub fn action(&self, address: &str) -> Option<&BoundAction> {
        match &self.checked.steps.get(self.index(address)?)?.what {
            What::Action(action) => Some(action),
            What::Call { .. } => None,
        }
    }

    /// The private values among the inputs.
    pub fn private(&self) -> Private {
        Private::of(&self.checked, &self.plan.plan_id, &self.inputs)
    }

    /// Outputs as the plan holds them.
    fn hidden<'j>(&self, outputs: &'j BTreeMap<String, serde_json::Value>) -> Cow<'j, BTreeMap<String, serde_json::Value>> {
        let private = self.private();
        if private.is_empty() {
            return Cow::Borrowed(outputs);
        }
        let mut hidden = outputs.clone();
        hidden.values_mut().for_each(|output| private.hide(output));
        Cow::Owned(hidden)
    }

    /// Whether a step writes.
    pub fn writes(&self, address: &str) -> bool {
        self.action(address).is_some_and(|action| action.manifest.effect > Effect::Read)
    }

    /// Whether a step cannot be undone.
    pub fn is_irreversible(&self, address: &str) -> bool {
        self.action(address).is_some_and(|action| action.manifest.effect == Effect::Irreversible)
    }

    /// Whether failed tries of a step are counted.
    pub fn spends_attempt(&self, address: &str) -> bool {
        self.checked.attempts.contains_key(address) || self.action(address).is_some_and(|action| action.manifest.spends_attempt)
    }

    /// Whether a step may be sent again after any look that did not find it.
    pub fn repeatable(&self, address: &str) -> bool {
        self.action(address).is_some_and(|action| {
            let of_profile = action.manifest.operation.and_then(|operation| {
                let profile = self.checked.profiles.get(action.portal.as_deref()?)?;
                profile.operations.get(&operation).map(|spec| spec.repeatable)
            });
            of_profile.unwrap_or(action.manifest.repeatable)
        })
    }

    /// Whether anything can be looked at after a step.
    pub fn can_observe(&self, address: &str) -> bool {
        self.action(address).is_some_and(|action| {
            let nothing = action.manifest.operation.and_then(|operation| {
                let profile = self.checked.profiles.get(action.portal.as_deref()?)?;
                profile.operations.get(&operation).map(|spec| spec.observe == crate::backend::profile::ObserveBy::Nothing && !spec.repeatable)
            });
            // A counted try leaves a record, whatever the portal shows.
            let counted = action.manifest.operation == Some(Operation::SignIn);
            action.manifest.observe.is_some() && (counted || nothing != Some(true))
        })
    }

    /// The outputs of a step that a person says was done: the values they gave, of an action of people with who said so.
    pub(super) fn outputs_of_word(&self, address: &str, answer: &Answer) -> BTreeMap<String, serde_json::Value> {
        if self.action(address).is_some_and(|action| action.manifest.person) {
            let fields = answer.fields.iter().map(|(name, value)| (name.clone(), Value::Str(value.clone()))).collect();
            return outputs_to_json(&word_of(&answer.by, answer.at, fields));
        }
        answer.fields.iter().map(|(name, value)| (name.clone(), serde_json::Value::String(value.clone()))).collect()
    }

    /// How long until "not in the list" is conclusive.
    pub fn absent_after(&self, address: &str) -> Option<Duration> {
        self.absent_after.get(address).copied()
    }

    /// A resolver over the state of a run.
    pub fn resolver<'a>(&'a self, facts: &'a StateFacts<'a>) -> Resolver<'a> {
        let now = facts.0.started_at.unwrap_or(self.plan.created_at);
        Resolver { checked: &self.checked, inputs: &self.inputs, facts, run: &facts.0.run, now, zone: &self.zone, error: None }
    }

    /// The same, for the expressions of one step: in a row of `rescue` they see its error.
    pub fn resolver_at<'a>(&'a self, facts: &'a StateFacts<'a>, step: &Step) -> Resolver<'a> {
        Resolver { error: error_at(self, facts.0, step).map(ErrorBody::facts), ..self.resolver(facts) }
    }
}

/// The state of a run as facts about steps.
pub struct StateFacts<'a>(pub &'a State, pub &'a Program);

impl Facts for StateFacts<'_> {
    fn step(&self, index: usize) -> StepFacts<'_> {
        match self.0.ended(&self.1.checked.steps[index].address) {
            Some(ended) if ended.outcome == Outcome::Skipped => StepFacts::Skipped,
            Some(ended) => StepFacts::Ended(ended.outcome.word(), &ended.outputs),
            None => StepFacts::Pending,
        }
    }
}

/// What to do next. Empty when the run is not active, or waits for what was commanded before.
///
/// A command stays until an event answers it: a driver carries out each step's once. Commands of different steps may be carried out
/// side by side. An event that stops the run ([`EventBody::stops`]) is the only command when it comes, and is written down only when
/// nothing that was commanded is still being carried out.
///
/// # What runs after a failure
/// A failed step holds up whatever depends on it, along data and order edges. A branch that does not depend on it goes on: what it has
/// in flight is finished, its further steps run, its polls and retries go on. Two things do not begin any more: a run that has not
/// written yet begins no step, so that it ends `failed` with nothing changed; and nothing irreversible begins, for a failure says that
/// something is not as it was planned, and waiting for a person costs less than what cannot be undone. The same holds while a
/// step is uncertain and only a person can tell. After `finish` nothing begins at all. The run ends or parks when no branch can go on.
///
/// # Cancellation
/// In two phases: from `CancelRequested` on nothing begins, and an effect whose intent is not on disk yet does not begin either
/// ([`may_begin`]); what is in flight ends and is judged; then the run parks.
pub fn decide(program: &Program, state: &State) -> Vec<Command> {
    if state.phase != Phase::Active {
        return vec![];
    }
    if let Some(moved) = at_start(program, state).filter(|_| !state.cancelled) {
        return vec![Command::Record(moved)];
    }
    let facts = StateFacts(state, program);
    let in_trouble = state.is_in_trouble();
    let (mut commands, mut parks) = (vec![], vec![]);
    for step in &program.checked.steps {
        match (Judge { program, state, facts: &facts, step, in_trouble }).next() {
            Some(Next::Do(command)) => commands.push(command),
            Some(Next::Park(cause)) => parks.push((cause, &step.address)),
            None => {}
        }
    }
    if commands.is_empty() && !state.is_in_flight() {
        commands.push(Command::Record(ending(program, state, &facts, &parks)));
    }
    commands
}

/// Whether the effect of a step that was started may begin now: nobody has asked the run to stop, and nothing went wrong elsewhere
/// since that holds it up. A driver asks just before it writes the intent down.
pub fn may_begin(program: &Program, state: &State, address: &str) -> bool {
    let (facts, in_trouble) = (StateFacts(state, program), state.is_in_trouble());
    let step = program.index(address).map(|index| &program.checked.steps[index]);
    let held_up = |step| (Judge { program, state, facts: &facts, step, in_trouble }).is_held_up();
    state.phase == Phase::Active && !state.cancelled && step.is_some_and(|step| !held_up(step))
}

/// How a run parks when a driver can carry out none of its commands: `alone` are steps that wait for a person who is not there,
/// `timers` those that wait for a time too far away.
pub fn park(state: &State, alone: Vec<String>, timers: &[(Timestamp, String)]) -> EventBody {
    let until = timers.iter().map(|(due, _)| *due).min();
    let uncertain = state.steps.iter().find(|(_, step)| matches!(&step.doing, Doing::Uncertain(uncertain) if uncertain.needs_person));
    let (cause, steps, until) = match (state.failed(), uncertain) {
        (Some((address, _)), _) => (ParkCause::Failed, vec![address.to_owned()], None),
        (None, Some((address, _))) => (ParkCause::Uncertain, vec![address.clone()], None),
        _ if !alone.is_empty() => {
            let lapse = alone.iter().filter_map(|step| state.step(step)?.lapses_at()).min();
            (ParkCause::Person, alone, lapse)
        }
        _ => (ParkCause::Time, timers.iter().map(|(_, step)| step.clone()).collect(), until),
    };
    EventBody::RunParked { cause, steps, until }
}

fn ending(program: &Program, state: &State, facts: &StateFacts<'_>, parks: &[(ParkCause, &String)]) -> EventBody {
    let parked = |cause: ParkCause, steps: Vec<String>| EventBody::RunParked { cause, steps, until: None };
    if state.cancelled {
        return parked(ParkCause::Cancelled, vec![]);
    }
    if let Some((address, _)) = state.failed() {
        return if state.wrote || !parks.is_empty() {
            parked(ParkCause::Failed, vec![address.to_owned()])
        } else {
            EventBody::RunEnded { end: RunEnd::Failed, reason: None, outputs: BTreeMap::new() }
        };
    }
    if let Some((cause, _)) = parks.iter().find(|(cause, _)| *cause == ParkCause::Failed).or(parks.first()) {
        return parked(*cause, parks.iter().filter(|(other, _)| other == cause).map(|(_, step)| (*step).clone()).collect());
    }
    let outputs = outputs_to_json(&program.resolver(facts).outputs());
    match &state.finish {
        Some((_, reason)) => EventBody::RunEnded { end: RunEnd::Finished, reason: Some(reason.clone()), outputs },
        None => EventBody::RunEnded { end: RunEnd::Done, reason: None, outputs },
    }
}

/// What a step wants.
#[expect(clippy::large_enum_variant, reason = "lives for a moment, one a step")]
pub(super) enum Next {
    /// This is to be done.
    Do(Command),
    /// It can only wait outside a process.
    Park(ParkCause),
}

impl From<EventBody> for Next {
    fn from(body: EventBody) -> Self {
        Self::Do(Command::Record(body))
    }
}

pub(super) struct Judge<'a> {
    pub(super) program: &'a Program,
    pub(super) state: &'a State,
    pub(super) facts: &'a StateFacts<'a>,
    pub(super) step: &'a Step,
    in_trouble: bool,
}

impl Judge<'_> {
    fn next(&self) -> Option<Next> {
        let address = || self.step.address.clone();
        let known = self.state.step(&self.step.address);
        if self.state.cancelled {
            // What was in flight and has ended is judged, also by the word of who was asked to act; nothing else is done.
            let known = known?;
            return match &known.doing {
                Doing::Effected { outputs, unchanged } => Some(self.judge_effect(outputs, *unchanged).into()),
                Doing::InFlight(_) if !known.answered.is_empty() => Some(Next::Do(Command::Conclude { step: address(), attempt: known.attempt })),
                _ => None,
            };
        }
        let attempt = known.map_or(0, |step| step.attempt);
        let held_up = self.is_held_up();
        Some(match known.map(|step| &step.doing) {
            None | Some(Doing::Waiting) if !held_up && self.in_turn() && self.predecessors_ended() => self.begin().into(),
            Some(doing) if doing.uses_sessions() && self.session_opens_again() => return None,
            Some(Doing::Ready) if !held_up => Next::Do(Command::Start { step: address(), attempt: attempt + 1 }),
            Some(Doing::Seen(outputs)) => self.judge_look(outputs, attempt).into(),
            Some(Doing::Polling(due) | Doing::Retrying { due, .. }) if !held_up => Next::Do(Command::AwaitTimer { step: address(), due: *due }),
            Some(Doing::Erred(error)) if known?.handed_off.is_some() => self.gave_up(error.clone(), BTreeMap::new()).into(),
            Some(Doing::Erred(error)) => self.judge_error(error, held_up).into(),
            Some(Doing::Rescuing { error, of, say, outputs }) if !held_up => self.follow(error, of, say, outputs)?.into(),
            Some(Doing::Effected { outputs, unchanged }) => self.judge_effect(outputs, *unchanged).into(),
            Some(Doing::Pending { due, cookie, .. }) => {
                let waited = self.state.at.is_some_and(|at| at >= *due);
                Next::Do(if waited {
                    Command::Continue { step: address(), attempt, cookie: cookie.clone() }
                } else {
                    Command::AwaitTimer { step: address(), due: *due }
                })
            }
            Some(Doing::Asked(question)) => match question.until {
                Some(until) if self.state.at.is_some_and(|at| at > until) => self.lapsed(known?, until, attempt).into(),
                _ if !held_up => Next::Do(Command::AwaitAnswer { step: address() }),
                // Whoever was asked to act may act: the run does not end without their word.
                _ if known?.in_doubt() => Next::Park(ParkCause::Person),
                _ => return None,
            },
            Some(Doing::InFlight(_)) if !known?.answered.is_empty() => Next::Do(Command::Conclude { step: address(), attempt }),
            Some(Doing::Uncertain(uncertain)) => self.settle(uncertain),
            _ => return None,
        })
    }

    /// Whether what happened elsewhere in the run keeps this step from beginning, or from beginning anew.
    fn is_held_up(&self) -> bool {
        let irreversible = || self.action().is_some_and(|action| action.manifest.effect == Effect::Irreversible);
        let held = self.state.finish.is_some() || self.in_trouble && (!self.state.wrote || irreversible());
        held || irreversible() && self.another_is_in_doubt()
    }

    /// Whether it is not known if another irreversible step happened, or a person is at it: it may be about the same credential, and what a
    /// person said of this one was said before.
    fn another_is_in_doubt(&self) -> bool {
        let sent = |step: &StepState| matches!(&step.doing, Doing::Uncertain(uncertain) if uncertain.intent.is_some()) || step.is_in_their_hands();
        self.state.steps.iter().any(|(address, step)| *address != self.step.address && sent(step) && self.program.is_irreversible(address))
    }

    /// Nobody answered in time. Lapsing is no approval, and whoever was asked to act may have acted.
    fn lapsed(&self, known: &StepState, until: Timestamp, attempt: u32) -> EventBody {
        let why = Text::new(format!("期限({until})までに答えがありませんでした。"), format!("nobody answered until {until}."));
        let step = self.step.address.clone();
        if known.in_doubt() {
            return EventBody::Uncertain { step, code: "HUMAN.LAPSED".to_owned(), why, attempt: Some(attempt) };
        }
        EventBody::Observed { step, attempt: attempt + 1, seen: Seen::Failed { error: BackendError::new("HUMAN.LAPSED", why).into() } }
    }

    pub(super) fn action(&self) -> Option<&BoundAction> {
        match &self.step.what {
            What::Action(action) => Some(action),
            What::Call { .. } => None,
        }
    }

    /// Whether a session that the step works in is still to be opened again, in a process that took the run up. After `finish` none is.
    fn session_opens_again(&self) -> bool {
        let opens = |maker: &usize| {
            let maker = self.state.step(&self.program.checked.steps[*maker].address);
            maker.is_some_and(|maker| !matches!(maker.doing, Doing::Ended(_)))
        };
        self.state.finish.is_none() && self.program.checked.sessions_of(self.step).iter().any(opens)
    }

    fn predecessors_ended(&self) -> bool {
        let ended = |on: &usize| self.state.ended(&self.program.checked.steps[*on].address);
        self.step.after.iter().all(|on| ended(on).is_some_and(|ended| ended.outcome != Outcome::Failed))
    }

    pub(super) fn end(&self, outcome: Outcome, outputs: BTreeMap<String, serde_json::Value>) -> StepEnd {
        let _ = self;
        StepEnd { outcome, outputs, error: None, finish: None }
    }

    pub(super) fn ended(&self, end: StepEnd) -> EventBody {
        EventBody::StepEnded { step: self.step.address.clone(), end }
    }

    pub(super) fn resolver(&self) -> Resolver<'_> {
        self.program.resolver_at(self.facts, self.step)
    }

    fn failed(&self, error: BackendError, outputs: BTreeMap<String, serde_json::Value>) -> EventBody {
        self.ended(StepEnd { error: Some(ErrorBody::from(error)), ..self.end(Outcome::Failed, outputs) })
    }

    /// Skip, stop, finish, or run.
    fn begin(&self) -> EventBody {
        let resolver = self.resolver();
        let skip = |why: Text| {
            EventBody::StepEnded {
                step: self.step.address.clone(),
                end: StepEnd { outcome: Outcome::Skipped, outputs: BTreeMap::new(), error: None, finish: None },
            }
            .because(why)
        };
        for condition in &self.step.when {
            match resolver.truth(condition, None) {
                Tri::Known(Value::Bool(true)) => {}
                Tri::Known(_) => return skip(Text::new(format!("条件に合わない: {}", condition.text), format!("condition is false: {}", condition.text))),
                Tri::Absent(_) => return skip(Text::new("条件の値が無い", "a value of its condition is absent")),
                Tri::Unknown(_, why) => return self.failed(not_known(&why.0.into_iter().collect::<Vec<_>>().join(", ")), BTreeMap::new()),
            }
        }
        match deadline(&resolver, self.step, self.state.at.unwrap_or_default()) {
            DeadlineState::None | DeadlineState::Open(_) => {}
            DeadlineState::Passed(_, error) => return self.erred((*error).into(), BTreeMap::new()),
            DeadlineState::Absent(_) => return skip(Text::new("期限の値が無い", "the value of its deadline is absent")),
            DeadlineState::Unknown(_, why) => return self.failed(not_known(&why.0.into_iter().collect::<Vec<_>>().join(", ")), BTreeMap::new()),
        }
        if let Some(end) = self.guard(&self.step.require, None, Outcome::Skipped, &BTreeMap::new()) {
            return end;
        }
        let action = match &self.step.what {
            What::Call { frame } => return self.end_call(*frame),
            What::Action(action) => action,
        };
        let bound = resolver.inputs_of(self.step.frame, action);
        if let Some((name, _)) = bound.absent.iter().next() {
            return skip(Text::new(format!("入力 {name} が無い"), format!("input `{name}` is absent")));
        }
        if let Some((name, _)) = bound.unknown.iter().next() {
            return self.failed(not_known(name), BTreeMap::new());
        }
        if action.manifest.effect > Effect::Read
            && let Some(drift) = conform(self.program, &self.step.address, &hide_inputs(&self.program.private(), &bound.known))
        {
            return self.failed(drift, BTreeMap::new());
        }
        if action.manifest.effect == Effect::Irreversible && !self.state.approved.contains(&self.step.address) {
            let cause = Text::new(format!("手順 {} は承認されていません。", self.step.address), format!("step `{}` was not approved.", self.step.address));
            return self.failed(BackendError::new("APPROVAL.MISSING", cause).class(Class::Human), BTreeMap::new());
        }
        EventBody::Decided { step: self.step.address.clone(), run: true, why: None, rescue: None }
    }

    fn end_call(&self, frame: usize) -> EventBody {
        let inner = self.program.checked.frames[frame].steps.values();
        let outcomes: Vec<Outcome> =
            inner.filter_map(|index| self.state.ended(&self.program.checked.steps[*index].address)).map(|ended| ended.outcome).collect();
        let outcome = [Outcome::Changed, Outcome::Unchanged, Outcome::Observed].into_iter().find(|outcome| outcomes.contains(outcome));
        let outcome = outcome.unwrap_or(Outcome::Skipped);
        let resolver = self.resolver();
        let exprs = self.program.checked.frames[frame].outputs.iter();
        let outputs: Outputs = exprs.filter_map(|(name, expr)| Some((name.clone(), resolver.value(frame, expr, None).known()?.clone()))).collect();
        let json = outputs_to_json(&outputs);
        self.guard(&self.step.expect, Some(&outputs), outcome, &json).unwrap_or_else(|| self.ended(self.end(outcome, json)))
    }

    /// What follows if one of these does not hold.
    fn guard(&self, guards: &[Guard], result: Option<&Outputs>, outcome: Outcome, json: &BTreeMap<String, serde_json::Value>) -> Option<EventBody> {
        Some(match self.unmet(guards, result)? {
            Ok(finish) => self.ended(StepEnd { finish: Some(finish), ..self.end(outcome, json.clone()) }),
            Err(error) => self.erred(error.into(), json.clone()),
        })
    }

    /// The first guard that does not hold: the reason to end the run well, or the error.
    pub(super) fn unmet(&self, guards: &[Guard], result: Option<&Outputs>) -> Option<Result<Text, BackendError>> {
        let resolver = self.resolver();
        let guard = guards.iter().find(|guard| resolver.truth(&guard.that, result).truth() != Some(true))?;
        let say = resolver.text(guard.that.frame, &guard.say, result);
        Some(match guard.then {
            EndsAs::Finish => Ok(say),
            EndsAs::Stop => {
                let code = guard.code.as_deref().unwrap_or("EXPECT.FAILED");
                Err(BackendError::new(code, say).with("expr", guard.that.text.clone()))
            }
        })
    }

    fn judge_look(&self, json: &BTreeMap<String, serde_json::Value>, attempt: u32) -> EventBody {
        let outputs = self.action().map_or_else(Outputs::new, |action| outputs_from_json(action, json));
        if let Some(repeat) = &self.step.repeat
            && self.resolver().truth(&repeat.until, Some(&outputs)).truth() != Some(true)
        {
            return self.poll_again(repeat, attempt);
        }
        if let Some(action) = self.action()
            && let Some(drift) = conform_outputs(self.program, &self.step.address, action, &self.program.hidden(json))
        {
            return self.failed(drift, json.clone());
        }
        let end = self.guard(&self.step.expect, Some(&outputs), Outcome::Observed, json);
        end.unwrap_or_else(|| self.ended(self.end(Outcome::Observed, json.clone())))
    }

    fn poll_again(&self, repeat: &Repeat, attempt: u32) -> EventBody {
        let now = self.state.at.unwrap_or_default();
        let first = self.state.step(&self.step.address).and_then(|step| step.first_poll).unwrap_or(now);
        let wait = repeat.every.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1).min(20))).min(repeat.slow_to.max(repeat.every));
        let signed = |duration: Duration| jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX);
        let due = now.saturating_add(signed(wait)).unwrap_or(now);
        if due.duration_since(first) > signed(repeat.within) {
            let hours = repeat.within.as_secs() / 3_600;
            let cause = Text::new(
                format!("待つ時間({hours}時間)を過ぎても「{}」になりません。", repeat.until.text),
                format!("`{}` did not come true within {hours} h.", repeat.until.text),
            );
            return self.erred(BackendError::new("REPEAT.TIMEOUT", cause).into(), BTreeMap::new());
        }
        EventBody::TimerArmed { timer: format!("{}/poll/{attempt}", self.step.address), step: self.step.address.clone(), due }
    }

    fn judge_effect(&self, json: &BTreeMap<String, serde_json::Value>, unchanged: bool) -> EventBody {
        // Whoever settled that it was done said so of the value, too. An answer to the question itself was judged when it came.
        if let Some(counted) = self.state.step(&self.step.address).and_then(|step| step.trying.as_ref())
            && self.action().is_some_and(|action| action.manifest.person)
        {
            return counted.proved(&self.step.address);
        }
        let outcome = if unchanged { Outcome::Unchanged } else { Outcome::Changed };
        let outputs = self.action().map_or_else(Outputs::new, |action| outputs_from_json(action, json));
        let end = self.guard(&self.step.expect, Some(&outputs), outcome, json);
        end.unwrap_or_else(|| self.ended(self.end(outcome, json.clone())))
    }

    /// What to do about an uncertain step: look, wait for the second look, or park for a person.
    fn settle(&self, uncertain: &UncertainStep) -> Next {
        let address = self.step.address.clone();
        if uncertain.needs_person {
            return self.park_uncertain(uncertain);
        }
        if let Some(error) = &uncertain.look_failed {
            return match uncertain.timer {
                Some(due) => Next::Do(Command::AwaitTimer { step: address, due }),
                None => self.look_again(error, uncertain.failed_looks).map_or_else(|| self.park_uncertain(uncertain), Next::from),
            };
        }
        let (Some(first), Some(apart)) = (uncertain.looks.first(), self.program.absent_after(&self.step.address)) else {
            return Next::Do(Command::Look { step: address });
        };
        match uncertain.timer {
            Some(due) => Next::Do(Command::AwaitTimer { step: address, due }),
            None => {
                let apart = jiff::SignedDuration::try_from(apart).unwrap_or(jiff::SignedDuration::MAX);
                let due = first.at.saturating_add(apart).unwrap_or(first.at);
                if self.state.at.is_some_and(|at| at >= due) {
                    Next::Do(Command::Look { step: address })
                } else {
                    let attempt = self.state.step(&address).map_or(0, |known| known.attempt);
                    let timer = format!("{address}/look/{attempt}/{}", uncertain.looks.len() + 1);
                    EventBody::TimerArmed { timer, step: address, due }.into()
                }
            }
        }
    }
}

fn not_known(what: &str) -> BackendError {
    let cause = Text::new(format!("{what} の値がまだありません。"), format!("the value of {what} is not there yet."));
    BackendError::new("RUN.VALUE_MISSING", cause)
}

impl EventBody {
    fn because(self, why: Text) -> Self {
        match self {
            Self::StepEnded { step, end } => {
                let error = ErrorBody { code: "STEP.SKIPPED".to_owned(), class: Class::Permanent, cause: why, cure: Text::default(), data: BTreeMap::new() };
                Self::StepEnded { step, end: StepEnd { error: Some(error), ..end } }
            }
            other => other,
        }
    }
}
