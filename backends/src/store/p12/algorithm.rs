//! What protects a part of a PKCS#12 file: names for people, and what it costs to derive the key.
//!
//! May use: algorithm identifiers. Must not: derive or decrypt anything.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Reader, SliceReader};
use pkcs12::cms::content_info::ContentInfo;
use x509_cert::spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

pub(super) const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
pub(super) const ENCRYPTED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.6");
pub(super) const PBES2: ObjectIdentifier = oid("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = oid("1.3.6.1.4.1.11591.4.11");
const HMAC_SHA1: ObjectIdentifier = oid("1.2.840.113549.2.7");

/// Algorithms that can be opened.
const KNOWN: [(ObjectIdentifier, &str); 25] = [
    (pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC4, "PBE-SHA1-RC4-128"),
    (pkcs12::PKCS_12_PBE_WITH_SHAAND40_BIT_RC4, "PBE-SHA1-RC4-40"),
    (pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC, "PBE-SHA1-3DES"),
    (pkcs12::PKCS_12_PBE_WITH_SHAAND2_KEY_TRIPLE_DES_CBC, "PBE-SHA1-2DES"),
    (pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC2_CBC, "PBE-SHA1-RC2-128"),
    (pkcs12::PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC, "PBE-SHA1-RC2-40"),
    (oid("2.16.840.1.101.3.4.1.2"), "AES-128-CBC"),
    (oid("2.16.840.1.101.3.4.1.22"), "AES-192-CBC"),
    (oid("2.16.840.1.101.3.4.1.42"), "AES-256-CBC"),
    (oid("2.16.840.1.101.3.4.1.6"), "AES-128-GCM"),
    (oid("2.16.840.1.101.3.4.1.46"), "AES-256-GCM"),
    (oid("1.2.840.113549.3.7"), "3DES-CBC"),
    (oid("1.3.14.3.2.7"), "DES-CBC"),
    (HMAC_SHA1, "HMAC-SHA1"),
    (oid("1.2.840.113549.2.8"), "HMAC-SHA224"),
    (oid("1.2.840.113549.2.9"), "HMAC-SHA256"),
    (oid("1.2.840.113549.2.10"), "HMAC-SHA384"),
    (oid("1.2.840.113549.2.11"), "HMAC-SHA512"),
    (oid("1.3.14.3.2.26"), "SHA1"),
    (oid("2.16.840.1.101.3.4.2.4"), "SHA224"),
    (oid("2.16.840.1.101.3.4.2.1"), "SHA256"),
    (oid("2.16.840.1.101.3.4.2.2"), "SHA384"),
    (oid("2.16.840.1.101.3.4.2.3"), "SHA512"),
    (oid("2.16.840.1.101.3.4.2.5"), "SHA512-224"),
    (oid("2.16.840.1.101.3.4.2.6"), "SHA512-256"),
];

/// Algorithms that are met and cannot be opened.
const REFUSED: [(ObjectIdentifier, &str); 13] = [
    (oid("1.2.840.113549.1.5.1"), "PBE-MD2-DES"),
    (oid("1.2.840.113549.1.5.3"), "PBE-MD5-DES"),
    (oid("1.2.840.113549.1.5.4"), "PBE-MD2-RC2-64"),
    (oid("1.2.840.113549.1.5.6"), "PBE-MD5-RC2-64"),
    (oid("1.2.840.113549.1.5.10"), "PBE-SHA1-DES"),
    (oid("1.2.840.113549.1.5.11"), "PBE-SHA1-RC2-64"),
    (oid("1.2.840.113549.1.5.14"), "PBMAC1"),
    (oid("1.2.840.113549.1.7.3"), "EnvelopedData"),
    (oid("1.2.840.113549.3.2"), "RC2-CBC"),
    (oid("1.2.392.200011.61.1.1.1.2"), "Camellia-128-CBC"),
    (oid("1.2.392.200011.61.1.1.1.4"), "Camellia-256-CBC"),
    (oid("1.2.840.113549.2.5"), "MD5"),
    (oid("1.2.643.7.1.1.5.1.1"), "GOST"),
];

/// The algorithms of one protected part, and the work it takes to derive its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// As OpenSSL and the standards write it: `PBES2 AES-256-CBC PBKDF2 HMAC-SHA256`, `PBE-SHA1-3DES`.
    pub name: String,
    /// Rounds of key derivation; of scrypt, its cost times its parallelism.
    pub rounds: u64,
    /// Memory that the derivation needs, bytes (scrypt only).
    pub memory: u64,
    /// The algorithm that cannot be opened, if there is one.
    pub refused: Option<String>,
}

impl Method {
    /// The method of an encrypted part.
    ///
    /// # Errors
    /// Parameters that do not have the shape of their algorithm.
    pub(super) fn of(algorithm: &AlgorithmIdentifierOwned) -> der::Result<Self> {
        let parameters = algorithm.parameters.as_ref().map(Encode::to_der).transpose()?.unwrap_or_default();
        if algorithm.oid != PBES2 {
            let (name, refused) = named(algorithm.oid);
            // Salt and rounds are the parameters of every password-based scheme of PKCS#12 (RFC 7292 appendix C).
            let rounds = match elements(&parameters).as_deref() {
                _ if refused.is_some() => 0,
                Ok([_, rounds]) => number(*rounds)?,
                _ => return Err(der::Tag::Sequence.value_error().into()),
            };
            return Ok(Self { name, rounds, memory: 0, refused });
        }
        let parts = elements(&parameters)?;
        let [kdf, cipher] = parts.as_slice() else { return Err(der::Tag::Sequence.value_error().into()) };
        let (kdf, cipher) = (kdf.decode_as::<AlgorithmIdentifierRef<'_>>()?, cipher.decode_as::<AlgorithmIdentifierRef<'_>>()?);
        let (cipher, refused) = named(cipher.oid);
        let derivation = Self::derivation(&kdf)?;
        Ok(Self { name: format!("PBES2 {cipher} {}", derivation.name), refused: refused.or(derivation.refused), ..derivation })
    }

    fn derivation(kdf: &AlgorithmIdentifierRef<'_>) -> der::Result<Self> {
        let parameters = kdf.parameters.map(|parameters| parameters.to_der()).transpose()?.unwrap_or_default();
        if kdf.oid == SCRYPT {
            let parts = elements(&parameters)?;
            let [_, cost, block, parallel, ..] = parts.as_slice() else { return Err(der::Tag::Sequence.value_error().into()) };
            let (cost, block, parallel) = (number(*cost)?, number(*block)?, number(*parallel)?);
            let memory = cost.saturating_mul(block).saturating_mul(128);
            return Ok(Self { name: "scrypt".into(), rounds: cost.saturating_mul(parallel), memory, refused: None });
        }
        if kdf.oid != PBKDF2 {
            let name = kdf.oid.to_string();
            return Ok(Self { name: name.clone(), rounds: 0, memory: 0, refused: Some(name) });
        }
        let parts = elements(&parameters)?;
        let [_, rounds, rest @ ..] = parts.as_slice() else { return Err(der::Tag::Sequence.value_error().into()) };
        let prf = rest.iter().find_map(|part| part.decode_as::<AlgorithmIdentifierRef<'_>>().ok()).map_or(HMAC_SHA1, |prf| prf.oid);
        let (prf, refused) = named(prf);
        Ok(Self { name: format!("PBKDF2 {prf}"), rounds: number(*rounds)?, memory: 0, refused })
    }

    /// The method of the MAC over the whole.
    pub(super) fn of_mac(mac: &pkcs12::MacData) -> Self {
        let (name, refused) = named(mac.mac.algorithm.oid);
        let name = if refused.is_none() { format!("HMAC-{name}") } else { name };
        Self { name, rounds: u64::try_from(mac.iterations).unwrap_or(u64::MAX), memory: 0, refused }
    }

    /// The method of a part that no password opens at all.
    pub(super) fn of_content(content: &ContentInfo) -> Self {
        let name = named(content.content_type).0;
        Self { name: name.clone(), rounds: 0, memory: 0, refused: Some(name) }
    }
}

/// The name, and once more if it cannot be opened.
fn named(oid: ObjectIdentifier) -> (String, Option<String>) {
    if let Some((_, name)) = KNOWN.iter().find(|(known, _)| *known == oid) {
        return ((*name).to_owned(), None);
    }
    let name = REFUSED.iter().find(|(refused, _)| *refused == oid).map_or_else(|| oid.to_string(), |(_, name)| (*name).to_owned());
    (name.clone(), Some(name))
}

/// The elements of a SEQUENCE.
fn elements(sequence: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    SliceReader::new(sequence)?.sequence(|reader| {
        let mut elements = Vec::new();
        while !reader.is_finished() {
            elements.push(AnyRef::decode(reader)?);
        }
        Ok(elements)
    })
}

/// A natural number; one above `u64::MAX` counts as that.
fn number(element: AnyRef<'_>) -> der::Result<u64> {
    let digits = element.decode_as::<UintRef<'_>>()?;
    Ok(digits.as_bytes().iter().try_fold(0u64, |sum, digit| sum.checked_mul(256)?.checked_add(u64::from(*digit))).unwrap_or(u64::MAX))
}
