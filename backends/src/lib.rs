//! The backends of kirikae: stores, folders, the vault, notices.
//!
//! May use: the engine's ports, `secret` and `clock`; files, libraries and devices.
//! Must not: know playbooks, plans or runs; print; read the environment.
//!
//! What exists stands in one table, [`builtin`]. A new backend is one file and one line there.

pub mod ca;
pub mod folder;
pub mod host;
pub mod notify;
pub mod store;
pub mod token;
pub mod vault;
#[cfg(windows)]
pub mod windows;
pub mod x509;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use kirikae_engine::backend::{BackendError, FolderWrite, StoreWrite, TokenWrite};
use kirikae_engine::text::{Phrase, Text};

use crate::folder::dir::{DirFolder, FolderSettings};
use crate::store::dir::{DirStore, PasswordSource};
use crate::token::pkcs11::Pkcs11Tokens;
use crate::token::soft::SoftToken;

/// A kind of backend that a site file can name.
pub struct Kind<Open: 'static> {
    /// Its name in site files.
    pub name: &'static str,
    /// What it is, for people.
    pub title: Phrase,
    /// Makes one from the site's settings. Changes nothing yet.
    pub open: Open,
}

/// Makes a store and changes nothing. `STORE.UNREADABLE` if the settings lack what the kind needs, or mean no store that is there.
pub type OpenStore = fn(StoreSettings) -> Result<Arc<dyn StoreWrite>, BackendError>;

/// Makes a folder. `FOLDER.ABSENT` if its path is none.
pub type OpenFolder = fn(&FolderSettings) -> Result<Arc<dyn FolderWrite>, BackendError>;

/// Makes a token backend. `TOKEN.SETTINGS` if the settings lack what the kind needs.
pub type OpenToken = fn(&TokenSettings) -> Result<Arc<dyn TokenWrite>, BackendError>;

/// What the site file says of tokens.
pub struct TokenSettings {
    /// Where it is, for kinds that lie somewhere.
    pub path: Option<PathBuf>,
    /// The folder that relative paths in `settings` begin at.
    pub base: PathBuf,
    /// The kind's other settings as written in the site file (`module serial label uri slot`).
    pub settings: BTreeMap<String, String>,
}

/// What the site file says of a store.
pub struct StoreSettings {
    /// Where it is, for kinds that lie somewhere.
    pub path: Option<PathBuf>,
    /// Gives its password, if the site names where that comes from.
    pub password: Option<PasswordSource>,
    /// Gives the password of a kind that protects its own files: made at the first use, the same ever after.
    pub own_password: PasswordSource,
    /// The home folder of the user, for kinds that find the store of a browser.
    pub home: Option<PathBuf>,
    /// The kind's other settings as written in the site file (`profile location name`).
    pub settings: BTreeMap<String, String>,
}

impl Default for StoreSettings {
    /// Nothing is said of it, and a password cannot be made.
    fn default() -> Self {
        let none = || {
            let cause = Text::new("この保管先のパスワードが決まっていません。", "the store has no password.");
            Err(BackendError::new("SECRET.MISSING", cause))
        };
        Self { path: None, password: None, own_password: Box::new(none), home: None, settings: BTreeMap::new() }
    }
}

/// Every kind that is compiled in.
pub struct Builtin {
    /// Under `store:`.
    pub stores: &'static [Kind<OpenStore>],
    /// Under `token:`.
    pub tokens: &'static [Kind<OpenToken>],
    /// Under `folder:`.
    pub folders: &'static [Kind<OpenFolder>],
}

/// The table of kinds.
pub fn builtin() -> &'static Builtin {
    &BUILTIN
}

static BUILTIN: Builtin = Builtin {
    stores: &[
        Kind {
            name: "dir",
            title: Phrase {
                ja: "フォルダ(証明書ごとに暗号化した .p12 と説明の .json)",
                en: "a folder: an encrypted .p12 and a descriptive .json for each certificate",
            },
            open: open_dir_store,
        },
        #[cfg(target_os = "linux")]
        Kind {
            name: "nss",
            title: Phrase {
                ja: "Linux の Firefox・Chrome・Chromium の証明書データベース(NSS)",
                en: "the certificate database (NSS) of Firefox, Chrome or Chromium on Linux",
            },
            open: |settings| Ok(Arc::new(store::nss::NssStore::open(settings)?)),
        },
        Kind {
            name: "windows",
            title: Phrase {
                ja: "Windows の証明書ストア(Edge・Chrome などが使うもの)", en: "the certificate store of Windows, as Edge and Chrome use it"
            },
            open: |settings| store::windows::open(&settings),
        },
    ],
    tokens: &[
        Kind { name: "pkcs11", title: Phrase { ja: "USBキー・カード(PKCS#11)", en: "USB keys and cards (PKCS#11)" }, open: open_pkcs11_tokens },
        Kind { name: "soft", title: Phrase { ja: "フォルダの中の練習用USBキー", en: "a practice token in a folder" }, open: open_soft_token },
    ],
    folders: &[Kind {
        name: "dir",
        title: Phrase { ja: "この端末のフォルダ、または挿した媒体のフォルダ", en: "a folder of this machine or of an inserted medium" },
        open: |settings| Ok(Arc::new(DirFolder::open(settings)?)),
    }],
};

impl Builtin {
    /// The store kind of this name.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED` with the known names.
    pub fn store(&self, name: &str) -> Result<&'static Kind<OpenStore>, BackendError> {
        find("store", self.stores, name)
    }

    /// The token kind of this name.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED` with the known names.
    pub fn token(&self, name: &str) -> Result<&'static Kind<OpenToken>, BackendError> {
        find("token", self.tokens, name)
    }

    /// The folder kind of this name.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED` with the known names.
    pub fn folder(&self, name: &str) -> Result<&'static Kind<OpenFolder>, BackendError> {
        find("folder", self.folders, name)
    }
}

fn find<Open>(port: &str, kinds: &'static [Kind<Open>], name: &str) -> Result<&'static Kind<Open>, BackendError> {
    kinds.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let known = kinds.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        BackendError::new(
            "BACKEND.UNSUPPORTED",
            Text::new(
                format!("{port} の種類 {name:?} はありません。使える種類: {known}"),
                format!("there is no {port} of kind {name:?}; known kinds: {known}."),
            ),
        )
        .with("known", known)
    })
}

fn open_dir_store(settings: StoreSettings) -> Result<Arc<dyn StoreWrite>, BackendError> {
    let path = settings
        .path
        .ok_or_else(|| BackendError::new("STORE.UNREADABLE", Text::new("保管先(dir)の path が書かれていません。", "the store of kind `dir` has no `path`.")))?;
    Ok(Arc::new(DirStore::open(&path, settings.password.unwrap_or(settings.own_password))?))
}

fn open_pkcs11_tokens(settings: &TokenSettings) -> Result<Arc<dyn TokenWrite>, BackendError> {
    Ok(Arc::new(Pkcs11Tokens::open(&settings.base, &settings.settings)?))
}

fn open_soft_token(settings: &TokenSettings) -> Result<Arc<dyn TokenWrite>, BackendError> {
    let path = settings.path.as_ref().ok_or_else(|| {
        BackendError::new("TOKEN.SETTINGS", Text::new("USBキー(soft)の path が書かれていません。", "the token of kind `soft` has no `path`."))
    })?;
    Ok(Arc::new(SoftToken::open(path)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_unknown_kind_is_refused_with_the_known_ones() {
        let error = builtin().store("windws").err().unwrap();
        let known = BUILTIN.stores.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        assert_eq!((error.code.as_str(), error.data["known"].as_str()), ("BACKEND.UNSUPPORTED", known.as_str()));
        assert!(error.cause.ja.contains("windws") && error.cause.ja.contains("dir"));
        assert!(builtin().folder("cloud").is_err());
        assert_eq!(builtin().token("pkcs12").err().unwrap().data["known"], "pkcs11, soft");
    }

    #[test]
    fn a_site_gets_what_it_names() {
        let open = builtin().store("dir").unwrap().open;
        let store = open(StoreSettings { path: Some("/nowhere/sanka".into()), ..StoreSettings::default() }).unwrap();
        assert_eq!(store.id(), "dir:/nowhere/sanka");
        assert_eq!(open(StoreSettings::default()).err().unwrap().code, "STORE.UNREADABLE");

        let token = |kind: &str, path: Option<PathBuf>, settings: &[(&str, &str)]| {
            let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            (builtin().token(kind).unwrap().open)(&TokenSettings { path, base: "/site".into(), settings })
        };
        assert_eq!(token("soft", Some("/nowhere/key".into()), &[]).unwrap().id(), "soft:/nowhere/key");
        assert_eq!(token("pkcs11", None, &[("module", "epass2003"), ("serial", "0123")]).unwrap().id(), "pkcs11:epass2003;serial=0123");
        assert_eq!(token("pkcs11", None, &[("uri", "pkcs11:token=a?module-path=lib/x.so")]).unwrap().id(), "pkcs11:/site/lib/x.so;label=a");
        for unfit in [vec![], vec![("module", "a"), ("slot", "first")], vec![("module", "a"), ("uri", "pkcs11:?module-name=b")]] {
            assert_eq!(token("pkcs11", None, &unfit).err().unwrap().code, "TOKEN.SETTINGS");
        }
        assert_eq!(token("soft", None, &[]).err().unwrap().code, "TOKEN.SETTINGS");

        let settings = FolderSettings { path: "/nowhere/usb".into(), removable: true, plain: true };
        let folder = (builtin().folder("dir").unwrap().open)(&settings).unwrap();
        assert_eq!((folder.id(), folder.plain()), ("folder:/nowhere/usb", true));
    }
}
