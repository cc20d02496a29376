//! A dry run: everything short of the first write, one verdict per step.

use serde::Serialize;

use super::model::{Decision, LookScope, Plan};
use super::planner::{PlanRequest, World, plan_with_private_values};
use super::resolve::{Facts, Resolver, StepFacts};
use crate::action::{Effect, Kind, NOT_KNOWN, ReadCx, Sessions};
use crate::backend::Call;
use crate::check::{BoundAction, Checked, What};
use crate::clock::is_right;
use crate::text::Text;

/// What a dry run found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DryRun {
    /// The plan it walked.
    pub plan: Plan,
    /// One per step that is an action, in order.
    pub verdicts: Vec<Verdict>,
}

/// The verdict on a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Address.
    pub step: String,
    /// Verdict.
    #[serde(flatten)]
    pub kind: VerdictKind,
}

/// Kinds of verdicts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum VerdictKind {
    /// It was read, or it can be read.
    Ready,
    /// It would change something; everything that can be checked without writing is right.
    WouldChange,
    /// It will not be done.
    NotDone,
    /// A person has to do it.
    Person,
    /// It cannot be known before an earlier step has run; what could be checked is right.
    NotKnownYet,
    /// It would fail.
    Blocked {
        /// Code.
        code: String,
        /// Why.
        because: Text,
        /// What to do.
        cure: Text,
    },
}

impl DryRun {
    /// Whether a step would fail.
    pub fn is_blocked(&self) -> bool {
        self.verdicts.iter().any(|verdict| matches!(verdict.kind, VerdictKind::Blocked { .. }))
    }

    /// Whether a person stands before the first write.
    pub fn waits_for_person(&self) -> bool {
        let acts = |step: &str| self.plan.step(step).is_some_and(|step| step.effect > Effect::Read);
        let before = self.verdicts.iter().take_while(|verdict| !(verdict.kind == VerdictKind::WouldChange && acts(&verdict.step)));
        before.into_iter().any(|verdict| verdict.kind == VerdictKind::Person)
    }
}

/// Walks the playbook with all its reads, and asks each action that would act whether it could.
pub fn dry_run(request: &PlanRequest<'_>, world: &World<'_>) -> DryRun {
    let mut plan = plan_with_private_values(request, world);
    let inputs = request.inputs.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect();
    let facts = PlanFacts { checked: request.checked, plan: &plan };
    let resolver = Resolver { checked: request.checked, inputs: &inputs, facts: &facts, run: "", now: world.now, zone: world.zone, error: None };
    let actions = request.checked.steps.iter().filter_map(|step| match &step.what {
        What::Action(action) => Some((step, action)),
        What::Call { .. } => None,
    });
    let verdicts = actions.map(|(step, action)| {
        let known = resolver.inputs_of(step.frame, action).known;
        Verdict { step: step.address.clone(), kind: verdict(request, world, &plan, &step.address, action, &known) }
    });
    let mut verdicts: Vec<Verdict> = verdicts.collect();
    let private = request.private();
    for verdict in &mut verdicts {
        if let VerdictKind::Blocked { because, cure, .. } = &mut verdict.kind {
            [because, cure].into_iter().for_each(|text| *text = text.map(|words| private.hide_words(words)));
        }
    }
    private.hide_plan(&mut plan);
    DryRun { plan, verdicts }
}

fn verdict(request: &PlanRequest<'_>, world: &World<'_>, plan: &Plan, address: &str, action: &BoundAction, known: &crate::action::Inputs) -> VerdictKind {
    let Some(planned) = plan.step(address) else { return VerdictKind::NotDone };
    match planned.decision {
        Decision::Observed => return VerdictKind::Ready,
        Decision::Skip => return VerdictKind::NotDone,
        Decision::Blocked => {
            let (code, cure) = planned.blocked.as_ref().map(|blocked| (blocked.code.clone(), blocked.cure.clone())).unwrap_or_default();
            let because = planned.reason.as_ref().map(|reason| reason.say.clone()).unwrap_or_default();
            return VerdictKind::Blocked { code, because, cure };
        }
        Decision::Run | Decision::Maybe => {}
    }
    // A step of a row is done only if something goes wrong: nothing is tried for it, and it holds nothing up.
    if planned.row.is_some() {
        return VerdictKind::NotKnownYet;
    }
    if planned.person.is_some() {
        return VerdictKind::Person;
    }
    if request.scope != LookScope::Probe && planned.remote {
        return VerdictKind::NotKnownYet;
    }
    let Some((_, implementation)) = request.registry.find(action.manifest.name, action.manifest.major) else { return VerdictKind::NotKnownYet };
    let sessions = Sessions::default();
    let cx = ReadCx {
        now: world.now,
        wall: world.now,
        zone: world.zone,
        backends: world.backends,
        call: Call::unattached(),
        secrets: world.secrets,
        blobs: world.blobs,
        sessions: &sessions,
        committed: &[],
        fresh_for: world.fresh_for,
    };
    let checked = match implementation.kind() {
        Kind::Read(read) => read.preflight(&cx, known),
        Kind::Write(write) => write.preflight(&cx, known),
        Kind::Ask(_) => return VerdictKind::Person,
    };
    match checked.and_then(|()| is_right(world.now, None, sessions.portal_date())) {
        Err(error) if error.code == NOT_KNOWN => VerdictKind::NotKnownYet,
        Err(error) => VerdictKind::Blocked { code: error.code, because: error.cause, cure: error.cure },
        Ok(()) if planned.effect > Effect::Read => VerdictKind::WouldChange,
        Ok(()) => VerdictKind::NotKnownYet,
    }
}

/// What a plan observed, as facts about steps.
pub struct PlanFacts<'a> {
    /// The playbook.
    pub checked: &'a Checked,
    /// Its plan.
    pub plan: &'a Plan,
}

impl Facts for PlanFacts<'_> {
    fn step(&self, index: usize) -> StepFacts<'_> {
        let address = &self.checked.steps[index].address;
        if let Some(observation) = self.plan.observations.iter().find(|observation| observation.step == *address) {
            return StepFacts::Ended("observed", &observation.outputs);
        }
        match self.plan.step(address).map(|step| step.decision) {
            Some(Decision::Skip) => StepFacts::Skipped,
            _ => StepFacts::Pending,
        }
    }
}
