//! Certificate stores of Windows and what lies in them.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_FRIENDLY_NAME_PROP_ID, CERT_KEY_PROV_INFO_PROP_ID, CERT_STORE_ADD_ALWAYS, CERT_STORE_ADD_REPLACE_EXISTING, CERT_STORE_CREATE_NEW_FLAG,
    CERT_STORE_CTRL_COMMIT, CERT_STORE_CTRL_COMMIT_FORCE_FLAG, CERT_STORE_PROV_MEMORY, CERT_STORE_PROV_SYSTEM_W, CERT_STORE_READONLY_FLAG,
    CERT_SYSTEM_STORE_CURRENT_USER, CERT_SYSTEM_STORE_LOCAL_MACHINE, CRYPT_KEY_PROV_INFO, CertAddCertificateContextToStore, CertCloseStore, CertControlStore,
    CertCreateCertificateContext, CertDeleteCertificateFromStore, CertDuplicateCertificateContext, CertEnumCertificatesInStore, CertFreeCertificateContext,
    CertGetCertificateContextProperty, CertOpenStore, CertSetCertificateContextProperty, HCERTSTORE, PKCS_7_ASN_ENCODING, X509_ASN_ENCODING,
};

use super::{Refusal, blob, length, text_at, wide, yes};

/// Whose stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Of the account that this process runs as.
    CurrentUser,
    /// Of the machine.
    LocalMachine,
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading; every account may.
    Read,
    /// Reading and writing; the machine's stores need an elevated process.
    Write,
}

/// An open store.
pub(crate) struct CertStore(HCERTSTORE);

impl CertStore {
    /// A store of the system (`MY`, `CA`, `ROOT`).
    pub(crate) fn open(owner: Owner, name: &str, access: Access) -> Result<Self, Refusal> {
        let place = match owner {
            Owner::CurrentUser => CERT_SYSTEM_STORE_CURRENT_USER,
            Owner::LocalMachine => CERT_SYSTEM_STORE_LOCAL_MACHINE,
        };
        let access = match access {
            Access::Read => CERT_STORE_READONLY_FLAG,
            Access::Write => 0,
        };
        let name = wide(name);
        // SAFETY: the name ends with a zero and outlives the call.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, place | access, name.as_ptr().cast()) };
        Self::of(store, "CertOpenStore")
    }

    /// An empty store in memory.
    pub(crate) fn in_memory() -> Result<Self, Refusal> {
        // SAFETY: this provider takes no further parameter.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, CERT_STORE_CREATE_NEW_FLAG, null()) };
        Self::of(store, "CertOpenStore")
    }

    /// Owns a store that a function gave.
    pub(super) fn of(store: HCERTSTORE, call: &'static str) -> Result<Self, Refusal> {
        if store.is_null() { Err(Refusal::last(call)) } else { Ok(Self(store)) }
    }

    pub(super) fn handle(&self) -> HCERTSTORE {
        self.0
    }

    /// Everything in it, in the order of the store. A store of the user shows the machine's certificates, too, except `MY`.
    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        let mut found = vec![];
        let mut context: *const CERT_CONTEXT = null();
        loop {
            // SAFETY: the store is open; the call frees the context it is given and gives the next one.
            context = unsafe { CertEnumCertificatesInStore(self.0, context) };
            if context.is_null() {
                return found;
            }
            // SAFETY: the context is valid until the next turn; the copy is counted by itself.
            found.push(Certificate(unsafe { CertDuplicateCertificateContext(context) }));
        }
    }

    /// Adds a certificate with its properties, in place of the same one. Written when this returns.
    pub(crate) fn add(&self, certificate: &Certificate) -> Result<(), Refusal> {
        // SAFETY: both are open; no copy of the new context is asked for.
        let added = unsafe { CertAddCertificateContextToStore(self.0, certificate.0, CERT_STORE_ADD_REPLACE_EXISTING, null_mut()) };
        yes(added, "CertAddCertificateContextToStore")?;
        self.commit();
        Ok(())
    }

    /// Adds a certificate to a store in memory.
    pub(crate) fn collect(&self, certificate: &Certificate) -> Result<(), Refusal> {
        // SAFETY: as in `add`.
        let added = unsafe { CertAddCertificateContextToStore(self.0, certificate.0, CERT_STORE_ADD_ALWAYS, null_mut()) };
        yes(added, "CertAddCertificateContextToStore")
    }

    /// Deletes a certificate that came out of this store; its key stays. Written when this returns.
    pub(crate) fn delete(&self, certificate: &Certificate) -> Result<(), Refusal> {
        // SAFETY: the call frees what it is given, also when it fails, so it is given a copy.
        let deleted = unsafe { CertDeleteCertificateFromStore(CertDuplicateCertificateContext(certificate.0)) };
        yes(deleted, "CertDeleteCertificateFromStore")?;
        self.commit();
        Ok(())
    }

    /// Without it Wine keeps deletions, replacements and names in memory. Windows writes at once, so its answer is no matter.
    fn commit(&self) {
        // SAFETY: the store is open; the command has no parameter.
        unsafe { CertControlStore(self.0, CERT_STORE_CTRL_COMMIT_FORCE_FLAG, CERT_STORE_CTRL_COMMIT, null()) };
    }
}

impl Drop for CertStore {
    fn drop(&mut self) {
        // SAFETY: opened by us, closed once. Certificates that are still held keep what they need.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

/// Where a key lies: a container of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    /// The container.
    pub name: String,
    /// The provider that keeps it.
    pub provider: String,
    /// Type of the provider; 0: a key storage provider of CNG, else a service provider of CryptoAPI.
    pub kind: u32,
    /// `CRYPT_MACHINE_KEYSET` and others.
    pub flags: u32,
    /// Which key of the container: 1 exchange, 2 signature; 0 with CNG.
    pub spec: u32,
}

/// A certificate of Windows with its properties.
pub(crate) struct Certificate(*const CERT_CONTEXT);

impl Certificate {
    /// A certificate that is in no store yet.
    pub(crate) fn new(der: &[u8]) -> Result<Self, Refusal> {
        // SAFETY: Windows copies the bytes.
        let context = unsafe { CertCreateCertificateContext(X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, der.as_ptr(), length(der)) };
        if context.is_null() { Err(Refusal::last("CertCreateCertificateContext")) } else { Ok(Self(context)) }
    }

    pub(super) fn context(&self) -> *const CERT_CONTEXT {
        self.0
    }

    /// The certificate.
    pub(crate) fn der(&self) -> Vec<u8> {
        // SAFETY: a context points to its encoded certificate for as long as it is held.
        unsafe {
            let context = &*self.0;
            std::slice::from_raw_parts(context.pbCertEncoded, usize::try_from(context.cbCertEncoded).unwrap_or(0)).to_vec()
        }
    }

    /// The friendly name.
    pub(crate) fn friendly_name(&self) -> Option<String> {
        let stored = self.property(CERT_FRIENDLY_NAME_PROP_ID)?;
        // SAFETY: the property is a text with its end; the buffer outlives the call.
        Some(unsafe { text_at(stored.as_ptr().cast()) }).filter(|name| !name.is_empty())
    }

    /// Where its key lies, if it has one.
    pub(crate) fn container(&self) -> Option<Container> {
        let stored = self.property(CERT_KEY_PROV_INFO_PROP_ID)?;
        // SAFETY: the buffer is aligned for the structure, holds it whole, and the texts that it points to lie in the same buffer.
        unsafe {
            let info = &*stored.as_ptr().cast::<CRYPT_KEY_PROV_INFO>();
            Some(Container {
                name: text_at(info.pwszContainerName),
                provider: text_at(info.pwszProvName),
                kind: info.dwProvType,
                flags: info.dwFlags,
                spec: info.dwKeySpec,
            })
        }
    }

    /// Names it for people.
    pub(crate) fn set_friendly_name(&self, name: &str) -> Result<(), Refusal> {
        let name: Vec<u8> = wide(name).into_iter().flat_map(u16::to_le_bytes).collect();
        let value = blob(&name);
        self.set(CERT_FRIENDLY_NAME_PROP_ID, (&raw const value).cast())
    }

    /// Says where its key lies.
    pub(crate) fn set_container(&self, container: &Container) -> Result<(), Refusal> {
        let (mut name, mut provider) = (wide(&container.name), wide(&container.provider));
        let info = CRYPT_KEY_PROV_INFO {
            pwszContainerName: name.as_mut_ptr(),
            pwszProvName: provider.as_mut_ptr(),
            dwProvType: container.kind,
            dwFlags: container.flags,
            cProvParam: 0,
            rgProvParam: null_mut(),
            dwKeySpec: container.spec,
        };
        self.set(CERT_KEY_PROV_INFO_PROP_ID, (&raw const info).cast())
    }

    fn set(&self, property: u32, value: *const c_void) -> Result<(), Refusal> {
        // SAFETY: `value` is the structure that this property takes; Windows copies it.
        yes(unsafe { CertSetCertificateContextProperty(self.0, property, 0, value) }, "CertSetCertificateContextProperty")
    }

    /// A property in a buffer aligned for any structure, at least one unit behind its end being zero.
    fn property(&self, property: u32) -> Option<Vec<u64>> {
        let mut size = 0;
        // SAFETY: asks for the size only.
        if unsafe { CertGetCertificateContextProperty(self.0, property, null_mut(), &raw mut size) } == 0 {
            return None;
        }
        let mut buffer = vec![0u64; usize::try_from(size).ok()?.div_ceil(8) + 1];
        // SAFETY: the buffer has at least `size` bytes.
        let got = unsafe { CertGetCertificateContextProperty(self.0, property, buffer.as_mut_ptr().cast(), &raw mut size) };
        (got != 0).then_some(buffer)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: held by us, freed once.
        unsafe { CertFreeCertificateContext(self.0) };
    }
}
