//! One thing that the doctor found.

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::Text;

use crate::failure::Failure;

/// What a finding is about, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Time and time zone.
    Clock,
    /// The state folder.
    State,
    /// The vault in it.
    Vault,
    /// Stores of the site.
    Store,
    /// Browsers whose certificates lie in a profile of their own.
    Browser,
    /// Folders of the site.
    Folder,
    /// PKCS#11 modules.
    Module,
    /// Tokens of the site.
    Token,
    /// Accounts at portals whose passwords have a limited number of tries.
    Account,
    /// Portals of the site.
    Portal,
    /// What the playbook needs.
    Playbook,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Good to know; nothing fails for it now.
    Note,
    /// Something would fail.
    Problem,
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is about.
    pub area: Area,
    /// Which one: a role, a path, an address.
    pub about: String,
    /// How it stands.
    pub state: State,
    /// The code of the error, where it is one.
    pub code: Option<String>,
    /// What was found.
    pub said: Text,
    /// What to do; empty where nothing is to be done.
    pub cure: Text,
}

impl Finding {
    /// As it should be.
    pub fn good(area: Area, about: &str, said: Text) -> Self {
        Self { area, about: about.to_owned(), state: State::Good, code: None, said, cure: Text::default() }
    }

    /// Good to know.
    pub fn note(area: Area, about: &str, said: Text, cure: Text) -> Self {
        Self { state: State::Note, cure, ..Self::good(area, about, said) }
    }

    /// Something that would fail.
    pub fn problem(area: Area, about: &str, said: Text, cure: Text) -> Self {
        Self { state: State::Problem, cure, ..Self::good(area, about, said) }
    }

    /// An error of a backend.
    pub fn error(area: Area, about: &str, error: &BackendError) -> Self {
        Self { code: Some(error.code.clone()), ..Self::problem(area, about, error.cause.clone(), error.cure.clone()) }
    }

    /// Why something could not be opened at all.
    pub fn failure(area: Area, about: &str, failure: &Failure) -> Self {
        match failure {
            Failure::Coded { code, cause, cure, .. } => Self { code: Some(code.clone()), ..Self::problem(area, about, cause.clone(), cure.clone()) },
            _ => Self::problem(
                area,
                about,
                Text::new("読み取れません。", "it cannot be read."),
                Text::new("サイトファイルを kirikae check で確かめてください。", "check the site file with `kirikae check`."),
            ),
        }
    }
}
