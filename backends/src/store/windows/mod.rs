//! The store of kind `windows`: the certificate stores of Windows, of this account or of the machine.
//!
//! In the site file: `{ store: windows, location: current_user | local_machine, name: MY | CA | ROOT, keys: cng | capi }`, of which
//! only `store` is needed. Keys come in through CNG, or through CryptoAPI (RSA only) for older programs; what is there already
//! is used the way it was put in. The kind is known everywhere, so that a site file of a Windows terminal can be read elsewhere.
//!
//! May use: [`crate::windows`], PKCS#12. Must not: start a shell or another program, write to the registry, let Windows ask a
//! person by itself: every key is taken silently, and the one dialog that cannot be helped is announced
//! ([`kirikae_engine::backend::StoreRoots::dialog`]).

#[cfg(windows)]
mod key;
#[cfg(windows)]
mod lock;
#[cfg(any(windows, test))]
mod options;
mod place;
#[cfg(any(windows, test))]
mod refusal;
#[cfg(any(windows, test))]
mod rsa_blob;
#[cfg(windows)]
mod store;

use std::sync::Arc;

use kirikae_engine::backend::{BackendError, StoreWrite};

use self::place::Place;
use crate::StoreSettings;

/// The store that the settings name. Touches nothing yet.
///
/// # Errors
/// `STORE.UNREADABLE` for a setting with an unknown value; `BACKEND.UNSUPPORTED` on any other system than Windows.
pub fn open(settings: &StoreSettings) -> Result<Arc<dyn StoreWrite>, BackendError> {
    open_at(Place::of(&settings.settings)?)
}

#[cfg(windows)]
fn open_at(place: Place) -> Result<Arc<dyn StoreWrite>, BackendError> {
    Ok(Arc::new(store::WindowsStore::new(place)))
}

#[cfg(not(windows))]
fn open_at(place: Place) -> Result<Arc<dyn StoreWrite>, BackendError> {
    use kirikae_engine::text::Text;
    let cause = Text::new(
        format!("{} は Windows の証明書ストアです。この端末は Windows ではないので使えません。", place.id()),
        format!("{} is a certificate store of Windows; this terminal does not run Windows.", place.id()),
    );
    Err(BackendError::new("BACKEND.UNSUPPORTED", cause))
}
