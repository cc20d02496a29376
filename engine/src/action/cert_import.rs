//! `cert.import`: imports a PKCS#12 file into a store, as the import wizard does.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Kind, Manifest};
use crate::backend::{ImportOption, Verb};
use crate::dsl::{RoleKind, Type};
use crate::text::Phrase;

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
            codes: vec!["KEY.MISMATCH", "P12.BAD_PASSWORD", "P12.MANY_KEYS", "P12.NO_KEY", "P12.UNREADABLE", "STORE.LOCKED", "STORE.READONLY"],
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
        Kind::Read(&super::later::Later)
    }
}
