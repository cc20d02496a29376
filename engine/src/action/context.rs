//! What an action is handed: read handles or write handles, the call, the clock, secrets, files, sessions.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Inputs, Outputs, Sessions};
use crate::backend::{BackendError, Call, ReadBackends, SecretSink, WriteBackends};
use crate::dsl::{FileRef, Value};
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

/// Gives secret values where they are used. The only way from a reference to a value.
pub trait Secrets {
    /// The value of a [`Value::Secret`] or [`Value::DeclaredSecret`].
    ///
    /// # Errors
    /// `SECRET.MISSING`, `SECRET.UNFIT`, `VAULT.UNREADABLE`.
    fn value(&self, of: &Value) -> Result<Secret, BackendError>;
    /// The same from sources that ask nobody; `None` when a person would have to be asked or it is not made yet.
    ///
    /// # Errors
    /// As [`Secrets::value`].
    fn unattended(&self, of: &Value) -> Result<Option<Secret>, BackendError>;
}

/// Files the engine holds for runs.
pub trait Blobs {
    /// Content of a file handle.
    ///
    /// # Errors
    /// `FILE.NOT_FOUND`, `VAULT.UNREADABLE`.
    fn read(&self, file: &FileRef) -> Result<Secret, BackendError>;
    /// Takes a file in: into the vault when it may hold a key, else among the blobs. Durable when it returns.
    ///
    /// # Errors
    /// `FOLDER.FULL`, `FOLDER.READONLY`.
    fn keep(&self, name: &str, content: &Secret, may_hold_key: bool) -> Result<FileRef, BackendError>;
}

/// What a reading action, a look or a preflight is handed.
pub struct ReadCx<'a> {
    /// Expressions' "now": the run's start.
    pub now: Timestamp,
    /// The wall clock now, for proofs and evidence.
    pub wall: Timestamp,
    /// The site's time zone.
    pub zone: &'a TimeZone,
    /// Read handles.
    pub backends: ReadBackends<'a>,
    /// The circumstances of the call.
    pub call: Call,
    /// Secret values.
    pub secrets: &'a dyn Secrets,
    /// Files.
    pub blobs: &'a dyn Blobs,
    /// Sessions of this attempt, and those that are open in this process.
    pub sessions: &'a Sessions,
    /// Request IDs that were committed for the credential at hand; for a request whose ID nobody wrote down, the words for its run.
    pub committed: &'a [String],
    /// How old an `accepted` proof may be.
    pub fresh_for: Duration,
}

/// What a writing action is handed.
pub struct WriteCx<'a> {
    /// Everything a read gets.
    pub read: ReadCx<'a>,
    /// Write handles.
    pub writes: WriteBackends<'a>,
    /// Keeps secrets that the other side shows.
    pub sink: &'a RefCell<dyn SecretSink + 'a>,
    /// What the call before it handed back with `Progress::Pending`.
    pub cookie: Option<Vec<u8>>,
}

/// That the intent is on disk. Only the driver can make one.
#[derive(Clone, Debug)]
pub struct IntentOnDisk(pub(crate) Intent);

impl IntentOnDisk {
    /// The intent.
    pub fn intent(&self) -> &Intent {
        &self.0
    }
}

/// What was written down before the effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// From 1; the attempt that was about to act.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// What the look just before saw (request IDs, serials, rows), in the action's own shape.
    pub baseline: Json,
}

/// The answer of a look.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// It happened.
    Done {
        /// The outputs that the look can give back.
        outputs: Outputs,
        /// What was seen, one line.
        evidence: Text,
    },
    /// It is not there.
    NotDone {
        /// Whether that settles it; else see `absent_after`.
        conclusive: bool,
        /// What was seen, for the intent and for comparing two looks.
        baseline: Json,
    },
    /// It cannot be told.
    CannotTell {
        /// Why, as a code.
        code: String,
        /// Why, in words.
        why: Text,
        /// What was seen; the intent's baseline if a person says that it had not happened.
        baseline: Json,
    },
}

/// A look with its time, as the core compares them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// What was seen.
    pub baseline: Json,
}

impl ReadCx<'_> {
    /// The value of a secret input.
    ///
    /// # Errors
    /// As [`Secrets::value`]; `INPUT.UNKNOWN` when it is not given.
    pub fn secret(&self, inputs: &Inputs, name: &str) -> Result<Secret, BackendError> {
        let reference = inputs.0.get(name).ok_or_else(|| Inputs::unknown(name))?;
        self.secrets.value(reference)
    }
}

impl SecretRef {
    /// As a value of the language.
    pub fn into_value(self) -> Value {
        Value::Secret(self)
    }
}
