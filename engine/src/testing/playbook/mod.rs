//! Playbook tests: the cases of a `test/1` file, and those that follow from the playbook itself.
//!
//! Each trial plays a situation in a world of strict fakes, with the real planner, driver and journal. A test cannot reach a real backend: none is
//! in this crate. May use: everything of the engine. Must not: print, read the environment; the state folders are made where it is told.

mod canary;
mod crash;
mod draft;
mod forced;
mod judge;
mod people;
mod report;
mod rescues;
mod scene;
mod sealed;
mod sound;
mod stage;
mod world;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

pub use draft::draft;
pub use report::{Difference, TrialResult};

use self::canary::{artifacts, holders, secrets};
use self::forced::{Force, forces};
use self::rescues::{RowOf, rows};
use self::scene::{Played, Scene};
use self::stage::Stage;
use crate::check::{Checked, TestSuite};
use crate::dsl::test::{Case, Situation};
use crate::text::{Place, Span, Text};

/// Where playbooks are tested.
pub struct Bench {
    stage: Stage,
    folder: PathBuf,
    scenes: AtomicU32,
}

/// One thing that is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its name: of a case, or `generated/…`.
    pub name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// A case of the file.
    Case(usize),
    /// The first case, cut off at every write of its journal.
    Crash,
    /// A row of `rescue`, its code injected.
    Rescue(RowOf),
    /// A condition, forced.
    Forced(Force),
}

impl Bench {
    /// A bench whose state folders lie in `folder`, which is there and empty. One is enough for a process.
    pub fn new(folder: PathBuf) -> Self {
        Self { stage: Stage::new(), folder, scenes: AtomicU32::new(0) }
    }

    /// Everything that is tried of a test: its cases, then what follows from the playbook.
    pub fn trials(suite: &TestSuite) -> Vec<Trial> {
        let cases = suite.file.cases.iter().enumerate().map(|(index, case)| Trial { name: case.name.value.clone(), kind: Kind::Case(index) });
        let generated = |name: String, kind: Kind| Trial { name: format!("generated/{name}"), kind };
        let mut trials: Vec<Trial> = cases.collect();
        trials.push(generated("crash".to_owned(), Kind::Crash));
        trials.extend(rows(&suite.checked).into_iter().map(|row| generated(format!("rescue/{}/{}", row.owner, row.code), Kind::Rescue(row))));
        trials.extend(forces(&suite.checked).into_iter().map(|force| generated(force.name(), Kind::Forced(force))));
        trials
    }

    /// Tries one.
    pub fn run(&self, suite: &TestSuite, trial: &Trial) -> TrialResult {
        match &trial.kind {
            Kind::Case(index) => self.case(suite, &suite.file.cases[*index]),
            Kind::Crash => crash::everywhere(self, suite, first(suite), root_place(&suite.checked)),
            Kind::Rescue(row) => rescues::inject(self, suite, row),
            Kind::Forced(force) => forced::force(self, suite, force),
        }
    }

    /// A scene of a test; `checked` is its playbook, or that with a condition forced.
    fn scene<'a>(&'a self, suite: &TestSuite, checked: &'a Checked, situation: &'a Situation) -> Scene<'a> {
        let nth = self.scenes.fetch_add(1, Ordering::Relaxed);
        Scene::new(checked, situation, suite.issuer.as_deref(), &self.stage, self.folder.join(nth.to_string()))
    }

    fn case(&self, suite: &TestSuite, case: &Case) -> TrialResult {
        let (checked, source) = (&suite.checked, &suite.file.source);
        let scene = self.scene(suite, checked, &case.situation);
        let at = source.place(case.name.span);
        let played = match scene.play(checked, case.expect.plan_only) {
            Ok(played) => played,
            Err(why) => return TrialResult::of(vec![broke(at, &why)]),
        };
        let mut differences = judge::judge(&case.expect, source, &scene, &played, &self.stage);
        differences.extend(self.always(&scene, &played, &at, case.situation.faults.is_empty()));
        let mut result = TrialResult::of(differences);
        result.snapshot = case.expect.snapshot.map(|span| (span, Box::new(played.plan.clone())));
        drop(scene);
        if case.situation.faults.iter().any(|fault| fault.value == crate::dsl::test::SimFault::Crash) {
            let crashed = crash::everywhere(self, suite, &case.situation, at);
            result.differences.extend(crashed.differences);
            result.note = crashed.note;
        }
        result
    }

    /// What must hold of everything that is played: the plan told the truth, no secret was left behind, a certificate worked all the time.
    fn always(&self, scene: &Scene<'_>, played: &Played, at: &Place, undisturbed: bool) -> Vec<Difference> {
        let mut found = vec![];
        if undisturbed {
            found.extend(sound::unsound(played, &self.stage.inputs()));
        }
        let artifacts = artifacts(scene, played);
        for (nth, secret) in secrets(scene).iter().enumerate() {
            let holders = holders(&artifacts, secret);
            if !holders.is_empty() {
                let holders = holders.join(" ");
                found.push(Text::new(
                    format!("秘密の値({}つ目)が外に残っています: {holders}", nth + 1),
                    format!("secret number {} was left behind in: {holders}", nth + 1),
                ));
            }
        }
        if let Some(serial) = scene.world.locked_up() {
            found.push(Text::new(format!("USBキー {serial} が使えなくなりました"), format!("token {serial} was locked for good")));
        }
        if played.fewest == Some(0) && scene.worked() {
            found.push(Text::new("使える証明書が1枚も無いときがありました", "there was a moment without any working certificate"));
        }
        found.into_iter().map(|what| Difference { place: Some(at.clone()), what }).collect()
    }
}

/// The situation that generated trials begin from: that of the first case, else the base.
fn first(suite: &TestSuite) -> &Situation {
    suite.file.cases.first().map_or(&suite.file.base, |case| &case.situation)
}

fn broke(place: Place, why: &str) -> Difference {
    Difference {
        place: Some(place), what: Text::new(format!("模擬の世界が止めました: {why}"), format!("the simulated world did not put up with it: {why}"))
    }
}

fn root_place(checked: &Checked) -> Place {
    let root = checked.documents.iter().find(|document| document.id == checked.id);
    Place { file: root.map_or_else(|| checked.id.as_str().into(), |document| document.source.name.clone()), span: Span::new(0, 0) }
}
