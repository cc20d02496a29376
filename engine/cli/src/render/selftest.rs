//! How a self-test went: for people a line for each step as it ends, for machines one object at the end.

use kirikae_engine::text::{Lang, Phrase};
use serde_json::{Value as Json, json};

use crate::commands::selftest::{Outcome, Record, Step, Told};
use crate::globals::{Format, Globals};
use crate::render;

/// Tells people about one trial.
pub fn progress(told: &Told, globals: &Globals) {
    if globals.format == Format::Json {
        return;
    }
    let lang = globals.lang();
    render::out(&format!("{}  {}", told.place, told.about));
    for record in &told.records {
        render::out(&line(record, lang));
        if let Outcome::Failed(error) = &record.outcome {
            render::out(&format!("      {}  {}", error.code, error.cause.get(lang)));
            render::out(&format!("      {}", error.cure.get(lang)));
        }
    }
}

/// The end: one sentence for people, everything for machines.
pub fn verdict(told: &[Told], globals: &Globals) {
    let passed = told.iter().all(Told::passed);
    if globals.format == Format::Json {
        let trials: Vec<Json> = told.iter().map(machine).collect();
        render::out(&json!({ "version": env!("CARGO_PKG_VERSION"), "os": std::env::consts::OS, "passed": passed, "trials": trials }).to_string());
        return;
    }
    render::out(match (passed, globals.lang()) {
        (true, Lang::Ja) => "すべて問題ありません。試しに使った証明書は残っていません。",
        (true, Lang::En) => "All is well. Nothing of the test is left behind.",
        (false, Lang::Ja) => "うまくいかなかったところがあります(× の行)。",
        (false, Lang::En) => "Something went wrong (lines with ×).",
    });
}

fn line(record: &Record, lang: Lang) -> String {
    let (mark, note) = match &record.outcome {
        Outcome::Passed(note) => ("○", note.get(lang)),
        Outcome::Skipped(why) => ("－", why.get(lang)),
        Outcome::Failed(_) => ("×", ""),
    };
    let title = title(record.step);
    let title = if lang == Lang::Ja { title.ja } else { title.en };
    format!("  {mark} {title}{}", if note.is_empty() { String::new() } else { format!("  ({note})") })
}

fn machine(told: &Told) -> Json {
    let steps: Vec<Json> = told
        .records
        .iter()
        .map(|record| {
            let (outcome, error) = match &record.outcome {
                Outcome::Passed(_) => ("passed", Json::Null),
                Outcome::Skipped(_) => ("skipped", Json::Null),
                Outcome::Failed(error) => ("failed", json!({ "code": error.code, "cause": error.cause, "cure": error.cure, "data": error.data })),
            };
            json!({ "step": word(record.step), "outcome": outcome, "error": error })
        })
        .collect();
    json!({ "place": told.place, "about": told.about, "passed": told.passed(), "steps": steps })
}

fn word(step: Step) -> &'static str {
    match step {
        Step::Make => "make",
        Step::List => "list",
        Step::Import => "import",
        Step::Find => "find",
        Step::Sign => "sign",
        Step::Export => "export",
        Step::Delete => "delete",
        Step::Restore => "restore",
        Step::Keep => "keep",
        Step::Tidy => "tidy",
        Step::Vault => "vault",
    }
}

fn title(step: Step) -> Phrase {
    let (ja, en) = match step {
        Step::Make => ("試し用の証明書を作る", "make a throw-away certificate"),
        Step::List => ("一覧を見る", "list the store"),
        Step::Import => ("取り込む(書き出せる鍵として)", "import it, exportable"),
        Step::Find => ("一覧に正しく出る", "find it in the list"),
        Step::Sign => ("鍵で署名し、証明書で確かめる", "sign with its key, verify with the certificate"),
        Step::Export => ("鍵といっしょに書き出す", "export it with its key"),
        Step::Delete => ("鍵ごと削除する", "delete it with its key"),
        Step::Restore => ("書き出したものから戻す", "restore it from the export"),
        Step::Keep => ("書き出せないように取り込んだ鍵は、書き出されない", "a key imported as not exportable stays"),
        Step::Tidy => ("元どおりに片付ける", "leave the store as it was"),
        Step::Vault => ("秘密の保管庫に入れて、取り出す", "put a value into the vault and take it out"),
    };
    Phrase { ja, en }
}
