//! The TLS side of a portal: trusted roots, and a client certificate whose key stays where it is.
//!
//! May use: rustls with the ring provider, [`Signer`]. Must not: trust anything that the settings do not name.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use kirikae_engine::backend::{BackendError, Signer};
use kirikae_engine::text::Text;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion};

use super::Roots;

/// What the handshakes of a session did with the client certificate.
#[derive(Debug, Default)]
pub(super) struct KeyUse(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    presented: bool,
    failed: Option<BackendError>,
}

impl KeyUse {
    /// Whether the server asked for the certificate and got it with a signature.
    pub fn presented(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).presented
    }

    /// Why the key did not sign, once.
    pub fn take_failure(&self) -> Option<BackendError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failed.take()
    }

    fn note(&self, signed: &Result<Vec<u8>, BackendError>) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match signed {
            Ok(_) => used.presented = true,
            Err(error) => used.failed = Some(error.clone()),
        }
    }
}

/// The trusted roots.
///
/// # Errors
/// `NET.UNTRUSTED` if there is none, or the file cannot be read.
pub(super) fn roots(from: &Roots) -> Result<Arc<RootCertStore>, BackendError> {
    let mut store = RootCertStore::empty();
    match from {
        Roots::Pem(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                store.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        Roots::System(found) => {
            store.add_parsable_certificates(found.iter().map(|der| CertificateDer::from(der.as_slice())));
        }
    }
    if store.is_empty() {
        return Err(BackendError::new("NET.UNTRUSTED", Text::new("信頼するルート証明書が1枚もありません。", "there is not one root certificate to trust.")));
    }
    Ok(Arc::new(store))
}

/// Whose servers are talked to.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// Those with a certificate under one of these roots.
    Under(Arc<RootCertStore>),
    /// Anyone: what is received is not trusted either (`trust: none`).
    Nobody,
}

/// The TLS configuration of one client.
///
/// # Errors
/// `NET.UNTRUSTED` if the provider cannot do TLS.
pub(super) fn config(trust: Trust, client: Option<(&Arc<dyn Signer>, &Arc<KeyUse>)>) -> Result<ClientConfig, BackendError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(client.map(|(signer, _)| &**signer)))
        .map_err(|error| unreadable(&error))?;
    let builder = match trust {
        Trust::Under(roots) => builder.with_root_certificates(roots),
        Trust::Nobody => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider.signature_verification_algorithms))),
    };
    Ok(match client {
        None => builder.with_no_client_auth(),
        Some((signer, used)) => builder.with_client_cert_resolver(Arc::new(Resolver(certified(signer, used)))),
    })
}

/// TLS 1.3 wants signatures that older keys cannot make (RSA-PSS, RFC 8446 4.2.3); with such a key it is TLS 1.2.
fn versions(client: Option<&dyn Signer>) -> &'static [&'static SupportedProtocolVersion] {
    let fits =
        |scheme: &SignatureScheme| !matches!(scheme, SignatureScheme::RSA_PKCS1_SHA256 | SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::RSA_PKCS1_SHA512);
    let modern = client.is_none_or(|signer| signer.schemes().into_iter().map(SignatureScheme::from).any(|scheme| fits(&scheme)));
    if modern { rustls::DEFAULT_VERSIONS } else { TLS_1_2 }
}

static TLS_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// What a failed handshake says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// The server's certificate is not trusted, or not for this name.
    Untrusted,
    /// The server refused the client certificate.
    ClientRejected,
}

/// Finds in the sources of an error what the TLS handshake says, if it is about a certificate.
pub(super) fn handshake(error: &(dyn Error + 'static)) -> Option<Handshake> {
    let mut next = Some(error);
    while let Some(at) = next {
        if let Some(found) = at.downcast_ref::<rustls::Error>().and_then(certificate_trouble) {
            return Some(found);
        }
        // An io::Error's source() is that of the error inside it, so the inner one is asked for by itself.
        if let Some(inner) = at.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = handshake(inner)
        {
            return Some(found);
        }
        next = at.source();
    }
    None
}

fn certificate_trouble(error: &rustls::Error) -> Option<Handshake> {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Some(Handshake::Untrusted),
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => Some(Handshake::ClientRejected),
        _ => None,
    }
}

fn unreadable(error: &dyn fmt::Display) -> BackendError {
    BackendError::new("NET.UNTRUSTED", Text::new(format!("ルート証明書を読めません: {error}"), format!("the root certificates cannot be read: {error}")))
}

fn certified(signer: &Arc<dyn Signer>, used: &Arc<KeyUse>) -> Arc<CertifiedKey> {
    let chain = signer.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
    Arc::new(CertifiedKey::new(chain, Arc::new(Key { signer: signer.clone(), used: used.clone() })))
}

/// Takes any server certificate; the server must have its key all the same.
#[derive(Debug)]
struct AnyServer(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[derive(Debug)]
struct Resolver(Arc<CertifiedKey>);

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Key {
    signer: Arc<dyn Signer>,
    used: Arc<KeyUse>,
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        let own = self.signer.schemes().into_iter().map(SignatureScheme::from);
        let scheme = own.into_iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(Signing { signer: self.signer.clone(), used: self.used.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.signer.schemes().first().map(|scheme| SignatureScheme::from(*scheme)) {
            Some(SignatureScheme::ECDSA_NISTP256_SHA256 | SignatureScheme::ECDSA_NISTP384_SHA384 | SignatureScheme::ECDSA_NISTP521_SHA512) => {
                SignatureAlgorithm::ECDSA
            }
            Some(SignatureScheme::ED25519) => SignatureAlgorithm::ED25519,
            _ => SignatureAlgorithm::RSA,
        }
    }
}

#[derive(Debug)]
struct Signing {
    signer: Arc<dyn Signer>,
    used: Arc<KeyUse>,
    scheme: SignatureScheme,
}

impl rustls::sign::Signer for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signed = self.signer.sign(self.scheme.into(), message);
        self.used.note(&signed);
        signed.map_err(|error| rustls::Error::General(error.code))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

#[cfg(test)]
mod tests {
    use kirikae_engine::dsl::CertInfo;

    use super::*;

    #[derive(Debug)]
    struct Signs(Vec<SignatureScheme>);

    impl Signer for Signs {
        fn info(&self) -> &CertInfo {
            unreachable!("nobody asks")
        }
        fn chain(&self) -> &[Vec<u8>] {
            &[]
        }
        fn schemes(&self) -> Vec<u16> {
            self.0.iter().map(|scheme| u16::from(*scheme)).collect()
        }
        fn sign(&self, _scheme: u16, _message: &[u8]) -> Result<Vec<u8>, BackendError> {
            Ok(vec![])
        }
    }

    #[test]
    fn a_key_without_modern_signatures_keeps_to_tls_1_2() {
        let older = Signs(vec![SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA512]);
        assert_eq!(versions(Some(&older)), [&rustls::version::TLS12]);
        let modern = Signs(vec![SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PSS_SHA256]);
        for signer in [None, Some(&modern as &dyn Signer)] {
            assert!(versions(signer).contains(&&rustls::version::TLS13));
        }
    }
}
