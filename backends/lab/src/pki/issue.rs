//! Issuing: issuers of programs, leaf certificates, the portals' TLS certificate.

use std::str::FromStr;

use der::asn1::{Ia5String, OctetString};
use der::{Decode, Encode};
use jiff::Timestamp;
use kirikae_engine::text::Text;
use p256::ecdsa::{DerSignature, SigningKey};
use pkcs8::EncodePrivateKey;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::Time;

use super::{ISSUER_ROOT, ISSUER_ROOT_KEY, SITE_ROOT, SITE_ROOT_KEY, certificate_der};
use crate::LabError;

/// Octets of a practice serial number: positive, random.
const SERIAL_OCTETS: usize = 16;

/// From when to when, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    /// First instant.
    pub not_before: Timestamp,
    /// Last instant.
    pub not_after: Timestamp,
}

/// What keys the practice CA makes for its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientKeys {
    /// ECDSA P-256: made in no time.
    #[default]
    P256,
    /// RSA with 2048 bits, as the real portals make them; older stores take no other.
    Rsa,
}

impl ClientKeys {
    const ALL: [Self; 2] = [Self::P256, Self::Rsa];

    fn word(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::Rsa => "rsa",
        }
    }
}

impl FromStr for ClientKeys {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Self, LabError> {
        Self::ALL.into_iter().find(|keys| keys.word() == text).ok_or_else(|| {
            let cause = Text::new(format!("「{text}」という鍵の種類はありません"), format!("there is no kind of key `{text}`"));
            LabError::option(cause, &Self::ALL.map(Self::word).join(" "))
        })
    }
}

/// A client's key pair.
pub(crate) enum KeyPair {
    P256(SigningKey),
    Rsa(Box<rsa::PrivateKey>),
}

impl KeyPair {
    /// A fresh one.
    pub(crate) fn generate(keys: ClientKeys) -> Result<Self, LabError> {
        if keys == ClientKeys::Rsa {
            return Ok(Self::Rsa(Box::new(rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).map_err(LabError::crypto)?)));
        }
        loop {
            // A number outside 1..n is refused, once in 2^32 draws.
            if let Ok(key) = SigningKey::from_slice(&random_bytes::<32>()?) {
                return Ok(Self::P256(key));
            }
        }
    }

    /// The private key, PKCS#8 DER.
    pub(crate) fn private_der(&self) -> Result<Vec<u8>, LabError> {
        let der = match self {
            Self::P256(key) => key.to_pkcs8_der(),
            Self::Rsa(key) => key.to_pkcs8_der(),
        };
        Ok(der.map_err(LabError::crypto)?.as_bytes().to_vec())
    }

    /// The public key.
    pub(crate) fn public(&self) -> Result<SubjectPublicKeyInfoOwned, LabError> {
        match self {
            Self::P256(key) => SubjectPublicKeyInfoOwned::from_key(key.verifying_key()),
            Self::Rsa(key) => SubjectPublicKeyInfoOwned::from_key(&key.to_public_key()),
        }
        .map_err(LabError::crypto)
    }
}

/// The practice issuer of a program.
pub(crate) struct Issuer {
    key: SigningKey,
    name: Name,
    der: Vec<u8>,
    /// Of the keys that it makes for its clients.
    client_keys: ClientKeys,
}

impl Issuer {
    /// The issuer of `program` with this common name. The same arguments give the same key and certificate, octet by octet:
    /// the key is derived from the program's id, ECDSA as in RFC 6979 needs no randomness.
    pub(crate) fn of(program: &str, common_name: &str) -> Result<Self, LabError> {
        let seed = Sha256::digest(format!("kirikae practice issuer {program}"));
        let key = SigningKey::from_slice(&seed).map_err(LabError::crypto)?;
        let name = distinguished_name(&[("CN", common_name), ("O", "KIRIKAE PRACTICE"), ("C", "JP")])?;
        let root = Root::of(ISSUER_ROOT, ISSUER_ROOT_KEY)?;
        let profile = Paper { issuer: root.name.clone(), subject: name.clone(), kind: Kind::Issuer };
        let serial = SerialNumber::new(&positive(Sha256::digest(seed)[..SERIAL_OCTETS].to_vec())).map_err(LabError::crypto)?;
        let public = SubjectPublicKeyInfoOwned::from_key(key.verifying_key()).map_err(LabError::crypto)?;
        let der = build(profile, serial, root.validity, public, &root.key)?;
        Ok(Self { key, name, der, client_keys: ClientKeys::default() })
    }

    /// The same with another kind of clients' keys.
    pub(crate) fn with_client_keys(self, client_keys: ClientKeys) -> Self {
        Self { client_keys, ..self }
    }

    /// A key for a client, as servers make them that hand out PKCS#12 files.
    pub(crate) fn make_key(&self) -> Result<KeyPair, LabError> {
        KeyPair::generate(self.client_keys)
    }

    /// Its certificate.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Issues a client certificate with a random serial number.
    pub(crate) fn issue(&self, subject: &Name, public: SubjectPublicKeyInfoOwned, validity: Validity) -> Result<Vec<u8>, LabError> {
        let profile = Paper { issuer: self.name.clone(), subject: subject.clone(), kind: Kind::Client };
        let serial = SerialNumber::new(&positive(random_bytes::<SERIAL_OCTETS>()?.to_vec())).map_err(LabError::crypto)?;
        let validity = x509_cert::time::Validity::new(time(validity.not_before)?, time(validity.not_after)?);
        build(profile, serial, validity, public, &self.key)
    }
}

/// A TLS server certificate for this machine's loopback names: (certificate, PKCS#8 key).
pub(crate) fn site_certificate() -> Result<(Vec<u8>, Vec<u8>), LabError> {
    let root = Root::of(SITE_ROOT, SITE_ROOT_KEY)?;
    let key = KeyPair::generate(ClientKeys::P256)?;
    let profile =
        Paper { issuer: root.name.clone(), subject: distinguished_name(&[("CN", "127.0.0.1"), ("O", "KIRIKAE PRACTICE"), ("C", "JP")])?, kind: Kind::Site };
    let serial = SerialNumber::new(&positive(random_bytes::<SERIAL_OCTETS>()?.to_vec())).map_err(LabError::crypto)?;
    Ok((build(profile, serial, root.validity, key.public()?, &root.key)?, key.private_der()?))
}

/// A name from its parts, most specific first, as RFC 4514 writes them (the certificate has them in the opposite order).
pub(crate) fn distinguished_name(parts: &[(&str, &str)]) -> Result<Name, LabError> {
    let escape = |value: &str| {
        value.chars().fold(String::new(), |mut text, c| {
            if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#') {
                text.push('\\');
            }
            text.push(c);
            text
        })
    };
    let text: Vec<String> = parts.iter().map(|(kind, value)| format!("{kind}={}", escape(value))).collect();
    Name::from_str(&text.join(",")).map_err(LabError::crypto)
}

/// The parts of a certificate's subject, most specific first: (`CN`, value).
pub(crate) fn subject_parts(der: &[u8]) -> Result<Vec<(String, String)>, LabError> {
    let certificate = Certificate::from_der(der).map_err(LabError::crypto)?;
    let mut parts = vec![];
    for rdn in certificate.tbs_certificate().subject().iter_rdn() {
        for part in rdn.iter() {
            let text = part.to_string();
            if let Some((kind, value)) = text.split_once('=') {
                parts.push((kind.to_owned(), unescape(value)));
            }
        }
    }
    parts.reverse();
    Ok(parts)
}

/// Takes the backslashes of RFC 4514 away.
fn unescape(value: &str) -> String {
    let mut chars = value.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// Random octets from the system.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], LabError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(LabError::crypto)?;
    Ok(octets)
}

struct Root {
    key: SigningKey,
    name: Name,
    validity: x509_cert::time::Validity,
}

impl Root {
    fn of(certificate: &str, key: &str) -> Result<Self, LabError> {
        use pkcs8::DecodePrivateKey;
        let certificate = Certificate::from_der(&certificate_der(certificate)?).map_err(LabError::crypto)?;
        let tbs = certificate.tbs_certificate();
        Ok(Self { key: SigningKey::from_pkcs8_pem(key).map_err(LabError::crypto)?, name: tbs.subject().clone(), validity: *tbs.validity() })
    }
}

enum Kind {
    Issuer,
    Client,
    Site,
}

struct Paper {
    issuer: Name,
    subject: Name,
    kind: Kind,
}

impl BuilderProfile for Paper {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        _tbs: &x509_cert::TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let is_ca = matches!(self.kind, Kind::Issuer);
        let usage = if is_ca { KeyUsages::KeyCertSign | KeyUsages::CRLSign } else { KeyUsages::DigitalSignature.into() };
        let mut extensions = vec![
            BasicConstraints { ca: is_ca, path_len_constraint: is_ca.then_some(0) }.to_extension(&self.subject, &[])?,
            KeyUsage(usage).to_extension(&self.subject, &[])?,
        ];
        match self.kind {
            Kind::Issuer => {}
            Kind::Client => extensions.push(ExtendedKeyUsage(vec![const_oid::db::rfc5280::ID_KP_CLIENT_AUTH]).to_extension(&self.subject, &[])?),
            Kind::Site => {
                extensions.push(ExtendedKeyUsage(vec![const_oid::db::rfc5280::ID_KP_SERVER_AUTH]).to_extension(&self.subject, &[])?);
                let names = vec![GeneralName::DnsName(Ia5String::new("localhost")?), GeneralName::IpAddress(OctetString::new([127, 0, 0, 1])?)];
                extensions.push(SubjectAltName(names).to_extension(&self.subject, &[])?);
            }
        }
        Ok(extensions)
    }
}

fn build(
    profile: Paper,
    serial: SerialNumber,
    validity: x509_cert::time::Validity,
    public: SubjectPublicKeyInfoOwned,
    signer: &SigningKey,
) -> Result<Vec<u8>, LabError> {
    let builder = CertificateBuilder::new(profile, serial, validity, public).map_err(LabError::crypto)?;
    let certificate = builder.build::<_, DerSignature>(signer).map_err(LabError::crypto)?;
    certificate.to_der().map_err(LabError::crypto)
}

fn time(at: Timestamp) -> Result<Time, LabError> {
    let seconds = u64::try_from(at.as_second()).map_err(LabError::crypto)?;
    let date = der::DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).map_err(LabError::crypto)?;
    Ok(Time::from(date))
}

/// RFC 5280 4.1.2.2: positive. The top bit is cleared, the first octet is not zero.
fn positive(mut octets: Vec<u8>) -> Vec<u8> {
    if let Some(first) = octets.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    octets
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_issuer_is_the_same_on_every_machine() {
        let one = Issuer::of("obn", "Online Billing NW Common Root CA - 01").unwrap();
        let two = Issuer::of("obn", "Online Billing NW Common Root CA - 01").unwrap();
        assert_eq!(one.der(), two.der());
        assert_ne!(one.der(), Issuer::of("webqkan", "Online Billing NW Common Root CA - 01").unwrap().der());
    }

    #[test]
    fn a_subject_comes_back_part_by_part() {
        let issuer = Issuer::of("obn", "a, b+c").unwrap();
        let name = distinguished_name(&[("CN", "山田, 太郎"), ("OU", "medical"), ("OU", "hokkaido"), ("O", "ReceiptOnline"), ("C", "JP")]).unwrap();
        let validity = Validity { not_before: "2026-01-01T00:00:00Z".parse().unwrap(), not_after: "2060-06-01T00:00:00Z".parse().unwrap() };
        let der = issuer.issue(&name, issuer.make_key().unwrap().public().unwrap(), validity).unwrap();
        let parts = subject_parts(&der).unwrap();
        let values: Vec<&str> = parts.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["山田, 太郎", "medical", "hokkaido", "ReceiptOnline", "JP"]);
        let read = Certificate::from_der(&der).unwrap();
        let not_after = read.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
        assert_eq!(not_after, u64::try_from(validity.not_after.as_second()).unwrap());
    }
}
