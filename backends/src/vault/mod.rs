//! The vault: secrets at rest.
//!
//! May use: the vault port. Must not: show, log or compare a value.

pub mod age;
