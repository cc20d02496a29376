//! A seeded simulation of runs: the core, driven by a simulated driver over simulated backends, clock, people and faults.
//!
//! One number decides everything that happens: which playbook, at which clinic, what goes wrong and when, what people do. The
//! same number gives the same trace on every machine. After every event an account of its own (`invariants`) and the ground truth
//! of the clinic (`ground`) say whether something happened that must never happen.
//!
//! | file | holds |
//! |---|---|
//! | `playbook steps parts` | random playbooks that pass `check` |
//! | `case` | a playbook at a clinic, planned |
//! | `ground faults` | true time, what goes wrong, what really happened |
//! | `portal local devices` | the backends |
//! | `journal` | a journal in memory whose uncommitted tail a crash takes away |
//! | `process task tries` | a process that drives a run |
//! | `people by_hand operator` | who answers, who works pages, who resumes, who gives up |
//! | `invariants` | what must hold at every event |
//! | `mutant` | wrong rules that the simulation must find |
//!
//! May use: everything of the engine. Must not: read a real clock, the environment or the disk while a seed runs; draw from anything but the seed.

mod by_hand;
mod case;
mod devices;
mod faults;
mod ground;
mod invariants;
mod journal;
mod local;
mod mutant;
mod operator;
mod parts;
mod people;
mod playbook;
mod portal;
mod process;
mod rng;
mod steps;
mod task;
mod tries;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use mutant::Mutant;
pub use playbook::{RandomPlaybook, Shelf, random_playbook};
pub use rng::Rng;

use self::case::{Case, SEEDS_OF_A_CASE};
use self::faults::Harm;
use self::ground::Ground;
use self::invariants::Checker;
use self::operator::{Done, act};
use self::people::Typist;
use self::process::{Process, Site, Turn};
use crate::action::registry;
use crate::run::{EventBody, ParkCause, Phase, State};

/// Turns after which nothing goes wrong any more.
const STORM: u32 = 400;
/// Turns after which a seed must have come to its end.
const MOST_TURNS: u32 = 6_000;
/// How often an undisturbed run is taken up again before it must have ended, or stand for a reason.
const MOST_RESUMES: u32 = 6;

/// What a seed came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What was carried out.
    pub case: String,
    /// What happened that must never happen; empty: all is well.
    pub violations: Vec<String>,
    /// What happened, line by line; empty unless asked for.
    pub trace: Vec<String>,
    /// Events of all its runs.
    pub events: usize,
    /// How its runs ended, by word.
    pub ends: BTreeMap<String, u32>,
    /// What went wrong, how often.
    pub faults: BTreeMap<&'static str, u32>,
}

/// Runs seeds one after another; those that share a playbook share its check and its plan.
#[derive(Default)]
pub struct Simulation {
    case: Option<(u64, Case)>,
    mutant: Option<Mutant>,
}

impl Simulation {
    /// With a wrong rule put in.
    pub fn mutated(mutant: Mutant) -> Self {
        Self { case: None, mutant: Some(mutant) }
    }

    /// Runs a seed.
    pub fn run(&mut self, seed: u64) -> Outcome {
        self.carry_out(seed, false)
    }

    /// Runs a seed and tells everything. The trace begins with the playbook.
    pub fn trace(&mut self, seed: u64) -> Outcome {
        self.carry_out(seed, true)
    }

    fn carry_out(&mut self, seed: u64, tracing: bool) -> Outcome {
        let number = seed / SEEDS_OF_A_CASE;
        let case = match self.case.take() {
            Some((known, case)) if known == number => case,
            _ => Case::of(seed),
        };
        let outcome = at_the_clinic(&case, seed, self.mutant, tracing);
        self.case = Some((number, case));
        outcome
    }
}

/// A run, and the process that drives it if one does.
struct Slot<'w> {
    run: String,
    process: Option<Process<'w>>,
    over: bool,
    /// Times it was taken up since nothing goes wrong any more.
    resumes: u32,
    park: Option<ParkCause>,
    /// What the journal says, where nobody has to read it: the last process ended by itself, and so knew it.
    known: Option<(State, Checker)>,
}

struct Clinic<'w> {
    site: &'w Site<'w>,
    slots: Vec<Slot<'w>>,
    calm: bool,
    /// The run whose process wrote last.
    writer: usize,
}

/// Everything that happens at one clinic.
fn at_the_clinic(case: &Case, seed: u64, mutant: Option<Mutant>, tracing: bool) -> Outcome {
    let ground = Arc::new(Ground::new(seed, tracing));
    let parts = case.clinic(&ground);
    let sources = Typist(ground.clone());
    let site = Site {
        program: &case.program,
        registry: registry(),
        backends: &parts.backends,
        blobs: &parts.blobs,
        portals: &parts.portals,
        downloads: &parts.downloads,
        ground: &ground,
        sources: &sources,
        mutant,
        eager: ground.draw(|rng| *rng.pick(&[1000, 500, 100])),
        hands: ground.draw(|rng| *rng.pick(&[1, 2, 8])),
        patience: ground.draw(|rng| *rng.pick(&[Duration::from_secs(20), Duration::from_mins(5), Duration::from_hours(48)])),
    };
    let mut clinic = Clinic { site: &site, slots: vec![], calm: false, writer: 0 };
    clinic.apply();
    clinic.storm();
    ground.must_work(&parts.store, "everything");
    let mut ends = BTreeMap::new();
    let mut events = 0;
    for slot in &clinic.slots {
        let (state, count) = clinic.replay(&slot.run);
        events += count;
        let word = match state.phase {
            Phase::Ended(end) => format!("{end:?}"),
            other => format!("{other:?}"),
        };
        *ends.entry(word).or_default() += 1;
    }
    let mut trace = vec![];
    if tracing {
        trace.push(format!("seed {seed}: {}", case.name));
        trace.extend(case.text.lines().map(|line| format!("  | {line}")));
        trace.extend(ground.trace());
    }
    Outcome { seed, case: case.name.clone(), violations: ground.violations(), trace, events, ends, faults: ground.faults() }
}

impl<'w> Clinic<'w> {
    /// Somebody applies the plan: a new run.
    fn apply(&mut self) {
        let run = format!("run{}", self.slots.len() + 1);
        let plan = &self.site.program.plan;
        let started = EventBody::RunStarted {
            plan: format!("{}-{}", plan.plan_id, self.slots.len() + 1),
            digest: plan.digest.clone(),
            engine: "simulated".to_owned(),
            playbook: plan.playbook.id.clone(),
            site: "clinic".to_owned(),
            blobs: BTreeMap::new(),
            bindings: BTreeMap::new(),
            batch: None,
            account: "operator".to_owned(),
        };
        let mut steps = plan.approvals_required.clone();
        if self.site.ground.harmed(Harm::Unapproved) {
            steps.pop();
        }
        let approved = EventBody::ApprovalGiven { steps, by: "--approve".to_owned(), who: "operator".to_owned(), site_digest: None, subject: BTreeMap::new() };
        self.site.ground.up();
        self.site.ground.journal(journal::Journal::commit);
        let process = Process::begin(self.site, &run, vec![started, approved]).ok();
        let lost = self.died(&run, process.is_some());
        // A run of which nothing reached the disk never was.
        if lost && self.site.ground.journal(|journal| journal.events(&run).is_empty()) {
            return;
        }
        self.slots.push(Slot { run, process, over: false, resumes: 0, park: None, known: None });
    }

    /// Cleans up after a process that may have died.
    fn died(&self, run: &str, alive: bool) -> bool {
        if alive {
            return false;
        }
        self.site.ground.devices(|devices| devices.give_back(run, None));
        let lost = self.site.ground.journal(|journal| journal.crash(run));
        if lost > 0 {
            self.site.ground.say(|| format!("    {lost} events of {run} were not on disk"));
        }
        true
    }

    fn storm(&mut self) {
        for turn in 0..MOST_TURNS {
            if self.site.ground.is_broken() {
                return;
            }
            if turn == STORM || self.site.ground.disturbances_left() == 0 && !self.calm {
                self.site.ground.say(|| "--- nothing goes wrong any more".to_owned());
                self.site.ground.calm();
                self.calm = true;
            }
            if self.site.ground.harmed(Harm::Clock) {
                self.site.ground.step_clock();
            }
            if self.slots.len() < 3 && (self.slots.is_empty() || turn % 16 == 3 && self.site.ground.harmed(Harm::Rival)) {
                self.apply();
                continue;
            }
            let going: Vec<usize> = (0..self.slots.len()).filter(|slot| !self.slots[*slot].over).collect();
            if going.is_empty() {
                return;
            }
            let at = self.site.ground.draw(|rng| *rng.pick(&going));
            self.site.ground.up();
            if self.writer != at {
                // The journal has one writer at a time: who wants to write waits until the other one has committed.
                self.site.ground.journal(journal::Journal::commit);
                self.writer = at;
            }
            match self.slots[at].process.take() {
                Some(process) => self.go_on(at, process),
                None => self.look_after(at),
            }
        }
        self.site.ground.violation(format!("no end in sight after {MOST_TURNS} turns"));
    }

    /// A process does one thing.
    fn go_on(&mut self, at: usize, mut process: Process<'w>) {
        // Another process writes only while this one has nothing open.
        let turn = process.turn();
        match turn {
            Ok(Turn::Moved) => self.slots[at].process = Some(process),
            Ok(Turn::Over) => self.stopped(at, process),
            Err(_) => {
                let run = self.slots[at].run.clone();
                self.died(&run, false);
            }
        }
    }

    /// A process ended by itself: what it had in memory is what the journal says.
    fn stopped(&mut self, at: usize, process: Process<'w>) {
        let Process { state, checker, .. } = process;
        let over = matches!(state.phase, Phase::Ended(_));
        if (over || self.site.ground.draw(|rng| rng.chance(250))) && self.replay(&state.run).0 != state {
            self.site.ground.violation(format!("the journal of {} gives another state than its process had", state.run));
        }
        let slot = &mut self.slots[at];
        slot.over = over;
        if let Phase::Parked(cause) = state.phase {
            slot.park = Some(cause);
        }
        slot.known = Some((state, checker));
    }

    /// An operator does something with a run that nothing drives.
    fn look_after(&mut self, at: usize) {
        let mut process = match self.slots[at].known.take() {
            Some((state, checker)) => Process::with(self.site, state, checker),
            None => Process::take_up(self.site, &self.slots[at].run),
        };
        if self.calm && self.slots[at].resumes >= MOST_RESUMES {
            return self.stands(at, process);
        }
        match act(self.site, &mut process, self.calm) {
            Ok(Done::Resumed) => {
                let waited = self.slots[at].park == Some(ParkCause::Time);
                self.slots[at].resumes += u32::from(self.calm && !waited);
                self.slots[at].process = Some(process);
            }
            Ok(Done::Something) => self.slots[at].known = Some((process.state, process.checker)),
            Ok(Done::Nothing) => self.slots[at].over = true,
            Err(_) => {
                let run = self.slots[at].run.clone();
                self.died(&run, false);
            }
        }
    }

    /// An undisturbed run that does not end, however often it is taken up: it must have failed, and say with what.
    fn stands(&mut self, at: usize, mut process: Process<'w>) {
        let ground = self.site.ground;
        let reason = process.state.failed().map(|(step, ended)| (step.to_owned(), ended.error.as_ref().map(|error| error.code.clone())));
        match (&process.state.phase, reason) {
            (Phase::Parked(ParkCause::Failed), Some((step, Some(code)))) => {
                ground.say(|| format!("    {} stands at {step} with {code}", process.run));
                let key = crate::backend::IdempotencyKey::new(&process.run, &step);
                let happened = ground.had_effect(key.as_str()) && self.site.program.action(&step).is_some_and(|action| action.manifest.name == "cert.delete");
                if happened && code == "CERT.GONE" {
                    ground.violation(format!("{step} happened, and its run never ends: {code}"));
                }
            }
            (phase, reason) => ground.violation(format!("{} is undisturbed and does not end: {phase:?} {reason:?}", process.run)),
        }
        let _ = operator::abandon(self.site, &mut process);
        self.slots[at].over = true;
    }

    fn replay(&self, run: &str) -> (State, usize) {
        let mut state = State::new(run);
        let count = self.site.ground.journal(|journal| {
            let events = journal.events(run);
            events.iter().for_each(|event| Mutant::apply(self.site.mutant, self.site.program, &mut state, event));
            events.len()
        });
        (state, count)
    }
}
