//! A situation whose run is cut off at every write of its journal and taken up again.

use std::path::Path;
use std::time::Duration;

use super::scene::Scene;
use super::{Bench, Difference, TrialResult};
use crate::backend::profile::ObserveBy;
use crate::check::{TestSuite, What};
use crate::dsl::test::{SimFault, Situation};
use crate::journal::Journal;
use crate::run::{RunError, State};
use crate::testing::{CrashCase, crash_matrix};
use crate::text::{Place, Text};

/// How long "not in the list" takes to be conclusive, where the test does not say: else every second cut would wait for a person.
const CONCLUSIVE: Duration = Duration::from_secs(60);
/// So many cuts that went wrong are told.
const TOLD: usize = 5;

/// Cuts the run of a situation off everywhere: one issuance each, a working certificate at every instant, the same end.
pub(super) fn everywhere(bench: &Bench, suite: &TestSuite, situation: &Situation, at: Place) -> TrialResult {
    let whole = Situation { faults: situation.faults.iter().filter(|fault| fault.value != SimFault::Crash).cloned().collect(), ..situation.clone() };
    let scene = bench.scene(suite, &suite.checked, &whole);
    if scene.plan(&suite.checked).is_blocked() {
        return TrialResult::of(vec![]).note("計画が止まるので、切る所がない".to_owned(), "the plan is blocked: nothing to cut off".to_owned());
    }
    drop(scene);
    let case = Everywhere { bench, suite, situation: &whole };
    match crash_matrix(&case) {
        Err(why) => TrialResult::of(vec![super::broke(at, &why)]),
        Ok(report) => {
            let told = report.faults.iter().take(TOLD).map(|fault| Text::plain(fault.to_string()));
            let more = report.faults.len().saturating_sub(TOLD);
            let more = (more > 0).then(|| Text::new(format!("ほかに {more} か所"), format!("{more} more")));
            let differences = told.chain(more).map(|what| Difference { place: Some(at.clone()), what }).collect();
            let (writes, cuts) = (report.writes, report.cuts);
            TrialResult::of(differences).note(format!("記録 {writes} 回、{cuts} か所で停止"), format!("{writes} writes, cut off {cuts} times"))
        }
    }
}

struct Everywhere<'a> {
    bench: &'a Bench,
    suite: &'a TestSuite,
    situation: &'a Situation,
}

impl<'a> CrashCase for Everywhere<'a> {
    type World = Scene<'a>;

    fn world(&self) -> Scene<'a> {
        let scene = self.bench.scene(self.suite, &self.suite.checked, self.situation);
        scene.world.absent_after(CONCLUSIVE);
        scene
    }

    fn folder<'w>(&self, scene: &'w Scene<'a>) -> &'w Path {
        scene.folder()
    }

    fn process(&self, scene: &Scene<'a>, journal: &mut Journal) -> Result<State, RunError> {
        scene.process(journal)
    }

    fn holds(&self, scene: &Scene<'a>) -> Result<(), String> {
        if scene.worked() && scene.world.working() == 0 {
            return Err("no certificate works".to_owned());
        }
        scene.world.locked_up().map_or(Ok(()), |serial| Err(format!("token {serial} is locked")))
    }

    fn only_a_person_can_tell(&self, state: &State) -> bool {
        let checked = &self.suite.checked;
        let step = state.uncertain().and_then(|(address, _)| checked.steps.iter().find(|step| step.address == address));
        let Some(What::Action(action)) = step.map(|step| &step.what) else { return false };
        let profile = action.portal.as_ref().and_then(|role| checked.profiles.get(role));
        let spec = profile.zip(action.manifest.operation).and_then(|(profile, operation)| profile.operations.get(&operation));
        spec.is_some_and(|spec| spec.observe == ObserveBy::Nothing && !spec.repeatable)
    }

    fn effects(&self, scene: &Scene<'a>) -> Vec<(String, u64)> {
        scene.world.effects()
    }
}
