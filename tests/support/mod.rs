//! The binary, a lab in its own process, and what the lab's `effects.jsonl` says.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

pub mod canary;
pub mod component;
#[cfg(target_os = "linux")]
pub mod gate;
pub mod shipped;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The binary with a clean environment, in the repository's root.
pub fn kirikae() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kirikae"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(root()).stdin(Stdio::null());
    if cfg!(windows) {
        // Without these Windows finds neither sockets nor a place for temporary files.
        let kept = ["SystemRoot", "TEMP", "TMP", "APPDATA", "LOCALAPPDATA", "ProgramData", "USERPROFILE"];
        command.envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    }
    command
}

/// A lab in its own process, with a state folder beside it.
pub struct Lab {
    pub place: tempfile::TempDir,
    child: Child,
}

impl Lab {
    /// Starts a lab; a request is issued at once.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, |_| ())
    }

    /// The same, after something was done about its folder.
    pub fn start_with(arguments: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let place = tempfile::tempdir().unwrap();
        prepare(&place.path().join("lab"));
        let child = kirikae()
            .args(["lab", "--pace", "0", "--dir"])
            .arg(place.path().join("lab"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lab = Self { place, child };
        let started = Instant::now();
        while !lab.path("port").exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "the lab does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The lab waits 40 s before an absence counts; tests that do not hide rows need not.
        lab.edit_site("absent_after: 40s", "absent_after: 1s");
        lab
    }

    /// Leaves the folder behind when this is dropped, and says where it is.
    pub fn keep(&mut self) -> PathBuf {
        self.place.disable_cleanup(true);
        self.place.path().to_owned()
    }

    /// A path below the lab's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("lab").join(name)
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    /// Replaces a text in the site file.
    pub fn edit_site(&self, from: &str, to: &str) {
        let site = std::fs::read_to_string(self.path("site.yaml")).unwrap();
        assert!(site.contains(from), "{from} in {site}");
        std::fs::write(self.path("site.yaml"), site.replace(from, to)).unwrap();
    }

    /// A command on this site and state.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = kirikae();
        command.arg("--site").arg(self.path("site.yaml")).arg("--state").arg(self.state()).args(arguments);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `apply` of the renewal, everything approved.
    pub fn renew(&self) -> Output {
        self.run(&["apply", "playbooks/obn/renew-web.yaml", "--approve", "all"])
    }

    /// `resume` until the run is done, at most five times.
    pub fn resume_to_the_end(&self) {
        let mut last = None;
        for _ in 0..5 {
            let output = self.run(&["resume", "last"]);
            if output.status.code() == Some(0) {
                return;
            }
            last = Some(output);
        }
        panic!("not done: {}", said(&last.unwrap()));
    }

    /// The lab's effects, in order.
    pub fn effects(&self) -> Vec<Json> {
        let text = std::fs::read_to_string(self.path("effects.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How many effects of a name there are (for an operation, when one is named).
    pub fn count(&self, effect: &str, operation: Option<&str>) -> usize {
        let fits = |line: &&Json| line["effect"] == effect && operation.is_none_or(|operation| line["operation"] == operation);
        self.effects().iter().filter(fits).count()
    }

    /// The certificates of the store: serial numbers and ends.
    pub fn store(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.path("personal")).unwrap().flatten().map(|file| file.path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "p12")).collect()
    }

    /// The last run as JSON.
    pub fn show(&self) -> Json {
        let output = self.run(&["show", "last", "--format", "json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything a command wrote.
pub fn said(output: &Output) -> String {
    format!("{:?}\n{}\n{}", output.status.code(), String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
