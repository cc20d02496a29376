//! Keys that wait for their certificate: `pending/ID.key` (PKCS#8 under the store's own password) and `pending/ID.json` (what may be
//! seen without it).
//!
//! May use: files in that folder. Must not: write a key in the clear; take a key away before its certificate is in the store.
//!
//! A key is there when its `ID.json` is; `ID.key` is written first, so that a crash leaves nothing that could be signed with and not
//! found again. It goes when its certificate has come.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kirikae_engine::backend::{BackendError, Call, ImportOption, KeyKind, PendingKey, StoreKeyMaker, StoreKeys, StoredCert};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use serde::{Deserialize, Serialize};

use super::lock;
use super::{DirStore, error};
use crate::folder::durable;
use crate::store::key_pair;
use crate::store::p12::Bundle;
use crate::x509::{Custody, cert_info, chain, public_key};

/// The folder's name.
const FOLDER: &str = "pending";

/// Bytes of a file in it.
const MAX_SIZE: u64 = 1 << 20;

/// The file's shape.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    kind: String,
    exportable: bool,
    /// SubjectPublicKeyInfo DER, base64.
    public_key: String,
}

impl DirStore {
    fn waiting(&self) -> PathBuf {
        self.folder.join(FOLDER)
    }

    fn pending_key(&self, id: &str) -> Result<(PendingKey, bool), BackendError> {
        let (folder, file) = (self.waiting(), format!("{id}.json"));
        let content = durable::read(&folder.join(&file), MAX_SIZE).map_err(|reason| error::unread(&folder, &file, reason))?;
        let damaged = |reason: &str| error::damaged(&folder, &file, reason);
        let record: Record = serde_json::from_slice(&content).map_err(|reason| damaged(&reason.to_string()))?;
        let kind = KeyKind::parse(&record.kind).filter(|_| record.version == 1).ok_or_else(|| damaged("version, kind"))?;
        let public_key = STANDARD.decode(&record.public_key).map_err(|reason| damaged(&reason.to_string()))?;
        Ok((PendingKey { id: id.to_owned(), kind, public_key }, record.exportable))
    }

    fn pending_ids(&self) -> Result<Vec<String>, BackendError> {
        let folder = self.waiting();
        let unreadable = |reason| error::unreadable(&folder, &reason);
        let files = match fs::read_dir(&folder) {
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return self.files().map(|_| vec![]),
            files => files.map_err(unreadable)?,
        };
        let mut ids = vec![];
        for file in files {
            let name = file.map_err(unreadable)?.file_name().into_string().ok();
            ids.extend(name.and_then(|name| name.strip_suffix(".json").filter(|id| is_id(id)).map(str::to_owned)));
        }
        ids.sort();
        Ok(ids)
    }

    fn private_key(&self, id: &str, password: &Secret) -> Result<Secret, BackendError> {
        let (folder, file) = (self.waiting(), format!("{id}.key"));
        let content = durable::read(&folder.join(&file), MAX_SIZE).map_err(|_| error::no_key_file(&folder, &file))?;
        let wrong = || BackendError::new("P12.BAD_PASSWORD", Text::default());
        key_pair::decrypt(&content, password).ok_or_else(|| error::key_file(&folder, &file, &wrong()))
    }

    fn forget(&self, id: &str) -> Result<(), BackendError> {
        let folder = self.waiting();
        let unwritable = |reason| error::unwritable(&folder, &reason);
        durable::remove(&folder, &format!("{id}.json")).map_err(unwritable)?;
        durable::remove(&folder, &format!("{id}.key")).map_err(unwritable)
    }
}

impl StoreKeys for DirStore {
    fn pending(&self, _call: &Call) -> Result<Vec<PendingKey>, BackendError> {
        self.pending_ids()?.iter().map(|id| Ok(self.pending_key(id)?.0)).collect()
    }

    fn request(&self, _call: &Call, id: &str, subject: &[(String, String)]) -> Result<Vec<u8>, BackendError> {
        is_here(self, id)?;
        key_pair::request(&self.private_key(id, &(self.password)()?)?, subject)
    }
}

impl StoreKeyMaker for DirStore {
    fn create(&self, call: &Call, id: &str, kind: KeyKind, exportable: bool) -> Result<PendingKey, BackendError> {
        if !is_id(id) {
            return Err(BackendError::new("KEY.UNUSABLE", Text::new(format!("{id:?} は鍵の名前になりません。"), format!("{id:?} cannot name a key."))));
        }
        self.files()?;
        let password = (self.password)()?;
        let _lock = lock::take(&self.folder, call)?;
        if self.pending_ids()?.iter().any(|known| known == id) {
            return Ok(self.pending_key(id)?.0);
        }
        let folder = self.waiting();
        let unwritable = |reason| error::unwritable(&folder, &reason);
        if !folder.is_dir() {
            durable::create_folder(&folder).map_err(unwritable)?;
        }
        let key = key_pair::generate(kind)?;
        let public_key = key_pair::public_key(&key)?;
        let record = Record { version: 1, kind: kind.word().to_owned(), exportable, public_key: STANDARD.encode(&public_key) };
        durable::replace(&folder, &format!("{id}.key"), &key_pair::encrypt(&key, &password)?).map_err(unwritable)?;
        // Strings and a truth value always have a JSON form.
        durable::replace(&folder, &format!("{id}.json"), &serde_json::to_vec_pretty(&record).unwrap_or_default()).map_err(unwritable)?;
        Ok(PendingKey { id: id.to_owned(), kind, public_key })
    }

    fn accept(&self, call: &Call, id: &str, certificates: &[Vec<u8>], friendly_name: Option<&str>) -> Result<StoredCert, BackendError> {
        is_here(self, id)?;
        let (key, exportable) = self.pending_key(id)?;
        let own = certificates.iter().find(|der| public_key(der).is_ok_and(|public| public == key.public_key)).ok_or_else(|| {
            let count = certificates.len();
            BackendError::new(
                "KEY.MISMATCH",
                Text::new(
                    format!("証明書{count}枚のどれも、作っておいた鍵 {id} のものではありません。"),
                    format!("none of the {count} certificates is for the key {id} that was made."),
                ),
            )
        })?;
        let others: Vec<Vec<u8>> = certificates.iter().filter(|der| *der != own).cloned().collect();
        let custody = Custody { holder: self.id.clone(), has_key: true, key_exportable: true, ..Custody::default() };
        let unreadable = |reason: &dyn std::fmt::Display| {
            let what = Text::new(format!("証明書として読めません({reason})。"), format!("not readable as a certificate ({reason})."));
            BackendError::new("CERT.UNREADABLE", what)
        };
        let leaf = StoredCert { info: cert_info(own, custody).map_err(|reason| unreadable(&reason))?, der: own.clone() };
        let mut all = chain(own, others.iter().map(Vec::as_slice)).map_err(|reason| unreadable(&reason))?;
        let rest: Vec<Vec<u8>> = others.into_iter().filter(|der| !all.contains(der)).collect();
        all.extend(rest);
        let password = (self.password)()?;
        let private = self.private_key(id, &password)?;
        let options = BTreeMap::from([(ImportOption::Exportable, exportable)]);
        let shown_name = friendly_name.unwrap_or(&leaf.info.subject.cn);
        let bundle = Bundle { key: &private, certificates: &all, friendly_name: shown_name, local_key_id: None };
        let stored = self.put(call, &leaf, &bundle, friendly_name.map(str::to_owned), &options, &password)?;
        // It is in the store whole. Should this fail, what is left is encrypted and in nobody's way.
        let _ = self.forget(id);
        Ok(stored)
    }
}

fn is_here(store: &DirStore, id: &str) -> Result<(), BackendError> {
    if is_id(id) && store.pending_ids()?.iter().any(|known| known == id) {
        return Ok(());
    }
    let folder = store.waiting().display().to_string();
    Err(BackendError::new("KEY.UNUSABLE", Text::new(format!("{folder} に鍵 {id} がありません。"), format!("{folder} has no key {id}."))))
}

/// Ids are hex digits: never a path.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
