//! What an action says of itself: facts that authors cannot change (`language.md` 7).

use serde::{Deserialize, Serialize};

use crate::backend::profile::Operation;
use crate::backend::{ImportOption, Verb};
use crate::dsl::{RoleKind, Type};
use crate::text::Phrase;

/// What an action does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Looks only.
    Read,
    /// Changes something that can be changed back.
    Write,
    /// Cannot be undone, costs money, or destroys.
    Irreversible,
}

impl Effect {
    /// The word in plans.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Irreversible => "irreversible",
        }
    }
}

/// An input of an action.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// Name in `with`.
    pub name: String,
    /// Type; `optional<>` may be left out.
    pub ty: Type,
    /// Of a role: the other kinds that it may have.
    pub or_kinds: &'static [RoleKind],
    /// Used when it is left out (a literal of its type as YAML text); makes it not required.
    pub default: Option<String>,
    /// Help for hover and manual.
    pub help: Phrase,
}

/// An output of an action.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    /// Name below `steps.<id>`.
    pub name: String,
    /// Type; `optional<>` may be absent after a good end.
    pub ty: Type,
    /// Whether `observe` can give it back after a crash.
    pub recoverable: bool,
    /// A plan pins its value (thumbprint, not a duration): it must be the same before every write.
    pub pinned: bool,
    /// Of an enum: the words that stand for a state which goes over by itself; every other one is final. Empty: nothing is said.
    pub passing: &'static [&'static str],
    /// Help for hover and manual.
    pub help: Phrase,
}

/// What an action is, before a portal profile adds to it.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `cert.find`.
    pub name: &'static str,
    /// `1` in `cert.find@1`.
    pub major: u32,
    /// What it does, a few words.
    pub title: Phrase,
    /// What it does, a sentence or two.
    pub summary: Phrase,
    /// Effect.
    pub effect: Effect,
    /// It contacts something over the network.
    pub remote: bool,
    /// It spends one of a limited number of tries.
    pub spends_attempt: bool,
    /// It may be sent again after any look that did not find it.
    pub repeatable: bool,
    /// It asks a person.
    pub person: bool,
    /// The input whose credential it claims (`runs.md` 3).
    pub claims: Option<&'static str>,
    /// Inputs.
    pub inputs: Vec<InputSpec>,
    /// At least one of these inputs must be given.
    pub one_of: Vec<&'static str>,
    /// Outputs.
    pub outputs: Vec<OutputSpec>,
    /// Codes it can end with (of `backend::ERROR_CODES`), besides those of its backend.
    pub codes: Vec<&'static str>,
    /// Those of them that are handed to a person where nothing else is written: what is asked is the error's cure.
    pub hand_off: Vec<&'static str>,
    /// What is looked at afterwards; `None`: a person decides. Reads have nothing to observe.
    pub observe: Option<Phrase>,
    /// Verbs asked of the role's backend.
    pub verbs: Vec<Verb>,
    /// Import options asked of the store.
    pub import_options: Vec<ImportOption>,
    /// The operation of a portal profile that it carries out.
    pub operation: Option<Operation>,
}

impl Manifest {
    /// `cert.find@1`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.major)
    }
}

/// A manifest of a local read; the other facts are set by the action's file.
pub(super) fn manifest(name: &'static str, title: Phrase, summary: Phrase) -> Manifest {
    Manifest {
        name,
        major: 1,
        title,
        summary,
        effect: Effect::Read,
        remote: false,
        spends_attempt: false,
        repeatable: false,
        person: false,
        claims: None,
        inputs: vec![],
        one_of: vec![],
        outputs: vec![],
        codes: vec![],
        hand_off: vec![],
        observe: None,
        verbs: vec![],
        import_options: vec![],
        operation: None,
    }
}

/// A required or (by its type) optional input.
pub(super) fn input(name: &str, ty: Type, ja: &'static str, en: &'static str) -> InputSpec {
    InputSpec { name: name.to_owned(), ty, or_kinds: &[], default: None, help: Phrase { ja, en } }
}

/// An input with a default.
pub(super) fn input_or(name: &str, ty: Type, default: &str, ja: &'static str, en: &'static str) -> InputSpec {
    InputSpec { default: Some(default.to_owned()), ..input(name, ty, ja, en) }
}

/// A recoverable output.
pub(super) fn output(name: &str, ty: Type, ja: &'static str, en: &'static str) -> OutputSpec {
    OutputSpec { name: name.to_owned(), ty, recoverable: true, pinned: false, passing: &[], help: Phrase { ja, en } }
}

impl OutputSpec {
    /// The same, not recoverable by a look.
    pub(super) fn shown_once(mut self) -> Self {
        self.recoverable = false;
        self
    }

    /// The same, with the words of states that go over by themselves.
    pub(super) fn passing(mut self, words: &'static [&'static str]) -> Self {
        self.passing = words;
        self
    }

    /// The same, pinned by plans.
    pub(super) fn pinned(mut self) -> Self {
        self.pinned = true;
        self
    }
}
