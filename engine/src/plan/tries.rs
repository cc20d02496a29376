//! Limited tries in plans and runs (`runs.md` 5): how many are left, and what refuses one more.
//!
//! Pure but for the look at a device's own flags. Must not: count, hold a value or a digest of one.

use std::collections::BTreeMap;

use super::model::{Blocked, Decision, LookScope, PlanStep, PlanTries, Reason};
use super::planner::Walk;
use super::recorded::recorded_as;
use crate::action::{CountedOn, Sessions};
use crate::backend::{BackendError, PinFlags};
use crate::check::{Attempts, BoundAction, Step};
use crate::dsl::Value;
use crate::text::Text;

/// The limit of a value that has no declaration (one that a site showed): after one failure a person decides.
pub static UNDECLARED: Attempts = Attempts { limit: 1, leave: 0, per_run: 1, cite: vec![] };

/// What is recorded of a device or an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Failures in a row.
    pub used: u32,
    /// Failures in a row of this run.
    pub in_run: u32,
    /// Sources whose value failed, with the version that did.
    pub failed: BTreeMap<String, String>,
}

/// A source that asks nobody, and its state: another version may give another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceVersion {
    /// `file:/path`, `vault:id`, `env:NAME`, `pipe:program`.
    pub source: String,
    /// File identity and time of change, or when the entry was written; empty for a source whose change cannot be seen.
    pub version: String,
}

/// What a planner may know of counted tries.
pub trait Ledger {
    /// What is recorded of a device or an account.
    fn tally(&self, device: &str) -> Tally;
    /// The source of a declared secret and its version, without reading it; `None`: a person is asked.
    fn version(&self, secret: &str) -> Option<SourceVersion>;
    /// Failures are recorded for one OS account only, which the site does not allow.
    fn per_user(&self) -> bool;
}

/// Nothing was ever counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLedger;

impl Ledger for NoLedger {
    fn tally(&self, _device: &str) -> Tally {
        Tally::default()
    }

    fn version(&self, _secret: &str) -> Option<SourceVersion> {
        None
    }

    fn per_user(&self) -> bool {
        false
    }
}

impl Tally {
    /// Failures in a row; a device that remembers one counts as one at least.
    fn failures(&self, flags: PinFlags) -> u32 {
        self.used.max(u32::from(flags.count_low))
    }

    /// Tries that may still be made: before `limit - leave`, before `per_run`, and never the device's last one.
    pub fn left(&self, limits: &Attempts, flags: PinFlags) -> u32 {
        if flags.locked || flags.final_try {
            return 0;
        }
        limits.stop_at().saturating_sub(self.failures(flags)).min(limits.per_run.saturating_sub(self.in_run))
    }

    /// Why no try may be made now. `sources` are those that the value comes from.
    pub fn refuses(&self, limits: &Attempts, on: &CountedOn, sources: &[SourceVersion]) -> Option<BackendError> {
        let (flags, left) = (on.flags, self.left(limits, on.flags));
        let error = |code: &str, ja: String, en: String| {
            let error = BackendError::new(code, Text::new(ja, en));
            Some(error.with("used", self.failures(flags).to_string()).with("left", left.to_string()).with("device", &on.device))
        };
        let device = &on.device;
        if flags.locked {
            return error("PIN.LOCKED", format!("{device} はロックされています。"), format!("{device} is locked."));
        }
        if flags.final_try {
            return error("PIN.FINAL_TRY", format!("{device} は、あと1回まちがえるとロックされます。"), format!("{device} has one try left before it locks."));
        }
        if let Some(failed) = sources.iter().find(|source| self.failed.get(&source.source) == Some(&source.version)) {
            let (ja, en) = (&failed.source, &failed.source);
            return error(
                on.stopped,
                format!("{ja} の値は {device} で一度失敗しています。値が変わるまで、もう試しません。"),
                format!("the value of {en} failed once on {device}; it is not tried again until it has changed."),
            );
        }
        (left == 0).then(|| {
            let Attempts { limit, leave, per_run, .. } = limits;
            let used = self.failures(flags);
            error(
                on.stopped,
                format!("{device} では失敗が {used} 回続いています(上限{limit}回・{leave}回残して止める・1回の実行では{per_run}回まで)。"),
                format!("{device}: {used} failures in a row (limit {limit}, {leave} left alone, at most {per_run} in a run)."),
            )
        })?
    }
}

impl Walk<'_> {
    /// Says how many tries a step has left, and blocks one that has none or whose tries cannot be counted.
    pub(super) fn tries(&self, step: &Step, action: &BoundAction, entry: &mut PlanStep) {
        let declared = self.request.checked.attempts.get(&step.address);
        if matches!(entry.decision, Decision::Skip | Decision::Blocked) || declared.is_none() && !entry.spends_attempt {
            return;
        }
        let limits = declared.unwrap_or(&UNDECLARED);
        let mut tries = PlanTries { on: None, limit: limits.limit, leave: limits.leave, per_run: limits.per_run, used: None, left: None };
        match self.counted(step, action, limits, &mut tries) {
            Ok(()) => {}
            Err(error) => {
                entry.decision = Decision::Blocked;
                entry.reason = Some(Reason { say: error.cause, expr: None, waits_for: vec![] });
                entry.blocked = Some(Blocked { code: error.code, class: error.class, cure: error.cure });
            }
        }
        entry.tries = Some(tries);
    }

    fn counted(&self, step: &Step, action: &BoundAction, limits: &Attempts, tries: &mut PlanTries) -> Result<(), BackendError> {
        let manifest = &action.manifest;
        let Some((_, implementation)) = self.request.registry.find(manifest.name, manifest.major) else { return Err(not_counted(limits)) };
        let kind = implementation.kind();
        if self.world.tries.per_user() {
            let cause = Text::new(
                "試せる回数に限りがありますが、失敗の記録がこの利用者だけのものです。ほかの利用者の失敗が数に入りません。",
                "its tries are limited, but failures are recorded for this user only; those of other users would not count.",
            );
            return Err(BackendError::new("ATTEMPTS.PER_USER", cause));
        }
        if self.request.scope == LookScope::Offline {
            return Ok(());
        }
        let inputs = self.resolver().inputs_of(step.frame, action).known;
        let on = match kind.counted_on(&self.read_cx(&Sessions::default(), &[]), &inputs) {
            Ok(Some(on)) => on,
            Ok(None) => return Err(not_counted(limits)),
            // Which device it is, is known when the step runs.
            Err(_) => return Ok(()),
        };
        let recorded = recorded_as(self.world.backends.vault(), &self.request.private(), &on.device)?;
        let tally = recorded.as_ref().map(|device| self.world.tries.tally(device)).unwrap_or_default();
        // What nothing was counted on yet has no name that may be shown.
        let on = CountedOn { device: recorded.unwrap_or_else(|| self.request.private().hide_words(&on.device)), ..on };
        let sources = inputs.0.values().filter_map(|value| match value {
            Value::DeclaredSecret(secret) => self.world.tries.version(secret),
            _ => None,
        });
        tries.on = Some(on.device.clone());
        tries.used = Some(tally.failures(on.flags));
        tries.left = Some(tally.left(limits, on.flags));
        tally.refuses(limits, &on, &sources.collect::<Vec<_>>()).map_or(Ok(()), Err)
    }
}

fn not_counted(limits: &Attempts) -> BackendError {
    let cause = Text::new(
        format!("試せる回数に限りがあります({}回まで、{}回は残す)が、何について数えるのか分かりません", limits.limit, limits.leave),
        format!("its tries are limited (to {}, of which {} are left alone), and nothing says what counts them", limits.limit, limits.leave),
    );
    BackendError::new("ATTEMPTS.NOT_COUNTED", cause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn limits() -> Attempts {
        Attempts { limit: 10, leave: 5, per_run: 2, cite: vec![] }
    }

    fn on(flags: PinFlags) -> CountedOn {
        CountedOn { device: "token:1".to_owned(), flags, stopped: "PIN.STOPPED" }
    }

    fn code(tally: &Tally, flags: PinFlags, sources: &[SourceVersion]) -> Option<String> {
        tally.refuses(&limits(), &on(flags), sources).map(|error| error.code)
    }

    #[test]
    fn the_lowest_of_limit_run_and_device_wins() {
        let quiet = PinFlags::default();
        let tally = |used, in_run| Tally { used, in_run, ..Tally::default() };
        assert_eq!(tally(0, 0).left(&limits(), quiet), 2);
        assert_eq!(tally(4, 0).left(&limits(), quiet), 1);
        assert_eq!(tally(4, 2).left(&limits(), quiet), 0);
        assert_eq!(tally(5, 0).left(&limits(), quiet), 0);
        assert_eq!(tally(0, 0).left(&Attempts { limit: 2, leave: 1, per_run: 1, cite: vec![] }, PinFlags { count_low: true, ..quiet }), 0);
        assert_eq!(tally(0, 0).left(&limits(), PinFlags { final_try: true, ..quiet }), 0);
        assert_eq!(code(&tally(0, 0), PinFlags { locked: true, ..quiet }, &[]).unwrap(), "PIN.LOCKED");
        assert_eq!(code(&tally(0, 0), PinFlags { final_try: true, ..quiet }, &[]).unwrap(), "PIN.FINAL_TRY");
        assert_eq!(code(&tally(5, 0), quiet, &[]).unwrap(), "PIN.STOPPED");
        assert_eq!(code(&tally(4, 1), quiet, &[]), None);
    }

    #[test]
    fn a_source_that_failed_is_refused_until_its_version_changes() {
        let version = |version: &str| SourceVersion { source: "file:/pin".to_owned(), version: version.to_owned() };
        let tally = Tally { used: 1, failed: BTreeMap::from([("file:/pin".to_owned(), "1".to_owned())]), ..Tally::default() };
        assert_eq!(code(&tally, PinFlags::default(), &[version("1")]).unwrap(), "PIN.STOPPED");
        assert_eq!(code(&tally, PinFlags::default(), &[version("2")]), None);
        assert_eq!(code(&tally, PinFlags::default(), &[]), None, "a person may type another value");
    }
}
