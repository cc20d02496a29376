//! Folders: places for files (backups, downloads, a CD-ROM).
//!
//! May use: the folder port. Must not: know what the files mean.

pub mod dir;
pub(crate) mod durable;
