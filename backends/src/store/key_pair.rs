//! Key pairs made here, and the certification requests that they sign (PKCS#10, RFC 2986).
//!
//! May use: `rsa`, `p256`, `x509-cert`. Must not: keep a key longer than a call, show one, write one anywhere.

use std::str::FromStr;

use der::Encode;
use getrandom::SysRng;
use kirikae_engine::backend::{BackendError, KeyKind};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use p256::ecdsa::{DerSignature, SigningKey};
use pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rsa::PrivateKey as RsaPrivateKey;
use rsa::pkcs1v15::{Signature as RsaSignature, SigningKey as RsaSigningKey};
use sha2::Sha256;
use x509_cert::builder::{Builder, RequestBuilder};
use x509_cert::name::Name;

/// Makes a key. PKCS#8 DER.
///
/// # Errors
/// `KEY.UNUSABLE`.
pub fn generate(kind: KeyKind) -> Result<Secret, BackendError> {
    let rsa = |bits| {
        let key = RsaPrivateKey::new(&mut SysRng, bits).map_err(|error| unusable(&error))?;
        key.to_pkcs8_der().map_err(|error| unusable(&error))
    };
    let document = match kind {
        KeyKind::Rsa2048 => rsa(2048),
        KeyKind::Rsa3072 => rsa(3072),
        KeyKind::P256 => loop {
            let mut scalar = zeroize::Zeroizing::new([0; 32]);
            getrandom::fill(&mut *scalar).map_err(|error| unusable(&error))?;
            // A number outside 1..n is refused, once in 2^32 draws.
            if let Ok(key) = SigningKey::from_slice(&*scalar) {
                break key.to_pkcs8_der().map_err(|error| unusable(&error));
            }
        },
    }?;
    Ok(Secret::bytes(document.as_bytes().to_vec()))
}

/// The public key of a PKCS#8 key, SubjectPublicKeyInfo in DER.
///
/// # Errors
/// `KEY.UNUSABLE`.
pub fn public_key(pkcs8: &Secret) -> Result<Vec<u8>, BackendError> {
    let document = match Key::read(pkcs8)? {
        Key::Rsa(key) => key.to_public_key().to_public_key_der(),
        Key::P256(key) => key.verifying_key().to_public_key_der(),
    };
    document.map(|document| document.as_bytes().to_vec()).map_err(|error| unusable(&error))
}

/// A certification request for this subject (parts such as `CN`, most specific first), signed with the key. DER.
///
/// # Errors
/// `KEY.UNUSABLE`; `INPUT.UNFIT` for a subject that no certificate can have.
pub fn request(pkcs8: &Secret, subject: &[(String, String)]) -> Result<Vec<u8>, BackendError> {
    let builder = RequestBuilder::new(name(subject)?).map_err(|error| unusable(&error))?;
    let request = match Key::read(pkcs8)? {
        Key::Rsa(key) => builder.build::<_, RsaSignature>(&RsaSigningKey::<Sha256>::new(*key)),
        Key::P256(key) => builder.build::<_, DerSignature>(&key),
    };
    request.map_err(|error| unusable(&error))?.to_der().map_err(|error| unusable(&error))
}

/// The key encrypted under a password (PBES2 with scrypt and AES-256, RFC 8018): what may lie on a disk.
///
/// # Errors
/// `KEY.UNUSABLE`.
pub fn encrypt(pkcs8: &Secret, password: &Secret) -> Result<Vec<u8>, BackendError> {
    let key = PrivateKeyInfoRef::try_from(pkcs8.expose()).map_err(|error| unusable(&error))?;
    Ok(key.encrypt(password.expose()).map_err(|error| unusable(&error))?.as_bytes().to_vec())
}

/// The key that [`encrypt`] wrote; `None` if the password does not open it.
pub fn decrypt(encrypted: &[u8], password: &Secret) -> Option<Secret> {
    let key = EncryptedPrivateKeyInfoRef::try_from(encrypted).ok()?.decrypt(password.expose()).ok()?;
    Some(Secret::bytes(key.as_bytes().to_vec()))
}

enum Key {
    Rsa(Box<RsaPrivateKey>),
    P256(SigningKey),
}

impl Key {
    fn read(pkcs8: &Secret) -> Result<Self, BackendError> {
        let der = pkcs8.expose();
        if let Ok(key) = SigningKey::from_pkcs8_der(der) {
            return Ok(Self::P256(key));
        }
        RsaPrivateKey::from_pkcs8_der(der).map(|key| Self::Rsa(Box::new(key))).map_err(|error| unusable(&error))
    }
}

/// A name from its parts, as RFC 4514 writes them. What a part says is data: it is escaped.
fn name(subject: &[(String, String)]) -> Result<Name, BackendError> {
    let escape = |value: &str| {
        value.chars().fold(String::new(), |mut text, c| {
            if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#') {
                text.push('\\');
            }
            text.push(c);
            text
        })
    };
    let text: Vec<String> = subject.iter().map(|(kind, value)| format!("{kind}={}", escape(value))).collect();
    Name::from_str(&text.join(",")).map_err(|error| {
        let cause = Text::new(
            format!("申請者の名前({})を証明書に書けません({error})。", text.join(",")),
            format!("no certificate can have the name {} ({error}).", text.join(",")),
        );
        BackendError::new("INPUT.UNFIT", cause)
    })
}

fn unusable(error: &dyn std::fmt::Display) -> BackendError {
    BackendError::new("KEY.UNUSABLE", Text::new(format!("鍵を扱えません({error})。"), format!("the key cannot be handled ({error}).")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use der::Decode;
    use x509_cert::request::CertReq;

    use super::*;

    fn subject(parts: &[(&str, &str)]) -> Vec<(String, String)> {
        parts.iter().map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_request_has_the_subject_as_data_and_the_key_that_was_made() {
        for kind in [KeyKind::P256, KeyKind::Rsa2048] {
            let key = generate(kind).unwrap();
            let request = request(&key, &subject(&[("CN", "1234567-受付,1"), ("O", "Aozora, Medical+Network"), ("C", "JP")])).unwrap();
            let read = CertReq::from_der(&request).unwrap();
            assert_eq!(read.info.public_key.to_der().unwrap(), public_key(&key).unwrap(), "{kind:?}");
            assert_eq!(read.info.subject.len(), 3, "a comma makes no part of its own");
            assert_eq!(read.info.subject.to_string(), r"CN=1234567-受付\,1,O=Aozora\, Medical\+Network,C=JP");
        }
        assert_eq!(request(&generate(KeyKind::P256).unwrap(), &subject(&[("XX", "1")])).unwrap_err().code, "INPUT.UNFIT");
    }

    #[test]
    fn what_lies_on_the_disk_opens_with_its_password_only() {
        let (key, password) = (generate(KeyKind::P256).unwrap(), Secret::text("店の password"));
        let encrypted = encrypt(&key, &password).unwrap();
        assert!(!encrypted.windows(16).any(|part| key.expose().windows(16).any(|own| own == part)), "nothing of the key is in the clear");
        assert_eq!(decrypt(&encrypted, &password).unwrap().expose(), key.expose());
        assert!(decrypt(&encrypted, &Secret::text("another")).is_none() && decrypt(b"<html>", &password).is_none());
    }
}
