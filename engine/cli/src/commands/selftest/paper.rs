//! The throw-away certificate: signed by itself, for two days, worth nothing anywhere.

use jiff::Timestamp;
use kirikae_backends::store::p12;
use kirikae_engine::backend::BackendError;
use kirikae_engine::dsl::Type;
use kirikae_engine::secret::Secret;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rsa::PrivateKey;
use rsa::pkcs8::EncodePrivateKey;

use super::course::wrong;
use crate::secrets::generate;
use kirikae_engine::text::Text;

/// What people see of it in the list of Windows.
const FRIENDLY_NAME: &str = "kirikae selftest 自己診断 (消してかまいません)";

/// The kind of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
}

impl KeyKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rsa => "RSA-2048",
            Self::P256 => "P-256",
        }
    }
}

/// A certificate with its key, as a file.
pub(super) struct Paper {
    /// PKCS#12.
    pub file: Secret,
    /// Its password.
    pub password: Secret,
    /// The name that people see.
    pub friendly_name: String,
}

impl Paper {
    /// A fresh one.
    pub(super) fn make(kind: KeyKind) -> Result<Self, BackendError> {
        let failed = |reason: &dyn std::fmt::Display| wrong(Text::plain(reason.to_string()));
        let key = match kind {
            KeyKind::P256 => KeyPair::generate().map_err(|reason| failed(&reason))?,
            KeyKind::Rsa => {
                let made = PrivateKey::new(&mut getrandom::SysRng, 2048).map_err(|reason| failed(&reason))?;
                let der = made.to_pkcs8_der().map_err(|reason| failed(&reason))?;
                KeyPair::try_from(der.as_bytes()).map_err(|reason| failed(&reason))?
            }
        };
        let mark = generate(&Type::Hex)?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, format!("kirikae selftest {}", mark.expose_text().unwrap_or_default()));
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        let day = std::time::Duration::from_secs(86_400);
        let now = std::time::SystemTime::from(Timestamp::now());
        (params.not_before, params.not_after) = ((now - day).into(), (now + day).into());
        let certificate = params.self_signed(&key).map_err(|reason| failed(&reason))?;
        let password = generate(&Type::Ascii)?;
        let file = p12::write(&Secret::bytes(key.serialize_der()), &[certificate.der().to_vec()], FRIENDLY_NAME, &password)?;
        Ok(Self { file: Secret::bytes(file), password, friendly_name: FRIENDLY_NAME.to_owned() })
    }
}
