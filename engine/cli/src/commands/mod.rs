//! One file per command: `Args`, and `run` that gives the exit code.

pub mod abandon;
pub mod actions;
pub mod answer;
pub mod apply;
pub mod attempts;
mod carry;
pub mod certs;
pub mod check;
pub mod coverage;
pub mod dry_run;
pub mod explain;
pub mod inspect;
#[cfg(feature = "lab")]
pub mod lab;
pub mod new;
pub mod plan;
#[cfg(feature = "lab")]
pub mod practice_person;
#[cfg(feature = "lab")]
pub mod rehearse;
pub mod restore;
pub mod resume;
pub mod runs;
pub mod saved;
pub mod schema;
pub mod secrets;
pub mod selftest;
pub mod show;
mod take_up;
#[cfg(feature = "playbook-tests")]
pub mod test;
#[cfg(feature = "playbook-tests")]
mod test_snapshot;
pub mod verify;
mod write_lock;
