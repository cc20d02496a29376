//! The store of kind `windows` beside its contract: what refuses, and how it is said. Under Wine; `tests/windows/run` runs it.
#![cfg(windows)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use kirikae_backends::store::p12;
use kirikae_backends::{StoreSettings, builtin};
use kirikae_engine::backend::{BackendError, Call, ImportOption, ImportRequest, StoreWrite};
use kirikae_engine::secret::Secret;
use rsa::PrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use support::{Clinic, certify, clinic};

fn store(settings: &[(&str, &str)]) -> Arc<dyn StoreWrite> {
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    (builtin().store("windows").unwrap().open)(StoreSettings { settings, ..StoreSettings::default() }).unwrap()
}

fn request(file: Secret, exportable: bool) -> ImportRequest {
    let options = BTreeMap::from([(ImportOption::Exportable, exportable)]);
    ImportRequest { file, password: Secret::text("1234"), friendly_name: None, options }
}

/// A file with an RSA key.
fn rsa_file(clinic: &Clinic) -> Secret {
    let key = PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
    let leaf = certify(&key.to_public_key(), &clinic.leaf.subject().to_string(), 7, 60, &clinic.middle);
    let pkcs8 = Secret::bytes(key.to_pkcs8_der().unwrap().as_bytes().to_vec());
    Secret::bytes(p12::write(&pkcs8, &[leaf, clinic.middle.der.clone()], "端末2", &Secret::text("1234")).unwrap())
}

fn refusal<T>(answer: Result<T, BackendError>) -> BackendError {
    answer.err().expect("this is refused")
}

#[test]
fn the_store_of_the_machine_keeps_keys_of_its_own() {
    let machine = store(&[("location", "local_machine"), ("keys", "capi")]);
    assert_eq!(machine.id(), "windows:local_machine/MY");
    let imported = machine.import(&Call::unattached(), &request(rsa_file(&clinic()), true)).unwrap();
    assert!(imported.info.has_key && imported.info.key_exportable);
    assert_eq!(imported.info.friendly_name.as_deref(), Some("端末2"), "the name in the file, where none is given");
    let lock = machine.lock(&Call::unattached()).unwrap();
    lock.prove_key(&imported.info.sha1).unwrap();
    lock.delete(&imported.info.sha1).unwrap();
    assert_eq!(refusal(lock.prove_key(&imported.info.sha1)).code, "CERT.GONE");
}

#[test]
fn a_key_that_must_stay_is_not_given_out() {
    let store = store(&[("keys", "capi")]);
    let imported = store.import(&Call::unattached(), &request(rsa_file(&clinic()), false)).unwrap();
    assert!(!imported.info.key_exportable);
    let refused = refusal(store.export().unwrap().export(&Call::unattached(), &imported.info.sha1, &Secret::text("1234")));
    assert_eq!(refused.code, "KEY.NOT_EXPORTABLE");
    store.lock(&Call::unattached()).unwrap().delete(&imported.info.sha1).unwrap();
}

#[test]
fn an_elliptic_curve_is_refused_by_the_older_keys_with_the_cure() {
    let store = store(&[("keys", "capi")]);
    let clinic = clinic();
    let refused = refusal(store.import(&Call::unattached(), &request(clinic.p12("1234"), true)));
    assert_eq!(refused.code, "KEY.UNUSABLE");
    assert!(refused.cause.ja.contains("keys: cng"), "{}", refused.cause.ja);
    assert!(!store.list(&Call::unattached()).unwrap().iter().any(|cert| cert.der == clinic.leaf.der));
}

/// Wine keeps no keys of CNG: its refusal stands for any that Windows gives.
#[test]
fn what_windows_refuses_is_said_with_its_number() {
    let store = store(&[("keys", "cng")]);
    let before = store.list(&Call::unattached()).unwrap();
    let refused = refusal(store.import(&Call::unattached(), &request(rsa_file(&clinic()), true)));
    assert!(["KEY.UNUSABLE", "STORE.UNREADABLE"].contains(&refused.code.as_str()), "{refused:?}");
    assert!(refused.data["windows"].starts_with("0x") && refused.data["call"] == "PFXImportCertStore", "{refused:?}");
    assert!(refused.cause.ja.contains(&refused.data["windows"]));
    assert_eq!(store.list(&Call::unattached()).unwrap(), before);
}

#[test]
fn stores_of_others_certificates_are_read_and_take_no_keys() {
    for name in ["CA", "ROOT"] {
        let store = store(&[("name", name), ("keys", "capi")]);
        store.list(&Call::unattached()).unwrap();
        assert_eq!(refusal(store.import(&Call::unattached(), &request(rsa_file(&clinic()), true))).code, "BACKEND.UNSUPPORTED");
    }
}
