//! `file.save`: writes a backup of a file into a folder and reads it back.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Kind, Manifest};
use crate::backend::Verb;
use crate::dsl::{RoleKind, Type};
use crate::text::Phrase;

/// The action.
pub(super) struct FileSave;

impl Action for FileSave {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("file", Type::File, "保存するファイル。", "the file to save."),
                input("in", Type::Role(RoleKind::Folder), "保存するフォルダ。", "the folder to save it in."),
                input(
                    "name",
                    Type::String.optional(),
                    "ファイル名。省くと、証明書があれば「発行先-期限-拇印の先頭8文字.p12」、無ければ元の名前。",
                    "file name; if left out: `CN-expiry-first 8 of the thumbprint.p12` for a certificate, else the file's own name.",
                ),
                input("cert", Type::Cert.optional(), "このファイルに入っているはずの証明書。", "the certificate that the file should hold."),
                input(
                    "password",
                    Type::Secret(Box::new(Type::String)).optional(),
                    "証明書ファイルのパスワード。読み戻して開くのに使います。",
                    "the file's password, to open what was read back.",
                ),
            ],
            outputs: vec![
                output("place", Type::String, "保存した場所。", "where it was saved."),
                output("sha256", Type::Hex, "保存したファイルのSHA-256。", "SHA-256 of the file as it lies there."),
                output(
                    "backed_up",
                    Type::BackupRef.optional(),
                    "確かめた控え。cert と password があり、読み戻したファイルに鍵とその証明書があったときだけ。",
                    "the verified backup: only with `cert` and `password`, after the file was read back and key and certificate matched.",
                ),
            ],
            codes: vec![
                "FILE.DIFFERENT",
                "FOLDER.ABSENT",
                "FOLDER.FULL",
                "FOLDER.READONLY",
                "KEY.MISMATCH",
                "P12.BAD_PASSWORD",
                "P12.UNREADABLE",
                "VAULT.UNREADABLE",
            ],
            observe: Some(Phrase { ja: "同じ名前で同じ内容のファイルがあるか", en: "whether a file of that name and content is there" }),
            verbs: vec![Verb::List, Verb::Read, Verb::Write],
            ..manifest(
                "file.save",
                Phrase { ja: "ファイルの控えを保存する", en: "Save a backup of a file" },
                Phrase {
                    ja: "ファイルをフォルダに保存し、読み戻して比べます。plain: true でないフォルダでは暗号化して「名前.age」とします。上書きはしません。",
                    en: "Saves a file in a folder, reads it back and compares. Encrypted as `NAME.age` unless the folder is `plain: true`. Never overwrites.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(&super::later::Later)
    }
}
