//! `kirikae: portal/1` to a [`Profile`] (`portals-and-sites.md` 1).
//!
//! May use: the reader, types, the profile's data. Must not: know pages, HTTP or playbooks.

use super::portal_page::pages;
use super::reader::{Fields, Reader, decode_document, did_you_mean, nearest, shortened};
use super::{Type, portal_rules};
use crate::backend::profile::{Encoding, Fact, Hands, ObserveBy, Operation, OperationSpec, PageError, Profile, Standing, Then};
use crate::backend::{Class, ERROR_CODES, code_info};
use crate::text::{Diagnostic, Node, Source, Spanned, Text};

pub(super) const KEYS: [&str; 13] =
    ["kirikae", "id", "version", "title", "sources", "checked", "base", "hosts", "hands", "encoding", "facts", "errors", "operations"];
pub(super) const FACT_KEYS: [&str; 11] = ["yen", "per", "text", "days_before", "open", "value", "glob", "example", "cite", "source", "status"];
pub(super) const OPERATION_KEYS: [&str; 14] = [
    "cite",
    "client_cert",
    "needs_sign_in",
    "takes",
    "gives",
    "tries",
    "observe",
    "absent_after",
    "claim",
    "repeatable",
    "fallback",
    "hands",
    "trust",
    "pages",
];
pub(super) const STANDINGS: [(&str, Standing); 2] = [("verified", Standing::Verified), ("unverified", Standing::Unverified)];
pub(super) const HANDS: [(&str, Hands); 2] = [("engine", Hands::Engine), ("person", Hands::Person)];

/// Reads a portal profile and checks that its operations keep the rules of their kind.
///
/// # Errors
/// All findings: `YAML.*`, `DSL.*`, `TYPE.*`, `PROFILE.*`.
pub fn decode_profile(source: &Source) -> Result<Profile, Vec<Diagnostic>> {
    decode_document(source, "portal", &KEYS, profile)
}

fn profile(reader: &mut Reader<'_>, fields: Fields<'_>) -> Option<Profile> {
    let id = reader.need(&fields, "id").and_then(|node| reader.document_id(node));
    let version = reader.need(&fields, "version").and_then(|node| reader.version(node));
    let title = reader.need(&fields, "title").and_then(|node| reader.text(node));
    let sources = fields.get("sources").map(|node| reader.strings(node)).unwrap_or_default();
    let checked = reader.need(&fields, "checked").and_then(|node| checked(reader, node));
    let base = fields.get("base").and_then(|node| reader.value(&Type::Url, node).and_then(|_| reader.string(node)));
    let hosts = fields.get("hosts").map(|node| reader.strings(node)).unwrap_or_default();
    let hands = fields.get("hands").and_then(|node| reader.word(node, &HANDS)).unwrap_or_default();
    let encodings = [("utf-8", Encoding::Utf8), ("shift_jis", Encoding::ShiftJis), ("euc-jp", Encoding::EucJp)];
    let encoding = fields.get("encoding").and_then(|node| reader.word(node, &encodings)).unwrap_or_default();
    let facts = fields.get("facts").and_then(|node| reader.entries(node)).unwrap_or_default();
    let facts =
        facts.iter().filter_map(|entry| reader.name(&entry.key).then(|| fact(reader, &entry.value)).flatten().map(|fact| (entry.key.value.clone(), fact)));
    let facts = facts.collect();
    let errors = fields.get("errors").map(|node| reader.list(node)).unwrap_or_default();
    let errors = errors.iter().filter_map(|node| page_error(reader, node)).collect();
    let mut operations = std::collections::BTreeMap::new();
    let listed = reader.need(&fields, "operations").and_then(|node| reader.entries(node)).unwrap_or_default();
    for entry in listed {
        if let Some(name) = operation_name(reader, &entry.key)
            && let Some(spec) = operation(reader, name, &entry.value)
        {
            operations.insert(name, spec);
        }
    }
    portal_rules::across_operations(reader, listed, &operations);
    Some(Profile {
        id: id?,
        version: version?,
        title: title?,
        sources,
        checked: checked?,
        base,
        hosts,
        hands,
        encoding,
        facts,
        errors,
        operations,
        digest: reader.source.digest(),
    })
}

fn checked(reader: &mut Reader<'_>, node: &Node) -> Option<(Standing, Text)> {
    let fields = reader.map(node, &["status", "on", "by"])?;
    let status = reader.need(&fields, "status").and_then(|node| reader.word(node, &STANDINGS));
    let by = reader.need(&fields, "by").and_then(|node| reader.text(node));
    fields.get("on").and_then(|node| reader.value(&Type::Date, node));
    Some((status?, by?))
}

fn fact(reader: &mut Reader<'_>, node: &Node) -> Option<Fact> {
    let fields = reader.map(node, &FACT_KEYS)?;
    let example = fields.get("example").and_then(|node| reader.string(node));
    let glob = fields.get("glob").and_then(|node| reader.string(node)).map(|glob| (glob, example.unwrap_or_default()));
    Some(Fact {
        yen: fields.get("yen").and_then(|node| reader.count(node)),
        per: fields.get("per").and_then(|node| operation_word(reader, node)),
        text: fields.get("text").and_then(|node| reader.text(node)),
        days_before: fields.get("days_before").and_then(|node| reader.count(node)),
        open: fields.get("open").and_then(|node| hours(reader, node)),
        yes: fields.get("value").and_then(|node| reader.flag(node)),
        glob,
        cite: fields.get("cite").map(|node| reader.strings(node)).unwrap_or_default(),
        source: fields.get("source").and_then(|node| reader.text(node)),
        status: reader.need(&fields, "status").and_then(|node| reader.word(node, &STANDINGS)).unwrap_or_default(),
    })
}

/// `HH:MM-HH:MM`.
fn hours(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.string(node)?;
    let time = |part: &str| part.len() == 5 && part.parse::<jiff::civil::Time>().is_ok();
    if text.split_once('-').is_some_and(|(from, to)| time(from) && (time(to) || to == "24:00")) {
        return Some(text);
    }
    let what = Text::new("受付時間は \"08:00-22:00\" の形で書いてください。", "write opening hours like \"08:00-22:00\".");
    reader.error("TYPE.MISMATCH", node.span, what);
    None
}

fn page_error(reader: &mut Reader<'_>, node: &Node) -> Option<PageError> {
    let fields = reader.map(node, &["see", "code", "say", "cite", "then", "status"])?;
    let see = reader.need(&fields, "see").and_then(|node| reader.string(node));
    let code = reader.need(&fields, "code").and_then(|node| code(reader, node))?;
    Some(PageError {
        see: see?,
        say: fields.get("say").and_then(|node| reader.text(node)),
        then: fields.get("then").and_then(|node| ending(reader, node, &code)),
        code,
        cite: fields.get("cite").map(|node| reader.strings(node)).unwrap_or_default(),
        status: fields.get("status").and_then(|node| reader.word(node, &STANDINGS)).unwrap_or_default(),
    })
}

/// The default ending of a code. A profile has no values to go on with (`resume`), and never repeats what may have happened.
fn ending(reader: &mut Reader<'_>, node: &Node, code: &str) -> Option<Then> {
    let words = Then::ALL.map(|then| (then.word(), then));
    let then = reader.word(node, &words[1..])?;
    if code_info(code).is_some_and(|info| info.class == Class::Ambiguous) && !then.keeps_doubt() {
        let what = Text::new(
            format!("{code} は、行われたかどうか分からないという意味です。stop か hand_off だけを書けます。"),
            format!("`{code}` means that it may have happened; only `stop` and `hand_off` can follow."),
        );
        reader.error("CHECK.RESCUE_AMBIGUOUS", node.span, what);
        return None;
    }
    Some(then)
}

/// A code `AREA.CAUSE`: one of the engine's, or the profile's own.
pub(super) fn code(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let code = reader.string(node)?;
    let upper =
        |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase()) && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let fits = code.split_once('.').is_some_and(|(area, cause)| upper(area) && upper(cause));
    let near = if code_info(&code).is_some() { None } else { nearest(&code, ERROR_CODES.iter().map(|info| info.code)) };
    if fits && near.is_none() {
        return Some(code);
    }
    let shown = shortened(&code);
    let what = Text::new(format!("「{shown}」というコードはありません。"), format!("there is no code `{shown}`."));
    let finding = reader.error("PROFILE.UNKNOWN_CODE", node.span, what);
    did_you_mean(finding, node.span, near.map(str::to_owned));
    finding
        .cure
        .push(Text::new("コードは PORTAL.BUSY のように、英大文字を . でつないで書きます。", "codes are written AREA.CAUSE in capitals, such as PORTAL.BUSY."));
    None
}

/// An operation's name as a value.
pub(super) fn operation_word(reader: &mut Reader<'_>, node: &Node) -> Option<Operation> {
    reader.word(node, &Operation::ALL.map(|operation| (operation.word(), operation)))
}

fn operation_name(reader: &mut Reader<'_>, key: &Spanned<String>) -> Option<Operation> {
    let known = Operation::parse(&key.value);
    if known.is_none() {
        reader.unknown_key(key, &Operation::ALL.map(Operation::word), &[]);
    }
    known
}

fn operation(reader: &mut Reader<'_>, name: Operation, node: &Node) -> Option<OperationSpec> {
    let fields = reader.map(node, &OPERATION_KEYS)?;
    let takes = parameters(reader, &fields, "takes");
    let gives = parameters(reader, &fields, "gives");
    let default_observe = match name {
        Operation::Apply | Operation::Renew => ObserveBy::Look(Operation::FindIssued),
        _ => ObserveBy::Nothing,
    };
    let observe = match fields.get("observe") {
        Some(node) if node.scalar().is_some_and(|scalar| scalar.text == "none") => ObserveBy::Nothing,
        Some(node) => operation_word(reader, node).map_or(default_observe, ObserveBy::Look),
        None => default_observe,
    };
    let trust_none = match fields.get("trust") {
        Some(node) => reader.word(node, &[("none", ())]).is_some(),
        None => false,
    };
    let mut spec = OperationSpec {
        cite: fields.get("cite").map(|node| reader.strings(node)).unwrap_or_default(),
        client_cert: fields.get("client_cert").and_then(|node| reader.flag(node)).unwrap_or(false),
        needs_sign_in: fields.get("needs_sign_in").and_then(|node| reader.flag(node)).unwrap_or(false),
        tries: fields.get("tries").and_then(|node| taken(reader, node, &takes)),
        claim: fields.get("claim").and_then(|node| taken(reader, node, &takes)),
        takes,
        gives,
        observe,
        absent_after: fields.get("absent_after").and_then(|node| absent_after(reader, node)),
        repeatable: fields.get("repeatable").and_then(|node| reader.flag(node)).unwrap_or_else(|| name.repeatable()),
        fallback: fields.get("fallback").and_then(|node| operation_word(reader, node)),
        hands: fields.get("hands").and_then(|node| reader.word(node, &HANDS)),
        trust_none,
        pages: vec![],
    };
    spec.pages = pages(reader, name, &spec, fields.get("pages"));
    portal_rules::of_operation(reader, name, &spec, &fields);
    Some(spec)
}

/// `takes` or `gives`: names and types.
fn parameters(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<(String, Type)> {
    let Some(entries) = fields.get(key).and_then(|node| reader.entries(node)) else { return vec![] };
    let mut parameters = vec![];
    for entry in entries {
        let fits = reader.name(&entry.key);
        if let Some(ty) = reader.ty(&entry.value)
            && fits
        {
            parameters.push((entry.key.value.clone(), ty));
        }
    }
    parameters
}

/// The name of a parameter that the operation takes.
pub(super) fn taken(reader: &mut Reader<'_>, node: &Node, takes: &[(String, Type)]) -> Option<String> {
    let name = reader.string(node)?;
    if takes.iter().any(|(known, _)| *known == name) {
        return Some(name);
    }
    portal_rules::unknown_parameter(reader, node.span, &name, takes, "takes");
    None
}

/// `30m`, or `{ after: 30m, status: verified }`.
pub(super) fn absent_after(reader: &mut Reader<'_>, node: &Node) -> Option<(std::time::Duration, Standing)> {
    if node.scalar().is_some() {
        return reader.duration(node).map(|after| (after, Standing::Unverified));
    }
    let fields = reader.map(node, &["after", "status"])?;
    let after = reader.need(&fields, "after").and_then(|node| reader.duration(node));
    let status = fields.get("status").and_then(|node| reader.word(node, &STANDINGS)).unwrap_or_default();
    Some((after?, status))
}
