//! Faults on request: what a bad network, a busy portal or a careless CA does.
//!
//! May use: operations. Must not: act by itself; the server and the portals ask the [`FaultBook`] and act.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use kirikae_engine::backend::profile::{Operation, Profile};
use kirikae_engine::text::Text;
use serde::{Deserialize, Serialize};

use crate::LabError;

/// The kinds of faults. Which ones act on a request, and which on what the CA does, is in [`FaultKind::stage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The answer comes late.
    Delay,
    /// The connection is closed before any effect, after `received` was written.
    DropBefore,
    /// The effect happens, the connection is closed without an answer.
    DropAfterEffect,
    /// As before, and the list does not show the new row for 30 seconds.
    #[serde(rename = "drop-after-effect-hidden-30s")]
    DropAfterEffectHidden30s,
    /// The list shows a row older than the certificate being renewed; the new row stays away until it is issued.
    StaleRow,
    /// Status 503 with a page that says the portal is busy; no effect.
    #[serde(rename = "http-503")]
    Http503,
    /// Status 503 with the profile's words for a maintenance (`PORTAL.CLOSED`); no effect.
    Maintenance,
    /// Status 307 to the same address; no effect unless the client sends again.
    #[serde(rename = "redirect-307")]
    Redirect307,
    /// The page says the first text of the operation's `refused`; no effect.
    Refused,
    /// The file ends in the middle, with a matching Content-Length.
    TruncatedFile,
    /// A page comes where a file should.
    HtmlInsteadOfFile,
    /// The file opens with another password only.
    WrongPasswordFile,
    /// The page says that the session timed out; no effect.
    SessionTimeout,
    /// The request is accepted but never issued.
    NeverIssued,
    /// The new certificate has another common name.
    IssuedWrongSubject,
    /// The old certificate is revoked when the new one is issued.
    RevokesOldAtIssue,
    /// The `Date` header is one hour late in every answer of one session.
    ClockSkew,
}

/// Where a fault acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// On a request, before or after its effect.
    Request,
    /// On a file that is handed out.
    File,
    /// On an issuance.
    Issuance,
    /// On a list.
    List,
    /// On a session.
    Session,
}

impl FaultKind {
    /// All kinds, in the order of the design.
    pub const ALL: [FaultKind; 17] = [
        Self::Delay,
        Self::DropBefore,
        Self::DropAfterEffect,
        Self::DropAfterEffectHidden30s,
        Self::StaleRow,
        Self::Http503,
        Self::Maintenance,
        Self::Redirect307,
        Self::Refused,
        Self::TruncatedFile,
        Self::HtmlInsteadOfFile,
        Self::WrongPasswordFile,
        Self::SessionTimeout,
        Self::NeverIssued,
        Self::IssuedWrongSubject,
        Self::RevokesOldAtIssue,
        Self::ClockSkew,
    ];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::DropBefore => "drop-before",
            Self::DropAfterEffect => "drop-after-effect",
            Self::DropAfterEffectHidden30s => "drop-after-effect-hidden-30s",
            Self::StaleRow => "stale-row",
            Self::Http503 => "http-503",
            Self::Maintenance => "maintenance",
            Self::Redirect307 => "redirect-307",
            Self::Refused => "refused",
            Self::TruncatedFile => "truncated-file",
            Self::HtmlInsteadOfFile => "html-instead-of-file",
            Self::WrongPasswordFile => "wrong-password-file",
            Self::SessionTimeout => "session-timeout",
            Self::NeverIssued => "never-issued",
            Self::IssuedWrongSubject => "issued-wrong-subject",
            Self::RevokesOldAtIssue => "revokes-old-at-issue",
            Self::ClockSkew => "clock-skew",
        }
    }

    /// Where it acts.
    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::Delay
            | Self::DropBefore
            | Self::DropAfterEffect
            | Self::DropAfterEffectHidden30s
            | Self::Http503
            | Self::Maintenance
            | Self::Redirect307
            | Self::Refused
            | Self::SessionTimeout => Stage::Request,
            Self::TruncatedFile | Self::HtmlInsteadOfFile | Self::WrongPasswordFile => Stage::File,
            Self::NeverIssued | Self::IssuedWrongSubject | Self::RevokesOldAtIssue => Stage::Issuance,
            Self::StaleRow => Stage::List,
            Self::ClockSkew => Stage::Session,
        }
    }

    /// The operation it acts on when none is named: the first of these that the profile has. `None`: on any.
    fn usual(self, profile: &Profile) -> Option<Operation> {
        use Operation as Op;
        let order: &[Op] = match self.stage() {
            Stage::Request | Stage::Issuance => &[Op::Renew, Op::Apply, Op::Obtain, Op::Revoke, Op::SetPassword, Op::SignIn, Op::Fetch, Op::Status, Op::Probe],
            Stage::File => &[Op::Fetch, Op::Obtain, Op::Software, Op::Root],
            Stage::List => &[Op::FindIssued, Op::Status],
            Stage::Session => &[],
        };
        order.iter().copied().find(|operation| match self {
            Self::Refused => refusal(profile, *operation).is_some(),
            _ => profile.operations.contains_key(operation),
        })
    }
}

/// What the site says when it refuses an operation: the first text that its profile knows.
pub(crate) fn refusal(profile: &Profile, operation: Operation) -> Option<&str> {
    let pages = profile.operations.get(&operation).map_or(&[][..], |spec| &spec.pages);
    pages.iter().flat_map(|page| &page.refused).map(|refusal| refusal.see.as_str()).next()
}

/// A fault on request: `NAME[@OPERATION][:COUNT]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// On which operation; `None`: where it makes sense (`renew` for what happens to a request, `fetch` for a file).
    pub operation: Option<Operation>,
    /// How many times it acts: requests, files, issuances, sessions, or for `stale-row` certificates whose list is asked for.
    pub count: u32,
}

impl FromStr for Fault {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Self, LabError> {
        let known = || FaultKind::ALL.map(FaultKind::word).join(" ");
        let (rest, count) = match text.rsplit_once(':') {
            None => (text, 1),
            Some((rest, count)) => match count.parse() {
                Ok(count) if count > 0 => (rest, count),
                _ => {
                    let cause = Text::new(
                        format!("故障の回数「{count}」は1以上の整数ではありません({text})"),
                        format!("the fault's count `{count}` is no whole number from 1 ({text})"),
                    );
                    return Err(LabError::option(cause, "NAME[@OPERATION][:COUNT]"));
                }
            },
        };
        let (name, operation) = match rest.split_once('@') {
            None => (rest, None),
            Some((name, word)) => match Operation::parse(word) {
                Some(operation) => (name, Some(operation)),
                None => {
                    let cause = Text::new(format!("「{word}」という操作はありません({text})"), format!("there is no operation `{word}` ({text})"));
                    return Err(LabError::option(cause, &Operation::ALL.map(Operation::word).join(" ")));
                }
            },
        };
        match FaultKind::ALL.into_iter().find(|kind| kind.word() == name) {
            Some(kind) => Ok(Self { kind, operation, count }),
            None => {
                let cause = Text::new(format!("「{name}」という故障はありません({text})"), format!("there is no fault `{name}` ({text})"));
                Err(LabError::option(cause, &known()))
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.word())?;
        if let Some(operation) = self.operation {
            write!(f, "@{operation}")?;
        }
        if self.count > 1 {
            write!(f, ":{}", self.count)?;
        }
        Ok(())
    }
}

/// The faults of a lab and how often each has acted. The counts live in the lab's state, so they survive a restart.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultBook(Vec<Fault>);

/// How often each fault has acted, by its text.
pub(crate) type FaultCounts = BTreeMap<String, u32>;

impl FaultBook {
    /// The faults asked for.
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    /// That each fault can act in one of these programs.
    ///
    /// # Errors
    /// `LAB.OPTION`: `refused`, but no profile has a text for it.
    pub(crate) fn fits(&self, profiles: &[&Profile]) -> Result<(), LabError> {
        let unsaid = |fault: &&Fault| {
            let said =
                |profile: &&Profile| fault.operation.or_else(|| fault.kind.usual(profile)).is_some_and(|operation| refusal(profile, operation).is_some());
            fault.kind == FaultKind::Refused && !profiles.iter().any(said)
        };
        let Some(fault) = self.0.iter().find(unsaid) else { return Ok(()) };
        let cause = Text::new(
            format!("{fault}: この操作の断りの言葉(refused)が、プロファイルに書かれていません"),
            format!("{fault}: no profile has a `refused` text for this operation"),
        );
        let operations = profiles.iter().flat_map(|profile| profile.operations.keys().filter(|operation| refusal(profile, **operation).is_some()));
        Err(LabError::option(cause, &operations.map(|operation| format!("refused@{operation}")).collect::<Vec<_>>().join(" ")))
    }

    /// The operation that a fault of this kind was named with, if it was asked for with one.
    pub(crate) fn operation_of(&self, kind: FaultKind) -> Option<Operation> {
        self.0.iter().find(|fault| fault.kind == kind).and_then(|fault| fault.operation)
    }

    /// Whether a fault of this kind acts on this operation of the profile now; counts it if so.
    pub(crate) fn strikes(&self, kind: FaultKind, profile: &Profile, operation: Operation, counts: &mut FaultCounts) -> bool {
        let hit = self.0.iter().find(|fault| {
            let target = fault.operation.or_else(|| kind.usual(profile));
            fault.kind == kind && target.is_none_or(|target| target == operation) && counts.get(&fault.to_string()).copied().unwrap_or(0) < fault.count
        });
        match hit {
            Some(fault) => {
                *counts.entry(fault.to_string()).or_default() += 1;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        for kind in FaultKind::ALL {
            let fault: Fault = kind.word().parse().unwrap();
            assert_eq!(fault, Fault { kind, operation: None, count: 1 });
        }
        let fault: Fault = "http-503@status:3".parse().unwrap();
        assert_eq!(fault, Fault { kind: FaultKind::Http503, operation: Some(Operation::Status), count: 3 });
        assert_eq!(fault.to_string(), "http-503@status:3");
    }

    #[test]
    fn a_misspelled_fault_says_what_there_is() {
        let cure = |text: &str| text.parse::<Fault>().unwrap_err().cure.ja;
        assert!(cure("drop-befor").contains("drop-before"));
        assert!(cure("delay@renw").contains("renew"));
        assert!(cure("delay:0").contains("COUNT"));
    }
}
