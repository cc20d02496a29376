//! Folders as store and as folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kirikae_backends::StoreSettings;
use kirikae_backends::folder::dir::FolderSettings;
use kirikae_backends::store::p12::Pkcs12Files;
use kirikae_engine::backend::StoreWrite;
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::contract::folder::FolderRig;
use kirikae_engine::testing::contract::store::StoreRig;
use sha1::{Digest, Sha1};

use super::{files, open, samples, verify};

fn open_dir(path: &Path) -> Arc<dyn StoreWrite> {
    open("dir", StoreSettings { path: Some(path.to_owned()), own_password: Box::new(|| Ok(Secret::text("the store's own"))), ..StoreSettings::default() })
}

pub fn store() -> Option<StoreRig> {
    let place = Arc::new(tempfile::tempdir().unwrap());
    let samples = samples();
    let (for_files, for_keys, for_loss) = (place.clone(), place.clone(), place.clone());
    Some(StoreRig {
        store: open_dir(place.path()),
        again: open_dir(place.path()),
        first: samples.first,
        second: samples.second,
        root: samples.root.der,
        p12: Arc::new(Pkcs12Files),
        verify,
        place: Box::new(move || files(for_files.path())),
        keys: Box::new(move || files(for_keys.path()).keys().filter(|name| name.ends_with(".p12")).count()),
        lose_key: Some(Box::new(move |sha1| lose_key(for_loss.path(), sha1))),
    })
}

/// Removes the key file of a certificate, found by its description.
fn lose_key(folder: &Path, sha1: &str) {
    use base64::Engine;
    for (name, content) in files(folder).into_iter().filter(|(name, _)| name.ends_with(".json")) {
        let record: serde_json::Value = serde_json::from_slice(&content).unwrap();
        let der = base64::engine::general_purpose::STANDARD.decode(record["certificate"].as_str().unwrap()).unwrap();
        if hex::encode(Sha1::digest(der)) == sha1 {
            fs::remove_file(folder.join(name.replace(".json", ".p12"))).unwrap();
        }
    }
}

pub fn folder() -> FolderRig {
    let place = Arc::new(tempfile::tempdir().unwrap());
    let path = place.path().join("usb");
    fs::create_dir(&path).unwrap();
    let settings = FolderSettings { path: path.clone(), removable: true, plain: false };
    let open = || (kirikae_backends::builtin().folder("dir").unwrap().open)(&settings).unwrap();
    let (folder, again) = (open(), open());
    let removed = path.clone();
    FolderRig {
        folder,
        again,
        place: Box::new(move || {
            let _kept = &place;
            files(&path).into_keys().collect()
        }),
        remove: Some(Box::new(move || fs::remove_dir_all(&removed).unwrap())),
    }
}
