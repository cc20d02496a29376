//! `cert.find`: finds a certificate in a store. Reads only.

use super::manifest::{input, input_or, manifest, output};
use super::{Action, Kind, Manifest};
use crate::backend::Verb;
use crate::dsl::{RoleKind, Type};
use crate::text::Phrase;

/// The action.
pub(super) struct CertFind;

impl Action for CertFind {
    fn manifest(&self) -> Manifest {
        let words = |list: &[&str]| Type::Enum(list.iter().map(|word| (*word).to_owned()).collect());
        Manifest {
            inputs: vec![
                input("in", Type::Role(RoleKind::Store), "探す保管先。", "the store to search."),
                input(
                    "issuer",
                    Type::Glob,
                    "発行者(証明書の一覧に出る名前)。* と ? が使えます。",
                    "issuer as the certificate list shows it; `*` and `?` match any text and any character.",
                ),
                input("cn", Type::Glob.optional(), "発行先。省くと何でもよい。", "subject's common name; any if left out."),
                input(
                    "key",
                    Type::Bool.optional(),
                    "true なら秘密鍵のあるものだけ、false なら無いものだけ。",
                    "true: only with a private key; false: only without.",
                ),
                input_or(
                    "state",
                    words(&["valid", "expired", "any"]),
                    "any",
                    "期間内のもの、期限切れのもの、どちらでも。",
                    "only those in their validity period, only expired ones, or any.",
                ),
                input_or(
                    "pick",
                    words(&["only", "newest", "oldest"]),
                    "only",
                    "複数あるときの選び方。only は1枚だけのはずのとき。",
                    "which of several; `only` means that there must be exactly one.",
                ),
                input("besides", Type::Cert.optional(), "この証明書は除く。", "leave this certificate out."),
                input("newer_than", Type::Cert.optional(), "この証明書より期限が後のものだけ。", "only those that expire later than this one."),
            ],
            outputs: vec![
                output("cert", Type::Cert, "見つかった証明書。", "the certificate found.").pinned(),
                output("count", Type::Int, "当てはまった枚数。", "how many matched."),
                output(
                    "others",
                    Type::List(Box::new(Type::Cert)),
                    "ほかに当てはまった証明書(期限の新しい順)。",
                    "the others that matched, latest expiry first.",
                ),
            ],
            codes: vec!["CERT.AMBIGUOUS", "CERT.NOT_FOUND", "STORE.UNREADABLE"],
            verbs: vec![Verb::List],
            ..manifest(
                "cert.find",
                Phrase { ja: "証明書を探す", en: "Find a certificate" },
                Phrase {
                    ja: "保管先の証明書を、発行者と発行先で探します。何も変えません。",
                    en: "Searches a store for a certificate by issuer and subject. Changes nothing.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(&super::later::Later)
    }
}
