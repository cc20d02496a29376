//! `kirikae answer RUN STEP`

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::Timestamp;
use kirikae_engine::action::Answer;
use kirikae_engine::dsl::{Type, fold};
use kirikae_engine::journal::RunLock;
use kirikae_engine::run::{Doing, EventBody, Settled, hide_private};
use kirikae_engine::text::{Lang, Text};

use super::take_up::{private_of, read};
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::{render, state};

/// What a person says of an uncertain step.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Word {
    /// It happened
    Done,
    /// It did not happen
    NotDone,
}

impl From<Word> for Settled {
    fn from(word: Word) -> Self {
        match word {
            Word::Done => Self::Done,
            Word::NotDone => Self::NotDone,
        }
    }
}

/// Arguments of `answer`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run id, or `last`
    run: String,
    /// Address of the step
    step: String,
    /// Yes
    #[arg(long, conflicts_with = "no")]
    yes: bool,
    /// No
    #[arg(long)]
    no: bool,
    /// For an uncertain step: whether it happened, after a look at the site's list
    #[arg(long, value_enum)]
    uncertain: Option<Word>,
    /// A value of the question: NAME=VALUE (may be repeated; never a secret)
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// What was seen
    #[arg(long, value_name = "TEXT")]
    evidence: Option<String>,
    /// Who answers
    #[arg(long, value_name = "NAME")]
    by: String,
}

/// Answers a question, or settles an uncertain step.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let old = read(globals, &journal, &args.run)?;
    let _lock = RunLock::take(&folder, &old.run)?;
    let doing = old.state.step(&args.step).map(|step| &step.doing);
    let mut answer = Answer {
        yes: args.yes || matches!(args.uncertain, Some(Word::Done)),
        fields: fields(&args.fields, &old.program.action(&args.step).map(|action| action.manifest.outputs.clone()).unwrap_or_default())?,
        evidence: args.evidence.clone(),
        by: args.by.clone(),
        account: state::account(),
        at: Timestamp::now(),
    };
    let settled = match (doing, args.uncertain) {
        (Some(Doing::Uncertain(_)), Some(word)) => Some(word.into()),
        (Some(Doing::Uncertain(_)), None) => {
            return Err(unfit(Text::new(
                "--uncertain done か --uncertain not-done で答えてください。",
                "answer with --uncertain done or --uncertain not-done.",
            )));
        }
        (Some(Doing::Asked(question)), None) => {
            if !(args.yes || args.no) {
                return Err(unfit(Text::new("--yes か --no を付けてください。", "give --yes or --no.")));
            }
            for field in &question.fields {
                if let (Some(typed), Some(ty)) = (answer.fields.get(&field.name).cloned(), Type::parse(&field.ty)) {
                    answer.fields.insert(field.name.clone(), fold(&ty, &typed));
                }
            }
            question.accepts(&answer).map_err(unfit)?;
            None
        }
        (Some(Doing::Answered(..) | Doing::Ended(_)), _) => {
            return Err(unfit(Text::new(format!("手順 {} はもう答えが出ています。", args.step), format!("step `{}` was answered already.", args.step))));
        }
        _ => {
            return Err(unfit(Text::new(format!("手順 {} は答えを待っていません。", args.step), format!("step `{}` does not wait for an answer.", args.step))));
        }
    };
    let answered = EventBody::HumanAnswered { step: args.step.clone(), answer, settled };
    journal.append(&old.run, Timestamp::now(), hide_private(&private_of(globals, &folder, &old)?, answered))?;
    render::out(&match globals.lang() {
        Lang::Ja => format!("答えを記録しました。続けるには: kirikae resume {}", old.run),
        Lang::En => format!("recorded. To go on: kirikae resume {}", old.run),
    });
    Ok(exit::DONE)
}

fn unfit(cause: Text) -> Failure {
    Failure::usage("ANSWER.UNFIT", cause, Text::new("kirikae show で、待っている問いを見てください。", "see `kirikae show` for what is asked."))
}

fn fields(given: &[String], outputs: &[kirikae_engine::action::OutputSpec]) -> Result<BTreeMap<String, String>, Failure> {
    let mut fields = BTreeMap::new();
    for field in given {
        let (name, value) = field.split_once('=').ok_or_else(|| unfit(Text::new("--field は NAME=VALUE の形で書きます。", "write --field NAME=VALUE.")))?;
        if outputs.iter().any(|output| output.name == name && output.ty.is_secret()) {
            return Err(Failure::usage(
                "CLI.SECRET_IN_ARGV",
                Text::new(format!("{name} は秘密の値なので、--field では渡せません。"), format!("`{name}` is a secret; arguments can be seen by others.")),
                Text::new("値を付けずに答えてください。保管が要る値は通知書などで管理します。", "answer without it."),
            ));
        }
        fields.insert(name.to_owned(), value.to_owned());
    }
    Ok(fields)
}
