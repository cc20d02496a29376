//! The engine's own age identity, a file for its owner only.
//!
//! May use: `STATE/keys`. Must not: show the identity, use one that others can read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use kirikae_engine::backend::BackendError;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

use super::{unreadable, unwritable};
use crate::folder::durable::{self, ReadError};

/// Bytes; a file of `age-keygen` has some 190.
const MAX_SIZE: u64 = 4096;

const NAME: &str = "identity.txt";

/// The place of the identity.
pub(super) struct IdentityFile {
    folder: PathBuf,
}

impl IdentityFile {
    /// The identity in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
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
        refuse_if_others_can_read(&path)?;
        let text = content.expose_text().ok_or_else(|| no_identity(&path))?;
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).ok_or_else(|| no_identity(&path))?;
        line.parse().map(Some).map_err(|_| no_identity(&path))
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
        let identity = Identity::generate();
        let secret = identity.to_string();
        let text = Secret::text(format!("# public key: {}\n{}\n", identity.to_public(), secret.expose_secret()));
        let unwritable = |reason| unwritable(&self.folder, &reason);
        durable::create_folder(&self.folder).map_err(unwritable)?;
        match durable::create(&self.folder, NAME, text.expose()) {
            Ok(()) => Ok(identity),
            // Another process was faster; its identity is the one.
            Err(reason) if reason.kind() == io::ErrorKind::AlreadyExists => self.load()?.ok_or_else(|| no_identity(&self.path())),
            Err(reason) => Err(unwritable(reason)),
        }
    }
}

fn holds_entries(vault: &Path) -> bool {
    let is_value = |entry: fs::DirEntry| entry.path().extension().is_some_and(|ending| ending == "age");
    fs::read_dir(vault).is_ok_and(|entries| entries.filter_map(Result::ok).any(is_value))
}

fn lost(path: &Path) -> BackendError {
    let why = Text::new("鍵ファイルが無いのに、それで暗号化した値が残っています", "it is missing, and values encrypted to it are there");
    let file = path.display();
    unreadable(path, &why).cure(Text::new(
        format!("鍵ファイル {file} を控えから戻してください。無ければ、復旧用の鍵で値を取り出してから vault を空にしてください。"),
        format!("bring the identity file {file} back from a copy; without one, take the values out with a recovery key, then empty the vault."),
    ))
}

fn no_identity(path: &Path) -> BackendError {
    unreadable(path, &Text::new("age の鍵ファイルとして読めません", "it is not readable as an age identity file"))
}

#[cfg(unix)]
fn refuse_if_others_can_read(path: &Path) -> Result<(), BackendError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(|reason| unreadable(path, &Text::plain(reason.to_string())))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let why = Text::new(format!("ほかの利用者にも開かれています(権限 {mode:03o})"), format!("other users may open it (mode {mode:03o})"));
    Err(unreadable(path, &why).cure(Text::new(
        format!("鍵が漏れたおそれがないか確かめ、chmod 600 {} を実行してください。", path.display()),
        format!("consider whether the key has leaked, then run: chmod 600 {}", path.display()),
    )))
}

#[cfg(not(unix))]
fn refuse_if_others_can_read(_path: &Path) -> Result<(), BackendError> {
    Ok(())
}
