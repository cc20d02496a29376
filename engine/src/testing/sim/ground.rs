//! The ground truth of one simulated clinic: true time, what went wrong, what really happened, and what must never happen.
//!
//! Everything that is simulated shares it. It draws all faults from the seed, so that a run of the simulation is a function of
//! the seed alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::devices::Devices;
use super::faults::{Harm, Rates};
use super::journal::Journal;
use super::rng::Rng;
use crate::action::Answer;
use crate::backend::{BackendError, Call, Class};
use crate::check::Attempts;
use crate::clock::Clock;
use crate::run::EventBody;
use crate::testing::{FakeStore, FixedClock, locked};
use crate::text::Text;

/// The code of a call that the crash of its process cut off. No driver ever sees it: its process is gone.
pub(super) const CRASH: &str = "SIM.CRASH";

/// A clock that is set within what the rules allow (5 minutes each way) brings two looks nearer together than it says.
pub(super) const SLACK: SignedDuration = SignedDuration::from_mins(10);

/// See the module.
pub(super) struct Ground {
    /// True time.
    pub(super) clock: Arc<FixedClock>,
    inner: Mutex<Inner>,
}

struct Inner {
    rng: Rng,
    rates: Rates,
    /// Disturbances left; at 0 nothing goes wrong any more.
    budget: u32,
    /// How far the terminal's clock is from the true time, in milliseconds.
    offset: i64,
    /// The process that is working now is dead.
    down: bool,
    journal: Journal,
    sends: BTreeMap<String, Vec<Sent>>,
    proved: Vec<String>,
    /// Idempotency key to run and step of it.
    keys: BTreeMap<String, (String, String)>,
    /// Effects by idempotency key: how many.
    effects: BTreeMap<String, u32>,
    /// How often people were asked by a step.
    asked: BTreeMap<String, u32>,
    /// What people came to in what they were asked to do, by run, step and number: whoever is asked once more says it again.
    words: BTreeMap<(String, String, u64), Answer>,
    devices: Devices,
    violations: Vec<String>,
    trace: Option<Vec<String>>,
    faults: BTreeMap<&'static str, u32>,
    started: Timestamp,
}

/// A committing request of an issuing operation that reached the portal.
#[derive(Clone, Debug)]
struct Sent {
    at: Timestamp,
    key: String,
    /// It was answered with a refusal, or people found that nothing had happened.
    settled_not_done: bool,
    /// A certificate came of it.
    issued: Option<String>,
    /// Looks at the list since, in true time.
    looks: Vec<Timestamp>,
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ground")
    }
}

/// The terminal's clock.
impl Clock for Ground {
    fn now(&self) -> Timestamp {
        let offset = locked(&self.inner).offset;
        self.clock.now() + SignedDuration::from_millis(offset)
    }
}

impl Ground {
    pub(super) fn new(seed: u64, tracing: bool) -> Self {
        let clock = Arc::new(FixedClock::at("2026-11-23T01:00:00Z"));
        let mut rng = Rng::new(seed, 1);
        let rates = Rates::draw(&mut rng);
        let budget = u32::try_from(rng.pick(&[0, 2, 5, 12, 30]).to_owned()).unwrap_or(0);
        let devices = Devices::new(rng.chance(500));
        let inner = Inner {
            rng,
            rates,
            budget,
            offset: 0,
            down: false,
            journal: Journal::default(),
            sends: BTreeMap::new(),
            proved: vec![],
            keys: BTreeMap::new(),
            effects: BTreeMap::new(),
            asked: BTreeMap::new(),
            words: BTreeMap::new(),
            devices,
            violations: vec![],
            trace: tracing.then(Vec::new),
            faults: BTreeMap::new(),
            started: clock.now(),
        };
        Self { clock, inner: Mutex::new(inner) }
    }

    /// One line for the reader of a failed seed.
    pub(super) fn say(&self, line: impl FnOnce() -> String) {
        if locked(&self.inner).trace.is_none() {
            return;
        }
        let (line, now) = (line(), self.clock.now());
        let mut inner = locked(&self.inner);
        let since = now.duration_since(inner.started).as_secs_f64();
        if let Some(trace) = &mut inner.trace {
            trace.push(format!("{since:>12.3} {line}"));
        }
    }

    pub(super) fn trace(&self) -> Vec<String> {
        locked(&self.inner).trace.clone().unwrap_or_default()
    }

    /// Something that must never happen.
    pub(super) fn violation(&self, what: String) {
        self.say(|| format!("!!! {what}"));
        locked(&self.inner).violations.push(what);
    }

    pub(super) fn violations(&self) -> Vec<String> {
        locked(&self.inner).violations.clone()
    }

    pub(super) fn is_broken(&self) -> bool {
        !locked(&self.inner).violations.is_empty()
    }

    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut locked(&self.inner).rng)
    }

    pub(super) fn journal<T>(&self, work: impl FnOnce(&mut Journal) -> T) -> T {
        work(&mut locked(&self.inner).journal)
    }

    /// Whether this harm is done now. It costs one disturbance.
    pub(super) fn harmed(&self, harm: Harm) -> bool {
        let mut inner = locked(&self.inner);
        let rate = inner.rates.of(harm);
        if inner.budget == 0 || rate == 0 || !inner.rng.chance(rate) {
            return false;
        }
        inner.budget -= 1;
        *inner.faults.entry(harm.word()).or_default() += 1;
        true
    }

    /// How often what went wrong.
    pub(super) fn faults(&self) -> BTreeMap<&'static str, u32> {
        locked(&self.inner).faults.clone()
    }

    /// Nothing goes wrong from now on, and somebody sets the clock.
    pub(super) fn calm(&self) {
        let mut inner = locked(&self.inner);
        inner.budget = 0;
        inner.offset = 0;
        inner.devices.calm();
    }

    pub(super) fn disturbances_left(&self) -> u32 {
        locked(&self.inner).budget
    }

    /// The process that works now dies.
    pub(super) fn crash(&self, place: &str) {
        self.say(|| format!("*** crash {place}"));
        locked(&self.inner).down = true;
    }

    pub(super) fn is_down(&self) -> bool {
        locked(&self.inner).down
    }

    /// Another process works now.
    pub(super) fn up(&self) {
        locked(&self.inner).down = false;
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(super) fn pass_until(&self, true_time: Timestamp) {
        if true_time > self.clock.now() {
            self.clock.set(true_time);
        }
    }

    /// True time at which the terminal's clock shows this.
    pub(super) fn true_time_of(&self, wall: Timestamp) -> Timestamp {
        wall - SignedDuration::from_millis(locked(&self.inner).offset)
    }

    pub(super) fn step_clock(&self) {
        let to = self.draw(|rng| {
            let far = *rng.pick(&[5_000i64, 60_000, 1_200_000, 7_200_000, 90_000_000]);
            if rng.chance(400) {
                0
            } else if rng.chance(500) {
                far
            } else {
                -far
            }
        });
        let mut inner = locked(&self.inner);
        inner.offset = to;
        drop(inner);
        self.say(|| format!("*** the terminal's clock is now {to} ms from the true time"));
    }

    pub(super) fn step_of(&self, call: &Call) -> Option<(String, String)> {
        locked(&self.inner).keys.get(call.key.as_str()).cloned()
    }

    pub(super) fn knows_key(&self, key: &str, run: &str, step: &str) {
        locked(&self.inner).keys.entry(key.to_owned()).or_insert_with(|| (run.to_owned(), step.to_owned()));
    }

    /// A person is asked by a step: how often by now.
    pub(super) fn asked(&self, step: &str) -> u32 {
        let mut inner = locked(&self.inner);
        let times = inner.asked.entry(step.to_owned()).or_default();
        *times += 1;
        *times
    }

    /// What a person came to who was asked this, once and for all.
    pub(super) fn word_for(&self, run: &str, step: &str, number: u64, came_to: impl FnOnce() -> Answer) -> Answer {
        let key = (run.to_owned(), step.to_owned(), number);
        let known = locked(&self.inner).words.get(&key).cloned();
        known.unwrap_or_else(|| {
            let answer = came_to();
            locked(&self.inner).words.insert(key, answer.clone());
            answer
        })
    }

    pub(super) fn devices<T>(&self, work: impl FnOnce(&mut Devices) -> T) -> T {
        work(&mut locked(&self.inner).devices)
    }

    /// True time.
    pub(super) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A value is tried that has a limited number of tries: that is counted on disk, and no more wrong ones come in a row than may.
    pub(super) fn tried(&self, device: &str, right: bool, run: &str, step: &str, limits: Option<&Attempts>) {
        let (wrong, in_run) = self.devices(|devices| devices.tried(device, run, right));
        self.say(|| format!("    {device} is tried by {run} {step}: {}, {wrong} wrong in a row", if right { "right" } else { "wrong" }));
        let (open, used) = self.journal(|journal| (journal.counts(device, run, step), journal.used_on_disk(device)));
        if !open {
            self.violation(format!("{run} {step} tries {device}, and that is not counted on disk"));
        }
        if used < wrong {
            self.violation(format!("{wrong} wrong tries of {device} in a row, {used} on disk"));
        }
        let Some(limits) = limits else { return };
        if wrong > limits.stop_at() || in_run > limits.per_run {
            self.violation(format!("{wrong} wrong tries of {device} in a row, {in_run} by {run}: more than {} and {}", limits.stop_at(), limits.per_run));
        }
    }

    /// A call of a backend begins: time passes, the process may die before anything happens.
    pub(super) fn enter(&self, what: &str) -> Result<(), BackendError> {
        if self.is_down() {
            return Err(cut_off());
        }
        self.clock.advance(Duration::from_millis(self.draw(|rng| 5 + rng.below(900))));
        if self.harmed(Harm::Crash) {
            self.crash(&format!("before {what}"));
            return Err(cut_off());
        }
        Ok(())
    }

    /// A call of a backend ends: the process may die before it hears of it.
    pub(super) fn leave(&self, what: &str) -> Result<(), BackendError> {
        if self.harmed(Harm::Crash) {
            self.crash(&format!("after {what}"));
            return Err(cut_off());
        }
        Ok(())
    }

    /// An effect is about to happen: its intent must be on disk, and be the newest of its step.
    pub(super) fn effect(&self, call: &Call, what: &str) {
        match self.step_of(call) {
            Some((run, step)) => self.effect_of(call.key.as_str(), &run, &step, call.attempt, what),
            None => self.violation(format!("{what} outside any step")),
        }
    }

    /// The same, by whoever's hands.
    pub(super) fn effect_of(&self, key: &str, run: &str, step: &str, attempt: u32, what: &str) {
        let mut inner = locked(&self.inner);
        *inner.effects.entry(key.to_owned()).or_default() += 1;
        let intent = inner.journal.events(run).iter().rev().find_map(|event| match &event.body {
            EventBody::IntentRecorded { step: of, intent, .. } if of == step => Some((event.seq, intent.attempt)),
            _ => None,
        });
        let durable = intent.is_some_and(|(seq, of)| of == attempt && inner.journal.is_durable(run, seq));
        drop(inner);
        self.say(|| format!("    effect: {what} for {run} {step} attempt {attempt}"));
        if !durable {
            self.violation(format!("{what} by {run} {step} (attempt {attempt}) without its intent on disk: {intent:?}"));
        }
    }

    /// Whether a step had an effect.
    pub(super) fn had_effect(&self, key: &str) -> bool {
        locked(&self.inner).effects.contains_key(key)
    }

    /// A committing request of an issuing operation arrives. `false`: it must never have been sent, and has no effect.
    pub(super) fn arrives(&self, credential: &str, call: &Call, apart: Option<Duration>) -> bool {
        self.arrives_as(credential, call.key.as_str(), apart)
    }

    /// The same, by whoever's hands.
    pub(super) fn arrives_as(&self, credential: &str, key: &str, apart: Option<Duration>) -> bool {
        let now = self.clock.now();
        let mut inner = locked(&self.inner);
        let before = inner.sends.get(credential).cloned().unwrap_or_default();
        let apart = apart.and_then(|apart| SignedDuration::try_from(apart).ok());
        let conclusive = |sent: &&Sent| {
            let (first, last) = (sent.looks.first(), sent.looks.last());
            sent.settled_not_done || matches!((apart, first, last), (Some(apart), Some(first), Some(last)) if last.duration_since(*first) >= apart - SLACK)
        };
        let open = before.iter().find(|sent| !conclusive(sent)).cloned();
        let sent = Sent { at: now, key: key.to_owned(), settled_not_done: false, issued: None, looks: vec![] };
        inner.sends.entry(credential.to_owned()).or_default().push(sent);
        drop(inner);
        match open {
            None => true,
            Some(open) => {
                self.violation(format!(
                    "a second committing request for {credential} after one sent at {} (issued: {:?}, {} looks) that was not conclusively absent",
                    open.at,
                    open.issued,
                    open.looks.len()
                ));
                false
            }
        }
    }

    /// What came of the newest committing request for a credential.
    pub(super) fn came_of(&self, credential: &str, issued: Option<String>, refused: bool) {
        let mut inner = locked(&self.inner);
        if let Some(sent) = inner.sends.get_mut(credential).and_then(|sends| sends.last_mut()) {
            sent.issued = issued;
            sent.settled_not_done = refused;
        }
    }

    /// Somebody looked at the list.
    pub(super) fn looked(&self) {
        let now = self.clock.now();
        let mut inner = locked(&self.inner);
        for sent in inner.sends.values_mut().flatten() {
            sent.looks.push(now);
        }
    }

    /// A person said that the effect of this step had not happened.
    pub(super) fn settled_not_done(&self, key: &str) {
        for sent in locked(&self.inner).sends.values_mut().flatten().filter(|sent| sent.key == key) {
            sent.settled_not_done = true;
        }
    }

    /// A person said that nothing had been requested at all.
    pub(super) fn nothing_was_requested(&self) {
        for sent in locked(&self.inner).sends.values_mut().flatten() {
            sent.settled_not_done = true;
        }
    }

    /// The request ID that came of a step's committing request.
    pub(super) fn request_of(&self, key: &str) -> Option<String> {
        locked(&self.inner).sends.values().flatten().filter(|sent| sent.key == key).find_map(|sent| sent.issued.clone())
    }

    /// Whether anything was issued.
    pub(super) fn was_issued(&self) -> bool {
        locked(&self.inner).sends.values().flatten().any(|sent| sent.issued.is_some())
    }

    /// The portal accepted a certificate whose key was used.
    pub(super) fn proves(&self, thumbprint: &str) {
        locked(&self.inner).proved.push(thumbprint.to_owned());
    }

    /// A deletion is about to happen: another certificate of the same subject, proved and in the store with its key, must outlive it.
    pub(super) fn may_delete(&self, store: &FakeStore, thumbprint: &str) -> bool {
        let certs = store.certs();
        let Some(target) = certs.iter().find(|cert| cert.sha1 == thumbprint) else { return true };
        let proved = locked(&self.inner).proved.clone();
        let replaced = certs.iter().any(|cert| {
            cert.sha1 != thumbprint && cert.has_key && cert.subject_dn == target.subject_dn && cert.not_after > target.not_after && proved.contains(&cert.sha1)
        });
        if !replaced {
            self.violation(format!("{thumbprint} is deleted before a replacement is proved"));
        }
        replaced
    }

    /// A working certificate is in the store.
    pub(super) fn must_work(&self, store: &FakeStore, after: &str) {
        let now = self.clock.now();
        if !store.certs().iter().any(|cert| cert.has_key && cert.not_before <= now && now < cert.not_after) {
            self.violation(format!("no working certificate in the store after {after}"));
        }
    }
}

/// The error of a call that nobody hears of.
pub(super) fn cut_off() -> BackendError {
    BackendError::new(CRASH, Text::new("プロセスが止まった。", "the process died.")).class(Class::Permanent)
}
