//! The spanned tree of a YAML document: raw texts, quoting, byte spans. Nothing is converted or guessed here.
//!
//! May use: the YAML library, of which only this file and [`super::yaml_error`] know. Must not: know what a document means.
#![expect(clippy::disallowed_types, reason = "only asked whether something is in it, never walked")]

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Options, Parser, Placement, ScalarStyle, Span as Range, StructureStyle};

use super::alignment::Alignment;
use super::{Diagnostic, Source, Span, Spanned, Text, traps, yaml_error};

/// A document is at most so big.
pub const MAX_BYTES: usize = 1 << 20;
/// Mappings and lists inside each other, at most.
const MAX_DEPTH: usize = 32;
/// Values and keys of a document, at most.
const MAX_NODES: usize = 50_000;
/// So many findings are kept; a file made to have more is refused all the same.
const MAX_KEPT: usize = 200;

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it is written; of a quoted text with its quotes.
    pub span: Span,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, not yet of any type.
    Scalar(Scalar),
    /// Values in order.
    List(Vec<Node>),
    /// Keys and values in file order; keys are unique.
    Map(Vec<Entry>),
    /// Something that was already reported; nobody complains about it again.
    Broken,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Spanned<String>,
    /// The value.
    pub value: Node,
}

/// A text as written, quotes and escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text.
    pub text: String,
    /// Written without quotes and not as a block.
    pub plain: bool,
    /// Where its characters stand in the file.
    alignment: Alignment,
}

impl Scalar {
    /// The place in the file of a range of bytes of [`Scalar::text`].
    pub fn place(&self, range: Span) -> Span {
        let start = self.alignment.locate(range.start);
        Span::new(start, self.alignment.locate(range.end).max(start))
    }
}

impl Node {
    /// The text, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Nothing, `~` or `null`: YAML's null, which is no value of the language.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value),
            _ => None,
        }
    }
}

/// A document as far as it could be read, and what is wrong with its YAML.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The document; `None` when nothing of it can be used.
    pub root: Option<Node>,
    /// Findings, codes `YAML.*`.
    pub findings: Vec<Diagnostic>,
}

impl Tree {
    /// Reads a document. Never panics; deep, big or broken input is a finding.
    pub fn read(source: &Source) -> Tree {
        if let Some(finding) = traps::unreadable(source) {
            return Tree { root: None, findings: vec![finding] };
        }
        if let Some(finding) = traps::directive(source) {
            return Tree { root: None, findings: vec![finding] };
        }
        let mut builder = Builder { source, findings: vec![], stack: vec![], root: None, nodes: 0, documents: 0, last: None };
        let whole = builder.read();
        let root = builder.root.take();
        Tree { root: if whole { root } else { None }, findings: builder.findings }
    }
}

enum Open {
    List { items: Vec<Node>, start: usize },
    Map { entries: Vec<Entry>, key: Option<Spanned<String>>, seen: HashMap<String, Span>, start: usize, flow: bool },
}

struct Builder<'s> {
    source: &'s Source,
    findings: Vec<Diagnostic>,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
    /// The last text without quotes, for comments that may have cut it.
    last: Option<(String, Span)>,
}

impl Builder<'_> {
    /// Reads all events; `false` if the tree cannot be used.
    fn read(&mut self) -> bool {
        let mut options = Options::default();
        options.emit_unresolved_aliases = true;
        options.emit_anchor_events = true;
        options.max_buffered_comment_events = MAX_BYTES;
        options.simple_key_max_lookahead = MAX_BYTES;
        options.flow_nesting_limit = MAX_DEPTH * 2;
        options.block_nesting_limit = MAX_DEPTH * 2;
        for item in Parser::new_from_str_with_options(&self.source.text, options) {
            let (event, range) = match item {
                Ok(item) => item,
                Err(error) => {
                    let finding = yaml_error::explain(self.source, &error);
                    // What was said about this line already, or about the blanks before the line above, is the reason.
                    let line = |finding: &Diagnostic| finding.place.as_ref().map_or(0, |place| self.source.line_column(place.span.start).line);
                    let told = |last: &Diagnostic| {
                        let distance = line(&finding).abs_diff(line(last));
                        distance == 0 || (distance == 1 && last.code == "YAML.FULLWIDTH_SPACE")
                    };
                    if !self.findings.last().is_some_and(told) {
                        self.findings.push(finding);
                    }
                    return false;
                }
            };
            if !self.take(event, self.span(&range), &range) {
                return false;
            }
        }
        true
    }

    /// Keeps a finding, unless there are more than anybody wants to read.
    fn find(&mut self, finding: impl FnOnce(&Source) -> Option<Diagnostic>) {
        if self.findings.len() < MAX_KEPT {
            self.findings.extend(finding(self.source));
        }
    }

    fn span(&self, range: &Range) -> Span {
        let end = self.source.text.len();
        let start = range.start.byte_offset().unwrap_or(end).min(end);
        Span::new(start, range.end.byte_offset().unwrap_or(start).clamp(start, end))
    }

    fn take(&mut self, event: Event<'_>, span: Span, range: &Range) -> bool {
        if let Some(tag) = range.tag_span() {
            let tag = self.span(&tag);
            self.find(|source| Some(traps::tag(source, tag)));
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.findings.push(traps::second_document(self.source, span));
                    return false;
                }
            }
            Event::Comment(text, Placement::Right) => {
                if let Some((before, at)) = self.last.take() {
                    self.find(|source| traps::cut_by_comment(source, &before, at, &text, span));
                }
            }
            Event::Anchor(..) => self.find(|source| Some(traps::anchor(source, span))),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.find(|source| Some(traps::alias(source, span)));
                return self.add(Node { kind: Kind::Broken, span });
            }
            Event::Scalar(text, style, ..) => return self.scalar(&text, style, span),
            Event::SequenceStart(..) => return self.open(Open::List { items: vec![], start: span.start }, span),
            Event::MappingStart(style, ..) => {
                let flow = style == StructureStyle::Flow;
                return self.open(Open::Map { entries: vec![], key: None, seen: HashMap::new(), start: span.start, flow }, span);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.close(span),
            _ => {}
        }
        true
    }

    fn open(&mut self, open: Open, span: Span) -> bool {
        if self.stack.len() == MAX_DEPTH {
            let what = Text::new(format!("入れ子が深すぎます({MAX_DEPTH}段まで)。"), format!("nested too deeply (at most {MAX_DEPTH} levels)."));
            self.findings.push(Diagnostic::error("YAML.TOO_DEEP", self.source.place(span), what));
            return false;
        }
        self.last = None;
        self.stack.push(open);
        true
    }

    fn close(&mut self, span: Span) -> bool {
        let node = match self.stack.pop() {
            Some(Open::List { items, start }) => {
                let end = items.last().map_or(start, |item| item.span.end).max(span.end.min(self.text_end(span.end)));
                Node { kind: Kind::List(items), span: Span::new(start, end) }
            }
            Some(Open::Map { entries, start, .. }) => {
                let end = entries.last().map_or(start, |entry| entry.value.span.end.max(entry.key.span.end)).max(self.text_end(span.end));
                Node { kind: Kind::Map(entries), span: Span::new(start, end) }
            }
            None => return true,
        };
        self.last = None;
        self.add(node)
    }

    /// The end of a flow collection's bracket; block collections end with their last value.
    fn text_end(&self, end: usize) -> usize {
        match self.source.text.as_bytes().get(end.wrapping_sub(1)) {
            Some(b'}' | b']') => end,
            _ => 0,
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> bool {
        let plain = style == ScalarStyle::Plain;
        self.last = plain.then(|| (text.to_owned(), span));
        let is_key = matches!(self.stack.last(), Some(Open::Map { key: None, .. }));
        if plain {
            self.find(|source| traps::plain(source, text, span, is_key));
        }
        if style == ScalarStyle::DoubleQuoted {
            self.find(|source| traps::windows_path(source, span));
        }
        let escapes = match style {
            ScalarStyle::DoubleQuoted => super::alignment::Quoting::Double,
            ScalarStyle::SingleQuoted => super::alignment::Quoting::Single,
            ScalarStyle::Plain => super::alignment::Quoting::None,
            _ => super::alignment::Quoting::Block,
        };
        let raw = self.source.text.get(span.start..span.end).unwrap_or_default();
        let alignment = Alignment::new(text, raw, span.start, escapes);
        self.add(Node { kind: Kind::Scalar(Scalar { text: text.to_owned(), plain, alignment }), span })
    }

    /// Puts a finished value where it belongs: into the innermost collection, or at the root.
    fn add(&mut self, node: Node) -> bool {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let what = Text::new(format!("値が多すぎます({MAX_NODES}個まで)。"), format!("too many values (at most {MAX_NODES})."));
            self.findings.push(Diagnostic::error("YAML.TOO_MANY", self.source.place(node.span), what));
            return false;
        }
        let source = self.source;
        let mut found: Option<Diagnostic> = None;
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, seen, flow, .. }) => match key.take() {
                None => match node.kind {
                    Kind::Scalar(scalar) => *key = Some(Spanned::new(scalar.text, node.span)),
                    _ => {
                        found = Some(traps::key(source, node.span));
                        *key = Some(Spanned::new(String::new(), node.span));
                    }
                },
                Some(name) => {
                    let lone = *flow && !entries.is_empty() && node.span.start == node.span.end && node.is_null();
                    let full = self.findings.len() >= MAX_KEPT;
                    match seen.get(&name.value) {
                        _ if name.value.is_empty() => {}
                        _ if name.value == "<<" => found = Some(traps::merge(source, name.span)),
                        _ if lone && full => {}
                        _ if lone => found = Some(traps::stray_comma(source, &name, entries.last().map(|entry| entry.value.span))),
                        Some(first) => found = Some(traps::duplicate(source, &name, *first)),
                        None => {
                            seen.insert(name.value.clone(), name.span);
                            entries.push(Entry { key: name, value: node });
                        }
                    }
                }
            },
        }
        self.find(|_| found);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn read(text: &str) -> Tree {
        Tree::read(&Source::new("t.yaml", text))
    }

    fn codes(text: &str) -> Vec<(&'static str, String)> {
        read(text).findings.iter().map(|finding| (finding.code, at(text, finding.place.as_ref().unwrap().span).to_owned())).collect()
    }

    fn at(text: &str, span: Span) -> &str {
        &text[span.start..span.end]
    }

    #[test]
    fn every_value_and_key_knows_its_bytes() {
        let text = "title: 更新\nsteps:\n  a: { with: [x, \"y\"] }\nlast: 'z'\n";
        let tree = read(text);
        assert!(tree.findings.is_empty(), "{:?}", tree.findings);
        let root = tree.root.unwrap();
        assert_eq!(at(text, root.get("title").unwrap().span), "更新");
        let step = root.get("steps").unwrap().get("a").unwrap();
        assert_eq!(at(text, step.span), "{ with: [x, \"y\"] }");
        assert_eq!(at(text, step.get("with").unwrap().span), "[x, \"y\"]");
        assert_eq!(at(text, root.get("last").unwrap().span), "'z'");
    }

    #[test]
    fn characters_inside_quotes_and_blocks_are_found_again() {
        let text = "a: \"x\\u3042 ${{ bad }}\"\nb: 'it''s ${{ bad }}'\nc: |\n  one\n  two bad\nd: >\n  one\n  two bad\ne: one\n  two bad\nf: \"a\n  b bad\"\n";
        let root = read(text).root.unwrap();
        for key in ["a", "b", "c", "d", "e", "f"] {
            let scalar = root.get(key).unwrap().scalar().unwrap();
            let start = scalar.text.find("bad").unwrap();
            assert_eq!(at(text, scalar.place(Span::new(start, start + 3))), "bad", "{key}: {:?}", scalar.text);
        }
    }

    #[test]
    fn what_yaml_would_change_silently_is_refused() {
        assert_eq!(codes("a: 1\nb: 2\na: 3\n"), [("YAML.DUPLICATE_KEY", "a".into())]);
        assert_eq!(codes("a: &x 1\n"), [("YAML.ANCHOR", "&x".into())]);
        assert_eq!(codes("a: *.p12\n"), [("YAML.ALIAS", "*.p12".into())]);
        assert_eq!(codes("a: !secret x\n"), [("YAML.TAG", "!secret".into())]);
        assert_eq!(codes("a: { <<: { b: 1 } }\n"), [("YAML.MERGE_KEY", "<<".into())]);
        assert_eq!(codes("a: 1\n---\nb: 1\n"), [("YAML.DOCUMENTS", "---".into())]);
        assert_eq!(codes("code: 0110119153\n"), [("YAML.LEADING_ZERO", "0110119153".into())]);
        assert_eq!(codes("when: a == 'x #1'\n"), [("YAML.COMMENT_CUTS", "a == 'x".into())]);
        assert_eq!(codes("say: 「はい」を押す #2 を見る\n"), [("YAML.COMMENT_CUTS", "「はい」を押す".into())]);
        assert_eq!(codes("a: { say: 1枚だけです, 削除できません }\n"), [("YAML.STRAY_COMMA", "削除できません".into())]);
        assert_eq!(codes("a:\n\u{3000}pin: 1\n"), [("YAML.FULLWIDTH_SPACE", "\u{3000}".into())]);
        assert_eq!(codes("a: 1 # a comment\nb: x's # one\n"), [("YAML.COMMENT_CUTS", "x's".into())]);
        assert!(codes("a: 1 # a comment\nb: \"x #1\"\nc: 90d\n# done\n").is_empty());
    }

    #[test]
    fn errors_of_syntax_say_what_was_meant() {
        assert_eq!(codes("title: x\nsummary：y\nsteps: {}\n"), [("YAML.FULLWIDTH_SIGN", "：".into())]);
        assert_eq!(codes("a:\n\tb: 1\n")[0].0, "YAML.TAB");
        assert_eq!(codes("who: @担当者\n"), [("YAML.RESERVED_SIGN", "@".into())]);
        assert_eq!(codes("say: 時刻: 9:00\n"), [("YAML.COLON", ":".into())]);
        assert_eq!(codes("a: 'x' in y\n"), [("YAML.QUOTE_ENDS", "i".into())]);
        assert_eq!(codes("a: { b: ${{ x }}, c: d }\n"), [("YAML.BARE_EXPRESSION", "${{ x }}".into())]);
        assert_eq!(codes("a:b\nc: d\n"), [("YAML.COLON_SPACE", ":".into())]);
        assert_eq!(codes("a: x\n  b: y\n"), [("YAML.INDENTATION", "b".into())]);
        assert_eq!(codes("a:\n  b: x\n c: y\n"), [("YAML.INDENTATION", "c".into())]);
        assert_eq!(codes("a:\n  b: 1\n\tc: 2\n")[0].0, "YAML.TAB");
        assert_eq!(codes("a: { that: x in ['a'], b: c }\n")[0].0, "YAML.QUOTE_NEEDED");
        assert_eq!(codes("a: 1\ntitle:\u{3000}x\nb: 2\n"), [("YAML.FULLWIDTH_SPACE", "\u{3000}".into())]);
        assert_eq!(codes("%YAML 1.1\n---\na: 1\n"), [("YAML.DIRECTIVE", "%YAML 1.1".into())]);
        assert_eq!(codes("a: [x, y\nb: c\n"), [("YAML.UNCLOSED", "[".into())]);
        assert_eq!(codes("a: {x: y\nb: c\n"), [("YAML.UNCLOSED", "{".into())]);
        assert_eq!(codes("a: \"x\\q\"\n")[0].0, "YAML.ESCAPE");
        assert_eq!(codes("a: [1, 2\n")[0].0, "YAML.UNCLOSED");
        assert_eq!(codes("a: \"x\n")[0].0, "YAML.UNCLOSED");
        assert_eq!(codes("a: x\u{feff}: y\n")[0].0, "YAML.CONTROL");
        assert_eq!(codes("a: \0\n")[0].0, "YAML.CONTROL");
    }

    #[test]
    fn a_correction_gives_what_was_meant() {
        let mended = |text: &str| super::super::mend(&Source::new("t", text), |source| Tree::read(source).findings).text;
        for (wrong, right) in [
            ("say: *注意* です # c\n", "say: \"*注意* です\" # c\n"),
            ("a: [*.p12, b]\n", "a: [\"*.p12\", b]\n"),
            ("who: @担当者\n", "who: \"@担当者\"\n"),
            ("say: 時刻: 9:00\n", "say: \"時刻: 9:00\"\n"),
            ("a: 'x' in y\n", "a: \"'x' in y\"\n"),
            ("a: { b: ${{ x }}, c: d }\n", "a: { b: \"${{ x }}\", c: d }\n"),
            ("a:b\nc: d\n", "a: b\nc: d\n"),
            ("a: { b: 1枚, 2枚 }\n", "a: { b: \"1枚, 2枚\" }\n"),
            ("a: { b: 1枚, 2枚, 3枚, c: d }\n", "a: { b: \"1枚, 2枚, 3枚\", c: d }\n"),
            ("k: ［a, b］\n", "k: [a, b]\n"),
            ("a: x\u{3000}\nb: 1\u{3000}# c\nc: \u{3000}y\n", "a: x\nb: 1 # c\nc: y\n"),
            ("a: 1\ntitle:\u{3000}x\nb: 2\n", "a: 1\ntitle: x\nb: 2\n"),
            ("a: \"E:\\kirikae\\x\"\nb: \"C:\\new\"\n", "a: 'E:\\kirikae\\x'\nb: 'C:\\new'\n"),
            ("a:\n\tb: 1\n\tc: 2\n", "a:\n  b: 1\n  c: 2\n"),
            ("a\u{200b}: 1\n", "a: 1\n"),
            ("%YAML 1.1\n---\na: 1\n", "---\na: 1\n"),
        ] {
            let text = mended(wrong);
            assert_eq!(text, right);
            let left = read(&text).findings;
            assert!(left.is_empty(), "{text}: {left:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_at_the_start_is_fine_and_moves_nothing() {
        let text = "\u{feff}a: 値\r\nb: x\r\n";
        let tree = read(text);
        assert!(tree.findings.is_empty(), "{:?}", tree.findings);
        assert_eq!(at(text, tree.root.unwrap().get("b").unwrap().span), "x");
    }

    #[test]
    fn deep_wide_and_long_documents_are_findings() {
        assert_eq!(read(&"[".repeat(100_000)).findings[0].code, "YAML.TOO_DEEP");
        assert_eq!(read(&"a:\n".repeat(60_000)).findings[0].code, "YAML.DUPLICATE_KEY");
        assert_eq!(read(&format!("[{}]", "1,".repeat(60_000))).findings[0].code, "YAML.TOO_MANY");
        assert_eq!(read(&"x".repeat(MAX_BYTES + 1)).findings[0].code, "YAML.TOO_BIG");
    }
}
