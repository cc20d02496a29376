//! `kirikae: lock/1`: what a library's playbooks are locked to.
//!
//! Must not: know playbooks.

use serde_json::{Value as Json, json};

use super::{document, help, keyed, matching, object, version};

pub(super) fn schema() -> Json {
    let sha256 = || help("文書の SHA-256(小文字の16進数64桁)。", matching("^[0-9a-f]{64}$"));
    let locked = || keyed(object(&["version", "sha256"], vec![("version", version()), ("sha256", sha256())]));
    let keys = vec![
        ("playbooks", help("呼び出される手順書。名前ごとに版と SHA-256。", locked())),
        ("portals", help("サイトのプロファイル。名前ごとに版と SHA-256。", locked())),
        ("catalogue", help("手順書の目録(sources.yaml)。", object(&["sha256"], vec![("sha256", sha256())]))),
        ("built_in_catalogue", help("組み込みの目録。その手順書を出典にするときだけ書かれます。", object(&["sha256"], vec![("sha256", sha256())]))),
    ];
    document("lock", "kirikae lock/1", &[], keys, json!({}))
}
