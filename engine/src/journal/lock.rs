//! Locks of the state folder: a run is driven by one process at a time, and so is the opening of the journal.

use std::fs::{File, OpenOptions, create_dir_all};
use std::path::Path;

use fs4::{FileExt, TryLockError};

use super::error::{JournalError, unfinished};
use crate::text::Text;

/// The lock of a run, held while its process lives.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "held for its lock")] File);

impl RunLock {
    /// Takes the lock of a run.
    ///
    /// # Errors
    /// `RUN.UNFINISHED` if another process drives it; `JOURNAL.READONLY`.
    pub fn take(folder: &Path, run: &str) -> Result<Self, JournalError> {
        let file = lock_file(folder, run)?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(JournalError {
                cure: Text::new("ほかの窓で動いています。終わるのを待ってください。", "it is running elsewhere; wait for it to end."),
                ..unfinished(run)
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Held for the moment in which the journal is opened.
#[derive(Debug)]
pub(super) struct OpeningLock(#[expect(dead_code, reason = "held for its lock")] File);

impl OpeningLock {
    /// Waits until no other process opens the journal of this folder.
    ///
    /// # Errors
    /// `JOURNAL.READONLY`.
    pub(super) fn take(folder: &Path) -> Result<Self, JournalError> {
        let file = lock_file(folder, "journal")?;
        FileExt::lock(&file).map_err(failed)?;
        Ok(Self(file))
    }
}

/// Held while a run is begun whose approvals are counted by the day: no other is begun meanwhile.
#[derive(Debug)]
pub struct DayLock(#[expect(dead_code, reason = "held for its lock")] File);

impl DayLock {
    /// Waits until no other process counts.
    ///
    /// # Errors
    /// `JOURNAL.READONLY`.
    pub fn take(folder: &Path) -> Result<Self, JournalError> {
        let file = lock_file(folder, "approvals")?;
        FileExt::lock(&file).map_err(failed)?;
        Ok(Self(file))
    }
}

pub(super) fn lock_file(folder: &Path, name: &str) -> Result<File, JournalError> {
    let locks = folder.join("locks");
    create_dir_all(&locks).map_err(failed)?;
    OpenOptions::new().create(true).truncate(false).write(true).open(locks.join(format!("{name}.lock"))).map_err(failed)
}

pub(super) fn failed(error: std::io::Error) -> JournalError {
    JournalError {
        code: "JOURNAL.READONLY",
        cause: Text::new(format!("状態フォルダに錠を作れません: {error}"), format!("cannot make a lock in the state folder: {error}")),
        cure: Text::new("状態フォルダに書き込めるようにしてください。", "make the state folder writable."),
    }
}
