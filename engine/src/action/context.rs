//! What an action is handed: read handles or write handles, the call, the clock, secrets, files, Web sessions.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::question::{Answered, Question};
use super::{Inputs, Outputs};
use crate::backend::{BackendError, CaRead, Call, ReadBackends, SecretSink, Session, WriteBackends};
use crate::dsl::{CertInfo, FileRef, Value};
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

/// What one attempt of one step shares: Web sessions, so that a look and the sending after it have the same one, and what people
/// answered whose hands carry it out.
#[derive(Default)]
pub struct Sessions {
    open: RefCell<BTreeMap<(String, String), Box<dyn Session>>>,
    date: Cell<Option<Timestamp>>,
    answered: RefCell<VecDeque<Answered>>,
    asked: RefCell<Option<Question>>,
}

impl Sessions {
    /// Of an attempt that is taken up again with the answers to what it asked, in the order asked.
    pub fn with_answers(answered: Vec<Answered>) -> Self {
        Self { answered: RefCell::new(answered.into()), ..Self::default() }
    }

    /// Whether the next question has its answer already.
    pub fn is_answered(&self) -> bool {
        !self.answered.borrow().is_empty()
    }

    /// Asks a person. The action is left with the error; whoever drives it puts the question and calls the action once more, with the answer.
    ///
    /// # Errors
    /// `PORTAL.NEEDS_PERSON` as long as nobody has answered; then `HUMAN.DECLINED` and the codes of the question's problems.
    pub fn ask(&self, question: Question) -> Result<Answered, BackendError> {
        if let Some(answered) = self.answered.borrow_mut().pop_front() {
            return answered.done().map(|()| answered);
        }
        let cause = Text::new(format!("人に尋ねます: {}", question.ask.ja), format!("a person is asked: {}", question.ask.get(crate::text::Lang::En)));
        *self.asked.borrow_mut() = Some(question);
        Err(BackendError::new("PORTAL.NEEDS_PERSON", cause))
    }

    /// The question that the action was left with; once.
    pub fn asked(&self) -> Option<Question> {
        self.asked.borrow_mut().take()
    }

    /// Runs `work` in the session of this portal and certificate, opening it first if needed.
    /// The key is taken from the certificate's holder.
    ///
    /// # Errors
    /// Of opening, and of `work`.
    pub fn with<T>(
        &self,
        cx: &ReadCx<'_>,
        ca: &dyn CaRead,
        client: Option<&CertInfo>,
        work: impl FnOnce(&mut dyn Session) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let key = (ca.id().to_owned(), client.map_or_else(String::new, |cert| cert.sha1.clone()));
        let known = self.open.borrow_mut().remove(&key);
        let mut session = match known {
            Some(session) => session,
            None => {
                let signer = client.map(|cert| cx.backends.holder(&cert.holder)?.signer(&cx.call, &cert.sha1)).transpose()?;
                ca.open(&cx.call, signer)?
            }
        };
        let result = work(&mut *session);
        self.open.borrow_mut().insert(key, session);
        result
    }

    /// Notes the `Date` header of a portal's answer.
    pub fn saw_date(&self, date: Option<Timestamp>) {
        self.date.set(date.or(self.date.get()));
    }

    /// The last `Date` header that was seen.
    pub fn portal_date(&self) -> Option<Timestamp> {
        self.date.get()
    }
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
    /// Web sessions of this attempt.
    pub sessions: &'a Sessions,
    /// Request IDs that earlier runs committed for the credential at hand.
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
