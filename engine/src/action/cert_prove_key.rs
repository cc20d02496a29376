//! `cert.prove_key`: shows that a certificate's private key is there and fits. Reads only.

use sha2::{Digest, Sha256};

use super::manifest::{input, manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::{BackendError, Verb};
use crate::dsl::{Proof, ProofBy, ProofKind, Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct CertProveKey;

impl Action for CertProveKey {
    fn manifest(&self) -> Manifest {
        Manifest {
            inputs: vec![
                input("cert", Type::Cert, "確かめる証明書。", "the certificate to prove."),
                input("session", Type::TokenSession.optional(), "鍵がUSBキーにあるとき、開いたUSBキー。", "the opened token, where the key is on one."),
            ],
            outputs: vec![output(
                "proof",
                Type::Proof,
                "鍵が合うという証明。相手に受け付けられたという証明ではないため、古い証明書の削除には使えません。",
                "proof that the key fits. Nobody has accepted the credential: it does not do for deleting the old one.",
            )],
            codes: vec!["CERT.GONE", "KEY.MISMATCH", "KEY.UNUSABLE", "STORE.UNREADABLE", "TOKEN.ABSENT", "TOKEN.FAILED", "TOKEN.NOT_OPEN", "TOKEN.WRONG"],
            verbs: vec![Verb::Sign],
            ..manifest(
                "cert.prove_key",
                Phrase { ja: "秘密鍵が使えることを確かめる", en: "Prove a private key" },
                Phrase {
                    ja: "秘密鍵で署名し、その署名を証明書の公開鍵で確かめます。どこにもつなぎません。",
                    en: "Signs with the private key and checks the signature with the certificate's public key. Contacts nothing.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for CertProveKey {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let cert = inputs.cert("cert").ok_or_else(|| Inputs::unknown("cert"))?;
        let signer = cx.sessions.signer(cx, cert, inputs.live("session"))?;
        let own = signer.chain().first().filter(|_| signer.info().sha256 == cert.sha256).ok_or_else(|| {
            BackendError::new(
                "CERT.GONE",
                Text::new(
                    format!("{} にあるのは、探したときの証明書 {} ではありません。", cert.holder, cert.sha1),
                    format!("what is in {} is not the certificate {} that was found.", cert.holder, cert.sha1),
                ),
            )
        })?;
        let scheme = *signer.schemes().first().ok_or_else(|| {
            let cause = Text::new("この種類の鍵では署名できません。", "a key of this kind cannot sign.");
            BackendError::new("KEY.UNUSABLE", cause)
        })?;
        // Nobody else signs this message: it is of this step and this moment.
        let message = Sha256::digest(format!("kirikae proves {} for {} at {}", cert.sha256, cx.call.key.as_str(), cx.wall));
        let signature = signer.sign(scheme, &message)?;
        cx.backends.p12().verify(own, scheme, &message, &signature)?;
        let proof = Proof {
            thumbprint: cert.sha1.clone(),
            sha256: cert.sha256.clone(),
            holder: cert.holder.clone(),
            kind: ProofKind::Key,
            by: ProofBy::Engine,
            evidence: format!("TLS signature scheme {scheme:#06x}"),
            at: cx.wall,
        };
        Ok(Outputs::from([("proof".to_owned(), Value::Proof(Box::new(proof)))]))
    }
}
