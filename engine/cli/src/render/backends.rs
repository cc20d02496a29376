//! What kinds of backends can do, for people and machines.

use kirikae_engine::backend::{BackendError, Capabilities, ImportOption, Locality, OptionSupport, Verb};
use kirikae_engine::text::{Lang, Phrase};
use serde_json::{Value as Json, json};

/// A kind that a site file can name.
pub struct KindRow {
    /// Where it is named: `store token folder`; `ca` for portals.
    pub port: &'static str,
    /// Its name.
    pub name: String,
    /// What it is.
    pub title: Phrase,
    /// What it can do; else why it does not exist on this machine.
    pub capabilities: Result<Capabilities, BackendError>,
}

const VERBS: [(Verb, &str, &str); 8] = [
    (Verb::List, "list", "一覧"),
    (Verb::Import, "import", "取り込み"),
    (Verb::Delete, "delete", "削除"),
    (Verb::Sign, "sign", "署名"),
    (Verb::Export, "export", "書き出し"),
    (Verb::Trust, "trust", "ルートを信頼"),
    (Verb::Read, "read", "読む"),
    (Verb::Write, "write", "書く・送る"),
];

const OPTIONS: [(ImportOption, &str, &str); 3] = [
    (ImportOption::Exportable, "exportable", "キーをエクスポート可能にする"),
    (ImportOption::StrongProtection, "strong_protection", "秘密キーの保護を強力にする"),
    (ImportOption::ExtendedProperties, "extended_properties", "すべての拡張プロパティを含める"),
];

const SUPPORT: [(OptionSupport, &str, &str); 3] =
    [(OptionSupport::Honoured, "honoured", "効く"), (OptionSupport::Recorded, "recorded", "記録だけ"), (OptionSupport::Refused, "refused", "断る")];

/// For people.
pub fn lines(rows: &[KindRow], lang: Lang) -> Vec<String> {
    let mut lines = vec![];
    for row in rows {
        lines.push(format!("{}: {}  {}", row.port, row.name, row.title.get(lang)));
        match &row.capabilities {
            Ok(capabilities) => lines.extend(told(capabilities, lang).into_iter().map(|line| format!("  {line}"))),
            Err(error) => lines.push(format!("  {}", error.cause.get(lang))),
        }
    }
    lines
}

fn told(capabilities: &Capabilities, lang: Lang) -> Vec<String> {
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let verbs: Vec<&str> = VERBS.iter().filter(|(verb, ..)| capabilities.verbs.contains(verb)).map(|(_, en, ja)| word(ja, en)).collect();
    let mut facts = vec![match capabilities.locality {
        Locality::Local => word("この端末の中", "on this machine"),
        Locality::Remote => word("ネットワークの先(plan では接続しない)", "over the network; a plan does not contact it"),
    }];
    let flags = [
        (capabilities.exclusive, "一度に1つ", "one caller at a time"),
        (capabilities.list_needs_secret, "一覧にパスワードが要る", "listing needs a secret"),
        (capabilities.can_export_keys, "鍵を書き出せる", "keys can be written out"),
        (capabilities.hardware_keys, "鍵は機器の中", "keys live in hardware"),
        (!capabilities.interruptible, "途中で止められないことがある", "a call may outlast its deadline"),
    ];
    facts.extend(flags.iter().filter(|(yes, ..)| *yes).map(|(_, ja, en)| word(ja, en)));
    let mut lines = vec![format!("{}: {}", word("できること", "can"), verbs.join("・")), facts.join(word("、", ", "))];
    for (option, en, ja) in OPTIONS {
        if let Some(support) = capabilities.import_options.get(&option) {
            let how = SUPPORT.iter().find(|(known, ..)| known == support).map_or("", |(_, en, ja)| word(ja, en));
            lines.push(format!("{} {}: {how}", word("取り込みの指定", "import option"), word(ja, en)));
        }
    }
    lines
}

/// For machines.
pub fn as_json(rows: &[KindRow]) -> Json {
    let one = |row: &KindRow| {
        let mut told = json!({"port": row.port, "kind": row.name, "title": {"ja": row.title.ja, "en": row.title.en}, "capabilities": null, "error": null});
        match &row.capabilities {
            Ok(capabilities) => told["capabilities"] = capabilities_json(capabilities),
            Err(error) => told["error"] = json!({"code": error.code, "cause": error.cause, "cure": error.cure}),
        }
        told
    };
    json!({"kinds": rows.iter().map(one).collect::<Vec<_>>()})
}

fn capabilities_json(capabilities: &Capabilities) -> Json {
    let verbs: Vec<&str> = VERBS.iter().filter(|(verb, ..)| capabilities.verbs.contains(verb)).map(|(_, en, _)| *en).collect();
    let support = |support: OptionSupport| SUPPORT.iter().find(|(known, ..)| *known == support).map(|(_, en, _)| *en);
    let options: serde_json::Map<String, Json> =
        OPTIONS.iter().filter_map(|(option, en, _)| Some(((*en).to_owned(), json!(support(*capabilities.import_options.get(option)?))))).collect();
    json!({
        "verbs": verbs, "import_options": options, "exclusive": capabilities.exclusive, "max_parallel": capabilities.max_parallel,
        "remote": capabilities.locality == Locality::Remote, "list_needs_secret": capabilities.list_needs_secret,
        "interruptible": capabilities.interruptible, "can_export_keys": capabilities.can_export_keys, "hardware_keys": capabilities.hardware_keys,
    })
}
