//! A clock that stands still until it is moved.

use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::locked;
use crate::clock::Clock;

/// A clock for tests.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// A clock at this instant (`2026-11-23T01:00:00Z`).
    pub fn at(instant: &str) -> Self {
        Self(Mutex::new(instant.parse().expect("an instant")))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        *locked(&self.0) += SignedDuration::try_from(by).expect("a duration");
    }

    /// Sets it, also backwards.
    pub fn set(&self, to: Timestamp) {
        *locked(&self.0) = to;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *locked(&self.0)
    }
}
