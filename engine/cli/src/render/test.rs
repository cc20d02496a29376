//! What `kirikae test` says: for people as it goes, for machines at the end.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kirikae_engine::testing::playbook::{Difference, TrialResult};
use kirikae_engine::text::{Lang, Sources};
use serde_json::{Value as Json, json};

use super::out;
use crate::globals::Format;

/// A report that grows.
pub struct Report {
    lang: Lang,
    format: Format,
    files: Vec<File>,
}

struct File {
    path: PathBuf,
    playbook: String,
    trials: Vec<Tried>,
}

struct Tried {
    name: String,
    differences: Vec<Line>,
    note: Option<String>,
    took: Duration,
}

/// A difference with the line it is at.
struct Line {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

impl Line {
    fn of(difference: &Difference, sources: &Sources, lang: Lang) -> Self {
        let place = difference.place.as_ref();
        let at = place.and_then(|place| Some(sources.get(&place.file)?.line_column(place.span.start)));
        Self {
            file: place.map(|place| place.file.to_string()).unwrap_or_default(),
            line: at.map_or(1, |at| at.line),
            column: at.map_or(1, |at| at.column),
            message: difference.what.get(lang).to_owned(),
        }
    }

    fn shown(&self) -> String {
        format!("{}:{}:{}  {}", self.file, self.line, self.column, self.message)
    }
}

impl Report {
    /// An empty report.
    pub fn new(lang: Lang, format: Format) -> Self {
        Self { lang, format, files: vec![] }
    }

    fn says(&self) -> bool {
        self.format == Format::Text
    }

    /// The trials of a file follow.
    pub fn file(&mut self, path: &Path, playbook: &str) {
        if self.says() {
            out(&format!("{}  ({playbook})", path.display()));
        }
        self.files.push(File { path: path.to_owned(), playbook: playbook.to_owned(), trials: vec![] });
    }

    /// A trial ended.
    pub fn trial(&mut self, sources: &Sources, name: &str, result: &TrialResult, took: Duration) {
        let differences: Vec<Line> = result.differences.iter().map(|difference| Line::of(difference, sources, self.lang)).collect();
        let note = result.note.as_ref().map(|note| note.get(self.lang).to_owned());
        if self.says() {
            let word = if differences.is_empty() { "ok    " } else { "FAILED" };
            let shown = note.as_ref().map(|note| format!("  ({note})")).unwrap_or_default();
            out(&format!("  {word}  {name}{shown}"));
            differences.iter().for_each(|line| out(&format!("          {}", line.shown().replace('\n', "\n          "))));
        }
        if let Some(file) = self.files.last_mut() {
            file.trials.push(Tried { name: name.to_owned(), differences, note, took });
        }
    }

    /// How many were tried.
    pub fn tried(&self) -> usize {
        self.files.iter().map(|file| file.trials.len()).sum()
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.files.iter().map(File::failed).sum()
    }

    /// The summary; for machines everything.
    pub fn end(&self) {
        let (tried, failed) = (self.tried(), self.failed());
        match self.format {
            Format::Json => out(&self.json().to_string()),
            Format::Junit => out(&self.junit()),
            _ if tried == 0 => {}
            _ => out(&match self.lang {
                Lang::Ja => format!("\n{tried}件: 合格 {}、不合格 {failed}", tried - failed),
                Lang::En => format!("\n{tried} tried: {} ok, {failed} failed", tried - failed),
            }),
        }
    }

    fn json(&self) -> Json {
        let line = |line: &Line| json!({ "file": line.file, "line": line.line, "column": line.column, "message": line.message });
        let trial = |trial: &Tried| {
            json!({
                "name": trial.name, "ok": trial.differences.is_empty(), "generated": trial.name.starts_with("generated/"),
                "note": trial.note, "differences": trial.differences.iter().map(line).collect::<Vec<_>>(),
            })
        };
        let file = |file: &File| json!({ "file": file.path.display().to_string(), "playbook": file.playbook, "trials": file.trials.iter().map(trial).collect::<Vec<_>>() });
        json!({ "tried": self.tried(), "failed": self.failed(), "files": self.files.iter().map(file).collect::<Vec<_>>() })
    }

    /// As build servers read it (JUnit's XML, the form of Apache Ant).
    fn junit(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(xml, "<testsuites tests=\"{}\" failures=\"{}\">", self.tried(), self.failed());
        for file in &self.files {
            let took: Duration = file.trials.iter().map(|trial| trial.took).sum();
            let name = escaped(&file.path.display().to_string());
            let _ = writeln!(
                xml,
                "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{:.3}\">",
                file.trials.len(),
                file.failed(),
                took.as_secs_f64()
            );
            for trial in &file.trials {
                let (class, name) = (escaped(&file.playbook), escaped(&trial.name));
                let _ = write!(xml, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{:.3}\"", trial.took.as_secs_f64());
                let Some(first) = trial.differences.first() else {
                    xml.push_str("/>\n");
                    continue;
                };
                let all: Vec<String> = trial.differences.iter().map(Line::shown).collect();
                let _ = writeln!(xml, ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>", escaped(&first.message), escaped(&all.join("\n")));
            }
            xml.push_str("  </testsuite>\n");
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

impl File {
    fn failed(&self) -> usize {
        self.trials.iter().filter(|trial| !trial.differences.is_empty()).count()
    }
}

/// A text in XML; signs that XML cannot have are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            sign if sign < ' ' || matches!(sign, '\u{fffe}' | '\u{ffff}') => {}
            sign => escaped.push(sign),
        }
    }
    escaped
}
