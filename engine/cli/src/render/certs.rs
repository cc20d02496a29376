//! Certificates for people and machines: where they are, whose they are, how long they last.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_engine::dsl::{CertInfo, days_left};
use kirikae_engine::text::Lang;
use serde_json::{Value as Json, json};

/// The words that depend on the day: `残り12日`, `期限切れ(3日前)`.
pub fn days(cert: &CertInfo, now: Timestamp, zone: &TimeZone, lang: Lang) -> String {
    let days = days_left(cert.not_after, now, zone);
    match (lang, days) {
        (Lang::Ja, ..0) => format!("期限切れ({}日前)", -days),
        (Lang::Ja, 0) => "今日まで".to_owned(),
        (Lang::Ja, _) => format!("残り{days}日"),
        (Lang::En, ..0) => format!("expired {} d ago", -days),
        (Lang::En, 0) => "ends today".to_owned(),
        (Lang::En, _) => format!("{days} d left"),
    }
}

/// A certificate in a few lines, the first with what tells it from others.
pub fn lines(cert: &CertInfo, now: Timestamp, zone: &TimeZone, lang: Lang) -> Vec<String> {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let zone_name = cert.not_after.to_zoned(zone.clone()).strftime("%Z").to_string();
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let key = match (cert.has_key, cert.key_exportable, cert.key_protected) {
        (false, ..) => word("鍵なし", "no key"),
        (true, _, true) => word("鍵あり(使うたびに確認)", "key, asks at every use"),
        (true, true, false) => word("鍵あり(書き出せる)", "key, exportable"),
        (true, false, false) => word("鍵あり(書き出せない)", "key, not exportable"),
    };
    let mut lines = vec![
        format!("{}  {}  {key}", cert.subject_dn, days(cert, now, zone, lang)),
        format!("  {} {}", word("発行者", "issuer"), cert.issuer_dn),
        format!("  {} {} - {} {zone_name}", word("有効期間", "valid"), day(cert.not_before), day(cert.not_after)),
        format!("  {} {}   {} {}", word("シリアル番号", "serial"), cert.serial, word("拇印(SHA-1)", "thumbprint (SHA-1)"), cert.sha1),
    ];
    if let Some(name) = &cert.friendly_name {
        lines.push(format!("  {} {name}", word("フレンドリ名", "friendly name")));
    }
    lines
}

/// The same for machines: times in UTC, thumbprints in lower-case hex.
pub fn as_json(cert: &CertInfo, now: Timestamp, zone: &TimeZone) -> Json {
    json!({
        "subject": cert.subject_dn, "cn": cert.subject.cn, "issuer": cert.issuer_dn, "serial": cert.serial,
        "not_before": cert.not_before.to_string(), "not_after": cert.not_after.to_string(), "days_left": days_left(cert.not_after, now, zone),
        "sha1": cert.sha1, "sha256": cert.sha256, "has_key": cert.has_key, "key_exportable": cert.key_exportable,
        "key_protected": cert.key_protected, "friendly_name": cert.friendly_name, "hc_role": cert.hc_role,
    })
}
