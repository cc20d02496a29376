//! The certificate store of Windows: CurrentUser\MY with keys of CryptoAPI, under Wine. Elsewhere there is none to test; a person
//! with a real Windows runs `kirikae selftest`.

#[cfg(not(windows))]
use kirikae_engine::testing::contract::store::StoreRig;

#[cfg(not(windows))]
pub fn store() -> Option<StoreRig> {
    println!("SKIPPED: no Windows here; tests/windows/run tests its store under Wine");
    None
}

#[cfg(windows)]
pub use on_windows::store;

#[cfg(windows)]
mod on_windows {
    use std::collections::{BTreeMap, BTreeSet};
    use std::process::Command;
    use std::sync::{Arc, OnceLock};

    use kirikae_backends::StoreSettings;
    use kirikae_backends::store::p12::{self, Pkcs12Files};
    use kirikae_engine::backend::{Call, StoreWrite};
    use kirikae_engine::secret::Secret;
    use kirikae_engine::testing::contract::store::{Sample, StoreRig};
    use rsa::PrivateKey;
    use rsa::pkcs8::EncodePrivateKey;

    use super::super::super::support::{Clinic, certify, clinic};
    use super::super::{open, verify};

    /// Where Wine keeps the keys of CryptoAPI.
    const KEYS: &str = r"HKCU\Software\Wine\Crypto\RSA";

    /// Where Windows and Wine keep the certificates of CurrentUser\MY.
    const CERTIFICATES: &str = r"HKCU\Software\Microsoft\SystemCertificates\My";

    pub fn store() -> Option<StoreRig> {
        if std::env::var_os("WINEPREFIX").is_none() {
            println!("SKIPPED: not under Wine; on a real Windows run `kirikae selftest`");
            return None;
        }
        let settings = || StoreSettings { settings: BTreeMap::from([("keys".to_owned(), "capi".to_owned())]), ..StoreSettings::default() };
        let clinic = clinic();
        let before = containers();
        let (first, second) = (sample(&clinic, 0, 0x8f01, 60), sample(&clinic, 1, 0x8f02, 800));
        let clean = Clean { store: open("windows", settings()), leaves: vec![first.leaf.clone(), second.leaf.clone()] };
        Some(StoreRig {
            store: open("windows", settings()),
            again: open("windows", settings()),
            first,
            second,
            root: clinic.root.der,
            p12: Arc::new(Pkcs12Files),
            verify,
            place: Box::new(|| BTreeMap::from([KEYS, CERTIFICATES].map(|key| (key.to_owned(), registry(&["query", key, "/s"]).into_bytes())))),
            keys: Box::new(|| containers().len()),
            lose_key: Some(Box::new(move |_| {
                let _until_the_rig_ends = &clean;
                for container in containers().difference(&before) {
                    registry(&["delete", &format!(r"{KEYS}\{container}"), "/f"]);
                }
            })),
        })
    }

    /// Takes the certificates of a rig out of the store when it ends: the store is not the rig's own.
    struct Clean {
        store: Arc<dyn StoreWrite>,
        leaves: Vec<Vec<u8>>,
    }

    impl Drop for Clean {
        fn drop(&mut self) {
            let call = Call::unattached();
            for cert in self.store.list(&call).unwrap().iter().filter(|cert| self.leaves.contains(&cert.der)) {
                self.store.lock(&call).unwrap().delete(&cert.info.sha1).unwrap();
            }
        }
    }

    /// RSA keys take long to make, so all rigs share two; each certificate has its own container all the same.
    fn key(nth: usize) -> &'static PrivateKey {
        static MADE: OnceLock<[PrivateKey; 2]> = OnceLock::new();
        let make = || PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
        &MADE.get_or_init(|| [make(), make()])[nth]
    }

    fn sample(clinic: &Clinic, nth: usize, serial: u32, days: u64) -> Sample {
        let subject = clinic.leaf.subject().to_string();
        let leaf = certify(&key(nth).to_public_key(), &subject, serial, days, &clinic.middle);
        let pkcs8 = Secret::bytes(key(nth).to_pkcs8_der().unwrap().as_bytes().to_vec());
        let chain = [leaf.clone(), clinic.middle.der.clone(), clinic.root.der.clone()];
        let file = p12::write(&pkcs8, &chain, "端末2", &Secret::text("1234")).unwrap();
        Sample { file: Secret::bytes(file), password: Secret::text("1234"), leaf, above: vec![clinic.middle.der.clone()] }
    }

    /// Names of the containers with keys of this account.
    fn containers() -> BTreeSet<String> {
        let below = format!(r"HKEY_CURRENT_USER{}\", &KEYS[4..]);
        registry(&["query", KEYS]).lines().filter_map(|line| Some(line.trim().strip_prefix(&below)?.to_owned())).collect()
    }

    /// What `reg.exe` says; nothing where there is no such key.
    fn registry(arguments: &[&str]) -> String {
        String::from_utf8_lossy(&Command::new("reg.exe").args(arguments).output().unwrap().stdout).into_owned()
    }
}
