//! A checked portal profile as plain data (`portals-and-sites.md` 1): parameter names on the left, what the eye sees on the right.
//!
//! May use: types and texts. Must not: hold expressions, know pages or HTTP.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dsl::Type;
use crate::text::Text;

/// An operation of a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// First request with a CSR.
    Apply,
    /// Request a renewal.
    Renew,
    /// Receive a certificate with the IDs of a notice.
    Obtain,
    /// Read the state of a request.
    Status,
    /// Read the list of issued certificates.
    FindIssued,
    /// Receive an issued certificate.
    Fetch,
    /// Request a revocation.
    Revoke,
    /// Receive the root certificate.
    Root,
    /// Receive a program.
    Software,
    /// Sign in.
    SignIn,
    /// Set the site's password.
    SetPassword,
    /// See that the pages are there and the credential is accepted.
    Probe,
}

impl Operation {
    /// All operations, in the order of the manual.
    pub const ALL: [Operation; 12] = [
        Self::Apply,
        Self::Renew,
        Self::Obtain,
        Self::Status,
        Self::FindIssued,
        Self::Fetch,
        Self::Revoke,
        Self::Root,
        Self::Software,
        Self::SignIn,
        Self::SetPassword,
        Self::Probe,
    ];

    /// The word in profiles and action names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Renew => "renew",
            Self::Obtain => "obtain",
            Self::Status => "status",
            Self::FindIssued => "find_issued",
            Self::Fetch => "fetch",
            Self::Revoke => "revoke",
            Self::Root => "root",
            Self::Software => "software",
            Self::SignIn => "sign_in",
            Self::SetPassword => "set_password",
            Self::Probe => "probe",
        }
    }

    /// The operation written as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.word() == word)
    }

    /// Reads only look: they may open, follow, or send what is marked `safe`.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Status | Self::FindIssued | Self::Probe)
    }

    /// How many items of its pages may be marked `commits`: (least, most).
    pub fn commits(self) -> (usize, usize) {
        match self {
            Self::Apply | Self::Renew | Self::Revoke | Self::SetPassword => (1, 1),
            Self::Obtain | Self::Fetch | Self::SignIn => (0, 1),
            _ => (0, 0),
        }
    }

    /// Whether it may be sent again after a look that did not find it, unless the profile says otherwise.
    pub fn repeatable(self) -> bool {
        matches!(self, Self::Obtain | Self::Fetch | Self::Root | Self::Software)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether somebody verified a statement against the real portal or an official text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Somebody did.
    Verified,
    /// Nobody did.
    #[default]
    Unverified,
}

/// Who does the moves of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hands {
    /// The engine, over HTTP.
    #[default]
    Engine,
    /// A person in a browser, from a printed checklist.
    Person,
}

/// Encoding of pages whose server does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// Shift_JIS (Windows-31J).
    ShiftJis,
    /// EUC-JP.
    EucJp,
}

/// A portal profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Name, also of its file.
    pub id: String,
    /// Its own version.
    pub version: String,
    /// Name for people.
    pub title: Text,
    /// Ids of its manuals in `sources.yaml`.
    pub sources: Vec<String>,
    /// Whether it was tried on the real portal, and what it was written from.
    pub checked: (Standing, Text),
    /// The real portal's address; a site's `base` wins.
    pub base: Option<String>,
    /// Other hosts that pages may lead to.
    pub hosts: Vec<String>,
    /// Who does the pages.
    pub hands: Hands,
    /// Encoding of pages whose server does not say.
    pub encoding: Encoding,
    /// Facts by name.
    pub facts: BTreeMap<String, Fact>,
    /// Texts that mean the same on every page.
    pub errors: Vec<PageError>,
    /// Operations.
    pub operations: BTreeMap<Operation, OperationSpec>,
    /// SHA-256 of the file, hex.
    pub digest: String,
}

/// A fact about a program: fee, validity, renewal window, hours, issuer name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// Yen, when it is a fee.
    pub yen: Option<u32>,
    /// The operation that the fee or revocation is for.
    pub per: Option<Operation>,
    /// In words.
    pub text: Option<Text>,
    /// `days_before` of a renewal window.
    pub days_before: Option<u32>,
    /// `HH:MM-HH:MM`, Japan time.
    pub open: Option<String>,
    /// A yes or no (`revokes_old_at_issue`).
    pub yes: Option<bool>,
    /// A pattern (`issuer`), with an example that fits it.
    pub glob: Option<(String, String)>,
    /// Manual sections.
    pub cite: Vec<String>,
    /// Where it is from, when no manual says it.
    pub source: Option<Text>,
    /// Whether it was verified.
    pub status: Standing,
}

/// How it goes on after an error that was foreseen (`language.md` 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The step counts as done.
    Resume,
    /// The step runs again.
    Retry,
    /// The run ends well, with the reason.
    Finish,
    /// The step has failed.
    Stop,
    /// A person takes over.
    HandOff,
}

impl Then {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 5] = [Self::Resume, Self::Retry, Self::Finish, Self::Stop, Self::HandOff];

    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Finish => "finish",
            Self::Stop => "stop",
            Self::HandOff => "hand_off",
        }
    }

    /// Whether it may follow an error that leaves open whether the effect happened: nothing is sent again, nothing counts as done.
    pub fn keeps_doubt(self) -> bool {
        matches!(self, Self::Stop | Self::HandOff)
    }
}

/// A text on any page, and the code it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageError {
    /// The text.
    pub see: String,
    /// The code it means.
    pub code: String,
    /// What to tell people.
    pub say: Option<Text>,
    /// How it goes on, unless the playbook has a row of its own; `None`: the step has failed.
    pub then: Option<Then>,
    /// Manual sections.
    pub cite: Vec<String>,
    /// Whether it was seen on the real portal.
    pub status: Standing,
}

/// How the engine looks whether an operation happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObserveBy {
    /// By this reading operation.
    Look(Operation),
    /// Nothing can be looked at: a person decides.
    Nothing,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationSpec {
    /// Manual sections.
    pub cite: Vec<String>,
    /// TLS client authentication.
    pub client_cert: bool,
    /// Works inside a signed-in session.
    pub needs_sign_in: bool,
    /// Typed inputs beside the operation's own, in file order.
    pub takes: Vec<(String, Type)>,
    /// Typed outputs beside the operation's own, in file order.
    pub gives: Vec<(String, Type)>,
    /// The parameter that failed tries are counted on.
    pub tries: Option<String>,
    /// How it is looked up.
    pub observe: ObserveBy,
    /// On a looking operation: how long until "not in the list" is conclusive.
    pub absent_after: Option<(Duration, Standing)>,
    /// The parameter whose value is claimed on a first issue.
    pub claim: Option<String>,
    /// May be sent again after any look that did not find it.
    pub repeatable: bool,
    /// Operation to use when `continue` finds no session.
    pub fallback: Option<Operation>,
    /// Who does the pages; `None` as the profile says.
    pub hands: Option<Hands>,
    /// The site is not trusted yet (`root` only).
    pub trust_none: bool,
    /// Screens in order.
    pub pages: Vec<PageItem>,
}

/// What the eye sees: a label, with other spellings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Label {
    /// The labels; several for twin fields (確認用), each of which gets the same value.
    pub labels: Vec<String>,
    /// Other spellings of the first label.
    pub or: Vec<String>,
    /// CSS fallback, used when no label matches.
    pub css: Option<String>,
    /// Every value under that label, in order.
    pub all: bool,
    /// May be missing.
    pub optional: bool,
    /// Enum words and the screen texts that mean them; empty for other types.
    pub means: Vec<(String, Vec<String>)>,
    /// When no value stands there but a button of this text does, the value is the button's text. Without a label: whether such a button
    /// is there.
    pub button: Option<String>,
    /// The label is the value of this parameter (a link in a list, named after what it leads to).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the label was seen on the real portal.
    pub status: Standing,
}

/// Where an `open` goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// A path below `base`.
    Path(String),
    /// A URL that was read earlier, on one of these hosts.
    From {
        /// Name it was read as.
        name: String,
        /// Hosts it may be on.
        hosts: Vec<String>,
    },
}

/// Which row of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PickRow {
    /// There must be one.
    #[default]
    Only,
    /// The first of the list's newest by `issued_on`, else `request_id`, else `not_after`.
    Newest,
}

/// One row, or all rows, of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSpec {
    /// Rows that show the value of this parameter (ignored when it is not given).
    pub with_text: Option<String>,
    /// Rows that have a button of this text.
    pub with_button: Option<String>,
    /// Which of them.
    pub pick: PickRow,
    /// Column names (`request_id serial subject issued_on not_after status`) and their headings.
    pub columns: Vec<(String, Label)>,
}

/// What to do when no row matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenMissing {
    /// The operation fails with this code.
    Code(String),
    /// The operation ends well with nothing read.
    Nothing,
}

/// A refusal that proves that nothing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The text on the page.
    pub see: String,
    /// The code it means (`permanent` or `human`).
    pub code: String,
}

/// One screen; its moves act in the order of the fields here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageItem {
    /// GET a page.
    pub open: Option<Open>,
    /// POST one JSON object: path, then key to literal or `${name}` parameter.
    pub post: Option<(String, Vec<(String, String)>)>,
    /// Reload the page where that operation ended.
    pub resume: Option<Operation>,
    /// Skip the item unless the page shows this.
    pub if_seen: Option<String>,
    /// Must be shown.
    pub see: Vec<String>,
    /// One of these must be shown.
    pub see_any: Vec<String>,
    /// Marker of an accepted sign-in or client certificate.
    pub signed_in: Option<String>,
    /// One row, for the moves that follow.
    pub row: Option<RowSpec>,
    /// All rows.
    pub rows: Option<RowSpec>,
    /// When `row` finds none.
    pub when_missing: Option<WhenMissing>,
    /// Output name to label.
    pub read: Vec<(String, Label)>,
    /// The page must show the values of these parameters.
    pub check: Vec<String>,
    /// Parameter to field label.
    pub fill: Vec<(String, Label)>,
    /// Parameter to select or radio label.
    pub choose: Vec<(String, Label)>,
    /// Check boxes to set.
    pub tick: Vec<Label>,
    /// Parameter (a file) to label.
    pub upload: Vec<(String, Label)>,
    /// Submit button.
    pub press: Option<Label>,
    /// Link.
    pub follow: Option<Label>,
    /// A script's question: what it says (persons and plans see it, HTTP does not).
    pub dialog: Option<String>,
    /// The answer is a file whose name fits this pattern; and the entry inside a zip.
    pub download: Option<(String, Option<String>)>,
    /// The committing move.
    pub commits: bool,
    /// A POST that only reads.
    pub safe: bool,
    /// Refusals of a committing move.
    pub refused: Vec<Refusal>,
}

impl Label {
    /// The label with the value of the parameter that it is named after, if it is and the value is known.
    pub fn named_after(&self, value: impl FnOnce(&str) -> Option<String>) -> Self {
        match self.text.as_deref().and_then(value) {
            Some(value) => Self { labels: vec![value], text: None, ..self.clone() },
            None => self.clone(),
        }
    }

    /// The button whose presence is the value, for a label of nothing else.
    pub fn only_button(&self) -> Option<&str> {
        self.button.as_deref().filter(|_| self.labels.is_empty() && self.css.is_none())
    }
}

impl Profile {
    /// Who does the pages of an operation, before the site's word.
    pub fn hands_of(&self, operation: Operation) -> Hands {
        self.operations.get(&operation).and_then(|spec| spec.hands).unwrap_or(self.hands)
    }

    /// The fee of an operation in yen, with its standing.
    pub fn fee(&self, operation: Operation) -> Option<(u32, Standing)> {
        self.facts.values().find(|fact| fact.per == Some(operation) && fact.yen.is_some()).and_then(|fact| Some((fact.yen?, fact.status)))
    }

    /// What the portal's pages call an output: its label on the first page that has it.
    pub fn label(&self, output: &str) -> Option<&str> {
        let pages = self.operations.values().flat_map(|operation| &operation.pages);
        let shown = pages.flat_map(|page| page.read.iter().chain(page.row.iter().chain(&page.rows).flat_map(|row| &row.columns)));
        shown.filter(|(name, _)| name == output).find_map(|(_, label)| label.labels.first().map(String::as_str))
    }

    /// Whether anything that an operation rests on is unverified: the profile as a whole, its fee, a label of its pages.
    pub fn unverified(&self, operation: Operation) -> bool {
        self.checked.0 == Standing::Unverified || self.fee(operation).is_some_and(|(_, status)| status == Standing::Unverified)
    }
}
