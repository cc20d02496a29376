//! Whether a request stands in a portal's list: what the looks of requesting actions share.
//!
//! May use: rows of lists, what the run's state folder knows of earlier requests. Must not: send anything.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rows;
use super::{Intent, Observed, ReadCx, portal};
use crate::backend::profile::OperationSpec;
use crate::backend::{Gives, Row};
use crate::text::Text;

/// What a look saw, for the intent and for comparing two looks.
#[derive(Serialize, Deserialize)]
struct Baseline {
    rows: Vec<Row>,
}

/// The rows of a list; a look that reads one row without naming columns is that row.
pub(super) fn rows_of(gives: Gives) -> Vec<Row> {
    let mut rows = gives.rows.unwrap_or_else(|| {
        let columns: std::collections::BTreeMap<_, _> = gives.plain.into_iter().filter_map(|(name, texts)| Some((name, texts.into_iter().next()?))).collect();
        if columns.is_empty() { vec![] } else { vec![Row { cells: columns.values().cloned().collect(), columns }] }
    });
    rows.sort();
    rows
}

/// A portal without a list: a first request can be made, but whether one arrived only a person can tell.
pub(super) fn without_list(cx: &ReadCx<'_>, intent: Option<&Intent>) -> Observed {
    match (intent, cx.committed) {
        (None, []) => not_there(vec![]),
        _ => cannot_tell(
            &[],
            Text::new("このサイトには、申請が届いたかどうかを見る画面がありません。", "this site has no page that tells whether a request arrived."),
        ),
    }
}

/// The row of a request that an earlier run, or this one, knows to have made.
pub(super) fn committed_row<'a>(cx: &ReadCx<'_>, rows: &'a [Row]) -> Option<&'a Row> {
    rows.iter().find(|row| rows::cell(row, "request_id").is_some_and(|id| cx.committed.contains(&id)))
}

/// What follows when nothing of ours is in the list: it may be requested, unless that was done before and only does not show yet.
pub(super) fn unless_committed(cx: &ReadCx<'_>, rows: Vec<Row>) -> Observed {
    if cx.committed.is_empty() {
        return not_there(rows);
    }
    let ids = cx.committed.join(", ");
    cannot_tell(
        &rows,
        Text::new(
            format!("この証明書の申請は済んでいます({ids})が、一覧にまだありません。二重に申請しないよう、送りません。"),
            format!("this certificate was requested before ({ids}) and is not in the list yet; it is not requested again."),
        ),
    )
}

/// The look after an intent: ours is a row that was not in the list before and that `may_be_ours`. One is the request, none is no answer
/// yet, several are a person's to tell apart.
pub(super) fn after_sending(cx: &ReadCx<'_>, spec: &OperationSpec, rows: Vec<Row>, intent: &Intent, may_be_ours: impl Fn(&Row) -> bool) -> Observed {
    let Ok(before) = serde_json::from_value::<Baseline>(intent.baseline.clone()) else {
        return cannot_tell(&rows, Text::new("送る前の一覧の記録が読めません。", "what the list showed before sending cannot be read."));
    };
    if let Some(ours) = committed_row(cx, &rows) {
        return done(spec, ours);
    }
    let new = rows::appeared(&rows, &before.rows);
    let new: Vec<&Row> = new.iter().filter(|row| may_be_ours(row)).collect();
    match new.as_slice() {
        [] => not_there(rows),
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

/// A row that is the request.
pub(super) fn done(spec: &OperationSpec, row: &Row) -> Observed {
    let shown = row.cells.join(" ");
    Observed::Done {
        outputs: portal::outputs_of_row(spec, row),
        evidence: Text::new(format!("一覧に申請した証明書の行があります: {shown}"), format!("the list has a row of the requested certificate: {shown}")),
    }
}

/// Nothing of ours is in the list; how long that must last to settle it, the portal says.
fn not_there(rows: Vec<Row>) -> Observed {
    Observed::NotDone { conclusive: false, baseline: json!(Baseline { rows }) }
}

/// Only a person can tell.
pub(super) fn cannot_tell(rows: &[Row], why: Text) -> Observed {
    Observed::CannotTell { code: "STEP.UNCERTAIN".to_owned(), why, baseline: json!(Baseline { rows: rows.to_vec() }) }
}
