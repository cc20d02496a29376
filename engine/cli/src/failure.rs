//! Why a command could not do its work: code, cause, cure, exit code.

use jiff::tz::TimeZone;
use kirikae_engine::backend::BackendError;
use kirikae_engine::journal::{JournalError, PlaceError};
use kirikae_engine::plan::Moved;
use kirikae_engine::run::{InputProblem, NotReplaced, RunError};
use kirikae_engine::text::{Diagnostic, Lang, Sources, Text};
use serde_json::json;

use crate::exit;
use crate::globals::Format;
use crate::render::{diagnostic, drift};

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// One error.
    Coded {
        /// `AREA.CAUSE`
        code: String,
        /// What and why.
        cause: Text,
        /// What to do.
        cure: Text,
        /// Exit code.
        exit: u8,
    },
    /// Things are not as they were planned or begun.
    Moved {
        /// The error.
        error: Box<BackendError>,
        /// What moved.
        moved: Vec<Moved>,
    },
    /// Findings in documents.
    Findings(Box<Sources>, Vec<Diagnostic>),
    /// Inputs that do not fit.
    Inputs(Box<Sources>, Vec<InputProblem>),
    /// The reader of our output went away.
    Output,
}

impl Failure {
    /// A wrong usage or invalid document.
    pub fn usage(code: &str, cause: Text, cure: Text) -> Self {
        Self::Coded { code: code.to_owned(), cause, cure, exit: exit::USAGE }
    }

    /// The exit code.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Coded { exit, .. } => *exit,
            Self::Moved { error, .. } => exit_of(&error.code),
            Self::Findings(..) | Self::Inputs(..) => exit::USAGE,
            Self::Output => exit::DONE,
        }
    }

    /// Writes it to standard error, or as JSON to standard output.
    pub fn show(&self, lang: Lang, format: Format) {
        if format == Format::Json {
            crate::render::out(&self.json(lang).to_string());
            return;
        }
        let word = if lang == Lang::Ja { "エラー" } else { "error" };
        let cure_word = if lang == Lang::Ja { "直し方" } else { "cure" };
        match self {
            Self::Coded { code, cause, cure, .. } => {
                crate::render::err(&format!("{word} {code}  {}", cause.get(lang)));
                if !cure.get(lang).is_empty() {
                    crate::render::err(&format!("  {cure_word}: {}", cure.get(lang)));
                }
            }
            Self::Moved { error, moved } => {
                crate::render::err(&format!("{word} {}  {}", error.code, error.cause.get(lang)));
                drift::lines(moved, &TimeZone::UTC, lang).iter().for_each(|line| crate::render::err(&format!("  {line}")));
                crate::render::err(&format!("  {cure_word}: {}", error.cure.get(lang)));
            }
            Self::Findings(sources, findings) => crate::render::err(&diagnostic::text(sources, findings, lang)),
            Self::Inputs(sources, problems) => {
                for problem in problems {
                    crate::render::err(&format!("{word} {}  {}", problem.code, problem.what.get(lang)));
                    if let Some(place) = &problem.place
                        && let Some(source) = sources.get(&place.file)
                    {
                        let at = source.line_column(place.span.start);
                        crate::render::err(&format!("  --> {}:{}:{}", place.file, at.line, at.column));
                    }
                    if !problem.cure.get(lang).is_empty() {
                        crate::render::err(&format!("  {cure_word}: {}", problem.cure.get(lang)));
                    }
                }
            }
            Self::Output => {}
        }
    }

    fn json(&self, lang: Lang) -> serde_json::Value {
        match self {
            Self::Coded { code, cause, cure, .. } => json!({"errors": [{"code": code, "message": cause.get(lang), "cure": cure.get(lang)}]}),
            Self::Moved { error, moved } => {
                json!({"errors": [{"code": error.code, "message": error.cause.get(lang), "cure": error.cure.get(lang), "moved": moved}]})
            }
            Self::Findings(sources, findings) => json!({"errors": diagnostic::json(sources, findings, lang)}),
            Self::Inputs(_, problems) => {
                let problems: Vec<_> =
                    problems.iter().map(|problem| json!({"code": problem.code, "message": problem.what.get(lang), "cure": problem.cure.get(lang)})).collect();
                json!({"errors": problems})
            }
            Self::Output => json!({}),
        }
    }
}

fn exit_of(code: &str) -> u8 {
    match code {
        "PLAN.USED" | "PLAN.DRIFT" | "PLAN.EXPIRED" | "PLAN.EDITED" | "PLAN.ELSEWHERE" => exit::DRIFT,
        "RUN.ENDED" | "PLAN.UNREADABLE" => exit::USAGE,
        _ => exit::FAILED,
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        let moved = Moved::of_error(&error.data);
        if !moved.is_empty() {
            return Self::Moved { error: Box::new(error), moved };
        }
        Self::Coded { exit: exit_of(&error.code), code: error.code, cause: error.cause, cure: error.cure }
    }
}

impl From<NotReplaced> for Failure {
    fn from(refusal: NotReplaced) -> Self {
        match refusal {
            NotReplaced::Findings(sources, findings) => Self::Findings(sources, findings),
            NotReplaced::Refused(error) => error.into(),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Coded { exit: exit_of(&error.code), code: error.code, cause: error.cause, cure: error.cure }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        RunError::from(error).into()
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        RunError::from(error).into()
    }
}
