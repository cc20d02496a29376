//! A store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::{FakeP12, locked, stored};
use crate::backend::{
    BackendError, Call, Capabilities, ImportOption, ImportRequest, KeyKind, OptionSupport, P12, PendingKey, Signer, StoreExport, StoreKeyMaker, StoreKeys,
    StoreLock, StoreRead, StoreRoots, StoreTrust, StoreWrite, StoredCert, Verb,
};
use crate::dsl::CertInfo;
use crate::secret::Secret;
use crate::text::Text;

/// A store of certificates with their keys.
#[derive(Debug)]
pub struct FakeStore {
    id: String,
    p12: Arc<FakeP12>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    certs: Vec<StoredCert>,
    roots: Vec<StoredCert>,
    keys: Vec<PendingKey>,
    /// Which certificate (SHA-256) was issued for which key.
    issued: BTreeMap<String, String>,
    /// The next call of this kind fails with this code (`list`, `import`, `delete`, `delete half`, `delete late`, `lock`, `writable`).
    faults: BTreeMap<&'static str, &'static str>,
    /// Every call of this kind fails with this code.
    refused: BTreeMap<&'static str, &'static str>,
    bad_keys: BTreeSet<String>,
    locked: bool,
    imported: Vec<String>,
    deleted: Vec<String>,
}

impl FakeStore {
    /// An empty store with this identity.
    pub fn new(id: &str, p12: Arc<FakeP12>) -> Self {
        Self { id: id.to_owned(), p12, state: Mutex::default() }
    }

    /// Puts a certificate in, and gives it as the store lists it.
    pub fn put(&self, cert: CertInfo) -> CertInfo {
        let cert = CertInfo { holder: self.id.clone(), ..cert };
        locked(&self.state).certs.push(stored(cert.clone()));
        cert
    }

    /// The next `list`, `import`, `delete`, `lock` or `writable` fails with this code; `delete half` after the key is gone,
    /// `delete late` after everything is.
    pub fn fail(&self, call: &'static str, code: &'static str) {
        locked(&self.state).faults.insert(call, code);
    }

    /// Every call of these kinds fails with this code.
    pub fn refuse(&self, calls: &[&'static str], code: &'static str) {
        locked(&self.state).refused.extend(calls.iter().map(|call| (*call, code)));
    }

    /// What is in it, without a call.
    pub fn certs(&self) -> Vec<CertInfo> {
        locked(&self.state).certs.iter().map(|cert| cert.info.clone()).collect()
    }

    /// The key of this certificate no longer matches it.
    pub fn spoil_key(&self, thumbprint: &str) {
        locked(&self.state).bad_keys.insert(thumbprint.to_owned());
    }

    /// A certificate was issued for the key of this name.
    pub fn issue(&self, id: &str, cert: &CertInfo) {
        locked(&self.state).issued.insert(id.to_owned(), cert.sha256.clone());
    }

    fn key(&self, id: &str) -> Result<(), BackendError> {
        let known = locked(&self.state).keys.iter().any(|key| key.id == id);
        if known { Ok(()) } else { Err(BackendError::new("KEY.UNUSABLE", Text::new("その鍵はありません。", "no such key."))) }
    }

    /// Takes the key of a certificate away behind everybody's back.
    pub fn take_key(&self, thumbprint: &str) {
        locked(&self.state).certs.iter_mut().filter(|cert| cert.info.sha1 == thumbprint).for_each(|cert| cert.info.has_key = false);
    }

    /// Takes a certificate away behind everybody's back.
    pub fn take(&self, thumbprint: &str) {
        locked(&self.state).certs.retain(|cert| cert.info.sha1 != thumbprint);
    }

    /// Thumbprints in it.
    pub fn thumbprints(&self) -> Vec<String> {
        locked(&self.state).certs.iter().map(|cert| cert.info.sha1.clone()).collect()
    }

    /// Thumbprints that were imported and deleted, in order.
    pub fn effects(&self) -> (Vec<String>, Vec<String>) {
        let state = locked(&self.state);
        (state.imported.clone(), state.deleted.clone())
    }

    fn fault(&self, call: &'static str) -> Result<(), BackendError> {
        let mut state = locked(&self.state);
        let refused = state.refused.get(call).copied();
        match refused.or_else(|| state.faults.remove(call)) {
            Some(code) => Err(BackendError::new(code, Text::new(format!("{}: {call} の故障(試験)", self.id), format!("{}: fault of {call} (test).", self.id)))),
            None => Ok(()),
        }
    }
}

impl StoreRead for FakeStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            import_options: BTreeMap::from([
                (ImportOption::Exportable, OptionSupport::Honoured),
                (ImportOption::ExtendedProperties, OptionSupport::Recorded),
                (ImportOption::StrongProtection, OptionSupport::Refused),
            ]),
            can_export_keys: true,
            ..Capabilities::local(&[Verb::List, Verb::Import, Verb::Delete, Verb::Sign, Verb::Export, Verb::Trust, Verb::MakeKey])
        }
    }

    fn list(&self, _call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        self.fault("list")?;
        Ok(locked(&self.state).certs.clone())
    }

    fn signer(&self, _call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        let state = locked(&self.state);
        let found = state.certs.iter().find(|cert| cert.info.sha1 == thumbprint);
        let cert = found.ok_or_else(|| BackendError::new("CERT.GONE", Text::new("証明書がありません。", "no such certificate.")))?;
        if !cert.info.has_key || state.bad_keys.contains(thumbprint) {
            return Err(BackendError::new("KEY.UNUSABLE", Text::new("鍵が使えません。", "the key cannot be used.")));
        }
        Ok(Arc::new(FakeSigner::of(cert)))
    }

    fn probe_writable(&self, _call: &Call) -> Result<(), BackendError> {
        self.fault("writable")
    }

    fn export(&self) -> Option<&dyn StoreExport> {
        Some(self)
    }

    fn roots(&self) -> Option<&dyn StoreRoots> {
        Some(self)
    }

    fn keys(&self) -> Option<&dyn StoreKeys> {
        Some(self)
    }
}

impl StoreExport for FakeStore {
    fn export(&self, _call: &Call, thumbprint: &str, password: &Secret) -> Result<Secret, BackendError> {
        self.fault("export")?;
        let state = locked(&self.state);
        let found = state.certs.iter().find(|cert| cert.info.sha1 == thumbprint);
        let cert = found.ok_or_else(|| BackendError::new("CERT.GONE", Text::new("証明書がありません。", "no such certificate.")))?;
        if !cert.info.key_exportable {
            return Err(BackendError::new("KEY.NOT_EXPORTABLE", Text::new("鍵を書き出せません。", "the key cannot be exported.")));
        }
        Ok(self.p12.make(password.expose_text().unwrap_or_default(), &cert.info, &[]))
    }
}

impl StoreRoots for FakeStore {
    fn trusted(&self, _call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        Ok(locked(&self.state).roots.clone())
    }

    fn dialog(&self) -> Option<Text> {
        None
    }
}

impl StoreTrust for FakeStore {
    fn trust(&self, _call: &Call, root: &[u8]) -> Result<StoredCert, BackendError> {
        self.fault("trust")?;
        let sha256 = String::from_utf8_lossy(root).into_owned();
        let mut state = locked(&self.state);
        if let Some(known) = state.roots.iter().find(|known| known.info.sha256 == sha256) {
            return Ok(known.clone());
        }
        let info =
            self.p12.certificate_of(&sha256).ok_or_else(|| BackendError::new("CERT.UNREADABLE", Text::new("証明書ではありません。", "no certificate.")))?;
        let trusted = stored(CertInfo { holder: self.id.clone(), ..info });
        state.roots.push(trusted.clone());
        Ok(trusted)
    }
}

impl StoreKeys for FakeStore {
    fn pending(&self, _call: &Call) -> Result<Vec<PendingKey>, BackendError> {
        self.fault("keys")?;
        Ok(locked(&self.state).keys.clone())
    }

    fn request(&self, _call: &Call, id: &str, subject: &[(String, String)]) -> Result<Vec<u8>, BackendError> {
        self.key(id)?;
        let subject: Vec<String> = subject.iter().map(|(kind, value)| format!("{kind}={value}")).collect();
        Ok(format!("request of {id} for {}", subject.join(",")).into_bytes())
    }
}

impl StoreKeyMaker for FakeStore {
    fn create(&self, _call: &Call, id: &str, kind: KeyKind, _exportable: bool) -> Result<PendingKey, BackendError> {
        self.fault("create")?;
        let key = PendingKey { id: id.to_owned(), kind, public_key: id.as_bytes().to_vec() };
        locked(&self.state).keys.push(key.clone());
        Ok(key)
    }

    fn accept(&self, _call: &Call, id: &str, certificates: &[Vec<u8>], friendly_name: Option<&str>) -> Result<StoredCert, BackendError> {
        self.fault("accept")?;
        self.key(id)?;
        let mut state = locked(&self.state);
        let own = state.issued.get(id).filter(|sha256| certificates.iter().any(|der| der == sha256.as_bytes())).cloned();
        let own = own.ok_or_else(|| BackendError::new("KEY.MISMATCH", Text::new("この鍵の証明書ではありません。", "the certificate is not for this key.")))?;
        let info = self.p12.certificate_of(&own).expect("a certificate that was issued");
        let (has_key, friendly_name) = (true, friendly_name.map(str::to_owned));
        let cert = stored(CertInfo { holder: self.id.clone(), has_key, friendly_name, ..info });
        state.keys.retain(|key| key.id != id);
        state.imported.push(cert.info.sha1.clone());
        state.certs.push(cert.clone());
        Ok(cert)
    }
}

impl StoreWrite for FakeStore {
    fn import(&self, _call: &Call, request: &ImportRequest) -> Result<StoredCert, BackendError> {
        self.fault("import")?;
        assert!(!locked(&self.state).locked, "an import into a store whose lock is held");
        let leaf = self.p12.open(&request.file, &request.password)?.leaf.info;
        if request.options.get(&ImportOption::StrongProtection) == Some(&true) {
            return Err(BackendError::new("BACKEND.UNSUPPORTED", Text::new("保護は強くできません。", "no strong protection here.")));
        }
        let exportable = request.options.get(&ImportOption::Exportable).copied().unwrap_or(false);
        let cert = stored(CertInfo { holder: self.id.clone(), key_exportable: exportable, friendly_name: request.friendly_name.clone(), ..leaf });
        let mut state = locked(&self.state);
        if let Some(known) = state.certs.iter().find(|known| known.info.sha1 == cert.info.sha1) {
            return Ok(known.clone());
        }
        state.imported.push(cert.info.sha1.clone());
        state.certs.push(cert.clone());
        Ok(cert)
    }

    fn trusting(&self) -> Option<&dyn StoreTrust> {
        Some(self)
    }

    fn making(&self) -> Option<&dyn StoreKeyMaker> {
        Some(self)
    }

    fn lock<'a>(&'a self, _call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError> {
        self.fault("lock")?;
        let mut state = locked(&self.state);
        assert!(!state.locked, "the store's lock was taken twice");
        state.locked = true;
        Ok(Box::new(Held { store: self, looked: Mutex::new(BTreeSet::new()) }))
    }
}

/// The lock; a deletion of what was not listed or under whose eyes no key was proved panics.
struct Held<'a> {
    store: &'a FakeStore,
    looked: Mutex<BTreeSet<String>>,
}

impl StoreLock for Held<'_> {
    fn list(&self) -> Result<Vec<StoredCert>, BackendError> {
        let certs = locked(&self.store.state).certs.clone();
        locked(&self.looked).extend(certs.iter().map(|cert| cert.info.sha1.clone()));
        Ok(certs)
    }

    fn prove_key(&self, thumbprint: &str) -> Result<(), BackendError> {
        if locked(&self.store.state).bad_keys.contains(thumbprint) {
            return Err(BackendError::new("KEY.MISMATCH", Text::new("鍵が証明書と合いません。", "the key does not match.")));
        }
        assert!(locked(&self.store.state).certs.iter().any(|cert| cert.info.sha1 == thumbprint), "proof of a key that is not there");
        locked(&self.looked).insert("proved".to_owned());
        Ok(())
    }

    fn delete(&self, thumbprint: &str) -> Result<(), BackendError> {
        let looked = locked(&self.looked);
        assert!(looked.contains(thumbprint), "deletion of {thumbprint} without a look under the lock");
        assert!(looked.contains("proved"), "deletion of {thumbprint} without a proof of its replacement's key under the lock");
        self.store.fault("delete")?;
        let half = self.store.fault("delete half");
        let mut state = locked(&self.store.state);
        if half.is_err() {
            drop(state);
            self.store.take_key(thumbprint);
            return half;
        }
        state.certs.retain(|cert| cert.info.sha1 != thumbprint);
        state.deleted.push(thumbprint.to_owned());
        drop(state);
        self.store.fault("delete late")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        locked(&self.store.state).locked = false;
    }
}

/// Signs nothing that TLS would take; the fake portal asks only whose certificate it is.
#[derive(Debug)]
pub(super) struct FakeSigner {
    info: CertInfo,
    chain: Vec<Vec<u8>>,
}

impl FakeSigner {
    /// Of a certificate and its key.
    pub(super) fn of(cert: &StoredCert) -> Self {
        Self { info: cert.info.clone(), chain: vec![cert.der.clone()] }
    }
}

impl Signer for FakeSigner {
    fn info(&self) -> &CertInfo {
        &self.info
    }

    fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    fn schemes(&self) -> Vec<u16> {
        vec![0x0403]
    }

    fn sign(&self, _scheme: u16, message: &[u8]) -> Result<Vec<u8>, BackendError> {
        Ok([self.info.sha1.as_bytes(), message].concat())
    }
}
