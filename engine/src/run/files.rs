//! Files that runs hold: keys in the vault, the rest by digest.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::action::Blobs;
use crate::backend::{BackendError, EntryInfo, Vault};
use crate::dsl::FileRef;
use crate::journal::blob::{keep_blob, read_blob};
use crate::plan::sha256_hex;
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

/// Files of a plan or dry run: in memory, gone with it.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<BTreeMap<String, Secret>>);

impl Blobs for MemoryBlobs {
    fn read(&self, file: &FileRef) -> Result<Secret, BackendError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&file.sha256).cloned().ok_or_else(|| not_there(file))
    }

    fn keep(&self, name: &str, content: &Secret, _may_hold_key: bool) -> Result<FileRef, BackendError> {
        let file = FileRef { vault: None, name: name.to_owned(), size: content.expose().len() as u64, sha256: sha256_hex(content.expose()) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file.sha256.clone(), content.clone());
        Ok(file)
    }
}

/// Files of a run.
pub struct StateBlobs {
    folder: PathBuf,
    vault: Arc<dyn Vault>,
    run: String,
    at: Timestamp,
}

impl StateBlobs {
    /// Files of `run` in the state folder; `at` is written beside vault entries.
    pub fn new(folder: PathBuf, vault: Arc<dyn Vault>, run: &str, at: Timestamp) -> Self {
        Self { folder, vault, run: run.to_owned(), at }
    }

    fn prefix(&self) -> String {
        format!("runs/{}/files/", self.run)
    }

    /// Erases the files that may hold a private key. Called when the run ended well or was abandoned.
    ///
    /// # Errors
    /// As the vault's.
    pub fn erase_keys(&self) -> Result<(), BackendError> {
        self.vault.below(&self.prefix())?.iter().try_for_each(|reference| self.vault.remove(reference))
    }
}

impl Blobs for StateBlobs {
    fn read(&self, file: &FileRef) -> Result<Secret, BackendError> {
        match &file.vault {
            Some(reference) => self.vault.get(reference)?.ok_or_else(|| not_there(file)),
            None => read_blob(&self.folder, &file.sha256).map(Secret::bytes),
        }
    }

    fn keep(&self, name: &str, content: &Secret, may_hold_key: bool) -> Result<FileRef, BackendError> {
        let sha256 = sha256_hex(content.expose());
        let vault = if may_hold_key {
            let reference = SecretRef::vault(&format!("{}{sha256}", self.prefix()));
            let labels = BTreeMap::from([("run".to_owned(), self.run.clone())]);
            let info = EntryInfo { reference: reference.clone(), name: name.to_owned(), about: "file".to_owned(), written_at: self.at, labels };
            self.vault.put(&info, content)?;
            Some(reference)
        } else {
            keep_blob(&self.folder, content.expose())?;
            None
        };
        Ok(FileRef { vault, name: name.to_owned(), size: content.expose().len() as u64, sha256 })
    }
}

fn not_there(file: &FileRef) -> BackendError {
    BackendError::new(
        "FILE.NOT_FOUND",
        Text::new(format!("ファイル {} が状態フォルダにありません。", file.name), format!("file {} is not in the state folder.", file.name)),
    )
}
