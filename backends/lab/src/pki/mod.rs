//! The practice CA: real X.509, worthless outside rehearsals.
//!
//! Two roots with constant keys: one for the portals' TLS certificates, one above the issuers of the programs. An issuer's
//! key and certificate follow from the program's id and the issuer name of its profile, so they are the same on every machine.
//! May use: X.509, PKCS#8 and PKCS#12 libraries. Must not: know pages, state or files.

mod client;
mod csr;
mod issue;
mod p12;

use der::Decode;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;

pub(crate) use client::{Presented, Rejection, tls_config};
pub(crate) use csr::requested_key;
pub use issue::ClientKeys;
pub(crate) use issue::{Issuer, Validity, distinguished_name, random_bytes, subject_parts};
pub(crate) use p12::pack;

use crate::LabError;

/// The root above the portals' TLS certificates, PEM.
pub(crate) const SITE_ROOT: &str = include_str!("site_root.pem");
/// The root above the issuers, PEM.
pub(crate) const ISSUER_ROOT: &str = include_str!("issuer_root.pem");
const SITE_ROOT_KEY: &str = include_str!("site_root.key.pem");
const ISSUER_ROOT_KEY: &str = include_str!("issuer_root.key.pem");

/// SHA-256 fingerprints (lower-case hex) of the practice roots. Their private keys are public: nothing outside a rehearsal may trust them.
pub fn practice_root_fingerprints() -> Vec<String> {
    [SITE_ROOT, ISSUER_ROOT].iter().filter_map(|pem| certificate_der(pem).ok()).map(|der| hex::encode(Sha256::digest(der))).collect()
}

/// A PEM certificate as DER.
pub(crate) fn certificate_der(pem: &str) -> Result<Vec<u8>, LabError> {
    der::pem::decode_vec(pem.as_bytes()).map(|(_, der)| der).map_err(LabError::crypto)
}

/// A certificate's serial number, lower-case hex without leading zero octets.
pub(crate) fn serial_hex(der: &[u8]) -> Result<String, LabError> {
    let certificate = Certificate::from_der(der).map_err(LabError::crypto)?;
    Ok(strip_zeros(certificate.tbs_certificate().serial_number().as_bytes()))
}

/// Octets as lower-case hex without leading zero octets.
pub(crate) fn strip_zeros(octets: &[u8]) -> String {
    let first = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    hex::encode(&octets[first..])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn roots_are_the_constants_that_trust_refuses() {
        let expected = ["5d7a87a70df71760e3b2b0f648d1b552f576975d05750c8a0afba7704e47c80f", "2debcd901988a6ffaecf0a8ba43337f8e18bcc99af3fa0a8a388622209e44fb2"];
        assert_eq!(practice_root_fingerprints(), expected);
        assert!(expected.iter().all(|root| kirikae_engine::backend::PRACTICE_ROOTS.contains(root)));
    }
}
