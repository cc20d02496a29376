//! `kirikae answer RUN STEP`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use kirikae_engine::action::{Answer, Blobs, OutputSpec, Question, QuestionField};
use kirikae_engine::clock::stepped_back;
use kirikae_engine::journal::{Journal, RunLock};
use kirikae_engine::run::{Doing, EventBody, Person, Settled, StateBlobs, escrowed, hide_private, keep_shown, secret_field};
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::{Lang, Text};

use super::take_up::{OldRun, private_of, read};
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::person::Terminal;
use crate::{render, site, state};

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
    /// Yes, it is so; it was done
    #[arg(long, conflicts_with_all = ["no", "problem"])]
    yes: bool,
    /// No; it was not done
    #[arg(long, conflicts_with = "problem")]
    no: bool,
    /// A problem of the question, by its name
    #[arg(long, value_name = "NAME")]
    problem: Option<String>,
    /// For an uncertain step: whether it happened, after a look at the site's list
    #[arg(long, value_enum)]
    uncertain: Option<Word>,
    /// A value of the question: NAME=VALUE (may be repeated, also for the values of a list; never a secret)
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// A secret that the page shows: NAME=PATH, its first line; `-` reads a line of standard input (may be repeated)
    #[arg(long = "secret-file", value_name = "NAME=PATH")]
    secrets: Vec<String>,
    /// A row of the list: "NAME=VALUE; NAME=VALUE" (may be repeated), or `none`
    #[arg(long = "row", value_name = "ROW")]
    rows: Vec<String>,
    /// What was seen, in words
    #[arg(long, value_name = "TEXT")]
    saw: Option<String>,
    /// A file as evidence, such as a photo; it is kept by its digest (may be repeated)
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    /// Who answers
    #[arg(long, value_name = "NAME")]
    by: String,
}

/// A file of evidence is at most so big.
const MAX_EVIDENCE: u64 = 16 * 1024 * 1024;

/// Answers a question, or settles an uncertain step.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let old = read(globals, &journal, &args.run)?;
    let _lock = RunLock::take(&folder, &old.run)?;
    let outputs = old.program.action(&args.step).map(|action| action.manifest.outputs.clone()).unwrap_or_default();
    let mut answer = Answer {
        yes: args.yes || matches!(args.uncertain, Some(Word::Done)),
        problem: args.problem.clone(),
        fields: fields(&args.fields, &outputs)?,
        rows: rows(&args.rows)?,
        evidence: args.saw.clone(),
        files: vec![],
        by: args.by.clone(),
        account: state::account(),
        at: Timestamp::now(),
        asked: None,
    };
    let Some(step) = old.state.step(&args.step) else { return Err(not_asked(&args.step)) };
    let settled = match (&step.doing, args.uncertain) {
        (Doing::Uncertain(_), Some(word)) => Some(word.into()),
        (Doing::Asked(_), Some(word)) if step.in_doubt() => Some(word.into()),
        (Doing::Uncertain(_), None) => {
            return Err(unfit(Text::new(
                "--uncertain done か --uncertain not-done で答えてください。",
                "answer with --uncertain done or --uncertain not-done.",
            )));
        }
        (Doing::Asked(question), None) => {
            answer = Asked { globals, args, folder: &folder, old: &old, question }.fitting(answer, &mut journal)?;
            answer.asked = step.asked;
            None
        }
        (Doing::Ended(_), _) => return Err(answered_already(&args.step)),
        _ if !step.answered.is_empty() => return Err(answered_already(&args.step)),
        _ => return Err(not_asked(&args.step)),
    };
    let answered = EventBody::HumanAnswered { step: args.step.clone(), answer, settled };
    let wall = Timestamp::now();
    if let Some(back_ms) = stepped_back(old.state.at, wall) {
        journal.append(&old.run, wall, EventBody::ClockStepped { back_ms })?;
    }
    journal.append(&old.run, wall, hide_private(&private_of(globals, &folder, &old)?, answered))?;
    render::out(&match globals.lang() {
        Lang::Ja => format!("答えを記録しました。続けるには: kirikae resume {}", old.run),
        Lang::En => format!("recorded. To go on: kirikae resume {}", old.run),
    });
    Ok(exit::DONE)
}

/// A question that waits, with what its answer is made from.
struct Asked<'a> {
    globals: &'a Globals,
    args: &'a Args,
    folder: &'a Path,
    old: &'a OldRun,
    question: &'a Question,
}

impl Asked<'_> {
    /// The answer as it is written down, if it fits. Files and secrets are kept first.
    fn fitting(&self, answer: Answer, journal: &mut Journal) -> Result<Answer, Failure> {
        let Args { yes, no, problem, .. } = self.args;
        if !(*yes || *no || problem.is_some()) {
            return Err(unfit(Text::new("--yes か --no か --problem を付けてください。", "give --yes, --no or --problem.")));
        }
        let mut answer = self.question.folded(answer);
        let site = site::load(self.globals)?.site;
        let vault = site::vault(self.folder, &site)?;
        let blobs = StateBlobs::new(self.folder.to_owned(), vault.clone(), &self.old.run, answer.at);
        for path in &self.args.evidence {
            let (name, content) = evidence(path)?;
            answer.files.push(blobs.keep(&name, &content, false)?);
        }
        let typed = if *yes { self.secrets()? } else { vec![] };
        // The rest must fit before a secret goes into the vault.
        let mut without = answer.clone();
        let stand_in = SecretRef::vault("-").as_str().to_owned();
        without.fields.extend(typed.iter().map(|(field, _)| (field.name.clone(), stand_in.clone())));
        self.question.accepts(&without).map_err(unfit)?;
        for (field, value) in typed {
            let (run, step, playbook) = (&self.old.run, &self.args.step, &self.old.program.checked.id);
            let value = secret_field(field, value)?;
            let reference = keep_shown(&*vault, run, step, playbook, &field.name, value, answer.at)?;
            journal.append(run, Timestamp::now(), escrowed(step, &field.name, &reference))?;
            answer.fields.insert(field.name.clone(), reference.as_str().to_owned());
        }
        Ok(answer)
    }

    /// The secrets that were given, or are typed now.
    fn secrets(&self) -> Result<Vec<(&QuestionField, Secret)>, Failure> {
        let mut typed = vec![];
        for given in &self.args.secrets {
            let (name, path) =
                given.split_once('=').ok_or_else(|| unfit(Text::new("--secret-file は NAME=PATH の形で書きます。", "write --secret-file NAME=PATH.")))?;
            let field = self.question.fields.iter().find(|field| field.name == name && field.is_secret());
            let field =
                field.ok_or_else(|| unfit(Text::new(format!("{name} という秘密の項目はありません。"), format!("there is no secret field `{name}`."))))?;
            typed.push((field, first_line(path)?));
        }
        let missing =
            self.question.fields.iter().filter(|field| {
                field.is_secret() && !field.is_optional() && !self.args.secrets.iter().any(|given| given.starts_with(&format!("{}=", field.name)))
            });
        let terminal = self.globals.interactive().then(|| Terminal { lang: self.globals.lang() });
        for field in missing {
            if let Some(value) = terminal.as_ref().and_then(|terminal| terminal.secret_shown(field)) {
                typed.push((field, value));
            }
        }
        Ok(typed)
    }
}

fn first_line(path: &str) -> Result<Secret, Failure> {
    let unreadable = |error: std::io::Error| unfit(Text::plain(format!("{path}: {error}")));
    let mut line = String::new();
    if path == "-" {
        std::io::stdin().read_line(&mut line).map_err(unreadable)?;
    } else {
        line = std::fs::read_to_string(path).map_err(unreadable)?;
    }
    Ok(Secret::text(line.lines().next().unwrap_or_default()))
}

/// A file of evidence: its name for people, its content.
pub fn evidence(path: &Path) -> Result<(String, Secret), Failure> {
    let unreadable = |why: String| unfit(Text::plain(format!("{}: {why}", path.display())));
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_EVIDENCE {
        return Err(unreadable(format!("{size} > {MAX_EVIDENCE}")));
    }
    let content = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((name, Secret::bytes(content)))
}

fn unfit(cause: Text) -> Failure {
    Failure::usage("ANSWER.UNFIT", cause, Text::new("kirikae show で、待っている問いを見てください。", "see `kirikae show` for what is asked."))
}

fn answered_already(step: &str) -> Failure {
    unfit(Text::new(format!("手順 {step} はもう答えが出ています。"), format!("step `{step}` was answered already.")))
}

fn not_asked(step: &str) -> Failure {
    unfit(Text::new(format!("手順 {step} は答えを待っていません。"), format!("step `{step}` does not wait for an answer.")))
}

fn fields(given: &[String], outputs: &[OutputSpec]) -> Result<BTreeMap<String, String>, Failure> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for field in given {
        let (name, value) = field.split_once('=').ok_or_else(|| unfit(Text::new("--field は NAME=VALUE の形で書きます。", "write --field NAME=VALUE.")))?;
        if outputs.iter().any(|output| output.name == name && output.ty.is_secret()) {
            return Err(Failure::usage(
                "CLI.SECRET_IN_ARGV",
                Text::new(format!("{name} は秘密の値なので、--field では渡せません。"), format!("`{name}` is a secret; arguments can be seen by others.")),
                Text::new(
                    format!("端末で聞かれたときに入れるか、--secret-file {name}=ファイル を使ってください。"),
                    format!("type it when asked at a terminal, or use --secret-file {name}=FILE."),
                ),
            ));
        }
        // The values of a list, one a line.
        fields.entry(name.to_owned()).and_modify(|known| *known = format!("{known}\n{value}")).or_insert_with(|| value.to_owned());
    }
    Ok(fields)
}

fn rows(given: &[String]) -> Result<Option<Vec<BTreeMap<String, String>>>, Failure> {
    match given {
        [] => Ok(None),
        [none] if none == "none" => Ok(Some(vec![])),
        rows => rows.iter().map(|row| cells(row)).collect::<Result<_, _>>().map(Some),
    }
}

fn cells(row: &str) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = || unfit(Text::new("--row は \"NAME=VALUE; NAME=VALUE\" の形で書きます。", "write --row \"NAME=VALUE; NAME=VALUE\"."));
    let cells = row.split(';').map(|cell| cell.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).ok_or_else(wrong));
    cells.collect()
}
