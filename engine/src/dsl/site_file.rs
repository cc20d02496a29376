//! `kirikae: site/1` to a [`Site`] (`portals-and-sites.md` 2).
//!
//! May use: the reader. Must not: open the files it names, read the environment, know playbooks.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::portal::{HANDS, absent_after};
use super::reader::{Fields, Reader, decode_document, did_you_mean, nearest};
use super::site::{ApprovalRule, BackendPort, BackendSite, PortalSite, ProgramSite, ProxySite, RootsAt, SecretSource, Site};
use super::{Type, Value};
use crate::backend::profile::Standing;
use crate::text::{Diagnostic, Entry, Kind, Lang, Node, Source, Spanned, Text};

pub(super) const KEYS: [&str; 19] = [
    "kirikae",
    "id",
    "title",
    "timezone",
    "lang",
    "people",
    "portals",
    "backends",
    "programs",
    "inputs",
    "secrets",
    "vault",
    "approvals",
    "notify",
    "targets",
    "state_scope",
    "plan_valid",
    "fresh_for",
    "downloads",
];
const PLAN_VALID: Duration = Duration::from_secs(12 * 3_600);
const FRESH_FOR: Duration = Duration::from_secs(3_600);

/// Reads a site file.
///
/// # Errors
/// All findings: `YAML.*`, `DSL.*`, `TYPE.*`, `SITE.*`.
pub fn decode_site(source: &Source) -> Result<Site, Vec<Diagnostic>> {
    decode_document(source, "site", &KEYS, site)
}

fn site(reader: &mut Reader<'_>, fields: Fields<'_>) -> Option<Site> {
    let id = reader.need(&fields, "id").and_then(|node| reader.document_id(node));
    let title = reader.need(&fields, "title").and_then(|node| reader.text(node));
    let timezone = match fields.get("timezone") {
        Some(node) => timezone(reader, node),
        None => TimeZone::get("Asia/Tokyo").ok(),
    };
    let recipients = fields.get("vault").map(|node| recipients(reader, node)).unwrap_or_default();
    let approvals = fields.get("approvals").map(|node| reader.list(node)).unwrap_or_default();
    let scope = fields.get("state_scope").and_then(|node| reader.word(node, &[("per_user", true), ("machine", false)]));
    reserved(reader, &fields);
    Some(Site {
        lang: fields.get("lang").and_then(|node| reader.word(node, &[("ja", Lang::Ja), ("en", Lang::En)])),
        people: people(reader, &fields),
        portals: portals(reader, fields.get("portals")),
        backends: backends(reader, fields.get("backends")),
        programs: programs(reader, &fields),
        inputs: inputs(reader, fields.get("inputs")),
        secrets: secrets(reader, fields.get("secrets")),
        recipients,
        approvals: approvals.iter().filter_map(|node| approval(reader, node)).collect(),
        plan_valid: fields.get("plan_valid").and_then(|node| reader.duration(node)).unwrap_or(PLAN_VALID),
        fresh_for: fields.get("fresh_for").and_then(|node| reader.duration(node)).unwrap_or(FRESH_FOR),
        state_per_user: scope.unwrap_or(false),
        downloads: fields.get("downloads").and_then(|node| reader.string(node)),
        id: id?,
        title: title?,
        timezone: timezone?,
        source: reader.source.clone(),
        digest: reader.source.digest(),
    })
}

fn timezone(reader: &mut Reader<'_>, node: &Node) -> Option<TimeZone> {
    let name = reader.string(node)?;
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        let what = Text::new(format!("「{name}」という時間帯はありません。"), format!("there is no time zone `{name}`."));
        reader.error("SITE.TIMEZONE", node.span, what).cure.push(Text::new("Asia/Tokyo のように書いてください。", "write a name such as Asia/Tokyo."));
    }
    zone
}

/// `targets` must be empty: fleets come later. `notify` is taken and shape-checked.
fn reserved(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    if let Some(node) = fields.get("targets")
        && !reader.list(node).is_empty()
    {
        let what = Text::new("「targets」(複数の端末)はまだ使えません。", "`targets` (fleets) is not available yet.");
        reader.error("DSL.NOT_YET", node.span, what).cure.push(Text::new("targets: [] としてください。", "write `targets: []`."));
    }
    for entry in fields.get("notify").and_then(|node| reader.entries(node)).unwrap_or_default() {
        if let Some(fields) = reader.map(&entry.value, &["mail"]) {
            fields.get("mail").map(|node| reader.string(node));
        }
    }
}

fn recipients(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let Some(fields) = reader.map(node, &["recipients"]) else { return vec![] };
    let mut recipients = vec![];
    for node in fields.get("recipients").map(|node| reader.list(node)).unwrap_or_default() {
        let Some(recipient) = reader.string(node) else { continue };
        if recipient.starts_with("age1") {
            recipients.push(recipient);
        } else {
            let what = Text::new("控えの宛先(recipient)は age1 で始まります。", "a recipient starts with `age1`.");
            let cure = Text::new("age-keygen が「Public key」として示す文字列を書いてください。", "write what age-keygen shows as public key.");
            reader.error("SITE.RECIPIENT", node.span, what).cure.push(cure);
        }
    }
    recipients
}

fn people(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, Text> {
    let entries = fields.get("people").and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut people = BTreeMap::new();
    for entry in entries {
        let Some(fields) = reader.map(&entry.value, &["name"]) else { continue };
        if let Some(name) = reader.need(&fields, "name").and_then(|node| reader.text(node)) {
            people.insert(entry.key.value.clone(), name);
        }
    }
    people
}

fn portals(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeMap<String, PortalSite> {
    let entries = node.and_then(|node| reader.entries(node)).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.value.clone(), portal(reader, &entry.value)?))).collect()
}

fn portal(reader: &mut Reader<'_>, node: &Node) -> Option<PortalSite> {
    let fields = reader.map(node, &["base", "roots", "proxy", "hands", "timeout", "absent_after"])?;
    Some(PortalSite {
        base: fields.get("base").and_then(|node| url(reader, node)),
        roots: fields.get("roots").and_then(|node| reader.string(node)).map(|roots| match roots.as_str() {
            "system" => RootsAt::System,
            _ => RootsAt::File(roots),
        }),
        proxy: fields.get("proxy").and_then(|node| proxy(reader, node)),
        hands: fields.get("hands").and_then(|node| reader.word(node, &HANDS)),
        timeout: fields.get("timeout").and_then(|node| reader.duration(node)),
        absent_after: fields.get("absent_after").and_then(|node| absent_after(reader, node)).map(|(after, _)| (after, Standing::Verified)),
    })
}

fn url(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    match reader.value(&Type::Url, node)? {
        Value::Str(url) => Some(url),
        _ => None,
    }
}

fn proxy(reader: &mut Reader<'_>, node: &Node) -> Option<ProxySite> {
    if node.scalar().is_some() {
        return url(reader, node).map(|url| ProxySite { url, user: None, password: None });
    }
    let fields = reader.map(node, &["url", "user", "password"])?;
    let url = reader.need(&fields, "url").and_then(|node| url(reader, node));
    let user = fields.get("user").and_then(|node| reader.string(node));
    let password = fields.get("password").and_then(|node| secret_source(reader, node));
    Some(ProxySite { url: url?, user, password })
}

fn backends(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeMap<String, BackendSite> {
    let entries = node.and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut backends = BTreeMap::new();
    for entry in entries {
        if reader.name(&entry.key)
            && let Some(backend) = backend(reader, entry)
        {
            backends.insert(entry.key.value.clone(), backend);
        }
    }
    backends
}

/// Keys of a backend by what it is; the first one says which port it serves.
fn backend(reader: &mut Reader<'_>, entry: &Entry) -> Option<BackendSite> {
    let entries = reader.entries(&entry.value)?;
    let ports = [("store", BackendPort::Store), ("token", BackendPort::Token), ("folder", BackendPort::Folder)];
    let told: Vec<_> = ports.iter().filter(|(word, _)| entries.iter().any(|entry| entry.key.value == *word)).collect();
    let [(word, port)] = told.as_slice() else {
        let span = entries.first().map_or(entry.key.span, |entry| entry.key.span);
        let what = Text::new("store・token・folder のどれか1つを書きます。", "say one of `store`, `token` or `folder`.");
        let cure = Text::new(
            "例: { store: dir, path: ./store } / { folder: \"E:/kirikae\", removable: true }",
            "such as { store: dir, path: ./store } or { folder: /media/backup }.",
        );
        let near = entries.first().filter(|_| told.is_empty()).and_then(|entry| nearest(&entry.key.value, ports.map(|(word, _)| word))).map(str::to_owned);
        let finding = reader.error("SITE.BACKEND", span, what);
        did_you_mean(finding, span, near);
        finding.cure.push(cure);
        return None;
    };
    let keys: &[&str] = match port {
        BackendPort::Store => &["store", "path", "password", "profile", "location", "name", "keys"],
        BackendPort::Token => &["token", "path", "module", "serial", "label", "uri", "slot"],
        BackendPort::Folder => &["folder", "removable", "plain"],
    };
    let fields = reader.map(&entry.value, keys)?;
    let kind = fields.get(word).and_then(|node| reader.string(node));
    let flag = |reader: &mut Reader<'_>, key: &str| fields.get(key).and_then(|node| reader.flag(node)).unwrap_or(false);
    let (removable, plain) = (flag(reader, "removable"), flag(reader, "plain"));
    let path = fields.get("path").and_then(|node| reader.string(node));
    let mut settings = BTreeMap::new();
    for key in ["profile", "location", "name", "keys", "module", "serial", "label", "uri", "slot"] {
        if let Some(setting) = fields.get(key).and_then(|node| reader.string(node)) {
            settings.insert(key.to_owned(), setting);
        }
    }
    let password = fields.get("password").and_then(|node| secret_source(reader, node));
    let lies_somewhere = matches!((port, kind.as_deref()), (BackendPort::Store, Some("dir")) | (BackendPort::Token, Some("soft")));
    if lies_somewhere && path.is_none() {
        reader.need(&fields, "path");
    }
    let (kind, path) = match port {
        BackendPort::Folder => ("dir".to_owned(), Some(kind?)),
        _ => (kind?, path),
    };
    Some(BackendSite { port: *port, kind, path, password, removable, plain, settings, span: entry.key.span })
}

fn programs(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, ProgramSite> {
    let entries = fields.get("programs").and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut programs = BTreeMap::new();
    for entry in entries {
        let Some(fields) = reader.map(&entry.value, &["portals", "backends", "inputs", "secrets"]) else { continue };
        let program = ProgramSite {
            portals: portals(reader, fields.get("portals")),
            backends: backends(reader, fields.get("backends")),
            inputs: inputs(reader, fields.get("inputs")),
            secrets: secrets(reader, fields.get("secrets")),
        };
        programs.insert(entry.key.value.clone(), program);
    }
    programs
}

/// Inputs stay text until a playbook says their type.
fn inputs(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeMap<String, Spanned<String>> {
    let entries = node.and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut inputs = BTreeMap::new();
    for entry in entries {
        let fits = reader.name(&entry.key);
        if let Some(text) = reader.string(&entry.value)
            && fits
        {
            inputs.insert(entry.key.value.clone(), Spanned::new(text, entry.value.span));
        }
    }
    inputs
}

fn secrets(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeMap<String, SecretSource> {
    let entries = node.and_then(|node| reader.entries(node)).unwrap_or_default();
    let mut secrets = BTreeMap::new();
    for entry in entries {
        if !entry.key.value.contains('.') {
            let what = Text::new(
                format!("「{}」は「文書.秘密の名前」の形ではありません。", entry.key.value),
                format!("`{}` is not `playbook.secret`.", entry.key.value),
            );
            let cure = Text::new("obn/renew-web.p12_password のように書いてください。", "write it like obn/renew-web.p12_password.");
            reader.error("SITE.SECRET_NAME", entry.key.span, what).cure.push(cure);
        }
        if let Some(source) = secret_source(reader, &entry.value) {
            secrets.insert(entry.key.value.clone(), source);
        }
    }
    secrets
}

/// `ask`, or one of `{ generate vault file env pipe }`. A value itself is never written here.
fn secret_source(reader: &mut Reader<'_>, node: &Node) -> Option<SecretSource> {
    let keys = ["generate", "vault", "file", "env", "pipe"];
    if !matches!(node.kind, Kind::Map(_)) {
        let scalar = reader.scalar(node)?;
        if scalar.text == "ask" {
            return Some(SecretSource::Ask);
        }
        let what = Text::new("秘密の値そのものは、サイトファイルに書けません。", "a secret's value is never written in the site file.");
        let cure = Text::new(
            "ask、{ file: … }、{ env: … }、{ vault: … }、{ pipe: [ … ] }、{ generate: digits(4) } のどれかを書いてください。",
            "write ask, { file: .. }, { env: .. }, { vault: .. }, { pipe: [..] } or { generate: digits(4) }.",
        );
        reader.error("SITE.SECRET_VALUE", node.span, what).cure.push(cure);
        return None;
    }
    let fields = reader.map(node, &keys)?;
    let told: Vec<_> = keys.into_iter().filter_map(|key| Some((key, fields.get(key)?))).collect();
    let [(key, node)] = told.as_slice() else {
        if told.len() > 1 {
            let what = Text::new("秘密の取り出し方は1つだけ書きます。", "a secret has one source.");
            reader.error("SITE.SECRET_SOURCE", node.span, what);
        }
        return None;
    };
    Some(match *key {
        "generate" => SecretSource::Generate(reader.ty(node)?),
        "vault" => SecretSource::Vault(reader.string(node)?),
        "file" => SecretSource::File(reader.string(node)?),
        "env" => SecretSource::Env(reader.string(node)?),
        _ => SecretSource::Pipe(reader.list(node).iter().filter_map(|item| reader.string(item)).collect()),
    })
}

fn approval(reader: &mut Reader<'_>, node: &Node) -> Option<ApprovalRule> {
    let fields = reader.map(node, &["action", "program", "max_fee_jpy", "per_day", "allow", "unverified", "person_proof"])?;
    let action = reader.need(&fields, "action").and_then(|node| reader.string(node));
    let auto = reader.need(&fields, "allow").and_then(|node| reader.word(node, &[("auto", true), ("ask", false)]));
    let flag = |reader: &mut Reader<'_>, key: &str| fields.get(key).and_then(|node| reader.flag(node)).unwrap_or(false);
    Some(ApprovalRule {
        program: fields.get("program").and_then(|node| reader.string(node)),
        max_fee_jpy: fields.get("max_fee_jpy").and_then(|node| reader.count(node)),
        per_day: fields.get("per_day").and_then(|node| reader.count(node)),
        unverified: flag(reader, "unverified"),
        person_proof: flag(reader, "person_proof"),
        action: action?,
        auto: auto?,
    })
}
