//! Keys in the stores of Windows: two ways behind one door. A key is used the way it was put in.
//!
//! May use: [`crate::windows`]. Must not: open a card's key (a look may ask a person for the card).

mod capi;
mod cng;

use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use kirikae_engine::backend::{BackendError, ImportOption, ImportRequest, OptionSupport};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use rustls::SignatureScheme;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate as X509;
use x509_cert::der::Decode;

use self::capi::Capi;
use self::cng::Cng;
use super::place::{Keys, Place};
use crate::store::p12::Credential;
use crate::windows::Refusal;
use crate::windows::cert::{Certificate, Container};

/// What can be told of a key without using it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// It is there. A certificate may lead to a key that somebody took away.
    pub present: bool,
    /// It can be written out.
    pub exportable: bool,
    /// Each use asks a person.
    pub protected: bool,
    /// It lives in a card or a USB key: used through a token, never through a store.
    pub card: bool,
}

/// One way of keeping keys.
pub(super) trait KeyPath: Sync {
    /// What it does with the wizard's options.
    fn options(&self) -> BTreeMap<ImportOption, OptionSupport>;
    /// Puts the key in, into a container of its own, and gives the certificate that leads to it; that is in no store yet.
    ///
    /// # Errors
    /// As an import of a store; nothing is left behind.
    fn import(&self, place: &Place, credential: &Credential, request: &ImportRequest) -> Result<Certificate, BackendError>;
    /// What can be told of the key.
    fn facts(&self, der: &[u8], container: &Container) -> Facts;
    /// What it signs with this kind of public key, best first.
    fn schemes(&self, public: PublicKey) -> &'static [SignatureScheme];
    /// Signs a digest as the scheme says.
    ///
    /// # Errors
    /// What Windows says.
    fn sign(&self, der: &[u8], container: &Container, scheme: SignatureScheme, digest: &[u8]) -> Result<Vec<u8>, Refusal>;
    /// The key, PKCS#8.
    ///
    /// # Errors
    /// `KEY.NOT_EXPORTABLE`, `KEY.UNUSABLE`.
    fn export(&self, place: &Place, certificate: &Certificate, container: &Container) -> Result<Secret, BackendError>;
    /// Deletes the container.
    ///
    /// # Errors
    /// What Windows says.
    fn delete(&self, der: &[u8], container: &Container) -> Result<(), Refusal>;
}

/// The way new keys come into a store.
pub(super) fn way_in(place: &Place) -> &'static dyn KeyPath {
    match place.keys {
        Keys::Cng => &Cng,
        Keys::Capi => &Capi,
    }
}

/// The way a key that is there was put in.
pub(super) fn way_of(container: &Container) -> &'static dyn KeyPath {
    if container.kind == 0 { &Cng } else { &Capi }
}

/// What a certificate's public key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa,
    P256,
    P384,
    Other,
}

impl PublicKey {
    /// Of a certificate.
    pub(super) fn of(der: &[u8]) -> Self {
        let Ok(certificate) = X509::from_der(der) else { return Self::Other };
        let algorithm = &certificate.tbs_certificate().subject_public_key_info().algorithm;
        let curve = algorithm.parameters.as_ref().and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        match curve {
            _ if algorithm.oid == RSA_ENCRYPTION => Self::Rsa,
            Some(curve) if algorithm.oid == ID_EC_PUBLIC_KEY && curve == SECP_256_R_1 => Self::P256,
            Some(curve) if algorithm.oid == ID_EC_PUBLIC_KEY && curve == SECP_384_R_1 => Self::P384,
            _ => Self::Other,
        }
    }
}

/// The digest that a scheme signs (RFC 8446 4.2.3).
pub(super) fn digest(scheme: SignatureScheme, message: &[u8]) -> Vec<u8> {
    match scheme {
        SignatureScheme::RSA_PSS_SHA384 | SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::ECDSA_NISTP384_SHA384 => Sha384::digest(message).to_vec(),
        SignatureScheme::RSA_PSS_SHA512 | SignatureScheme::RSA_PKCS1_SHA512 => Sha512::digest(message).to_vec(),
        _ => Sha256::digest(message).to_vec(),
    }
}

/// Providers whose keys lie in cards, by name: opening one may already ask for the card.
fn is_card_provider(provider: &str) -> bool {
    ["Microsoft Smart Card Key Storage Provider", "Microsoft Base Smart Card Crypto Provider"].contains(&provider)
}

impl Facts {
    /// A key in a card that is not looked at: whether the card is in is for a token to say.
    const CARD: Self = Self { present: true, exportable: false, protected: true, card: true };

    /// Of a key that does not open: gone, or there and not for us now.
    fn unopened(refusal: Refusal) -> Self {
        Self { present: !is_gone(refusal), ..Self::default() }
    }
}

/// Whether Windows says that there is no such key: `NTE_BAD_KEYSET`, `NTE_NO_KEY`, `NTE_NOT_FOUND`, a file that is not there.
pub(super) fn is_gone(refusal: Refusal) -> bool {
    [0x8009_0016, 0x8009_000d, 0x8009_0011, 0x8007_0002, 0x2].contains(&refusal.code)
}

/// A key of a kind that this way does not take.
fn wrong_kind(ja: &str, en: &str) -> BackendError {
    BackendError::new("KEY.UNUSABLE", Text::new(ja, en))
}

/// Strong protection lets Windows ask a person at the import and at each use.
pub(super) fn refuse_strong_protection(request: &ImportRequest) -> Result<(), BackendError> {
    if request.options.get(&ImportOption::StrongProtection) != Some(&true) {
        return Ok(());
    }
    let cause = Text::new(
        "「秘密キーの保護を強力にする」は、取り込むときも使うときも画面で人に聞くため、kirikae からは指定できません。",
        "strong protection of the key asks a person in a window, at the import and at each use; kirikae cannot ask for it.",
    );
    let cure = Text::new(
        "手順書の strong_protection を false にするか、証明書のインポート ウィザードで人が取り込んでください。",
        "say `strong_protection: false` in the playbook, or import the file by hand with the wizard of Windows.",
    );
    Err(BackendError::new("BACKEND.UNSUPPORTED", cause).cure(cure))
}
