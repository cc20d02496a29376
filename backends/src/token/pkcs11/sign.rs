//! TLS signatures made by a token: which ones a key can make, and with which mechanism of its module.
//!
//! May use: an open session, SHA-2. Must not: choose a scheme that the other side did not ask for.

use cryptoki::error::Error;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use der::Decode;
use der::asn1::Uint;
use der::{Encode, Sequence};
use rustls::SignatureScheme;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;

use super::objects::PublicKey;

/// A hash function of the schemes.
#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// A scheme, the mechanism that hashes by itself, and the one that takes what we hashed.
struct Scheme {
    scheme: SignatureScheme,
    hash: Hash,
    whole: MechanismType,
    bare: MechanismType,
}

const fn scheme(scheme: SignatureScheme, hash: Hash, whole: MechanismType, bare: MechanismType) -> Scheme {
    Scheme { scheme, hash, whole, bare }
}

/// Best first.
const RSA: [Scheme; 6] = [
    scheme(SignatureScheme::RSA_PSS_SHA256, Hash::Sha256, MechanismType::SHA256_RSA_PKCS_PSS, MechanismType::RSA_PKCS_PSS),
    scheme(SignatureScheme::RSA_PSS_SHA384, Hash::Sha384, MechanismType::SHA384_RSA_PKCS_PSS, MechanismType::RSA_PKCS_PSS),
    scheme(SignatureScheme::RSA_PSS_SHA512, Hash::Sha512, MechanismType::SHA512_RSA_PKCS_PSS, MechanismType::RSA_PKCS_PSS),
    scheme(SignatureScheme::RSA_PKCS1_SHA256, Hash::Sha256, MechanismType::SHA256_RSA_PKCS, MechanismType::RSA_PKCS),
    scheme(SignatureScheme::RSA_PKCS1_SHA384, Hash::Sha384, MechanismType::SHA384_RSA_PKCS, MechanismType::RSA_PKCS),
    scheme(SignatureScheme::RSA_PKCS1_SHA512, Hash::Sha512, MechanismType::SHA512_RSA_PKCS, MechanismType::RSA_PKCS),
];
const P256: [Scheme; 1] = [scheme(SignatureScheme::ECDSA_NISTP256_SHA256, Hash::Sha256, MechanismType::ECDSA_SHA256, MechanismType::ECDSA)];
const P384: [Scheme; 1] = [scheme(SignatureScheme::ECDSA_NISTP384_SHA384, Hash::Sha384, MechanismType::ECDSA_SHA384, MechanismType::ECDSA)];

/// The schemes of a kind of key, whatever the module.
fn schemes_of(certificate: &[u8]) -> &'static [Scheme] {
    match PublicKey::of_certificate(certificate) {
        Some(PublicKey::Rsa(_)) => &RSA,
        Some(PublicKey::Ec(_)) => match curve(certificate) {
            Some(const_oid::db::rfc5912::SECP_256_R_1) => &P256,
            Some(const_oid::db::rfc5912::SECP_384_R_1) => &P384,
            _ => &[],
        },
        None => &[],
    }
}

fn curve(certificate: &[u8]) -> Option<const_oid::ObjectIdentifier> {
    let certificate = Certificate::from_der(certificate).ok()?;
    certificate.tbs_certificate().subject_public_key_info().algorithm.parameters.as_ref()?.decode_as().ok()
}

/// TLS schemes that the certificate's key can make with these mechanisms, best first.
pub(super) fn schemes(certificate: &[u8], mechanisms: &[MechanismType]) -> Vec<u16> {
    let able = |known: &&Scheme| mechanisms.contains(&known.whole) || mechanisms.contains(&known.bare);
    schemes_of(certificate).iter().filter(able).map(|known| known.scheme.into()).collect()
}

/// Signs a message; the signature as TLS sends it.
pub(super) fn sign(
    session: &Session,
    key: ObjectHandle,
    certificate: &[u8],
    mechanisms: &[MechanismType],
    scheme: u16,
    message: &[u8],
) -> Result<Vec<u8>, Error> {
    let known = schemes_of(certificate).iter().find(|known| u16::from(known.scheme) == scheme).ok_or(Error::NotSupported)?;
    let hashes = mechanisms.contains(&known.whole);
    let pss = known.hash.pss();
    let (mechanism, data) = match (known.scheme, known.hash) {
        (SignatureScheme::RSA_PSS_SHA256, _) if hashes => (Mechanism::Sha256RsaPkcsPss(pss), message.to_vec()),
        (SignatureScheme::RSA_PSS_SHA384, _) if hashes => (Mechanism::Sha384RsaPkcsPss(pss), message.to_vec()),
        (SignatureScheme::RSA_PSS_SHA512, _) if hashes => (Mechanism::Sha512RsaPkcsPss(pss), message.to_vec()),
        (SignatureScheme::RSA_PSS_SHA256 | SignatureScheme::RSA_PSS_SHA384 | SignatureScheme::RSA_PSS_SHA512, hash) => {
            (Mechanism::RsaPkcsPss(pss), hash.of(message))
        }
        (SignatureScheme::RSA_PKCS1_SHA256, _) if hashes => (Mechanism::Sha256RsaPkcs, message.to_vec()),
        (SignatureScheme::RSA_PKCS1_SHA384, _) if hashes => (Mechanism::Sha384RsaPkcs, message.to_vec()),
        (SignatureScheme::RSA_PKCS1_SHA512, _) if hashes => (Mechanism::Sha512RsaPkcs, message.to_vec()),
        (SignatureScheme::RSA_PKCS1_SHA256 | SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::RSA_PKCS1_SHA512, hash) => {
            (Mechanism::RsaPkcs, hash.digest_info(message))
        }
        // Every module that does ECDSA at all takes a hash; few hash by themselves.
        (_, Hash::Sha256) if !mechanisms.contains(&known.bare) => (Mechanism::EcdsaSha256, message.to_vec()),
        (_, Hash::Sha384) if !mechanisms.contains(&known.bare) => (Mechanism::EcdsaSha384, message.to_vec()),
        (_, hash) => (Mechanism::Ecdsa, hash.of(message)),
    };
    let signature = session.sign(&mechanism, key, &data)?;
    match known.scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 | SignatureScheme::ECDSA_NISTP384_SHA384 => as_der(&signature).ok_or(Error::InvalidValue),
        _ => Ok(signature),
    }
}

#[derive(Sequence)]
struct EcdsaSignature {
    r: Uint,
    s: Uint,
}

/// PKCS#11 gives r and s side by side, TLS sends a SEQUENCE of both (RFC 8446 4.2.3).
fn as_der(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    EcdsaSignature { r: Uint::new(r).ok()?, s: Uint::new(s).ok()? }.to_der().ok()
}

impl Hash {
    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    /// The DigestInfo that PKCS#1 v1.5 signs (RFC 8017 9.2, note 1).
    fn digest_info(self, message: &[u8]) -> Vec<u8> {
        let (last, length) = match self {
            Self::Sha256 => (1, 32),
            Self::Sha384 => (2, 48),
            Self::Sha512 => (3, 64),
        };
        let mut info = vec![0x30, 17 + length, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last, 0x05, 0x00, 0x04, length];
        info.extend(self.of(message));
        info
    }

    /// The parameters that TLS asks for: the same hash inside, salt as long as the hash (RFC 8446 4.2.3).
    fn pss(self) -> PkcsPssParams {
        match self {
            Self::Sha256 => PkcsPssParams { hash_alg: MechanismType::SHA256, mgf: PkcsMgfType::MGF1_SHA256, s_len: Ulong::new(32) },
            Self::Sha384 => PkcsPssParams { hash_alg: MechanismType::SHA384, mgf: PkcsMgfType::MGF1_SHA384, s_len: Ulong::new(48) },
            Self::Sha512 => PkcsPssParams { hash_alg: MechanismType::SHA512, mgf: PkcsMgfType::MGF1_SHA512, s_len: Ulong::new(64) },
        }
    }
}
