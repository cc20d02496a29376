//! From the site file to open backends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kirikae_backends::ca::portal::{Portal, PortalSettings, ProxySettings, Roots};
use kirikae_backends::folder::dir::FolderSettings;
use kirikae_backends::host::ThisHost;
use kirikae_backends::notify::screen::ScreenNotifier;
use kirikae_backends::store::dir::PasswordSource;
use kirikae_backends::store::p12::Pkcs12Files;
use kirikae_backends::vault::age::AgeVault;
use kirikae_backends::{StoreSettings, TokenSettings, builtin};
use kirikae_engine::backend::profile::Profile;
use kirikae_engine::backend::{BackendError, BackendSet, EntryInfo, FolderRead, FolderWrite, StoreWrite, TokenWrite, Vault};
use kirikae_engine::check::Checked;
use kirikae_engine::dsl::site::{BackendPort, BackendSite, PortalSite, RootsAt, SecretSource, Site};
use kirikae_engine::dsl::{RoleKind, Type, decode_site};
use kirikae_engine::secret::SecretRef;
use kirikae_engine::text::{Lang, Source, Sources, Text};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::library::read_source;
use crate::secrets::{fetch, generate};

/// What stands in for a site file when none is named: nothing is bound.
const NO_SITE: &str = "kirikae: site/1\nid: none\ntitle: { ja: サイトファイルなし, en: no site file }\n";

/// A site file and the folder that its paths are relative to.
pub struct OpenSite {
    /// The site.
    pub site: Site,
    /// The folder of its file.
    pub base: PathBuf,
}

/// Reads the site file that was named, if one was.
pub fn load(globals: &Globals) -> Result<OpenSite, Failure> {
    let (source, base) = match &globals.site {
        Some(path) => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            (read_source(path)?, absolute.parent().map(Path::to_owned).unwrap_or_default())
        }
        None => (Source::new("site", NO_SITE), PathBuf::new()),
    };
    let site = decode_site(&source).map_err(|findings| {
        let mut sources = Sources::default();
        sources.add(source.clone());
        Failure::Findings(Box::new(sources), findings)
    })?;
    Ok(OpenSite { site, base })
}

/// Opens the vault of a state folder.
pub fn vault(state: &Path, site: &Site) -> Result<Arc<dyn Vault>, Failure> {
    Ok(Arc::new(AgeVault::open(state, &site.recipients)?))
}

/// Opens everything that a playbook's roles are bound to. Nothing is contacted.
pub fn open_backends(open: &OpenSite, checked: &Checked, vault: &Arc<dyn Vault>, lang: Lang) -> Result<BackendSet, Failure> {
    let site = &open.site;
    let program = site.programs.get(&checked.program);
    let mut set = BackendSet {
        stores: BTreeMap::new(),
        tokens: BTreeMap::new(),
        cas: BTreeMap::new(),
        folders: BTreeMap::new(),
        downloads: downloads(open)?,
        p12: Arc::new(Pkcs12Files),
        vault: vault.clone(),
        notifier: Arc::new(ScreenNotifier::new(Box::new(move |notice| {
            let to = if lang == Lang::Ja { "知らせ" } else { "notice" };
            crate::render::out(&format!("  {to} → {}: {}\n    {}", notice.to, notice.subject, notice.body));
        }))),
        host: Arc::new(ThisHost { scratch: std::env::temp_dir() }),
        practice: false,
    };
    for role in &checked.roles {
        match role.kind {
            RoleKind::Ca | RoleKind::Web => {
                if let Some(profile) = checked.profiles.get(&role.name) {
                    let named = program.and_then(|program| program.portals.get(&profile.id)).or_else(|| site.portals.get(&profile.id));
                    if let Some(portal) = open_portal(profile, named, open, &**vault)? {
                        set.cas.insert(role.name.clone(), Arc::new(portal));
                    }
                }
            }
            RoleKind::Store | RoleKind::Folder | RoleKind::Token => {
                let bound = program.and_then(|program| program.backends.get(&role.name)).or_else(|| site.backends.get(&role.name));
                if let Some(bound) = bound {
                    open_local(&mut set, &role.name, role.kind, bound, open, vault)?;
                }
            }
        }
    }
    Ok(set)
}

/// Where a person's browser saves, if the site says so.
fn downloads(open: &OpenSite) -> Result<Option<Arc<dyn FolderRead>>, Failure> {
    let Some(path) = &open.site.downloads else { return Ok(None) };
    let settings = FolderSettings { path: open.base.join(path), removable: false, plain: true };
    Ok(Some((builtin().folder("dir")?.open)(&settings)?))
}

fn open_local(set: &mut BackendSet, role: &str, kind: RoleKind, bound: &BackendSite, open: &OpenSite, vault: &Arc<dyn Vault>) -> Result<(), Failure> {
    let fits =
        matches!((kind, bound.port), (RoleKind::Store, BackendPort::Store) | (RoleKind::Folder, BackendPort::Folder) | (RoleKind::Token, BackendPort::Token));
    if !fits {
        return Err(Failure::usage(
            "SITE.WRONG_KIND",
            Text::new(
                format!("役割 {role} は {} ですが、サイトファイルでは違う種類に結ばれています。", kind.word()),
                format!("role `{role}` is a {}, but the site binds it to something else.", kind.word()),
            ),
            Text::new(
                format!("サイトファイルの backends.{role} を {}: で書いてください。", kind.word()),
                format!("write `{}:` under backends.{role} of the site file.", kind.word()),
            ),
        ));
    }
    match bound.port {
        BackendPort::Folder => {
            set.folders.insert(role.to_owned(), open_folder(bound, open)?);
        }
        BackendPort::Token => {
            set.tokens.insert(role.to_owned(), open_token(bound, open)?);
        }
        BackendPort::Store => {
            set.stores.insert(role.to_owned(), open_store(role, bound, open, vault)?);
        }
    }
    Ok(())
}

fn open_store(role: &str, bound: &BackendSite, open: &OpenSite, vault: &Arc<dyn Vault>) -> Result<Arc<dyn StoreWrite>, BackendError> {
    let path = bound.path.as_ref().map(|path| open.base.join(path));
    let (base, named_by) = (open.base.clone(), (vault.clone(), role.to_owned()));
    let password = bound.password.clone().map(|source| -> PasswordSource { Box::new(move || fetch(&source, &base, &*named_by.0, &named_by.1)) });
    let own_password = own_password(role, path.clone(), vault);
    (builtin().store(&bound.kind)?.open)(StoreSettings { path, password, own_password, home: std::env::home_dir(), settings: bound.settings.clone() })
}

fn open_token(bound: &BackendSite, open: &OpenSite) -> Result<Arc<dyn TokenWrite>, BackendError> {
    let path = bound.path.as_ref().map(|path| open.base.join(path));
    (builtin().token(&bound.kind)?.open)(&TokenSettings { path, base: open.base.clone(), settings: bound.settings.clone() })
}

/// A store by its role, or why it cannot be opened.
pub type OpenStore = (String, Result<Arc<dyn StoreWrite>, BackendError>);

/// Every store of the site by its role; those of one program as `program/role`. Nothing is contacted.
pub fn open_stores(open: &OpenSite, vault: &Arc<dyn Vault>) -> Vec<OpenStore> {
    let of_site = open.site.backends.iter().map(|(role, bound)| (role.clone(), role, bound));
    let of_programs =
        open.site.programs.iter().flat_map(|(id, program)| program.backends.iter().map(move |(role, bound)| (format!("{id}/{role}"), role, bound)));
    let stores = of_site.chain(of_programs).filter(|(_, _, bound)| bound.port == BackendPort::Store);
    stores.map(|(name, role, bound)| (name, open_store(role, bound, open, vault))).collect()
}

/// Tokens by their role, or why they cannot be looked for.
pub type OpenToken = (String, Result<Arc<dyn TokenWrite>, BackendError>);

/// Every token role of the site; those of one program as `program/role`. No device is touched.
pub fn open_tokens(open: &OpenSite) -> Vec<OpenToken> {
    let of_site = open.site.backends.iter().map(|(role, bound)| (role.clone(), bound));
    let of_programs = open.site.programs.iter().flat_map(|(id, program)| program.backends.iter().map(move |(role, bound)| (format!("{id}/{role}"), bound)));
    let tokens = of_site.chain(of_programs).filter(|(_, bound)| bound.port == BackendPort::Token);
    tokens.map(|(name, bound)| (name, open_token(bound, open))).collect()
}

/// A folder of the site: its name (`backup`, `obn/backup`), and the folder or why it cannot be opened.
pub type OpenFolder = (String, Result<Arc<dyn FolderWrite>, BackendError>);

/// Every folder that the site binds, for itself or for a program.
pub fn open_folders(open: &OpenSite) -> Vec<OpenFolder> {
    let of_site = open.site.backends.iter().map(|(role, bound)| (role.clone(), bound));
    let of_programs = open.site.programs.iter().flat_map(|(id, program)| program.backends.iter().map(move |(role, bound)| (format!("{id}/{role}"), bound)));
    let folders = of_site.chain(of_programs).filter(|(_, bound)| bound.port == BackendPort::Folder);
    folders.map(|(name, bound)| (name, open_folder(bound, open))).collect()
}

fn open_folder(bound: &BackendSite, open: &OpenSite) -> Result<Arc<dyn FolderWrite>, BackendError> {
    let path = bound.path.as_ref().map(|path| open.base.join(path)).unwrap_or_default();
    let settings = FolderSettings { path, removable: bound.removable, plain: bound.plain };
    (builtin().folder(&bound.kind)?.open)(&settings)
}

/// The password of a store whose site names none: made once and kept in the vault.
fn own_password(role: &str, path: Option<PathBuf>, vault: &Arc<dyn Vault>) -> PasswordSource {
    let (vault, role) = (vault.clone(), role.to_owned());
    let place = path.as_ref().map(|path| kirikae_engine::plan::sha256_hex(path.to_string_lossy().as_bytes())).unwrap_or_default();
    Box::new(move || {
        let reference = SecretRef::vault(&format!("stores/{}", &place[..16.min(place.len())]));
        if let Some(known) = vault.get(&reference)? {
            return Ok(known);
        }
        if path.as_ref().is_some_and(|path| holds_p12(path)) {
            let cause = Text::new(format!("保管先 {role} のパスワードが分かりません。"), format!("the password of store `{role}` is not known."));
            let cure = Text::new(
                format!("サイトファイルの backends.{role}.password に置き場所を書いてください。"),
                format!("name its source under backends.{role}.password of the site file."),
            );
            return Err(BackendError::new("STORE.UNREADABLE", cause).cure(cure));
        }
        let made = generate(&Type::Ascii)?;
        let info = EntryInfo { reference, name: format!("{role}.password"), about: role.clone(), written_at: Timestamp::now(), labels: BTreeMap::new() };
        vault.put(&info, &made)?;
        Ok(made)
    })
}

fn holds_p12(path: &Path) -> bool {
    let files = std::fs::read_dir(path).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.path().extension().is_some_and(|extension| extension == "p12"))
}

/// Opens a portal. One without any address is not bound.
fn open_portal(profile: &Profile, named: Option<&PortalSite>, open: &OpenSite, vault: &dyn Vault) -> Result<Option<Portal>, Failure> {
    let named = named.cloned().unwrap_or_default();
    let Some(base) = named.base.clone().or_else(|| profile.base.clone()) else { return Ok(None) };
    let roots = roots(&named, &profile.id, &open.base)?;
    let proxy = named
        .proxy
        .map(|proxy| {
            let password = proxy.password.as_ref().map(|source: &SecretSource| fetch(source, &open.base, vault, "proxy")).transpose()?;
            Ok::<_, BackendError>(ProxySettings { url: proxy.url, user: proxy.user, password })
        })
        .transpose()?;
    let settings = PortalSettings {
        base,
        roots,
        proxy,
        timeout: named.timeout.unwrap_or(std::time::Duration::from_secs(60)),
        absent_after: named.absent_after.map(|(after, _)| after),
        hands: named.hands,
    };
    Ok(Some(Portal::new(profile.clone(), settings)?))
}

/// Whom to trust at a portal of a program.
#[cfg(feature = "lab")]
pub fn portal_roots(open: &OpenSite, program: &str, id: &str) -> Result<Roots, Failure> {
    let of_program = open.site.programs.get(program).and_then(|program| program.portals.get(id));
    let named = of_program.or_else(|| open.site.portals.get(id)).cloned().unwrap_or_default();
    roots(&named, id, &open.base)
}

/// Whom to trust at a portal that is named like this.
pub fn roots(named: &PortalSite, id: &str, base: &Path) -> Result<Roots, Failure> {
    Ok(match &named.roots {
        Some(RootsAt::File(path)) => {
            let path = base.join(path);
            Roots::Pem(std::fs::read(&path).map_err(|error| {
                Failure::usage(
                    "SITE.ROOTS",
                    Text::new(format!("ルート証明書 {} を読めません: {error}", path.display()), format!("cannot read the roots {}: {error}", path.display())),
                    Text::new(format!("サイトファイルの portals.{id}.roots を確かめてください。"), format!("check portals.{id}.roots of the site file.")),
                )
            })?)
        }
        Some(RootsAt::System) | None => Roots::System(rustls_native_certs::load_native_certs().certs.iter().map(|root| root.to_vec()).collect()),
    })
}
