//! Backends for planning: what reads goes through, what writes panics.
//!
//! A plan is given read handles, so that no write compiles there; this is the proof that none happens behind one either.

use std::sync::Arc;

use crate::backend::profile::{Operation, Profile};
use crate::backend::{
    BackendError, BackendSet, CaRead, CaWrite, Call, Capabilities, EntryInfo, FileEntry, FolderRead, FolderWrite, Gives, ImportRequest, Notice, Notifier,
    PresentToken, Progress, Request, SecretSink, Session, Signer, StoreExport, StoreKeys, StoreLock, StoreRead, StoreRoots, StoreWrite, StoredCert, TokenRead,
    TokenSession, TokenWrite, Vault,
};
use crate::secret::{Secret, SecretRef};

/// A handle that must not be written through.
#[derive(Debug)]
struct Sealed<T: ?Sized>(Arc<T>);

/// The same backends, sealed.
pub(super) fn sealed(open: &BackendSet) -> BackendSet {
    BackendSet {
        stores: open.stores.iter().map(|(role, store)| (role.clone(), Arc::new(Sealed(store.clone())) as Arc<dyn StoreWrite>)).collect(),
        cas: open.cas.iter().map(|(role, ca)| (role.clone(), Arc::new(Sealed(ca.clone())) as Arc<dyn CaWrite>)).collect(),
        folders: open.folders.iter().map(|(role, folder)| (role.clone(), Arc::new(Sealed(folder.clone())) as Arc<dyn FolderWrite>)).collect(),
        tokens: open.tokens.iter().map(|(role, token)| (role.clone(), Arc::new(Sealed(token.clone())) as Arc<dyn TokenWrite>)).collect(),
        vault: Arc::new(Sealed(open.vault.clone())),
        notifier: Arc::new(Sealed(open.notifier.clone())),
        ..open.clone()
    }
}

impl StoreRead for Sealed<dyn StoreWrite> {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn list(&self, call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        self.0.list(call)
    }

    fn locked(&self, call: &Call) -> Result<Vec<String>, BackendError> {
        self.0.locked(call)
    }

    fn signer(&self, call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        self.0.signer(call, thumbprint)
    }

    fn probe_writable(&self, call: &Call) -> Result<(), BackendError> {
        self.0.probe_writable(call)
    }

    fn export(&self) -> Option<&dyn StoreExport> {
        self.0.export()
    }

    fn roots(&self) -> Option<&dyn StoreRoots> {
        self.0.roots()
    }

    fn keys(&self) -> Option<&dyn StoreKeys> {
        self.0.keys()
    }
}

impl StoreWrite for Sealed<dyn StoreWrite> {
    fn import(&self, _call: &Call, _request: &ImportRequest) -> Result<StoredCert, BackendError> {
        panic!("the plan imports into {}", self.0.id())
    }

    fn lock<'a>(&'a self, _call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError> {
        panic!("the plan takes the lock of {}", self.0.id())
    }
}

impl TokenRead for Sealed<dyn TokenWrite> {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn tokens(&self, call: &Call) -> Result<Vec<PresentToken>, BackendError> {
        self.0.tokens(call)
    }

    fn certificates(&self, call: &Call, serial: &str) -> Result<Vec<StoredCert>, BackendError> {
        self.0.certificates(call, serial)
    }
}

impl TokenWrite for Sealed<dyn TokenWrite> {
    fn login(&self, _call: &Call, serial: &str, _pin: &Secret) -> Result<Arc<dyn TokenSession>, BackendError> {
        panic!("the plan tries a PIN on {serial}")
    }
}

impl CaRead for Sealed<dyn CaWrite> {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn profile(&self) -> &Profile {
        self.0.profile()
    }

    fn absent_after(&self, looking: Operation) -> Option<std::time::Duration> {
        self.0.absent_after(looking)
    }

    fn open(&self, _call: &Call, _client: Option<Arc<dyn Signer>>) -> Result<Box<dyn Session>, BackendError> {
        panic!("the plan opens a session of {}", self.0.id())
    }

    fn reach(&self, _call: &Call) -> Result<Option<jiff::Timestamp>, BackendError> {
        panic!("the plan contacts {}", self.0.id())
    }

    fn look(&self, _call: &Call, _session: &mut dyn Session, operation: Operation, _request: &Request) -> Result<Gives, BackendError> {
        panic!("the plan carries out {operation} of {}", self.0.id())
    }
}

impl CaWrite for Sealed<dyn CaWrite> {
    fn send(
        &self,
        _call: &Call,
        _session: &mut dyn Session,
        operation: Operation,
        _request: &Request,
        _sink: &mut dyn SecretSink,
    ) -> Result<Progress<Gives>, BackendError> {
        panic!("the plan sends {operation} to {}", self.0.id())
    }
}

impl FolderRead for Sealed<dyn FolderWrite> {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn plain(&self) -> bool {
        self.0.plain()
    }

    fn list(&self, call: &Call) -> Result<Vec<FileEntry>, BackendError> {
        self.0.list(call)
    }

    fn read(&self, call: &Call, name: &str, limit: u64) -> Result<Vec<u8>, BackendError> {
        self.0.read(call, name, limit)
    }

    fn probe_writable(&self, call: &Call) -> Result<(), BackendError> {
        self.0.probe_writable(call)
    }
}

impl FolderWrite for Sealed<dyn FolderWrite> {
    fn write(&self, _call: &Call, name: &str, _content: &[u8]) -> Result<(), BackendError> {
        panic!("the plan writes {name} into {}", self.0.id())
    }

    fn remove(&self, _call: &Call, name: &str) -> Result<(), BackendError> {
        panic!("the plan removes {name} from {}", self.0.id())
    }
}

impl Vault for Sealed<dyn Vault> {
    fn put(&self, info: &EntryInfo, _value: &Secret) -> Result<(), BackendError> {
        panic!("the plan puts {} into the vault", info.name)
    }

    fn get(&self, reference: &SecretRef) -> Result<Option<Secret>, BackendError> {
        panic!("the plan reads the secret {}", reference.as_str())
    }

    fn list(&self) -> Result<Vec<EntryInfo>, BackendError> {
        self.0.list()
    }

    fn remove(&self, reference: &SecretRef) -> Result<(), BackendError> {
        panic!("the plan removes {}", reference.as_str())
    }

    fn wrap(&self, _content: &Secret) -> Result<Vec<u8>, BackendError> {
        panic!("the plan wraps a file")
    }

    fn unwrap(&self, _wrapped: &[u8]) -> Result<Secret, BackendError> {
        panic!("the plan opens a backup")
    }
}

impl Notifier for Sealed<dyn Notifier> {
    fn send(&self, _call: &Call, _notice: &Notice) -> Result<(), BackendError> {
        panic!("the plan sends a notice")
    }
}
