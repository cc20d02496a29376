//! Certificates for tests: described, not encoded.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::backend::StoredCert;
use crate::dsl::{CertInfo, Subject};

/// The issuer of [`certificate`], as Windows shows it.
pub const ISSUER: &str = "Online Billing NW Common Root CA - 01";

/// Noon in Japan of a day (`2026-11-23`).
pub fn day(date: &str) -> Timestamp {
    format!("{date}T12:00:00+09:00").parse().expect("a day")
}

/// A certificate with its key, of the practice issuer; in no holder yet. Different serials make different thumbprints.
pub fn certificate(cn: &str, serial: u64, from: &str, until: &str) -> CertInfo {
    let sha256 = hex::encode(Sha256::digest(der(cn, serial)));
    CertInfo {
        sha1: sha256[..40].to_owned(),
        sha256,
        serial: format!("{serial:04x}"),
        subject: Subject {
            cn: cn.to_owned(),
            o: Some("ReceiptOnline".to_owned()),
            ou: vec!["medical".to_owned(), "hokkaido".to_owned()],
            c: Some("JP".to_owned()),
        },
        subject_dn: format!("CN={cn},OU=medical,OU=hokkaido,O=ReceiptOnline,C=JP"),
        issuer: ISSUER.to_owned(),
        issuer_dn: format!("CN={ISSUER},O=KIRIKAE PRACTICE,C=JP"),
        not_before: day(from),
        not_after: day(until),
        has_key: true,
        key_exportable: true,
        key_protected: false,
        holder: String::new(),
        friendly_name: None,
    }
}

/// The certificate as a store or file holds it, with bytes that stand for its DER.
pub fn stored(info: CertInfo) -> StoredCert {
    StoredCert { der: info.sha256.clone().into_bytes(), info }
}

fn der(cn: &str, serial: u64) -> String {
    format!("certificate {serial} of {cn}")
}
