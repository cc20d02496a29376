//! The binary dies by `kill -9` and is taken up again, against a lab in its own process whose `effects.jsonl` is the truth.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use support::gate::Held;
use support::shipped::{counts_tries, lab_before, started_by_people};
use support::{Lab, said};

/// A lab in which this playbook has something to do.
fn lab_for(playbook: &str) -> Lab {
    let lab = Lab::start(&[]);
    lab_before(&lab, playbook);
    lab
}

fn apply(lab: &Lab, playbook: &str) -> Command {
    lab.command(&["apply", playbook, "--approve", "all", "--format", "json"])
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|file| !file.file_name().to_string_lossy().starts_with('.')).count()
}

/// What the world outside has seen, and what stands in stores and folders: the same with and without a crash.
fn traces(lab: &Lab) -> BTreeMap<String, usize> {
    let mut traces: BTreeMap<String, usize> = ["personal", "backup", "inbox"].map(|folder| (folder.to_owned(), files(&lab.path(folder)))).into();
    traces.insert("issued".to_owned(), lab.count("issued", None));
    traces.insert("received renew".to_owned(), lab.count("received", Some("renew")));
    traces.insert("received revoke".to_owned(), lab.count("received", Some("revoke")));
    traces
}

/// A run that is only held up: how many events were durable after each write of its journal, where its intents stand, and its traces.
fn undisturbed(playbook: &str) -> (Vec<usize>, Vec<usize>, BTreeMap<String, usize>) {
    let lab = lab_for(playbook);
    let mut held = Held::start(apply(&lab, playbook), &lab.state());
    let mut writes = vec![];
    while held.until(writes.last().map_or(1, |events| events + 1)) {
        writes.push(held.events().len());
    }
    let events = held.events();
    if events.last().unwrap().body.kind() == "RunParked" {
        let done = lab.people_go_on();
        assert_eq!(done.status.code(), Some(0), "{playbook}: {}", said(&done));
    } else {
        assert_eq!(events.last().unwrap().body.kind(), "RunEnded", "{playbook}: {events:?}");
    }
    let intents = events.iter().filter(|event| event.body.kind() == "IntentRecorded").map(|event| usize::try_from(event.seq).unwrap());
    (writes, intents.collect(), traces(&lab))
}

/// Where a process is killed.
#[derive(Clone, Copy, Debug)]
enum Kill {
    /// Right behind this event, before anything follows it.
    Behind(usize),
    /// In the middle of what follows this event: as soon as the world outside shows a difference.
    InTheMidstOf(usize),
}

/// Kills one run, takes it up, and compares.
fn killed(playbook: &str, kill: Kill, expected: &BTreeMap<String, usize>) {
    let lab = lab_for(playbook);
    let had = files(&lab.path("personal")) > 0;
    let mut held = Held::start(apply(&lab, playbook), &lab.state());
    let (Kill::Behind(event) | Kill::InTheMidstOf(event)) = kill;
    assert!(held.until(event), "{playbook} {kill:?}: it ended before");
    if let Kill::InTheMidstOf(_) = kill {
        let seen = || (traces(&lab), lab.effects().len(), files(&lab.state().join("vault")));
        let before = seen();
        held.let_go();
        let started = Instant::now();
        while seen() == before && started.elapsed() < Duration::from_millis(400) {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    held.kill();
    let why = format!("{playbook} {kill:?}");
    assert!(!had || files(&lab.path("personal")) > 0, "{why}: a certificate is there at every instant");
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0), "{why}");
    lab.resume_to_the_end();
    assert_eq!(&traces(&lab), expected, "{why}");
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0), "{why}");
    // What is in the store works.
    if lab.count("issued", None) > 0 && playbook.ends_with("renew-web") {
        let works = lab.run(&["apply", "obn/verify"]);
        assert_eq!(works.status.code(), Some(0), "{why}: {}", said(&works));
    }
}

/// Two at a time.
fn all(playbook: &str, kills: Vec<Kill>, expected: &BTreeMap<String, usize>) {
    let queue = Mutex::new(kills.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(kill) = queue.lock().unwrap().next() else { return };
                    killed(playbook, kill, expected);
                }
            });
        }
    });
}

#[test]
fn a_renewal_killed_behind_every_write_and_in_the_midst_of_what_follows_issues_once() {
    let (writes, intents, expected) = undisturbed("obn/renew-web");
    assert_eq!((expected["issued"], expected["received renew"], expected["personal"]), (1, 1, 2), "one certificate: its file and its notes");
    assert_eq!(intents.len(), 7, "{intents:?}");
    let kills = writes.into_iter().map(Kill::Behind).chain(intents.into_iter().map(Kill::InTheMidstOf));
    all("obn/renew-web", kills.collect(), &expected);
}

#[test]
fn every_other_playbook_killed_here_and_there_ends_as_if_nothing_had_happened() {
    // A renewal that nothing can look up is tried apart. A stored value whose try was cut off is not tried again: such a run ends with a person.
    let apart = ["obn/renew-web", "webqkan/client-renew-api"];
    for playbook in started_by_people().iter().filter(|playbook| !apart.contains(&playbook.as_str()) && !counts_tries(playbook)) {
        let (writes, intents, expected) = undisturbed(playbook);
        let kills = writes.into_iter().step_by(4).map(Kill::Behind).chain(intents.into_iter().step_by(2).map(Kill::InTheMidstOf));
        all(playbook, kills.collect(), &expected);
    }
}

#[test]
fn a_renewal_that_nothing_can_look_up_is_sent_once_and_left_to_a_person() {
    let lab = Lab::start(&["--fault", "drop-after-effect@renew"]);
    let cut = lab.run(&["apply", "webqkan/client-renew-api", "--approve", "all"]);
    assert_eq!(cut.status.code(), Some(75), "{}", said(&cut));
    for _ in 0..2 {
        let again = lab.run(&["resume", "last"]);
        assert_eq!(again.status.code(), Some(75), "{}", said(&again));
    }
    assert_eq!((lab.count("received", Some("renew")), lab.count("issued", None)), (1, 1));
    let second = lab.run(&["apply", "webqkan/client-renew-api", "--approve", "all"]);
    assert!(said(&second).contains("RUN.UNFINISHED"), "{}", said(&second));
}

/// A generator of numbers that are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// What a lab does wrong in some of the rounds of a soak.
const FAULTS: [&str; 12] = [
    "drop-before@renew",
    "drop-after-effect@renew",
    "drop-after-effect@fetch",
    "drop-before@find_issued",
    "redirect-307@renew",
    "session-timeout@renew",
    "http-503@renew",
    "http-503@find_issued",
    "truncated-file@fetch",
    "html-instead-of-file@fetch",
    "stale-row",
    "delay@renew",
];

/// Where the kills of a soak landed.
#[derive(Default)]
struct Landed {
    before: usize,
    during: usize,
    after: usize,
    faults: BTreeMap<&'static str, usize>,
}

/// One round: a renewal against a lab with a fault or none, killed up to three times, then left alone.
fn soak_round(seed: u64, lab: &Lab, dice: &mut Dice, landed: &mut Landed) {
    let mut spawn = lab.command(&["apply", "obn/renew-web", "--approve", "all"]);
    for turn in 0..=dice.roll(3) {
        let mut child = spawn.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(dice.roll(if turn == 0 { 2_000 } else { 900 })));
        let alive = child.try_wait().unwrap().is_none();
        let _ = child.kill();
        let _ = child.wait();
        assert!(files(&lab.path("personal")) > 0, "seed {seed}: a certificate is there at every instant");
        let phase = phase(lab);
        match (alive, phase.as_deref()) {
            (_, None) => landed.before += 1,
            (true, Some(phase)) if phase != "ended" => landed.during += 1,
            _ => landed.after += 1,
        }
        spawn = if phase.is_none() { lab.command(&["apply", "obn/renew-web", "--approve", "all"]) } else { lab.command(&["resume", "last"]) };
    }
    if phase(lab).is_none() {
        let _ = lab.renew();
    }
    if phase(lab).as_deref() != Some("ended") {
        lab.resume_to_the_end();
    }
    let sent = lab.show()["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "IntentRecorded" && event["step"] == "request").count();
    assert_eq!(lab.count("issued", None), 1, "seed {seed}: one issuance");
    assert!(lab.count("received", Some("renew")) <= sent, "seed {seed}: no more requests than intents");
    assert_eq!(lab.store().len(), 1, "seed {seed}: only the new certificate is left");
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0), "seed {seed}: the journal is whole");
    let works = lab.run(&["apply", "obn/verify"]);
    assert_eq!(works.status.code(), Some(0), "seed {seed}: the new certificate signs in: {}", said(&works));
}

/// Where the newest run is. One that failed before it wrote anything can be taken up again.
fn phase(lab: &Lab) -> Option<String> {
    let runs = lab.run(&["runs", "--format", "json"]);
    let runs: serde_json::Value = serde_json::from_slice(&runs.stdout).ok()?;
    let run = runs.as_array()?.first()?;
    let word = if run["detail"] == "failed" { "failed" } else { run["phase"].as_str()? };
    Some(word.to_owned())
}

/// `tests/soak COUNT SEED`: a figure, and a long time; not part of the suite.
#[test]
#[ignore = "a soak of many minutes: tests/soak COUNT SEED"]
fn soak() {
    let number = |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (count, first) = (number("KIRIKAE_SOAK_COUNT", 200), number("KIRIKAE_SOAK_SEED", 1));
    let (started, mut landed) = (Instant::now(), Landed::default());
    for seed in first..first + count {
        let mut dice = Dice(seed);
        let fault = (dice.roll(3) > 0).then(|| FAULTS[usize::try_from(dice.roll(FAULTS.len() as u64)).unwrap()]);
        let arguments: Vec<&str> = fault.iter().flat_map(|fault| ["--fault", fault]).collect();
        let mut lab = Lab::start(&arguments);
        *landed.faults.entry(fault.unwrap_or("none")).or_default() += 1;
        let round = std::panic::AssertUnwindSafe(|| soak_round(seed, &lab, &mut dice, &mut landed));
        if std::panic::catch_unwind(round).is_err() {
            let folder = lab.keep();
            println!("seed {seed} failed with fault {}; its folder: {}", fault.unwrap_or("none"), folder.display());
            println!("once more: tests/soak 1 {seed}");
            panic!("seed {seed}");
        }
    }
    println!(
        "{count} rounds from seed {first} in {:.0} s: {} kills before the run began, {} during it, {} after its end",
        started.elapsed().as_secs_f64(),
        landed.before,
        landed.during,
        landed.after
    );
    for (fault, rounds) in landed.faults {
        println!("  {rounds:>4} rounds with {fault}");
    }
}
