//! A vault in memory, and what hands out secrets and files from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{FixedClock, locked};
use crate::action::{Blobs, Secrets};
use crate::backend::{BackendError, EntryInfo, SecretSink, Vault};
use crate::clock::Clock;
use crate::dsl::{FileRef, Value};
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

/// What wrapped bytes start with.
const MAGIC: &[u8] = b"FAKE-AGE ";

/// A vault.
#[derive(Default)]
pub struct FakeVault(Mutex<(Entries, u64)>);

/// Entries by id.
type Entries = BTreeMap<String, (EntryInfo, Secret)>;

impl fmt::Debug for FakeVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeVault")
    }
}

fn unreadable() -> BackendError {
    BackendError::new("VAULT.UNREADABLE", Text::new("暗号化された控えとして読めません。", "not a wrapped file."))
}

impl Vault for FakeVault {
    fn put(&self, info: &EntryInfo, value: &Secret) -> Result<(), BackendError> {
        locked(&self.0).0.insert(info.reference.id().to_owned(), (info.clone(), value.clone()));
        Ok(())
    }

    fn get(&self, reference: &SecretRef) -> Result<Option<Secret>, BackendError> {
        Ok(locked(&self.0).0.get(reference.id()).map(|(_, value)| value.clone()))
    }

    fn list(&self) -> Result<Vec<EntryInfo>, BackendError> {
        Ok(locked(&self.0).0.values().map(|(info, _)| info.clone()).collect())
    }

    fn remove(&self, reference: &SecretRef) -> Result<(), BackendError> {
        locked(&self.0).0.remove(reference.id());
        Ok(())
    }

    /// Differs every time and hides the content from a search, as age does.
    fn wrap(&self, content: &Secret) -> Result<Vec<u8>, BackendError> {
        let mut state = locked(&self.0);
        state.1 += 1;
        let mut wrapped = MAGIC.to_vec();
        wrapped.extend(state.1.to_be_bytes());
        wrapped.extend(Sha256::digest(content.expose()));
        wrapped.extend(content.expose().iter().map(|byte| byte ^ 0xa5));
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Secret, BackendError> {
        let rest = wrapped.strip_prefix(MAGIC).and_then(|rest| rest.get(8..)).ok_or_else(unreadable)?;
        let (digest, body) = rest.split_at_checked(32).ok_or_else(unreadable)?;
        let content: Vec<u8> = body.iter().map(|byte| byte ^ 0xa5).collect();
        if Sha256::digest(&content).as_slice() != digest {
            return Err(unreadable());
        }
        Ok(Secret::bytes(content))
    }
}

/// Secret values: declared ones by name, references from the vault.
pub struct FakeSecrets {
    vault: Arc<FakeVault>,
    declared: Mutex<BTreeMap<String, String>>,
    asked: Mutex<BTreeSet<String>>,
}

impl FakeSecrets {
    /// Reads references from this vault.
    pub fn new(vault: Arc<FakeVault>) -> Self {
        Self { vault, declared: Mutex::default(), asked: Mutex::default() }
    }

    /// A declared secret whose source asks nobody.
    pub fn set(&self, name: &str, value: &str) {
        locked(&self.declared).insert(name.to_owned(), value.to_owned());
    }

    /// A declared secret that a person types.
    pub fn set_asked(&self, name: &str, value: &str) {
        self.set(name, value);
        locked(&self.asked).insert(name.to_owned());
    }
}

impl Secrets for FakeSecrets {
    fn value(&self, of: &Value) -> Result<Secret, BackendError> {
        let missing = || BackendError::new("SECRET.MISSING", Text::new("秘密の値がありません。", "no such secret."));
        match of {
            Value::Secret(reference) => self.vault.get(reference)?.ok_or_else(missing),
            Value::DeclaredSecret(name) => locked(&self.declared).get(name).map(Secret::text).ok_or_else(missing),
            other => panic!("not a secret: {other:?}"),
        }
    }

    fn unattended(&self, of: &Value) -> Result<Option<Secret>, BackendError> {
        match of {
            Value::DeclaredSecret(name) if locked(&self.asked).contains(name) => Ok(None),
            _ => self.value(of).map(Some),
        }
    }
}

/// Files: those that may hold a key in the vault, others here.
pub struct FakeBlobs {
    vault: Arc<FakeVault>,
    clock: Arc<FixedClock>,
    files: Mutex<BTreeMap<String, Secret>>,
}

impl FakeBlobs {
    /// With this vault.
    pub fn new(vault: Arc<FakeVault>, clock: Arc<FixedClock>) -> Self {
        Self { vault, clock, files: Mutex::default() }
    }
}

impl Blobs for FakeBlobs {
    fn read(&self, file: &FileRef) -> Result<Secret, BackendError> {
        let content = match &file.vault {
            Some(reference) => self.vault.get(reference)?,
            None => locked(&self.files).get(&file.sha256).cloned(),
        };
        content.ok_or_else(|| BackendError::new("FILE.NOT_FOUND", Text::new(format!("{} がありません。", file.name), format!("no {}.", file.name))))
    }

    fn keep(&self, name: &str, content: &Secret, may_hold_key: bool) -> Result<FileRef, BackendError> {
        let sha256 = hex::encode(Sha256::digest(content.expose()));
        let vault = may_hold_key.then(|| SecretRef::vault(&format!("file-{}", &sha256[..16])));
        match &vault {
            Some(reference) => self.vault.put(&entry(reference, name, self.clock.now()), content)?,
            None => {
                locked(&self.files).insert(sha256.clone(), content.clone());
            }
        }
        Ok(FileRef { vault, name: name.to_owned(), size: u64::try_from(content.expose().len()).expect("small"), sha256 })
    }
}

/// Keeps what pages show.
pub struct FakeSink(pub Arc<FakeVault>, pub Timestamp);

impl SecretSink for FakeSink {
    fn keep(&mut self, name: &str, value: Secret) -> Result<SecretRef, BackendError> {
        let count = self.0.list()?.len();
        let reference = SecretRef::vault(&format!("shown-{name}-{count}"));
        self.0.put(&entry(&reference, name, self.1), &value)?;
        Ok(reference)
    }
}

fn entry(reference: &SecretRef, name: &str, at: Timestamp) -> EntryInfo {
    EntryInfo { reference: reference.clone(), name: name.to_owned(), about: String::new(), written_at: at, labels: BTreeMap::new() }
}
