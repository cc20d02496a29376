//! `ca.renew`: requests a renewal, exactly once (`runs.md` 2 and 3).

use super::manifest::{input, manifest};
use super::{Action, Effect, Kind, Manifest, portal};
use crate::backend::Verb;
use crate::backend::profile::Operation;
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct CaRenew;

impl Action for CaRenew {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Irreversible,
            remote: true,
            claims: Some("client_cert"),
            inputs: vec![
                portal::role_input(),
                input("client_cert", Type::Cert, "更新する証明書。この証明書でサイトに入ります。", "the certificate to renew; the site is entered with it."),
            ],
            codes: portal::WRITE_CODES.to_vec(),
            observe: Some(Phrase {
                ja: "送る前の一覧に無かった行が、発行済みの一覧にあるか",
                en: "whether the list of issued certificates has a row that was not there before sending",
            }),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::Renew),
            ..manifest(
                "ca.renew",
                Phrase { ja: "更新を申請する", en: "Request a renewal" },
                Phrase {
                    ja: "更新を申請します。先に一覧を見て、もう申請されていれば送りません。1回の実行で送るのは1度だけです。",
                    en: "Requests a renewal. Looks at the list first and sends nothing if it was requested already; one attempt sends once.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(&super::later::Later)
    }
}
