//! The vault as a folder of age files: `STATE/vault/<id>.age` (the value) and `STATE/vault/<id>.json` (what may be said of it),
//! encrypted to the engine's identity `STATE/keys/identity.txt` and to every recovery recipient of the site.
//!
//! May use: age (X25519 recipients), files below the state folder. Must not: keep a value in memory longer than a call;
//! make a second identity where entries of a first one lie.
//!
//! An entry is there when both files are. The value is written before its description and erased before it: after a
//! crash a new entry is there whole or not at all, an erased value is gone, and a replaced entry holds the old value or
//! the new one, whole, with the description of one of them.

mod cover;
#[cfg(windows)]
mod dpapi;
mod file_name;
mod identity;
mod protection;

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::x25519::{Identity, Recipient};
use age::{Decryptor, Encryptor};
use kirikae_engine::backend::{BackendError, EntryInfo, Vault};
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::{Lang, Text};

pub use self::cover::{Covered, Recovered};
use self::cover::{Description, Sealed};
use self::identity::IdentityFile;
pub use self::protection::{OwnerOnly, Protection, of_this_system};
use crate::folder::durable::{self, ReadError};

/// Bytes of one entry: the largest file that a portal may give, and age's own part.
const MAX_SIZE: u64 = (16 << 20) + (64 << 10);

/// Bytes of one description.
const MAX_INFO: u64 = 64 << 10;

/// Held while an entry changes.
const LOCK: &str = ".lock";

/// The vault below a state folder.
pub struct AgeVault {
    folder: PathBuf,
    identity: IdentityFile,
    recovery: Vec<Recipient>,
}

impl AgeVault {
    /// The vault below `state`, whose entries the holders of the keys of `recovery` (`age1...`) can open too.
    /// Touches nothing yet: folders and identity are made by the first write.
    ///
    /// # Errors
    /// `VAULT.BAD_RECIPIENT`.
    pub fn open(state: &Path, recovery: &[String]) -> Result<Self, BackendError> {
        Self::protected(state, recovery, of_this_system())
    }

    /// The same with an identity under another protection.
    ///
    /// # Errors
    /// `VAULT.BAD_RECIPIENT`.
    pub fn protected(state: &Path, recovery: &[String], protection: Arc<dyn Protection>) -> Result<Self, BackendError> {
        let recovery = recovery.iter().map(|text| recipient(text)).collect::<Result<_, _>>()?;
        Ok(Self { folder: state.join("vault"), identity: IdentityFile::new(state.join("keys"), protection), recovery })
    }

    /// The file with the engine's identity, for `age -d -i FILE` and for a copy in a safe place.
    pub fn identity_file(&self) -> PathBuf {
        self.identity.path()
    }

    fn seal(&self, value: &Secret) -> Result<Vec<u8>, BackendError> {
        self.seal_to(&self.identity.load_or_make(&self.folder)?, value)
    }

    /// Encrypts to the owner of `own` and the recovery recipients.
    fn seal_to(&self, own: &Identity, value: &Secret) -> Result<Vec<u8>, BackendError> {
        let own = own.to_public();
        let recipients = std::iter::once(&own).chain(&self.recovery).map(|recipient| recipient as &dyn age::Recipient);
        let failed = |reason: String| unreadable(&self.folder, &Text::new(format!("暗号化できません({reason})"), format!("cannot encrypt ({reason})")));
        let encryptor = Encryptor::with_recipients(recipients).map_err(|error| failed(error.to_string()))?;
        let mut sealed = Vec::new();
        let mut writer = encryptor.wrap_output(&mut sealed).map_err(|error| failed(error.to_string()))?;
        writer.write_all(value.expose()).and_then(|()| writer.finish().map(drop)).map_err(|error| failed(error.to_string()))?;
        Ok(sealed)
    }

    /// Opens `sealed`; `what` names it in an error.
    fn unseal(&self, sealed: &[u8], what: &Text) -> Result<Secret, BackendError> {
        let identity = self.identity.load()?.ok_or_else(|| {
            let path = self.identity.path();
            unusable(what, &Text::new(format!("鍵ファイル {} がありません", path.display()), format!("the identity file {} is missing", path.display())))
        })?;
        unseal_with(&identity, sealed, what)
    }

    /// Alone in the vault until the guard is dropped: a value that is encrypted anew must not overwrite one that is written meanwhile.
    fn alone(&self) -> Result<fs::File, BackendError> {
        durable::create_folder(&self.folder).and_then(|()| durable::lock(&self.folder, LOCK)).map_err(|reason| unwritable(&self.folder, &reason))
    }

    /// Writes an entry whose value is encrypted already. Only for one who is alone.
    fn write(&self, info: &EntryInfo, sealed: &[u8]) -> Result<(), BackendError> {
        let (value_file, info_file) = (self.file(&info.reference, ".age")?, self.file(&info.reference, ".json")?);
        let description = Description { info: info.clone(), sealed: Some(Sealed::now(sealed, &self.recovery)) };
        let description = serde_json::to_vec_pretty(&description).map_err(|reason| unreadable(&self.folder, &Text::plain(reason.to_string())))?;
        let unwritable = |reason| unwritable(&self.folder, &reason);
        durable::replace(&self.folder, &value_file, sealed).map_err(unwritable)?;
        durable::replace(&self.folder, &info_file, &description).map_err(unwritable)
    }

    fn file(&self, reference: &SecretRef, ending: &str) -> Result<String, BackendError> {
        let id = reference.id();
        file_name::encode(id)
            .map(|name| format!("{name}{ending}"))
            .ok_or_else(|| unreadable(&self.folder, &Text::new(format!("{id:?} は保管庫の名前として使えません"), format!("{id:?} cannot name an entry"))))
    }

    /// The content of a file of the vault; `None` if there is none.
    fn read(&self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, BackendError> {
        let path = self.folder.join(file);
        match durable::read(&path, limit) {
            Ok(content) => Ok(Some(content)),
            Err(ReadError::Absent) => Ok(None),
            Err(ReadError::NotAFile) => Err(unreadable(&path, &Text::new("ファイルではありません", "it is not a file"))),
            Err(ReadError::TooBig(size)) => Err(unreadable(&path, &Text::new(format!("大きすぎます({size}バイト)"), format!("it is too big, {size} bytes")))),
            Err(ReadError::Io(reason)) => Err(unreadable(&path, &Text::plain(reason.to_string()))),
        }
    }

    fn description(&self, file: &str) -> Result<Option<Description>, BackendError> {
        let Some(content) = self.read(file, MAX_INFO)? else { return Ok(None) };
        serde_json::from_slice(&content)
            .map(Some)
            .map_err(|reason| unreadable(&self.folder.join(file), &Text::new(format!("壊れています({reason})"), format!("it is damaged ({reason})"))))
    }
}

impl AgeVault {
    fn put_now(&self, info: &EntryInfo, value: &Secret) -> Result<(), BackendError> {
        self.file(&info.reference, ".age")?;
        let sealed = self.seal(value)?;
        let _alone = self.alone()?;
        self.write(info, &sealed)
    }

    /// Gives up the room that was kept free on this disk. `false`: none was.
    fn release_reserve(&self) -> bool {
        self.folder.parent().is_some_and(|state| fs::remove_file(state.join("reserve")).is_ok())
    }

    /// Descriptions of all entries, by id.
    fn descriptions(&self) -> Result<Vec<Description>, BackendError> {
        self.descriptions_of("")
    }

    /// Descriptions of the entries whose file names start with this, by id.
    fn descriptions_of(&self, start: &str) -> Result<Vec<Description>, BackendError> {
        let unreadable = |reason: io::Error| unreadable(&self.folder, &Text::plain(reason.to_string()));
        let entries = match fs::read_dir(&self.folder) {
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let Ok(file) = entry.map_err(unreadable)?.file_name().into_string() else { continue };
            let Some(name) = file.strip_suffix(".json").filter(|name| !name.starts_with('.') && name.starts_with(start)) else { continue };
            if self.folder.join(format!("{name}.age")).is_file() {
                found.extend(self.description(&file)?);
            }
        }
        found.sort_by(|a, b| a.info.reference.cmp(&b.info.reference));
        Ok(found)
    }
}

impl fmt::Debug for AgeVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeVault").field("folder", &self.folder).field("recovery", &self.recovery.len()).finish_non_exhaustive()
    }
}

impl Vault for AgeVault {
    fn put(&self, info: &EntryInfo, value: &Secret) -> Result<(), BackendError> {
        match self.put_now(info, value) {
            // What a page shows once must not be lost: the engine keeps room for it in `STATE/reserve`.
            Err(error) if error.code == "FOLDER.FULL" && self.release_reserve() => self.put_now(info, value),
            done => done,
        }
    }

    fn get(&self, reference: &SecretRef) -> Result<Option<Secret>, BackendError> {
        let (value_file, info_file) = (self.file(reference, ".age")?, self.file(reference, ".json")?);
        let described = self.folder.join(info_file).is_file();
        match self.read(&value_file, MAX_SIZE)?.filter(|_| described) {
            Some(sealed) => self.unseal(&sealed, &in_vault(&self.folder.join(value_file))).map(Some),
            None => Ok(None),
        }
    }

    fn list(&self) -> Result<Vec<EntryInfo>, BackendError> {
        Ok(self.descriptions()?.into_iter().map(|description| description.info).collect())
    }

    fn info(&self, reference: &SecretRef) -> Result<Option<EntryInfo>, BackendError> {
        if !self.folder.join(self.file(reference, ".age")?).is_file() {
            return Ok(None);
        }
        Ok(self.description(&self.file(reference, ".json")?)?.map(|description| description.info))
    }

    fn below(&self, prefix: &str) -> Result<Vec<SecretRef>, BackendError> {
        // Names are encoded character by character, so that ids with one beginning have names with one beginning.
        let start = self.file(&SecretRef::vault(prefix), "")?;
        Ok(self.descriptions_of(&start)?.into_iter().map(|description| description.info.reference).collect())
    }

    fn remove(&self, reference: &SecretRef) -> Result<(), BackendError> {
        let files = [self.file(reference, ".age")?, self.file(reference, ".json")?];
        if !self.folder.exists() {
            return Ok(());
        }
        let _alone = self.alone()?;
        files.iter().try_for_each(|file| durable::remove(&self.folder, file)).map_err(|reason| unwritable(&self.folder, &reason))
    }

    fn wrap(&self, content: &Secret) -> Result<Vec<u8>, BackendError> {
        self.seal(content)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Secret, BackendError> {
        self.unseal(wrapped, &Text::new("暗号化された控え", "the wrapped backup"))
    }
}

/// Opens `sealed` with an identity; `what` names it in an error.
fn unseal_with(identity: &Identity, sealed: &[u8], what: &Text) -> Result<Secret, BackendError> {
    let damaged = |reason: String| unusable(what, &Text::new(format!("復号できません({reason})"), format!("it cannot be decrypted ({reason})")));
    let decryptor = Decryptor::new_buffered(sealed).map_err(|error| damaged(error.to_string()))?;
    let mut value = zeroize::Zeroizing::new(Vec::with_capacity(sealed.len()));
    let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).map_err(|error| damaged(error.to_string()))?;
    reader.read_to_end(&mut value).map_err(|error| damaged(error.to_string()))?;
    Ok(Secret::bytes(std::mem::take(&mut *value)))
}

fn recipient(text: &str) -> Result<Recipient, BackendError> {
    text.trim().parse().map_err(|reason: &str| {
        let secret = text.trim().to_ascii_uppercase().starts_with("AGE-SECRET-KEY-");
        let cause = if secret {
            // Never shown again: it was written in the wrong place as it is.
            Text::new("秘密の鍵(AGE-SECRET-KEY-…)が書かれています。", "a secret key (AGE-SECRET-KEY-…) stands there.")
        } else {
            Text::new(format!("{text:?} は age の受取人の鍵として読めません({reason})。"), format!("{text:?} is no age recipient ({reason})."))
        };
        BackendError::new("VAULT.BAD_RECIPIENT", cause)
    })
}

fn unreadable(path: &Path, why: &Text) -> BackendError {
    unusable(&in_vault(path), why)
}

fn in_vault(path: &Path) -> Text {
    Text::new(format!("保管庫の {} ", path.display()), format!("the vault's {}", path.display()))
}

fn unusable(what: &Text, why: &Text) -> BackendError {
    let cause = Text::new(format!("{}を使えません: {}。", what.ja, why.ja), format!("{} cannot be used: {}.", what.get(Lang::En), why.get(Lang::En)));
    BackendError::new("VAULT.UNREADABLE", cause)
}

fn unwritable(path: &Path, reason: &io::Error) -> BackendError {
    let path = path.display();
    let (code, ja, en) = match reason.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ("FOLDER.FULL", "に空きがありません", "has no space left"),
        _ => ("FOLDER.READONLY", "に書き込めません", "cannot be written to"),
    };
    BackendError::new(code, Text::new(format!("保管庫 {path} {ja}({reason})。"), format!("the vault {path} {en} ({reason}).")))
}
