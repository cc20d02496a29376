//! The world of a playbook test: certificates, simulated backends, inputs, answers, faults.
//!
//! May use: the reader. Must not: know the playbook beyond the kinds of its roles.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::reader::{Fields, Reader};
use super::test::{SimAnswer, SimBackend, SimCert, SimDownload, SimEntry, SimFault, SimFile, SimFolder, SimInput, SimPortal, SimStore, SimToken, Situation};
use super::test_file::{RoleKinds, code, spanned};
use super::{Type, Value};
use crate::backend::profile::Operation;
use crate::text::{Entry, Kind, Node, Spanned, Text};

pub(super) const SITUATION_KEYS: [&str; 7] = ["clock", "certs", "backends", "inputs", "answers", "vault", "faults"];
pub(super) const CERT_KEYS: [&str; 8] = ["cn", "serial", "issuer", "not_before", "not_after", "key", "exportable", "protected"];
pub(super) const STORE_KEYS: [&str; 3] = ["holds", "readable", "writable"];
pub(super) const PORTAL_KEYS: [&str; 10] = ["status", "issues", "listed", "gives", "rejects", "refuses", "hides", "absent_after", "files", "missing"];
pub(super) const FOLDER_KEYS: [&str; 3] = ["files", "present", "plain"];
pub(super) const TOKENS_KEYS: [&str; 1] = ["tokens"];
pub(super) const TOKEN_KEYS: [&str; 6] = ["serial", "pin", "limit", "wrong", "present", "holds"];
pub(super) const ANSWER_KEYS: [&str; 5] = ["yes", "fields", "evidence", "leaves", "inserts"];
pub(super) const FAULT_KEYS: [&str; 6] = ["at", "before", "after_effect", "times", "crash", "then"];

pub(super) const DOWNLOADS: [(&str, SimDownload); 4] =
    [("whole", SimDownload::Whole), ("cut", SimDownload::Cut), ("page", SimDownload::Page), ("other_password", SimDownload::OtherPassword)];

/// Reads a situation from a mapping of its keys.
pub(super) fn situation(reader: &mut Reader<'_>, node: &Node, kinds: &RoleKinds) -> Option<Situation> {
    let fields = reader.map(node, &SITUATION_KEYS)?;
    let clock = reader.need(&fields, "clock").and_then(|node| instant(reader, node));
    let mut certs = vec![];
    for entry in fields.get("certs").and_then(|node| reader.entries(node)).unwrap_or_default() {
        if reader.name(&entry.key)
            && let Some(cert) = cert(reader, &entry.value, true)
        {
            certs.push((entry.key.clone(), cert));
        }
    }
    let vault = fields.get("vault").map(|node| reader.list(node)).unwrap_or_default();
    let faults = fields.get("faults").map(|node| reader.list(node)).unwrap_or_default();
    Some(Situation {
        certs,
        backends: backends(reader, &fields, kinds),
        inputs: inputs(reader, &fields),
        answers: answers(reader, &fields),
        vault: vault.iter().filter_map(|node| entry(reader, node)).collect(),
        faults: faults.iter().filter_map(|node| Some(Spanned::new(fault(reader, node)?, node.span))).collect(),
        clock: clock?,
    })
}

fn instant(reader: &mut Reader<'_>, node: &Node) -> Option<Timestamp> {
    match reader.value(&Type::DateTime, node)? {
        Value::DateTime(at) => Some(at),
        _ => None,
    }
}

/// A day (noon in Japan), or an instant.
fn day(reader: &mut Reader<'_>, node: &Node) -> Option<Timestamp> {
    let text = reader.scalar(node)?.text.clone();
    if text.contains('T') {
        return instant(reader, node);
    }
    match reader.value(&Type::Date, node)? {
        Value::Date(date) => date.at(3, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok().map(|noon| noon.timestamp()),
        _ => None,
    }
}

fn cert(reader: &mut Reader<'_>, node: &Node, whole: bool) -> Option<SimCert> {
    let fields = reader.map(node, &CERT_KEYS)?;
    if whole {
        reader.need(&fields, "cn");
        reader.need(&fields, "not_after");
    }
    let text = |reader: &mut Reader<'_>, key: &str| fields.get(key).and_then(|node| reader.string(node));
    let flag = |reader: &mut Reader<'_>, key: &str| fields.get(key).and_then(|node| reader.flag(node));
    Some(SimCert {
        cn: text(reader, "cn"),
        serial: fields.get("serial").and_then(|node| reader.value(&Type::Hex, node)).and_then(|serial| serial.to_json().as_str().map(str::to_owned)),
        issuer: text(reader, "issuer"),
        not_before: fields.get("not_before").and_then(|node| day(reader, node)),
        not_after: fields.get("not_after").and_then(|node| day(reader, node)),
        key: flag(reader, "key"),
        exportable: flag(reader, "exportable"),
        protected: flag(reader, "protected"),
    })
}

/// A role that is not mentioned is there and empty.
fn backends(reader: &mut Reader<'_>, fields: &Fields<'_>, kinds: &RoleKinds) -> BTreeMap<String, SimBackend> {
    let mut backends: BTreeMap<String, SimBackend> = kinds.iter().map(|(role, kind)| (role.clone(), SimBackend::empty(*kind))).collect();
    let roles: Vec<&str> = kinds.keys().map(String::as_str).collect();
    let entries = fields.get("backends").and_then(|node| reader.entries(node)).unwrap_or_default();
    for entry in entries {
        let Some(empty) = backends.get(&entry.key.value) else {
            reader.unknown_key(&entry.key, &roles, entries);
            continue;
        };
        let told = match empty {
            SimBackend::Store(_) => store(reader, &entry.value).map(SimBackend::Store),
            SimBackend::Portal(_) => portal(reader, &entry.value).map(Box::new).map(SimBackend::Portal),
            SimBackend::Folder(_) => folder(reader, &entry.value).map(SimBackend::Folder),
            SimBackend::Tokens(_) => tokens(reader, &entry.value).map(SimBackend::Tokens),
        };
        backends.extend(told.map(|told| (entry.key.value.clone(), told)));
    }
    backends
}

fn names(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<Spanned<String>> {
    let items = fields.get(key).map(|node| reader.one_or_list(node)).unwrap_or_default();
    items.iter().filter_map(|node| spanned(reader, node)).collect()
}

fn flag_or(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, otherwise: bool) -> bool {
    fields.get(key).and_then(|node| reader.flag(node)).unwrap_or(otherwise)
}

fn store(reader: &mut Reader<'_>, node: &Node) -> Option<SimStore> {
    let fields = reader.map(node, &STORE_KEYS)?;
    let holds = names(reader, &fields, "holds");
    Some(SimStore { holds, readable: flag_or(reader, &fields, "readable", true), writable: flag_or(reader, &fields, "writable", true) })
}

/// USB keys and cards of a role.
fn tokens(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<SimToken>> {
    let fields = reader.map(node, &TOKENS_KEYS)?;
    let items = fields.get("tokens").map(|node| reader.one_or_list(node)).unwrap_or_default();
    Some(items.iter().filter_map(|node| token(reader, node)).collect())
}

fn token(reader: &mut Reader<'_>, node: &Node) -> Option<SimToken> {
    let fields = reader.map(node, &TOKEN_KEYS)?;
    let serial = reader.need(&fields, "serial").and_then(|node| spanned(reader, node));
    let pin = reader.need(&fields, "pin").and_then(|node| reader.scalar(node)).map(|scalar| scalar.text.clone());
    let limit = fields.get("limit").and_then(|node| reader.count(node)).unwrap_or(10);
    let wrong = fields.get("wrong").and_then(|node| reader.count(node)).unwrap_or(0);
    let holds = names(reader, &fields, "holds");
    Some(SimToken { serial: serial?, pin: pin?, limit, wrong, present: flag_or(reader, &fields, "present", true), holds })
}

fn folder(reader: &mut Reader<'_>, node: &Node) -> Option<SimFolder> {
    let fields = reader.map(node, &FOLDER_KEYS)?;
    let entries = fields.get("files").and_then(|node| reader.entries(node)).unwrap_or_default();
    let files = entries.iter().filter_map(|entry| Some((entry.key.clone(), file(reader, &entry.value, &["cert", "password", "chain", "text"])?.1))).collect();
    Some(SimFolder { files, present: flag_or(reader, &fields, "present", true), plain: flag_or(reader, &fields, "plain", false) })
}

/// A file with its name, where a name may stand.
fn file(reader: &mut Reader<'_>, node: &Node, keys: &[&str]) -> Option<(Option<String>, SimFile)> {
    let fields = reader.map(node, keys)?;
    let name = fields.get("name").and_then(|node| reader.string(node));
    if let Some(text) = fields.get("text") {
        return Some((name, SimFile::Text(reader.string(text)?)));
    }
    let cert = reader.need(&fields, "cert").and_then(|node| spanned(reader, node));
    let password = reader.need(&fields, "password").and_then(|node| reader.string(node));
    let chain = names(reader, &fields, "chain");
    Some((name, SimFile::P12 { cert: cert?, password: password?, chain }))
}

fn portal(reader: &mut Reader<'_>, node: &Node) -> Option<SimPortal> {
    let fields = reader.map(node, &PORTAL_KEYS)?;
    let mut listed = vec![];
    for row in fields.get("listed").map(|node| reader.list(node)).unwrap_or_default() {
        let Some(row) = reader.map(row, &["request_id", "cert"]) else { continue };
        let id = reader.need(&row, "request_id").and_then(|node| spanned(reader, node));
        let cert = reader.need(&row, "cert").and_then(|node| spanned(reader, node));
        listed.extend(id.zip(cert));
    }
    let mut gives = BTreeMap::new();
    for (operation, entry) in operations(reader, &fields, "gives") {
        let values = reader.entries(&entry.value).unwrap_or_default();
        let values = values.iter().filter_map(|value| Some((value.key.value.clone(), reader.string(&value.value)?))).collect();
        gives.insert(operation, values);
    }
    let mut refuses = BTreeMap::new();
    for (operation, entry) in operations(reader, &fields, "refuses") {
        refuses.extend(code(reader, &entry.value).map(|code| (operation, code)));
    }
    let files = fields.get("files").map(|node| reader.one_or_list(node)).unwrap_or_default();
    Some(SimPortal {
        status: names(reader, &fields, "status"),
        issues: fields.get("issues").and_then(|node| cert(reader, node, false)).unwrap_or_default(),
        listed,
        gives,
        rejects: names(reader, &fields, "rejects"),
        refuses,
        hides: fields.get("hides").and_then(|node| reader.duration(node)),
        absent_after: fields.get("absent_after").and_then(|node| reader.duration(node)),
        files: files.iter().filter_map(|node| reader.word(node, &DOWNLOADS)).collect(),
        missing: names(reader, &fields, "missing"),
    })
}

fn operations<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>, key: &str) -> Vec<(Operation, &'n Entry)> {
    let entries = fields.get(key).and_then(|node| reader.entries(node)).unwrap_or_default();
    let words: Vec<&str> = Operation::ALL.iter().map(|operation| operation.word()).collect();
    let mut known = vec![];
    for entry in entries {
        match Operation::parse(&entry.key.value) {
            Some(operation) => known.push((operation, entry)),
            None => reader.unknown_key(&entry.key, &words, entries),
        }
    }
    known
}

fn inputs(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, Spanned<SimInput>> {
    let mut inputs = BTreeMap::new();
    for entry in fields.get("inputs").and_then(|node| reader.entries(node)).unwrap_or_default() {
        let given = match &entry.value.kind {
            Kind::Map(keys) if keys.iter().any(|key| matches!(key.key.value.as_str(), "password" | "text")) => {
                file(reader, &entry.value, &["name", "cert", "password", "chain", "text"])
                    .map(|(name, file)| SimInput::File(name.unwrap_or_else(|| "file.p12".to_owned()), file))
            }
            Kind::Map(_) => {
                reader.map(&entry.value, &["cert"]).and_then(|fields| reader.need(&fields, "cert").and_then(|node| reader.string(node))).map(SimInput::Cert)
            }
            _ => reader.scalar(&entry.value).map(|scalar| SimInput::Scalar(scalar.text.clone())),
        };
        inputs.extend(given.map(|given| (entry.key.value.clone(), Spanned::new(given, entry.key.span))));
    }
    inputs
}

fn answers(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, Spanned<Vec<SimAnswer>>> {
    let mut answers = BTreeMap::new();
    for entry in fields.get("answers").and_then(|node| reader.entries(node)).unwrap_or_default() {
        let several = reader.one_or_list(&entry.value).iter().filter_map(|node| answer(reader, node)).collect();
        answers.insert(entry.key.value.clone(), Spanned::new(several, entry.key.span));
    }
    answers
}

fn answer(reader: &mut Reader<'_>, node: &Node) -> Option<SimAnswer> {
    if !matches!(node.kind, Kind::Map(_)) {
        let word = reader.scalar(node)?.text.clone();
        return Some(SimAnswer { nobody: word == "nobody", word, ..SimAnswer::default() });
    }
    let fields = reader.map(node, &ANSWER_KEYS)?;
    let yes = fields.get("yes").and_then(|node| reader.flag(node)).unwrap_or(true);
    let given = fields.get("fields").and_then(|node| reader.entries(node)).unwrap_or_default();
    let given = given.iter().filter_map(|field| Some((field.key.value.clone(), reader.scalar(&field.value)?.text.clone()))).collect();
    let evidence = fields.get("evidence").and_then(|node| reader.string(node));
    let leaves = named_by_role(reader, &fields, "leaves");
    let inserts = named_by_role(reader, &fields, "inserts");
    Some(SimAnswer { word: yes.to_string(), nobody: false, fields: given, evidence, leaves, inserts })
}

/// Names by role.
fn named_by_role(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<(Spanned<String>, Vec<Spanned<String>>)> {
    let entries = fields.get(key).and_then(|node| reader.entries(node)).unwrap_or_default();
    let named = entries.iter().map(|entry| {
        let names = reader.one_or_list(&entry.value).iter().filter_map(|node| spanned(reader, node)).collect();
        (Spanned::new(entry.key.value.clone(), entry.key.span), names)
    });
    named.collect()
}

fn entry(reader: &mut Reader<'_>, node: &Node) -> Option<SimEntry> {
    let fields = reader.map(node, &["name", "about", "value"])?;
    let name = reader.need(&fields, "name").and_then(|node| reader.string(node));
    let about = reader.need(&fields, "about").and_then(|node| reader.string(node));
    let value = reader.need(&fields, "value").and_then(|node| reader.string(node));
    Some(SimEntry { name: name?, about: about?, value: value? })
}

fn fault(reader: &mut Reader<'_>, node: &Node) -> Option<SimFault> {
    let fields = reader.map(node, &FAULT_KEYS)?;
    let told: Vec<&str> = ["before", "after_effect", "crash"].into_iter().filter(|key| fields.get(key).is_some()).collect();
    let [kind] = told.as_slice() else {
        let what = Text::new("before・after_effect・crash のどれか1つを書きます。", "say one of `before`, `after_effect` and `crash`.");
        reader.error("TEST.FAULT", node.span, what);
        return None;
    };
    if *kind == "crash" {
        fields.get("crash").and_then(|node| reader.word(node, &[("each_transition", ())]))?;
        fields.get("then").and_then(|node| reader.word(node, &[("resume", ())]));
        return Some(SimFault::Crash);
    }
    let at = reader.need(&fields, "at").and_then(|node| spanned(reader, node));
    let code = fields.get(kind).and_then(|node| code(reader, node));
    let times = fields.get("times").and_then(|node| reader.count(node)).unwrap_or(1);
    let (at, code) = (at?, code?);
    Some(if *kind == "before" { SimFault::Before { at, code, times } } else { SimFault::After { at, code, times } })
}
