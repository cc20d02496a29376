//! Certificate requests that a client made with its own key (PKCS#10, RFC 2986).

use der::{Decode, Encode};
use x509_cert::request::CertReq;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// The public key of a request, DER or PEM, whose signature shows that the client has the private key. `None`: it is none, or damaged.
pub(crate) fn requested_key(request: &[u8]) -> Option<SubjectPublicKeyInfoOwned> {
    let der = match request.trim_ascii_start().starts_with(b"-----BEGIN") {
        true => der::pem::decode_vec(request).ok()?.1,
        false => request.to_vec(),
    };
    let request = CertReq::from_der(&der).ok()?;
    let key = request.info.public_key.clone();
    let signed = request.info.to_der().ok()?;
    // The provider writes algorithms without the outer tag and length, which take two octets here.
    let (key_kind, signature_kind) = (key.algorithm.to_der().ok()?, request.algorithm.to_der().ok()?);
    let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let fits = |algorithm: &&&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
        key_kind.get(2..) == Some(algorithm.public_key_alg_id().as_ref()) && signature_kind.get(2..) == Some(algorithm.signature_alg_id().as_ref())
    };
    let algorithm = known.all.iter().find(fits)?;
    algorithm.verify_signature(key.subject_public_key.as_bytes()?, &signed, request.signature.as_bytes()?).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::str::FromStr;

    use der::EncodePem;
    use der::pem::LineEnding;
    use p256::ecdsa::{DerSignature, SigningKey};
    use x509_cert::builder::{Builder, RequestBuilder};
    use x509_cert::name::Name;

    use super::*;
    use crate::pki::issue::{ClientKeys, KeyPair};

    #[test]
    fn only_a_request_signed_with_its_own_key_passes() {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let name = Name::from_str("CN=1310001-uketsuke01,O=Aozora Medical Network,C=JP").unwrap();
        let request = RequestBuilder::new(name).unwrap().build::<_, DerSignature>(&key).unwrap();
        let der = request.to_der().unwrap();
        let public = SubjectPublicKeyInfoOwned::from_key(key.verifying_key()).unwrap();
        assert_eq!(requested_key(&der), Some(public.clone()));
        assert_eq!(requested_key(request.to_pem(LineEnding::LF).unwrap().as_bytes()), Some(public));
        let mut of_another = request;
        of_another.info.public_key = KeyPair::generate(ClientKeys::P256).unwrap().public().unwrap();
        assert_eq!(requested_key(&of_another.to_der().unwrap()), None);
        assert_eq!(requested_key(b"<html>"), None);
    }
}
