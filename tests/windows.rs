//! kirikae.exe on Windows (under Wine): the renewal of an online-billing certificate in the certificate store of Windows, the
//! self-test, the vault. `tests/windows/run` runs it; elsewhere there is nothing to test.
#![cfg(windows)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use kirikae_backends::{StoreSettings, builtin};
use kirikae_engine::backend::{Call, StoreWrite, StoredCert};
use serde_json::Value as Json;
use support::{Lab, kirikae, said};

/// The medical institution of the practice certificates.
const SUBJECT: &str = "0110119153";

/// CurrentUser\MY with keys of CryptoAPI, opened without the program under test.
fn my() -> Arc<dyn StoreWrite> {
    let settings = StoreSettings { settings: BTreeMap::from([("keys".to_owned(), "capi".to_owned())]), ..StoreSettings::default() };
    (builtin().store("windows").unwrap().open)(settings).unwrap()
}

/// The practice certificates in it.
fn practice() -> Vec<StoredCert> {
    let mut certs = my().list(&Call::unattached()).unwrap();
    certs.retain(|cert| cert.info.subject.cn == SUBJECT && cert.info.issuer_dn.contains("KIRIKAE PRACTICE"));
    certs
}

/// Takes them out again, with their keys, however a test ends.
struct Clean;

impl Drop for Clean {
    fn drop(&mut self) {
        for cert in practice() {
            let store = my();
            store.lock(&Call::unattached()).unwrap().delete(&cert.info.sha1).unwrap();
        }
    }
}

/// A lab whose certificate to renew lies in CurrentUser\MY.
fn lab_on_windows(arguments: &[&str]) -> Lab {
    let lab = Lab::start(&[&["--keys", "rsa"], arguments].concat());
    lab.edit_site(
        "personal: { store: dir, path: ./personal, password: { file: ./personal.pw } }",
        "personal: { store: windows, location: current_user, name: MY, keys: capi }",
    );
    let file = lab.store().into_iter().find(|file| file.to_string_lossy().contains(SUBJECT)).expect("a certificate to renew");
    let password = format!("password={}", lab.path("personal.pw").display());
    let restored = lab.run(&["restore", &file.display().to_string(), "--to", "personal", "--yes", "--secret-file", &password]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    lab
}

#[test]
fn a_certificate_in_the_store_of_windows_is_renewed_once() {
    let _clean = Clean;
    let lab = lab_on_windows(&[]);
    let [old] = practice().try_into().expect("the old certificate");

    let output = lab.renew();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!((lab.count("received", Some("renew")), lab.count("issued", None)), (1, 1));
    let [new] = practice().try_into().expect("the new certificate, and the old one gone");
    assert_ne!(new.info.sha1, old.info.sha1);
    assert!(new.info.not_after > old.info.not_after && new.info.has_key && new.info.key_exportable);
    my().lock(&Call::unattached()).unwrap().prove_key(&new.info.sha1).unwrap();
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));

    let again = lab.renew();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert_eq!(lab.count("received", Some("renew")), 1, "nothing to do sends nothing");
    let identity = std::fs::read(lab.state().join("keys").join("identity.txt")).unwrap();
    assert!(!identity.windows(14).any(|part| part == b"AGE-SECRET-KEY"), "the vault's identity lies there as DPAPI seals it");
}

#[test]
fn a_lost_answer_ends_with_one_issuance() {
    let _clean = Clean;
    let lab = lab_on_windows(&["--fault", "drop-after-effect@renew"]);
    let output = lab.renew();
    if output.status.code() != Some(0) {
        lab.resume_to_the_end();
    }
    assert_eq!((lab.count("received", Some("renew")), lab.count("issued", None)), (1, 1));
    assert_eq!(practice().len(), 1, "only the new certificate is left");
}

#[test]
fn the_self_test_passes_on_the_keys_that_wine_keeps() {
    let output = kirikae().args(["selftest", "--format", "json", "--with", "keys=capi"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told: Json = serde_json::from_slice(&output.stdout).unwrap();
    let trials = told["trials"].as_array().unwrap();
    assert_eq!((trials[0]["place"].as_str(), trials[0]["about"].as_str()), (Some("windows:current_user/MY"), Some("keys=capi RSA-2048")));
    let outcomes: Vec<&str> = trials.iter().flat_map(|trial| trial["steps"].as_array().unwrap()).map(|step| step["outcome"].as_str().unwrap()).collect();
    assert!(outcomes.len() == 11 && outcomes.iter().all(|outcome| *outcome == "passed"), "nothing is skipped: {told}");
}

#[test]
fn the_state_of_the_machine_lies_in_program_data() {
    let output = kirikae().args(["runs", "--lang", "ja"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let place = std::path::PathBuf::from(std::env::var_os("ProgramData").unwrap()).join("kirikae");
    assert!(place.join("journal.db").is_file(), "{}", place.display());
    std::fs::remove_dir_all(place).unwrap();
}
