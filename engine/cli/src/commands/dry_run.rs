//! `kirikae dry-run PLAYBOOK`

use kirikae_engine::run::MissingInputs;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::job::{Given, Job};
use crate::{render, state};

/// Arguments of `dry-run`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Playbook: a path, or the id of one in the library
    playbook: String,
    #[command(flatten)]
    given: Given,
}

/// Does everything short of the first write.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let journal = if folder.join("journal.db").exists() { Some(state::open(&folder)?) } else { None };
    let job = Job::prepare(globals, &folder, &args.playbook, &args.given, MissingInputs::Refuse)?;
    let dry = job.dry_run(journal.as_ref());
    match globals.format {
        Format::Json => render::out(&serde_json::to_string_pretty(&dry).unwrap_or_default()),
        _ => render::out(&render::run::dry_run(&dry, globals.lang())),
    }
    Ok(if dry.is_blocked() {
        exit::FAILED
    } else if dry.waits_for_person() {
        exit::WAITING
    } else {
        exit::DONE
    })
}
