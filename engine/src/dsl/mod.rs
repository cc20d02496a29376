//! What documents are made of: types, values, expressions, the decoded documents.
//!
//! May use: `text`. Must not: know backends' behaviour, plans or runs.

pub mod expr;
mod glob;
pub mod site;
mod types;
mod value;

pub use glob::glob_matches;
pub use types::{RoleKind, Type};
pub use value::{BackupRef, CertInfo, FileRef, Proof, ProofBy, ProofKind, Subject, Value, days_left};
mod scalar;
pub use scalar::{ScalarError, fold, read_duration, read_scalar};
