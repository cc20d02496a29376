//! `kirikae check PATH..`

use std::path::PathBuf;

use kirikae_engine::action::registry;
use kirikae_engine::check::check;
use kirikae_engine::dsl::{decode_lock, decode_profile, decode_site, decode_sources};
use kirikae_engine::text::{Diagnostic, Severity, Source, Sources};
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::library::{Shelf, document_kind, read_source};
use crate::render::{self, diagnostic};

/// Arguments of `check`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Documents
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Lock what the playbooks refer to (sub-playbooks, profiles, catalogue) in kirikae.lock beside sources.yaml
    #[arg(long)]
    write_lock: bool,
}

/// Checks documents of any kind, told by their first key.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    if args.write_lock {
        return super::write_lock::run(globals, &args.paths);
    }
    let lang = globals.lang();
    let (mut texts, mut findings) = (Sources::default(), vec![]);
    for path in &args.paths {
        match read_source(path) {
            Ok(source) => {
                let (of_file, found) = check_one(globals, path, &source);
                for name in found.iter().filter_map(|finding| finding.place.as_ref().map(|place| place.file.clone())) {
                    if let Some(text) = of_file.get(&name) {
                        texts.add(text.clone());
                    }
                }
                findings.extend(found);
            }
            Err(Failure::Findings(_, found)) => findings.extend(found),
            Err(failure) => return Err(failure),
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    match globals.format {
        Format::Json => render::out(&json!({"errors": errors, "findings": diagnostic::json(&texts, &findings, lang)}).to_string()),
        _ if findings.is_empty() => render::out(if lang == kirikae_engine::text::Lang::Ja { "問題ありません。" } else { "no findings." }),
        _ => render::out(&diagnostic::text(&texts, &findings, lang)),
    }
    Ok(if errors > 0 { exit::USAGE } else { exit::DONE })
}

fn check_one(globals: &Globals, path: &std::path::Path, source: &Source) -> (Sources, Vec<Diagnostic>) {
    let mut texts = Sources::default();
    texts.add(source.clone());
    let found = match document_kind(&source.text) {
        Some("portal") => decode_profile(source).err().unwrap_or_default(),
        Some("site") => decode_site(source).err().unwrap_or_default(),
        Some("sources") => decode_sources(source).err().unwrap_or_default(),
        Some("lock") => decode_lock(source).err().unwrap_or_default(),
        _ => {
            let shelf = Shelf::find(globals.library.as_deref(), Some(path));
            let outcome = check(source, &shelf, registry());
            texts = outcome.sources;
            match outcome.result {
                Ok(checked) => checked.warnings,
                Err(found) => found,
            }
        }
    };
    (texts, found)
}
