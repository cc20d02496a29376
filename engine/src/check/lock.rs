//! `kirikae.lock`: which sub-playbooks, profiles and catalogue a library's playbooks were reviewed with.
//!
//! The file lies beside `sources.yaml`, is made by `kirikae check --write-lock` and committed with the playbooks:
//!
//! ```yaml
//! kirikae: lock/1
//! playbooks:
//!   common/install-p12: { version: "1.0.0", sha256: "5f0c..." }
//! portals:
//!   obn: { version: "1.0.0", sha256: "a41b..." }
//! catalogue: { sha256: "77d0..." }
//! ```
//!
//! Without the file nothing is locked. A playbook that is checked, planned or applied for itself is not locked, what it
//! refers to is. May use: documents. Must not: read or write files.

use std::collections::BTreeMap;

use super::{Checked, Document, DocumentKind, FURTHER_SOURCES};
use crate::text::{Diagnostic, Source, Span, Spanned, Text};

/// What a library is locked to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Sub-playbooks by id.
    pub playbooks: BTreeMap<String, Locked>,
    /// Portal profiles by id.
    pub portals: BTreeMap<String, Locked>,
    /// The catalogue of manuals; `None` if it was not there.
    pub catalogue: Option<Locked>,
    /// The built-in catalogue behind it; `None` where no manual of it is used.
    pub built_in_catalogue: Option<Locked>,
}

/// A document that is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Its version; empty for the catalogue.
    pub version: String,
    /// SHA-256 of its text, lower-case hex, with its place in the lock file.
    pub sha256: Spanned<String>,
}

impl Lock {
    /// The documents that a checked playbook refers to, as they are now; the playbook itself is not among them.
    pub fn of(checked: &Checked) -> Lock {
        let mut lock = Lock::default();
        for document in checked.documents.iter().filter(|document| !is_root(document, &checked.id)) {
            let locked = Locked { version: document.version.clone(), sha256: Spanned::new(document.digest.clone(), Span::default()) };
            match document.kind {
                DocumentKind::Playbook => lock.playbooks.insert(document.id.clone(), locked),
                DocumentKind::Portal => lock.portals.insert(document.id.clone(), locked),
                DocumentKind::Sources if document.id == FURTHER_SOURCES => lock.built_in_catalogue.replace(locked),
                DocumentKind::Sources => lock.catalogue.replace(locked),
            };
        }
        lock
    }

    /// Takes over what `newer` says, and keeps what it says nothing about.
    pub fn update(&mut self, newer: Lock) {
        self.playbooks.extend(newer.playbooks);
        self.portals.extend(newer.portals);
        self.catalogue = newer.catalogue.or(self.catalogue.take());
        self.built_in_catalogue = newer.built_in_catalogue.or(self.built_in_catalogue.take());
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut text = String::from("# kirikae check --write-lock が作ります。手で書きかえず、手順書と一緒に保存してください。\nkirikae: lock/1\n");
        for (key, entries) in [("playbooks", &self.playbooks), ("portals", &self.portals)] {
            if entries.is_empty() {
                continue;
            }
            text.push_str(&format!("{key}:\n"));
            for (id, Locked { version, sha256 }) in entries {
                text.push_str(&format!("  {id}: {{ version: \"{version}\", sha256: \"{}\" }}\n", sha256.value));
            }
        }
        for (key, catalogue) in [("catalogue", &self.catalogue), ("built_in_catalogue", &self.built_in_catalogue)] {
            if let Some(catalogue) = catalogue {
                text.push_str(&format!("{key}: {{ sha256: \"{}\" }}\n", catalogue.sha256.value));
            }
        }
        text
    }

    fn entry(&self, document: &Document) -> Option<&Locked> {
        match document.kind {
            DocumentKind::Playbook => self.playbooks.get(&document.id),
            DocumentKind::Portal => self.portals.get(&document.id),
            DocumentKind::Sources if document.id == FURTHER_SOURCES => self.built_in_catalogue.as_ref(),
            DocumentKind::Sources => self.catalogue.as_ref(),
        }
    }
}

fn is_root(document: &Document, root: &str) -> bool {
    document.kind == DocumentKind::Playbook && document.id == root
}

/// What a playbook refers to and the lock does not have, or has otherwise.
pub(super) fn differences<'d>(lock: &Lock, file: &Source, root: &str, documents: impl Iterator<Item = &'d Document>) -> Vec<Diagnostic> {
    let cure = || {
        Text::new(
            "変わった所を読んで確かめてから、kirikae check --write-lock で kirikae.lock を作り直してください。",
            "read what changed, then write kirikae.lock anew with `kirikae check --write-lock`.",
        )
    };
    let referred = documents.filter(|document| !is_root(document, root));
    referred
        .filter_map(|document| {
            let name = match (document.kind, document.id.as_str()) {
                (DocumentKind::Sources, FURTHER_SOURCES) => "sources.yaml (built in)",
                (DocumentKind::Sources, _) => "sources.yaml",
                (_, id) => id,
            };
            let there = document.source.place(Span::new(0, 0));
            let Some(locked) = lock.entry(document) else {
                let what = Text::new(format!("kirikae.lock に「{name}」がありません。"), format!("kirikae.lock does not have `{name}`."));
                let label = Text::new("この文書です", "this document");
                return Some(Diagnostic::error("LOCK.MISSING", file.place(Span::new(0, 0)), what).cure(cure()).related(there, label));
            };
            if locked.sha256.value == document.digest {
                return None;
            }
            let what = Text::new(format!("「{name}」が、確かめて固定したときから変わっています。"), format!("`{name}` is not what it was when it was locked."));
            let (was, is) = (&locked.version, &document.version);
            let label = match was == is {
                true => Text::new("版の番号は同じですが、内容が違います", "same version, another content"),
                false => Text::new(format!("版 {was} が {is} になっています"), format!("version {was} is {is} now")),
            };
            Some(Diagnostic::error("LOCK.CHANGED", file.place(locked.sha256.span), what).cure(cure()).related(there, label))
        })
        .collect()
}
