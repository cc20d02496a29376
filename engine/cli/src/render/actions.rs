//! The manual of an action, from its manifest: for people, and as JSON.

use kirikae_engine::action::{Effect, InputSpec, Manifest, OutputSpec};
use kirikae_engine::backend::{Class, CodeInfo, code_info};
use kirikae_engine::text::{Lang, Phrase};
use serde_json::{Map, Value as Json, json};
use unicode_width::UnicodeWidthStr;

use super::pad;

/// All actions, one a line.
pub fn list<'m>(manifests: impl Iterator<Item = &'m Manifest>, lang: Lang) -> String {
    let rows: Vec<Vec<String>> = manifests
        .map(|manifest| vec![manifest.reference(), effect(manifest.effect, lang), reach(manifest, lang), manifest.title.get(lang).to_owned()])
        .collect();
    let hint = pick(
        lang,
        "\n1つの説明は kirikae actions 名前(例: kirikae actions cert.find)",
        "\nThe manual of one: kirikae actions NAME, such as `kirikae actions cert.find`.",
    );
    table("", &rows) + &hint
}

/// All actions for machines.
pub fn list_json<'m>(manifests: impl Iterator<Item = &'m Manifest>) -> Json {
    manifests.map(manual_json).collect()
}

/// The manual of one action.
pub fn manual(manifest: &Manifest, lang: Lang) -> String {
    let mut text = format!("{}  {}\n{}\n\n", manifest.reference(), manifest.title.get(lang), manifest.summary.get(lang));
    text.push_str(&table("", &facts(manifest, lang)));
    if !manifest.inputs.is_empty() {
        text.push_str(&format!("\n{}\n", pick(lang, "入力(with:)", "Inputs (with:)")));
        text.push_str(&table("  ", &manifest.inputs.iter().map(|spec| input(spec, lang)).collect::<Vec<_>>()));
    }
    if !manifest.outputs.is_empty() {
        text.push_str(&format!("\n{}\n", pick(lang, "結果(${{ steps.手順.名前 }} で使う)", "Outputs (used as ${{ steps.STEP.NAME }})")));
        text.push_str(&table("  ", &manifest.outputs.iter().map(|spec| output(spec, lang)).collect::<Vec<_>>()));
    }
    if !manifest.codes.is_empty() {
        text.push_str(&format!("\n{}\n", pick(lang, "エラー", "Errors")));
        text.push_str(&table("  ", &codes(manifest).map(|info| code(info, lang)).collect::<Vec<_>>()));
    }
    text.push_str(&format!("\n{}\n{}", pick(lang, "例", "Example"), example(manifest, lang)));
    text
}

/// The manual of one action for machines; texts in both languages.
pub fn manual_json(manifest: &Manifest) -> Json {
    let inputs = manifest.inputs.iter().map(|input| {
        json!({ "name": input.name, "type": input.ty.to_string(), "required": input.must_be_written(), "default": input.default, "help": both(input.help) })
    });
    let outputs = manifest.outputs.iter().map(|output| {
        json!({ "name": output.name, "type": output.ty.to_string(), "recoverable": output.recoverable, "pinned": output.pinned, "help": both(output.help) })
    });
    let codes = codes(manifest).map(|info| json!({ "code": info.code, "class": info.class, "cause": both(info.title), "cure": both(info.cure) }));
    json!({
        "uses": manifest.reference(),
        "title": both(manifest.title),
        "summary": both(manifest.summary),
        "effect": manifest.effect,
        "remote": manifest.remote,
        "repeatable": manifest.repeatable,
        "spends_attempt": manifest.spends_attempt,
        "person": manifest.person,
        "claims": manifest.claims,
        "operation": manifest.operation.map(|operation| operation.word()),
        "observe": manifest.observe.map(both),
        "inputs": inputs.collect::<Vec<_>>(),
        "one_of": manifest.one_of,
        "outputs": outputs.collect::<Vec<_>>(),
        "codes": codes.collect::<Vec<_>>(),
        "example": { "uses": manifest.reference(), "with": manifest.example(Lang::Ja) },
    })
}

fn pick(lang: Lang, ja: &str, en: &str) -> String {
    if lang == Lang::Ja { ja.to_owned() } else { en.to_owned() }
}

fn both(phrase: Phrase) -> Json {
    json!({ "ja": phrase.ja, "en": phrase.en })
}

fn codes(manifest: &Manifest) -> impl Iterator<Item = &'static CodeInfo> {
    manifest.codes.iter().filter_map(|code| code_info(code))
}

/// Columns as wide as their widest cell; the last one is not padded.
fn table(indent: &str, rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
        text.push_str(&format!("{indent}{}\n", cells.join("  ").trim_end()));
    }
    text
}

fn effect(effect: Effect, lang: Lang) -> String {
    match effect {
        Effect::Read => pick(lang, "見るだけ", "reads"),
        Effect::Write => pick(lang, "変える", "writes"),
        Effect::Irreversible => pick(lang, "取り消せない", "irreversible"),
    }
}

fn reach(manifest: &Manifest, lang: Lang) -> String {
    match (manifest.person, manifest.remote) {
        (true, _) => pick(lang, "人に聞く", "asks a person"),
        (_, true) => pick(lang, "通信する", "remote"),
        _ => pick(lang, "端末の中", "local"),
    }
}

/// What the manifest says of the action as a whole.
fn facts(manifest: &Manifest, lang: Lang) -> Vec<Vec<String>> {
    let mut rows = vec![];
    let mut row = |ja: &str, en: &str, value: String| rows.push(vec![pick(lang, ja, en), value]);
    let approval = if manifest.effect == Effect::Irreversible {
        pick(lang, "。行う前に承認が要ります", "; wants an approval before it is done")
    } else {
        String::new()
    };
    row("効き目", "effect", effect(manifest.effect, lang) + &approval);
    row("行う所", "where", reach(manifest, lang));
    if manifest.effect > Effect::Read {
        let by_person = || pick(lang, "見ても分からないので、人が判断します", "nothing can be looked at; a person decides");
        row("行われたかの確かめ方", "how it is looked up", manifest.observe.map_or_else(by_person, |observe| observe.get(lang).to_owned()));
        let again = if manifest.repeatable {
            ("よい", "yes")
        } else {
            ("勝手にはやり直さない。まず確かめます", "never unasked; it is looked up first")
        };
        row("もう一度行うこと", "sent again", pick(lang, again.0, again.1));
    }
    if manifest.spends_attempt {
        row("回数", "attempts", pick(lang, "回数に限りのある試しを1回使います", "spends one of a limited number of tries"));
    }
    if let Some(claims) = manifest.claims {
        row("押さえる証明書", "claims", claims.to_owned());
    }
    if let Some(operation) = manifest.operation {
        let adds = pick(lang, "プロファイルの takes が入力に、gives が結果に加わります", "the profile's `takes` become inputs, its `gives` outputs");
        row("サイトの操作", "portal operation", format!("{operation} ({adds})"));
    }
    if !manifest.one_of.is_empty() {
        row("どれか1つは要る入力", "one of these inputs", manifest.one_of.join(", "));
    }
    rows
}

fn input(input: &InputSpec, lang: Lang) -> Vec<String> {
    let need = match &input.default {
        Some(default) => format!("{} {default}", pick(lang, "既定", "default")),
        None if input.must_be_written() => pick(lang, "必須", "required"),
        None => pick(lang, "省ける", "optional"),
    };
    vec![input.name.clone(), input.ty.required().to_string(), need, input.help.get(lang).to_owned()]
}

fn output(output: &OutputSpec, lang: Lang) -> Vec<String> {
    let mut notes = vec![];
    if output.ty.is_optional() {
        notes.push(pick(lang, "無いこともある", "may be absent"));
    }
    if !output.recoverable {
        notes.push(pick(lang, "一度だけ(中断すると戻らない)", "shown once (lost after a crash)"));
    }
    if output.pinned {
        notes.push(pick(lang, "計画で固定", "pinned by plans"));
    }
    vec![output.name.clone(), output.ty.required().to_string(), notes.join(&pick(lang, "・", ", ")), output.help.get(lang).to_owned()]
}

fn code(info: &CodeInfo, lang: Lang) -> Vec<String> {
    let class = match info.class {
        Class::Transient => pick(lang, "時間を置けば通ることがある", "transient"),
        Class::Permanent => pick(lang, "やり直しても同じ", "permanent"),
        Class::Ambiguous => pick(lang, "行われたか分からない", "ambiguous"),
        Class::Human => pick(lang, "先に人が直す", "a person acts first"),
    };
    vec![info.code.to_owned(), class, info.title.get(lang).to_owned()]
}

/// A step as it stands below `steps:`.
fn example(manifest: &Manifest, lang: Lang) -> String {
    let id = manifest.name.rsplit('.').next().unwrap_or(manifest.name);
    let mut text = format!("  {id}:\n    title: {}\n    uses: {}\n", manifest.title.get(lang), manifest.reference());
    let with = manifest.example(lang);
    if !with.is_empty() {
        text.push_str("    with:\n");
        text.push_str(&entries(&with, "      "));
    }
    text
}

fn entries(map: &Map<String, Json>, indent: &str) -> String {
    map.iter().map(|(name, value)| format!("{indent}{name}: {}\n", scalar(value))).collect()
}

/// A value in YAML's flow style. A plain word needs no quotes; a text in JSON's quotes is YAML too.
fn scalar(value: &Json) -> String {
    let plain = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match value {
        Json::String(text) if plain(text) => text.clone(),
        other => other.to_string(),
    }
}
