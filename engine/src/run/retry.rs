//! How long to wait before a step is tried again: doubled each time, up to 15 minutes, with full jitter.
//!
//! The jitter comes from a hash, so that terminals that failed together do not come back together, and a run that is taken up
//! again waits as long as it would have. Must not: draw random numbers, read a clock.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use sha2::{Digest, Sha256};

/// Waits are doubled up to this.
const LONGEST: Duration = Duration::from_mins(15);

/// The longest wait before the `nth` re-try, from 1.
pub fn longest_wait(first: Duration, nth: u32) -> Duration {
    first.saturating_mul(2u32.saturating_pow(nth.saturating_sub(1).min(30))).min(LONGEST)
}

/// The wait before the `nth` re-try of a step: evenly spread from nothing to [`longest_wait`], in whole milliseconds.
pub fn wait(first: Duration, nth: u32, run: &str, step: &str) -> Duration {
    let mut hash = Sha256::new();
    for part in [run.as_bytes(), step.as_bytes(), &nth.to_be_bytes()] {
        // Lengths keep `a` + `bc` apart from `ab` + `c`.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let draw = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let most = longest_wait(first, nth).as_millis();
    let share = (u128::from(draw) * (most + 1)) >> 64;
    Duration::from_millis(u64::try_from(share).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    proptest! {
        #[test]
        fn a_wait_is_within_its_bound_and_always_the_same(seconds in 1u64..=900, nth in 1u32..=100, run in "[0-9]{8}-[a-z0-9]{6}", step in "[a-z/]{1,40}") {
            let first = Duration::from_secs(seconds);
            let waits = wait(first, nth, &run, &step);
            prop_assert!(waits <= longest_wait(first, nth));
            prop_assert!(longest_wait(first, nth) <= LONGEST);
            prop_assert_eq!(waits, wait(first, nth, &run, &step));
        }

        #[test]
        fn bounds_double_until_the_longest(seconds in 1u64..=900, nth in 1u32..=40) {
            let first = Duration::from_secs(seconds);
            prop_assert_eq!(longest_wait(first, nth + 1), (longest_wait(first, nth) * 2).min(LONGEST));
        }
    }

    #[test]
    fn runs_steps_and_tries_wait_differently_over_the_whole_range() {
        let waits: Vec<Duration> = (0..200).map(|run| wait(MINUTE, 1, &format!("20261123-{run:06}"), "fetch")).collect();
        let below = waits.iter().filter(|wait| **wait < MINUTE / 2).count();
        assert!((60..140).contains(&below), "{below} of 200 in the lower half");
        assert!(waits.iter().any(|wait| *wait < MINUTE / 10) && waits.iter().any(|wait| *wait > MINUTE * 9 / 10));
        assert_ne!(wait(MINUTE, 1, "r", "fetch"), wait(MINUTE, 1, "r", "issued"));
        assert_ne!(wait(LONGEST, 1, "r", "fetch"), wait(LONGEST, 2, "r", "fetch"));
    }
}
