//! The store port: certificates with their keys.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use super::{BackendError, Call, Capabilities, ImportOption};
use crate::dsl::CertInfo;
use crate::secret::Secret;
use crate::text::Text;

/// A certificate in a store, with its DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCert {
    /// What the language sees.
    pub info: CertInfo,
    /// The certificate.
    pub der: Vec<u8>,
}

/// A credential that signs: chain and key, the key staying where it is (for mutual TLS and proofs).
pub trait Signer: Debug + Send + Sync {
    /// What the language sees of the certificate.
    fn info(&self) -> &CertInfo;
    /// DER of the certificate, then its intermediates; no root.
    fn chain(&self) -> &[Vec<u8>];
    /// TLS signature schemes (RFC 8446 4.2.3 code points) that the key can do, best first.
    fn schemes(&self) -> Vec<u16>;
    /// Signs `message` (hashing it as the scheme says). The signature as TLS sends it.
    ///
    /// # Errors
    /// `KEY.UNUSABLE`; `TOKEN.ABSENT` if the token that holds the key was pulled out.
    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>, BackendError>;
}

/// Reads of a store.
pub trait StoreRead: Debug + Send + Sync {
    /// Stable identity, also in journals: kind and place (`dir:/path`).
    fn id(&self) -> &str;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// Every certificate in it, keys or not, in a stable order.
    ///
    /// # Errors
    /// `STORE.UNREADABLE`.
    fn list(&self, call: &Call) -> Result<Vec<StoredCert>, BackendError>;
    /// Names of what lies in the store and cannot be listed without a secret or a repair (a lone `.p12` in a folder).
    ///
    /// # Errors
    /// `STORE.UNREADABLE`.
    fn locked(&self, _call: &Call) -> Result<Vec<String>, BackendError> {
        Ok(Vec::new())
    }
    /// The credential with this SHA-1 thumbprint, key taken from this store.
    ///
    /// # Errors
    /// `CERT.GONE`, `KEY.UNUSABLE`, `STORE.UNREADABLE`, `STORE.BAD_PASSWORD`.
    fn signer(&self, call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError>;
    /// Shows that something could be imported now: place there, writable, room left. Leaves nothing behind.
    ///
    /// # Errors
    /// `STORE.READONLY`, `STORE.LOCKED`, `STORE.UNREADABLE`, `FOLDER.FULL`.
    fn probe_writable(&self, call: &Call) -> Result<(), BackendError>;
    /// Its power to write credentials out with their keys, if it has one.
    fn export(&self) -> Option<&dyn StoreExport> {
        None
    }
    /// Its keys that wait for their certificate, if it can have any.
    fn keys(&self) -> Option<&dyn StoreKeys> {
        None
    }
    /// The roots that are trusted by those who use this store, if it keeps any.
    fn roots(&self) -> Option<&dyn StoreRoots> {
        None
    }
}

/// Power of a store: writing a credential out.
pub trait StoreExport {
    /// A new PKCS#12 file (PBES2, AES-256) under `password`: the certificate with this SHA-1 thumbprint, its key, its friendly
    /// name and what the store has of its chain, leaf first.
    ///
    /// # Errors
    /// `CERT.GONE`, `KEY.NOT_EXPORTABLE`, `KEY.UNUSABLE`, `STORE.UNREADABLE`, `SECRET.UNFIT` (a password that PKCS#12 cannot have).
    fn export(&self, call: &Call, thumbprint: &str, password: &Secret) -> Result<Secret, BackendError>;
}

/// Power of a store: it keeps trusted roots.
pub trait StoreRoots {
    /// The trusted roots, in a stable order.
    ///
    /// # Errors
    /// `STORE.UNREADABLE`.
    fn trusted(&self, call: &Call) -> Result<Vec<StoredCert>, BackendError>;
    /// What the system will ask on the screen when a root is added; `None`: it asks nothing.
    fn dialog(&self) -> Option<Text>;
}

/// Power of a store: it can be told to trust a root.
pub trait StoreTrust: StoreRoots {
    /// Trusts a root certificate. One that is trusted already changes nothing.
    ///
    /// # Errors
    /// `CERT.UNREADABLE`, `STORE.UNREADABLE`, `STORE.READONLY`, `STORE.LOCKED`, `STORE.ROOT_REFUSED` (a person said no in the dialog of the system).
    fn trust(&self, call: &Call, root: &[u8]) -> Result<StoredCert, BackendError>;
}

/// Kinds of keys that a store can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// ECDSA on P-256.
    P256,
}

impl KeyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rsa2048, Self::Rsa3072, Self::P256];

    /// The word in playbooks.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::P256 => "p256",
        }
    }

    /// The kind written as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A key that was made in a store and has no certificate yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingKey {
    /// The name that it was made under, hex digits.
    pub id: String,
    /// Its kind.
    pub kind: KeyKind,
    /// Its public part, SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
}

/// Power of a store: it keeps keys that wait for their certificate.
pub trait StoreKeys {
    /// Those keys, by name.
    ///
    /// # Errors
    /// `STORE.UNREADABLE`.
    fn pending(&self, call: &Call) -> Result<Vec<PendingKey>, BackendError>;
    /// A certification request (PKCS#10, DER) for this subject (`CN` and value, most specific first), signed with the key of this name.
    ///
    /// # Errors
    /// `KEY.UNUSABLE`, `STORE.UNREADABLE`, `INPUT.UNFIT` (a subject that no certificate can have).
    fn request(&self, call: &Call, id: &str, subject: &[(String, String)]) -> Result<Vec<u8>, BackendError>;
}

/// Power of a store: it makes keys, and joins them with their certificates.
pub trait StoreKeyMaker: StoreKeys {
    /// Makes a key under this name (hex digits). One that is there already is given back as it is.
    ///
    /// # Errors
    /// `KEY.UNUSABLE`, `STORE.UNREADABLE`, `STORE.READONLY`, `STORE.LOCKED`, `FOLDER.FULL`.
    fn create(&self, call: &Call, id: &str, kind: KeyKind, exportable: bool) -> Result<PendingKey, BackendError>;
    /// Puts the certificate (DER) that is for the key of this name into the store, with the key and with what else of these
    /// certificates belongs to its chain; the key waits no longer. After an error or a crash the store is as before or holds the whole credential.
    ///
    /// # Errors
    /// `KEY.MISMATCH` (none of them is for it), `KEY.UNUSABLE`, `CERT.UNREADABLE`, `STORE.*`, `FOLDER.FULL`.
    fn accept(&self, call: &Call, id: &str, certificates: &[Vec<u8>], friendly_name: Option<&str>) -> Result<StoredCert, BackendError>;
}

/// A PKCS#12 file to import, already opened and checked by the caller.
#[derive(Clone)]
pub struct ImportRequest {
    /// The file.
    pub file: Secret,
    /// Its password.
    pub password: Secret,
    /// Friendly name to keep beside it.
    pub friendly_name: Option<String>,
    /// The wizard's options.
    pub options: BTreeMap<ImportOption, bool>,
}

/// Writes of a store.
pub trait StoreWrite: StoreRead {
    /// Imports the one credential of a PKCS#12 file. Importing one that is there already changes nothing.
    /// After an error or a crash the store is as before or holds the whole credential.
    ///
    /// # Errors
    /// `P12.*`, `KEY.*`, `STORE.UNREADABLE`, `STORE.BAD_PASSWORD`, `STORE.READONLY`, `STORE.LOCKED`, `FOLDER.FULL`, `BACKEND.UNSUPPORTED` (an option).
    fn import(&self, call: &Call, request: &ImportRequest) -> Result<StoredCert, BackendError>;
    /// Takes the store's exclusive lock; it ends with the guard.
    ///
    /// # Errors
    /// `STORE.LOCKED`, `STORE.UNREADABLE`, `STORE.READONLY`.
    fn lock<'a>(&'a self, call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError>;
    /// Its power to make keys, if it has one.
    fn making(&self) -> Option<&dyn StoreKeyMaker> {
        None
    }
    /// Its power to trust roots, if it has one.
    fn trusting(&self) -> Option<&dyn StoreTrust> {
        None
    }
}

/// The store under its exclusive lock: look, then delete what was looked at.
pub trait StoreLock {
    /// As [`StoreRead::list`].
    ///
    /// # Errors
    /// As there.
    fn list(&self) -> Result<Vec<StoredCert>, BackendError>;
    /// Signs with the key of this certificate and checks the signature with the certificate.
    ///
    /// # Errors
    /// `KEY.UNUSABLE`, `KEY.MISMATCH`, `CERT.GONE`.
    fn prove_key(&self, thumbprint: &str) -> Result<(), BackendError>;
    /// Deletes this certificate and its key.
    ///
    /// # Errors
    /// `CERT.GONE`, `STORE.READONLY`.
    fn delete(&self, thumbprint: &str) -> Result<(), BackendError>;
}

/// What a PKCS#12 file holds.
#[derive(Clone, Debug)]
pub struct OpenedP12 {
    /// The certificate that the key belongs to.
    pub leaf: StoredCert,
    /// The other certificates, in file order.
    pub others: Vec<StoredCert>,
}

/// What needs a library of public-key formats, off-line: files of certificates, signatures. Costs no attempts anywhere.
pub trait P12: Debug + Send + Sync {
    /// Opens a file, finds its one key and the certificate that matches it, and checks that they belong together.
    /// `CertInfo::holder` is `file:<sha256 of the file>`.
    ///
    /// # Errors
    /// `P12.BAD_PASSWORD`, `P12.UNREADABLE`, `P12.UNSUPPORTED`, `P12.TOO_COSTLY`, `P12.NO_KEY`, `P12.MANY_KEYS`, `KEY.MISMATCH`,
    /// `KEY.UNUSABLE` (its kind or size), `SECRET.UNFIT` (a password that PKCS#12 cannot have).
    fn open(&self, file: &Secret, password: &Secret) -> Result<OpenedP12, BackendError>;
    /// The certificates of a file without a key: one in DER, or PEM blocks (RFC 7468), in file order. `CertInfo::holder` as of `open`.
    ///
    /// # Errors
    /// `CERT.UNREADABLE`.
    fn certificates(&self, file: &Secret) -> Result<Vec<StoredCert>, BackendError>;
    /// Verifies a signature as [`Signer::sign`] gives it with the public key of a certificate (DER).
    ///
    /// # Errors
    /// `KEY.MISMATCH`.
    fn verify(&self, certificate: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> Result<(), BackendError>;
}
