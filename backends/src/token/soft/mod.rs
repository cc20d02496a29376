//! The token of kind `soft`: a folder that behaves like a USB key. It hands its keys out to nobody without the PIN, counts wrong
//! PINs before it looks at them, and locks for good.
//!
//! May use: files in its own folder, the folder store for its credentials. Must not: keep the PIN, count after the fact, unlock itself.
//!
//! What protects the keys is the PIN alone: whoever can copy the folder can try PINs elsewhere without being counted. It is for
//! practice and for tests, and for places where a folder is protected well enough.

mod device;

use std::path::Path;
use std::sync::Arc;

use kirikae_engine::backend::{
    BackendError, Call, Capabilities, ImportRequest, PinFlags, PinShape, PresentToken, Signer, StoreRead, StoreWrite, StoredCert, TokenRead, TokenSession,
    TokenWrite, Verb,
};
use kirikae_engine::dsl::{CertInfo, TokenInfo};
use kirikae_engine::secret::Secret;

use self::device::{Device, Plate};
use super::error;
use crate::store::dir::DirStore;

/// What such a token calls its kind.
const MODEL: &str = "kirikae soft token";

/// A token to be made.
pub struct NewSoftToken {
    /// Serial, 1 to 16 letters and digits.
    pub serial: String,
    /// Label, as people see it.
    pub label: String,
    /// User PIN, 4 to 16 bytes.
    pub pin: Secret,
    /// So many wrong PINs in a row lock it for good.
    pub limit: u32,
}

/// A folder as token. The token is inserted while the folder holds one.
#[derive(Clone, Debug)]
pub struct SoftToken {
    id: String,
    device: Device,
}

impl SoftToken {
    /// The token in `folder`. Touches nothing yet.
    ///
    /// # Errors
    /// `TOKEN.SETTINGS` if the path cannot be made absolute.
    pub fn open(folder: &Path) -> Result<Self, BackendError> {
        let folder = std::path::absolute(folder).map_err(|reason| {
            let path = folder.display();
            error::settings(
                format!("USBキー(soft)の path {path} が使えません({reason})。"),
                format!("the path {path} of the soft token is unusable ({reason})."),
            )
        })?;
        Ok(Self { id: format!("soft:{}", folder.display()), device: Device::at(folder) })
    }

    /// Makes a token in `folder`, which is made for its owner only.
    ///
    /// # Errors
    /// `SECRET.UNFIT` for a PIN that it does not take; `TOKEN.SETTINGS` for a serial that none has, or if the folder holds a token
    /// already; `TOKEN.FAILED` if it cannot be written.
    pub fn create(folder: &Path, new: &NewSoftToken) -> Result<Self, BackendError> {
        let token = Self::open(folder)?;
        token.device.create(new)?;
        Ok(token)
    }

    /// Puts the one credential of a PKCS#12 file on it, as its issuer does. The PIN counts as at any login.
    ///
    /// # Errors
    /// As [`TokenWrite::login`], and `P12.*`, `KEY.*` of the file.
    pub fn put(&self, pin: &Secret, request: &ImportRequest) -> Result<StoredCert, BackendError> {
        let plate = self.device.plate()?.ok_or_else(|| error::absent("-"))?;
        let store = self.device.credentials(Some(self.device.open(&plate.serial, pin)?))?;
        let stored = store.import(&Call::unattached(), request).map_err(|error| on_device(&plate.serial, error))?;
        Ok(on_token(&plate.serial, stored))
    }

    fn present(&self, serial: &str) -> Result<Plate, BackendError> {
        self.device.plate()?.filter(|plate| plate.serial == serial).ok_or_else(|| error::absent(serial))
    }
}

impl TokenRead for SoftToken {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true, interruptible: false, ..Capabilities::local(&[Verb::List, Verb::Sign]) }
    }

    fn tokens(&self, _call: &Call) -> Result<Vec<PresentToken>, BackendError> {
        let Some(plate) = self.device.plate()? else { return Ok(vec![]) };
        let wrong = self.device.wrong()?;
        let flags = PinFlags { count_low: wrong > 0, final_try: wrong + 1 == plate.limit, locked: wrong >= plate.limit };
        let info = TokenInfo { serial: plate.serial, label: plate.label, model: MODEL.to_owned(), holder: self.id.clone() };
        Ok(vec![PresentToken { info, flags, pin: PinShape { min: device::PIN.0, max: device::PIN.1 } }])
    }

    fn certificates(&self, call: &Call, serial: &str) -> Result<Vec<StoredCert>, BackendError> {
        self.present(serial)?;
        let stored = self.device.credentials(None)?.list(call).map_err(|error| on_device(serial, error))?;
        Ok(stored.into_iter().map(|stored| on_token(serial, stored)).collect())
    }
}

impl TokenWrite for SoftToken {
    fn login(&self, _call: &Call, serial: &str, pin: &Secret) -> Result<Arc<dyn TokenSession>, BackendError> {
        let store = self.device.credentials(Some(self.device.open(serial, pin)?))?;
        Ok(Arc::new(SoftSession { token: self.clone(), serial: serial.to_owned(), store }))
    }
}

/// The token after its PIN. It holds what opens the keys, not the PIN.
#[derive(Debug)]
struct SoftSession {
    token: SoftToken,
    serial: String,
    store: DirStore,
}

impl TokenSession for SoftSession {
    fn serial(&self) -> &str {
        &self.serial
    }

    fn signer(&self, call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        self.token.present(&self.serial)?;
        let inner = self.store.signer(call, thumbprint).map_err(|error| match error.code.as_str() {
            "CERT.GONE" => error::gone(&self.serial, thumbprint),
            _ => on_device(&self.serial, error),
        })?;
        let info = as_on_token(&self.serial, inner.info().clone());
        Ok(Arc::new(OnToken { token: self.token.clone(), serial: self.serial.clone(), info, inner }))
    }
}

/// A key of the token: it signs only while the token is there.
#[derive(Debug)]
struct OnToken {
    token: SoftToken,
    serial: String,
    info: CertInfo,
    inner: Arc<dyn Signer>,
}

impl Signer for OnToken {
    fn info(&self) -> &CertInfo {
        &self.info
    }

    fn chain(&self) -> &[Vec<u8>] {
        self.inner.chain()
    }

    fn schemes(&self) -> Vec<u16> {
        self.inner.schemes()
    }

    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>, BackendError> {
        self.token.present(&self.serial)?;
        self.inner.sign(scheme, message)
    }
}

fn on_token(serial: &str, stored: StoredCert) -> StoredCert {
    StoredCert { info: as_on_token(serial, stored.info), der: stored.der }
}

fn as_on_token(serial: &str, info: CertInfo) -> CertInfo {
    CertInfo { holder: format!("token:{serial}"), key_exportable: false, ..info }
}

/// Trouble with the files in the token is trouble of the token.
fn on_device(serial: &str, error: BackendError) -> BackendError {
    if !error.code.starts_with("STORE.") && !error.code.starts_with("FOLDER.") {
        return error;
    }
    let (ja, en) = (&error.cause.ja, error.cause.get(kirikae_engine::text::Lang::En));
    error::failed(format!("USBキー {serial}: {ja}"), format!("token {serial}: {en}"))
}
