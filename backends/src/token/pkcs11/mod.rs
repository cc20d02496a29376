//! Tokens behind a PKCS#11 module (PKCS#11 v2.40, v3.1): USB keys, cards, SoftHSM2.
//!
//! May use: `cryptoki`. Must not: load a module by a bare name (whoever can write to the search path would be loaded), initialise one
//! twice, send a PIN twice, read a private key.
//!
//! Modules are other people's code in our process: calls of one module never overlap, and none can be interrupted. The driver knows
//! what to do about one that hangs (`interruptible: false`).

mod known;
mod module;
mod objects;
mod session;
mod sign;
mod uri;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::slot::{Slot, TokenInfo as DeviceInfo};
use kirikae_engine::backend::{BackendError, Call, Capabilities, PinFlags, PinShape, PresentToken, StoredCert, TokenRead, TokenSession, TokenWrite, Verb};
use kirikae_engine::dsl::TokenInfo;
use kirikae_engine::secret::Secret;

pub use self::known::{FoundModule, found_modules};
use self::module::{Module, load};
use super::error;

/// Which tokens of a module are meant. What is not said fits every token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Selector {
    serial: Option<String>,
    label: Option<String>,
    model: Option<String>,
    manufacturer: Option<String>,
    slot: Option<u64>,
}

impl Selector {
    fn fits(&self, slot: Slot, info: &DeviceInfo) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found.trim());
        is(&self.serial, info.serial_number())
            && is(&self.label, info.label())
            && is(&self.model, info.model())
            && is(&self.manufacturer, info.manufacturer_id())
            && self.slot.is_none_or(|wanted| wanted == slot.id())
    }

    /// `;serial=..;label=..`, for the identity of the backend.
    fn tail(&self) -> String {
        let mut tail = String::new();
        for (name, value) in [("serial", &self.serial), ("label", &self.label), ("model", &self.model), ("manufacturer", &self.manufacturer)] {
            if let Some(value) = value {
                let _ = write!(tail, ";{name}={value}");
            }
        }
        if let Some(slot) = self.slot {
            let _ = write!(tail, ";slot={slot}");
        }
        tail
    }
}

/// The tokens of a module, as far as the site means them.
#[derive(Clone, Debug)]
pub struct Pkcs11Tokens {
    id: String,
    module: String,
    selector: Selector,
}

impl Pkcs11Tokens {
    /// Tokens by the settings of a site file: `module` (a path, relative ones from `base`; or a known name, see [`found_modules`]),
    /// `serial`, `label`, `slot`, `uri` (RFC 7512). Touches nothing yet.
    ///
    /// # Errors
    /// `TOKEN.SETTINGS` if they contradict each other, lack a module, or hold a URI that is none.
    pub fn open(base: &Path, settings: &BTreeMap<String, String>) -> Result<Self, BackendError> {
        let mut said = match settings.get("uri") {
            Some(text) => uri::read(text)?,
            None => uri::Said::default(),
        };
        for (name, place) in [("module", &mut said.module), ("serial", &mut said.selector.serial), ("label", &mut said.selector.label)] {
            if let Some(value) = settings.get(name) {
                uri::say_once(name, place, value.clone())?;
            }
        }
        if let Some(slot) = settings.get("slot") {
            let number = slot.parse().map_err(|_| error::settings(format!("slot「{slot}」は数ではありません。"), format!("`slot` {slot:?} is no number.")))?;
            uri::say_once("slot", &mut said.selector.slot, number)?;
        }
        let module = said.module.ok_or_else(|| {
            error::settings("USBキー(pkcs11)の module が書かれていません。", "the token of kind `pkcs11` has no `module`.")
                .cure(error::known_modules(&known::names()))
        })?;
        let module = if known::is_path(&module) { base.join(&module).to_string_lossy().into_owned() } else { module };
        Ok(Self { id: format!("pkcs11:{module}{}", said.selector.tail()), module, selector: said.selector })
    }

    fn load(&self) -> Result<Arc<Module>, BackendError> {
        load(&known::find(&self.module)?)
    }

    /// The tokens that are there and meant, with their slots.
    fn present(&self, library: &Pkcs11) -> Result<Vec<(Slot, DeviceInfo)>, BackendError> {
        let slots = library.get_slots_with_token().map_err(|reason| failed("C_GetSlotList", &reason))?;
        // One that is pulled out between the two calls is not there.
        let found = slots.into_iter().filter_map(|slot| Some((slot, library.get_token_info(slot).ok()?)));
        let meant = found.filter(|(slot, info)| info.token_initialized() && !info.serial_number().trim().is_empty() && self.selector.fits(*slot, info));
        Ok(meant.collect())
    }

    fn slot_of(&self, library: &Pkcs11, serial: &str) -> Result<(Slot, DeviceInfo), BackendError> {
        let found = self.present(library)?.into_iter().find(|(_, info)| info.serial_number().trim() == serial);
        found.ok_or_else(|| error::absent(serial))
    }
}

impl TokenRead for Pkcs11Tokens {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true, interruptible: false, hardware_keys: true, ..Capabilities::local(&[Verb::List, Verb::Sign]) }
    }

    fn tokens(&self, _call: &Call) -> Result<Vec<PresentToken>, BackendError> {
        self.load()?.with(|library, _| {
            let mut found: Vec<PresentToken> = self.present(library)?.iter().map(|(_, info)| present_token(info, &self.id)).collect();
            found.sort_by(|a, b| a.info.serial.cmp(&b.info.serial));
            Ok(found)
        })
    }

    fn certificates(&self, _call: &Call, serial: &str) -> Result<Vec<StoredCert>, BackendError> {
        self.load()?.with(|library, _| {
            let (slot, _) = self.slot_of(library, serial)?;
            let session = library.open_ro_session(slot).map_err(|reason| gone_or_failed(serial, "C_OpenSession", &reason))?;
            let found = objects::certificates(&session, serial).map_err(|reason| gone_or_failed(serial, "C_FindObjects", &reason))?;
            Ok(found.into_iter().map(|found| found.cert).collect())
        })
    }
}

impl TokenWrite for Pkcs11Tokens {
    fn login(&self, _call: &Call, serial: &str, pin: &Secret) -> Result<Arc<dyn TokenSession>, BackendError> {
        let module = self.load()?;
        let open = module.clone().with(|library, logins| {
            let (slot, before) = self.slot_of(library, serial)?;
            session::log_in(library, logins, &module, slot, &before, pin)
        })?;
        Ok(Arc::new(open))
    }
}

fn present_token(info: &DeviceInfo, holder: &str) -> PresentToken {
    let text = |text: &str| text.trim().to_owned();
    PresentToken {
        info: TokenInfo { serial: text(info.serial_number()), label: text(info.label()), model: text(info.model()), holder: holder.to_owned() },
        flags: flags(info),
        pin: shape(info),
    }
}

fn flags(info: &DeviceInfo) -> PinFlags {
    PinFlags { count_low: info.user_pin_count_low(), final_try: info.user_pin_final_try(), locked: info.user_pin_locked() }
}

/// Modules that leave the lengths out say zeroes.
fn shape(info: &DeviceInfo) -> PinShape {
    let max = if info.max_pin_length() == 0 { usize::from(u8::MAX) } else { info.max_pin_length() };
    PinShape { min: info.min_pin_length().clamp(1, max), max }
}

/// Whether a module's answer means that the token is no longer there.
fn is_gone(reason: &Error) -> bool {
    use cryptoki::error::RvError::{DeviceRemoved, SessionClosed, SessionHandleInvalid, SlotIdInvalid, TokenNotPresent};
    matches!(reason, Error::Pkcs11(DeviceRemoved | TokenNotPresent | SessionClosed | SessionHandleInvalid | SlotIdInvalid, _))
}

fn gone_or_failed(serial: &str, call: &str, reason: &Error) -> BackendError {
    if is_gone(reason) { error::absent(serial) } else { failed(call, reason) }
}

fn failed(call: &str, reason: &Error) -> BackendError {
    let said = said(reason);
    error::failed(format!("USBキーのドライバーが失敗しました({call}: {said})。"), format!("the token's driver failed ({call}: {said})."))
}

/// What a module answered, as its standard names it.
fn said(reason: &Error) -> String {
    match reason {
        Error::Pkcs11(code, _) => format!("{code:?}"),
        other => other.to_string(),
    }
}
