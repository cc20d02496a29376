//! One counted try, from the right to make it to how it ended (`runs.md` 5).
//!
//! The order is the safety: lock, read what is recorded and what the device says, refuse or count on disk, try, write the end down,
//! unlock. What is not proved to have gone well stays counted, and its source is not asked again.
//! [`Try`] is pure; [`HeldTry`] keeps others out while it lives. Must not: hold a value.

use std::collections::BTreeMap;
use std::path::Path;

use super::counted::Counted;
use super::driver::RunError;
use super::event::{EventBody, TryEnd};
use crate::action::{CountedOn, Tried};
use crate::backend::{BackendError, Class, PinFlags};
use crate::check::Attempts;
use crate::journal::AttemptLock;
use crate::plan::{SourceVersion, Tally};
use crate::text::Text;

/// What the main loop knows of a device and of the values that are to be tried on it.
pub(crate) struct Known {
    /// What is recorded.
    pub(crate) tally: Tally,
    /// The count began anew after the try that is taken up was counted.
    pub(crate) anew: bool,
    /// The run in which somebody else was asked to try it, and has not answered.
    pub(crate) busy: Option<String>,
    /// Failures are recorded for one OS account only, which the site does not allow.
    pub(crate) per_user: bool,
    /// Declared secrets among the values: name, and the source that it came from; none: a person typed it.
    pub(crate) values: Vec<(Option<String>, Option<SourceVersion>)>,
}

/// A try that may be made.
pub(crate) struct Try {
    device: String,
    limits: Attempts,
    used: u32,
    in_run: u32,
    secrets: Vec<String>,
    sources: BTreeMap<String, String>,
}

/// A try that nobody else can make while this lives.
pub(super) struct HeldTry {
    made: Try,
    _lock: AttemptLock,
}

impl std::ops::Deref for HeldTry {
    type Target = Try;

    fn deref(&self) -> &Try {
        &self.made
    }
}

impl HeldTry {
    /// Takes the right to try `device`: waits for others, then asks what is recorded (`known`) and what the device says (`look`).
    ///
    /// # Errors
    /// `ATTEMPTS.BUSY`, `ATTEMPTS.PER_USER`, `PIN.LOCKED`, `PIN.FINAL_TRY`, `PIN.STOPPED`, `LOGIN.STOPPED`; those of the look.
    pub(super) fn begin(
        folder: &Path,
        device: &str,
        limits: &Attempts,
        look: impl FnOnce() -> Result<CountedOn, BackendError>,
        known: impl FnOnce(&str) -> Result<Known, BackendError>,
    ) -> Result<Self, BackendError> {
        let lock = AttemptLock::take(folder, device).map_err(|error| counting_failed(error.into()))?;
        let known = known(device)?;
        Ok(Self { made: Try::new(look()?, limits, known)?, _lock: lock })
    }

    /// Takes up a try that was counted before a person was asked; their answer is there.
    ///
    /// # Errors
    /// `ATTEMPTS.BUSY`, `JOURNAL.*`.
    pub(super) fn go_on(
        folder: &Path,
        counted: &Counted,
        limits: &Attempts,
        known: impl FnOnce(&str) -> Result<Known, BackendError>,
    ) -> Result<Self, BackendError> {
        let lock = AttemptLock::take(folder, &counted.on).map_err(|error| counting_failed(error.into()))?;
        Ok(Self { made: Try::again(counted, limits, known(&counted.on)?), _lock: lock })
    }
}

impl Try {
    /// The next try of a device.
    ///
    /// # Errors
    /// `ATTEMPTS.BUSY`, `ATTEMPTS.PER_USER`, `PIN.LOCKED`, `PIN.FINAL_TRY`, `PIN.STOPPED`, `LOGIN.STOPPED`.
    pub(crate) fn new(on: CountedOn, limits: &Attempts, known: Known) -> Result<Self, BackendError> {
        let device = on.device.as_str();
        if known.per_user {
            let cause =
                Text::new(format!("{device} の失敗の記録が、この利用者だけのものです。"), format!("failures of {device} are recorded for this user only."));
            return Err(BackendError::new("ATTEMPTS.PER_USER", cause));
        }
        if let Some(run) = &known.busy {
            let cause = Text::new(
                format!("{device} は、実行 {run} が人に試してもらっているところで、まだ答えがありません。"),
                format!("{device} is being tried by a person for run {run}, who has not answered yet."),
            );
            return Err(BackendError::new("ATTEMPTS.BUSY", cause));
        }
        let sources: Vec<SourceVersion> = known.values.iter().filter_map(|(_, source)| source.clone()).collect();
        if let Some(refused) = known.tally.refuses(limits, &on, &sources) {
            return Err(refused);
        }
        Ok(Self {
            used: known.tally.used.max(u32::from(on.flags.count_low)) + 1,
            in_run: known.tally.in_run + 1,
            secrets: known.values.into_iter().filter_map(|(name, _)| name).collect(),
            sources: sources.into_iter().map(|source| (source.source, source.version)).collect(),
            limits: limits.clone(),
            device: on.device,
        })
    }

    /// A try that was counted before. Somebody may have cleared the count since: then it is the first of a new one.
    pub(crate) fn again(counted: &Counted, limits: &Attempts, known: Known) -> Self {
        Self {
            device: counted.on.clone(),
            used: if known.anew { known.tally.used + 1 } else { known.tally.used.max(counted.used) },
            in_run: known.tally.in_run.max(1),
            secrets: known.values.into_iter().filter_map(|(name, _)| name).collect(),
            sources: counted.sources.clone(),
            limits: limits.clone(),
        }
    }

    /// The event that must be on disk before the try.
    pub(crate) fn counted(&self, step: &str) -> EventBody {
        EventBody::AttemptCounted { step: step.to_owned(), on: self.device.clone(), used: self.used, sources: self.sources.clone() }
    }

    /// The event of its end; `error` is what the other side answered, none if it let the run in, and what the action says of it.
    pub(crate) fn ended(&self, step: &str, error: Option<(&BackendError, Option<Tried>)>) -> EventBody {
        let end = error.map_or(TryEnd::Proved, |(error, tried)| judged(error, tried));
        EventBody::AttemptEnded {
            step: step.to_owned(),
            on: self.device.clone(),
            end,
            used: error.filter(|_| end != TryEnd::Proved).map_or(0, |(error, _)| self.failures(error)),
            sources: self.sources.keys().cloned().collect(),
            secrets: if end == TryEnd::Failed { self.secrets.clone() } else { vec![] },
        }
    }

    /// What a person who makes the try is told first.
    pub(crate) fn remark(&self) -> Text {
        let before = Tally { used: self.used - 1, in_run: self.in_run - 1, failed: BTreeMap::new() };
        let (failures, left) = (before.used, before.left(&self.limits, PinFlags::default()));
        Text::new(
            format!(
                "回数に限りがあります。記録では続けて{failures}回失敗していて、試せるのは今回を入れてあと{left}回です。確かでなければ、入れずに「いいえ」と答えてください。"
            ),
            format!(
                "Tries are limited: {failures} failures in a row on record, {left} may still be made, this one included. If you are not sure, type nothing and answer no."
            ),
        )
    }

    /// The error with the count in it, for `error.used` and `error.left`.
    pub(crate) fn told(&self, error: BackendError, tried: Option<Tried>) -> BackendError {
        let right = tried == Some(Tried::Right);
        let used = if right { 0 } else { self.failures(&error) };
        let tally = Tally { used, in_run: if right { 0 } else { self.in_run }, failed: BTreeMap::new() };
        let left = tally.left(&self.limits, PinFlags::default());
        error.with("used", used.to_string()).with("left", left.to_string()).with("device", self.device.clone())
    }

    /// Failures in a row after this one. What the device says of itself wins where it is worse.
    fn failures(&self, error: &BackendError) -> u32 {
        match error.code.as_str() {
            "PIN.LOCKED" | "LOGIN.LOCKED" => self.used.max(self.limits.limit),
            "PIN.FINAL_TRY" => self.used.max(self.limits.limit.saturating_sub(1)),
            _ => self.used,
        }
    }
}

/// What an error says of the value, unless the action knows better. Only what ends before the value is sent leaves it untried; everything else may have spent the try.
fn judged(error: &BackendError, tried: Option<Tried>) -> TryEnd {
    match tried {
        Some(Tried::Right) => return TryEnd::Proved,
        Some(Tried::Wrong) => return TryEnd::Failed,
        Some(Tried::Unknown) => return TryEnd::NotJudged,
        None => {}
    }
    let before = ["NET.", "KEY.", "STORE.", "BACKEND."];
    // Nor does a person who says that they did not do it.
    let untried = [
        "HUMAN.DECLINED",
        "PORTAL.BUSY",
        "PORTAL.CLOSED",
        "PORTAL.PAGE_UNKNOWN",
        "PORTAL.NEEDS_SCRIPT",
        "PORTAL.NEEDS_PERSON",
        "PORTAL.CERT_REJECTED",
        "TOKEN.ABSENT",
    ];
    let code = error.code.as_str();
    if error.class != Class::Ambiguous && (before.iter().any(|area| code.starts_with(area)) || untried.contains(&code)) {
        TryEnd::NotJudged
    } else {
        TryEnd::Failed
    }
}

fn counting_failed(error: RunError) -> BackendError {
    let busy = error.code == "ATTEMPTS.BUSY";
    let error = BackendError::from(error);
    if busy { error.class(Class::Transient) } else { error }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn limits() -> Attempts {
        Attempts { limit: 10, leave: 5, per_run: 2, cite: vec![] }
    }

    fn begun(folder: &Path, used: u32) -> Result<HeldTry, BackendError> {
        let on = CountedOn { device: "token:1".to_owned(), flags: PinFlags::default(), stopped: "PIN.STOPPED" };
        let source = SourceVersion { source: "file:/pin".to_owned(), version: "1".to_owned() };
        let known =
            Known { tally: Tally { used, ..Tally::default() }, anew: false, busy: None, per_user: false, values: vec![(Some("pin".to_owned()), Some(source))] };
        HeldTry::begin(folder, "token:1", &limits(), || Ok(on), |_| Ok(known))
    }

    #[test]
    fn only_a_proof_lowers_the_count_and_frees_the_source() {
        let home = tempfile::tempdir().unwrap();
        let made = begun(home.path(), 3).unwrap();
        let end = |error: Option<&BackendError>| match made.ended("unlock", error.map(|error| (error, None))) {
            EventBody::AttemptEnded { end, used, secrets, .. } => (end, used, secrets),
            other => panic!("{other:?}"),
        };
        let error = |code: &str| BackendError::new(code, Text::plain(code));
        let forgotten = || vec!["pin".to_owned()];
        assert_eq!(end(None), (TryEnd::Proved, 0, vec![]));
        assert_eq!(end(Some(&error("PIN.INCORRECT"))), (TryEnd::Failed, 4, forgotten()));
        assert_eq!(end(Some(&error("TOKEN.FAILED"))), (TryEnd::Failed, 4, forgotten()), "a driver that only says that it failed");
        assert_eq!(end(Some(&error("PORTAL.RESULT_UNKNOWN"))), (TryEnd::Failed, 4, forgotten()), "a lost answer");
        assert_eq!(end(Some(&error("SITE.OWN_CODE"))), (TryEnd::Failed, 4, forgotten()));
        assert_eq!(end(Some(&error("PIN.FINAL_TRY"))), (TryEnd::Failed, 9, forgotten()));
        assert_eq!(end(Some(&error("PIN.LOCKED"))), (TryEnd::Failed, 10, forgotten()));
        assert_eq!(end(Some(&error("NET.UNREACHABLE"))), (TryEnd::NotJudged, 4, vec![]), "it stays counted");
    }

    #[test]
    fn the_count_is_told_with_the_error() {
        let home = tempfile::tempdir().unwrap();
        let told = begun(home.path(), 3).unwrap().told(BackendError::new("PIN.INCORRECT", Text::plain("-")), None);
        assert_eq!((told.data["used"].as_str(), told.data["left"].as_str(), told.data["device"].as_str()), ("4", "1", "token:1"));
    }
}
