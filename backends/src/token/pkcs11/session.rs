//! A login, and the keys that sign while it lasts.
//!
//! Must not: send a PIN more than once; log out a login that came after its own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo as DeviceInfo};
use cryptoki::types::AuthPin;
use kirikae_engine::backend::{BackendError, Call, PinFlags, Signer, TokenSession};
use kirikae_engine::dsl::CertInfo;
use kirikae_engine::secret::Secret;

use super::module::{Logins, Module};
use super::objects::{Found, certificates, keys_of};
use super::{error, failed, flags, gone_or_failed, is_gone, said, sign};
use crate::store::signer::verify;
use crate::x509;

/// Sends the PIN, once. What the device says of itself before and after decides where the module's answer is vague.
///
/// # Errors
/// As `TokenWrite::login`.
pub(super) fn log_in(
    library: &Pkcs11,
    logins: &mut Logins,
    module: &Arc<Module>,
    slot: Slot,
    before: &DeviceInfo,
    pin: &Secret,
) -> Result<Pkcs11Session, BackendError> {
    let serial = before.serial_number().trim().to_owned();
    if flags(before).locked {
        return Err(error::locked(&serial));
    }
    let text = pin.expose_text().ok_or_else(|| error::incorrect(&serial))?;
    let session = library.open_ro_session(slot).map_err(|reason| gone_or_failed(&serial, "C_OpenSession", &reason))?;
    // A token that this process is logged in to already would not look at the PIN.
    if logged_in(&session) {
        session.logout().map_err(|reason| gone_or_failed(&serial, "C_Logout", &reason))?;
    }
    let answer = session.login(UserType::User, Some(&AuthPin::from(text.to_owned())));
    let after = library.get_token_info(slot).map(|info| flags(&info));
    judge(&serial, &answer, flags(before), after.ok())?;
    if !logged_in(&session) {
        return Err(error::failed(
            format!("USBキー {serial} のドライバーは、ログインできたと答えましたが、ログインしていません。"),
            format!("the driver of token {serial} says that the login went well, but nobody is logged in."),
        ));
    }
    let mechanisms = library.get_mechanism_list(slot).map_err(|reason| gone_or_failed(&serial, "C_GetMechanismList", &reason))?;
    let number = logins.entry(serial.clone()).or_default();
    *number += 1;
    let login = Login { serial, number: *number, module: module.clone(), session: Mutex::new(Some(session)), mechanisms };
    Ok(Pkcs11Session(Arc::new(login)))
}

fn logged_in(session: &Session) -> bool {
    session.get_session_info().is_ok_and(|info| matches!(info.session_state(), SessionState::RoUser | SessionState::RwUser))
}

/// What the answer to a PIN means.
fn judge(serial: &str, answer: &Result<(), Error>, before: PinFlags, after: Option<PinFlags>) -> Result<(), BackendError> {
    let counted = after.is_some_and(|after| (after.count_low && !before.count_low) || (after.final_try && !before.final_try));
    let locked = after.is_some_and(|after| after.locked);
    match answer {
        Ok(()) if !counted && !locked => Ok(()),
        Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(error::locked(serial)),
        _ if locked => Err(error::locked(serial)),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => Err(error::incorrect(serial)),
        // Some drivers answer a wrong PIN with a general error, or with none; the device's own count tells.
        _ if counted => Err(error::incorrect(serial)),
        Ok(()) => Ok(()),
        Err(Error::Pkcs11(RvError::UserPinNotInitialized, _)) => {
            Err(error::failed(format!("USBキー {serial} には、まだ PIN が付けられていません。"), format!("token {serial} has no user PIN yet.")))
        }
        Err(reason) => Err(failed("C_Login", reason)),
    }
}

/// A login that lasts until the last of those who hold it is gone.
struct Login {
    serial: String,
    number: u64,
    module: Arc<Module>,
    session: Mutex<Option<Session>>,
    mechanisms: Vec<MechanismType>,
}

impl Login {
    /// Makes calls in the session while nobody else is at the module.
    fn with<T>(&self, work: impl FnOnce(&Session) -> Result<T, BackendError>) -> Result<T, BackendError> {
        self.module.with(|_, _| {
            let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            session.as_ref().map_or_else(|| Err(error::absent(&self.serial)), work)
        })
    }

    fn sign(&self, key: ObjectHandle, certificate: &[u8], scheme: u16, message: &[u8]) -> Result<Vec<u8>, BackendError> {
        self.with(|session| sign::sign(session, key, certificate, &self.mechanisms, scheme, message).map_err(|reason| self.unsigned(&reason)))
    }

    fn unsigned(&self, reason: &Error) -> BackendError {
        if is_gone(reason) {
            return error::absent(&self.serial);
        }
        let (serial, said) = (&self.serial, said(reason));
        error::unusable(format!("USBキー {serial} が署名しません({said})。"), format!("token {serial} does not sign ({said})."))
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let session = self.session.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(session) = session else { return };
        let mut session = Some(session);
        self.module.end(|logins| {
            if let Some(session) = session.take() {
                if logins.get(&self.serial) == Some(&self.number) {
                    // One that was pulled out is logged out already.
                    let _ = session.logout();
                }
                drop(session);
            }
        });
        // The module hangs: closing would hang, too.
        if let Some(session) = session {
            std::mem::forget(session);
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("serial", &self.serial).field("number", &self.number).finish_non_exhaustive()
    }
}

/// A token that is logged in to.
#[derive(Clone, Debug)]
pub(super) struct Pkcs11Session(Arc<Login>);

impl TokenSession for Pkcs11Session {
    fn serial(&self) -> &str {
        &self.0.serial
    }

    fn signer(&self, _call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        let login = &self.0;
        let (found, others, keys) = login.with(|session| {
            let trouble = |reason: Error| gone_or_failed(&login.serial, "C_FindObjects", &reason);
            let mut all = certificates(session, &login.serial).map_err(trouble)?;
            let wanted = all.iter().position(|found| found.cert.info.sha1.eq_ignore_ascii_case(thumbprint));
            let found = all.swap_remove(wanted.ok_or_else(|| error::gone(&login.serial, thumbprint))?);
            let keys = keys_of(session, &found).map_err(trouble)?;
            Ok((found, all, keys))
        })?;
        let schemes = sign::schemes(&found.cert.der, &login.mechanisms);
        let Some(scheme) = schemes.first().copied() else {
            return Err(error::unusable(
                "鍵の種類に対応していません(RSA、P-256、P-384 が使えます)。",
                "the key's kind is not supported (RSA, P-256, P-384 are).",
            ));
        };
        let fits = |(key, sure): &(ObjectHandle, bool)| *sure || proves(login, *key, &found, scheme);
        let Some((key, _)) = keys.into_iter().find(|key| fits(key)) else {
            let serial = &login.serial;
            return Err(error::unusable(
                format!("USBキー {serial} に、証明書 {thumbprint} の秘密鍵がありません。"),
                format!("token {serial} has no private key for certificate {thumbprint}."),
            ));
        };
        let chain = x509::chain(&found.cert.der, others.iter().map(|other| other.cert.der.as_slice()))
            .map_err(|reason| error::unusable(format!("証明書を読めません({reason})。"), format!("the certificate cannot be read ({reason}).")))?;
        let info = CertInfo { has_key: true, ..found.cert.info };
        Ok(Arc::new(Pkcs11Signer { login: login.clone(), info, chain, schemes, key }))
    }
}

/// Whether a key of which nothing else is known makes signatures of this certificate.
fn proves(login: &Login, key: ObjectHandle, found: &Found, scheme: u16) -> bool {
    let message = b"kirikae: does this key belong to this certificate?";
    let signature = login.sign(key, &found.cert.der, scheme, message);
    signature.is_ok_and(|signature| verify(&found.cert.der, scheme, message, &signature).is_ok())
}

/// A credential whose key stays on the token.
struct Pkcs11Signer {
    login: Arc<Login>,
    info: CertInfo,
    chain: Vec<Vec<u8>>,
    schemes: Vec<u16>,
    key: ObjectHandle,
}

impl fmt::Debug for Pkcs11Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Signer").field("sha1", &self.info.sha1).field("login", &self.login).finish_non_exhaustive()
    }
}

impl Signer for Pkcs11Signer {
    fn info(&self) -> &CertInfo {
        &self.info
    }

    fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    fn schemes(&self) -> Vec<u16> {
        self.schemes.clone()
    }

    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>, BackendError> {
        self.login.sign(self.key, self.chain.first().map_or(&[][..], Vec::as_slice), scheme, message)
    }
}
