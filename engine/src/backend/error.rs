//! Errors of backends and steps: code, class, cause, cure, data.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::codes::code_info;
use crate::text::Text;

/// What kind of trouble, and so who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It may go away; nothing happened; trying again is safe.
    Transient,
    /// Trying again gives the same answer.
    Permanent,
    /// Whether it happened is not known. Only from writes.
    Ambiguous,
    /// A person has to act first; nothing happened.
    Human,
}

/// An error of a backend or a step, as a value. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendError {
    /// `AREA.CAUSE`.
    pub code: String,
    /// Who acts.
    pub class: Class,
    /// What happened and why, with the values.
    pub cause: Text,
    /// What to do.
    pub cure: Text,
    /// Facts for machines (`shown`: text from a page; `candidates`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
}

impl BackendError {
    /// An error of a code of [`ERROR_CODES`](super::ERROR_CODES), with its class and cure, and this cause.
    pub fn new(code: &str, cause: Text) -> Self {
        let info = code_info(code);
        Self {
            code: code.to_owned(),
            class: info.map_or(Class::Permanent, |info| info.class),
            cause,
            cure: info.map_or_else(Text::default, |info| info.cure.into()),
            data: BTreeMap::new(),
        }
    }

    /// The same with another class (a portal profile's own codes).
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// The same with another cure.
    pub fn cure(mut self, cure: Text) -> Self {
        self.cure = cure;
        self
    }

    /// The same with one more fact.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause.get(crate::text::Lang::En))
    }
}

impl std::error::Error for BackendError {}
