//! Texts with expressions in them, for people.
//!
//! Must not: show a secret, parse or evaluate a result again.

use super::{Part, Scope, Template, Tri, Why, evaluate};
use crate::dsl::Value;
use crate::text::{Lang, Text};

/// The text with the values of its expressions, and what it still waits for.
pub fn render(template: &Template, scope: &dyn Scope) -> (Text, Why) {
    let (ja, mut waits) = parts(&template.ja, Lang::Ja, scope);
    let en = template.en.as_ref().map(|en| {
        let (en, also) = parts(en, Lang::En, scope);
        waits.0.extend(also.0);
        en
    });
    (Text { ja, en }, waits)
}

fn parts(parts: &[Part], lang: Lang, scope: &dyn Scope) -> (String, Why) {
    let mut text = String::new();
    let mut waits = Why::default();
    for part in parts {
        match part {
            Part::Text(words) => text.push_str(words),
            Part::Expr(expr) => match evaluate(expr, scope) {
                Tri::Known(value) => text.push_str(&shown(&value, lang, scope)),
                Tri::Absent(_) => text.push('-'),
                Tri::Unknown(_, why) => {
                    text.push_str(&known_after(&why, lang));
                    waits = waits.and(why);
                }
            },
        }
    }
    (text, waits)
}

fn known_after(why: &Why, lang: Lang) -> String {
    let names: Vec<&str> = why.0.iter().map(String::as_str).collect();
    match (lang, names.is_empty()) {
        (Lang::Ja, true) => "「まだ分からない」".into(),
        (Lang::Ja, false) => format!("「手順 {} の後に分かる」", names.join("・")),
        (Lang::En, true) => "(not known yet)".into(),
        (Lang::En, false) => format!("(known after {})", names.join(", ")),
    }
}

/// A value as people read it.
fn shown(value: &Value, lang: Lang, scope: &dyn Scope) -> String {
    let word = |ja: &str, en: &str| match lang {
        Lang::Ja => ja.to_owned(),
        Lang::En => en.to_owned(),
    };
    let joined = |items: Vec<String>| items.join(&word("、", ", "));
    match value {
        Value::Str(text) | Value::Role(text) => text.clone(),
        Value::Text(text) => text.get(lang).to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Bool(true) => word("はい", "yes"),
        Value::Bool(false) => word("いいえ", "no"),
        Value::Date(date) => date.strftime("%Y-%m-%d").to_string(),
        Value::DateTime(at) => at.to_zoned(scope.zone().clone()).strftime("%Y-%m-%d %H:%M").to_string(),
        Value::List(items) => joined(items.iter().map(|item| shown(item, lang, scope)).collect()),
        Value::Map(entries) => joined(entries.iter().map(|(key, value)| format!("{key}: {}", shown(value, lang, scope))).collect()),
        Value::Cert(cert) => cert.sha1.clone(),
        Value::File(file) => file.name.clone(),
        Value::Proof(proof) => proof.thumbprint.clone(),
        Value::BackupRef(backup) => backup.place.clone(),
        Value::Token(token) => token.serial.clone(),
        Value::Key(key) => key.id.clone(),
        Value::Live(name) => name.clone(),
        Value::Secret(_) | Value::DeclaredSecret(_) => word("(秘密)", "(secret)"),
    }
}
