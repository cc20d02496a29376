//! Backups for people and machines, and what bringing one back would do.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_engine::backend::BackendError;
use kirikae_engine::dsl::CertInfo;
use kirikae_engine::run::{Backup, Holds, Present};
use kirikae_engine::text::Lang;
use serde_json::{Value as Json, json};

use super::certs;

/// A folder's name and the backups in it, or why it cannot be read.
pub type Listed = (String, Result<Vec<Backup>, BackendError>);

/// The backups of every folder. `holders` gives the stores that have a certificate with its key.
pub fn list(folders: &[Listed], holders: &dyn Fn(&str) -> Vec<String>, now: Timestamp, zone: &TimeZone, lang: Lang) -> String {
    let word = |ja: &str, en: &str| if lang == Lang::Ja { ja.to_owned() } else { en.to_owned() };
    let mut lines = vec![];
    if folders.is_empty() {
        lines.push(word("サイトファイルに控えのフォルダ(folder:)がありません。", "the site names no folder for backups (`folder:`)."));
    }
    for (name, found) in folders {
        lines.push(name.clone());
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                lines.extend([format!("  {} {}", error.code, error.cause.get(lang)), format!("  {}", error.cure.get(lang))]);
                continue;
            }
        };
        if found.is_empty() {
            lines.push(format!("  {}", word("控えはありません。", "no backups.")));
        }
        for backup in found {
            let how = if backup.wrapped { word("暗号化", "encrypted") } else { word("そのままの証明書ファイル", "a bare PKCS#12") };
            lines.push(format!("  {}  ({how})", backup.name));
            match &backup.holds {
                Holds::Credential(opened) => {
                    lines.extend(certs::lines(&opened.cert, now, zone, lang).into_iter().map(|line| format!("    {line}")));
                    let with = match &opened.password_from {
                        Some(entry) => word(&format!("開きます(保管庫の {})", entry.id()), &format!("opens (with {} of the vault)", entry.id())),
                        None => word("開きます(渡されたパスワード)", "opens (with the password given)"),
                    };
                    lines.push(format!("      {with}"));
                    let stores = holders(&opened.cert.sha256);
                    lines.push(match stores.is_empty() {
                        true => word(
                            &format!("      どの保管先にもありません。戻すには: kirikae restore {}", backup.name),
                            &format!("      in no store. To bring it back: kirikae restore {}", backup.name),
                        ),
                        false => word(&format!("      保管先 {} にあります", stores.join("、")), &format!("      in {}", stores.join(", "))),
                    });
                }
                Holds::Locked => lines.push(word(
                    "    開けません: 保管庫にパスワードがありません(--secret-file password=ファイル)",
                    "    locked: the vault has no password for it (--secret-file password=FILE)",
                )),
                Holds::Sealed(error) => lines.push(format!("    {}: {} {}", word("開けません", "closed"), error.code, error.cause.get(lang))),
            }
        }
    }
    lines.join("\n")
}

/// The same for machines.
pub fn list_json(folders: &[Listed], holders: &dyn Fn(&str) -> Vec<String>, now: Timestamp, zone: &TimeZone) -> Json {
    let of_folder = |(name, found): &Listed| match found {
        Ok(found) => json!({"folder": name, "backups": found.iter().map(|backup| one(backup, holders, now, zone)).collect::<Vec<_>>()}),
        Err(error) => json!({"folder": name, "error": {"code": error.code, "cause": error.cause, "cure": error.cure}}),
    };
    json!({"at": now.to_string(), "folders": folders.iter().map(of_folder).collect::<Vec<_>>()})
}

fn one(backup: &Backup, holders: &dyn Fn(&str) -> Vec<String>, now: Timestamp, zone: &TimeZone) -> Json {
    let mut json = json!({"name": backup.name, "place": backup.place, "wrapped": backup.wrapped, "modified": backup.modified.to_string()});
    let more = match &backup.holds {
        Holds::Credential(opened) => json!({
            "state": "opens", "password_from": opened.password_from, "cert": certs::as_json(&opened.cert, now, zone), "stores": holders(&opened.cert.sha256),
        }),
        Holds::Locked => json!({"state": "locked"}),
        Holds::Sealed(error) => json!({"state": "closed", "error": {"code": error.code, "cause": error.cause}}),
    };
    if let (Some(object), Json::Object(more)) = (json.as_object_mut(), more) {
        object.extend(more);
    }
    json
}

/// What bringing a backup back would do: shown before anybody agrees.
#[expect(clippy::too_many_arguments, reason = "one table row each")]
pub fn intent(place: &str, cert: &CertInfo, to: &str, store: &str, there: &Present, now: Timestamp, zone: &TimeZone, lang: Lang) -> String {
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let row = |title: &str, text: &str| format!("  {}  {text}", super::pad(title, 12));
    let mut lines = vec![word("控えから証明書を戻す", "Bring a certificate back from a backup").to_owned()];
    lines.push(row(word("控え", "backup"), place));
    for (index, line) in certs::lines(cert, now, zone, lang).iter().enumerate() {
        lines.push(row(if index == 0 { word("証明書", "certificate") } else { "" }, line));
    }
    if cert.not_after < now {
        lines.push(row(word("注意", "note"), word("この証明書は期限が切れています。", "this certificate has expired.")));
    }
    lines.push(row(word("戻し先", "into"), &format!("{to}  {store}")));
    let state = |cert: &CertInfo| format!("{}  {}", cert.sha1, certs::days(cert, now, zone, lang));
    match there {
        Present::Same(_) => lines.push(row(word("今ある物", "there now"), word("同じ証明書と鍵", "the same certificate with its key"))),
        Present::Newer(newer) => lines.push(row(word("今ある物", "there now"), &format!("{} {}", word("もっと新しい証明書", "a newer one:"), state(newer)))),
        Present::Others(others) if others.is_empty() => {
            lines.push(row(word("今ある物", "there now"), word("この名前の証明書はありません", "none of this name")));
        }
        Present::Others(others) => {
            lines.extend(others.iter().map(|other| row(word("今ある物", "there now"), &format!("{} {}", word("古い証明書", "an older one:"), state(other)))));
        }
    }
    if !matches!(there, Present::Same(_)) {
        lines.push(row(
            word("すること", "does"),
            word(
                "証明書と鍵を取り込み、その鍵で署名できることを確かめます。ほかの証明書と控えは変えません。",
                "imports certificate and key and signs with that key. Other certificates and the backup stay as they are.",
            ),
        ));
    }
    lines.join("\n")
}
