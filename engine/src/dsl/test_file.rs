//! `kirikae: test/1` to a [`TestFile`]: a base situation, and cases that change it and say what must come of it.
//!
//! A case is the base with its `given` put in place, decoded once more, so that every finding points at what was written.
//! May use: the reader. Must not: know the playbook beyond the kinds of its roles.

use std::collections::BTreeMap;

use super::reader::{Fields, Reader, decode_document};
use super::test::{Case, DECISIONS, Ending, Expect, OUTCOMES, TestFile};
use super::test_world::{SITUATION_KEYS, situation};
use super::{RoleKind, Type};
use crate::text::{Diagnostic, Entry, Kind, Node, Source, Spanned, Text};

pub(super) const KEYS: [&str; 10] = ["kirikae", "playbook", "title", "clock", "certs", "backends", "inputs", "answers", "vault", "cases"];
pub(super) const CASE_KEYS: [&str; 5] = ["title", "given", "answers", "faults", "expect"];
pub(super) const EXPECT_KEYS: [&str; 12] =
    ["result", "error", "at", "outcome", "decision", "calls", "has", "lacks", "outputs", "never_in_artifacts", "plan", "plan_only"];

/// Kinds of a playbook's roles by name.
pub type RoleKinds = BTreeMap<String, RoleKind>;

/// Reads a playbook test. `kinds_of` gives the roles of the playbook that it names, or says why it cannot.
///
/// # Errors
/// All findings: `YAML.*`, `DSL.*`, `TYPE.*`, those of `kinds_of`.
pub fn decode_test(source: &Source, kinds_of: impl FnOnce(&Spanned<String>) -> Result<RoleKinds, Diagnostic>) -> Result<TestFile, Vec<Diagnostic>> {
    decode_document(source, "test", &KEYS, |reader, fields| {
        let node = reader.need(&fields, "playbook")?;
        let playbook = Spanned::new(reader.document_id(node)?, node.span);
        let kinds = match kinds_of(&playbook) {
            Ok(kinds) => kinds,
            Err(finding) => {
                reader.found.push(finding);
                return None;
            }
        };
        fields.get("title").map(|title| reader.text(title));
        let written = of_base(&fields);
        let base = situation(reader, &written, &kinds);
        let mut cases = vec![];
        for entry in fields.get("cases").and_then(|node| reader.entries(node)).unwrap_or_default() {
            let fits = reader.name(&entry.key);
            cases.extend(case(reader, entry, &written, &kinds).filter(|_| fits));
        }
        Some(TestFile { playbook, base: base?, cases, source: reader.source.clone() })
    })
}

/// The keys of a situation, as a mapping of its own.
fn of_base(fields: &Fields<'_>) -> Node {
    let entries = SITUATION_KEYS.iter().filter_map(|key| Some(Entry { key: fields.key(key)?.clone(), value: fields.get(key)?.clone() }));
    Node { kind: Kind::Map(entries.collect()), span: fields.span() }
}

fn case(reader: &mut Reader<'_>, entry: &Entry, base: &Node, kinds: &RoleKinds) -> Option<Case> {
    let fields = reader.map(&entry.value, &CASE_KEYS)?;
    let title = fields.get("title").and_then(|node| reader.text(node));
    let mut world = base.clone();
    for given in fields.get("given").and_then(|node| reader.entries(node)).unwrap_or_default() {
        let first = given.key.value.split('.').next().unwrap_or_default();
        let path = if SITUATION_KEYS.contains(&first) { given.key.value.clone() } else { format!("backends.{}", given.key.value) };
        put(&mut world, &path, given);
    }
    for answer in fields.get("answers").and_then(|node| reader.entries(node)).unwrap_or_default() {
        put_at(&mut world, &["answers", &answer.key.value], answer);
    }
    if let (Some(key), Some(faults)) = (fields.key("faults"), fields.get("faults")) {
        put_at(&mut world, &["faults"], &Entry { key: key.clone(), value: faults.clone() });
    }
    let situation = situation(reader, &world, kinds);
    let expect = match fields.get("expect") {
        Some(node) => expect(reader, node),
        None => Some(Expect::default()),
    };
    Some(Case { name: entry.key.clone(), title, situation: situation?, expect: expect? })
}

/// Sets the value at a dotted path; of a key that has dots itself (a file's name) the longest that is there is meant.
fn put(node: &mut Node, path: &str, given: &Entry) {
    let Kind::Map(entries) = &mut node.kind else { return };
    let known = entries.iter().position(|entry| path == entry.key.value || path.strip_prefix(&entry.key.value).is_some_and(|rest| rest.starts_with('.')));
    match (known, path.split_once('.')) {
        (Some(at), _) if entries[at].key.value == path => entries[at].value = given.value.clone(),
        (Some(at), _) => {
            let rest = path[entries[at].key.value.len() + 1..].to_owned();
            put(&mut entries[at].value, &rest, given);
        }
        (None, None) => entries.push(Entry { key: Spanned::new(path.to_owned(), given.key.span), value: given.value.clone() }),
        (None, Some((first, rest))) => {
            let mut inner = Node { kind: Kind::Map(vec![]), span: given.value.span };
            put(&mut inner, rest, given);
            entries.push(Entry { key: Spanned::new(first.to_owned(), given.key.span), value: inner });
        }
    }
}

fn put_at(node: &mut Node, path: &[&str], given: &Entry) {
    let (Kind::Map(entries), Some((first, rest))) = (&mut node.kind, path.split_first()) else { return };
    let at = entries.iter().position(|entry| entry.key.value == *first).unwrap_or_else(|| {
        let empty = Node { kind: Kind::Map(vec![]), span: given.value.span };
        entries.push(Entry { key: Spanned::new((*first).to_owned(), given.key.span), value: empty });
        entries.len() - 1
    });
    if rest.is_empty() {
        entries[at] = Entry { key: given.key.clone(), value: given.value.clone() };
    } else {
        put_at(&mut entries[at].value, rest, given);
    }
}

fn expect(reader: &mut Reader<'_>, node: &Node) -> Option<Expect> {
    let fields = reader.map(node, &EXPECT_KEYS)?;
    let result = fields.get("result").and_then(|node| Some(Spanned::new(reader.word(node, &Ending::WORDS)?, node.span)));
    let error = fields.get("error").and_then(|node| code(reader, node));
    let calls = fields.get("calls").and_then(|node| reader.entries(node)).unwrap_or_default();
    let calls = calls.iter().filter_map(|entry| Some((entry.key.clone(), Spanned::new(reader.count(&entry.value)?, entry.value.span)))).collect();
    let outputs = fields.get("outputs").and_then(|node| reader.entries(node)).unwrap_or_default();
    let outputs = outputs.iter().filter_map(|entry| Some((entry.key.clone(), spanned(reader, &entry.value)?))).collect();
    let never = fields.get("never_in_artifacts").map(|node| reader.list(node)).unwrap_or_default();
    if let Some(node) = fields.get("plan") {
        reader.word(node, &[("snapshot", ())]);
    }
    Some(Expect {
        result,
        error,
        at: fields.get("at").and_then(|node| spanned(reader, node)),
        outcome: words(reader, &fields, "outcome", &OUTCOMES),
        decision: words(reader, &fields, "decision", &DECISIONS),
        calls,
        has: lists(reader, &fields, "has"),
        lacks: lists(reader, &fields, "lacks"),
        outputs,
        never_in_artifacts: never.iter().filter_map(|node| spanned(reader, node)).collect(),
        snapshot: fields.get("plan").map(|node| node.span),
        plan_only: fields.get("plan_only").and_then(|node| reader.flag(node)).unwrap_or(false),
    })
}

fn words(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, known: &[&str]) -> Vec<(Spanned<String>, Spanned<String>)> {
    let entries = fields.get(key).and_then(|node| reader.entries(node)).unwrap_or_default();
    let known: Vec<(&str, String)> = known.iter().map(|word| (*word, (*word).to_owned())).collect();
    entries.iter().filter_map(|entry| Some((entry.key.clone(), Spanned::new(reader.word(&entry.value, &known)?, entry.value.span)))).collect()
}

fn lists(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<(Spanned<String>, Vec<Spanned<String>>)> {
    let entries = fields.get(key).and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut all = vec![];
    for entry in entries {
        let names = reader.one_or_list(&entry.value).iter().filter_map(|node| spanned(reader, node)).collect();
        all.push((entry.key.clone(), names));
    }
    all
}

/// A text with its place.
pub(super) fn spanned(reader: &mut Reader<'_>, node: &Node) -> Option<Spanned<String>> {
    match reader.value(&Type::String, node)? {
        super::Value::Str(text) => Some(Spanned::new(text, node.span)),
        _ => None,
    }
}

/// A code, `AREA.CAUSE`.
pub(super) fn code(reader: &mut Reader<'_>, node: &Node) -> Option<Spanned<String>> {
    let code = spanned(reader, node)?;
    let part =
        |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase()) && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if code.value.split_once('.').is_some_and(|(area, cause)| part(area) && part(cause)) {
        return Some(code);
    }
    let what = Text::new(format!("「{}」はコードの形ではありません。", code.value), format!("`{}` is not the form of a code.", code.value));
    reader.error("DSL.BAD_CODE", node.span, what).cure.push(Text::new("PORTAL.BUSY のように書いてください。", "write it like PORTAL.BUSY."));
    None
}
