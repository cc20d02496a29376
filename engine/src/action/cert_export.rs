//! `cert.export`: writes a certificate with its key out of a store, as a new PKCS#12 file.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, Progress, StoreExport, StoreRead, Verb};
use crate::dsl::{CertInfo, RoleKind, Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct CertExport;

impl Action for CertExport {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("cert", Type::Cert, "書き出す証明書。", "the certificate to write out."),
                input("in", Type::Role(RoleKind::Store), "その証明書がある保管先。", "the store that it is in."),
                input("password", Type::Secret(Box::new(Type::String)), "新しい証明書ファイルのパスワード。", "the password of the new file."),
                input("name", Type::String.optional(), "ファイル名。省くと「発行先-期限.p12」。", "file name; if left out: `CN-expiry.p12`."),
            ],
            outputs: vec![
                output(
                    "file",
                    Type::File,
                    "書き出した証明書ファイル(PKCS#12)。file.save で保存します。",
                    "the written PKCS#12 file; `file.save` puts it in a folder.",
                )
                .shown_once(),
            ],
            codes: vec![
                "BACKEND.UNSUPPORTED",
                "CERT.GONE",
                "FOLDER.FULL",
                "KEY.MISMATCH",
                "KEY.NOT_EXPORTABLE",
                "KEY.UNUSABLE",
                "SECRET.MISSING",
                "SECRET.UNFIT",
                "STORE.UNREADABLE",
            ],
            observe: Some(Phrase {
                ja: "記録に書き出したファイルがあるか。無ければ、もう一度書き出す",
                en: "whether the journal has the written file; if not, it is written again",
            }),
            verbs: vec![Verb::List, Verb::Export],
            ..manifest(
                "cert.export",
                Phrase { ja: "証明書を書き出す", en: "Export a certificate" },
                Phrase {
                    ja: "証明書を秘密鍵と証明のパスにある証明書ごと、パスワードの付いたファイルに書き出し、開けることを確かめます。保管先は変えません。",
                    en: "Writes a certificate with its key and chain to a file under a password, and sees that it opens. The store is not changed.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CertExport {
    /// A written file is known from the journal alone; when it is not there, writing it again changes nothing else.
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        power(store(cx, inputs)?)?;
        Ok(Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let cx = &cx.read;
        let cert = cert(inputs)?;
        let password = cx.secret(inputs, "password")?;
        let content = power(store(cx, inputs)?)?.export(&cx.call, &cert.sha1, &password)?;
        let written = cx.backends.p12().open(&content, &password)?.leaf.info;
        if written.sha256 != cert.sha256 {
            return Err(BackendError::new(
                "KEY.MISMATCH",
                Text::new(
                    format!("書き出されたのは証明書 {} で、{} ではありません。", written.sha1, cert.sha1),
                    format!("what was written out is the certificate {}, not {}.", written.sha1, cert.sha1),
                ),
            ));
        }
        let file = cx.blobs.keep(&name(cx, inputs, cert), &content, true)?;
        Ok(Progress::Done(Outputs::from([("file".to_owned(), Value::File(file))])))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let store = store(cx, inputs)?;
        power(store)?;
        let cert = cert(inputs)?;
        let present = store.list(&cx.call)?.into_iter().find(|stored| stored.info.sha256 == cert.sha256);
        match present {
            Some(stored) if stored.info.key_exportable => Ok(()),
            Some(_) => Err(BackendError::new(
                "KEY.NOT_EXPORTABLE",
                Text::new(
                    format!("{} の証明書 {} の鍵は書き出せません。", store.id(), cert.sha1),
                    format!("the key of {} in {} cannot be written out.", cert.sha1, store.id()),
                ),
            )),
            None => Err(BackendError::new(
                "CERT.GONE",
                Text::new(format!("拇印 {} の証明書が {} にもうありません。", cert.sha1, store.id()), format!("{} is no longer in {}.", cert.sha1, store.id())),
            )),
        }
    }
}

fn store<'a>(cx: &ReadCx<'a>, inputs: &Inputs) -> Result<&'a dyn StoreRead, BackendError> {
    cx.backends.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)
}

fn cert(inputs: &Inputs) -> Result<&CertInfo, BackendError> {
    inputs.cert("cert").ok_or_else(|| Inputs::unknown("cert"))
}

fn power(store: &dyn StoreRead) -> Result<&dyn StoreExport, BackendError> {
    store.export().ok_or_else(|| {
        let (ja, en) = (format!("{} からは書き出せません。", store.id()), format!("{} cannot write certificates out.", store.id()));
        BackendError::new("BACKEND.UNSUPPORTED", Text::new(ja, en))
    })
}

fn name(cx: &ReadCx<'_>, inputs: &Inputs, cert: &CertInfo) -> String {
    inputs.str("name").map_or_else(|| format!("{}-{}.p12", cert.subject.cn, cert.not_after.to_zoned(cx.zone.clone()).strftime("%Y%m%d")), str::to_owned)
}
