//! SoftHSM2 tokens in a folder of their own, filled by OpenSC's `pkcs11-tool`, and a module that does what SoftHSM2 never does.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::component;

/// The user PIN of every token here.
pub const PIN: &str = "12345678";

/// A folder with SoftHSM2 tokens. The process that uses them needs `SOFTHSM2_CONF` (see [`SoftHsm::conf`]) before it starts.
pub struct SoftHsm {
    place: tempfile::TempDir,
    util: PathBuf,
    tool: PathBuf,
}

impl SoftHsm {
    /// An empty one; `None` where SoftHSM2 or OpenSC is not installed.
    pub fn new() -> Option<Self> {
        let (util, tool) = (component::program("softhsm2-util")?, component::program("pkcs11-tool")?);
        let hsm = Self { place: tempfile::tempdir().unwrap(), util, tool };
        fs::create_dir(hsm.path("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", hsm.path("tokens").display());
        fs::write(hsm.conf(), conf).unwrap();
        Some(hsm)
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// What `SOFTHSM2_CONF` is to be.
    pub fn conf(&self) -> PathBuf {
        self.path("softhsm2.conf")
    }

    /// Makes a token; gives its serial.
    pub fn token(&self, label: &str) -> String {
        self.run(Command::new(&self.util).args(["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "87654321"]));
        let shown = self.run(Command::new(&self.util).arg("--show-slots"));
        let (mut serial, mut of_label) = (String::new(), None);
        for line in shown.lines().map(str::trim) {
            match line.split_once(':') {
                Some(("Serial number", value)) => value.trim().clone_into(&mut serial),
                Some(("Label", value)) if value.trim() == label => of_label = Some(serial.clone()),
                _ => {}
            }
        }
        of_label.expect("the token that was made")
    }

    /// Puts a key (PKCS#8 DER) on a token.
    pub fn put_key(&self, label: &str, id: &str, pkcs8: &[u8]) {
        self.put(label, "privkey", id, pkcs8);
    }

    /// Puts a certificate (DER) on a token.
    pub fn put_certificate(&self, label: &str, id: &str, der: &[u8]) {
        self.put(label, "cert", id, der);
    }

    /// Puts the public key (SubjectPublicKeyInfo DER) on a token.
    pub fn put_public_key(&self, label: &str, id: &str, der: &[u8]) {
        self.put(label, "pubkey", id, der);
    }

    fn put(&self, label: &str, kind: &str, id: &str, content: &[u8]) {
        let file = self.path("object.der");
        fs::write(&file, content).unwrap();
        let mut command = Command::new(&self.tool);
        command.arg("--module").arg(module()).args(["--token-label", label, "--login", "--pin", PIN, "--type", kind, "--id", id, "--label", label]);
        self.run(command.arg("--write-object").arg(&file));
    }

    fn run(&self, command: &mut Command) -> String {
        let output = command.env("SOFTHSM2_CONF", self.conf()).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The module of SoftHSM2, as kirikae finds it.
pub fn module() -> PathBuf {
    let found = kirikae_backends::token::pkcs11::found_modules();
    found.into_iter().find(|module| module.name == "softhsm2").expect("the module of SoftHSM2").path
}

/// A module in front of SoftHSM2 with faults (`backends/tests/token/faults.c`). Each has a state of its own.
#[derive(Clone)]
pub struct Faulty(PathBuf);

impl Faulty {
    /// Compiles one into `folder`, with these lines as configuration. `None` where there is no C compiler.
    pub fn new(folder: &Path, name: &str, lines: &[&str]) -> Option<Self> {
        let compiler = component::program("cc")?;
        let (source, file) = (super::root().join("backends/tests/token/faults.c"), folder.join(format!("{name}.so")));
        let output = Command::new(compiler).args(["-shared", "-fPIC", "-O1", "-o"]).arg(&file).arg(source).arg("-ldl").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let faulty = Self(file);
        faulty.configure(lines);
        Some(faulty)
    }

    /// Takes up one that another process made.
    pub fn at(file: &Path) -> Self {
        Self(file.to_owned())
    }

    /// The module.
    pub fn file(&self) -> &Path {
        &self.0
    }

    /// Other faults from now on.
    pub fn configure(&self, lines: &[&str]) {
        let text = format!("module {}\n{}\n", module().display(), lines.join("\n"));
        fs::write(self.beside("conf"), text).unwrap();
    }

    /// How many PINs it was sent.
    pub fn tries(&self) -> usize {
        fs::read_to_string(self.beside("tries")).unwrap_or_default().lines().count()
    }

    /// How many signatures it was asked for.
    pub fn signatures(&self) -> usize {
        fs::read_to_string(self.beside("signed")).unwrap_or_default().lines().count()
    }

    /// Pulls the token out.
    pub fn pull(&self) {
        fs::write(self.beside("out"), "").unwrap();
    }

    /// Puts it in again.
    pub fn insert(&self) {
        fs::remove_file(self.beside("out")).unwrap();
    }

    fn beside(&self, end: &str) -> PathBuf {
        PathBuf::from(format!("{}.{end}", self.0.display()))
    }
}
