//! `key.create`: makes a private key in a store, where it stays and waits for its certificate.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, KeyKind, PendingKey, Progress, StoreRead, Verb};
use crate::dsl::{KeyInfo, RoleKind, Type, Value};
use crate::text::{Phrase, Text};

/// Hex digits of a key's name: the idempotency key of the step begins with them.
const NAME: usize = 32;

/// The action.
pub(super) struct KeyCreate;

impl Action for KeyCreate {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            inputs: vec![
                input("in", Type::Role(RoleKind::Store), "鍵を作る保管先。", "the store to make the key in."),
                input("alg", Type::Enum(KeyKind::ALL.iter().map(|kind| kind.word().to_owned()).collect()), "鍵の種類。", "kind of the key."),
                input("exportable", Type::Bool, "あとで書き出せるようにする。", "whether it may be written out later."),
            ],
            outputs: vec![output("key", Type::Key, "作った鍵。秘密鍵は保管先から出ません。", "the key; its private part does not leave the store.")],
            codes: vec!["BACKEND.UNSUPPORTED", "FOLDER.FULL", "KEY.UNUSABLE", "STORE.LOCKED", "STORE.READONLY", "STORE.UNREADABLE"],
            observe: Some(Phrase {
                ja: "この手順の名前の鍵が保管先にあるか", en: "whether the store has a key that is named after this step"
            }),
            verbs: vec![Verb::List, Verb::MakeKey],
            ..manifest(
                "key.create",
                Phrase { ja: "鍵を作る", en: "Make a key" },
                Phrase {
                    ja: "証明書の申請に使う鍵を保管先の中に作ります。cert.accept が、発行された証明書と組み合わせます。",
                    en: "Makes the key for a certificate in a store. `cert.accept` joins it with the certificate that is issued.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for KeyCreate {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let store = store(cx, inputs)?;
        let name = name(cx);
        let keys = store.keys().ok_or_else(|| unsupported(store.id()))?;
        Ok(match keys.pending(&cx.call)?.into_iter().find(|key| key.id == name) {
            Some(key) => Observed::Done {
                evidence: Text::new(format!("{} に鍵 {} があります。", store.id(), key.id), format!("{} has the key {}.", store.id(), key.id)),
                outputs: outputs(store.id(), key),
            },
            None => Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null },
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let store = cx.writes.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)?;
        let kind = inputs.str("alg").and_then(KeyKind::parse).ok_or_else(|| Inputs::unknown("alg"))?;
        let exportable = inputs.bool("exportable").ok_or_else(|| Inputs::unknown("exportable"))?;
        let maker = store.making().ok_or_else(|| unsupported(store.id()))?;
        Ok(Progress::Done(outputs(store.id(), maker.create(&cx.read.call, &name(&cx.read), kind, exportable)?)))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let store = store(cx, inputs)?;
        store.keys().ok_or_else(|| unsupported(store.id()))?;
        store.probe_writable(&cx.call)
    }
}

/// The name of this step's key, the same in every attempt.
fn name(cx: &ReadCx<'_>) -> String {
    cx.call.key.as_str().chars().take(NAME).collect()
}

fn outputs(holder: &str, key: PendingKey) -> Outputs {
    let info = KeyInfo { id: key.id, alg: key.kind.word().to_owned(), public_key: hex::encode(&key.public_key), holder: holder.to_owned() };
    Outputs::from([("key".to_owned(), Value::Key(Box::new(info)))])
}

fn store<'a>(cx: &ReadCx<'a>, inputs: &Inputs) -> Result<&'a dyn StoreRead, BackendError> {
    cx.backends.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)
}

/// The store makes no keys.
pub(super) fn unsupported(store: &str) -> BackendError {
    BackendError::new("BACKEND.UNSUPPORTED", Text::new(format!("{store} では鍵を作れません。"), format!("{store} makes no keys.")))
}
