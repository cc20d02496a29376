//! Checked + observations -> Plan.
//!
//! May use: `check`, `dsl`, `action` (reads only), `backend` read handles, `text`. Must not: hold a write handle,
//! prompt, need a secret, or contact anything remote unless told to probe.

mod claim;
mod deadline;
mod digest;
mod dry_run;
mod kept;
mod model;
mod moved;
mod notices;
mod planner;
mod private;
mod recorded;
mod rescue;
mod resolve;
mod saved;
mod schema;
mod tries;

pub use claim::{credential_keys, site_key};
pub use deadline::{DeadlineState, deadline};
pub use digest::{canonical_digest, sha256_hex};
pub use dry_run::{DryRun, PlanFacts, Verdict, VerdictKind, dry_run};
pub use model::{
    Approval, Blocked, CheckState, CheckWhen, ClosureItem, Decision, DependsOn, EdgeKind, Fee, FeeSum, Finished, InputOrigin, LookScope, Message, Observation,
    Plan, PlanCheck, PlanInput, PlanPlaybook, PlanRepeat, PlanRescue, PlanRetry, PlanRow, PlanSecret, PlanStep, PlanSummary, PlanTries, Reason, Target,
    UnknownInput,
};
pub(crate) use moved::compare;
pub use moved::{Moved, drift};
pub use planner::{GivenInput, PlanRequest, World, plan};
pub use private::{Private, private_from_secret, private_ref, private_to_secret};
pub(crate) use recorded::record_as;
pub use resolve::{Bound, ErrorFacts, Facts, Resolver, StepFacts, outputs_from_json, outputs_to_json};
pub use saved::{Present, bindings as moved_bindings, may_start, read_saved};
pub use schema::plan_schema;
pub use tries::{Ledger, NoLedger, SourceVersion, Tally, UNDECLARED};
