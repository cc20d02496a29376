//! `kirikae restore [BACKUP]`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kirikae_backends::store::p12::Pkcs12Files;
use kirikae_engine::backend::{BackendError, StoreWrite, Vault};
use kirikae_engine::journal::RunLock;
use kirikae_engine::run::{Backup, Holds, Keys, Opened, Present, backups, bring_back, open_backup, present};
use kirikae_engine::text::Text;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::person::Terminal;
use crate::render::restore as shown;
use crate::secrets::SecretFiles;
use crate::site::{OpenSite, load, open_folders, open_stores, vault};
use crate::{render, state};

/// Arguments of `restore`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A backup as listed: its file name or the thumbprint of its certificate (8 digits are enough), or the path of a file
    /// elsewhere. Without it the backups in the site's folders are listed
    backup: Option<String>,
    /// The store to bring it back into, as `kirikae certs` names it [default: the only one]
    #[arg(long, value_name = "STORE", requires = "backup")]
    to: Option<String>,
    /// The password of the backup, where the vault does not have it: password=PATH, or password=- for standard input
    #[arg(long = "secret-file", value_name = "password=PATH", value_parser = crate::job::pair)]
    secret_file: Vec<(String, String)>,
    /// Although the store has a certificate of the same name that lasts longer
    #[arg(long, requires = "backup")]
    beside_newer: bool,
    /// Do not ask
    #[arg(long, requires = "backup")]
    yes: bool,
}

/// Lists backups, or brings one back.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let open = load(globals)?;
    let folder = state::folder(globals)?;
    let vault = vault(&folder, &open.site)?;
    let given = SecretFiles::of(&args.secret_file, &["password"])?.value("password")?;
    let keys = Keys { p12: &Pkcs12Files, vault: &*vault, given: given.as_ref() };
    match &args.backup {
        None => list(globals, &open, &vault, &keys),
        Some(named) => restore(globals, args, &open, &folder, &vault, &keys, named),
    }
}

fn list(globals: &Globals, open: &OpenSite, vault: &Arc<dyn Vault>, keys: &Keys<'_>) -> Result<u8, Failure> {
    let stores: Vec<_> = open_stores(open, vault).into_iter().filter_map(|(name, store)| Some((name, store.ok()?))).collect();
    let holders = |sha256: &str| -> Vec<String> {
        let holds = |store: &Arc<dyn StoreWrite>| {
            let certs = store.list(&kirikae_engine::backend::Call::unattached()).unwrap_or_default();
            certs.iter().any(|cert| cert.info.has_key && cert.info.sha256 == sha256)
        };
        stores.iter().filter(|(_, store)| holds(store)).map(|(name, _)| name.clone()).collect()
    };
    let mut unreadable = false;
    let mut folders = vec![];
    for (name, folder) in open_folders(open) {
        let found = folder.and_then(|folder| backups(&*folder, keys));
        unreadable |= found.is_err();
        folders.push((name, found));
    }
    let (now, zone) = (Timestamp::now(), &open.site.timezone);
    match globals.format {
        Format::Json => render::out(&shown::list_json(&folders, &holders, now, zone).to_string()),
        _ => render::out(&shown::list(&folders, &holders, now, zone, globals.lang())),
    }
    Ok(if unreadable { exit::FAILED } else { exit::DONE })
}

fn restore(globals: &Globals, args: &Args, open: &OpenSite, folder: &Path, vault: &Arc<dyn Vault>, keys: &Keys<'_>, named: &str) -> Result<u8, Failure> {
    let lang = globals.lang();
    let (place, opened) = find(open, keys, named)?;
    let (to, store) = target(open, vault, args.to.as_deref())?;
    let there = present(&*store, &opened.cert)?;
    let (now, zone) = (Timestamp::now(), &open.site.timezone);
    if globals.format == Format::Text {
        render::out(&shown::intent(&place, &opened.cert, &to, store.id(), &there, now, zone, lang));
    }
    match &there {
        Present::Same(cert) => {
            say(globals, cert, store.id(), false, &Text::new("もう入っているので、何も変えていません。", "it is there already; nothing was changed."));
            return Ok(exit::DONE);
        }
        Present::Newer(newer) if !args.beside_newer => {
            return Err(Failure::Coded {
                code: "RESTORE.NEWER".to_owned(),
                cause: Text::new(
                    format!("{to} には、同じ名前でもっと新しい証明書(拇印 {}、期限 {})があります。", newer.sha1, newer.not_after.to_zoned(zone.clone()).date()),
                    format!("{to} has a newer certificate of the same name ({}, to {}).", newer.sha1, newer.not_after.to_zoned(zone.clone()).date()),
                ),
                cure: Text::new("古いものも並べて戻すときは --beside-newer を付けてください。", "to bring the older one back beside it, give --beside-newer."),
                exit: exit::FAILED,
            });
        }
        Present::Newer(_) | Present::Others(_) => {}
    }
    let agreed = args.yes || (globals.interactive() && Terminal { lang }.agrees(&Text::new("戻してよいですか", "Bring it back")));
    if !agreed {
        return Err(Failure::Coded {
            code: "APPROVAL.MISSING".to_owned(),
            cause: Text::new("承認がないので、何も変えていません。", "nobody agreed; nothing was changed."),
            cure: Text::new("上の内容でよければ --yes を付けてください。", "if what is shown is right, give --yes."),
            exit: exit::APPROVAL,
        });
    }
    let mut journal = state::open(folder)?;
    let _alone = RunLock::take(folder, "restore")?;
    store.probe_writable(&kirikae_engine::backend::Call::unattached())?;
    let cert = bring_back(&mut journal, &*store, &opened, &place, Timestamp::now())?;
    let done = Text::new(
        "戻しました。保管先の鍵で署名できることを確かめました。サイトで使えるかは、確認の手順書(例: obn/verify)で確かめてください。",
        "it is back, and its key in the store signs. Whether a site accepts it is shown by a playbook such as obn/verify.",
    );
    say(globals, &cert, store.id(), true, &done);
    Ok(exit::DONE)
}

fn say(globals: &Globals, cert: &kirikae_engine::dsl::CertInfo, store: &str, changed: bool, words: &Text) {
    match globals.format {
        Format::Json => render::out(&serde_json::json!({"changed": changed, "store": store, "cert": cert}).to_string()),
        _ => render::out(words.get(globals.lang())),
    }
}

/// The backup that is meant: a file of a folder by name or thumbprint, else a file elsewhere.
fn find(open: &OpenSite, keys: &Keys<'_>, named: &str) -> Result<(String, Opened), Failure> {
    let mut matching: Vec<Backup> = vec![];
    let mut trouble: Option<BackendError> = None;
    for (_, folder) in open_folders(open) {
        match folder.and_then(|folder| backups(&*folder, keys)) {
            Ok(found) => matching.extend(found.into_iter().filter(|backup| is_meant(backup, named))),
            Err(error) => trouble = Some(error),
        }
    }
    let path = PathBuf::from(named);
    if matching.is_empty() && path.is_file() {
        return elsewhere(&path, keys);
    }
    // The same certificate saved in two places is one.
    let thumbprint = |backup: &Backup| match &backup.holds {
        Holds::Credential(opened) => opened.cert.sha256.clone(),
        _ => backup.place.clone(),
    };
    matching.sort_by_key(|backup| !matches!(backup.holds, Holds::Credential(_)));
    matching.dedup_by_key(|backup| thumbprint(backup));
    let several = matching.len() > 1;
    match matching.pop() {
        Some(backup) if !several => opened(backup.place, backup.holds),
        _ => {
            if let Some(error) = trouble.filter(|_| !several) {
                return Err(error.into());
            }
            let (ja, en) = if several { ("複数あります", "there are several") } else { ("ありません", "there is none") };
            Err(Failure::usage(
                "RESTORE.NOT_FOUND",
                Text::new(format!("{named} の控え: {ja}。"), format!("backup {named}: {en}.")),
                Text::new("kirikae restore で一覧を見てください。", "see `kirikae restore` for the list."),
            ))
        }
    }
}

fn is_meant(backup: &Backup, named: &str) -> bool {
    let by_thumbprint = match &backup.holds {
        Holds::Credential(opened) => named.len() >= 8 && opened.cert.sha1.starts_with(&named.to_ascii_lowercase()),
        _ => false,
    };
    by_thumbprint || backup.name == named || backup.name.strip_suffix(".age") == Some(named)
}

fn elsewhere(path: &Path, keys: &Keys<'_>) -> Result<(String, Opened), Failure> {
    let place = path.display().to_string();
    let raw = std::fs::read(path).map_err(|error| {
        Failure::usage(
            "FILE.NOT_READABLE",
            Text::new(format!("{place} を読めません: {error}"), format!("cannot read {place}: {error}")),
            Text::new("名前と読む権限を確かめてください。", "check the name, and that it may be read."),
        )
    })?;
    let entries = keys.vault.list()?;
    let unreadable = || BackendError::new("P12.UNREADABLE", Text::new(format!("{place} は PKCS#12 ではありません。"), format!("{place} is no PKCS#12 file.")));
    let holds = open_backup(raw, &place, keys, &entries).ok_or_else(unreadable)?;
    opened(place, holds)
}

fn opened(place: String, holds: Holds) -> Result<(String, Opened), Failure> {
    match holds {
        Holds::Credential(opened) => Ok((place, *opened)),
        Holds::Sealed(error) => Err(error.into()),
        Holds::Locked => Err(Failure::Coded {
            code: "RESTORE.LOCKED".to_owned(),
            cause: Text::new(format!("{place} は、保管庫にあるどの値でも開きません。"), format!("no value in the vault opens {place}.")),
            cure: Text::new("--secret-file password=ファイル でパスワードを渡してください。", "give its password with --secret-file password=FILE."),
            exit: exit::FAILED,
        }),
    }
}

/// The store that is named, or the only one.
fn target(open: &OpenSite, vault: &Arc<dyn Vault>, named: Option<&str>) -> Result<(String, Arc<dyn StoreWrite>), Failure> {
    let stores = open_stores(open, vault);
    let names: Vec<String> = stores.iter().map(|(name, _)| name.clone()).collect();
    let only = stores.len() == 1;
    match stores.into_iter().find(|(name, _)| named.map_or(only, |named| named == name)) {
        Some((name, store)) => Ok((name, store?)),
        None => Err(Failure::usage(
            "RESTORE.NO_STORE",
            Text::new("戻し先の保管先が決まりません。", "it is not clear which store to bring it back into."),
            match names.is_empty() {
                true => Text::new("サイトファイルの backends に store: を書いてください。", "write a `store:` under `backends` of the site file."),
                false => Text::new(format!("--to で選んでください: {}", names.join("、")), format!("choose with --to: {}", names.join(", "))),
            },
        )),
    }
}
