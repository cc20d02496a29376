//! The crash matrix: a run that dies at every write of its journal, and is taken up by a fresh process until it ends.
//!
//! Each write is tried twice: lost (what was done since the write before it stands in no record) and durable (nothing that was to
//! follow it is done). The process that takes the run up dies once more, somewhere; the next one is left alone.
//! May use: the journal's cut. Must not: know what a run does; that is its [`CrashCase`].

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::journal::{Cut, Journal};
use crate::run::{EventBody, Phase, RunError, State};

/// So many processes take a run up before it counts as one that never ends.
const PROCESSES: usize = 6;

/// A run that can be begun any number of times in worlds that are the same.
pub trait CrashCase {
    /// Everything outside the processes: state folder, portals, stores, clock.
    type World;

    /// A world before the run.
    fn world(&self) -> Self::World;

    /// The state folder of a world.
    fn folder<'w>(&self, world: &'w Self::World) -> &'w Path;

    /// One process: begins the run if the journal holds none, else takes it up with a fresh driver; carries it on until it ends or parks.
    ///
    /// # Errors
    /// What ended the driver.
    fn process(&self, world: &Self::World, journal: &mut Journal) -> Result<State, RunError>;

    /// What must hold whenever a process has died or ended: a working certificate is there, attempts are within their budget.
    ///
    /// # Errors
    /// What does not hold.
    fn holds(&self, world: &Self::World) -> Result<(), String>;

    /// Whether this run waits for a person for good reason: nobody but a person can tell whether its step in doubt happened.
    fn only_a_person_can_tell(&self, _state: &State) -> bool {
        false
    }

    /// What the world has seen of the run (issuances, requests, imports, deletions): the same as without a crash.
    fn effects(&self, world: &Self::World) -> Vec<(String, u64)>;
}

/// What a matrix found.
#[derive(Debug)]
pub struct CrashReport {
    /// Writes of the undisturbed run.
    pub writes: u64,
    /// How the undisturbed run ended.
    pub phase: Phase,
    /// Runs that were cut off.
    pub cuts: usize,
    /// What went wrong, in the order of the cuts.
    pub faults: Vec<CrashFault>,
}

/// A cut after which something was wrong.
#[derive(Debug)]
pub struct CrashFault {
    /// Where the first process died.
    pub first: Cut,
    /// Where the process that took the run up died.
    pub second: Option<Cut>,
    /// The last event that the first process wrote, with its step.
    pub after: String,
    /// What was wrong.
    pub why: String,
}

impl fmt::Display for CrashFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, second, after, why } = self;
        write!(f, "cut at write {} ({}), after {after}", first.write, if first.durable { "durable" } else { "lost" })?;
        if let Some(second) = second {
            write!(f, ", then at write {} ({})", second.write, if second.durable { "durable" } else { "lost" })?;
        }
        write!(f, ": {why}")
    }
}

/// Cuts the run off at every write.
///
/// # Errors
/// When the undisturbed run is wrong already.
pub fn crash_matrix(case: &impl CrashCase) -> Result<CrashReport, String> {
    let (writes, undisturbed) = undisturbed(case)?;
    let cuts: Vec<Cut> = (1..=writes).flat_map(|write| [false, true].map(|durable| Cut { write, durable })).collect();
    let mut report = CrashReport { writes, phase: undisturbed.phase.clone(), cuts: cuts.len(), faults: vec![] };
    for first in cuts {
        let mut told = Told { after: String::new(), second: None };
        let outcome = catch_unwind(AssertUnwindSafe(|| cut_off(case, first, writes, &undisturbed, &mut told)));
        let why = match outcome {
            Ok(Ok(())) => continue,
            Ok(Err(why)) => why,
            Err(panic) => panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default(),
        };
        report.faults.push(CrashFault { first, second: told.second, after: told.after, why });
    }
    Ok(report)
}

/// What a run came to.
struct Came {
    phase: Phase,
    outputs: Json,
    effects: Vec<(String, u64)>,
}

/// What is told of a cut that went wrong.
struct Told {
    after: String,
    second: Option<Cut>,
}

fn undisturbed(case: &impl CrashCase) -> Result<(u64, Came), String> {
    let world = case.world();
    let mut journal = open(case, &world)?;
    let state = case.process(&world, &mut journal).map_err(|error| format!("undisturbed: {}", error.line(crate::text::Lang::En)))?;
    case.holds(&world)?;
    Ok((journal.writes(), came(case, &world, &journal, &state)?))
}

fn cut_off<C: CrashCase>(case: &C, first: Cut, writes: u64, undisturbed: &Came, told: &mut Told) -> Result<(), String> {
    let world = case.world();
    let mut cut = Some(first);
    for process in 0..PROCESSES {
        let mut journal = open(case, &world)?;
        if let Some(cut) = cut.take() {
            journal.cut(cut);
        }
        let ended = case.process(&world, &mut journal);
        drop(journal);
        case.holds(&world)?;
        let journal = open(case, &world)?;
        if let Some(broken) = journal.verify().map_err(|error| error.to_string())?.iter().find_map(|run| run.fault.clone()) {
            return Err(format!("the chain is broken: {broken:?}"));
        }
        match ended {
            Ok(state) if state.phase == undisturbed.phase => return same(&came(case, &world, &journal, &state)?, undisturbed),
            Ok(state) if process > 1 && case.only_a_person_can_tell(&state) => return no_more(&case.effects(&world), &undisturbed.effects),
            Ok(state) if process + 1 == PROCESSES => return Err(format!("it came to {:?} and not to {:?}", state.phase, undisturbed.phase)),
            Err(error) if process > 1 => return Err(error.line(crate::text::Lang::En)),
            _ if process == 0 => {
                told.after = last_event(&journal);
                // Any write will do, but always the same one.
                let digest = Sha256::digest(format!("{}/{}", first.write, first.durable));
                let second = Cut { write: 1 + u64::from(digest[0]) % writes, durable: digest[1] % 2 == 0 };
                told.second = Some(second);
                cut = Some(second);
            }
            _ => {}
        }
    }
    Err("it never ended".to_owned())
}

fn open<C: CrashCase>(case: &C, world: &C::World) -> Result<Journal, String> {
    Journal::open(case.folder(world)).map_err(|error| error.to_string())
}

fn came<C: CrashCase>(case: &C, world: &C::World, journal: &Journal, state: &State) -> Result<Came, String> {
    let events = journal.events(&state.run).map_err(|error| error.to_string())?;
    let ended = events.iter().rev().find_map(|event| match &event.body {
        EventBody::RunEnded { outputs, .. } => Some(serde_json::to_value(outputs).unwrap_or_default()),
        _ => None,
    });
    Ok(Came { phase: state.phase.clone(), outputs: comparable(ended.unwrap_or_default()), effects: case.effects(world) })
}

/// Whatever happened did not happen more often than without a crash.
fn no_more(came: &[(String, u64)], undisturbed: &[(String, u64)]) -> Result<(), String> {
    let most = |name: &String| undisturbed.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
    match came.iter().find(|(name, count)| *count > most(name)) {
        Some((name, count)) => Err(format!("{name} happened {count} times and not {}", most(name))),
        None => Ok(()),
    }
}

fn same(came: &Came, undisturbed: &Came) -> Result<(), String> {
    if came.outputs != undisturbed.outputs {
        return Err(format!("outputs {} and not {}", came.outputs, undisturbed.outputs));
    }
    if came.effects != undisturbed.effects {
        return Err(format!("effects {:?} and not {:?}", came.effects, undisturbed.effects));
    }
    Ok(())
}

/// A run that was cut off waits at other times, and may receive a file again, whose bytes differ each time: instants and digests of
/// files differ, everything else is the same.
fn comparable(value: Json) -> Json {
    match value {
        Json::String(text) if text.starts_with("file:") || text.parse::<Timestamp>().is_ok() => Json::Null,
        Json::Array(items) => items.into_iter().map(comparable).collect(),
        Json::Object(mut fields) if fields.contains_key("vault") && fields.contains_key("size") => Json::from_iter(fields.remove("name")),
        Json::Object(fields) => fields.into_iter().map(|(name, value)| (name, comparable(value))).collect(),
        other => other,
    }
}

fn last_event(journal: &Journal) -> String {
    let run = journal.newest().ok().flatten();
    let last = run.and_then(|run| journal.events(&run.run).ok()?.pop());
    last.map_or_else(|| "nothing".to_owned(), |event| format!("{} {} of {}", event.seq, event.body.kind(), event.body.step().unwrap_or("the run")))
}
