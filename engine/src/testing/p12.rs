//! PKCS#12 files that only [`FakeP12`] can open.

use std::collections::BTreeMap;
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use super::{locked, stored};
use crate::backend::{BackendError, OpenedP12, P12, StoredCert};
use crate::dsl::CertInfo;
use crate::secret::Secret;
use crate::text::Text;

/// Makes and opens files. The bytes are a whole PFX header around a number; what is "in" them is known here.
#[derive(Default)]
pub struct FakeP12(Mutex<BTreeMap<String, Inside>>);

/// Password, certificate of the key, other certificates.
type Inside = (String, CertInfo, Vec<CertInfo>);

impl std::fmt::Debug for FakeP12 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeP12")
    }
}

impl FakeP12 {
    /// A new file with this password. Two files of the same certificate differ, as real ones do.
    pub fn make(&self, password: &str, leaf: &CertInfo, others: &[CertInfo]) -> Secret {
        let mut files = locked(&self.0);
        let body = format!("file {} of {}", files.len(), leaf.sha1);
        let mut bytes = vec![0x30, 0x82];
        bytes.extend(u16::try_from(body.len() + 3).expect("short").to_be_bytes());
        bytes.extend([0x02, 0x01, 0x03]);
        bytes.extend(body.bytes());
        files.insert(hex::encode(Sha256::digest(&bytes)), (password.to_owned(), leaf.clone(), others.to_vec()));
        Secret::bytes(bytes)
    }

    /// A new file of a certificate without its key.
    pub fn make_certificate(&self, cert: &CertInfo) -> Secret {
        let content = Secret::text(format!("certificate {}", cert.sha1));
        let bare = CertInfo { has_key: false, key_exportable: false, ..cert.clone() };
        locked(&self.0).insert(hex::encode(Sha256::digest(content.expose())), (String::new(), bare, vec![]));
        content
    }

    /// The certificate with this SHA-256 among the files without a key.
    pub(super) fn certificate_of(&self, sha256: &str) -> Option<CertInfo> {
        locked(&self.0).values().map(|(_, cert, _)| cert).find(|cert| !cert.has_key && cert.sha256 == sha256).cloned()
    }

    /// The certificate of the key in a file that was made here.
    pub fn leaf_of(&self, file: &Secret) -> Option<CertInfo> {
        let sha256 = hex::encode(Sha256::digest(file.expose()));
        locked(&self.0).get(&sha256).map(|(_, leaf, _)| leaf.clone())
    }
}

impl P12 for FakeP12 {
    fn open(&self, file: &Secret, password: &Secret) -> Result<OpenedP12, BackendError> {
        let sha256 = hex::encode(Sha256::digest(file.expose()));
        let files = locked(&self.0);
        let Some((right, leaf, others)) = files.get(&sha256) else {
            return Err(BackendError::new("P12.UNREADABLE", Text::new("PKCS#12 として読めません。", "not readable as PKCS#12.")));
        };
        if password.expose() != right.as_bytes() {
            return Err(BackendError::new("P12.BAD_PASSWORD", Text::new("パスワードが違います。", "wrong password.")));
        }
        if !leaf.has_key {
            return Err(BackendError::new("P12.NO_KEY", Text::new("秘密鍵がありません。", "no private key.")));
        }
        let here = |cert: &CertInfo| -> StoredCert { stored(CertInfo { holder: format!("file:{sha256}"), ..cert.clone() }) };
        Ok(OpenedP12 { leaf: here(leaf), others: others.iter().map(here).collect() })
    }

    fn certificates(&self, file: &Secret) -> Result<Vec<StoredCert>, BackendError> {
        let sha256 = hex::encode(Sha256::digest(file.expose()));
        let files = locked(&self.0);
        match files.get(&sha256).filter(|(_, cert, _)| !cert.has_key) {
            Some((_, cert, _)) => Ok(vec![stored(CertInfo { holder: format!("file:{sha256}"), ..cert.clone() })]),
            None => Err(BackendError::new("CERT.UNREADABLE", Text::new("証明書として読めません。", "not readable as a certificate."))),
        }
    }

    /// Takes what a fake store's key signs: the thumbprint, then the message.
    fn verify(&self, certificate: &[u8], _scheme: u16, message: &[u8], signature: &[u8]) -> Result<(), BackendError> {
        let sha256 = String::from_utf8_lossy(certificate).into_owned();
        let fits = sha256.get(..40).is_some_and(|sha1| signature == [sha1.as_bytes(), message].concat());
        if fits { Ok(()) } else { Err(BackendError::new("KEY.MISMATCH", Text::new("署名が合いません。", "the signature does not fit."))) }
    }
}
