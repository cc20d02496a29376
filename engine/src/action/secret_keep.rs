//! `secret.keep`: gives a secret a name and a subject in the vault.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Kind, Manifest};
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct SecretKeep;

impl Action for SecretKeep {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("name", Type::String, "あとで探すときの名前。", "name to find it by later."),
                input("about", Type::String.optional(), "何についての値か(リクエストID、拇印など)。", "what it is about (a request ID, a thumbprint)."),
                input(
                    "value",
                    Type::Secret(Box::new(Type::String)).optional(),
                    "秘密の値。無いときは何もしません。",
                    "the secret; without one nothing is done.",
                ),
            ],
            outputs: vec![output("kept", Type::SecretRef.optional(), "保管庫の中の値。", "the entry in the vault.")],
            codes: vec!["FOLDER.FULL", "FOLDER.READONLY", "SECRET.MISSING", "VAULT.UNREADABLE"],
            observe: Some(Phrase {
                ja: "その名前と対象の値が保管庫にあるか", en: "whether the vault has the value under that name and subject"
            }),
            ..manifest(
                "secret.keep",
                Phrase { ja: "秘密の値に名前を付けて保管する", en: "Keep a secret under a name" },
                Phrase {
                    ja: "秘密の値を保管庫に入れ、あとで探せるように名前と対象を付けます。",
                    en: "Puts a secret in the vault under a name and a subject, so that it is found again.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(&super::later::Later)
    }
}
