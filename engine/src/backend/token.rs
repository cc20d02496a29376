//! The token port: USB keys and cards that hold keys behind a PIN and count wrong ones.
//!
//! Shapes follow PKCS#11 v3.1 (`CK_TOKEN_INFO`, `C_Login`). Looking at a token spends nothing; [`TokenWrite::login`] is the one
//! counted call.

use std::fmt::Debug;
use std::sync::Arc;

use super::{BackendError, Call, Capabilities, Signer, StoredCert};
use crate::dsl::TokenInfo;
use crate::secret::Secret;

/// What a device says of its user PIN (`CKF_USER_PIN_COUNT_LOW`, `_FINAL_TRY`, `_LOCKED`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PinFlags {
    /// A wrong PIN was entered since the last right one.
    pub count_low: bool,
    /// One more wrong PIN locks it.
    pub final_try: bool,
    /// It is locked.
    pub locked: bool,
}

/// What PINs a device takes at all; others never reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinShape {
    /// Fewest bytes (`ulMinPinLen`).
    pub min: usize,
    /// Most bytes (`ulMaxPinLen`).
    pub max: usize,
}

/// A token that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentToken {
    /// What the language sees.
    pub info: TokenInfo,
    /// Its flags now.
    pub flags: PinFlags,
    /// What PINs it takes.
    pub pin: PinShape,
}

/// Reads of a token backend; they need no PIN.
pub trait TokenRead: Debug + Send + Sync {
    /// Stable identity, also in journals: kind and place (`pkcs11:/usr/lib/module.so`).
    fn id(&self) -> &str;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// The tokens that are there now, by serial.
    ///
    /// # Errors
    /// `TOKEN.FAILED`, `TOKEN.NO_MODULE`.
    fn tokens(&self, call: &Call) -> Result<Vec<PresentToken>, BackendError>;
    /// The certificates that a token shows without a PIN, in a stable order; `CertInfo::holder` is `token:<serial>`.
    ///
    /// # Errors
    /// `TOKEN.ABSENT`, `TOKEN.FAILED`, `TOKEN.NO_MODULE`.
    fn certificates(&self, call: &Call, serial: &str) -> Result<Vec<StoredCert>, BackendError>;
}

/// Writes of a token backend.
pub trait TokenWrite: TokenRead {
    /// Logs the user in: the device sees the PIN once. The caller has counted the try and checked the PIN's shape.
    ///
    /// # Errors
    /// `PIN.INCORRECT` and `PIN.LOCKED` as the device says; `TOKEN.ABSENT` if it is gone before the PIN was sent;
    /// `TOKEN.FAILED` for everything else, where the device may have counted a wrong PIN.
    fn login(&self, call: &Call, serial: &str, pin: &Secret) -> Result<Arc<dyn TokenSession>, BackendError>;
}

/// A token that is logged in to, until the last clone is dropped or the token is pulled out. Lives in this process only.
pub trait TokenSession: Debug + Send + Sync {
    /// Serial of the token.
    fn serial(&self) -> &str;
    /// The credential with this SHA-1 thumbprint, its key staying on the token.
    ///
    /// # Errors
    /// `CERT.GONE`, `KEY.UNUSABLE`, `TOKEN.ABSENT`.
    fn signer(&self, call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError>;
}
