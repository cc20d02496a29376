//! `kirikae: playbook/1`: its keys, and `with` of every action.
//!
//! May use: manifests. Must not: know profiles; what they add to `with` is left open.

use serde_json::{Map, Value as Json, json};

use super::{
    declared_type, definition, document, document_id, duration, error_code, flag, help, keyed, list, matching, named, object, one_or_list, scalar, string,
    text, version, words,
};
use crate::action::{InputSpec, Manifest, Registry};
use crate::dsl::{RoleKind, Type};

pub(super) fn schema(registry: &Registry) -> Json {
    let mut steps = named(definition("step"));
    if let Json::Object(steps) = &mut steps {
        steps.insert("minProperties".to_owned(), json!(1));
    }
    let keys = vec![
        ("id", help("名前。ファイルの場所と同じにします(例: obn/renew-web)。", document_id())),
        ("version", help("この文書の版。\"1.0.0\" のように引用符で囲みます。", version())),
        ("title", help("題。", text())),
        ("summary", help("何をするかの説明。", text())),
        ("sources", help("よりどころの手順書(sources.yaml の名前)。", one_or_list(string()))),
        ("backends", help("使う保管先・サイト・フォルダーの役割。", named(role()))),
        ("inputs", help("入力。", named(definition("input")))),
        ("secrets", help("秘密の値。値そのものはここに書きません。", named(definition("secret")))),
        ("let", help("式に付ける名前。", named(scalar()))),
        ("steps", help("手順。上から順に行います。", steps)),
        ("outputs", help("結果として渡す式。", named(scalar()))),
    ];
    let definitions = json!({ "input": input(), "secret": secret(), "step": step(registry), "guard": guard() });
    document("playbook", "kirikae playbook/1", &["id", "version", "title", "steps"], keys, definitions)
}

fn cite() -> Json {
    help("出典。「手順書の名前#節」(例: obn_edge#2.2)。", one_or_list(matching("^[^#]+#.+$")))
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
        ("type", help("型。digits(10)、string、bool など。", declared_type())),
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
        ("type", help("型。digits(4)、string など。", declared_type())),
        ("title", help("画面に出す名前。", text())),
        ("new", help("true なら、新しく決める値です。", flag())),
        ("kept", help("前に保管した値を使います(名前と、何についての値か)。", kept)),
        ("cite", cite()),
    ];
    object(&["type", "title"], keys)
}

fn guard() -> Json {
    let keys = vec![
        ("that", help("成り立つべき式。", scalar())),
        ("say", help("成り立たないときに出す言葉。", text())),
        ("code", help("自分で決めるコード(例: CERT.NOT_MINE)。", error_code())),
        ("then", help("stop は失敗として止め、finish は「することがない」として終えます。", words(&["stop", "finish"]))),
    ];
    object(&["that", "say"], keys)
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
        ("title", help("手順の題。", text())),
        ("cite", cite()),
        ("uses", uses(registry)),
        ("with", help("入力。", json!({ "type": "object" }))),
        ("needs", help("先に終わっているべき手順。書かなければ、すぐ上の手順です。", list(string()))),
        ("when", help("この式が成り立つときだけ行います。", scalar())),
        ("require", help("行う前に成り立つべきこと。", list(definition("guard")))),
        ("expect", help("行った後に成り立つべきこと。", list(definition("guard")))),
        ("repeat", help("条件が成り立つまで、間を置いて見直します。", repeat())),
    ];
    let mut step = object(&["title", "uses"], keys);
    if let Json::Object(step) = &mut step {
        step.insert("allOf".to_owned(), registry.manifests().map(inputs_of).collect());
    }
    step
}

fn uses(registry: &Registry) -> Json {
    let references: Vec<_> = registry.manifests().map(Manifest::reference).collect();
    let titles: Vec<_> = registry.manifests().map(|manifest| manifest.title.ja).collect();
    let actions = json!({ "enum": references, "enumDescriptions": titles });
    help("使う操作、または別の文書(playbook:名前@版)。", json!({ "anyOf": [actions, matching("^playbook:[a-z][a-z0-9_/-]*@[1-9][0-9]*$")] }))
}

/// The inputs of an action, for the steps that use it.
fn inputs_of(manifest: &Manifest) -> Json {
    let required: Vec<_> = manifest.inputs.iter().filter(|input| input.must_be_written()).map(|input| &input.name).collect();
    let properties: Map<String, Json> = manifest.inputs.iter().map(|input| (input.name.clone(), given(input))).collect();
    // A portal's profile adds what its operation takes.
    let open = manifest.operation.is_some();
    let mut with = json!({
        "type": "object",
        "description": manifest.summary.ja,
        "required": required,
        "properties": properties,
        "additionalProperties": open,
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
