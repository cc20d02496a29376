//! Time as an input: whoever needs "now" is given a clock.

mod rules;

use jiff::Timestamp;

pub use rules::{is_right, stepped_back};

/// Tells the wall-clock time. It need not be monotonic; the run notices when it steps back.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place where time comes from")]
        Timestamp::now()
    }
}
