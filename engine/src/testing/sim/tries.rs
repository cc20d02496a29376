//! Counted tries of a simulated process: the account of [`crate::run`]'s own, over the ledger and the locks of the simulation.

use super::mutant::Mutant;
use super::portal::fault;
use super::process::{Dead, Process};
use super::task::Task;
use crate::action::{Inputs, Kind};
use crate::backend::BackendError;
use crate::dsl::Value;
use crate::plan::{Tally, UNDECLARED};
use crate::run::{EventBody, Known, Try, TryEnd};

impl Process<'_> {
    /// The right to make a counted try; none where nothing counts tries.
    pub(super) fn may_try(&self, task: &Task, inputs: &Inputs, kind: &Kind<'_>) -> Result<Option<Try>, BackendError> {
        let program = self.site.program;
        if !program.spends_attempt(&task.step) {
            return Ok(None);
        }
        let cx = self.read_cx(task, &[]);
        kind.check_value(&cx, inputs)?;
        let on = kind.counted_on(&cx, inputs)?.ok_or_else(|| fault("ATTEMPTS.NOT_COUNTED"))?;
        if !self.site.ground.devices(|devices| devices.take(&on.device, &self.run, &task.step)) {
            return Err(fault("ATTEMPTS.BUSY"));
        }
        // The device is looked at once more by whoever has it alone.
        let on = kind.counted_on(&cx, inputs)?.unwrap_or(on);
        let known = self.known(&on.device, &task.step, inputs, None);
        Try::new(on, program.checked.attempts.get(&task.step).unwrap_or(&UNDECLARED), known).map(Some)
    }

    /// The try that was counted before a person was asked.
    pub(super) fn counted_before(&self, step: &str, inputs: &Inputs) -> Option<Try> {
        let counted = self.state.step(step)?.trying.as_ref()?;
        if !self.site.ground.devices(|devices| devices.take(&counted.on, &self.run, step)) {
            return None;
        }
        let known = self.known(&counted.on, step, inputs, Some(counted.seq));
        Some(Try::again(counted, self.site.program.checked.attempts.get(step).unwrap_or(&UNDECLARED), known))
    }

    /// Counts a try, on disk.
    pub(super) fn count(&mut self, step: &str, counted: &Try) -> Result<(), Dead> {
        if self.site.mutant != Some(Mutant::NeverCounts) {
            self.append(counted.counted(step))?;
        }
        self.commit();
        Ok(())
    }

    /// What came of a step, after the end of its counted try is on disk.
    pub(super) fn judged<T>(
        &mut self,
        step: &str,
        result: Result<T, BackendError>,
        counted: Option<&Try>,
        inputs: &Inputs,
        kind: &Kind<'_>,
    ) -> Result<Result<T, BackendError>, Dead> {
        let Some(counted) = counted else { return Ok(result) };
        let tried = result.as_ref().err().and_then(|error| kind.tried(inputs, error));
        let mut ended = counted.ended(step, result.as_ref().err().map(|error| (error, tried)));
        if let (Some(Mutant::Forgives), EventBody::AttemptEnded { end, used, .. }) = (self.site.mutant, &mut ended) {
            (*end, *used) = (TryEnd::Proved, 0);
        }
        self.append(ended)?;
        self.commit();
        Ok(result.map_err(|error| counted.told(error, tried)))
    }

    fn known(&self, device: &str, step: &str, inputs: &Inputs, since: Option<u64>) -> Known {
        let run = &self.run;
        let (used, anew, busy) = self.site.ground.journal(|journal| {
            let anew = since.is_some_and(|seq| journal.began_anew(device, run, seq));
            (journal.used(device), anew, journal.tried_by_somebody(device, run, step))
        });
        let in_run = self.state.tries.get(device).copied().unwrap_or_default();
        let tally = Tally { used, in_run, ..Tally::default() };
        let tally = if self.site.mutant == Some(Mutant::TriesOn) { Tally::default() } else { tally };
        let names = inputs.0.values().filter_map(|value| if let Value::DeclaredSecret(name) = value { Some((Some(name.clone()), None)) } else { None });
        Known { tally, anew, busy, per_user: false, values: names.collect() }
    }
}
