//! Known, unknown, absent.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::dsl::{Type, Value};

/// Why a value is unknown or absent: the steps (by address) or inputs and secrets it waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Why(pub BTreeSet<String>);

impl Why {
    /// Because of this one.
    pub fn of(name: impl Into<String>) -> Self {
        Self(BTreeSet::from([name.into()]))
    }

    /// Because of both.
    pub fn and(mut self, other: Why) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// The value of an expression, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Tri {
    /// It has this value.
    Known(Value),
    /// It has a value of this type, not known yet.
    Unknown(Type, Why),
    /// It has no value: not given, or skipped.
    Absent(Why),
}

impl Tri {
    /// The value, if known.
    pub fn known(&self) -> Option<&Value> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The truth, if known.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Known(Value::Bool(yes)) => Some(*yes),
            _ => None,
        }
    }
}
