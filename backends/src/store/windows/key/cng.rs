//! Keys of CNG: RSA and elliptic curves. Real Windows only: Wine keeps no such keys.

use std::collections::BTreeMap;

use der::Encode;
use der::asn1::UintRef;
use kirikae_engine::backend::{BackendError, ImportOption, ImportRequest, OptionSupport};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use rustls::SignatureScheme;
use zeroize::Zeroizing;

use super::super::options::unattended;
use super::super::place::Place;
use super::super::refusal::{Doing, coded};
use super::{Facts, KeyPath, PublicKey, is_card_provider};
use crate::store::p12::{self, Credential};
use crate::windows::cert::{Certificate, Container};
use crate::windows::cng::{Key, Padding};
use crate::windows::{Refusal, pfx};

const RSA: [SignatureScheme; 6] = [
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// The chip on the main board that keeps keys for Windows: a device, but one that asks nobody.
const TPM: &str = "Microsoft Platform Crypto Provider";

pub(super) struct Cng;

impl KeyPath for Cng {
    fn options(&self) -> BTreeMap<ImportOption, OptionSupport> {
        BTreeMap::from([
            (ImportOption::Exportable, OptionSupport::Honoured),
            (ImportOption::StrongProtection, OptionSupport::Refused),
            (ImportOption::ExtendedProperties, OptionSupport::Honoured),
        ])
    }

    fn import(&self, place: &Place, credential: &Credential, request: &ImportRequest) -> Result<Certificate, BackendError> {
        let refused = |refusal: Refusal| coded(Doing::Importing, &place.id(), refusal.call, refusal.code);
        let password = request.password.expose_text().unwrap_or_default();
        let imported = pfx::import(request.file.expose(), password, unattended(place.location, &request.options)).map_err(refused)?;
        let leaf = imported.certificates().into_iter().find(|certificate| certificate.der() == credential.leaf.der && certificate.container().is_some());
        leaf.ok_or_else(|| {
            let cause = Text::new("Windows は、証明書ファイルから鍵を取り出しませんでした。", "Windows took no key for this certificate out of the file.");
            BackendError::new("KEY.UNUSABLE", cause)
        })
    }

    fn facts(&self, der: &[u8], container: &Container) -> Facts {
        if is_card_provider(&container.provider) {
            return Facts::CARD;
        }
        match Key::open(der, container) {
            Ok(key) if key.hardware() && container.provider != TPM => Facts::CARD,
            Ok(key) => Facts { present: true, exportable: key.exportable(), protected: key.protected(), card: false },
            Err(refusal) => Facts::unopened(refusal),
        }
    }

    fn schemes(&self, public: PublicKey) -> &'static [SignatureScheme] {
        match public {
            PublicKey::Rsa => &RSA,
            PublicKey::P256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
            PublicKey::P384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
            PublicKey::Other => &[],
        }
    }

    fn sign(&self, der: &[u8], container: &Container, scheme: SignatureScheme, digest: &[u8]) -> Result<Vec<u8>, Refusal> {
        let padding = match scheme {
            SignatureScheme::RSA_PSS_SHA256 | SignatureScheme::RSA_PSS_SHA384 | SignatureScheme::RSA_PSS_SHA512 => Padding::Pss,
            SignatureScheme::ECDSA_NISTP256_SHA256 | SignatureScheme::ECDSA_NISTP384_SHA384 => Padding::None,
            _ => Padding::Pkcs1,
        };
        let signature = Key::open(der, container)?.sign(digest, padding)?;
        Ok(if padding == Padding::None { ecdsa_value(&signature) } else { signature })
    }

    fn export(&self, place: &Place, certificate: &Certificate, _container: &Container) -> Result<Secret, BackendError> {
        // Windows lets the key out under a password only; this one lives for the two lines below.
        let mut octets = Zeroizing::new([0; 16]);
        getrandom::fill(&mut *octets).map_err(|reason| BackendError::new("KEY.UNUSABLE", Text::plain(reason.to_string())))?;
        let password = Secret::text(hex::encode(*octets));
        let refused = |refusal: Refusal| coded(Doing::Exporting, &place.id(), refusal.call, refusal.code);
        let file = pfx::export(certificate, password.expose_text().unwrap_or_default()).map_err(refused)?;
        Ok(p12::open(&file, &password, &place.id())?.key)
    }

    fn delete(&self, der: &[u8], container: &Container) -> Result<(), Refusal> {
        Key::open(der, container)?.delete()
    }
}

/// The two numbers of an ECDSA signature as TLS sends them (RFC 8446 4.2.3: Ecdsa-Sig-Value, DER).
fn ecdsa_value(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let encode = || -> der::Result<Vec<u8>> { vec![UintRef::new(r)?, UintRef::new(s)?].to_der() };
    // Octets are always a number, and two numbers a sequence; an empty signature fails its check.
    encode().unwrap_or_default()
}
