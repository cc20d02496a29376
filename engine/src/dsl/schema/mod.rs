//! JSON Schemas (draft-07) of the documents, for editors: completion, hover, the first mistakes.
//!
//! May use: the keys of the decoders, manifests of actions. Must not: decide what is right; the decoders and the checks do.

mod lock;
mod playbook;
mod portal;
mod site;
mod snippet;
mod sources;
mod test;

use serde_json::{Map, Value as Json, json};

use super::Type;
use crate::action::Registry;

/// Names of the schemas, as in the header of a document (`kirikae: playbook/1`).
pub const NAMES: &[&str] = &["playbook", "portal", "site", "sources", "lock", "test"];

/// The schema of a kind of document; `None` if there is no such kind. A playbook's `with` is that of the registry's actions.
pub fn schema(name: &str, registry: &Registry) -> Option<Json> {
    Some(match name {
        "playbook" => playbook::schema(registry),
        "portal" => portal::schema(),
        "site" => site::schema(),
        "sources" => sources::schema(),
        "lock" => lock::schema(),
        "test" => test::schema(),
        _ => return None,
    })
}

const NAME: &str = "^[a-z][a-z0-9_]*$";

/// A whole document: its header, its keys, its definitions.
fn document(name: &str, title: &str, required: &[&str], keys: Vec<(&str, Json)>, definitions: Json) -> Json {
    let mut properties = vec![("kirikae", json!({ "const": format!("{name}/1"), "description": "文書の種類と版。必ず1行目に書きます。" }))];
    properties.extend(keys);
    let mut root = Map::new();
    root.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    root.insert("title".to_owned(), json!(title));
    let required: Vec<_> = ["kirikae"].into_iter().chain(required.iter().copied()).collect();
    if let Json::Object(body) = object(&required, properties) {
        root.extend(body);
    }
    root.insert("definitions".to_owned(), definitions);
    Json::Object(root)
}

/// A mapping with these keys and no others.
fn object(required: &[&str], keys: Vec<(&str, Json)>) -> Json {
    let properties: Map<String, Json> = keys.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// A mapping from names of the author's choice.
fn named(value: Json) -> Json {
    json!({ "type": "object", "patternProperties": { NAME: value }, "additionalProperties": false })
}

/// A mapping from any keys.
fn keyed(value: Json) -> Json {
    json!({ "type": "object", "additionalProperties": value })
}

fn list(item: Json) -> Json {
    json!({ "type": "array", "items": item })
}

fn one_or_list(item: Json) -> Json {
    json!({ "anyOf": [item.clone(), list(item)] })
}

fn words(words: &[&str]) -> Json {
    json!({ "enum": words })
}

fn definition(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// A schema with help for hover. Draft-07 ignores what stands beside `$ref`, so a reference is wrapped.
fn help(ja: &str, schema: Json) -> Json {
    match schema {
        Json::Object(mut body) if !body.contains_key("$ref") => {
            body.insert("description".to_owned(), json!(ja));
            Json::Object(body)
        }
        other => json!({ "allOf": [other], "description": ja }),
    }
}

/// A keyword with what its English word means in Japanese, and an example; both show on hover.
fn keyword(word_ja: &str, ja: &str, example: Json, schema: Json) -> Json {
    let mut shown = help(&format!("【{word_ja}】{ja}"), schema);
    if let Json::Object(body) = &mut shown {
        body.insert("examples".to_owned(), json!([example]));
    }
    shown
}

fn string() -> Json {
    json!({ "type": "string" })
}

/// A plain text that YAML readers may take for a number or a truth value.
fn scalar() -> Json {
    json!({ "type": ["string", "number", "boolean"] })
}

fn flag() -> Json {
    json!({ "type": "boolean" })
}

fn count() -> Json {
    json!({ "type": "integer", "minimum": 0 })
}

fn matching(pattern: &str) -> Json {
    json!({ "type": "string", "pattern": pattern })
}

fn document_id() -> Json {
    matching("^[a-z][a-z0-9_-]*(/[a-z][a-z0-9_-]*)*$")
}

fn version() -> Json {
    matching(r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$")
}

fn duration() -> Json {
    matching("^[1-9][0-9]*[smhd]$")
}

fn error_code() -> Json {
    matching(r"^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$")
}

/// Words for people: plain, or `{ ja, en }`.
fn text() -> Json {
    json!({ "anyOf": [string(), object(&["ja"], vec![("ja", string()), ("en", string())])] })
}

/// A type as people write it.
fn declared_type() -> Json {
    let simple: Vec<String> = Type::simple().iter().map(Type::to_string).collect();
    json!({ "anyOf": [{ "enum": simple }, matching(r"^(digits|enum)\(.+\)$"), matching("^(list|map|optional|secret)<.+>$")] })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::action::registry;
    use crate::dsl::{
        lock_file, playbook as decoder, playbook_rescue, playbook_secret, playbook_step, portal as profile, portal_page, site_file, sources as catalogue,
        test_file, test_world,
    };

    fn assert_keys(schema: &str, pointer: &str, keys: &[&str]) {
        let schema = super::schema(schema, registry()).unwrap();
        let mut written: Vec<_> = schema.pointer(pointer).unwrap().as_object().unwrap().keys().map(String::as_str).collect();
        let mut keys = keys.to_vec();
        written.sort_unstable();
        keys.sort_unstable();
        assert_eq!(written, keys, "{pointer}");
    }

    #[test]
    fn the_schemas_have_the_keys_of_the_decoders() {
        assert_keys("playbook", "/properties", &decoder::KEYS);
        assert_keys("playbook", "/definitions/input/properties", &decoder::INPUT_KEYS);
        assert_keys("playbook", "/definitions/secret/properties", &playbook_secret::SECRET_KEYS);
        assert_keys("playbook", "/definitions/secret/properties/attempts/properties", &playbook_secret::ATTEMPT_KEYS);
        assert_keys("playbook", "/definitions/step/properties", &playbook_step::STEP_KEYS);
        assert_keys("playbook", "/definitions/inner_step/properties", &playbook_step::INNER_KEYS);
        assert_keys("playbook", "/definitions/inner_step/properties/retry/properties", &playbook_rescue::RETRY_KEYS);
        assert_keys("playbook", "/definitions/row/properties", &playbook_rescue::ROW_KEYS);
        assert_keys("portal", "/properties", &profile::KEYS);
        assert_keys("portal", "/definitions/fact/properties", &profile::FACT_KEYS);
        assert_keys("portal", "/definitions/operation/properties", &profile::OPERATION_KEYS);
        assert_keys("portal", "/definitions/page/properties", &portal_page::PAGE_KEYS);
        assert_keys("portal", "/definitions/label/anyOf/1/properties", &portal_page::LABEL_KEYS);
        assert_keys("lock", "/properties", &lock_file::KEYS);
        assert_keys("site", "/properties", &site_file::KEYS);
        assert_keys("test", "/properties", &test_file::KEYS);
        assert_keys("test", "/definitions/case/properties", &test_file::CASE_KEYS);
        assert_keys("test", "/definitions/expect/properties", &test_file::EXPECT_KEYS);
        assert_keys("test", "/definitions/cert/properties", &test_world::CERT_KEYS);
        assert_keys("test", "/definitions/fault/properties", &test_world::FAULT_KEYS);
        assert_keys("test", "/definitions/answer/properties", &test_world::ANSWER_KEYS);
        assert_keys("test", "/definitions/token/properties", &test_world::TOKEN_KEYS);
        let backend = [test_world::STORE_KEYS.as_slice(), &test_world::PORTAL_KEYS, &test_world::FOLDER_KEYS, &test_world::TOKENS_KEYS].concat();
        let backend: std::collections::BTreeSet<&str> = backend.into_iter().collect();
        assert_keys("test", "/definitions/backend/properties", &backend.into_iter().collect::<Vec<_>>());
        assert_keys("sources", "/definitions/manual/properties", &catalogue::MANUAL_KEYS);
    }

    #[test]
    fn every_name_has_a_schema_and_no_other() {
        assert!(NAMES.iter().all(|name| schema(name, registry()).is_some()));
        assert_eq!(schema("plan", registry()), None);
    }
}
