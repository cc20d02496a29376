//! Inputs and outputs of actions, by name.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::backend::BackendError;
use crate::dsl::{BackupRef, CertInfo, FileRef, KeyInfo, Proof, TokenInfo, Value};
use crate::text::Text;

/// Inputs of an action: what is known. Optional ones that were not given are not in it; secrets are references.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs(pub BTreeMap<String, Value>);

/// Outputs of an action; absent optional ones are not in it.
pub type Outputs = BTreeMap<String, Value>;

macro_rules! reads {
    ($(#[$doc:meta])* $name:ident -> $ty:ty, $pattern:pat => $value:expr) => {
        $(#[$doc])*
        pub fn $name(&self, name: &str) -> Option<$ty> {
            match self.0.get(name) {
                Some($pattern) => Some($value),
                _ => None,
            }
        }
    };
}

impl Inputs {
    reads!(/// Machine text.
        str -> &str, Value::Str(text) => text);
    reads!(/// A role of the site.
        role -> &str, Value::Role(role) => role);
    reads!(/// A whole number.
        int -> i64, Value::Int(number) => *number);
    reads!(/// A truth value.
        bool -> bool, Value::Bool(yes) => *yes);
    reads!(/// Words for people.
        text -> &Text, Value::Text(text) => text);
    reads!(/// An instant.
        datetime -> Timestamp, Value::DateTime(at) => *at);
    reads!(/// Values in order.
        list -> &[Value], Value::List(items) => items);
    reads!(/// Named values.
        map -> &BTreeMap<String, Value>, Value::Map(entries) => entries);
    reads!(/// A certificate.
        cert -> &CertInfo, Value::Cert(cert) => cert);
    reads!(/// A file.
        file -> &FileRef, Value::File(file) => file);
    reads!(/// A proof.
        proof -> &Proof, Value::Proof(proof) => proof);
    reads!(/// A verified backup.
        backup -> &BackupRef, Value::BackupRef(backup) => backup);
    reads!(/// A token.
        token -> &TokenInfo, Value::Token(token) => token);
    reads!(/// A key that waits for its certificate.
        key -> &KeyInfo, Value::Key(key) => key);
    reads!(/// The name of a live session.
        live -> &str, Value::Live(name) => name);

    /// Whether the input is known.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The error of a required input that is not known: a preflight ends with it, a run cannot meet it.
    pub fn unknown(name: &str) -> BackendError {
        BackendError::new(NOT_KNOWN, Text::new(format!("{name} がまだ分かりません。"), format!("`{name}` is not known yet.")))
    }
}

/// The code of a preflight that needs an input not known yet; a dry run shows it as "cannot be known yet".
pub const NOT_KNOWN: &str = "INPUT.UNKNOWN";
