//! `ca.status`: reads the state of a request. Reads only.

use super::manifest::{manifest, output};
use super::{Action, Kind, Manifest, portal};
use crate::backend::Verb;
use crate::backend::profile::Operation;
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct CaStatus;

impl Action for CaStatus {
    fn manifest(&self) -> Manifest {
        Manifest {
            remote: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![output(
                "status",
                Type::Enum(["pending", "issued", "refused"].map(str::to_owned).to_vec()),
                "発行の状態。一覧にまだ無ければ pending。",
                "state of the request; `pending` while it is not in the list.",
            )],
            codes: portal::READ_CODES.to_vec(),
            verbs: vec![Verb::Read],
            operation: Some(Operation::Status),
            ..manifest(
                "ca.status",
                Phrase { ja: "発行の状態を見る", en: "Read the state of a request" },
                Phrase { ja: "申請した証明書が発行されたかどうかを見ます。", en: "Sees whether the requested certificate was issued." },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(&super::later::Later)
    }
}
