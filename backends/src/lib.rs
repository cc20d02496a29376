//! The backends of kirikae.

pub mod folder;
pub mod store;
pub mod x509;
