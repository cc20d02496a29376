//! One attempt of one step, stage by stage: look, intent, effect, answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::mutant::{Mutant, delete_the_oldest};
use super::process::{Dead, Process};
use crate::action::{Effect, Inputs, Intent, IntentOnDisk, Kind, Observed, Outputs, ReadCx, Secrets, Sessions, WriteCx};
use crate::backend::{BackendError, Call, Class, EntryInfo, IdempotencyKey, Progress, SecretSink, Vault};
use crate::check::{Binding, BoundAction};
use crate::clock::{Clock, is_right};
use crate::dsl::{RoleKind, Type, Value};
use crate::plan::{DeadlineState, credential_keys, deadline, outputs_to_json, site_key};
use crate::run::{Doing, EffectResult, EventBody, Seen, StateFacts, Try, may_begin, shown_secret};
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

/// An attempt in flight.
pub(super) struct Task {
    pub(super) step: String,
    attempt: u32,
    stage: Stage,
    sessions: Sessions,
    committed: Vec<String>,
    /// The credential that it acts on.
    pub(super) credential: Option<String>,
    /// Its counted try.
    counted: Option<Try>,
}

/// What comes next.
pub(super) enum Stage {
    /// The look before anything is sent, or the read.
    Begin,
    /// Nothing is there: the intent.
    Intend(serde_json::Value),
    /// The effect.
    Send(Intent, Option<Vec<u8>>),
    /// Its answer.
    Sent(Result<Progress<Outputs>, BackendError>, Vec<(String, SecretRef)>),
    /// A pending effect goes on.
    GoOn(String),
    /// A look at an uncertain effect.
    Look,
    /// A person acted: what they gave becomes the answer of an effect in flight.
    Conclude,
    /// An event to deliver.
    Deliver(Box<EventBody>),
}

impl Task {
    pub(super) fn new(step: String, attempt: u32, stage: Stage) -> Self {
        Self { step, attempt, stage, sessions: Sessions::default(), committed: vec![], credential: None, counted: None }
    }

    /// The same, on this credential.
    pub(super) fn on(self, credential: Option<String>) -> Self {
        Self { credential, ..self }
    }

    fn then(self, stage: Stage) -> Option<Self> {
        Some(Self { stage, ..self })
    }

    /// The question that the action was left with, else what it came to.
    /// `ahead`: how far the time of the run is before the clock; `look`: which look at its effect asks.
    fn asked_or(self, (ahead, look): (SignedDuration, Option<u32>), otherwise: impl FnOnce(Self) -> Option<Self>) -> Option<Self> {
        match self.sessions.asked() {
            Some(mut question) => {
                question.until = question.until.and_then(|until| until.checked_add(ahead).ok());
                let body = EventBody::HumanAsked { step: self.step.clone(), question, attempt: Some(self.attempt), look };
                self.then(Stage::Deliver(Box::new(body)))
            }
            None => otherwise(self),
        }
    }

    fn observed(self, seen: Seen) -> Option<Self> {
        let body = EventBody::Observed { step: self.step.clone(), attempt: self.attempt, seen };
        self.then(Stage::Deliver(Box::new(body)))
    }
}

/// Keeps what a page shows: vault first, the event after.
struct Escrow<'a> {
    vault: &'a dyn Vault,
    run: &'a str,
    step: &'a str,
    at: Timestamp,
    kept: Vec<(String, SecretRef)>,
}

impl SecretSink for Escrow<'_> {
    fn keep(&mut self, name: &str, value: Secret) -> Result<SecretRef, BackendError> {
        let reference = shown_secret(self.run, self.step, name);
        let info = EntryInfo { reference: reference.clone(), name: name.to_owned(), about: self.run.to_owned(), written_at: self.at, labels: BTreeMap::new() };
        self.vault.put(&info, &value)?;
        self.kept.push((name.to_owned(), reference.clone()));
        Ok(reference)
    }
}

impl Process<'_> {
    /// The next stage of a task; `None`: it is over.
    pub(super) fn advance(&mut self, mut task: Task) -> Result<Option<Task>, Dead> {
        let stage = std::mem::replace(&mut task.stage, Stage::Look);
        if matches!(stage, Stage::Begin | Stage::Look | Stage::Conclude) {
            let answered = self.state.step(&task.step).map(|step| step.answered.clone()).unwrap_or_default();
            task.sessions = Sessions::default().with_answers(answered);
        }
        match stage {
            Stage::Begin => self.look_first(task),
            Stage::Intend(baseline) => self.intend(task, baseline),
            Stage::Send(intent, cookie) => self.send(task, intent, cookie),
            Stage::Sent(result, kept) => self.sent(task, result, kept).map(|()| None),
            Stage::GoOn(cookie) => {
                let Some(Doing::Pending { intent, .. }) = self.state.step(&task.step).map(|step| step.doing.clone()) else { return Ok(None) };
                let intent = Intent { attempt: task.attempt, ..intent };
                self.send(task, intent, hex::decode(cookie).ok())
            }
            Stage::Look => self.look_again(task),
            Stage::Conclude => {
                let Some(Doing::InFlight(intent)) = self.state.step(&task.step).map(|step| step.doing.clone()) else { return Ok(None) };
                let intent = Intent { attempt: task.attempt, ..intent };
                if let Some((inputs, _)) = self.prepared(&task.step) {
                    task.counted = self.counted_before(&task.step, &inputs);
                }
                self.send(task, intent, None)
            }
            Stage::Deliver(body) => self.deliver(*body).map(|()| None),
        }
    }

    /// How far the time of the run is before the clock, and the number of the look that asks.
    fn asking(&self, step: &str) -> (SignedDuration, Option<u32>) {
        let look = match self.state.step(step).map(|known| &known.doing) {
            Some(Doing::Uncertain(uncertain)) => Some(uncertain.looked + 1),
            Some(Doing::Ready) => Some(0),
            _ => None,
        };
        (self.now().duration_since(self.site.ground.now()), look)
    }

    fn dead(&self) -> Result<(), Dead> {
        if self.site.ground.is_down() { Err(Dead) } else { Ok(()) }
    }

    fn look_first(&mut self, mut task: Task) -> Result<Option<Task>, Dead> {
        let Some((inputs, kind)) = self.prepared(&task.step) else { return Ok(None) };
        if let Err(error) = self.fetch_secrets(&inputs) {
            self.dead()?;
            if error.code == "SECRET.MISSING" {
                self.alone.insert(task.step);
                return Ok(None);
            }
            return Ok(task.observed(Seen::Failed { error: error.into() }));
        }
        self.record_escrowed(&task.step)?;
        match kind {
            Kind::Read(read) => {
                if task.sessions.is_answered() {
                    task.counted = self.counted_before(&task.step, &inputs);
                } else {
                    let may = self.may_try(&task, &inputs, &kind);
                    self.dead()?;
                    match may {
                        Ok(counted) => task.counted = counted,
                        Err(error) => return Ok(task.observed(Seen::Failed { error: error.into() })),
                    }
                    if let Some(counted) = &task.counted {
                        if !may_begin(self.site.program, &self.state, &task.step) {
                            return Ok(None);
                        }
                        self.count(&task.step, counted)?;
                    }
                }
                let result = read.read(&self.read_cx(&task, &[]), &inputs);
                self.dead()?;
                self.record_escrowed(&task.step)?;
                let asks = matches!(&result, Err(error) if error.code == "PORTAL.NEEDS_PERSON");
                let result = if asks { result } else { self.judged(&task.step, result, task.counted.as_ref(), &inputs, &kind)? };
                let asking = self.asking(&task.step);
                Ok(task.asked_or(asking, |task| task.observed(seen_read(result))))
            }
            Kind::Write(write) => {
                let looked = self.before_write(&task.step, &inputs).and_then(|committed| {
                    task.committed = committed;
                    let observed = write.observe(&self.read_cx(&task, &task.committed), &inputs, None)?;
                    self.clock_is_right(&task)?;
                    Ok(observed)
                });
                self.dead()?;
                let told = self.state.step(&task.step).is_some_and(|step| step.told_not_done);
                let asking = self.asking(&task.step);
                Ok(task.asked_or(asking, |task| match looked {
                    Err(error) => task.observed(Seen::Failed { error: error.into() }),
                    Ok(Observed::NotDone { baseline, .. }) => task.then(Stage::Intend(baseline)),
                    Ok(Observed::CannotTell { baseline, .. }) if told => task.then(Stage::Intend(baseline)),
                    Ok(other) => task.observed(seen_look(other)),
                }))
            }
        }
    }

    fn intend(&mut self, mut task: Task, baseline: serde_json::Value) -> Result<Option<Task>, Dead> {
        if let Err(error) = self.still_in_time(&task.step) {
            return Ok(task.observed(Seen::Failed { error: error.into() }));
        }
        let intent = Intent { attempt: task.attempt, at: self.now(), baseline };
        let Some((inputs, kind)) = self.prepared(&task.step) else { return Ok(None) };
        let may = self.may_try(&task, &inputs, &kind);
        self.dead()?;
        match may {
            Ok(counted) => task.counted = counted,
            Err(error) => return Ok(task.observed(Seen::Failed { error: error.into() })),
        }
        let program = self.site.program;
        let action = program.action(&task.step);
        let key = IdempotencyKey::new(&self.run, &task.step);
        self.site.ground.knows_key(key.as_str(), &self.run, &task.step);
        let event = EventBody::IntentRecorded {
            step: task.step.clone(),
            key: key.as_str().to_owned(),
            operation: action.map(|action| action.manifest.name.to_owned()).unwrap_or_default(),
            credential: action.and_then(|action| credential_keys(&program.checked, action, &inputs)),
            intent: intent.clone(),
        };
        if !may_begin(program, &self.state, &task.step) {
            self.site.ground.say(|| format!("    {} is not to begin any more", task.step));
            return Ok(None);
        }
        if self.site.mutant == Some(Mutant::ActsBeforeIntent) {
            let sent = self.send(task, intent, None)?;
            self.append(event)?;
            return Ok(sent);
        }
        self.append(event)?;
        // Intent on disk before effect.
        if self.site.mutant != Some(Mutant::CommitsLate) {
            self.commit();
        }
        if let Some(counted) = &task.counted {
            self.count(&task.step, counted)?;
        }
        Ok(task.then(Stage::Send(intent, None)))
    }

    fn send(&mut self, task: Task, intent: Intent, cookie: Option<Vec<u8>>) -> Result<Option<Task>, Dead> {
        let Some((inputs, Kind::Write(write))) = self.prepared(&task.step) else { return Ok(None) };
        let escrow = RefCell::new(Escrow { vault: &*self.site.backends.vault, run: &self.run, step: &task.step, at: self.now(), kept: vec![] });
        let sink: &RefCell<dyn SecretSink + '_> = &escrow;
        let result = {
            let cx = WriteCx { read: self.read_cx(&task, &task.committed), writes: self.site.backends.writes(), sink, cookie };
            let result = write.perform(&cx, &inputs, &IntentOnDisk(intent));
            let imported = result.is_ok() && self.site.program.action(&task.step).is_some_and(|action| action.manifest.name == "cert.import");
            if self.site.mutant == Some(Mutant::DeletesBeforeProof) && imported {
                let _ = delete_the_oldest(self.site.backends, &cx.read.call);
            }
            result
        };
        self.dead()?;
        let kept = escrow.into_inner().kept;
        let asking = self.asking(&task.step);
        Ok(task.asked_or(asking, |task| task.then(Stage::Sent(result, kept))))
    }

    fn sent(&mut self, task: Task, result: Result<Progress<Outputs>, BackendError>, kept: Vec<(String, SecretRef)>) -> Result<(), Dead> {
        let (step, attempt) = (task.step.clone(), task.attempt);
        let result = match self.prepared(&step) {
            Some((inputs, kind)) => self.judged(&step, result, task.counted.as_ref(), &inputs, &kind)?,
            None => result,
        };
        for (name, reference) in kept {
            self.append(EventBody::SecretEscrowed { step: step.clone(), name: format!("{step}.{name}"), reference: reference.as_str().to_owned() })?;
        }
        match result {
            Ok(Progress::Done(outputs)) => {
                self.deliver(EventBody::EffectEnded { step, attempt, result: EffectResult::Done { outputs: outputs_to_json(&outputs) } })
            }
            Ok(Progress::Pending { retry_after, cookie }) => {
                let due = self.now().saturating_add(SignedDuration::try_from(retry_after).unwrap_or(SignedDuration::MAX)).unwrap_or(self.now());
                self.append(EventBody::EffectEnded { step, attempt, result: EffectResult::Pending { due, cookie: hex::encode(cookie) } })
            }
            Err(error) => {
                let (class, code, why) = (error.class, error.code.clone(), error.cause.clone());
                self.deliver(EventBody::EffectEnded { step: step.clone(), attempt, result: EffectResult::Failed { error: error.into() } })?;
                if class == Class::Ambiguous { self.deliver(EventBody::Uncertain { step, code, why, attempt: Some(attempt) }) } else { Ok(()) }
            }
        }
    }

    fn look_again(&mut self, task: Task) -> Result<Option<Task>, Dead> {
        let Some((inputs, Kind::Write(write))) = self.prepared(&task.step) else { return Ok(None) };
        let Some(Doing::Uncertain(uncertain)) = self.state.step(&task.step).map(|step| step.doing.clone()) else { return Ok(None) };
        let look = Some(uncertain.looked + 1);
        let Some(intent) = uncertain.intent else { return Ok(None) };
        if self.site.mutant == Some(Mutant::SkipsLook) {
            let seen = Seen::NotDone { conclusive: true, baseline: intent.baseline };
            return Ok(Task::new(task.step.clone(), 0, Stage::Deliver(Box::new(EventBody::Reconciled { step: task.step, seen, attempt: None, look }))).into());
        }
        let task = Task { attempt: intent.attempt, ..task };
        let seen = match write.observe(&self.read_cx(&task, &[]), &inputs, Some(&intent)) {
            Ok(Observed::Done { mut outputs, evidence }) => {
                self.add_shown(&task.step, &mut outputs);
                Seen::Done { outputs: outputs_to_json(&outputs), evidence: Some(evidence) }
            }
            Ok(observed) => seen_look(observed),
            Err(error) => Seen::Failed { error: error.into() },
        };
        self.dead()?;
        let body = EventBody::Reconciled { step: task.step.clone(), seen, attempt: Some(task.attempt), look };
        let asking = self.asking(&task.step);
        Ok(task.asked_or(asking, |task| task.then(Stage::Deliver(Box::new(body)))))
    }

    fn add_shown(&self, address: &str, outputs: &mut Outputs) {
        let Some(action) = self.site.program.action(address) else { return };
        let hidden = action.manifest.outputs.iter().filter(|output| output.ty.is_secret());
        for output in hidden {
            let reference = shown_secret(&self.run, address, &output.name);
            if !outputs.contains_key(&output.name) && matches!(self.site.backends.vault.get(&reference), Ok(Some(_))) {
                outputs.insert(output.name.clone(), Value::Secret(reference));
            }
        }
    }

    /// The credential that a writing step acts on.
    pub(super) fn credential(&self, address: &str) -> Option<String> {
        let action = self.site.program.action(address).filter(|action| action.manifest.effect > Effect::Read && action.manifest.operation.is_some())?;
        credential_keys(&self.site.program.checked, action, &self.prepared(address)?.0)
    }

    /// The inputs of a step and how its action is carried out.
    pub(super) fn prepared(&self, address: &str) -> Option<(Inputs, Kind<'static>)> {
        let program = self.site.program;
        let (index, action) = (program.index(address)?, program.action(address)?);
        let facts = StateFacts(&self.state, program);
        let step = &program.checked.steps[index];
        let resolver = program.resolver_at(&facts, step);
        for secret in &program.checked.secrets {
            if let Some(subject) = resolver.subject(secret) {
                self.secrets.is_about(&secret.name, subject);
            }
        }
        let inputs = resolver.inputs_of(step.frame, action).known;
        let (_, implementation) = self.site.registry.find(action.manifest.name, action.manifest.major)?;
        Some((inputs, implementation.kind()))
    }

    fn fetch_secrets(&self, inputs: &Inputs) -> Result<(), BackendError> {
        let elsewhere = |name: &String| self.site.program.checked.secrets.iter().any(|secret| secret.typed_by_person && secret.name == *name);
        let mut declared = inputs.0.values().filter(|value| matches!(value, Value::DeclaredSecret(name) if !elsewhere(name)));
        declared.try_for_each(|value| self.secrets.value(value).map(|_| ()))
    }

    fn record_escrowed(&mut self, address: &str) -> Result<(), Dead> {
        for (name, reference) in self.secrets.take_escrowed() {
            self.append(EventBody::SecretEscrowed { step: address.to_owned(), name, reference: reference.as_str().to_owned() })?;
        }
        Ok(())
    }

    /// Claim, backup places, pinned inputs; gives what earlier runs committed.
    fn before_write(&mut self, address: &str, inputs: &Inputs) -> Result<Vec<String>, BackendError> {
        let program = self.site.program;
        let Some(action) = program.action(address) else { return Ok(vec![]) };
        let credential = credential_keys(&program.checked, action, inputs);
        let key = match &credential {
            Some(key) => Some(key.clone()),
            None if self.state.wrote => None,
            None => Some(site_key(&program.checked, "clinic")),
        };
        if let Some(key) = key
            && let Err(holder) = self.site.ground.journal(|journal| journal.claim(&self.run, &key))
        {
            self.site.ground.say(|| format!("    {} is claimed by {holder}", key));
            return Err(BackendError::new("RUN.UNFINISHED", Text::new(format!("実行 {holder}"), format!("run {holder} is not finished."))).class(Class::Human));
        }
        if !self.state.wrote {
            self.backup_places()?;
        }
        if action.manifest.effect == Effect::Irreversible && !action.manifest.person {
            self.read_pinned_again(address, inputs, action)?;
        }
        Ok(credential.map(|key| self.site.ground.journal(|journal| journal.committed(&key, &self.run, address))).unwrap_or_default())
    }

    fn backup_places(&self) -> Result<(), BackendError> {
        let program = self.site.program;
        let in_turn = program.checked.steps.iter().filter(|step| step.row.is_none());
        let saving = in_turn.filter(|step| program.writes(&step.address) && self.state.ended(&step.address).is_none());
        for action in saving.filter_map(|step| program.action(&step.address)) {
            let folders = action.manifest.inputs.iter().filter(|input| *input.ty.required() == Type::Role(RoleKind::Folder));
            for input in folders {
                if let Some(Binding::Literal(Value::Role(role))) = action.with.get(&input.name) {
                    self.site.backends.reads().folder(role)?.probe_writable(&Call::unattached())?;
                }
            }
        }
        Ok(())
    }

    fn read_pinned_again(&self, address: &str, inputs: &Inputs, action: &BoundAction) -> Result<(), BackendError> {
        if self.state.step(address).is_some_and(|step| step.intended) {
            return Ok(());
        }
        for cert in action.manifest.inputs.iter().filter_map(|input| inputs.cert(&input.name)) {
            let Ok(store) = self.site.backends.reads().holder(&cert.holder) else { continue };
            let now = store.list(&Call::unattached())?;
            if !now.iter().any(|found| found.info.sha256 == cert.sha256 && found.info.has_key == cert.has_key) {
                return Err(BackendError::new("CERT.GONE", Text::new("証明書が無い", "the certificate is gone")));
            }
        }
        Ok(())
    }

    fn clock_is_right(&self, task: &Task) -> Result<(), BackendError> {
        if self.site.program.action(&task.step).is_none_or(|action| action.manifest.effect < Effect::Irreversible) {
            return Ok(());
        }
        is_right(self.site.ground.now(), self.state.at, task.sessions.portal_date(), &self.site.program.zone)
    }

    fn still_in_time(&self, address: &str) -> Result<(), BackendError> {
        let program = self.site.program;
        let Some(step) = program.index(address).map(|index| &program.checked.steps[index]) else { return Ok(()) };
        let facts = StateFacts(&self.state, program);
        match deadline(&program.resolver_at(&facts, step), step, self.now()) {
            DeadlineState::Passed(_, error) => Err(*error),
            _ => Ok(()),
        }
    }

    pub(super) fn read_cx<'s>(&'s self, task: &'s Task, committed: &'s [String]) -> ReadCx<'s> {
        let wall: Timestamp = self.site.ground.now();
        ReadCx {
            now: self.state.started_at.unwrap_or_default(),
            wall,
            zone: &self.site.program.zone,
            backends: self.site.backends.reads(),
            call: Call { deadline: None, cancel: self.cancel.clone(), key: IdempotencyKey::new(&self.run, &task.step), attempt: task.attempt },
            secrets: &self.secrets,
            blobs: self.site.blobs,
            sessions: &task.sessions,
            committed,
            fresh_for: Duration::from_hours(1),
        }
    }
}

fn seen_read(result: Result<Outputs, BackendError>) -> Seen {
    match result {
        Ok(outputs) => Seen::Done { outputs: outputs_to_json(&outputs), evidence: None },
        Err(error) => Seen::Failed { error: error.into() },
    }
}

fn seen_look(observed: Observed) -> Seen {
    match observed {
        Observed::Done { outputs, evidence } => Seen::Done { outputs: outputs_to_json(&outputs), evidence: Some(evidence) },
        Observed::NotDone { conclusive, baseline } => Seen::NotDone { conclusive, baseline },
        Observed::CannotTell { code, why, .. } => Seen::CannotTell { code, why },
    }
}
