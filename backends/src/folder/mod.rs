//! Folders: places for files.
//!
//! May use: the folder port. Must not: know what the files mean.

pub(crate) mod durable;
