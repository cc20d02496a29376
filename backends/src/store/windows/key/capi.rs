//! Keys of CryptoAPI: RSA only, signatures of PKCS#1 v1.5 only. Works on Windows and under Wine.

use std::collections::BTreeMap;

use kirikae_engine::backend::{BackendError, ImportOption, ImportRequest, OptionSupport};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use rustls::SignatureScheme;

use super::super::place::{Location, Place};
use super::super::refusal::{Doing, coded};
use super::super::rsa_blob;
use super::{Facts, KeyPath, PublicKey, is_card_provider, wrong_kind};
use crate::store::p12::Credential;
use crate::windows::Refusal;
use crate::windows::capi::{self, Keys};
use crate::windows::cert::{Certificate, Container};

/// TLS 1.3 knows no PKCS#1 signatures, so these belong to TLS 1.2.
const SCHEMES: [SignatureScheme; 3] = [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA384, SignatureScheme::RSA_PKCS1_SHA512];

pub(super) struct Capi;

impl KeyPath for Capi {
    fn options(&self) -> BTreeMap<ImportOption, OptionSupport> {
        BTreeMap::from([
            (ImportOption::Exportable, OptionSupport::Honoured),
            (ImportOption::StrongProtection, OptionSupport::Refused),
            // Of them only the friendly name comes along.
            (ImportOption::ExtendedProperties, OptionSupport::Recorded),
        ])
    }

    fn import(&self, place: &Place, credential: &Credential, request: &ImportRequest) -> Result<Certificate, BackendError> {
        let blob = rsa_blob::from_pkcs8(&credential.key).ok_or_else(|| {
            wrong_kind(
                "この保管先(keys: capi)に入れられるのは RSA の鍵だけです。サイトファイルで keys: cng にしてください。",
                "this store (keys: capi) takes RSA keys only; write `keys: cng` in the site file.",
            )
        })?;
        let exportable = request.options.get(&ImportOption::Exportable) == Some(&true);
        let container = Container {
            name: container_name()?,
            provider: capi::PROVIDER.to_owned(),
            kind: capi::KIND,
            flags: if place.location == Location::LocalMachine { capi::MACHINE } else { 0 },
            spec: capi::EXCHANGE,
        };
        let refused = |refusal: Refusal| coded(Doing::Importing, &place.id(), refusal.call, refusal.code);
        let keys = Keys::create(&container).map_err(refused)?;
        let put = || {
            keys.import(&blob, exportable)?;
            let certificate = Certificate::new(&credential.leaf.der)?;
            certificate.set_container(&container)?;
            Ok(certificate)
        };
        put().map_err(|refusal| {
            // As before: the empty container goes again.
            let _ = capi::delete(&container);
            refused(refusal)
        })
    }

    fn facts(&self, _der: &[u8], container: &Container) -> Facts {
        if is_card_provider(&container.provider) {
            return Facts::CARD;
        }
        let opened = Keys::open(container).and_then(|keys| Ok((keys.hardware(), keys.exportable()?)));
        match opened {
            Ok((true, _)) => Facts::CARD,
            Ok((false, exportable)) => Facts { present: true, exportable, ..Facts::default() },
            Err(refusal) => Facts::unopened(refusal),
        }
    }

    fn schemes(&self, public: PublicKey) -> &'static [SignatureScheme] {
        if public == PublicKey::Rsa { &SCHEMES } else { &[] }
    }

    fn sign(&self, _der: &[u8], container: &Container, _scheme: SignatureScheme, digest: &[u8]) -> Result<Vec<u8>, Refusal> {
        Keys::open(container)?.sign(digest)
    }

    fn export(&self, place: &Place, _certificate: &Certificate, container: &Container) -> Result<Secret, BackendError> {
        let refused = |refusal: Refusal| coded(Doing::Exporting, &place.id(), refusal.call, refusal.code);
        let blob = Keys::open(container).map_err(refused)?.export().map_err(refused)?;
        rsa_blob::to_pkcs8(&blob).ok_or_else(|| wrong_kind("取り出した鍵を読めません。", "the key that came out cannot be read."))
    }

    fn delete(&self, _der: &[u8], container: &Container) -> Result<(), Refusal> {
        capi::delete(container)
    }
}

/// A name that no other container has.
fn container_name() -> Result<String, BackendError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|reason| BackendError::new("KEY.UNUSABLE", Text::plain(reason.to_string())))?;
    Ok(format!("kirikae-{}", hex::encode(octets)))
}
