//! Whole steps that editors insert, as the YAML language server takes them (`defaultSnippets`).
//!
//! May use: examples of manifests. Must not: know more of an action than its manifest says.

use serde_json::{Map, Value as Json, json};

use crate::action::Manifest;
use crate::text::Lang;

/// The step of an action with what has to be given.
pub(super) fn snippet(manifest: &Manifest) -> Json {
    let mut body = json!({ "title": format!("${{1:{}}}", manifest.title.ja), "uses": manifest.reference() });
    let mut tab_stop = 1;
    let with: Map<String, Json> = manifest.example(Lang::Ja).into_iter().map(|(name, value)| (name, stops(value, &mut tab_stop))).collect();
    if let (Json::Object(body), false) = (&mut body, with.is_empty()) {
        body.insert("with".to_owned(), Json::Object(with));
    }
    json!({ "label": format!("{} {}", manifest.reference(), manifest.title.ja), "description": manifest.summary.ja, "body": body })
}

/// The texts of an example as places to type over. In a snippet `$` and `}` begin and end such places, so those of an
/// expression are escaped.
fn stops(value: Json, tab_stop: &mut u32) -> Json {
    match value {
        Json::String(text) => {
            *tab_stop += 1;
            let escaped = text.replace('$', "\\$").replace('}', "\\}");
            // Editors put the text in as it is; a bare word needs no quotes.
            let quote = if text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') { "" } else { "\"" };
            json!(format!("{quote}${{{tab_stop}:{escaped}}}{quote}"))
        }
        Json::Array(items) => items.into_iter().map(|item| stops(item, tab_stop)).collect(),
        Json::Object(fields) => Json::Object(fields.into_iter().map(|(name, field)| (name, stops(field, tab_stop))).collect()),
        other => other,
    }
}
