//! What is not as it was planned: one line each, with what it was and what it is.
//!
//! Must not: know where the two came from, or decide whether a difference matters.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::backend::{BackendError, Class};
use crate::text::{Lang, Text};

/// The fact of an error that holds the differences, as JSON.
const FACT: &str = "moved";

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Address of the step; `None`: it is about the plan or the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What, dotted: `cert.sha1`, `decision`, `fee`, `playbook.obn/renew-web`, `role.personal`.
    pub field: String,
    /// As planned; `-` for nothing.
    pub was: String,
    /// As it is; `-` for nothing.
    pub is: String,
}

impl Moved {
    /// A difference at a step.
    pub fn at(step: &str, field: impl Into<String>, was: impl Into<String>, is: impl Into<String>) -> Self {
        Self { step: Some(step.to_owned()), field: field.into(), was: was.into(), is: is.into() }
    }

    /// A difference of the whole.
    pub fn of_all(field: impl Into<String>, was: impl Into<String>, is: impl Into<String>) -> Self {
        Self { step: None, field: field.into(), was: was.into(), is: is.into() }
    }

    /// What moved, for people: the step, and the field by its name.
    pub fn label(&self) -> Text {
        let (base, last) = self.field.rsplit_once('.').map_or(("", self.field.as_str()), |(base, last)| (base, last));
        let word = WORDS.iter().find(|(name, ..)| *name == last);
        let kind = KINDS.iter().find_map(|(name, ja, en)| Some((*ja, *en, self.field.strip_prefix(name)?)));
        let field = match (word, kind) {
            (_, Some((ja, en, name))) => Text::new(format!("{ja} {name}"), format!("{en} {name}")),
            (Some((_, ja, en)), _) if base.is_empty() => Text::new(*ja, *en),
            (Some((_, ja, en)), _) => Text::new(format!("{base} の{ja}"), format!("{en} of {base}")),
            (None, None) => Text::plain(&self.field),
        };
        match &self.step {
            Some(step) => Text::new(format!("手順 {step}  {}", field.ja), format!("step {step}, {}", field.get(Lang::En))),
            None => field,
        }
    }

    /// What it was and what it is, for people: words of a plan in words, times by the clock of the site.
    pub fn values(&self, zone: &TimeZone) -> (Text, Text) {
        (self.say(&self.was, zone), self.say(&self.is, zone))
    }

    fn say(&self, value: &str, zone: &TimeZone) -> Text {
        if let Some((_, ja, en)) = VALUES.iter().find(|(word, ..)| *word == value) {
            return Text::new(*ja, *en);
        }
        match value.parse::<Timestamp>() {
            Ok(at) => Text::plain(at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()),
            Err(_) if self.field == "fee" => Text::new(format!("{value}円"), format!("{value} yen")),
            Err(_) => Text::plain(value),
        }
    }

    /// The differences that an error carries, for who shows them.
    pub fn of_error(data: &BTreeMap<String, String>) -> Vec<Self> {
        data.get(FACT).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }

    /// An error that carries the differences. Its first difference is in its cause, too.
    pub fn into_error(code: &str, intro: &Text, moved: &[Self], cure: Text) -> BackendError {
        let cause = match moved {
            [] => intro.clone(),
            [first, more @ ..] => {
                let label = first.label();
                let (was, is) = first.values(&TimeZone::UTC);
                let (ja, en) = match more.len() {
                    0 => (String::new(), String::new()),
                    count => (format!("(ほか{count}件)"), format!(" (and {count} more)")),
                };
                Text::new(
                    format!("{}{}: {} → {}{ja}", intro.ja, label.ja, was.ja, is.ja),
                    format!("{} {}: {} → {}{en}", intro.get(Lang::En), label.get(Lang::En), was.get(Lang::En), is.get(Lang::En)),
                )
            }
        };
        let error = BackendError::new(code, cause).class(Class::Permanent).cure(cure).with(FACT, serde_json::to_string(moved).unwrap_or_default());
        match moved.first() {
            Some(first) => error
                .with("step", first.step.clone().unwrap_or_default())
                .with("what", first.field.clone())
                .with("planned", first.was.clone())
                .with("actual", first.is.clone()),
            None => error,
        }
    }
}

/// `PLAN.DRIFT` with these differences.
pub fn drift(moved: &[Moved]) -> BackendError {
    let intro = Text::new("計画のときと違います。", "things are not as planned.");
    let cure = Text::new("kirikae plan で計画を作り直し、内容を見てから実行してください。", "plan again, read it, then apply.");
    Moved::into_error("PLAN.DRIFT", &intro, moved, cure)
}

/// Names of fields, by the last part of a dotted name.
const WORDS: &[(&str, &str, &str)] = &[
    ("decision", "行うかどうか", "decision"),
    ("effect", "取り消せるか", "effect"),
    ("fee", "費用", "fee"),
    ("holder", "保管先", "store"),
    ("not_after", "期限", "end of validity"),
    ("sha1", "拇印", "thumbprint"),
    ("sha256", "中身", "content"),
    ("step", "手順そのもの", "the step itself"),
    ("uses", "動作", "action"),
];

/// Names of things that stand before theirs.
const KINDS: &[(&str, &str, &str)] = &[
    ("expect.", "後の確認", "check after it:"),
    ("playbook.", "手順書", "playbook"),
    ("portal.", "プロファイル", "profile"),
    ("require.", "前の確認", "check before it:"),
    ("role.", "役割", "role"),
    ("site.", "サイトファイル", "site file"),
    ("sources.", "手引の目録", "catalogue"),
    ("secret.", "秘密の値", "secret"),
    ("when.", "条件", "condition"),
];

/// Words that stand for themselves in plans.
const VALUES: &[(&str, &str, &str)] = &[
    ("-", "なし", "none"),
    ("fails", "成り立たない", "does not hold"),
    ("holds", "成り立つ", "holds"),
    ("irreversible", "取り消せない", "irreversible"),
    ("maybe", "実行時に決まる", "decided at run time"),
    ("read", "読むだけ", "reads only"),
    ("run", "行う", "run"),
    ("skip", "行わない", "skip"),
    ("write", "変更する", "changes"),
];

/// Compares two values; a certificate by its digest, end and place, a file by its digest, other objects field by field.
pub(crate) fn compare(step: &str, field: &str, was: &Json, is: &Json) -> Vec<Moved> {
    if pinned(was) == pinned(is) {
        return vec![];
    }
    match (was.as_object(), is.as_object()) {
        (Some(before), Some(now)) if is_cert(was) && is_cert(is) => {
            let text = |object: &serde_json::Map<String, Json>, name: &str| object.get(name).map_or_else(|| "-".to_owned(), plain);
            let shown = ["sha1", "not_after", "holder"].into_iter().filter(|name| before.get(*name) != now.get(*name));
            shown.map(|name| Moved::at(step, format!("{field}.{name}"), text(before, name), text(now, name))).collect()
        }
        (Some(before), Some(now)) if is_file(was) && is_file(is) => {
            let text = |object: &serde_json::Map<String, Json>| {
                let text = |name: &str| object.get(name).map_or_else(String::new, plain);
                format!("{} ({}…)", text("name"), text("sha256").chars().take(12).collect::<String>())
            };
            vec![Moved::at(step, format!("{field}.sha256"), text(before), text(now))]
        }
        (Some(before), Some(now)) if !is_cert(was) && !is_cert(is) => {
            let mut names: Vec<&String> = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name))).collect();
            names.sort();
            let at = |object: &serde_json::Map<String, Json>, name: &str| object.get(name).cloned().unwrap_or_default();
            names.into_iter().flat_map(|name| compare(step, &format!("{field}.{name}"), &at(before, name), &at(now, name))).collect()
        }
        _ => vec![Moved::at(step, field, plain(was), plain(is))],
    }
}

fn is_cert(value: &Json) -> bool {
    value.get("sha256").is_some() && value.get("not_after").is_some()
}

fn is_file(value: &Json) -> bool {
    value.get("sha256").is_some() && value.get("size").is_some()
}

/// Of a certificate its digest, end and place; of a file its digest; of anything else the whole value.
fn pinned(value: &Json) -> Json {
    let field = |name: &str| value.get(name).cloned().unwrap_or_default();
    if is_file(value) {
        field("sha256")
    } else if is_cert(value) {
        ["sha256", "not_after", "holder"].map(field).into_iter().collect()
    } else {
        value.clone()
    }
}

/// A value on one line: a certificate as its thumbprint, a text as it is.
fn plain(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        _ => value.get("sha1").and_then(Json::as_str).map_or_else(|| value.to_string(), str::to_owned),
    }
}
