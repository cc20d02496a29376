//! The journal of a simulated state folder, in memory: group commit, a tail that a crash takes away, claims and commitments that
//! change with the events. It keeps what `journal::Journal` keeps, and nothing on disk.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::backend::Class;
use crate::run::{EffectResult, Event, EventBody, Outcome, Seen, Settled, TryEnd};

/// Everything that is in the file; what was appended since the last commit is undone by a crash of its process.
#[derive(Debug, Default)]
pub(super) struct Journal {
    events: BTreeMap<String, Vec<Event>>,
    /// Events that were delivered before, under an earlier number.
    copies: BTreeSet<(String, u64)>,
    now: Tables,
    /// As of the last commit, with how many events each run had; `None`: nothing was appended since.
    committed: Option<(BTreeMap<String, usize>, Tables)>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    claims: BTreeMap<String, String>,
    commitments: Vec<Commitment>,
    /// Failures in a row by device.
    used: BTreeMap<String, u32>,
    /// How often a count began anew, by device.
    anew: BTreeMap<String, u32>,
    /// Tries that were counted and have not ended, by run and step.
    open: BTreeMap<(String, String), OpenTry>,
}

/// A counted try.
#[derive(Clone, Debug)]
struct OpenTry {
    device: String,
    seq: u64,
    /// How often the count had begun anew by then.
    anew: u32,
    /// A person was asked to make it.
    asked: bool,
}

/// What a run committed for a credential.
#[derive(Clone, Debug)]
struct Commitment {
    credential: String,
    run: String,
    step: String,
    request_id: Option<String>,
    state: &'static str,
}

impl Journal {
    /// Events of a run, in order.
    pub(super) fn events(&self, run: &str) -> &[Event] {
        self.events.get(run).map_or(&[], Vec::as_slice)
    }

    /// Whether the events of a run up to this one are on disk.
    pub(super) fn is_durable(&self, run: &str, seq: u64) -> bool {
        let there = self.events(run).len();
        let durable = self.committed.as_ref().map_or(there, |(lengths, _)| lengths.get(run).copied().unwrap_or_default());
        durable as u64 >= seq
    }

    /// Appends. Nothing is on disk before [`Journal::commit`].
    pub(super) fn append(&mut self, run: &str, wall: Timestamp, body: EventBody) -> Event {
        if self.committed.is_none() {
            let lengths = self.events.iter().map(|(run, events)| (run.clone(), events.len())).collect();
            self.committed = Some((lengths, self.now.clone()));
        }
        let events = self.events.entry(run.to_owned()).or_default();
        let at = events.last().map_or(wall, |last| last.at.max(wall));
        let event = Event { seq: events.len() as u64 + 1, at, body };
        events.push(event.clone());
        self.now.note(run, event.seq, &event.body);
        event
    }

    /// Appends an event that was delivered before.
    pub(super) fn append_again(&mut self, run: &str, wall: Timestamp, body: EventBody) -> Event {
        let event = self.append(run, wall, body);
        self.copies.insert((run.to_owned(), event.seq));
        event
    }

    /// Whether an event was delivered before, under an earlier number.
    pub(super) fn is_copy(&self, run: &str, seq: u64) -> bool {
        self.copies.contains(&(run.to_owned(), seq))
    }

    /// Makes everything durable.
    pub(super) fn commit(&mut self) {
        self.committed = None;
    }

    /// The process ends: what it had not committed is gone. Gives how many events of the run were lost.
    pub(super) fn crash(&mut self, run: &str) -> usize {
        let before = self.events(run).len();
        if let Some((lengths, tables)) = self.committed.take() {
            self.now = tables;
            for (run, events) in &mut self.events {
                events.truncate(lengths.get(run).copied().unwrap_or_default());
            }
            let events = &self.events;
            self.copies.retain(|(run, seq)| events.get(run).is_some_and(|events| events.len() as u64 >= *seq));
        }
        before - self.events(run).len()
    }

    /// Takes a claim durably.
    ///
    /// # Errors
    /// The run that has it.
    pub(super) fn claim(&mut self, run: &str, credential: &str) -> Result<(), String> {
        self.commit();
        let holder = self.now.claims.entry(credential.to_owned()).or_insert_with(|| run.to_owned());
        if holder == run { Ok(()) } else { Err(holder.clone()) }
    }

    /// Whether a run has a claim.
    pub(super) fn has_claim(&self, run: &str) -> bool {
        self.now.claims.values().any(|holder| holder == run)
    }

    /// Gives the claims of a run up without its end: what a mutated driver does.
    pub(super) fn drop_claims(&mut self, run: &str) {
        self.now.claims.retain(|_, holder| holder != run);
    }

    fn on_disk(&self) -> &Tables {
        self.committed.as_ref().map_or(&self.now, |(_, tables)| tables)
    }

    /// Failures in a row on a device.
    pub(super) fn used(&self, device: &str) -> u32 {
        self.now.used.get(device).copied().unwrap_or_default()
    }

    /// The same, of what no crash takes away.
    pub(super) fn used_on_disk(&self, device: &str) -> u32 {
        self.on_disk().used.get(device).copied().unwrap_or_default()
    }

    /// Whether a try of a step is counted on disk and has not ended.
    pub(super) fn counts(&self, device: &str, run: &str, step: &str) -> bool {
        self.on_disk().open.get(&(run.to_owned(), step.to_owned())).is_some_and(|open| open.device == device)
    }

    /// Whether the count of a device began anew after this try was counted.
    pub(super) fn began_anew(&self, device: &str, run: &str, seq: u64) -> bool {
        let now = self.now.anew.get(device).copied().unwrap_or_default();
        self.now.open.iter().any(|((of, _), open)| of == run && open.seq == seq && open.device == device && open.anew != now)
    }

    /// The run in which somebody else was asked to make a try.
    pub(super) fn tried_by_somebody(&self, device: &str, run: &str, step: &str) -> Option<String> {
        let others = self.now.open.iter().filter(|((of, at), open)| open.device == device && open.asked && !(of == run && at == step));
        others.map(|((run, _), _)| run.clone()).next().filter(|_| self.used(device) > 0)
    }

    /// What was committed for a credential, for the look before a sending of `step`.
    pub(super) fn committed(&self, credential: &str, run: &str, step: &str) -> Vec<String> {
        let known = self.now.commitments.iter().filter(|known| known.credential == credential);
        let open = |known: &&Commitment| !(known.run == run && known.step == step && known.request_id.is_none() && known.state != "done");
        known.filter(open).filter_map(|known| known.request_id.clone().or_else(|| (known.state != "not_done").then(|| known.run.clone()))).collect()
    }
}

impl Tables {
    /// What an event means for the tables that other runs read.
    fn note(&mut self, run: &str, seq: u64, body: &EventBody) {
        let of = |step: &String| (run.to_owned(), step.clone());
        match body {
            EventBody::AttemptCounted { step, on, used, .. } => {
                self.used.insert(on.clone(), *used);
                let anew = self.anew.get(on).copied().unwrap_or_default();
                self.open.insert(of(step), OpenTry { device: on.clone(), seq, anew, asked: false });
            }
            EventBody::AttemptEnded { step, on, end, used, .. } => {
                self.used.insert(on.clone(), *used);
                self.open.remove(&of(step));
                if *end == TryEnd::Proved {
                    *self.anew.entry(on.clone()).or_default() += 1;
                }
            }
            EventBody::AttemptsCleared { on, .. } => {
                self.used.remove(on);
                *self.anew.entry(on.clone()).or_default() += 1;
            }
            EventBody::HumanAsked { step, .. } => {
                if let Some(open) = self.open.get_mut(&of(step)) {
                    open.asked = true;
                }
            }
            EventBody::IntentRecorded { step, credential: Some(credential), .. } => {
                let same = |known: &&mut Commitment| known.credential == *credential && known.run == run && known.step == *step;
                match self.commitments.iter_mut().find(same) {
                    Some(known) => known.state = "intended",
                    None => self.commitments.push(Commitment {
                        credential: credential.clone(),
                        run: run.to_owned(),
                        step: step.clone(),
                        request_id: None,
                        state: "intended",
                    }),
                }
            }
            EventBody::Uncertain { step, .. } => self.commitment(run, step, "uncertain", None),
            EventBody::EffectEnded { step, result: EffectResult::Done { outputs }, .. }
            | EventBody::Reconciled { step, seen: Seen::Done { outputs, .. }, .. } => self.commitment(run, step, "done", request_id(outputs)),
            EventBody::EffectEnded { step, result: EffectResult::Failed { error }, .. } if error.class != Class::Ambiguous => {
                self.commitment(run, step, "not_done", None);
            }
            EventBody::Reconciled { step, seen: Seen::NotDone { conclusive: true, .. }, .. } => self.commitment(run, step, "not_done", None),
            EventBody::HumanAnswered { step, answer, settled: Some(settled) } => {
                if *settled == Settled::NotDone {
                    self.open.remove(&of(step));
                }
                let state = if *settled == Settled::Done { "done" } else { "not_done" };
                self.commitment(run, step, state, answer.fields.get("request_id").map(String::as_str));
            }
            EventBody::StepEnded { step, end } => {
                let came_true = matches!(end.outcome, Outcome::Changed | Outcome::Unchanged);
                self.commitment(run, step, if came_true { "done" } else { "not_done" }, request_id(&end.outputs));
            }
            EventBody::RunEnded { .. } | EventBody::RunAbandoned { .. } => {
                self.claims.retain(|_, holder| holder != run);
                self.open.retain(|(of, _), _| of != run);
            }
            _ => {}
        }
    }

    fn commitment(&mut self, run: &str, step: &str, state: &'static str, request: Option<&str>) {
        for known in self.commitments.iter_mut().filter(|known| known.run == run && known.step == step) {
            if known.state != "done" {
                known.state = state;
            }
            if let Some(id) = request {
                known.request_id = Some(id.to_owned());
            }
        }
    }
}

fn request_id(outputs: &BTreeMap<String, Json>) -> Option<&str> {
    outputs.get("request_id").and_then(Json::as_str)
}
