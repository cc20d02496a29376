//! The pages of a profile's operations: what the eye sees, and what the hand does.
//!
//! May use: the reader, the profile's data. Must not: know HTML or HTTP.

use super::Type;
use super::portal::{STANDINGS, code, operation_word, taken};
use super::portal_rules::{unknown_parameter, writes_in_a_read};
use super::reader::{Fields, Reader};
use crate::backend::Class;
use crate::backend::code_info;
use crate::backend::profile::{Label, Open, Operation, OperationSpec, PageItem, PickRow, Refusal, RowSpec, WhenMissing};
use crate::text::{Kind, Node, Span, Text};

pub(super) const PAGE_KEYS: [&str; 24] = [
    "open",
    "post",
    "json",
    "continue",
    "if_seen",
    "see",
    "see_any",
    "signed_in",
    "row",
    "rows",
    "when_missing",
    "read",
    "check",
    "fill",
    "choose",
    "tick",
    "upload",
    "press",
    "follow",
    "dialog",
    "download",
    "commits",
    "safe",
    "refused",
];
pub(super) const LABEL_KEYS: [&str; 10] = ["label", "labels", "or", "css", "all", "optional", "means", "button", "text", "status"];
const COLUMNS: [&str; 6] = ["request_id", "serial", "subject", "issued_on", "not_after", "status"];
const MAX_PAGES: usize = 12;

/// Reads the pages of an operation.
pub(super) fn pages(reader: &mut Reader<'_>, name: Operation, spec: &OperationSpec, node: Option<&Node>) -> Vec<PageItem> {
    let Some(node) = node else { return vec![] };
    let items = reader.list(node);
    if items.len() > MAX_PAGES {
        let what =
            Text::new(format!("ページは{MAX_PAGES}個までです({}個あります)。", items.len()), format!("at most {MAX_PAGES} pages; there are {}.", items.len()));
        reader.error("PROFILE.TOO_LONG", node.span, what);
    }
    items.iter().take(MAX_PAGES).filter_map(|item| page(reader, name, spec, item)).collect()
}

fn page(reader: &mut Reader<'_>, name: Operation, spec: &OperationSpec, node: &Node) -> Option<PageItem> {
    let fields = reader.map(node, &PAGE_KEYS)?;
    let mut item = PageItem {
        open: fields.get("open").and_then(|node| open(reader, node)),
        post: fields.get("post").and_then(|node| post(reader, node, &fields, &spec.takes)),
        resume: fields.get("continue").and_then(|node| operation_word(reader, node)),
        if_seen: fields.get("if_seen").and_then(|node| reader.string(node)),
        see: fields.get("see").map(|node| reader.strings(node)).unwrap_or_default(),
        see_any: fields.get("see_any").map(|node| reader.strings(node)).unwrap_or_default(),
        signed_in: fields.get("signed_in").and_then(|node| reader.string(node)),
        row: fields.get("row").and_then(|node| row(reader, node, &spec.takes, false)),
        rows: fields.get("rows").and_then(|node| row(reader, node, &spec.takes, true)),
        when_missing: fields.get("when_missing").and_then(|node| when_missing(reader, node)),
        read: reads(reader, name, spec, &fields),
        check: fields
            .get("check")
            .map(|node| reader.one_or_list(node))
            .unwrap_or_default()
            .iter()
            .filter_map(|node| taken(reader, node, &spec.takes))
            .collect(),
        fill: filled(reader, &fields, "fill", &spec.takes),
        choose: filled(reader, &fields, "choose", &spec.takes),
        tick: fields.get("tick").map(|node| reader.one_or_list(node)).unwrap_or_default().iter().filter_map(|node| label(reader, node)).collect(),
        upload: filled(reader, &fields, "upload", &spec.takes),
        press: fields.get("press").and_then(|node| label(reader, node)),
        follow: fields.get("follow").and_then(|node| followed(reader, node, &spec.takes)),
        dialog: fields.get("dialog").and_then(|node| dialog(reader, node)),
        download: fields.get("download").and_then(|node| download(reader, name, node)),
        commits: fields.get("commits").and_then(|node| reader.flag(node)).unwrap_or(false),
        safe: fields.get("safe").and_then(|node| reader.flag(node)).unwrap_or(false),
        refused: vec![],
    };
    item.refused = refusals(reader, &fields, item.commits);
    if let (Some(key), true) = (fields.key("when_missing"), item.row.is_none()) {
        let what = Text::new("「when_missing」は「row」と一緒に書きます。", "`when_missing` goes with `row`.");
        reader.error("PROFILE.NO_ROW", key.span, what);
    }
    if let (Some(key), true) = (fields.key("commits"), item.commits && item.press.is_none() && item.post.is_none()) {
        let what = Text::new("「commits」のページには「press」か「post」が要ります。", "a page that commits needs `press` or `post`.");
        reader.error("PROFILE.COMMITS", key.span, what);
    }
    if let (Some(key), true) = (fields.key("safe"), item.commits && item.safe) {
        let what = Text::new("「safe」(読むだけ)と「commits」(申請の確定)は一緒に書けません。", "a move is either `safe` or it `commits`.");
        reader.error("PROFILE.COMMITS", key.span, what);
    }
    writes_in_a_read(reader, name, &item, &fields);
    Some(item)
}

fn open(reader: &mut Reader<'_>, node: &Node) -> Option<Open> {
    if matches!(node.kind, Kind::Map(_)) {
        let fields = reader.map(node, &["from", "hosts"])?;
        let name = reader.need(&fields, "from").and_then(|node| reader.string(node));
        let hosts = reader.need(&fields, "hosts").map(|node| reader.strings(node));
        return Some(Open::From { name: name?, hosts: hosts? });
    }
    path(reader, node).map(Open::Path)
}

fn path(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let path = reader.string(node)?;
    if path.starts_with('/') && !path.starts_with("//") {
        return Some(path);
    }
    let what = Text::new("/ で始まる、サイトの中の場所を書いてください。", "write a path below `base`; it starts with `/`.");
    reader.error("PROFILE.BAD_PATH", node.span, what);
    None
}

fn post(reader: &mut Reader<'_>, node: &Node, fields: &Fields<'_>, takes: &[(String, Type)]) -> Option<(String, Vec<(String, String)>)> {
    let path = path(reader, node);
    let entries = fields.get("json").and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut body = vec![];
    for entry in entries {
        let Some(value) = reader.string(&entry.value) else { continue };
        if let Some(name) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && !takes.iter().any(|(known, _)| known == name)
        {
            unknown_parameter(reader, entry.value.span, name, takes, "takes");
        }
        body.push((entry.key.value.clone(), value));
    }
    Some((path?, body))
}

fn row(reader: &mut Reader<'_>, node: &Node, takes: &[(String, Type)], all: bool) -> Option<RowSpec> {
    let fields = reader.map(node, &["with_text", "with_button", "pick", "columns"])?;
    let columns = fields.get("columns").and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut labels = vec![];
    for entry in columns {
        if !COLUMNS.contains(&entry.key.value.as_str()) {
            reader.unknown_key(&entry.key, &COLUMNS, columns);
        }
        labels.extend(label(reader, &entry.value).map(|label| (entry.key.value.clone(), label)));
    }
    if all && labels.is_empty() {
        let what = Text::new("「rows」には読む列(columns)が要ります。", "`rows` needs the `columns` to read.");
        reader.error("DSL.MISSING_KEY", node.span, what);
    }
    Some(RowSpec {
        with_text: fields.get("with_text").and_then(|node| taken(reader, node, takes)),
        with_button: fields.get("with_button").and_then(|node| reader.string(node)),
        pick: fields.get("pick").and_then(|node| reader.word(node, &[("only", PickRow::Only), ("newest", PickRow::Newest)])).unwrap_or_default(),
        columns: labels,
    })
}

fn when_missing(reader: &mut Reader<'_>, node: &Node) -> Option<WhenMissing> {
    if node.scalar().is_some_and(|scalar| scalar.text == "none") {
        return Some(WhenMissing::Nothing);
    }
    code(reader, node).map(WhenMissing::Code)
}

/// `read`: outputs of the operation, with the screen words of enums.
fn reads(reader: &mut Reader<'_>, name: Operation, spec: &OperationSpec, fields: &Fields<'_>) -> Vec<(String, Label)> {
    let Some(entries) = fields.get("read").and_then(|node| reader.entries(node)) else { return vec![] };
    let mut known = spec.gives.clone();
    known.extend(base_outputs(name));
    let mut reads = vec![];
    for entry in entries {
        let Some(seen) = label(reader, &entry.value) else { continue };
        match known.iter().find(|(known, _)| *known == entry.key.value) {
            Some((_, ty)) => means_fit(reader, ty, &seen, entry.value.span),
            None => unknown_parameter(reader, entry.key.span, &entry.key.value, &known, "gives"),
        }
        reads.push((entry.key.value.clone(), seen));
    }
    reads
}

/// Outputs that an operation reads beside its `gives`.
pub(super) fn base_outputs(name: Operation) -> Vec<(String, Type)> {
    match name {
        Operation::Status => vec![("status".to_owned(), Type::Enum(["pending", "issued", "refused"].map(str::to_owned).to_vec()))],
        _ => vec![],
    }
}

fn means_fit(reader: &mut Reader<'_>, ty: &Type, label: &Label, span: Span) {
    let words = match ty.required() {
        Type::Enum(words) => words.as_slice(),
        _ => &[],
    };
    for (word, _) in &label.means {
        if !words.contains(word) {
            let what = if words.is_empty() {
                Text::new(format!("{ty} の値に「means」は書けません。"), format!("`means` is for enums; this is {ty}."))
            } else {
                Text::new(format!("「{word}」は {ty} の語ではありません。"), format!("`{word}` is no word of {ty}."))
            };
            reader.error("PROFILE.MEANS", span, what);
        }
    }
    if label.means.is_empty() && !words.is_empty() {
        let what = Text::new("画面の言葉と値の対応(means)がありません。", "the screen words of this enum are missing (`means`).");
        let cure = Text::new("means: { issued: [発行済み] } のように書いてください。", "write `means: { issued: [..] }`.");
        reader.error("PROFILE.MEANS", span, what).cure.push(cure);
    }
}

/// `fill`, `choose`, `upload`: parameters and the labels of their fields.
fn filled(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, takes: &[(String, Type)]) -> Vec<(String, Label)> {
    let Some(entries) = fields.get(key).and_then(|node| reader.entries(node)) else { return vec![] };
    let mut filled = vec![];
    for entry in entries {
        if !takes.iter().any(|(known, _)| *known == entry.key.value) {
            unknown_parameter(reader, entry.key.span, &entry.key.value, takes, "takes");
        }
        filled.extend(label(reader, &entry.value).map(|label| (entry.key.value.clone(), label)));
    }
    filled
}

/// A label: a text, a list of texts for twin fields, or a mapping.
pub(super) fn label(reader: &mut Reader<'_>, node: &Node) -> Option<Label> {
    if !matches!(node.kind, Kind::Map(_)) {
        let labels = reader.strings(node);
        return (!labels.is_empty()).then(|| Label { labels, ..Label::default() });
    }
    let fields = reader.map(node, &LABEL_KEYS)?;
    let css = fields.get("css").and_then(|node| reader.string(node));
    let labels = fields.get("label").or_else(|| fields.get("labels")).map(|node| reader.strings(node)).unwrap_or_default();
    let (button, text) = (fields.get("button").and_then(|node| reader.string(node)), fields.get("text").and_then(|node| reader.string(node)));
    if labels.is_empty() && css.is_none() && button.is_none() && text.is_none() {
        reader.need(&fields, "label");
    }
    let meanings = fields.get("means").and_then(|node| reader.entries(node)).unwrap_or_default();
    Some(Label {
        labels,
        or: fields.get("or").map(|node| reader.strings(node)).unwrap_or_default(),
        css,
        all: fields.get("all").and_then(|node| reader.flag(node)).unwrap_or(false),
        optional: fields.get("optional").and_then(|node| reader.flag(node)).unwrap_or(false),
        means: meanings.iter().map(|entry| (entry.key.value.clone(), reader.strings(&entry.value))).collect(),
        button,
        text,
        status: fields.get("status").and_then(|node| reader.word(node, &STANDINGS)).unwrap_or_default(),
    })
}

/// A link; it may be named after the value of a parameter.
fn followed(reader: &mut Reader<'_>, node: &Node, takes: &[(String, Type)]) -> Option<Label> {
    let label = label(reader, node)?;
    if let Some(name) = label.text.as_ref().filter(|name| !takes.iter().any(|(known, _)| known == *name)) {
        unknown_parameter(reader, node.get("text").map_or(node.span, |node| node.span), name, takes, "takes");
    }
    Some(label)
}

fn dialog(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    if !matches!(node.kind, Kind::Map(_)) {
        return reader.string(node);
    }
    let fields = reader.map(node, &["see", "answer"])?;
    fields.get("answer").and_then(|node| reader.word(node, &[("ok", ())]));
    reader.need(&fields, "see").and_then(|node| reader.string(node))
}

fn download(reader: &mut Reader<'_>, name: Operation, node: &Node) -> Option<(String, Option<String>)> {
    if !matches!(name, Operation::Obtain | Operation::Fetch | Operation::Root | Operation::Software) {
        let what = Text::new(format!("{name} はファイルを受け取る操作ではありません。"), format!("`{name}` receives no file."));
        reader.error("PROFILE.NO_FILE", node.span, what);
    }
    let fields = reader.map(node, &["file", "inside"])?;
    let file = reader.need(&fields, "file").and_then(|node| reader.string(node));
    let inside = fields.get("inside").and_then(|node| reader.string(node));
    Some((file?, inside))
}

fn refusals(reader: &mut Reader<'_>, fields: &Fields<'_>, commits: bool) -> Vec<Refusal> {
    let Some(node) = fields.get("refused") else { return vec![] };
    if !commits {
        let span = fields.key("refused").map_or(node.span, |key| key.span);
        let what = Text::new("「refused」は「commits: true」のページにだけ書けます。", "`refused` belongs to the page that commits.");
        reader.error("PROFILE.REFUSED", span, what);
    }
    let mut refusals = vec![];
    for item in reader.list(node) {
        let Some(fields) = reader.map(item, &["see", "code"]) else { continue };
        let see = reader.need(&fields, "see").and_then(|node| reader.string(node));
        let Some(node) = reader.need(&fields, "code") else { continue };
        let Some(code) = code(reader, node) else { continue };
        if code_info(&code).is_some_and(|info| matches!(info.class, Class::Transient | Class::Ambiguous)) {
            let what = Text::new(format!("「refused」に {code} は書けません。"), format!("`{code}` cannot stand under `refused`."));
            let why = Text::new(
                "断られたと確かに言えるのは permanent か human のコードだけです",
                "only permanent and human codes say for certain that nothing happened",
            );
            reader.error("PROFILE.REFUSED", node.span, what).why = Some(why);
        }
        refusals.extend(see.map(|see| Refusal { see, code }));
    }
    refusals
}
