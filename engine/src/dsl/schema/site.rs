//! `kirikae: site/1`: what is where on a terminal.
//!
//! Must not: know playbooks or profiles.

use serde_json::{Value as Json, json};

use super::portal::{absent_after, hands};
use super::{count, declared_type, definition, document, document_id, duration, flag, help, keyed, list, matching, named, object, scalar, string, text, words};

pub(super) fn schema() -> Json {
    let keys = vec![
        ("id", help("端末の名前(例: sakura-clinic/uketsuke-02)。", document_id())),
        ("title", help("画面に出す名前。", text())),
        ("timezone", help("時間帯。書かなければ Asia/Tokyo。", string())),
        ("lang", help("画面の言葉。", words(&["ja", "en"]))),
        ("people", help("質問に答える人。", keyed(object(&["name"], vec![("name", text())])))),
        ("portals", portals()),
        ("backends", backends()),
        ("programs", help("システムごとに違うところ。", keyed(program()))),
        ("inputs", inputs()),
        ("secrets", secrets()),
        ("vault", help("控えの宛先(age の公開鍵)。", object(&[], vec![("recipients", list(matching("^age1")))]))),
        ("approvals", help("自動で承認してよいこと。", list(approval()))),
        ("notify", help("知らせの宛先。", keyed(object(&[], vec![("mail", string())])))),
        ("targets", help("複数の端末(まだ使えません。[] とします)。", json!({ "type": "array", "maxItems": 0 }))),
        ("state_scope", help("記録を利用者ごとに持つか、端末で1つにするか。", words(&["per_user", "machine"]))),
        ("plan_valid", help("計画が有効な時間(書かなければ 12h)。", duration())),
        ("fresh_for", help("調べた結果を使ってよい時間(書かなければ 1h)。", duration())),
        ("downloads", help("ブラウザーがファイルを保存する場所。", string())),
    ];
    let definitions = json!({ "portal": portal(), "backend": backend(), "secret": secret() });
    document("site", "kirikae site/1", &["id", "title"], keys, definitions)
}

fn portals() -> Json {
    help("サイトごとの接続のしかた。", keyed(definition("portal")))
}

fn backends() -> Json {
    help("役割の名前と、実際の保管先・フォルダー。", named(definition("backend")))
}

fn inputs() -> Json {
    help("入力の値。番号は \"0110119153\" のように引用符で囲みます。", named(scalar()))
}

fn secrets() -> Json {
    let named = json!({ "type": "object", "patternProperties": { r"\.": definition("secret") }, "additionalProperties": false });
    help("秘密の値の取り出し方。名前は「文書.秘密の名前」。", named)
}

fn program() -> Json {
    object(&[], vec![("portals", portals()), ("backends", backends()), ("inputs", inputs()), ("secrets", secrets())])
}

fn portal() -> Json {
    let url = || matching("^https?://");
    let proxy = object(&["url"], vec![("url", url()), ("user", string()), ("password", definition("secret"))]);
    let keys = vec![
        ("base", help("サイトのアドレス(プロファイルの base の代わり)。", url())),
        ("roots", help("信頼するルート証明書。system、またはファイル。", string())),
        ("proxy", help("プロキシ。", json!({ "anyOf": [url(), proxy] }))),
        ("hands", hands()),
        ("timeout", help("返事を待つ時間。", duration())),
        ("absent_after", absent_after()),
    ];
    object(&[], keys)
}

/// The first key says which port it serves.
fn backend() -> Json {
    let store = vec![
        ("store", help("保管先の種類(dir、nss、windows など)。", string())),
        ("path", string()),
        ("password", definition("secret")),
        ("profile", help("nss: firefox、chrome、chromium、またはフォルダー。", string())),
        ("location", string()),
        ("name", string()),
        ("keys", help("windows で鍵を入れる仕組み。書かなければ cng。capi は古いソフト用(RSA だけ)。", words(&["cng", "capi"]))),
    ];
    let token = vec![
        ("token", help("USBキー・カードの種類(pkcs11、練習用の soft)。", string())),
        ("path", help("soft のフォルダー。", string())),
        ("module", help("pkcs11 のドライバー。絶対パス、または epass2003 hpki-sign hpki-auth opensc softhsm2。", string())),
        ("serial", help("この番号のものだけ。番号は引用符で囲みます。", string())),
        ("label", help("この名前のものだけ。", string())),
        ("uri", help("RFC 7512 の URI(例: pkcs11:serial=0123?module-name=epass2003)。", matching("^pkcs11:"))),
        ("slot", scalar()),
    ];
    let folder = vec![
        ("folder", help("フォルダーの場所。", string())),
        ("removable", help("取り外せる媒体です。", flag())),
        ("plain", help("暗号化せずに置きます。", flag())),
    ];
    json!({ "anyOf": [object(&["store"], store), object(&["token"], token), object(&["folder"], folder)] })
}

/// `ask`, or one way to get the value. A value itself is never written here.
fn secret() -> Json {
    let ways = [
        ("generate", help("この型の値を作ります(例: digits(4))。", declared_type())),
        ("vault", help("保管庫の名前。", string())),
        ("file", help("値だけを書いたファイル。", string())),
        ("env", help("環境変数の名前。", string())),
        ("pipe", help("値を出力するコマンド。", list(scalar()))),
    ];
    let mut all = vec![words(&["ask"])];
    all.extend(ways.map(|(key, schema)| object(&[key], vec![(key, schema)])));
    json!({ "anyOf": all })
}

fn approval() -> Json {
    let keys = vec![
        ("action", help("操作(例: ca.renew)。", string())),
        ("program", help("このシステムだけ。", string())),
        ("max_fee_jpy", help("料金の上限(円)。", count())),
        ("per_day", help("1日の回数の上限。", count())),
        ("allow", help("auto は自動で承認し、ask は人に聞きます。", words(&["auto", "ask"]))),
        ("unverified", help("true なら、確かめられていない料金でもかまいません。", flag())),
        ("person_proof", help("true なら、人の確認を証拠として認めます。", flag())),
    ];
    object(&["action", "allow"], keys)
}
