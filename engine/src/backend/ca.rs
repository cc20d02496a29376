//! The port of certification authorities and Web systems: the operations of a portal profile.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;

use super::profile::{Hands, Operation, Profile};
use super::{BackendError, Call, Capabilities, Progress, Signer};
use crate::secret::{Secret, SecretRef};

/// A Web session: the portal backend's own state (cookies, the page it is on). It does nothing by itself;
/// [`CaRead`] and [`CaWrite`] act in it, so that a look and the sending after it share one session.
pub trait Session: Any + Send {
    /// For the backend that made it.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// What an operation is given.
#[derive(Clone, Default)]
pub struct Request {
    /// Values by parameter name, as they are typed.
    pub plain: BTreeMap<String, String>,
    /// Secret values by parameter name.
    pub secret: BTreeMap<String, Secret>,
    /// Files to upload by parameter name: name for the other side, content.
    pub files: BTreeMap<String, (String, Secret)>,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Row {
    /// Cells of the columns that the profile names.
    pub columns: BTreeMap<String, String>,
    /// Every cell as text; two looks compare rows by these.
    pub cells: Vec<String>,
}

/// What an operation gave.
#[derive(Default)]
pub struct Gives {
    /// Values by output name; several for `all: true`.
    pub plain: BTreeMap<String, Vec<String>>,
    /// Secret values, already kept by the [`SecretSink`].
    pub secret: BTreeMap<String, SecretRef>,
    /// Rows of a list, if the operation reads one.
    pub rows: Option<Vec<Row>>,
    /// A downloaded file: name for people, content.
    pub file: Option<(String, Secret)>,
    /// The `signed_in` marker that was read, on a page that needs the client certificate.
    pub signed_in: Option<String>,
    /// Labels of the profile that were not found (a `probe` without pages of its own).
    pub missing: Vec<String>,
    /// The server's `Date` header of the last answer; of a person's hands, when they answered.
    pub date: Option<Timestamp>,
}

/// Keeps a secret that a page shows, before anything else is done with the page.
pub trait SecretSink {
    /// Puts the value of output `name` in the vault.
    ///
    /// # Errors
    /// What the vault says; the operation must then end.
    fn keep(&mut self, name: &str, value: Secret) -> Result<SecretRef, BackendError>;
}

/// Reads of a portal.
pub trait CaRead: Debug + Send + Sync {
    /// Stable identity: `portal:<profile>@<base>`.
    fn id(&self) -> &str;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// The profile it follows.
    fn profile(&self) -> &Profile;
    /// Who does the pages of an operation: the site's word before the operation's, that before the profile's.
    fn hands(&self, operation: Operation) -> Hands {
        self.profile().hands_of(operation)
    }
    /// How long after a sending "not in the list" becomes conclusive, with the site's word taken before the profile's;
    /// `None` if nobody verified it.
    fn absent_after(&self, looking: Operation) -> Option<std::time::Duration>;
    /// Opens a session. Contacts nothing yet.
    ///
    /// # Errors
    /// `NET.UNTRUSTED` (roots unreadable), `KEY.UNUSABLE`.
    fn open(&self, call: &Call, client: Option<Arc<dyn Signer>>) -> Result<Box<dyn Session>, BackendError>;
    /// Reaches the site's address with nothing but TLS and one request that only reads; gives its `Date`. Any answer will do.
    ///
    /// # Errors
    /// `NET.UNREACHABLE`, `NET.UNTRUSTED`.
    fn reach(&self, call: &Call) -> Result<Option<Timestamp>, BackendError>;
    /// Carries out a reading operation (`probe status find_issued`).
    ///
    /// # Errors
    /// `NET.*`, `PORTAL.*` and the profile's codes; never an ambiguous one.
    fn look(&self, call: &Call, session: &mut dyn Session, operation: Operation, request: &Request) -> Result<Gives, BackendError>;
}

/// Writes of a portal.
pub trait CaWrite: CaRead {
    /// Carries out a writing operation: its committing request is sent at most once in this call.
    ///
    /// # Errors
    /// As [`CaRead::look`]; after the committing request `PORTAL.RESULT_UNKNOWN` or `PORTAL.REDIRECTED_WRITE` (ambiguous),
    /// unless the operation is repeatable, where the cases keep their own code.
    fn send(
        &self,
        call: &Call,
        session: &mut dyn Session,
        operation: Operation,
        request: &Request,
        sink: &mut dyn SecretSink,
    ) -> Result<Progress<Gives>, BackendError>;
}
