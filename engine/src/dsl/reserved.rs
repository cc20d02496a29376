//! Words that a playbook knows but refuses by name, each with what to use instead.
//!
//! Must not: decode anything.

use super::reader::Withheld;
use crate::text::Phrase;

const fn reserved(word: &'static str, ja: &'static str, en: &'static str) -> Withheld {
    Withheld { word, code: "DSL.RESERVED", cure: Phrase { ja, en } }
}

/// Every such word of a playbook.
pub(super) static WITHHELD: &[Withheld] = &[
    reserved(
        "for_each",
        "繰り返しはありません。手順を並べて書くか、端末ごとに実行してください。",
        "there are no loops: write the steps one below the other, or run the playbook once per terminal.",
    ),
    reserved(
        "timeout",
        "動作にはそれぞれ決まった制限時間があります。結果を待つ長さは repeat の within に書いてください。",
        "actions have time-outs of their own; how long to wait for a result is `within` of `repeat`.",
    ),
    reserved(
        "finally",
        "後始末は要りません。サインアウトと作業用ファイルの消去は kirikae が必ず行います。",
        "nothing has to be tidied up: kirikae always signs out and erases its working files.",
    ),
    reserved(
        "resources",
        "取り合いになるもの(保管先・USBキー)は kirikae が順に使います。役割を backends に書くだけで足ります。",
        "kirikae takes turns on stores and tokens by itself; naming the roles under `backends` is enough.",
    ),
    reserved(
        "holds",
        "取り合いになるもの(保管先・USBキー)は kirikae が順に使います。前後を決めるには needs を書いてください。",
        "kirikae takes turns on stores and tokens by itself; use `needs` to put steps in order.",
    ),
    reserved(
        "windows",
        "受付時間は、サイトのプロファイルの facts に「open: \"08:00-22:00\"」のように書いてください。",
        "opening hours are a fact of the portal profile: `open: \"08:00-22:00\"` under `facts`.",
    ),
    reserved("budgets", "回数の限りは、その秘密の値の attempts に書いてください。", "a limited number of tries is declared by `attempts` of the secret."),
    reserved(
        "spends",
        "回数を使うかどうかは動作が決めています。限りは、その秘密の値の attempts に書いてください。",
        "the action knows what spends a try; the limit is declared by `attempts` of the secret.",
    ),
    reserved(
        "approve",
        "取り消せない手順には必ず承認が要ります。誰がいつ認めるかは、サイトファイルの approvals に書いてください。",
        "every irreversible step wants an approval already; who gives it stands under `approvals` in the site file.",
    ),
    reserved(
        "runs_on",
        "どの端末で動かすかはサイトファイルが決めます。端末についての条件は require に書いてください。",
        "the site file says which terminal it is; put conditions on it into `require`.",
    ),
    reserved(
        "moved",
        "要りません。始まった実行は、始めたときの手順書で続きます。名前を変えたら version を上げてください。",
        "it is not needed: a run goes on with the playbook it began with. Raise `version` after renaming a step.",
    ),
];
