//! Stores and folders of each kind, made for the contract suites.

#![allow(dead_code)]

pub mod dir;
#[cfg(target_os = "linux")]
pub mod nss;
pub mod windows;

#[path = "../../../tests/support/component.rs"]
pub mod component;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kirikae_backends::store::signer;
use kirikae_backends::{StoreSettings, builtin};
use kirikae_engine::backend::StoreWrite;
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::contract::store::Sample;

use super::support::{Clinic, Issued, clinic, issue};

/// The repository's root, for `component`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The store of this kind, opened as the program opens it.
fn open(kind: &str, settings: StoreSettings) -> Arc<dyn StoreWrite> {
    (builtin().store(kind).unwrap().open)(settings).unwrap()
}

/// A certificate, its renewal, and the root above both.
pub struct Samples {
    pub first: Sample,
    pub second: Sample,
    pub root: Issued,
}

pub fn samples() -> Samples {
    let old = clinic();
    let subject = old.leaf.subject().to_string();
    let new = Clinic { leaf: issue(&subject, 0x8f02, 800, Some(&old.middle), false), root: old.root.clone(), middle: old.middle.clone() };
    Samples { first: sample(&old), second: sample(&new), root: old.root }
}

fn sample(clinic: &Clinic) -> Sample {
    Sample { file: clinic.p12("1234"), password: Secret::text("1234"), leaf: clinic.leaf.der.clone(), above: vec![clinic.middle.der.clone()] }
}

pub fn verify(certificate: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> bool {
    signer::verify(certificate, scheme, message, signature).is_ok()
}

/// Every file directly in a folder with its content.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())).collect()
}
