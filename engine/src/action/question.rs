//! Questions to people, and their answers: plain data, and whether an answer fits.
//!
//! May use: types of the language, moves of pages. Must not: evaluate what a person wrote, hold the value of a secret.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rows::read_dates;
use crate::backend::checklist::Move;
use crate::backend::{BackendError, Class, code_info};
use crate::dsl::{FileRef, Type, fold, read_scalar};
use crate::secret::SecretRef;
use crate::text::Text;

/// A question to a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub ask: Text,
    /// Role of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Where it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Text>,
    /// Checklist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Text>,
    /// The moves that the checklist says in words, where it is about the pages of a portal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// Secrets that are typed into the page; their values are shown at a terminal only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reveals: Vec<Reveal>,
    /// Values to give with the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<QuestionField>,
    /// Columns of a list, all of whose rows are given with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<QuestionField>>,
    /// The file that is saved before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileWanted>,
    /// Evidence must be given (a sentence, a file).
    #[serde(default)]
    pub evidence: bool,
    /// The evidence must be a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evidence_file: bool,
    /// What else can be answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// The person is asked to change something: the intent is on disk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acts: bool,
    /// No answer counts after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A value that an answer holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuestionField {
    /// Its name.
    pub name: String,
    /// Its type as written in documents; of a list every line is one value, of a secret the answer holds `vault:<id>`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its title: the label on the screen, or words for people.
    pub title: Text,
    /// A value that fits, for rehearsals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Words of an enum with the texts of the screen that mean them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub means: Vec<(String, Vec<String>)>,
}

/// A secret that a person types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reveal {
    /// Name of the parameter.
    pub name: String,
    /// The label of its field on the page.
    pub label: String,
    /// `vault:<id>`, or the name of a declared secret that lies elsewhere.
    pub secret: String,
}

/// A file that a person's browser saves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWanted {
    /// Its name fits this pattern.
    pub pattern: String,
    /// The file in the archive, where what is saved is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// Files that are older are not it.
    pub since: Timestamp,
}

/// Something that can be in the way, and the code it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its name in `--problem`.
    pub name: String,
    /// What the person sees.
    pub say: Text,
    /// The code it means.
    pub code: String,
}

/// A person's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Yes, it is so, it was done; or no.
    pub yes: bool,
    /// The problem that was met; then `yes` is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Values by field name, as typed and folded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Rows of a list: values by column name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<BTreeMap<String, String>>>,
    /// Evidence in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Evidence as files, kept by their digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRef>,
    /// Who answered: the name given (a claim) and the OS account.
    pub by: String,
    /// The OS account.
    pub account: String,
    /// When.
    pub at: Timestamp,
    /// The number of the event that put the question; journals from before it stood here say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
}

/// A question with the answer that was taken for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The question as it was put.
    pub question: Question,
    /// The answer.
    pub answer: Answer,
}

impl QuestionField {
    /// Its type.
    pub fn of_type(&self) -> Type {
        Type::parse(&self.ty).unwrap_or(Type::String)
    }

    /// Whether its value is a secret, which no answer holds.
    pub fn is_secret(&self) -> bool {
        self.of_type().required().is_secret()
    }

    /// Whether it may be left out.
    pub fn is_optional(&self) -> bool {
        self.of_type().is_optional()
    }

    /// What was typed, folded by its type: full-width digits, the screen's word for an enum, the page's way to write a day.
    pub fn fold(&self, typed: &str) -> String {
        let ty = self.of_type();
        let one = |ty: &Type, text: &str| {
            let text = text.trim();
            let known = self.means.iter().find(|(_, texts)| texts.iter().any(|known| fold(&Type::Ascii, known) == fold(&Type::Ascii, text)));
            match (known, ty.required()) {
                (Some((word, _)), _) => word.clone(),
                (None, Type::Date) => read_dates(text).first().map_or_else(|| fold(ty, text), ToString::to_string),
                (None, _) => fold(ty, text),
            }
        };
        match ty.required() {
            Type::List(inner) => typed.lines().map(|line| one(inner, line)).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"),
            ty => one(ty, typed),
        }
    }

    /// Whether a folded value is one of its type.
    pub fn fits(&self, value: &str) -> bool {
        match self.of_type().required() {
            ty if ty.is_secret() => SecretRef::parse(value).is_some(),
            Type::List(inner) => value.lines().all(|line| read_scalar(inner, line).is_ok()),
            ty => read_scalar(ty, value).is_ok(),
        }
    }

    fn checked(&self, given: Option<&String>) -> Result<(), Text> {
        let given = match given.filter(|given| !given.is_empty()) {
            Some(given) => given,
            None if self.is_optional() => return Ok(()),
            None => return Err(Text::new(format!("{}({})が入力されていません。", self.title.ja, self.name), format!("field `{}` is missing.", self.name))),
        };
        if self.fits(given) {
            return Ok(());
        }
        if self.means.is_empty() {
            return Err(Text::new(
                format!("{}({})は {} の形で入れてください。", self.title.ja, self.name, self.ty),
                format!("field `{}` must be {}.", self.name, self.ty),
            ));
        }
        let shown: Vec<&str> = self.means.iter().flat_map(|(_, texts)| texts.iter().map(String::as_str)).collect();
        Err(Text::new(
            format!("{}({})は「{}」のどれかを入れてください。", self.title.ja, self.name, shown.join("」「")),
            format!("field `{}` must be one of {}.", self.name, shown.join(", ")),
        ))
    }
}

impl Question {
    /// The answer with its values folded by their types.
    pub fn folded(&self, mut answer: Answer) -> Answer {
        for field in self.fields.iter().filter(|field| !field.is_secret()) {
            if let Some(typed) = answer.fields.get_mut(&field.name) {
                *typed = field.fold(typed);
            }
        }
        let columns = self.rows.as_deref().unwrap_or_default();
        for row in answer.rows.iter_mut().flatten() {
            for column in columns {
                if let Some(typed) = row.get_mut(&column.name) {
                    *typed = column.fold(typed);
                }
            }
        }
        answer
    }

    /// Whether an answer fits: in time; a known problem; or every field there and of its type, evidence where it is asked for.
    ///
    /// # Errors
    /// What does not fit, one sentence.
    pub fn accepts(&self, answer: &Answer) -> Result<(), Text> {
        if self.until.is_some_and(|until| answer.at > until) {
            return Err(Text::new("答えの期限が過ぎています。期限を過ぎても承認にはなりません。", "it is too late to answer; lapsing is no approval."));
        }
        if let Some(problem) = &answer.problem {
            if self.problems.iter().any(|known| known.name == *problem) {
                return Ok(());
            }
            let known: Vec<&str> = self.problems.iter().map(|known| known.name.as_str()).collect();
            return Err(Text::new(
                format!("困りごと {problem} はありません。選べるもの: {}", known.join("、")),
                format!("there is no problem `{problem}`; there are: {}", known.join(", ")),
            ));
        }
        if !answer.yes {
            return Ok(());
        }
        let words = answer.evidence.as_deref().is_some_and(|words| !words.trim().is_empty());
        if self.evidence_file && answer.files.is_empty() {
            return Err(Text::new("証拠のファイル(写真など)を付けてください。", "give a file (such as a photo) as evidence."));
        }
        if self.evidence && !words && answer.files.is_empty() {
            return Err(Text::new("証拠(見たもの)を書いてください。", "say what was seen, as evidence."));
        }
        if let Some(unknown) = answer.fields.keys().find(|name| !self.fields.iter().any(|field| field.name == **name)) {
            return Err(Text::new(format!("{unknown} という項目はありません。"), format!("there is no field `{unknown}`.")));
        }
        self.fields.iter().try_for_each(|field| field.checked(answer.fields.get(&field.name)))?;
        match (&self.rows, &answer.rows) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Text::new("一覧の行を書いてください(無ければ「無い」)。", "give the rows of the list, or say that there are none.")),
            (Some(columns), Some(rows)) => rows.iter().try_for_each(|row| {
                if let Some(unknown) = row.keys().find(|name| !columns.iter().any(|column| column.name == **name)) {
                    return Err(Text::new(format!("一覧に {unknown} という列はありません。"), format!("the list has no column `{unknown}`.")));
                }
                columns.iter().try_for_each(|column| column.checked(row.get(&column.name)))
            }),
        }
    }
}

impl Answered {
    /// The error that an answer other than yes means.
    ///
    /// # Errors
    /// The code of the problem; `HUMAN.DECLINED`.
    pub fn done(&self) -> Result<(), BackendError> {
        let Answer { by, yes, problem, .. } = &self.answer;
        let words = self.answer.evidence.as_deref().unwrap_or_default();
        if let Some(problem) = problem.as_ref().and_then(|name| self.question.problems.iter().find(|known| known.name == *name)) {
            let class = code_info(&problem.code).map_or(if problem.code.starts_with("HUMAN.") { Class::Human } else { Class::Permanent }, |info| info.class);
            let say = &problem.say;
            let cause = Text::new(
                format!("{by} の答え: {} {words}", say.ja).trim_end().to_owned(),
                format!("{by} answered: {} {words}", say.get(crate::text::Lang::En)).trim_end().to_owned(),
            );
            return Err(BackendError::new(&problem.code, cause).class(class).with("shown", say.ja.clone()));
        }
        if *yes {
            return Ok(());
        }
        Err(BackendError::new("HUMAN.DECLINED", Text::new(format!("{by} が「いいえ」と答えました。{words}"), format!("{by} answered no. {words}"))))
    }

    /// What was seen and who says so, one line, for a proof. `None` without evidence.
    pub fn testimony(&self) -> Option<String> {
        let words = self.answer.evidence.iter().map(|words| words.trim().to_owned()).filter(|words| !words.is_empty());
        let files = self.answer.files.iter().map(|file| format!("{} sha256:{}", file.name, file.sha256));
        let all: Vec<String> = words.chain(files).collect();
        (!all.is_empty()).then(|| format!("{} ({}, {})", all.join("; "), self.answer.by, self.answer.account))
    }
}
