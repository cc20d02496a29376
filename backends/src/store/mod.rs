//! Stores: places that keep certificates with their keys.
//!
//! May use: the store port. Must not: know what a playbook wants of them.

pub mod dir;
mod exclusive;
pub mod key_pair;
#[cfg(target_os = "linux")]
pub mod nss;
pub mod p12;
pub mod signer;
pub mod windows;
