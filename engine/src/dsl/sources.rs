//! `kirikae: sources/1`, the catalogue of manuals, to a [`Catalogue`].
//!
//! May use: the reader. Must not: know playbooks.

use std::collections::BTreeMap;

use super::reader::{Fields, Reader, decode_document};
use crate::check::{Catalogue, Manual};
use crate::text::{Diagnostic, Node, Source, Text};

pub(super) const MANUAL_KEYS: [&str; 6] = ["title", "edition", "publisher", "sha256", "standing", "sections"];
const SECTION_KEYS: [&str; 2] = ["title", "out_of_scope"];

/// Reads the catalogue of manuals.
///
/// # Errors
/// All findings: `YAML.*`, `DSL.*`, `TYPE.*`.
pub fn decode_sources(source: &Source) -> Result<Catalogue, Vec<Diagnostic>> {
    decode_document(source, "sources", &["kirikae", "sources"], catalogue)
}

fn catalogue(reader: &mut Reader<'_>, fields: Fields<'_>) -> Option<Catalogue> {
    let entries = reader.need(&fields, "sources").and_then(|node| reader.entries(node))?;
    let mut manuals = BTreeMap::new();
    for entry in entries {
        let fits = reader.name(&entry.key);
        if let Some(manual) = manual(reader, &entry.value)
            && fits
        {
            manuals.insert(entry.key.value.clone(), manual);
        }
    }
    Some(Catalogue(manuals))
}

fn manual(reader: &mut Reader<'_>, node: &Node) -> Option<Manual> {
    let fields = reader.map(node, &MANUAL_KEYS)?;
    let title = reader.need(&fields, "title").and_then(|node| reader.text(node));
    let edition = reader.need(&fields, "edition").and_then(|node| reader.string(node));
    fields.get("publisher").map(|node| reader.text(node));
    let standing = fields.get("standing").and_then(|node| reader.word(node, &[("official", false), ("unofficial", true)]));
    let (mut sections, mut out_of_scope) = (BTreeMap::new(), BTreeMap::new());
    for entry in reader.need(&fields, "sections").and_then(|node| reader.entries(node)).unwrap_or_default() {
        let (title, reason) = section(reader, &entry.value);
        sections.extend(title.map(|title| (entry.key.value.clone(), title)));
        out_of_scope.extend(reason.map(|reason| (entry.key.value.clone(), reason)));
    }
    Some(Manual {
        title: title?,
        edition: edition?,
        unofficial: standing.unwrap_or(false),
        sha256: fields.get("sha256").and_then(|node| reader.string(node)),
        sections,
        out_of_scope,
    })
}

/// A title; or `{ title, out_of_scope }` with the reason why the section asks for no step.
fn section(reader: &mut Reader<'_>, node: &Node) -> (Option<Text>, Option<Text>) {
    if node.get("title").is_none() && node.get("out_of_scope").is_none() {
        return (reader.text(node), None);
    }
    let Some(fields) = reader.map(node, &SECTION_KEYS) else { return (None, None) };
    let title = reader.need(&fields, "title").and_then(|node| reader.text(node));
    (title, fields.get("out_of_scope").and_then(|node| reader.text(node)))
}
