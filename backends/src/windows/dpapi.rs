//! DPAPI: data that only this Windows account opens.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Cryptography::{CRYPT_INTEGER_BLOB, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData, CryptUnprotectData};
use zeroize::{Zeroize, Zeroizing};

use super::{Refusal, blob, yes};

/// Encrypts for this account. `purpose` must be the same when it is opened.
pub(crate) fn protect(data: &[u8], purpose: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (data, purpose) = (blob(data), blob(purpose));
    let mut sealed = Given::none();
    // SAFETY: the blobs outlive the call; the answer is owned by us. The description would be stored in clear: none is given.
    let done = unsafe { CryptProtectData(&raw const data, null(), &raw const purpose, null(), null(), CRYPTPROTECT_UI_FORBIDDEN, &raw mut sealed.0) };
    yes(done, "CryptProtectData")?;
    Ok(sealed.bytes().to_vec())
}

/// Opens what [`protect`] sealed under the same account and purpose.
pub(crate) fn open(sealed: &[u8], purpose: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let (sealed, purpose) = (blob(sealed), blob(purpose));
    let mut data = Given::none();
    // SAFETY: as above.
    let done = unsafe { CryptUnprotectData(&raw const sealed, null_mut(), &raw const purpose, null(), null(), CRYPTPROTECT_UI_FORBIDDEN, &raw mut data.0) };
    yes(done, "CryptUnprotectData")?;
    Ok(Zeroizing::new(data.bytes().to_vec()))
}

/// Memory that Windows gave us; wiped when given back.
struct Given(CRYPT_INTEGER_BLOB);

impl Given {
    fn none() -> Self {
        Self(CRYPT_INTEGER_BLOB { cbData: 0, pbData: null_mut() })
    }

    fn bytes(&mut self) -> &mut [u8] {
        if self.0.pbData.is_null() {
            return &mut [];
        }
        // SAFETY: Windows allocated that many bytes for us alone.
        unsafe { std::slice::from_raw_parts_mut(self.0.pbData, usize::try_from(self.0.cbData).unwrap_or(0)) }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.bytes().zeroize();
        // SAFETY: allocated by Windows, freed once.
        unsafe { LocalFree(self.0.pbData.cast()) };
    }
}
