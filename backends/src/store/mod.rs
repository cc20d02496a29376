//! Stores: places that keep certificates with their keys.
//!
//! May use: the store port. Must not: know what a playbook wants of them.

pub mod dir;
pub mod key_pair;
pub mod p12;
pub mod signer;
