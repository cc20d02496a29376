//! The identity under DPAPI: only the Windows account that made it opens it, on this machine.
//!
//! May use: [`crate::windows::dpapi`]. Must not: fall back to a file that others can read.
//!
//! After a password that an administrator reset, or on a new machine, Windows does not open it any more; the recovery recipients
//! of the site then do (`kirikae secrets recover`).

use std::path::Path;

use kirikae_engine::backend::BackendError;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

use super::protection::Protection;
use super::{in_vault, unreadable, unusable};
use crate::windows::{Refusal, dpapi};

/// Bound into what is sealed: another program's DPAPI data is not taken for an identity.
const PURPOSE: &[u8] = b"kirikae vault identity 1";

/// DPAPI for this account.
#[derive(Clone, Copy, Debug)]
pub(super) struct AccountOnly;

impl Protection for AccountOnly {
    fn protect(&self, identity: &Secret) -> Result<Secret, BackendError> {
        let refused = |refusal: Refusal| unusable(&in_vault(Path::new("identity")), &Text::plain(refusal.to_string()));
        dpapi::protect(identity.expose(), PURPOSE).map(Secret::bytes).map_err(refused)
    }

    fn open(&self, path: &Path, stored: Secret) -> Result<Secret, BackendError> {
        dpapi::open(stored.expose(), PURPOSE).map(|identity| Secret::bytes(identity.to_vec())).map_err(|refusal| {
            let why = Text::new(
                format!("Windows がこの利用者に開かせません({refusal})。鍵は、作った利用者がこの端末で使うときだけ開きます"),
                format!("Windows does not open it for this account ({refusal}); it opens for the account that made it, on this machine"),
            );
            unreadable(path, &why).cure(Text::new(
                "作った利用者で実行してください。それができなければ: kirikae secrets recover --identity 復旧用の鍵",
                "run it as the account that made it; if that is not possible: kirikae secrets recover --identity RECOVERY-KEY",
            ))
        })
    }
}
