//! One document of any kind, told by its first key.
//!
//! May use: decoders, the check of playbooks. Must not: open files.

use super::closure::portal;
use super::{Library, check, check_test};
use crate::action::Registry;
use crate::dsl::{decode_lock, decode_site, decode_sources};
use crate::text::{Diagnostic, Source, Sources};

/// What was found in a document.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Every document that was read, so that findings can be shown with their text.
    pub sources: Sources,
    /// Errors and warnings: sorted, at most 20.
    pub findings: Vec<Diagnostic>,
}

/// The word behind `kirikae:` on the first line that is no comment (`playbook`, `portal`, ..); `None` if that line says something else.
pub fn kind_of(source: &Source) -> Option<&str> {
    let text = source.text.trim_start_matches('\u{feff}');
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---")?;
    let rest = first.strip_prefix("kirikae").or_else(|| first.strip_prefix("\"kirikae\""))?;
    let word = rest.trim_start_matches([':', '：', ' ', '\u{3000}', '"']);
    Some(word.split(['/', ' ', '"']).next().unwrap_or_default())
}

/// Checks a document: a portal profile, a site file, a catalogue of manuals, a lock, a playbook test; anything else as a playbook.
pub fn examine(source: &Source, library: &dyn Library, registry: &Registry) -> Examined {
    let mut sources = Sources::default();
    sources.add(source.clone());
    let findings = match kind_of(source) {
        Some("portal") => {
            let (read, found) = portal(source, library);
            sources = read;
            found
        }
        Some("site") => decode_site(source).err().unwrap_or_default(),
        Some("sources") => decode_sources(source).err().unwrap_or_default(),
        Some("lock") => decode_lock(source).err().unwrap_or_default(),
        Some("test") => {
            let outcome = check_test(source, library, registry);
            sources = outcome.sources;
            outcome.result.err().unwrap_or_default()
        }
        _ => {
            let outcome = check(source, library, registry);
            sources = outcome.sources;
            outcome.result.map_or_else(|found| found, |checked| checked.warnings)
        }
    };
    Examined { sources, findings }
}
