//! `kirikae show RUN`

use serde_json::json;

use super::take_up::read;
use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::{render, state};

/// Arguments of `show`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run id, or `last`
    #[arg(default_value = "last")]
    run: String,
    /// Also every event
    #[arg(long)]
    events: bool,
}

/// Shows what is done, what is left, and what to do next.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
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
