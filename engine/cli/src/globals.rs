//! Options of every command, and what the environment says in their place.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kirikae_engine::text::Lang;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
    /// SARIF 2.1.0, of `check` only.
    Sarif,
    /// A picture for Graphviz (`plan` only).
    Dot,
    /// XML for build servers (`test` only).
    #[cfg(feature = "playbook-tests")]
    Junit,
}

/// The language of texts for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LangArg {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Globals {
    /// Site file: addresses, paths, accounts and policies of this terminal
    #[arg(long, global = true, env = "KIRIKAE_SITE", value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// State folder: journal, vault, files of runs [default: /var/lib/kirikae or %ProgramData%\kirikae, else per user]
    #[arg(long, global = true, env = "KIRIKAE_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Folder with sources.yaml, portals/ and sub-playbooks [default: found above the playbook, else built in]
    #[arg(long, global = true, value_name = "DIR")]
    pub library: Option<PathBuf>,
    /// Language of texts [default: from the locale]
    #[arg(long, global = true, value_enum)]
    pub lang: Option<LangArg>,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Never prompt (implied when standard input is no terminal)
    #[arg(long, global = true)]
    pub no_input: bool,
}

impl Globals {
    /// The language: the flag, else the locale.
    pub fn lang(&self) -> Lang {
        match self.lang {
            Some(LangArg::Ja) => Lang::Ja,
            Some(LangArg::En) => Lang::En,
            None => locale(),
        }
    }

    /// Whether somebody can be asked.
    pub fn interactive(&self) -> bool {
        !self.no_input && std::io::stdin().is_terminal()
    }
}

/// Japanese unless the locale names another language; `C` and `POSIX` name none.
fn locale() -> Lang {
    let named = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match named.as_deref() {
        None => Lang::Ja,
        Some(value) if value.starts_with("ja") || value.starts_with("C.") || value == "C" || value == "POSIX" => Lang::Ja,
        Some(_) => Lang::En,
    }
}
