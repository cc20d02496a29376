//! `kirikae test PATH..`
//!
//! Plays playbooks in worlds in memory: the cases of `<name>.test.yaml`, and what follows from the playbook itself. Nothing real is reached.

use std::path::{Path, PathBuf};
use std::time::Instant;

use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, TestSuite, check_test, kind_of};
use kirikae_engine::testing::playbook::{Bench, Difference, Trial, TrialResult, draft};
use kirikae_engine::text::{Diagnostic, Source, Sources, Text};

use super::test_snapshot::compare;
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::job::load_playbook;
use crate::library::{Shelf, read_source};
use crate::render::test as shown;
use crate::walk;

/// Arguments of `test`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Test files (NAME.test.yaml), playbooks with one beside them, or folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only what has this in its name (a case, `generated/crash`, a playbook)
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the plans that cases compare with, in place of comparing
    #[arg(long)]
    accept: bool,
    /// Also try playbooks without a test file, in a world made from their examples
    #[arg(long)]
    generated: bool,
}

/// A test, and the file that it is in; of one that was made up the playbook's.
struct Loaded {
    path: PathBuf,
    suite: TestSuite,
    sources: Sources,
}

/// Plays, says what came of it.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let loaded = load(globals, args)?;
    let folder = place()?;
    let bench = Bench::new(folder.path().to_owned());
    // What the simulated world does not put up with ends a trial as a panic, whose words are in the report.
    std::panic::set_hook(Box::new(|_| {}));
    let mut report = shown::Report::new(globals.lang(), globals.format);
    for test in &loaded {
        let trials: Vec<Trial> = Bench::trials(&test.suite).into_iter().filter(|trial| wanted(args, &test.suite, trial)).collect();
        if trials.is_empty() {
            continue;
        }
        report.file(&test.path, &test.suite.checked.id);
        for trial in &trials {
            let begun = Instant::now();
            let mut result = bench.run(&test.suite, trial);
            keep_or_compare(args, test, trial, &mut result)?;
            report.trial(&test.sources, &trial.name, &result, begun.elapsed());
        }
    }
    let _ = std::panic::take_hook();
    report.end();
    if report.tried() == 0 {
        return Err(none());
    }
    Ok(if report.failed() > 0 { exit::FAILED } else { exit::DONE })
}

fn wanted(args: &Args, suite: &TestSuite, trial: &Trial) -> bool {
    args.filter.as_ref().is_none_or(|text| trial.name.contains(text) || suite.checked.id.contains(text))
}

/// Compares the plan of a case with the one beside its file; with `--accept` writes it.
fn keep_or_compare(args: &Args, test: &Loaded, trial: &Trial, result: &mut TrialResult) -> Result<(), Failure> {
    let Some((span, plan)) = &result.snapshot else { return Ok(()) };
    let place = test.suite.file.source.place(*span);
    let found = compare(&test.path, &trial.name, plan, &test.suite.checked, args.accept)?;
    result.differences.extend(found.into_iter().map(|what| Difference { place: Some(place.clone()), what }));
    Ok(())
}

/// Every test that is meant. Findings of any of them stop all.
fn load(globals: &Globals, args: &Args) -> Result<Vec<Loaded>, Failure> {
    let (mut loaded, mut sources, mut findings) = (vec![], Sources::default(), vec![]);
    for (path, in_folder) in files(&args.paths)? {
        let source = read_source(&path)?;
        match kind_of(&source) {
            Some("test") => {
                let shelf = Shelf::find(globals.library.as_deref(), Some(&path));
                add(path, &source, &shelf, &mut loaded, &mut sources, &mut findings);
            }
            Some("playbook") if !test_beside(&path).is_file() && args.generated => {
                let (checked, _, shelf) = load_playbook(globals, &path.to_string_lossy())?;
                let name = format!("{} (draft)", path.display());
                add(path, &Source::new(name, draft(&checked)), &shelf, &mut loaded, &mut sources, &mut findings);
            }
            // In a folder the test file is met by itself.
            Some("playbook") if !in_folder && test_beside(&path).is_file() => {
                let path = test_beside(&path);
                let shelf = Shelf::find(globals.library.as_deref(), Some(&path));
                let source = read_source(&path)?;
                add(path, &source, &shelf, &mut loaded, &mut sources, &mut findings);
            }
            _ if in_folder => {}
            _ => return Err(no_test(&path)),
        }
    }
    if findings.is_empty() { Ok(loaded) } else { Err(Failure::Findings(Box::new(sources), findings)) }
}

fn add(path: PathBuf, source: &Source, shelf: &dyn Library, loaded: &mut Vec<Loaded>, sources: &mut Sources, findings: &mut Vec<Diagnostic>) {
    let outcome = check_test(source, shelf, registry());
    match outcome.result {
        Ok(suite) => loaded.push(Loaded { path, suite, sources: outcome.sources }),
        Err(found) => {
            sources.merge(outcome.sources);
            findings.extend(found);
        }
    }
}

fn files(paths: &[PathBuf]) -> Result<Vec<(PathBuf, bool)>, Failure> {
    let mut files = vec![];
    for path in paths {
        if path.is_dir() {
            files.extend(walk::documents(path)?.into_iter().map(|file| (file, true)));
        } else {
            files.push((path.clone(), false));
        }
    }
    Ok(files)
}

/// `renew-web.test.yaml` of `renew-web.yaml`.
fn test_beside(playbook: &Path) -> PathBuf {
    playbook.with_extension("test.yaml")
}

/// A folder for the state of runs, in memory where the machine has one: nothing of it is kept.
fn place() -> Result<tempfile::TempDir, Failure> {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("kirikae-test-");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.or_else(|_| builder.tempdir()).map_err(|error| {
        Failure::usage(
            "STATE.READONLY",
            Text::plain(error.to_string()),
            Text::new("一時フォルダに書けるようにしてください。", "make the temporary folder writable."),
        )
    })
}

fn no_test(path: &Path) -> Failure {
    let beside = test_beside(path);
    Failure::usage(
        "TEST.NONE",
        Text::new(
            format!("{} は試験ではなく、{} もありません。", path.display(), beside.display()),
            format!("{} is no test, and there is no {}.", path.display(), beside.display()),
        ),
        Text::new(
            "kirikae new test 手順書の名前 で作るか、--generated を付けて自動の試験だけを行ってください。",
            "make one with `kirikae new test ID`, or try the playbook alone with --generated.",
        ),
    )
}

fn none() -> Failure {
    Failure::usage(
        "TEST.NONE",
        Text::new("行う試験が1つもありません。", "there is nothing to test."),
        Text::new("試験(*.test.yaml)のあるフォルダを指定するか、--filter を見直してください。", "name a folder with tests (*.test.yaml), or look at --filter."),
    )
}
