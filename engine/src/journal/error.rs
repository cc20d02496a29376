//! Why the journal cannot be used, in words for people.
//!
//! May use: SQLite's error codes, the room on the disk. Must not: write.

use std::fmt;
use std::path::Path;

use crate::run::EventBody;
use crate::text::Text;

/// Why the journal cannot be used.
#[derive(Debug)]
pub struct JournalError {
    /// `JOURNAL.*`, `RUN.UNFINISHED`, `PLAN.USED`.
    pub code: &'static str,
    /// What and why.
    pub cause: Text,
    /// What to do.
    pub cure: Text,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause.get(crate::text::Lang::En))
    }
}

impl std::error::Error for JournalError {}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let (code, cure) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ("JOURNAL.FULL", free_space()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                return corrupt(Text::new(format!("journal.db が壊れています: {error}"), format!("journal.db is damaged: {error}")));
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                ("JOURNAL.READONLY", Text::new("状態フォルダに書き込めるようにしてください。", "make the state folder writable."))
            }
            _ => ("JOURNAL.FAILED", Text::new("状態フォルダを確かめてください。", "look at the state folder.")),
        };
        Self { code, cause: Text::new(format!("記録に書けません: {error}"), format!("the journal failed: {error}")), cure }
    }
}

fn free_space() -> Text {
    Text::new("状態フォルダの空きを作ってから、続けてください。", "free some space in the state folder, then go on.")
}

/// SQLite calls it an I/O error when there is no room for the shared memory beside its log.
pub(super) fn full_where_no_room(folder: &Path, error: JournalError) -> JournalError {
    const LEAST: u64 = 64 * 1024;
    let no_room = || fs4::available_space(folder).is_ok_and(|bytes| bytes < LEAST);
    if error.code == "JOURNAL.FAILED" && no_room() {
        return JournalError { code: "JOURNAL.FULL", cure: free_space(), ..error };
    }
    error
}

pub(super) fn corrupt(cause: Text) -> JournalError {
    let cure = Text::new(
        "状態フォルダの控えから journal.db を戻してください。この記録を使った送信は、もう行いません。",
        "restore journal.db from a backup of the state folder; nothing is sent on the word of this one.",
    );
    JournalError { code: "JOURNAL.CORRUPT", cause, cure }
}

/// The error of a plan that a run has used up.
pub fn used(plan: &str, by: &str) -> JournalError {
    JournalError {
        code: "PLAN.USED",
        cause: Text::new(format!("計画 {plan} は実行 {by} で使いました。"), format!("plan {plan} was used by run {by}.")),
        cure: Text::new("計画は1回限りです。kirikae plan で作り直してください。", "a plan is single-use; plan again."),
    }
}

/// The error of a credential that another run has claimed.
pub(crate) fn unfinished(run: &str) -> JournalError {
    JournalError {
        code: "RUN.UNFINISHED",
        cause: Text::new(format!("この証明書については、実行 {run} が終わっていません。"), format!("run {run} for this credential is not finished.")),
        cure: Text::new(
            format!("続けるには: kirikae resume {run}   やめるには: kirikae abandon {run}"),
            format!("to go on: kirikae resume {run}   to give it up: kirikae abandon {run}"),
        ),
    }
}

/// An event that is damaged, or of a kind that a later version added.
pub(super) fn unreadable(run: &str, seq: i64, kind: &str) -> JournalError {
    if EventBody::knows(kind) {
        return JournalError {
            code: "JOURNAL.CORRUPT",
            cause: Text::new(format!("実行 {run} の記録 {seq} が読めません。"), format!("event {seq} of run {run} cannot be read.")),
            cure: Text::new("kirikae verify で確かめてください。", "see `kirikae verify`."),
        };
    }
    JournalError {
        code: "JOURNAL.NEWER",
        cause: Text::new(
            format!("実行 {run} の記録 {seq}({kind})は、新しい版の kirikae のものです。"),
            format!("event {seq} ({kind}) of run {run} is of a newer kirikae."),
        ),
        cure: Text::new("新しい版の kirikae を使ってください。", "use a newer kirikae."),
    }
}
