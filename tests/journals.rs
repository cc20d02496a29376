//! State folders that earlier versions left: they load, verify and go on (`tests/journals/README.md`).
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::{kirikae, root, said};

/// The runs know the portal by this port.
const PORT: &str = "28443";

/// A copy of an old state folder with the lab it belongs to.
struct Old {
    place: tempfile::TempDir,
    lab: Option<Child>,
}

impl Old {
    fn copy(name: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        copy(&root().join("tests/journals").join(name), place.path());
        Self { place, lab: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Starts the lab where it was stopped. Another test of this machine may have the port; then it waits.
    fn start_lab(&mut self) {
        let started = Instant::now();
        while !self.path("lab/port").exists() {
            assert!(started.elapsed() < Duration::from_secs(120), "the lab does not start on port {PORT}");
            let mut lab = kirikae();
            lab.args(["lab", "--pace", "0", "--port", PORT, "--dir"]).arg(self.path("lab")).stdout(Stdio::null()).stderr(Stdio::null());
            let mut lab = lab.spawn().unwrap();
            while lab.try_wait().unwrap().is_none() && !self.path("lab/port").exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
            self.lab = Some(lab);
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = kirikae();
        command.current_dir(self.path("lab")).args(["--site", "/proc/self/cwd/site.yaml", "--state", "../state"]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn well(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    fn show(&self) -> Json {
        serde_json::from_slice(&self.run(&["show", "last", "--format", "json"]).stdout).unwrap()
    }

    fn effects(&self, effect: &str, operation: &str) -> usize {
        let text = fs::read_to_string(self.path("lab/effects.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        lines.filter(|line| line["effect"] == effect && line["operation"] == operation).count()
    }

    fn certificates(&self) -> usize {
        let files = fs::read_dir(self.path("lab/personal")).unwrap().flatten();
        files.filter(|file| file.path().extension().is_some_and(|extension| extension == "p12")).count()
    }

    /// The run goes on to its end: what was requested before is not requested again, and the old certificate has a successor.
    fn goes_on(&self) {
        self.well(&["resume", "last"]);
        assert_eq!(self.show()["state"]["phase"]["ended"], "done");
        assert_eq!((self.effects("received", "renew"), self.effects("issued", "renew")), (1, 1), "one request, made by the old version");
        assert_eq!(self.certificates(), 1, "the new certificate");
        self.well(&["verify"]);
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        if let Some(lab) = &mut self.lab {
            let _ = lab.kill();
            let _ = lab.wait();
        }
    }
}

/// For its owner only, as the program leaves them; version control keeps no modes.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

#[test]
fn a_finished_run_is_read_and_verified() {
    let old = Old::copy("0.1.0/finished");
    let run = "20261125-6a967f";
    let head = "e098fc26cf0f8e974e26a0966388b549e34e2a6713943c0fd4fe4e42b71f928b";
    old.well(&["verify", run, "--head", head]);
    assert!(old.well(&["runs"]).contains("obn/renew-web"));
    let shown = old.show();
    assert_eq!(shown["state"]["phase"]["ended"], "done");
    assert_eq!(shown["state"]["steps"]["request"]["doing"]["ended"]["outputs"]["request_id"], "202611260100003");
    // There is nothing to go on with; nothing is contacted, for no lab is there.
    old.well(&["resume", run]);
    old.well(&["verify", run, "--head", head]);
    let kept = old.well(&["secrets", "list"]);
    assert!(kept.contains("obn_p12_password") || kept.contains("p12_password"), "{kept}");
}

#[test]
fn a_run_parked_in_doubt_is_looked_up_and_goes_on() {
    let mut old = Old::copy("0.1.0/uncertain");
    old.well(&["verify", "20261125-dad3c3", "--head", "28071b8034a59330ab80387aeef613fb4525fb477b07c2bead56a1de238a08fd"]);
    assert_eq!(old.show()["state"]["phase"]["parked"], "uncertain");
    old.start_lab();
    old.goes_on();
}

#[test]
fn a_run_killed_in_flight_is_looked_up_and_goes_on() {
    let mut old = Old::copy("0.1.0/interrupted");
    let verified = old.well(&["verify"]);
    assert!(verified.contains("4551257d17b4e339e3f51496b4333decd3ecd9f68d195040f337b951b7aef21b"), "{verified}");
    assert!(verified.contains("38357791674b5ce4604172f975a70e362b7915694be5b70bd9b2301665cc658c"), "the events in the log are there: {verified}");
    old.start_lab();
    old.goes_on();
}
