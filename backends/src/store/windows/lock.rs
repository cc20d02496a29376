//! The exclusive lock of a store of Windows among kirikae's processes: a name of the machine that one of them can hold. Windows
//! itself locks nothing; the wizard of a person is not kept out.
//!
//! May use: [`crate::windows::process`]. Must not: wait past the caller's deadline or after it cancelled.

use std::thread;
use std::time::{Duration, Instant};

use kirikae_engine::backend::{BackendError, Call};
use kirikae_engine::text::Text;

use super::place::{Location, Place};
use super::refusal::{Doing, coded};
use crate::windows::process::{Held, hold};

/// How long somebody else's work in the store is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes the lock, waiting for another holder until the caller's deadline.
pub(super) fn take(place: &Place, call: &Call) -> Result<Held, BackendError> {
    let id = place.id();
    // The stores of a user are one account's, in all its sessions.
    let name = match place.location {
        Location::CurrentUser => format!("kirikae:{id}:{}", whoami::username().unwrap_or_default()),
        Location::LocalMachine => format!("kirikae:{id}"),
    };
    let until = Instant::now() + call.time_left(PATIENCE);
    loop {
        match hold(&name).map_err(|refusal| coded(Doing::Writing, &id, refusal.call, refusal.code))? {
            Some(held) => return Ok(held),
            None if call.cancel.is_cancelled() || Instant::now() >= until => {
                let cause = Text::new(format!("ほかの kirikae が保管先 {id} を使っています。"), format!("another kirikae is working in the store {id}."));
                return Err(BackendError::new("STORE.LOCKED", cause));
            }
            None => thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now()))),
        }
    }
}
