//! Carrying a plan out: a pure core that decides, a driver that acts and writes down.
//!
//! May use: `plan`, `check`, `action`, `backend` handles, `journal`. Must not (the core: `event state counted late decide rescue retry`): read a
//! clock, draw random numbers, start threads, depend on hash order.

mod abandon;
mod approval;
mod attempt;
mod conform;
mod counted;
mod crew;
mod decide;
mod devices;
mod driver;
mod earlier;
mod event;
mod files;
mod inputs;
mod late;
mod ledger;
mod load;
mod log;
mod people;
mod private;
mod replace;
mod rescue;
mod restore;
mod retention;
mod retry;
mod secrets;
mod state;
mod turns;

pub use abandon::{Doubt, Word, abandonment, in_doubt};
pub use approval::{
    Approver, DoneToday, Granted, Needed, Uncovered, approval_subject, has_daily_limit, over_the_day, rule_notices, settle, uncovered, unknown_steps,
};
pub use conform::conform;
pub use counted::Counted;
pub use decide::{Command, Program, StateFacts, decide, may_begin, park};
pub use driver::{Driver, EndOfRun, Observer, Pauser, Person, RunContext, RunError};
pub use earlier::{credentials_of, earlier};
pub use event::{Counts, EffectResult, ErrorBody, Event, EventBody, ParkCause, RunEnd, Seen, Settled, StepEnd, Taken, TryEnd};
pub use files::{MemoryBlobs, StateBlobs};
pub use inputs::{InputProblem, MissingInputs, gather_inputs, inputs_from_json, keep_private};
#[cfg(any(test, feature = "testing"))]
pub(crate) use ledger::{Known, Try};
pub use load::{LoadError, RunBlobs, absent_after, load_program, same_bindings, store_closure};
pub use people::secret_field;
pub use private::{hide as hide_private, show as show_private};
pub use replace::{NotReplaced, Replaced, replace_profile};
pub use restore::{Backup, Holds, Keys, Opened, Present, backups, bring_back, open as open_backup, present};
pub use retention::{Retention, SiteNeeds, Standing};
pub use retry::{longest_wait, wait};
#[cfg(any(test, feature = "testing"))]
pub(crate) use secrets::shown_secret;
pub use secrets::{DryRunSecrets, NoSecrets, RunSecrets, SecretSources, escrowed, keep_shown};
pub use state::{Doing, Ended, Outcome, Phase, State, StateVersion, StepState, UncertainStep, apply};
