//! The kirikae engine: `Text -> Document -> Checked -> Plan -> Run`.
//!
//! Purpose: everything that decides. It reads playbooks, checks them, plans, and carries plans out
//! against *ports* (see [`backend`]).
//! May use: plain data, the ports, SQLite for the journal.
//! Must not: print, read the environment, end the process, name a concrete backend. Time, files, threads and random values are inputs;
//! the lists of `clippy.toml` say which calls that rules out, and the few edges where one stands say why.
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod action;
pub mod backend;
pub mod check;
pub mod clock;
pub mod dsl;
pub mod explain;
pub mod journal;
pub mod plan;
pub mod run;
pub mod secret;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
