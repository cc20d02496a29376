//! The vault port: secrets at rest (`runs.md` 6).

use std::collections::BTreeMap;
use std::fmt::Debug;

use jiff::Timestamp;

use super::BackendError;
use crate::secret::{Secret, SecretRef};

/// What can be said of an entry without opening it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EntryInfo {
    /// `vault:<id>`.
    pub reference: SecretRef,
    /// Name for people (`obn_reference_id`).
    pub name: String,
    /// What it is about (a request ID, a thumbprint).
    pub about: String,
    /// When it was written.
    pub written_at: Timestamp,
    /// Facts beside it (`run`, `step`, `playbook`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Keeps secrets, encrypted to the engine's identity and the site's recovery recipients.
pub trait Vault: Debug + Send + Sync {
    /// Writes an entry durably (fsynced before it returns). An entry of the same id is replaced as a whole.
    ///
    /// # Errors
    /// `FOLDER.FULL`, `FOLDER.READONLY`.
    fn put(&self, info: &EntryInfo, value: &Secret) -> Result<(), BackendError>;
    /// The value of an entry; `None` if there is none.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`.
    fn get(&self, reference: &SecretRef) -> Result<Option<Secret>, BackendError>;
    /// All entries by id, without their values.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`.
    fn list(&self) -> Result<Vec<EntryInfo>, BackendError>;
    /// What is known of one entry; `None` if there is none. A vault may hold the entries of many thousands of runs.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`.
    fn info(&self, reference: &SecretRef) -> Result<Option<EntryInfo>, BackendError> {
        Ok(self.list()?.into_iter().find(|entry| entry.reference == *reference))
    }
    /// The references of the entries whose id starts with this.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`.
    fn below(&self, prefix: &str) -> Result<Vec<SecretRef>, BackendError> {
        Ok(self.list()?.into_iter().map(|entry| entry.reference).filter(|reference| reference.id().starts_with(prefix)).collect())
    }
    /// Erases an entry; one that is not there is erased already.
    ///
    /// # Errors
    /// `FOLDER.READONLY`.
    fn remove(&self, reference: &SecretRef) -> Result<(), BackendError>;
    /// Wraps bytes as a file for the same recipients (age), for a backup outside the vault.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`.
    fn wrap(&self, content: &Secret) -> Result<Vec<u8>, BackendError>;
    /// Opens what [`Vault::wrap`] made.
    ///
    /// # Errors
    /// `VAULT.UNREADABLE`.
    fn unwrap(&self, wrapped: &[u8]) -> Result<Secret, BackendError>;
}
