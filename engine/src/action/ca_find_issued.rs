//! `ca.find_issued`: reads the list of issued certificates. Reads only.

use super::manifest::{manifest, output};
use super::{Action, Kind, Manifest, portal};
use crate::backend::Verb;
use crate::backend::profile::Operation;
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct CaFindIssued;

impl Action for CaFindIssued {
    fn manifest(&self) -> Manifest {
        Manifest {
            remote: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![output("found", Type::Bool, "1つでもあるか。", "whether there is any."), output("count", Type::Int, "行の数。", "how many rows.")],
            codes: portal::READ_CODES.to_vec(),
            verbs: vec![Verb::Read],
            operation: Some(Operation::FindIssued),
            ..manifest(
                "ca.find_issued",
                Phrase { ja: "発行済みの証明書を探す", en: "Find issued certificates" },
                Phrase { ja: "認証局の一覧で、発行済みの証明書を探します。", en: "Reads the CA's list of issued certificates." },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(&super::later::Later)
    }
}
