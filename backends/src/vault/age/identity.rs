//! The engine's own age identity, protected as the system can.
//!
//! May use: `STATE/keys`, a protection. Must not: show the identity, make a second one where entries of a first one lie.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use kirikae_engine::backend::BackendError;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

use super::protection::Protection;
use super::{unreadable, unwritable};
use crate::folder::durable::{self, ReadError};

/// Bytes; a file of `age-keygen` has some 190.
const MAX_SIZE: u64 = 4096;

const NAME: &str = "identity.txt";

/// The place of the identity.
pub(super) struct IdentityFile {
    folder: PathBuf,
    protection: Arc<dyn Protection>,
}

impl IdentityFile {
    /// The identity in `folder`.
    pub(super) fn new(folder: PathBuf, protection: Arc<dyn Protection>) -> Self {
        Self { folder, protection }
    }

    /// The file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// The identity; `None` if none was made yet.
    pub(super) fn load(&self) -> Result<Option<Identity>, BackendError> {
        let path = self.path();
        let content = match durable::read(&path, MAX_SIZE) {
            Ok(content) => Secret::bytes(content),
            Err(ReadError::Absent) => return Ok(None),
            Err(ReadError::Io(reason)) => return Err(unreadable(&path, &Text::plain(reason.to_string()))),
            Err(ReadError::NotAFile | ReadError::TooBig(_)) => return Err(no_identity(&path)),
        };
        parse(&self.protection.open(&path, content)?).map(Some).ok_or_else(|| no_identity(&path))
    }

    /// The identity, made now if there is none and `vault` holds nothing that an earlier one encrypted.
    pub(super) fn load_or_make(&self, vault: &Path) -> Result<Identity, BackendError> {
        if let Some(identity) = self.load()? {
            return Ok(identity);
        }
        if holds_entries(vault) {
            // Looked for once more: another process may have made it, and an entry, since the first look.
            return self.load()?.ok_or_else(|| lost(&self.path()));
        }
        self.make()
    }

    /// A new identity, or the one that another process has made meanwhile.
    pub(super) fn make(&self) -> Result<Identity, BackendError> {
        let identity = Identity::generate();
        let secret = identity.to_string();
        let text = Secret::text(format!("# public key: {}\n{}\n", identity.to_public(), secret.expose_secret()));
        let unwritable = |reason| unwritable(&self.folder, &reason);
        let stored = self.protection.protect(&text)?;
        durable::create_folder(&self.folder).map_err(unwritable)?;
        match durable::create(&self.folder, NAME, stored.expose()) {
            Ok(()) => Ok(identity),
            // Another process was faster; its identity is the one.
            Err(reason) if reason.kind() == io::ErrorKind::AlreadyExists => self.load()?.ok_or_else(|| no_identity(&self.path())),
            Err(reason) => Err(unwritable(reason)),
        }
    }
}

/// The identity in a text as `age-keygen` writes it: its first line that is no comment.
pub(super) fn parse(text: &Secret) -> Option<Identity> {
    let line = text.expose_text()?.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    line.parse().ok()
}

fn holds_entries(vault: &Path) -> bool {
    let is_value = |entry: fs::DirEntry| entry.path().extension().is_some_and(|ending| ending == "age");
    fs::read_dir(vault).is_ok_and(|entries| entries.filter_map(Result::ok).any(is_value))
}

fn lost(path: &Path) -> BackendError {
    let why = Text::new("鍵ファイルが無いのに、それで暗号化した値が残っています", "it is missing, and values encrypted to it are there");
    let file = path.display();
    unreadable(path, &why).cure(Text::new(
        format!("鍵ファイル {file} を控えから戻してください。無ければ: kirikae secrets recover --identity 復旧用の鍵"),
        format!("bring the identity file {file} back from a copy; without one: kirikae secrets recover --identity RECOVERY-KEY"),
    ))
}

fn no_identity(path: &Path) -> BackendError {
    unreadable(path, &Text::new("age の鍵ファイルとして読めません", "it is not readable as an age identity file"))
}
