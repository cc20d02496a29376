//! Walks a checked playbook once, reading what may be read, and says what would be done.

mod guards;
mod powers;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::claim::credential_keys;
use super::model::*;
use super::notices::unverified;
use super::private::{Private, private_ref};
use super::resolve::{Facts, Resolver, StepFacts, outputs_to_json};
use super::tries::Ledger;
use crate::action::{Blobs, Effect, Kind, NOT_YET, Observed, Outputs, ReadCx, Registry, Secrets, Sessions};
use crate::backend::profile::{Hands, Profile};
use crate::backend::{BackendError, Call, Class, ReadBackends};
use crate::check::{BoundAction, Checked, Cite, DocumentKind, Step, What};
use crate::dsl::expr::Tri;
use crate::dsl::{CertInfo, Value};
use crate::text::Text;

/// What a plan is made from.
pub struct PlanRequest<'a> {
    /// The playbook.
    pub checked: &'a Checked,
    /// Actions.
    pub registry: &'a Registry,
    /// What may be looked at.
    pub scope: LookScope,
    /// `P-…`
    pub plan_id: String,
    /// How long it can be applied.
    pub valid: Duration,
    /// Inputs of the root playbook.
    pub inputs: BTreeMap<String, GivenInput>,
    /// Words for the sources of secrets, by name.
    pub secret_sources: BTreeMap<String, String>,
    /// Terminal.
    pub target: Target,
    /// Roles and identities of what they are bound to.
    pub bindings: BTreeMap<String, String>,
    /// Roles whose pages a person does.
    pub hands: BTreeMap<String, Hands>,
    /// The site file, for the closure.
    pub site: Option<ClosureItem>,
    /// The playbook that tidies up leftovers, if the library has one.
    pub clean_up: Option<String>,
    /// Notices that the caller already has (what earlier runs committed, unfinished runs).
    pub notices: Vec<Message>,
}

impl PlanRequest<'_> {
    /// The private values among the inputs.
    pub(super) fn private(&self) -> Private {
        let inputs = self.inputs.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect();
        Private::of(self.checked, &self.plan_id, &inputs)
    }
}

/// An input with where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenInput {
    /// Value.
    pub value: Value,
    /// Origin.
    pub origin: InputOrigin,
    /// Full-width characters were folded.
    pub folded: bool,
}

/// The world as a planner may see it.
pub struct World<'a> {
    /// Now; expressions' "now", too.
    pub now: Timestamp,
    /// The site's time zone.
    pub zone: &'a TimeZone,
    /// Read handles.
    pub backends: ReadBackends<'a>,
    /// Secrets (a plan reads none; probing may need the ones of backends).
    pub secrets: &'a dyn Secrets,
    /// Files, kept in memory only.
    pub blobs: &'a dyn Blobs,
    /// Request IDs that earlier runs committed for a credential key, by an action of this name.
    pub committed: &'a dyn Fn(&str, &str) -> Vec<String>,
    /// How old an accepted proof may be.
    pub fresh_for: Duration,
    /// What was counted of limited tries.
    pub tries: &'a dyn Ledger,
}

#[derive(Clone, Debug)]
enum Fact {
    Pending,
    Skipped,
    Ended(&'static str, BTreeMap<String, Json>),
}

struct Known(Vec<Fact>);

impl Facts for Known {
    fn step(&self, index: usize) -> StepFacts<'_> {
        match &self.0[index] {
            Fact::Pending => StepFacts::Pending,
            Fact::Skipped => StepFacts::Skipped,
            Fact::Ended(outcome, outputs) => StepFacts::Ended(outcome, outputs),
        }
    }
}

/// Plans. The digest is left empty; [`Plan::compute_digest`] fills it when the plan is shown or saved.
pub fn plan(request: &PlanRequest<'_>, world: &World<'_>) -> Plan {
    let mut plan = plan_with_private_values(request, world);
    request.private().hide_plan(&mut plan);
    plan
}

/// The plan before private values are hidden, to go on looking with.
pub(super) fn plan_with_private_values(request: &PlanRequest<'_>, world: &World<'_>) -> Plan {
    let inputs = request.inputs.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect();
    let mut walk = Walk {
        request,
        world,
        inputs,
        known: Known(vec![Fact::Pending; request.checked.steps.len()]),
        decisions: Vec::with_capacity(request.checked.steps.len()),
        maybe_from_here: None,
        finished: None,
        stopped: BTreeMap::new(),
        unreadable: BTreeSet::new(),
        observations: vec![],
        notices: request.notices.clone(),
        claims: vec![],
    };
    let steps: Vec<PlanStep> = (0..request.checked.steps.len()).map(|index| walk.step(index)).collect();
    walk.into_plan(steps)
}

pub(super) struct Walk<'a> {
    pub(super) request: &'a PlanRequest<'a>,
    pub(super) world: &'a World<'a>,
    inputs: BTreeMap<String, Value>,
    known: Known,
    pub(super) decisions: Vec<Decision>,
    /// Why everything from here on may not happen.
    pub(super) maybe_from_here: Option<Reason>,
    pub(super) finished: Option<Finished>,
    /// Steps that cannot be done, with the code that stops those after them.
    stopped: BTreeMap<usize, Blocked>,
    /// Steps that could not be read now; those after them are shown as they could happen.
    unreadable: BTreeSet<usize>,
    observations: Vec<Observation>,
    notices: Vec<Message>,
    /// Credential keys of steps that write, with the index of the step.
    claims: Vec<(usize, String)>,
}

/// What a look at plan time ended with.
enum Looked {
    NotTried,
    Saw(Outputs),
    Failed(BackendError),
}

impl<'a> Walk<'a> {
    pub(super) fn resolver(&self) -> Resolver<'_> {
        Resolver { checked: self.request.checked, inputs: &self.inputs, facts: &self.known, run: "", now: self.world.now, zone: self.world.zone, error: None }
    }

    fn step(&mut self, index: usize) -> PlanStep {
        let step = &self.request.checked.steps[index];
        let mut entry = self.blank(step);
        let (decision, reason) = self.decide_before(step, &mut entry);
        entry.decision = decision;
        entry.reason = reason;
        match &step.what {
            What::Action(action) => {
                self.bind(index, action, &mut entry);
                self.tries(step, action, &mut entry);
                if matches!(entry.decision, Decision::Run) {
                    match powers::suffice(self.world.backends, action, &self.resolver().inputs_of(step.frame, action).known) {
                        Ok(()) => self.look(index, step, action, &mut entry),
                        Err(error) if self.rescued(step, &error, &mut entry) => {}
                        Err(error) => blocks(&mut entry, &error),
                    }
                }
            }
            What::Call { frame } => self.summarise_call(*frame, &mut entry),
        }
        self.guards(step, &mut entry, index);
        // What cannot be looked at now may be done when the plan is applied after all.
        let perhaps = matches!(entry.decision, Decision::Run | Decision::Maybe) || self.unreadable.contains(&index);
        if entry.effect == Effect::Irreversible && perhaps && !matches!(step.what, What::Call { .. }) {
            entry.approval = Some(Approval { required: true, by: "irreversible".to_owned() });
        }
        if entry.decision == Decision::Skip {
            self.known.0[index] = Fact::Skipped;
        }
        if entry.decision == Decision::Blocked
            && !self.unreadable.contains(&index)
            && let Some(blocked) = &entry.blocked
        {
            self.stopped.insert(index, blocked.clone());
        }
        self.decisions.push(entry.decision);
        entry
    }

    fn blank(&self, step: &Step) -> PlanStep {
        let checked = self.request.checked;
        let edges = step
            .after
            .iter()
            .map(|on| DependsOn { step: checked.steps[*on].address.clone(), kind: if step.data.contains(on) { EdgeKind::Data } else { EdgeKind::Order } });
        let mut entry = PlanStep {
            address: step.address.clone(),
            title: step.title.clone(),
            uses: String::new(),
            effect: Effect::Read,
            spends_attempt: false,
            tries: None,
            remote: false,
            decision: Decision::Run,
            reason: None,
            with: BTreeMap::new(),
            with_unknown: BTreeMap::new(),
            with_secret: BTreeMap::new(),
            outputs_unknown: BTreeMap::new(),
            pinned: vec![],
            checks: vec![],
            fee: None,
            person: None,
            deadline: None,
            deadline_unknown: None,
            retry: step.retry.as_ref().map(|retry| PlanRetry { errors: retry.errors.clone(), times: retry.times, wait: words(retry.wait) }),
            repeat: step.repeat.as_ref().map(|repeat| PlanRepeat {
                until: repeat.until.text.clone(),
                every: words(repeat.every),
                slow_to: words(repeat.slow_to),
                within: words(repeat.within),
            }),
            rescue: self.rows(step),
            row: step.row.as_ref().map(|row| PlanRow { step: checked.steps[row.owner].address.clone(), code: row.code.clone() }),
            cite: step.cite.iter().map(Cite::to_string).collect(),
            depends_on: edges.collect(),
            approval: None,
            unverified: false,
            blocked: None,
        };
        match &step.what {
            What::Call { frame } => entry.uses = format!("playbook:{}", checked.frames[*frame].playbook),
            What::Action(action) => {
                let manifest = &action.manifest;
                entry.uses = manifest.reference();
                entry.effect = manifest.effect;
                // What a person types elsewhere spends a try where the step says so.
                entry.spends_attempt = manifest.spends_attempt || action.with.keys().any(|input| manifest.is_tries(input));
                entry.remote = manifest.remote;
                if let Some((profile, role, operation)) = self.portal_of(action) {
                    entry.fee = profile.fee(operation).map(|(yen, standing)| Fee { yen, verified: standing == crate::backend::profile::Standing::Verified });
                    entry.unverified = profile.unverified(operation);
                    let hands = self.request.hands.get(role).copied().unwrap_or_else(|| profile.hands_of(operation));
                    if hands == Hands::Person {
                        entry.person = Some("担当者".to_owned());
                    }
                }
            }
        }
        entry
    }

    fn portal_of<'s>(&'s self, action: &'s BoundAction) -> Option<(&'s Profile, &'s str, crate::backend::profile::Operation)> {
        let role = action.portal.as_deref()?;
        Some((self.request.checked.profiles.get(role)?, role, action.manifest.operation?))
    }

    /// Whether the step can be told to run, be skipped, perhaps run, or be blocked, before its inputs are looked at.
    fn decide_before(&mut self, step: &Step, entry: &mut PlanStep) -> (Decision, Option<Reason>) {
        if let Some(finished) = &self.finished {
            let say = Text::new(format!("手順 {} で終わるため", finished.step), format!("the run ends at `{}`", finished.step));
            return (Decision::Skip, Some(Reason { say, expr: None, waits_for: vec![] }));
        }
        if let Some((by, blocked)) = step.after.iter().find_map(|on| self.stopped.get(on).map(|blocked| (*on, blocked.clone()))) {
            let address = &self.request.checked.steps[by].address;
            let say = Text::new(format!("手順 {address} ができないため"), format!("`{address}` cannot be done"));
            entry.blocked = Some(blocked);
            return (Decision::Blocked, Some(Reason { say, expr: None, waits_for: vec![address.clone()] }));
        }
        let mut maybe = self.maybe_from_here.clone();
        if let Some(row) = &step.row {
            match self.of_row(row) {
                (Decision::Skip, reason) => return (Decision::Skip, Some(reason)),
                (_, reason) => maybe = Some(reason),
            }
        }
        for condition in &step.when {
            let truth = self.resolver().truth(condition, None);
            match truth.truth() {
                Some(true) => {}
                Some(false) => {
                    let say = Text::new("条件に合わないため", "its condition is false");
                    return (Decision::Skip, Some(Reason { say, expr: Some(condition.text.clone()), waits_for: vec![] }));
                }
                None => match truth {
                    Tri::Absent(why) => return (Decision::Skip, Some(absent_reason(&why.0))),
                    // Of a step of a row, the row says more than its condition.
                    Tri::Unknown(..) if step.row.is_some() => {}
                    Tri::Unknown(_, why) => {
                        maybe = Some(Reason {
                            say: Text::new("条件が実行時に決まるため", "its condition is decided at run time"),
                            expr: Some(condition.text.clone()),
                            waits_for: why.0.into_iter().collect(),
                        });
                    }
                    Tri::Known(_) => {}
                },
            }
        }
        if let Some((decision, reason)) = self.deadline(step, entry) {
            return (decision, Some(reason));
        }
        match maybe {
            Some(reason) => (Decision::Maybe, Some(reason)),
            None => (Decision::Run, None),
        }
    }

    /// Fills the parallel trees of inputs; an absent required input skips the step, a perhaps-skipped source makes it `maybe`.
    fn bind(&mut self, index: usize, action: &BoundAction, entry: &mut PlanStep) {
        let bound = self.resolver().inputs_of(self.request.checked.steps[index].frame, action);
        if matches!(entry.decision, Decision::Run | Decision::Maybe) {
            if let Some(why) = bound.absent.values().next() {
                entry.decision = Decision::Skip;
                entry.reason = Some(absent_reason(&why.0));
            } else if entry.decision == Decision::Run {
                let waits: BTreeSet<&String> = bound.unknown.values().flat_map(|(_, why)| &why.0).collect();
                let perhaps = waits.iter().find(|address| {
                    let checked = self.request.checked;
                    checked.steps.iter().zip(&self.decisions).any(|(source, decision)| source.address == ***address && *decision == Decision::Maybe)
                });
                if let Some(address) = perhaps {
                    entry.decision = Decision::Maybe;
                    let say = Text::new(format!("手順 {address} が行われるかどうかによる"), format!("it depends on whether `{address}` is done"));
                    entry.reason = Some(Reason { say, expr: None, waits_for: vec![(**address).clone()] });
                }
            }
        }
        for (name, value) in &bound.known.0 {
            match value {
                Value::DeclaredSecret(secret) => {
                    entry.with_secret.insert(name.clone(), secret.clone());
                }
                Value::Secret(reference) => {
                    entry.with_secret.insert(name.clone(), reference.as_str().to_owned());
                }
                Value::Cert(_) => {
                    if entry.effect > Effect::Read {
                        entry.pinned.push(format!("with.{name}.sha256"));
                    }
                    entry.with.insert(name.clone(), value.to_json());
                }
                other => {
                    entry.with.insert(name.clone(), other.to_json());
                }
            }
        }
        for (name, (ty, why)) in bound.unknown {
            entry.with_unknown.insert(name, UnknownInput { ty: ty.to_string(), from: why.0.into_iter().collect() });
        }
        if action.manifest.person {
            entry.person = Some(bound.known.str("who").unwrap_or("担当者").to_owned());
        }
        if entry.effect > Effect::Read
            && let Some(key) = credential_keys(self.request.checked, action, &bound.known)
        {
            self.claims.push((index, key));
        }
        entry.outputs_unknown = action.manifest.outputs.iter().map(|output| (output.name.clone(), output.ty.to_string())).collect();
    }

    /// Reads what may be read now.
    fn look(&mut self, index: usize, step: &Step, action: &BoundAction, entry: &mut PlanStep) {
        if self.require_stops(step, entry) {
            return;
        }
        match self.try_look(action, step, entry) {
            Looked::NotTried => {}
            Looked::Saw(outputs) => {
                if let Some(repeat) = &step.repeat
                    && self.resolver().truth(&repeat.until, Some(&outputs)).truth() != Some(true)
                {
                    return;
                }
                self.notice_leftovers(&outputs);
                let json = outputs_to_json(&outputs);
                self.observations.push(Observation { step: step.address.clone(), at: self.world.now, outputs: json.clone() });
                entry.decision = Decision::Observed;
                entry.outputs_unknown.clear();
                self.known.0[index] = Fact::Ended(if entry.effect == Effect::Read { "observed" } else { "unchanged" }, json);
            }
            // It will be, when the run has waited for it.
            Looked::Failed(error) if error.code == NOT_YET => entry.reason = Some(Reason { say: error.cause, expr: None, waits_for: vec![] }),
            Looked::Failed(error) if self.rescued(step, &error, entry) => {}
            Looked::Failed(error) => {
                let unreadable = matches!(error.class, Class::Transient) || UNREADABLE.contains(&error.code.as_str());
                blocks(entry, &error);
                if unreadable {
                    self.unreadable.insert(index);
                    // It may be readable when the plan is applied: what follows is shown, so that an auditor sees what could happen.
                    let say = Text::new(format!("手順 {} が今は読めないため", step.address), format!("`{}` cannot be read now", step.address));
                    self.maybe_from_here = Some(Reason { say, expr: None, waits_for: vec![step.address.clone()] });
                }
            }
        }
    }

    fn try_look(&self, action: &BoundAction, step: &Step, entry: &PlanStep) -> Looked {
        let scope = self.request.scope;
        let manifest = &action.manifest;
        let allowed = match scope {
            LookScope::Offline => false,
            LookScope::Local => !manifest.remote && manifest.effect == Effect::Read,
            LookScope::Probe => manifest.effect == Effect::Read || manifest.remote,
        };
        // A plan has no secrets: what takes one is looked at by a dry run, or when it runs.
        if !allowed || manifest.person || !entry.with_unknown.is_empty() || entry.person.is_some() {
            return Looked::NotTried;
        }
        let Some((_, implementation)) = self.request.registry.find(manifest.name, manifest.major) else { return Looked::NotTried };
        let inputs = self.resolver().inputs_of(step.frame, action).known;
        let secrets = inputs.0.values().filter(|value| matches!(value, Value::DeclaredSecret(_) | Value::Secret(_)));
        if !secrets.into_iter().all(|secret| matches!(self.world.secrets.unattended(secret), Ok(Some(_)))) {
            return Looked::NotTried;
        }
        let sessions = Sessions::default();
        let committed = credential_keys(self.request.checked, action, &inputs).map_or_else(Vec::new, |key| (self.world.committed)(&key, manifest.name));
        let cx = self.read_cx(&sessions, &committed);
        match implementation.kind() {
            Kind::Read(read) => read.read(&cx, &inputs).map_or_else(Looked::Failed, Looked::Saw),
            Kind::Write(write) => match write.observe(&cx, &inputs, None) {
                Ok(Observed::Done { outputs, .. }) => Looked::Saw(outputs),
                Ok(Observed::NotDone { .. }) => Looked::NotTried,
                Ok(Observed::CannotTell { code, why, .. }) => Looked::Failed(BackendError::new(&code, why).class(Class::Human)),
                Err(error) => Looked::Failed(error),
            },
        }
    }

    pub(super) fn read_cx<'s>(&'s self, sessions: &'s Sessions, committed: &'s [String]) -> ReadCx<'s> {
        ReadCx {
            now: self.world.now,
            wall: self.world.now,
            zone: self.world.zone,
            backends: self.world.backends,
            call: Call::unattached(),
            secrets: self.world.secrets,
            blobs: self.world.blobs,
            sessions,
            committed,
            fresh_for: self.world.fresh_for,
        }
    }

    fn summarise_call(&mut self, frame: usize, entry: &mut PlanStep) {
        let inner: Vec<usize> = self.request.checked.frames[frame].steps.values().copied().collect();
        entry.effect = inner.iter().filter_map(|index| self.effect_of(*index)).max().unwrap_or(Effect::Read);
        if !matches!(entry.decision, Decision::Run | Decision::Maybe) {
            return;
        }
        let in_turn = inner.iter().filter(|index| self.request.checked.steps[**index].row.is_none());
        let decisions: Vec<Decision> = in_turn.map(|index| self.decisions[*index]).collect();
        entry.decision = if decisions.contains(&Decision::Blocked) {
            Decision::Blocked
        } else if decisions.iter().all(|decision| *decision == Decision::Skip) {
            Decision::Skip
        } else if decisions.contains(&Decision::Maybe) {
            Decision::Maybe
        } else {
            Decision::Run
        };
        if entry.decision == Decision::Blocked {
            entry.blocked = inner.iter().find_map(|index| self.stopped.get(index).cloned());
        }
    }

    fn effect_of(&self, index: usize) -> Option<Effect> {
        match &self.request.checked.steps[index].what {
            What::Action(action) => Some(action.manifest.effect),
            What::Call { frame } => self.request.checked.frames[*frame].steps.values().filter_map(|inner| self.effect_of(*inner)).max(),
        }
    }

    /// A newer and an older valid certificate of one subject: says so and offers the clean-up playbook.
    fn notice_leftovers(&mut self, outputs: &Outputs) {
        let (Some(Value::Cert(found)), Some(Value::List(others))) = (outputs.get("cert"), outputs.get("others")) else { return };
        let older = others.iter().filter_map(|other| match other {
            Value::Cert(other) if is_leftover(found, other, self.world.now) => Some(other),
            _ => None,
        });
        for other in older {
            let (ja, en) = match &self.request.clean_up {
                Some(playbook) => (format!("片付けるには kirikae plan {playbook} を使ってください。"), format!(" To tidy up: kirikae plan {playbook}.")),
                None => (String::new(), String::new()),
            };
            let day = other.not_after.to_zoned(self.world.zone.clone()).date();
            self.notices.push(Message {
                code: "PLAN.LEFTOVER".to_owned(),
                message: Text::new(
                    format!("同じ発行先の古い証明書(拇印 {}、期限 {day})が残っています。{ja}", other.sha1),
                    format!("An older certificate of the same subject is left (thumbprint {}, valid to {day}).{en}", other.sha1),
                ),
            });
        }
    }

    fn into_plan(self, steps: Vec<PlanStep>) -> Plan {
        let request = self.request;
        let checked = request.checked;
        let root = checked.documents.iter().find(|document| document.kind == DocumentKind::Playbook && document.id == checked.id);
        let mut used: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for step in &steps {
            for secret in step.with_secret.values().filter(|name| !name.starts_with("vault:")) {
                used.entry(secret).or_default().push(step.address.clone());
            }
        }
        let not_kept = super::kept::not_kept(request, self.world, &self.resolver(), |name| used.contains_key(name));
        let secrets = checked.secrets.iter().map(|secret| {
            let source = request.secret_sources.get(&secret.name).cloned().unwrap_or_else(|| if secret.typed_by_person { "person" } else { "ask" }.to_owned());
            let used_by = used.get(secret.name.as_str()).cloned().unwrap_or_default();
            (secret.name.clone(), PlanSecret { ty: secret.ty.to_string(), source, used_by })
        });
        let inputs = checked.inputs.iter().filter_map(|decl| {
            let given = request.inputs.get(&decl.name)?;
            let value = if decl.private { Json::String(private_ref(&request.plan_id, &decl.name).as_str().to_owned()) } else { given.value.to_json() };
            Some((decl.name.clone(), PlanInput { ty: decl.ty.to_string(), value, origin: given.origin, folded: given.folded }))
        });
        let mut closure: Vec<ClosureItem> = checked
            .documents
            .iter()
            .map(|document| ClosureItem { kind: document.kind.word().to_owned(), id: document.id.clone(), digest: document.digest.clone() })
            .collect();
        closure.extend(request.site.clone());
        // What is not done claims nothing.
        let acts = |index: usize| matches!(steps[index].decision, Decision::Run | Decision::Maybe) || steps[index].approval.is_some();
        let claims: BTreeSet<String> = self.claims.into_iter().filter(|(index, _)| acts(*index)).map(|(_, key)| key).collect();
        let mut diagnostics = self.notices;
        diagnostics.extend(not_kept);
        diagnostics.extend(unverified(checked, &steps));
        Plan {
            format_version: "1.0".to_owned(),
            plan_id: request.plan_id.clone(),
            created_at: self.world.now,
            expires_at: self.world.now + jiff::SignedDuration::try_from(request.valid).unwrap_or(jiff::SignedDuration::ZERO),
            single_use: true,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            probe: request.scope,
            playbook: PlanPlaybook {
                id: checked.id.clone(),
                version: checked.version.clone(),
                title: checked.title.clone(),
                sha256: root.map(|document| document.digest.clone()).unwrap_or_default(),
            },
            target: request.target.clone(),
            batch: None,
            state: None,
            inputs: inputs.collect(),
            secrets: secrets.collect(),
            observations: self.observations,
            summary: summary::summary(checked, &steps, &self.unreadable),
            approvals_required: steps.iter().filter(|step| step.approval.is_some()).map(|step| step.address.clone()).collect(),
            claims: claims.into_iter().collect(),
            closure,
            bindings: request.bindings.clone(),
            finished: self.finished,
            diagnostics,
            digest: String::new(),
            steps,
        }
    }
}

/// Codes of looks that did not get an answer, as against an answer that stops the procedure.
const UNREADABLE: &[&str] =
    &["STORE.UNREADABLE", "STORE.LOCKED", "FOLDER.ABSENT", "TOKEN.ABSENT", "TOKEN.NO_MODULE", "BACKEND.MISSING", "VAULT.UNREADABLE", "NET.UNTRUSTED"];

fn is_leftover(found: &CertInfo, other: &CertInfo, now: Timestamp) -> bool {
    other.subject_dn == found.subject_dn && other.not_after < found.not_after && other.not_after > now
}

pub(super) fn absent_reason(why: &BTreeSet<String>) -> Reason {
    let names: Vec<String> = why.iter().cloned().collect();
    let say = Text::new(format!("{} が無いため", names.join("・")), format!("{} is absent", names.join(", ")));
    Reason { say, expr: None, waits_for: names }
}

fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        s if s > 0 && s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s > 0 && s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s > 0 && s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// The step cannot be done as things are.
fn blocks(entry: &mut PlanStep, error: &BackendError) {
    entry.decision = Decision::Blocked;
    entry.reason = Some(Reason { say: error.cause.clone(), expr: None, waits_for: vec![] });
    entry.blocked = Some(Blocked { code: error.code.clone(), class: error.class, cure: error.cure.clone() });
}
