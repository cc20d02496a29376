//! PKCS#12 files by the hand of Windows: keys of CNG come in and go out this way only.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, EXPORT_PRIVATE_KEYS, PFXExportCertStoreEx, PFXImportCertStore, REPORT_NO_PRIVATE_KEY, REPORT_NOT_ABLE_TO_EXPORT_PRIVATE_KEY,
};
use zeroize::Zeroizing;

use super::cert::{CertStore, Certificate};
use super::{Refusal, blob, wide, yes};

/// Imports the keys of a file, into containers that last, and gives its certificates in a store in memory.
pub(crate) fn import(file: &[u8], password: &str, flags: u32) -> Result<CertStore, Refusal> {
    let (file, password) = (blob(file), Zeroizing::new(wide(password)));
    // SAFETY: file and password outlive the call; nothing is written to them.
    CertStore::of(unsafe { PFXImportCertStore(&raw const file, password.as_ptr(), flags) }, "PFXImportCertStore")
}

/// A file with this certificate and its key. Windows writes it in its older form (3DES).
pub(crate) fn export(certificate: &Certificate, password: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    // The call writes a whole store out.
    let store = CertStore::in_memory()?;
    store.collect(certificate)?;
    let password = Zeroizing::new(wide(password));
    let flags = EXPORT_PRIVATE_KEYS | REPORT_NO_PRIVATE_KEY | REPORT_NOT_ABLE_TO_EXPORT_PRIVATE_KEY;
    let mut file = CRYPT_INTEGER_BLOB { cbData: 0, pbData: null_mut() };
    // SAFETY: asks for the size only.
    yes(unsafe { PFXExportCertStoreEx(store.handle(), &raw mut file, password.as_ptr(), null(), flags) }, "PFXExportCertStoreEx")?;
    let mut content = Zeroizing::new(vec![0; usize::try_from(file.cbData).unwrap_or(0)]);
    file.pbData = content.as_mut_ptr();
    // SAFETY: the buffer has `cbData` bytes.
    yes(unsafe { PFXExportCertStoreEx(store.handle(), &raw mut file, password.as_ptr(), null(), flags) }, "PFXExportCertStoreEx")?;
    content.truncate(usize::try_from(file.cbData).unwrap_or(0));
    Ok(content)
}
