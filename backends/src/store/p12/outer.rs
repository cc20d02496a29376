//! The outside of a PKCS#12 file: what can be read of it without the password.
//!
//! May use: `pkcs12` for the structures of RFC 7292. Must not: derive or decrypt anything.

use std::borrow::Cow;

use der::Decode;
use der::asn1::OctetString;
use kirikae_engine::backend::BackendError;
use kirikae_engine::text::Text;
use pkcs12::cms::content_info::ContentInfo;
use pkcs12::cms::encrypted_data::EncryptedData;
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use pkcs12::pfx::Pfx;
use pkcs12::safe_bag::{SafeBag, SafeContents};
use pkcs12::{AuthenticatedSafe, MacData};

use super::algorithm::{DATA, ENCRYPTED_DATA, Method};
use super::ber;

/// Rounds of key derivation that one file may ask for, all parts together: some seconds. What tools write stays below 2,000,000.
pub const MAX_ROUNDS: u64 = 10_000_000;

/// Bytes of memory that a derivation may ask for (scrypt).
pub const MAX_MEMORY: u64 = 128 << 20;

/// How a file is protected, as far as it can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// The MAC over the whole; `None`: nothing tells whether the file was changed.
    pub mac: Option<Method>,
    /// The parts in file order.
    pub parts: Vec<Part>,
}

/// One part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What lies in it.
    pub holds: Holds,
    /// How it is encrypted; `None`: it is not.
    pub method: Option<Method>,
}

/// What lies in a part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Something that only the password shows; most often the certificates.
    Unseen,
    /// A private key.
    Key,
    /// A certificate.
    Certificate,
}

/// A file taken apart.
pub(super) struct Outer {
    /// What the MAC is computed over.
    pub(super) maced: Vec<u8>,
    pub(super) mac: Option<MacData>,
    pub(super) parts: Vec<ContentInfo>,
}

/// The file itself: out of its PEM wrapping, without what follows after its end.
pub(super) fn bare(file: &[u8]) -> Cow<'_, [u8]> {
    if file.starts_with(b"-----BEGIN PKCS12-----")
        && let Ok((_, der)) = der::pem::decode_vec(file)
    {
        return Cow::Owned(der);
    }
    match ber::to_der(file) {
        Some((_, taken)) => Cow::Borrowed(&file[..taken]),
        None => Cow::Borrowed(file),
    }
}

/// One element as DER.
pub(super) fn der(element: &[u8]) -> der::Result<Vec<u8>> {
    ber::to_der(element).map(|(der, _)| der).ok_or_else(|| der::ErrorKind::Failed.into())
}

impl Outer {
    /// Takes a file apart.
    ///
    /// # Errors
    /// It is no PKCS#12 file.
    pub(super) fn read(file: &[u8]) -> der::Result<Self> {
        let pfx = Pfx::from_der(&der(file)?)?;
        if pfx.auth_safe.content_type != DATA {
            // Signed with a key instead of a password (RFC 7292 4): nobody exports that.
            return Ok(Self { maced: Vec::new(), mac: pfx.mac_data, parts: vec![pfx.auth_safe] });
        }
        let maced = pfx.auth_safe.content.decode_as::<OctetString>()?.into_bytes().to_vec();
        let parts = AuthenticatedSafe::from_der(&der(&maced)?)?;
        Ok(Self { maced, mac: pfx.mac_data, parts })
    }

    /// How it is protected.
    ///
    /// # Errors
    /// It is no PKCS#12 file.
    pub(super) fn protection(&self) -> der::Result<Protection> {
        let mut parts = Vec::new();
        for content in &self.parts {
            match content.content_type {
                DATA => {
                    for bag in plain_bags(content)? {
                        parts.extend(part(&bag)?);
                    }
                }
                ENCRYPTED_DATA => {
                    let encrypted: EncryptedData = content.content.decode_as()?;
                    parts.push(Part { holds: Holds::Unseen, method: Some(Method::of(&encrypted.enc_content_info.content_enc_alg)?) });
                }
                _ => parts.push(Part { holds: Holds::Unseen, method: Some(Method::of_content(content)) }),
            }
        }
        Ok(Protection { mac: self.mac.as_ref().map(Method::of_mac), parts })
    }
}

/// The bags of an unencrypted part.
pub(super) fn plain_bags(content: &ContentInfo) -> der::Result<SafeContents> {
    SafeContents::from_der(&der(content.content.decode_as::<OctetString>()?.as_bytes())?)
}

/// What a bag holds, without its `[0]`.
pub(super) fn bag_content(bag: &SafeBag) -> der::Result<Vec<u8>> {
    Ok(der::AnyRef::from_der(&bag.bag_value)?.value().to_vec())
}

fn part(bag: &SafeBag) -> der::Result<Option<Part>> {
    Ok(match bag.bag_id {
        pkcs12::PKCS_12_KEY_BAG_OID => Some(Part { holds: Holds::Key, method: None }),
        pkcs12::PKCS_12_PKCS8_KEY_BAG_OID => {
            let key = EncryptedPrivateKeyInfo::from_der(&bag_content(bag)?)?;
            Some(Part { holds: Holds::Key, method: Some(Method::of(&key.encryption_algorithm)?) })
        }
        pkcs12::PKCS_12_CERT_BAG_OID => Some(Part { holds: Holds::Certificate, method: None }),
        _ => None,
    })
}

impl Protection {
    /// Every method in it, the MAC's first.
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.mac.iter().chain(self.parts.iter().filter_map(|part| part.method.as_ref()))
    }

    /// Whether a password is needed at all.
    pub fn needs_password(&self) -> bool {
        self.methods().next().is_some()
    }

    /// Refuses what cannot be opened, before any work is done.
    ///
    /// # Errors
    /// `P12.UNSUPPORTED` with the algorithm's name, `P12.TOO_COSTLY`.
    pub fn check(&self) -> Result<(), BackendError> {
        if let Some(name) = self.methods().find_map(|method| method.refused.as_deref()) {
            return Err(unsupported(name));
        }
        let rounds = self.methods().fold(0u64, |sum, method| sum.saturating_add(method.rounds));
        if rounds > MAX_ROUNDS {
            return Err(BackendError::new(
                "P12.TOO_COSTLY",
                Text::new(
                    format!("パスワードから鍵を作る計算が{rounds}回必要です({MAX_ROUNDS}回まで)。"),
                    format!("deriving the key from the password takes {rounds} rounds; {MAX_ROUNDS} are allowed."),
                ),
            )
            .with("rounds", rounds.to_string()));
        }
        match self.methods().map(|method| method.memory).max() {
            Some(memory) if memory > MAX_MEMORY => Err(BackendError::new(
                "P12.TOO_COSTLY",
                Text::new(
                    format!("パスワードから鍵を作るのに{memory}バイトのメモリが必要です({MAX_MEMORY}バイトまで)。"),
                    format!("deriving the key from the password takes {memory} bytes of memory; {MAX_MEMORY} are allowed."),
                ),
            )
            .with("memory", memory.to_string())),
            _ => Ok(()),
        }
    }
}

/// `P12.UNSUPPORTED`: this algorithm cannot be opened.
pub(super) fn unsupported(name: &str) -> BackendError {
    BackendError::new(
        "P12.UNSUPPORTED",
        Text::new(format!("{name} で保護されたファイルで、kirikae では開けません。"), format!("it is protected with {name}, which kirikae cannot open.")),
    )
    .with("algorithm", name)
}
