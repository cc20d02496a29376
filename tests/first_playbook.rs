//! `docs/your-first-playbook.md` (ja and en) as a reader follows it: its files are written, its commands run, in its order, in an
//! empty folder. Each command ends as the page says and prints the lines that the page shows, in their order.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/fences.rs"]
mod fences;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fences::{Fence, fences};

#[test]
fn the_japanese_page_is_true() {
    follow("your-first-playbook.ja.md", "ja_JP.UTF-8");
}

#[test]
fn the_english_page_is_true() {
    follow("your-first-playbook.md", "en_US.UTF-8");
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// A reader of the page, in a folder of their own.
struct Reader {
    folder: tempfile::TempDir,
    locale: &'static str,
    /// What was written, by path: the text before the last block, and the last block.
    files: BTreeMap<String, (String, String)>,
    terminals: Vec<Child>,
}

fn follow(name: &str, locale: &'static str) {
    let page = std::fs::read_to_string(docs().join(name)).unwrap();
    let mut reader = Reader { folder: tempfile::tempdir().unwrap(), locale, files: BTreeMap::new(), terminals: vec![] };
    let mut said: Option<Output> = None;
    let (mut commands, mut shown) = (0, 0);
    for fence in fences(name, &page) {
        match fence.language.as_str() {
            "yaml" => reader.write(&fence),
            "sh" if fence.get("terminal").is_some() => reader.open_terminal(&fence),
            "sh" => {
                said = Some(reader.run(&fence));
                commands += 1;
            }
            "text" => {
                shows(&fence, &said.take().unwrap_or_else(|| panic!("{}: no command before it", fence.place)));
                shown += 1;
            }
            other => panic!("{}: a block of `{other}`", fence.place),
        }
    }
    assert!(commands >= 10 && shown >= 10, "{name}: {commands} commands, {shown} outputs");
    reader.has_written_the_finished_files();
}

impl Reader {
    fn write(&mut self, fence: &Fence) {
        let ways = ["file", "append", "mend"];
        let (way, path) = ways.iter().find_map(|way| Some((*way, fence.get(way)?))).unwrap_or_else(|| panic!("{}: file=, append= or mend=", fence.place));
        let entry = self.files.entry(path.to_owned()).or_default();
        match way {
            "file" => *entry = (String::new(), fence.text.clone()),
            "append" => *entry = (format!("{}{}", entry.0, entry.1), fence.text.clone()),
            _ => entry.1.clone_from(&fence.text),
        }
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!("{}{}", entry.0, entry.1)).unwrap();
    }

    fn shell(&self, fence: &Fence, text: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_kirikae"));
        let programs = std::env::join_paths([binary.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        assert!(fence.text.lines().all(|line| line.starts_with("kirikae ")), "{}: only kirikae is called", fence.place);
        let mut command = Command::new("sh");
        command.args(["-e", "-c", text]).env_clear().env("PATH", programs).env("LANG", self.locale).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, fence: &Fence) -> Output {
        let output = self.shell(fence, &fence.text).output().unwrap();
        let wanted: i32 = fence.get("exit").map_or(0, |code| code.parse().unwrap());
        assert_eq!(output.status.code(), Some(wanted), "{}\n{}{}", fence.place, fence.text, said(&output));
        output
    }

    /// Starts what the page runs in another terminal, and waits until it is up.
    fn open_terminal(&mut self, fence: &Fence) {
        // The shell gives way to the program, so that ending the one ends the other.
        let mut command = self.shell(fence, &format!("exec {}", fence.text));
        self.terminals.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let started = Instant::now();
        while !self.folder.path().join("lab/port").exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "{}: it does not start", fence.place);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the page made the reader write is what stands in `docs/first-playbook`.
    fn has_written_the_finished_files(&self) {
        for (path, (before, last)) in &self.files {
            let finished = std::fs::read_to_string(docs().join("first-playbook").join(path)).unwrap_or_else(|_| panic!("docs/first-playbook/{path}"));
            assert_eq!(format!("{before}{last}"), finished, "docs/first-playbook/{path}");
        }
        assert_eq!(self.files.len(), 3, "a profile, a playbook, a catalogue: YAML only");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for terminal in &mut self.terminals {
            let _ = terminal.kill();
            let _ = terminal.wait();
        }
    }
}

/// The lines of the block stand in the output, in their order; `…` stands for anything within a line, spaces for any number.
fn shows(fence: &Fence, output: &Output) {
    let said = said(output);
    let mut lines = said.lines();
    for wanted in fence.text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert!(lines.any(|line| holds(line, wanted)), "{}: 「{wanted}」 is not (or not there) in\n{said}", fence.place);
    }
}

fn holds(line: &str, wanted: &str) -> bool {
    let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = folded(line);
    let mut rest = line.as_str();
    wanted.split('…').map(folded).all(|part| match rest.find(&part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
