//! A playbook that passed its checks, with its sub-playbooks unfolded into one list of steps.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::action::Manifest;
use crate::backend::profile::{Profile, Then};
use crate::dsl::expr::{Expr, Node, Template};
use crate::dsl::{RoleKind, Type, Value};
use crate::text::{Diagnostic, Source, Text};

/// A checked playbook. Steps stand in file order, the steps of a sub-playbook before the step that calls it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// `obn/renew-web`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// First part of the id.
    pub program: String,
    /// Title.
    pub title: Text,
    /// Summary; empty if none.
    pub summary: Text,
    /// Every document it is made of: playbooks, profiles, the catalogue; by kind, then id.
    pub documents: Vec<Document>,
    /// The manuals it cites.
    pub catalogue: Catalogue,
    /// Portal profiles by the root role that names them.
    pub profiles: BTreeMap<String, Profile>,
    /// Roles of the root playbook.
    pub roles: Vec<RoleDecl>,
    /// Inputs of the root playbook, in file order.
    pub inputs: Vec<InputDecl>,
    /// Secrets of the root playbook, in file order.
    pub secrets: Vec<SecretDecl>,
    /// Limits on the tries of the secrets that a step takes, by the step's address: the strictest of all declarations.
    pub attempts: BTreeMap<String, Attempts>,
    /// Name spaces: the root playbook first, then each call of a sub-playbook.
    pub frames: Vec<Frame>,
    /// Steps.
    pub steps: Vec<Step>,
    /// Outputs of the root playbook, in the root frame, in file order.
    pub outputs: Vec<(String, Expr)>,
    /// Findings that do not stop anybody.
    pub warnings: Vec<Diagnostic>,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// `playbook/1`
    Playbook,
    /// `portal/1`
    Portal,
    /// `sources/1`
    Sources,
}

/// A document of the closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Its id.
    pub id: String,
    /// Its version; empty for the catalogue.
    pub version: String,
    /// SHA-256 of its text, hex.
    pub digest: String,
    /// Its text.
    pub source: Source,
}

/// `playbooks/sources.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(pub BTreeMap<String, Manual>);

/// A manual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manual {
    /// Title.
    pub title: Text,
    /// Edition.
    pub edition: String,
    /// Not published by the program itself (a blog, a client's source text).
    pub unofficial: bool,
    /// SHA-256 of the manual's text, if known.
    pub sha256: Option<String>,
    /// Sections and their titles.
    pub sections: BTreeMap<String, Text>,
    /// Sections that ask for no step, and why.
    pub out_of_scope: BTreeMap<String, Text>,
}

impl Manual {
    /// Sections and titles in the order of their numbers: `2.10` after `2.9`, `手順10` after `手順9`, words after numbers.
    pub fn ordered(&self) -> Vec<(&String, &Text)> {
        let mut sections: Vec<_> = self.sections.iter().collect();
        sections.sort_by_cached_key(|(section, _)| numbers(section));
        sections
    }
}

/// The parts of a section's number; a part that ends with digits is a word and a number.
fn numbers(section: &str) -> Vec<(u32, String)> {
    let part = |part: &str| {
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = part[word.len()..].parse().map(|number| (number, String::new()));
        let word = (!word.is_empty() || number.is_err()).then(|| (u32::MAX, word.to_owned()));
        word.into_iter().chain(number).collect::<Vec<_>>()
    };
    section.split(['.', '-']).flat_map(part).collect()
}

/// A manual section, `obn_edge#2.2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cite {
    /// Id of the manual.
    pub manual: String,
    /// Section.
    pub section: String,
}

/// A backend role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDecl {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: RoleKind,
    /// The portal profile, for kinds `ca` and `web`.
    pub profile: Option<String>,
}

/// An input of a playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDecl {
    /// Name.
    pub name: String,
    /// Type; `optional<>` may be left out.
    pub ty: Type,
    /// Title for people.
    pub title: Text,
    /// Used when nothing is given.
    pub default: Option<Value>,
    /// A value that fits.
    pub example: Option<String>,
    /// Shown masked, kept like a secret.
    pub private: bool,
    /// Words for people, by enum word.
    pub labels: BTreeMap<String, Text>,
    /// Manual sections.
    pub cite: Vec<Cite>,
}

/// A secret of a playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretDecl {
    /// Name.
    pub name: String,
    /// Type of the value, without `secret<>`.
    pub ty: Type,
    /// Title for people.
    pub title: Text,
    /// Newly chosen: typed twice or generated, in the vault before first use.
    pub new: bool,
    /// Kept from another year: vault entry name, and what it is about.
    pub kept: Option<(String, Template)>,
    /// A person types it elsewhere; the engine never has it and only counts its tries.
    pub typed_by_person: bool,
    /// How often it may be tried: the strictest of all declarations it passes through.
    pub attempts: Option<Attempts>,
    /// Manual sections.
    pub cite: Vec<Cite>,
}

/// How often a secret may be tried at a device or an account (`runs.md` 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Failures in a row after which the other side locks.
    pub limit: u32,
    /// Tries that are never used.
    pub leave: u32,
    /// Tries of one run.
    pub per_run: u32,
    /// Manual sections that say so.
    pub cite: Vec<Cite>,
}

impl Attempts {
    /// Failures in a row at which nothing is tried any more.
    pub fn stop_at(&self) -> u32 {
        self.limit.saturating_sub(self.leave)
    }

    /// The stricter of two declarations for one secret.
    pub fn strictest(self, other: Attempts) -> Attempts {
        let per_run = self.per_run.min(other.per_run);
        let stricter = if other.stop_at() < self.stop_at() { other } else { self };
        Attempts { per_run: per_run.min(stricter.stop_at()), ..stricter }
    }
}

/// The name space of one playbook, or of one call of a sub-playbook.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Id of the playbook.
    pub playbook: String,
    /// The frame of the caller and the index of the calling step; `None` for the root.
    pub caller: Option<(usize, usize)>,
    /// For a call: inputs, bound in the caller's frame (what was not given and has a default is a literal). Empty for the root.
    pub inputs: BTreeMap<String, Binding>,
    /// For a call: secrets, bound in the caller's frame. Empty for the root.
    pub secrets: BTreeMap<String, Binding>,
    /// For the root: secrets kept from before, by name: the entry's name and what it is about.
    pub kept: BTreeMap<String, (String, Template)>,
    /// Role names here to role names of the root.
    pub roles: BTreeMap<String, String>,
    /// `let`, in this frame.
    pub lets: BTreeMap<String, Expr>,
    /// Step ids to indices in [`Checked::steps`].
    pub steps: BTreeMap<String, usize>,
    /// For a call: outputs, in this frame.
    pub outputs: BTreeMap<String, Expr>,
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// `install/look`.
    pub address: String,
    /// The frame its expressions are in.
    pub frame: usize,
    /// Title.
    pub title: Text,
    /// Manual sections.
    pub cite: Vec<Cite>,
    /// What it does.
    pub what: What,
    /// All must hold, or it is skipped: its own `when` and those of the calls around it.
    pub when: Vec<Condition>,
    /// Before it: its own `require`, and for the first step of a call, those of the call.
    pub require: Vec<Guard>,
    /// After it. `result` is its own outputs.
    pub expect: Vec<Guard>,
    /// Try again after these errors.
    pub retry: Option<Retry>,
    /// Ask again until.
    pub repeat: Option<Repeat>,
    /// Not to be started later than this.
    pub deadline: Option<Deadline>,
    /// Rows for errors, in file order. Those of a call are for the steps inside it.
    pub rescue: Vec<Rescue>,
    /// For a step of a `do`: the row it belongs to. It runs only while that row is followed.
    pub row: Option<Row>,
    /// Steps that must have ended before it: order edges and data edges together, by index.
    pub after: Vec<usize>,
    /// Steps whose outputs it takes (also in `when`, `require`): skips travel along these.
    pub data: Vec<usize>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum What {
    /// An action.
    Action(Box<BoundAction>),
    /// It ends a sub-playbook: nothing is done, `expect` is checked, the frame's outputs are its outputs.
    Call {
        /// The sub-playbook's frame.
        frame: usize,
    },
}

/// An action with its inputs bound.
#[derive(Clone, Debug)]
pub struct BoundAction {
    /// The manifest, with the profile's `takes` and `gives` added as inputs and outputs.
    pub manifest: Manifest,
    /// Inputs that are given (or have a default), in this step's frame. Roles are root role names.
    pub with: BTreeMap<String, Binding>,
    /// For a portal operation: the root role.
    pub portal: Option<String>,
}

/// How an input gets its value.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// A literal, of the input's type.
    Literal(Value),
    /// An expression that keeps its type.
    Expr(Expr),
    /// A text with expressions in it.
    Template(Template),
}

/// A condition in its frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The frame of the expression.
    pub frame: usize,
    /// A truth value.
    pub expr: Expr,
    /// The expression as written.
    pub text: String,
}

/// An item of `require` or `expect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// What must hold.
    pub that: Condition,
    /// What to tell people when it does not, in the same frame.
    pub say: Template,
    /// The playbook's own code; `EXPECT.FAILED` if none.
    pub code: Option<String>,
    /// How the run ends then.
    pub then: EndsAs,
}

/// How a guard that does not hold ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndsAs {
    /// Failed.
    Stop,
    /// Well, with the reason; nothing after it runs.
    Finish,
}

/// `repeat`.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// Ends the waiting.
    pub until: Condition,
    /// Between two looks at first.
    pub every: Duration,
    /// Between two looks later: each wait is doubled up to this.
    pub slow_to: Duration,
    /// Wall time from the first look, parks included.
    pub within: Duration,
}

impl Binding {
    /// The same, with the default of its input for when it turns out to have no value: absent means not given.
    pub fn or_default(self, default: Option<Value>) -> Self {
        match (self, default) {
            (Self::Expr(expr), Some(default)) if expr.ty.is_optional() => {
                let ty = expr.ty.required().clone();
                let default = Expr { node: Node::Literal(default), ty: ty.clone(), span: expr.span };
                Self::Expr(Expr { span: expr.span, node: Node::Default(Box::new(expr), Box::new(default)), ty })
            }
            (binding, _) => binding,
        }
    }

    /// Whether it may turn out to have no value. A text that is one single expression is absent when that is.
    pub fn may_be_absent(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Expr(expr) => expr.ty.is_optional(),
            Self::Template(template) => template.whole().is_some_and(|expr| expr.ty.is_optional()),
        }
    }
}

/// `retry`: a transient error is followed by another try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Codes, all transient.
    pub errors: Vec<String>,
    /// Tries after the first.
    pub times: u32,
    /// The longest first wait; later ones are doubled, up to 15 minutes.
    pub wait: Duration,
}

/// `deadline`: a day or an instant after which the step is not started.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadline {
    /// A date (its whole day still counts, in the site's zone) or a datetime, in the step's frame.
    pub expr: Expr,
    /// The expression as written.
    pub text: String,
}

/// A row of `rescue`: what is done about an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Rescue {
    /// The code.
    pub code: String,
    /// Manual sections.
    pub cite: Vec<Cite>,
    /// What people are told, in the step's frame.
    pub say: Template,
    /// How it goes on, after the steps of its `do`.
    pub then: Then,
    /// With `retry`: how often.
    pub times: u32,
    /// With `resume`: outputs, in the step's frame.
    pub give: BTreeMap<String, Binding>,
    /// With `retry`: secrets whose value is forgotten, by their names in the step's frame.
    pub ask_again: Vec<String>,
}

/// The row that a step of a `do` belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the step that has the row.
    pub owner: usize,
    /// The row's code.
    pub code: String,
}

impl Step {
    /// The row of a code.
    pub fn rescue(&self, code: &str) -> Option<&Rescue> {
        self.rescue.iter().find(|row| row.code == code)
    }
}

impl DocumentKind {
    /// The word in plans and headers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Playbook => "playbook",
            Self::Portal => "portal",
            Self::Sources => "sources",
        }
    }
}

impl std::fmt::Display for Cite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.manual, self.section)
    }
}
