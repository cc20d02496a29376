//! `cert.delete`: deletes a certificate whose replacement is proved to work (`runs.md` 4).

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Kind, Manifest};
use crate::backend::Verb;
use crate::dsl::{RoleKind, Type};
use crate::text::Phrase;

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
        Kind::Read(&super::later::Later)
    }
}
