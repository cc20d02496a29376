//! Store, folder, vault and notices of a simulated clinic: the strict fakes, with calls that fail and processes that die in them.

use std::sync::Arc;

use super::faults::Harm;
use super::ground::Ground;
use super::portal::fault;
use crate::backend::{
    BackendError, Call, Capabilities, EntryInfo, FileEntry, FolderRead, FolderWrite, ImportRequest, Notice, Notifier, Signer, StoreExport, StoreKeyMaker,
    StoreKeys, StoreLock, StoreRead, StoreRoots, StoreTrust, StoreWrite, StoredCert, Vault,
};
use crate::secret::{Secret, SecretRef};
use crate::testing::{FakeFolder, FakeNotifier, FakeStore, FakeVault};

/// A store that can be unreadable, taken away, or held by another program.
#[derive(Debug)]
pub(super) struct SimStore(pub(super) Arc<FakeStore>, pub(super) Arc<Ground>);

impl SimStore {
    fn read(&self, what: &str) -> Result<(), BackendError> {
        self.1.enter(what)?;
        if self.1.harmed(Harm::Read) { Err(fault("STORE.UNREADABLE")) } else { Ok(()) }
    }

    fn write(&self, what: &str) -> Result<(), BackendError> {
        self.1.enter(what)?;
        if self.1.harmed(Harm::Write) { Err(fault(self.1.draw(|rng| *rng.pick(&["STORE.LOCKED", "STORE.READONLY", "STORE.UNREADABLE"])))) } else { Ok(()) }
    }

    fn answered(&self, what: &str) -> Result<(), BackendError> {
        self.1.must_work(&self.0, what);
        self.1.leave(what)?;
        if self.1.harmed(Harm::LostAnswer) { Err(fault("STORE.UNREADABLE")) } else { Ok(()) }
    }
}

impl StoreRead for SimStore {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn list(&self, call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        self.read("list store")?;
        self.0.list(call)
    }

    fn signer(&self, call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        self.read("take key")?;
        self.0.signer(call, thumbprint)
    }

    fn probe_writable(&self, call: &Call) -> Result<(), BackendError> {
        self.read("probe store")?;
        self.0.probe_writable(call)
    }

    fn export(&self) -> Option<&dyn StoreExport> {
        StoreRead::export(&*self.0)
    }

    fn roots(&self) -> Option<&dyn StoreRoots> {
        self.0.roots()
    }

    fn keys(&self) -> Option<&dyn StoreKeys> {
        self.0.keys()
    }
}

impl StoreWrite for SimStore {
    fn import(&self, call: &Call, request: &ImportRequest) -> Result<StoredCert, BackendError> {
        self.write("import")?;
        self.1.effect(call, "import");
        let stored = self.0.import(call, request)?;
        self.answered("import")?;
        Ok(stored)
    }

    fn trusting(&self) -> Option<&dyn StoreTrust> {
        self.0.trusting()
    }

    fn making(&self) -> Option<&dyn StoreKeyMaker> {
        self.0.making()
    }

    fn lock<'a>(&'a self, call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError> {
        self.write("lock store")?;
        Ok(Box::new(SimLock { store: self, held: self.0.lock(call)?, call: call.clone() }))
    }
}

struct SimLock<'a> {
    store: &'a SimStore,
    held: Box<dyn StoreLock + 'a>,
    call: Call,
}

impl StoreLock for SimLock<'_> {
    fn list(&self) -> Result<Vec<StoredCert>, BackendError> {
        self.store.read("list locked store")?;
        self.held.list()
    }

    fn prove_key(&self, thumbprint: &str) -> Result<(), BackendError> {
        self.store.read("prove key")?;
        self.held.prove_key(thumbprint)
    }

    fn delete(&self, thumbprint: &str) -> Result<(), BackendError> {
        let SimStore(store, ground) = self.store;
        self.store.write("delete")?;
        ground.effect(&self.call, "delete");
        if !ground.may_delete(store, thumbprint) {
            return Err(fault("CERT.LAST"));
        }
        if ground.harmed(Harm::Damaged) {
            // The key is gone, the certificate is not.
            store.fail("delete half", "STORE.READONLY");
        }
        self.held.delete(thumbprint)?;
        self.store.answered("delete")
    }
}

/// A folder on a medium that can be taken out, full, or torn.
#[derive(Debug)]
pub(super) struct SimFolder(pub(super) Arc<FakeFolder>, pub(super) Arc<Ground>);

impl SimFolder {
    fn read_fault(&self, what: &str) -> Result<(), BackendError> {
        self.1.enter(what)?;
        if self.1.harmed(Harm::Read) { Err(fault("FOLDER.ABSENT")) } else { Ok(()) }
    }
}

impl FolderRead for SimFolder {
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
        self.read_fault("list folder")?;
        self.0.list(call)
    }

    fn read(&self, call: &Call, name: &str, limit: u64) -> Result<Vec<u8>, BackendError> {
        self.read_fault("read file")?;
        self.0.read(call, name, limit)
    }

    fn probe_writable(&self, call: &Call) -> Result<(), BackendError> {
        self.read_fault("probe folder")?;
        self.0.probe_writable(call)
    }
}

impl FolderWrite for SimFolder {
    fn write(&self, call: &Call, name: &str, content: &[u8]) -> Result<(), BackendError> {
        self.1.enter("write file")?;
        if self.1.harmed(Harm::Write) {
            return Err(fault(self.1.draw(|rng| *rng.pick(&["FOLDER.FULL", "FOLDER.ABSENT", "FOLDER.READONLY"]))));
        }
        self.1.effect(call, "write file");
        if self.1.harmed(Harm::Damaged) {
            self.0.tear_next_write();
        }
        self.0.write(call, name, content)?;
        self.1.leave("write file")?;
        if self.1.harmed(Harm::LostAnswer) { Err(fault("FOLDER.ABSENT")) } else { Ok(()) }
    }

    fn remove(&self, call: &Call, name: &str) -> Result<(), BackendError> {
        self.1.enter("remove file")?;
        if self.1.harmed(Harm::Write) {
            return Err(fault(self.1.draw(|rng| *rng.pick(&["FOLDER.ABSENT", "FOLDER.READONLY"]))));
        }
        self.1.effect(call, "remove file");
        self.0.remove(call, name)?;
        self.1.leave("remove file")?;
        if self.1.harmed(Harm::LostAnswer) { Err(fault("FOLDER.ABSENT")) } else { Ok(()) }
    }
}

/// A vault whose folder can be full, and which can be unreadable.
#[derive(Debug)]
pub(super) struct SimVault(pub(super) Arc<FakeVault>, pub(super) Arc<Ground>);

impl Vault for SimVault {
    fn put(&self, info: &EntryInfo, value: &Secret) -> Result<(), BackendError> {
        self.1.enter("put into vault")?;
        if self.1.harmed(Harm::Write) {
            return Err(fault("FOLDER.FULL"));
        }
        self.0.put(info, value)?;
        self.1.leave("put into vault")
    }

    fn get(&self, reference: &SecretRef) -> Result<Option<Secret>, BackendError> {
        self.1.enter("read vault")?;
        if self.1.harmed(Harm::Read) { Err(fault("VAULT.UNREADABLE")) } else { self.0.get(reference) }
    }

    fn list(&self) -> Result<Vec<EntryInfo>, BackendError> {
        self.1.enter("list vault")?;
        self.0.list()
    }

    fn remove(&self, reference: &SecretRef) -> Result<(), BackendError> {
        self.0.remove(reference)
    }

    fn wrap(&self, content: &Secret) -> Result<Vec<u8>, BackendError> {
        self.0.wrap(content)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Secret, BackendError> {
        self.0.unwrap(wrapped)
    }
}

/// Notices that do not always get through.
#[derive(Debug)]
pub(super) struct SimNotifier(pub(super) Arc<FakeNotifier>, pub(super) Arc<Ground>);

impl Notifier for SimNotifier {
    fn send(&self, call: &Call, notice: &Notice) -> Result<(), BackendError> {
        self.1.enter("notify")?;
        if self.1.harmed(Harm::Write) {
            return Err(fault("NOTIFY.UNREACHABLE"));
        }
        self.1.effect(call, "notify");
        self.0.send(call, notice)?;
        self.1.leave("notify")
    }
}
