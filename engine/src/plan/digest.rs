//! Digests over canonical JSON (RFC 8785).

use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 of bytes, lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `sha256:<hex>` of the canonical JSON of a value; `None` if it has no JSON form.
pub fn canonical_digest(value: &impl Serialize) -> Option<String> {
    let canonical = serde_json_canonicalizer::to_vec(value).ok()?;
    Some(format!("sha256:{}", sha256_hex(&canonical)))
}
