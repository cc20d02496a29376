//! A signer whose key is in memory (PKCS#8), for mutual TLS and proofs.
//!
//! May use: rustls's ring keys to sign, webpki to verify. Must not: show the key, write it anywhere, cache it beyond its own life.

use std::fmt;
use std::sync::Arc;

use kirikae_engine::backend::{BackendError, Signer};
use kirikae_engine::dsl::CertInfo;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use rustls::sign::SigningKey;
use webpki::RawPublicKeyEntity;

use crate::x509;

/// Signature schemes of TLS 1.3 and 1.2 that ring does, best first, with the algorithm that verifies each.
const SCHEMES: [(SignatureScheme, &dyn SignatureVerificationAlgorithm); 9] = [
    (SignatureScheme::ED25519, webpki::ring::ED25519),
    (SignatureScheme::ECDSA_NISTP256_SHA256, webpki::ring::ECDSA_P256_SHA256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, webpki::ring::ECDSA_P384_SHA384),
    (SignatureScheme::RSA_PSS_SHA256, webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    (SignatureScheme::RSA_PSS_SHA384, webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    (SignatureScheme::RSA_PSS_SHA512, webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
    (SignatureScheme::RSA_PKCS1_SHA256, webpki::ring::RSA_PKCS1_2048_8192_SHA256),
    (SignatureScheme::RSA_PKCS1_SHA384, webpki::ring::RSA_PKCS1_2048_8192_SHA384),
    (SignatureScheme::RSA_PKCS1_SHA512, webpki::ring::RSA_PKCS1_2048_8192_SHA512),
];

/// A certificate with its chain and its key.
pub struct SoftSigner {
    info: CertInfo,
    chain: Vec<Vec<u8>>,
    key: Arc<dyn SigningKey>,
}

impl SoftSigner {
    /// A signer for the certificate `chain[0]`; then its intermediates, no root.
    ///
    /// # Errors
    /// `KEY.UNUSABLE` if the key is of a kind or size that ring does not do.
    pub fn new(info: CertInfo, chain: Vec<Vec<u8>>, pkcs8: &Secret) -> Result<Self, BackendError> {
        Ok(Self { info, chain, key: signing_key(pkcs8)? })
    }
}

impl fmt::Debug for SoftSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftSigner").field("sha1", &self.info.sha1).field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Signer for SoftSigner {
    fn info(&self) -> &CertInfo {
        &self.info
    }

    fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    fn schemes(&self) -> Vec<u16> {
        schemes(&*self.key).map(u16::from).collect()
    }

    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>, BackendError> {
        sign(&*self.key, scheme.into(), message)
    }
}

/// The public half of a private key, to find its certificate among many.
pub struct PublicHalf {
    key: Arc<dyn SigningKey>,
    /// The key itself as certificates hold it (RFC 5280 4.1.2.7), without its algorithm.
    bits: Option<Vec<u8>>,
}

impl PublicHalf {
    /// Of a PKCS#8 key. Reading it checks that its parts belong together.
    ///
    /// # Errors
    /// `KEY.UNUSABLE` if the key is of a kind or size that ring does not do.
    pub fn of(pkcs8: &Secret) -> Result<Self, BackendError> {
        let key = signing_key(pkcs8)?;
        let bits = key.public_key().and_then(|info| x509::public_key_bits(&info));
        Ok(Self { key, bits })
    }

    /// Whether a certificate is the key's own.
    ///
    /// # Errors
    /// `KEY.UNUSABLE` if it had to be tried by signing and the key cannot.
    pub fn belongs_to(&self, certificate: &[u8]) -> Result<bool, BackendError> {
        if let (Some(own), Ok(info)) = (&self.bits, x509::public_key(certificate)) {
            return Ok(x509::public_key_bits(&info).is_some_and(|bits| bits == *own));
        }
        let scheme = schemes(&*self.key).next().ok_or_else(unusable_kind)?;
        let message = b"kirikae: does this key belong to this certificate?";
        let signature = sign(&*self.key, scheme, message)?;
        Ok(verify(certificate, scheme.into(), message, &signature).is_ok())
    }
}

/// Whether a PKCS#8 key belongs to a certificate.
///
/// # Errors
/// As [`PublicHalf::of`] and [`PublicHalf::belongs_to`].
pub fn key_belongs(pkcs8: &Secret, certificate: &[u8]) -> Result<bool, BackendError> {
    PublicHalf::of(pkcs8)?.belongs_to(certificate)
}

/// Signs fresh random bytes and verifies the signature with the certificate's public key.
///
/// # Errors
/// `KEY.UNUSABLE`, `KEY.MISMATCH`.
pub fn prove(signer: &dyn Signer, certificate: &[u8]) -> Result<(), BackendError> {
    let mut message = [0; 32];
    getrandom::fill(&mut message).map_err(|error| unusable(&error.to_string()))?;
    let scheme = *signer.schemes().first().ok_or_else(unusable_kind)?;
    verify(certificate, scheme, &message, &signer.sign(scheme, &message)?)
}

/// Verifies a signature as TLS sends it with the public key of a certificate.
///
/// # Errors
/// `KEY.MISMATCH`.
pub fn verify(certificate: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> Result<(), BackendError> {
    let mismatch =
        || BackendError::new("KEY.MISMATCH", Text::new("署名が証明書の公開鍵と合いません。", "the signature does not fit the certificate's public key."));
    // The bare public key: what else the certificate says (critical extensions, names) is no matter here.
    let public_key = SubjectPublicKeyInfoDer::from(x509::public_key(certificate).map_err(|_| mismatch())?);
    let entity = RawPublicKeyEntity::try_from(&public_key).map_err(|_| mismatch())?;
    let (_, algorithm) = SCHEMES.iter().find(|(known, _)| u16::from(*known) == scheme).ok_or_else(mismatch)?;
    entity.verify_signature(*algorithm, message, signature).map_err(|_| mismatch())
}

fn signing_key(pkcs8: &Secret) -> Result<Arc<dyn SigningKey>, BackendError> {
    any_supported_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.expose()))).map_err(|_| unusable_kind())
}

fn schemes(key: &dyn SigningKey) -> impl Iterator<Item = SignatureScheme> + '_ {
    SCHEMES.iter().map(|(scheme, _)| *scheme).filter(|scheme| key.choose_scheme(&[*scheme]).is_some())
}

fn sign(key: &dyn SigningKey, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, BackendError> {
    let signer = key.choose_scheme(&[scheme]).ok_or_else(|| unusable(&format!("{scheme:?}")))?;
    signer.sign(message).map_err(|error| unusable(&error.to_string()))
}

fn unusable_kind() -> BackendError {
    BackendError::new(
        "KEY.UNUSABLE",
        Text::new(
            "鍵の種類か長さに対応していません(RSA 2048ビット以上、P-256、P-384、Ed25519 が使えます)。",
            "the key's kind or size is not supported (RSA of 2048 bits and more, P-256, P-384, Ed25519 are).",
        ),
    )
}

fn unusable(reason: &str) -> BackendError {
    BackendError::new("KEY.UNUSABLE", Text::new(format!("署名できません({reason})。"), format!("cannot sign ({reason}).")))
}
