//! Stores, browsers, folders and portals.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kirikae_backends::ca::portal::reach::{Reached, reach};
use kirikae_backends::ca::portal::{PortalSettings, ProxySettings};
use kirikae_backends::{StoreSettings, builtin};
use kirikae_engine::backend::{BackendError, Call, StoreWrite, Vault};
use kirikae_engine::dsl::site::PortalSite;
use kirikae_engine::text::Text;

use super::finding::{Area, Finding};
use crate::commands::certs::leftovers;
use crate::site::{self, OpenSite, open_folders, open_stores};

/// Every store of the site: readable, writable, what is in it.
pub fn stores(open: &OpenSite, vault: &Arc<dyn Vault>, now: Timestamp) -> Vec<Finding> {
    let stores = open_stores(open, vault);
    if stores.is_empty() {
        return vec![Finding::note(
            Area::Store,
            "-",
            Text::new("証明書の保管先が決まっていません。", "no store of certificates is named."),
            Text::new(
                "サイトファイルの backends に store: を書いてください(kirikae new site で書き始められます)。",
                "write a `store:` under `backends` of the site file (`kirikae new site` writes one to start from).",
            ),
        )];
    }
    let look = |(name, store): (String, Result<Arc<dyn StoreWrite>, BackendError>)| match store.and_then(|store| look(&name, &*store, now)) {
        Ok(findings) => findings,
        Err(error) => vec![Finding::error(Area::Store, &name, &error)],
    };
    stores.into_iter().flat_map(look).collect()
}

fn look(name: &str, store: &dyn StoreWrite, now: Timestamp) -> Result<Vec<Finding>, BackendError> {
    let call = Call::unattached();
    let certs: Vec<_> = store.list(&call)?.into_iter().map(|cert| cert.info).collect();
    let (count, keys) = (certs.len(), certs.iter().filter(|cert| cert.has_key).count());
    let (id, expired) = (store.id(), certs.iter().filter(|cert| cert.has_key && cert.not_after <= now).count());
    let said = Text::new(
        format!("{id}: 証明書 {count}枚、鍵のあるもの {keys}枚、うち期限切れ {expired}枚。"),
        format!("{id}: {count} certificates, {keys} with a key, {expired} of those expired."),
    );
    let mut findings = vec![match store.probe_writable(&call) {
        Ok(()) => Finding::good(Area::Store, name, said),
        Err(error) => Finding::error(Area::Store, name, &error),
    }];
    for old in leftovers(&certs, now) {
        findings.push(Finding::note(
            Area::Store,
            name,
            Text::new(
                format!("{} の古い証明書(拇印 {})が新しいものと並んでいます。", old.subject.cn, old.sha1),
                format!("the old certificate of {} (thumbprint {}) stands beside a newer one.", old.subject.cn, old.sha1),
            ),
            Text::new(
                "新しい方で接続できることを確かめてから、更新の手順書の続きで消してください。",
                "prove that the newer one works, then let the playbook of the renewal delete it.",
            ),
        ));
    }
    Ok(findings)
}

/// The profiles of browsers that keep certificates of their own, as the store kind that reads them finds them.
pub fn browsers() -> Vec<Finding> {
    let Ok(kind) = builtin().store("nss") else { return vec![] };
    let found = |browser: &str| {
        let settings = StoreSettings { home: std::env::home_dir(), settings: [("profile".to_owned(), browser.to_owned())].into(), ..StoreSettings::default() };
        let store = (kind.open)(settings).ok()?;
        let said = Text::new(format!("プロファイルがあります({})。", store.id()), format!("there is a profile ({}).", store.id()));
        Some(Finding::good(Area::Browser, browser, said))
    };
    ["firefox", "chrome", "chromium"].into_iter().filter_map(found).collect()
}

/// Every folder of the site; a medium that can be taken out may be absent.
pub fn folders(open: &OpenSite) -> Vec<Finding> {
    let call = Call::unattached();
    let removable = |name: &str| {
        let (program, role) = name.split_once('/').map_or((None, name), |(program, role)| (Some(program), role));
        let bound = match program {
            Some(program) => open.site.programs.get(program).and_then(|program| program.backends.get(role)),
            None => open.site.backends.get(role),
        };
        bound.is_some_and(|bound| bound.removable)
    };
    let look = |(name, folder): site::OpenFolder| match folder.and_then(|folder| folder.probe_writable(&call).map(|()| folder.id().to_owned())) {
        Ok(id) => Finding::good(Area::Folder, &name, Text::new(format!("{id} に書き込めます。"), format!("{id} can be written."))),
        Err(error) if error.code == "FOLDER.ABSENT" && removable(&name) => {
            let cure = Text::new("使う前に媒体を挿してください。", "insert the medium before it is used.");
            Finding { code: Some(error.code.clone()), ..Finding::note(Area::Folder, &name, error.cause, cure) }
        }
        Err(error) => Finding::error(Area::Folder, &name, &error),
    };
    open_folders(open).into_iter().map(look).collect()
}

/// Every portal whose address stands in the site file.
pub fn portals(open: &OpenSite) -> Vec<Finding> {
    let of_site = open.site.portals.iter().map(|(id, named)| (id.clone(), id, named));
    let of_programs = open.site.programs.iter().flat_map(|(program, at)| at.portals.iter().map(move |(id, named)| (format!("{program}/{id}"), id, named)));
    let of = |(name, id, named): (String, &String, &PortalSite)| {
        let base = named.base.clone()?;
        let roots = match site::roots(named, id, &open.base) {
            Ok(roots) => roots,
            Err(failure) => return Some(Finding::failure(Area::Portal, &name, &failure)),
        };
        let proxy = named.proxy.as_ref().map(|proxy| ProxySettings { url: proxy.url.clone(), user: None, password: None });
        let settings = PortalSettings { base, roots, proxy, timeout: Duration::from_secs(10), absent_after: None, hands: None };
        Some(portal(&name, &settings))
    };
    of_site.chain(of_programs).filter_map(of).collect()
}

fn portal(name: &str, settings: &PortalSettings) -> Finding {
    let base = &settings.base;
    match reach(settings) {
        Ok(Reached::Server) => Finding::good(
            Area::Portal,
            name,
            Text::new(format!("{base} につながり、サイトの証明書も確かめられました。"), format!("{base} answers, and its certificate is trusted.")),
        ),
        Ok(Reached::Proxy(proxy)) => Finding::good(
            Area::Portal,
            name,
            Text::new(
                format!("プロキシ {proxy} につながりました({base} までは、要求を送らないと分かりません)。"),
                format!("the proxy {proxy} answers; whether {base} does can only be told by sending a request."),
            ),
        ),
        Err(error) if error.data.contains_key("clock") => {
            let cure = Text::new("端末の日付と時刻が正しいか、まず確かめてください。", "first make sure that date and time of the terminal are right.");
            Finding { cure, ..Finding::error(Area::Portal, name, &error) }
        }
        Err(error) => Finding::error(Area::Portal, name, &error),
    }
}
