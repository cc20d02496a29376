//! `kirikae: test/1`: a playbook in worlds in memory.
//!
//! Must not: know playbooks.

use serde_json::{Value as Json, json};

use super::{
    count, definition, document, document_id, duration, error_code, flag, help, keyed, keyword, list, named, object, one_or_list, scalar, string, text, words,
};
use crate::backend::profile::Operation;
use crate::dsl::test::{DECISIONS, Ending, OUTCOMES};
use crate::dsl::test_world::DOWNLOADS;

pub(super) fn schema() -> Json {
    let keys = vec![
        ("playbook", keyword("手順書", "試す手順書の id。", json!("obn/renew-web"), document_id())),
        ("title", help("表題。", text())),
        ("clock", keyword("時計", "計画を作り、始める日時。", json!("2026-11-23T10:00:00+09:00"), string())),
        ("certs", certs()),
        ("backends", help("役割ごとの模擬の相手。書かなければ、空のものがあります。", named(definition("backend")))),
        ("inputs", help("手順書の入力。書かなければ既定の値か例を使います。", named(input()))),
        ("answers", answers()),
        ("vault", help("前に保管した秘密の値。", list(entry()))),
        ("cases", help("場合ごとの試験。名前と、上からの違い、あるべき結果。1つ目から自動の試験も作ります。", named(definition("case")))),
    ];
    let definitions = json!({ "cert": cert(), "backend": backend(), "file": file(), "case": case(), "expect": expect(), "fault": fault(), "answer": answer(), "token": token() });
    document("test", "kirikae test/1", &["playbook", "clock"], keys, definitions)
}

fn certs() -> Json {
    keyword(
        "証明書",
        "この試験に出てくる証明書。保管先やファイルからは名前で呼びます。",
        json!({ "old": { "cn": "0110119153", "not_after": "2027-01-22" } }),
        named(definition("cert")),
    )
}

fn cert() -> Json {
    let keys = vec![
        ("cn", help("発行先(Common Name)。", scalar())),
        ("serial", help("シリアル番号(16進)。", scalar())),
        ("issuer", help("発行者。書かなければプロファイルの例。", string())),
        ("not_before", help("有効期間の初日。書かなければ期限の3年3か月前。", string())),
        ("not_after", help("期限の日。", string())),
        ("key", help("秘密鍵があるか(書かなければ true)。", flag())),
        ("exportable", help("鍵を書き出せるか(書かなければ true)。", flag())),
        ("protected", help("秘密キーの保護が強力か。", flag())),
    ];
    object(&[], keys)
}

fn backend() -> Json {
    let operations: Vec<&str> = Operation::ALL.iter().map(|operation| operation.word()).collect();
    let by_operation = |value: Json| json!({ "type": "object", "propertyNames": { "enum": operations.clone() }, "additionalProperties": value });
    let downloads: Vec<&str> = DOWNLOADS.iter().map(|(word, _)| *word).collect();
    let row = object(&["request_id", "cert"], vec![("request_id", scalar()), ("cert", string())]);
    let keys = vec![
        ("holds", help("保管先に入っている証明書の名前。", one_or_list(string()))),
        ("readable", help("保管先を読めるか。", flag())),
        ("writable", help("保管先に書けるか。", flag())),
        ("status", keyword("状態", "発行の状態を、見るたびに1つずつ。最後の語が続きます。", json!(["鍵生成中", "発行済み"]), one_or_list(string()))),
        ("issues", help("このサイトが発行する証明書(名前は issued)。", definition("cert"))),
        ("listed", help("はじめから一覧にある行。", list(row))),
        ("gives", help("画面に出る値。操作と名前ごと。", by_operation(keyed(scalar())))),
        ("rejects", help("このサイトが受け付けない証明書の名前。", one_or_list(string()))),
        ("refuses", help("このサイトが断る操作と、そのコード。", by_operation(error_code()))),
        ("hides", help("新しい行が一覧に出るまでの時間。", duration())),
        ("absent_after", help("「一覧に無い」と言い切れるまでの時間。", duration())),
        (
            "files",
            help(
                "フォルダー: ファイルの名前と中身。サイト: 受け取るファイルのようす。",
                json!({ "anyOf": [keyed(definition("file")), one_or_list(words(&downloads))] }),
            ),
        ),
        ("missing", help("画面に無い項目の名前。", one_or_list(string()))),
        ("tokens", help("USBキー・カード。", one_or_list(definition("token")))),
        ("present", help("フォルダーがあるか(媒体が挿してあるか)。", flag())),
        ("plain", help("控えを暗号化せずに置くか。", flag())),
    ];
    object(&[], keys)
}

fn token() -> Json {
    let keys = vec![
        ("serial", help("シリアル番号。", scalar())),
        ("pin", help("正しい PIN。", scalar())),
        ("limit", help("続けて何回まちがえると使えなくなるか(書かなければ 10)。", count())),
        ("wrong", help("これまでに続けてまちがえた回数。", count())),
        ("present", help("挿さっているか(書かなければ true)。", flag())),
        ("holds", help("入っている証明書の名前。", one_or_list(string()))),
    ];
    object(&["serial", "pin"], keys)
}

fn file() -> Json {
    let chain = help("一緒に入っている証明書の名前。", one_or_list(string()));
    let p12 = object(
        &["cert", "password"],
        vec![("cert", help("中の証明書の名前。", string())), ("password", help("ファイルのパスワード。", scalar())), ("chain", chain)],
    );
    json!({ "anyOf": [p12, object(&["text"], vec![("text", help("ファイルの文字。", string()))])] })
}

fn input() -> Json {
    let cert = object(&["cert"], vec![("cert", string())]);
    let file = object(&["cert", "password"], vec![("name", string()), ("cert", string()), ("password", scalar()), ("chain", one_or_list(string()))]);
    let text = object(&["text"], vec![("name", string()), ("text", string())]);
    json!({ "anyOf": [scalar(), cert, file, text] })
}

fn entry() -> Json {
    object(&["name", "about", "value"], vec![("name", string()), ("about", scalar()), ("value", scalar())])
}

fn answers() -> Json {
    keyword(
        "答え",
        "人が入れる秘密の値(秘密の名前)と、質問への答え(手順の名前)。並びなら順に使い、最後が続きます。書かなければ、そこに人はいません。",
        json!({ "p12_password": ["9999", "0123"] }),
        keyed(one_or_list(definition("answer"))),
    )
}

fn answer() -> Json {
    let keys = vec![
        ("yes", help("はい、か、いいえ。", flag())),
        ("fields", help("質問の項目の値。", keyed(scalar()))),
        ("evidence", help("見たもの。", string())),
        ("leaves", help("人の作業で保管先に入る証明書。役割と、証明書の名前。", keyed(one_or_list(string())))),
        ("inserts", help("人が挿し替えたあと、挿さっているUSBキー・カード。役割と、シリアル番号(ほかは抜けている)。", keyed(one_or_list(string())))),
    ];
    let mut full = object(&[], keys);
    full["type"] = json!(["object", "string", "number", "boolean"]);
    full
}

fn case() -> Json {
    let keys = vec![
        ("title", help("表題。", text())),
        ("given", keyword("違い", "上に書いた世界との違い。点でつないだ場所と、その値。", json!({ "certs.old.not_after": "2028-11-22" }), keyed(json!({})))),
        ("answers", answers()),
        ("faults", help("起こす故障。", list(definition("fault")))),
        ("expect", help("あるべき結果。書かないことは比べません。", definition("expect"))),
    ];
    object(&[], keys)
}

fn fault() -> Json {
    let keys = vec![
        ("at", help("手順。", string())),
        ("before", keyword("行う前", "何もせずに、このコードで終わる。", json!("NET.UNREACHABLE"), error_code())),
        ("after_effect", keyword("行った後", "行ったのに、このコードで終わる(返事が届かない)。", json!("PORTAL.RESULT_UNKNOWN"), error_code())),
        ("times", help("何回起こすか(書かなければ1回)。", count())),
        ("crash", keyword("停止", "記録が1つ増えるたびにそこで止め、続きから再開する。", json!("each_transition"), words(&["each_transition"]))),
        ("then", help("止めた後。", words(&["resume"]))),
    ];
    object(&[], keys)
}

fn expect() -> Json {
    let endings: Vec<&str> = Ending::WORDS.iter().map(|(word, _)| *word).collect();
    let names = || keyed(one_or_list(string()));
    let keys = vec![
        (
            "result",
            keyword(
                "終わり方",
                "done 終わりまで・finished することがなく終わる・failed 失敗・waiting 人や時を待つ・uncertain 行われたか分からない・blocked 計画で止まる。",
                json!("done"),
                words(&endings),
            ),
        ),
        ("error", help("失敗のコード。", error_code())),
        ("at", help("失敗した手順。", string())),
        ("outcome", help("手順ごとの結果(none は始まらなかった)。", keyed(words(&OUTCOMES)))),
        ("decision", help("手順ごとの、計画の判断。", keyed(words(&DECISIONS)))),
        ("calls", keyword("回数", "操作(cert.delete)や、サイトの操作(役割.操作)の回数。", json!({ "ca.renew": 1, "cert.delete": 0 }), keyed(count()))),
        ("has", help("終わったときに、保管先にある証明書・フォルダーにある控えやファイル。", names())),
        ("lacks", help("終わったときに、もう無いもの。", names())),
        ("outputs", help("手順書の出力。証明書は名前で。", keyed(scalar()))),
        ("never_in_artifacts", help("計画・記録・知らせに残ってはいけない語。", list(scalar()))),
        ("plan", help("計画を、そばに置いた計画と比べる(書き換えは --accept)。", words(&["snapshot"]))),
        ("plan_only", help("計画までで止める。", flag())),
    ];
    object(&[], keys)
}
