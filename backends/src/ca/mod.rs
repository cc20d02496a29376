//! Backends of the `ca` and `web` roles.
//!
//! May use: the engine's ports. Must not: know playbooks, plans or runs.

pub mod portal;
