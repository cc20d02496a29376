//! How the engine's identity is protected where it lies.
//!
//! May use: what the operating system offers for it. Must not: know what is in the file.

#[cfg(unix)]
use std::fs;
use std::path::Path;
use std::sync::Arc;

use kirikae_engine::backend::BackendError;
use kirikae_engine::secret::Secret;
#[cfg(unix)]
use kirikae_engine::text::Text;

#[cfg(unix)]
use super::unreadable;

/// Protects the identity on its way to the disk, and gives it back to the one account that may have it.
pub trait Protection: Send + Sync {
    /// What is written in the place of the identity. The file is made for its owner only in any case.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE` if the system refuses.
    fn protect(&self, identity: &Secret) -> Result<Secret, BackendError>;
    /// The identity from what was read at `path`.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE` if it is another account's, or if others can read it.
    fn open(&self, path: &Path, stored: Secret) -> Result<Secret, BackendError>;
}

/// How this system protects the identity: DPAPI on Windows, the owner's permissions elsewhere.
pub fn of_this_system() -> Arc<dyn Protection> {
    #[cfg(windows)]
    return Arc::new(super::dpapi::AccountOnly);
    #[cfg(not(windows))]
    return Arc::new(OwnerOnly);
}

/// A file as `age-keygen` writes it, that its owner alone can read. On Unix the mode is checked at every use; elsewhere the
/// folder's access list is all there is, and a protection of the system (DPAPI) belongs in its place.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnerOnly;

impl Protection for OwnerOnly {
    fn protect(&self, identity: &Secret) -> Result<Secret, BackendError> {
        Ok(identity.clone())
    }

    fn open(&self, path: &Path, stored: Secret) -> Result<Secret, BackendError> {
        refuse_if_others_can_read(path)?;
        Ok(stored)
    }
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
