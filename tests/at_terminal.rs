//! A person at a terminal, with the program on a real pseudo-terminal: pages worked by hand, a stored value shown, tries counted.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::component::program;
use support::{Lab, said};

/// Long enough for a busy machine; a test that fails takes it.
const PATIENCE: Duration = Duration::from_secs(120);

const SOURCES: &str =
    "kirikae: sources/1\nsources:\n  sample:\n    title: 見本\n    edition: \"1\"\n    standing: official\n    sections: { \"1\": ログイン, \"2\": 一覧 }\n";

const LOGIN: &str = r#"kirikae: playbook/1
id: sample/login
version: "1.0.0"
title: ログインする
sources: [sample]
backends:
  web: { kind: web, profile: sample }
secrets:
  password: { type: text, title: パスワード, attempts: { limit: 10, leave: 5, per_run: 2, cite: sample#1 } }
steps:
  login:
    title: ログイン
    cite: sample#1
    uses: web.sign_in@1
    with: { portal: web, user_id: "0012700016000053", password: "${{ secrets.password }}" }
"#;

/// The program on a pseudo-terminal, and what it has shown so far.
struct Terminal {
    script: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts a command as a person at a terminal would. `script` gives it one.
    fn start(script: &Path, command: &Command) -> Self {
        let word = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"));
        let line: Vec<String> = std::iter::once(word(command.get_program())).chain(command.get_args().map(word)).collect();
        let mut terminal = Command::new(script);
        terminal.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm").env("LANG", "ja_JP.UTF-8");
        terminal.current_dir(command.get_current_dir().unwrap()).args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
        let mut script = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (shown, mut out) = (Arc::<Mutex<Vec<u8>>>::default(), script.stdout.take().unwrap());
        let seen = shown.clone();
        std::thread::spawn(move || {
            let mut buffer = [0u8; 4096];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                seen.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Self { script, shown }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until this is on the screen.
    fn wait_for(&mut self, words: &str) {
        let begun = Instant::now();
        while !self.shown().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "{words} does not appear:\n{}", self.shown());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        let keyboard = self.script.stdin.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).and_then(|()| keyboard.flush()).unwrap();
    }

    /// Waits for the end; gives the exit code and everything that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.script.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(100));
                return (status.code(), self.shown());
            }
            if begun.elapsed() > PATIENCE {
                let _ = self.script.kill();
                panic!("it does not end:\n{}", self.shown());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn count(lab: &Lab) -> Json {
    let told: Json = serde_json::from_slice(&lab.run(&["attempts", "--format", "json"]).stdout).unwrap();
    assert_eq!(told.as_array().unwrap().len(), 1, "{told}");
    told[0]["used"].clone()
}

fn files_below(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.flat_map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { vec![std::fs::read(entry.path()).unwrap_or_default()] }).collect()
}

#[test]
fn a_sign_in_by_hand_shows_the_value_once_is_counted_and_its_good_end_ends_the_count() {
    let Some(script) = program("script") else { return };
    let shelf = tempfile::tempdir().unwrap();
    for (name, text) in
        [("sources.yaml", SOURCES), ("portals/sample.yaml", include_str!("../backends/lab/tests/sample/portal.yaml")), ("sample/login.yaml", LOGIN)]
    {
        let path = shelf.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let lab = Lab::start(&["--library", shelf.path().to_str().unwrap()]);
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    let by_hand = site.replace("roots: ./lab-ca.pem,", "roots: ./lab-ca.pem, hands: person,");
    assert_ne!(site, by_hand);
    std::fs::write(lab.path("site.yaml"), format!("{by_hand}state_scope: per_user\n")).unwrap();
    let (password, stored, playbook) = ("himitsu-canary-4711", lab.path("stored.pw"), shelf.path().join("sample/login.yaml"));
    std::fs::write(&stored, password).unwrap();
    let given = format!("password={}", stored.display());
    let apply = lab.command(&["apply", playbook.to_str().unwrap(), "--secret-file", &given]);
    for night in 1..=3 {
        let mut terminal = Terminal::start(&script, &apply);
        for words in ["回数に限りがあります", "「パスワード」に入れる値", password, "はい(済んだ)"] {
            terminal.wait_for(words);
        }
        assert_eq!(count(&lab), 1, "night {night}: on disk before anybody acts");
        terminal.press("\r");
        let (code, shown) = terminal.end();
        assert_eq!((code, count(&lab)), (Some(0), Json::from(0)), "night {night}: {shown}");
    }
    assert_eq!(lab.count("received", None), 0, "the engine's own hands stay in their pockets");

    // The third choice: the page says that the password is wrong.
    let mut terminal = Terminal::start(&script, &apply);
    terminal.wait_for("はい(済んだ)");
    terminal.press("\x1b[B\x1b[B\r");
    let (code, shown) = terminal.end();
    assert!(code == Some(1) && shown.contains("LOGIN.REFUSED"), "{code:?}: {shown}");
    assert_eq!(count(&lab), 1);
    lab.run(&["abandon", "last", "--by", "受付", "--reason", "試し"]);
    let refused = lab.run(&["apply", playbook.to_str().unwrap(), "--secret-file", &given]);
    assert!(said(&refused).contains("LOGIN.STOPPED"), "the stored value is shown to nobody again: {}", said(&refused));

    let events = said(&lab.run(&["show", "last", "--format", "json"]));
    assert!(!events.contains(password), "{events}");
    assert!(files_below(&lab.state()).iter().all(|file| !file.windows(password.len()).any(|bytes| bytes == password.as_bytes())), "in the state folder");
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));
}
