//! What every port method is told about the call (`runs.md` 1).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// The circumstances of one call of a port.
#[derive(Clone, Debug)]
pub struct Call {
    /// When the caller stops waiting; `None` waits as long as the backend's own limits say.
    pub deadline: Option<Instant>,
    /// Set when the run is being stopped.
    pub cancel: CancelToken,
    /// Stable over attempts.
    pub key: IdempotencyKey,
    /// From 1.
    pub attempt: u32,
}

impl Call {
    /// A call outside a run (a plan, a listing).
    pub fn unattached() -> Self {
        Self { deadline: None, cancel: CancelToken::default(), key: IdempotencyKey::new("", ""), attempt: 1 }
    }

    /// The time left until the deadline, at most `limit`.
    #[expect(clippy::disallowed_methods, reason = "the rest of a call is counted by the machine's own clock, which no one sets back")]
    pub fn time_left(&self, limit: Duration) -> Duration {
        self.deadline.map_or(limit, |at| at.saturating_duration_since(Instant::now()).min(limit))
    }
}

/// The idempotency key: SHA-256 of run id and step path, hex.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a step of a run.
    pub fn new(run: &str, step: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update((run.len() as u64).to_be_bytes());
        hash.update(run);
        hash.update(step);
        Self(hex::encode(hash.finalize()))
    }

    /// The key as 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({}..)", &self.0[..8])
    }
}

/// Tells calls in flight that the run is being stopped. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Long work says that it is not done yet.
#[derive(Debug)]
pub enum Progress<T> {
    /// The work is done.
    Done(T),
    /// Ask again after `retry_after`, handing back `cookie` (opaque, no secret; it is journaled).
    Pending {
        /// How long to wait.
        retry_after: Duration,
        /// What the backend needs to go on.
        cookie: Vec<u8>,
    },
}
