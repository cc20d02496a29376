//! The store's exclusive lock: on `.lock`, which stays behind empty.
//!
//! May use: file locks. Must not: wait past the caller's deadline or after it cancelled.

use std::fs::OpenOptions;
use std::path::Path;

use kirikae_engine::backend::{BackendError, Call};

use super::super::exclusive::{Exclusive, Refused};
use super::error::unwritable;

/// Takes the lock of the store in `folder`, waiting for another holder until the caller's deadline.
pub(super) fn take(folder: &Path, call: &Call) -> Result<Exclusive, BackendError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(".lock")).map_err(|reason| unwritable(folder, &reason))?;
    Exclusive::take(file, folder, call).map_err(|refused| match refused {
        Refused::Busy(error) => error,
        Refused::Io(reason) => unwritable(folder, &reason),
    })
}
