//! `kirikae coverage PATH..`

use std::path::PathBuf;

use kirikae_engine::action::registry;
use kirikae_engine::check::{check, coverage, kind_of};
use kirikae_engine::text::Text;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::library::{Shelf, read_source};
use crate::render;
use crate::render::coverage as report;
use crate::walk;

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
        let files = if path.is_dir() { walk::documents(path)? } else { vec![path.clone()] };
        for file in files {
            let source = read_source(&file)?;
            // A folder also holds profiles and the catalogue; a file that was named must be a playbook.
            if file != *path && kind_of(&source) != Some("playbook") {
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
