//! `kirikae: lock/1` to a [`Lock`].
//!
//! May use: the reader. Must not: compare documents.

use std::collections::BTreeMap;

use super::Type;
use super::reader::{Fields, Reader, decode_document};
use crate::check::{Lock, Locked};
use crate::text::{Diagnostic, Node, Source, Spanned, Text};

pub(super) const KEYS: [&str; 5] = ["kirikae", "playbooks", "portals", "catalogue", "built_in_catalogue"];

/// Reads a lock file.
///
/// # Errors
/// All findings: `YAML.*`, `DSL.*`, `TYPE.*`.
pub fn decode_lock(source: &Source) -> Result<Lock, Vec<Diagnostic>> {
    decode_document(source, "lock", &KEYS, |reader, fields| {
        Some(Lock {
            playbooks: entries(reader, &fields, "playbooks"),
            portals: entries(reader, &fields, "portals"),
            catalogue: catalogue(reader, &fields, "catalogue"),
            built_in_catalogue: catalogue(reader, &fields, "built_in_catalogue"),
        })
    })
}

fn entries(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> BTreeMap<String, Locked> {
    let entries = fields.get(key).and_then(|node| reader.entries(node)).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.value.clone(), locked(reader, &entry.value)?))).collect()
}

fn catalogue(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Option<Locked> {
    let fields = reader.map(fields.get(key)?, &["sha256"])?;
    Some(Locked { version: String::new(), sha256: digest(reader, &fields)? })
}

fn locked(reader: &mut Reader<'_>, node: &Node) -> Option<Locked> {
    let fields = reader.map(node, &["version", "sha256"])?;
    let version = reader.need(&fields, "version").and_then(|node| reader.version(node));
    let sha256 = digest(reader, &fields);
    Some(Locked { version: version?, sha256: sha256? })
}

fn digest(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Spanned<String>> {
    let node = reader.need(fields, "sha256")?;
    reader.value(&Type::Hex, node)?;
    let text = reader.string(node)?;
    if text.len() == 64 {
        return Some(Spanned::new(text, node.span));
    }
    let what = Text::new("SHA-256 は16進数64桁です。", "a SHA-256 has 64 hexadecimal digits.");
    reader.error("TYPE.MISMATCH", node.span, what);
    None
}
