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
    CertInfo { not_before: day(from), not_after: day(until), ..certificate_of(cn, &format!("{serial:04x}"), ISSUER) }
}

/// The same with any serial (hex) and issuer; its days are to be set.
pub fn certificate_of(cn: &str, serial: &str, issuer: &str) -> CertInfo {
    let number = u64::from_str_radix(serial, 16).map_or_else(|_| serial.to_owned(), |number| number.to_string());
    let by = if issuer == ISSUER { String::new() } else { format!(" by {issuer}") };
    let sha256 = hex::encode(Sha256::digest(format!("certificate {number} of {cn}{by}")));
    CertInfo {
        sha1: sha256[..40].to_owned(),
        sha256,
        serial: serial.to_owned(),
        subject: Subject {
            cn: cn.to_owned(),
            o: Some("ReceiptOnline".to_owned()),
            ou: vec!["medical".to_owned(), "hokkaido".to_owned()],
            c: Some("JP".to_owned()),
        },
        subject_dn: format!("CN={cn},OU=medical,OU=hokkaido,O=ReceiptOnline,C=JP"),
        issuer: issuer.to_owned(),
        issuer_dn: format!("CN={issuer},O=KIRIKAE PRACTICE,C=JP"),
        not_before: Timestamp::UNIX_EPOCH,
        not_after: Timestamp::UNIX_EPOCH,
        has_key: true,
        key_exportable: true,
        key_protected: false,
        holder: String::new(),
        friendly_name: None,
        hc_role: None,
    }
}

/// A root certificate of this name, valid for long; without a key here.
pub fn root_certificate(cn: &str) -> CertInfo {
    let root = certificate_of(cn, "01", cn);
    let (has_key, key_exportable) = (false, false);
    CertInfo { not_before: day("2009-05-29"), not_after: day("2049-05-29"), subject_dn: root.issuer_dn.clone(), has_key, key_exportable, ..root }
}

/// The certificate as a store or file holds it, with bytes that stand for its DER.
pub fn stored(info: CertInfo) -> StoredCert {
    StoredCert { der: info.sha256.clone().into_bytes(), info }
}
