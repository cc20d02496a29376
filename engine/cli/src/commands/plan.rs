//! `kirikae plan PLAYBOOK`

use std::path::PathBuf;

use kirikae_engine::plan::LookScope;
use kirikae_engine::run::MissingInputs;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::job::{Given, Job};
use crate::{render, state};

/// Arguments of `plan`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Playbook: a path, or the id of one in the library
    playbook: String,
    #[command(flatten)]
    given: Given,
    /// Save the plan, to be applied once
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Look at nothing
    #[arg(long, conflicts_with = "probe")]
    offline: bool,
    /// Also look at remote systems
    #[arg(long)]
    probe: bool,
    /// Exit 10 when something would change
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Shows what would be done.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    // A plan that is kept belongs to this state folder, where it is used up.
    let journal = if args.out.is_some() || folder.join("journal.db").exists() { Some(state::open(&folder)?) } else { None };
    let job = Job::prepare(globals, &folder, &args.playbook, &args.given, MissingInputs::Refuse)?;
    let scope = match (args.offline, args.probe) {
        (true, _) => LookScope::Offline,
        (_, true) => LookScope::Probe,
        _ => LookScope::Local,
    };
    let plan = job.plan(scope, journal.as_ref());
    if let Some(path) = &args.out {
        job.keep_private(&plan)?;
        render::save(path, &serde_json::to_string_pretty(&plan).unwrap_or_default())?;
    }
    match globals.format {
        Format::Json => render::out(&serde_json::to_string_pretty(&plan).unwrap_or_default()),
        Format::Dot => render::out(&render::graph::dot(&plan, globals.lang())),
        _ => render::out(&render::plan::text(&plan, &job.checked, &job.open.site, &job.library, globals.lang())),
    }
    Ok(if plan.is_blocked() {
        exit::FAILED
    } else if args.detailed_exitcode && plan.has_pending_writes() {
        exit::PENDING
    } else {
        exit::DONE
    })
}
