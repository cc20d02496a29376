//! `kirikae coverage PATH..`

use std::path::{Path, PathBuf};

use kirikae_engine::action::registry;
use kirikae_engine::check::{check, coverage};
use kirikae_engine::text::Text;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::library::{Shelf, document_kind, read_source};
use crate::render;
use crate::render::coverage as report;

/// Arguments of `coverage`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Playbooks, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Exit 1 when fewer sections than this share have a step, or a step has no section
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    fail_under: Option<u8>,
}

/// Compares playbooks with the manuals that they cite.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let mut playbooks = vec![];
    for path in &args.paths {
        for file in files(path)? {
            let source = read_source(&file)?;
            // A folder also holds profiles and the catalogue; a file that was named must be a playbook.
            if file != *path && document_kind(&source.text) != Some("playbook") {
                continue;
            }
            let shelf = Shelf::find(globals.library.as_deref(), Some(&file));
            let outcome = check(&source, &shelf, registry());
            playbooks.push(outcome.result.map_err(|findings| Failure::Findings(Box::new(outcome.sources), findings))?);
        }
    }
    if playbooks.is_empty() {
        return Err(no_playbook(args));
    }
    let coverage = coverage(&playbooks);
    match globals.format {
        Format::Json => render::out(&format!("{:#}", report::json(&coverage, globals.lang()))),
        _ => render::out(&report::text(&coverage, globals.lang())),
    }
    let (covered, all) = coverage.covered();
    let short = |least: u8| covered * 100 < usize::from(least) * all || !coverage.without_section.is_empty();
    Ok(if args.fail_under.is_some_and(short) { exit::FAILED } else { exit::DONE })
}

/// The YAML files of a folder and the folders in it, sorted; a file is itself.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| {
        Failure::usage(
            "FILE.NOT_READABLE",
            Text::new(format!("{} を読めません: {error}", path.display()), format!("cannot read {}: {error}", path.display())),
            Text::new("フォルダの場所と許可を確かめてください。", "check the folder and its permissions."),
        )
    };
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path).map_err(unreadable)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut found = vec![];
    for entry in entries {
        let is_yaml = entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if entry.is_dir() && !entry.is_symlink() {
            found.extend(files(&entry)?);
        } else if is_yaml {
            found.push(entry);
        }
    }
    Ok(found)
}

fn no_playbook(args: &Args) -> Failure {
    let named: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    let named = named.join(" ");
    Failure::usage(
        "FILE.NO_PLAYBOOK",
        Text::new(format!("{named} に手順書(playbook)がありません。"), format!("there is no playbook in {named}.")),
        Text::new(
            "1行目に「kirikae: playbook/1」とあるファイルか、そのフォルダを指定してください。",
            "name a file that begins with `kirikae: playbook/1`, or its folder.",
        ),
    )
}
