//! The example of every action is a step that the checker takes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use kirikae_engine::action::{Manifest, registry};
use kirikae_engine::check::{Library, check};
use kirikae_engine::text::{Lang, Source};

/// A portal with every operation that an action carries out, none of which takes more than the action's own inputs.
const PORTAL: &str = "kirikae: portal/1
id: demo
version: \"1.0.0\"
title: 試し
checked: { status: unverified, by: 試し }
operations:
  sign_in: { pages: [{ open: /, press: ログイン, commits: true }, { see: メニュー }] }
  probe: { client_cert: true, pages: [{ open: /, signed_in: メニュー }] }
  find_issued: { client_cert: true, pages: [{ open: /, see: 一覧, rows: { columns: { request_id: 受付番号 } } }] }
  renew: { client_cert: true, pages: [{ open: /, press: 申請, commits: true }] }
  status: { client_cert: true, pages: [{ open: /, see: 一覧, read: { status: { label: 状態, means: { pending: 待ち, issued: 済み } } } }] }
  fetch: { client_cert: true, pages: [{ open: /, press: 受取, commits: true }, { download: { file: \"*.p12\" } }] }
  apply: { pages: [{ open: /, press: 申請, commits: true }] }
  revoke: { client_cert: true, observe: none, pages: [{ open: /, press: 失効, commits: true }] }
  root: { trust: none, pages: [{ open: /root, download: { file: \"*.cer\" } }] }
  software: { pages: [{ open: /program, download: { file: \"*.msi\" } }] }
  set_password: { client_cert: true, pages: [{ open: /, press: 設定, commits: true }] }
  obtain: { pages: [{ open: /, press: 受取, commits: true }, { download: { file: \"*.p12\" } }] }
";

/// Steps that make the handles which examples take.
const BEFORE: &str = "kirikae: playbook/1
id: demo/example
version: \"1.0.0\"
title: 試し
backends: { issuer: { kind: ca, profile: demo }, personal: store, backup: folder, key: token }
secrets: { p12_password: { type: string, title: パスワード } }
steps:
  made: { title: 作る, uses: key.create@1, with: { in: personal, alg: p256, exportable: false } }
  plugged: { title: 挿す, uses: token.wait@1, with: { in: key } }
  current: { title: 探す, uses: cert.find@1, with: { in: personal, issuer: \"*\" } }
  received: { title: 探す, uses: file.find@1, with: { in: backup, name: \"*\" } }
  newer: { title: 探す, uses: cert.find@1, with: { in: personal, issuer: \"*\", besides: \"${{ steps.current.cert }}\" } }
  usable: { title: 試す, uses: web.probe@1, with: { client_cert: \"${{ steps.newer.cert }}\" } }
  backup: { title: 控え, uses: file.save@1, with: { file: \"${{ steps.received.file }}\", in: backup } }
";

struct Shelf;

impl Library for Shelf {
    fn playbook(&self, _id: &str) -> Option<Source> {
        None
    }
    fn portal(&self, id: &str) -> Option<Source> {
        (id == "demo").then(|| Source::new("portals/demo.yaml", PORTAL))
    }
    fn sources(&self) -> Option<Source> {
        None
    }
}

fn findings(manifest: &Manifest, lang: Lang) -> Vec<String> {
    let with = serde_json::Value::Object(manifest.example(lang));
    let text = format!("{BEFORE}  example: {{ title: 例, uses: {}, with: {with} }}\n", manifest.reference());
    match check(&Source::new("example.yaml", text.as_str()), &Shelf, registry()).result {
        Ok(_) => vec![],
        Err(found) => found.iter().map(|finding| format!("{} {}", finding.code, finding.what.get(Lang::En))).collect(),
    }
}

#[test]
fn every_example_passes_the_check() {
    for manifest in registry().manifests() {
        for lang in [Lang::Ja, Lang::En] {
            assert_eq!(findings(manifest, lang), Vec::<String>::new(), "{}", manifest.name);
        }
    }
}

#[test]
fn the_nearest_action_is_found_and_a_distant_one_is_not() {
    assert_eq!(registry().nearest("cert.fnid").map(|manifest| manifest.name), Some("cert.find"));
    assert!(registry().nearest("completely.other").is_none());
}
