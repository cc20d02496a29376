//! What a lab remembers over restarts, in `lab-state.json`: port, issuances, notices, revocations, how often faults acted.
//!
//! May use: the file system. Must not: know pages, HTTP or faults' meaning. It holds the keys that the practice server made;
//! reference IDs only as digests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::LabError;
use crate::faults::FaultCounts;

/// The format of the file.
const FORMAT: &str = "lab-state/1";

/// A certificate the practice CA took on to issue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Issuance {
    /// The profile's id.
    pub program: String,
    /// 15 digits.
    pub request_id: String,
    /// SHA-256 of the reference ID, hex; empty if none was given.
    pub reference_digest: String,
    /// Common name of whoever asked: whose list it stands in.
    pub owner: String,
    /// Serial of the certificate it renews.
    pub replaces: Option<String>,
    /// When it was asked for.
    pub accepted_at: Timestamp,
    /// From when on it shows as issued.
    pub ready_at: Timestamp,
    /// It never shows as issued.
    pub never: bool,
    /// The replaced certificate is revoked at `ready_at`.
    pub revokes_old: bool,
    /// Lists do not show it before.
    pub hidden_until: Option<Timestamp>,
    /// It stands in the list of renewals (not those received with a notice).
    pub listed: bool,
    /// Subject, most specific first.
    pub subject: Vec<(String, String)>,
    /// Serial number, hex.
    pub serial: String,
    /// First instant of validity.
    pub not_before: Timestamp,
    /// Last instant of validity.
    pub not_after: Timestamp,
    /// Certificate, DER in hex.
    pub certificate: String,
    /// The key the server made, PKCS#8 DER in hex; empty where the client has it.
    pub key: String,
}

impl Issuance {
    /// Whether it shows as issued.
    pub(crate) fn is_issued(&self, now: Timestamp) -> bool {
        !self.never && now >= self.ready_at
    }

    /// Whether lists show it.
    pub(crate) fn is_shown(&self, now: Timestamp) -> bool {
        self.listed && self.hidden_until.is_none_or(|until| now >= until)
    }

    /// Which of `pending` equal periods before it is issued has come, from 0; `pending` when it is issued.
    pub(crate) fn stage(&self, now: Timestamp, pending: usize) -> usize {
        if self.is_issued(now) {
            return pending;
        }
        let last = pending.saturating_sub(1);
        let whole = self.ready_at.duration_since(self.accepted_at).as_millis().max(1);
        let gone = now.duration_since(self.accepted_at).as_millis().max(0);
        usize::try_from(gone * pending as i128 / whole).unwrap_or(last).min(last)
    }

    /// The common name in the certificate.
    pub(crate) fn common_name(&self) -> &str {
        self.subject.iter().find(|(kind, _)| kind == "CN").map_or("", |(_, value)| value)
    }
}

/// A paper notice: with its IDs a certificate can be received.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// The profile's id.
    pub program: String,
    /// 15 digits.
    pub request_id: String,
    /// SHA-256 of the reference ID, hex.
    pub reference_digest: String,
    /// Whose certificate, most specific first.
    pub subject: Vec<(String, String)>,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// Everything that survives.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Remembered {
    kirikae: String,
    /// The port, once one was taken.
    pub port: Option<u16>,
    /// The store and the other files were written.
    pub seeded: bool,
    /// Last number of a request ID.
    pub sequence: u32,
    /// Issuances, oldest first.
    pub issuances: Vec<Issuance>,
    /// Notices.
    pub notices: Vec<Notice>,
    /// Revoked certificates: serial to time.
    pub revoked: BTreeMap<String, Timestamp>,
    /// Certificates whose list shows an older row first: serials.
    pub stale_lists: BTreeSet<String>,
    /// How often each fault has acted.
    pub faults: FaultCounts,
    /// Passwords of files that the site makes, by request ID.
    #[serde(default)]
    pub passwords: BTreeMap<String, Shown>,
    /// Accounts by program and user.
    #[serde(default)]
    pub accounts: BTreeMap<String, Account>,
}

/// A password that a site makes for a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// The password.
    pub password: String,
    /// A page that shows it once has shown it.
    pub shown: bool,
}

/// An account of a practice site.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    /// SHA-256 of its password, hex.
    pub password_digest: String,
    /// Wrong passwords in a row.
    pub wrong: u32,
}

/// The file and what it holds.
pub(crate) struct State {
    path: PathBuf,
    /// What it holds.
    pub held: Remembered,
}

impl State {
    /// Reads the state of a lab's folder, or begins one.
    pub(crate) fn open(dir: &Path) -> Result<Self, LabError> {
        let path = dir.join("lab-state.json");
        let held = match fs::read(&path) {
            Ok(text) => serde_json::from_slice::<Remembered>(&text).map_err(|error| LabError::file(&path, &error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Remembered { kirikae: FORMAT.into(), ..Remembered::default() },
            Err(error) => return Err(LabError::file(&path, &error)),
        };
        if held.kirikae != FORMAT {
            return Err(LabError::file(&path, &format!("kirikae: {}", held.kirikae)));
        }
        Ok(Self { path, held })
    }

    /// Puts it on disk: temporary file, fsync, rename.
    pub(crate) fn save(&self) -> Result<(), LabError> {
        let temporary = self.path.with_extension("json.tmp");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(&self.held)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &self.path)
        };
        write().map_err(|error| LabError::file(&self.path, &error))
    }

    /// The next request ID: the day in Japan, then a number.
    pub(crate) fn next_request_id(&mut self, now: Timestamp) -> String {
        self.held.sequence += 1;
        format!("{}{:07}", japan_day(now).strftime("%Y%m%d"), 100_000 + self.held.sequence)
    }
}

/// The day in Japan. The country has had no other offset than +9 since 1951.
pub(crate) fn japan_day(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(japan()).date()
}

/// Japan's time zone.
pub(crate) fn japan() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::fixed(jiff::tz::offset(9))
}
