//! Tables that follow the events: what other runs read of a run without its events.
//!
//! May use: a transaction, events. Must not: open a journal; say anything that no event says.

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::{Transaction, params};
use serde_json::Value as Json;

use super::db::execute;
use super::error::JournalError;
use crate::backend::Class;
use crate::run::{EffectResult, EventBody, Outcome, Seen, Settled};

/// What an event means for the tables that other runs read.
pub(super) fn side_tables(transaction: &Transaction<'_>, run: &str, at: i64, body: &EventBody) -> Result<(), JournalError> {
    let phase = |phase: &str, detail: &str| execute(transaction, "UPDATE runs SET phase=?2, detail=?3 WHERE run=?1", params![run, phase, detail]);
    let word = |value: &dyn fmt::Debug| format!("{value:?}").to_lowercase();
    match body {
        EventBody::IntentRecorded { step, key, operation, credential, intent } => {
            execute(transaction, "INSERT OR REPLACE INTO outbox VALUES(?1, ?2, ?3, ?4, ?5)", params![key, run, step, intent.attempt, at])?;
            if let Some(credential) = credential {
                execute(
                    transaction,
                    "INSERT INTO commitments VALUES(?1, ?2, ?3, ?4, 'intended', NULL, ?5)
                     ON CONFLICT(credential, operation, run, step) DO UPDATE SET state='intended', at=?5",
                    params![credential, operation, run, step, at],
                )?;
            }
        }
        EventBody::Uncertain { step, .. } => commit_as(transaction, run, step, at, "uncertain", None)?,
        EventBody::StepEnded { step, end } => {
            execute(transaction, "DELETE FROM outbox WHERE run=?1 AND step=?2", params![run, step])?;
            // A step that ends unchanged found its effect there.
            let came_true = matches!(end.outcome, Outcome::Changed | Outcome::Unchanged);
            commit_as(transaction, run, step, at, if came_true { "done" } else { "not_done" }, request_id(&end.outputs))?;
        }
        EventBody::EffectEnded { step, result: EffectResult::Done { outputs }, .. } | EventBody::Reconciled { step, seen: Seen::Done { outputs, .. }, .. } => {
            commit_as(transaction, run, step, at, "done", request_id(outputs))?;
        }
        EventBody::EffectEnded { step, result: EffectResult::Failed { error }, .. } if error.class != Class::Ambiguous => {
            commit_as(transaction, run, step, at, "not_done", None)?;
        }
        EventBody::Reconciled { step, seen: Seen::NotDone { conclusive: true, .. }, .. } => commit_as(transaction, run, step, at, "not_done", None)?,
        EventBody::HumanAnswered { step, answer, settled: Some(settled) } => {
            let state = if *settled == Settled::Done { "done" } else { "not_done" };
            commit_as(transaction, run, step, at, state, answer.fields.get("request_id").map(String::as_str))?;
        }
        EventBody::ProfileReplaced { from, to, .. } => {
            let sql = "UPDATE blobs SET sha256=?3 WHERE run=?1 AND sha256=?2 AND name LIKE 'portal:%'";
            execute(transaction, sql, params![run, from, to])?;
        }
        EventBody::RunParked { cause, .. } => {
            phase("parked", &word(cause))?;
        }
        EventBody::RunResumed { .. } => {
            phase("active", "")?;
        }
        EventBody::RunAbandoned { .. } => {
            phase("ended", "abandoned")?;
            execute(transaction, "DELETE FROM claims WHERE run=?1", [run])?;
            execute(transaction, "DELETE FROM outbox WHERE run=?1", [run])?;
        }
        EventBody::RunEnded { end, .. } => {
            phase("ended", &word(end))?;
            execute(transaction, "DELETE FROM claims WHERE run=?1", [run])?;
            execute(transaction, "DELETE FROM outbox WHERE run=?1", [run])?;
        }
        other => super::attempts::follow(transaction, at, other)?,
    }
    Ok(())
}

/// What is known of a commitment now. One that is done stays so: neither a check that fails after
/// the effect nor a doubt that comes late undoes it.
fn commit_as(transaction: &Transaction<'_>, run: &str, step: &str, at: i64, state: &str, request: Option<&str>) -> Result<(), JournalError> {
    let sql = "UPDATE commitments SET state=CASE WHEN state='done' THEN state ELSE ?3 END, request_id=COALESCE(?4, request_id), at=?5 WHERE run=?1 AND step=?2";
    execute(transaction, sql, params![run, step, state, request, at])?;
    Ok(())
}

fn request_id(outputs: &BTreeMap<String, Json>) -> Option<&str> {
    outputs.get("request_id").and_then(Json::as_str)
}
