//! What must hold at every event of a run, told from the events alone: an account of its own, beside that of the core.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::process::Site;
use crate::action::Effect;
use crate::backend::Class;
use crate::run::{EffectResult, Ended, Event, EventBody, Outcome, ParkCause, Phase, Program, RunEnd, Seen, State};

/// The account of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Checker {
    seq: u64,
    at: Option<Timestamp>,
    over: bool,
    parked: bool,
    /// Steps with an intent of which nothing is known.
    open: BTreeSet<String>,
    /// Steps whose effect goes on.
    pending: BTreeSet<String>,
    /// Steps whose effect may have happened, with the looks since.
    doubt: BTreeMap<String, Vec<(Timestamp, Json)>>,
    /// Steps that ended well, as they ended.
    ended: BTreeMap<String, Ended>,
    failed: BTreeSet<String>,
    approved: BTreeSet<String>,
    wrote: bool,
}

impl Checker {
    /// An event that is read back.
    pub(super) fn replayed(&mut self, program: &Program, event: &Event) {
        let mut found = vec![];
        self.account(program, event, &mut found);
    }

    /// An event that was delivered before.
    pub(super) fn skipped(&mut self, event: &Event) {
        self.seq = event.seq;
        self.at = Some(event.at);
    }

    /// An event was appended; `state` is the state after it.
    pub(super) fn appended(&mut self, site: &Site<'_>, state: &State, event: &Event) {
        let mut found = vec![];
        self.account(site.program, event, &mut found);
        self.compare(site, state, &mut found);
        for what in found {
            site.ground.violation(format!("{} #{}: {what}", state.run, event.seq));
        }
    }

    /// A step is started.
    pub(super) fn starts(&self, site: &Site<'_>, state: &State, address: &str) {
        let mut found = vec![];
        if self.ended.contains_key(address) {
            found.push(format!("{address} ended and is started again"));
        }
        if self.doubt.contains_key(address) || self.open.contains(address) || self.pending.contains(address) {
            found.push(format!("{address} is started while its effect may have happened"));
        }
        let Some(index) = site.program.index(address) else { return };
        for on in above(site.program, index) {
            if self.failed.contains(&site.program.checked.steps[on].address) {
                found.push(format!("{address} is started after {} failed", site.program.checked.steps[on].address));
            }
        }
        for on in &site.program.checked.steps[index].after {
            let on = &site.program.checked.steps[*on].address;
            if !self.ended.contains_key(on) {
                found.push(format!("{address} is started before {on} ended"));
            }
        }
        for what in found {
            site.ground.violation(format!("{}: {what}", state.run));
        }
    }

    /// What the event says, and whether it may be said.
    fn account(&mut self, program: &Program, event: &Event, found: &mut Vec<String>) {
        if event.seq != self.seq + 1 {
            found.push(format!("event #{} after #{}", event.seq, self.seq));
        }
        if self.at.is_some_and(|last| event.at < last) {
            found.push("time goes back".to_owned());
        }
        if self.over {
            found.push(format!("{} after the end of the run", event.body.kind()));
        }
        (self.seq, self.at) = (event.seq, Some(event.at));
        match &event.body {
            EventBody::ApprovalGiven { steps, .. } => self.approved.extend(steps.iter().cloned()),
            EventBody::RunResumed { .. } => self.resumed(),
            EventBody::Decided { rescue: Some(taken), .. } => {
                // Its steps run once more.
                let prefix = format!("{}/rescue/{}/", taken.of, taken.error.code);
                self.ended.retain(|address, _| !address.starts_with(&prefix));
            }
            EventBody::IntentRecorded { step, intent, .. } => self.intent(program, step, intent.attempt, found),
            EventBody::EffectEnded { step, result, .. } => match result {
                EffectResult::Pending { .. } => {
                    self.open.remove(step);
                    self.pending.insert(step.clone());
                }
                EffectResult::Failed { error } if error.class == Class::Ambiguous => {}
                EffectResult::Done { .. } | EffectResult::Failed { .. } => {
                    self.open.remove(step);
                    self.pending.remove(step);
                    self.doubt.remove(step);
                }
            },
            EventBody::Uncertain { step, .. } => {
                self.open.remove(step);
                self.pending.remove(step);
                self.doubt.entry(step.clone()).or_default();
            }
            EventBody::Reconciled { step, seen, .. } => self.looked(program, step, seen, event.at),
            EventBody::HumanAnswered { step, settled: Some(_), .. } => {
                self.doubt.remove(step);
                self.open.remove(step);
            }
            EventBody::StepEnded { step, end } => {
                if self.doubt.contains_key(step) || self.open.contains(step) || self.pending.contains(step) {
                    found.push(format!("{step} ends {} while its effect may have happened", end.outcome.word()));
                }
                if self.ended.contains_key(step) {
                    found.push(format!("{step} ends a second time"));
                }
                if end.outcome == Outcome::Failed {
                    self.failed.insert(step.clone());
                } else {
                    self.failed.remove(step);
                    let ended = Ended { outcome: end.outcome, outputs: end.outputs.clone(), error: end.error.clone(), at: event.at };
                    self.ended.insert(step.clone(), ended);
                }
            }
            EventBody::RunParked { cause, steps, .. } => {
                if self.parked {
                    found.push("parked twice".to_owned());
                }
                self.parked = true;
                if steps.is_empty() && *cause != ParkCause::Cancelled {
                    found.push("parked without a step that it waits for".to_owned());
                }
            }
            EventBody::RunAbandoned { .. } => self.over(found),
            EventBody::RunEnded { end, .. } => {
                self.over(found);
                if *end == RunEnd::Failed && self.wrote {
                    found.push("a run that wrote ends failed, and its claim is gone".to_owned());
                }
                if matches!(end, RunEnd::Done | RunEnd::Finished) && !self.failed.is_empty() {
                    found.push(format!("the run ends well though {:?} failed", self.failed));
                }
                let open = |step: &&crate::check::Step| step.row.is_none() && !self.ended.contains_key(&step.address);
                if *end == RunEnd::Done
                    && let Some(step) = program.checked.steps.iter().find(open)
                {
                    found.push(format!("the run is done though {} has not ended", step.address));
                }
            }
            _ => {}
        }
    }

    fn over(&mut self, found: &mut Vec<String>) {
        self.over = true;
        let unknown: Vec<&String> = self.open.iter().chain(self.doubt.keys()).collect();
        if !unknown.is_empty() {
            found.push(format!("the run ends though it is not known whether {unknown:?} happened"));
        }
    }

    fn resumed(&mut self) {
        self.parked = false;
        for step in std::mem::take(&mut self.open) {
            self.doubt.entry(step).or_default();
        }
        self.failed.clear();
    }

    fn intent(&mut self, program: &Program, step: &str, attempt: u32, found: &mut Vec<String>) {
        self.wrote = true;
        if self.doubt.contains_key(step) || self.open.contains(step) || self.pending.contains(step) {
            found.push(format!("attempt {attempt} of {step} though an earlier one may have happened"));
        }
        if self.ended.contains_key(step) {
            found.push(format!("{step} ended and is about to act again"));
        }
        let irreversible = program.action(step).is_some_and(|action| action.manifest.effect == Effect::Irreversible);
        if irreversible && !self.approved.contains(step) {
            found.push(format!("{step} was not approved"));
        }
        self.open.insert(step.to_owned());
    }

    /// A look settles a doubt when it finds the effect, when it is conclusive, when the step may be repeated, or when it is the second
    /// of two that agree, far enough apart.
    fn looked(&mut self, program: &Program, step: &str, seen: &Seen, at: Timestamp) {
        let Some(looks) = self.doubt.get_mut(step) else { return };
        let settled = match seen {
            Seen::Done { .. } | Seen::NotDone { conclusive: true, .. } => true,
            Seen::NotDone { baseline, .. } => {
                looks.push((at, baseline.clone()));
                let apart = program.absent_after(step).and_then(|apart| SignedDuration::try_from(apart).ok());
                let same = looks.iter().rev().take_while(|(_, seen)| seen == baseline);
                let far = same.last().zip(apart).is_some_and(|((first, _), apart)| at.duration_since(*first) >= apart);
                program.repeatable(step) || far
            }
            Seen::CannotTell { .. } | Seen::Failed { .. } => false,
        };
        if settled {
            self.doubt.remove(step);
        }
    }

    /// The state that the core keeps says the same.
    fn compare(&self, site: &Site<'_>, state: &State, found: &mut Vec<String>) {
        // Every event looks at all of them; at what they gave, a share of the events.
        let closely = state.seq.is_multiple_of(8) || matches!(state.phase, Phase::Ended(_));
        for (address, ended) in &self.ended {
            match state.ended(address) {
                Some(now) if now.at == ended.at && now.outcome == ended.outcome && now.outputs.len() == ended.outputs.len() && (!closely || now == ended) => {}
                other => found.push(format!("{address} ended {} and is now {other:?}", ended.outcome.word())),
            }
        }
        let over = matches!(state.phase, Phase::Ended(_));
        if over != self.over {
            found.push(format!("the run is {:?}", state.phase));
        }
        let claimed = site.ground.journal(|journal| journal.has_claim(&state.run));
        if over && claimed {
            found.push("the run ended and keeps its claim".to_owned());
        }
        if !over && self.wrote && !claimed {
            found.push("the run wrote, has not ended, and has no claim".to_owned());
        }
    }
}

/// Every step that must have ended before this one, however far above.
fn above(program: &Program, index: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut next = program.checked.steps[index].after.clone();
    while let Some(at) = next.pop() {
        if found.insert(at) {
            next.extend(&program.checked.steps[at].after);
        }
    }
    found
}
