//! `ca.renew`: requests a renewal, exactly once (`runs.md` 2 and 3).

use super::manifest::{input, manifest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rows::{self, Age};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal};
use crate::backend::profile::{ObserveBy, Operation, OperationSpec};
use crate::backend::{BackendError, Gives, Progress, Row, Verb};
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
        let ObserveBy::Look(look) = spec.observe else { return Ok(without_list(cx, intent)) };
        let rows = rows_of(portal::look(cx, inputs, look)?);
        match intent {
            None => Ok(before_sending(cx, spec, old, rows)),
            Some(intent) => Ok(after_sending(cx, spec, old, rows, intent)),
        }
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let spec = portal::spec(portal::ca(&cx.read, inputs)?.profile(), Operation::Renew)?;
        match portal::send(cx, inputs, Operation::Renew)? {
            // The request is in: whatever cannot be read now must be looked up, never sent again.
            Progress::Done(gives) => Ok(Progress::Done(portal::outputs(spec, &gives, "PORTAL.RESULT_UNKNOWN")?)),
            Progress::Pending { retry_after, cookie } => Ok(Progress::Pending { retry_after, cookie }),
        }
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Renew)
    }
}

/// What a look saw, for the intent and for comparing two looks.
#[derive(Serialize, Deserialize)]
struct Baseline {
    rows: Vec<Row>,
}

/// The rows of a list; a look that reads one row without naming columns is that row.
fn rows_of(gives: Gives) -> Vec<Row> {
    let mut rows = gives.rows.unwrap_or_else(|| {
        let columns: std::collections::BTreeMap<_, _> = gives.plain.into_iter().filter_map(|(name, texts)| Some((name, texts.into_iter().next()?))).collect();
        if columns.is_empty() { vec![] } else { vec![Row { cells: columns.values().cloned().collect(), columns }] }
    });
    rows.sort();
    rows
}

/// A portal without a list: a first request can be made, but whether one arrived only a person can tell.
fn without_list(cx: &ReadCx<'_>, intent: Option<&Intent>) -> Observed {
    match (intent, cx.committed) {
        (None, []) => Observed::NotDone { conclusive: false, baseline: json!(Baseline { rows: vec![] }) },
        _ => cannot_tell(
            &[],
            Text::new("このサイトには、申請が届いたかどうかを見る画面がありません。", "this site has no page that tells whether a request arrived."),
        ),
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
    if !cx.committed.is_empty() {
        let ids = cx.committed.join(", ");
        return cannot_tell(
            &rows,
            Text::new(
                format!("この証明書の更新は申請済み({ids})ですが、一覧にまだありません。二重に申請しないよう、送りません。"),
                format!("a renewal of this certificate was requested before ({ids}) and is not in the list yet; it is not requested again."),
            ),
        );
    }
    Observed::NotDone { conclusive: false, baseline: json!(Baseline { rows }) }
}

/// The look after an intent: a row is ours only if it was not there before, is about this certificate and is not older.
fn after_sending(cx: &ReadCx<'_>, spec: &OperationSpec, old: &CertInfo, rows: Vec<Row>, intent: &Intent) -> Observed {
    let Ok(before) = serde_json::from_value::<Baseline>(intent.baseline.clone()) else {
        return cannot_tell(&rows, Text::new("送る前の一覧の記録が読めません。", "what the list showed before sending cannot be read."));
    };
    if let Some(ours) = committed_row(cx, &rows) {
        return done(spec, ours);
    }
    let ours = |row: &&Row| rows::is_about(row, &old.subject.cn) && rows::age(row, old, cx.zone) != Age::NotNewer;
    let new = rows::appeared(&rows, &before.rows);
    let new: Vec<&Row> = new.iter().filter(ours).collect();
    match new.as_slice() {
        [] => Observed::NotDone { conclusive: false, baseline: json!(Baseline { rows }) },
        [one] => done(spec, one),
        several => cannot_tell(
            &rows,
            Text::new(
                format!("送ったあとに増えた行が{}つあり、どれが今回の申請か分かりません。", several.len()),
                format!("{} rows appeared after sending; which one is this request cannot be told.", several.len()),
            ),
        ),
    }
}

fn committed_row<'a>(cx: &ReadCx<'_>, rows: &'a [Row]) -> Option<&'a Row> {
    rows.iter().find(|row| rows::cell(row, "request_id").is_some_and(|id| cx.committed.contains(&id)))
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

fn done(spec: &OperationSpec, row: &Row) -> Observed {
    let shown = row.cells.join(" ");
    Observed::Done {
        outputs: portal::outputs_of_row(spec, row),
        evidence: Text::new(format!("一覧に更新後の証明書の行があります: {shown}"), format!("the list has a row of the renewed certificate: {shown}")),
    }
}

fn cannot_tell(rows: &[Row], why: Text) -> Observed {
    Observed::CannotTell { code: "STEP.UNCERTAIN".to_owned(), why, baseline: json!(Baseline { rows: rows.to_vec() }) }
}
