//! What every store does, wherever it keeps its certificates.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::backend::{BackendError, Call, ImportOption, ImportRequest, OptionSupport, P12, StoreExport, StoreTrust, StoreWrite, StoredCert, Verb};
use crate::secret::Secret;

/// A store under test, with what the suite puts into it. It holds none of that yet; what else it holds does not matter.
pub struct StoreRig {
    /// The store.
    pub store: Arc<dyn StoreWrite>,
    /// The same place opened a second time, as another process would.
    pub again: Arc<dyn StoreWrite>,
    /// A credential with an intermediate above it.
    pub first: Sample,
    /// Another one of the same subject with a key of its own, as a renewal gives it.
    pub second: Sample,
    /// A root certificate, DER, that is trusted nowhere.
    pub root: Vec<u8>,
    /// Opens what the store writes.
    pub p12: Arc<dyn P12>,
    /// Whether a signature as TLS sends it fits the public key of a certificate: certificate, scheme, message, signature.
    pub verify: fn(&[u8], u16, &[u8], &[u8]) -> bool,
    /// What lies at the store's place, so that anything left behind makes a difference.
    pub place: Box<dyn Fn() -> BTreeMap<String, Vec<u8>>>,
    /// How many private keys lie there, counted without the store.
    pub keys: Box<dyn Fn() -> usize>,
    /// Takes the key of the certificate with this SHA-1 thumbprint away, as an accident would; `None`: nothing here can.
    pub lose_key: Option<LoseKey>,
}

/// Takes the key of a certificate away, found by its thumbprint.
pub type LoseKey = Box<dyn Fn(&str)>;

/// A PKCS#12 file and what is in it.
pub struct Sample {
    /// The file, its friendly name another one than any that the suite gives.
    pub file: Secret,
    /// Its password.
    pub password: Secret,
    /// The certificate, DER.
    pub leaf: Vec<u8>,
    /// Its intermediates, DER, in issuing order; no root.
    pub above: Vec<Vec<u8>>,
}

/// A thumbprint that no certificate has.
const NOBODY: &str = "0000000000000000000000000000000000000000";

/// A friendly name as a clinic gives it.
const NAME: &str = "受付２ 請求用";

/// Runs the whole suite; `fresh` makes a rig for each part.
pub fn holds(fresh: impl Fn() -> StoreRig) {
    says_what_it_can(&fresh());
    lists_what_was_imported(&fresh());
    importing_again_changes_nothing(&fresh());
    keeps_two_of_one_subject_apart(&fresh());
    signs_with_the_key_of_the_certificate(&fresh());
    takes_or_refuses_each_option(&fresh);
    refuses_what_is_no_credential(&fresh());
    is_one_callers_while_it_is_locked(&fresh());
    deletes_certificate_and_key(&fresh());
    shows_a_certificate_that_lost_its_key(&fresh());
    leaves_nothing_behind_when_probed(&fresh());
    writes_out_what_opens(&fresh());
    trusts_a_root_once(&fresh());
}

impl Sample {
    fn request(&self, friendly_name: Option<&str>) -> ImportRequest {
        ImportRequest {
            file: self.file.clone(),
            password: self.password.clone(),
            friendly_name: friendly_name.map(str::to_owned),
            options: BTreeMap::from([(ImportOption::Exportable, true)]),
        }
    }

    fn put(&self, store: &dyn StoreWrite) -> StoredCert {
        store.import(&call(), &self.request(Some(NAME))).expect("the import of a good file")
    }
}

impl StoreRig {
    /// The store's entry for this certificate.
    fn entry(&self, der: &[u8]) -> Option<StoredCert> {
        let mut found: Vec<StoredCert> = self.list().into_iter().filter(|cert| cert.der == der).collect();
        assert!(found.len() <= 1, "a certificate is listed twice");
        found.pop()
    }

    fn list(&self) -> Vec<StoredCert> {
        self.store.list(&call()).expect("a list")
    }

    fn prove(&self, cert: &StoredCert) {
        self.store.lock(&call()).expect("the lock is free").prove_key(&cert.info.sha1).expect("the key is there and fits");
    }

    /// Nothing but signing and listing tells this from the state before.
    fn as_before(&self, before: &[StoredCert], keys: usize) {
        assert_eq!(self.list(), before, "the list is as before");
        assert_eq!((self.keys)(), keys, "there are as many keys as before");
    }
}

fn call() -> Call {
    Call::unattached()
}

/// A caller who does not wait.
fn at_once() -> Call {
    Call { deadline: Some(Instant::now()), ..call() }
}

fn code<T: fmt::Debug>(answer: Result<T, BackendError>) -> String {
    answer.expect_err("this is refused").code
}

fn says_what_it_can(rig: &StoreRig) {
    let can = rig.store.capabilities();
    assert_eq!(can, rig.again.capabilities());
    assert_eq!(rig.store.id(), rig.again.id(), "one place, one identity");
    assert!(can.max_parallel >= 1);
    for verb in [Verb::List, Verb::Import, Verb::Delete, Verb::Sign] {
        assert!(can.verbs.contains(&verb), "{verb:?}: every store can");
    }
    assert_eq!(can.verbs.contains(&Verb::Export), rig.store.export().is_some(), "export is said and there, or neither");
    assert!(rig.store.export().is_none() || can.can_export_keys);
    assert_eq!(can.verbs.contains(&Verb::Trust), rig.store.trusting().is_some(), "trust is said and there, or neither");
    assert!(rig.store.trusting().is_none() || rig.store.roots().is_some(), "what can be trusted can be listed");
}

fn lists_what_was_imported(rig: &StoreRig) {
    let keys = (rig.keys)();
    assert_eq!(rig.entry(&rig.first.leaf), None, "the rig is fresh");
    let imported = rig.first.put(&*rig.store);
    assert_eq!(rig.entry(&rig.first.leaf).as_ref(), Some(&imported), "what the import said is what is listed");
    assert_eq!((rig.keys)(), keys + 1);
    let info = &imported.info;
    assert!(info.has_key, "the key came with it");
    assert_eq!(info.holder, rig.store.id(), "a handle leads back to its store");
    assert_eq!(info.friendly_name.as_deref(), Some(NAME));
    assert!(info.sha1.len() == 40 && info.sha1.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)), "{}", info.sha1);

    rig.second.put(&*rig.again);
    let listed = rig.list();
    assert_eq!(listed, rig.list(), "the same answer to the same question");
    assert_eq!(listed, rig.again.list(&call()).expect("a list"), "in the same order for everybody");
    assert_eq!(rig.store.locked(&call()).expect("a list"), Vec::<String>::new(), "nothing is left unreadable");
}

fn importing_again_changes_nothing(rig: &StoreRig) {
    let imported = rig.first.put(&*rig.store);
    let (before, keys) = (rig.list(), (rig.keys)());
    for name in [Some(NAME), Some("another name"), None] {
        let again = rig.again.import(&call(), &rig.first.request(name)).expect("what is there already is done already");
        assert_eq!(again, imported);
        rig.as_before(&before, keys);
    }
}

fn keeps_two_of_one_subject_apart(rig: &StoreRig) {
    let (old, new) = (rig.first.put(&*rig.store), rig.second.put(&*rig.store));
    assert_eq!(old.info.subject_dn, new.info.subject_dn, "the samples have one subject");
    for cert in [&old, &new] {
        assert_eq!(rig.store.signer(&call(), &cert.info.sha1).expect("its own key").chain().first(), Some(&cert.der));
        rig.prove(cert);
    }
    rig.store.lock(&call()).expect("the lock is free").delete(&old.info.sha1).expect("the old one goes");
    assert_eq!(rig.entry(&old.der), None);
    assert_eq!(rig.entry(&new.der).map(|cert| cert.info.has_key), Some(true), "the new one stays, with its key");
    rig.prove(&new);
}

fn signs_with_the_key_of_the_certificate(rig: &StoreRig) {
    let cert = rig.first.put(&*rig.store);
    assert_eq!(code(rig.store.signer(&call(), NOBODY)), "CERT.GONE");
    // A person may have copied it from a dialog, in capitals.
    let signer = rig.again.signer(&call(), &cert.info.sha1.to_uppercase()).expect("its key is there");
    assert_eq!(signer.info(), &cert.info);
    let chain: Vec<Vec<u8>> = std::iter::once(&rig.first.leaf).chain(&rig.first.above).cloned().collect();
    assert_eq!(signer.chain(), chain, "the certificate, then its intermediates, no root");
    let schemes = signer.schemes();
    assert!(!schemes.is_empty());
    for scheme in schemes {
        let signature = signer.sign(scheme, b"message").expect("a scheme that it named");
        assert!((rig.verify)(&cert.der, scheme, b"message", &signature), "{scheme:#06x}");
        assert!(!(rig.verify)(&cert.der, scheme, b"massage", &signature), "{scheme:#06x}: it signs the message");
        assert!(!(rig.verify)(&rig.second.leaf, scheme, b"message", &signature), "{scheme:#06x}: with the key of this certificate");
    }
    assert_eq!(code(signer.sign(0x0000, b"message")), "KEY.UNUSABLE", "a scheme that nobody has");
}

fn takes_or_refuses_each_option(fresh: impl Fn() -> StoreRig) {
    for option in [ImportOption::Exportable, ImportOption::StrongProtection, ImportOption::ExtendedProperties] {
        let rig = fresh();
        let (before, keys) = (rig.list(), (rig.keys)());
        let support = rig.store.capabilities().import_options.get(&option).copied().unwrap_or(OptionSupport::Refused);
        let request = ImportRequest { options: BTreeMap::from([(option, true)]), ..rig.first.request(None) };
        let answer = rig.store.import(&call(), &request);
        if support == OptionSupport::Refused {
            assert_eq!(code(answer), "BACKEND.UNSUPPORTED", "{option:?}");
            rig.as_before(&before, keys);
            continue;
        }
        let imported = answer.unwrap_or_else(|error| panic!("{option:?} is said to be {support:?}: {error}"));
        if (option, support) == (ImportOption::Exportable, OptionSupport::Honoured) {
            assert!(imported.info.key_exportable, "asked for, honoured, and so told");
        }
    }
}

fn refuses_what_is_no_credential(rig: &StoreRig) {
    let (before, keys) = (rig.list(), (rig.keys)());
    let wrong = ImportRequest { password: Secret::text("not the password"), ..rig.first.request(None) };
    let error = rig.store.import(&call(), &wrong).expect_err("the password is wrong");
    assert_eq!(error.code, "P12.BAD_PASSWORD");
    assert!(!format!("{error:?}").contains("not the password"), "an error shows no password");
    let page = ImportRequest { file: Secret::bytes(b"<html>please log in</html>".to_vec()), ..rig.first.request(None) };
    assert_eq!(code(rig.store.import(&call(), &page)), "P12.UNREADABLE");
    rig.as_before(&before, keys);
}

fn is_one_callers_while_it_is_locked(rig: &StoreRig) {
    let cert = rig.first.put(&*rig.store);
    let (before, keys) = (rig.list(), (rig.keys)());
    let lock = rig.store.lock(&call()).expect("the lock is free");
    assert_eq!(rig.again.lock(&at_once()).err().expect("one holder at a time").code, "STORE.LOCKED");
    assert_eq!(code(rig.again.import(&at_once(), &rig.second.request(None))), "STORE.LOCKED");
    let cancelled = call();
    cancelled.cancel.cancel();
    assert_eq!(rig.again.lock(&cancelled).err().expect("nobody waits who was cancelled").code, "STORE.LOCKED");
    assert_eq!(lock.list().expect("the holder looks"), before);
    assert_eq!(rig.again.list(&call()).expect("others look, too"), before);
    lock.prove_key(&cert.info.sha1).expect("the holder proves");
    drop(lock);
    rig.as_before(&before, keys);
    rig.again.lock(&at_once()).expect("it ended with its guard");
}

fn deletes_certificate_and_key(rig: &StoreRig) {
    let keys = (rig.keys)();
    let cert = rig.first.put(&*rig.store);
    let lock = rig.store.lock(&call()).expect("the lock is free");
    assert_eq!(code(lock.delete(NOBODY)), "CERT.GONE");
    assert_eq!(code(lock.prove_key(NOBODY)), "CERT.GONE");
    lock.delete(&cert.info.sha1).expect("it is there");
    assert!(!lock.list().expect("a list").iter().any(|listed| listed.der == cert.der));
    assert_eq!(code(lock.delete(&cert.info.sha1)), "CERT.GONE");
    assert_eq!(code(lock.prove_key(&cert.info.sha1)), "CERT.GONE");
    drop(lock);
    assert_eq!((rig.keys)(), keys, "its key went with it");
    assert_eq!(code(rig.store.signer(&call(), &cert.info.sha1)), "CERT.GONE");
    assert_eq!(rig.first.put(&*rig.store), cert, "it can come back from its backup");
    rig.prove(&cert);
}

fn shows_a_certificate_that_lost_its_key(rig: &StoreRig) {
    let Some(lose_key) = &rig.lose_key else { return };
    let whole = rig.first.put(&*rig.store);
    let sha1 = &whole.info.sha1;
    lose_key(sha1);
    let listed = rig.entry(&whole.der).expect("the certificate is there still");
    assert!(!listed.info.has_key, "and is said to be without its key");
    assert_eq!(code(rig.store.signer(&call(), sha1)), "KEY.UNUSABLE");
    assert_eq!(code(rig.store.lock(&call()).expect("the lock is free").prove_key(sha1)), "KEY.UNUSABLE");
    assert!(rig.first.put(&*rig.store).info.has_key, "importing again mends it");
    rig.prove(&whole);
    lose_key(sha1);
    rig.store.lock(&call()).expect("the lock is free").delete(sha1).expect("it can be deleted without its key");
    assert_eq!(rig.entry(&whole.der), None);
}

fn leaves_nothing_behind_when_probed(rig: &StoreRig) {
    rig.first.put(&*rig.store);
    let before = (rig.place)();
    rig.store.probe_writable(&call()).expect("the rig can be written to");
    rig.again.probe_writable(&call()).expect("the rig can be written to");
    let after = (rig.place)();
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "the probe left something behind");
    assert!(before == after, "the probe changed something");
}

fn writes_out_what_opens(rig: &StoreRig) {
    let Some(export) = rig.store.export() else { return };
    let cert = rig.first.put(&*rig.store);
    let (before, keys) = (rig.list(), (rig.keys)());
    let password = Secret::text("書き出し用 1234");
    assert_eq!(code(export.export(&call(), NOBODY, &password).map(drop)), "CERT.GONE");
    opens(rig, &cert, &password, export);
    rig.as_before(&before, keys);
}

fn opens(rig: &StoreRig, cert: &StoredCert, password: &Secret, export: &dyn StoreExport) {
    assert!(cert.info.key_exportable, "imported as exportable");
    let file = export.export(&call(), &cert.info.sha1, password).expect("an exportable key");
    assert_eq!(code(rig.p12.open(&file, &Secret::text("1234"))), "P12.BAD_PASSWORD");
    let opened = rig.p12.open(&file, password).expect("the password that was asked for");
    assert_eq!(opened.leaf.der, cert.der);
    assert_eq!(opened.leaf.info.friendly_name, cert.info.friendly_name);
    let above: Vec<&[u8]> = opened.others.iter().map(|other| other.der.as_slice()).collect();
    assert!(above.starts_with(&rig.first.above.iter().map(Vec::as_slice).collect::<Vec<_>>()), "its intermediates, in issuing order");
}

fn trusts_a_root_once(rig: &StoreRig) {
    let Some(roots) = rig.store.roots() else { return };
    let before = roots.trusted(&call()).expect("a list");
    assert_eq!(before, roots.trusted(&call()).expect("a list"), "the same answer to the same question");
    let Some(trust) = rig.store.trusting() else { return };
    assert!(!before.iter().any(|root| root.der == rig.root), "the rig is fresh");
    trusts(rig, trust);
    assert_eq!(trust.trusted(&call()).expect("a list").len(), before.len() + 1);
}

fn trusts(rig: &StoreRig, trust: &dyn StoreTrust) {
    assert_eq!(code(trust.trust(&call(), b"<html>")), "CERT.UNREADABLE");
    let trusted = trust.trust(&call(), &rig.root).expect("a good root");
    assert_eq!((&trusted.der, trusted.info.has_key), (&rig.root, false));
    let listed = trust.trusted(&call()).expect("a list");
    assert!(listed.contains(&trusted), "what was trusted is listed");
    assert_eq!(trust.trust(&call(), &rig.root).expect("it is trusted already"), trusted);
    assert_eq!(trust.trusted(&call()).expect("a list"), listed, "trusting again changes nothing");
}
