//! `NAME.json`: what may be seen of a credential without the store's password.
//!
//! May use: JSON and the certificate. Must not: touch files; hold anything secret.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kirikae_engine::backend::{ImportOption, StoredCert};
use kirikae_engine::dsl::CertInfo;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::x509::{Custody, NotACertificate, cert_info};

/// Bytes of a `NAME.json`.
pub(super) const MAX_SIZE: u64 = 1 << 20;

/// The version of the file's shape.
const VERSION: u32 = 1;

/// Letters of the Common Name that go into a file name.
const NAME_LETTERS: usize = 40;

/// One credential as `NAME.json` describes it.
pub(super) struct Entry {
    name: String,
    der: Vec<u8>,
    record: Record,
}

/// The file's shape.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    /// DER, base64.
    certificate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    friendly_name: Option<String>,
    /// The import options that were asked for.
    options: BTreeMap<String, bool>,
    /// Of `NAME.p12` as it was written with this file.
    p12_sha256: String,
}

impl Entry {
    /// A new entry.
    pub(super) fn new(name: String, der: &[u8], friendly_name: Option<String>, options: &BTreeMap<ImportOption, bool>, p12_sha256: &[u8]) -> Self {
        let options = options.iter().map(|(option, yes)| (option_name(*option).to_owned(), *yes)).collect();
        let record = Record { version: VERSION, certificate: STANDARD.encode(der), friendly_name, options, p12_sha256: hex::encode(p12_sha256) };
        Self { name, der: der.to_vec(), record }
    }

    /// Reads `NAME.json`; the error is the reason, one line.
    pub(super) fn decode(name: &str, content: &[u8]) -> Result<Self, String> {
        let record: Record = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        if record.version != VERSION {
            return Err(format!("version {}", record.version));
        }
        let der = STANDARD.decode(&record.certificate).map_err(|error| format!("certificate: {error}"))?;
        Ok(Self { name: name.to_owned(), der, record })
    }

    /// The content of `NAME.json`.
    pub(super) fn encode(&self) -> Vec<u8> {
        // Strings and numbers always have a JSON form.
        serde_json::to_vec_pretty(&self.record).unwrap_or_default()
    }

    /// The file with the key.
    pub(super) fn key_file(&self) -> String {
        format!("{}.p12", self.name)
    }

    /// The file with this entry.
    pub(super) fn info_file(&self) -> String {
        format!("{}.json", self.name)
    }

    /// The certificate.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether the certificate's SHA-1 is `thumbprint`, in either case of letters.
    pub(super) fn has_thumbprint(&self, thumbprint: &str) -> bool {
        hex::encode(sha1::Sha1::digest(&self.der)).eq_ignore_ascii_case(thumbprint)
    }

    /// Whether this entry was written together with that `NAME.p12`.
    pub(super) fn is_of(&self, p12: &[u8]) -> bool {
        self.record.p12_sha256 == hex::encode(Sha256::digest(p12))
    }

    /// The certificate as the port gives it.
    pub(super) fn stored(&self, holder: &str, has_key: bool) -> Result<StoredCert, NotACertificate> {
        let custody = Custody {
            holder: holder.to_owned(),
            has_key,
            key_exportable: has_key,
            // Written down, but nothing here asks a person at each use.
            key_protected: false,
            friendly_name: self.record.friendly_name.clone(),
        };
        Ok(StoredCert { info: cert_info(&self.der, custody)?, der: self.der.clone() })
    }
}

/// The name of a credential's files: letters and digits of its Common Name for people, and the beginning of its SHA-256.
pub(super) fn name_of(info: &CertInfo) -> String {
    let words: String = info.subject.cn.chars().filter(|c| c.is_alphanumeric()).take(NAME_LETTERS).collect();
    let digest = info.sha256.get(..16).unwrap_or(&info.sha256);
    if words.is_empty() { digest.to_owned() } else { format!("{words}-{digest}") }
}

fn option_name(option: ImportOption) -> &'static str {
    match option {
        ImportOption::Exportable => "exportable",
        ImportOption::StrongProtection => "strong_protection",
        ImportOption::ExtendedProperties => "extended_properties",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_entry_survives_its_file() {
        let options = BTreeMap::from([(ImportOption::Exportable, true), (ImportOption::StrongProtection, false)]);
        let written = Entry::new("a".into(), b"der", Some("受付".into()), &options, &Sha256::digest(b"p12"));
        let read = Entry::decode("a", &written.encode()).unwrap();
        assert_eq!((read.der(), read.is_of(b"p12"), read.is_of(b"other")), (&b"der"[..], true, false));
        assert_eq!(read.record.friendly_name.as_deref(), Some("受付"));
        assert!(read.record.options["exportable"]);
    }

    #[test]
    fn damage_is_told_in_one_line() {
        for damaged in [&b"{"[..], b"", b"[]", br#"{"version":2,"certificate":"","options":{},"p12_sha256":""}"#] {
            assert!(!Entry::decode("a", damaged).err().unwrap().contains('\n'));
        }
    }
}
