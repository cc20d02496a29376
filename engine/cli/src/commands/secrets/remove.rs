//! `kirikae secrets remove ID` and `kirikae secrets purge`

use jiff::Timestamp;
use kirikae_engine::backend::{EntryInfo, Vault};
use kirikae_engine::journal::Journal;
use kirikae_engine::run::EventBody;
use kirikae_engine::text::{Lang, Text};

use super::Desk;
use super::list::{line, words};
use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::person::Terminal;
use crate::{render, state};

/// Arguments of `secrets remove`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Id, as listed
    id: String,
    /// Why; written down
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Although a run or a valid certificate needs it; --reason says why
    #[arg(long, requires = "reason")]
    force: bool,
}

/// Arguments of `secrets purge`.
#[derive(clap::Args, Debug)]
pub(super) struct PurgeArgs {
    /// Do not ask: erase what would be shown
    #[arg(long)]
    yes: bool,
}

/// Erases an entry that nothing needs, or that somebody has a reason to erase.
pub(super) fn run(globals: &Globals, desk: &Desk, args: &Args) -> Result<u8, Failure> {
    let mut journal = desk.journal()?;
    let entry = desk.entry(&args.id)?;
    let standing = desk.retention(&journal, std::slice::from_ref(&entry))?.of(&entry);
    let why = words(&standing, &desk.open.site.timezone);
    if standing.is_needed() && !args.force {
        return Err(Failure::Coded {
            code: "SECRET.NEEDED".to_owned(),
            cause: Text::new(format!("{} は消せません。{}。", args.id, why.ja), format!("{} is not erased. {}.", args.id, why.get(Lang::En))),
            cure: Text::new(
                "使う実行を終えるか、証明書が切れて次のものに替わってから消してください。それでも消すなら --force --reason 理由。",
                "erase it when the run has ended, or the certificate has expired and been replaced. To erase it all the same: --force --reason TEXT.",
            ),
            exit: exit::FAILED,
        });
    }
    let reason = args.reason.clone().unwrap_or_else(|| why.get(Lang::En).to_owned());
    erase(desk, &mut journal, &entry, reason, standing.is_needed())?;
    render::out(&match globals.lang() {
        Lang::Ja => format!("消しました: {}(消したことを記録しました)", entry.reference.id()),
        Lang::En => format!("erased: {} (that it was erased is written down)", entry.reference.id()),
    });
    Ok(exit::DONE)
}

/// Shows what nobody needs any more, and erases it after a yes.
pub(super) fn purge(globals: &Globals, desk: &Desk, args: &PurgeArgs) -> Result<u8, Failure> {
    let (lang, zone) = (globals.lang(), &desk.open.site.timezone);
    let mut journal = desk.journal()?;
    let entries = desk.vault.list()?;
    let retention = desk.retention(&journal, &entries)?;
    let over: Vec<_> = entries.into_iter().map(|entry| (retention.of(&entry), entry)).filter(|(standing, _)| standing.is_over()).collect();
    let say = |ja: &str, en: &str| {
        if globals.format == Format::Text {
            render::out(if lang == Lang::Ja { ja } else { en });
        }
    };
    for (standing, entry) in &over {
        say(&line(entry, zone), &line(entry, zone));
        let why = words(standing, zone);
        say(&format!("    {}", why.ja), &format!("    {}", why.get(Lang::En)));
    }
    let agreed = match over.len() {
        0 => {
            say("もう不要なものはありません。", "there is nothing that nobody needs.");
            false
        }
        _ if args.yes => true,
        n if globals.interactive() => Terminal { lang }.agrees(&Text::new(format!("この{n}件を消してよいですか"), format!("Erase these {n}"))),
        n => {
            say(&format!("\n{n}件です。消すには: kirikae secrets purge --yes"), &format!("\n{n} of them. To erase them: kirikae secrets purge --yes"));
            false
        }
    };
    if agreed {
        for (standing, entry) in &over {
            erase(desk, &mut journal, entry, words(standing, zone).get(Lang::En).to_owned(), false)?;
        }
        say(&format!("{}件を消しました。", over.len()), &format!("{} erased.", over.len()));
    }
    if globals.format == Format::Json {
        let rows: Vec<_> = over.iter().map(|(standing, entry)| serde_json::json!({"entry": entry, "why": words(standing, zone)})).collect();
        render::out(&serde_json::json!({"erased": agreed, "entries": rows}).to_string());
    }
    Ok(exit::DONE)
}

/// First on record, then erased: an entry that is still there after a crash can be erased again.
fn erase(desk: &Desk, journal: &mut Journal, entry: &EntryInfo, reason: String, forced: bool) -> Result<(), Failure> {
    let reference = entry.reference.as_str().to_owned();
    journal.append_state(Timestamp::now(), EventBody::SecretRemoved { reference, account: state::account(), reason, forced })?;
    Ok(desk.vault.remove(&entry.reference)?)
}
