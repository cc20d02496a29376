//! What a step does about errors, as it is written: `retry` and `rescue` (`language.md` 8).
//!
//! May use: the reader. Must not: look names or codes up.

use std::time::Duration;

use super::playbook::cites;
use super::playbook_step::{StepSpec, Words, inner_steps};
use super::reader::{Fields, Reader};
use crate::backend::profile::Then;
use crate::check::Cite;
use crate::text::{Entry, Node, Span, Spanned, Text};

pub(super) const RETRY_KEYS: [&str; 3] = ["errors", "times", "wait"];
pub(super) const ROW_KEYS: [&str; 7] = ["cite", "say", "do", "then", "times", "give", "ask_again"];

/// A step is tried again at most so often.
pub(crate) const MOST_TIMES: u32 = 100;
/// The longest wait between two tries; waits are doubled up to it.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// `retry` as written.
#[derive(Clone, Debug)]
pub(crate) struct RetrySpec {
    /// The keyword.
    pub(crate) key: Span,
    /// Codes.
    pub(crate) errors: Vec<Spanned<String>>,
    /// Tries after the first.
    pub(crate) times: u32,
    /// The longest first wait.
    pub(crate) wait: Duration,
}

/// A row of `rescue` as written.
#[derive(Clone, Debug)]
pub(crate) struct RescueSpec {
    /// The code that it is for.
    pub(crate) code: Spanned<String>,
    /// Manual sections.
    pub(crate) cite: Vec<Spanned<Cite>>,
    /// What to tell people.
    pub(crate) say: Words,
    /// Steps that come first.
    pub(crate) steps: Vec<StepSpec>,
    /// How it goes on.
    pub(crate) then: Spanned<Then>,
    /// How often a step is run again by this row.
    pub(crate) times: u32,
    /// Outputs of a step that counts as done.
    pub(crate) give: Vec<Entry>,
    /// Secrets that are asked for again.
    pub(crate) ask_again: Vec<Spanned<String>>,
}

/// Reads `retry:`.
pub(super) fn retry(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<RetrySpec> {
    let (key, node) = (fields.key("retry")?.span, fields.get("retry")?);
    let fields = reader.map(node, &RETRY_KEYS)?;
    let errors = reader.need(&fields, "errors").map(|node| codes(reader, node));
    let times = reader.need(&fields, "times").and_then(|node| times(reader, node));
    let wait = reader.need(&fields, "wait").and_then(|node| Some((node.span, reader.duration(node)?)));
    if let Some((span, wait)) = wait
        && wait > LONGEST_WAIT
    {
        let what = Text::new("wait は 15m までです。", "`wait` is at most 15m.");
        let cure = Text::new("長く待つところは、見るだけの手順の repeat にしてください。", "for longer waits, use `repeat` on a step that reads.");
        reader.error("DSL.RETRY_TIMES", span, what).cure.push(cure);
    }
    Some(RetrySpec { key, errors: errors?, times: times?, wait: wait?.1 })
}

/// Reads `rescue:`.
pub(super) fn rescue(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<RescueSpec> {
    let entries = fields.get("rescue").and_then(|node| reader.entries(node)).unwrap_or_default();
    entries.iter().filter_map(|entry| row(reader, &entry.key, &entry.value)).collect()
}

fn row(reader: &mut Reader<'_>, code: &Spanned<String>, node: &Node) -> Option<RescueSpec> {
    let fields = reader.map(node, &ROW_KEYS)?;
    let say = reader.need(&fields, "say").and_then(|node| Words::read(reader, node));
    let words = Then::ALL.map(|then| (then.word(), then));
    let then = reader.need(&fields, "then").and_then(|node| Some(Spanned::new(reader.word(node, &words)?, node.span)));
    let steps = fields.get("do").map(|node| inner_steps(reader, node)).unwrap_or_default();
    let given_times = fields.get("times").and_then(|node| times(reader, node));
    let give = fields.get("give").and_then(|node| reader.entries(node)).unwrap_or_default().to_vec();
    let ask_again = fields.get("ask_again").map(|node| codes(reader, node)).unwrap_or_default();
    let cite = cites(reader, &fields);
    let then = then?;
    for (key, goes_with) in [("times", Then::Retry), ("ask_again", Then::Retry), ("give", Then::Resume)] {
        if let Some(written) = fields.key(key).filter(|_| then.value != goes_with) {
            let (ends, wanted) = (then.value.word(), goes_with.word());
            let what = Text::new(
                format!("{key} は then: {wanted} の行にだけ書けます(ここは {ends} です)。"),
                format!("`{key}` belongs to rows with `then: {wanted}`; this one has `{ends}`."),
            );
            let cure = Text::new(format!("{key} を消すか、then を {wanted} にしてください。"), format!("leave `{key}` out, or write `then: {wanted}`."));
            reader.error("DSL.RESCUE_FORM", written.span, what).cure.push(cure);
        }
    }
    Some(RescueSpec { code: code.clone(), cite, say: say?, steps, then, times: given_times.unwrap_or(1), give, ask_again })
}

fn codes(reader: &mut Reader<'_>, node: &Node) -> Vec<Spanned<String>> {
    let items = reader.list(node);
    if items.is_empty() && matches!(node.kind, crate::text::Kind::List(_)) {
        let what = Text::new("並びに1つも書かれていません。", "the list is empty.");
        reader.error("DSL.EMPTY", node.span, what);
    }
    items.iter().filter_map(|item| Some(Spanned::new(reader.string(item)?, item.span))).collect()
}

fn times(reader: &mut Reader<'_>, node: &Node) -> Option<u32> {
    let times = reader.count(node)?;
    if (1..=MOST_TIMES).contains(&times) {
        return Some(times);
    }
    let what = Text::new(format!("times は 1 から {MOST_TIMES} までです。"), format!("`times` is from 1 to {MOST_TIMES}."));
    let cure = Text::new("はじめの1回は数えません。", "the first try is not counted.");
    reader.error("DSL.RETRY_TIMES", node.span, what).cure.push(cure);
    None
}
