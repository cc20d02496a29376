//! Tokens: USB keys and cards that hold keys behind a PIN and count wrong ones.
//!
//! May use: files of their own, PKCS#11 modules. Must not: retry a PIN, keep one beyond a call, read the environment.

mod error;
pub mod pkcs11;
pub mod soft;
