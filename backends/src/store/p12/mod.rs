//! PKCS#12 files: opening them off-line, writing new ones.
//!
//! May use: `p12-keystore` (RFC 7292). Must not: trust `localKeyId` or file order; keep a key longer than a call; show a password.

mod appearance;

use std::fmt;

use kirikae_engine::backend::{BackendError, OpenedP12, P12, StoredCert};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use p12_keystore::error::Error;
use p12_keystore::{Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12Archive, PrivateKey, PrivateKeyChain};
use sha2::{Digest, Sha256};

use super::signer::key_belongs;
use crate::x509::{Custody, NotACertificate, cert_info, pem_certificates};

/// Bytes; a PKCS#12 file of one credential has a few thousand.
pub const MAX_SIZE: usize = 16 << 20;

/// PBKDF2 rounds of files we write. Where a person chose the password they are all that protects it.
const ITERATIONS: u32 = 100_000;

/// Opens PKCS#12 files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pkcs12Files;

impl P12 for Pkcs12Files {
    fn open(&self, file: &Secret, password: &Secret) -> Result<OpenedP12, BackendError> {
        let holder = format!("file:{}", hex::encode(Sha256::digest(file.expose())));
        let opened = open(file.expose(), password, &holder)?;
        Ok(OpenedP12 { leaf: opened.leaf, others: opened.others })
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
/// `P12.BAD_PASSWORD`, `P12.UNREADABLE`, `P12.NO_KEY`, `P12.MANY_KEYS`, `KEY.MISMATCH`, `KEY.UNUSABLE`, `SECRET.UNFIT`.
pub fn open(file: &[u8], password: &Secret, holder: &str) -> Result<Credential, BackendError> {
    if file.len() > MAX_SIZE {
        let (size, limit) = (file.len(), MAX_SIZE);
        return Err(unreadable(Text::new(
            format!("{size}バイトあります(証明書ファイルは{limit}バイトまで)。"),
            format!("it has {size} bytes; a certificate file has at most {limit}."),
        )));
    }
    let password = password_text(password)?;
    let archive = Pkcs12Archive::from_pkcs12(file, password).map_err(|error| refusal(file, &error))?;

    let mut keys = archive.keys;
    keys.dedup_by(|a, b| a.key == b.key);
    let key = match keys.as_slice() {
        [key] => key,
        [] => return Err(BackendError::new("P12.NO_KEY", Text::new("ファイルに秘密鍵が入っていません。", "the file holds no private key."))),
        several => {
            let count = several.len();
            return Err(BackendError::new(
                "P12.MANY_KEYS",
                Text::new(format!("ファイルに秘密鍵が{count}個入っています。"), format!("the file holds {count} private keys.")),
            ));
        }
    };
    let pkcs8 = Secret::bytes(key.key.as_der().to_vec());
    let marker = key.local_key_id.as_ref().map(|id| id.0.as_slice());

    let mut own = Vec::new();
    let mut others = Vec::new();
    for bag in &archive.certs {
        let der = bag.cert.as_der();
        let belongs = key_belongs(&pkcs8, der)?;
        // The key's name comes first: some tools name a certificate by its subject.
        let friendly_name = key.friendly_name.clone().filter(|_| belongs).or_else(|| bag.friendly_name.clone());
        let custody = Custody { holder: holder.to_owned(), has_key: belongs, key_exportable: belongs, key_protected: false, friendly_name };
        match cert_info(der, custody) {
            Ok(info) => {
                let marked = marker.is_some() && bag.local_key_id.as_deref() == marker;
                let cert = StoredCert { info, der: der.to_vec() };
                if belongs { own.push((marked, cert)) } else { others.push(cert) }
            }
            Err(reason) if belongs => {
                return Err(unreadable(Text::new(format!("中の証明書を読めません({reason})。"), format!("the certificate in it cannot be read ({reason})."))));
            }
            // A helper certificate that cannot be read does not make the credential useless.
            Err(_) => {}
        }
    }
    let best = (0..own.len()).max_by_key(|index| (own[*index].0, own[*index].1.info.not_after)).ok_or_else(|| {
        let count = archive.certs.len();
        BackendError::new(
            "KEY.MISMATCH",
            Text::new(
                format!("ファイルの証明書{count}枚のどれも、秘密鍵と組になりません。"),
                format!("none of the {count} certificates in the file belongs to its private key."),
            ),
        )
    })?;
    let (_, leaf) = own.swap_remove(best);
    others.extend(own.into_iter().map(|(_, cert)| cert));
    Ok(Credential { key: pkcs8, leaf, others })
}

/// Writes a PKCS#12 file (AES-256-CBC, PBKDF2 and MAC with SHA-256) that every current tool opens.
/// `key` is PKCS#8 DER, `certificates` DER with the key's own first.
///
/// # Errors
/// `KEY.MISMATCH`, `KEY.UNUSABLE`, `SECRET.UNFIT` (the password), `P12.UNREADABLE` (a certificate is none).
pub fn write(key: &Secret, certificates: &[Vec<u8>], friendly_name: &str, password: &Secret) -> Result<Vec<u8>, BackendError> {
    let unwritable =
        |error: &Error| unreadable(Text::new(format!("証明書ファイルを作れません({error})。"), format!("the certificate file cannot be made ({error}).")));
    let password = password_text(password)?;
    let leaf = certificates.first().map_or(&[][..], Vec::as_slice);
    if !key_belongs(key, leaf)? {
        return Err(BackendError::new("KEY.MISMATCH", Text::new("秘密鍵がその証明書のものではありません。", "the private key is not the certificate's.")));
    }
    let chain: Vec<Certificate> = certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>().map_err(|error| unwritable(&error))?;
    let key = PrivateKey::from_der(key.expose()).map_err(|error| unwritable(&error))?;
    let marker = Sha256::digest(leaf).to_vec();

    let mut keystore = KeyStore::new();
    keystore.add_entry(&basic_plane(friendly_name), KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(marker, key, chain)));
    keystore
        .writer(password)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .encryption_iterations(ITERATIONS)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        .mac_iterations(ITERATIONS)
        .write()
        .map_err(|error| unwritable(&error))
}

/// Friendly names are BMPStrings (RFC 2985 5.5.1): what lies above U+FFFF has no place in them.
fn basic_plane(name: &str) -> String {
    name.chars().map(|c| if u32::from(c) > 0xffff { '\u{fffd}' } else { c }).collect()
}

/// The password as PKCS#12 can use it: text of the basic plane (RFC 7292 B.1).
fn password_text(password: &Secret) -> Result<&str, BackendError> {
    password.expose_text().filter(|text| text.chars().all(|c| u32::from(c) <= 0xffff)).ok_or_else(|| {
        BackendError::new(
            "SECRET.UNFIT",
            Text::new(
                "証明書ファイルのパスワードに使えない文字(絵文字など)が入っています。",
                "the file password has characters that cannot be used (emoji and the like).",
            ),
        )
    })
}

/// Why a file could not be opened, in words for people: what it looks like instead, or the password.
fn refusal(file: &[u8], error: &Error) -> BackendError {
    let bad_password = || {
        BackendError::new("P12.BAD_PASSWORD", Text::new("このパスワードでは証明書ファイルを開けません。", "this password does not open the certificate file."))
    };
    if matches!(error, Error::MacError(_)) {
        return bad_password();
    }
    if let Some(text) = appearance::not_pkcs12(file) {
        return unreadable(text);
    }
    if appearance::has_no_mac(file) {
        // Nothing tells a wrong password from damage then; the password is by far the likelier.
        return bad_password();
    }
    unreadable(Text::new(format!("PKCS#12 として読めません({error})。"), format!("not readable as PKCS#12 ({error}).")))
}

fn unreadable(cause: Text) -> BackendError {
    BackendError::new("P12.UNREADABLE", cause)
}
