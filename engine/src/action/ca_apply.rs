//! `ca.apply`: makes a first request, exactly once (`runs.md` 2 and 3).

use super::manifest::{input, manifest};
use super::requested::{self, cannot_tell, committed_row, done};
use super::rows::{self, Age};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal};
use crate::backend::profile::{ObserveBy, Operation, OperationSpec};
use crate::backend::{BackendError, Progress, Row, Verb};
use crate::dsl::{CertInfo, Type};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct CaApply;

impl Action for CaApply {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Irreversible,
            remote: true,
            claims: Some("replaces"),
            inputs: vec![
                portal::role_input(),
                portal::client_input(),
                input(
                    "replaces",
                    Type::Cert.optional(),
                    "今までの証明書。一覧の行のうち、これより新しくないものは前の申請とみなします。",
                    "the certificate used so far; rows of the list that are not newer than it are earlier requests.",
                ),
            ],
            codes: portal::write_codes(&[]),
            observe: Some(Phrase {
                ja: "送る前の一覧に無かった行が、申請の一覧にあるか",
                en: "whether the list of requests has a row that was not there before sending",
            }),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::Apply),
            ..manifest(
                "ca.apply",
                Phrase { ja: "新しく申請する", en: "Make a first request" },
                Phrase {
                    ja: "証明書を新しく申請します。先に一覧を見て、もう申請されていれば送りません。1回の実行で送るのは1度だけです。",
                    en: "Requests a first certificate. Looks at the list first and sends nothing if it may have been requested already; one attempt sends once.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CaApply {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let spec = portal::spec(portal::ca(cx, inputs)?.profile(), Operation::Apply)?;
        let ObserveBy::Look(look) = spec.observe else { return Ok(requested::without_list(cx, intent)) };
        let rows = requested::rows_of(portal::look(cx, inputs, look)?);
        let old = inputs.cert("replaces");
        let may_be_ours = |row: &Row| old.is_none_or(|old| rows::age(row, old, cx.zone) != Age::NotNewer);
        match intent {
            None => Ok(before_sending(cx, spec, old, rows)),
            Some(intent) => Ok(requested::after_sending(cx, spec, rows, intent, may_be_ours)),
        }
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        portal::commit(cx, inputs, Operation::Apply)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Apply)
    }
}

/// The look before the first sending. Nothing tells whose doing a row is that nobody here knows of: it keeps anything from being sent.
fn before_sending(cx: &ReadCx<'_>, spec: &OperationSpec, old: Option<&CertInfo>, rows: Vec<Row>) -> Observed {
    if let Some(ours) = committed_row(cx, &rows) {
        return done(spec, ours);
    }
    let is_earlier = |row: &Row| old.is_some_and(|old| rows::age(row, old, cx.zone) == Age::NotNewer);
    if let Some(row) = rows.iter().find(|row| !is_earlier(row)) {
        let shown = row.cells.join(" ");
        return cannot_tell(
            &rows,
            Text::new(
                format!("一覧にもう行「{shown}」があります。前の申請か今回の申請か分からないため、送りません。"),
                format!("the list has the row `{shown}` already; whether it is this request cannot be told, so nothing is sent."),
            ),
        );
    }
    requested::unless_committed(cx, rows)
}
