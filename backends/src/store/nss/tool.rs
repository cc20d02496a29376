//! NSS's own tools, `pk12util` and `certutil`: whatever touches a key or is sealed with the primary password.
//!
//! May use: child processes, files in memory. Must not: put a secret on a command line, let a tool ask at a terminal, try a password twice,
//! wait past the caller's deadline.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kirikae_engine::backend::Call;
use kirikae_engine::secret::Secret;

use super::memory::Memory;

/// The longest that a tool works: deriving a key from the primary password takes seconds on slow machines.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a working tool.
const PAUSE: Duration = Duration::from_millis(10);

/// Bytes kept of what a tool says.
const WORDS: usize = 400;

/// Where keys are in a database that is opened without a PKCS#11 module of its own.
const TOKEN: &str = "NSS%20Certificate%20DB";

/// Why a tool did not do it.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not installed.
    Absent(&'static str),
    /// The primary password is wrong, or there is one and none was given.
    BadPassword,
    /// It opens the database for writing, whatever it is to do, and could not.
    ReadOnly(&'static str),
    /// It could not open the database: another program works in it, or it is damaged.
    Unopened(&'static str, String),
    /// It took too long and was ended.
    Overrun(&'static str),
    /// What it said.
    Refused(&'static str, String),
    /// The system says so.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The tools on one database.
pub(super) struct Tools<'a> {
    /// The folder with `cert9.db`.
    pub(super) folder: &'a Path,
    /// The primary password, if one is known.
    pub(super) password: Option<&'a Secret>,
    /// Whose deadline counts.
    pub(super) call: &'a Call,
}

impl Tools<'_> {
    /// Imports a PKCS#12 file: its key and its certificates, under its friendly name.
    pub(super) fn import(&self, file: &[u8], password: &Secret) -> Result<(), Trouble> {
        let (file, password) = (Memory::holding(file)?, line(password)?);
        self.run("pk12util", vec!["-i".into(), file.path().into(), "-w".into(), password.path().into()], "-k")
    }

    /// Writes the key with this CKA_ID and its certificates out as PKCS#12.
    pub(super) fn export(&self, key_id: &[u8], password: &Secret) -> Result<Secret, Trouble> {
        let (file, password) = (Memory::empty()?, line(password)?);
        let id: String = key_id.iter().map(|byte| format!("%{byte:02x}")).collect();
        // By URI (RFC 7512): certificates of one subject share their nickname.
        let uri = format!("pkcs11:token={TOKEN};id={id};type=cert");
        let target: [OsString; 2] = ["-o".into(), file.path().into()];
        let what: [OsString; 2] = ["-n".into(), uri.into()];
        // The certificates are left in the clear: 600,000 rounds less, here and there, for what is public.
        let sealed: [OsString; 4] = ["-C".into(), "NONE".into(), "-w".into(), password.path().into()];
        self.run("pk12util", target.into_iter().chain(what).chain(sealed).collect(), "-k")?;
        Ok(file.content()?)
    }

    /// Puts a certificate in, if it is not there, and sets its trust (`C,,`).
    pub(super) fn trust(&self, certificate: &[u8], nickname: &str, flags: &str) -> Result<(), Trouble> {
        let file = Memory::holding(certificate)?;
        self.run("certutil", vec!["-A".into(), "-n".into(), nickname.into(), "-t".into(), flags.into(), "-i".into(), file.path().into()], "-f")
    }

    /// Runs a tool on the database; `password_option` is its word for the file with the primary password.
    fn run(&self, tool: &'static str, arguments: Vec<OsString>, password_option: &str) -> Result<(), Trouble> {
        // Always given, so that the tool never asks at the terminal: an empty line where none is known.
        let password = line(self.password.unwrap_or(&Secret::text("")))?;
        let mut database = OsString::from("sql:");
        database.push(self.folder);
        let mut command = Command::new(tool);
        command.args(arguments).arg("-d").arg(database).arg(password_option).arg(password.path());
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| if error.kind() == io::ErrorKind::NotFound { Trouble::Absent(tool) } else { Trouble::Io(error) })?;
        let (well, said) = self.attend(tool, child)?;
        if well { Ok(()) } else { Err(trouble(tool, &said)) }
    }

    /// Waits for the tool; whether it ended well, and what it said.
    fn attend(&self, tool: &'static str, mut child: Child) -> Result<(bool, String), Trouble> {
        let until = Instant::now() + self.call.time_left(PATIENCE);
        loop {
            if let Some(status) = child.try_wait()? {
                let mut said = String::new();
                if let Some(mut errors) = child.stderr.take() {
                    errors.read_to_string(&mut said)?;
                }
                return Ok((status.success(), said));
            }
            if Instant::now() >= until || self.call.cancel.is_cancelled() {
                // SQLite undoes a transaction that is cut off; what was written before is looked at by the caller.
                let _ = child.kill();
                child.wait()?;
                return Err(Trouble::Overrun(tool));
            }
            thread::sleep(PAUSE);
        }
    }
}

/// What a tool that failed meant by its words.
fn trouble(tool: &'static str, said: &str) -> Trouble {
    if said.contains("SEC_ERROR_BAD_PASSWORD") {
        // It also stands for the password of a PKCS#12 file, but those here are ours and right.
        Trouble::BadPassword
    } else if said.contains("SEC_ERROR_READ_ONLY") {
        Trouble::ReadOnly(tool)
    } else if said.contains(": function failed: ") {
        Trouble::Unopened(tool, shortened(said))
    } else {
        Trouble::Refused(tool, shortened(said))
    }
}

/// A secret as the first line of a file in memory.
fn line(secret: &Secret) -> io::Result<Memory> {
    let mut line = secret.expose().to_vec();
    line.push(b'\n');
    // Wiped like the secret that it copies.
    Memory::holding(Secret::bytes(line).expose())
}

fn shortened(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ").chars().take(WORDS).collect()
}
