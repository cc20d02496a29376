//! What a certificate says of its key and its use, for people who look into a file.
//!
//! May use: `x509-cert`. Must not: judge; whether a certificate is good for something is `trust.rs`.

use const_oid::ObjectIdentifier;
use const_oid::db::{DB, rfc5280, rfc5912, rfc8410};
use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::NotACertificate;
use super::hpki::{HcRole, hc_roles};

/// What a certificate says of its key and its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Kind and size: `RSA 2048`, `EC P-256`.
    pub key: String,
    /// How its issuer signed it, by the standard's name (`sha256WithRSAEncryption`).
    pub signature: String,
    /// It may issue certificates.
    pub authority: bool,
    /// RFC 5280 4.2.1.3, its names (`digitalSignature`); empty: not restricted.
    pub key_usage: Vec<&'static str>,
    /// RFC 5280 4.2.1.12 (`clientAuth`, or the identifier of others); empty: not restricted.
    pub extended_key_usage: Vec<String>,
    /// Qualifications of health care (HPKI).
    pub hc_roles: Vec<HcRole>,
}

/// Reads the details of a DER certificate.
///
/// # Errors
/// [`NotACertificate`], also for an extension that is not what it should be.
pub fn details(der: &[u8]) -> Result<Details, NotACertificate> {
    let certificate = Certificate::from_der(der)?;
    let signature = name_of(certificate.signature_algorithm().oid);
    let certificate = certificate.tbs_certificate();
    let authority = certificate.get_extension::<BasicConstraints>()?.is_some_and(|(_, constraints)| constraints.ca);
    let usage = certificate.get_extension::<KeyUsage>()?.map(|(_, usage)| usage);
    let extended = certificate.get_extension::<ExtendedKeyUsage>()?.map(|(_, extended)| extended.0).unwrap_or_default();
    Ok(Details {
        key: key_kind(certificate.subject_public_key_info()),
        signature,
        authority,
        key_usage: usage.map_or_else(Vec::new, |usage| USAGES.iter().filter(|(flag, _)| usage.0.contains(*flag)).map(|(_, name)| *name).collect()),
        extended_key_usage: extended.into_iter().map(purpose).collect(),
        hc_roles: hc_roles(certificate),
    })
}

const USAGES: [(KeyUsages, &str); 9] = [
    (KeyUsages::DigitalSignature, "digitalSignature"),
    (KeyUsages::NonRepudiation, "nonRepudiation"),
    (KeyUsages::KeyEncipherment, "keyEncipherment"),
    (KeyUsages::DataEncipherment, "dataEncipherment"),
    (KeyUsages::KeyAgreement, "keyAgreement"),
    (KeyUsages::KeyCertSign, "keyCertSign"),
    (KeyUsages::CRLSign, "cRLSign"),
    (KeyUsages::EncipherOnly, "encipherOnly"),
    (KeyUsages::DecipherOnly, "decipherOnly"),
];

fn purpose(oid: ObjectIdentifier) -> String {
    let known = [
        (rfc5280::ID_KP_SERVER_AUTH, "serverAuth"),
        (rfc5280::ID_KP_CLIENT_AUTH, "clientAuth"),
        (rfc5280::ID_KP_CODE_SIGNING, "codeSigning"),
        (rfc5280::ID_KP_EMAIL_PROTECTION, "emailProtection"),
        (rfc5280::ID_KP_TIME_STAMPING, "timeStamping"),
        (rfc5280::ID_KP_OCSP_SIGNING, "OCSPSigning"),
        (rfc5280::ANY_EXTENDED_KEY_USAGE, "anyExtendedKeyUsage"),
        (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2"), "smartcardLogon"),
    ];
    known.iter().find(|(other, _)| *other == oid).map_or_else(|| oid.to_string(), |(_, name)| (*name).to_owned())
}

fn key_kind(key: &SubjectPublicKeyInfoOwned) -> String {
    match key.algorithm.oid {
        rfc5912::RSA_ENCRYPTION => {
            let bits = key.subject_public_key.as_bytes().and_then(rsa_bits);
            bits.map_or_else(|| "RSA".to_owned(), |bits| format!("RSA {bits}"))
        }
        rfc5912::ID_EC_PUBLIC_KEY => {
            let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
            let curve = curve.map(|curve| match curve {
                rfc5912::SECP_256_R_1 => "P-256".to_owned(),
                rfc5912::SECP_384_R_1 => "P-384".to_owned(),
                rfc5912::SECP_521_R_1 => "P-521".to_owned(),
                other => name_of(other),
            });
            curve.map_or_else(|| "EC".to_owned(), |curve| format!("EC {curve}"))
        }
        rfc8410::ID_ED_25519 => "Ed25519".to_owned(),
        rfc8410::ID_ED_448 => "Ed448".to_owned(),
        other => name_of(other),
    }
}

/// Bits of the modulus of an RSAPublicKey (RFC 8017 A.1.1).
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let read = |key| -> der::Result<usize> {
        SliceReader::new(key)?.sequence(|reader| {
            let modulus = UintRef::decode(reader)?;
            UintRef::decode(reader)?;
            let first = modulus.as_bytes().first().map_or(0, |byte| 8 - byte.leading_zeros() as usize);
            Ok(modulus.as_bytes().len().saturating_sub(1) * 8 + first)
        })
    };
    read(key).ok()
}

fn name_of(oid: ObjectIdentifier) -> String {
    DB.by_oid(&oid).map_or_else(|| oid.to_string(), str::to_owned)
}
