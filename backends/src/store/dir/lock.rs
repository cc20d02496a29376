//! The store's exclusive lock: an operating-system lock on `.lock`, gone with the process that held it.
//!
//! May use: file locks. Must not: wait past the caller's deadline or after it cancelled.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kirikae_engine::backend::{BackendError, Call};
use kirikae_engine::text::Text;

use super::error::unwritable;

/// How long somebody else's work in the store is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The lock while it is held.
pub(super) struct LockFile {
    _file: File,
}

impl LockFile {
    /// Takes the lock of the store in `folder`, waiting for another holder until the caller's deadline.
    pub(super) fn take(folder: &Path, call: &Call) -> Result<Self, BackendError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(folder.join(".lock")).map_err(|reason| unwritable(folder, &reason))?;

        let until = Instant::now() + call.time_left(PATIENCE);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(reason)) => return Err(unwritable(folder, &reason)),
                Err(TryLockError::WouldBlock) if call.cancel.is_cancelled() || Instant::now() >= until => {
                    let folder = folder.display();
                    return Err(BackendError::new(
                        "STORE.LOCKED",
                        Text::new(format!("ほかのプログラムが保管先 {folder} を使っています。"), format!("another program is working in the store {folder}.")),
                    ));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now()))),
            }
        }
    }
}
