//! What documents are made of: types, values, expressions, the decoded documents.
//!
//! May use: `text`, the plain data of portal profiles. Must not: know backends' behaviour, plans or runs.

pub mod expr;
mod portal;
mod portal_page;
mod portal_rules;
mod reader;
mod scalar;
mod site_file;
mod sources;
pub mod site;
mod types;
mod value;

pub use portal::decode_profile;
pub use site_file::decode_site;
pub use sources::decode_sources;
pub use scalar::{ScalarError, fold, read_duration, read_scalar};
pub use types::{RoleKind, Type};
pub use value::{BackupRef, CertInfo, FileRef, Proof, ProofBy, ProofKind, Subject, Value, days_left};
