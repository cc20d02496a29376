//! `kirikae abandon RUN`

use jiff::Timestamp;
use kirikae_engine::action::Answer;
use kirikae_engine::journal::RunLock;
use kirikae_engine::run::{EventBody, Phase, StateBlobs};
use kirikae_engine::text::{Lang, Text};

use super::answer::Word;
use super::take_up::read;
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
    /// Whether the uncertain step happened, after a look at the site's list
    #[arg(long, value_enum)]
    uncertain: Option<Word>,
}

/// Gives a run up: its claim is released, nothing is undone. Refused while a step is uncertain and nobody settles it.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let old = read(globals, &journal, &args.run)?;
    let _lock = RunLock::take(&folder, &old.run)?;
    if matches!(old.state.phase, Phase::Ended(_)) {
        return Err(Failure::usage(
            "RUN.ENDED",
            Text::new(format!("実行 {} はもう終わっています。", old.run), format!("run {} has ended already.", old.run)),
            Text::default(),
        ));
    }
    if let Some(step) = old.state.in_doubt() {
        let Some(word) = args.uncertain else {
            return Err(Failure::Coded {
                code: "STEP.UNCERTAIN".to_owned(),
                cause: Text::new(format!("手順 {step} が行われたかどうか分かっていません。"), format!("whether step `{step}` happened is not known.")),
                cure: Text::new(
                    "サイトの一覧を見てから、--uncertain done か --uncertain not-done を付けてください。kirikae resume なら自動で調べます。",
                    "look at the site's list, then give --uncertain done or not-done; `kirikae resume` looks by itself.",
                ),
                exit: exit::FAILED,
            });
        };
        let answer = Answer { yes: matches!(word, Word::Done), by: args.by.clone(), account: state::account(), at: Timestamp::now(), ..Answer::default() };
        journal.append(&old.run, Timestamp::now(), EventBody::HumanAnswered { step: step.to_owned(), answer, settled: Some(word.into()) })?;
    }
    journal.append(&old.run, Timestamp::now(), EventBody::RunAbandoned { by: args.by.clone(), reason: args.reason.clone() })?;
    let vault = site::vault(&folder, &site::load(globals)?.site)?;
    StateBlobs::new(folder, vault, &old.run, Timestamp::now()).erase_keys()?;
    render::out(&match globals.lang() {
        Lang::Ja => format!("実行 {} をやめました。行われたことは元に戻していません(kirikae show {} で見られます)。", old.run, old.run),
        Lang::En => format!("run {} was given up. Nothing was undone (see kirikae show {}).", old.run, old.run),
    });
    Ok(exit::DONE)
}
