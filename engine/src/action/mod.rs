//! What a step can do: one file per action, one explicit registry.
//!
//! May use: `backend` ports, `dsl` values, `secret`, `text`. Must not: know playbooks, plans, runs;
//! touch the world other than through the handles it is given.

mod ca_apply;
mod ca_fetch;
mod ca_find_issued;
mod ca_obtain;
mod ca_renew;
mod ca_revoke;
mod ca_root;
mod ca_software;
mod ca_status;
mod cert_accept;
mod cert_delete;
mod cert_export;
mod cert_find;
mod cert_import;
mod cert_prove_key;
mod cert_trust;
mod context;
mod csr_create;
mod example;
mod file_delete;
mod file_find;
mod file_save;
mod hands;
mod host_check;
mod human;
mod human_commit;
mod human_confirm;
mod human_destroy;
mod human_perform;
mod inputs;
mod key_create;
mod manifest;
mod notify_send;
mod p12_inspect;
mod portal;
mod proved;
mod question;
mod received;
mod registry;
mod requested;
mod rows;
mod secret_keep;
mod sessions;
mod software_install;
mod software_remove;
mod time_wait;
mod token_login;
mod token_wait;
mod web_probe;
mod web_set_password;
mod web_sign_in;

pub use context::{Blobs, Intent, IntentOnDisk, Look, Observed, ReadCx, Secrets, WriteCx};
pub(crate) use file_find::{LARGEST as LARGEST_FILE, WRAPPED};
pub(crate) use human::TRIES_ON;
pub(crate) use human::{problem_code, word_of};
pub use inputs::{Inputs, NOT_KNOWN, Outputs};
pub use manifest::{Effect, InputSpec, Manifest, OutputSpec};
pub use question::{Answer, Answered, FileWanted, Problem, Question, QuestionField, Reveal};
pub(crate) use received::is_whole_pkcs12;
pub use registry::{Registry, registry};
pub use sessions::{Live, Sessions};
pub(crate) use time_wait::{NOT_YET, UNTIL};

use crate::backend::{BackendError, PinFlags, Progress};

/// An action: its manifest and, by effect, how it reads or writes.
pub trait Action: Sync + Send {
    /// What it says of itself. Called once, by the registry.
    fn manifest(&self) -> Manifest;

    /// How it is carried out.
    fn kind(&self) -> Kind<'_>;
}

/// The two ways of carrying out an action. Either may ask a person by [`Sessions::ask`].
pub enum Kind<'a> {
    /// It reads.
    Read(&'a dyn ReadAction),
    /// It writes.
    Write(&'a dyn WriteAction),
}

/// An action that only reads.
pub trait ReadAction: Sync {
    /// Looks, and gives the outputs.
    ///
    /// # Errors
    /// The codes of the manifest and of its backends.
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError>;

    /// For a dry run: whether `read` would work, as far as can be told without inputs that are not known yet.
    ///
    /// # Errors
    /// Why it would not.
    fn preflight(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        Ok(())
    }

    /// As [`WriteAction::counted_on`].
    ///
    /// # Errors
    /// `INPUT.UNKNOWN`.
    fn counted_on(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        Ok(None)
    }

    /// As [`WriteAction::tried`].
    fn tried(&self, _inputs: &Inputs, _error: &BackendError) -> Option<Tried> {
        None
    }
}

/// An action that writes: it looks, the intent goes to disk, it acts.
pub trait WriteAction: Sync {
    /// Whether it happened (`runs.md` 2). Reads only. Without an intent: the look before the first sending.
    ///
    /// # Errors
    /// When the look itself fails.
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError>;

    /// Acts, once. The driver calls it only after the intent is on disk.
    ///
    /// # Errors
    /// The codes of the manifest and of its backends; ambiguous ones lead to `observe`.
    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError>;

    /// For a dry run: everything that can be told without writing. `inputs` holds what is known.
    ///
    /// # Errors
    /// Why it would not work.
    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError>;

    /// What failed tries of this step are counted on (`runs.md` 5); `None`: nothing counts them. Reads only, spends nothing.
    ///
    /// # Errors
    /// When the device is not there; `INPUT.UNKNOWN`.
    fn counted_on(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        Ok(None)
    }

    /// Refuses a value that the other side does not take at all, before a try is counted: it never gets there.
    ///
    /// # Errors
    /// `SECRET.UNFIT`.
    fn check_value(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        Ok(())
    }

    /// What this end of the step says of the value that was tried; `None`: its code says it.
    fn tried(&self, _inputs: &Inputs, _error: &BackendError) -> Option<Tried> {
        None
    }
}

impl Kind<'_> {
    /// What failed tries of this step are counted on.
    ///
    /// # Errors
    /// As [`WriteAction::counted_on`].
    pub fn counted_on(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        match self {
            Self::Read(read) => read.counted_on(cx, inputs),
            Self::Write(write) => write.counted_on(cx, inputs),
        }
    }

    /// As [`WriteAction::check_value`]; what a person types elsewhere never comes here.
    ///
    /// # Errors
    /// `SECRET.UNFIT`.
    pub fn check_value(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        match self {
            Self::Read(_) => Ok(()),
            Self::Write(write) => write.check_value(cx, inputs),
        }
    }

    /// As [`WriteAction::tried`].
    pub fn tried(&self, inputs: &Inputs, error: &BackendError) -> Option<Tried> {
        match self {
            Self::Read(read) => read.tried(inputs, error),
            Self::Write(write) => write.tried(inputs, error),
        }
    }
}

/// What the end of a step says of a value that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It was accepted, whatever came after.
    Right,
    /// It was refused.
    Wrong,
    /// It may not have got there.
    Unknown,
}

/// What failed tries are counted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedOn {
    /// `token:<serial>`, `account:<user>@<address>`, or `elsewhere:<what the playbook counts on>`.
    pub device: String,
    /// What the device itself says of its count; an account says nothing.
    pub flags: PinFlags,
    /// The code of a step that is not tried any more.
    pub stopped: &'static str,
}
