//! The journal: events of all runs in one SQLite file, hash-chained per run; claims, commitments, blobs (`runs.md` 8).
//!
//! May use: `run` events, `action` intents. Must not: decide anything; hold a secret.
#![expect(clippy::disallowed_methods, reason = "the state folder is files, and the journal is what keeps them")]

mod attempts;
pub(crate) mod blob;
mod chain;
mod db;
mod error;
mod lock;
pub(crate) mod place;
mod power;
mod tables;

pub use attempts::{AttemptLock, AttemptRow};
pub use chain::{ChainFault, STATE_RUN, link};
pub use db::{Commitment, Journal, RunRow, Verified};
pub use error::{JournalError, used};
pub use lock::{DayLock, RunLock};
pub(crate) use place::is_reserved;
pub use place::{PlaceError, check_place, release, reserve};
#[cfg(feature = "testing")]
pub use power::Cut;
