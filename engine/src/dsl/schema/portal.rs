//! `kirikae: portal/1`: operations, their pages, and what the eye sees there.
//!
//! May use: the names of operations. Must not: know pages or HTTP.

use serde_json::{Value as Json, json};

use super::{
    count, declared_type, definition, document, document_id, duration, error_code, flag, help, keyed, list, matching, named, object, one_or_list, scalar,
    string, text, version, words,
};
use crate::backend::profile::{Operation, Then};

pub(super) fn schema() -> Json {
    let checked = vec![("status", standing()), ("on", help("確かめた日(例: 2026-04-01)。", string())), ("by", text())];
    let operations = Operation::ALL.map(|operation| (operation.word(), definition("operation"))).to_vec();
    let keys = vec![
        ("id", help("名前。ファイルの名前と同じにします。", document_id())),
        ("version", help("この文書の版。\"1.0.0\" のように引用符で囲みます。", version())),
        ("title", help("サイトの名前。", text())),
        ("sources", help("よりどころの手順書。", strings())),
        ("checked", help("実物のサイトで確かめたかどうか。", object(&["status", "by"], checked))),
        ("base", help("サイトのアドレス。", matching("^https?://"))),
        ("hosts", help("ほかに接続してよいホスト。", strings())),
        ("hands", hands()),
        ("encoding", help("サーバーが文字コードを言わないときのもの。", words(&["utf-8", "shift_jis", "euc-jp"]))),
        ("facts", help("料金、受付時間など。", named(definition("fact")))),
        ("errors", help("画面の言葉と、その意味のコード。", list(page_error()))),
        ("operations", help("サイトでできる操作。", object(&[], operations))),
    ];
    let definitions = json!({ "fact": fact(), "operation": operation(), "page": page(), "label": label(), "row": row() });
    document("portal", "kirikae portal/1", &["id", "version", "title", "checked", "operations"], keys, definitions)
}

fn strings() -> Json {
    one_or_list(string())
}

fn standing() -> Json {
    help("verified は実物か公式の文書で確かめたもの、unverified はまだのもの。", words(&["verified", "unverified"]))
}

/// Who does the moves; also of site files.
pub(super) fn hands() -> Json {
    help("engine は自動、person は人がブラウザーで行います。", words(&["engine", "person"]))
}

/// `30m`, or with its standing; also of site files.
pub(super) fn absent_after() -> Json {
    let whole = object(&["after"], vec![("after", duration()), ("status", standing())]);
    help("これだけ待っても見えなければ、行われなかったとみなします。", json!({ "anyOf": [duration(), whole] }))
}

fn operation_word() -> Json {
    words(&Operation::ALL.map(Operation::word))
}

fn fact() -> Json {
    let keys = vec![
        ("yen", help("金額(円)。", count())),
        ("per", help("どの操作ごとにかかるか。", operation_word())),
        ("text", help("言葉での説明。", text())),
        ("days_before", help("期限の何日前からか。", count())),
        ("open", help("受付時間。\"08:00-22:00\" の形。", matching("^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$"))),
        ("value", help("はい・いいえ。", flag())),
        ("glob", help("名前の型(* と ? が使えます)。", string())),
        ("example", help("型に合う例。", string())),
        ("cite", strings()),
        ("source", help("手順書のほかの、よりどころ。", text())),
        ("status", standing()),
    ];
    object(&["status"], keys)
}

fn page_error() -> Json {
    // A profile has no values to go on with, so `resume` is not among them.
    let then = help("playbook に行が無いときの行き先。書かなければ失敗として止めます。", words(&Then::ALL.map(Then::word)[1..]));
    let keys = vec![("see", string()), ("code", error_code()), ("say", text()), ("then", then), ("cite", strings()), ("status", standing())];
    object(&["see", "code"], keys)
}

fn operation() -> Json {
    let observe: Vec<_> = Operation::ALL.map(Operation::word).into_iter().chain(["none"]).collect();
    let keys = vec![
        ("cite", help("出典。", strings())),
        ("client_cert", help("接続に電子証明書を使います。", flag())),
        ("needs_sign_in", help("先に sign_in が要ります。", flag())),
        ("takes", help("受け取る値と型。", named(declared_type()))),
        ("gives", help("渡す値と型。", named(declared_type()))),
        ("tries", help("回数に限りのある値(takes の名前)。", string())),
        ("observe", help("行われたかどうかを見る操作。見るところが無ければ none。", words(&observe))),
        ("absent_after", absent_after()),
        ("claim", help("一度しか使えない値(takes の名前)。", string())),
        ("repeatable", help("もう一度送ってもよい操作です。", flag())),
        ("fallback", help("代わりに使える操作。", operation_word())),
        ("hands", hands()),
        ("trust", help("サーバーを確かめずに接続します(root だけ)。", words(&["none"]))),
        ("pages", help("画面の順に、見るものと行うこと。", json!({ "type": "array", "items": definition("page"), "maxItems": 12 }))),
    ];
    object(&[], keys)
}

fn page() -> Json {
    let path = matching("^/(?!/)");
    let from = object(&["from", "hosts"], vec![("from", string()), ("hosts", strings())]);
    let dialog = json!({ "anyOf": [string(), object(&["see"], vec![("see", string()), ("answer", words(&["ok"]))])] });
    let download = object(&["file"], vec![("file", string()), ("inside", string())]);
    let refused = object(&["see", "code"], vec![("see", string()), ("code", error_code())]);
    let labels = || keyed(definition("label"));
    let keys = vec![
        ("open", help("開く場所(/ で始める)。", json!({ "anyOf": [path.clone(), from] }))),
        ("post", help("直接送る場所(/ で始める)。", path)),
        ("json", help("送る本文。", keyed(scalar()))),
        ("continue", help("別の操作のページへ続けます。", operation_word())),
        ("if_seen", help("この言葉が見えるときだけ行います。", string())),
        ("see", help("見えるはずの言葉。", strings())),
        ("see_any", help("どれか1つが見えるはずの言葉。", strings())),
        ("signed_in", help("これが見えれば接続できています。", string())),
        ("row", help("一覧から選ぶ行。", definition("row"))),
        ("rows", help("一覧の行をすべて読みます。", definition("row"))),
        ("when_missing", help("行が無いとき。none、またはコード。", json!({ "anyOf": [words(&["none"]), error_code()] }))),
        ("read", help("読み取る値と、画面の項目名。", labels())),
        ("check", help("画面の値が同じか確かめる値。", strings())),
        ("fill", help("入力する値と、画面の項目名。", labels())),
        ("choose", help("選ぶ値と、画面の項目名。", labels())),
        ("tick", help("チェックを付ける項目。", one_or_list(definition("label")))),
        ("upload", help("送るファイルと、画面の項目名。", labels())),
        ("press", help("押すボタン。", definition("label"))),
        ("follow", help("たどるリンク。", definition("label"))),
        ("dialog", help("出てくる確認の窓。", dialog)),
        ("download", help("受け取るファイル。", download)),
        ("commits", help("このボタンで申請が確定します。", flag())),
        ("safe", help("送っても読むだけです。", flag())),
        ("refused", help("断られたと確かに分かる言葉。", list(refused))),
    ];
    object(&[], keys)
}

fn row() -> Json {
    let columns = ["request_id", "serial", "subject", "issued_on", "not_after", "status"].map(|column| (column, definition("label")));
    let keys = vec![
        ("with_text", help("この値(takes の名前)がある行。", string())),
        ("with_button", help("このボタンがある行。", string())),
        ("pick", help("only は1行だけのはず、newest は一番新しい行。", words(&["only", "newest"]))),
        ("columns", help("読む列。", object(&[], columns.to_vec()))),
    ];
    object(&[], keys)
}

/// A text, texts of twin fields, or a mapping.
fn label() -> Json {
    let keys = vec![
        ("label", help("画面の項目名。", strings())),
        ("labels", help("画面の項目名(同じ値を2回入れるとき)。", strings())),
        ("or", help("別の言い方。", strings())),
        ("css", help("項目名で見つからないときの CSS。", string())),
        ("all", help("すべて読みます。", flag())),
        ("optional", help("無くてもかまいません。", flag())),
        ("means", help("値と、画面での言葉。", keyed(strings()))),
        ("button", help("この名前のボタンも値として読みます。項目名が無ければ、ボタンがあるかどうか。", string())),
        ("text", help("follow で、この値(takes の名前)と同じ名前のリンク。", string())),
        ("status", standing()),
    ];
    json!({ "anyOf": [strings(), object(&[], keys)] })
}
