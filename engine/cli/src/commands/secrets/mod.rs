//! `kirikae secrets list|show|set|remove|purge|cover|recover`

mod cover;
mod list;
mod remove;
mod set;
mod show;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use kirikae_backends::vault::age::AgeVault;
use kirikae_engine::backend::{Call, EntryInfo, Vault};
use kirikae_engine::dsl::site::SecretSource;
use kirikae_engine::journal::Journal;
use kirikae_engine::run::{Retention, SiteNeeds};
use kirikae_engine::secret::SecretRef;
use kirikae_engine::text::Text;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::site::OpenSite;
use crate::{site, state};

/// Arguments of `secrets`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List entries, without their values: what each is about, how long it is kept, who can open it
    List,
    /// Show a value, on a terminal only; that it was shown is written down
    Show {
        /// Id, as listed
        id: String,
    },
    /// Keep a value under a name: typed twice and hidden, else the first line of standard input or of a file
    Set(set::Args),
    /// Erase an entry. Refused while a run or a valid certificate needs it
    Remove(remove::Args),
    /// Show the entries that nobody needs any more, then erase them after a yes
    Purge(remove::PurgeArgs),
    /// Encrypt entries anew, so that exactly the recovery recipients of the site can open them
    Cover,
    /// Open the vault with a recovery key where the engine's own identity was lost
    Recover(cover::Args),
}

/// Lists, shows and changes secrets.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let desk = Desk::open(globals)?;
    match &args.what {
        What::List => list::run(globals, &desk),
        What::Show { id } => show::run(globals, &desk, id),
        What::Set(args) => set::run(globals, &desk, args),
        What::Remove(args) => remove::run(globals, &desk, args),
        What::Purge(args) => remove::purge(globals, &desk, args),
        What::Cover => cover::run(globals, &desk),
        What::Recover(args) => cover::recover(globals, &desk, args),
    }
}

/// The vault of this call, with what its entries are judged by.
struct Desk {
    folder: PathBuf,
    open: OpenSite,
    vault: Arc<AgeVault>,
}

impl Desk {
    fn open(globals: &Globals) -> Result<Self, Failure> {
        let folder = state::folder(globals)?;
        let open = site::load(globals)?;
        let vault = Arc::new(AgeVault::open(&folder, &open.site.recipients)?);
        Ok(Self { folder, open, vault })
    }

    fn journal(&self) -> Result<Journal, Failure> {
        state::open(&self.folder)
    }

    /// The entry of an id as listed, or as a journal names it.
    fn entry(&self, id: &str) -> Result<EntryInfo, Failure> {
        let reference = SecretRef::parse(id).unwrap_or_else(|| SecretRef::vault(id));
        self.vault.list()?.into_iter().find(|entry| entry.reference == reference).ok_or_else(|| {
            Failure::usage(
                "SECRET.MISSING",
                Text::new(format!("保管庫に {id} はありません。"), format!("there is no {id} in the vault.")),
                Text::new("kirikae secrets list で一覧を見てください。", "see `kirikae secrets list`."),
            )
        })
    }

    /// How long entries are kept. A store that cannot be read says nothing: its certificates count as unknown, and nothing goes for it.
    fn retention(&self, journal: &Journal, entries: &[EntryInfo]) -> Result<Retention, Failure> {
        let vault: Arc<dyn Vault> = self.vault.clone();
        let stores = site::open_stores(&self.open, &vault).into_iter().filter_map(|(_, store)| store.ok()?.list(&Call::unattached()).ok());
        let present = stores.flatten().map(|cert| cert.info).filter(|cert| cert.has_key).collect();
        let needs = SiteNeeds { present, named: self.named(), plan_valid: self.open.site.plan_valid };
        Ok(Retention::gather(journal, entries, needs, Timestamp::now())?)
    }

    /// What sources of the site take from the vault.
    fn named(&self) -> BTreeSet<String> {
        let site = &self.open.site;
        let secrets = site.secrets.values().chain(site.programs.values().flat_map(|program| program.secrets.values()));
        let backends = site.backends.values().chain(site.programs.values().flat_map(|program| program.backends.values()));
        let portals = site.portals.values().chain(site.programs.values().flat_map(|program| program.portals.values()));
        let proxies = portals.filter_map(|portal| portal.proxy.as_ref()?.password.as_ref());
        let sources = secrets.chain(backends.filter_map(|bound| bound.password.as_ref())).chain(proxies);
        let named = sources.filter_map(|source| match source {
            SecretSource::Vault(name) => Some(name.clone()),
            _ => None,
        });
        named.collect()
    }
}
