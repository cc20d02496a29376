//! The names an expression may use, as its playbook declares them.

use crate::dsl::Type;
use crate::text::Text;

use super::Ref;

/// The names of one place in a playbook.
pub trait Names {
    /// The type of what `r` refers to; `optional<>` if it may be absent. Of an outcome the type is the language's, whatever is said here.
    ///
    /// # Errors
    /// It does not exist or may not be used here.
    fn type_of(&self, r: &Ref) -> Result<Type, NameError>;

    /// In a row of `rescue`: what stands before the names of its `do` steps in a [`Ref`]. `do.id.output` is read as the output of
    /// the step `<prefix>id`.
    fn row(&self) -> Option<&str> {
        None
    }
}

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// `AREA.CAUSE`.
    pub code: &'static str,
    /// What is wrong, one sentence.
    pub what: Text,
    /// Names that exist instead.
    pub candidates: Vec<String>,
    /// An earlier error already explains it; nothing more is said.
    pub silent: bool,
}
