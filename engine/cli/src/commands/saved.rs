//! Plans in files: what `apply` and `show` read, and what is still to be said of one.

use std::path::Path;

use jiff::Timestamp;
use kirikae_engine::journal::Journal;
use kirikae_engine::plan::{Plan, read_saved};
use kirikae_engine::text::{Lang, Text};

use crate::failure::Failure;

/// A plan file: anything but YAML. `None`: it is no file, or a playbook.
pub fn saved_plan(path: &Path) -> Result<Option<Plan>, Failure> {
    if !path.is_file() || path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(
            "PLAN.UNREADABLE",
            Text::new(format!("{} は計画として読めません: {error}", path.display()), format!("{} is not a plan: {error}", path.display())),
            Text::new("kirikae plan --out で作ったファイルを指定してください。", "name a file made by `kirikae plan --out`."),
        )
    })?;
    Ok(Some(read_saved(&text)?))
}

/// Whether it can be applied still, in one line.
pub fn standing(plan: &Plan, path: &Path, journal: Option<&Journal>, lang: Lang) -> Result<String, Failure> {
    let used = journal.map(|journal| journal.plan_used(&plan.plan_id)).transpose()?.flatten();
    let (ja, en) = if let Some(run) = used {
        (
            format!("実行 {run} で使いました。もう実行できません(kirikae show {run})。"),
            format!("used by run {run}; it cannot be applied again (kirikae show {run})."),
        )
    } else if plan.is_blocked() {
        ("このままでは実行できません。直してから計画を作り直してください。".to_owned(), "it cannot be applied; mend the cause, then plan again.".to_owned())
    } else if plan.expires_at < Timestamp::now() {
        ("期限が切れています。計画を作り直してください。".to_owned(), "it has expired; plan again.".to_owned())
    } else {
        let flags: String = plan.approvals_required.iter().map(|step| format!(" --approve {step}")).collect();
        let command = format!("kirikae apply {}{flags}", path.display());
        (format!("まだ実行できます: {command}"), format!("it can be applied: {command}"))
    };
    Ok(match lang {
        Lang::Ja => format!("この計画  {ja}"),
        Lang::En => format!("This plan  {en}"),
    })
}
