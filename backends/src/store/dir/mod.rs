//! The store of kind `dir`: a folder with `NAME.p12` (the key, under the store's own password) and `NAME.json`
//! (what may be seen without it) for each credential; trusted roots in its folder `roots`; keys
//! that wait for their certificate in its folder `pending`.
//!
//! May use: files in its own folder. Must not: make the folder (a mistyped path must not look like an empty store),
//! write a key in the clear, need the password to list.
//!
//! A credential is there when its `NAME.json` is. Import writes the `.p12` first, so that a crash leaves a `.p12` alone:
//! it is not listed, [`StoreRead::locked`] names it, and importing again completes it. Deletion removes the `.p12` first,
//! so that a crash leaves a certificate without key, which deleting again removes.

mod entry;
mod error;
mod lock;
mod pending;
mod roots;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kirikae_engine::backend::{
    BackendError, Call, Capabilities, ImportOption, ImportRequest, OptionSupport, Signer, StoreExport, StoreKeyMaker, StoreKeys, StoreLock, StoreRead,
    StoreRoots, StoreTrust, StoreWrite, StoredCert, Verb,
};
use kirikae_engine::secret::Secret;
use sha2::{Digest, Sha256};

use self::entry::Entry;
use super::exclusive::Exclusive;
use super::p12::{self, Credential};
use super::signer::{SoftSigner, key_belongs, prove};
use crate::folder::durable;
use crate::x509::chain;

/// Gives the store's password. It is asked only where a key is read or written, so that the password may be made then.
pub type PasswordSource = Box<dyn Fn() -> Result<Secret, BackendError> + Send + Sync>;

/// A folder as store.
pub struct DirStore {
    id: String,
    folder: PathBuf,
    password: PasswordSource,
}

impl DirStore {
    /// The store in `folder`. Touches nothing yet.
    ///
    /// # Errors
    /// `STORE.UNREADABLE` if the path cannot be made absolute.
    pub fn open(folder: &Path, password: PasswordSource) -> Result<Self, BackendError> {
        let folder = std::path::absolute(folder).map_err(|reason| error::unreadable(folder, &reason))?;
        Ok(Self { id: format!("dir:{}", folder.display()), folder, password })
    }

    /// Makes the folder of a new store, for its owner only. For the one who sets a site up; the store itself never does it.
    ///
    /// # Errors
    /// `STORE.READONLY`, `FOLDER.FULL`, `STORE.UNREADABLE`.
    pub fn create_folder(folder: &Path) -> Result<(), BackendError> {
        durable::create_folder(folder).map_err(|reason| error::unwritable(folder, &reason))
    }

    /// Names of the files in it, hidden ones left out, sorted.
    fn files(&self) -> Result<Vec<String>, BackendError> {
        let unreadable = |reason| error::unreadable(&self.folder, &reason);
        let mut files = Vec::new();
        for file in fs::read_dir(&self.folder).map_err(unreadable)? {
            files.extend(file.map_err(unreadable)?.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
        files.sort();
        Ok(files)
    }

    fn entries(&self) -> Result<Vec<Entry>, BackendError> {
        self.files()?.iter().filter_map(|file| file.strip_suffix(".json")).map(|name| self.entry(name)).collect()
    }

    fn entry(&self, name: &str) -> Result<Entry, BackendError> {
        let file = format!("{name}.json");
        let content = self.read(&file, entry::MAX_SIZE)?;
        Entry::decode(name, &content).map_err(|reason| error::damaged(&self.folder, &file, &reason))
    }

    /// The entries with this thumbprint; at least one.
    fn found(&self, thumbprint: &str) -> Result<Vec<Entry>, BackendError> {
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.has_thumbprint(thumbprint));
        if entries.is_empty() { Err(error::gone(&self.folder, thumbprint)) } else { Ok(entries) }
    }

    fn stored(&self, entry: &Entry) -> Result<StoredCert, BackendError> {
        let has_key = self.folder.join(entry.key_file()).is_file();
        entry.stored(&self.id, has_key).map_err(|reason| error::damaged(&self.folder, &entry.info_file(), &reason.to_string()))
    }

    /// Opens `NAME.p12` with the store's own password: what is in it, and the entry's certificate, to which the key belongs.
    fn credential(&self, entry: &Entry, password: &Secret) -> Result<(Credential, StoredCert), BackendError> {
        let stored = self.stored(entry)?;
        let file = entry.key_file();
        if !stored.info.has_key {
            return Err(error::no_key_file(&self.folder, &file));
        }
        let content = self.read(&file, p12::MAX_SIZE as u64)?;
        let opened = p12::open(&content, password, &self.id).map_err(|reason| error::key_file(&self.folder, &file, &reason))?;
        if !key_belongs(&opened.key, &stored.der)? {
            return Err(error::foreign_key(&self.folder, &file));
        }
        Ok((opened, stored))
    }

    /// A signer of the entry's certificate and its key.
    fn open_key(&self, entry: &Entry, password: &Secret) -> Result<SoftSigner, BackendError> {
        let (opened, stored) = self.credential(entry, password)?;
        let others = opened.others.iter().map(|cert| cert.der.as_slice());
        let chain = chain(&stored.der, others).map_err(|reason| error::damaged(&self.folder, &entry.info_file(), &reason.to_string()))?;
        SoftSigner::new(stored.info, chain, &opened.key)
    }

    /// The credential, if it is there whole: entry and key file were written together and the key opens.
    fn whole(&self, name: &str, der: &[u8], password: &Secret) -> Option<StoredCert> {
        let entry = self.entry(name).ok().filter(|entry| entry.der() == der)?;
        let content = self.read(&entry.key_file(), p12::MAX_SIZE as u64).ok()?;
        let opens = entry.is_of(&content) && self.open_key(&entry, password).is_ok();
        if opens { self.stored(&entry).ok() } else { None }
    }

    /// Writes a credential. One that is there whole stays as it is.
    fn put(
        &self,
        call: &Call,
        leaf: &StoredCert,
        bundle: &p12::Bundle<'_>,
        friendly_name: Option<String>,
        options: &BTreeMap<ImportOption, bool>,
        password: &Secret,
    ) -> Result<StoredCert, BackendError> {
        let name = entry::name_of(&leaf.info);
        // The lock last: a password may have been asked of a person.
        let _lock = lock::take(&self.folder, call)?;
        durable::sweep(&self.folder).map_err(|reason| error::unwritable(&self.folder, &reason))?;
        if let Some(stored) = self.whole(&name, &leaf.der, password) {
            // Whoever wrote it may have been killed before its names were on the disk.
            durable::sync_folder(&self.folder).map_err(|reason| error::unwritable(&self.folder, &reason))?;
            return Ok(stored);
        }
        let content = p12::write_as(p12::Profile::Modern, bundle, password)?;
        let entry = Entry::new(name, &leaf.der, friendly_name, options, &Sha256::digest(&content));

        let was_there = self.folder.join(entry.key_file()).exists();
        self.replace(&entry.key_file(), &content)?;
        if let Err(error) = self.replace(&entry.info_file(), &entry.encode()) {
            if !was_there {
                // As before: the key just written goes again. Should that fail too, importing again completes it.
                let _ = self.remove(&entry.key_file());
            }
            return Err(error);
        }
        self.stored(&entry)
    }

    fn read(&self, file: &str, limit: u64) -> Result<Vec<u8>, BackendError> {
        durable::read(&self.folder.join(file), limit).map_err(|reason| error::unread(&self.folder, file, reason))
    }

    fn replace(&self, file: &str, content: &[u8]) -> Result<(), BackendError> {
        durable::replace(&self.folder, file, content).map_err(|reason| error::unwritable(&self.folder, &reason))
    }

    fn remove(&self, file: &str) -> Result<(), BackendError> {
        durable::remove(&self.folder, file).map_err(|reason| error::unwritable(&self.folder, &reason))
    }
}

impl fmt::Debug for DirStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirStore").field("id", &self.id).finish_non_exhaustive()
    }
}

impl StoreRead for DirStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            import_options: BTreeMap::from([
                // A key in a file can always be copied: "exportable" takes effect, "not exportable" is written down.
                (ImportOption::Exportable, OptionSupport::Honoured),
                (ImportOption::StrongProtection, OptionSupport::Recorded),
                (ImportOption::ExtendedProperties, OptionSupport::Recorded),
            ]),
            can_export_keys: true,
            // Its lock honours deadlines; file operations cannot.
            interruptible: false,
            ..Capabilities::local(&[Verb::List, Verb::Import, Verb::Delete, Verb::Sign, Verb::Export, Verb::Trust, Verb::MakeKey])
        }
    }

    fn list(&self, _call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        self.entries()?.iter().map(|entry| self.stored(entry)).collect()
    }

    fn locked(&self, _call: &Call) -> Result<Vec<String>, BackendError> {
        let files = self.files()?;
        let is_alone = |file: &&String| file.strip_suffix(".p12").is_some_and(|name| !files.contains(&format!("{name}.json")));
        Ok(files.iter().filter(is_alone).cloned().collect())
    }

    fn signer(&self, _call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        let entries = self.found(thumbprint)?;
        Ok(Arc::new(self.open_key(&entries[0], &(self.password)()?)?))
    }

    fn probe_writable(&self, _call: &Call) -> Result<(), BackendError> {
        self.files()?;
        durable::probe(&self.folder).map_err(|reason| error::unwritable(&self.folder, &reason))
    }

    fn export(&self) -> Option<&dyn StoreExport> {
        Some(self)
    }

    fn roots(&self) -> Option<&dyn StoreRoots> {
        Some(self)
    }

    fn keys(&self) -> Option<&dyn StoreKeys> {
        Some(self)
    }
}

impl StoreExport for DirStore {
    fn export(&self, _call: &Call, thumbprint: &str, password: &Secret) -> Result<Secret, BackendError> {
        let entries = self.found(thumbprint)?;
        let (credential, info) = self.credential(&entries[0], &(self.password)()?)?;
        let others: Vec<Vec<u8>> = credential.others.iter().map(|cert| cert.der.clone()).collect();
        let mut certificates =
            chain(&info.der, others.iter().map(Vec::as_slice)).map_err(|reason| error::damaged(&self.folder, &entries[0].info_file(), &reason.to_string()))?;
        // What is not in the chain (its root) goes with it, behind it.
        let rest: Vec<Vec<u8>> = others.into_iter().filter(|der| !certificates.contains(der)).collect();
        certificates.extend(rest);
        let name = info.info.friendly_name.as_deref().unwrap_or(&info.info.subject.cn);
        p12::write(&credential.key, &certificates, name, password).map(Secret::bytes)
    }
}

impl StoreWrite for DirStore {
    fn trusting(&self) -> Option<&dyn StoreTrust> {
        Some(self)
    }

    fn making(&self) -> Option<&dyn StoreKeyMaker> {
        Some(self)
    }

    fn import(&self, call: &Call, request: &ImportRequest) -> Result<StoredCert, BackendError> {
        let credential = p12::open(request.file.expose(), &request.password, &self.id)?;
        // The folder first: no password is made for a store that is not there.
        self.files()?;
        let password = (self.password)()?;
        let leaf = &credential.leaf;
        let friendly_name = request.friendly_name.clone().or_else(|| leaf.info.friendly_name.clone());
        let certificates: Vec<Vec<u8>> = std::iter::once(leaf).chain(&credential.others).map(|cert| cert.der.clone()).collect();
        let shown_name = friendly_name.as_deref().unwrap_or(&leaf.info.subject.cn);
        let local_key_id = credential.local_key_id.as_deref();
        let bundle = p12::Bundle { key: &credential.key, certificates: &certificates, friendly_name: shown_name, local_key_id };
        self.put(call, leaf, &bundle, friendly_name.clone(), &request.options, &password)
    }

    fn lock<'a>(&'a self, call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError> {
        Ok(Box::new(LockedDir { store: self, call: call.clone(), _lock: lock::take(&self.folder, call)? }))
    }
}

/// The store while its lock is held.
struct LockedDir<'a> {
    store: &'a DirStore,
    call: Call,
    _lock: Exclusive,
}

impl StoreLock for LockedDir<'_> {
    fn list(&self) -> Result<Vec<StoredCert>, BackendError> {
        self.store.list(&self.call)
    }

    fn prove_key(&self, thumbprint: &str) -> Result<(), BackendError> {
        let entries = self.store.found(thumbprint)?;
        prove(&self.store.open_key(&entries[0], &(self.store.password)()?)?, entries[0].der())
    }

    fn delete(&self, thumbprint: &str) -> Result<(), BackendError> {
        for entry in self.store.found(thumbprint)? {
            self.store.remove(&entry.key_file())?;
            self.store.remove(&entry.info_file())?;
        }
        Ok(())
    }
}
