//! `cert.trust`: makes a root certificate a trusted one, after its fingerprint was compared with one from elsewhere.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, proved};
use crate::backend::{BackendError, PRACTICE_ROOTS, Progress, StoreRead, StoreRoots, Verb};
use crate::dsl::{CertInfo, ProofBy, RoleKind, Type, Value, glob_matches};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct CertTrust;

impl Action for CertTrust {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("file", Type::File, "ルート証明書のファイル(DER または PEM)。", "the file with the root certificate, DER or PEM."),
                input("in", Type::Role(RoleKind::Store), "信頼するルート証明書を持つ保管先。", "the store that keeps trusted roots."),
                input(
                    "sha1",
                    Type::Hex.optional(),
                    "このサイト以外(紙、電話など)で確かめた拇印(SHA-1)。",
                    "SHA-1 thumbprint from elsewhere than the site (paper, telephone).",
                ),
                input("sha256", Type::Hex.optional(), "このサイト以外で確かめた拇印(SHA-256)。", "SHA-256 fingerprint from elsewhere than the site."),
                input(
                    "proof",
                    Type::Proof.optional(),
                    "拇印を人が見比べたという証明(human.confirm の proves)。",
                    "a person's proof that they compared the thumbprint (`proves` of `human.confirm`).",
                ),
                input("issuer", Type::Glob.optional(), "ルート証明書の名前。違えば入れません。", "name of the root; another one is not trusted."),
            ],
            one_of: vec!["sha1", "sha256", "proof"],
            outputs: vec![output("cert", Type::Cert, "信頼したルート証明書。", "the trusted root certificate.")],
            codes: vec![
                "BACKEND.UNSUPPORTED",
                "CERT.FINGERPRINT",
                "CERT.UNREADABLE",
                "PROOF.MISMATCH",
                "PROOF.STALE",
                "STORE.LOCKED",
                "STORE.READONLY",
                "STORE.ROOT_REFUSED",
                "STORE.UNREADABLE",
            ],
            observe: Some(Phrase {
                ja: "信頼するルート証明書の中に同じ拇印があるか", en: "whether a trusted root has the same fingerprint"
            }),
            verbs: vec![Verb::List, Verb::Trust],
            ..manifest(
                "cert.trust",
                Phrase { ja: "ルート証明書を信頼する", en: "Trust a root certificate" },
                Phrase {
                    ja: "ルート証明書の拇印を、別のところで確かめた拇印か人の確認と照らし、合うときだけ「信頼されたルート証明機関」に入れます。",
                    en: "Compares the fingerprint of a root certificate with one from elsewhere or a person's proof, and trusts it only then.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CertTrust {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let root = Root::read(cx, inputs)?;
        root.is_compared(cx, inputs)?;
        let store = store(cx, inputs)?;
        let there = roots(store)?.trusted(&cx.call)?.into_iter().find(|trusted| trusted.info.sha256 == root.info.sha256);
        Ok(match there {
            Some(trusted) => Observed::Done {
                evidence: Text::new(
                    format!("{} はルート証明書 {} をもう信頼しています。", store.id(), root.info.sha1),
                    format!("{} trusts the root {} already.", store.id(), root.info.sha1),
                ),
                outputs: outputs(trusted.info),
            },
            None => Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null },
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let root = Root::read(&cx.read, inputs)?;
        root.is_compared(&cx.read, inputs)?;
        let store = cx.writes.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)?;
        let trust = store.trusting().ok_or_else(|| unsupported(store.id()))?;
        Ok(Progress::Done(outputs(trust.trust(&cx.read.call, &root.der)?.info)))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let store = store(cx, inputs)?;
        roots(store)?;
        store.probe_writable(&cx.call)?;
        Root::read(cx, inputs)?.is_compared(cx, inputs)
    }
}

/// The root certificate of the file.
struct Root {
    info: CertInfo,
    der: Vec<u8>,
}

impl Root {
    fn read(cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Self, BackendError> {
        let file = inputs.file("file").ok_or_else(|| Inputs::unknown("file"))?;
        let found = cx.backends.p12().certificates(&cx.blobs.read(file)?)?;
        let mut roots = found.into_iter().filter(|cert| cert.info.subject_dn == cert.info.issuer_dn);
        match (roots.next(), roots.next()) {
            (Some(root), None) => Ok(Self { info: root.info, der: root.der }),
            _ => Err(BackendError::new(
                "CERT.UNREADABLE",
                Text::new(
                    format!("{} の中のルート証明書(自分で署名したもの)が1枚ではありません。", file.name),
                    format!("{} does not hold exactly one root certificate.", file.name),
                ),
            )),
        }
    }

    /// Whether somebody compared it: every fingerprint and proof that is given must be about it, and one must be given.
    fn is_compared(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        if !cx.backends.practice() && PRACTICE_ROOTS.contains(&self.info.sha256.as_str()) {
            return Err(refused(Text::new(
                "これは練習用のルート証明書です。その鍵は誰でも手に入るため、本番では信頼しません。",
                "this is a practice root: anybody can have its key, so it is trusted in rehearsals only.",
            )));
        }
        if let Some(wanted) = inputs.str("issuer").filter(|wanted| !glob_matches(wanted, &self.info.issuer)) {
            return Err(refused(Text::new(
                format!("ルート証明書の名前は「{}」で、「{wanted}」ではありません。", self.info.issuer),
                format!("the root is of `{}`, not of `{wanted}`.", self.info.issuer),
            )));
        }
        for (name, own) in [("sha1", &self.info.sha1), ("sha256", &self.info.sha256)] {
            if let Some(given) = inputs.str(name).filter(|given| plain(given) != *own) {
                return Err(refused(Text::new(
                    format!("拇印が違います: ファイルは {own}、確かめてあったのは {given} です。"),
                    format!("the fingerprints differ: the file has {own}, the one from elsewhere is {given}."),
                )));
            }
        }
        match inputs.proof("proof") {
            Some(proof) if proof.by != ProofBy::Person || proof.sha256 != self.info.sha256 => Err(proved::mismatch(
                format!("人が確かめたのは拇印 {} で、{} ではありません。", proof.thumbprint, self.info.sha1),
                format!("what a person compared is {}, not {}.", proof.thumbprint, self.info.sha1),
            )),
            Some(proof) => proved::fresh(cx, proof),
            None if inputs.has("sha1") || inputs.has("sha256") => Ok(()),
            None => Err(Inputs::unknown("sha1 / sha256 / proof")),
        }
    }
}

/// A fingerprint as it is printed anywhere, as plain hex.
fn plain(given: &str) -> String {
    given.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase()
}

fn store<'a>(cx: &ReadCx<'a>, inputs: &Inputs) -> Result<&'a dyn StoreRead, BackendError> {
    cx.backends.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)
}

fn roots(store: &dyn StoreRead) -> Result<&dyn StoreRoots, BackendError> {
    store.roots().ok_or_else(|| unsupported(store.id()))
}

fn outputs(cert: CertInfo) -> Outputs {
    Outputs::from([("cert".to_owned(), Value::Cert(Box::new(cert)))])
}

fn unsupported(store: &str) -> BackendError {
    let (ja, en) = (format!("{store} は、信頼するルート証明書を持ちません。"), format!("{store} keeps no trusted roots."));
    BackendError::new("BACKEND.UNSUPPORTED", Text::new(ja, en))
}

fn refused(cause: Text) -> BackendError {
    BackendError::new("CERT.FINGERPRINT", cause)
}
