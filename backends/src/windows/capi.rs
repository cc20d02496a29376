//! Keys of CryptoAPI: RSA keys in containers of service providers. Works under Wine, too.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Security::Cryptography::{
    AT_KEYEXCHANGE, CALG_SHA_256, CALG_SHA_384, CALG_SHA_512, CRYPT_DELETEKEYSET, CRYPT_EXPORT, CRYPT_EXPORTABLE, CRYPT_IMPL_HARDWARE, CRYPT_IMPL_REMOVABLE,
    CRYPT_MACHINE_KEYSET, CRYPT_NEWKEYSET, CRYPT_SILENT, CryptAcquireContextW, CryptCreateHash, CryptDestroyHash, CryptDestroyKey, CryptExportKey,
    CryptGetKeyParam, CryptGetProvParam, CryptGetUserKey, CryptImportKey, CryptReleaseContext, CryptSetHashParam, CryptSignHashW, HP_HASHVAL, KP_PERMISSIONS,
    PP_IMPTYPE, PRIVATEKEYBLOB, PROV_RSA_AES, PROV_RSA_FULL,
};
use zeroize::Zeroizing;

use super::cert::Container;
use super::{Refusal, length, wide, yes};

/// The provider of Windows that signs with SHA-256 and more.
pub(crate) const PROVIDER: &str = "Microsoft Enhanced RSA and AES Cryptographic Provider";

/// Its type.
pub(crate) const KIND: u32 = PROV_RSA_AES;

/// Older providers of Windows, of type 1: they keep their keys where [`PROVIDER`] finds them, and know no SHA-256.
const OLDER: [&str; 3] =
    ["Microsoft Base Cryptographic Provider v1.0", "Microsoft Enhanced Cryptographic Provider v1.0", "Microsoft Strong Cryptographic Provider"];

/// The key of a container.
pub(crate) const EXCHANGE: u32 = AT_KEYEXCHANGE;

/// `CRYPT_MACHINE_KEYSET`: the container is the machine's.
pub(crate) const MACHINE: u32 = CRYPT_MACHINE_KEYSET;

/// An open container.
pub(crate) struct Keys {
    provider: usize,
    spec: u32,
}

impl Keys {
    /// Opens a container, silently.
    pub(crate) fn open(container: &Container) -> Result<Self, Refusal> {
        let older = container.kind == PROV_RSA_FULL && OLDER.contains(&container.provider.as_str());
        let (provider, kind) = if older { (PROVIDER, KIND) } else { (container.provider.as_str(), container.kind) };
        acquire(container, provider, kind, 0)
    }

    /// Makes a container of [`PROVIDER`].
    pub(crate) fn create(container: &Container) -> Result<Self, Refusal> {
        acquire(container, &container.provider, container.kind, CRYPT_NEWKEYSET)
    }

    /// Puts a key (PRIVATEKEYBLOB) in.
    pub(crate) fn import(&self, blob: &[u8], exportable: bool) -> Result<(), Refusal> {
        let mut key = 0;
        let flags = if exportable { CRYPT_EXPORTABLE } else { 0 };
        // SAFETY: Windows copies the blob.
        yes(unsafe { CryptImportKey(self.provider, blob.as_ptr(), length(blob), 0, flags, &raw mut key) }, "CryptImportKey")?;
        drop(Key(key));
        Ok(())
    }

    /// The key, as PRIVATEKEYBLOB.
    pub(crate) fn export(&self) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let key = self.key()?;
        let mut size = 0;
        // SAFETY: asks for the size only.
        yes(unsafe { CryptExportKey(key.0, 0, PRIVATEKEYBLOB, 0, null_mut(), &raw mut size) }, "CryptExportKey")?;
        let mut blob = Zeroizing::new(vec![0; usize::try_from(size).unwrap_or(0)]);
        // SAFETY: the buffer has `size` bytes.
        yes(unsafe { CryptExportKey(key.0, 0, PRIVATEKEYBLOB, 0, blob.as_mut_ptr(), &raw mut size) }, "CryptExportKey")?;
        blob.truncate(usize::try_from(size).unwrap_or(0));
        Ok(blob)
    }

    /// Whether its key can be written out.
    pub(crate) fn exportable(&self) -> Result<bool, Refusal> {
        let key = self.key()?;
        let (mut permissions, mut size) = (0u32, 4u32);
        // SAFETY: the answer is four bytes.
        yes(unsafe { CryptGetKeyParam(key.0, KP_PERMISSIONS, (&raw mut permissions).cast(), &raw mut size, 0) }, "CryptGetKeyParam")?;
        Ok(permissions & CRYPT_EXPORT != 0)
    }

    /// Whether the provider keeps its keys in a device.
    pub(crate) fn hardware(&self) -> bool {
        let (mut kind, mut size) = (0u32, 4u32);
        // SAFETY: the answer is four bytes.
        let known = unsafe { CryptGetProvParam(self.provider, PP_IMPTYPE, (&raw mut kind).cast(), &raw mut size, 0) };
        known != 0 && kind & (CRYPT_IMPL_HARDWARE | CRYPT_IMPL_REMOVABLE) != 0
    }

    /// A PKCS#1 v1.5 signature over a SHA-256, SHA-384 or SHA-512 digest, told by its length.
    pub(crate) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>, Refusal> {
        let algorithm = match digest.len() {
            32 => CALG_SHA_256,
            48 => CALG_SHA_384,
            _ => CALG_SHA_512,
        };
        let mut hash = 0;
        // SAFETY: the provider is open.
        yes(unsafe { CryptCreateHash(self.provider, algorithm, 0, 0, &raw mut hash) }, "CryptCreateHash")?;
        let hash = Hash(hash);
        // SAFETY: the value has the length of the algorithm.
        yes(unsafe { CryptSetHashParam(hash.0, HP_HASHVAL, digest.as_ptr(), 0) }, "CryptSetHashParam")?;
        let mut size = 0;
        // SAFETY: asks for the size only.
        yes(unsafe { CryptSignHashW(hash.0, self.spec, null(), 0, null_mut(), &raw mut size) }, "CryptSignHash")?;
        let mut signature = vec![0; usize::try_from(size).unwrap_or(0)];
        // SAFETY: the buffer has `size` bytes.
        yes(unsafe { CryptSignHashW(hash.0, self.spec, null(), 0, signature.as_mut_ptr(), &raw mut size) }, "CryptSignHash")?;
        signature.truncate(usize::try_from(size).unwrap_or(0));
        // CryptoAPI gives the number with its least octet first; everybody else wants it last.
        signature.reverse();
        Ok(signature)
    }

    fn key(&self) -> Result<Key, Refusal> {
        let mut key = 0;
        // SAFETY: the provider is open.
        yes(unsafe { CryptGetUserKey(self.provider, self.spec, &raw mut key) }, "CryptGetUserKey")?;
        Ok(Key(key))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // SAFETY: opened by us, released once.
        unsafe { CryptReleaseContext(self.provider, 0) };
    }
}

/// Deletes a container with its keys.
pub(crate) fn delete(container: &Container) -> Result<(), Refusal> {
    let (name, provider) = (wide(&container.name), wide(&container.provider));
    let mut none = 0;
    let flags = CRYPT_DELETEKEYSET | CRYPT_SILENT | (container.flags & CRYPT_MACHINE_KEYSET);
    // SAFETY: the texts end with a zero; with this flag no handle is given.
    yes(unsafe { CryptAcquireContextW(&raw mut none, name.as_ptr(), provider.as_ptr(), container.kind, flags) }, "CryptAcquireContext")
}

fn acquire(container: &Container, provider: &str, kind: u32, flags: u32) -> Result<Keys, Refusal> {
    let (name, provider_name) = (wide(&container.name), wide(provider));
    let mut handle = 0;
    let flags = flags | CRYPT_SILENT | (container.flags & CRYPT_MACHINE_KEYSET);
    // SAFETY: the texts end with a zero and outlive the call.
    yes(unsafe { CryptAcquireContextW(&raw mut handle, name.as_ptr(), provider_name.as_ptr(), kind, flags) }, "CryptAcquireContext")?;
    // Wine's PFX import notes a key that does not exist (3); the one that it makes is the exchange key.
    let spec = if matches!(container.spec, 1 | 2) { container.spec } else { EXCHANGE };
    Ok(Keys { provider: handle, spec })
}

struct Key(usize);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: given to us, destroyed once. The container keeps the key.
        unsafe { CryptDestroyKey(self.0) };
    }
}

struct Hash(usize);

impl Drop for Hash {
    fn drop(&mut self) {
        // SAFETY: given to us, destroyed once.
        unsafe { CryptDestroyHash(self.0) };
    }
}
