//! `effects.jsonl`: the truth about what the practice portals did, one line per effect, on disk before the answer is sent.
//!
//! May use: the file system. Must not: know pages. A line holds no secret.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kirikae_engine::backend::profile::Operation;
use serde::Serialize;

use crate::LabError;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// A committing request arrived; written before a fault acts.
    Received,
    /// The CA took on an issuance: from here on it happens and costs money. The serial is the new certificate's.
    Issued,
    /// A certificate file was handed out.
    Fetched,
    /// A certificate was revoked.
    Revoked,
    /// A session began with an accepted certificate or password.
    SignedIn,
    /// An account was locked after too many wrong passwords.
    Locked,
    /// A form that no eye sees was sent.
    Decoy,
}

/// The log.
pub(crate) struct Effects {
    path: PathBuf,
    file: File,
}

/// Whom an effect is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// Common name of the subject; empty if there is none yet.
    pub subject: String,
    /// Serial number, hex; empty if there is none yet.
    pub serial: String,
}

#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    program: &'a str,
    effect: Effect,
    operation: Option<&'a str>,
    subject: &'a str,
    serial: &'a str,
}

impl Effects {
    /// Opens the log of a lab's folder, appending to what is there.
    pub(crate) fn open(dir: &Path) -> Result<Self, LabError> {
        let path = dir.join("effects.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(|error| LabError::file(&path, &error))?;
        Ok(Self { path, file })
    }

    /// Appends one line and waits until it is on disk.
    pub(crate) fn record(&mut self, at: Timestamp, program: &str, effect: Effect, operation: Option<Operation>, about: &About) -> Result<(), LabError> {
        let line = Line { at, program, effect, operation: operation.map(Operation::word), subject: &about.subject, serial: &about.serial };
        let mut text = serde_json::to_string(&line).map_err(|error| LabError::file(&self.path, &error))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data()).map_err(|error| LabError::file(&self.path, &error))
    }
}
