//! The figures of journal and driver beside their limits.
//!
//! `journal`: the events of a renewal into the journal, and the same rows into bare SQLite: same file format, same durability
//! (write-ahead log, every commit waits for the disk), same number of events in a transaction. By turns, so that both meet the same disk.
//! `transitions`: whole renewals through core, driver and journal with backends in memory; each event of the journal is a transition.
//! `resume`: a renewal that was parked is taken up in a state folder with 100,000 finished runs: a renewal in ten, else runs that had
//! nothing to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code)]
mod figure;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use figure::{Figures, cpu, in_memory};
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::{Journal, link};
use kirikae_engine::run::{Event, EventBody, ParkCause, Phase, RunEnd};
use kirikae_engine::testing::situations::{due, not_due};
use kirikae_engine::testing::{Desk, Drive, Fault, Nobody, planned};
use rusqlite::{Connection, params};
use tempfile::TempDir;

const RUN: &str = "20261123-abcdef";
const RUNS: usize = 200;
const FINISHED: usize = 100_000;

fn main() -> ExitCode {
    let mut figures = Figures::default();
    let events = renewed(&due(), RUN).1;
    for group in [1, 4] {
        against_sqlite(&mut figures, &events, group);
    }
    transitions(&mut figures);
    resume(&mut figures);
    figures.end()
}

/// A run at this desk, in a folder in memory.
fn renewed(desk: &Desk, run: &str) -> (TempDir, Vec<Event>) {
    let place = tempfile::tempdir_in(in_memory()).unwrap();
    let mut journal = Journal::open(place.path()).unwrap();
    begin(desk, &mut journal, run);
    let events = journal.events(run).unwrap();
    (place, events)
}

fn begin(desk: &Desk, journal: &mut Journal, run: &str) -> Phase {
    let backends = desk.world.backends();
    let clock = &*desk.world.clock;
    let plan = planned(&desk.checked, &desk.site, &backends, clock.now(), desk.scope, &desk.set);
    let drive = Drive { site: &desk.site, backends: &backends, clock, pauser: clock, person: &Nobody };
    drive.begin(journal, run, plan, &desk.checked).unwrap().state.phase
}

/// The rows of events, with the hashes of their run.
fn rows(events: &[Event], run: &str) -> Vec<(i64, i64, &'static str, String, [u8; 32])> {
    let mut previous = [0; 32];
    let row = |event: &Event| {
        let mut body = serde_json::to_value(&event.body).unwrap();
        body.as_object_mut().unwrap().remove("kind");
        body.as_object_mut().unwrap().insert("v".to_owned(), 1.into());
        let (at, text) = (event.at.as_millisecond(), body.to_string());
        previous = link(&previous, run, event.seq, at, event.body.kind(), &text);
        (i64::try_from(event.seq).unwrap(), at, event.body.kind(), text, previous)
    };
    events.iter().map(row).collect()
}

// The journal against bare SQLite.

fn against_sqlite(figures: &mut Figures, events: &[Event], group: usize) {
    for (place, where_) in [(std::env::temp_dir(), "on disk"), (in_memory(), "in memory")] {
        let (ours, bare) = (tempfile::tempdir_in(&place).unwrap(), tempfile::tempdir_in(&place).unwrap());
        let mut journal = Journal::open(ours.path()).unwrap();
        let connection = bare_sqlite(bare.path());
        let (mut took, mut took_bare) = ((Duration::ZERO, Duration::ZERO), (Duration::ZERO, Duration::ZERO));
        let rounds = 24;
        for round in 0..rounds {
            let run = format!("20261123-{round:06}");
            let begun = begin_run(&mut journal, events, &run);
            add(&mut took, timed(|| events[begun..].chunks(group).for_each(|group| journal.append_all(&run, group).unwrap())));
            let rows = rows(events, &run);
            add(&mut took_bare, timed(|| rows[begun..].chunks(group).for_each(|group| insert(&connection, &run, group))));
        }
        let count = (rounds * (events.len() - 2)) as f64;
        let name = |what: &str| format!("journal {where_}, {group} events in a transaction: {what}");
        let times = |ours: Duration, bare: Duration| bare.as_secs_f64() / ours.as_secs_f64();
        if where_ == "on disk" {
            figures.at_least(&name("of bare SQLite"), times(took.0, took_bare.0), 0.5, "");
            figures.note("  events a second", count / took.0.as_secs_f64(), "/s");
        } else {
            figures.note(&name("of bare SQLite (CPU)"), times(took.1, took_bare.1), "");
            figures.note("  CPU for an event", took.1.as_secs_f64() * 1e6 / count, "us");
        }
    }
}

fn timed(work: impl FnOnce()) -> (Duration, Duration) {
    let started = Instant::now();
    let (cpu, ()) = cpu(work);
    (started.elapsed(), cpu)
}

fn add(sum: &mut (Duration, Duration), part: (Duration, Duration)) {
    *sum = (sum.0 + part.0, sum.1 + part.1);
}

/// Writes the first event and the approvals of a run; gives their number.
fn begin_run(journal: &mut Journal, events: &[Event], run: &str) -> usize {
    let EventBody::RunStarted { digest, engine, playbook, site, blobs, bindings, account, .. } = events[0].body.clone() else { panic!("a first event") };
    let first = EventBody::RunStarted { plan: format!("P-{run}"), digest, engine, playbook, site, blobs, bindings, batch: None, account };
    let approvals = events.iter().skip(1).map(|event| event.body.clone()).take_while(|body| matches!(body, EventBody::ApprovalGiven { .. }));
    journal.begin(run, events[0].at, "obn/renew-web", "clinic", first, approvals.collect()).unwrap().len()
}

fn bare_sqlite(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("bare.db")).unwrap();
    let _: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    let table = "CREATE TABLE events(run TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(run, seq))";
    connection.execute_batch(table).unwrap();
    connection
}

fn insert(connection: &Connection, run: &str, rows: &[(i64, i64, &'static str, String, [u8; 32])]) {
    let transaction = connection.unchecked_transaction().unwrap();
    for (seq, at, kind, body, hash) in rows {
        let mut statement = transaction.prepare_cached("INSERT INTO events VALUES(?1, ?2, ?3, ?4, ?5, ?6)").unwrap();
        statement.execute(params![run, seq, at, kind, body, hash.as_slice()]).unwrap();
    }
    transaction.commit().unwrap();
}

// Step transitions.

fn transitions(figures: &mut Figures) {
    let terminals: Vec<(Desk, TempDir)> = (0..RUNS).map(|_| (due(), tempfile::tempdir_in(in_memory()).unwrap())).collect();
    let (took, (events, steps)) = cpu(|| {
        let mut counted = (0, 0);
        for (desk, place) in &terminals {
            let mut journal = Journal::open(place.path()).unwrap();
            assert_eq!(begin(desk, &mut journal, RUN), Phase::Ended(RunEnd::Done));
            let events = journal.events(RUN).unwrap();
            counted.0 += events.len();
            counted.1 += events.iter().filter(|event| event.body.kind() == "StepEnded").count();
        }
        counted
    });
    let per_second = |count: usize| count as f64 / took.as_secs_f64();
    figures.at_least("step transitions in a CPU second, core and journal, plan included", per_second(events), 3_000.0, "/s");
    figures.note("  steps that ended in a CPU second", per_second(steps), "/s");
}

// Resume among many finished runs.

fn resume(figures: &mut Figures) {
    let desk = due();
    let place = tempfile::tempdir_in(in_memory()).unwrap();
    desk.world.portal.fault(Operation::Renew, Fault::Before("PORTAL.SESSION_EXPIRED"));
    assert_eq!(begin(&desk, &mut Journal::open(place.path()).unwrap(), RUN), Phase::Parked(ParkCause::Failed));
    let generated = Instant::now();
    many_finished(place.path());
    println!("{FINISHED} finished runs were made in {:.0} s", generated.elapsed().as_secs_f64());
    let backends = desk.world.backends();
    let clock = &*desk.world.clock;
    let drive = Drive { site: &desk.site, backends: &backends, clock, pauser: clock, person: &Nobody };
    let started = Instant::now();
    let (took, ()) = cpu(|| {
        let mut journal = Journal::open(place.path()).unwrap();
        let newest = journal.newest().unwrap().unwrap();
        assert_eq!(newest.run, RUN);
        let end = drive.resume(&mut journal, &newest.run).unwrap();
        assert_eq!(end.state.phase, Phase::Ended(RunEnd::Done), "{:?}", end.state.failed());
    });
    figures.at_most("resume of a run among 100,000 finished ones, to its end", started.elapsed().as_secs_f64(), 1.0, "s");
    figures.note("  CPU", took.as_secs_f64(), "s");
    let size = std::fs::metadata(place.path().join("journal.db")).unwrap().len();
    figures.note("  size of journal.db", size as f64 / 1e6, "MB");
}

/// Writes finished runs straight into the tables, as the journal would have left them.
fn many_finished(folder: &Path) {
    let (_, renewal) = renewed(&due(), RUN);
    let (_, nothing) = renewed(&not_due(), RUN);
    let mut connection = Connection::open(folder.join("journal.db")).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    for thousand in 0..FINISHED / 1_000 {
        let transaction = connection.transaction().unwrap();
        for number in thousand * 1_000..(thousand + 1) * 1_000 {
            let run = format!("20251123-{number:06}");
            let events = if number % 10 == 0 { &renewal } else { &nothing };
            insert_run(&transaction, &run, number, events);
        }
        transaction.commit().unwrap();
    }
}

fn insert_run(connection: &Connection, run: &str, number: usize, events: &[Event]) {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql).unwrap().execute(values).unwrap();
    // A year before the run that is resumed, a minute apart.
    let at = events[0].at.as_millisecond() - 31_536_000_000 + i64::try_from(number).unwrap() * 60_000;
    for (seq, _, kind, body, hash) in rows(events, run) {
        execute("INSERT INTO events VALUES(?1, ?2, ?3, ?4, ?5, ?6)", &[&run, &seq, &(at + seq), &kind, &body, &hash.as_slice()]);
    }
    let plan = format!("P-{run}");
    execute(
        "INSERT INTO runs(run, kind, playbook, target, plan, batch, started_at, phase, detail) VALUES(?1, 'run', 'obn/renew-web', 'clinic', ?2, NULL, ?3, 'ended', 'done')",
        &[&run, &plan, &at],
    );
    execute("INSERT INTO plans VALUES(?1, 'd', ?2, ?3)", &[&plan, &run, &at]);
    if let EventBody::RunStarted { blobs, .. } = &events[0].body {
        for (name, sha256) in blobs {
            execute("INSERT INTO blobs VALUES(?1, ?2, ?3, 0)", &[&run, name, sha256]);
        }
    }
    for event in events {
        if let EventBody::IntentRecorded { step, operation, credential: Some(_), .. } = &event.body {
            let credential = format!("obn/another issuer/{number}");
            execute("INSERT INTO commitments VALUES(?1, ?2, ?3, ?4, 'done', '202511230000001', ?5)", &[&credential, operation, &run, step, &at]);
        }
    }
}
