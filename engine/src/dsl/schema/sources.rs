//! `kirikae: sources/1`: the catalogue of manuals.
//!
//! Must not: know playbooks.

use serde_json::{Value as Json, json};

use super::{definition, document, help, keyed, matching, named, object, string, text, words};

pub(super) fn schema() -> Json {
    let keys = vec![("sources", help("手順書の目録。cite: はここの名前と節を書きます。", named(definition("manual"))))];
    document("sources", "kirikae sources/1", &["sources"], keys, json!({ "manual": manual() }))
}

fn manual() -> Json {
    let keys = vec![
        ("title", help("題。", text())),
        ("edition", help("版。", string())),
        ("publisher", help("出した所。", text())),
        ("sha256", help("ファイルの SHA-256。", matching("^[0-9A-Fa-f]{64}$"))),
        ("standing", help("official は公式の手順書、unofficial は解説記事など。", words(&["official", "unofficial"]))),
        ("sections", help("節の番号と題。", keyed(section()))),
    ];
    object(&["title", "edition", "sections"], keys)
}

fn section() -> Json {
    let left_out = vec![("title", help("題。", text())), ("out_of_scope", help("手順にしない理由。", text()))];
    json!({ "anyOf": [string(), object(&["ja"], vec![("ja", string()), ("en", string())]), object(&["title"], left_out)] })
}
