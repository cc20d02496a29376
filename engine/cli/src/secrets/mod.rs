//! Sources of secrets, as the site file and `--secret-file` name them.

mod fetch;
mod pipe;
mod version;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use kirikae_engine::backend::{BackendError, Vault};
use kirikae_engine::check::SecretDecl;
use kirikae_engine::dsl::site::{SecretSource, Site};
use kirikae_engine::plan::SourceVersion;
use kirikae_engine::run::SecretSources;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

pub use self::fetch::{fetch, file as first_line, generate, standard_input};
use crate::failure::Failure;
use crate::person::Terminal;

/// Values that the command line names with `--secret-file`: the first line of a file, or with `-` of standard input.
#[derive(Default)]
pub struct SecretFiles {
    paths: BTreeMap<String, PathBuf>,
    /// The one name that takes standard input, with its value once it was read.
    input: Option<(String, OnceLock<Secret>)>,
}

impl SecretFiles {
    /// Of the arguments; `known` are the names that can be given so.
    pub fn of(given: &[(String, String)], known: &[&str]) -> Result<Self, Failure> {
        let mut files = Self::default();
        for (name, path) in given {
            if !known.contains(&name.as_str()) {
                return Err(Failure::usage(
                    "SECRET.UNKNOWN_NAME",
                    Text::new(format!("{name} という秘密の値はありません。"), format!("there is no secret `{name}`.")),
                    Text::new(format!("使える名前: {}", known.join("、")), format!("secrets: {}", known.join(", "))),
                ));
            }
            if path != "-" {
                files.paths.insert(name.clone(), PathBuf::from(path));
            } else if files.input.is_some() || std::io::stdin().is_terminal() {
                return Err(Failure::usage(
                    "CLI.STDIN",
                    Text::new(
                        "標準入力(-)で渡せる値は1つだけで、端末からは渡せません(画面に出てしまいます)。",
                        "only one value can come from standard input (-), and not from a terminal, which would show it.",
                    ),
                    Text::new(
                        format!("ほかの値は --secret-file {name}=ファイル で渡すか、端末では何も付けずに、聞かれたときに入れてください。"),
                        format!("give the others as --secret-file {name}=FILE; at a terminal leave it out and type the value when asked."),
                    ),
                ));
            } else {
                files.input = Some((name.clone(), OnceLock::new()));
            }
        }
        Ok(files)
    }

    /// Whether the value of this name is given so.
    pub fn names(&self, name: &str) -> bool {
        self.paths.contains_key(name) || self.input.as_ref().is_some_and(|(taker, _)| taker == name)
    }

    /// The version of the source of this name, if its value is given so.
    pub fn version(&self, name: &str) -> Option<SourceVersion> {
        if let Some(path) = self.paths.get(name) {
            return Some(version::file(path));
        }
        self.names(name).then(|| version::unseen("stdin".to_owned()))
    }

    /// The value of this name, if it is given so. Standard input is read when it is first needed, and once.
    pub fn value(&self, name: &str) -> Result<Option<Secret>, BackendError> {
        if let Some(path) = self.paths.get(name) {
            return fetch::file(path, name).map(Some);
        }
        let Some((_, known)) = self.input.as_ref().filter(|(taker, _)| taker == name) else { return Ok(None) };
        if let Some(value) = known.get() {
            return Ok(Some(value.clone()));
        }
        let value = fetch::standard_input(name)?;
        Ok(Some(known.get_or_init(|| value).clone()))
    }
}

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
    files: SecretFiles,
    base: PathBuf,
    vault: Arc<dyn Vault>,
    terminal: Option<Terminal>,
    otherwise: Otherwise,
}

impl Sources {
    /// Sources for a playbook: `files` (`--secret-file`) before the program's, before the site's.
    pub fn new(site: &Site, base: &Path, playbook: &str, files: SecretFiles, vault: Arc<dyn Vault>, terminal: Option<Terminal>) -> Self {
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
        match (self.files.names(&secret.name), self.named.get(&secret.name)) {
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
        if let Some(value) = self.files.value(&secret.name)? {
            return Ok(Some(value));
        }
        match self.named.get(&secret.name) {
            None if self.otherwise == Otherwise::Practise => generate(&secret.ty).map(Some),
            None | Some(SecretSource::Ask) => Ok(None),
            Some(SecretSource::Generate(ty)) if secret.new => generate(ty).map(Some),
            Some(source) => fetch(source, &self.base, &*self.vault, &secret.name).map(Some),
        }
    }

    fn version(&self, secret: &SecretDecl) -> Option<SourceVersion> {
        self.files.version(&secret.name).or_else(|| version::version(self.named.get(&secret.name)?, &self.base, &*self.vault))
    }

    fn ask(&self, secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        let Some(terminal) = &self.terminal else { return Ok(None) };
        Ok(terminal.secret(secret))
    }
}
