//! Keys of CNG: RSA and elliptic curves in key storage providers. Wine has no such keys that last.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::NTE_BAD_KEYSET;
use windows_sys::Win32::Security::Cryptography::{
    BCRYPT_PKCS1_PADDING_INFO, BCRYPT_PSS_PADDING_INFO, CERT_NCRYPT_KEY_SPEC, CRYPT_ACQUIRE_ONLY_NCRYPT_KEY_FLAG, CRYPT_ACQUIRE_SILENT_FLAG,
    CryptAcquireCertificatePrivateKey, CryptReleaseContext, NCRYPT_ALLOW_EXPORT_FLAG, NCRYPT_EXPORT_POLICY_PROPERTY, NCRYPT_IMPL_HARDWARE_FLAG,
    NCRYPT_IMPL_REMOVABLE_FLAG, NCRYPT_IMPL_TYPE_PROPERTY, NCRYPT_PAD_PKCS1_FLAG, NCRYPT_PAD_PSS_FLAG, NCRYPT_SILENT_FLAG,
    NCRYPT_UI_FORCE_HIGH_PROTECTION_FLAG, NCRYPT_UI_POLICY, NCRYPT_UI_POLICY_PROPERTY, NCRYPT_UI_PROTECT_KEY_FLAG, NCryptDeleteKey, NCryptFreeObject,
    NCryptGetProperty, NCryptSignHash,
};
use windows_sys::core::PCWSTR;

use super::cert::{Certificate, Container};
use super::{Refusal, length, wide, yes};

/// How a digest becomes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// RSA PKCS#1 v1.5 (RFC 8017 8.2).
    Pkcs1,
    /// RSA-PSS with a salt as long as the digest (RFC 8446 4.2.3).
    Pss,
    /// None: ECDSA. The signature is `r` and `s` in one, of equal length.
    None,
}

/// An open key.
pub(crate) struct Key(usize);

impl Key {
    /// The key of a certificate, silently.
    pub(crate) fn of(certificate: &Certificate) -> Result<Self, Refusal> {
        let (mut handle, mut spec, mut ours) = (0, 0, 0);
        let flags = CRYPT_ACQUIRE_ONLY_NCRYPT_KEY_FLAG | CRYPT_ACQUIRE_SILENT_FLAG;
        // SAFETY: the certificate is held; no window is named, none may open.
        let got = unsafe { CryptAcquireCertificatePrivateKey(certificate.context(), flags, null(), &raw mut handle, &raw mut spec, &raw mut ours) };
        yes(got, "CryptAcquireCertificatePrivateKey")?;
        if spec == CERT_NCRYPT_KEY_SPEC {
            return Ok(Self(handle));
        }
        if ours != 0 {
            // SAFETY: a handle of CryptoAPI that was given to us to release.
            unsafe { CryptReleaseContext(handle, 0) };
        }
        Err(Refusal::status("CryptAcquireCertificatePrivateKey", NTE_BAD_KEYSET))
    }

    /// The key in a container, for a certificate that need not be in a store.
    pub(crate) fn open(der: &[u8], container: &Container) -> Result<Self, Refusal> {
        let certificate = Certificate::new(der)?;
        certificate.set_container(container)?;
        Self::of(&certificate)
    }

    /// Signs a SHA-256, SHA-384 or SHA-512 digest, told by its length.
    pub(crate) fn sign(&self, digest: &[u8], padding: Padding) -> Result<Vec<u8>, Refusal> {
        let algorithm = wide(match digest.len() {
            32 => "SHA256",
            48 => "SHA384",
            _ => "SHA512",
        });
        let pkcs1 = BCRYPT_PKCS1_PADDING_INFO { pszAlgId: algorithm.as_ptr() };
        let pss = BCRYPT_PSS_PADDING_INFO { pszAlgId: algorithm.as_ptr(), cbSalt: length(digest) };
        let (info, flags): (*const c_void, u32) = match padding {
            Padding::Pkcs1 => ((&raw const pkcs1).cast(), NCRYPT_PAD_PKCS1_FLAG),
            Padding::Pss => ((&raw const pss).cast(), NCRYPT_PAD_PSS_FLAG),
            Padding::None => (null(), 0),
        };
        let flags = flags | NCRYPT_SILENT_FLAG;
        let mut size = 0;
        // SAFETY: asks for the size only; digest and padding outlive the call.
        let status = unsafe { NCryptSignHash(self.0, info, digest.as_ptr(), length(digest), null_mut(), 0, &raw mut size, flags) };
        good(status, "NCryptSignHash")?;
        let mut signature = vec![0; usize::try_from(size).unwrap_or(0)];
        // SAFETY: the buffer has `size` bytes.
        let status = unsafe { NCryptSignHash(self.0, info, digest.as_ptr(), length(digest), signature.as_mut_ptr(), size, &raw mut size, flags) };
        good(status, "NCryptSignHash")?;
        signature.truncate(usize::try_from(size).unwrap_or(0));
        Ok(signature)
    }

    /// Whether the key can be written out.
    pub(crate) fn exportable(&self) -> bool {
        self.number(NCRYPT_EXPORT_POLICY_PROPERTY).is_some_and(|policy| policy & NCRYPT_ALLOW_EXPORT_FLAG != 0)
    }

    /// Whether the key lives in a device.
    pub(crate) fn hardware(&self) -> bool {
        self.number(NCRYPT_IMPL_TYPE_PROPERTY).is_some_and(|kind| kind & (NCRYPT_IMPL_HARDWARE_FLAG | NCRYPT_IMPL_REMOVABLE_FLAG) != 0)
    }

    /// Whether each use asks a person.
    pub(crate) fn protected(&self) -> bool {
        // The structure comes with texts behind it: room for them, aligned for the pointers.
        let mut buffer = [0u64; 512];
        let mut size = 0;
        // SAFETY: the buffer has the size that is said.
        let status = unsafe { NCryptGetProperty(self.0, NCRYPT_UI_POLICY_PROPERTY, buffer.as_mut_ptr().cast(), 4096, &raw mut size, NCRYPT_SILENT_FLAG) };
        if status != 0 || usize::try_from(size).unwrap_or(0) < std::mem::size_of::<NCRYPT_UI_POLICY>() {
            return false;
        }
        // SAFETY: Windows wrote at least the structure; only its numbers are read.
        let flags = unsafe { (*buffer.as_ptr().cast::<NCRYPT_UI_POLICY>()).dwFlags };
        flags & (NCRYPT_UI_PROTECT_KEY_FLAG | NCRYPT_UI_FORCE_HIGH_PROTECTION_FLAG) != 0
    }

    /// Deletes the key with its container.
    pub(crate) fn delete(self) -> Result<(), Refusal> {
        // SAFETY: on success the call frees the handle, too.
        let status = unsafe { NCryptDeleteKey(self.0, NCRYPT_SILENT_FLAG) };
        good(status, "NCryptDeleteKey")?;
        std::mem::forget(self);
        Ok(())
    }

    fn number(&self, property: PCWSTR) -> Option<u32> {
        let (mut value, mut size) = (0u32, 0);
        // SAFETY: the answer is four bytes.
        let status = unsafe { NCryptGetProperty(self.0, property, (&raw mut value).cast(), 4, &raw mut size, NCRYPT_SILENT_FLAG) };
        (status == 0).then_some(value)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: given to us, freed once.
        unsafe { NCryptFreeObject(self.0) };
    }
}

fn good(status: i32, call: &'static str) -> Result<(), Refusal> {
    if status == 0 { Ok(()) } else { Err(Refusal::status(call, status)) }
}
