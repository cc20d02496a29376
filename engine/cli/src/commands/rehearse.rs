//! `kirikae rehearse PLAYBOOK`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kirikae_engine::action::{Answer, Question};
use kirikae_engine::backend::profile::Profile;
use kirikae_engine::check::{Checked, Library};
use kirikae_engine::plan::LookScope;
use kirikae_engine::run::{Doing, Granted, MissingInputs, ParkCause, Person, Phase, State, store_closure};
use kirikae_engine::text::{Lang, Text};
use kirikae_lab::{Fault, HtmlVariant, Lab, LabOptions, Terminal};

use super::apply::{approval_events, program, started};
use super::carry::{Shortened, Surroundings, begin, on_ctrl_c, report, resume};
use super::lab::{lab_failure, profile, profiles};
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::job::{Given, Job, load_playbook, run_id};
use crate::library::Shelf;
use crate::render::run::Screen;
use crate::secrets::Otherwise;
use crate::{exit, render, state};

/// Arguments of `rehearse`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Playbook: a path, or the id of one in the library
    playbook: String,
    #[command(flatten)]
    given: Given,
    /// Keep the practice folder and say where it is
    #[arg(long)]
    keep: bool,
    /// Answers of people: JSON, step address to field to value
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// A fault of the practice portals: NAME[@OPERATION][:COUNT] (may be repeated)
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Who does the practice pages: the engine, or a person at a browser, for whom a practice person stands in
    #[arg(long, value_enum, default_value_t)]
    hands: Who,
    /// Days until the practice certificates end
    #[arg(long, value_name = "DAYS", default_value_t = 60, allow_negative_numbers = true)]
    days_left: i64,
    /// Markup of the practice pages
    #[arg(long, value_name = "VARIANT")]
    html: Option<HtmlVariant>,
}

/// Who does the pages of a rehearsal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Who {
    /// The engine
    #[default]
    Engine,
    /// A practice person, by the checklist
    Person,
}

/// So many checklists are worked in one rehearsal, at most.
const MAX_CHECKLISTS: usize = 40;

/// Rehearses: practice portals, temporary stores, the whole procedure for real.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let lang = globals.lang();
    let place = tempfile::Builder::new().prefix("kirikae-rehearsal-").tempdir().map_err(no_place)?;
    let (checked, _, shelf) = load_playbook(globals, &args.playbook)?;
    let mut options = LabOptions::new(place.path().join("lab"), practised(&checked, &shelf)?);
    options.faults = args.fault.clone();
    options.pace = Duration::from_millis(300);
    options.days_left = args.days_left;
    if let Some(html) = args.html {
        options.html = html;
    }
    let lab = kirikae_lab::start(options).map_err(lab_failure)?;
    if globals.format == Format::Text {
        render::out(match lang {
            Lang::Ja => "練習です。この端末の中だけで動き、実物のサイトには何も送りません。\n",
            Lang::En => "This is a rehearsal on this machine only; nothing is sent to a real site.\n",
        });
    }
    if args.hands == Who::Person {
        by_hand(&lab.site_path())?;
    }
    // The user's own site, state and secrets stay out of a rehearsal.
    let practice = Globals { site: Some(lab.site_path().to_owned()), state: Some(place.path().join("state")), no_input: true, ..globals.clone() };
    let code = rehearse(&practice, args, &lab)?;
    lab.stop();
    if args.keep {
        let kept = place.keep();
        render::err(&match lang {
            Lang::Ja => format!("練習のフォルダを残しました: {}", kept.display()),
            Lang::En => format!("the practice folder was kept: {}", kept.display()),
        });
    }
    Ok(code)
}

fn rehearse(globals: &Globals, args: &Args, lab: &Lab) -> Result<u8, Failure> {
    let lang = globals.lang();
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let mut job = Job::prepare(globals, &folder, &args.playbook, &args.given, MissingInputs::UseExamples)?;
    job.sources = job.sources.otherwise(Otherwise::Practise);
    job.backends.practice = true;
    job.backends.host = Arc::new(Terminal::default());
    let plan = job.plan(LookScope::Local, Some(&journal));
    if globals.format == Format::Text {
        render::out(&render::plan::text(&plan, &job.checked, &job.open.site, &job.library, lang));
    }
    if plan.is_blocked() {
        return Ok(exit::FAILED);
    }
    let granted: Vec<Granted> = plan.approvals_required.iter().map(|step| Granted { step: step.clone(), by: "rehearsal".to_owned() }).collect();
    let run = run_id(Timestamp::now());
    job.keep_private(&plan)?;
    let blobs = store_closure(&folder, &plan, &job.checked)?;
    let first = started(&plan, &job, blobs);
    let approvals = approval_events(&plan, &job, &granted);
    let program = program(plan, &job);
    let person = Practice { lang, lab, answers: answers(args)? };
    let (pauser, cancel) = (Shortened::begin(), on_ctrl_c());
    let surroundings = || Surroundings {
        program: &program,
        backends: &job.backends,
        sources: &job.sources,
        person: &person,
        pauser: &pauser,
        fresh_for: job.open.site.fresh_for,
        site: job.open.site.id.clone(),
        cancel: cancel.clone(),
    };
    let mut screen = Screen::new(lang, globals.format);
    screen.begins(&run);
    let mut end = begin(surroundings(), &mut journal, &mut screen, &run, first, approvals, None)?;
    for _ in 0..MAX_CHECKLISTS {
        let Some((step, question)) = checklist(&end.state) else { break };
        if globals.format == Format::Text {
            render::question::lines(question, lang).iter().for_each(|line| render::out(line));
            render::out(match lang {
                Lang::Ja => "    練習の人(別のプロセス)がこの一覧のとおりに操作し、kirikae answer で答えます",
                Lang::En => "    a practice person (another process) works this list and answers with kirikae answer",
            });
        }
        if !practice_person(globals, &run, step)? {
            break;
        }
        end = resume(surroundings(), &mut journal, &mut screen, &run, vec![])?;
    }
    Ok(report(&program, &end, lang, globals.format))
}

/// Answers for a rehearsal: yes, with the fields' examples. With a program of the terminal they work first, if the lab has it.
struct Practice<'a> {
    /// Where they work.
    lab: &'a Lab,
    /// Language.
    lang: Lang,
    /// Answers by step address: fields by name.
    answers: BTreeMap<String, BTreeMap<String, String>>,
}

impl Person for Practice<'_> {
    fn answer(&self, step: &str, question: &Question) -> Option<Answer> {
        // Pages are worked by the practice person, who is no part of this process.
        if !question.moves.is_empty() {
            return None;
        }
        render::out(&match self.lang {
            Lang::Ja => format!("  問 {}\n    練習のため自動で回答: はい", question.ask.get(self.lang)),
            Lang::En => format!("  asked: {}\n    answered for practice: yes", question.ask.get(self.lang)),
        });
        if let Some(place) = &question.place
            && let Err(error) = self.lab.work(&place.ja)
        {
            render::err(error.cause.get(self.lang));
            return None;
        }
        let given = self.answers.get(step);
        let field = |name: &str, example: &Option<String>| given.and_then(|fields| fields.get(name).cloned()).or_else(|| example.clone());
        let fields = question.fields.iter().filter_map(|wanted| Some((wanted.name.clone(), field(&wanted.name, &wanted.example)?))).collect();
        let evidence = question.evidence.then(|| "練習".to_owned());
        Some(Answer { yes: true, fields, evidence, by: "practice".to_owned(), account: crate::state::account(), at: Timestamp::now(), ..Answer::default() })
    }

    /// Nobody has seen to anything in a rehearsal: the run parks there.
    fn take_over(&self, _step: &str, _question: &Question) -> Option<Answer> {
        None
    }
}

/// The practice site, with a person at the browser.
fn by_hand(site: &Path) -> Result<(), Failure> {
    let written =
        std::fs::read_to_string(site).and_then(|text| std::fs::write(site, text.replace("roots: ./lab-ca.pem,", "roots: ./lab-ca.pem, hands: person,")));
    written.map_err(no_place)
}

/// The checklist that a parked run waits for.
fn checklist(state: &State) -> Option<(&str, &Question)> {
    let waits = matches!(state.phase, Phase::Parked(ParkCause::Person));
    state.steps.iter().filter(|_| waits).find_map(|(step, known)| match &known.doing {
        Doing::Asked(question) if !question.moves.is_empty() => Some((step.as_str(), question)),
        _ => None,
    })
}

/// Has a practice person work a checklist. `false`: they could not answer.
fn practice_person(globals: &Globals, run: &str, step: &str) -> Result<bool, Failure> {
    let program = std::env::current_exe().map_err(no_place)?;
    let mut command = std::process::Command::new(program);
    command.args(["practice-person", run, step, "--no-input"]).stdin(std::process::Stdio::null());
    for (flag, path) in [("--site", &globals.site), ("--state", &globals.state)] {
        if let Some(path) = path {
            command.arg(flag).arg(path);
        }
    }
    Ok(command.status().map_err(no_place)?.success())
}

/// The portals that a playbook's rehearsal needs: those of its roles and that of its program; all there are where it names none.
/// Another program's profile, half-written perhaps, is in nobody's way.
fn practised(checked: &Checked, shelf: &Shelf) -> Result<Vec<Profile>, Failure> {
    let mut wanted: BTreeMap<String, Profile> = checked.profiles.values().map(|profile| (profile.id.clone(), profile.clone())).collect();
    if let Some(source) = shelf.portal(&checked.program) {
        let profile = profile(source)?;
        wanted.insert(profile.id.clone(), profile);
    }
    if wanted.is_empty() { profiles(shelf) } else { Ok(wanted.into_values().collect()) }
}

fn answers(args: &Args) -> Result<BTreeMap<String, BTreeMap<String, String>>, Failure> {
    let Some(path) = &args.answers else { return Ok(BTreeMap::new()) };
    let unreadable = |why: String| {
        Failure::usage(
            "ANSWERS.UNREADABLE",
            Text::plain(format!("{}: {why}", path.display())),
            Text::new("JSON で {\"手順\": {\"項目\": \"値\"}} と書きます。", "write JSON: {\"step\": {\"field\": \"value\"}}."),
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
}

fn no_place(error: std::io::Error) -> Failure {
    Failure::usage(
        "STATE.READONLY",
        Text::plain(error.to_string()),
        Text::new("一時フォルダに書けるようにしてください。", "make the temporary folder writable."),
    )
}
