//! A secret from a program: one line of its standard output.
//!
//! May use: a child process. Must not: hand it our environment, show what it writes to its standard error.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

/// How long a program may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes; no secret is as long.
const LONGEST: u64 = 64 << 10;

/// What a program needs to be found and to find its own files. Everything else stays with us: a variable may hold another secret.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR", // Unix
    "SystemRoot",
    "SystemDrive",
    "PATHEXT",
    "COMSPEC",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA", // Windows
];

/// The one line that a program of the site file writes; it is started in `folder`, that of the site file.
///
/// # Errors
/// Why there is none, in words, never with what the program wrote.
pub fn line_of(command: &[String], folder: &Path, patience: Duration) -> Result<Secret, Text> {
    let (program, arguments) = command.split_first().ok_or_else(|| Text::new("プログラムの名前がありません。", "no program is named."))?;
    let until = Instant::now() + patience;
    let mut start = Command::new(program);
    start.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    start.envs(KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
    if !folder.as_os_str().is_empty() {
        start.current_dir(folder);
    }
    let mut child =
        start.spawn().map_err(|error| Text::new(format!("{program} を起動できません: {error}"), format!("{program} cannot be started: {error}")))?;
    let ended = read(&mut child, until).and_then(|written| Some((written, wait(&mut child, until)?)));
    let Some((written, status)) = ended else {
        // Whether it can be killed or not: its line is not waited for any more.
        let _ = child.kill();
        let _ = child.wait();
        let seconds = patience.as_secs();
        return Err(Text::new(format!("{program} が{seconds}秒たっても終わりません。"), format!("{program} did not end within {seconds} seconds.")));
    };
    if !status.success() {
        return Err(Text::new(format!("{program} が失敗しました({status})。"), format!("{program} failed ({status}).")));
    }
    let written = written.map_err(|error| Text::plain(format!("{program}: {error}")))?;
    one_line(&written).ok_or_else(|| {
        Text::new(
            format!("{program} の出力が、UTF-8 の1行ではありません(空か、2行以上です)。"),
            format!("{program} did not write one line of UTF-8 (it is empty, or there are more)."),
        )
    })
}

/// What the child writes until it closes its output; `None` when it takes too long. The reading thread is left behind then: a
/// grandchild may hold the output open for ever.
fn read(child: &mut Child, until: Instant) -> Option<std::io::Result<Secret>> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Room from the start: a buffer that grows leaves copies behind.
        let mut written = Vec::with_capacity(usize::try_from(LONGEST).unwrap_or_default() + 1);
        let read = output.take(LONGEST + 1).read_to_end(&mut written);
        // Nobody listens any more after the time-out.
        let _ = sender.send(read.map(|_| Secret::bytes(written)));
    });
    receiver.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
            _ => return None,
        }
    }
}

/// The only line of a text, without its end.
fn one_line(written: &Secret) -> Option<Secret> {
    let text = written.expose_text().filter(|text| text.len() as u64 <= LONGEST)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    (!line.is_empty() && !line.contains(['\n', '\r'])).then(|| Secret::text(line))
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn run(script: &str, patience: Duration) -> Result<String, String> {
        let command = ["sh", "-c", script].map(str::to_owned);
        let value = line_of(&command, Path::new(""), patience);
        value.map(|value| value.expose_text().unwrap().to_owned()).map_err(|why| format!("{}{}", why.ja, why.en.unwrap_or_default()))
    }

    fn fails(script: &str, why: &str) {
        let error = run(script, PATIENCE).unwrap_err();
        assert!(error.contains(why) && !error.contains("7391"), "{script}: {error}");
    }

    #[test]
    fn one_line_is_the_value() {
        for script in ["echo 7391", "printf 7391", "printf '7391\\r\\n'", "echo 7391; echo note >&2"] {
            assert_eq!(run(script, PATIENCE).as_deref(), Ok("7391"), "{script}");
        }
        assert_eq!(run("printf ' 73 91 '", PATIENCE).as_deref(), Ok(" 73 91 "), "nothing is cut off a secret");
    }

    #[test]
    fn anything_else_is_an_error_that_does_not_show_it() {
        fails("echo 7391; exit 3", "exit status: 3");
        fails("echo 7391 >&2; exit 1", "exit status: 1");
        fails("true", "1行ではありません");
        fails("echo 7391; echo 7391", "1行ではありません");
        fails("printf '7391\\377'", "1行ではありません");
        fails("printf '7391'; head -c 70000 /dev/zero | tr '\\0' x", "sh"); // told apart by whether it minds that nobody reads on
        let absent = line_of(&["/nowhere/program".to_owned(), "7391".to_owned()], Path::new(""), PATIENCE).err().unwrap();
        assert!(absent.ja.contains("/nowhere/program") && !absent.ja.contains("7391"), "{absent:?}");
        assert!(line_of(&[], Path::new(""), PATIENCE).is_err());
    }

    #[test]
    fn a_program_that_does_not_end_is_given_up() {
        // The line is there, but whether it is the whole secret is told only by the end; the second leaves a grandchild behind.
        for script in ["echo 7391; sleep 60", "sleep 60 & echo 7391", "exec >&-; sleep 60"] {
            assert!(run(script, Duration::from_millis(300)).unwrap_err().contains("終わりません"), "{script}");
        }
    }

    #[test]
    fn the_environment_is_clean() {
        let seen = run("env | cut -d= -f1 | sort | tr '\\n' ' '", PATIENCE).unwrap();
        let ours = ["PWD", "SHLVL", "_", "OLDPWD"];
        assert!(seen.contains("PATH"), "{seen}");
        // Cargo sets a lot for a test; none of it may arrive.
        let others: Vec<&str> = seen.split_whitespace().filter(|name| !KEPT.contains(name) && !ours.contains(name)).collect();
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && others.is_empty(), "{others:?}");
    }

    #[test]
    fn it_starts_beside_the_site_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pw"), "7391\n").unwrap();
        let value = line_of(&["cat", "pw"].map(str::to_owned), folder.path(), PATIENCE).ok().unwrap();
        assert_eq!(value.expose_text(), Some("7391"));
    }
}
