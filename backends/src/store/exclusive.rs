//! One caller at a time: an operating-system lock on a file or folder, gone with the process that held it.
//!
//! May use: file locks. Must not: wait past the caller's deadline or after it cancelled.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kirikae_engine::backend::{BackendError, Call};
use kirikae_engine::text::Text;

/// How long somebody else's work in the store is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The lock while it is held.
pub(super) struct Exclusive {
    _file: File,
}

/// Why the lock was not taken.
pub(super) enum Refused {
    /// Another holder kept it, or the caller stopped waiting: `STORE.LOCKED`.
    Busy(BackendError),
    /// The system says so.
    Io(io::Error),
}

impl Exclusive {
    /// Locks `file`, which stands for the store at `place`, waiting for another holder until the caller's deadline.
    pub(super) fn take(file: File, place: &Path, call: &Call) -> Result<Self, Refused> {
        let until = Instant::now() + call.time_left(PATIENCE);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(reason)) => return Err(Refused::Io(reason)),
                Err(TryLockError::WouldBlock) if call.cancel.is_cancelled() || Instant::now() >= until => {
                    let place = place.display();
                    return Err(Refused::Busy(BackendError::new(
                        "STORE.LOCKED",
                        Text::new(format!("ほかのプログラムが保管先 {place} を使っています。"), format!("another program is working in the store {place}.")),
                    )));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now()))),
            }
        }
    }
}
