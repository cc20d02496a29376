//! Secrets of a run: fetched where they are used, newly chosen ones into the vault first. What is known of them can be
//! asked for from several threads; one source is read, and one person asked, at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::crew::Link;
use super::event::EventBody;
use crate::action::Secrets;
use crate::backend::{BackendError, EntryInfo, SecretSink, Vault};
use crate::check::SecretDecl;
use crate::dsl::{Value, fold, read_scalar};
use crate::plan::SourceVersion;
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

/// Where values of declared secrets come from. The command line implements it; the library reads no environment and asks nobody.
pub trait SecretSources {
    /// From a source that asks nobody; `None` if the site names none.
    ///
    /// # Errors
    /// `SECRET.MISSING` when the named source has no value.
    fn unattended(&self, secret: &SecretDecl) -> Result<Option<Secret>, BackendError>;
    /// The source that `unattended` would read, and its version, without reading it; `None` if a person is asked.
    fn version(&self, _secret: &SecretDecl) -> Option<SourceVersion> {
        None
    }
    /// From a person (typed twice if it is new); `None` if nobody is there.
    ///
    /// # Errors
    /// As above.
    fn ask(&self, secret: &SecretDecl) -> Result<Option<Secret>, BackendError>;
}

/// Secrets of nobody: for plans.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn value(&self, of: &Value) -> Result<Secret, BackendError> {
        Err(missing(&describe(of)))
    }

    fn unattended(&self, _of: &Value) -> Result<Option<Secret>, BackendError> {
        Ok(None)
    }
}

/// Secrets of a run, or of a dry run.
pub struct RunSecrets<'a> {
    sources: &'a dyn SecretSources,
    declared: &'a [SecretDecl],
    vault: Arc<dyn Vault>,
    run: String,
    playbook: String,
    at: Timestamp,
    known: Mutex<Known>,
    /// Held while a source is read or a person is asked: who needs the same value meanwhile finds it known.
    fetching: Mutex<()>,
}

/// What is known of secrets so far.
#[derive(Default)]
struct Known {
    references: BTreeMap<String, SecretRef>,
    subjects: BTreeMap<String, String>,
    fetched: BTreeMap<String, Secret>,
    escrowed: Vec<(String, SecretRef)>,
    asked_again: BTreeSet<String>,
    /// Sources of the values at hand; of one that a person typed there is none.
    origins: BTreeMap<String, SourceVersion>,
}

/// A lock whose holder panicked is as good: every change under these locks is one insertion or removal.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> RunSecrets<'a> {
    /// Secrets of a run; `references` are those that it put into the vault before.
    pub fn new(
        sources: &'a dyn SecretSources,
        declared: &'a [SecretDecl],
        vault: Arc<dyn Vault>,
        run: &str,
        playbook: &str,
        at: Timestamp,
        references: BTreeMap<String, SecretRef>,
    ) -> Self {
        Self {
            sources,
            declared,
            vault,
            run: run.to_owned(),
            playbook: playbook.to_owned(),
            at,
            known: Mutex::new(Known { references, ..Known::default() }),
            fetching: Mutex::default(),
        }
    }

    /// Forgets these values: they were wrong. A person is asked for them, and only where nobody is there their source is read once
    /// more. A newly chosen value is chosen anew.
    pub fn ask_again<'n>(&self, names: impl IntoIterator<Item = &'n String>) {
        let mut known = locked(&self.known);
        for name in names {
            known.fetched.remove(name);
            known.references.remove(name);
            known.asked_again.insert(name.clone());
        }
    }

    /// The source that a value at hand came from; `None` if a person typed it.
    pub(super) fn source_of(&self, of: &Value) -> Option<SourceVersion> {
        let reference = match of {
            Value::Secret(reference) => reference.clone(),
            Value::DeclaredSecret(name) => {
                let known = locked(&self.known);
                match known.references.get(name) {
                    Some(reference) => reference.clone(),
                    None => return known.origins.get(name).cloned(),
                }
            }
            _ => return None,
        };
        self.vault.list().ok()?.iter().find(|entry| entry.reference == reference).map(version_of)
    }

    /// Declared secrets that nobody was asked for yet though the value of their source failed somewhere: a person is asked first.
    pub(super) fn distrust(&self, failed: &dyn Fn(&SourceVersion) -> bool) {
        let at_hand = |name: &String| {
            let known = locked(&self.known);
            known.asked_again.contains(name) || known.fetched.contains_key(name)
        };
        let doubtful = self.declared.iter().filter(|secret| !secret.new && !at_hand(&secret.name));
        let failed: Vec<String> =
            doubtful.filter(|secret| self.sources.version(secret).is_some_and(|source| failed(&source))).map(|secret| secret.name.clone()).collect();
        locked(&self.known).asked_again.extend(failed);
    }

    /// Forgets values that were refused. A newly chosen one is kept: it is the one that was set.
    pub(crate) fn refused(&self, names: &[String]) {
        let mut known = locked(&self.known);
        for name in names.iter().filter(|name| self.declared.iter().any(|secret| secret.name == **name && !secret.new)) {
            known.fetched.remove(name);
            known.asked_again.insert(name.clone());
        }
    }

    /// Whether a person is asked for it before its source is.
    pub(super) fn asks_first(&self, of: &Value) -> bool {
        let known = locked(&self.known);
        matches!(of, Value::DeclaredSecret(name) if known.asked_again.contains(name) && !known.fetched.contains_key(name))
    }

    /// What a kept secret is about, told by the run before the first step that uses it.
    pub fn is_about(&self, name: &str, subject: String) {
        locked(&self.known).subjects.insert(name.to_owned(), subject);
    }

    /// A secret kept from before: the newest entry of its name about its subject.
    fn kept(&self, secret: &SecretDecl) -> Result<Option<(Secret, SourceVersion)>, BackendError> {
        match (&secret.kept, self.subject(&secret.name)) {
            (Some((name, _)), Some(about)) => newest_kept(&*self.vault, name, &about),
            _ => Ok(None),
        }
    }

    fn subject(&self, name: &str) -> Option<String> {
        locked(&self.known).subjects.get(name).cloned()
    }

    /// Nobody has it. For a kept one the error says what was looked for in the vault.
    fn missing(&self, secret: &SecretDecl) -> BackendError {
        let (Some((name, _)), Some(about)) = (&secret.kept, self.subject(&secret.name)) else { return missing(&secret.name) };
        BackendError::new(
            "SECRET.MISSING",
            Text::new(
                format!("{}({}): 保管庫に {name}({about} のもの)がありません。", secret.title.ja, secret.name),
                format!("`{}`: the vault has no {name} about {about}.", secret.name),
            ),
        )
    }

    /// Secrets that went into the vault since the last call: name and reference.
    pub fn take_escrowed(&self) -> Vec<(String, SecretRef)> {
        std::mem::take(&mut locked(&self.known).escrowed)
    }

    fn declaration(&self, name: &str) -> Result<&SecretDecl, BackendError> {
        self.declared.iter().find(|secret| secret.name == name).ok_or_else(|| missing(name))
    }

    fn known(&self, name: &str) -> Result<Option<Secret>, BackendError> {
        let known = locked(&self.known);
        match (known.fetched.get(name), known.references.get(name)) {
            (Some(value), _) => Ok(Some(value.clone())),
            (None, Some(reference)) => self.vault.get(reference),
            (None, None) => Ok(None),
        }
    }

    /// Checks the shape, keeps a new value in the vault, remembers it for this process.
    fn accept(&self, secret: &SecretDecl, value: Secret) -> Result<Secret, BackendError> {
        let value = fit(secret, value)?;
        if secret.new {
            let reference = SecretRef::vault(&format!("runs/{}/{}", self.run, secret.name));
            let labels = BTreeMap::from([("run".to_owned(), self.run.clone()), ("playbook".to_owned(), self.playbook.clone())]);
            let info = EntryInfo { reference: reference.clone(), name: secret.name.clone(), about: self.run.clone(), written_at: self.at, labels };
            self.vault.put(&info, &value)?;
            let mut known = locked(&self.known);
            known.references.insert(secret.name.clone(), reference.clone());
            known.escrowed.push((secret.name.clone(), reference));
        }
        locked(&self.known).fetched.insert(secret.name.clone(), value.clone());
        Ok(value)
    }

    /// From what is known, a source that asks nobody, or the vault.
    fn without_asking(&self, name: &str) -> Result<Option<Secret>, BackendError> {
        if let Some(value) = self.known(name)? {
            return Ok(Some(value));
        }
        let secret = self.declaration(name)?;
        let again = {
            let mut known = locked(&self.known);
            known.origins.remove(name);
            known.asked_again.contains(name)
        };
        if !secret.new
            && again
            && let Some(value) = self.sources.ask(secret)?
        {
            return self.accept(secret, value).map(Some);
        }
        // The version before the value: a change between the two is found, and costs one try at most.
        let version = self.sources.version(secret);
        let (value, version) = match (self.sources.unattended(secret)?, version) {
            (Some(value), version) => (Some(value), version),
            (None, _) => self.kept(secret)?.unzip(),
        };
        locked(&self.known).origins.extend(version.map(|version| (name.to_owned(), version)));
        value.map(|value| self.accept(secret, value)).transpose()
    }
}

impl Secrets for RunSecrets<'_> {
    fn value(&self, of: &Value) -> Result<Secret, BackendError> {
        let name = match of {
            Value::Secret(reference) => return self.vault.get(reference)?.ok_or_else(|| missing(reference.as_str())),
            Value::DeclaredSecret(name) => name,
            _ => return Err(missing(&describe(of))),
        };
        let _one_at_a_time = locked(&self.fetching);
        if let Some(value) = self.without_asking(name)? {
            return Ok(value);
        }
        let secret = self.declaration(name)?;
        match self.sources.ask(secret)? {
            Some(value) => self.accept(secret, value),
            None => Err(self.missing(secret)),
        }
    }

    fn unattended(&self, of: &Value) -> Result<Option<Secret>, BackendError> {
        match of {
            Value::Secret(reference) => self.vault.get(reference),
            Value::DeclaredSecret(name) => {
                let _one_at_a_time = locked(&self.fetching);
                self.without_asking(name)
            }
            _ => Err(missing(&describe(of))),
        }
    }
}

/// The newest entry of the vault with this name about this subject.
fn newest_kept(vault: &dyn Vault, name: &str, about: &str) -> Result<Option<(Secret, SourceVersion)>, BackendError> {
    let entries = vault.list()?.into_iter().filter(|entry| entry.name == name && entry.about == about);
    let newest = entries.max_by(|a, b| (a.written_at, &a.reference).cmp(&(b.written_at, &b.reference)));
    let Some(entry) = newest else { return Ok(None) };
    Ok(vault.get(&entry.reference)?.map(|value| (value, version_of(&entry))))
}

fn version_of(entry: &EntryInfo) -> SourceVersion {
    SourceVersion { source: entry.reference.as_str().to_owned(), version: entry.written_at.to_string() }
}

/// Keeps what a page shows: vault first, the event after.
pub(super) struct Escrow<'a> {
    pub vault: &'a dyn Vault,
    pub run: &'a str,
    pub step: &'a str,
    pub playbook: &'a str,
    pub at: Timestamp,
    pub link: &'a Link,
}

impl SecretSink for Escrow<'_> {
    fn keep(&mut self, name: &str, value: Secret) -> Result<SecretRef, BackendError> {
        let reference = keep_shown(self.vault, self.run, self.step, self.playbook, name, value, self.at)?;
        self.link.record(escrowed(self.step, name, &reference))?;
        Ok(reference)
    }
}

/// Puts a secret that a page showed into the vault. The event is for the caller to write down.
///
/// # Errors
/// As the vault's.
pub fn keep_shown(vault: &dyn Vault, run: &str, step: &str, playbook: &str, name: &str, value: Secret, at: Timestamp) -> Result<SecretRef, BackendError> {
    let reference = shown_secret(run, step, name);
    let labels = [("run", run), ("step", step), ("playbook", playbook)];
    let labels = labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let info = EntryInfo { reference: reference.clone(), name: name.to_owned(), about: run.to_owned(), written_at: at, labels };
    vault.put(&info, &value)?;
    Ok(reference)
}

/// The event of a secret output of a step that went into the vault.
pub fn escrowed(step: &str, name: &str, reference: &SecretRef) -> EventBody {
    EventBody::SecretEscrowed { step: step.to_owned(), name: format!("{step}.{name}"), reference: reference.as_str().to_owned() }
}

/// The reference of a secret output: it can be told from run, step and name, also after a crash.
pub(crate) fn shown_secret(run: &str, step: &str, name: &str) -> SecretRef {
    SecretRef::vault(&format!("runs/{run}/{step}.{name}"))
}

/// Folds and checks a value by its type. The error does not hold it.
fn fit(secret: &SecretDecl, value: Secret) -> Result<Secret, BackendError> {
    let Some(text) = value.expose_text() else { return Ok(value) };
    let folded = fold(&secret.ty, text);
    match read_scalar(&secret.ty, &folded) {
        Ok(_) => Ok(Secret::text(folded)),
        Err(_) => Err(BackendError::new(
            "SECRET.UNFIT",
            Text::new(
                format!("{}({})は {} の形で入れてください。", secret.title.ja, secret.name, secret.ty),
                format!("secret `{}` must be {}.", secret.name, secret.ty),
            ),
        )),
    }
}

fn missing(name: &str) -> BackendError {
    BackendError::new("SECRET.MISSING", Text::new(format!("秘密の値 {name} がありません。"), format!("there is no value for secret `{name}`.")))
}

fn describe(of: &Value) -> String {
    match of {
        Value::DeclaredSecret(name) => name.clone(),
        Value::Secret(reference) => reference.as_str().to_owned(),
        _ => "?".to_owned(),
    }
}

/// Secrets of a dry run: from sources that ask nobody, never newly chosen, nothing kept.
pub struct DryRunSecrets<'a> {
    sources: &'a dyn SecretSources,
    declared: &'a [SecretDecl],
    vault: Arc<dyn Vault>,
}

impl<'a> DryRunSecrets<'a> {
    /// Secrets of a dry run.
    pub fn new(sources: &'a dyn SecretSources, declared: &'a [SecretDecl], vault: Arc<dyn Vault>) -> Self {
        Self { sources, declared, vault }
    }
}

impl Secrets for DryRunSecrets<'_> {
    fn value(&self, of: &Value) -> Result<Secret, BackendError> {
        self.unattended(of)?.ok_or_else(|| missing(&describe(of)))
    }

    fn unattended(&self, of: &Value) -> Result<Option<Secret>, BackendError> {
        match of {
            Value::Secret(reference) => self.vault.get(reference),
            Value::DeclaredSecret(name) => {
                let secret = self.declared.iter().find(|secret| secret.name == *name && !secret.new);
                let Some(secret) = secret else { return Ok(None) };
                self.sources.unattended(secret)?.map(|value| fit(secret, value)).transpose()
            }
            _ => Ok(None),
        }
    }
}
