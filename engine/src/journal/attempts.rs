//! Counted tries: one row per device or account, and the lock that is held from before a try is counted until its end is written down.
//!
//! Must not: hold a value or a digest of one. A source is named with its version, never with what it gave.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::db::{Journal, execute, timestamp};
use super::error::JournalError;
use super::lock::{failed, lock_file};
use crate::plan::sha256_hex;
use crate::run::{Event, EventBody, Settled, TryEnd};
use crate::text::Text;

/// So long somebody else's try is waited for: longer than a token or a site takes to answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is recorded of a device or an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// `token:<serial>`, `account:<user>@<address>`, or `elsewhere:<what the playbook counts on>`.
    pub device: String,
    /// Failures in a row.
    pub used: u32,
    /// When the last try was made.
    pub at: Timestamp,
    /// Sources whose value failed, with the version that did.
    pub failed: BTreeMap<String, String>,
}

/// The right to try a device. One process at a time has it; a process that dies gives it back.
#[derive(Debug)]
pub struct AttemptLock(#[expect(dead_code, reason = "held for its lock")] File);

impl AttemptLock {
    /// Waits for the right to try a device, for a minute and a half at most.
    ///
    /// # Errors
    /// `ATTEMPTS.BUSY`, `JOURNAL.READONLY`.
    #[expect(clippy::disallowed_methods, reason = "a lock gives no notice; how long it was waited for is counted by the machine's own clock")]
    pub fn take(folder: &Path, device: &str) -> Result<Self, JournalError> {
        let file = lock_file(folder, &format!("attempts-{}", &sha256_hex(device.as_bytes())[..32]))?;
        let begun = Instant::now();
        loop {
            match FileExt::try_lock(&file) {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => {
                    return Err(JournalError {
                        code: "ATTEMPTS.BUSY",
                        cause: Text::new(format!("{device} は、ほかの実行が試しています。"), format!("{device} is being tried by another run.")),
                        cure: Text::new("その実行が終わってから、もう一度行ってください。", "try again when the other run has ended."),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

impl Journal {
    /// Everything that was ever counted, by device.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn attempts(&self) -> Result<Vec<AttemptRow>, JournalError> {
        let mut statement = self.connection().prepare("SELECT device, used, at, source FROM attempts ORDER BY device")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        rows.map(|row| Ok(row_of(row?))).collect()
    }

    /// Says that the state folder is one OS account's and that the site does not allow counting there: a counted step is refused.
    pub fn refuse_counting(&mut self) {
        *self.per_user_mut() = true;
    }

    /// What is recorded of one device or account.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn attempt(&self, device: &str) -> Result<Option<AttemptRow>, JournalError> {
        let mut statement = self.connection().prepare_cached("SELECT device, used, at, source FROM attempts WHERE device=?1")?;
        let row = statement.query_row([device], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).optional()?;
        Ok(row.map(row_of))
    }

    /// The events about a device or account, of all runs, oldest first: run and event.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn attempt_events(&self, device: &str) -> Result<Vec<(String, Event)>, JournalError> {
        let sql = "SELECT run, seq, at, kind, body FROM events WHERE kind IN ('AttemptCounted', 'AttemptEnded', 'AttemptsCleared') ORDER BY at, run, seq";
        let mut statement = self.connection().prepare(sql)?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?, row.get::<_, String>(4)?))
        })?;
        let mut found = vec![];
        for row in rows {
            let (run, seq, at, kind, body) = row?;
            let Some(event) = super::db::read_event(seq, at, &kind, &body) else { continue };
            let about = match &event.body {
                EventBody::AttemptCounted { on, .. } | EventBody::AttemptEnded { on, .. } | EventBody::AttemptsCleared { on, .. } => on == device,
                _ => false,
            };
            if about {
                found.push((run, event));
            }
        }
        Ok(found)
    }

    /// Whether the count of a device or account began anew, by a proved try or by hand, after this event of this run.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn began_anew(&self, device: &str, run: &str, seq: u64) -> Result<bool, JournalError> {
        // Rows are numbered in the order in which they were written, over all runs.
        let sql = "SELECT seq, at, kind, body FROM events WHERE rowid > (SELECT rowid FROM events WHERE run=?1 AND seq=?2)
                   AND kind IN ('AttemptEnded', 'AttemptsCleared')";
        let mut statement = self.connection().prepare(sql)?;
        let rows = statement.query_map(params![run, i64::try_from(seq).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
        })?;
        for row in rows {
            let (seq, at, kind, body) = row?;
            let Some(event) = super::db::read_event(seq, at, &kind, &body) else { continue };
            match &event.body {
                EventBody::AttemptEnded { on, end: TryEnd::Proved, .. } | EventBody::AttemptsCleared { on, .. } if on == device => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// The run in which somebody was asked to make a try on this device and has not answered yet; not `step` of `run` itself.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn tried_by_somebody(&self, device: &str, run: &str, step: &str) -> Result<Option<String>, JournalError> {
        if self.attempt(device)?.is_none_or(|row| row.used == 0) {
            return Ok(None);
        }
        // Few runs are not finished; of those that are, nothing is read.
        let sql = "SELECT e.run, e.seq, e.at, e.kind, e.body FROM runs r CROSS JOIN events e ON e.run=r.run
                   WHERE r.phase<>'ended' AND e.kind IN ('AttemptCounted', 'AttemptEnded', 'HumanAsked', 'HumanAnswered') ORDER BY e.run, e.seq";
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?, row.get::<_, String>(4)?)))?;
        let mut open: BTreeMap<(String, String), bool> = BTreeMap::new();
        for row in rows {
            let (of, seq, at, kind, body) = row?;
            let Some(event) = super::db::read_event(seq, at, &kind, &body) else { continue };
            let Some(key) = event.body.step().map(|step| (of, step.to_owned())) else { continue };
            match event.body {
                EventBody::AttemptCounted { on, .. } if on == device => drop(open.insert(key, false)),
                EventBody::AttemptEnded { .. } | EventBody::AttemptCounted { .. } | EventBody::HumanAnswered { settled: Some(Settled::NotDone), .. } => {
                    open.remove(&key);
                }
                EventBody::HumanAsked { .. } => drop(open.get_mut(&key).map(|asked| *asked = true)),
                _ => {}
            }
        }
        open.remove(&(run.to_owned(), step.to_owned()));
        Ok(open.into_iter().find(|(_, asked)| *asked).map(|((run, _), _)| run))
    }

    /// Starts the count of a device anew, in the journal of what happens outside runs. Nobody may be trying it.
    ///
    /// # Errors
    /// `ATTEMPTS.BUSY`, `JOURNAL.*`.
    pub fn clear_attempts(&mut self, wall: Timestamp, device: &str, by: &str, account: &str, reason: &str) -> Result<Event, JournalError> {
        let _nobody_else = AttemptLock::take(self.folder(), device)?;
        let [on, by, account, reason] = [device, by, account, reason].map(str::to_owned);
        self.append_state(wall, EventBody::AttemptsCleared { on, by, account, reason })
    }
}

type Columns = (String, u32, i64, Option<String>);

fn row_of((device, used, at, source): Columns) -> AttemptRow {
    AttemptRow { device, used, at: timestamp(at), failed: source.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default() }
}

/// What an event means for the rows; in the transaction that writes it down.
pub(super) fn follow(transaction: &Transaction<'_>, at: i64, body: &EventBody) -> Result<(), JournalError> {
    match body {
        EventBody::AttemptCounted { on, used, sources, .. } => {
            let mut failed = failed_on(transaction, on)?;
            failed.extend(sources.clone());
            write(transaction, at, on, *used, &failed)
        }
        EventBody::AttemptEnded { on, used, end, sources, .. } => {
            let mut failed = failed_on(transaction, on)?;
            if !end.judged_wrong() {
                failed.retain(|source, _| !sources.contains(source));
            }
            write(transaction, at, on, *used, &failed)
        }
        EventBody::AttemptsCleared { on, .. } => {
            execute(transaction, "DELETE FROM attempts WHERE device=?1", [on])?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn failed_on(transaction: &Transaction<'_>, device: &str) -> Result<BTreeMap<String, String>, JournalError> {
    let known: Option<Option<String>> =
        transaction.prepare_cached("SELECT source FROM attempts WHERE device=?1")?.query_row([device], |row| row.get(0)).optional()?;
    Ok(known.flatten().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn write(transaction: &Transaction<'_>, at: i64, device: &str, used: u32, failed: &BTreeMap<String, String>) -> Result<(), JournalError> {
    let source = (!failed.is_empty()).then(|| serde_json::to_string(failed).unwrap_or_default());
    execute(transaction, "INSERT OR REPLACE INTO attempts VALUES(?1, ?2, ?3, ?4)", params![device, used, at, source])?;
    Ok(())
}
