//! `kirikae check PATH..`

use std::io::Write;
use std::path::{Path, PathBuf};

use kirikae_engine::action::registry;
use kirikae_engine::check::{examine, kind_of};
use kirikae_engine::text::{Change, Diagnostic, Lang, Severity, Source, Sources, Text, mend};
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::library::{Shelf, read_source};
use crate::render::{self, diagnostic, sarif};
use crate::walk;

/// Arguments of `check`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Documents, or folders with documents (*.yaml)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Correct what has exactly one correction, in the files named here only, and say what was changed
    #[arg(long)]
    fix: bool,
    /// Lock what the playbooks refer to (sub-playbooks, profiles, catalogue) in kirikae.lock beside sources.yaml
    #[arg(long, conflicts_with = "fix")]
    write_lock: bool,
}

/// What was found in all documents.
#[derive(Default)]
struct Report {
    texts: Sources,
    findings: Vec<Diagnostic>,
    changes: Vec<(PathBuf, Change)>,
    checked: usize,
    /// YAML files in folders that are no documents of kirikae.
    others: usize,
}

/// Checks documents of any kind, told by their first key.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    if args.write_lock {
        return super::write_lock::run(globals, &args.paths);
    }
    let mut report = Report::default();
    let files = files(&args.paths)?;
    for (path, in_folder) in &files {
        match read_source(path) {
            Ok(source) if *in_folder && kind_of(&source).is_none() => report.others += 1,
            Ok(source) => one(globals, args.fix, &files, path, source, &mut report)?,
            Err(Failure::Findings(texts, found)) => {
                report.checked += 1;
                report.add(&texts, found);
            }
            Err(failure) => return Err(failure),
        }
    }
    if report.checked == 0 {
        return Err(Failure::usage(
            "FILE.NO_DOCUMENT",
            Text::new("kirikae の文書(*.yaml)が1つもありません。", "there is no document of kirikae (*.yaml) there."),
            Text::new("手順書のあるフォルダか、ファイルを指定してください。", "name a folder with playbooks, or a file."),
        ));
    }
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    say(globals, &report, errors, args.fix);
    Ok(if errors > 0 { exit::USAGE } else { exit::DONE })
}

/// The files that are meant, and whether a folder was named for them.
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

fn one(globals: &Globals, fix: bool, files: &[(PathBuf, bool)], path: &Path, source: Source, report: &mut Report) -> Result<(), Failure> {
    let shelf = Shelf::find(globals.library.as_deref(), Some(path));
    let mut source = source;
    if fix {
        let mended = mend(&source, |source| examine(source, &shelf, registry()).findings);
        if !mended.changes.is_empty() {
            rewrite(path, &source.text, &mended.text)?;
            source = Source::new(source.name, mended.text);
            report.changes.extend(mended.changes.into_iter().map(|change| (path.to_owned(), change)));
        }
    }
    let examined = examine(&source, &shelf, registry());
    // What is wrong with another file of the command line is said when its turn comes.
    let absolute = |path: &Path| std::path::absolute(path).ok();
    let told_elsewhere = |finding: &Diagnostic| {
        let other = finding.place.as_ref().filter(|place| place.file != source.name).and_then(|place| absolute(Path::new(&*place.file)));
        other.is_some_and(|other| files.iter().any(|(file, _)| absolute(file).as_ref() == Some(&other)))
    };
    report.checked += 1;
    report.add(&examined.sources, examined.findings.into_iter().filter(|finding| !told_elsewhere(finding)).collect());
    Ok(())
}

impl Report {
    fn add(&mut self, texts: &Sources, found: Vec<Diagnostic>) {
        for finding in found {
            for place in finding.place.iter().chain(finding.related.iter().map(|related| &related.place)) {
                if let Some(text) = texts.get(&place.file) {
                    self.texts.add(text.clone());
                }
            }
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
    }
}

fn say(globals: &Globals, report: &Report, errors: usize, fixed: bool) {
    let lang = globals.lang();
    match globals.format {
        Format::Json => {
            let mut json = json!({"errors": errors, "checked": report.checked, "findings": diagnostic::json(&report.texts, &report.findings, lang)});
            if fixed {
                json["fixed"] = report.changes.iter().map(|(path, change)| diagnostic::change_json(path, change)).collect();
            }
            render::out(&json.to_string());
        }
        Format::Sarif => render::out(&sarif::log(&report.texts, &report.findings, lang).to_string()),
        _ => {
            for (path, change) in &report.changes {
                render::out(&diagnostic::change(path, change, lang));
            }
            if !report.findings.is_empty() {
                render::out(&diagnostic::text(&report.texts, &report.findings, lang));
            }
            render::out(&summary(report, fixed, lang));
        }
    }
}

fn summary(report: &Report, fixed: bool, lang: Lang) -> String {
    let (checked, found, changed) = (report.checked, report.findings.len(), report.changes.len());
    let fixable = report.findings.iter().filter(|finding| finding.fix.is_some()).count();
    let mut lines = vec![match (lang, found) {
        (Lang::Ja, 0) => "問題ありません。".to_owned(),
        (Lang::Ja, _) => format!("{checked}件の文書に{found}件の指摘があります。"),
        (Lang::En, 0) => "no findings.".to_owned(),
        (Lang::En, _) => format!("{found} finding(s) in {checked} document(s)."),
    }];
    if fixed && changed > 0 {
        lines.push(if lang == Lang::Ja { format!("{changed}か所を直しました。") } else { format!("{changed} place(s) corrected.") });
    } else if !fixed && fixable > 0 {
        lines.push(match lang {
            Lang::Ja => format!("そのうち{fixable}件は check --fix で直せます。"),
            Lang::En => format!("{fixable} of them can be corrected by `check --fix`."),
        });
    }
    if report.others > 0 {
        lines.push(match lang {
            Lang::Ja => format!("「kirikae:」で始まらない YAML ファイル{}個は見ていません。", report.others),
            Lang::En => format!("{} YAML file(s) that do not begin with `kirikae:` were not looked at.", report.others),
        });
    }
    lines.join("\n")
}

/// Puts the new text in the place of the old one, all or nothing, with the same permissions. A file that changed meanwhile stays.
fn rewrite(path: &Path, old: &str, new: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(
            "FILE.NOT_WRITABLE",
            Text::new(format!("{} に書けません: {error}", path.display()), format!("cannot write {}: {error}", path.display())),
            Text::new("書き込みの許可を確かめてください。ファイルは元のままです。", "check that you may write there; the file is as it was."),
        )
    };
    let real = std::fs::canonicalize(path).map_err(failed)?;
    let folder = real.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    fresh.write_all(new.as_bytes()).map_err(failed)?;
    fresh.as_file().set_permissions(std::fs::metadata(&real).map_err(failed)?.permissions()).map_err(failed)?;
    fresh.as_file().sync_all().map_err(failed)?;
    if std::fs::read(&real).map_err(failed)? != old.as_bytes() {
        return Err(Failure::usage(
            "FILE.CHANGED",
            Text::new(
                format!("{} は、見ている間に書き換えられました。", path.display()),
                format!("{} was changed while it was being checked.", path.display()),
            ),
            Text::new("ほかのプログラムで保存してから、もう一度実行してください。", "save it in the other program, then run this again."),
        ));
    }
    fresh.persist(&real).map(drop).map_err(|error| failed(error.error))
}
