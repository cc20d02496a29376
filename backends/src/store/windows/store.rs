//! The store's ports over the stores of Windows.
//!
//! A credential is there when its certificate is in the store. Import puts the key into a container of its own first, so that a
//! crash leaves at most a container that nothing leads to; deletion takes the key first, so that a crash leaves a certificate
//! without key, which deleting again removes.

use std::fmt;
use std::sync::Arc;

use kirikae_engine::backend::{
    BackendError, Call, Capabilities, ImportRequest, Signer, StoreExport, StoreLock, StoreRead, StoreRoots, StoreTrust, StoreWrite, StoredCert, Verb,
};
use kirikae_engine::dsl::CertInfo;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use rustls::SignatureScheme;

use super::key::{Facts, PublicKey, digest, is_gone, refuse_strong_protection, way_in, way_of};
use super::lock;
use super::place::{Location, Place, StoreName};
use super::refusal::{Doing, coded};
use crate::store::p12;
use crate::store::signer::prove;
use crate::windows::Refusal;
use crate::windows::cert::{Access, CertStore, Certificate, Container, Owner};
use crate::windows::process::{Held, is_elevated};
use crate::x509::{Custody, cert_info, chain, is_self_issued};

/// A store of Windows.
pub(super) struct WindowsStore {
    id: String,
    place: Place,
}

impl WindowsStore {
    /// The store at `place`. Touches nothing yet.
    pub(super) fn new(place: Place) -> Self {
        Self { id: place.id(), place }
    }

    fn open(&self, access: Access) -> Result<CertStore, BackendError> {
        self.open_beside(self.place.name, access)
    }

    /// Another store of the same owner.
    fn open_beside(&self, name: StoreName, access: Access) -> Result<CertStore, BackendError> {
        let doing = if access == Access::Read { Doing::Reading } else { Doing::Writing };
        CertStore::open(owner(self.place.location), name.word(), access).map_err(|refusal| self.refused(doing, refusal))
    }

    fn refused(&self, doing: Doing, refusal: Refusal) -> BackendError {
        coded(doing, &self.id, refusal.call, refusal.code)
    }

    /// The certificates of the store with this thumbprint; at least one.
    fn found(&self, store: &CertStore, thumbprint: &str) -> Result<Vec<Certificate>, BackendError> {
        let mut found = store.certificates();
        found.retain(|certificate| sha1(&certificate.der()).eq_ignore_ascii_case(thumbprint));
        if !found.is_empty() {
            return Ok(found);
        }
        let cause = Text::new(
            format!("保管先 {} に拇印 {thumbprint} の証明書がありません。", self.id),
            format!("{} has no certificate with thumbprint {thumbprint}.", self.id),
        );
        Err(BackendError::new("CERT.GONE", cause))
    }

    /// As the port lists it; `None` for what cannot be read as a certificate.
    fn stored(&self, certificate: &Certificate) -> Option<StoredCert> {
        let der = certificate.der();
        let container = certificate.container();
        let facts = container.as_ref().map_or_else(Facts::default, |container| way_of(container).facts(&der, container));
        let custody = Custody {
            holder: self.id.clone(),
            has_key: facts.present,
            key_exportable: facts.exportable,
            key_protected: facts.protected,
            friendly_name: certificate.friendly_name(),
        };
        Some(StoredCert { info: cert_info(&der, custody).ok()?, der })
    }

    fn listed(&self, store: &CertStore) -> Vec<StoredCert> {
        let mut certs: Vec<StoredCert> = store.certificates().iter().filter_map(|certificate| self.stored(certificate)).collect();
        certs.sort_by(|a, b| a.info.sha256.cmp(&b.info.sha256));
        certs.dedup_by(|a, b| a.der == b.der);
        certs
    }

    /// A signer of the certificate with this thumbprint.
    fn signer_of(&self, thumbprint: &str) -> Result<WindowsSigner, BackendError> {
        let store = self.open(Access::Read)?;
        let found = self.found(&store, thumbprint)?;
        let with_key = found.iter().find_map(|certificate| Some((certificate, certificate.container()?)));
        let (certificate, container) = with_key.ok_or_else(|| self.without_key(thumbprint))?;
        self.signer_with(certificate, container)
    }

    fn signer_with(&self, certificate: &Certificate, container: Container) -> Result<WindowsSigner, BackendError> {
        let stored = self.stored(certificate).ok_or_else(|| self.unreadable_certificate())?;
        if !stored.info.has_key {
            return Err(self.without_key(&stored.info.sha1));
        }
        let (der, way) = (stored.der, way_of(&container));
        if way.facts(&der, &container).card {
            return Err(self.on_a_card(&container));
        }
        let schemes = way.schemes(PublicKey::of(&der));
        if schemes.is_empty() {
            let cause = Text::new("鍵の種類に対応していません(RSA、P-256、P-384 が使えます)。", "the key's kind is not supported (RSA, P-256, P-384 are).");
            return Err(BackendError::new("KEY.UNUSABLE", cause));
        }
        // A store of intermediates that cannot be read makes the chain shorter, not the key useless.
        let others = self.open_beside(StoreName::Ca, Access::Read).map(|store| store.certificates()).unwrap_or_default();
        let others: Vec<Vec<u8>> = others.iter().map(Certificate::der).collect();
        let chain = chain(&der, others.iter().map(Vec::as_slice)).map_err(|_| self.unreadable_certificate())?;
        Ok(WindowsSigner { id: self.id.clone(), info: stored.info, chain, container, schemes })
    }

    /// The credential, if it is there whole: its key signs.
    fn whole(&self, store: &CertStore, der: &[u8]) -> Option<StoredCert> {
        let certificate = store.certificates().into_iter().find(|certificate| certificate.der() == der)?;
        let signer = self.signer_with(&certificate, certificate.container()?).ok()?;
        prove(&signer, der).ok()?;
        self.stored(&certificate)
    }

    /// Deletes a certificate that came out of `store`, its key first, unless another certificate uses the same container.
    fn delete_from(&self, store: &CertStore, certificate: &Certificate) -> Result<(), BackendError> {
        let der = certificate.der();
        if let Some(container) = certificate.container() {
            if way_of(&container).facts(&der, &container).card {
                return Err(self.on_a_card(&container));
            }
            let shared = store.certificates().iter().any(|other| other.der() != der && other.container().is_some_and(|other| same_key(&other, &container)));
            if !shared {
                match way_of(&container).delete(&der, &container) {
                    Err(refusal) if !is_gone(refusal) => return Err(self.refused(Doing::Writing, refusal)),
                    _ => {}
                }
            }
        }
        store.delete(certificate).map_err(|refusal| self.refused(Doing::Writing, refusal))
    }

    fn add_intermediate(&self, der: &[u8]) -> Result<(), BackendError> {
        let store = self.open_beside(StoreName::Ca, Access::Write)?;
        Certificate::new(der).and_then(|certificate| store.add(&certificate)).map_err(|refusal| self.refused(Doing::Writing, refusal))
    }

    fn without_key(&self, thumbprint: &str) -> BackendError {
        let cause = Text::new(
            format!("保管先 {} の証明書 {thumbprint} には秘密鍵がありません。", self.id),
            format!("the certificate {thumbprint} in {} has no private key.", self.id),
        );
        BackendError::new("KEY.UNUSABLE", cause)
    }

    fn on_a_card(&self, container: &Container) -> BackendError {
        let (id, provider) = (&self.id, &container.provider);
        let cause = Text::new(
            format!("保管先 {id} のこの証明書の鍵は、カードか USBキーの中にあります({provider})。"),
            format!("the key of this certificate in {id} lives in a card or USB key ({provider})."),
        );
        let cure = Text::new(
            "サイトファイルで役割を token: に結んでください。PIN の回数を数えながら使います。",
            "bind the role to a `token:` in the site file; there, tries of the PIN are counted.",
        );
        BackendError::new("KEY.UNUSABLE", cause).cure(cure)
    }

    fn unreadable_certificate(&self) -> BackendError {
        let cause = Text::new(format!("保管先 {} の証明書を読めません。", self.id), format!("the certificate in {} cannot be read.", self.id));
        BackendError::new("STORE.UNREADABLE", cause)
    }

    /// Keys belong to certificates of persons, which lie in `MY`.
    fn needs_my(&self) -> Result<(), BackendError> {
        if self.place.name == StoreName::My {
            return Ok(());
        }
        let cause = Text::new(
            format!("保管先 {} は鍵のある証明書を入れるところではありません。", self.id),
            format!("{} is no place for certificates with keys.", self.id),
        );
        Err(BackendError::new("BACKEND.UNSUPPORTED", cause)
            .cure(Text::new("サイトファイルの name を MY にしてください。", "write `name: MY` in the site file.")))
    }

    /// Where a root is added: for the machine, which asks nothing, if this process may; else for the account.
    fn root_owner(&self) -> Owner {
        if self.place.location == Location::LocalMachine || is_elevated() { Owner::LocalMachine } else { Owner::CurrentUser }
    }
}

impl fmt::Debug for WindowsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowsStore").field("id", &self.id).finish_non_exhaustive()
    }
}

impl StoreRead for WindowsStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        let verbs: &[Verb] = match self.place.name {
            StoreName::My => &[Verb::List, Verb::Import, Verb::Delete, Verb::Sign, Verb::Export, Verb::Trust],
            StoreName::Ca => &[Verb::List, Verb::Delete, Verb::Trust],
            StoreName::Root => &[Verb::List, Verb::Trust],
        };
        Capabilities {
            import_options: way_in(&self.place).options(),
            can_export_keys: true,
            // Its lock honours deadlines; calls of Windows cannot.
            interruptible: false,
            ..Capabilities::local(verbs)
        }
    }

    fn list(&self, _call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        Ok(self.listed(&self.open(Access::Read)?))
    }

    fn locked(&self, _call: &Call) -> Result<Vec<String>, BackendError> {
        let store = self.open(Access::Read)?;
        let unreadable = store.certificates().into_iter().map(|certificate| certificate.der()).filter(|der| cert_info(der, Custody::default()).is_err());
        let mut names: Vec<String> = unreadable.map(|der| sha1(&der)).collect();
        names.sort();
        Ok(names)
    }

    fn signer(&self, _call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        Ok(Arc::new(self.signer_of(thumbprint)?))
    }

    fn probe_writable(&self, _call: &Call) -> Result<(), BackendError> {
        self.open(Access::Write).map(drop)
    }

    fn export(&self) -> Option<&dyn StoreExport> {
        Some(self)
    }

    fn roots(&self) -> Option<&dyn StoreRoots> {
        Some(self)
    }
}

impl StoreExport for WindowsStore {
    fn export(&self, _call: &Call, thumbprint: &str, password: &Secret) -> Result<Secret, BackendError> {
        let store = self.open(Access::Read)?;
        let found = self.found(&store, thumbprint)?;
        let with_key = found.iter().find_map(|certificate| Some((certificate, certificate.container()?)));
        let (certificate, container) = with_key.ok_or_else(|| self.without_key(thumbprint))?;
        let signer = self.signer_with(certificate, container.clone())?;
        if !signer.info.key_exportable {
            let cause = Text::new(
                format!("保管先 {} のこの証明書は、鍵を取り出せないように取り込まれています。", self.id),
                format!("this certificate of {} was imported with a key that cannot be exported.", self.id),
            );
            return Err(BackendError::new("KEY.NOT_EXPORTABLE", cause));
        }
        let key = way_of(&container).export(&self.place, certificate, &container)?;
        let name = signer.info.friendly_name.as_deref().unwrap_or(&signer.info.subject.cn);
        Ok(Secret::bytes(p12::write(&key, &signer.chain, name, password)?))
    }
}

impl StoreRoots for WindowsStore {
    fn trusted(&self, _call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        Ok(self.listed(&self.open_beside(StoreName::Root, Access::Read)?))
    }

    fn dialog(&self) -> Option<Text> {
        (self.root_owner() == Owner::CurrentUser).then(|| {
            Text::new(
                "Windows が「セキュリティ警告」の画面で、ルート証明書をインストールするか聞きます。拇印を確かめて「はい」を選んでください。",
                "Windows asks in a \"Security Warning\" window whether to install the root; compare the thumbprint, then choose Yes.",
            )
        })
    }
}

impl StoreTrust for WindowsStore {
    fn trust(&self, call: &Call, root: &[u8]) -> Result<StoredCert, BackendError> {
        let holder = Custody { holder: self.id.clone(), ..Custody::default() };
        let info = cert_info(root, holder).map_err(|reason| {
            let cause = Text::new(format!("ルート証明書として読めません({reason})。"), format!("not readable as a certificate ({reason})."));
            BackendError::new("CERT.UNREADABLE", cause)
        })?;
        if let Some(known) = self.trusted(call)?.into_iter().find(|known| known.der == root) {
            return Ok(known);
        }
        let refused = |refusal| self.refused(Doing::Trusting, refusal);
        let certificate = Certificate::new(root).map_err(refused)?;
        CertStore::open(self.root_owner(), StoreName::Root.word(), Access::Write).and_then(|store| store.add(&certificate)).map_err(refused)?;
        Ok(StoredCert { info, der: root.to_vec() })
    }
}

impl StoreWrite for WindowsStore {
    fn import(&self, call: &Call, request: &ImportRequest) -> Result<StoredCert, BackendError> {
        self.needs_my()?;
        refuse_strong_protection(request)?;
        let credential = p12::open(request.file.expose(), &request.password, &self.id)?;
        let leaf = &credential.leaf;
        let _lock = lock::take(&self.place, call)?;
        let store = self.open(Access::Write)?;
        if let Some(stored) = self.whole(&store, &leaf.der) {
            return Ok(stored);
        }
        // What is above it lies with the intermediates. A root among them is nobody's to trust here.
        for other in credential.others.iter().filter(|other| !other.info.has_key && !is_self_issued(&other.der)) {
            self.add_intermediate(&other.der)?;
        }
        let certificate = way_in(&self.place).import(&self.place, &credential, request)?;
        let name = request.friendly_name.as_deref().or(leaf.info.friendly_name.as_deref());
        let put = || {
            name.map_or(Ok(()), |name| certificate.set_friendly_name(name))?;
            store.add(&certificate)
        };
        if let Err(refusal) = put() {
            // As before: the key just put in goes again.
            if let Some(container) = certificate.container() {
                let _ = way_of(&container).delete(&leaf.der, &container);
            }
            return Err(self.refused(Doing::Writing, refusal));
        }
        self.stored(&certificate).ok_or_else(|| self.unreadable_certificate())
    }

    fn lock<'a>(&'a self, call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError> {
        Ok(Box::new(LockedStore { store: self, _held: lock::take(&self.place, call)? }))
    }

    fn trusting(&self) -> Option<&dyn StoreTrust> {
        Some(self)
    }
}

/// The store while its lock is held.
struct LockedStore<'a> {
    store: &'a WindowsStore,
    _held: Held,
}

impl StoreLock for LockedStore<'_> {
    fn list(&self) -> Result<Vec<StoredCert>, BackendError> {
        self.store.list(&Call::unattached())
    }

    fn prove_key(&self, thumbprint: &str) -> Result<(), BackendError> {
        let signer = self.store.signer_of(thumbprint)?;
        prove(&signer, &signer.chain[0])
    }

    fn delete(&self, thumbprint: &str) -> Result<(), BackendError> {
        if self.store.place.name == StoreName::Root {
            // Windows would ask a person, in a window that nobody announced.
            let cause = Text::new("信頼されたルート証明書は、kirikae からは削除しません。", "trusted roots are not deleted by kirikae.");
            let cure = Text::new("証明書の管理(certmgr.msc)で、人が削除してください。", "delete it by hand in certmgr.msc.");
            return Err(BackendError::new("BACKEND.UNSUPPORTED", cause).cure(cure));
        }
        let store = self.store.open(Access::Write)?;
        let found = self.store.found(&store, thumbprint)?;
        found.iter().try_for_each(|certificate| self.store.delete_from(&store, certificate))
    }
}

/// A credential whose key stays in Windows.
struct WindowsSigner {
    id: String,
    info: CertInfo,
    chain: Vec<Vec<u8>>,
    container: Container,
    schemes: &'static [SignatureScheme],
}

impl fmt::Debug for WindowsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowsSigner").field("id", &self.id).field("sha1", &self.info.sha1).finish_non_exhaustive()
    }
}

impl Signer for WindowsSigner {
    fn info(&self) -> &CertInfo {
        &self.info
    }

    fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    fn schemes(&self) -> Vec<u16> {
        self.schemes.iter().map(|scheme| u16::from(*scheme)).collect()
    }

    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>, BackendError> {
        let scheme = SignatureScheme::from(scheme);
        if !self.schemes.contains(&scheme) {
            let cause = Text::new(format!("この鍵は {scheme:?} で署名できません。"), format!("this key does not sign with {scheme:?}."));
            return Err(BackendError::new("KEY.UNUSABLE", cause));
        }
        let signed = way_of(&self.container).sign(&self.chain[0], &self.container, scheme, &digest(scheme, message));
        signed.map_err(|refusal| coded(Doing::UsingKey, &self.id, refusal.call, refusal.code))
    }
}

fn owner(location: Location) -> Owner {
    match location {
        Location::CurrentUser => Owner::CurrentUser,
        Location::LocalMachine => Owner::LocalMachine,
    }
}

fn sha1(der: &[u8]) -> String {
    use sha1::Digest;
    hex::encode(sha1::Sha1::digest(der))
}

/// Whether two containers are one; how they were noted may differ.
fn same_key(one: &Container, other: &Container) -> bool {
    (&one.name, &one.provider, one.kind) == (&other.name, &other.provider, other.kind)
}
