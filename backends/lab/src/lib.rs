//! Practice portals.
mod error;
mod pki;
pub use error::LabError;
pub use pki::practice_root_fingerprints;
