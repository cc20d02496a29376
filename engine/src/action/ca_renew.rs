//! `ca.renew`: requests a renewal, exactly once (`runs.md` 2 and 3).

use super::manifest::{input, manifest};
use super::requested::{self, cannot_tell, committed_row, done};
use super::rows::{self, Age};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal};
use crate::backend::profile::{ObserveBy, Operation, OperationSpec};
use crate::backend::{BackendError, Progress, Row, Verb};
use crate::dsl::{CertInfo, Type};
use crate::text::{Phrase, Text};

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
        Kind::Write(self)
    }
}

impl WriteAction for CaRenew {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let spec = portal::spec(portal::ca(cx, inputs)?.profile(), Operation::Renew)?;
        let old = inputs.cert("client_cert").ok_or_else(|| Inputs::unknown("client_cert"))?;
        let ObserveBy::Look(look) = spec.observe else { return Ok(requested::without_list(cx, intent)) };
        let rows = requested::rows_of(portal::look(cx, inputs, look)?);
        match intent {
            None => Ok(before_sending(cx, spec, old, rows)),
            // A row is ours only if it was not there before, is about this certificate and is not older.
            Some(intent) => Ok(requested::after_sending(cx, spec, rows, intent, |row| {
                rows::is_about(row, &old.subject.cn) && rows::age(row, old, cx.zone) != Age::NotNewer
            })),
        }
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        portal::commit(cx, inputs, Operation::Renew)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Renew)
    }
}

/// The look before the first sending: nothing is sent unless every row is known to be older or not about this certificate.
fn before_sending(cx: &ReadCx<'_>, spec: &OperationSpec, old: &CertInfo, rows: Vec<Row>) -> Observed {
    if let Some(ours) = committed_row(cx, &rows) {
        return done(spec, ours);
    }
    let about = rows.iter().filter(|row| rows::is_about(row, &old.subject.cn));
    let aged: Vec<(&Row, Age)> = about.map(|row| (row, rows::age(row, old, cx.zone))).collect();
    let newer: Vec<&Row> = aged.iter().filter(|(_, age)| *age == Age::Newer).map(|(row, _)| *row).collect();
    match newer.as_slice() {
        [one] => return done(spec, one),
        [_, _, ..] => return newest(spec, &rows, &newer),
        [] => {}
    }
    if let Some((row, _)) = aged.iter().find(|(_, age)| *age == Age::Unknown) {
        return cannot_tell(
            &rows,
            Text::new(
                format!("一覧の行「{}」が今の証明書より新しいかどうか分かりません。申請済みかもしれないため、送りません。", row.cells.join(" ")),
                format!(
                    "whether the row `{}` is newer than the present certificate cannot be told; it may have been requested, so nothing is sent.",
                    row.cells.join(" ")
                ),
            ),
        );
    }
    requested::unless_committed(cx, rows)
}

/// Of several newer rows, the one that expires or was issued last.
fn newest(spec: &OperationSpec, rows: &[Row], newer: &[&Row]) -> Observed {
    let dates = |row: &Row| {
        let last = |column: &str| rows::cell(row, column).and_then(|text| rows::read_dates(&text).pop());
        (last("not_after"), last("issued_on"), rows::cell(row, "request_id"))
    };
    let mut sorted: Vec<&Row> = newer.to_vec();
    sorted.sort_by_key(|row| dates(row));
    match sorted.as_slice() {
        [.., second, last] if dates(second) != dates(last) => done(spec, last),
        _ => cannot_tell(
            rows,
            Text::new("今の証明書より新しい行が複数あり、区別できません。", "several rows are newer than the present certificate and look the same."),
        ),
    }
}
