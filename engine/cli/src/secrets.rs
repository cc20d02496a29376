//! Sources of secrets, as the site file and `--secret-file` name them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use kirikae_engine::backend::{BackendError, Vault};
use kirikae_engine::check::SecretDecl;
use kirikae_engine::dsl::Type;
use kirikae_engine::dsl::site::{SecretSource, Site};
use kirikae_engine::run::SecretSources;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

use crate::person::Terminal;

/// What becomes of a secret that the site names no source for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// A person is asked.
    Ask,
    /// A practice value of its type is made (rehearsals).
    Practise,
}

/// Sources of the secrets of one playbook at one site.
pub struct Sources {
    named: BTreeMap<String, SecretSource>,
    files: BTreeMap<String, PathBuf>,
    base: PathBuf,
    vault: Arc<dyn Vault>,
    terminal: Option<Terminal>,
    otherwise: Otherwise,
}

impl Sources {
    /// Sources for a playbook: `files` (`--secret-file`) before the program's, before the site's.
    pub fn new(site: &Site, base: &Path, playbook: &str, files: BTreeMap<String, PathBuf>, vault: Arc<dyn Vault>, terminal: Option<Terminal>) -> Self {
        let program = playbook.split('/').next().unwrap_or_default();
        let mut named = BTreeMap::new();
        let of_program = site.programs.get(program).map(|program| &program.secrets);
        for (key, source) in site.secrets.iter().chain(of_program.into_iter().flatten()) {
            if let Some(secret) = key.strip_prefix(playbook).and_then(|rest| rest.strip_prefix('.')) {
                named.insert(secret.to_owned(), source.clone());
            }
        }
        Self { named, files, base: base.to_owned(), vault, terminal, otherwise: Otherwise::Ask }
    }

    /// The same, with another way for secrets without a source.
    pub fn otherwise(self, otherwise: Otherwise) -> Self {
        Self { otherwise, ..self }
    }

    /// The word for the source of a secret, for plans.
    pub fn word(&self, secret: &SecretDecl) -> &'static str {
        match (self.files.contains_key(&secret.name), self.named.get(&secret.name)) {
            _ if secret.typed_by_person => "person",
            (true, _) => "file",
            (false, None) if self.otherwise == Otherwise::Practise => "generate",
            (false, None) if secret.kept.is_some() => "kept",
            (false, None | Some(SecretSource::Ask)) => "ask",
            (false, Some(SecretSource::Generate(_))) => "generate",
            (false, Some(SecretSource::Vault(_))) => "vault",
            (false, Some(SecretSource::File(_))) => "file",
            (false, Some(SecretSource::Env(_))) => "env",
            (false, Some(SecretSource::Pipe(_))) => "pipe",
        }
    }
}

impl SecretSources for Sources {
    fn unattended(&self, secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        if let Some(path) = self.files.get(&secret.name) {
            return first_line(path, &secret.name).map(Some);
        }
        match self.named.get(&secret.name) {
            None if self.otherwise == Otherwise::Practise => generate(&secret.ty).map(Some),
            None | Some(SecretSource::Ask) => Ok(None),
            Some(SecretSource::Generate(ty)) if secret.new => generate(ty).map(Some),
            Some(source) => fetch(source, &self.base, &*self.vault, &secret.name).map(Some),
        }
    }

    fn ask(&self, secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        let Some(terminal) = &self.terminal else { return Ok(None) };
        Ok(terminal.secret(secret))
    }
}

/// The value of a source that asks nobody.
pub fn fetch(source: &SecretSource, base: &Path, vault: &dyn Vault, name: &str) -> Result<Secret, BackendError> {
    let missing = |ja: String, en: String| BackendError::new("SECRET.MISSING", Text::new(ja, en));
    match source {
        SecretSource::File(path) => first_line(&base.join(path), name),
        SecretSource::Env(variable) => std::env::var(variable)
            .map(Secret::text)
            .map_err(|_| missing(format!("{name}: 環境変数 {variable} がありません。"), format!("{name}: no environment variable {variable}."))),
        SecretSource::Vault(entry) => {
            let found = vault.list()?.into_iter().filter(|info| info.name == *entry || info.reference.id() == entry).max_by_key(|info| info.written_at);
            let value = found.map(|info| vault.get(&info.reference)).transpose()?.flatten();
            value.ok_or_else(|| missing(format!("{name}: 保管庫に {entry} がありません。"), format!("{name}: no entry {entry} in the vault.")))
        }
        SecretSource::Pipe(command) => from_program(command, name),
        SecretSource::Ask | SecretSource::Generate(_) => Err(missing(format!("{name}: 聞く人がいません。"), format!("{name}: nobody can be asked."))),
    }
}

/// A random value of a type: digits, 32 hexadecimal digits, else 24 letters and digits.
pub fn generate(ty: &Type) -> Result<Secret, BackendError> {
    let (alphabet, length): (&[u8], usize) = match ty.required() {
        Type::Digits(n) => (b"0123456789", *n as usize),
        Type::Hex => (b"0123456789abcdef", 32),
        _ => (b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", 24),
    };
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut byte = [0u8; 1];
        getrandom::fill(&mut byte).map_err(|error| BackendError::new("SECRET.MISSING", Text::plain(error.to_string())))?;
        // Values past the last whole multiple are drawn again, so that every sign is as likely.
        let whole = 256 - 256 % alphabet.len();
        if usize::from(byte[0]) < whole {
            text.push(char::from(alphabet[usize::from(byte[0]) % alphabet.len()]));
        }
    }
    Ok(Secret::text(text))
}

/// The first line of a file.
pub fn first_line(path: &Path, name: &str) -> Result<Secret, BackendError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        BackendError::new(
            "SECRET.MISSING",
            Text::new(format!("{name}: {} を読めません: {error}", path.display()), format!("{name}: cannot read {}: {error}", path.display())),
        )
    })?;
    Ok(Secret::text(text.lines().next().unwrap_or_default()))
}

fn from_program(command: &[String], name: &str) -> Result<Secret, BackendError> {
    let failed = |why: String| {
        BackendError::new(
            "SECRET.MISSING",
            Text::new(format!("{name}: プログラムから受け取れません: {why}"), format!("{name}: the program gave nothing: {why}")),
        )
    };
    let (program, arguments) = command.split_first().ok_or_else(|| failed("-".to_owned()))?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| failed("UTF-8".to_owned()))?;
    Ok(Secret::text(text.lines().next().unwrap_or_default()))
}
