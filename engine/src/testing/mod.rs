//! Strict fakes of every port, in memory, for tests, the simulation and the benches (feature `testing`).
//!
//! They do what the ports promise and nothing more, and they *panic* where the real ones would forgive: a committing
//! request without a look in its session, a second one without a conclusive look, a deletion of what was not looked at,
//! a sending outside a run. Faults are asked for by name and happen once each, in order.
//! May use: the ports, actions. Must not: be reached by anything that carries out a real run; the program has it for `kirikae test` alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod certs;
mod clock;
pub mod contract;
mod crash;
mod desk;
mod drive;
mod folder;
mod gate;
mod host;
mod p12;
pub mod playbook;
mod portal;
mod profile;
mod shipped;
pub mod sim;
pub mod situations;
mod store;
mod token;
mod vault;
mod world;

pub use certs::{ISSUER, certificate, certificate_of, day, root_certificate, stored};
pub use clock::FixedClock;
pub use crash::{CrashCase, CrashFault, CrashReport, crash_matrix};
pub use desk::{Desk, planned};
pub use drive::{Drive, Nobody, Willing, carry_out};
pub use folder::{FakeFolder, FakeNotifier};
pub use gate::{Gate, HeldFolder, HeldNotifier, HeldPortal};
pub use host::FakeHost;
pub use p12::FakeP12;
pub use portal::{FakePortal, Fault, Issue, ListedRow};
pub use profile::obn_profile;
pub use shipped::Shipped;
pub use store::FakeStore;
pub use token::{FakeToken, FakeTokens};
pub use vault::{FakeBlobs, FakeSecrets, FakeSink, FakeVault};
pub use world::{Attempt, Ended, World, inputs};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a panicking test does not spoil for the next look.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
