//! What the server and the portals of the programs share: a visit, the part of a procedure that it is, the answer.
//!
//! May use: the page model, the desk, faults. Must not: know hyper or TLS.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use der::Decode;
use jiff::{Timestamp, ToSpan};
use kirikae_engine::backend::profile::{Operation, Profile};
use x509_cert::Certificate;

use crate::LabError;
use crate::desk::{Desk, Mishap};
use crate::effects::{About, Effect};
use crate::faults::{FaultBook, FaultKind};
use crate::form::Sent;
use crate::html::Page;
use crate::pki::{Issuer, Presented, Rejection, serial_hex, subject_parts};
use crate::state::{State, japan};

/// Where the forms that no eye sees are sent to.
pub(crate) const DECOY_PATH: &str = "/lab/decoy";

/// How long things last in a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// From the request until a certificate shows as issued.
    pub issuing: Duration,
    /// Without a request in this time a session is over.
    pub session: Duration,
    /// How late an answer is under the fault `delay`.
    pub delay: Duration,
}

impl Pace {
    /// With states of this length: two until a certificate is issued, a delay as long as both, sessions of 20 minutes.
    pub(crate) fn of(state: Duration) -> Self {
        let both = state.saturating_mul(2);
        Self { issuing: both, session: Duration::from_secs(20 * 60), delay: both }
    }
}

/// What came over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    /// It is a POST.
    pub post: bool,
    /// Path without query.
    pub path: String,
    /// Fields of its form or query.
    pub sent: Sent,
    /// Client certificates of the connection.
    pub presented: Presented,
}

/// A browser session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The cookie's value.
    pub id: String,
    /// Time of the last request.
    pub last: Timestamp,
    /// Accepted by password.
    pub signed_in: bool,
    /// The client certificate that `signed_in` was told of.
    pub welcomed: Option<String>,
    /// Its `Date` headers are wrong.
    pub skewed: bool,
    /// What was typed and shown in it.
    pub values: BTreeMap<String, String>,
}

impl Session {
    /// A new one.
    pub(crate) fn new(id: String, now: Timestamp) -> Self {
        Self { id, last: now, signed_in: false, welcomed: None, skewed: false, values: BTreeMap::new() }
    }
}

/// Which part of a procedure a request is: what faults look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// It is the committing request of this operation.
    pub commits: Option<Operation>,
    /// It is the last page of these operations.
    pub ends: Vec<Operation>,
    /// Its answer is the file of this operation.
    pub file: Option<Operation>,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A page with its status.
    Page(u16, Page),
    /// A file: name, content.
    File(String, Vec<u8>),
    /// An answer for programs.
    Json(String),
}

impl Answer {
    /// A page with status 200.
    pub(crate) fn page(page: Page) -> Self {
        Self::Page(200, page)
    }
}

/// Lines of the site file for the playbooks of a portal.
#[derive(Clone, Debug, Default)]
pub(crate) struct SiteLines {
    /// Inputs by name.
    pub inputs: Vec<(&'static str, String)>,
    /// Sources of secrets, as they are written.
    pub secrets: Vec<String>,
    /// What further roles of a program with a store of its own are bound to, as it is written.
    pub backends: Vec<String>,
}

/// The pages of one program.
pub(crate) trait Portal: Send + Sync {
    /// Its profile.
    fn profile(&self) -> &Profile;
    /// Its practice issuer.
    fn issuer(&self) -> &Issuer;
    /// Whether its CA sends paper notices with a request ID and a reference ID.
    fn sends_notices(&self) -> bool;
    /// Where its pages are, below the lab's address.
    fn below(&self) -> &str {
        ""
    }
    /// The program whose certificates it lists, where that has a store and an inbox of its own: what the terminal has is in the CA's list, too.
    fn lists_as(&self) -> Option<&str> {
        None
    }
    /// Whether a certificate to renew is put into the store for it.
    fn seeds(&self) -> bool {
        true
    }
    /// The name of a certificate file that was received and lies in the inbox.
    fn file_in_inbox(&self, _state: &mut State, _now: Timestamp) -> Option<String> {
        None
    }
    /// What the site file says of its playbooks.
    fn site_lines(&self) -> SiteLines {
        SiteLines::default()
    }
    /// Puts what its CA sends by post into the lab's folder: a disc, USB keys. Called once.
    ///
    /// # Errors
    /// When the lab's files cannot be written.
    fn send_media(&self, _dir: &Path, _days_left: i64, _now: Timestamp) -> Result<(), LabError> {
        Ok(())
    }
    /// Whether what is sent comes from forms, which hold hidden fields in some variants.
    fn has_forms(&self) -> bool {
        true
    }
    /// A program on the terminal with which a person renews, by the name that manuals give it.
    fn program(&self) -> Option<&str> {
        None
    }
    /// Whether a visit may begin with this request; every other one needs a session.
    fn begins(&self, incoming: &Incoming) -> bool;
    /// The paths of its pages.
    fn paths(&self) -> Vec<String>;
    /// Which part of a procedure a request is.
    fn part(&self, incoming: &Incoming) -> Part;
    /// Answers a request, with its effects.
    ///
    /// # Errors
    /// When the lab's files cannot be written.
    fn answer(&self, visit: &mut Visit<'_>) -> Result<Answer, LabError>;
}

/// A request within its session.
pub(crate) struct Visit<'a> {
    /// The request.
    pub incoming: &'a Incoming,
    /// Its session.
    pub session: &'a mut Session,
    /// The CA.
    pub desk: &'a mut Desk,
    /// Faults on request.
    pub faults: &'a FaultBook,
    /// Now.
    pub now: Timestamp,
    /// How long things last.
    pub pace: Pace,
}

/// A client certificate that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Subject, most specific first.
    pub subject: Vec<(String, String)>,
    /// Whom effects are about.
    pub about: About,
    /// First instant of its validity.
    pub not_before: Timestamp,
}

impl Visit<'_> {
    /// The client certificate, if it is this program's, valid now and not revoked. Tells `signed_in` once in a session.
    pub(crate) fn client(&mut self, portal: &dyn Portal) -> Result<Option<Client>, LabError> {
        let leaf = match self.incoming.presented.judge(portal.issuer(), self.now) {
            Ok(leaf) => leaf,
            Err(Rejection::Missing | Rejection::Unknown | Rejection::OutOfTime) => return Ok(None),
        };
        let client = read_client(leaf)?;
        if self.desk.is_revoked(&client.about.serial) {
            return Ok(None);
        }
        if self.session.welcomed.as_deref() != Some(&client.about.serial) {
            self.session.welcomed = Some(client.about.serial.clone());
            self.desk.tell(self.now, &portal.profile().id, Effect::SignedIn, None, &client.about)?;
        }
        Ok(Some(client))
    }

    /// Whether a fault of this kind acts on this operation now; counts it if so.
    pub(crate) fn struck(&mut self, kind: FaultKind, profile: &Profile, operation: Operation) -> Result<bool, LabError> {
        let state = &mut self.desk.state;
        let struck = self.faults.strikes(kind, profile, operation, &mut state.held.faults);
        if struck {
            state.save()?;
        }
        Ok(struck)
    }

    /// Whether a fault of this kind acts on this session, whatever operation it was named with; counts it if so.
    pub(crate) fn session_struck(&mut self, kind: FaultKind, profile: &Profile) -> Result<bool, LabError> {
        let operation = self.faults.operation_of(kind).or_else(|| profile.operations.keys().next().copied());
        operation.map_or(Ok(false), |operation| self.struck(kind, profile, operation))
    }

    /// Whether this client's list is stale (`stale-row`): it begins with a certificate older than the client's own, and
    /// a new row stays away until it is issued.
    pub(crate) fn is_stale(&mut self, portal: &dyn Portal, client: &Client) -> Result<bool, LabError> {
        let profile = portal.profile();
        if self.desk.state.held.stale_lists.contains(&client.about.serial) {
            return Ok(true);
        }
        let struck = self.struck(FaultKind::StaleRow, profile, Operation::FindIssued)? || self.struck(FaultKind::StaleRow, profile, Operation::Status)?;
        if struck {
            let before = client.not_before.to_zoned(japan()).checked_sub(3.years()).map_err(LabError::crypto)?.timestamp();
            self.desk.put_old_row(&profile.id, portal.issuer(), client, before)?;
        }
        Ok(struck)
    }

    /// The faults that act on an issuance of this operation.
    pub(crate) fn mishap(&mut self, profile: &Profile, operation: Operation) -> Result<Mishap, LabError> {
        Ok(Mishap {
            never: self.struck(FaultKind::NeverIssued, profile, operation)?,
            wrong_subject: self.struck(FaultKind::IssuedWrongSubject, profile, operation)?,
            revokes_old: self.struck(FaultKind::RevokesOldAtIssue, profile, operation)?,
        })
    }

    /// The password to protect a file with: the one given, or another under `wrong-password-file`.
    pub(crate) fn file_password(&mut self, profile: &Profile, operation: Operation, password: &str) -> Result<String, LabError> {
        let struck = self.struck(FaultKind::WrongPasswordFile, profile, operation)?;
        Ok(if struck { format!("{password}{password}?") } else { password.to_owned() })
    }
}

/// Whom an effect of this request is about: the client certificate as presented, accepted or not.
pub(crate) fn about_presented(incoming: &Incoming) -> About {
    incoming.presented.0.first().and_then(|leaf| read_client(leaf).ok()).map(|client| client.about).unwrap_or_default()
}

fn read_client(leaf: &[u8]) -> Result<Client, LabError> {
    let subject = subject_parts(leaf)?;
    let certificate = Certificate::from_der(leaf).map_err(LabError::crypto)?;
    let seconds = certificate.tbs_certificate().validity().not_before.to_unix_duration().as_secs();
    let not_before = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_default();
    let common_name = subject.iter().find(|(kind, _)| kind == "CN").map(|(_, value)| value.clone()).unwrap_or_default();
    Ok(Client { subject, about: About { subject: common_name, serial: serial_hex(leaf)? }, not_before })
}

/// 「セッション無効」, manual 5.2.2.
pub(crate) fn session_over() -> Page {
    Page::titled("セッション無効").says("セッションがタイムアウトしました。").says("最初のページに戻ってください。")
}

/// The page of a portal that is closed: the profile's own words for it.
pub(crate) fn closed(profile: &Profile) -> Page {
    let known = profile.errors.iter().find(|known| known.code == "PORTAL.CLOSED");
    let words = known.map_or("ただいまメンテナンス中です", |known| &known.see);
    Page::titled("メンテナンスのお知らせ").says(&format!("{words}。")).says("終了までお待ちください。")
}

/// The page of a busy portal.
pub(crate) fn busy() -> Page {
    Page::titled("ただいま混み合っています").says("しばらくたってから、もう一度お試しください。")
}

/// The page for a client certificate that is not accepted.
pub(crate) fn not_accepted() -> Page {
    Page::titled("証明書を確認できません").says("有効な証明書を選択して、接続し直してください。")
}
