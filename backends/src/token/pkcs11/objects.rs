//! Certificates on a token, and the key that belongs to one.
//!
//! May use: an open session. Must not: read a private key's value.

use cryptoki::error::Result;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::Uint;
use der::{Decode, Sequence};
use kirikae_engine::backend::StoredCert;
use x509_cert::Certificate;
use x509_cert::ext::pkix::BasicConstraints;

use crate::x509::{Custody, cert_info};

/// A certificate on a token.
pub(super) struct Found {
    pub(super) cert: StoredCert,
    /// `CKA_ID`, which it shares with its key.
    pub(super) id: Vec<u8>,
}

/// Every X.509 certificate that the session sees, each once, by SHA-256. What cannot be read as one is left out.
///
/// `has_key` is the same before and after a login, so that a plan and its run see the same: a public key of the same `CKA_ID` or value
/// lies beside it; on tokens that show no public keys at all, every certificate but a CA's is taken to have its key, and a session's
/// `signer` tells.
pub(super) fn certificates(session: &Session, serial: &str) -> Result<Vec<Found>> {
    let public = public_keys(session)?;
    let mut found: Vec<Found> = vec![];
    for object in session.find_objects(&[Attribute::Class(ObjectClass::CERTIFICATE)])? {
        let (mut x509, mut der, mut id, mut label) = (true, vec![], vec![], None);
        for attribute in session.get_attributes(object, &[AttributeType::CertificateType, AttributeType::Value, AttributeType::Id, AttributeType::Label])? {
            match attribute {
                Attribute::CertificateType(kind) => x509 = kind == CertificateType::X_509,
                Attribute::Value(value) => der = value,
                Attribute::Id(value) => id = value,
                Attribute::Label(value) => label = Some(String::from_utf8_lossy(&value).trim().to_owned()).filter(|label| !label.is_empty()),
                _ => {}
            }
        }
        let Some(own) = PublicKey::of_certificate(&der).filter(|_| x509) else { continue };
        let beside = public.iter().any(|(other, key)| (!id.is_empty() && *other == id) || key.as_ref() == Some(&own));
        let has_key = beside || (public.is_empty() && !is_authority(&der));
        let custody = Custody { holder: format!("token:{serial}"), has_key, key_exportable: false, key_protected: false, friendly_name: label };
        let Ok(info) = cert_info(&der, custody) else { continue };
        match found.iter_mut().find(|known| known.cert.info.sha256 == info.sha256) {
            // Some cards show the same certificate twice, once without what leads to its key.
            Some(known) if !known.cert.info.has_key && has_key => *known = Found { cert: StoredCert { info, der }, id },
            Some(_) => {}
            None => found.push(Found { cert: StoredCert { info, der }, id }),
        }
    }
    found.sort_by(|a, b| a.cert.info.sha256.cmp(&b.cert.info.sha256));
    Ok(found)
}

/// The private keys that may be the certificate's, the likeliest first, and whether each is known to be.
pub(super) fn keys_of(session: &Session, found: &Found) -> Result<Vec<(ObjectHandle, bool)>> {
    let Some(own) = PublicKey::of_certificate(&found.cert.der) else { return Ok(vec![]) };
    let public = public_keys(session)?;
    let mut likely = vec![];
    for object in session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])? {
        let (mut id, mut modulus) = (vec![], None);
        for attribute in session.get_attributes(object, &[AttributeType::Id, AttributeType::Modulus])? {
            match attribute {
                Attribute::Id(value) => id = value,
                Attribute::Modulus(value) => modulus = Some(PublicKey::Rsa(trimmed(&value))),
                _ => {}
            }
        }
        let beside = || public.iter().find(|(other, _)| !id.is_empty() && *other == id).and_then(|(_, key)| key.clone());
        let same_id = !id.is_empty() && id == found.id;
        match modulus.or_else(beside) {
            Some(key) if key == own => likely.push((object, true, same_id)),
            Some(_) => {}
            None if same_id => likely.push((object, false, same_id)),
            None => {}
        }
    }
    likely.sort_by_key(|(_, sure, same_id)| (!same_id, !sure));
    Ok(likely.into_iter().map(|(object, sure, _)| (object, sure)).collect())
}

/// The kinds of keys that portals take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Its modulus, without leading zeroes.
    Rsa(Vec<u8>),
    /// Its uncompressed point (SEC 1, 2.3.3).
    Ec(Vec<u8>),
}

#[derive(Sequence)]
struct RsaPublicKey {
    modulus: Uint,
    #[allow(dead_code)]
    exponent: Uint,
}

impl PublicKey {
    /// That of a certificate; `None` for other kinds, or if it is no certificate.
    pub(super) fn of_certificate(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let key = certificate.tbs_certificate().subject_public_key_info();
        let bits = key.subject_public_key.raw_bytes();
        if key.algorithm.oid == const_oid::db::rfc5912::RSA_ENCRYPTION {
            return Some(Self::Rsa(trimmed(RsaPublicKey::from_der(bits).ok()?.modulus.as_bytes())));
        }
        (key.algorithm.oid == const_oid::db::rfc5912::ID_EC_PUBLIC_KEY).then(|| Self::Ec(bits.to_vec()))
    }
}

/// Identifiers and values of the public keys that the session sees.
fn public_keys(session: &Session) -> Result<Vec<(Vec<u8>, Option<PublicKey>)>> {
    let mut found = vec![];
    for object in session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY)])? {
        let (mut id, mut key) = (vec![], None);
        for attribute in session.get_attributes(object, &[AttributeType::Id, AttributeType::Modulus, AttributeType::EcPoint])? {
            match attribute {
                Attribute::Id(value) => id = value,
                Attribute::Modulus(value) => key = Some(PublicKey::Rsa(trimmed(&value))),
                Attribute::EcPoint(value) => key = Some(PublicKey::Ec(point(value))),
                _ => {}
            }
        }
        found.push((id, key));
    }
    Ok(found)
}

/// `CKA_EC_POINT` is an OCTET STRING around the point; some modules leave it out.
fn point(value: Vec<u8>) -> Vec<u8> {
    match der::asn1::OctetString::from_der(&value) {
        Ok(inner) => inner.as_bytes().to_vec(),
        Err(_) => value,
    }
}

fn trimmed(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn is_authority(der: &[u8]) -> bool {
    let Ok(certificate) = Certificate::from_der(der) else { return false };
    certificate.tbs_certificate().get_extension::<BasicConstraints>().ok().flatten().is_some_and(|(_, constraints)| constraints.ca)
}
