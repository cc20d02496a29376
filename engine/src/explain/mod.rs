//! The story of every code: what it means, what kirikae did and did not do, what to do; for documents with a wrong and a right example.
//!
//! The stories stand in the YAML files of this folder, one per area of codes, in the form that [`stories`] reads; they are compiled in.
//! Class and cure of a code of [`ERROR_CODES`] come from that table. A test makes sure that every code has a story and that the examples are
//! what they say.
//!
//! May use: text, the table of codes. Must not: know commands.

use crate::backend::{Class, ERROR_CODES, code_info};
use crate::dsl::reader::nearest;
use crate::text::{Diagnostic, Kind, Node, Source, Text, Tree};

const FILES: &[(&str, &str)] = &[
    ("explain/yaml.yaml", include_str!("yaml.yaml")),
    ("explain/document.yaml", include_str!("document.yaml")),
    ("explain/check.yaml", include_str!("check.yaml")),
    ("explain/rules.yaml", include_str!("rules.yaml")),
    ("explain/expr.yaml", include_str!("expr.yaml")),
    ("explain/profile.yaml", include_str!("profile.yaml")),
    ("explain/site.yaml", include_str!("site.yaml")),
    ("explain/test.yaml", include_str!("test.yaml")),
    ("explain/step.yaml", include_str!("step.yaml")),
    ("explain/command.yaml", include_str!("command.yaml")),
];

/// What a code means.
#[derive(Clone, Debug)]
pub struct Story {
    /// `AREA.CAUSE`
    pub code: String,
    /// One line.
    pub title: Text,
    /// A few sentences.
    pub story: Text,
    /// Who acts, for codes that end a step.
    pub class: Option<Class>,
    /// What to do, where the story does not say it.
    pub cure: Option<Text>,
    /// For findings in documents.
    pub example: Option<Example>,
}

/// A piece of a document that raises the code, and the same piece as it should be.
#[derive(Clone, Debug)]
pub struct Example {
    /// What the pieces are part of.
    pub part: Part,
    /// Raises the code. For files that are no text: their bytes in hexadecimal.
    pub wrong: String,
    /// Does not.
    pub right: String,
}

/// What an example is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Top-level keys of a playbook.
    Playbook,
    /// The value of a step's `when`.
    When,
    /// Top-level keys of a portal profile.
    Portal,
    /// Top-level keys of a site file.
    Site,
    /// Top-level keys of the catalogue of manuals.
    Sources,
    /// Top-level keys of a playbook test.
    Test,
    /// A whole file.
    File,
    /// The bytes of a whole file, the wrong one in hexadecimal.
    Bytes,
    /// A file whose size matters: the example says how it is made (`x * 2000000`).
    Size,
}

impl Part {
    const WORDS: [(&'static str, Part); 9] = [
        ("playbook", Part::Playbook),
        ("when", Part::When),
        ("portal", Part::Portal),
        ("site", Part::Site),
        ("sources", Part::Sources),
        ("test", Part::Test),
        ("file", Part::File),
        ("bytes", Part::Bytes),
        ("size", Part::Size),
    ];
}

/// All stories in the order of their codes.
pub fn stories() -> Vec<Story> {
    let mut all: Vec<Story> = FILES.iter().filter_map(|(name, text)| Tree::read(&Source::new(*name, *text)).root).flat_map(|root| of_file(&root)).collect();
    all.sort_by(|a, b| a.code.cmp(&b.code));
    all
}

/// The story of a code.
pub fn story(code: &str) -> Option<Story> {
    stories().into_iter().find(|story| story.code == code)
}

/// The code that is meant by a misspelt one.
pub fn nearest_code<'s>(wanted: &str, all: &'s [Story]) -> Option<&'s str> {
    let codes = || all.iter().map(|story| story.code.as_str());
    let area = |code: &str| code.split('.').next().unwrap_or_default().to_owned();
    nearest(wanted, codes().filter(|code| area(code) == area(wanted))).or_else(|| nearest(wanted, codes()))
}

/// What is wrong with the YAML of the stories themselves; nothing.
pub fn findings() -> Vec<Diagnostic> {
    FILES.iter().flat_map(|(name, text)| Tree::read(&Source::new(*name, *text)).findings).collect()
}

/// Codes of [`ERROR_CODES`] that have no story.
pub fn untold() -> Vec<&'static str> {
    let told = stories();
    ERROR_CODES.iter().map(|info| info.code).filter(|code| !told.iter().any(|story| story.code == *code)).collect()
}

fn of_file(root: &Node) -> Vec<Story> {
    let Kind::Map(entries) = &root.kind else { return vec![] };
    entries.iter().filter_map(|entry| read(&entry.key.value, &entry.value)).collect()
}

fn read(code: &str, node: &Node) -> Option<Story> {
    let word = |node: &Node, key: &str| Some(node.get(key)?.scalar()?.text.trim_end_matches('\n').to_owned());
    let text = |node: &Node| Some(Text::new(word(node, "ja")?, word(node, "en")?));
    let info = code_info(code);
    let title = node.get("title").and_then(text).or_else(|| info.map(|info| info.title.into()))?;
    let example = word(node, "wrong").zip(word(node, "right")).map(|(wrong, right)| {
        let part = word(node, "in").and_then(|name| Part::WORDS.iter().find(|(word, _)| *word == name)).map_or(Part::Playbook, |(_, part)| *part);
        Example { part, wrong, right }
    });
    Some(Story { code: code.to_owned(), title, story: text(node)?, class: info.map(|info| info.class), cure: info.map(|info| info.cure.into()), example })
}
