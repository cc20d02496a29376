//! `kirikae runs`

use kirikae_engine::text::Lang;
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render::pad;
use crate::{render, site, state};

/// Lists runs, newest first.
pub fn run(globals: &Globals) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let rows = state::open(&folder)?.runs()?;
    let lang = globals.lang();
    if globals.format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| json!({"run": row.run, "playbook": row.playbook, "target": row.target, "plan": row.plan, "started_at": row.started_at.to_string(), "phase": row.phase, "detail": row.detail}))
            .collect();
        render::out(&json!(rows).to_string());
        return Ok(exit::DONE);
    }
    if rows.is_empty() {
        render::out(if lang == Lang::Ja { "実行の記録はまだありません。" } else { "no runs yet." });
    }
    let zone = site::load(globals)?.site.timezone;
    for row in rows {
        let at = row.started_at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        render::out(&format!(
            "{}  {at}  {}  {}  {}",
            row.run,
            pad(&row.playbook, 20),
            pad(&row.target, 24),
            render::run::phase_words(&row.phase, &row.detail, lang)
        ));
    }
    Ok(exit::DONE)
}
