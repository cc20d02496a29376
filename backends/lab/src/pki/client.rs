//! Client certificates: every one is let through the handshake, so that a page can say why it is refused; then it is judged.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use x509_cert::Certificate;

use super::issue::site_certificate;
use super::{ISSUER_ROOT, Issuer, certificate_der};
use crate::LabError;

/// The TLS configuration of a lab: a fresh certificate for loopback, client certificates asked for and none refused.
pub(crate) fn tls_config(issuers: &[&Issuer]) -> Result<ServerConfig, LabError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let hints = issuers.iter().map(|issuer| subject_der(issuer.der()).map(DistinguishedName::from)).collect::<Result<_, _>>()?;
    let (certificate, key) = site_certificate()?;
    let verifier = Arc::new(LetThrough { provider: provider.clone(), hints });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(LabError::crypto)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(certificate)], PrivatePkcs8KeyDer::from(key).into())
        .map_err(LabError::crypto)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Why a client certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// None was presented.
    Missing,
    /// Not from this program's practice issuer, or its signature is wrong.
    Unknown,
    /// Its time has not come or is over.
    OutOfTime,
}

/// The certificates a client presented in the handshake, leaf first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presented(pub Vec<Vec<u8>>);

impl Presented {
    /// The leaf, if the chain leads over `issuer` to the practice root at `now` and is for client authentication.
    pub(crate) fn judge(&self, issuer: &Issuer, now: Timestamp) -> Result<&[u8], Rejection> {
        let leaf = self.0.first().ok_or(Rejection::Missing)?;
        let mut roots = RootCertStore::empty();
        let root = certificate_der(ISSUER_ROOT).map_err(|_| Rejection::Unknown)?;
        roots.add(CertificateDer::from(root)).map_err(|_| Rejection::Unknown)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|_| Rejection::Unknown)?;
        let seconds = u64::try_from(now.as_second()).map_err(|_| Rejection::OutOfTime)?;
        // Only this program's issuer is an intermediate here: what the client sends beside its leaf is not needed.
        let intermediates = [CertificateDer::from(issuer.der())];
        verifier.verify_client_cert(&CertificateDer::from(leaf.as_slice()), &intermediates, UnixTime::since_unix_epoch(Duration::from_secs(seconds))).map_err(
            |error| match error {
                rustls::Error::InvalidCertificate(
                    CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. },
                ) => Rejection::OutOfTime,
                _ => Rejection::Unknown,
            },
        )?;
        Ok(leaf)
    }
}

fn subject_der(der: &[u8]) -> Result<Vec<u8>, LabError> {
    use der::{Decode, Encode};
    let certificate = Certificate::from_der(der).map_err(LabError::crypto)?;
    certificate.tbs_certificate().subject().to_der().map_err(LabError::crypto)
}

/// Checks only that the client has the key of the certificate it presents.
#[derive(Debug)]
struct LetThrough {
    provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
}

impl ClientCertVerifier for LetThrough {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: UnixTime) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pki::{Validity, distinguished_name};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn leaf(issuer: &Issuer) -> Presented {
        let validity = Validity { not_before: at("2026-01-01T00:00:00Z"), not_after: at("2026-12-31T14:59:59Z") };
        let name = distinguished_name(&[("CN", "0110119153")]).unwrap();
        Presented(vec![issuer.issue(&name, issuer.make_key().unwrap().public().unwrap(), validity).unwrap()])
    }

    #[test]
    fn a_chain_verifies_only_under_its_issuer_and_in_its_time() {
        let obn = Issuer::of("obn", "Online Billing NW Common Root CA - 01").unwrap();
        let other = Issuer::of("other", "Online Billing NW Common Root CA - 01").unwrap();
        let presented = leaf(&obn);
        let now = at("2026-11-23T00:00:00Z");
        assert!(presented.judge(&obn, now).is_ok());
        assert_eq!(presented.judge(&other, now), Err(Rejection::Unknown));
        assert_eq!(presented.judge(&obn, at("2027-01-01T00:00:00Z")), Err(Rejection::OutOfTime));
        assert_eq!(presented.judge(&obn, at("2025-12-31T00:00:00Z")), Err(Rejection::OutOfTime));
        assert_eq!(Presented::default().judge(&obn, now), Err(Rejection::Missing));
    }
}
