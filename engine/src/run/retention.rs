//! How long an entry of the vault is kept: until its certificate has expired and been replaced (`runs.md` 6).
//!
//! May use: the journal, descriptions of entries, certificates that are in the stores now. Must not: open an entry; guess: what
//! nothing is known of is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::event::EventBody;
use super::state::Outcome;
use crate::backend::EntryInfo;
use crate::dsl::CertInfo;
use crate::journal::{Journal, JournalError};

/// Why an entry is kept, or why it need not be.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// A run that is not finished needs it.
    InRun(String),
    /// The site names it as the source of a secret.
    Named,
    /// It opens the keys of a store.
    Store,
    /// It belongs to a certificate that is valid, this one the longest.
    Live(Box<CertInfo>),
    /// Its certificate has expired and none came after it.
    NotReplaced(Box<CertInfo>),
    /// It belongs to a plan that can still be applied.
    Plan(String),
    /// Nothing tells which certificate it belongs to.
    Unknown,
    /// Its certificate (the first) has expired and was replaced by the second.
    Replaced(Box<CertInfo>, Box<CertInfo>),
    /// It was a file or an input of a run that has ended.
    RunOver(String),
    /// It was an input of a plan that can no longer be applied.
    PlanOver(String),
}

impl Standing {
    /// Nobody needs it any more.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Replaced(..) | Self::RunOver(_) | Self::PlanOver(_))
    }

    /// Removing it would break something that works or runs.
    pub fn is_needed(&self) -> bool {
        matches!(self, Self::InRun(_) | Self::Named | Self::Store | Self::Live(_))
    }
}

/// What the site says that bears on entries.
#[derive(Clone, Debug, Default)]
pub struct SiteNeeds {
    /// Certificates with a key that are in its stores now.
    pub present: Vec<CertInfo>,
    /// Names and ids that its sources of secrets take from the vault.
    pub named: BTreeSet<String>,
    /// How long a plan can be applied.
    pub plan_valid: Duration,
}

/// Everything that entries are judged by.
pub struct Retention {
    now: Timestamp,
    site: SiteNeeds,
    /// By run that is not finished: the entries that its journal names.
    unfinished: BTreeMap<String, BTreeSet<String>>,
    ended: BTreeSet<String>,
    /// Runs by the plan they carry out.
    runs: BTreeMap<String, String>,
    /// By run: the certificates that it brought.
    brought: BTreeMap<String, Vec<CertInfo>>,
}

impl Retention {
    /// Reads what the journal says of the runs that these entries belong to, and of those that are not finished.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub fn gather(journal: &Journal, entries: &[EntryInfo], site: SiteNeeds, now: Timestamp) -> Result<Self, JournalError> {
        let of_entries: BTreeSet<&str> = entries.iter().filter_map(|entry| entry.labels.get("run")).map(String::as_str).collect();
        let (mut unfinished, mut ended, mut runs, mut brought) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        for row in journal.runs()? {
            let over = row.phase == "ended";
            if over {
                ended.insert(row.run.clone());
            }
            if !over || of_entries.contains(row.run.as_str()) {
                let events = journal.events(&row.run)?;
                if !over {
                    let mut names = BTreeSet::new();
                    events.iter().filter_map(|event| serde_json::to_value(&event.body).ok()).for_each(|body| references(&body, &mut names));
                    unfinished.insert(row.run.clone(), names);
                }
                brought.insert(row.run.clone(), events.iter().flat_map(|event| certificates(&event.body)).collect());
            }
            runs.insert(row.plan, row.run);
        }
        Ok(Self { now, site, unfinished, ended, runs, brought })
    }

    /// Why an entry is kept, or why it need not be.
    pub fn of(&self, entry: &EntryInfo) -> Standing {
        let id = entry.reference.id();
        let plan = entry.labels.get("plan").filter(|_| id.starts_with("plans/"));
        let run = entry.labels.get("run").or_else(|| self.runs.get(plan?));
        let in_run = self.unfinished.iter().find(|(name, names)| run == Some(name) || names.contains(id));
        if let Some((run, _)) = in_run {
            return Standing::InRun(run.clone());
        }
        if self.site.named.contains(&entry.name) || self.site.named.contains(id) {
            return Standing::Named;
        }
        if id.starts_with("stores/") {
            return Standing::Store;
        }
        let over = run.filter(|run| self.ended.contains(*run));
        match (plan, over) {
            (Some(_), Some(run)) => return Standing::RunOver(run.clone()),
            (Some(plan), None) if run.is_none() => return self.unused(plan, entry.written_at),
            (None, Some(run)) if id.starts_with(&format!("runs/{run}/files/")) => return Standing::RunOver(run.clone()),
            _ => {}
        }
        self.by_certificate(entry, run)
    }

    fn unused(&self, plan: &str, made: Timestamp) -> Standing {
        let valid = SignedDuration::try_from(self.site.plan_valid).unwrap_or(SignedDuration::MAX);
        if self.now.duration_since(made) > valid { Standing::PlanOver(plan.to_owned()) } else { Standing::Plan(plan.to_owned()) }
    }

    fn by_certificate(&self, entry: &EntryInfo, run: Option<&String>) -> Standing {
        let known = || self.site.present.iter().chain(self.brought.values().flatten());
        let of_run = run.and_then(|run| self.brought.get(run)).into_iter().flatten();
        let about = known().filter(|cert| cert.sha1.eq_ignore_ascii_case(&entry.about));
        let its: Vec<&CertInfo> = of_run.chain(about).collect();
        let Some(last) = its.iter().max_by_key(|cert| cert.not_after) else { return Standing::Unknown };
        if last.not_after > self.now {
            return Standing::Live(Box::new((*last).clone()));
        }
        let newer = |old: &CertInfo| known().find(|new| new.subject_dn == old.subject_dn && new.not_after > old.not_after && new.sha256 != old.sha256);
        // Every one of them must have been followed by another.
        match its.iter().find(|cert| newer(cert).is_none()) {
            Some(last) => Standing::NotReplaced(Box::new((*last).clone())),
            None => newer(last).map_or(Standing::Unknown, |new| Standing::Replaced(Box::new((*last).clone()), Box::new(new.clone()))),
        }
    }
}

/// Ids of entries that a text of the journal names.
fn references(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::String(text) => {
            found.extend(text.strip_prefix("vault:").map(str::to_owned));
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        Json::Object(fields) => fields.values().for_each(|field| references(field, found)),
        _ => {}
    }
}

/// Certificates that a step brought, as against those it only looked at.
fn certificates(body: &EventBody) -> Vec<CertInfo> {
    match body {
        EventBody::StepEnded { end, .. } if matches!(end.outcome, Outcome::Changed | Outcome::Unchanged) => {
            end.outputs.values().filter_map(|output| serde_json::from_value(output.clone()).ok()).collect()
        }
        _ => vec![],
    }
}
