//! `cert.import`: imports a PKCS#12 file into a store, as the import wizard does.

use super::manifest::{input, manifest, output};
use std::collections::BTreeMap;

use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, ImportOption, ImportRequest, OptionSupport, Progress, StoreRead, Verb};
use crate::dsl::{CertInfo, FileRef, RoleKind, Type, Value};
use crate::text::{Phrase, Text};

/// The wizard's options and the inputs that set them.
const OPTIONS: [(&str, ImportOption); 3] = [
    ("exportable", ImportOption::Exportable),
    ("strong_protection", ImportOption::StrongProtection),
    ("extended_properties", ImportOption::ExtendedProperties),
];

/// The action.
pub(super) struct CertImport;

impl Action for CertImport {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("file", Type::File, "証明書ファイル(PKCS#12)。", "the PKCS#12 file."),
                input("password", Type::Secret(Box::new(Type::String)), "証明書ファイルのパスワード。", "the file's password."),
                input("in", Type::Role(RoleKind::Store), "取り込む保管先。", "the store to import into."),
                input("exportable", Type::Bool, "このキーをエクスポート可能にする。", "mark the key as exportable."),
                input("strong_protection", Type::Bool, "秘密キーの保護を強力にする。", "ask a person at every use of the key."),
                input("extended_properties", Type::Bool, "すべての拡張プロパティを含める。", "include all extended properties."),
                input("friendly_name", Type::String.optional(), "一覧に出すフレンドリ名。", "friendly name for listings."),
            ],
            outputs: vec![output("cert", Type::Cert, "取り込んだ証明書。", "the imported certificate.")],
            codes: vec![
                "KEY.MISMATCH",
                "P12.BAD_PASSWORD",
                "P12.MANY_KEYS",
                "P12.NO_KEY",
                "P12.TOO_COSTLY",
                "P12.UNREADABLE",
                "P12.UNSUPPORTED",
                "STORE.LOCKED",
                "STORE.READONLY",
                "STORE.ROOT_REFUSED",
            ],
            observe: Some(Phrase {
                ja: "ファイルと同じ拇印で秘密鍵の付いた証明書が保管先にあるか",
                en: "whether the store has a certificate of the file's thumbprint, with its key",
            }),
            verbs: vec![Verb::List, Verb::Import],
            import_options: vec![ImportOption::Exportable, ImportOption::StrongProtection, ImportOption::ExtendedProperties],
            ..manifest(
                "cert.import",
                Phrase { ja: "証明書ファイルを取り込む", en: "Import a certificate file" },
                Phrase {
                    ja: "先にファイルを開いて確かめ、正しいときだけ保管先に取り込みます。違うファイルや違うパスワードでは保管先に触りません。",
                    en: "Opens and checks the file first and imports only then: a wrong file or password never touches the store.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CertImport {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let store = store(cx, inputs)?;
        let opened = cx.backends.p12().open(&cx.blobs.read(file(inputs)?)?, &cx.secret(inputs, "password")?)?;
        let there = store.list(&cx.call)?.into_iter().find(|cert| cert.info.sha1 == opened.leaf.info.sha1 && cert.info.has_key);
        Ok(match there {
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
        let role = inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?;
        let file = cx.read.blobs.read(file(inputs)?)?;
        let password = cx.read.secret(inputs, "password")?;
        let opened = cx.read.backends.p12().open(&file, &password)?;
        let options = OPTIONS.iter().filter_map(|(name, option)| Some((*option, inputs.bool(name)?))).collect();
        let request = ImportRequest { file, password, friendly_name: inputs.str("friendly_name").map(str::to_owned), options };
        let imported = cx.writes.store(role)?.import(&cx.read.call, &request)?;
        if imported.info.sha1 != opened.leaf.info.sha1 {
            return Err(BackendError::new(
                "KEY.MISMATCH",
                Text::new(
                    format!("取り込まれた証明書({})がファイルの証明書({})と違います。", imported.info.sha1, opened.leaf.info.sha1),
                    format!("the imported certificate ({}) is not that of the file ({}).", imported.info.sha1, opened.leaf.info.sha1),
                ),
            ));
        }
        Ok(Progress::Done(outputs(imported.info)))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let store = store(cx, inputs)?;
        store.probe_writable(&cx.call)?;
        let supported = store.capabilities().import_options;
        for (name, option) in OPTIONS {
            if inputs.bool(name) == Some(true) && supported.get(&option).is_none_or(|support| *support == OptionSupport::Refused) {
                return Err(unsupported(store, name));
            }
        }
        let password = inputs.0.get("password").map(|reference| cx.secrets.unattended(reference)).transpose()?.flatten();
        if let (Ok(file), Some(password)) = (file(inputs), password) {
            cx.backends.p12().open(&cx.blobs.read(file)?, &password)?;
        }
        Ok(())
    }
}

fn store<'a>(cx: &ReadCx<'a>, inputs: &Inputs) -> Result<&'a dyn StoreRead, BackendError> {
    cx.backends.store(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)
}

fn file(inputs: &Inputs) -> Result<&FileRef, BackendError> {
    inputs.file("file").ok_or_else(|| Inputs::unknown("file"))
}

fn outputs(cert: CertInfo) -> Outputs {
    BTreeMap::from([("cert".to_owned(), Value::Cert(Box::new(cert)))])
}

fn unsupported(store: &dyn StoreRead, option: &str) -> BackendError {
    BackendError::new(
        "BACKEND.UNSUPPORTED",
        Text::new(format!("{} では {option} を指定できません。", store.id()), format!("{} does not support `{option}`.", store.id())),
    )
}
