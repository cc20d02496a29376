//! A decoded playbook test (`kirikae: test/1`): worlds in memory, and what must come of the playbook in them.
//!
//! May use: values, types, text. Must not: know how a world is simulated.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::RoleKind;
use crate::backend::profile::Operation;
use crate::text::{Source, Span, Spanned, Text};

/// A test of one playbook.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// Id of the playbook.
    pub playbook: Spanned<String>,
    /// The situation that every case begins from.
    pub base: Situation,
    /// Cases in file order.
    pub cases: Vec<Case>,
    /// The file.
    pub source: Source,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name.
    pub name: Spanned<String>,
    /// For people.
    pub title: Option<Text>,
    /// The base with what the case gives in its place.
    pub situation: Situation,
    /// What must come of it.
    pub expect: Expect,
}

/// A world, and what happens in it.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The time at which the playbook is planned and begun.
    pub clock: Timestamp,
    /// Certificates by their names in this file, in file order.
    pub certs: Vec<(Spanned<String>, SimCert)>,
    /// Backends by role.
    pub backends: BTreeMap<String, SimBackend>,
    /// Inputs of the playbook.
    pub inputs: BTreeMap<String, Spanned<SimInput>>,
    /// What people type and answer, by secret or by address of a step; the last of several is given again and again.
    pub answers: BTreeMap<String, Spanned<Vec<SimAnswer>>>,
    /// Secrets kept from before.
    pub vault: Vec<SimEntry>,
    /// What goes wrong.
    pub faults: Vec<Spanned<SimFault>>,
}

/// A simulated backend.
#[derive(Clone, Debug)]
pub enum SimBackend {
    /// A store.
    Store(SimStore),
    /// A portal.
    Portal(Box<SimPortal>),
    /// A folder.
    Folder(SimFolder),
    /// USB keys and cards.
    Tokens(Vec<SimToken>),
}

/// A store of certificates.
#[derive(Clone, Debug)]
pub struct SimStore {
    /// Names of the certificates in it.
    pub holds: Vec<Spanned<String>>,
    /// It can be listed.
    pub readable: bool,
    /// Something can be imported and deleted.
    pub writable: bool,
}

/// A portal that acts by its profile.
#[derive(Clone, Debug, Default)]
pub struct SimPortal {
    /// What `status` says, look by look; the last word stays. Empty: `issued`.
    pub status: Vec<Spanned<String>>,
    /// Fields of the certificates that it issues.
    pub issues: SimCert,
    /// Requests that are in its list already: request ID, certificate.
    pub listed: Vec<(Spanned<String>, Spanned<String>)>,
    /// Values that pages show, by operation and name.
    pub gives: BTreeMap<Operation, BTreeMap<String, String>>,
    /// Certificates that it does not accept.
    pub rejects: Vec<Spanned<String>>,
    /// Operations that it refuses, with the code.
    pub refuses: BTreeMap<Operation, Spanned<String>>,
    /// A new row is in the list only after so long.
    pub hides: Option<Duration>,
    /// "Not in the list" is conclusive after so long.
    pub absent_after: Option<Duration>,
    /// Files in the order they are fetched; the last stays. Empty: whole.
    pub files: Vec<SimDownload>,
    /// Labels that are missing on its pages.
    pub missing: Vec<Spanned<String>>,
}

/// A USB key or card.
#[derive(Clone, Debug)]
pub struct SimToken {
    /// Serial.
    pub serial: Spanned<String>,
    /// Its PIN.
    pub pin: String,
    /// So many wrong ones in a row lock it.
    pub limit: u32,
    /// Wrong ones in a row so far.
    pub wrong: u32,
    /// It is inserted.
    pub present: bool,
    /// Names of the certificates on it.
    pub holds: Vec<Spanned<String>>,
}

/// What a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimDownload {
    /// The certificate file.
    Whole,
    /// Its first bytes.
    Cut,
    /// A page instead.
    Page,
    /// A file with another password.
    OtherPassword,
}

/// A folder.
#[derive(Clone, Debug)]
pub struct SimFolder {
    /// Files by name.
    pub files: Vec<(Spanned<String>, SimFile)>,
    /// It is there.
    pub present: bool,
    /// Backups are the bare PKCS#12.
    pub plain: bool,
}

/// A file.
#[derive(Clone, Debug)]
pub enum SimFile {
    /// A PKCS#12 file of a certificate of this name, with this password.
    P12 {
        /// Name of the certificate.
        cert: Spanned<String>,
        /// Its password.
        password: String,
        /// Names of the certificates that come with it.
        chain: Vec<Spanned<String>>,
    },
    /// Something else.
    Text(String),
}

/// A certificate; what is not written is made up.
#[derive(Clone, Debug, Default)]
pub struct SimCert {
    /// Common Name.
    pub cn: Option<String>,
    /// Serial, hex.
    pub serial: Option<String>,
    /// Issuer's Common Name.
    pub issuer: Option<String>,
    /// First day.
    pub not_before: Option<Timestamp>,
    /// Last day.
    pub not_after: Option<Timestamp>,
    /// With its key (yes if not written).
    pub key: Option<bool>,
    /// The key can be written out.
    pub exportable: Option<bool>,
    /// The key is under strong protection.
    pub protected: Option<bool>,
}

/// The value of an input.
#[derive(Clone, Debug)]
pub enum SimInput {
    /// As written in a site file.
    Scalar(String),
    /// A certificate by its name here.
    Cert(String),
    /// A file: its name, and what it is.
    File(String, SimFile),
}

/// What a person types or says.
#[derive(Clone, Debug, Default)]
pub struct SimAnswer {
    /// A secret as typed; for a question `true` or `false`.
    pub word: String,
    /// Nobody is there.
    pub nobody: bool,
    /// Values of the question's fields.
    pub fields: BTreeMap<String, String>,
    /// What was seen.
    pub evidence: Option<String>,
    /// Certificates that the person's work leaves in stores, by role.
    pub leaves: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// Serials of the tokens that are inserted afterwards, and no others, by role.
    pub inserts: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
}

/// A secret kept from before.
#[derive(Clone, Debug)]
pub struct SimEntry {
    /// Name of the entry.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Its value.
    pub value: String,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimFault {
    /// A step ends with this code; nothing happened.
    Before {
        /// Address.
        at: Spanned<String>,
        /// Code.
        code: Spanned<String>,
        /// So often.
        times: u32,
    },
    /// A step has its effect, then ends with this code.
    After {
        /// Address.
        at: Spanned<String>,
        /// Code.
        code: Spanned<String>,
        /// So often.
        times: u32,
    },
    /// The process ends after every event in turn, and the run is resumed.
    Crash,
}

/// What must come of a case. What is not written is not compared.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// How it ends.
    pub result: Option<Spanned<Ending>>,
    /// Code of the error.
    pub error: Option<Spanned<String>>,
    /// The step that has it.
    pub at: Option<Spanned<String>>,
    /// How steps ended, by address.
    pub outcome: Vec<(Spanned<String>, Spanned<String>)>,
    /// What the plan decides, by address.
    pub decision: Vec<(Spanned<String>, Spanned<String>)>,
    /// How often: an action by its name, or `role.operation` of a portal.
    pub calls: Vec<(Spanned<String>, Spanned<u32>)>,
    /// What a store or folder has in the end, by role: certificates by name, or files.
    pub has: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// What it no longer has.
    pub lacks: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// Outputs of the playbook; of certificates their names.
    pub outputs: Vec<(Spanned<String>, Spanned<String>)>,
    /// Texts that nothing but vault and files may hold.
    pub never_in_artifacts: Vec<Spanned<String>>,
    /// The plan is compared with the one kept beside the test file.
    pub snapshot: Option<Span>,
    /// It is planned only.
    pub plan_only: bool,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every step ended.
    Done,
    /// A check ended it well.
    Finished,
    /// A step failed.
    Failed,
    /// It waits for a person or a time.
    Waiting,
    /// Whether an effect happened is not known.
    Uncertain,
    /// The plan says that it cannot be done; nothing is begun.
    Blocked,
}

impl Ending {
    /// All, with their words.
    pub const WORDS: [(&'static str, Ending); 6] = [
        ("done", Self::Done),
        ("finished", Self::Finished),
        ("failed", Self::Failed),
        ("waiting", Self::Waiting),
        ("uncertain", Self::Uncertain),
        ("blocked", Self::Blocked),
    ];

    /// The word in documents.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, ending)| *ending == self).map_or("", |(word, _)| word)
    }
}

/// Words for how a step ended; `none`: it was never begun.
pub const OUTCOMES: [&str; 8] = ["observed", "unchanged", "changed", "skipped", "failed", "waiting", "uncertain", "none"];
/// Words for what a plan decides.
pub const DECISIONS: [&str; 5] = ["observed", "run", "skip", "maybe", "blocked"];
/// The name of the certificate that the simulated portal issues.
pub const ISSUED: &str = "issued";

impl SimBackend {
    /// An empty backend for a role of this kind.
    pub fn empty(kind: RoleKind) -> Self {
        match kind {
            RoleKind::Store => Self::Store(SimStore { holds: vec![], readable: true, writable: true }),
            RoleKind::Ca | RoleKind::Web => Self::Portal(Box::default()),
            RoleKind::Folder => Self::Folder(SimFolder { files: vec![], present: true, plain: false }),
            RoleKind::Token => Self::Tokens(vec![]),
        }
    }
}
