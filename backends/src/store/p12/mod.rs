//! PKCS#12 files: opening them off-line, writing new ones.
//!
//! May use: `p12-keystore` to open (RFC 7292), and for files that it refuses our own step in `reopen.rs`, which hands it a fresh one.
//! Must not: trust `localKeyId` or file order; keep a key longer than a call; show a password.

mod algorithm;
mod appearance;
mod ber;
mod cipher;
mod outer;
mod reopen;
mod write;

use std::fmt;

use kirikae_engine::backend::{BackendError, OpenedP12, P12, StoredCert};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use p12_keystore::error::Error;
use p12_keystore::{CertificateBag, Pkcs12Archive, PrivateKeyBag};
use sha2::{Digest, Sha256};

pub use algorithm::Method;
pub use outer::{Holds, MAX_MEMORY, MAX_ROUNDS, Part, Protection};
pub use write::{Bundle, Profile, write, write_as};

use self::cipher::Shut;
use self::outer::Outer;
use super::signer::{self, PublicHalf};
use crate::x509::{Custody, NotACertificate, cert_info, pem_certificates};

/// Bytes; a PKCS#12 file of one credential has a few thousand.
pub const MAX_SIZE: usize = 16 << 20;

/// Opens PKCS#12 files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pkcs12Files;

impl P12 for Pkcs12Files {
    fn open(&self, file: &Secret, password: &Secret) -> Result<OpenedP12, BackendError> {
        let holder = format!("file:{}", hex::encode(Sha256::digest(file.expose())));
        let opened = open(file.expose(), password, &holder)?;
        Ok(OpenedP12 { leaf: opened.leaf, others: opened.others })
    }

    fn verify(&self, certificate: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> Result<(), BackendError> {
        signer::verify(certificate, scheme, message, signature)
    }

    fn certificates(&self, file: &Secret) -> Result<Vec<StoredCert>, BackendError> {
        let bytes = file.expose();
        let custody = Custody { holder: format!("file:{}", hex::encode(Sha256::digest(bytes))), ..Custody::default() };
        let ders = pem_certificates(bytes).unwrap_or_else(|| vec![bytes.to_vec()]);
        let read = |der: Vec<u8>| Ok(StoredCert { info: cert_info(&der, custody.clone())?, der });
        ders.into_iter().map(read).collect::<Result<_, NotACertificate>>().map_err(|reason| {
            let size = bytes.len();
            BackendError::new(
                "CERT.UNREADABLE",
                Text::new(
                    format!("ファイル({size}バイト)を証明書として読めません({reason})。"),
                    format!("the file ({size} bytes) is not readable as a certificate ({reason})."),
                ),
            )
        })
    }
}

/// A certificate, its key and what came with it.
#[derive(Clone)]
pub struct Credential {
    /// The private key, PKCS#8 DER.
    pub key: Secret,
    /// What ties the key to its certificate in the file, if the file says.
    pub local_key_id: Option<Vec<u8>>,
    /// The certificate that it belongs to.
    pub leaf: StoredCert,
    /// The other certificates, in file order; further ones of the same key last.
    pub others: Vec<StoredCert>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("sha1", &self.leaf.info.sha1).field("others", &self.others.len()).finish_non_exhaustive()
    }
}

/// Opens a file and finds its one key and the certificate that this key belongs to, whatever `localKeyId` says.
/// Of several such certificates the marked one is taken, else the one that expires last.
///
/// # Errors
/// As [`read`] and [`Contents::credential`].
pub fn open(file: &[u8], password: &Secret, holder: &str) -> Result<Credential, BackendError> {
    read(file, password)?.credential(holder)
}

/// How a file is protected. Needs no password.
///
/// # Errors
/// `P12.UNREADABLE`.
pub fn protection(file: &[u8]) -> Result<Protection, BackendError> {
    let bare = bare(file)?;
    Outer::read(&bare).and_then(|outer| outer.protection()).map_err(|error| no_pkcs12(file, &error))
}

/// What was found in an opened file.
pub struct Contents {
    /// How it is protected.
    pub protection: Protection,
    keys: Vec<PrivateKeyBag>,
    certs: Vec<CertificateBag>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("keys", &self.keys.len()).field("certs", &self.certs.len()).finish_non_exhaustive()
    }
}

/// Opens a file: `p12-keystore` first, else our own step.
///
/// # Errors
/// `P12.BAD_PASSWORD`, `P12.UNREADABLE`, `P12.UNSUPPORTED`, `P12.TOO_COSTLY`, `SECRET.UNFIT`.
pub fn read(file: &[u8], password: &Secret) -> Result<Contents, BackendError> {
    let bare = bare(file)?;
    let password = password_text(password)?;
    let outer = Outer::read(&bare).map_err(|error| no_pkcs12(file, &error))?;
    let protection = outer.protection().map_err(|error| no_pkcs12(file, &error))?;
    protection.check()?;
    let archive = match Pkcs12Archive::from_pkcs12(&bare, password) {
        Ok(archive) => archive,
        // With an empty password it may still be one that has none.
        Err(Error::MacError(_)) if !password.is_empty() => return Err(bad_password()),
        Err(_) => {
            let fresh = reopen::reopen(&outer, password).map_err(|shut| match shut {
                Shut::WrongPassword if protection.needs_password() => bad_password(),
                Shut::WrongPassword => unreadable(Text::new("中身が壊れています。", "its content is damaged.")),
                Shut::Unsupported(name) => outer::unsupported(&name),
            })?;
            Pkcs12Archive::from_pkcs12(&fresh, "").map_err(|error| match protection.mac {
                // Without a MAC, bytes that make no sense mean a wrong password far more often than damage.
                None if protection.needs_password() => bad_password(),
                _ => unreadable(Text::new(format!("中身を読めません({error})。"), format!("its content cannot be read ({error})."))),
            })?
        }
    };
    Ok(Contents { protection, keys: archive.keys, certs: archive.certs })
}

impl Contents {
    /// Its one key and the certificate that belongs to it, as [`open`] gives them.
    ///
    /// # Errors
    /// `P12.NO_KEY`, `P12.MANY_KEYS`, `KEY.MISMATCH`, `KEY.UNUSABLE`, `P12.UNREADABLE` (its certificate is none).
    pub fn credential(&self, holder: &str) -> Result<Credential, BackendError> {
        let key = self.only_key()?;
        let pkcs8 = Secret::bytes(key.key.as_der().to_vec());
        let marker = key.local_key_id.as_ref().map(|id| id.0.as_slice());
        let public = PublicHalf::of(&pkcs8)?;
        let (mut own, mut others, mut unread) = (Vec::new(), Vec::new(), None);
        for bag in &self.certs {
            let der = bag.cert.as_der();
            let belongs = public.belongs_to(der)?;
            // The key's name comes first: some tools name a certificate by its subject.
            let friendly_name = key.friendly_name.clone().filter(|_| belongs).or_else(|| bag.friendly_name.clone());
            let custody = Custody { holder: holder.to_owned(), has_key: belongs, key_exportable: belongs, key_protected: false, friendly_name };
            match cert_info(der, custody) {
                Ok(info) => {
                    let marked = marker.is_some() && bag.local_key_id.as_deref() == marker;
                    let cert = StoredCert { info, der: der.to_vec() };
                    if belongs { own.push((marked, cert)) } else { others.push(cert) }
                }
                // A helper certificate that cannot be read does not make the credential useless.
                Err(reason) => unread = Some(reason),
            }
        }
        let best = (0..own.len()).max_by_key(|index| (own[*index].0, own[*index].1.info.not_after)).ok_or_else(|| self.no_certificate(unread))?;
        let (_, leaf) = own.swap_remove(best);
        others.extend(own.into_iter().map(|(_, cert)| cert));
        Ok(Credential { key: pkcs8, local_key_id: marker.map(<[u8]>::to_vec), leaf, others })
    }

    /// The certificates that can be read, in file order, whatever keys there are.
    pub fn certificates(&self, holder: &str) -> Vec<StoredCert> {
        let custody = |name: &Option<String>| Custody { holder: holder.to_owned(), friendly_name: name.clone(), ..Custody::default() };
        let read = |bag: &CertificateBag| {
            let der = bag.cert.as_der();
            Some(StoredCert { info: cert_info(der, custody(&bag.friendly_name)).ok()?, der: der.to_vec() })
        };
        self.certs.iter().filter_map(read).collect()
    }

    fn only_key(&self) -> Result<&PrivateKeyBag, BackendError> {
        let mut keys: Vec<&PrivateKeyBag> = Vec::new();
        for key in &self.keys {
            if keys.iter().all(|other| other.key != key.key) {
                keys.push(key);
            }
        }
        match keys.as_slice() {
            [key] => Ok(key),
            [] => Err(BackendError::new("P12.NO_KEY", Text::new("ファイルに秘密鍵が入っていません。", "the file holds no private key."))),
            several => {
                let count = several.len();
                Err(BackendError::new(
                    "P12.MANY_KEYS",
                    Text::new(format!("ファイルに秘密鍵が{count}個入っています。"), format!("the file holds {count} private keys.")),
                ))
            }
        }
    }

    /// Why the key has no certificate; `unread` is the reason why one of them could not be read.
    fn no_certificate(&self, unread: Option<NotACertificate>) -> BackendError {
        if let Some(reason) = unread {
            return unreadable(Text::new(format!("中の証明書を読めません({reason})。"), format!("the certificate in it cannot be read ({reason}).")));
        }
        let count = self.certs.len();
        let text = if count == 0 {
            Text::new("ファイルに秘密鍵だけが入っていて、証明書がありません。", "the file holds a private key and no certificate.")
        } else {
            Text::new(
                format!("ファイルの証明書{count}枚のどれも、秘密鍵と組になりません。"),
                format!("none of the {count} certificates in the file belongs to its private key."),
            )
        };
        BackendError::new("KEY.MISMATCH", text)
    }
}

/// The file without its wrapping, if it has a size that a certificate file can have.
fn bare(file: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, BackendError> {
    if file.len() <= MAX_SIZE {
        return Ok(outer::bare(file));
    }
    let (size, limit) = (file.len(), MAX_SIZE);
    Err(unreadable(Text::new(
        format!("{size}バイトあります(証明書ファイルは{limit}バイトまで)。"),
        format!("it has {size} bytes; a certificate file has at most {limit}."),
    )))
}

fn password_text(password: &Secret) -> Result<&str, BackendError> {
    password.expose_text().ok_or_else(|| {
        let text = Text::new("証明書ファイルのパスワードが文字になっていません。", "the file password is no text.");
        BackendError::new("SECRET.UNFIT", text)
    })
}

fn bad_password() -> BackendError {
    BackendError::new("P12.BAD_PASSWORD", Text::new("このパスワードでは証明書ファイルを開けません。", "this password does not open the certificate file."))
}

/// Why a file cannot be taken apart: what it looks like instead.
fn no_pkcs12(file: &[u8], error: &der::Error) -> BackendError {
    unreadable(
        appearance::not_pkcs12(file)
            .unwrap_or_else(|| Text::new(format!("PKCS#12 として読めません({error})。"), format!("not readable as PKCS#12 ({error})."))),
    )
}

fn unreadable(cause: Text) -> BackendError {
    BackendError::new("P12.UNREADABLE", cause)
}
