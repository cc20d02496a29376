//! What a store is put through: import, list, sign, export, delete, restore, and the store as it was before.

use std::collections::BTreeMap;

use kirikae_backends::store::p12;
use kirikae_backends::store::signer::verify;
use kirikae_engine::backend::{BackendError, Call, ImportOption, ImportRequest, OptionSupport, StoreWrite, StoredCert};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

use super::paper::Paper;

/// A step of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key, a certificate and a file are made.
    Make,
    /// The store is listed.
    List,
    /// The file is imported.
    Import,
    /// The certificate is in the list, as it was imported.
    Find,
    /// Its key signs in every way it says.
    Sign,
    /// It is written out with its key, and the file opens.
    Export,
    /// It is deleted with its key.
    Delete,
    /// It is brought back from the exported file, and its key signs.
    Restore,
    /// A key imported as not exportable is not given out.
    Keep,
    /// The store is as it was.
    Tidy,
    /// The vault gives back what was put in.
    Vault,
}

/// How a step went.
pub enum Outcome {
    /// Well; what there is to say.
    Passed(Text),
    /// The store has no such power.
    Skipped(Text),
    /// Not.
    Failed(Box<BackendError>),
}

/// A step and how it went.
pub struct Record {
    /// The step.
    pub step: Step,
    /// How it went.
    pub outcome: Outcome,
}

/// The steps so far.
#[derive(Default)]
pub(super) struct Course {
    pub(super) records: Vec<Record>,
}

impl Course {
    /// Writes a step down; its value if it went well.
    pub(super) fn take<T>(&mut self, step: Step, result: Result<T, BackendError>) -> Option<T> {
        self.note(step, result.map(|value| (value, Text::default())))
    }

    fn note<T>(&mut self, step: Step, result: Result<(T, Text), BackendError>) -> Option<T> {
        let (outcome, value) = match result {
            Ok((value, note)) => (Outcome::Passed(note), Some(value)),
            Err(error) => (Outcome::Failed(Box::new(error)), None),
        };
        self.records.push(Record { step, outcome });
        value
    }

    fn skip(&mut self, step: Step, why: Text) {
        self.records.push(Record { step, outcome: Outcome::Skipped(why) });
    }
}

/// Puts the store through everything, and takes out what is left of the test, however it went.
pub(super) fn go(course: &mut Course, store: &dyn StoreWrite, paper: &Paper) {
    let Some(before) = course.take(Step::List, thumbprints(store)) else { return };
    steps(course, store, paper);
    course.take(Step::Tidy, tidy(store, paper, &before));
}

/// `None` where a step that the others need failed.
fn steps(course: &mut Course, store: &dyn StoreWrite, paper: &Paper) -> Option<()> {
    let imported = course.take(Step::Import, import(store, &paper.file, &paper.password, paper, true))?;
    course.take(Step::Find, find(store, &imported, paper))?;
    course.note(Step::Sign, sign(store, &imported))?;
    let saved = match store.export() {
        Some(power) => {
            course.take(Step::Export, power.export(&Call::unattached(), &imported.info.sha1, &paper.password).and_then(|file| opens(file, paper, &imported)))?
        }
        None => {
            course.skip(Step::Export, Text::new("この保管先は書き出しをしません", "this store does not write credentials out"));
            paper.file.clone()
        }
    };
    course.take(Step::Delete, delete(store, &imported))?;
    let restored = import(store, &saved, &paper.password, paper, true).and_then(|back| store.lock(&Call::unattached())?.prove_key(&back.info.sha1));
    course.take(Step::Restore, restored)?;
    let kept = delete(store, &imported).and_then(|()| keep(store, paper));
    match kept {
        Ok(Some(())) => course.take(Step::Keep, Ok(())),
        Ok(None) => {
            course.skip(Step::Keep, Text::new("この保管先の鍵はいつでも書き出せます", "keys of this store can always be written out"));
            Some(())
        }
        Err(error) => course.take(Step::Keep, Err(error)),
    }
}

fn thumbprints(store: &dyn StoreWrite) -> Result<Vec<String>, BackendError> {
    store.probe_writable(&Call::unattached())?;
    Ok(listed(store)?.into_iter().map(|cert| cert.info.sha1).collect())
}

fn listed(store: &dyn StoreWrite) -> Result<Vec<StoredCert>, BackendError> {
    store.list(&Call::unattached())
}

fn import(store: &dyn StoreWrite, file: &Secret, password: &Secret, paper: &Paper, exportable: bool) -> Result<StoredCert, BackendError> {
    let options = BTreeMap::from([(ImportOption::Exportable, exportable), (ImportOption::StrongProtection, false), (ImportOption::ExtendedProperties, true)]);
    let request = ImportRequest { file: file.clone(), password: password.clone(), friendly_name: Some(paper.friendly_name.clone()), options };
    store.import(&Call::unattached(), &request)
}

fn find(store: &dyn StoreWrite, imported: &StoredCert, paper: &Paper) -> Result<(), BackendError> {
    let certs = listed(store)?;
    let mut found = certs.iter().filter(|cert| cert.der == imported.der);
    let (Some(cert), None) = (found.next(), found.next()) else {
        return Err(wrong(Text::new("取り込んだ証明書が、一覧にちょうど1枚ありません。", "the imported certificate is not in the list exactly once.")));
    };
    let info = &cert.info;
    if !info.has_key || !info.key_exportable || info.key_protected {
        return Err(wrong(Text::new("鍵のある、書き出せる証明書として一覧に出ていません。", "it is not listed as a certificate with an exportable key.")));
    }
    if info.friendly_name.as_deref() != Some(paper.friendly_name.as_str()) {
        let shown = info.friendly_name.clone().unwrap_or_default();
        return Err(wrong(Text::new(format!("フレンドリ名が違います: {shown:?}"), format!("another friendly name: {shown:?}"))));
    }
    Ok(())
}

fn sign(store: &dyn StoreWrite, imported: &StoredCert) -> Result<((), Text), BackendError> {
    let signer = store.signer(&Call::unattached(), &imported.info.sha1)?;
    let schemes = signer.schemes();
    for scheme in &schemes {
        let message = b"kirikae selftest";
        verify(&imported.der, *scheme, message, &signer.sign(*scheme, message)?)?;
    }
    store.lock(&Call::unattached())?.prove_key(&imported.info.sha1)?;
    let names = schemes.iter().map(|scheme| scheme_name(*scheme)).collect::<Vec<_>>().join(" ");
    Ok(((), Text::new(names.clone(), names)))
}

/// The file, if it holds the certificate and its key.
fn opens(file: Secret, paper: &Paper, imported: &StoredCert) -> Result<Secret, BackendError> {
    let opened = p12::open(file.expose(), &paper.password, "selftest")?;
    if opened.leaf.der == imported.der {
        return Ok(file);
    }
    Err(wrong(Text::new("書き出したファイルに別の証明書が入っています。", "the exported file holds another certificate.")))
}

fn delete(store: &dyn StoreWrite, imported: &StoredCert) -> Result<(), BackendError> {
    store.lock(&Call::unattached())?.delete(&imported.info.sha1)?;
    if listed(store)?.iter().any(|cert| cert.der == imported.der) {
        return Err(wrong(Text::new("削除した証明書が、まだ一覧にあります。", "the deleted certificate is still in the list.")));
    }
    Ok(())
}

/// Imports with a key that must stay; `None` where no key does.
fn keep(store: &dyn StoreWrite, paper: &Paper) -> Result<Option<()>, BackendError> {
    if store.capabilities().import_options.get(&ImportOption::Exportable) != Some(&OptionSupport::Honoured) {
        return Ok(None);
    }
    let cert = import(store, &paper.file, &paper.password, paper, false)?;
    let (false, Some(power)) = (cert.info.key_exportable, store.export()) else { return Ok(None) };
    match power.export(&Call::unattached(), &cert.info.sha1, &paper.password) {
        Err(error) if error.code == "KEY.NOT_EXPORTABLE" => Ok(Some(())),
        Err(error) => Err(error),
        Ok(_) => Err(wrong(Text::new("書き出せないように取り込んだ鍵が、書き出せました。", "a key that was imported as not exportable was written out."))),
    }
}

/// Takes the certificate out if it is there, and compares the store with what it was.
fn tidy(store: &dyn StoreWrite, paper: &Paper, before: &[String]) -> Result<(), BackendError> {
    let own = p12::open(paper.file.expose(), &paper.password, "selftest")?.leaf;
    if listed(store)?.iter().any(|cert| cert.der == own.der) {
        delete(store, &own)?;
    }
    let after = thumbprints(store)?;
    if after == before && store.locked(&Call::unattached())?.iter().all(|name| !name.contains(&own.info.sha1)) {
        return Ok(());
    }
    Err(wrong(Text::new(
        format!("保管先が試す前と違います(前 {}枚、後 {}枚)。", before.len(), after.len()),
        format!("the store is not as it was ({} certificates before, {} after).", before.len(), after.len()),
    )))
}

/// A store that answers, but wrongly.
pub(super) fn wrong(cause: Text) -> BackendError {
    BackendError::new("SELFTEST.WRONG", cause).cure(Text::new(
        "この保管先は、まだ本番で使わないでください。上の表示をそのまま開発元に送ってください。",
        "do not use this store for real yet; send what is shown above to those who make kirikae.",
    ))
}

/// The name of a TLS signature scheme (RFC 8446 4.2.3).
fn scheme_name(scheme: u16) -> &'static str {
    match scheme {
        0x0401 => "rsa_pkcs1_sha256",
        0x0501 => "rsa_pkcs1_sha384",
        0x0601 => "rsa_pkcs1_sha512",
        0x0403 => "ecdsa_secp256r1_sha256",
        0x0503 => "ecdsa_secp384r1_sha384",
        0x0804 => "rsa_pss_rsae_sha256",
        0x0805 => "rsa_pss_rsae_sha384",
        0x0806 => "rsa_pss_rsae_sha512",
        0x0807 => "ed25519",
        _ => "?",
    }
}
