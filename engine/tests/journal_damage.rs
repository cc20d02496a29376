//! A journal whose file was damaged: what was written is read as it was, or the damage is told; never something else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use kirikae_engine::clock::Clock;
use kirikae_engine::journal::{ChainFault, Journal};
use kirikae_engine::run::{Event, Phase, RunEnd};
use kirikae_engine::testing::situations::due;
use kirikae_engine::testing::{carry_out, planned};

const PAGE: usize = 4096;

/// A whole journal with the files beside it.
struct Written {
    main: Vec<u8>,
    log: Vec<u8>,
    run: String,
    events: Vec<Event>,
    head: String,
}

/// A renewal as its journal lies on the disk: with its last writes in the log, or with all of them in the main file.
fn renewal(logged: bool) -> Written {
    let place = tempfile::tempdir().unwrap();
    let desk = due();
    let backends = desk.world.backends();
    // While this is open the log is not copied into the main file.
    let open = Journal::open(place.path()).unwrap();
    let plan = planned(&desk.checked, &desk.site, &backends, desk.world.clock.now(), desk.scope, &desk.set);
    let end = carry_out(plan, &desk.checked, &desk.site, &backends, &*desk.world.clock, &*desk.world.clock, place.path());
    assert_eq!(end.state.phase, Phase::Ended(RunEnd::Done));
    let events = open.events(&end.state.run).unwrap();
    let read = |name: &str| fs::read(place.path().join(name)).unwrap_or_default();
    let log = if logged { read("journal.db-wal") } else { vec![] };
    drop(open);
    // Whoever closes it last copies the log into the main file.
    let main = read("journal.db");
    assert!(read("journal.db-wal").is_empty());
    Written { main, log, run: end.state.run, events, head: end.head }
}

fn lay(main: &[u8], log: &[u8]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("journal.db"), main).unwrap();
    if !log.is_empty() {
        fs::write(place.path().join("journal.db-wal"), log).unwrap();
    }
    fs::create_dir(place.path().join("blobs")).unwrap();
    fs::write(place.path().join("blobs/0"), "the plan of a run").unwrap();
    place
}

/// What a reader finds: the events, or why there are none.
fn read(place: &Path, written: &Written) -> Result<Vec<Event>, String> {
    let journal = Journal::open(place).map_err(|error| told(&error))?;
    let faults: Vec<ChainFault> = journal.verify().map_err(|error| told(&error))?.into_iter().filter_map(|run| run.fault).collect();
    if let Some(fault) = faults.first() {
        return Err(format!("{fault:?}"));
    }
    journal.events(&written.run).map_err(|error| told(&error))
}

/// The code, after making sure that both languages say what happened and what to do.
fn told(error: &kirikae_engine::journal::JournalError) -> String {
    for text in [&error.cause, &error.cure] {
        assert!(!text.ja.is_empty() && text.en.as_ref().is_some_and(|en| !en.is_empty()), "{error}");
    }
    assert!(error.code.starts_with("JOURNAL."), "{error}");
    error.code.to_owned()
}

#[test]
fn a_damaged_page_is_told_or_holds_nothing_that_matters() {
    let written = renewal(false);
    let mut told = 0;
    let pages = written.main.len() / PAGE;
    for page in 0..pages {
        let spoil: [fn(&mut [u8]); 3] = [
            |page| page.fill(0),
            |page| page.iter_mut().for_each(|byte| *byte ^= 0x5a),
            // A few bytes in the middle, as a bad cell of a flash disk gives them.
            |page| page[2000..2016].iter_mut().for_each(|byte| *byte ^= 0xff),
        ];
        for (way, spoil) in spoil.iter().enumerate() {
            let mut main = written.main.clone();
            spoil(&mut main[page * PAGE..(page + 1) * PAGE]);
            let place = lay(&main, &[]);
            match read(place.path(), &written) {
                Ok(events) => assert_eq!(events, written.events, "page {page}, way {way}: other events, and nobody said so"),
                Err(_) => told += 1,
            }
        }
    }
    assert!(told >= pages, "of {pages} pages spoilt in three ways {told} were told");
}

#[test]
fn a_log_that_was_cut_anywhere_gives_what_was_durable_before_and_nothing_else() {
    let written = renewal(true);
    assert!(written.log.len() > 20 * PAGE, "the run is in the log");
    let empty = {
        let place = tempfile::tempdir().unwrap();
        drop(Journal::open(place.path()).unwrap());
        fs::read(place.path().join("journal.db")).unwrap()
    };
    let (mut lengths, mut cuts): (Vec<usize>, Vec<usize>) = (vec![], (0..written.log.len()).step_by(1_357).collect());
    cuts.push(written.log.len());
    for cut in cuts {
        let place = lay(&empty, &written.log[..cut]);
        let events = read(place.path(), &written).unwrap_or_else(|why| panic!("cut at {cut}: {why}"));
        assert_eq!(events, written.events[..events.len()], "cut at {cut}: a beginning of what was written");
        let journal = Journal::open(place.path()).unwrap();
        let fault = journal.verify_run(&written.run, Some(&written.head)).unwrap().fault;
        let whole = events.len() == written.events.len();
        assert_eq!(fault, (!whole).then_some(ChainFault::HeadNotFound), "the head kept elsewhere tells a cut at {cut}");
        lengths.push(events.len());
    }
    assert!(lengths.is_sorted() && lengths.first() == Some(&0) && lengths.last() == Some(&written.events.len()), "{lengths:?}");
    // What a torn write leaves at the end of the log counts as nothing.
    let mut torn = written.log.clone();
    let end = torn.len();
    torn[end - 700..].fill(0xa5);
    let events = read(lay(&empty, &torn).path(), &written).unwrap();
    assert!(events.len() < written.events.len() && events == written.events[..events.len()]);
}

#[test]
fn a_main_file_that_was_cut_anywhere_is_told() {
    let written = renewal(false);
    for cut in (0..written.main.len()).step_by(1_357) {
        let place = lay(&written.main[..cut], &[]);
        match read(place.path(), &written) {
            Ok(events) => assert_eq!(events, written.events, "cut at {cut}"),
            Err(why) => assert!(why == "JOURNAL.CORRUPT" || why.contains("Missing") || why.contains("Broken"), "cut at {cut}: {why}"),
        }
    }
    // Nothing is left of it, or it is not there at all: no new journal takes its place.
    let lost = lay(&[], &[]);
    assert_eq!(read(lost.path(), &written).unwrap_err(), "JOURNAL.CORRUPT");
    fs::remove_file(lost.path().join("journal.db")).unwrap();
    assert_eq!(read(lost.path(), &written).unwrap_err(), "JOURNAL.CORRUPT");
}
