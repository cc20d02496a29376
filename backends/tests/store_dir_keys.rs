//! Keys made in the folder store: from the request over the issued certificate to a signature.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::str::FromStr;

use der::{Decode, Encode};
use kirikae_backends::store::dir::DirStore;
use kirikae_backends::x509;
use kirikae_engine::backend::{Call, KeyKind, StoreKeyMaker, StoreKeys, StoreRead, StoreWrite};
use kirikae_engine::secret::Secret;
use p256::ecdsa::signature::Verifier;
use pkcs8::DecodePublicKey;
use sha2::Sha256;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::request::CertReq;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn store(folder: &Path) -> DirStore {
    DirStore::open(folder, Box::new(|| Ok(Secret::text("the store's own")))).unwrap()
}

fn subject() -> Vec<(String, String)> {
    [("CN", "1234567-uketsuke1"), ("O", "Aozora"), ("C", "JP")].map(|(kind, value)| (kind.to_owned(), value.to_owned())).to_vec()
}

/// A CA that issues what a request asks for, once the signature of the request is by the key in it; gives the certificate and its own, DER.
fn issue(request: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let asked = CertReq::from_der(request).unwrap();
    let (message, signature) = (asked.info.to_der().unwrap(), asked.signature.as_bytes().unwrap());
    let public = asked.info.public_key.to_der().unwrap();
    match p256::ecdsa::VerifyingKey::from_public_key_der(&public) {
        Ok(key) => key.verify(&message, &p256::ecdsa::DerSignature::from_bytes(signature).unwrap()).unwrap(),
        Err(_) => {
            let key = rsa::pkcs1v15::VerifyingKey::<Sha256>::from_public_key_der(&public).unwrap();
            key.verify(&message, &signature.try_into().unwrap()).unwrap();
        }
    }
    let ca = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let root_name = Name::from_str("CN=practice root").unwrap();
    let own = SubjectPublicKeyInfoOwned::from_key(ca.verifying_key()).unwrap();
    let root = certificate(&root_name, &root_name, own, &ca);
    (certificate(&root_name, &asked.info.subject, asked.info.public_key, &ca), root)
}

/// Names and nothing else.
struct Plain(Name, Name);

impl BuilderProfile for Plain {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.0.clone()
    }

    fn get_subject(&self) -> Name {
        self.1.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        _tbs: &x509_cert::TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(vec![])
    }
}

fn certificate(issuer: &Name, subject: &Name, public: SubjectPublicKeyInfoOwned, ca: &p256::ecdsa::SigningKey) -> Vec<u8> {
    let validity = Validity::from_now(std::time::Duration::from_secs(86_400)).unwrap();
    let builder = CertificateBuilder::new(Plain(issuer.clone(), subject.clone()), SerialNumber::from(9_u32), validity, public).unwrap();
    builder.build::<_, p256::ecdsa::DerSignature>(ca).unwrap().to_der().unwrap()
}

#[test]
fn a_key_signs_its_request_and_then_with_its_certificate() {
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let place = tempfile::tempdir().unwrap();
        let (store, call) = (store(place.path()), Call::unattached());
        let made = store.create(&call, ID, kind, true).unwrap();
        assert_eq!(store.create(&call, ID, kind, true).unwrap(), made, "the same step makes no second key");
        assert_eq!(store.pending(&call).unwrap(), std::slice::from_ref(&made));
        assert!(store.list(&call).unwrap().is_empty() && store.locked(&call).unwrap().is_empty(), "a key alone is no certificate");
        let request = store.request(&call, ID, &subject()).unwrap();
        assert_eq!(CertReq::from_der(&request).unwrap().info.public_key.to_der().unwrap(), made.public_key);

        let (issued, root) = issue(&request);
        let (other, _) = issue(&self::store(tempfile::tempdir().unwrap().keep().as_path()).in_passing(&call));
        assert_eq!(store.accept(&call, ID, std::slice::from_ref(&other), None).unwrap_err().code, "KEY.MISMATCH");
        assert_eq!(store.pending(&call).unwrap(), [made], "the key waits on");

        let stored = store.accept(&call, ID, &[root, issued.clone()], Some("受付1")).unwrap();
        assert_eq!((stored.der.clone(), stored.info.has_key, stored.info.friendly_name.as_deref()), (issued, true, Some("受付1")));
        assert!(store.pending(&call).unwrap().is_empty());
        assert!(std::fs::read_dir(place.path().join("pending")).unwrap().next().is_none(), "the key waits nowhere any more");
        store.lock(&call).unwrap().prove_key(&stored.info.sha1).unwrap();
        assert_eq!(x509::public_key(&stored.der).unwrap(), x509::public_key(&store.list(&call).unwrap()[0].der).unwrap());
    }
}

trait InPassing {
    /// The request of another key.
    fn in_passing(&self, call: &Call) -> Vec<u8>;
}

impl InPassing for DirStore {
    fn in_passing(&self, call: &Call) -> Vec<u8> {
        self.create(call, ID, KeyKind::P256, false).unwrap();
        self.request(call, ID, &subject()).unwrap()
    }
}

#[test]
fn what_lies_on_the_disk_is_no_key_without_the_password() {
    let place = tempfile::tempdir().unwrap();
    let call = Call::unattached();
    store(place.path()).create(&call, ID, KeyKind::P256, false).unwrap();
    let names = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    let mut files = names(&place.path().join("pending"));
    files.sort();
    assert_eq!(files, [format!("{ID}.json"), format!("{ID}.key")]);
    let content = std::fs::read(place.path().join("pending").join(format!("{ID}.key"))).unwrap();
    assert!(pkcs8::PrivateKeyInfoRef::from_der(&content).is_err(), "it is encrypted");
    let thief = DirStore::open(place.path(), Box::new(|| Ok(Secret::text("guessed")))).unwrap();
    assert_eq!(thief.request(&call, ID, &subject()).unwrap_err().code, "STORE.UNREADABLE");
    assert_eq!(thief.request(&call, "../x", &subject()).unwrap_err().code, "KEY.UNUSABLE");
    assert_eq!(thief.create(&call, "../x", KeyKind::P256, false).unwrap_err().code, "KEY.UNUSABLE");
}

#[test]
fn a_key_whose_description_is_missing_is_made_anew() {
    // The process died between the two files.
    let place = tempfile::tempdir().unwrap();
    let (store, call) = (store(place.path()), Call::unattached());
    let first = store.create(&call, ID, KeyKind::P256, false).unwrap();
    std::fs::remove_file(place.path().join("pending").join(format!("{ID}.json"))).unwrap();
    assert!(store.pending(&call).unwrap().is_empty());
    let second = store.create(&call, ID, KeyKind::P256, false).unwrap();
    assert_ne!(first.public_key, second.public_key);
    let request = store.request(&call, ID, &subject()).unwrap();
    assert_eq!(CertReq::from_der(&request).unwrap().info.public_key.to_der().unwrap(), second.public_key);
}
