//! The backends of one site, by role, as read handles or write handles.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    BackendError, CaRead, CaWrite, Call, FolderRead, FolderWrite, HostRead, HostWrite, Notifier, P12, StoreRead, StoreWrite, StoredCert, TokenRead, TokenWrite,
    Vault,
};
use crate::text::Text;

/// Everything that the site binds, by the root playbook's role names.
#[derive(Clone, Debug)]
pub struct BackendSet {
    /// Stores by role.
    pub stores: BTreeMap<String, Arc<dyn StoreWrite>>,
    /// Tokens by role.
    pub tokens: BTreeMap<String, Arc<dyn TokenWrite>>,
    /// Portals by role (kinds `ca` and `web`).
    pub cas: BTreeMap<String, Arc<dyn CaWrite>>,
    /// Folders by role.
    pub folders: BTreeMap<String, Arc<dyn FolderWrite>>,
    /// Where a person's browser saves, if the site says so.
    pub downloads: Option<Arc<dyn FolderRead>>,
    /// Opens PKCS#12 files.
    pub p12: Arc<dyn P12>,
    /// The vault.
    pub vault: Arc<dyn Vault>,
    /// Where notices go.
    pub notifier: Arc<dyn Notifier>,
    /// This terminal.
    pub host: Arc<dyn HostWrite>,
    /// All of it is practice: practice roots may be trusted, and nobody waits for a date.
    pub practice: bool,
}

/// The read handles of a [`BackendSet`]: all that a planner or a reading action gets.
#[derive(Clone, Copy, Debug)]
pub struct ReadBackends<'a>(&'a BackendSet);

/// The write handles of a [`BackendSet`].
#[derive(Clone, Copy, Debug)]
pub struct WriteBackends<'a>(&'a BackendSet);

fn missing(kind: &str, role: &str) -> BackendError {
    BackendError::new(
        "BACKEND.MISSING",
        Text::new(format!("役割 {role}({kind})の相手が決まっていません。"), format!("role `{role}` ({kind}) is bound to nothing.")),
    )
}

/// The serial of the token that holds a certificate, if one does: `CertInfo::holder` is then `token:<serial>`.
pub fn on_token(holder: &str) -> Option<&str> {
    holder.strip_prefix("token:")
}

impl BackendSet {
    /// Read handles.
    pub fn reads(&self) -> ReadBackends<'_> {
        ReadBackends(self)
    }

    /// Write handles.
    pub fn writes(&self) -> WriteBackends<'_> {
        WriteBackends(self)
    }
}

impl<'a> ReadBackends<'a> {
    /// The store of a role.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn store(self, role: &str) -> Result<&'a dyn StoreRead, BackendError> {
        let store = self.0.stores.get(role).ok_or_else(|| missing("store", role))?;
        Ok(&**store)
    }

    /// The store with this identity ([`StoreRead::id`]): where a certificate handle was found.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn holder(self, id: &str) -> Result<&'a dyn StoreRead, BackendError> {
        let store = self.0.stores.values().find(|store| store.id() == id).ok_or_else(|| missing("store", id))?;
        Ok(&**store)
    }

    /// The tokens of a role.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn token(self, role: &str) -> Result<&'a dyn TokenRead, BackendError> {
        let token = self.0.tokens.get(role).ok_or_else(|| missing("token", role))?;
        Ok(&**token)
    }

    /// The token backend with this identity ([`TokenRead::id`]): where a token handle was found.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn token_holder(self, id: &str) -> Result<&'a dyn TokenRead, BackendError> {
        let token = self.0.tokens.values().find(|token| token.id() == id).ok_or_else(|| missing("token", id))?;
        Ok(&**token)
    }

    /// Every certificate of a role: of its store, or of its tokens that are inserted. Also the identity of what was looked at.
    ///
    /// # Errors
    /// `BACKEND.MISSING`, `STORE.UNREADABLE`, `TOKEN.ABSENT` if no token is inserted, `TOKEN.FAILED`, `TOKEN.NO_MODULE`.
    pub fn certificates(self, call: &Call, role: &str) -> Result<(&'a str, Vec<StoredCert>), BackendError> {
        let Ok(tokens) = self.token(role) else {
            let store = self.store(role)?;
            return Ok((store.id(), store.list(call)?));
        };
        let present = tokens.tokens(call)?;
        if present.is_empty() {
            return Err(BackendError::new("TOKEN.ABSENT", Text::new("挿さっているUSBキーがありません。", "no token is inserted.")));
        }
        let mut found = vec![];
        for token in present {
            found.extend(tokens.certificates(call, &token.info.serial)?);
        }
        Ok((tokens.id(), found))
    }

    /// Every certificate in a holder, as certificate handles and proofs name it: the identity of a store, or `token:<serial>`.
    ///
    /// # Errors
    /// `BACKEND.MISSING`, `STORE.UNREADABLE`, `TOKEN.ABSENT` if no role leads to that token now.
    pub fn held(self, call: &Call, holder: &str) -> Result<Vec<StoredCert>, BackendError> {
        let Some(serial) = on_token(holder) else { return self.holder(holder)?.list(call) };
        let mut trouble = None;
        for tokens in self.0.tokens.values() {
            match tokens.certificates(call, serial) {
                Ok(found) => return Ok(found),
                Err(error) if error.code == "TOKEN.ABSENT" => {}
                Err(error) => trouble = Some(error),
            }
        }
        let absent = || Text::new(format!("USBキー {serial} が挿さっていません。"), format!("token {serial} is not inserted."));
        Err(trouble.unwrap_or_else(|| BackendError::new("TOKEN.ABSENT", absent())))
    }

    /// The token backends of all roles.
    pub fn tokens(self) -> impl Iterator<Item = &'a dyn TokenRead> {
        self.0.tokens.values().map(|tokens| -> &'a dyn TokenRead { &**tokens })
    }

    /// The portal of a role.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn ca(self, role: &str) -> Result<&'a dyn CaRead, BackendError> {
        let ca = self.0.cas.get(role).ok_or_else(|| missing("ca", role))?;
        Ok(&**ca)
    }

    /// The folder of a role.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn folder(self, role: &str) -> Result<&'a dyn FolderRead, BackendError> {
        let folder = self.0.folders.get(role).ok_or_else(|| missing("folder", role))?;
        Ok(&**folder)
    }

    /// The folder with this identity ([`FolderRead::id`]): where a backup was made.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn folder_at(self, id: &str) -> Result<&'a dyn FolderRead, BackendError> {
        let folder = self.0.folders.values().find(|folder| folder.id() == id).ok_or_else(|| missing("folder", id))?;
        Ok(&**folder)
    }

    /// This terminal.
    pub fn host(self) -> &'a dyn HostRead {
        &*self.0.host
    }

    /// Whether all of it is practice.
    pub fn practice(self) -> bool {
        self.0.practice
    }

    /// Where a person's browser saves.
    ///
    /// # Errors
    /// `BACKEND.MISSING` if the site does not say.
    pub fn downloads(self) -> Result<&'a dyn FolderRead, BackendError> {
        self.0.downloads.as_deref().ok_or_else(|| {
            BackendError::new(
                "BACKEND.MISSING",
                Text::new("ブラウザーがファイルを保存する場所が決まっていません。", "where the browser saves files is not known."),
            )
            .cure(Text::new("サイトファイルに downloads: フォルダ を書いてください。", "write `downloads: FOLDER` in the site file."))
        })
    }

    /// Opens PKCS#12 files.
    pub fn p12(self) -> &'a dyn P12 {
        &*self.0.p12
    }

    /// The vault's entries can be read by actions that are given a reference.
    pub(crate) fn vault(self) -> &'a dyn Vault {
        &*self.0.vault
    }
}

impl<'a> WriteBackends<'a> {
    /// The same backends as read handles.
    pub fn reads(self) -> ReadBackends<'a> {
        ReadBackends(self.0)
    }

    /// The store of a role.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn store(self, role: &str) -> Result<&'a dyn StoreWrite, BackendError> {
        let store = self.0.stores.get(role).ok_or_else(|| missing("store", role))?;
        Ok(&**store)
    }

    /// The token backend with this identity ([`TokenRead::id`]).
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn token_holder(self, id: &str) -> Result<&'a dyn TokenWrite, BackendError> {
        let token = self.0.tokens.values().find(|token| token.id() == id).ok_or_else(|| missing("token", id))?;
        Ok(&**token)
    }

    /// The portal of a role.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn ca(self, role: &str) -> Result<&'a dyn CaWrite, BackendError> {
        let ca = self.0.cas.get(role).ok_or_else(|| missing("ca", role))?;
        Ok(&**ca)
    }

    /// The folder of a role.
    ///
    /// # Errors
    /// `BACKEND.MISSING`.
    pub fn folder(self, role: &str) -> Result<&'a dyn FolderWrite, BackendError> {
        let folder = self.0.folders.get(role).ok_or_else(|| missing("folder", role))?;
        Ok(&**folder)
    }

    /// The vault.
    pub fn vault(self) -> &'a dyn Vault {
        &*self.0.vault
    }

    /// This terminal.
    pub fn host(self) -> &'a dyn HostWrite {
        &*self.0.host
    }

    /// Where notices go.
    pub fn notifier(self) -> &'a dyn Notifier {
        &*self.0.notifier
    }
}
