//! Certificates as the language sees them.
//!
//! May use: `x509-cert` for DER and distinguished names, `rustls` for PEM. Must not: decide whether a chain is trusted.

use std::fmt;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519;
use der::asn1::{Any, BmpString, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use der::{Decode, Encode, Tag, Tagged};
use jiff::Timestamp;
use kirikae_engine::dsl::{CertInfo, Subject};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use sha2::Digest;
use webpki::RawPublicKeyEntity;
use x509_cert::Certificate;
use x509_cert::name::Name;
use x509_cert::time::Time;

/// Bytes that are no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotACertificate(String);

impl fmt::Display for NotACertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotACertificate {}

impl From<der::Error> for NotACertificate {
    fn from(error: der::Error) -> Self {
        Self(error.to_string())
    }
}

/// How a certificate is held where it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// Identity of the store, token or file.
    pub holder: String,
    /// Its private key is in the same place.
    pub has_key: bool,
    /// The key can be written out of that place.
    pub key_exportable: bool,
    /// The key asks a person at every use.
    pub key_protected: bool,
    /// Friendly name, if the place keeps one.
    pub friendly_name: Option<String>,
}

/// What the language sees of a DER certificate: names in RFC 4514, `issuer` as Windows shows it (CN, else OU, else O).
///
/// # Errors
/// [`NotACertificate`] with the parser's reason.
pub fn cert_info(der: &[u8], custody: Custody) -> Result<CertInfo, NotACertificate> {
    let certificate = Certificate::from_der(der)?;
    let certificate = certificate.tbs_certificate();
    let (subject, issuer) = (certificate.subject(), certificate.issuer());
    Ok(CertInfo {
        sha1: hex::encode(sha1::Sha1::digest(der)),
        sha256: hex::encode(sha2::Sha256::digest(der)),
        serial: serial_hex(certificate.serial_number().as_bytes()),
        subject: Subject {
            cn: values(subject, rfc4519::CN).into_iter().next().unwrap_or_default(),
            o: values(subject, rfc4519::O).into_iter().next(),
            ou: values(subject, rfc4519::OU),
            c: values(subject, rfc4519::C).into_iter().next(),
        },
        subject_dn: subject.to_string(),
        issuer: shown_name(issuer),
        issuer_dn: issuer.to_string(),
        not_before: timestamp(certificate.validity().not_before),
        not_after: timestamp(certificate.validity().not_after),
        has_key: custody.has_key,
        key_exportable: custody.key_exportable,
        key_protected: custody.key_protected,
        holder: custody.holder,
        friendly_name: custody.friendly_name,
    })
}

/// The SubjectPublicKeyInfo of a certificate, DER (RFC 5280 4.1.2.7).
///
/// # Errors
/// [`NotACertificate`].
pub fn public_key(der: &[u8]) -> Result<Vec<u8>, NotACertificate> {
    Ok(Certificate::from_der(der)?.tbs_certificate().subject_public_key_info().to_der()?)
}

/// The certificates of a PEM file (RFC 7468), DER, in file order; `None` if it holds none.
pub fn pem_certificates(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(text).filter_map(Result::ok).map(|cert| cert.to_vec()).collect();
    (!found.is_empty()).then_some(found)
}

/// Puts certificates behind `leaf` in issuing order and leaves the root out, as TLS sends them (RFC 8446 4.4.2).
/// What does not belong to the chain, or cannot be read, is left out too. Of several authorities of one name, as their renewals
/// leave them, the one that signed is taken.
///
/// # Errors
/// [`NotACertificate`] if the leaf is none.
pub fn chain<'a>(leaf: &[u8], others: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, NotACertificate> {
    let mut rest: Vec<(Names, &[u8])> = others.into_iter().filter_map(|der| Some((Names::of(der).ok()?, der))).collect();
    let mut chain = vec![leaf.to_vec()];
    let mut issuer = Names::of(leaf)?.issuer;
    loop {
        let last = chain.last().map_or(leaf, Vec::as_slice);
        let fits = |(names, _): &(Names, &[u8])| names.subject == issuer && names.subject != names.issuer;
        let named = || rest.iter().enumerate().filter(|(_, candidate)| fits(candidate));
        let signed = named().find(|(_, (_, der))| is_signed_by(last, der));
        // A signature of a kind that is not known here says nothing; then the name does.
        let Some((index, _)) = signed.or_else(|| named().next()) else { return Ok(chain) };
        let (names, der) = rest.swap_remove(index);
        chain.push(der.to_vec());
        issuer = names.issuer;
    }
}

/// Whether the signature of a certificate is that of the key of `issuer`.
fn is_signed_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let check = || {
        let certificate = Certificate::from_der(certificate).ok()?;
        let (signed, signature) = (certificate.tbs_certificate().to_der().ok()?, certificate.signature().as_bytes()?);
        let key = SubjectPublicKeyInfoDer::from(public_key(issuer).ok()?);
        let key = RawPublicKeyEntity::try_from(&key).ok()?;
        webpki::ALL_VERIFICATION_ALGS.iter().find(|algorithm| key.verify_signature(**algorithm, &signed, signature).is_ok())
    };
    check().is_some()
}

/// Whether a certificate names itself as its issuer, as roots do.
pub fn is_self_issued(der: &[u8]) -> bool {
    Names::of(der).is_ok_and(|names| names.subject == names.issuer)
}

/// Names as DER: two names are the same when their bytes are.
struct Names {
    subject: Vec<u8>,
    issuer: Vec<u8>,
}

impl Names {
    fn of(der: &[u8]) -> Result<Self, NotACertificate> {
        let certificate = Certificate::from_der(der)?;
        let certificate = certificate.tbs_certificate();
        Ok(Self { subject: certificate.subject().to_der()?, issuer: certificate.issuer().to_der()? })
    }
}

fn shown_name(name: &Name) -> String {
    [rfc4519::CN, rfc4519::OU, rfc4519::O].into_iter().find_map(|oid| values(name, oid).into_iter().next()).unwrap_or_else(|| name.to_string())
}

/// The values of an attribute in the order of the certificate.
fn values(name: &Name, oid: ObjectIdentifier) -> Vec<String> {
    name.iter().filter(|attribute| attribute.oid == oid).filter_map(|attribute| text(&attribute.value)).collect()
}

fn text(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::PrintableString => PrintableStringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::Ia5String => Ia5StringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::TeletexString => TeletexStringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::BmpString => value.decode_as::<BmpString>().ok().map(|text| text.to_string()),
        _ => None,
    }
}

fn serial_hex(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1));
    hex::encode(&bytes[zeros..])
}

/// "No well-defined expiration" (99991231235959Z, RFC 5280 4.1.2.5) lies past jiff's last instant and becomes that.
fn timestamp(time: Time) -> Timestamp {
    i64::try_from(time.to_unix_duration().as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_lose_their_leading_zero_octets_only() {
        assert_eq!(serial_hex(&[0, 0x8f, 0]), "8f00");
        assert_eq!(serial_hex(&[0]), "00");
        assert_eq!(serial_hex(&[0x0a]), "0a");
    }

    #[test]
    fn bytes_that_are_no_certificate_are_said_to_be_none() {
        assert!(cert_info(b"<html>", Custody::default()).is_err());
        assert!(chain(b"", []).is_err());
    }
}
