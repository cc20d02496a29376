//! `kirikae certs`: which certificate is where.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_engine::backend::{BackendError, Call, StoreWrite, TokenWrite};
use kirikae_engine::dsl::CertInfo;
use kirikae_engine::text::{Lang, Text};
use serde_json::{Value as Json, json};

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render::certs::{as_json, lines};
use crate::{render, site, state};

/// What was found in a store or on a token.
struct Found {
    certs: Vec<CertInfo>,
    locked: Vec<String>,
}

/// Lists the certificates of every store and token of the site. Reads only, no PIN. Exit 1 if one cannot be read.
pub fn run(globals: &Globals) -> Result<u8, Failure> {
    let open = site::load(globals)?;
    let vault = site::vault(&state::folder(globals)?, &open.site)?;
    let (stores, tokens) = (site::open_stores(&open, &vault), site::open_tokens(&open));
    if stores.is_empty() && tokens.is_empty() {
        return Err(Failure::usage(
            "CERTS.NO_STORE",
            Text::new("証明書の保管先がありません。", "there is no store of certificates."),
            Text::new(
                "サイトファイルを --site で指定し、backends に store: を書いてください(kirikae new site で書き始められます)。",
                "name a site file with --site that has a `store:` under `backends` (`kirikae new site` writes one to start from).",
            ),
        ));
    }
    let (now, zone, lang) = (Timestamp::now(), open.site.timezone.clone(), globals.lang());
    let (mut told, mut told_tokens) = (vec![], vec![]);
    let mut unreadable = false;
    for (name, store) in stores {
        let found = store.and_then(|store| look(&*store).map(|found| (store.id().to_owned(), found)));
        unreadable |= found.is_err();
        match globals.format {
            Format::Json => told.push(machine(&name, &found, now, &zone)),
            _ => render::out(&people(&name, &found, now, &zone, lang).join("\n")),
        }
    }
    for (name, token) in tokens {
        let found = match token.and_then(|token| on_tokens(&*token)) {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        unreadable |= found.iter().any(Result::is_err);
        match globals.format {
            Format::Json => told_tokens.extend(found.iter().map(|found| machine(&name, found, now, &zone))),
            _ if found.is_empty() => render::out(&format!("{name}\n  {}", if lang == Lang::Ja { "挿さっていません。" } else { "no token is inserted." })),
            _ => found.iter().for_each(|found| render::out(&people(&name, found, now, &zone, lang).join("\n"))),
        }
    }
    if globals.format == Format::Json {
        render::out(&json!({"at": now.to_string(), "stores": told, "tokens": told_tokens}).to_string());
    }
    Ok(if unreadable { exit::FAILED } else { exit::DONE })
}

fn look(store: &dyn StoreWrite) -> Result<Found, BackendError> {
    let call = Call::unattached();
    let mut certs: Vec<CertInfo> = store.list(&call)?.into_iter().map(|cert| cert.info).collect();
    certs.sort_by(|a, b| (&a.subject_dn, b.not_after).cmp(&(&b.subject_dn, a.not_after)));
    Ok(Found { certs, locked: store.locked(&call)? })
}

/// Every token that is inserted, as `LABEL (SERIAL)`, with the certificates that it shows without a PIN.
fn on_tokens(token: &dyn TokenWrite) -> Result<Vec<(String, Found)>, BackendError> {
    let call = Call::unattached();
    let one = |present: kirikae_engine::backend::PresentToken| {
        let certs = token.certificates(&call, &present.info.serial)?.into_iter().map(|cert| cert.info).collect();
        Ok((format!("{} ({})", present.info.label, present.info.serial), Found { certs, locked: vec![] }))
    };
    token.tokens(&call)?.into_iter().map(one).collect()
}

/// Certificates with a key whose replacement stands beside them.
pub fn leftovers(certs: &[CertInfo], now: Timestamp) -> Vec<&CertInfo> {
    certs.iter().filter(|old| old.has_key && certs.iter().any(|new| new.replaces(old, now))).collect()
}

fn people(name: &str, found: &Result<(String, Found), BackendError>, now: Timestamp, zone: &TimeZone, lang: Lang) -> Vec<String> {
    let word = |ja: &str, en: &str| if lang == Lang::Ja { ja.to_owned() } else { en.to_owned() };
    let (id, found) = match found {
        Ok(found) => found,
        Err(error) => return vec![name.to_owned(), format!("  {}: {}", error.code, error.cause.get(lang)), format!("  {}", error.cure.get(lang))],
    };
    let mut told = vec![format!("{name}  {id}")];
    if found.certs.is_empty() && found.locked.is_empty() {
        told.push(format!("  {}", word("証明書はありません。", "no certificates.")));
    }
    let old = leftovers(&found.certs, now);
    for cert in &found.certs {
        told.extend(lines(cert, now, zone, lang).into_iter().map(|line| format!("  {line}")));
        if old.iter().any(|other| other.sha256 == cert.sha256) {
            told.push(format!("    {}", word("新しい証明書があります。これは古い方です。", "a newer one is here; this is the old one.")));
        }
    }
    for file in &found.locked {
        told.push(format!(
            "  {file}  {}",
            word("パスワードがないと中が分かりません(kirikae inspect で見られます)。", "cannot be listed without its password (see `kirikae inspect`).")
        ));
    }
    told
}

fn machine(name: &str, found: &Result<(String, Found), BackendError>, now: Timestamp, zone: &TimeZone) -> Json {
    match found {
        Ok((id, found)) => {
            let certs: Vec<Json> = found.certs.iter().map(|cert| as_json(cert, now, zone)).collect();
            let old: Vec<&str> = leftovers(&found.certs, now).iter().map(|cert| cert.sha1.as_str()).collect();
            json!({"name": name, "id": id, "certs": certs, "locked": found.locked, "leftovers": old, "error": null})
        }
        Err(error) => {
            json!({"name": name, "id": null, "certs": [], "locked": [], "leftovers": [], "error": {"code": error.code, "cause": error.cause, "cure": error.cure}})
        }
    }
}
