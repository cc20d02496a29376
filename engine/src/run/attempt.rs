//! One attempt of one step, in a worker thread: look, intent, act. What it finds becomes events; it decides nothing.
//!
//! It sees the state as it was when the attempt began. What must be on disk in the middle of it goes through its [`Link`].

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::crew::{Handed, Link, moment};
use super::decide::{Command, Program, StateFacts};
use super::driver::RunError;
use super::event::{EffectResult, ErrorBody, EventBody, Seen};
use super::files::StateBlobs;
use super::ledger::HeldTry;
use super::secrets::{Escrow, shown_secret};
use super::state::{Doing, State};
use crate::action::{
    CountedOn, Effect, Inputs, Intent, IntentOnDisk, Kind, Live, Observed, Outputs, ReadAction, ReadCx, Registry, Sessions, WriteAction, WriteCx,
};
use crate::backend::{BackendError, BackendSet, Call, CancelToken, Class, IdempotencyKey, Progress, SecretSink};
use crate::check::{Attempts, Binding, BoundAction};
use crate::clock::{Clock, is_right};
use crate::dsl::{RoleKind, Type, Value};
use crate::journal::AttemptLock;
use crate::plan::{DeadlineState, UNDECLARED, credential_keys, deadline, outputs_to_json, record_as, site_key};
use crate::text::Text;

/// What all attempts of a run share.
pub(super) struct Shared<'a> {
    pub(super) program: &'a Program,
    pub(super) registry: &'static Registry,
    pub(super) backends: &'a BackendSet,
    pub(super) clock: &'a dyn Clock,
    pub(super) cancel: CancelToken,
    pub(super) fresh_for: Duration,
    pub(super) site: String,
    pub(super) blobs: StateBlobs,
    /// The state folder.
    pub(super) folder: PathBuf,
    /// Sessions that steps have opened in this process.
    pub(super) live: Live,
    /// How long one call of a backend may take.
    pub(super) call_limit: Duration,
}

/// One attempt of one step.
pub(super) struct Attempt<'a> {
    context: &'a Shared<'a>,
    state: Arc<State>,
    link: Link,
    address: String,
}

impl<'a> Attempt<'a> {
    /// An attempt of the step with this address; `state` is the run's at its beginning.
    pub(super) fn new(context: &'a Shared<'a>, state: Arc<State>, link: Link, address: &str) -> Self {
        Self { context, state, link, address: address.to_owned() }
    }

    /// The step.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The line to the main loop.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    fn state(&self) -> &State {
        &self.state
    }

    fn now(&self) -> Timestamp {
        let wall = self.context.clock.now();
        self.state.at.map_or(wall, |last| last.max(wall))
    }

    /// Carries a command of the core out: the events that end it, in order; none if the run is being stopped before the effect began.
    ///
    /// # Errors
    /// When the main loop has ended, or the command does not fit the action: without an event the core would command it for ever.
    pub(super) fn carry_out(self, command: &Command, inputs: &Inputs, kind: Kind<'static>) -> Handed {
        match (command, kind) {
            (Command::Start { attempt, .. }, Kind::Read(read)) => self.read(*attempt, inputs, read),
            (Command::Start { attempt, .. }, Kind::Write(write)) => self.start_write(*attempt, inputs, write),
            (Command::Continue { attempt, cookie, .. }, Kind::Write(write)) => self.go_on(*attempt, cookie, inputs, write),
            (Command::Look { .. }, Kind::Write(write)) => self.reconcile(inputs, write),
            (Command::Conclude { attempt, .. }, Kind::Write(write)) => self.conclude(*attempt, inputs, write),
            _ => Err(self.unfit()),
        }
    }

    fn unfit(&self) -> RunError {
        RunError::internal(&format!("a command that does not fit {}", self.address))
    }

    fn observed(&self, attempt: u32, seen: Seen) -> EventBody {
        EventBody::Observed { step: self.address.clone(), attempt, seen }
    }

    /// A look. A question whose answer takes a limited try is counted before it is put, and judged by the answer.
    fn read(&self, attempt: u32, inputs: &Inputs, read: &dyn ReadAction) -> Handed {
        let (sessions, kind) = (self.sessions(), Kind::Read(read));
        let counted = if sessions.is_answered() {
            self.counted_before(inputs)
        } else {
            match self.may_try(attempt, inputs, &kind, &sessions) {
                Ok(None) => None,
                Ok(Some(counted)) if self.link.record(counted.counted(&self.address))? => Some(counted),
                Ok(Some(_)) => return Ok(vec![]),
                Err(error) => return Ok(vec![self.observed(attempt, Seen::Failed { error: error.into() })]),
            }
        };
        let result = read.read(&self.read_cx(attempt, &sessions, &[]), inputs);
        if let Some(asked) = self.asked(attempt, &sessions, counted.as_ref()) {
            return Ok(vec![asked]);
        }
        Ok(vec![self.observed(attempt, seen_read(self.judged(result, counted.as_ref(), &kind, inputs)?))])
    }

    /// The end of an attempt, after that of its counted try is on disk: before anybody else may try.
    fn judged<T>(
        &self,
        result: Result<T, BackendError>,
        counted: Option<&HeldTry>,
        kind: &Kind<'_>,
        inputs: &Inputs,
    ) -> Result<Result<T, BackendError>, RunError> {
        let Some(counted) = counted else { return Ok(result) };
        let tried = result.as_ref().err().and_then(|error| kind.tried(inputs, error));
        self.link.record(counted.ended(&self.address, result.as_ref().err().map(|error| (error, tried))))?;
        Ok(result.map_err(|error| counted.told(error, tried)))
    }

    fn start_write(&self, attempt: u32, inputs: &Inputs, write: &dyn WriteAction) -> Handed {
        let sessions = self.sessions();
        let ready = self.before_write(inputs).and_then(|committed| {
            let observed = write.observe(&self.read_cx(attempt, &sessions, &committed), inputs, None)?;
            self.clock_is_right(&sessions)?;
            Ok((observed, committed))
        });
        let (observed, committed) = match ready {
            Ok(ready) => ready,
            Err(error) => {
                return Ok(vec![self.asked(attempt, &sessions, None).unwrap_or_else(|| self.observed(attempt, Seen::Failed { error: error.into() }))]);
            }
        };
        let told_not_done = self.state().step(&self.address).is_some_and(|step| step.told_not_done);
        let baseline = match observed {
            Observed::NotDone { baseline, .. } => baseline,
            Observed::CannotTell { baseline, .. } if told_not_done => baseline,
            other => return Ok(vec![self.observed(attempt, seen_look(other))]),
        };
        if let Err(error) = self.still_in_time() {
            return Ok(vec![self.observed(attempt, Seen::Failed { error: error.into() })]);
        }
        let counted = match self.may_try(attempt, inputs, &Kind::Write(write), &sessions) {
            Ok(counted) => counted,
            Err(error) => return Ok(vec![self.observed(attempt, Seen::Failed { error: error.into() })]),
        };
        let intent = Intent { attempt, at: self.now(), baseline };
        if !self.link.record(self.intent_event(inputs, &intent))? {
            return Ok(vec![]);
        }
        if let Some(counted) = &counted {
            self.link.record(counted.counted(&self.address))?;
        }
        self.perform(inputs, write, intent, &sessions, &committed, None, counted)
    }

    /// The right to make a counted try; none where nothing counts tries. Everything that can refuse the value without spending one is
    /// looked at here.
    fn may_try(&self, attempt: u32, inputs: &Inputs, kind: &Kind<'_>, sessions: &Sessions) -> Result<Option<HeldTry>, BackendError> {
        if !self.context.program.spends_attempt(&self.address) {
            return Ok(None);
        }
        let cx = self.read_cx(attempt, sessions, &[]);
        kind.check_value(&cx, inputs)?;
        let look = || kind.counted_on(&cx, inputs)?.ok_or_else(|| not_counted(&self.address));
        let device = self.recorded_as(&look()?.device)?;
        let look = || Ok(CountedOn { device: device.clone(), ..look()? });
        HeldTry::begin(&self.context.folder, &device, self.limits(), look, |device| self.link.tries(device, values_of(inputs), None)).map(Some)
    }

    /// The name of a device in the ledger, which holds no private value.
    fn recorded_as(&self, device: &str) -> Result<String, BackendError> {
        let private = self.context.program.private();
        if private.is_empty() {
            return Ok(device.to_owned());
        }
        let _alone = AttemptLock::take(&self.context.folder, "vault:tries").map_err(RunError::from)?;
        record_as(&*self.context.backends.vault, &private, device, self.now())
    }

    /// The try that was counted before a person was asked, to be judged by their answer. Where another run holds its device for longer than
    /// anybody waits, it stays counted as it is.
    fn counted_before(&self, inputs: &Inputs) -> Option<HeldTry> {
        let counted = self.state().step(&self.address)?.trying.as_ref()?;
        let known = |device: &str| self.link.tries(device, values_of(inputs), Some(counted.seq));
        HeldTry::go_on(&self.context.folder, counted, self.limits(), known).ok()
    }

    fn limits(&self) -> &Attempts {
        self.context.program.checked.attempts.get(&self.address).unwrap_or(&UNDECLARED)
    }

    /// Goes on with a pending effect.
    fn go_on(&self, attempt: u32, cookie: &str, inputs: &Inputs, write: &dyn WriteAction) -> Handed {
        let Some(Doing::Pending { intent, .. }) = self.state().step(&self.address).map(|step| &step.doing) else { return Err(self.unfit()) };
        let intent = Intent { attempt, ..intent.clone() };
        self.perform(inputs, write, intent, &Sessions::beside(&self.context.live), &[], hex::decode(cookie).ok(), None)
    }

    /// Takes what a person's hands gave, in an act whose intent is on disk.
    fn conclude(&self, attempt: u32, inputs: &Inputs, write: &dyn WriteAction) -> Handed {
        let Some(Doing::InFlight(intent)) = self.state().step(&self.address).map(|step| &step.doing) else { return Err(self.unfit()) };
        self.perform(inputs, write, Intent { attempt, ..intent.clone() }, &self.sessions(), &[], None, self.counted_before(inputs))
    }

    /// What the attempt shares, with what people answered in it.
    fn sessions(&self) -> Sessions {
        Sessions::beside(&self.context.live).with_answers(self.state().step(&self.address).map(|step| step.answered.clone()).unwrap_or_default())
    }

    /// The question that an action was left with, if it asks somebody. Without words of its own it has the title of the step;
    /// secrets of the run are named by where the vault has them.
    /// A counted try is said first.
    fn asked(&self, attempt: u32, sessions: &Sessions, counted: Option<&HeldTry>) -> Option<EventBody> {
        let mut question = sessions.asked()?;
        question.items.splice(0..0, counted.map(|counted| counted.remark()));
        // Of a clock that was set back, the time of the run is ahead; what lapses does so by that.
        let ahead = self.now().duration_since(self.context.clock.now());
        question.until = question.until.and_then(|until| until.checked_add(ahead).ok());
        let program = self.context.program;
        if question.ask == Text::default() {
            question.ask = program.index(&self.address).map(|index| program.checked.steps[index].title.clone()).unwrap_or_default();
        }
        for reveal in &mut question.reveals {
            if let Some(reference) = self.state().secrets.get(&reveal.secret) {
                reveal.secret.clone_from(reference);
            }
        }
        let look = match self.state().step(&self.address).map(|step| &step.doing) {
            Some(Doing::Uncertain(uncertain)) => Some(uncertain.looked + 1),
            Some(Doing::Ready) => Some(0),
            _ => None,
        };
        Some(EventBody::HumanAsked { step: self.address.clone(), question, attempt: Some(attempt), look })
    }

    #[expect(clippy::too_many_arguments, reason = "everything here belongs to one attempt")]
    fn perform(
        &self,
        inputs: &Inputs,
        write: &dyn WriteAction,
        intent: Intent,
        sessions: &Sessions,
        committed: &[String],
        cookie: Option<Vec<u8>>,
        counted: Option<HeldTry>,
    ) -> Handed {
        let attempt = intent.attempt;
        let escrow = RefCell::new(Escrow {
            vault: &*self.context.backends.vault,
            run: &self.state().run,
            step: &self.address,
            playbook: &self.context.program.checked.id,
            at: self.now(),
            link: &self.link,
        });
        let sink: &RefCell<dyn SecretSink + '_> = &escrow;
        let cx = WriteCx { read: self.read_cx(attempt, sessions, committed), writes: self.context.backends.writes(), sink, cookie };
        let result = write.perform(&cx, inputs, &IntentOnDisk(intent));
        if let Some(asked) = self.asked(attempt, sessions, counted.as_ref()) {
            return Ok(vec![asked]);
        }
        let result = self.judged(result, counted.as_ref(), &Kind::Write(write), inputs)?;
        let step = self.address.clone();
        let ended = |result: EffectResult| EventBody::EffectEnded { step: step.clone(), attempt, result };
        Ok(match result {
            Ok(Progress::Done(outputs)) => vec![ended(EffectResult::Done { outputs: outputs_to_json(&outputs) })],
            Ok(Progress::Pending { retry_after, cookie }) => {
                let due = self.now().saturating_add(SignedDuration::try_from(retry_after).unwrap_or(SignedDuration::MAX)).unwrap_or(self.now());
                vec![ended(EffectResult::Pending { due, cookie: hex::encode(cookie) })]
            }
            Err(error) if error.class == Class::Ambiguous => {
                let (code, why) = (error.code.clone(), error.cause.clone());
                vec![ended(EffectResult::Failed { error: error.into() }), EventBody::Uncertain { step: step.clone(), code, why, attempt: Some(attempt) }]
            }
            Err(error) => vec![ended(EffectResult::Failed { error: error.into() })],
        })
    }

    /// Looks whether an uncertain effect happened. Secrets that were shown before the crash are found in the vault.
    fn reconcile(&self, inputs: &Inputs, write: &dyn WriteAction) -> Handed {
        let Some(Doing::Uncertain(uncertain)) = self.state().step(&self.address).map(|step| &step.doing) else { return Err(self.unfit()) };
        let Some(intent) = &uncertain.intent else { return Err(self.unfit()) };
        let sessions = self.sessions();
        let seen = match write.observe(&self.read_cx(intent.attempt, &sessions, &[]), inputs, Some(intent)) {
            Ok(Observed::Done { mut outputs, evidence }) => {
                self.add_shown(&mut outputs);
                Seen::Done { outputs: outputs_to_json(&outputs), evidence: Some(evidence) }
            }
            Ok(observed) => seen_look(observed),
            Err(error) => Seen::Failed { error: error.into() },
        };
        let (attempt, look) = (Some(intent.attempt), Some(uncertain.looked + 1));
        Ok(vec![self.asked(intent.attempt, &sessions, None).unwrap_or_else(|| EventBody::Reconciled { step: self.address.clone(), seen, attempt, look })])
    }

    fn add_shown(&self, outputs: &mut Outputs) {
        let Some(action) = self.context.program.action(&self.address) else { return };
        for output in action.manifest.outputs.iter().filter(|output| output.ty.is_secret() && !outputs.contains_key(&output.name)).collect::<Vec<_>>() {
            let reference = shown_secret(&self.state().run, &self.address, &output.name);
            if matches!(self.context.backends.vault.get(&reference), Ok(Some(_))) {
                outputs.insert(output.name.clone(), Value::Secret(reference));
            }
        }
    }

    /// The deadline once more, by the wall clock just before the intent: a person may have taken hours to type a secret.
    fn still_in_time(&self) -> Result<(), BackendError> {
        let program = self.context.program;
        let Some(step) = program.index(&self.address).map(|index| &program.checked.steps[index]) else { return Ok(()) };
        let facts = StateFacts(self.state(), program);
        match deadline(&program.resolver_at(&facts, step), step, self.now()) {
            DeadlineState::Passed(_, error) => Err(*error),
            _ => Ok(()),
        }
    }

    /// Everything that must hold before a write: claim, room, backup places; for an irreversible step its pinned inputs, read again.
    /// Gives the request IDs that were committed for its credential.
    fn before_write(&self, inputs: &Inputs) -> Result<Vec<String>, BackendError> {
        let program = self.context.program;
        let Some(action) = program.action(&self.address) else { return Ok(vec![]) };
        let credential = credential_keys(&program.checked, action, inputs);
        let site = || (!self.state().wrote).then(|| site_key(&program.checked, &self.context.site));
        let committed = self.link.claim(credential.clone().or_else(site), credential)?;
        if !self.state().wrote {
            for role in backup_roles(program, self.state()) {
                self.context.backends.reads().folder(role)?.probe_writable(&self.call(1))?;
            }
        }
        // What a person destroys is a thing; its certificate may be gone from the store it was found in.
        if action.manifest.effect == Effect::Irreversible && !action.manifest.person {
            self.read_pinned_again(action, inputs)?;
        }
        Ok(committed)
    }

    fn read_pinned_again(&self, action: &BoundAction, inputs: &Inputs) -> Result<(), BackendError> {
        // A deletion that was cut short, or whose end was not heard, has taken the key or the certificate: that change is our own, and the
        // look sees what is left of it.
        if self.state().step(&self.address).is_some_and(|step| step.intended) {
            return Ok(());
        }
        let certs = action.manifest.inputs.iter().filter_map(|input| inputs.cert(&input.name));
        for cert in certs {
            let now = match self.context.backends.reads().held(&self.call(1), &cert.holder) {
                Err(error) if error.code == "BACKEND.MISSING" => continue,
                found => found?,
            };
            if !now.iter().any(|found| found.info.sha256 == cert.sha256 && found.info.has_key == cert.has_key) {
                let cause = Text::new(
                    format!("証明書(拇印 {})が保管先から無くなりました。", cert.sha1),
                    format!("the certificate {} is no longer in its store.", cert.sha1),
                );
                return Err(BackendError::new("CERT.GONE", cause));
            }
        }
        Ok(())
    }

    /// The clock, before the run's first irreversible effect.
    fn clock_is_right(&self, sessions: &Sessions) -> Result<(), BackendError> {
        let program = self.context.program;
        if program.action(&self.address).is_none_or(|action| action.manifest.effect < Effect::Irreversible) {
            return Ok(());
        }
        is_right(self.context.clock.now(), self.state().at, sessions.portal_date(), &program.zone)
    }

    fn intent_event(&self, inputs: &Inputs, intent: &Intent) -> EventBody {
        let program = self.context.program;
        let action = program.action(&self.address);
        EventBody::IntentRecorded {
            step: self.address.clone(),
            key: IdempotencyKey::new(&self.state().run, &self.address).as_str().to_owned(),
            operation: action.map(|action| action.manifest.name.to_owned()).unwrap_or_default(),
            credential: action.and_then(|action| credential_keys(&program.checked, action, inputs)),
            intent: intent.clone(),
        }
    }

    /// The circumstances of a call that begins now.
    fn call(&self, attempt: u32) -> Call {
        let deadline = moment().checked_add(self.context.call_limit);
        self.link.until(deadline);
        Call { deadline, cancel: self.context.cancel.clone(), key: IdempotencyKey::new(&self.state().run, &self.address), attempt }
    }

    fn read_cx<'s>(&'s self, attempt: u32, sessions: &'s Sessions, committed: &'s [String]) -> ReadCx<'s> {
        ReadCx {
            now: self.state().started_at.unwrap_or_default(),
            wall: self.context.clock.now(),
            zone: &self.context.program.zone,
            backends: self.context.backends.reads(),
            call: self.call(attempt),
            secrets: &self.link,
            blobs: &self.context.blobs,
            sessions,
            committed,
            fresh_for: self.context.fresh_for,
        }
    }
}

/// The roles of the folders that steps still to come save to: before its first write a run shows that they can be written.
pub(super) fn backup_roles<'p>(program: &'p Program, state: &State) -> Vec<&'p String> {
    let in_turn = program.checked.steps.iter().filter(|step| step.row.is_none());
    let saving = in_turn.filter(|step| program.writes(&step.address) && state.ended(&step.address).is_none());
    let actions = saving.filter_map(|step| program.action(&step.address));
    let role = |action: &'p BoundAction| {
        let folders = action.manifest.inputs.iter().filter(|input| *input.ty.required() == Type::Role(RoleKind::Folder));
        folders.filter_map(|input| if let Some(Binding::Literal(Value::Role(role))) = action.with.get(&input.name) { Some(role) } else { None })
    };
    actions.flat_map(role).collect()
}

/// The secrets of a step.
fn values_of(inputs: &Inputs) -> Vec<Value> {
    inputs.0.values().filter(|value| matches!(value, Value::DeclaredSecret(_) | Value::Secret(_))).cloned().collect()
}

fn not_counted(address: &str) -> BackendError {
    let cause = Text::new(
        format!("手順 {address} の値は試せる回数に限りがありますが、何で数えるのか分かりません。"),
        format!("the tries of `{address}` are limited, but nothing tells what counts them."),
    );
    BackendError::new("ATTEMPTS.NOT_COUNTED", cause)
}

fn seen_read(result: Result<Outputs, BackendError>) -> Seen {
    match result {
        Ok(outputs) => Seen::Done { outputs: outputs_to_json(&outputs), evidence: None },
        Err(error) => Seen::Failed { error: ErrorBody::from(error) },
    }
}

fn seen_look(observed: Observed) -> Seen {
    match observed {
        Observed::Done { outputs, evidence } => Seen::Done { outputs: outputs_to_json(&outputs), evidence: Some(evidence) },
        Observed::NotDone { conclusive, baseline } => Seen::NotDone { conclusive, baseline },
        Observed::CannotTell { code, why, .. } => Seen::CannotTell { code, why },
    }
}
