//! The terminal itself: clock, state folder, vault.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_engine::backend::Vault;
use kirikae_engine::journal::check_place;
use kirikae_engine::text::Text;

use super::finding::{Area, Finding};
use crate::failure::Failure;
use crate::site::OpenSite;
use crate::state;

/// The time here, and whether the journal has seen a later one.
pub fn clock(folder: &Path, now: Timestamp, zone: &TimeZone) -> Finding {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
    let here = day(now);
    let newest = opened(folder).and_then(|journal| journal.ok()?.newest().ok()?).map(|run| run.started_at).filter(|started| *started > now);
    match newest {
        Some(later) => Finding::problem(
            Area::Clock,
            &here,
            Text::new(
                format!("時計が遅れています。{} に始めた実行の記録があります。", day(later)),
                format!("the clock is behind: a run was begun at {}.", day(later)),
            ),
            Text::new("端末の日付と時刻を合わせてください。", "set date and time of the terminal."),
        ),
        None => Finding::good(Area::Clock, &here, Text::new("端末の日付と時刻です。", "date and time of the terminal.")),
    }
}

/// The journal, if one was ever begun here.
pub fn opened(folder: &Path) -> Option<Result<kirikae_engine::journal::Journal, Failure>> {
    folder.join("journal.db").exists().then(|| state::open(folder))
}

/// Whether runs can be written down.
pub fn state(folder: &Path, open: &OpenSite) -> Vec<Finding> {
    let about = folder.display().to_string();
    let mut findings = vec![];
    if let Err(error) = check_place(folder) {
        findings.push(Finding::failure(Area::State, &about, &error.into()));
        return findings;
    }
    findings.push(match opened(folder) {
        None => {
            let said = Text::new("実行の記録はまだありません(最初の実行で作られます)。", "nothing was run yet; it is made by the first run.");
            Finding::good(Area::State, &about, said)
        }
        Some(Err(failure)) => Finding::failure(Area::State, &about, &failure),
        Some(Ok(journal)) => match journal.runs() {
            Err(error) => Finding::failure(Area::State, &about, &error.into()),
            Ok(runs) => {
                let waiting: Vec<&str> = runs.iter().filter(|run| run.phase != "ended").map(|run| run.run.as_str()).collect();
                let (count, left) = (runs.len(), waiting.len());
                let said =
                    Text::new(format!("実行の記録 {count}件、終わっていないもの {left}件。"), format!("{count} runs written down, {left} not finished."));
                if waiting.is_empty() {
                    Finding::good(Area::State, &about, said)
                } else {
                    let cure = Text::new(
                        format!("kirikae resume {} で続けるか、kirikae abandon でやめてください。", waiting[0]),
                        format!("go on with `kirikae resume {}`, or give it up with `kirikae abandon`.", waiting[0]),
                    );
                    Finding::note(Area::State, &about, said, cure)
                }
            }
        },
    });
    if state::is_per_user(folder) && !open.site.state_per_user {
        findings.push(Finding::note(
            Area::State,
            &about,
            Text::new(
                "この利用者だけの場所です。PIN やパスワードの回数を数える手順は行えません。",
                "it is of this OS account only; steps that count tries of PINs and passwords are refused.",
            ),
            Text::new(
                "全員で使う場所を --state で指定するか、サイトファイルに state_scope: per_user と書いてください。",
                "name a place for all accounts with --state, or write `state_scope: per_user` in the site file.",
            ),
        ));
    }
    findings
}

/// Whether the vault opens.
pub fn vault(vault: &dyn Vault) -> Finding {
    match vault.list() {
        Ok(entries) => {
            let count = entries.len();
            Finding::good(Area::Vault, "vault", Text::new(format!("保管している値 {count}件。"), format!("{count} values kept.")))
        }
        Err(error) => Finding::error(Area::Vault, "vault", &error),
    }
}
