//! `ca.find_issued`: reads the list of issued certificates. Reads only.

use super::manifest::{manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx, portal};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Verb};
use crate::dsl::{Type, Value};
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
        Kind::Read(self)
    }
}

impl ReadAction for CaFindIssued {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let spec = portal::spec(portal::ca(cx, inputs)?.profile(), Operation::FindIssued)?;
        let gives = portal::look(cx, inputs, Operation::FindIssued)?;
        let rows = gives.rows.as_deref().unwrap_or_default();
        let mut outputs = match rows {
            [only] => portal::outputs_of_row(spec, only),
            _ => Outputs::new(),
        };
        if !gives.plain.is_empty() {
            outputs.extend(portal::outputs(spec, &gives, "PORTAL.PAGE_UNKNOWN")?);
        }
        let count = if gives.rows.is_some() { rows.len() } else { usize::from(!gives.plain.is_empty()) };
        outputs.insert("found".to_owned(), Value::Bool(count > 0));
        outputs.insert("count".to_owned(), Value::Int(i64::try_from(count).unwrap_or(i64::MAX)));
        Ok(outputs)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::FindIssued)
    }
}
