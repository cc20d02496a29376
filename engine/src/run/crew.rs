//! The workers of a run: one thread for each step that is being carried out, and how they speak with the main loop.
//!
//! A worker calls backends; journal and state belong to the main loop. What it needs from there (an event on disk in the middle of
//! its attempt, a claim, a secret) it asks for with a [`Message`] and waits for the answer. A device takes as many calls at once as
//! its capabilities say, and none while a worker that overran its deadline is still at it.
//! Must not: write the journal, decide.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::decide::Command;
use super::devices::Device;
use super::driver::RunError;
use super::event::EventBody;
use super::ledger::Known;
use crate::action::{Inputs, Kind, Secrets};
use crate::backend::BackendError;
use crate::dsl::Value;
use crate::secret::Secret;
use crate::text::Text;

/// A backend that honours deadlines is given so long to end its call.
const GRACE: Duration = Duration::from_secs(5);

/// This moment, for deadlines of calls: by the machine's own clock, which nobody sets back.
#[expect(clippy::disallowed_methods, reason = "how long a call hangs is no fact of the run: it is shown, never decided by, never written down")]
pub(super) fn moment() -> Instant {
    Instant::now()
}

/// What a worker asks of the main loop, or tells it.
pub(super) enum Message {
    /// Write this down. `true` when it is on disk; `false`: the run is being stopped and the effect is not to begin.
    Record { body: Box<EventBody>, written: Sender<bool> },
    /// What must hold in the journal before a write.
    Claim {
        step: String,
        /// The key to claim, if one is to be claimed.
        key: Option<String>,
        /// The credential whose earlier requests are asked for.
        of: Option<String>,
        claimed: Sender<Result<Vec<String>, BackendError>>,
    },
    /// The value of a secret; `None` only for an `unattended` one.
    Secret { step: String, of: Box<Value>, unattended: bool, value: Sender<Result<Option<Secret>, BackendError>> },
    /// What is recorded of a device or account, and of the values that are to be tried there.
    /// `since`: the number of the event that counted a try which is taken up now.
    Tries { step: String, device: String, values: Vec<Value>, since: Option<u64>, known: Sender<Result<Known, BackendError>> },
    /// The worker of this step has ended, well or by a panic.
    Over { step: String },
}

/// A worker's line to the main loop.
pub(super) struct Link {
    step: String,
    messages: Sender<Message>,
    watch: Watch,
}

impl Link {
    /// Has an event written down and waits until it is on disk. `false`: it was not written, the effect must not begin.
    ///
    /// # Errors
    /// When the main loop has ended: nothing may be done any more.
    pub(super) fn record(&self, body: EventBody) -> Result<bool, RunError> {
        self.ask(|written| Message::Record { body: Box::new(body), written })
    }

    /// Has a claim taken; gives what was committed for the credential.
    ///
    /// # Errors
    /// `RUN.UNFINISHED`, `STATE.*`.
    pub(super) fn claim(&self, key: Option<String>, of: Option<String>) -> Result<Vec<String>, BackendError> {
        self.ask(|claimed| Message::Claim { step: self.step.clone(), key, of, claimed })?
    }

    /// What is recorded of a device or account, and of the values that are to be tried there.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn tries(&self, device: &str, values: Vec<Value>, since: Option<u64>) -> Result<Known, BackendError> {
        self.ask(|known| Message::Tries { step: self.step.clone(), device: device.to_owned(), values, since, known })?
    }

    /// A call begins that is to end by then.
    pub(super) fn until(&self, deadline: Option<Instant>) {
        *self.watch.0.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    fn secret(&self, of: &Value, unattended: bool) -> Result<Option<Secret>, BackendError> {
        self.ask(|value| Message::Secret { step: self.step.clone(), of: Box::new(of.clone()), unattended, value })?
    }

    fn ask<T>(&self, message: impl FnOnce(Sender<T>) -> Message) -> Result<T, RunError> {
        let gone = || RunError::internal("the main loop ended");
        let (sender, answer) = channel();
        self.messages.send(message(sender)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())
    }
}

impl Secrets for Link {
    fn value(&self, of: &Value) -> Result<Secret, BackendError> {
        self.secret(of, false)?.ok_or_else(|| RunError::internal("no secret").into())
    }

    fn unattended(&self, of: &Value) -> Result<Option<Secret>, BackendError> {
        self.secret(of, true)
    }
}

/// When the call in hand is to have ended; shared by a worker and the main loop.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Option<Instant>>>);

impl Watch {
    fn deadline(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a worker hands back: the events that end its attempt, in order.
pub(super) type Handed = Result<Vec<EventBody>, RunError>;

struct Worker<'scope> {
    handle: ScopedJoinHandle<'scope, Handed>,
    devices: Vec<Device>,
    watch: Watch,
    since: Instant,
    /// The deadline whose passing was told.
    told: Option<Instant>,
}

impl Worker<'_> {
    /// A device that ends its calls by itself is given a moment for it.
    fn overdue(&self, now: Instant) -> Option<Instant> {
        let grace = if self.devices.iter().all(|device| device.interruptible) { GRACE } else { Duration::ZERO };
        self.watch.deadline().filter(|deadline| now >= *deadline + grace)
    }
}

/// The workers that are alive, by the step they are at.
pub(super) struct Crew<'scope> {
    messages: Sender<Message>,
    workers: BTreeMap<String, Worker<'scope>>,
}

impl<'scope> Crew<'scope> {
    /// Nobody yet; workers send to `messages`.
    pub(super) fn new(messages: Sender<Message>) -> Self {
        Self { messages, workers: BTreeMap::new() }
    }

    /// Nobody is at work.
    pub(super) fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Nobody is at work who could still go on by himself soon.
    pub(super) fn is_quiet(&self) -> bool {
        let now = moment();
        self.workers.values().all(|worker| worker.overdue(now).is_some())
    }

    /// Whether somebody is at this step.
    pub(super) fn is_at(&self, step: &str) -> bool {
        self.workers.contains_key(step)
    }

    /// Whether every one of these devices takes one more call.
    pub(super) fn has_room(&self, devices: &[Device]) -> bool {
        let now = moment();
        devices.iter().all(|wanted| {
            let at_it: Vec<_> = self.workers.values().filter(|worker| worker.devices.iter().any(|device| device.id == wanted.id)).collect();
            let stuck = at_it.iter().any(|worker| worker.overdue(now).is_some());
            !stuck && u32::try_from(at_it.len()).unwrap_or(u32::MAX) < wanted.at_once
        })
    }

    /// A line for the worker of a step.
    pub(super) fn link(&self, step: &str) -> Link {
        Link { step: step.to_owned(), messages: self.messages.clone(), watch: Watch::default() }
    }

    /// Sends a worker to carry a command out.
    pub(super) fn send<'env>(
        &mut self,
        scope: &'scope Scope<'scope, 'env>,
        attempt: Attempt<'scope>,
        command: Command,
        inputs: Inputs,
        kind: Kind<'static>,
        devices: Vec<Device>,
    ) {
        let step = attempt.address().to_owned();
        let watch = attempt.link().watch.clone();
        let farewell = Farewell { step: step.clone(), messages: self.messages.clone() };
        let handle = scope.spawn(move || {
            let _farewell = farewell;
            attempt.carry_out(&command, &inputs, kind)
        });
        self.workers.insert(step, Worker { handle, devices, watch, since: moment(), told: None });
    }

    /// What the worker of a step handed back. Its panic goes on here.
    pub(super) fn take(&mut self, step: &str) -> Option<Handed> {
        let worker = self.workers.remove(step)?;
        match worker.handle.join() {
            Ok(handed) => Some(handed),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Workers that have overrun the deadline of their call since the last time, as `STEP.STUCK`.
    pub(super) fn newly_stuck(&mut self) -> Vec<BackendError> {
        let now = moment();
        let late = self.workers.iter_mut().filter_map(|(step, worker)| {
            let deadline = worker.overdue(now)?;
            if worker.told.replace(deadline) == Some(deadline) {
                return None;
            }
            let device = worker.devices.iter().find(|device| !device.interruptible).or(worker.devices.first()).map_or("-", |device| device.id.as_str());
            Some(stuck(step, device, now.duration_since(worker.since)))
        });
        late.collect()
    }
}

/// A step whose call does not come back.
fn stuck(step: &str, device: &str, after: Duration) -> BackendError {
    let seconds = after.as_secs();
    let cause = Text::new(
        format!("手順 {step} は {device} の応答を待ったまま動きません({seconds}秒)。ほかの操作はこの相手に送りません。"),
        format!("step `{step}` is stuck: {device} has not answered for {seconds} s. nothing else is sent to it."),
    );
    BackendError::new("STEP.STUCK", cause).with("step", step).with("device", device).with("seconds", seconds.to_string())
}

/// Tells the main loop that a worker has ended, however it ended.
struct Farewell {
    step: String,
    messages: Sender<Message>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        // Nobody listens any more once the main loop has given up.
        let _ = self.messages.send(Message::Over { step: std::mem::take(&mut self.step) });
    }
}
