//! NSS databases, made and counted by NSS's own tools.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use kirikae_backends::StoreSettings;
use kirikae_backends::store::p12::Pkcs12Files;
use kirikae_engine::backend::StoreWrite;
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::contract::store::StoreRig;

use super::{component, files, open, samples, verify};

/// A database in a folder of its own, gone with it.
pub struct Profile {
    _place: tempfile::TempDir,
    pub path: PathBuf,
    password: Option<&'static str>,
}

impl Profile {
    /// A new one; `None` where NSS's tools are not installed.
    pub fn new(password: Option<&'static str>) -> Option<Self> {
        component::program("certutil")?;
        component::program("pk12util")?;
        let place = tempfile::tempdir().unwrap();
        // As awkward as a person's folder may be called.
        let path = place.path().join("利用者 1's profile");
        std::fs::create_dir(&path).unwrap();
        let profile = Self { _place: place, path, password };
        profile.tool("certutil", &["-N"]);
        Some(profile)
    }

    /// The store, as a site file with or without `password` opens it.
    pub fn store(&self) -> Arc<dyn StoreWrite> {
        self.store_with(self.password)
    }

    pub fn store_with(&self, password: Option<&'static str>) -> Arc<dyn StoreWrite> {
        let password = password.map(|password| Box::new(move || Ok(Secret::text(password))) as kirikae_backends::store::dir::PasswordSource);
        open("nss", StoreSettings { path: Some(self.path.clone()), password, ..StoreSettings::default() })
    }

    /// Runs a tool on it, and gives what it wrote.
    pub fn tool(&self, tool: &str, arguments: &[&str]) -> String {
        let output = self.try_tool(tool, arguments);
        assert!(output.status.success(), "{tool} {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn try_tool(&self, tool: &str, arguments: &[&str]) -> Output {
        let place = tempfile::tempdir().unwrap();
        let password = place.path().join("password");
        std::fs::write(&password, format!("{}\n", self.password.unwrap_or_default())).unwrap();
        let option = if tool == "pk12util" { "-k" } else { "-f" };
        let mut command = Command::new(tool);
        command.args(arguments).arg("-d").arg(format!("sql:{}", self.path.display())).arg(option).arg(password);
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// The identifiers of its private keys.
    pub fn keys(&self) -> Vec<String> {
        // "< 0> ec       6dac1dc1…   nickname"; without keys it fails and says so.
        let listed = String::from_utf8_lossy(&self.try_tool("certutil", &["-K"]).stdout).into_owned();
        let keys = listed.lines().filter(|line| line.starts_with('<'));
        keys.map(|line| line.split_whitespace().find(|word| word.len() == 40).unwrap().to_owned()).collect()
    }

    /// The lines of certificates: nickname and trust.
    pub fn certificates(&self) -> Vec<String> {
        let listed = self.tool("certutil", &["-L"]);
        listed.lines().skip(4).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty()).collect()
    }

    pub fn content(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.path)
    }
}

pub fn store() -> Option<StoreRig> {
    rig(Profile::new(None)?)
}

pub fn store_with_password() -> Option<StoreRig> {
    rig(Profile::new(Some("主パスワード 1"))?)
}

fn rig(profile: Profile) -> Option<StoreRig> {
    let profile = Arc::new(profile);
    let samples = samples();
    let (for_files, for_keys, for_loss) = (profile.clone(), profile.clone(), profile.clone());
    Some(StoreRig {
        store: profile.store(),
        again: profile.store(),
        first: samples.first,
        second: samples.second,
        root: samples.root.der,
        p12: Arc::new(Pkcs12Files),
        verify,
        place: Box::new(move || for_files.content()),
        keys: Box::new(move || for_keys.keys().len()),
        lose_key: Some(Box::new(move |_| lose_keys(&for_loss))),
    })
}

/// Deletes all private keys; the suite has one when it asks for that.
fn lose_keys(profile: &Profile) {
    for key in profile.keys() {
        profile.tool("certutil", &["-F", "-k", &key]);
    }
}
