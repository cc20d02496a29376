//! `kirikae verify`

use kirikae_engine::journal::{ChainFault, Verified};
use kirikae_engine::text::Lang;
use serde_json::json;

use super::take_up::find;
use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::{render, state};

/// Arguments of `verify`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A run [default: all]
    run: Option<String>,
    /// The head that `apply` printed: finds a cut tail, too
    #[arg(long, requires = "run", value_name = "HASH")]
    head: Option<String>,
}

/// Checks hash chains. A change inside a run is always found; a cut tail only against a head kept elsewhere.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let journal = state::open(&folder)?;
    let checked = match &args.run {
        Some(named) => vec![journal.verify_run(&find(&journal, named)?, args.head.as_deref())?],
        None => journal.verify()?,
    };
    let broken = checked.iter().any(|run| run.fault.is_some());
    if globals.format == Format::Json {
        let rows: Vec<_> = checked
            .iter()
            .map(|run| json!({"run": run.run, "events": run.events, "head": run.head, "fault": run.fault.as_ref().map(|fault| words(fault, Lang::En))}))
            .collect();
        render::out(&json!(rows).to_string());
    } else {
        for run in &checked {
            render::out(&line(run, globals.lang()));
        }
    }
    Ok(if broken { exit::FAILED } else { exit::DONE })
}

fn line(run: &Verified, lang: Lang) -> String {
    let verdict = match (&run.fault, lang) {
        (None, Lang::Ja) => "正しい".to_owned(),
        (None, Lang::En) => "right".to_owned(),
        (Some(fault), lang) => words(fault, lang),
    };
    format!("{}  {:>4}  {}  {verdict}", run.run, run.events, run.head)
}

fn words(fault: &ChainFault, lang: Lang) -> String {
    match (fault, lang) {
        (ChainFault::Broken(seq), Lang::Ja) => format!("JOURNAL.BROKEN {seq}番目の記録が変えられています"),
        (ChainFault::Broken(seq), Lang::En) => format!("JOURNAL.BROKEN event {seq} was changed"),
        (ChainFault::Missing(seq), Lang::Ja) => format!("JOURNAL.BROKEN {seq}番目の記録がありません"),
        (ChainFault::Missing(seq), Lang::En) => format!("JOURNAL.BROKEN event {seq} is missing"),
        (ChainFault::HeadNotFound, Lang::Ja) => "JOURNAL.BROKEN 控えておいた先頭の値がありません(末尾が切られています)".to_owned(),
        (ChainFault::HeadNotFound, Lang::En) => "JOURNAL.BROKEN the head kept elsewhere is not there (the tail was cut)".to_owned(),
    }
}
