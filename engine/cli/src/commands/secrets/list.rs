//! `kirikae secrets list`

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_backends::vault::age::Covered;
use kirikae_engine::backend::{EntryInfo, Vault};
use kirikae_engine::dsl::CertInfo;
use kirikae_engine::run::Standing;
use kirikae_engine::secret::SecretRef;
use kirikae_engine::text::{Lang, Text};
use serde_json::{Value as Json, json};

use super::Desk;
use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render;
use crate::render::pad;

/// Lists entries: what they are about, how long they are kept, and which of them a recovery key could not open.
pub(super) fn run(globals: &Globals, desk: &Desk) -> Result<u8, Failure> {
    let lang = globals.lang();
    let entries = desk.vault.list()?;
    let retention = desk.retention(&desk.journal()?, &entries)?;
    let covered: BTreeMap<SecretRef, Covered> = desk.vault.coverage()?.into_iter().map(|covered| (covered.reference.clone(), covered)).collect();
    let zone = &desk.open.site.timezone;
    if globals.format == Format::Json {
        let rows = entries.iter().map(|entry| machine(entry, &retention.of(entry), covered.get(&entry.reference), zone));
        render::out(&Json::from(rows.collect::<Vec<_>>()).to_string());
        return Ok(exit::DONE);
    }
    if entries.is_empty() {
        render::out(if lang == Lang::Ja { "保管庫は空です。" } else { "the vault is empty." });
    }
    for entry in &entries {
        render::out(&line(entry, zone));
        render::out(&format!("    {}", words(&retention.of(entry), zone).get(lang)));
    }
    let uncovered = covered.values().filter(|covered| !covered.missing.is_empty()).count();
    if uncovered > 0 {
        render::out(&match lang {
            Lang::Ja => format!("\n注意: 復旧用の鍵で開けないものが{uncovered}件あります。開けるようにするには: kirikae secrets cover"),
            Lang::En => format!("\nnote: {uncovered} of them cannot be opened with every recovery key. To mend that: kirikae secrets cover"),
        });
    }
    let former = covered.values().filter(|covered| !covered.former.is_empty()).count();
    if former > 0 {
        render::out(&match lang {
            Lang::Ja => format!("\n注意: サイトファイルから外した鍵でも開けるものが{former}件あります。開けないようにするには: kirikae secrets cover"),
            Lang::En => format!("\nnote: {former} of them can still be opened with a key that the site no longer names. To end that: kirikae secrets cover"),
        });
    }
    if desk.open.site.recipients.is_empty() && !entries.is_empty() {
        render::out(match lang {
            Lang::Ja => "\n注意: サイトファイルに復旧用の鍵(vault.recipients)がありません。この端末が失われると、どれも開けなくなります。",
            Lang::En => "\nnote: the site names no recovery key (vault.recipients). If this terminal is lost, none of them can be opened.",
        });
    }
    Ok(exit::DONE)
}

/// An entry in one line.
pub(super) fn line(entry: &EntryInfo, zone: &TimeZone) -> String {
    let at = entry.written_at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    format!("{at}  {}  {}  {}", pad(&entry.name, 20), pad(&entry.about, 42), entry.reference.id())
}

fn machine(entry: &EntryInfo, standing: &Standing, covered: Option<&Covered>, zone: &TimeZone) -> Json {
    let mut json = serde_json::to_value(entry).unwrap_or_default();
    let why = words(standing, zone);
    if let Some(object) = json.as_object_mut() {
        object.insert("kept".to_owned(), json!({"standing": word(standing), "needed": standing.is_needed(), "over": standing.is_over(), "why": why}));
        object.insert("recovery".to_owned(), json!({"missing": covered.map(|covered| &covered.missing), "former": covered.map(|covered| &covered.former)}));
    }
    json
}

/// For machines.
fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::InRun(_) => "in_run",
        Standing::Named => "named",
        Standing::Store => "store",
        Standing::Live(_) => "live",
        Standing::NotReplaced(_) => "not_replaced",
        Standing::Plan(_) => "plan",
        Standing::Unknown => "unknown",
        Standing::Replaced(..) => "replaced",
        Standing::RunOver(_) => "run_over",
        Standing::PlanOver(_) => "plan_over",
    }
}

/// Why an entry is kept, or why it need not be, for people.
pub(super) fn words(standing: &Standing, zone: &TimeZone) -> Text {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let short = |cert: &CertInfo| cert.sha1.get(..8).unwrap_or(&cert.sha1).to_owned();
    match standing {
        Standing::InRun(run) => Text::new(format!("必要: 実行 {run} が終わっていません"), format!("needed: run {run} is not finished")),
        Standing::Named => Text::new("必要: サイトファイルの secrets などが使います", "needed: the site file takes a secret from it"),
        Standing::Store => Text::new("必要: 証明書の保管先を開くパスワードです", "needed: the password of a store of certificates"),
        Standing::Live(cert) => Text::new(
            format!("必要: {} まで有効な証明書(拇印 {}…)のもの", day(cert.not_after), short(cert)),
            format!("needed: of a certificate that is valid to {} (thumbprint {}…)", day(cert.not_after), short(cert)),
        ),
        Standing::NotReplaced(cert) => Text::new(
            format!("残す: 証明書(拇印 {}…)は {} に期限が切れましたが、次の証明書がありません", short(cert), day(cert.not_after)),
            format!("kept: its certificate (thumbprint {}…) expired on {}, but none has come after it", short(cert), day(cert.not_after)),
        ),
        Standing::Plan(plan) => Text::new(format!("残す: 計画 {plan} がまだ使えます"), format!("kept: plan {plan} can still be applied")),
        Standing::Unknown => Text::new("残す: どの証明書のものか分かりません", "kept: nothing tells which certificate it belongs to"),
        Standing::Replaced(old, new) => Text::new(
            format!("もう不要: 証明書(拇印 {}…)は {} に期限が切れ、次の証明書(拇印 {}…)があります", short(old), day(old.not_after), short(new)),
            format!("needless: its certificate (thumbprint {}…) expired on {} and was replaced (thumbprint {}…)", short(old), day(old.not_after), short(new)),
        ),
        Standing::RunOver(run) => Text::new(format!("もう不要: 実行 {run} は終わりました"), format!("needless: run {run} has ended")),
        Standing::PlanOver(plan) => Text::new(format!("もう不要: 計画 {plan} は期限が切れました"), format!("needless: plan {plan} has expired")),
    }
}
