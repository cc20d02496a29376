//! Programs that tests compare kirikae with. Where one is missing, its test is skipped under a plain `cargo test` and says so;
//! `tests/run` installs them and sets `KIRIKAE_REQUIRE_COMPONENTS`, and then a missing one fails.
#![allow(clippy::print_stderr, dead_code)]

use std::path::PathBuf;
use std::process::Command;

/// A program, or `None` where the test is to be skipped.
fn component(name: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        assert!(std::env::var_os("KIRIKAE_REQUIRE_COMPONENTS").is_none(), "{name} is not installed");
        eprintln!("SKIPPED: {name} is not installed; tests/run installs it");
    }
    found
}

/// A program of the search path.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    component(name, std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// The YAML language server that `tests/run` installs below `target/editor`, ready to be started.
pub fn yaml_language_server() -> Option<Command> {
    let node = program("node")?;
    let script = super::root().join("target/editor/node_modules/yaml-language-server/bin/yaml-language-server");
    let script = component("yaml-language-server", script.is_file().then_some(script))?;
    let mut command = Command::new(node);
    command.arg(script).arg("--stdio");
    Some(command)
}

/// The folder of the Python package `cryptography_vectors`, which `tests/run` unpacks below `target/vectors`.
pub fn cryptography_vectors() -> Option<PathBuf> {
    let folder = super::root().join("target/vectors/cryptography_vectors");
    component("cryptography_vectors", folder.join("pkcs12").is_dir().then_some(folder))
}
