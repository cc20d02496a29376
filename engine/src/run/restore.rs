//! Backups: what lies in a backup folder, and bringing a certificate with its key back into a store, outside a run.
//!
//! May use: folders, stores and the vault through their ports, the journal. Must not: change a backup; delete anything from a store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::driver::RunError;
use super::event::{EventBody, StepEnd};
use super::state::Outcome;
use crate::action::{Intent, LARGEST_FILE, WRAPPED, is_whole_pkcs12};
use crate::backend::{BackendError, Call, EntryInfo, FolderRead, IdempotencyKey, ImportOption, ImportRequest, OptionSupport, P12, StoreWrite, Vault};
use crate::dsl::{CertInfo, Value};
use crate::journal::Journal;
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

/// A file that is, or may be, the backup of a certificate with its key.
pub struct Backup {
    /// Its name in the folder.
    pub name: String,
    /// Where it lies, `folder:/path/name`.
    pub place: String,
    /// Encrypted to the engine and the recovery recipients.
    pub wrapped: bool,
    /// When it was written.
    pub modified: Timestamp,
    /// What it holds.
    pub holds: Holds,
}

/// What a backup holds, as far as it can be opened here.
pub enum Holds {
    /// A certificate with its key; key and certificate belong together.
    Credential(Box<Opened>),
    /// A PKCS#12 file that no known password opens.
    Locked,
    /// It is encrypted, and not to this engine, or damaged.
    Sealed(BackendError),
}

/// A backup that was opened.
pub struct Opened {
    /// The certificate.
    pub cert: CertInfo,
    /// The vault entry whose value is its password; `None` where somebody gave it.
    pub password_from: Option<SecretRef>,
    file: Secret,
    password: Secret,
}

/// Where backups may be opened with.
pub struct Keys<'a> {
    /// Opens PKCS#12 files.
    pub p12: &'a dyn P12,
    /// Opens wrapped files, and has passwords.
    pub vault: &'a dyn Vault,
    /// A password that somebody gave; it is tried first.
    pub given: Option<&'a Secret>,
}

/// What a store has, compared with a certificate that is to come back.
#[derive(Clone, Debug, PartialEq)]
pub enum Present {
    /// It is there with its key.
    Same(Box<CertInfo>),
    /// A certificate of its name with a key expires later.
    Newer(Box<CertInfo>),
    /// Others of its name, none of them newer.
    Others(Vec<CertInfo>),
}

/// The backups in a folder, by name. Files that are no PKCS#12 are no backups.
///
/// # Errors
/// `FOLDER.ABSENT`, `VAULT.UNREADABLE`.
pub fn backups(folder: &dyn FolderRead, keys: &Keys<'_>) -> Result<Vec<Backup>, BackendError> {
    let call = Call::unattached();
    let entries = keys.vault.list()?;
    let mut found = vec![];
    for file in folder.list(&call)? {
        let wrapped = file.name.ends_with(WRAPPED);
        if file.size > LARGEST_FILE || !(wrapped || is_pkcs12_name(&file.name)) {
            continue;
        }
        let raw = folder.read(&call, &file.name, LARGEST_FILE)?;
        let Some(holds) = open(raw, &file.name, keys, &entries) else { continue };
        found.push(Backup { place: format!("{}/{}", folder.id(), file.name), wrapped, modified: file.modified, holds, name: file.name });
    }
    Ok(found)
}

/// What the bytes of a file named so hold; `None` if they are no backup.
pub fn open(raw: Vec<u8>, name: &str, keys: &Keys<'_>, entries: &[EntryInfo]) -> Option<Holds> {
    let file = match name.ends_with(WRAPPED) {
        true => match keys.vault.unwrap(&raw) {
            Ok(file) => file,
            Err(error) => return Some(Holds::Sealed(error)),
        },
        false => Secret::bytes(raw),
    };
    if !is_whole_pkcs12(file.expose()) {
        // A name that promises one and a content that is none: cut off, or written over.
        let damaged = || BackendError::new("P12.UNREADABLE", Text::new(format!("{name} は壊れています。"), format!("{name} is damaged.")));
        return is_pkcs12_name(name.strip_suffix(WRAPPED).unwrap_or(name)).then(|| Holds::Sealed(damaged()));
    }
    let given = keys.given.map(|password| (None, password.clone())).into_iter();
    let known = candidates(entries, name).into_iter().filter_map(|reference| {
        let value = keys.vault.get(&reference).ok().flatten()?;
        is_a_password(&value).then_some((Some(reference), value))
    });
    for (password_from, password) in given.chain(known) {
        if let Ok(opened) = keys.p12.open(&file, &password) {
            return Some(Holds::Credential(Box::new(Opened { cert: opened.leaf.info, password_from, file, password })));
        }
    }
    Some(Holds::Locked)
}

/// What a store has of a certificate's name.
///
/// # Errors
/// `STORE.UNREADABLE`.
pub fn present(store: &dyn StoreWrite, cert: &CertInfo) -> Result<Present, BackendError> {
    let with_key = store.list(&Call::unattached())?.into_iter().map(|stored| stored.info).filter(|found| found.has_key);
    let of_name: Vec<CertInfo> = with_key.filter(|found| found.subject_dn == cert.subject_dn).collect();
    if let Some(same) = of_name.iter().find(|found| found.sha256 == cert.sha256) {
        return Ok(Present::Same(Box::new(same.clone())));
    }
    let newest = of_name.iter().max_by_key(|found| found.not_after).filter(|found| found.not_after > cert.not_after);
    Ok(match newest {
        Some(newer) => Present::Newer(Box::new(newer.clone())),
        None => Present::Others(of_name),
    })
}

/// Brings a certificate with its key back into a store: intent on disk first, then the import, then a signature with the key taken
/// from the store. After a crash the same call finishes it.
///
/// # Errors
/// Of the store; `KEY.*` if what is in the store then is not usable; `JOURNAL.*` before anything is done.
pub fn bring_back(journal: &mut Journal, store: &dyn StoreWrite, backup: &Opened, place: &str, now: Timestamp) -> Result<CertInfo, RunError> {
    let step = format!("restore/{}", backup.cert.sha1);
    let call = Call::unattached();
    let before: Vec<String> = store.list(&call).map_err(as_run_error)?.into_iter().map(|stored| stored.info.sha1).collect();
    let intent = Intent { attempt: 1, at: now, baseline: json!({"store": store.id(), "place": place, "present": before}) };
    let key = IdempotencyKey::new(crate::journal::STATE_RUN, &step).as_str().to_owned();
    journal.append_state(now, EventBody::IntentRecorded { step: step.clone(), key, operation: "cert.import".to_owned(), credential: None, intent })?;
    let (end, result) = match import(store, backup) {
        Ok(cert) => {
            let outputs = BTreeMap::from([("cert".to_owned(), Value::Cert(Box::new(cert.clone())).to_json())]);
            (StepEnd { outcome: Outcome::Changed, outputs, error: None, finish: None }, Ok(cert))
        }
        Err(error) => {
            let end = StepEnd { outcome: Outcome::Failed, outputs: BTreeMap::new(), error: Some(error.clone().into()), finish: None };
            (end, Err(as_run_error(error)))
        }
    };
    journal.append_state(now, EventBody::StepEnded { step, end })?;
    result
}

fn import(store: &dyn StoreWrite, backup: &Opened) -> Result<CertInfo, BackendError> {
    let call = Call::unattached();
    // A key that can be copied out again can be backed up again.
    let exportable = store.capabilities().import_options.get(&ImportOption::Exportable).is_some_and(|support| *support != OptionSupport::Refused);
    let options = if exportable { BTreeMap::from([(ImportOption::Exportable, true)]) } else { BTreeMap::new() };
    let request = ImportRequest { file: backup.file.clone(), password: backup.password.clone(), friendly_name: None, options };
    let imported = store.import(&call, &request)?;
    let lock = store.lock(&call)?;
    let there = lock.list()?.into_iter().find(|found| found.info.sha256 == backup.cert.sha256 && found.info.has_key);
    let Some(there) = there else {
        return Err(BackendError::new(
            "KEY.MISMATCH",
            Text::new(
                format!("取り込まれたのは拇印 {} の証明書で、控えの {} ではありません。", imported.info.sha1, backup.cert.sha1),
                format!("the store took the certificate {}, not {} of the backup.", imported.info.sha1, backup.cert.sha1),
            ),
        ));
    };
    lock.prove_key(&there.info.sha1)?;
    Ok(there.info)
}

fn as_run_error(error: BackendError) -> RunError {
    RunError { code: error.code, cause: error.cause, cure: error.cure }
}

fn is_pkcs12_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".p12") || name.ends_with(".pfx")
}

/// Entries whose value may be the password of a file, the likeliest first: those about a thumbprint that the file is named after,
/// those called a password, the newest.
fn candidates(entries: &[EntryInfo], name: &str) -> Vec<SecretRef> {
    let is_file_or_input = |entry: &EntryInfo| entry.reference.id().contains("/files/") || entry.reference.id().starts_with("plans/");
    let mut likely: Vec<&EntryInfo> = entries.iter().filter(|entry| !is_file_or_input(entry)).collect();
    let rank = |entry: &EntryInfo| {
        let named_after = entry.about.get(..8).is_some_and(|thumbprint| name.contains(thumbprint));
        (!named_after, !entry.name.contains("password"), std::cmp::Reverse(entry.written_at))
    };
    likely.sort_by_key(|entry| rank(entry));
    likely.into_iter().map(|entry| entry.reference.clone()).collect()
}

/// One line that a person could type: each try of a wrong one costs a key derivation.
fn is_a_password(value: &Secret) -> bool {
    value.expose_text().is_some_and(|text| text.len() <= 128 && !text.contains('\n'))
}
