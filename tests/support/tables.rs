//! The tables of `docs/language.md`, from the schema, the registries and the lists of the language.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use kirikae_engine::action::{InputSpec, Manifest, OutputSpec, registry};
use kirikae_engine::backend::{Class, ERROR_CODES};
use kirikae_engine::dsl::expr::FORMS;
use kirikae_engine::dsl::schema::schema;
use kirikae_engine::dsl::{RoleKind, Type};
use kirikae_engine::text::{Lang, Text};
use serde_json::Value as Json;

/// Every table: its name between the markers, its text.
pub fn all() -> Vec<(&'static str, String)> {
    vec![("keywords", keywords()), ("types", types()), ("attributes", attributes()), ("expressions", expressions()), ("actions", actions()), ("codes", codes())]
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule: Vec<String> = head.iter().map(|_| "---".to_owned()).collect();
    format!("{}{}{}", line(&head), line(&rule), rows.iter().map(|row| line(row)).collect::<String>())
}

/// Text inside a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Code inside a cell.
fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// The keys of a playbook, of what is named in it, and of what stands in those.
fn keywords() -> String {
    let schema = schema("playbook", registry()).unwrap();
    let mut text = keys_of("A playbook", &schema);
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        if definition.get("properties").is_some() {
            text.push_str(&keys_of(heading(name), definition));
        }
    }
    text
}

fn heading(definition: &str) -> &str {
    match definition {
        "guard" => "An item of `require` and `expect`",
        "input" => "An input",
        "inner_step" => "A step of a `do`",
        "row" => "A row of `rescue`",
        "secret" => "A secret",
        "step" => "A step",
        other => other,
    }
}

fn keys_of(title: &str, object: &Json) -> String {
    let required: Vec<&str> = object["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let properties = object["properties"].as_object().unwrap();
    let (mut rows, mut below) = (vec![], String::new());
    for (key, value) in properties {
        let must = if required.contains(&key.as_str()) { "yes" } else { "" };
        rows.push(vec![code(key), cell(&kind(value)), must.to_owned(), cell(value["description"].as_str().unwrap_or_default())]);
        if value.get("properties").is_some() {
            below.push_str(&keys_of(&format!("`{key}` of {}", lower(title)), value));
        }
    }
    format!("\n**{title}**\n\n{}{below}", table(&["key", "value", "required", "意味 (meaning)"], rows))
}

fn lower(title: &str) -> String {
    let mut chars = title.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// What a schema takes, in a few words.
fn kind(schema: &Json) -> String {
    if let Some(word) = schema["const"].as_str() {
        return code(word);
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
        return if words.len() > 6 { "a word".to_owned() } else { words.join(" or ") };
    }
    if let Some(first) = schema["allOf"].as_array().and_then(|all| all.first()) {
        return kind(first);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let mut kinds: Vec<String> = any.iter().map(kind).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    match &schema["type"] {
        Json::Array(_) => "expression".to_owned(),
        Json::String(word) => match word.as_str() {
            "object" if schema["properties"].get("ja").is_some() => "`{ ja, en }`".to_owned(),
            "object" => inside(schema).map_or_else(|| "mapping".to_owned(), |inner| format!("name: {inner}")),
            "array" => format!("list of {}", kind(&schema["items"])),
            "string" if schema["pattern"].as_str() == Some("^[1-9][0-9]*[smhd]$") => "duration".to_owned(),
            "string" => "text".to_owned(),
            "boolean" => "true or false".to_owned(),
            "integer" => "whole number".to_owned(),
            other => other.to_owned(),
        },
        _ => "any value".to_owned(),
    }
}

fn inside(schema: &Json) -> Option<String> {
    let named = schema["patternProperties"].as_object().and_then(|patterns| patterns.values().next());
    named.or_else(|| schema.get("additionalProperties").filter(|inner| inner.is_object())).map(kind)
}

fn types() -> String {
    let mut rows: Vec<Vec<String>> = vec![];
    let mut row = |written: &str, kind: &str, what: &str| rows.push(vec![code(written), kind.to_owned(), what.to_owned()]);
    for ty in Type::simple() {
        let kind = match (ty.is_live(), ty.is_handle()) {
            (true, _) => "live handle",
            (false, true) => "handle",
            _ => "value",
        };
        row(&ty.to_string(), kind, meaning(&ty));
    }
    row("digits(N)", "value", "exactly N digits; leading zeros count");
    row("enum(A, B)", "value", "one of these words");
    row("list<T>", "value", "any number of values of one type");
    row("map<T>", "value", "names of your own with values of one type");
    row("optional<T>", "value", "may be absent");
    row("secret<T>", "secret", "what an action or a profile takes or gives secretly; declare your own under `secrets`");
    let kinds = RoleKind::ALL.map(RoleKind::word).join(", ");
    row("role<K>", "role", &format!("a role of kind {kinds}; written as a plain word (`in: personal`)"));
    table(&["type", "kind", "meaning"], rows)
}

fn meaning(ty: &Type) -> &'static str {
    match ty {
        Type::String => "exact text for machines",
        Type::Text => "words for people, plain or `{ ja, en }`",
        Type::Int => "a whole number",
        Type::Bool => "`true` or `false`",
        Type::Ascii => "letters, digits and signs without Japanese",
        Type::Hex => "hexadecimal digits",
        Type::Url => "an address with `https:` or `http:`",
        Type::Glob => "a pattern: `*` is any text, `?` any character",
        Type::Date => "a calendar day, `2026-11-23`",
        Type::DateTime => "an instant, `2026-11-23T09:00:00+09:00`",
        Type::Duration => "a length of time: `30s`, `10m`, `12h`, `90d`",
        Type::Cert => "a certificate somewhere",
        Type::Token => "a USB key or card",
        Type::File => "a file that the engine holds",
        Type::Key => "a key",
        Type::Proof => "that a certificate was seen to work",
        Type::BackupRef => "a backup that was read back",
        Type::TokenSession => "a token after its PIN",
        Type::WebSession => "a site after its sign-in",
        Type::SecretRef => "a secret that was kept",
        _ => "",
    }
}

fn attributes() -> String {
    let mut rows = vec![];
    for ty in [Type::Cert, Type::Token, Type::File] {
        for (name, inner) in ty.attributes() {
            match &inner {
                Type::Object(fields) => {
                    rows.extend(fields.iter().map(|(field, inner)| vec![ty.to_string(), code(&format!("{name}.{field}")), code(&inner.to_string())]));
                }
                _ => rows.push(vec![ty.to_string(), code(name), code(&inner.to_string())]),
            }
        }
    }
    table(&["handle", "attribute", "type"], rows)
}

fn expressions() -> String {
    let rows = FORMS.iter().map(|form| {
        let written: Vec<String> = form.written.split("   ").map(code).collect();
        vec![written.join(" "), form.kind.name().en.to_owned(), form.gives.to_owned(), cell(form.help.en), code(form.example)]
    });
    table(&["written", "what", "gives", "meaning", "example"], rows.collect())
}

fn actions() -> String {
    let rows = registry().manifests().map(|manifest| {
        let facts = [
            (manifest.remote, "remote"),
            (manifest.person, "asks a person"),
            (manifest.spends_attempt, "spends a try"),
            (manifest.repeatable, "may be sent again"),
        ];
        let facts: Vec<&str> = facts.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
        vec![code(&manifest.reference()), format!("{:?}", manifest.effect).to_lowercase(), facts.join(", "), cell(manifest.title.ja), cell(manifest.title.en)]
    });
    let mut text = table(&["action", "effect", "also", "題", "title"], rows.collect());
    registry().manifests().for_each(|manifest| text.push_str(&action(manifest)));
    text
}

fn action(manifest: &Manifest) -> String {
    let inputs = manifest.inputs.iter().map(input).collect::<Vec<_>>();
    let outputs = manifest.outputs.iter().map(output).collect::<Vec<_>>();
    let codes: Vec<String> = manifest.codes.iter().map(|known| code(known)).collect();
    let mut text = format!("\n#### {}\n\n{}\n{}\n\n", manifest.reference(), manifest.summary.ja, manifest.summary.en);
    if !inputs.is_empty() {
        text.push_str(&table(&["input", "type", "", "meaning"], inputs));
        text.push('\n');
    }
    if !manifest.one_of.is_empty() {
        text.push_str(&format!("At least one of {} is given.\n\n", manifest.one_of.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")));
    }
    if !outputs.is_empty() {
        text.push_str(&table(&["output", "type", "", "meaning"], outputs));
        text.push('\n');
    }
    if let Some(operation) = manifest.operation {
        text.push_str(&format!("The operation `{operation}` of the profile adds its `takes` and `gives`.\n\n"));
    }
    if let Some(observe) = manifest.observe {
        text.push_str(&format!("Looked at afterwards: {}. ({}。)\n\n", observe.en.trim_end_matches('.'), observe.ja.trim_end_matches('。')));
    }
    text.push_str(&format!("Codes: {}\n", if codes.is_empty() { "those of its backend".to_owned() } else { codes.join(" ") }));
    text
}

fn input(spec: &InputSpec) -> Vec<String> {
    let need = match (&spec.default, spec.ty.is_optional()) {
        (Some(default), _) => format!("default {}", code(default)),
        (None, true) => "optional".to_owned(),
        // The help says when it may be left out.
        (None, false) if matches!(spec.ty, Type::Role(RoleKind::Ca | RoleKind::Web)) => String::new(),
        (None, false) => "required".to_owned(),
    };
    vec![code(&spec.name), code(&spec.ty.required().to_string()), need, cell(spec.help.en)]
}

fn output(spec: &OutputSpec) -> Vec<String> {
    let facts = [(spec.ty.is_optional(), "may be absent"), (!spec.recoverable, "shown once")];
    let facts: Vec<&str> = facts.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
    vec![code(&spec.name), code(&spec.ty.required().to_string()), facts.join(", "), cell(spec.help.en)]
}

fn codes() -> String {
    let class = |class: Class| match class {
        Class::Transient => "transient",
        Class::Permanent => "permanent",
        Class::Ambiguous => "ambiguous",
        Class::Human => "human",
    };
    let rows = ERROR_CODES.iter().map(|info| {
        let cure: Text = info.cure.into();
        vec![code(info.code), class(info.class).to_owned(), cell(info.title.ja), cell(info.title.en), cell(cure.get(Lang::En))]
    });
    table(&["code", "class", "原因", "cause", "what to do"], rows.collect())
}
