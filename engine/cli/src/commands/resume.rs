//! `kirikae resume RUN`

use std::path::PathBuf;

use super::carry::{Patient, Surroundings, on_ctrl_c, report, resume};
use super::take_up::revive;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::job::pair;
use crate::person::{Nobody, Terminal};
use crate::render::run::Screen;
use crate::state;

/// Arguments of `resume`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run id, or `last`
    #[arg(default_value = "last")]
    run: String,
    /// A secret's value in the first line of a file: NAME=PATH, or NAME=- for standard input (may be repeated)
    #[arg(long = "secret-file", value_name = "NAME=PATH", value_parser = pair)]
    secret_file: Vec<(String, String)>,
    /// Go on with a mended portal profile in the place of the run's own
    #[arg(long, value_name = "FILE")]
    with_profile: Option<PathBuf>,
}

/// Goes on with a run.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let revived = revive(globals, &folder, &journal, &args.run, &args.secret_file, args.with_profile.as_deref())?;
    if state::is_per_user(&folder) && !revived.open.site.state_per_user {
        journal.refuse_counting();
    }
    let (terminal, nobody) = (Terminal { lang: globals.lang() }, Nobody);
    let surroundings = Surroundings {
        program: &revived.old.program,
        backends: &revived.backends,
        sources: &revived.sources,
        person: if globals.interactive() { &terminal } else { &nobody },
        pauser: &Patient,
        fresh_for: revived.open.site.fresh_for,
        site: revived.open.site.id.clone(),
        cancel: on_ctrl_c(),
    };
    let mut screen = Screen::new(globals.lang(), globals.format);
    screen.begins(&revived.old.run);
    let end = resume(surroundings, &mut journal, &mut screen, &revived.old.run, revived.replaced)?;
    Ok(report(&revived.old.program, &end, globals.lang(), globals.format))
}
