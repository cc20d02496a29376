//! `journal.db` 1.0.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, TransactionBehavior, params};
use serde_json::Value as Json;

use super::chain::{ChainFault, STATE_RUN, link};
use super::error::{JournalError, corrupt, full_where_no_room, unfinished, unreadable, used};
use super::lock::OpeningLock;
use super::place::release;
use super::power::Power;
use super::tables::side_tables;
use crate::run::{Event, EventBody};
use crate::text::Text;

const FORMAT: &str = "1.0";

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events(run TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(run, seq));
CREATE TABLE IF NOT EXISTS runs(run TEXT PRIMARY KEY, kind TEXT NOT NULL, playbook TEXT NOT NULL, target TEXT NOT NULL, plan TEXT NOT NULL, batch TEXT, started_at INTEGER NOT NULL, phase TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS outbox(id TEXT PRIMARY KEY, run TEXT NOT NULL, step TEXT NOT NULL, attempt INTEGER NOT NULL, since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS commitments(credential TEXT NOT NULL, operation TEXT NOT NULL, run TEXT NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL, request_id TEXT, at INTEGER NOT NULL, PRIMARY KEY(credential, operation, run, step));
CREATE TABLE IF NOT EXISTS claims(credential TEXT PRIMARY KEY, run TEXT NOT NULL, since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS attempts(device TEXT PRIMARY KEY, used INTEGER NOT NULL, at INTEGER NOT NULL, source TEXT);
CREATE TABLE IF NOT EXISTS plans(plan_id TEXT PRIMARY KEY, digest TEXT NOT NULL, run TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS blobs(run TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY(run, name));
CREATE INDEX IF NOT EXISTS commitments_of_steps ON commitments(run, step);
CREATE INDEX IF NOT EXISTS runs_by_age ON runs(started_at, run);
CREATE INDEX IF NOT EXISTS acts ON events(at) WHERE kind IN ('ApprovalGiven', 'IntentRecorded');
";

/// The journal of a state folder.
pub struct Journal {
    connection: Connection,
    folder: PathBuf,
    per_user: bool,
    power: Power,
}

/// A run, for listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Run id.
    pub run: String,
    /// Playbook id.
    pub playbook: String,
    /// Site id.
    pub target: String,
    /// Plan id.
    pub plan: String,
    /// When it began.
    pub started_at: Timestamp,
    /// `active parked ended`
    pub phase: String,
    /// Cause or end.
    pub detail: String,
}

/// What a run committed for a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// Credential key.
    pub credential: String,
    /// Action name.
    pub operation: String,
    /// Run.
    pub run: String,
    /// Address.
    pub step: String,
    /// `intended done not_done uncertain`
    pub state: String,
    /// The request ID that came of it, if it is known.
    pub request_id: Option<String>,
    /// When it last changed.
    pub at: Timestamp,
}

impl Commitment {
    /// What a look before another sending is told: its request ID; where nobody wrote that down, which run it was. `None`: it did not
    /// happen, and binds nobody.
    pub fn known_as(&self) -> Option<String> {
        self.request_id.clone().or_else(|| (self.state != "not_done").then(|| format!("実行 {}", self.run)))
    }
}

/// What `verify` found of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Run id.
    pub run: String,
    /// Events.
    pub events: u64,
    /// Hash of the last event, hex.
    pub head: String,
    /// The first fault.
    pub fault: Option<ChainFault>,
}

/// An empty or missing journal beside files of runs is a lost one: a new one in its place would know of no claim and no request.
fn not_lost(folder: &Path) -> Result<(), JournalError> {
    let empty = std::fs::metadata(folder.join("journal.db")).map_or(true, |file| file.len() == 0);
    let had_runs = || std::fs::read_dir(folder.join("blobs")).is_ok_and(|mut blobs| blobs.next().is_some());
    if empty && had_runs() {
        return Err(corrupt(Text::new(
            "状態フォルダに実行の控え(blobs)はありますが、journal.db が無いか空です。",
            "the state folder holds files of runs, but journal.db is missing or empty.",
        )));
    }
    Ok(())
}

impl Journal {
    /// Opens `FOLDER/journal.db`, making it if it is not there.
    ///
    /// # Errors
    /// `JOURNAL.*`; `JOURNAL.NEWER` if a newer major version wrote it.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        Self::open_now(folder).map_err(|error| full_where_no_room(folder, error))
    }

    fn open_now(folder: &Path) -> Result<Self, JournalError> {
        // SQLite answers "locked" at once, whatever the busy timeout, when two processes make the same new file write-ahead.
        let _opening = OpeningLock::take(folder)?;
        not_lost(folder)?;
        let connection = Connection::open(folder.join("journal.db"))?;
        connection.busy_timeout(Duration::from_secs(20))?;
        let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(JournalError {
                code: "JOURNAL.FAILED",
                cause: Text::new(format!("WAL が使えません({mode})。"), format!("write-ahead logging is not possible ({mode}).")),
                cure: Text::new("状態フォルダをこの端末のディスクに置いてください。", "put the state folder on a local disk."),
            });
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Statements are kept; without this SQLite plans each again whenever a value is bound.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch(TABLES)?;
        let format: Option<String> = connection.query_row("SELECT value FROM meta WHERE key='format'", [], |row| row.get(0)).optional()?;
        match format.as_deref() {
            None => {
                connection.execute("INSERT OR IGNORE INTO meta(key, value) VALUES('format', ?1)", [FORMAT])?;
            }
            Some(found) if found.split('.').next() == FORMAT.split('.').next() => {}
            Some(found) => {
                return Err(JournalError {
                    code: "JOURNAL.NEWER",
                    cause: Text::new(format!("記録の形式 {found} はこの版では読めません。"), format!("journal format {found} is newer than this program.")),
                    cure: Text::new("新しい版の kirikae を使ってください。", "use a newer kirikae."),
                });
            }
        }
        // The identity of this state folder: plans know where they can be used up.
        if !connection.prepare("SELECT 1 FROM meta WHERE key='state'")?.exists([])? {
            connection.execute("INSERT OR IGNORE INTO meta(key, value) VALUES('state', lower(hex(randomblob(8))))", [])?;
        }
        Ok(Self { connection, folder: folder.to_owned(), per_user: false, power: Power::default() })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn per_user_mut(&mut self) -> &mut bool {
        &mut self.per_user
    }

    /// Whether counted steps are refused here, see [`Journal::refuse_counting`].
    pub fn refuses_counting(&self) -> bool {
        self.per_user
    }

    /// The power fails at this write; writes are counted from here on.
    #[cfg(feature = "testing")]
    pub fn cut(&mut self, cut: super::power::Cut) {
        self.power = Power { cut: Some(cut), writes: 0 };
    }

    /// Writes since the journal was opened, or since a cut was set.
    #[cfg(feature = "testing")]
    pub fn writes(&self) -> u64 {
        self.power.writes
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The identity of this state folder.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn state_id(&self) -> Result<String, JournalError> {
        Ok(self.connection.query_row("SELECT value FROM meta WHERE key='state'", [], |row| row.get(0))?)
    }

    /// The run that used a plan up.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn plan_used(&self, plan: &str) -> Result<Option<String>, JournalError> {
        Ok(self.connection.query_row("SELECT run FROM plans WHERE plan_id=?1", [plan], |row| row.get(0)).optional()?)
    }

    /// Appends an event durably and returns it. `wall` is stamped unless it is before the run's last event.
    /// Claims, commitments, the outbox and the run's row change in the same transaction.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn append(&mut self, run: &str, wall: Timestamp, body: EventBody) -> Result<Event, JournalError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let event = append_in(&transaction, run, wall, body)?;
        self.power.commit(transaction)?;
        Ok(event)
    }

    /// Appends events of one run, stamped by the caller and in order, all in one transaction (group commit): after an error none of
    /// them is written.
    ///
    /// # Errors
    /// `JOURNAL.*`; `JOURNAL.FAILED` if the first does not follow the run's last event on disk: somebody else wrote to it.
    pub fn append_all(&mut self, run: &str, events: &[Event]) -> Result<(), JournalError> {
        match self.append_group(run, events).map_err(|error| full_where_no_room(&self.folder, error)) {
            // What has happened must be written down: this is what room was kept for.
            Err(error) if error.code == "JOURNAL.FULL" && release(&self.folder) => self.append_group(run, events),
            done => done,
        }
    }

    fn append_group(&mut self, run: &str, events: &[Event]) -> Result<(), JournalError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut tail = Tail::of(&transaction, run)?;
        for event in events {
            if event.seq != tail.seq + 1 {
                return Err(JournalError {
                    code: "JOURNAL.FAILED",
                    cause: Text::new(
                        format!("実行 {run} の記録に、ほかのプログラムが {} を書き足しました。", tail.seq),
                        format!("another program wrote event {} of run {run}.", tail.seq),
                    ),
                    cure: Text::new("ほかの窓を閉じてから、kirikae resume で続けてください。", "close other windows, then go on with `kirikae resume`."),
                });
            }
            tail = tail.then(&transaction, run, event)?;
        }
        self.power.commit(transaction)?;
        Ok(())
    }

    /// Begins a run: takes the plan (single use) and writes the first event and the approvals that were given with it, all or
    /// nothing: a run that began without its approvals could never get them.
    ///
    /// # Errors
    /// `PLAN.USED`, `JOURNAL.*`.
    pub fn begin(
        &mut self,
        run: &str,
        wall: Timestamp,
        playbook: &str,
        target: &str,
        body: EventBody,
        approvals: Vec<EventBody>,
    ) -> Result<Vec<Event>, JournalError> {
        let EventBody::RunStarted { plan, digest, blobs, .. } = &body else {
            return Err(JournalError {
                code: "JOURNAL.FAILED", cause: Text::new("最初の記録ではありません。", "not a first event."), cure: Text::default()
            });
        };
        let (plan, digest, blobs) = (plan.clone(), digest.clone(), blobs.clone());
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let user: Option<String> = transaction.query_row("SELECT run FROM plans WHERE plan_id=?1", [&plan], |row| row.get(0)).optional()?;
        if let Some(by) = user {
            return Err(used(&plan, &by));
        }
        transaction.execute("INSERT INTO plans VALUES(?1, ?2, ?3, ?4)", params![plan, digest, run, wall.as_millisecond()])?;
        transaction.execute(
            "INSERT INTO runs(run, kind, playbook, target, plan, batch, started_at, phase) VALUES(?1, 'run', ?2, ?3, ?4, NULL, ?5, 'active')",
            params![run, playbook, target, plan, wall.as_millisecond()],
        )?;
        for (name, sha256) in &blobs {
            transaction.execute("INSERT INTO blobs VALUES(?1, ?2, ?3, 0)", params![run, name, sha256])?;
        }
        let bodies = std::iter::once(body).chain(approvals);
        let events = bodies.map(|body| append_in(&transaction, run, wall, body)).collect::<Result<Vec<_>, _>>()?;
        self.power.commit(transaction)?;
        Ok(events)
    }

    /// Takes claims for a run, all or none.
    ///
    /// # Errors
    /// `RUN.UNFINISHED` naming the run that has one of them.
    pub fn claim(&mut self, run: &str, wall: Timestamp, credentials: &[String]) -> Result<(), JournalError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for credential in credentials {
            let holder: Option<String> = transaction.query_row("SELECT run FROM claims WHERE credential=?1", [credential], |row| row.get(0)).optional()?;
            match holder {
                Some(holder) if holder != run => return Err(unfinished(&holder)),
                Some(_) => {}
                None => {
                    transaction.execute("INSERT INTO claims VALUES(?1, ?2, ?3)", params![credential, run, wall.as_millisecond()])?;
                }
            }
        }
        self.power.commit(transaction)?;
        Ok(())
    }

    /// The run that claims a credential.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn claimed_by(&self, credential: &str) -> Result<Option<String>, JournalError> {
        Ok(self.connection.query_row("SELECT run FROM claims WHERE credential=?1", [credential], |row| row.get(0)).optional()?)
    }

    /// What was committed for a credential, oldest first.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn commitments(&self, credential: &str) -> Result<Vec<Commitment>, JournalError> {
        let sql = "SELECT credential, operation, run, step, state, request_id, at FROM commitments WHERE credential=?1 ORDER BY at, run, step";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([credential], |row| {
            Ok(Commitment {
                credential: row.get(0)?,
                operation: row.get(1)?,
                run: row.get(2)?,
                step: row.get(3)?,
                state: row.get(4)?,
                request_id: row.get(5)?,
                at: timestamp(row.get(6)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Events of a run, in order.
    ///
    /// # Errors
    /// `JOURNAL.*`; `JOURNAL.CORRUPT` if one cannot be read.
    pub fn events(&self, run: &str) -> Result<Vec<Event>, JournalError> {
        let mut statement = self.connection.prepare("SELECT seq, at, kind, body FROM events WHERE run=?1 ORDER BY seq")?;
        let rows = statement.query_map([run], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?)))?;
        rows.map(|row| {
            let (seq, at, kind, body) = row?;
            read_event(seq, at, &kind, &body).ok_or_else(|| unreadable(run, seq, &kind))
        })
        .collect()
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        let mut statement = self.connection.prepare(&format!("{RUNS} {NEWEST_FIRST}"))?;
        let rows = statement.query_map([], run_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest run.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn newest(&self) -> Result<Option<RunRow>, JournalError> {
        Ok(self.connection.query_row(&format!("{RUNS} {NEWEST_FIRST} LIMIT 1"), [], run_row).optional()?)
    }

    /// The run of this id.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn find(&self, run: &str) -> Result<Option<RunRow>, JournalError> {
        Ok(self.connection.query_row(&format!("{RUNS} WHERE run=?1"), [run], run_row).optional()?)
    }

    /// How many steps of an action were begun since a time, in all runs, or were approved by a site rule and may yet be. What is
    /// known not to have happened does not count.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn acts_since(&self, action: &str, since: Timestamp) -> Result<u32, JournalError> {
        // The condition on the kind is that of the index.
        let sql = "SELECT e.run, e.kind, e.body, r.phase FROM events e JOIN runs r ON r.run=e.run
                   WHERE e.kind IN ('ApprovalGiven', 'IntentRecorded') AND e.at>=?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([since.as_millisecond()])?;
        let mut acts = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let (run, kind, body, phase): (String, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let Ok(body) = serde_json::from_str::<Json>(&body) else { continue };
            let text = |field: &str| body.get(field).and_then(Json::as_str).unwrap_or_default();
            if kind == "IntentRecorded" {
                if text("operation") == action && !self.is_undone(&run, text("step"))? {
                    acts.insert((run, text("step").to_owned()));
                }
            } else if text("by").starts_with("rule ") && phase != "ended" {
                let uses = body.get("subject").and_then(Json::as_object).into_iter().flatten();
                let steps = uses.filter_map(|(key, uses)| Some((key.strip_prefix("uses:")?, uses.as_str()?.split('@').next()?)));
                acts.extend(steps.filter(|(_, uses)| *uses == action).map(|(step, _)| (run.clone(), step.to_owned())));
            }
        }
        Ok(u32::try_from(acts.len()).unwrap_or(u32::MAX))
    }

    fn is_undone(&self, run: &str, step: &str) -> Result<bool, JournalError> {
        let sql = "SELECT 1 FROM commitments WHERE run=?1 AND step=?2 AND state='not_done'";
        Ok(self.connection.prepare_cached(sql)?.exists([run, step])?)
    }

    /// Blobs of a run by name.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn blobs(&self, run: &str) -> Result<BTreeMap<String, String>, JournalError> {
        let mut statement = self.connection.prepare("SELECT name, sha256 FROM blobs WHERE run=?1")?;
        let rows = statement.query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Checks the pages of the file and the chains of all runs.
    ///
    /// # Errors
    /// `JOURNAL.*`; `JOURNAL.CORRUPT` for a damaged page, also one that holds no event.
    pub fn verify(&self) -> Result<Vec<Verified>, JournalError> {
        let found: String = self.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(corrupt(Text::new(format!("journal.db が壊れています: {found}"), format!("journal.db is damaged: {found}"))));
        }
        let mut statement = self.connection.prepare("SELECT DISTINCT run FROM events ORDER BY run")?;
        let runs: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        runs.iter().map(|run| self.verify_run(run, None)).collect()
    }

    /// Checks the chain of a run; with a head (hex) kept elsewhere, also that its tail was not cut before it.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn verify_run(&self, run: &str, head: Option<&str>) -> Result<Verified, JournalError> {
        let mut statement = self.connection.prepare("SELECT seq, at, kind, body, hash FROM events WHERE run=?1 ORDER BY seq")?;
        let mut rows = statement.query([run])?;
        let mut previous = [0u8; 32];
        let (mut events, mut fault, mut head_seen) = (0u64, None, false);
        while let Some(row) = rows.next()? {
            let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
            let (at, kind, body, hash): (i64, String, String, Vec<u8>) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            events += 1;
            if seq != events && fault.is_none() {
                fault = Some(ChainFault::Missing(events));
            }
            let expected = link(&previous, run, seq, at, &kind, &body);
            if hash != expected && fault.is_none() {
                fault = Some(ChainFault::Broken(seq));
            }
            previous = <[u8; 32]>::try_from(hash.as_slice()).unwrap_or(expected);
            head_seen |= head.is_some_and(|head| head.eq_ignore_ascii_case(&hex::encode(previous)));
        }
        if fault.is_none() && head.is_some() && !head_seen {
            fault = Some(ChainFault::HeadNotFound);
        }
        Ok(Verified { run: run.to_owned(), events, head: hex::encode(previous), fault })
    }
}

const RUNS: &str = "SELECT run, playbook, target, plan, started_at, phase, detail FROM runs";
const NEWEST_FIRST: &str = "ORDER BY started_at DESC, run DESC";

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        run: row.get(0)?,
        playbook: row.get(1)?,
        target: row.get(2)?,
        plan: row.get(3)?,
        started_at: timestamp(row.get(4)?),
        phase: row.get(5)?,
        detail: row.get(6)?,
    })
}

pub(super) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

pub(super) fn read_event(seq: i64, at: i64, kind: &str, body: &str) -> Option<Event> {
    let mut json: Json = serde_json::from_str(body).ok()?;
    json.as_object_mut()?.insert("kind".to_owned(), Json::String(kind.to_owned()));
    Some(Event { seq: u64::try_from(seq).ok()?, at: timestamp(at), body: serde_json::from_value(json).ok()? })
}

/// The end of a run's chain.
struct Tail {
    /// 0: there is no event yet.
    seq: u64,
    at: Option<Timestamp>,
    hash: [u8; 32],
}

impl Tail {
    fn of(transaction: &Transaction<'_>, run: &str) -> Result<Self, JournalError> {
        let last: Option<(i64, i64, Vec<u8>)> = transaction
            .prepare_cached("SELECT seq, at, hash FROM events WHERE run=?1 ORDER BY seq DESC LIMIT 1")?
            .query_row([run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        Ok(match last {
            Some((seq, at, hash)) => {
                Self { seq: u64::try_from(seq).unwrap_or(0), at: Some(timestamp(at)), hash: <[u8; 32]>::try_from(hash.as_slice()).unwrap_or([0; 32]) }
            }
            None => Self { seq: 0, at: None, hash: [0; 32] },
        })
    }

    /// Writes the next event and what it means for the tables beside.
    fn then(self, transaction: &Transaction<'_>, run: &str, event: &Event) -> Result<Self, JournalError> {
        let (kind, at) = (event.body.kind(), event.at.as_millisecond());
        let mut json = serde_json::to_value(&event.body).map_err(|error| JournalError {
            code: "JOURNAL.FAILED",
            cause: Text::new(format!("記録の形にできません: {error}"), format!("event has no JSON form: {error}")),
            cure: Text::default(),
        })?;
        if let Some(object) = json.as_object_mut() {
            object.remove("kind");
            object.insert("v".to_owned(), Json::from(1));
        }
        let text = json.to_string();
        let hash = link(&self.hash, run, event.seq, at, kind, &text);
        let seq = i64::try_from(event.seq).unwrap_or(i64::MAX);
        execute(transaction, "INSERT INTO events VALUES(?1, ?2, ?3, ?4, ?5, ?6)", params![run, seq, at, kind, text, hash.as_slice()])?;
        side_tables(transaction, run, at, &event.body)?;
        Ok(Self { seq: event.seq, at: Some(event.at), hash })
    }
}

fn append_in(transaction: &Transaction<'_>, run: &str, wall: Timestamp, body: EventBody) -> Result<Event, JournalError> {
    let tail = Tail::of(transaction, run)?;
    let event = Event::after(tail.seq, tail.at, wall, body);
    tail.then(transaction, run, &event)?;
    Ok(event)
}

/// The statements are the same for every event of a run, so each is compiled once.
pub(super) fn execute(transaction: &Transaction<'_>, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    transaction.prepare_cached(sql)?.execute(params)
}

impl Journal {
    /// Writes down what happened outside a run.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn append_state(&mut self, wall: Timestamp, body: EventBody) -> Result<Event, JournalError> {
        self.append(STATE_RUN, wall, body)
    }
}
