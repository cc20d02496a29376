//! The one vocabulary of journal, screen and JSON (`runs.md` 8). Kinds and fields are added, never renamed.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::action::{Answer, Intent, Question};
use crate::backend::profile::Then;
use crate::backend::{BackendError, Class};
use crate::text::Text;

/// An event of a run, as journaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// From 1, without gaps.
    pub seq: u64,
    /// Never before the event in front of it; milliseconds are kept.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

impl Event {
    /// The event after number `seq` (0: the first), which happened at `previous`: its time is the wall clock's in whole milliseconds,
    /// never before the one in front of it.
    pub fn after(seq: u64, previous: Option<Timestamp>, wall: Timestamp, body: EventBody) -> Self {
        let wall = Timestamp::from_millisecond(wall.as_millisecond()).unwrap_or(wall);
        Self { seq: seq + 1, at: previous.map_or(wall, |previous| previous.max(wall)), body }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum EventBody {
    /// The run began, with everything it was planned with.
    RunStarted {
        /// Plan id.
        plan: String,
        /// Plan digest.
        digest: String,
        /// Engine version.
        engine: String,
        /// Playbook id and version.
        playbook: String,
        /// Site id.
        site: String,
        /// Blob of the plan, of the site's bindings, and of each document: name to SHA-256.
        blobs: BTreeMap<String, String>,
        /// Roles and identities of what they are bound to.
        bindings: BTreeMap<String, String>,
        /// Reserved for fleets.
        batch: Option<String>,
        /// The OS account.
        account: String,
    },
    /// The run goes on after a stop: steps in flight are uncertain, failed ones are tried again.
    RunResumed {
        /// Engine version.
        engine: String,
        /// The OS account.
        account: String,
    },
    /// A look ended: a read's outputs, or what a write's look saw.
    Observed {
        /// Address.
        step: String,
        /// Attempt or poll, from 1.
        attempt: u32,
        /// `done`: outputs; `not_done`; `cannot_tell`: code and why; `failed`: the error.
        seen: Seen,
    },
    /// The core decided about a step.
    Decided {
        /// Address.
        step: String,
        /// It runs.
        run: bool,
        /// Why not; with `rescue`, what people are told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Text>,
        /// It ended with an error, and a row for it is followed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rescue: Option<Box<Taken>>,
    },
    /// Irreversible steps were approved.
    ApprovalGiven {
        /// Addresses.
        steps: Vec<String>,
        /// `--approve`, `interactive`, `rule N`, `rehearsal`.
        by: String,
        /// The name given (a claim) or the OS account.
        who: String,
        /// Digest of the site file that held the rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site_digest: Option<String>,
        /// What was approved: `plan` and its digest.
        subject: BTreeMap<String, String>,
    },
    /// A step is about to act.
    IntentRecorded {
        /// Address.
        step: String,
        /// Idempotency key.
        key: String,
        /// Name of the action.
        operation: String,
        /// Credential key, when the step has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<String>,
        /// Attempt, time, baseline.
        intent: Intent,
    },
    /// A secret went into the vault.
    SecretEscrowed {
        /// Address of the step, if one.
        step: String,
        /// Secret or output name.
        name: String,
        /// `vault:<id>`
        reference: String,
    },
    /// A counted try is about to be made.
    AttemptCounted {
        /// Address.
        step: String,
        /// Device or account.
        on: String,
        /// Failures in a row, this one included.
        used: u32,
        /// Sources that the value comes from, with their versions; they count as failed until the try has ended well.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sources: BTreeMap<String, String>,
    },
    /// A counted try ended.
    AttemptEnded {
        /// Address.
        step: String,
        /// Device or account.
        on: String,
        /// How.
        end: TryEnd,
        /// Failures in a row now.
        used: u32,
        /// Sources that the value came from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sources: Vec<String>,
        /// Declared secrets whose value failed: it is forgotten.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<String>,
    },
    /// An effect ended.
    EffectEnded {
        /// Address.
        step: String,
        /// Attempt.
        attempt: u32,
        /// Outputs, or the error, or a cookie to go on with.
        result: EffectResult,
    },
    /// A step ended.
    StepEnded {
        /// Address.
        step: String,
        /// How.
        #[serde(flatten)]
        end: StepEnd,
    },
    /// Whether an effect happened is not known.
    Uncertain {
        /// Address.
        step: String,
        /// Code of the error, or `RUN.INTERRUPTED` after a crash.
        code: String,
        /// In words.
        why: Text,
        /// The attempt it is about; journals from before attempts stood here say nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    /// A look after an uncertain effect.
    Reconciled {
        /// Address.
        step: String,
        /// What it saw.
        seen: Seen,
        /// The attempt it is about; journals from before attempts stood here say nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// Which look at it, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look: Option<u32>,
    },
    /// Something waits for a time.
    TimerArmed {
        /// `address/purpose/number`
        timer: String,
        /// Address.
        step: String,
        /// When.
        due: Timestamp,
    },
    /// The time has come.
    TimerFired {
        /// Its id; in older journals `address/due`.
        timer: String,
        /// Address.
        step: String,
    },
    /// A person was asked.
    HumanAsked {
        /// Address.
        step: String,
        /// The question.
        question: Question,
        /// The attempt that asks; none for what a row of `rescue` hands off, and in journals from before attempts stood here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// For which look at an uncertain effect, from 1; 0 before anything was sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look: Option<u32>,
    },
    /// A person answered a question, or settled an uncertain step.
    HumanAnswered {
        /// Address.
        step: String,
        /// The answer.
        answer: Answer,
        /// For an uncertain step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settled: Option<Settled>,
    },
    /// A mended profile replaced the one of the run.
    ProfileReplaced {
        /// Role.
        role: String,
        /// Old digest.
        from: String,
        /// New digest.
        to: String,
    },
    /// The wall clock stepped back.
    ClockStepped {
        /// Milliseconds.
        back_ms: i64,
    },
    /// Somebody wants the run to stop.
    CancelRequested {
        /// Who.
        by: String,
    },
    /// The run waits outside a process.
    RunParked {
        /// Why.
        cause: ParkCause,
        /// Steps it waits for.
        steps: Vec<String>,
        /// Until when, for a time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A person gave the run up.
    RunAbandoned {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The run ended.
    RunEnded {
        /// How.
        end: RunEnd,
        /// Why, when a check ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
        /// The playbook's outputs.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Json>,
    },
    /// A secret was shown on a terminal.
    SecretShown {
        /// `vault:<id>`
        reference: String,
        /// The OS account.
        account: String,
    },
    /// A secret is about to be erased from the vault, outside a run.
    SecretRemoved {
        /// `vault:<id>`
        reference: String,
        /// The OS account.
        account: String,
        /// Why: what was said, or what made it needless.
        reason: String,
        /// Although something needs it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forced: bool,
    },
    /// A count of tries was cleared.
    AttemptsCleared {
        /// Device or account.
        on: String,
        /// Who; a claim.
        by: String,
        /// The OS account.
        #[serde(default)]
        account: String,
        /// Why.
        reason: String,
    },
}

/// How a counted try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TryEnd {
    /// The value was right: the other side let the run in.
    Proved,
    /// The value was refused, or nothing proves that it was not.
    Failed,
    /// The value never got there. It stays counted.
    NotJudged,
}

impl TryEnd {
    /// Whether the value is not to be tried again.
    pub fn judged_wrong(self) -> bool {
        self == Self::Failed
    }
}

/// What a look saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Seen {
    /// It is there.
    Done {
        /// Outputs.
        outputs: BTreeMap<String, Json>,
        /// What was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Text>,
    },
    /// It is not there.
    NotDone {
        /// That settles it.
        conclusive: bool,
        /// What was seen.
        baseline: Json,
    },
    /// It cannot be told.
    CannotTell {
        /// Code.
        code: String,
        /// Why.
        why: Text,
    },
    /// The look failed.
    Failed {
        /// The error.
        error: ErrorBody,
    },
}

/// How an effect ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum EffectResult {
    /// Well.
    Done {
        /// Outputs.
        outputs: BTreeMap<String, Json>,
    },
    /// With an error.
    Failed {
        /// The error.
        error: ErrorBody,
    },
    /// Not yet.
    Pending {
        /// When to go on.
        due: Timestamp,
        /// What the backend needs to go on, hex.
        cookie: String,
    },
}

/// A row of `rescue` that is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The error it is for.
    pub error: ErrorBody,
    /// Address of the step that has the row: this one, or a call around it.
    pub of: String,
    /// How it goes on after the steps of its `do`.
    pub then: Then,
    /// Outputs that the step had given before a check of it failed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Json>,
    /// Secrets whose value is forgotten, so that they are asked for again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ask_again: Vec<String>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEnd {
    /// `observed unchanged changed skipped failed`
    pub outcome: super::Outcome,
    /// Outputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Json>,
    /// The error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// Set when a check ends the run well here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Text>,
}

/// An error, as journaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Code.
    pub code: String,
    /// Class.
    pub class: Class,
    /// Cause.
    pub cause: Text,
    /// Cure.
    pub cure: Text,
    /// Facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
}

impl From<BackendError> for ErrorBody {
    fn from(error: BackendError) -> Self {
        Self { code: error.code, class: error.class, cause: error.cause, cure: error.cure, data: error.data }
    }
}

/// Why a run is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkCause {
    /// A step failed after the run's first intent.
    Failed,
    /// A person is needed.
    Person,
    /// A time is waited for.
    Time,
    /// Whether an effect happened is not known.
    Uncertain,
    /// Somebody stopped it.
    Cancelled,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Every step ended.
    Done,
    /// A check ended it well, early.
    Finished,
    /// A step failed before anything was written.
    Failed,
    /// A person gave it up.
    Abandoned,
}

/// A person's word on an uncertain step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It happened.
    Done,
    /// It did not.
    NotDone,
}

/// Steps by outcome, for summaries.
pub type Counts = BTreeMap<super::Outcome, u32>;

impl EventBody {
    /// Whether this version knows a kind; later ones add kinds.
    pub fn knows(kind: &str) -> bool {
        // Without a body every kind is refused; only one that is none is refused for its name.
        let refused = serde_json::from_value::<Self>(serde_json::json!({ "kind": kind })).err();
        refused.is_none_or(|error| !error.to_string().starts_with("unknown variant"))
    }

    /// The kind's name, as in the journal's `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "RunStarted",
            Self::RunResumed { .. } => "RunResumed",
            Self::Observed { .. } => "Observed",
            Self::Decided { .. } => "Decided",
            Self::ApprovalGiven { .. } => "ApprovalGiven",
            Self::IntentRecorded { .. } => "IntentRecorded",
            Self::SecretEscrowed { .. } => "SecretEscrowed",
            Self::AttemptCounted { .. } => "AttemptCounted",
            Self::AttemptEnded { .. } => "AttemptEnded",
            Self::EffectEnded { .. } => "EffectEnded",
            Self::StepEnded { .. } => "StepEnded",
            Self::Uncertain { .. } => "Uncertain",
            Self::Reconciled { .. } => "Reconciled",
            Self::TimerArmed { .. } => "TimerArmed",
            Self::TimerFired { .. } => "TimerFired",
            Self::HumanAsked { .. } => "HumanAsked",
            Self::HumanAnswered { .. } => "HumanAnswered",
            Self::ProfileReplaced { .. } => "ProfileReplaced",
            Self::ClockStepped { .. } => "ClockStepped",
            Self::CancelRequested { .. } => "CancelRequested",
            Self::RunParked { .. } => "RunParked",
            Self::RunAbandoned { .. } => "RunAbandoned",
            Self::RunEnded { .. } => "RunEnded",
            Self::SecretShown { .. } => "SecretShown",
            Self::SecretRemoved { .. } => "SecretRemoved",
            Self::AttemptsCleared { .. } => "AttemptsCleared",
        }
    }

    /// Whether the run goes on no more after it, in this process or at all.
    pub fn stops(&self) -> bool {
        matches!(self, Self::RunParked { .. } | Self::RunEnded { .. } | Self::RunAbandoned { .. })
    }

    /// The step it is about, if one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Observed { step, .. }
            | Self::Decided { step, .. }
            | Self::IntentRecorded { step, .. }
            | Self::SecretEscrowed { step, .. }
            | Self::AttemptCounted { step, .. }
            | Self::AttemptEnded { step, .. }
            | Self::EffectEnded { step, .. }
            | Self::StepEnded { step, .. }
            | Self::Uncertain { step, .. }
            | Self::Reconciled { step, .. }
            | Self::TimerArmed { step, .. }
            | Self::TimerFired { step, .. }
            | Self::HumanAsked { step, .. }
            | Self::HumanAnswered { step, .. } => Some(step),
            _ => None,
        }
    }
}

#[cfg(test)]
mod kinds {
    use super::*;

    #[test]
    fn a_kind_of_a_later_version_is_told_from_a_body_that_is_damaged() {
        for body in [EventBody::ClockStepped { back_ms: 1 }, EventBody::CancelRequested { by: String::new() }] {
            assert!(EventBody::knows(body.kind()), "{}", body.kind());
        }
        assert!(!EventBody::knows("FromTheFuture"));
    }
}
