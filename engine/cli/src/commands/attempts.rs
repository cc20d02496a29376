//! `kirikae attempts [DEVICE]`, `kirikae attempts clear DEVICE --by NAME --reason TEXT`

use jiff::Timestamp;
use kirikae_engine::journal::{AttemptRow, Journal};
use kirikae_engine::run::{Event, EventBody, TryEnd};
use kirikae_engine::text::{Lang, Text};
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render::pad;
use crate::{render, site, state};

/// Arguments of `attempts`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Device or account, as listed; the serial or the user alone will do
    device: Option<String>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Start the count of a device or account anew, after somebody found the right value
    Clear {
        /// Device or account, as listed; the serial or the user alone will do
        device: String,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why it is right to try again
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Shows counts of failed tries, or clears one.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    match (&args.what, &args.device) {
        (Some(What::Clear { device, by, reason }), _) => clear(globals, &mut journal, device, by, reason),
        (None, Some(device)) => one(globals, &journal, device),
        (None, None) => all(globals, &journal),
    }
}

fn clear(globals: &Globals, journal: &mut Journal, named: &str, by: &str, reason: &str) -> Result<u8, Failure> {
    if by.trim().is_empty() || reason.trim().is_empty() {
        return Err(Failure::usage(
            "ATTEMPTS.REASON",
            Text::new("--by と --reason は空にできません。", "--by and --reason cannot be empty."),
            Text::new("確かめた人の名前と、試してよい理由を書いてください。", "say who found out, and why it is right to try again."),
        ));
    }
    let row = find(journal, named)?;
    journal.clear_attempts(Timestamp::now(), &row.device, by, &state::account(), reason)?;
    let Format::Text = globals.format else {
        render::out(&json!({"device": row.device, "cleared": row.used}).to_string());
        return Ok(exit::DONE);
    };
    render::out(&match globals.lang() {
        Lang::Ja => format!("{} の失敗 {}回を消し、数え直します。記録しました。", row.device, row.used),
        Lang::En => format!("{}: {} failures cleared; the count starts anew. That is written down.", row.device, row.used),
    });
    Ok(exit::DONE)
}

fn all(globals: &Globals, journal: &Journal) -> Result<u8, Failure> {
    let (rows, lang) = (journal.attempts()?, globals.lang());
    if globals.format == Format::Json {
        render::out(&json!(rows.iter().map(as_json).collect::<Vec<_>>()).to_string());
        return Ok(exit::DONE);
    }
    if rows.is_empty() {
        render::out(if lang == Lang::Ja { "回数の記録はまだありません。" } else { "nothing was counted yet." });
    }
    let zone = site::load(globals)?.site.timezone;
    for row in rows {
        let at = row.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        render::out(&format!("{}  {at}  {}", pad(&failures(row.used, lang), 16), row.device));
    }
    Ok(exit::DONE)
}

fn one(globals: &Globals, journal: &Journal, named: &str) -> Result<u8, Failure> {
    let (row, lang) = (find(journal, named)?, globals.lang());
    let events = journal.attempt_events(&row.device)?;
    if globals.format == Format::Json {
        let history: Vec<_> = events
            .iter()
            .map(|(run, event)| json!({"run": run, "at": event.at.to_string(), "kind": event.body.kind(), "step": event.body.step(), "body": event.body}))
            .collect();
        let mut whole = as_json(&row);
        whole["history"] = json!(history);
        render::out(&whole.to_string());
        return Ok(exit::DONE);
    }
    let zone = site::load(globals)?.site.timezone;
    render::out(&format!("{}  {}", row.device, failures(row.used, lang)));
    for source in row.failed.keys() {
        render::out(&match lang {
            Lang::Ja => format!("  値が変わるまで使わない: {source}"),
            Lang::En => format!("  not used until its value changes: {source}"),
        });
    }
    for (run, event) in &events {
        let at = event.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        render::out(&format!("  {at}  {}  {}", pad(run, 16), words(event, lang)));
    }
    Ok(exit::DONE)
}

fn as_json(row: &AttemptRow) -> serde_json::Value {
    let sources: Vec<&String> = row.failed.keys().collect();
    json!({"device": row.device, "used": row.used, "at": row.at.to_string(), "failed_sources": sources})
}

fn failures(used: u32, lang: Lang) -> String {
    match (used, lang) {
        (0, Lang::Ja) => "失敗なし".to_owned(),
        (0, Lang::En) => "no failures".to_owned(),
        (used, Lang::Ja) => format!("続けて{used}回失敗"),
        (used, Lang::En) => format!("{used} in a row"),
    }
}

fn words(event: &Event, lang: Lang) -> String {
    let pick = |ja: String, en: String| if lang == Lang::Ja { ja } else { en };
    match &event.body {
        EventBody::AttemptCounted { step, used, .. } => {
            pick(format!("手順 {step} 試す前に数えた({used}回目)"), format!("`{step}` counted before the try ({used})"))
        }
        EventBody::AttemptEnded { step, end, used, .. } => match end {
            TryEnd::Proved => pick(format!("手順 {step} 正しかった(数え直し)"), format!("`{step}` it was right, the count starts anew")),
            TryEnd::Failed => pick(format!("手順 {step} 失敗({used}回)"), format!("`{step}` failed ({used})")),
            TryEnd::NotJudged => {
                pick(format!("手順 {step} 相手が判断する前に終わった({used}回のまま)"), format!("`{step}` ended before it was judged (still {used})"))
            }
        },
        EventBody::AttemptsCleared { by, account, reason, .. } => {
            pick(format!("{by}({account})が消した: {reason}"), format!("cleared by {by} ({account}): {reason}"))
        }
        _ => String::new(),
    }
}

/// The row of a device: its whole name, its serial or user alone, if only one fits.
fn find(journal: &Journal, named: &str) -> Result<AttemptRow, Failure> {
    let rows = journal.attempts()?;
    let alone = |row: &AttemptRow| {
        let name = row.device.split_once(':').map_or(row.device.as_str(), |(_, name)| name);
        name == named || name.split_once('@').is_some_and(|(user, _)| user == named)
    };
    let mut fitting: Vec<&AttemptRow> = rows.iter().filter(|row| row.device == named).collect();
    if fitting.is_empty() {
        fitting = rows.iter().filter(|row| alone(row)).collect();
    }
    match fitting.as_slice() {
        [one] => Ok((*one).clone()),
        several => {
            let known: Vec<&str> = rows.iter().map(|row| row.device.as_str()).collect();
            Err(Failure::usage(
                "ATTEMPTS.UNKNOWN",
                Text::new(format!("{named} の回数の記録は{}。", if several.is_empty() { "ありません" } else { "2つ以上あります" }), {
                    let how_many = if several.is_empty() { "no count" } else { "more than one count" };
                    format!("there is {how_many} of {named}.")
                }),
                match known.is_empty() {
                    true => Text::new(
                        "この状態フォルダには、まだ1つも記録がありません(--state を確かめてください)。",
                        "nothing was counted in this state folder yet (check --state).",
                    ),
                    false => Text::new(format!("記録のあるもの: {}", known.join("、")), format!("counted so far: {}", known.join(", "))),
                },
            ))
        }
    }
}
