//! `cert.delete`: deletes a certificate whose replacement is proved to work (`runs.md` 4).

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, proved};
use crate::backend::{BackendError, Progress, StoreRead, StoredCert, Verb};
use crate::dsl::{CertInfo, Proof, RoleKind, Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct CertDelete;

impl Action for CertDelete {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Irreversible,
            inputs: vec![
                input("cert", Type::Cert, "消す証明書。", "the certificate to delete."),
                input("in", Type::Role(RoleKind::Store), "その証明書がある保管先。", "the store that it is in."),
                input(
                    "replaced_by",
                    Type::Proof,
                    "代わりの証明書が使えたという証明(web.probe などが作る)。",
                    "proof that its replacement works, made by `web.probe` or a person.",
                ),
                input(
                    "backed_up",
                    Type::BackupRef.optional(),
                    "代わりの証明書の控え。その鍵が書き出せるときは必ず要ります。",
                    "verified backup of the replacement; required where its key can be exported.",
                ),
            ],
            outputs: vec![output("deleted_at", Type::DateTime, "消した日時。", "when it was deleted.").shown_once()],
            codes: vec![
                "CERT.GONE",
                "CERT.LAST",
                "CERT.NEWER",
                "KEY.MISMATCH",
                "KEY.UNUSABLE",
                "PROOF.MISMATCH",
                "PROOF.STALE",
                "STORE.LOCKED",
                "STORE.READONLY",
            ],
            observe: Some(Phrase { ja: "その拇印の証明書が保管先に無いか", en: "whether the thumbprint is gone from the store" }),
            verbs: vec![Verb::List, Verb::Sign, Verb::Delete],
            ..manifest(
                "cert.delete",
                Phrase { ja: "証明書を削除する", en: "Delete a certificate" },
                Phrase {
                    ja: "代わりの証明書が同じ保管先で使えることを消す直前にもう一度確かめ、そのときだけ古い方を鍵ごと消します。",
                    en: "Checks once more, just before deleting, that the replacement in the same store works; only then deletes the old one with its key.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CertDelete {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let store = store(cx, inputs)?;
        let cert = cert(inputs)?;
        if holds(&store.list(&cx.call)?, cert) {
            return Ok(Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null });
        }
        Ok(Observed::Done {
            outputs: Outputs::new(),
            evidence: Text::new(format!("{} に拇印 {} はもうありません。", store.id(), cert.sha1), format!("{} no longer has {}.", store.id(), cert.sha1)),
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let store = cx.writes.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)?;
        let target = cert(inputs)?;
        let proof = inputs.proof("replaced_by").ok_or_else(|| Inputs::unknown("replaced_by"))?;
        let lock = store.lock(&cx.read.call)?;
        let present = lock.list()?;
        let replacement = replacement(&cx.read, inputs, store.id(), &present, target, proof)?;
        lock.prove_key(&replacement.sha1)?;
        lock.delete(&target.sha1)?;
        let left = lock.list()?;
        if holds(&left, target) {
            return Err(BackendError::new(
                "STORE.READONLY",
                Text::new(format!("消したはずの証明書 {} がまだあります。", target.sha1), format!("{} is still there after deleting it.", target.sha1)),
            ));
        }
        if !holds(&left, replacement) {
            return Err(BackendError::new(
                "CERT.GONE",
                Text::new(
                    format!("代わりの証明書 {} まで保管先から無くなりました。控えから取り込み直してください。", replacement.sha1),
                    format!("the replacement {} is gone from the store as well; import it again from its backup.", replacement.sha1),
                ),
            ));
        }
        Ok(Progress::Done(Outputs::from([("deleted_at".to_owned(), Value::DateTime(cx.read.wall))])))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let store = store(cx, inputs)?;
        store.probe_writable(&cx.call)?;
        let target = cert(inputs)?;
        if holds(&store.list(&cx.call)?, target) { Ok(()) } else { Err(gone(store.id(), target)) }
    }
}

/// The replacement in this store, after every check of `runs.md` 4 that can be made by looking.
fn replacement<'a>(
    cx: &ReadCx<'_>,
    inputs: &Inputs,
    store: &str,
    present: &'a [StoredCert],
    target: &CertInfo,
    proof: &Proof,
) -> Result<&'a CertInfo, BackendError> {
    if !holds(present, target) {
        return Err(gone(store, target));
    }
    if target.holder != store {
        return Err(proved::mismatch(
            format!("消す証明書は {} で見つけたもので、{store} のものではありません。", target.holder),
            format!("the certificate to delete was found in {}, not in {store}.", target.holder),
        ));
    }
    proved::not_itself(target, proof)?;
    let same_name = |cert: &&CertInfo| cert.subject_dn == target.subject_dn && cert.sha1 != target.sha1 && cert.has_key;
    if !present.iter().map(|cert| &cert.info).any(|cert| same_name(&cert)) {
        return Err(BackendError::new(
            "CERT.LAST",
            Text::new(
                format!("「{}」の証明書は {store} にこれしかありません。消しません。", target.subject_dn),
                format!("{store} has no other certificate of `{}`; it is not deleted.", target.subject_dn),
            ),
        ));
    }
    if proof.holder != store {
        return Err(proved::mismatch(
            format!("代わりの証明書は {} のもので、{store} では確かめていません。", proof.holder),
            format!("the replacement was proved in {}, not in {store}.", proof.holder),
        ));
    }
    let new = proved::replacement(cx, target, proof, present.iter().map(|stored| &stored.info))?;
    backed_up(inputs, new)?;
    Ok(new)
}

fn backed_up(inputs: &Inputs, new: &CertInfo) -> Result<(), BackendError> {
    match inputs.backup("backed_up") {
        Some(backup) if backup.thumbprint == new.sha1 => Ok(()),
        Some(backup) => Err(proved::mismatch(
            format!("控えは拇印 {} のもので、残す証明書 {} のものではありません。", backup.thumbprint, new.sha1),
            format!("the backup holds {}, not {} that stays.", backup.thumbprint, new.sha1),
        )),
        None if new.key_exportable => Err(proved::mismatch(
            format!("残す証明書 {} の、読み戻して確かめた控えがありません。", new.sha1),
            format!("there is no verified backup of {} that stays.", new.sha1),
        )),
        None => Ok(()),
    }
}

fn store<'a>(cx: &ReadCx<'a>, inputs: &Inputs) -> Result<&'a dyn StoreRead, BackendError> {
    cx.backends.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)
}

fn cert(inputs: &Inputs) -> Result<&CertInfo, BackendError> {
    inputs.cert("cert").ok_or_else(|| Inputs::unknown("cert"))
}

fn holds(present: &[StoredCert], cert: &CertInfo) -> bool {
    present.iter().any(|stored| stored.info.sha1 == cert.sha1 && stored.info.sha256 == cert.sha256)
}

fn gone(store: &str, cert: &CertInfo) -> BackendError {
    BackendError::new(
        "CERT.GONE",
        Text::new(format!("拇印 {} の証明書が {store} にもうありません。", cert.sha1), format!("{} is no longer in {store}.", cert.sha1)),
    )
}
