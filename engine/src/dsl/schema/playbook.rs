//! `kirikae: playbook/1`: its keys, and `with` of every action.
//!
//! May use: manifests. Must not: know profiles; what they add to `with` is left open.

use serde_json::{Map, Value as Json, json};

use super::snippet::snippet;
use super::{
    declared_type, definition, document, document_id, duration, error_code, flag, help, keyed, keyword, list, matching, named, object, one_or_list, scalar,
    string, text, version, words,
};
use crate::action::{InputSpec, Manifest, Registry};
use crate::backend::profile::Then;
use crate::dsl::playbook_rescue::MOST_TIMES;
use crate::dsl::{RoleKind, Type};
use crate::text::Lang;

pub(super) fn schema(registry: &Registry) -> Json {
    let mut steps = named(definition("step"));
    if let Json::Object(steps) = &mut steps {
        steps.insert("minProperties".to_owned(), json!(1));
    }
    let keys = vec![
        ("id", keyword("名前", "ファイルの場所と同じにします(例: obn/renew-web)。", json!("obn/renew-web"), document_id())),
        ("version", keyword("版", "この文書の版。\"1.0.0\" のように引用符で囲みます。", json!("1.0.0"), version())),
        ("title", keyword("題", "計画や画面に出す題。", json!({ "ja": "証明書の更新", "en": "Renew the certificate" }), text())),
        ("summary", keyword("説明", "何をするかを1〜2文で書きます。", json!("期限が近い証明書を更新します。"), text())),
        ("sources", keyword("よりどころ", "もとにした手順書。sources.yaml にある名前を書きます。", json!(["obn_edge"]), one_or_list(string()))),
        (
            "backends",
            keyword(
                "使うもの",
                "保管先・サイト・フォルダーに付ける役割の名前と種類。実際の場所はサイトファイルが決めます。",
                json!({ "personal": "store", "backup": "folder", "issuer": { "kind": "ca", "profile": "obn" } }),
                named(role()),
            ),
        ),
        (
            "inputs",
            keyword(
                "入力",
                "端末ごとに違う値。${{ inputs.名前 }} で使います。",
                json!({ "medical_code": { "type": "digits(10)", "title": "医療機関コード", "example": "0110119153" } }),
                named(definition("input")),
            ),
        ),
        (
            "secrets",
            keyword(
                "秘密の値",
                "パスワードなど。値そのものは書きません。${{ secrets.名前 }} で、秘密を受け取る入力にだけ渡せます。",
                json!({ "p12_password": { "type": "digits(4)", "new": true, "title": "証明書パスワード" } }),
                named(definition("secret")),
            ),
        ),
        (
            "let",
            keyword("名付け", "何度も使う式に名前を付けます。let.名前 で使います。", json!({ "due": "steps.current.cert.days_left <= 90" }), named(scalar())),
        ),
        (
            "steps",
            keyword(
                "手順",
                "上から順に行います。",
                json!({ "current": { "title": "今の証明書を探す", "uses": "cert.find@1", "with": { "in": "personal", "issuer": "*" } } }),
                steps,
            ),
        ),
        ("outputs", keyword("結果", "この手順書を呼ぶ側に渡す式。", json!({ "cert": "steps.current.cert" }), named(scalar()))),
    ];
    let definitions = json!({
        "input": input(),
        "secret": secret(),
        "step": step(registry),
        "inner_step": inner_step(registry),
        "with": json!({ "allOf": registry.manifests().map(inputs_of).collect::<Vec<_>>() }),
        "guard": guard(),
        "row": row(),
    });
    document("playbook", "kirikae playbook/1", &["id", "version", "title", "steps"], keys, definitions)
}

fn cite() -> Json {
    keyword("出典", "「手順書の名前#節」(例: obn_edge#2.2)。計画に出ます。", json!("obn_edge#2.2"), one_or_list(matching("^[^#]+#.+$")))
}

/// `store`, or `{ kind: ca, profile: obn }`.
fn role() -> Json {
    let kinds = RoleKind::ALL.map(RoleKind::word);
    let with_profile = object(&["kind", "profile"], vec![("kind", words(&["ca", "web"])), ("profile", document_id())]);
    let without = object(&["kind"], vec![("kind", words(&["store", "token", "folder"]))]);
    let plain: Vec<_> = kinds.into_iter().filter(|kind| !matches!(*kind, "ca" | "web")).collect();
    json!({ "anyOf": [words(&plain), with_profile, without] })
}

fn input() -> Json {
    let literal = json!({});
    let keys = vec![
        ("type", keyword("型", "値の形。digits(10)、string、bool、enum(a, b) など。", json!("digits(10)"), declared_type())),
        ("title", help("画面に出す名前。", text())),
        ("default", help("書かなかったときの値。", literal.clone())),
        ("example", help("例。", literal)),
        ("private", help("true なら、画面では伏せて表示します。", flag())),
        ("labels", help("enum の語の、画面での言い方。", keyed(text()))),
        ("cite", cite()),
    ];
    object(&["type", "title"], keys)
}

fn secret() -> Json {
    let kept = object(&["name", "about"], vec![("name", string()), ("about", string())]);
    let number = |least: u32| json!({ "type": "integer", "minimum": least });
    let attempts = object(
        &["limit", "leave", "per_run", "cite"],
        vec![
            ("limit", help("続けて何回まちがえるとロックされるか(手順書の数)。", number(1))),
            ("leave", help("使わずに残しておく回数。", number(0))),
            ("per_run", help("1回の実行で試してよい回数。", number(1))),
            ("cite", cite()),
        ],
    );
    let keys = vec![
        ("type", keyword("型", "値の形。digits(4)、string など。", json!("digits(4)"), declared_type())),
        ("title", help("画面に出す名前。", text())),
        ("new", help("true なら、新しく決める値です。", flag())),
        ("kept", help("前に secret.keep で保管した値を使います(その名前と、何についての値か)。", kept)),
        ("typed_by_person", help("true なら、人が別の画面で入れる値です。kirikae は受け取らず、回数だけを数えます。", flag())),
        ("attempts", help("まちがえてよい回数に限りがある値(PIN、ログインのパスワードなど)。", attempts)),
        ("cite", cite()),
    ];
    object(&["type", "title"], keys)
}

fn guard() -> Json {
    let keys = vec![
        ("that", keyword("こうであるはず", "成り立つべき式。${{ }} は付けません。", json!("result.cert.days_left <= inputs.renew_within_days"), scalar())),
        ("say", keyword("そうでないときの言葉", "成り立たないときに画面に出します。", json!("まだ更新の時期ではありません。"), text())),
        ("code", help("自分で決めるコード(例: CERT.NOT_MINE)。", error_code())),
        ("then", help("【そうでないときの終わり方】書かなければ stop です。", then())),
    ];
    object(&["that", "say"], keys)
}

/// How the run ends when a guard does not hold.
fn then() -> Json {
    json!({ "enum": ["stop", "finish"], "enumDescriptions": ["失敗として止めます", "することがないので、ここで終わります"] })
}

fn repeat() -> Json {
    let keys = vec![
        ("until", help("これが成り立つまで見直します。", scalar())),
        ("every", help("見直す間隔(例: 30s)。", duration())),
        ("slow_to", help("間隔をここまで延ばします(例: 10m)。", duration())),
        ("within", help("あきらめるまでの時間(例: 24h)。", duration())),
    ];
    object(&["until", "every", "within"], keys)
}

fn retry() -> Json {
    let keys = vec![
        ("errors", help("やり直してよい、一時的なエラーのコード(例: PORTAL.BUSY)。", list(error_code()))),
        ("times", help("やり直しの回数。はじめの1回は数えません。", times())),
        ("wait", help("はじめの間隔(例: 30s)。倍々に、15分まで延ばします。", duration())),
    ];
    object(&["errors", "times", "wait"], keys)
}

fn times() -> Json {
    json!({ "type": "integer", "minimum": 1, "maximum": MOST_TIMES })
}

/// A row of `rescue`: こんなときは.
fn row() -> Json {
    let mut steps = named(definition("inner_step"));
    if let Json::Object(steps) = &mut steps {
        steps.insert("minProperties".to_owned(), json!(1));
    }
    let keys = vec![
        ("cite", cite()),
        ("say", help("そのときに人に伝える言葉。${{ error.shown }} なども使えます。", text())),
        ("do", help("先に行う手順。この行の中だけで do.名前.出力 と書けます。", steps)),
        (
            "then",
            help(
                "【その後】resume=済んだことにする retry=もう一度行う finish=よい終わりにする stop=失敗として止める hand_off=人に引き継ぐ。",
                words(&Then::ALL.map(Then::word)),
            ),
        ),
        ("times", help("retry の回数(書かなければ1回)。", times())),
        ("give", help("resume のとき、後の手順が使う出力の値。", keyed(json!({})))),
        ("ask_again", help("retry のとき、もう一度聞く秘密の値の名前。", list(string()))),
    ];
    object(&["say", "then"], keys)
}

fn step(registry: &Registry) -> Json {
    let mut keys = inner_keys(registry);
    keys.push((
        "needs",
        keyword("待つ手順", "先に終わっているべき手順。書かなければ、すぐ上の手順です。[] なら何も待ちません。", json!(["current"]), list(string())),
    ));
    let rows = json!({ "type": "object", "propertyNames": error_code(), "additionalProperties": definition("row") });
    let example = json!({ "PORTAL.BUSY": { "say": "混み合っています。しばらくしてから続けてください。", "then": "stop" } });
    keys.push(("rescue", keyword("こんなときは", "エラーのコードごとに、人に伝える言葉と、その後どうするか。", example, rows)));
    with_inputs(registry, object(&["title", "uses"], keys))
}

/// A step of a `do`: no rows of its own, in the order that is written.
fn inner_step(registry: &Registry) -> Json {
    with_inputs(registry, object(&["title", "uses"], inner_keys(registry)))
}

fn with_inputs(registry: &Registry, mut step: Json) -> Json {
    if let Json::Object(step) = &mut step {
        step.insert("allOf".to_owned(), json!([definition("with")]));
        step.insert("defaultSnippets".to_owned(), registry.manifests().map(snippet).collect());
    }
    step
}

fn inner_keys(registry: &Registry) -> Vec<(&'static str, Json)> {
    vec![
        ("title", keyword("題", "計画と画面に出す、この手順の題。", json!("今の証明書を探す"), text())),
        ("cite", cite()),
        ("uses", uses(registry)),
        ("with", help("【渡すもの】操作に渡す入力。使う操作によって変わります。", json!({ "type": "object" }))),
        ("when", keyword("するとき", "この式が成り立つときだけ行います。成り立たなければ、とばします。", json!("steps.current.count > 1"), scalar())),
        ("require", keyword("前に確かめる", "行う前に成り立つべきこと。成り立たなければ、この手順は行いません。", guards(), list(definition("guard")))),
        ("expect", keyword("後で確かめる", "行った後に成り立つべきこと。この手順の結果は result.名前 で見ます。", guards(), list(definition("guard")))),
        (
            "retry",
            keyword("やり直す", "一時的なエラーのとき、間を置いてやり直します。", json!({ "errors": ["PORTAL.BUSY"], "times": 3, "wait": "30s" }), retry()),
        ),
        ("repeat", keyword("くり返し見る", "条件が成り立つまで、間を置いて見直します。見るだけの操作に書けます。", waiting(), repeat())),
        ("deadline", keyword("期限", "これを過ぎたら始めない日付か日時。", json!("steps.current.cert.not_after"), scalar())),
    ]
}

fn guards() -> Json {
    json!([{ "that": "result.cert.days_left >= 0", "say": "期限が切れています。", "then": "stop" }])
}

fn waiting() -> Json {
    json!({ "until": "result.status != 'pending'", "every": "30s", "slow_to": "10m", "within": "24h" })
}

fn uses(registry: &Registry) -> Json {
    let references: Vec<_> = registry.manifests().map(Manifest::reference).collect();
    let titles: Vec<_> = registry.manifests().map(|manifest| manifest.title.ja).collect();
    let actions = json!({ "enum": references, "enumDescriptions": titles });
    help(
        "【使う操作】この手順が行うこと。別の手順書を呼ぶときは playbook:名前@版 と書きます。",
        json!({ "anyOf": [actions, matching("^playbook:[a-z][a-z0-9_/-]*@[1-9][0-9]*$")] }),
    )
}

/// The inputs of an action, for the steps that use it.
fn inputs_of(manifest: &Manifest) -> Json {
    let required: Vec<_> = manifest.inputs.iter().filter(|input| input.must_be_written()).map(|input| &input.name).collect();
    let properties: Map<String, Json> = manifest.inputs.iter().map(|input| (input.name.clone(), given(input))).collect();
    // A portal's profile adds what its operation takes.
    let open = manifest.operation.is_some();
    let mut with = json!({
        "type": "object",
        "title": format!("{} {}", manifest.reference(), manifest.title.ja),
        "description": manifest.summary.ja,
        "required": required,
        "properties": properties,
        "additionalProperties": open,
        "examples": [manifest.example(Lang::Ja)],
    });
    if let (Json::Object(with), false) = (&mut with, manifest.one_of.is_empty()) {
        with.insert("anyOf".to_owned(), manifest.one_of.iter().map(|name| json!({ "required": [name] })).collect());
    }
    let mut then = json!({ "properties": { "with": with } });
    if let (Json::Object(then), false) = (&mut then, required.is_empty() && manifest.one_of.is_empty()) {
        then.insert("required".to_owned(), json!(["with"]));
    }
    json!({ "if": { "properties": { "uses": { "const": manifest.reference() } }, "required": ["uses"] }, "then": then })
}

fn given(input: &InputSpec) -> Json {
    help(input.help.ja, value(&input.ty))
}

/// What may stand for a value of a type: a literal, or a text with an expression.
fn value(ty: &Type) -> Json {
    let expression = matching(r"\$\{\{");
    let literal = match ty.required() {
        // Handles come from other steps, secrets from `secrets`: no literal exists.
        Type::Secret(_) => return expression,
        handle if handle.is_handle() => return expression,
        Type::Role(kind) => return json!({ "type": "string", "pattern": super::NAME, "$comment": format!("role<{}>", kind.word()) }),
        Type::Text => return text(),
        Type::Int => json!({ "type": "integer" }),
        Type::Bool => flag(),
        Type::Enum(words) => json!({ "enum": words }),
        Type::List(item) => list(value(item)),
        Type::Map(item) => keyed(value(item)),
        Type::Object(fields) => {
            let required: Vec<_> = fields.iter().filter(|(_, ty)| !ty.is_optional()).map(|(name, _)| name.as_str()).collect();
            object(&required, fields.iter().map(|(name, ty)| (name.as_str(), value(ty))).collect())
        }
        _ => return string(),
    };
    json!({ "anyOf": [literal, expression] })
}
