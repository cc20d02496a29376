//! `kirikae abandon RUN`

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::Timestamp;
use kirikae_engine::action::Answer;
use kirikae_engine::clock::stepped_back;
use kirikae_engine::journal::RunLock;
use kirikae_engine::run::{EventBody, StateBlobs, Word, abandonment};
use kirikae_engine::text::Lang;

use super::answer;
use super::take_up::find;
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::{render, site, state};

/// Arguments of `abandon`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run id, or `last`
    run: String,
    /// Who gives it up
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Whether the uncertain step happened, after a look at the site's list: `done` or `not-done`; of several steps STEP=done (may be repeated)
    #[arg(long, value_name = "[STEP=]done|not-done", value_parser = word)]
    uncertain: Vec<Word>,
}

fn word(text: &str) -> Result<Word, String> {
    let (step, said) = text.rsplit_once('=').map_or((None, text), |(step, said)| (Some(step.to_owned()), said));
    let said = answer::Word::from_str(said, false).map_err(|_| "done, not-done".to_owned())?;
    Ok(Word { step, settled: said.into() })
}

/// Gives a run up: its claim is released, nothing is undone. Refused while a step is uncertain and nobody settles it.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let run = find(&journal, &args.run)?;
    let lock = RunLock::take(&folder, &run)?;
    let events = journal.events(&run)?;
    let answer = Answer { yes: true, fields: BTreeMap::new(), evidence: None, by: args.by.clone(), account: state::account(), at: Timestamp::now() };
    for body in abandonment(&run, &events, &args.uncertain, &answer, &args.reason)? {
        let wall = Timestamp::now();
        if let Some(back_ms) = stepped_back(events.last().map(|event| event.at), wall) {
            journal.append(&run, wall, EventBody::ClockStepped { back_ms })?;
        }
        journal.append(&run, wall, body)?;
    }
    drop(lock);
    let vault = site::vault(&folder, &site::load(globals)?.site)?;
    StateBlobs::new(folder, vault, &run, Timestamp::now()).erase_keys()?;
    render::out(&match globals.lang() {
        Lang::Ja => format!("実行 {} をやめました。行われたことは元に戻していません(kirikae show {} で見られます)。", run, run),
        Lang::En => format!("run {} was given up. Nothing was undone (see kirikae show {}).", run, run),
    });
    Ok(exit::DONE)
}
