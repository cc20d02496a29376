//! Secret values: held, handed to a backend, wiped; never shown, compared in logs, hashed or serialised.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A secret value. It has no `Debug`, `Display` or `Serialize`; its memory is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a text (a password, a reference ID).
    pub fn text(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into().into_bytes()))
    }

    /// Takes bytes (a file that holds a private key).
    pub fn bytes(value: Vec<u8>) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The text. `None` if the bytes are not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Where a secret lies: `vault:<id>`. This, never the value, stands in plans and journals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SecretRef(String);

impl SecretRef {
    /// The reference of the vault entry `id`.
    pub fn vault(id: &str) -> Self {
        Self(format!("vault:{id}"))
    }

    /// The entry of a value that is kept under a name and a subject: one entry for each pair.
    pub fn kept(name: &str, about: &str) -> Self {
        let digest = hex::encode(Sha256::digest(format!("{}:{name}{about}", name.len())));
        Self::vault(&format!("kept-{}", &digest[..16]))
    }

    /// The reference as written in a journal; `None` unless it starts with `vault:`.
    pub fn parse(text: &str) -> Option<Self> {
        text.strip_prefix("vault:").map(Self::vault)
    }

    /// The vault entry's id.
    pub fn id(&self) -> &str {
        self.0.strip_prefix("vault:").unwrap_or(&self.0)
    }

    /// `vault:<id>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
