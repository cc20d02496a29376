//! The events of a run on their way to disk: stamped, applied, written in groups, then shown.
//!
//! [`Log::stage`] stamps an event and changes the state by it; [`Log::commit`] writes everything staged in one transaction and only
//! then shows it. Whoever acts on an event, or tells somebody that it is written down, commits first.
//! May use: the journal, the clock. Must not: decide, touch backends.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::decide::Program;
use super::driver::{Observer, RunError};
use super::event::{Event, EventBody};
use super::private;
use super::state::{State, apply};
use crate::backend::BackendError;
use crate::clock::{Clock, stepped_back};
use crate::journal::{Commitment, Journal, is_reserved, release, reserve};
use crate::plan::{Private, Tally};

/// Journal and state of one run.
pub(super) struct Log<'a> {
    program: &'a Program,
    clock: &'a dyn Clock,
    journal: &'a mut Journal,
    observer: &'a mut dyn Observer,
    state: Arc<State>,
    /// What stands for private inputs on disk and on the screen; the state has their values.
    private: Private,
    staged: Vec<Event>,
}

impl<'a> Log<'a> {
    /// The log of a run whose state so far is `state`.
    pub(super) fn new(program: &'a Program, clock: &'a dyn Clock, journal: &'a mut Journal, observer: &'a mut dyn Observer, state: State) -> Self {
        Self { program, clock, journal, observer, state: Arc::new(state), private: program.private(), staged: vec![] }
    }

    /// The state, staged events included.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The same to keep: later events do not change it.
    pub(super) fn snapshot(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// The time of the next event.
    pub(super) fn now(&self) -> Timestamp {
        let wall = self.clock.now();
        self.state.at.map_or(wall, |last| last.max(wall))
    }

    /// Stamps an event and changes the state by it. A step back of the clock is an event before it.
    pub(super) fn stage(&mut self, body: EventBody) {
        let wall = self.clock.now();
        if let Some(back_ms) = stepped_back(self.state.at, wall) {
            self.stage_one(wall, EventBody::ClockStepped { back_ms });
        }
        self.stage_one(wall, body);
    }

    fn stage_one(&mut self, wall: Timestamp, body: EventBody) {
        let event = Event::after(self.state.seq, self.state.at, wall, body);
        apply(self.program, Arc::make_mut(&mut self.state), &event);
        self.staged.push(Event { body: private::hide(&self.private, event.body), ..event });
    }

    /// Writes what is staged down, all in one transaction, then shows it.
    ///
    /// # Errors
    /// `JOURNAL.*`: nothing may be done after it.
    pub(super) fn commit(&mut self) -> Result<(), RunError> {
        if self.staged.is_empty() {
            return Ok(());
        }
        self.journal.append_all(&self.state.run, &self.staged)?;
        for event in self.staged.drain(..) {
            self.observer.event(self.program, &self.state, &event);
        }
        Ok(())
    }

    /// Says something that is no event.
    pub(super) fn note(&mut self, error: &BackendError) {
        self.observer.note(error);
    }

    /// Says that a step is stuck.
    pub(super) fn stuck(&mut self, error: &BackendError) {
        self.observer.stuck(error);
    }

    /// Before a write of `step`: takes the claim on this credential for the run, and keeps room for the journal and the vault. Gives what was committed for the credential `of`, if the step has one ([`crate::journal::Commitment::known_as`]). A sending of its own
    /// counts once it is known to have happened; until then the core keeps account of it.
    ///
    /// # Errors
    /// `RUN.UNFINISHED`, `STATE.*`, `JOURNAL.*`.
    pub(super) fn claim(&mut self, step: &str, key: Option<&str>, of: Option<&str>) -> Result<Vec<String>, RunError> {
        let now = self.now();
        if let Some(key) = key {
            self.journal.claim(&self.state.run, now, &[key.to_owned()])?;
        }
        // On a disk that was full the room may have been used up; nothing more is sent before there is room again.
        if !self.state.wrote || !is_reserved(self.journal.folder()) {
            reserve(self.journal.folder())?;
        }
        let committed = of.map(|credential| self.journal.commitments(credential)).transpose()?.unwrap_or_default();
        let run = &self.state.run;
        let open = |commitment: &Commitment| commitment.run == *run && commitment.step == step && commitment.request_id.is_none() && commitment.state != "done";
        // A revocation is no renewal: what binds a step are sendings of its own kind.
        let same = |commitment: &&Commitment| self.program.action(step).is_none_or(|action| commitment.operation == action.manifest.name);
        Ok(committed.iter().filter(same).filter(|commitment| !open(commitment)).filter_map(Commitment::known_as).collect())
    }

    /// What is recorded on disk of a device or account, and of this run's tries there.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn tally(&self, device: &str) -> Result<Tally, RunError> {
        let row = self.journal.attempt(device)?;
        let (used, failed) = row.map_or_else(Default::default, |row| (row.used, row.failed));
        Ok(Tally { used, in_run: self.state.tries.get(device).copied().unwrap_or_default(), failed })
    }

    /// Whether the count of a device or account began anew after this run's event of this number.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn began_anew(&self, device: &str, seq: u64) -> Result<bool, RunError> {
        Ok(self.journal.began_anew(device, &self.state.run, seq)?)
    }

    /// The run in which somebody else was asked to make a try on this device and has not answered yet.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn tried_by_somebody(&self, device: &str, step: &str) -> Result<Option<String>, RunError> {
        Ok(self.journal.tried_by_somebody(device, &self.state.run, step)?)
    }

    /// Sources whose value failed somewhere, with the version that did.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn failed_sources(&self) -> Result<BTreeSet<(String, String)>, RunError> {
        Ok(self.journal.attempts()?.into_iter().flat_map(|row| row.failed).collect())
    }

    /// Counted steps are refused: failures would be recorded for one OS account only.
    pub(super) fn refuses_counting(&self) -> bool {
        self.journal.refuses_counting()
    }

    /// Gives the room back that was kept for the journal.
    pub(super) fn release(&self) {
        release(self.journal.folder());
    }

    /// The hash of the last event on disk, hex.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn head(&self) -> Result<String, RunError> {
        Ok(self.journal.verify_run(&self.state.run, None)?.head)
    }

    /// The state at the end, without private values: as everybody reads it from the journal.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn into_state(self) -> Result<State, RunError> {
        if self.private.is_empty() {
            return Ok(Arc::unwrap_or_clone(self.state));
        }
        let mut state = State::new(self.state.run.as_str());
        for event in self.journal.events(&self.state.run)? {
            apply(self.program, &mut state, &event);
        }
        Ok(state)
    }
}
