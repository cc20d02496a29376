//! From tree to documents: the small moves that all decoders share. Every mistake becomes a finding; nothing is guessed.
//!
//! May use: `text`, types and values. Must not: know any one kind of document.

use std::time::Duration;

use super::{ScalarError, Type, Value, read_duration, read_scalar};
use crate::text::{Diagnostic, Entry, Kind, MAX_FINDINGS, Node, Phrase, Scalar, Source, Span, Spanned, Text, Tree, sorted};

/// Words that a YAML 1.1 reader takes for a truth value or null; no key and no id may be one.
const YAML_WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];

/// So many names are compared with a misspelt one.
const MAX_CANDIDATES: usize = 300;
/// So many findings are kept of one document; the last place is used again and again.
const MAX_KEPT: usize = 1_000;

/// Collects findings while a document is decoded.
pub(crate) struct Reader<'s> {
    /// The document.
    pub(crate) source: &'s Source,
    /// What was found.
    pub(crate) found: Vec<Diagnostic>,
    /// Words that this kind of document knows but refuses.
    pub(crate) withheld: &'static [Withheld],
}

/// A keyword that is refused by name.
pub(crate) struct Withheld {
    /// The keyword.
    pub(crate) word: &'static str,
    /// The code of the finding.
    pub(crate) code: &'static str,
    /// What to do instead.
    pub(crate) cure: Phrase,
}

/// A mapping with its known keys.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
    span: Span,
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
    }

    /// Where it begins.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// The key as written, with its place.
    pub(crate) fn key(&self, key: &str) -> Option<&'n Spanned<String>> {
        self.entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.key)
    }
}

/// Reads a document of a kind (`playbook`, `portal`, ..) and hands its root to `decode`.
///
/// # Errors
/// All findings of the document, sorted, at most 20.
pub(crate) fn decode_document<T>(
    source: &Source,
    kind: &str,
    keys: &[&str],
    decode: impl FnOnce(&mut Reader<'_>, Fields<'_>) -> Option<T>,
) -> Result<T, Vec<Diagnostic>> {
    match decode_as_far(source, kind, keys, &[], decode) {
        (Some(document), found) if found.is_empty() => Ok(document),
        (_, found) => Err(first_findings(found)),
    }
}

/// Reads a document as far as it can be read, with all findings, so that later checks can go on.
pub(crate) fn decode_as_far<T>(
    source: &Source,
    kind: &str,
    keys: &[&str],
    withheld: &'static [Withheld],
    decode: impl FnOnce(&mut Reader<'_>, Fields<'_>) -> Option<T>,
) -> (Option<T>, Vec<Diagnostic>) {
    let tree = Tree::read(source);
    let mut reader = Reader { source, found: tree.findings, withheld };
    let decoded = match &tree.root {
        Some(root) if reader.header(root, kind) => reader.map(root, keys).and_then(|fields| decode(&mut reader, fields)),
        None if reader.found.is_empty() => {
            let what = Text::new("ファイルに何も書かれていません。", "the file is empty.");
            let cure = Text::new(format!("最初の行に「kirikae: {kind}/1」と書いてください。"), format!("begin with `kirikae: {kind}/1`."));
            reader.found.push(Diagnostic::error("DSL.HEADER", source.place(Span::new(0, 0)), what).cure(cure));
            None
        }
        _ => None,
    };
    (decoded, reader.found)
}

/// Sorted, and no more than are shown. What the YAML around it already made unreadable is not complained about once more.
pub(crate) fn first_findings(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let (yaml, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|finding| finding.code.starts_with("YAML."));
    let told = |finding: &Diagnostic| {
        finding.place.as_ref().is_some_and(|place| {
            let same = yaml.iter().filter_map(|told| told.place.as_ref()).filter(|told| told.file == place.file);
            same.into_iter().any(|told| told.span.start <= place.span.end && place.span.start <= told.span.end)
        })
    };
    let other: Vec<_> = other.into_iter().filter(|finding| !told(finding)).collect();
    let mut found = sorted(yaml.into_iter().chain(other).collect());
    found.truncate(MAX_FINDINGS);
    found
}

impl<'s> Reader<'s> {
    /// A reader of parts of a document.
    pub(crate) fn new(source: &'s Source) -> Self {
        Self { source, found: vec![], withheld: &[] }
    }

    /// Adds an error at a place.
    pub(crate) fn error(&mut self, code: &'static str, span: Span, what: Text) -> &mut Diagnostic {
        if self.found.len() >= MAX_KEPT {
            self.found.pop();
        }
        self.found.push(Diagnostic::error(code, self.source.place(span), what));
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Whether the document says that it is of this kind and edition, in its first key.
    fn header(&mut self, root: &Node, kind: &str) -> bool {
        let wanted = format!("{kind}/1");
        let first = match &root.kind {
            Kind::Map(entries) => entries.first(),
            Kind::Broken => return false,
            _ => None,
        };
        let told = first.filter(|entry| entry.key.value == "kirikae").and_then(|entry| Some((entry, entry.value.scalar()?)));
        let Some((entry, scalar)) = told else {
            let span = first.map_or(Span::new(root.span.start, root.span.start), |entry| entry.key.span);
            let what = Text::new(format!("最初の行に「kirikae: {wanted}」がありません。"), format!("the first key of the file must be `kirikae: {wanted}`."));
            let cure = Text::new(format!("最初に「kirikae: {wanted}」と書いてください。"), format!("write `kirikae: {wanted}` first."));
            self.error("DSL.HEADER", span, what).cure.push(cure);
            return false;
        };
        if scalar.text == wanted {
            return true;
        }
        let span = entry.value.span;
        let (what, cure) = match scalar.text.split_once('/') {
            Some((word, edition)) if word == kind => (
                Text::new(
                    format!("{word} の第{edition}版は、この kirikae では読めません。"),
                    format!("this kirikae does not know edition {edition} of `{word}`."),
                ),
                Text::new("新しい kirikae を使うか、第1版で書いてください。", "use a newer kirikae, or write edition 1."),
            ),
            _ => (
                Text::new(
                    format!("ここには {wanted} の文書が要りますが、「{}」です。", scalar.text),
                    format!("a `{wanted}` document is needed here, this says `{}`.", scalar.text),
                ),
                Text::new("ファイルを取り違えていないか確かめてください。", "check that it is the right file."),
            ),
        };
        self.error("DSL.HEADER", span, what).cure.push(cure);
        false
    }

    /// A mapping of known keys; unknown ones are reported.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, keys: &[&str]) -> Option<Fields<'n>> {
        let entries = self.entries(node)?;
        for entry in entries {
            let name = entry.key.value.as_str();
            if !keys.contains(&name) {
                self.unknown_key(&entry.key, keys, entries);
            }
        }
        let span = entries.first().map_or(node.span, |entry| entry.key.span);
        Some(Fields { entries, span })
    }

    /// Reports a key that is not known here, with the nearest one that is and that does not stand beside it already.
    pub(crate) fn unknown_key(&mut self, key: &Spanned<String>, keys: &[&str], beside: &[Entry]) {
        if let Some(withheld) = self.withheld.iter().find(|withheld| withheld.word == key.value) {
            let what = Text::new(format!("「{}」は使えません。", key.value), format!("`{}` cannot be used.", key.value));
            self.error(withheld.code, key.span, what).cure.push(withheld.cure.into());
            return;
        }
        let what = Text::new(format!("「{}」という項目はありません。", key.value), format!("there is no key `{}` here.", key.value));
        let list = keys.join(", ");
        let near = nearest(&key.value, keys.iter().copied()).filter(|near| beside.iter().all(|entry| entry.key.value != *near)).map(str::to_owned);
        let finding = self.error("DSL.UNKNOWN_KEY", key.span, what);
        did_you_mean(finding, key.span, near);
        finding.cure.push(Text::new(format!("使える項目: {list}"), format!("keys here: {list}")));
    }

    /// A mapping of any keys.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Broken => None,
            _ => {
                self.shape(node, Text::new("ここには「項目: 値」の組を書きます。", "a mapping (`key: value`) goes here."));
                None
            }
        }
    }

    /// A list.
    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            Kind::Broken => &[],
            _ => {
                self.shape(node, Text::new("ここには並び([a, b] または「- 」の行)を書きます。", "a list goes here."));
                &[]
            }
        }
    }

    /// One value or a list of them.
    pub(crate) fn one_or_list<'n>(&self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    fn shape(&mut self, node: &Node, what: Text) {
        let span = match &node.kind {
            Kind::Map(entries) => entries.first().map_or(node.span, |entry| entry.key.span),
            _ => node.span,
        };
        self.error("DSL.WRONG_SHAPE", span, what);
    }

    /// A value that must be there.
    pub(crate) fn need<'n>(&mut self, fields: &Fields<'n>, key: &'static str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() && !self.is_misspelt(fields, key) {
            let what = Text::new(format!("「{key}」がありません。"), format!("`{key}` is missing."));
            let cure = Text::new(format!("「{key}: …」を加えてください。"), format!("add `{key}: ...`."));
            self.error("DSL.MISSING_KEY", fields.span, what).cure.push(cure);
        }
        found
    }

    /// Whether a key of the mapping was taken for a misspelling of this one: then it is not reported as missing, too.
    fn is_misspelt(&self, fields: &Fields<'_>, key: &str) -> bool {
        let mut fixes = self.found.iter().filter(|finding| finding.code == "DSL.UNKNOWN_KEY").filter_map(|finding| finding.fix.as_ref());
        fixes.any(|fix| fix.text == key && fields.entries.iter().any(|entry| entry.key.span == fix.span))
    }

    /// A single text that is not null.
    pub(crate) fn scalar<'n>(&mut self, node: &'n Node) -> Option<&'n Scalar> {
        if node.is_null() {
            let what = Text::new("値がありません。", "there is no value.");
            let cure =
                Text::new("値を書くか、項目ごと消してください(空は \"\" と書きます)。", "write a value or leave the key out (write \"\" for an empty text).");
            self.error("DSL.EMPTY", node.span, what).cure.push(cure);
            return None;
        }
        if node.scalar().is_none() && node.kind != Kind::Broken {
            self.shape(node, Text::new("ここには1つの値を書きます。", "a single value goes here."));
        }
        node.scalar()
    }

    /// A text for machines.
    pub(crate) fn string(&mut self, node: &Node) -> Option<String> {
        let scalar = self.scalar(node)?;
        self.same_elsewhere(scalar, node.span);
        Some(scalar.text.clone())
    }

    /// Reports a text without quotes that other YAML readers take for something else.
    fn same_elsewhere(&mut self, scalar: &Scalar, span: Span) {
        if scalar.plain {
            self.found.extend(crate::text::foreign(self.source, &scalar.text, span));
        }
    }

    /// Words for people: plain, or `{ ja, en }`.
    pub(crate) fn text(&mut self, node: &Node) -> Option<Text> {
        if !matches!(node.kind, Kind::Map(_)) {
            return self.string(node).map(Text::plain);
        }
        let fields = self.map(node, &["ja", "en"])?;
        let ja = self.need(&fields, "ja").and_then(|ja| self.string(ja));
        let en = fields.get("en").and_then(|en| self.string(en));
        Some(Text { ja: ja?, en })
    }

    /// A list of texts for machines, or a single one.
    pub(crate) fn strings(&mut self, node: &Node) -> Vec<String> {
        self.one_or_list(node).iter().filter_map(|item| self.string(item)).collect()
    }

    /// A scalar of a type.
    pub(crate) fn value(&mut self, ty: &Type, node: &Node) -> Option<Value> {
        let scalar = self.scalar(node)?;
        match read_scalar(ty, &scalar.text) {
            Ok(value) => {
                let of_text = matches!(ty.required(), Type::String | Type::Text | Type::Glob | Type::Ascii | Type::Digits(_) | Type::Hex);
                if of_text {
                    self.same_elsewhere(scalar, node.span);
                }
                Some(value)
            }
            Err(error) => {
                self.mismatch(ty, node.span, &scalar.text, error);
                None
            }
        }
    }

    /// Reports a text that is no value of the type.
    pub(crate) fn mismatch(&mut self, ty: &Type, span: Span, written: &str, error: ScalarError) {
        let shown = shortened(written);
        let what = Text::new(format!("「{shown}」は {ty} ではありません。"), format!("`{shown}` is not {ty}."));
        let near = match ty.required() {
            Type::Enum(words) => nearest(written, words.iter().map(String::as_str)).map(str::to_owned),
            Type::Bool => crate::text::truth_word(written).map(|yes| yes.to_string()),
            other => Some(super::fold(other, written)).filter(|folded| folded != written && read_scalar(other, folded).is_ok()),
        };
        let finding = self.error("TYPE.MISMATCH", span, what);
        did_you_mean(finding, span, near);
        finding.cure.push(error.why);
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, node: &Node) -> Option<bool> {
        match self.value(&Type::Bool, node) {
            Some(Value::Bool(yes)) => Some(yes),
            _ => None,
        }
    }

    /// A number from 0.
    pub(crate) fn count(&mut self, node: &Node) -> Option<u32> {
        match self.value(&Type::Int, node)? {
            Value::Int(number) => match u32::try_from(number) {
                Ok(count) => Some(count),
                Err(_) => {
                    let what = Text::new("0 以上の数を書いてください。", "write a number from 0 on.");
                    self.error("TYPE.MISMATCH", node.span, what);
                    None
                }
            },
            _ => None,
        }
    }

    /// `30s`, `10m`, `24h`, `90d`.
    pub(crate) fn duration(&mut self, node: &Node) -> Option<Duration> {
        match self.value(&Type::Duration, node)? {
            Value::Str(text) => read_duration(&text),
            _ => None,
        }
    }

    /// One of these words.
    pub(crate) fn word<T: Clone>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let ty = Type::Enum(words.iter().map(|(word, _)| (*word).to_owned()).collect());
        match self.value(&ty, node)? {
            Value::Str(text) => words.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone()),
            _ => None,
        }
    }

    /// A type.
    pub(crate) fn ty(&mut self, node: &Node) -> Option<Type> {
        let scalar = self.scalar(node)?;
        let parsed = if scalar.text.len() > 1_024 || scalar.text.matches('<').count() > 8 { None } else { Type::parse(&scalar.text) };
        if parsed.is_none() {
            let shown = shortened(&scalar.text);
            let what = Text::new(format!("「{shown}」という型はありません。"), format!("there is no type `{shown}`."));
            let simple: Vec<String> = Type::simple().iter().map(Type::to_string).collect();
            let near = nearest(&scalar.text, simple.iter().map(String::as_str)).map(str::to_owned);
            let list = simple.join(" ");
            let finding = self.error("TYPE.UNKNOWN", node.span, what);
            did_you_mean(finding, node.span, near);
            finding.cure.push(Text::new(
                format!("使える型: {list} digits(10) enum(a, b) list<…> map<…> optional<…> secret<…>"),
                format!("types: {list} digits(10) enum(a, b) list<..> map<..> optional<..> secret<..>"),
            ));
        }
        parsed
    }

    /// A key or step id: `[a-z][a-z0-9_]*` and no YAML 1.1 word.
    pub(crate) fn name(&mut self, key: &Spanned<String>) -> bool {
        let name = key.value.as_str();
        let fits = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits && !YAML_WORDS.contains(&name) {
            return true;
        }
        let what = Text::new(format!("「{}」は名前に使えません。", shortened(name)), format!("`{}` cannot be a name.", shortened(name)));
        let cure = if fits {
            Text::new("YAML が真偽値や空と読む語(yes no on off true false null y n)は使えません。", "YAML readers take this word for a truth value or null.")
        } else {
            Text::new("英小文字で始め、英小文字・数字・_ だけで書いてください。", "start with a lower-case letter; use lower-case letters, digits and _.")
        };
        let folded: String = super::fold(&Type::Ascii, name).to_ascii_lowercase().replace('-', "_");
        let near = Some(folded).filter(|folded| !fits && folded.starts_with(|c: char| c.is_ascii_lowercase()) && folded.is_ascii());
        let finding = self.error("DSL.BAD_NAME", key.span, what);
        did_you_mean(finding, key.span, near);
        finding.cure.push(cure);
        false
    }

    /// A document id: names of `[a-z][a-z0-9_-]*` joined by `/`.
    pub(crate) fn document_id(&mut self, node: &Node) -> Option<String> {
        let id = self.scalar(node)?.text.clone();
        if is_document_id(&id) {
            return Some(id);
        }
        let what = Text::new(format!("「{}」は文書の名前に使えません。", shortened(&id)), format!("`{}` cannot be the id of a document.", shortened(&id)));
        let cure = Text::new(
            "obn/renew-web のように、英小文字・数字・_・- を / でつないで書いてください。",
            "write lower-case names joined by `/`, such as obn/renew-web.",
        );
        self.error("DSL.BAD_ID", node.span, what).cure.push(cure);
        None
    }

    /// A version like `1.0.0`.
    pub(crate) fn version(&mut self, node: &Node) -> Option<String> {
        let version = self.scalar(node)?.text.clone();
        let parts: Vec<&str> = version.split('.').collect();
        if parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok_and(|number| number.to_string() == **part)) {
            return Some(version);
        }
        let what = Text::new(format!("版「{}」が読めません。", shortened(&version)), format!("`{}` is not a version.", shortened(&version)));
        let cure = Text::new("\"1.0.0\" のように3つの数で書いてください。", "write three numbers, such as \"1.0.0\".");
        self.error("DSL.BAD_VERSION", node.span, what).cure.push(cure);
        None
    }
}

/// Whether a text can be the id of a document: names of `[a-z][a-z0-9_-]*` joined by `/`.
pub fn is_document_id(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
            && !YAML_WORDS.contains(&part)
    };
    text.len() <= 128 && text.split('/').all(part)
}

/// Adds 「もしかして」 with the correction.
pub(crate) fn did_you_mean(finding: &mut Diagnostic, span: Span, near: Option<String>) {
    if let Some(near) = near {
        finding.cure.push(Text::new(format!("もしかして: {near}"), format!("did you mean `{near}`?")));
        finding.fix = Some(crate::text::Fix { span, text: near });
    }
}

/// The candidate nearest to a misspelt word, if exactly one is near enough: it is offered as a correction.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let typed = super::fold(&Type::Ascii, word).to_ascii_lowercase();
    if typed.is_empty() || typed.len() > 64 {
        return None;
    }
    let allowed = (typed.chars().count() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    let mut tie = false;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
        let distance = strsim::osa_distance(&typed, &candidate.to_ascii_lowercase());
        if distance > allowed || best.is_some_and(|(least, _)| distance > least) {
            continue;
        }
        tie = best.is_some_and(|(least, word)| distance == least && word != candidate);
        best = Some((distance, candidate));
    }
    best.filter(|_| !tie).map(|(_, candidate)| candidate)
}

/// At most 40 characters of a text that is shown in a message.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
