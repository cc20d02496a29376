//! `kirikae: playbook/1`: its keys, and `with` of every action.
//!
//! May use: manifests. Must not: know profiles; what they add to `with` is left open.

use serde_json::{Map, Value as Json, json};

use super::{
    declared_type, definition, document, document_id, duration, error_code, flag, help, keyed, keyword, list, matching, named, object, one_or_list, scalar,
    string, text, version, words,
};
use crate::action::{InputSpec, Manifest, Registry};
use crate::dsl::{RoleKind, Type};
use crate::text::Lang;

pub(super) fn schema(registry: &Registry) -> Json {
    let mut steps = named(definition("step"));
    if let Json::Object(steps) = &mut steps {
        steps.insert("minProperties".to_owned(), json!(1));
    }
    let keys = vec![
        ("id", keyword("名前", "ファイルの場所と同じにします。", json!("obn/renew-web"), document_id())),
        ("version", keyword("版", "この文書の版。引用符で囲みます。", json!("1.0.0"), version())),
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
    let definitions = json!({ "input": input(), "secret": secret(), "step": step(registry), "guard": guard() });
    document("playbook", "kirikae playbook/1", &["id", "version", "title", "steps"], keys, definitions)
}

fn cite() -> Json {
    keyword("出典", "「手順書の名前#節」。計画に出ます。", json!("obn_edge#2.2"), one_or_list(matching("^[^#]+#.+$")))
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
    let kept = object(&["name", "about"], vec![("name", string()), ("about", text())]);
    let keys = vec![
        ("type", keyword("型", "値の形。digits(4)、string など。", json!("digits(4)"), declared_type())),
        ("title", help("画面に出す名前。", text())),
        ("new", help("true なら、新しく決める値です。", flag())),
        ("kept", help("前に保管した値を使います(名前と、何についての値か)。", kept)),
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

fn step(registry: &Registry) -> Json {
    let keys = vec![
        ("title", keyword("題", "計画と画面に出す、この手順の題。", json!("今の証明書を探す"), text())),
        ("cite", cite()),
        ("uses", uses(registry)),
        ("with", help("【渡すもの】操作に渡す入力。使う操作によって変わります。", json!({ "type": "object" }))),
        ("needs", keyword("待つ手順", "先に終わっているべき手順。書かなければ、すぐ上の手順です。[] なら何も待ちません。", json!(["current"]), list(string()))),
        ("when", keyword("するとき", "この式が成り立つときだけ行います。成り立たなければ、とばします。", json!("steps.current.count > 1"), scalar())),
        ("require", keyword("前に確かめる", "行う前に成り立つべきこと。成り立たなければ、この手順は行いません。", guards(), list(definition("guard")))),
        ("expect", keyword("後で確かめる", "行った後に成り立つべきこと。この手順の結果は result.名前 で見ます。", guards(), list(definition("guard")))),
        ("repeat", keyword("くり返し見る", "条件が成り立つまで、間を置いて見直します。見るだけの操作に書けます。", waiting(), repeat())),
    ];
    let mut step = object(&["title", "uses"], keys);
    if let Json::Object(step) = &mut step {
        step.insert("allOf".to_owned(), registry.manifests().map(inputs_of).collect());
        step.insert("defaultSnippets".to_owned(), registry.manifests().map(snippet).collect());
    }
    step
}

fn guards() -> Json {
    json!([{ "that": "result.cert.days_left >= 0", "say": "期限が切れています。", "then": "stop" }])
}

fn waiting() -> Json {
    json!({ "until": "result.status != 'pending'", "every": "30s", "slow_to": "10m", "within": "24h" })
}

/// A whole step that an editor inserts: the action with what has to be given. Editors of the YAML language server know these.
fn snippet(manifest: &Manifest) -> Json {
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
