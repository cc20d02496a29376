//! The plan, format 1.0: what will be done, what is known, what is not (`runs.md` 7).
//!
//! The JSON of these types is frozen: fields are added, never renamed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::canonical_digest;
use crate::action::Effect;
use crate::backend::Class;
use crate::text::Text;

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// `1.0`. A minor step adds fields; a major step is refused by older readers.
    pub format_version: String,
    /// `P-YYYYMMDD-XXXX`. A plan is used up by it.
    pub plan_id: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Until when it can be applied.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
    /// Always true.
    pub single_use: bool,
    /// Version of the engine.
    pub engine: String,
    /// What was looked at.
    pub probe: LookScope,
    /// The playbook.
    pub playbook: PlanPlaybook,
    /// Terminal.
    pub target: Target,
    /// Reserved for fleets.
    pub batch: Option<String>,
    /// Identity of the state folder it was made with, where its single use is kept; `None`: there was none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Inputs by name.
    pub inputs: BTreeMap<String, PlanInput>,
    /// Secrets by name: type and source, never a value.
    pub secrets: BTreeMap<String, PlanSecret>,
    /// What was read, in order.
    pub observations: Vec<Observation>,
    /// Steps, in order; a step that calls a sub-playbook stands after its steps.
    pub steps: Vec<PlanStep>,
    /// Counts.
    pub summary: PlanSummary,
    /// Addresses of irreversible steps that are not proved `skip`.
    pub approvals_required: Vec<String>,
    /// Credential keys the run will claim, as far as they are known.
    pub claims: Vec<String>,
    /// Documents it was made from, and the site.
    pub closure: Vec<ClosureItem>,
    /// Roles and the identity of what they are bound to.
    pub bindings: BTreeMap<String, String>,
    /// Set when the procedure ends well before anything changes.
    pub finished: Option<Finished>,
    /// Notices for people: leftovers, unverified facts, what earlier runs committed.
    pub diagnostics: Vec<Message>,
    /// `sha256:<hex>` of the canonical JSON without `digest` and `diagnostics`.
    pub digest: String,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LookScope {
    /// Nothing.
    Offline,
    /// This machine only.
    Local,
    /// Also remote reads.
    Probe,
}

/// The playbook of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanPlaybook {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Title.
    #[schemars(with = "BTreeMap<String, String>")]
    pub title: Text,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// Where it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Site id.
    pub id: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// An input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanInput {
    /// Type as written in documents.
    #[serde(rename = "type")]
    pub ty: String,
    /// Value; a private one is `vault:<id>`.
    pub value: Json,
    /// Where it came from.
    pub origin: InputOrigin,
    /// Full-width characters were folded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folded: bool,
}

/// Where an input came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputOrigin {
    /// `--set`
    Cli,
    /// The site file.
    Site,
    /// The playbook's default.
    Default,
    /// The example, in a rehearsal.
    Example,
}

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanSecret {
    /// Type of the value.
    #[serde(rename = "type")]
    pub ty: String,
    /// `ask generate vault file env pipe kept person`.
    pub source: String,
    /// Addresses of the steps that use it.
    pub used_by: Vec<String>,
}

/// Something that was read for the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Address of the step.
    pub step: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Outputs.
    pub outputs: BTreeMap<String, Json>,
}

/// What a plan says of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It was read.
    Observed,
    /// It will be done.
    Run,
    /// It will not be done.
    Skip,
    /// It is decided at run time.
    Maybe,
    /// It cannot be done.
    Blocked,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanStep {
    /// `install/put`.
    pub address: String,
    /// Title.
    #[schemars(with = "BTreeMap<String, String>")]
    pub title: Text,
    /// `cert.import@1`, or `playbook:common/install-p12`.
    pub uses: String,
    /// What it does to the world.
    #[schemars(with = "String")]
    pub effect: Effect,
    /// It spends one of a limited number of tries.
    pub spends_attempt: bool,
    /// Of limited tries: how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<PlanTries>,
    /// It goes over the network.
    pub remote: bool,
    /// What is decided.
    pub decision: Decision,
    /// Why, with the values.
    pub reason: Option<Reason>,
    /// Known inputs.
    pub with: BTreeMap<String, Json>,
    /// Inputs not known yet.
    pub with_unknown: BTreeMap<String, UnknownInput>,
    /// Secret inputs: input to the secret's name or reference.
    pub with_secret: BTreeMap<String, String>,
    /// Outputs not known yet, with their types.
    pub outputs_unknown: BTreeMap<String, String>,
    /// Inputs that must be the same before every write: `with.cert.sha256`.
    pub pinned: Vec<String>,
    /// `require` and `expect`.
    pub checks: Vec<PlanCheck>,
    /// Fee.
    pub fee: Option<Fee>,
    /// Role of the person who does it.
    pub person: Option<String>,
    /// Latest time it may start.
    pub deadline: Option<String>,
    /// The deadline is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_unknown: Option<UnknownInput>,
    /// How often it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<PlanRetry>,
    /// How long it may wait.
    pub repeat: Option<PlanRepeat>,
    /// What is done about errors: the playbook's rows in their order, then the profile's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rescue: Vec<PlanRescue>,
    /// For a step of a row: it is done only when that row is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<PlanRow>,
    /// Manual sections.
    pub cite: Vec<String>,
    /// Edges.
    pub depends_on: Vec<DependsOn>,
    /// Whether it wants an approval, and why.
    pub approval: Option<Approval>,
    /// It rests on facts or labels that nobody verified.
    pub unverified: bool,
    /// Why it is blocked.
    pub blocked: Option<Blocked>,
}

/// The limited tries of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanTries {
    /// What failures are counted on: `token:<serial>`, `account:<user>@<address>`; absent while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Failures in a row after which the other side locks.
    pub limit: u32,
    /// Tries that are never used.
    pub leave: u32,
    /// Tries of one run.
    pub per_run: u32,
    /// Failures in a row that are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u32>,
    /// Tries that this run may make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
}

/// Why a decision was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// In words, with the values.
    #[schemars(with = "BTreeMap<String, String>")]
    pub say: Text,
    /// The expression that decided, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// Steps and inputs it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
}

/// Why a step cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocked {
    /// Code.
    pub code: String,
    /// Class of the code.
    #[schemars(with = "String")]
    pub class: Class,
    /// What to do.
    #[schemars(with = "BTreeMap<String, String>")]
    pub cure: Text,
}

/// An input not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownInput {
    /// Type.
    #[serde(rename = "type")]
    pub ty: String,
    /// After which steps it is known.
    pub from: Vec<String>,
}

/// When a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckWhen {
    /// `require`
    Before,
    /// `expect`
    After,
}

/// What is known of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It is made at run time.
    Unknown,
}

/// A `require` or `expect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanCheck {
    /// Before or after.
    pub when: CheckWhen,
    /// As written.
    pub expr: String,
    /// What is known.
    pub state: CheckState,
    /// `stop` or `finish`.
    pub then: String,
}

/// A fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fee {
    /// Yen.
    pub yen: u32,
    /// Somebody verified it.
    pub verified: bool,
}

/// `repeat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRepeat {
    /// Ends it.
    pub until: String,
    /// `30s`
    pub every: String,
    /// `10m`
    pub slow_to: String,
    /// `24h`
    pub within: String,
}

/// `retry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRetry {
    /// Codes.
    pub errors: Vec<String>,
    /// Tries after the first.
    pub times: u32,
    /// The longest first wait, `30s`.
    pub wait: String,
}

/// A row of `rescue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRescue {
    /// Code.
    pub code: String,
    /// What people are told.
    #[schemars(with = "BTreeMap<String, String>")]
    pub say: Text,
    /// `resume retry finish stop hand_off`.
    pub then: String,
    /// With `retry`: how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Addresses of the steps that come first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// Manual sections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cite: Vec<String>,
    /// `playbook` or `profile`.
    pub from: String,
}

/// The row that a step of a `do` belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRow {
    /// Address of the step that has the row.
    pub step: String,
    /// The row's code.
    pub code: String,
}

/// What travels along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// Values, skips and failures.
    Data,
    /// Order and failures.
    Order,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DependsOn {
    /// Address.
    pub step: String,
    /// Kind.
    pub kind: EdgeKind,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Always true today.
    pub required: bool,
    /// `irreversible`.
    pub by: String,
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanSummary {
    /// Steps read.
    pub observed: u32,
    /// Steps to do.
    pub run: u32,
    /// Steps not done.
    pub skip: u32,
    /// Steps decided at run time.
    pub maybe: u32,
    /// Steps that cannot be done.
    pub blocked: u32,
    /// Steps to do or perhaps to do, by effect.
    pub effects: BTreeMap<String, u32>,
    /// Steps that a person does.
    pub person: u32,
    /// Fees of steps to do or perhaps to do.
    pub fee: FeeSum,
}

/// Sum of fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeSum {
    /// Yen.
    pub yen: u32,
    /// All of it verified.
    pub verified: bool,
}

/// A document of the closure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClosureItem {
    /// `playbook portal sources site`.
    pub kind: String,
    /// Id.
    pub id: String,
    /// SHA-256, hex.
    pub digest: String,
}

/// The procedure ends well early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finished {
    /// Address of the step whose check ended it.
    pub step: String,
    /// Why.
    #[schemars(with = "BTreeMap<String, String>")]
    pub say: Text,
}

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Code.
    pub code: String,
    /// Text.
    #[schemars(with = "BTreeMap<String, String>")]
    pub message: Text,
}

impl Plan {
    /// The digest of what the plan says (`runs.md` 7).
    pub fn compute_digest(&self) -> String {
        let mut bare = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = bare.as_object_mut() {
            object.remove("digest");
            object.remove("diagnostics");
        }
        canonical_digest(&bare).unwrap_or_default()
    }

    /// The step of this address.
    pub fn step(&self, address: &str) -> Option<&PlanStep> {
        self.steps.iter().find(|step| step.address == address)
    }

    /// Whether applying it would write anything.
    pub fn has_pending_writes(&self) -> bool {
        self.steps.iter().any(|step| step.effect > Effect::Read && matches!(step.decision, Decision::Run | Decision::Maybe))
    }

    /// Whether a step cannot be done.
    pub fn is_blocked(&self) -> bool {
        self.summary.blocked > 0
    }
}
