//! A run is driven by one process at a time.

use std::fs::{File, OpenOptions, create_dir_all};
use std::path::Path;

use fs4::{FileExt, TryLockError};

use super::db::{JournalError, unfinished};
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
        let failed = |error: std::io::Error| JournalError {
            code: "JOURNAL.READONLY",
            cause: Text::new(format!("実行の錠を作れません: {error}"), format!("cannot make the run's lock: {error}")),
            cure: Text::new("状態フォルダに書き込めるようにしてください。", "make the state folder writable."),
        };
        let locks = folder.join("locks");
        create_dir_all(&locks).map_err(failed)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(locks.join(format!("{run}.lock"))).map_err(failed)?;
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
