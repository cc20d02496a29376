//! The world of a situation: strict fakes, filled as the test file says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::{
    FakeFolder, FakeHost, FakeNotifier, FakeP12, FakePortal, FakeStore, FakeToken, FakeTokens, FakeVault, Fault, FixedClock, Issue, certificate_of,
};
use crate::backend::profile::Operation;
use crate::backend::{BackendSet, CaWrite, EntryInfo, FolderRead, FolderWrite, StoreWrite, TokenWrite, Vault};
use crate::check::{Checked, status_words};
use crate::clock::Clock;
use crate::dsl::CertInfo;
use crate::dsl::test::{ISSUED, SimBackend, SimCert, SimDownload, SimFile, SimPortal, SimToken, Situation};
use crate::secret::{Secret, SecretRef};

/// The issuer of certificates where neither test nor profile says.
const ISSUER: &str = "Practice Root CA";

/// Everything outside the process.
pub(super) struct SimWorld {
    pub(super) clock: Arc<FixedClock>,
    pub(super) p12: Arc<FakeP12>,
    pub(super) vault: Arc<FakeVault>,
    pub(super) notifier: Arc<FakeNotifier>,
    pub(super) host: Arc<FakeHost>,
    pub(super) stores: BTreeMap<String, Arc<FakeStore>>,
    pub(super) portals: BTreeMap<String, Arc<FakePortal>>,
    pub(super) folders: BTreeMap<String, Arc<FakeFolder>>,
    pub(super) tokens: BTreeMap<String, Arc<FakeTokens>>,
    /// Serials of tokens, with their roles, and whether they were locked at the beginning.
    serials: Vec<(String, String, bool)>,
    /// Certificates of the test file by name.
    pub(super) certs: BTreeMap<String, CertInfo>,
}

impl SimWorld {
    pub(super) fn new(situation: &Situation, checked: &Checked, issuer: Option<&str>) -> Self {
        let clock = Arc::new(FixedClock::at(&situation.clock.to_string()));
        let (p12, vault) = (Arc::new(FakeP12::default()), Arc::new(FakeVault::default()));
        let issuer = issuer.unwrap_or(ISSUER);
        let certs: BTreeMap<String, CertInfo> =
            situation.certs.iter().zip(1..).map(|((name, cert), nth)| (name.value.clone(), described(cert, nth, issuer, situation))).collect();
        let mut world = Self {
            stores: BTreeMap::new(),
            portals: BTreeMap::new(),
            folders: BTreeMap::new(),
            tokens: BTreeMap::new(),
            serials: vec![],
            notifier: Arc::default(),
            host: Arc::default(),
            certs,
            clock,
            p12,
            vault,
        };
        for (role, backend) in &situation.backends {
            match backend {
                SimBackend::Store(store) => {
                    let fake = FakeStore::new(&format!("dir:/{role}"), world.p12.clone());
                    store.holds.iter().filter_map(|name| world.certs.get(&name.value)).for_each(|cert| drop(fake.put(cert.clone())));
                    if !store.readable {
                        fake.refuse(&["list"], "STORE.UNREADABLE");
                    }
                    if !store.writable {
                        fake.refuse(&["writable", "import", "lock"], "STORE.READONLY");
                    }
                    world.stores.insert(role.clone(), Arc::new(fake));
                }
                SimBackend::Folder(folder) => {
                    let fake = FakeFolder::new(&format!("folder:/{role}"), folder.plain, world.clock.clone());
                    folder.files.iter().for_each(|(name, file)| fake.put(&name.value, world.content(file).expose()));
                    fake.fail((!folder.present).then_some("FOLDER.ABSENT"));
                    world.folders.insert(role.clone(), Arc::new(fake));
                }
                SimBackend::Tokens(tokens) => {
                    let fake = FakeTokens::default();
                    for token in tokens {
                        let serial = token.serial.value.clone();
                        let certs = token.holds.iter().filter_map(|name| world.certs.get(&name.value)).map(|cert| held_by(cert, &serial)).collect();
                        let SimToken { pin, limit, wrong, present, .. } = token.clone();
                        fake.insert(FakeToken { pin, limit, wrong, present, certs, ..FakeToken::new(&serial) });
                        world.serials.push((role.clone(), serial, wrong >= limit));
                    }
                    world.tokens.insert(role.clone(), Arc::new(fake));
                }
                SimBackend::Portal(portal) => {
                    if let Some(profile) = checked.profiles.get(role) {
                        let fake = FakePortal::new(profile.clone(), world.clock.clone(), world.p12.clone());
                        fake.acts_by_itself();
                        world.tell(&fake, portal, &status_words(profile), issuer);
                        world.portals.insert(role.clone(), Arc::new(fake));
                    }
                }
            }
        }
        for (nth, entry) in situation.vault.iter().enumerate() {
            let reference = SecretRef::vault(&format!("kept/{nth}"));
            world.keep(&reference, &entry.name, &entry.about, &Secret::text(entry.value.clone()));
        }
        world
    }

    fn tell(&self, fake: &FakePortal, told: &SimPortal, words: &BTreeMap<String, String>, issuer: &str) {
        for (id, cert) in told.listed.iter().filter_map(|(id, name)| Some((id, self.certs.get(&name.value)?))) {
            fake.list(&id.value, cert);
        }
        let states: Vec<&str> = told.status.iter().filter_map(|word| words.get(&word.value)).map(String::as_str).collect();
        fake.states(&states);
        let SimCert { cn, serial, issuer: by, not_before, not_after, .. } = told.issues.clone();
        fake.issues(Issue { cn, serial, issuer: by.unwrap_or_else(|| issuer.to_owned()), not_before, not_after });
        for (operation, values) in &told.gives {
            fake.shows(*operation, values.clone());
        }
        for (operation, code) in &told.refuses {
            fake.refuses(*operation, &code.value);
        }
        for name in &told.rejects {
            match self.certs.get(&name.value) {
                Some(cert) => fake.reject(&cert.sha1),
                None if name.value == ISSUED => fake.reject_issued(),
                None => {}
            }
        }
        told.hides.into_iter().for_each(|time| fake.hides(time));
        told.absent_after.into_iter().for_each(|after| fake.absent_after(after));
        told.missing.iter().for_each(|label| fake.lose_label(&label.value));
        fake.downloads(told.files.iter().map(|file| match file {
            SimDownload::Whole => None,
            SimDownload::Cut => Some(Fault::CutFile),
            SimDownload::Page => Some(Fault::HtmlFile),
            SimDownload::OtherPassword => Some(Fault::WrongPasswordFile),
        }));
    }

    /// The bytes of a file.
    pub(super) fn content(&self, file: &SimFile) -> Secret {
        match file {
            SimFile::Text(text) => Secret::text(text.clone()),
            SimFile::P12 { cert, password, chain } => match self.certs.get(&cert.value) {
                Some(leaf) => self.p12.make(password, leaf, &chain.iter().filter_map(|name| self.certs.get(&name.value)).cloned().collect::<Vec<_>>()),
                None => Secret::bytes(vec![]),
            },
        }
    }

    pub(super) fn keep(&self, reference: &SecretRef, name: &str, about: &str, value: &Secret) {
        let (name, about) = (name.to_owned(), about.to_owned());
        let info = EntryInfo { reference: reference.clone(), name, about, written_at: self.clock.now(), labels: BTreeMap::new() };
        // A vault in memory takes everything.
        let _ = self.vault.put(&info, value);
    }

    pub(super) fn backends(&self) -> BackendSet {
        let (stores, portals, folders) = (self.stores.iter(), self.portals.iter(), self.folders.iter());
        BackendSet {
            stores: stores.map(|(role, store)| (role.clone(), store.clone() as Arc<dyn StoreWrite>)).collect(),
            cas: portals.map(|(role, portal)| (role.clone(), portal.clone() as Arc<dyn CaWrite>)).collect(),
            folders: folders.map(|(role, folder)| (role.clone(), folder.clone() as Arc<dyn FolderWrite>)).collect(),
            tokens: self.tokens.iter().map(|(role, tokens)| (role.clone(), tokens.clone() as Arc<dyn TokenWrite>)).collect(),
            downloads: None,
            p12: self.p12.clone(),
            vault: self.vault.clone(),
            notifier: self.notifier.clone(),
            host: self.host.clone(),
            practice: false,
        }
    }

    /// A token that the run has locked for good.
    pub(super) fn locked_up(&self) -> Option<&str> {
        let look = |role: &str, serial: &str| self.tokens.get(role).map(|tokens| tokens.look(serial));
        let locked = |role: &str, serial: &str| look(role, serial).is_some_and(|token| token.wrong >= token.limit);
        self.serials.iter().find(|(role, serial, before)| !before && locked(role, serial)).map(|(_, serial, _)| serial.as_str())
    }

    /// How long "not in the list" takes to be conclusive where the test says nothing of it.
    pub(super) fn absent_after(&self, after: Duration) {
        self.portals.values().filter(|portal| !portal.is_conclusive()).for_each(|portal| portal.absent_after(after));
    }

    /// Certificates that work now, in all stores: with their key, in their time.
    pub(super) fn working(&self) -> usize {
        let now = self.clock.now();
        let works = |cert: &CertInfo| cert.has_key && cert.not_before <= now && now < cert.not_after;
        self.stores.values().map(|store| store.certs().iter().filter(|cert| works(cert)).count()).sum()
    }

    /// The certificate of this name.
    pub(super) fn named(&self, name: &str) -> Option<CertInfo> {
        let issued = || self.portals.values().flat_map(|portal| portal.issued_certs()).last();
        self.certs.get(name).cloned().or_else(|| (name == ISSUED).then(issued).flatten())
    }

    /// The name of a certificate.
    pub(super) fn name_of(&self, thumbprint: &str) -> Option<&str> {
        let known = self.certs.iter().find(|(_, cert)| cert.sha1 == thumbprint).map(|(name, _)| name.as_str());
        let issued = || self.portals.values().flat_map(|portal| portal.issued_certs()).any(|cert| cert.sha1 == thumbprint);
        known.or_else(|| issued().then_some(ISSUED))
    }

    /// What a store or folder holds, as a test names it: certificates by name; of a folder the names of its files, too.
    pub(super) fn held(&self, role: &str) -> Vec<String> {
        if let Some(store) = self.stores.get(role) {
            return store.certs().iter().map(|cert| self.name_of(&cert.sha1).map_or_else(|| cert.sha1.clone(), str::to_owned)).collect();
        }
        if let Some(tokens) = self.tokens.get(role) {
            let certs = self.serials.iter().filter(|(of, ..)| of == role).flat_map(|(_, serial, _)| tokens.look(serial).certs);
            return certs.map(|cert| self.name_of(&cert.sha1).map_or_else(|| cert.sha1.clone(), str::to_owned)).collect();
        }
        let Some(folder) = self.folders.get(role) else { return vec![] };
        let mut held = folder.names();
        for content in folder.contents() {
            let whole = if folder.plain() { Some(Secret::bytes(content)) } else { self.vault.unwrap(&content).ok().or(Some(Secret::bytes(content))) };
            let leaf = whole.and_then(|whole| self.p12.leaf_of(&whole));
            held.extend(leaf.and_then(|leaf| self.name_of(&leaf.sha1).map(str::to_owned)));
        }
        held
    }

    /// What was done to the world, to compare two runs: what may be repeated freely is left out.
    pub(super) fn effects(&self) -> Vec<(String, u64)> {
        let mut effects = vec![];
        for (role, portal) in &self.portals {
            effects.push((format!("{role} received"), u64::from(portal.received())));
            effects.push((format!("{role} issued"), u64::from(portal.issued())));
        }
        for (role, store) in &self.stores {
            let (imported, deleted) = store.effects();
            effects.push((format!("{role} imported"), imported.len() as u64));
            effects.push((format!("{role} deleted"), deleted.len() as u64));
        }
        effects.extend(self.folders.iter().map(|(role, folder)| (format!("{role} files"), folder.names().len() as u64)));
        effects
    }

    /// Secrets that portals showed.
    pub(super) fn shown(&self) -> Vec<String> {
        self.portals.values().flat_map(|portal| portal.shown_secrets()).collect()
    }

    /// How often an operation of a portal was carried out (`role.operation`).
    pub(super) fn requests(&self, role: &str, operation: Operation) -> Option<u32> {
        Some(self.portals.get(role)?.calls(operation))
    }
}

fn held_by(cert: &CertInfo, serial: &str) -> CertInfo {
    CertInfo { holder: format!("token:{serial}"), key_exportable: false, ..cert.clone() }
}

fn described(cert: &SimCert, nth: u64, issuer: &str, situation: &Situation) -> CertInfo {
    let until = cert.not_after.unwrap_or(situation.clock);
    let years = jiff::Span::new().years(3).months(3);
    let before = || until.to_zoned(jiff::tz::TimeZone::UTC).checked_sub(years).map_or(situation.clock, |day| day.timestamp());
    let serial = cert.serial.clone().unwrap_or_else(|| format!("{nth:04x}"));
    let named = certificate_of(cert.cn.as_deref().unwrap_or_default(), &serial, cert.issuer.as_deref().unwrap_or(issuer));
    // What issued itself is a root.
    let subject_dn = if named.subject.cn == named.issuer { named.issuer_dn.clone() } else { named.subject_dn.clone() };
    CertInfo {
        not_before: cert.not_before.unwrap_or_else(before),
        not_after: until,
        has_key: cert.key.unwrap_or(true),
        key_exportable: cert.exportable.unwrap_or(true),
        key_protected: cert.protected.unwrap_or(false),
        subject_dn,
        ..named
    }
}
