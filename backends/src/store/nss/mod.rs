//! The store of kind `nss`: the certificate database of Firefox, of Chrome and Chromium on Linux, or any folder with `cert9.db`.
//!
//! May use: the two SQLite files of the database (`database.rs`), NSS's own tools for all that touches a key (`tool.rs`).
//! Must not: make a database, write while a browser has it open, try a primary password twice.
//!
//! Why not softoken through PKCS#11: it takes the folder of its database as a raw pointer at initialisation, which no safe interface
//! offers, and only one folder in a process, while a site may name several; it has no trust flags. Why not the tools alone: `certutil`
//! and `pk12util` name a certificate by its nickname, and NSS gives all certificates of one subject the same, so the old and the
//! renewed certificate of a clinic cannot be told apart; `certutil -D` takes the newer. What is asked here is therefore read from the
//! files, which needs no password, and the tools get the key's own identifier.
//!
//! A friendly name is NSS's nickname: the first certificate of a subject decides it, later ones get the same.
//!
//! The primary password is asked only where a key is used. NSS counts no tries and locks nothing; a wrong one is `STORE.BAD_PASSWORD`.
//! A key leaves the database for the memory of this process, and never for a file.

mod browser;
mod database;
mod error;
mod memory;
mod profile;
mod tool;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kirikae_engine::backend::{
    BackendError, Call, Capabilities, ImportOption, ImportRequest, OptionSupport, Signer, StoreExport, StoreLock, StoreRead, StoreRoots, StoreTrust,
    StoreWrite, StoredCert, Verb,
};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

use self::database::{Database, Keys, Row, Trusted};
use self::error::Doing;
use self::tool::{Tools, Trouble};
use super::dir::PasswordSource;
use super::exclusive::{Exclusive, Refused};
use super::p12;
use super::signer::{SoftSigner, key_belongs, prove};
use crate::StoreSettings;
use crate::folder::durable;
use crate::x509::{Custody, cert_info, chain};

/// How long another program's transaction is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// An NSS database as store.
pub struct NssStore {
    id: String,
    folder: PathBuf,
    password: Option<PasswordSource>,
}

impl NssStore {
    /// The store that the site means: `profile` (`firefox`, `chrome`, `chromium` or a folder) or `path`. Only browsers' profiles are looked for.
    ///
    /// # Errors
    /// `STORE.UNREADABLE` if none or several are meant.
    pub fn open(settings: StoreSettings) -> Result<Self, BackendError> {
        let folder = match (settings.settings.get("profile"), settings.path) {
            (Some(word), None) => {
                let mut candidates = profile::candidates(word, settings.home.as_deref());
                if candidates.len() != 1 || !candidates[0].is_absolute() {
                    return Err(error::not_found(word, &candidates));
                }
                candidates.remove(0)
            }
            (None, Some(path)) => path,
            _ => return Err(error::unnamed()),
        };
        Ok(Self { id: format!("nss:{}", folder.display()), folder, password: settings.password })
    }

    fn look(&self, call: &Call) -> Result<Database, BackendError> {
        self.present()?;
        Database::look(&self.folder, call.time_left(PATIENCE)).map_err(|reason| self.unread(&reason))
    }

    /// The database for a change, shown to be writable now. Only under the lock.
    fn change(&self, call: &Call) -> Result<Database, BackendError> {
        self.present()?;
        let mut database = Database::change(&self.folder, call.time_left(PATIENCE)).map_err(|reason| self.unchanged(&reason))?;
        database.try_change().map_err(|reason| self.unchanged(&reason))?;
        Ok(database)
    }

    fn present(&self) -> Result<(), BackendError> {
        match database::FILES.iter().find(|file| !self.folder.join(file).is_file()) {
            Some(file) => Err(error::absent(&self.folder, file)),
            None => Ok(()),
        }
    }

    fn unread(&self, reason: &rusqlite::Error) -> BackendError {
        error::sqlite(&self.folder, Doing::Looking, reason)
    }

    fn unchanged(&self, reason: &rusqlite::Error) -> BackendError {
        error::sqlite(&self.folder, Doing::Changing, reason)
    }

    fn rows(&self, call: &Call) -> Result<Vec<Row>, BackendError> {
        self.look(call)?.certificates().map_err(|reason| self.unread(&reason))
    }

    /// A certificate as the port gives it; `None` for bytes that are none.
    fn stored(&self, row: &Row) -> Option<StoredCert> {
        let custody = Custody {
            holder: self.id.clone(),
            has_key: row.key.is_some(),
            key_exportable: row.key.is_some_and(|key| key.0),
            key_protected: false,
            friendly_name: row.label.clone(),
        };
        Some(StoredCert { info: cert_info(&row.der, custody).ok()?, der: row.der.clone() })
    }

    /// The certificate with this thumbprint, its row, and its chain, leaf first, of what the database has.
    fn found(&self, call: &Call, thumbprint: &str) -> Result<(StoredCert, Row, Vec<Vec<u8>>), BackendError> {
        let mut rows = self.rows(call)?;
        let found = rows.iter().position(|row| self.stored(row).is_some_and(|cert| cert.info.sha1.eq_ignore_ascii_case(thumbprint)));
        let row = rows.swap_remove(found.ok_or_else(|| error::gone(&self.folder, thumbprint))?);
        let cert = self.stored(&row).ok_or_else(|| error::gone(&self.folder, thumbprint))?;
        let others = rows.iter().map(|row| row.der.as_slice());
        let chain = chain(&cert.der, others).map_err(|reason| error::no_certificate(&reason.to_string()))?;
        Ok((cert, row, chain))
    }

    fn password(&self) -> Result<Option<Secret>, BackendError> {
        self.password.as_ref().map(|source| source()).transpose()
    }

    /// What the tool's trouble means; `code` where it gives a reason of its own.
    fn refused(&self, code: &str, trouble: &Trouble) -> BackendError {
        error::tool(&self.folder, code, self.password.is_some(), trouble)
    }

    /// The key of a certificate, PKCS#8. `unfit`: the code for a key that may not be taken out.
    fn key(&self, call: &Call, cert: &StoredCert, row: &Row, unfit: &str) -> Result<Secret, BackendError> {
        let extractable = row.key.ok_or_else(|| error::no_key(&self.folder, &cert.info.sha1))?;
        if !extractable.0 {
            return Err(error::not_extractable(&self.folder, unfit));
        }
        let (known, passing) = (self.password()?, passing_password()?);
        let tools = Tools { folder: &self.folder, password: known.as_ref(), call };
        let file = tools.export(&row.id, &passing).map_err(|trouble| self.refused("KEY.UNUSABLE", &trouble))?;
        let key = p12::open(file.expose(), &passing, &self.id)?.key;
        if key_belongs(&key, &cert.der)? { Ok(key) } else { Err(error::foreign_key(&self.folder, &cert.info.sha1)) }
    }

    fn sign_with(&self, call: &Call, thumbprint: &str) -> Result<SoftSigner, BackendError> {
        let (cert, row, chain) = self.found(call, thumbprint)?;
        let key = self.key(call, &cert, &row, "KEY.UNUSABLE")?;
        SoftSigner::new(cert.info, chain, &key)
    }

    /// Takes the lock of the folder. It is on the folder itself, so that nothing is left in a browser's profile.
    fn hold(&self, call: &Call) -> Result<Exclusive, BackendError> {
        self.present()?;
        let folder = File::open(&self.folder).map_err(|reason| error::unwritable(&self.folder, &reason))?;
        let held = Exclusive::take(folder, &self.folder, call).map_err(|refused| match refused {
            Refused::Busy(error) => error,
            Refused::Io(reason) => error::unwritable(&self.folder, &reason),
        })?;
        self.without_browser()?;
        Ok(held)
    }

    /// There is room for a journal and the new rows: on a full disk the tools say only that something went wrong.
    fn room(&self) -> Result<(), BackendError> {
        durable::probe(&self.folder).map_err(|reason| error::unwritable(&self.folder, &reason))
    }

    fn without_browser(&self) -> Result<(), BackendError> {
        browser::running(&self.folder).map_or(Ok(()), |running| Err(error::browser(&self.folder, &running)))
    }

    /// Takes back what a failed import wrote: the certificates that were not there, and keys that were not.
    fn undo(&self, call: &Call, certificates: &[Vec<u8>], before: (&[Row], &Keys)) -> Result<(), BackendError> {
        let mut database = self.change(call)?;
        let new = certificates.iter().filter(|der| !before.0.iter().any(|row| row.der == **der));
        let mut undo = || {
            new.clone().try_for_each(|der| database.delete(der))?;
            database.delete_keys_since(before.1)
        };
        undo().map_err(|reason| self.unchanged(&reason))
    }
}

/// For a file that lives for one call in memory.
fn passing_password() -> Result<Secret, BackendError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|reason| {
        let text = Text::new(format!("乱数を作れません({reason})。"), format!("no random bytes ({reason})."));
        BackendError::new("KEY.UNUSABLE", text)
    })?;
    Ok(Secret::text(hex::encode(random)))
}

impl fmt::Debug for NssStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NssStore").field("id", &self.id).finish_non_exhaustive()
    }
}

impl StoreRead for NssStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            import_options: BTreeMap::from([
                // NSS has no key that cannot be taken out again, except those made as such inside it.
                (ImportOption::Exportable, OptionSupport::Honoured),
                (ImportOption::StrongProtection, OptionSupport::Refused),
                // The friendly name is the one that NSS knows, and it always comes along.
                (ImportOption::ExtendedProperties, OptionSupport::Honoured),
            ]),
            can_export_keys: true,
            ..Capabilities::local(&[Verb::List, Verb::Import, Verb::Delete, Verb::Sign, Verb::Export, Verb::Trust])
        }
    }

    fn list(&self, call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        Ok(self.rows(call)?.iter().filter_map(|row| self.stored(row)).collect())
    }

    fn signer(&self, call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        Ok(Arc::new(self.sign_with(call, thumbprint)?))
    }

    fn probe_writable(&self, call: &Call) -> Result<(), BackendError> {
        self.without_browser()?;
        self.change(call)?;
        self.room()
    }

    fn export(&self) -> Option<&dyn StoreExport> {
        Some(self)
    }

    fn roots(&self) -> Option<&dyn StoreRoots> {
        Some(self)
    }
}

impl StoreExport for NssStore {
    fn export(&self, call: &Call, thumbprint: &str, password: &Secret) -> Result<Secret, BackendError> {
        let (cert, row, chain) = self.found(call, thumbprint)?;
        let key = self.key(call, &cert, &row, "KEY.NOT_EXPORTABLE")?;
        let name = cert.info.friendly_name.as_deref().unwrap_or(&cert.info.subject.cn);
        p12::write(&key, &chain, name, password).map(Secret::bytes)
    }
}

impl StoreRoots for NssStore {
    fn trusted(&self, call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        let database = self.look(call)?;
        let mut trusted = Vec::new();
        for row in database.certificates().map_err(|reason| self.unread(&reason))? {
            if database.trust(&row.der).map_err(|reason| self.unread(&reason))?.servers {
                trusted.extend(self.stored(&row));
            }
        }
        Ok(trusted)
    }

    fn dialog(&self) -> Option<Text> {
        None
    }
}

impl StoreTrust for NssStore {
    fn trust(&self, call: &Call, root: &[u8]) -> Result<StoredCert, BackendError> {
        let info = cert_info(root, Custody::default()).map_err(|reason| error::no_certificate(&reason.to_string()))?;
        let listed = || Ok::<_, BackendError>(self.trusted(call)?.into_iter().find(|cert| cert.der == root));
        if let Some(cert) = listed()? {
            return Ok(cert);
        }
        let password = self.password()?;
        let _held = self.hold(call)?;
        let database = self.change(call)?;
        let before = database.trust(root).map_err(|reason| self.unread(&reason))?;
        let rows = database.certificates().map_err(|reason| self.unread(&reason))?;
        let keys = database.keys().map_err(|reason| self.unread(&reason))?;
        drop(database);
        self.room()?;
        let tools = Tools { folder: &self.folder, password: password.as_ref(), call };
        let flags = Trusted { servers: true, ..before }.flags();
        let done = tools.trust(root, &nickname(&rows, &info), &flags).map_err(|trouble| self.refused("STORE.UNREADABLE", &trouble));
        match (done, listed()?) {
            (Ok(()), Some(cert)) => Ok(cert),
            (done, _) => {
                // The tool puts the certificate in before it asks for the password that its trust needs.
                let _ = self.undo(&Call::unattached(), &[root.to_vec()], (&rows, &keys));
                Err(done.err().unwrap_or_else(|| error::without_effect(&self.folder, "certutil")))
            }
        }
    }
}

/// The nickname of a new certificate: that of its subject if one is there, else its name, made unique.
fn nickname(rows: &[Row], info: &kirikae_engine::dsl::CertInfo) -> String {
    let known = |row: &Row| cert_info(&row.der, Custody::default()).is_ok_and(|other| other.subject_dn == info.subject_dn);
    if let Some(label) = rows.iter().find(|row| known(row)).and_then(|row| row.label.clone()) {
        return label;
    }
    let name = if info.subject.cn.is_empty() { &info.subject_dn } else { &info.subject.cn };
    let taken = rows.iter().any(|row| row.label.as_deref() == Some(name.as_str()));
    if taken { format!("{name} ({})", &info.sha1[..8]) } else { name.clone() }
}

impl StoreWrite for NssStore {
    fn import(&self, call: &Call, request: &ImportRequest) -> Result<StoredCert, BackendError> {
        let credential = p12::open(request.file.expose(), &request.password, &self.id)?;
        if request.options.get(&ImportOption::StrongProtection) == Some(&true) {
            return Err(error::no_strong_protection(&self.folder));
        }
        let leaf = &credential.leaf;
        // A fresh file: what is odd about the old one stays outside, and its root is left to `trust`.
        let certificates =
            chain(&leaf.der, credential.others.iter().map(|cert| cert.der.as_slice())).map_err(|reason| error::no_certificate(&reason.to_string()))?;
        let name = request.friendly_name.as_ref().or(leaf.info.friendly_name.as_ref()).unwrap_or(&leaf.info.subject.cn);
        let passing = passing_password()?;
        let file = Secret::bytes(p12::write(&credential.key, &certificates, name, &passing)?);
        // The database first: nobody is asked for the password of one that is not there. The lock last: a person may be slow.
        self.present()?;
        let password = self.password()?;

        let _held = self.hold(call)?;
        let whole = || Ok::<_, BackendError>(self.list(call)?.into_iter().find(|cert| cert.der == leaf.der && cert.info.has_key));
        if let Some(cert) = whole()? {
            return Ok(cert);
        }
        let keys = self.change(call)?.keys().map_err(|reason| self.unread(&reason))?;
        self.room()?;
        let rows = self.rows(call)?;
        let tools = Tools { folder: &self.folder, password: password.as_ref(), call };
        let done = tools.import(file.expose(), &passing).map_err(|trouble| self.refused("STORE.UNREADABLE", &trouble));
        match (done, whole()?) {
            (Ok(()), Some(cert)) => Ok(cert),
            (done, _) => {
                // As before. Should that fail too, importing again completes it.
                let _ = self.undo(&Call::unattached(), &certificates, (&rows, &keys));
                Err(done.err().unwrap_or_else(|| error::without_effect(&self.folder, "pk12util")))
            }
        }
    }

    fn lock<'a>(&'a self, call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError> {
        Ok(Box::new(LockedNss { store: self, call: call.clone(), _held: self.hold(call)? }))
    }

    fn trusting(&self) -> Option<&dyn StoreTrust> {
        Some(self)
    }
}

/// The store while its lock is held.
struct LockedNss<'a> {
    store: &'a NssStore,
    call: Call,
    _held: Exclusive,
}

impl StoreLock for LockedNss<'_> {
    fn list(&self) -> Result<Vec<StoredCert>, BackendError> {
        self.store.list(&self.call)
    }

    fn prove_key(&self, thumbprint: &str) -> Result<(), BackendError> {
        let signer = self.store.sign_with(&self.call, thumbprint)?;
        let certificate = signer.chain().first().cloned().unwrap_or_default();
        prove(&signer, &certificate)
    }

    fn delete(&self, thumbprint: &str) -> Result<(), BackendError> {
        let (cert, ..) = self.store.found(&self.call, thumbprint)?;
        self.store.without_browser()?;
        let mut database = self.store.change(&self.call)?;
        database.delete(&cert.der).map_err(|reason| self.store.unchanged(&reason))
    }
}
