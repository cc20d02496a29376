//! To whom the entries are encrypted, and encrypting them anew: for a recovery recipient that came later, or with a recovery
//! key where the engine's identity was lost.
//!
//! May use: the vault's own files. Must not: change what an entry holds or when it was written.
//!
//! An age file does not tell its X25519 recipients, so the description beside it says them, with the digest of the very file
//! that it speaks of: a description that a crash left beside another file covers nothing.

use age::x25519::{Identity, Recipient};
use kirikae_engine::backend::{BackendError, Class, EntryInfo};
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::Text;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AgeVault, MAX_SIZE, in_vault, unseal_with, unusable};

/// A description as it lies beside a value.
#[derive(Serialize, Deserialize)]
pub(super) struct Description {
    #[serde(flatten)]
    pub info: EntryInfo,
    /// Missing where an earlier version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// To whom a file is encrypted, beside the engine.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    /// SHA-256 of the encrypted file, hex.
    sha256: String,
    /// Recovery recipients.
    to: Vec<String>,
}

impl Sealed {
    /// What is true of a file that was encrypted to these recovery recipients.
    pub fn now(sealed: &[u8], recovery: &[Recipient]) -> Self {
        Self { sha256: hex::encode(Sha256::digest(sealed)), to: recovery.iter().map(Recipient::to_string).collect() }
    }
}

/// Who can open an entry, compared with the site's recovery recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The entry.
    pub reference: SecretRef,
    /// Recovery recipients of the site that cannot open it, or of which it is not known.
    pub missing: Vec<String>,
    /// Recipients that can open it and that the site no longer names.
    pub former: Vec<String>,
}

impl Covered {
    /// Exactly those of the site can open it.
    pub fn is_right(&self) -> bool {
        self.missing.is_empty() && self.former.is_empty()
    }
}

/// What a recovery gave back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Entries that the engine can open again.
    pub opened: Vec<SecretRef>,
    /// Entries that are not encrypted to the recovery key; they stay as they are.
    pub closed: Vec<SecretRef>,
}

impl AgeVault {
    /// Who can open each entry, by id.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`.
    pub fn coverage(&self) -> Result<Vec<Covered>, BackendError> {
        let wanted: Vec<String> = self.recovery.iter().map(Recipient::to_string).collect();
        let without = |all: &[String], known: &[String]| all.iter().filter(|recipient| !known.contains(recipient)).cloned().collect();
        let mut found = vec![];
        for Description { info, sealed } in self.descriptions()? {
            // An entry that was removed meanwhile has nobody to be told about.
            let Some(file) = self.read(&self.file(&info.reference, ".age")?, MAX_SIZE)? else { continue };
            let digest = hex::encode(Sha256::digest(&file));
            let to = sealed.filter(|sealed| sealed.sha256 == digest).map(|sealed| sealed.to).unwrap_or_default();
            found.push(Covered { missing: without(&wanted, &to), former: without(&to, &wanted), reference: info.reference });
        }
        Ok(found)
    }

    /// Encrypts an entry anew: to the engine and exactly the site's recovery recipients. `false` if it is gone.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`, `FOLDER.*`; the entry is as it was, or new and whole.
    pub fn cover(&self, reference: &SecretRef) -> Result<bool, BackendError> {
        let own = self.identity.load_or_make(&self.folder)?;
        self.seal_anew(reference, &own, &own)
    }

    /// Makes the engine able to open the entries that `key`, a recovery key as `age-keygen` writes it, can open. The engine gets a
    /// new identity if it has none.
    ///
    /// # Errors
    /// `VAULT.BAD_IDENTITY` if `key` is none, or opens nothing; `VAULT.UNREADABLE`, `FOLDER.*`.
    pub fn recover(&self, key: &Secret) -> Result<Recovered, BackendError> {
        let key = super::identity::parse(key).ok_or_else(|| {
            bad_identity(Text::new(
                "復旧用の鍵が、age の秘密鍵(AGE-SECRET-KEY-…)ではありません。",
                "the recovery key is no age secret key (AGE-SECRET-KEY-..).",
            ))
        })?;
        let mut recovered = Recovered::default();
        for entry in self.descriptions()? {
            let reference = entry.info.reference;
            let opens = unseal_with(&key, &self.sealed(&reference)?, &Text::default()).is_ok();
            if opens { &mut recovered.opened } else { &mut recovered.closed }.push(reference);
        }
        if recovered.opened.is_empty() && !recovered.closed.is_empty() {
            return Err(bad_identity(Text::new(
                format!("この鍵で開けるものが、保管庫の{}件の中にありません。何も変えていません。", recovered.closed.len()),
                format!("the key opens none of the {} entries; nothing was changed.", recovered.closed.len()),
            )));
        }
        let own = match self.identity.load()? {
            Some(own) => own,
            None => self.identity.make()?,
        };
        for reference in &recovered.opened {
            self.seal_anew(reference, &key, &own)?;
        }
        Ok(recovered)
    }

    /// Opens an entry with one identity and encrypts it for another. `false` if it is gone.
    fn seal_anew(&self, reference: &SecretRef, opens: &Identity, own: &Identity) -> Result<bool, BackendError> {
        let _alone = self.alone()?;
        let info = self.file(reference, ".json").and_then(|file| self.description(&file))?;
        let Some(Description { info, .. }) = info else { return Ok(false) };
        let what = in_vault(&self.folder.join(self.file(reference, ".age")?));
        let value = unseal_with(opens, &self.sealed(reference)?, &what)?;
        self.write(&info, &self.seal_to(own, &value)?)?;
        Ok(true)
    }

    /// The encrypted file of an entry that is there.
    fn sealed(&self, reference: &SecretRef) -> Result<Vec<u8>, BackendError> {
        let file = self.file(reference, ".age")?;
        let gone = || unusable(&in_vault(&self.folder.join(&file)), &Text::new("ファイルがありません", "there is no such file"));
        self.read(&file, MAX_SIZE)?.ok_or_else(gone)
    }
}

fn bad_identity(cause: Text) -> BackendError {
    BackendError::new("VAULT.BAD_IDENTITY", cause)
        .class(Class::Human)
        .cure(Text::new("age-keygen で作った、復旧用の鍵のファイルを指定してください。", "name the file of a recovery key that age-keygen made."))
}
