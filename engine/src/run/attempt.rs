//! One attempt of one step: look, intent, act. What it finds becomes events; it decides nothing.

use std::cell::RefCell;

use jiff::{SignedDuration, Timestamp};

use super::driver::{Driver, RunError};
use super::event::{EffectResult, ErrorBody, EventBody, ParkCause, Seen};
use super::secrets::{Escrow, shown_secret};
use super::state::Doing;
use crate::action::{Effect, Inputs, Intent, IntentOnDisk, Kind, Observed, Outputs, ReadCx, Sessions, WriteAction, WriteCx};
use crate::backend::{BackendError, Call, Class, IdempotencyKey, Progress, SecretSink};
use crate::check::BoundAction;
use crate::dsl::{Type, Value};
use crate::plan::{DeadlineState, credential_keys, deadline, outputs_to_json};
use crate::text::Text;

/// Wall time may be so far from a portal's `Date`.
const PORTAL_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// A step back of the wall clock that is not worth an event.
pub(super) const STEP_BACK: SignedDuration = SignedDuration::from_secs(2);
/// No run happens before this program was written.
const BUILT: &str = "2026-11-01T00:00:00Z";

impl Driver<'_> {
    /// Carries out a step that the core commanded.
    pub(super) fn start(&mut self, address: &str, attempt: u32) -> Result<(), RunError> {
        let (inputs, kind) = self.prepared(address)?;
        if let Err(error) = self.fetch_secrets(&inputs) {
            return self.without_secret(address, attempt, error);
        }
        self.record_escrowed(address)?;
        match kind {
            Kind::Read(read) => {
                let sessions = self.sessions(address);
                let seen = seen_read(read.read(&self.read_cx(address, attempt, &sessions, &[]), &inputs));
                self.record_escrowed(address)?;
                if self.put(address, &sessions)? {
                    return Ok(());
                }
                self.append(EventBody::Observed { step: address.to_owned(), attempt, seen })
            }
            Kind::Write(write) => self.start_write(address, attempt, &inputs, write),
        }
    }

    fn start_write(&mut self, address: &str, attempt: u32, inputs: &Inputs, write: &dyn WriteAction) -> Result<(), RunError> {
        let sessions = self.sessions(address);
        let ready = self.before_write(address, inputs).and_then(|committed| {
            let observed = write.observe(&self.read_cx(address, attempt, &sessions, &committed), inputs, None)?;
            self.clock_is_right(address, &sessions)?;
            Ok((observed, committed))
        });
        let (observed, committed) = match ready {
            Ok(ready) => ready,
            Err(_) if self.put(address, &sessions)? => return Ok(()),
            Err(error) => return self.append(EventBody::Observed { step: address.to_owned(), attempt, seen: Seen::Failed { error: error.into() } }),
        };
        let told_not_done = self.state().step(address).is_some_and(|step| step.told_not_done);
        let baseline = match observed {
            Observed::NotDone { baseline, .. } => baseline,
            Observed::CannotTell { baseline, .. } if told_not_done => baseline,
            other => return self.append(EventBody::Observed { step: address.to_owned(), attempt, seen: seen_look(other) }),
        };
        if let Err(error) = self.still_in_time(address) {
            return self.append(EventBody::Observed { step: address.to_owned(), attempt, seen: Seen::Failed { error: error.into() } });
        }
        let intent = Intent { attempt, at: self.now(), baseline };
        self.append(self.intent_event(address, inputs, &intent))?;
        self.perform(address, inputs, write, intent, &sessions, &committed, None)
    }

    /// Goes on with a pending effect.
    pub(super) fn go_on(&mut self, address: &str, attempt: u32, cookie: &str) -> Result<(), RunError> {
        let (inputs, kind) = self.prepared(address)?;
        let (Kind::Write(write), Some(Doing::Pending { intent, .. })) = (kind, self.state().step(address).map(|step| step.doing.clone())) else {
            return Ok(());
        };
        let sessions = Sessions::default();
        self.perform(address, &inputs, write, Intent { attempt, ..intent }, &sessions, &[], hex::decode(cookie).ok())
    }

    /// Takes what a person's hands gave, in an act whose intent is on disk.
    pub(super) fn conclude(&mut self, address: &str, attempt: u32) -> Result<(), RunError> {
        let (inputs, kind) = self.prepared(address)?;
        let (Kind::Write(write), Some(Doing::InFlight(intent))) = (kind, self.state().step(address).map(|step| step.doing.clone())) else { return Ok(()) };
        let sessions = self.sessions(address);
        self.perform(address, &inputs, write, Intent { attempt, ..intent }, &sessions, &[], None)
    }

    /// What the attempt of a step shares, with what people answered in it.
    fn sessions(&self, address: &str) -> Sessions {
        Sessions::with_answers(self.state().step(address).map(|step| step.answered.clone()).unwrap_or_default())
    }

    /// Puts the question that an action was left with. `false`: it asked nobody.
    fn put(&mut self, address: &str, sessions: &Sessions) -> Result<bool, RunError> {
        let Some(mut question) = sessions.asked() else { return Ok(false) };
        if question.ask == Text::default() {
            let step = self.context.program.index(address).map(|index| &self.context.program.checked.steps[index]);
            question.ask = step.map(|step| step.title.clone()).unwrap_or_default();
        }
        self.append(EventBody::HumanAsked { step: address.to_owned(), question })?;
        Ok(true)
    }

    #[expect(clippy::too_many_arguments, reason = "everything here belongs to one attempt")]
    fn perform(
        &mut self,
        address: &str,
        inputs: &Inputs,
        write: &dyn WriteAction,
        intent: Intent,
        sessions: &Sessions,
        committed: &[String],
        cookie: Option<Vec<u8>>,
    ) -> Result<(), RunError> {
        let attempt = intent.attempt;
        let escrow = RefCell::new(Escrow {
            vault: &*self.context.backends.vault,
            run: &self.state().run,
            step: address,
            playbook: &self.context.program.checked.id,
            at: self.now(),
            kept: vec![],
        });
        let sink: &RefCell<dyn SecretSink + '_> = &escrow;
        let cx = WriteCx { read: self.read_cx(address, attempt, sessions, committed), writes: self.context.backends.writes(), sink, cookie };
        let result = write.perform(&cx, inputs, &IntentOnDisk(intent));
        let kept = escrow.into_inner().kept;
        for (name, reference) in kept {
            self.append(EventBody::SecretEscrowed { step: address.to_owned(), name: format!("{address}.{name}"), reference: reference.as_str().to_owned() })?;
        }
        if result.is_err() && self.put(address, sessions)? {
            return Ok(());
        }
        let step = address.to_owned();
        match result {
            Ok(Progress::Done(outputs)) => {
                self.append(EventBody::EffectEnded { step, attempt, result: EffectResult::Done { outputs: outputs_to_json(&outputs) } })
            }
            Ok(Progress::Pending { retry_after, cookie }) => {
                let due = self.now().saturating_add(SignedDuration::try_from(retry_after).unwrap_or(SignedDuration::MAX)).unwrap_or(self.now());
                self.append(EventBody::EffectEnded { step, attempt, result: EffectResult::Pending { due, cookie: hex::encode(cookie) } })
            }
            Err(error) => {
                let (class, code, why) = (error.class, error.code.clone(), error.cause.clone());
                self.append(EventBody::EffectEnded { step: step.clone(), attempt, result: EffectResult::Failed { error: error.into() } })?;
                if class == Class::Ambiguous { self.append(EventBody::Uncertain { step, code, why }) } else { Ok(()) }
            }
        }
    }

    /// Looks whether an uncertain effect happened. Secrets that were shown before the crash are found in the vault.
    pub(super) fn reconcile(&mut self, address: &str) -> Result<(), RunError> {
        let (inputs, kind) = self.prepared(address)?;
        let Some(Doing::Uncertain(uncertain)) = self.state().step(address).map(|step| step.doing.clone()) else { return Ok(()) };
        let (Kind::Write(write), Some(intent)) = (kind, uncertain.intent) else { return Ok(()) };
        let sessions = self.sessions(address);
        let seen = match write.observe(&self.read_cx(address, intent.attempt, &sessions, &[]), &inputs, Some(&intent)) {
            Ok(Observed::Done { mut outputs, evidence }) => {
                self.add_shown(address, &mut outputs);
                Seen::Done { outputs: outputs_to_json(&outputs), evidence: Some(evidence) }
            }
            Ok(observed) => seen_look(observed),
            Err(_) if self.put(address, &sessions)? => return Ok(()),
            Err(error) => Seen::Failed { error: error.into() },
        };
        self.append(EventBody::Reconciled { step: address.to_owned(), seen })
    }

    fn add_shown(&self, address: &str, outputs: &mut Outputs) {
        let Some(action) = self.context.program.action(address) else { return };
        for output in action.manifest.outputs.iter().filter(|output| output.ty.is_secret() && !outputs.contains_key(&output.name)).collect::<Vec<_>>() {
            let reference = shown_secret(&self.state().run, address, &output.name);
            if matches!(self.context.backends.vault.get(&reference), Ok(Some(_))) {
                outputs.insert(output.name.clone(), Value::Secret(reference));
            }
        }
    }

    /// The inputs of a step, all known now, and how its action is carried out.
    fn prepared(&self, address: &str) -> Result<(Inputs, Kind<'static>), RunError> {
        let program = self.context.program;
        let gone = || RunError::internal(&format!("step {address}"));
        let index = program.index(address).ok_or_else(gone)?;
        let action = program.action(address).ok_or_else(gone)?;
        let facts = super::decide::StateFacts(self.state(), program);
        let step = &program.checked.steps[index];
        let resolver = program.resolver_at(&facts, step);
        for secret in &program.checked.secrets {
            if let Some(subject) = resolver.subject(secret) {
                self.secrets.is_about(&secret.name, subject);
            }
        }
        let inputs = resolver.inputs_of(step.frame, action).known;
        let (_, implementation) = self.context.registry.find(action.manifest.name, action.manifest.major).ok_or_else(gone)?;
        Ok((inputs, implementation.kind()))
    }

    /// The deadline once more, by the wall clock just before the intent: a person may have taken hours to type a secret.
    fn still_in_time(&self, address: &str) -> Result<(), BackendError> {
        let program = self.context.program;
        let Some(step) = program.index(address).map(|index| &program.checked.steps[index]) else { return Ok(()) };
        let facts = super::decide::StateFacts(self.state(), program);
        match deadline(&program.resolver_at(&facts, step), step, self.now()) {
            DeadlineState::Passed(_, error) => Err(*error),
            _ => Ok(()),
        }
    }

    fn fetch_secrets(&self, inputs: &Inputs) -> Result<(), BackendError> {
        let mut declared = inputs.0.values().filter(|value| matches!(value, Value::DeclaredSecret(_)));
        declared.try_for_each(|value| crate::action::Secrets::value(&self.secrets, value).map(|_| ()))
    }

    fn record_escrowed(&mut self, address: &str) -> Result<(), RunError> {
        for (name, reference) in self.secrets.take_escrowed() {
            self.append(EventBody::SecretEscrowed { step: address.to_owned(), name, reference: reference.as_str().to_owned() })?;
        }
        Ok(())
    }

    /// Nobody could give a secret: the run waits for a person. A value of the wrong shape fails the step.
    fn without_secret(&mut self, address: &str, attempt: u32, error: BackendError) -> Result<(), RunError> {
        if error.code == "SECRET.MISSING" {
            self.note(&error);
            self.append(EventBody::RunParked { cause: ParkCause::Person, steps: vec![address.to_owned()], until: None })
        } else {
            self.append(EventBody::Observed { step: address.to_owned(), attempt, seen: Seen::Failed { error: error.into() } })
        }
    }

    /// Everything that must hold before a write: claim, room, backup places; for an irreversible step its pinned inputs, read again.
    /// Gives the request IDs that were committed for its credential.
    fn before_write(&mut self, address: &str, inputs: &Inputs) -> Result<Vec<String>, BackendError> {
        let program = self.context.program;
        let Some(action) = program.action(address) else { return Ok(vec![]) };
        let credential = credential_keys(&program.checked, action, inputs);
        self.take_claims(credential.as_deref())?;
        if !self.state().wrote {
            self.reserve()?;
            self.backup_places()?;
        }
        // What a person destroys is a thing; its certificate may be gone from the store it was found in.
        if action.manifest.effect == Effect::Irreversible && !action.manifest.person {
            self.read_pinned_again(address, action, inputs)?;
        }
        credential.map_or_else(|| Ok(vec![]), |key| self.committed(&key))
    }

    fn backup_places(&self) -> Result<(), BackendError> {
        let program = self.context.program;
        let in_turn = program.checked.steps.iter().filter(|step| step.row.is_none());
        let saving = in_turn.filter(|step| program.writes(&step.address) && self.state().ended(&step.address).is_none());
        for action in saving.filter_map(|step| program.action(&step.address)) {
            let folders = action.manifest.inputs.iter().filter(|input| *input.ty.required() == Type::Role(crate::dsl::RoleKind::Folder));
            for input in folders {
                if let Some(crate::check::Binding::Literal(Value::Role(role))) = action.with.get(&input.name) {
                    self.context.backends.reads().folder(role)?.probe_writable(&Call::unattached())?;
                }
            }
        }
        Ok(())
    }

    fn read_pinned_again(&self, address: &str, action: &BoundAction, inputs: &Inputs) -> Result<(), BackendError> {
        // A deletion that was cut short has taken the key before the certificate: that change is our own.
        let ours = self.state().step(address).is_some_and(|step| step.intended);
        let certs = action.manifest.inputs.iter().filter_map(|input| inputs.cert(&input.name));
        for cert in certs {
            let Ok(store) = self.context.backends.reads().holder(&cert.holder) else { continue };
            let now = store.list(&Call::unattached())?;
            if !now.iter().any(|found| found.info.sha256 == cert.sha256 && (ours || found.info.has_key == cert.has_key)) {
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
    fn clock_is_right(&self, address: &str, sessions: &Sessions) -> Result<(), BackendError> {
        let program = self.context.program;
        if program.action(address).is_none_or(|action| action.manifest.effect < Effect::Irreversible) {
            return Ok(());
        }
        let wall = self.context.clock.now();
        let wrong = |ja: String, en: String| Err(BackendError::new("CLOCK.WRONG", Text::new(ja, en)));
        if BUILT.parse::<Timestamp>().is_ok_and(|built| wall < built) {
            return wrong(
                format!("この端末の時計 {wall} は、このプログラムより古い日付です。"),
                format!("the clock says {wall}, before this program was built."),
            );
        }
        if self.state().at.is_some_and(|last| last.duration_since(wall) > STEP_BACK) {
            return wrong(format!("この端末の時計 {wall} は、記録の最後より前です。"), format!("the clock says {wall}, before the last event of the run."));
        }
        match sessions.portal_date() {
            Some(date) if wall.duration_since(date).abs() > PORTAL_SKEW => wrong(
                format!("この端末の時計 {wall} とサイトの時計 {date} が5分以上違います。"),
                format!("the clock says {wall}, the portal {date}: more than 5 minutes apart."),
            ),
            _ => Ok(()),
        }
    }

    fn intent_event(&self, address: &str, inputs: &Inputs, intent: &Intent) -> EventBody {
        let program = self.context.program;
        let action = program.action(address);
        EventBody::IntentRecorded {
            step: address.to_owned(),
            key: IdempotencyKey::new(&self.state().run, address).as_str().to_owned(),
            operation: action.map(|action| action.manifest.name.to_owned()).unwrap_or_default(),
            credential: action.and_then(|action| credential_keys(&program.checked, action, inputs)),
            intent: intent.clone(),
        }
    }

    fn read_cx<'s>(&'s self, address: &str, attempt: u32, sessions: &'s Sessions, committed: &'s [String]) -> ReadCx<'s> {
        ReadCx {
            now: self.state().started_at.unwrap_or_default(),
            wall: self.context.clock.now(),
            zone: &self.context.program.zone,
            backends: self.context.backends.reads(),
            call: Call { deadline: None, cancel: self.context.cancel.clone(), key: IdempotencyKey::new(&self.state().run, address), attempt },
            secrets: &self.secrets,
            blobs: &self.blobs,
            sessions,
            committed,
            fresh_for: self.context.fresh_for,
        }
    }
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
