//! The folder port: a place for files (backups, downloads, a CD-ROM).

use std::fmt::Debug;

use jiff::Timestamp;

use super::{BackendError, Call, Capabilities};

/// A file in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name in the folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Last change.
    pub modified: Timestamp,
}

/// Reads of a folder.
pub trait FolderRead: Debug + Send + Sync {
    /// Stable identity (`folder:/path`).
    fn id(&self) -> &str;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// Whether a backup here is the bare PKCS#12 (`plain: true`) or wrapped for the vault's recipients.
    fn plain(&self) -> bool;
    /// Regular files directly in it, by name.
    ///
    /// # Errors
    /// `FOLDER.ABSENT`.
    fn list(&self, call: &Call) -> Result<Vec<FileEntry>, BackendError>;
    /// The content of a file of at most `limit` bytes.
    ///
    /// # Errors
    /// `FILE.NOT_FOUND`, `FILE.TOO_BIG`, `FILE.BAD_NAME`, `FOLDER.ABSENT`.
    fn read(&self, call: &Call, name: &str, limit: u64) -> Result<Vec<u8>, BackendError>;
    /// Shows that a file could be written now (create, fsync, rename, remove).
    ///
    /// # Errors
    /// `FOLDER.ABSENT`, `FOLDER.READONLY`, `FOLDER.FULL`.
    fn probe_writable(&self, call: &Call) -> Result<(), BackendError>;
}

/// Writes of a folder.
pub trait FolderWrite: FolderRead {
    /// Writes a new file durably: temporary file, fsync, rename. Owner-only. The same content under the same name is done already.
    ///
    /// # Errors
    /// `FILE.DIFFERENT` (the name is taken by other content), `FILE.BAD_NAME`, `FOLDER.*`.
    fn write(&self, call: &Call, name: &str, content: &[u8]) -> Result<(), BackendError>;
    /// Removes a file durably. One that is not there is removed already.
    ///
    /// # Errors
    /// `FILE.BAD_NAME`, `FOLDER.*`.
    fn remove(&self, call: &Call, name: &str) -> Result<(), BackendError>;
}
