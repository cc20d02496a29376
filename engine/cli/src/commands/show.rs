//! `kirikae show RUN|PLAN`

use std::path::Path;

use kirikae_engine::plan::Plan;
use serde_json::json;

use super::saved::{saved_plan, standing};
use super::take_up::read;
use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::job::load_playbook;
use crate::{render, site, state};

/// Arguments of `show`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run id, or `last`, or a plan saved with `plan --out`
    #[arg(default_value = "last")]
    run: String,
    /// Also every event
    #[arg(long)]
    events: bool,
    /// With a saved plan: its playbook, where the library has none of its id
    #[arg(long, value_name = "FILE")]
    playbook: Option<String>,
}

/// Shows what is done, what is left, and what to do next; or a saved plan.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let path = Path::new(&args.run);
    if let Some(plan) = saved_plan(path)? {
        return saved(globals, args, path, &plan);
    }
    let folder = state::folder(globals)?;
    let journal = state::open(&folder)?;
    let old = read(globals, &journal, &args.run)?;
    match globals.format {
        Format::Json => render::out(&json!({"run": old.run, "plan": old.program.plan, "state": old.state, "events": old.events}).to_string()),
        _ => {
            render::out(&render::run::show(&old.program, &old.state, globals.lang()));
            if args.events {
                for event in &old.events {
                    render::out(&format!("{:>4}  {}  {:<16} {}", event.seq, event.at, event.body.kind(), event.body.step().unwrap_or_default()));
                }
            }
        }
    }
    Ok(exit::DONE)
}

/// Nothing is looked at: the plan as it was made, and whether it can be applied still.
fn saved(globals: &Globals, args: &Args, path: &Path, plan: &Plan) -> Result<u8, Failure> {
    if globals.format == Format::Json {
        render::out(&serde_json::to_string_pretty(plan).unwrap_or_default());
        return Ok(exit::DONE);
    }
    let (checked, _, shelf) = load_playbook(globals, args.playbook.as_deref().unwrap_or(&plan.playbook.id))?;
    let folder = state::folder(globals)?;
    let journal = if folder.join("journal.db").exists() { Some(state::open(&folder)?) } else { None };
    render::out(&render::plan::text(plan, &checked, &site::load(globals)?.site, &shelf.describe(), globals.lang()));
    render::out(&standing(plan, path, journal.as_ref(), globals.lang())?);
    Ok(exit::DONE)
}
