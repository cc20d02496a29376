//! This terminal: names, connections, what cannot be done here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Read;
use std::net::TcpListener;

use kirikae_backends::host::ThisHost;
use kirikae_engine::backend::{Call, HostRead};

fn this() -> ThisHost {
    ThisHost { scratch: std::env::temp_dir() }
}

#[test]
fn a_place_that_answers_is_connected_to_and_told_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    this().connect(&Call::unattached(), "127.0.0.1", port).unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    let mut sent = vec![];
    socket.read_to_end(&mut sent).unwrap();
    assert_eq!(sent, b"", "nothing is sent");
    drop(listener);
    let error = this().connect(&Call::unattached(), "127.0.0.1", port).unwrap_err();
    assert_eq!(error.code, "NET.UNREACHABLE");
    assert!(error.cause.ja.contains(&port.to_string()));
}

#[test]
fn names_resolve_as_the_system_says() {
    assert!(this().resolve(&Call::unattached(), "localhost").unwrap().iter().all(|address| address.is_loopback()));
    assert_eq!(this().resolve(&Call::unattached(), "").unwrap_err().code, "NET.UNREACHABLE");
    assert!(!this().user().is_empty());
}

#[cfg(not(windows))]
#[test]
fn where_there_is_no_list_of_programs_it_says_so_and_what_to_do() {
    let error = this().programs(&Call::unattached()).unwrap_err();
    assert_eq!(error.code, "BACKEND.UNSUPPORTED");
    assert!(error.cure.ja.contains("human.perform"));
    assert_eq!(this().probe_install(&Call::unattached()).unwrap_err().code, "BACKEND.UNSUPPORTED");
    assert_eq!(this().os(), "linux");
}
