//! `kirikae backends`: what every built-in kind of backend can do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kirikae_backends::ca::portal::{Portal, PortalSettings, Roots};
use kirikae_backends::folder::dir::FolderSettings;
use kirikae_backends::{StoreSettings, TokenSettings, builtin};
use kirikae_engine::backend::CaRead;
use kirikae_engine::dsl::decode_profile;
use kirikae_engine::text::Phrase;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::library::Shelf;
use crate::render;
use crate::render::backends::{KindRow, as_json, lines};

/// Lists the kinds that a site file can name. Touches nothing: an object is made for what it says of itself and thrown away.
pub fn run(globals: &Globals) -> Result<u8, Failure> {
    let rows: Vec<KindRow> = stores().into_iter().chain(tokens()).chain(folders()).chain(portal()).collect();
    match globals.format {
        Format::Json => render::out(&as_json(&rows).to_string()),
        _ => render::out(&lines(&rows, globals.lang()).join("\n")),
    }
    Ok(exit::DONE)
}

/// A place that need not exist.
fn nowhere() -> PathBuf {
    PathBuf::from("kirikae-backends")
}

fn stores() -> Vec<KindRow> {
    let kinds = builtin().stores.iter();
    let rows = kinds.map(|kind| {
        let of_this_kind = match kind.name {
            "windows" => StoreSettings { settings: settings(&[("location", "current_user"), ("name", "MY")]), ..StoreSettings::default() },
            _ => StoreSettings { path: Some(nowhere()), ..StoreSettings::default() },
        };
        let capabilities = (kind.open)(of_this_kind).map(|store| store.capabilities());
        KindRow { port: "store", name: kind.name.to_owned(), title: kind.title, capabilities }
    });
    rows.collect()
}

fn tokens() -> Vec<KindRow> {
    let of_every_kind = TokenSettings { path: Some(nowhere()), base: PathBuf::new(), settings: settings(&[("module", "softhsm2")]) };
    let kinds = builtin().tokens.iter();
    let rows = kinds.map(|kind| {
        let capabilities = (kind.open)(&of_every_kind).map(|token| token.capabilities());
        KindRow { port: "token", name: kind.name.to_owned(), title: kind.title, capabilities }
    });
    rows.collect()
}

fn folders() -> Vec<KindRow> {
    let of_every_kind = FolderSettings { path: std::path::absolute(nowhere()).unwrap_or_default(), removable: false, plain: false };
    let kinds = builtin().folders.iter();
    let rows = kinds.map(|kind| {
        let capabilities = (kind.open)(&of_every_kind).map(|folder| folder.capabilities());
        KindRow { port: "folder", name: kind.name.to_owned(), title: kind.title, capabilities }
    });
    rows.collect()
}

/// Portals are one backend; any profile shows what it can do.
fn portal() -> Option<KindRow> {
    let profile = Shelf::find(None, None).portals().first().and_then(|source| decode_profile(source).ok())?;
    let settings = PortalSettings {
        base: "https://127.0.0.1".into(),
        roots: Roots::System(vec![]),
        proxy: None,
        timeout: Duration::from_secs(60),
        absent_after: None,
        hands: None,
    };
    let capabilities = Portal::new(profile, settings).map(|portal| portal.capabilities());
    let title = Phrase {
        ja: "発行サイト(ポータルプロファイルのとおり)。engine か person が操作",
        en: "a portal, by its profile; the engine or a person works its pages",
    };
    Some(KindRow { port: "ca", name: "portal".into(), title, capabilities })
}

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
