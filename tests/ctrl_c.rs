//! Ctrl-C during a renewal: the first lets the request in flight end and parks the run, the second ends the process at once.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Lab, said};

const MOMENT: Duration = Duration::from_millis(20);

/// Stands between the terminal and the lab. From the moment that the lab has received the renewal it keeps the answers, until told.
struct Between {
    port: u16,
    released: Arc<AtomicBool>,
}

impl Between {
    fn new(lab: u16, effects: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let between = Self { port: listener.local_addr().unwrap().port(), released: Arc::default() };
        let released = between.released.clone();
        std::thread::spawn(move || {
            for terminal in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", lab)) else { continue };
                let (ask, answer) = ((terminal.try_clone().unwrap(), server.try_clone().unwrap()), (server, terminal));
                let (released, effects) = (released.clone(), effects.clone());
                std::thread::spawn(move || relay(ask.0, ask.1, || ()));
                std::thread::spawn(move || {
                    relay(answer.0, answer.1, || {
                        let received = || std::fs::read_to_string(&effects).is_ok_and(|text| text.contains("\"received\"") && text.contains("\"renew\""));
                        while !released.load(Ordering::SeqCst) && received() {
                            std::thread::sleep(MOMENT);
                        }
                    });
                });
            }
        });
        between
    }

    fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, before: impl Fn()) {
    let mut buffer = [0u8; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        before();
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A renewal whose request the lab has received and whose answer is under way, and what it has said so far.
struct Renewal {
    lab: Lab,
    between: Between,
    child: Child,
    events: BufReader<std::process::ChildStdout>,
}

impl Renewal {
    fn in_flight() -> Self {
        let lab = Lab::start(&[]);
        let port: u16 = std::fs::read_to_string(lab.path("port")).unwrap().trim().parse().unwrap();
        let between = Between::new(port, lab.path("effects.jsonl"));
        lab.edit_site(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{}", between.port));
        let mut child = lab
            .command(&["apply", "playbooks/obn/renew-web.yaml", "--approve", "all", "--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let events = BufReader::new(child.stdout.take().unwrap());
        let mut renewal = Self { lab, between, child, events };
        renewal.read_until("IntentRecorded");
        while renewal.lab.count("received", Some("renew")) == 0 {
            assert!(renewal.child.try_wait().unwrap().is_none(), "the run ended before its request");
            std::thread::sleep(MOMENT);
        }
        renewal
    }

    fn interrupt(&self) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
    }

    fn read_until(&mut self, kind: &str) {
        loop {
            let mut line = String::new();
            assert!(self.events.read_line(&mut line).unwrap() > 0, "no {kind}");
            if line.contains(&format!("\"{kind}\"")) {
                return;
            }
        }
    }

    fn kinds(&self) -> Vec<String> {
        self.lab.show()["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }

    fn ends_well(&self) {
        self.between.release();
        self.lab.resume_to_the_end();
        assert_eq!((self.lab.count("received", Some("renew")), self.lab.count("issued", None)), (1, 1));
        let verified = self.lab.run(&["verify"]);
        assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
    }
}

#[test]
fn the_first_waits_for_the_answer_parks_and_says_130() {
    let mut renewal = Renewal::in_flight();
    renewal.interrupt();
    renewal.read_until("CancelRequested");
    renewal.between.release();
    assert_eq!(renewal.child.wait().unwrap().code(), Some(130));
    let kinds = renewal.kinds();
    assert!(kinds.ends_with(&["EffectEnded".to_owned(), "StepEnded".to_owned(), "RunParked".to_owned()]), "{kinds:?}");
    assert!(!kinds.contains(&"Uncertain".to_owned()), "{kinds:?}");
    renewal.ends_well();
}

#[test]
fn the_second_ends_the_process_at_once_and_the_next_one_looks_whether_it_was_received() {
    let mut renewal = Renewal::in_flight();
    renewal.interrupt();
    renewal.read_until("CancelRequested");
    renewal.interrupt();
    assert_eq!(renewal.child.wait().unwrap().code(), Some(130), "though the answer never came");
    assert_eq!(renewal.kinds().pop().as_deref(), Some("CancelRequested"));
    renewal.ends_well();
    assert!(renewal.kinds().contains(&"Reconciled".to_owned()), "{:?}", renewal.kinds());
}
