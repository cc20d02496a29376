//! Certificates for tests: a root, an intermediate, and end entities with P-256 keys.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

pub mod disk;

use std::str::FromStr;
use std::time::Duration;

use der::asn1::OctetString;
use der::{Decode, Encode};
use kirikae_backends::store::p12;
use kirikae_engine::secret::Secret;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder, Result};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

/// A key with its certificate.
#[derive(Clone)]
pub struct Issued {
    pub key: SigningKey,
    pub der: Vec<u8>,
}

impl Issued {
    pub fn pkcs8(&self) -> Secret {
        Secret::bytes(self.key.to_pkcs8_der().unwrap().as_bytes().to_vec())
    }

    pub fn subject(&self) -> Name {
        x509_cert::Certificate::from_der(&self.der).unwrap().tbs_certificate().subject().clone()
    }

    /// A PKCS#12 file of this certificate and these above it.
    pub fn p12(&self, above: &[&Issued], friendly_name: &str, password: &str) -> Secret {
        let mut certificates = vec![self.der.clone()];
        certificates.extend(above.iter().map(|issued| issued.der.clone()));
        Secret::bytes(p12::write(&self.pkcs8(), &certificates, friendly_name, &Secret::text(password)).unwrap())
    }
}

/// Names and extensions of one certificate.
struct Profile {
    subject: Name,
    issuer: Name,
    authority: bool,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(&self, _spk: SubjectPublicKeyInfoRef<'_>, _issuer: SubjectPublicKeyInfoRef<'_>, tbs: &TbsCertificate) -> Result<Vec<Extension>> {
        let constraints = BasicConstraints { ca: self.authority, path_len_constraint: None };
        // A critical extension that TLS libraries do not know: HPKI certificates have such ones.
        let own = Extension { extn_id: "1.2.392.100495.9.9.9".parse().unwrap(), critical: true, extn_value: OctetString::new(vec![5, 0])? };
        let mut extensions = vec![constraints.to_extension(tbs.subject(), &[])?];
        extensions.extend((!self.authority).then_some(own));
        Ok(extensions)
    }
}

/// Issues a certificate; `issuer` none makes it sign itself.
pub fn issue(subject: &str, serial: u32, days: u64, issuer: Option<&Issued>, authority: bool) -> Issued {
    let mut random = [0; 32];
    getrandom::fill(&mut random).unwrap();
    random[0] = 1;
    issue_for(SigningKey::from_slice(&random).unwrap(), subject, serial, days, issuer, authority)
}

/// The same for a key that is there already.
pub fn issue_for(key: SigningKey, subject: &str, serial: u32, days: u64, issuer: Option<&Issued>, authority: bool) -> Issued {
    let validity = Validity::from_now(Duration::from_secs(days * 86_400)).unwrap();
    issue_valid(key, subject, serial, validity, issuer, authority)
}

/// The same for these dates.
pub fn issue_valid(key: SigningKey, subject: &str, serial: u32, validity: Validity, issuer: Option<&Issued>, authority: bool) -> Issued {
    let subject = Name::from_str(subject).unwrap();
    let profile = Profile { issuer: issuer.map_or(subject.clone(), Issued::subject), subject, authority };
    let public = SubjectPublicKeyInfo::from_der(key.verifying_key().to_public_key_der().unwrap().as_bytes()).unwrap();
    let builder = CertificateBuilder::new(profile, SerialNumber::from(serial), validity, public).unwrap();
    let certificate = builder.build::<_, DerSignature>(issuer.map_or(&key, |issuer| &issuer.key)).unwrap();
    Issued { key, der: certificate.to_der().unwrap() }
}

/// A certificate below `issuer` for a key of any kind.
pub fn certify(public: &impl EncodePublicKey, subject: &str, serial: u32, days: u64, issuer: &Issued) -> Vec<u8> {
    let profile = Profile { issuer: issuer.subject(), subject: Name::from_str(subject).unwrap(), authority: false };
    let public = SubjectPublicKeyInfo::from_der(public.to_public_key_der().unwrap().as_bytes()).unwrap();
    let validity = Validity::from_now(Duration::from_secs(days * 86_400)).unwrap();
    let builder = CertificateBuilder::new(profile, SerialNumber::from(serial), validity, public).unwrap();
    builder.build::<_, DerSignature>(&issuer.key).unwrap().to_der().unwrap()
}

/// A root, an intermediate below it, and a certificate of a clinic below that.
pub struct Clinic {
    pub root: Issued,
    pub middle: Issued,
    pub leaf: Issued,
}

pub fn clinic() -> Clinic {
    let root = issue("CN=Practice Root CA,O=Practice,C=JP", 1, 3650, None, true);
    let middle = issue("CN=Practice Issuing CA,O=Practice,C=JP", 2, 3650, Some(&root), true);
    let leaf = issue("CN=0110119153,OU=受付,OU=端末2,O=さくら医院,C=JP", 0x8f01, 60, Some(&middle), false);
    Clinic { root, middle, leaf }
}

impl Clinic {
    pub fn p12(&self, password: &str) -> Secret {
        self.leaf.p12(&[&self.root, &self.middle], "受付2", password)
    }
}
