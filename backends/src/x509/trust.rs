//! Whether a certificate leads to one of the roots that somebody trusts.
//!
//! May use: `rustls-webpki`, which builds the path and checks it (RFC 5280 6). Must not: find roots by itself; ask anybody about revocation.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use kirikae_engine::text::Text;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, anchor_from_trusted_cert};

/// What the certificate is meant for (RFC 5280 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Showing who connects to a server.
    ClientAuth,
    /// Showing who a server is.
    ServerAuth,
    /// Whatever it says; signing certificates have purposes of their own.
    Any,
}

/// Why a certificate does not lead to a root that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// Of it or of one above it.
    Expired,
    /// Of it or of one above it.
    NotYetValid,
    /// None of the certificates given issued it, or an issuer is missing in between.
    UnknownIssuer,
    /// A signature is not the issuer's.
    BadSignature,
    /// It does not say that it is meant for this.
    WrongPurpose,
    /// It demands that something be understood that is not.
    CriticalExtension,
    /// It is a certification authority's own and not one of the roots.
    Authority,
    /// An issuer may not issue this.
    NotAllowed,
    /// A signature with an algorithm that is no longer accepted (SHA-1) or not known.
    WeakSignature,
    /// It cannot be read.
    Unreadable,
}

impl Untrusted {
    /// For people.
    pub fn text(self) -> Text {
        let (ja, en) = match self {
            Self::Expired => ("期限の切れた証明書があります。", "a certificate has expired."),
            Self::NotYetValid => ("有効期間がまだ始まっていない証明書があります。", "a certificate is not valid yet."),
            Self::UnknownIssuer => ("指定したルート証明書まで、発行者をたどれません。", "its issuers do not lead to a given root."),
            Self::BadSignature => ("発行者の署名が合いません。", "a signature is not the issuer's."),
            Self::WrongPurpose => ("この用途の証明書ではありません。", "it is not meant for this purpose."),
            Self::CriticalExtension => {
                ("必ず解釈するよう求める拡張があり、確かめられません。", "it has a critical extension that is not known here, so it cannot be told.")
            }
            Self::Authority => (
                "認証局の証明書で、指定したルート証明書のどれでもありません。",
                "it is the certificate of a certification authority and none of the given roots.",
            ),
            Self::NotAllowed => ("発行者に許されていない証明書です。", "its issuer may not issue it."),
            Self::WeakSignature => ("今は認められない署名方式(SHA-1など)です。", "it is signed in a way that is not accepted any more (SHA-1 and the like)."),
            Self::Unreadable => ("証明書を読めません。", "a certificate cannot be read."),
        };
        Text::new(ja, en)
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().en.as_deref().unwrap_or_default())
    }
}

impl std::error::Error for Untrusted {}

impl From<Error> for Untrusted {
    fn from(error: Error) -> Self {
        match error {
            Error::CertExpired { .. } => Self::Expired,
            Error::CertNotValidYet { .. } => Self::NotYetValid,
            Error::UnknownIssuer => Self::UnknownIssuer,
            Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => Self::BadSignature,
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Self::WrongPurpose,
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::WeakSignature,
            Error::CaUsedAsEndEntity => Self::Authority,
            Error::EndEntityUsedAsCa | Error::NameConstraintViolation | Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => Self::NotAllowed,
            _ => Self::Unreadable,
        }
    }
}

/// Builds the path from `leaf` over `others`, in any order, to one of `roots` (DER) and checks it as of `at`. Gives the path: the leaf,
/// its issuers, the root. A root itself is its own path.
///
/// # Errors
/// [`Untrusted`]; of several paths, why the most promising one failed.
pub fn verify_chain(leaf: &[u8], others: &[Vec<u8>], roots: &[Vec<u8>], at: Timestamp, purpose: Purpose) -> Result<Vec<Vec<u8>>, Untrusted> {
    if roots.iter().any(|root| root == leaf) {
        return Ok(vec![leaf.to_vec()]);
    }
    let der = CertificateDer::from(leaf);
    let certificate = EndEntityCert::try_from(&der)?;
    let root_ders: Vec<CertificateDer<'_>> = roots.iter().map(|root| CertificateDer::from(root.as_slice())).collect();
    let anchors = root_ders.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>()?;
    let between: Vec<CertificateDer<'_>> = others.iter().map(|other| CertificateDer::from(other.as_slice())).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0)));
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let path = certificate.verify_for_usage(algorithms, &anchors, &between, time, Usage(purpose), None, None)?;
    let mut chain = vec![leaf.to_vec()];
    chain.extend(path.intermediate_certificates().map(|cert| cert.der().to_vec()));
    let anchor =
        anchors.iter().position(|anchor| anchor.subject == path.anchor().subject && anchor.subject_public_key_info == path.anchor().subject_public_key_info);
    chain.extend(anchor.map(|index| roots[index].clone()));
    Ok(chain)
}

struct Usage(Purpose);

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        match self.0 {
            Purpose::ClientAuth => KeyUsage::client_auth().validate(purposes),
            Purpose::ServerAuth => KeyUsage::server_auth().validate(purposes),
            Purpose::Any => Ok(()),
        }
    }
}
