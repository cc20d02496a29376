//! Holds a process exactly after each event of its journal, so that it can be killed there.
//!
//! With `--format json` the binary writes one line for each event, after the event is durable and before anything follows it. Its
//! standard output is a full pipe in packet mode (pipe(2): with `O_DIRECT` every write takes a slot of its own), so it waits in
//! each write until one slot is given free. Nothing in the binary knows of this.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kirikae_engine::journal::Journal;
use kirikae_engine::run::Event;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Standard output is written line by line through a buffer of this size; a longer line takes one write, and its end another.
const BUFFER: usize = 1024;

/// A process that is let through event by event.
pub struct Held {
    child: Child,
    output: File,
    state: PathBuf,
    journal: Option<(Journal, String)>,
    /// Events that it has told.
    told: usize,
}

impl Held {
    /// Starts a command on this state folder; it stops at its first line.
    pub fn start(mut command: Command, state: &Path) -> Self {
        let (read, write) = nix::unistd::pipe2(OFlag::O_DIRECT | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
        let mut stdout = File::from(write);
        while stdout.write_all(b"-").is_ok() {}
        // It waits in its writes; the reading end never does.
        fcntl(&stdout, FcntlArg::F_SETFL(OFlag::O_DIRECT)).unwrap();
        let child = command.stdout(stdout).stderr(Stdio::null()).spawn().unwrap();
        let mut held = Self { child, output: File::from(read), state: state.to_owned(), journal: None, told: 0 };
        // The line that names the run is no event.
        held.pass();
        held
    }

    /// Events of its run that are durable.
    pub fn events(&mut self) -> Vec<Event> {
        if self.journal.is_none() && self.state.join("journal.db").exists() {
            let journal = Journal::open(&self.state).unwrap();
            // An earlier run of this folder has ended.
            let run = journal.runs().unwrap().into_iter().find(|run| run.phase != "ended").map(|run| run.run);
            self.journal = run.map(|run| (journal, run));
        }
        self.journal.as_ref().map_or_else(Vec::new, |(journal, run)| journal.events(run).unwrap())
    }

    /// Lets it go on by one write.
    fn pass(&mut self) {
        let mut packet = [0; 4096];
        match self.output.read(&mut packet) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
            _ => {}
        }
    }

    /// Lets it tell everything that is durable by now, and go on.
    pub fn let_go(&mut self) {
        (self.told..self.events().len()).for_each(|_| self.tell());
    }

    /// Lets it tell its next event, which is durable, and go on.
    fn tell(&mut self) {
        let line = self.events().get(self.told).map(|event| serde_json::to_string(event).unwrap()).unwrap_or_default();
        (0..if line.len() < BUFFER { 1 } else { 2 }).for_each(|_| self.pass());
        self.told += 1;
    }

    /// Lets it go on until so many events are durable, and it waits behind the group that the last of them was written with. `false`: it ended before.
    pub fn until(&mut self, events: usize) -> bool {
        let started = Instant::now();
        loop {
            let durable = self.events().len();
            if durable >= events && self.told + 1 >= events {
                return true;
            }
            if durable > self.told {
                self.tell();
                continue;
            }
            if self.events().last().is_some_and(|event| event.body.stops()) {
                // What it says at the end is no event.
                self.pass();
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(started.elapsed() < Duration::from_secs(300), "it is stuck after {durable} events");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on to its end, and gives its exit code.
    pub fn finish(mut self) -> Option<i32> {
        self.until(usize::MAX);
        self.child.wait().unwrap().code()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
