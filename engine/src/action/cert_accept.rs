//! `cert.accept`: joins an issued certificate with the key that was made for it.

use super::key_create::unsupported;
use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, Progress, StoreRead, StoredCert, Verb};
use crate::dsl::{CertInfo, KeyInfo, RoleKind, Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct CertAccept;

impl Action for CertAccept {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            inputs: vec![
                input("file", Type::File, "発行された証明書のファイル(DER または PEM)。", "the file with the issued certificate, DER or PEM."),
                input("key", Type::Key, "申請に使った鍵(key.create が作ったもの)。", "the key of the request, that `key.create` made."),
                input("in", Type::Role(RoleKind::Store), "鍵のある保管先。", "the store that the key is in."),
                input("friendly_name", Type::String.optional(), "一覧に出すフレンドリ名。", "friendly name for listings."),
            ],
            outputs: vec![output("cert", Type::Cert, "鍵と組になった証明書。", "the certificate with its key.")],
            codes: vec![
                "BACKEND.UNSUPPORTED",
                "CERT.UNREADABLE",
                "FOLDER.FULL",
                "KEY.MISMATCH",
                "KEY.UNUSABLE",
                "STORE.LOCKED",
                "STORE.READONLY",
                "STORE.UNREADABLE",
            ],
            observe: Some(Phrase {
                ja: "ファイルの証明書が、秘密鍵付きで保管先にあるか", en: "whether the store has a certificate of the file, with its key"
            }),
            verbs: vec![Verb::List, Verb::MakeKey],
            ..manifest(
                "cert.accept",
                Phrase { ja: "発行された証明書を鍵に組み合わせる", en: "Join an issued certificate with its key" },
                Phrase {
                    ja: "証明書の公開鍵が、作っておいた鍵のものであることを確かめてから、組にして保管先に入れます。",
                    en: "Sees that the certificate is for the key that was made, then puts both together into the store.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CertAccept {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let store = cx.backends.store(role(inputs)?)?;
        let issued = issued(cx, inputs)?;
        let is_issued = |cert: &StoredCert| cert.info.has_key && issued.iter().any(|known| known.info.sha256 == cert.info.sha256);
        Ok(match store.list(&cx.call)?.into_iter().find(is_issued) {
            Some(cert) => Observed::Done {
                evidence: Text::new(
                    format!("{} に拇印 {} の証明書が秘密鍵付きであります。", store.id(), cert.info.sha1),
                    format!("{} has the certificate {} with its key.", store.id(), cert.info.sha1),
                ),
                outputs: outputs(cert.info),
            },
            None => Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null },
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let store = cx.writes.store(role(inputs)?)?;
        let key = key(inputs, store)?;
        let certificates: Vec<Vec<u8>> = issued(&cx.read, inputs)?.into_iter().map(|cert| cert.der).collect();
        let maker = store.making().ok_or_else(|| unsupported(store.id()))?;
        let stored = maker.accept(&cx.read.call, &key.id, &certificates, inputs.str("friendly_name"))?;
        Ok(Progress::Done(outputs(stored.info)))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let store = cx.backends.store(role(inputs)?)?;
        store.keys().ok_or_else(|| unsupported(store.id()))?;
        store.probe_writable(&cx.call)?;
        key(inputs, store)?;
        issued(cx, inputs).map(drop)
    }
}

/// The certificates of the file.
fn issued(cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Vec<StoredCert>, BackendError> {
    let file = inputs.file("file").ok_or_else(|| Inputs::unknown("file"))?;
    cx.backends.p12().certificates(&cx.blobs.read(file)?)
}

/// The key, which must be in this store.
fn key<'a>(inputs: &'a Inputs, store: &dyn StoreRead) -> Result<&'a KeyInfo, BackendError> {
    let key = inputs.key("key").ok_or_else(|| Inputs::unknown("key"))?;
    if key.holder == store.id() {
        return Ok(key);
    }
    let cause =
        Text::new(format!("鍵は {} にあり、{} にはありません。", key.holder, store.id()), format!("the key is in {}, not in {}.", key.holder, store.id()));
    Err(BackendError::new("KEY.UNUSABLE", cause))
}

fn role(inputs: &Inputs) -> Result<&str, BackendError> {
    inputs.role("in").ok_or_else(|| Inputs::unknown("in"))
}

fn outputs(cert: CertInfo) -> Outputs {
    Outputs::from([("cert".to_owned(), Value::Cert(Box::new(cert)))])
}
