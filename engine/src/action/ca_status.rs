//! `ca.status`: reads the state of a request. Reads only.

use super::manifest::{manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx, portal};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Verb};
use crate::dsl::{Type, Value};
use crate::text::{Phrase, Text};

/// The states of a request, as profiles name them under `means`.
const STATES: [&str; 3] = ["pending", "issued", "refused"];

/// The action.
pub(super) struct CaStatus;

impl Action for CaStatus {
    fn manifest(&self) -> Manifest {
        Manifest {
            remote: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![
                output(
                    "status",
                    Type::Enum(STATES.map(str::to_owned).to_vec()),
                    "発行の状態。一覧にまだ無ければ pending。",
                    "state of the request; `pending` while it is not in the list.",
                )
                .passing(&["pending"]),
            ],
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
        Kind::Read(self)
    }
}

impl ReadAction for CaStatus {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let spec = portal::spec(portal::ca(cx, inputs)?.profile(), Operation::Status)?;
        let gives = portal::look(cx, inputs, Operation::Status)?;
        // Not in the list yet: the request is still on its way.
        let Some(shown) = gives.plain.get("status").and_then(|texts| texts.first()) else {
            return Ok(Outputs::from([("status".to_owned(), Value::Str("pending".to_owned()))]));
        };
        if !STATES.contains(&shown.as_str()) {
            return Err(BackendError::new(
                "PORTAL.PAGE_UNKNOWN",
                Text::new(
                    format!("発行の状態「{shown}」の意味がプロファイルに書かれていません。"),
                    format!("the profile does not say what the state `{shown}` means."),
                ),
            )
            .with("shown", shown.clone()));
        }
        let mut outputs = portal::outputs(spec, &gives, "PORTAL.PAGE_UNKNOWN")?;
        outputs.insert("status".to_owned(), Value::Str(shown.clone()));
        Ok(outputs)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Status)
    }
}
