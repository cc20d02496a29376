//! The steps of a playbook as they are written.
//!
//! May use: the reader. Must not: look names up.

use std::time::Duration;

use super::playbook::cites;
use super::playbook_rescue::{RescueSpec, RetrySpec, rescue, retry};
use super::reader::{Fields, Reader, shortened};
use crate::check::{Cite, EndsAs};
use crate::text::{Entry, Kind, Node, Scalar, Span, Spanned, Text};

pub(super) const STEP_KEYS: [&str; 12] = ["title", "cite", "uses", "with", "needs", "when", "require", "expect", "retry", "repeat", "deadline", "rescue"];
/// Steps of a `do` stand in their order and have no rows of their own.
pub(super) const INNER_KEYS: [&str; 10] = ["title", "cite", "uses", "with", "when", "require", "expect", "retry", "repeat", "deadline"];

/// A text that holds an expression, with its place.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The text.
    pub(crate) scalar: Scalar,
    /// Where it stands, with its quotes.
    pub(crate) span: Span,
}

impl Written {
    /// Takes a single text.
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Self> {
        Some(Self { scalar: reader.scalar(node)?.clone(), span: node.span })
    }
}

/// Words for people with expressions in them.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// Japanese.
    pub(crate) ja: Written,
    /// English.
    pub(crate) en: Option<Written>,
}

impl Words {
    /// Takes a text, or `{ ja, en }`.
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            return Some(Self { ja: Written::read(reader, node)?, en: None });
        }
        let fields = reader.map(node, &["ja", "en"])?;
        let ja = reader.need(&fields, "ja").and_then(|node| Written::read(reader, node))?;
        Some(Self { ja, en: fields.get("en").and_then(|node| Written::read(reader, node)) })
    }
}

/// What a step uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uses {
    /// `cert.find@1`
    Action(String, u32),
    /// `playbook:common/install-p12@1`
    Playbook(String, u32),
}

/// A step as written.
#[derive(Clone, Debug)]
pub(crate) struct StepSpec {
    /// Its id.
    pub(crate) id: Spanned<String>,
    /// Title.
    pub(crate) title: Text,
    /// Manual sections.
    pub(crate) cite: Vec<Spanned<Cite>>,
    /// What it uses; `None` if it could not be read.
    pub(crate) uses: Option<Spanned<Uses>>,
    /// Inputs.
    pub(crate) with: Vec<Entry>,
    /// Steps it waits for instead of the one above.
    pub(crate) needs: Option<Vec<Spanned<String>>>,
    /// Condition.
    pub(crate) when: Option<Written>,
    /// Before.
    pub(crate) require: Vec<GuardSpec>,
    /// After.
    pub(crate) expect: Vec<GuardSpec>,
    /// Trying again after an error.
    pub(crate) retry: Option<RetrySpec>,
    /// Asking again.
    pub(crate) repeat: Option<RepeatSpec>,
    /// The latest time to start.
    pub(crate) deadline: Option<Written>,
    /// Rows for errors.
    pub(crate) rescue: Vec<RescueSpec>,
}

/// An item of `require` or `expect` as written.
#[derive(Clone, Debug)]
pub(crate) struct GuardSpec {
    /// What must hold.
    pub(crate) that: Written,
    /// What to say otherwise.
    pub(crate) say: Words,
    /// The playbook's own code.
    pub(crate) code: Option<String>,
    /// How the run ends then.
    pub(crate) then: EndsAs,
}

/// `repeat` as written.
#[derive(Clone, Debug)]
pub(crate) struct RepeatSpec {
    /// The keyword.
    pub(crate) key: Span,
    /// Ends it.
    pub(crate) until: Written,
    /// First distance.
    pub(crate) every: Duration,
    /// Last distance.
    pub(crate) slow_to: Duration,
    /// Longest time.
    pub(crate) within: Duration,
}

/// Reads `steps:`.
pub(super) fn steps(reader: &mut Reader<'_>, node: &Node) -> Vec<StepSpec> {
    let Some(entries) = reader.entries(node) else { return vec![] };
    if entries.is_empty() {
        let what = Text::new("steps に手順が1つもありません。", "`steps` has no step.");
        reader.error("DSL.EMPTY", node.span, what);
    }
    listed(reader, entries, &STEP_KEYS)
}

/// Reads `do:`.
pub(super) fn inner_steps(reader: &mut Reader<'_>, node: &Node) -> Vec<StepSpec> {
    let Some(entries) = reader.entries(node) else { return vec![] };
    listed(reader, entries, &INNER_KEYS)
}

fn listed(reader: &mut Reader<'_>, entries: &[Entry], keys: &[&str]) -> Vec<StepSpec> {
    entries
        .iter()
        .map(|entry| {
            reader.name(&entry.key);
            step(reader, &entry.key, &entry.value, keys)
        })
        .collect()
}

fn step(reader: &mut Reader<'_>, id: &Spanned<String>, node: &Node, keys: &[&str]) -> StepSpec {
    let id = id.clone();
    let fields = match &node.kind {
        Kind::Map(entries) if entries.is_empty() => None,
        _ => reader.map(node, keys),
    };
    let Some(fields) = fields else {
        return StepSpec {
            id,
            title: Text::default(),
            cite: vec![],
            uses: None,
            with: vec![],
            needs: None,
            when: None,
            require: vec![],
            expect: vec![],
            retry: None,
            repeat: None,
            deadline: None,
            rescue: vec![],
        };
    };
    StepSpec {
        title: reader.need(&fields, "title").and_then(|node| reader.text(node)).unwrap_or_default(),
        cite: cites(reader, &fields),
        uses: reader.need(&fields, "uses").and_then(|node| uses(reader, node)),
        with: fields.get("with").and_then(|node| reader.entries(node)).unwrap_or_default().to_vec(),
        needs: fields.get("needs").map(|node| {
            let items = reader.list(node);
            items.iter().filter_map(|item| Some(Spanned::new(reader.string(item)?, item.span))).collect()
        }),
        when: fields.get("when").and_then(|node| Written::read(reader, node)),
        require: guards(reader, &fields, "require"),
        expect: guards(reader, &fields, "expect"),
        retry: retry(reader, &fields),
        repeat: repeat(reader, &fields),
        deadline: fields.get("deadline").and_then(|node| Written::read(reader, node)),
        rescue: rescue(reader, &fields),
        id,
    }
}

/// `name@major`, `playbook:id@major`.
fn uses(reader: &mut Reader<'_>, node: &Node) -> Option<Spanned<Uses>> {
    let text = reader.string(node)?;
    let parsed = text.rsplit_once('@').and_then(|(name, major)| {
        let major = major.parse::<u32>().ok().filter(|number| *number > 0 && number.to_string() == major)?;
        Some(match name.strip_prefix("playbook:") {
            Some(id) => Uses::Playbook(id.to_owned(), major),
            None => Uses::Action(name.to_owned(), major),
        })
    });
    if parsed.is_none() {
        let shown = shortened(&text);
        let what = Text::new(format!("「{shown}」に版の番号がありません。"), format!("`{shown}` has no version number."));
        let cure = Text::new(
            "cert.find@1 や playbook:common/install-p12@1 のように、@ と版を付けてください。",
            "add @ and the version: cert.find@1, playbook:common/install-p12@1.",
        );
        reader.error("DSL.USES_FORM", node.span, what).cure.push(cure);
    }
    Some(Spanned::new(parsed?, node.span))
}

fn guards(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<GuardSpec> {
    let items = fields.get(key).map(|node| reader.list(node)).unwrap_or_default();
    items.iter().filter_map(|node| guard(reader, node)).collect()
}

fn guard(reader: &mut Reader<'_>, node: &Node) -> Option<GuardSpec> {
    let fields = reader.map(node, &["that", "say", "code", "then"])?;
    let that = reader.need(&fields, "that").and_then(|node| Written::read(reader, node));
    let say = reader.need(&fields, "say").and_then(|node| Words::read(reader, node));
    let code = fields.get("code").and_then(|node| own_code(reader, node));
    let then = fields.get("then").and_then(|node| reader.word(node, &[("stop", EndsAs::Stop), ("finish", EndsAs::Finish)]));
    Some(GuardSpec { that: that?, say: say?, code, then: then.unwrap_or(EndsAs::Stop) })
}

/// A code of the playbook's own, `AREA.CAUSE`.
fn own_code(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let code = reader.string(node)?;
    let part =
        |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase()) && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if code.split_once('.').is_some_and(|(area, cause)| part(area) && part(cause)) {
        return Some(code);
    }
    let what = Text::new(format!("「{}」はコードの形ではありません。", shortened(&code)), format!("`{}` is no code.", shortened(&code)));
    reader.error("DSL.BAD_CODE", node.span, what).cure.push(Text::new("CERT.NOT_MINE のように書いてください。", "write it like CERT.NOT_MINE."));
    None
}

fn repeat(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<RepeatSpec> {
    let (key, node) = (fields.key("repeat")?.span, fields.get("repeat")?);
    let fields = reader.map(node, &["until", "every", "slow_to", "within"])?;
    let until = reader.need(&fields, "until").and_then(|node| Written::read(reader, node));
    let every = reader.need(&fields, "every").and_then(|node| reader.duration(node));
    let within = match fields.get("within") {
        Some(node) => reader.duration(node),
        None => {
            let what = Text::new("repeat に within がないので、いつまでも見直し続けます。", "`repeat` has no `within`: it would look again for ever.");
            let cure =
                Text::new("「within: 24h」のように、あきらめるまでの時間を加えてください。", "add the time after which to give up, such as `within: 24h`.");
            reader.error("DSL.REPEAT_UNBOUNDED", key, what).cure.push(cure);
            None
        }
    };
    let slow_to = fields.get("slow_to").and_then(|node| Some((node.span, reader.duration(node)?)));
    if let (Some(every), Some((span, slow_to))) = (every, slow_to)
        && slow_to < every
    {
        let what = Text::new("slow_to が every より短くなっています。", "`slow_to` is shorter than `every`.");
        reader.error("DSL.REPEAT_TIMES", span, what);
    }
    let every = every?;
    Some(RepeatSpec { key, until: until?, every, slow_to: slow_to.map_or(every, |(_, slow_to)| slow_to), within: within? })
}
