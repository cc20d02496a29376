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

    /// The address of the step that asks a person, and its question.
    pub fn asked(&self) -> Option<(String, Json)> {
        let shown = self.show();
        let steps = shown["state"]["steps"].as_object()?.clone();
        steps.into_iter().find_map(|(step, known)| Some((step, known["doing"]["asked"].as_object().cloned()?.into())))
    }

    /// A step in doubt of which only a person can tell whether it happened, and their word: what was cut off between its intent and its
    /// question nobody was asked, so nobody did it; of a revocation the practice CA knows.
    fn in_doubt(&self) -> Option<(String, &'static str)> {
        let shown = self.show();
        let word = |step: &Json| match step["uses"].as_str()? {
            uses if uses.starts_with("human.") => Some("not-done"),
            "ca.revoke@1" => Some(if self.count("received", Some("revoke")) > 0 { "done" } else { "not-done" }),
            _ => None,
        };
        let mut steps = shown["plan"]["steps"].as_array()?.iter().filter_map(|step| Some((step["address"].as_str()?.to_owned(), word(step)?)));
        steps.find(|(step, _)| shown["state"]["steps"][step]["doing"]["uncertain"].is_object())
    }

    /// Lets people answer whatever is asked and goes on, until the run ends or nothing is asked: the practice person works checklists, all
    /// else is a yes with the fields' examples.
    pub fn people_go_on(&self) -> Output {
        loop {
            let Some((step, question)) = self.asked() else { return self.run(&["show", "last"]) };
            let run = self.show()["run"].as_str().unwrap().to_owned();
            if question["place"].to_string().contains("MPKI クライアント") {
                self.renew_on_terminal();
            }
            let answered = match question["moves"].as_array().is_some_and(|moves| !moves.is_empty()) {
                true => self.run(&["practice-person", &run, &step]),
                false => self.run(&yes(&step, &question).iter().map(String::as_str).collect::<Vec<_>>()),
            };
            assert_eq!(answered.status.code(), Some(0), "{step}: {}", said(&answered));
            let resumed = self.run(&["resume", "last"]);
            if resumed.status.code() != Some(75) {
                return resumed;
            }
        }
    }

    /// What the MPKI client does: a renewed certificate lies in the store. It is the one of the inbox.
    fn renew_on_terminal(&self) {
        let file = std::fs::read_dir(self.path("inbox")).unwrap().flatten().next().expect("a file in the inbox").path();
        let password = format!("password={}", self.path("install-password.txt").display());
        let renewed = self.run(&["restore", file.to_str().unwrap(), "--secret-file", &password, "--to", "personal", "--yes"]);
        assert_eq!(renewed.status.code(), Some(0), "{}", said(&renewed));
    }

    /// `resume` until the run is done, at most five times; people answer what they are asked.
    pub fn resume_to_the_end(&self) {
        let mut last = None;
        for _ in 0..5 {
            let resumed = self.run(&["resume", "last"]);
            let waits = resumed.status.code() == Some(75);
            if let Some((step, word)) = self.in_doubt().filter(|_| waits) {
                let settled = self.run(&["answer", "last", &step, "--uncertain", word, "--by", "受付 佐藤"]);
                assert_eq!(settled.status.code(), Some(0), "{}", said(&settled));
            }
            let output = if waits && self.asked().is_some() { self.people_go_on() } else { resumed };
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

/// The answer of a person to whom all is well.
fn yes(step: &str, question: &Json) -> Vec<String> {
    let mut arguments: Vec<String> = ["answer", "last", step, "--by", "受付 佐藤", "--yes"].map(str::to_owned).into();
    for field in question["fields"].as_array().into_iter().flatten().filter(|field| field["example"].is_string()) {
        arguments.extend(["--field".to_owned(), format!("{}={}", field["name"].as_str().unwrap(), field["example"].as_str().unwrap())]);
    }
    if question["evidence"] == true {
        arguments.extend(["--saw", "画面で見ました"].map(str::to_owned));
    }
    arguments
}

/// Everything a command wrote.
pub fn said(output: &Output) -> String {
    format!("{:?}\n{}\n{}", output.status.code(), String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
