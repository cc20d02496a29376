//! A decoded site file (`portals-and-sites.md` 2): addresses, paths, accounts and policies of one terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::Type;
use crate::backend::profile::{Hands, Standing};
use crate::text::{Lang, Source, Span, Spanned, Text};

/// A site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Organisation and terminal.
    pub id: String,
    /// Name for people.
    pub title: Text,
    /// Time zone, `Asia/Tokyo` if not given.
    pub timezone: TimeZone,
    /// Language, if it sets one.
    pub lang: Option<Lang>,
    /// Names of the persons behind roles.
    pub people: BTreeMap<String, Text>,
    /// Portals by profile id.
    pub portals: BTreeMap<String, PortalSite>,
    /// Backends by role.
    pub backends: BTreeMap<String, BackendSite>,
    /// Overrides by program.
    pub programs: BTreeMap<String, ProgramSite>,
    /// Inputs as written.
    pub inputs: BTreeMap<String, Spanned<String>>,
    /// Sources of secrets by `playbook.secret`.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Recovery recipients (age).
    pub recipients: Vec<String>,
    /// Approval rules in file order.
    pub approvals: Vec<ApprovalRule>,
    /// How long a plan may wait to be applied; 12 h if not given.
    pub plan_valid: Duration,
    /// How old a proof may be; 1 h if not given.
    pub fresh_for: Duration,
    /// Counted attempts may be kept per user.
    pub state_per_user: bool,
    /// Where a person's browser saves.
    pub downloads: Option<String>,
    /// The file, for messages about its values.
    pub source: Source,
    /// SHA-256 of its text, hex.
    pub digest: String,
}

/// How to reach a portal from here.
#[derive(Clone, Debug, Default)]
pub struct PortalSite {
    /// Address; the profile's `base` if not given.
    pub base: Option<String>,
    /// Trusted roots; none given: `system`.
    pub roots: Option<RootsAt>,
    /// Proxy.
    pub proxy: Option<ProxySite>,
    /// Who does its pages.
    pub hands: Option<Hands>,
    /// Longest wait for one answer; 60 s if not given.
    pub timeout: Option<Duration>,
    /// How long until "not in the list" is conclusive; counts as verified.
    pub absent_after: Option<(Duration, Standing)>,
}

/// Where trusted roots are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootsAt {
    /// A PEM file, relative to the site file.
    File(String),
    /// The operating system's.
    System,
}

/// A proxy.
#[derive(Clone, Debug)]
pub struct ProxySite {
    /// Address.
    pub url: String,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<SecretSource>,
}

/// What a role is bound to.
#[derive(Clone, Debug)]
pub struct BackendSite {
    /// `store`, `token` or `folder`.
    pub port: BackendPort,
    /// Kind of the backend (`dir`, `windows`); `dir` for folders.
    pub kind: String,
    /// Path, relative to the site file.
    pub path: Option<String>,
    /// Password of a store; generated into the vault if not given.
    pub password: Option<SecretSource>,
    /// A medium that may be absent.
    pub removable: bool,
    /// A folder where backups are the bare PKCS#12.
    pub plain: bool,
    /// Every other setting (`location name keys module profile`).
    pub settings: BTreeMap<String, String>,
    /// Where it is written.
    pub span: Span,
}

/// Which port a backend of the site serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendPort {
    /// `store:`
    Store,
    /// `token:`
    Token,
    /// `folder:`
    Folder,
}

/// Overrides of one program.
#[derive(Clone, Debug, Default)]
pub struct ProgramSite {
    /// Portals.
    pub portals: BTreeMap<String, PortalSite>,
    /// Backends.
    pub backends: BTreeMap<String, BackendSite>,
    /// Inputs.
    pub inputs: BTreeMap<String, Spanned<String>>,
    /// Secrets.
    pub secrets: BTreeMap<String, SecretSource>,
}

/// Where a secret's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A person types it (hidden).
    Ask,
    /// Random, of this type; only for `new: true`.
    Generate(Type),
    /// A vault entry by its name.
    Vault(String),
    /// First line of a file, relative to the site file.
    File(String),
    /// An environment variable.
    Env(String),
    /// First line of a program's standard output: program and arguments.
    Pipe(Vec<String>),
}

/// An approval rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRule {
    /// `ca.renew`.
    pub action: String,
    /// Program; any if not given.
    pub program: Option<String>,
    /// Highest fee in yen.
    pub max_fee_jpy: Option<u32>,
    /// At most so many a day.
    pub per_day: Option<u32>,
    /// Approve by itself, or ask.
    pub auto: bool,
    /// Also covers what rests on unverified facts.
    pub unverified: bool,
    /// Also covers what rests on a person's proof.
    pub person_proof: bool,
}

impl Site {
    /// The digest of the file without the values of these inputs: no digest covers a private value.
    pub fn digest_without(&self, inputs: &[&str]) -> String {
        let programs = self.programs.values().flat_map(|program| &program.inputs);
        let written = self.inputs.iter().chain(programs).filter(|(name, _)| inputs.contains(&name.as_str()));
        let mut spans: Vec<Span> = written.map(|(_, value)| value.span).collect();
        if spans.is_empty() {
            return self.digest.clone();
        }
        spans.sort_by_key(|span| span.start);
        let mut bare = String::with_capacity(self.source.text.len());
        let mut from = 0;
        for span in spans {
            bare.push_str(self.source.text.get(from..span.start).unwrap_or_default());
            from = span.end;
        }
        bare.push_str(self.source.text.get(from..).unwrap_or_default());
        crate::plan::sha256_hex(bare.as_bytes())
    }
}
