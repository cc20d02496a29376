//! Chains, names, uses and qualifications of certificates that we issue here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{OctetString, SetOfVec};
use der::{Any, Decode, Encode};
use jiff::{SignedDuration, Timestamp};
use kirikae_backends::x509::{Custody, HcRole, NATIONAL_SCHEME, Purpose, Untrusted, cert_info, chain, details, verify_chain};
use p256::ecdsa::DerSignature;
use p256::pkcs8::EncodePublicKey;
use support::{Issued, issue, issue_valid};
use x509_cert::attr::Attribute;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder, Result};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectDirectoryAttributes};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

/// An end entity with these extensions and this text of its issuer's name.
struct Leaf {
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Leaf {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(&self, _spk: SubjectPublicKeyInfoRef<'_>, _issuer: SubjectPublicKeyInfoRef<'_>, _tbs: &TbsCertificate) -> Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

fn leaf_of(issuer: &Issued, issuer_name: Name, extensions: Vec<Extension>) -> Vec<u8> {
    let key = issue("CN=key", 1, 1, None, false).key;
    let public = SubjectPublicKeyInfo::from_der(key.verifying_key().to_public_key_der().unwrap().as_bytes()).unwrap();
    let profile = Leaf { subject: Name::from_str("CN=山田 太郎,C=JP").unwrap(), issuer: issuer_name, extensions };
    let validity = Validity::from_now(Duration::from_secs(40 * 86_400)).unwrap();
    let builder = CertificateBuilder::new(profile, SerialNumber::from(77u32), validity, public).unwrap();
    builder.build::<_, DerSignature>(&issuer.key).unwrap().to_der().unwrap()
}

fn extension<T: AssociatedOid + Encode>(content: &T) -> Extension {
    Extension { extn_id: T::OID, critical: false, extn_value: OctetString::new(content.to_der().unwrap()).unwrap() }
}

fn uses(purpose: ObjectIdentifier) -> Vec<Extension> {
    vec![extension(&KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment)), extension(&ExtendedKeyUsage(vec![purpose]))]
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    element.extend(der::Length::try_from(content.len()).unwrap().to_der().unwrap());
    [element, content.to_vec()].concat()
}

/// hcRole as ISO 17090 writes it: SET OF HCActor { [0] CodedData { [0] scheme, [2] text } }.
fn hc_role(roles: &[(&str, &str)]) -> Extension {
    let actor = |(scheme, name): &(&str, &str)| {
        let scheme = tlv(0xa0, &ObjectIdentifier::from_str(scheme).unwrap().to_der().unwrap());
        let name = tlv(0xa2, &tlv(0x0c, name.as_bytes()));
        tlv(0x30, &tlv(0xa0, &tlv(0x31, &[scheme, name].concat())))
    };
    let actors: Vec<u8> = roles.iter().flat_map(actor).collect();
    let value = Any::from_der(&tlv(0x31, &actors)).unwrap();
    let oid = ObjectIdentifier::from_str("1.0.17090.0.1").unwrap();
    extension(&SubjectDirectoryAttributes(vec![Attribute { oid, values: SetOfVec::try_from(vec![value]).unwrap() }]))
}

fn now() -> Timestamp {
    Timestamp::now()
}

#[test]
fn the_qualification_of_an_hpki_certificate_is_read() {
    let root = issue("CN=HPKI Practice,C=JP", 1, 100, None, true);
    let der = leaf_of(&root, root.subject(), vec![hc_role(&[("1.2.3.4", "Something"), (NATIONAL_SCHEME, "Medical Doctor"), (NATIONAL_SCHEME, "Director")])]);
    let role = |scheme: &str, name: &str| HcRole { scheme: scheme.into(), name: name.into() };
    assert_eq!(details(&der).unwrap().hc_roles, [role("1.2.3.4", "Something"), role(NATIONAL_SCHEME, "Medical Doctor"), role(NATIONAL_SCHEME, "Director")]);
    assert_eq!(cert_info(&der, Custody::default()).unwrap().hc_role.as_deref(), Some("Medical Doctor"));
    // Another scheme is no national qualification; a certificate without the extension has none.
    let foreign = leaf_of(&root, root.subject(), vec![hc_role(&[("1.2.3.4", "Something")])]);
    assert_eq!(cert_info(&foreign, Custody::default()).unwrap().hc_role, None);
    assert_eq!(cert_info(&root.der, Custody::default()).unwrap().hc_role, None);
}

#[test]
fn key_kind_signature_and_uses_are_told() {
    let root = issue("CN=Root,C=JP", 1, 100, None, true);
    let told = details(&leaf_of(&root, root.subject(), uses(const_oid::db::rfc5280::ID_KP_CLIENT_AUTH))).unwrap();
    assert_eq!((told.key.as_str(), told.signature.as_str(), told.authority), ("EC P-256", "ecdsa-with-SHA256", false));
    assert_eq!((told.key_usage, told.extended_key_usage), (vec!["digitalSignature", "keyEncipherment"], vec!["clientAuth".to_owned()]));
    assert!(details(&root.der).unwrap().authority);
    assert!(details(b"no certificate").is_err());
}

#[test]
fn a_chain_holds_only_to_a_root_that_was_given_on_a_day_and_for_a_purpose() {
    let root = issue("CN=Root,C=JP", 1, 100, None, true);
    let middle = issue("CN=Middle,C=JP", 2, 90, Some(&root), true);
    let other = issue("CN=Root,C=JP", 1, 100, None, true);
    let leaf = leaf_of(&middle, middle.subject(), uses(const_oid::db::rfc5280::ID_KP_CLIENT_AUTH));
    let check = |others: &[&Issued], roots: &[&Issued], at: Timestamp, purpose| {
        let ders = |given: &[&Issued]| given.iter().map(|issued| issued.der.clone()).collect::<Vec<_>>();
        verify_chain(&leaf, &ders(others), &ders(roots), at, purpose)
    };
    let days = |days: i64| now() + SignedDuration::from_hours(24 * days);
    let path = vec![leaf.clone(), middle.der.clone(), root.der.clone()];
    for purpose in [Purpose::ClientAuth, Purpose::Any] {
        assert_eq!(check(&[&root, &middle], &[&other, &root], now(), purpose), Ok(path.clone()));
    }
    assert_eq!(check(&[&middle], &[&root], now(), Purpose::ServerAuth), Err(Untrusted::WrongPurpose));
    assert_eq!(check(&[], &[&root], now(), Purpose::Any), Err(Untrusted::UnknownIssuer));
    assert_eq!(check(&[&middle], &[], now(), Purpose::Any), Err(Untrusted::UnknownIssuer));
    assert_eq!(check(&[&middle], &[&root], days(50), Purpose::Any), Err(Untrusted::Expired));
    assert_eq!(check(&[&middle], &[&root], days(-1), Purpose::Any), Err(Untrusted::NotYetValid));
    // The same name, another key.
    assert_eq!(check(&[&middle], &[&other], now(), Purpose::Any), Err(Untrusted::BadSignature));
    assert_eq!(verify_chain(&root.der, &[], std::slice::from_ref(&root.der), now(), Purpose::Any), Ok(vec![root.der.clone()]));
    assert_eq!(verify_chain(b"nothing", &[], std::slice::from_ref(&root.der), now(), Purpose::Any), Err(Untrusted::Unreadable));
    // Unknown critical extensions are not passed over.
    let strict = issue("CN=strict", 9, 10, Some(&root), false);
    assert_eq!(verify_chain(&strict.der, &[], std::slice::from_ref(&root.der), now(), Purpose::Any), Err(Untrusted::CriticalExtension));
}

#[test]
fn issuers_are_found_by_the_attributes_of_their_names() {
    let validity = || Validity::new(Time::try_from(SystemTime::UNIX_EPOCH).unwrap(), Time::INFINITY);
    let root = issue("CN=Root,C=JP", 1, 100, None, true);
    let middle = issue_valid(root.key.clone(), "CN=Issuing CA,O=Practice,C=JP", 2, validity(), Some(&root), true);
    // The leaf names its issuer in other letters, as renewed authorities do.
    let leaf = leaf_of(&middle, Name::from_str("CN=ISSUING  ca,O=practice,C=JP").unwrap(), vec![]);
    assert_eq!(chain(&leaf, [root.der.as_slice(), middle.der.as_slice()]).unwrap(), [leaf.clone(), middle.der.clone()]);
    let stranger = leaf_of(&middle, Name::from_str("O=Practice,CN=Issuing CA,C=JP").unwrap(), vec![]);
    assert_eq!(chain(&stranger, [root.der.as_slice(), middle.der.as_slice()]).unwrap(), std::slice::from_ref(&stranger));
    // Extensions that nobody knows do not hinder reading.
    let own = Extension { extn_id: "1.2.3.4".parse().unwrap(), critical: true, extn_value: OctetString::new(vec![5, 0]).unwrap() };
    assert!(details(&leaf_of(&root, root.subject(), vec![own])).is_ok());
}
