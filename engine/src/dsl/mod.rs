//! What documents are made of: types, values, expressions, the decoded documents.
//!
//! May use: `text`, the plain data of portal profiles. Must not: know backends' behaviour, plans or runs.

pub mod expr;
mod glob;
mod lock_file;
pub(crate) mod playbook;
pub(crate) mod playbook_rescue;
mod playbook_secret;
mod playbook_step;
mod playbook_value;
mod portal;
mod portal_page;
mod portal_rules;
pub(crate) mod reader;
mod reserved;
mod scalar;
pub mod schema;
pub mod site;
mod site_file;
mod sources;
pub mod test;
mod test_file;
mod test_world;
mod types;
mod value;

pub use glob::glob_matches;
pub use lock_file::decode_lock;
pub use portal::decode_profile;
pub use reader::is_document_id;
pub use scalar::{ScalarError, fold, read_duration, read_scalar};
pub use site_file::decode_site;
pub use sources::decode_sources;
pub use test_file::{RoleKinds, decode_test};
pub use types::{RoleKind, Type};
pub use value::{BackupRef, CertInfo, FileRef, KeyInfo, Proof, ProofBy, ProofKind, Subject, TokenInfo, Value, days_left};
