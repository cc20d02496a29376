//! The token in a folder, as somebody meets it who has the PIN or has not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kirikae_backends::store::signer::verify;
use kirikae_backends::token::soft::{NewSoftToken, SoftToken};
use kirikae_engine::backend::{Call, ImportRequest, TokenRead, TokenWrite};
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::contract::token::{TokenRig, holds};
use support::clinic;

const SERIAL: &str = "SOFT0001";
const PIN: &str = "12345678";

fn new(limit: u32) -> NewSoftToken {
    NewSoftToken { serial: SERIAL.to_owned(), label: "練習用".to_owned(), pin: Secret::text(PIN), limit }
}

/// A token with one credential; gives its SHA-1.
fn filled(folder: &Path, limit: u32) -> (SoftToken, String) {
    let token = SoftToken::create(folder, &new(limit)).unwrap();
    let request = ImportRequest { file: clinic().p12("1234"), password: Secret::text("1234"), friendly_name: None, options: BTreeMap::new() };
    let stored = token.put(&Secret::text(PIN), &request).unwrap();
    (token, stored.info.sha1)
}

fn refused(token: &SoftToken, pin: &str) -> String {
    token.login(&Call::unattached(), SERIAL, &Secret::text(pin)).unwrap_err().code
}

#[test]
fn it_keeps_the_contract() {
    let place = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    holds(|| {
        number.set(number.get() + 1);
        let (token, sha1) = filled(&place.path().join(number.get().to_string()), 4);
        TokenRig {
            backend: Arc::new(token),
            serial: SERIAL.to_owned(),
            pin: PIN.to_owned(),
            wrong_pin: "87654321".to_owned(),
            credential: Some(sha1),
            locks_after: Some(4),
            flags: true,
        }
    });
}

#[test]
fn a_key_on_it_signs_and_never_comes_out() {
    let place = tempfile::tempdir().unwrap();
    let (token, sha1) = filled(place.path(), 5);
    let listed = token.certificates(&Call::unattached(), SERIAL).unwrap();
    let info = &listed[0].info;
    assert_eq!((listed.len(), info.has_key, info.key_exportable, info.holder.as_str()), (1, true, false, "token:SOFT0001"));
    let session = token.login(&Call::unattached(), SERIAL, &Secret::text(PIN)).unwrap();
    let signer = session.signer(&Call::unattached(), &sha1).unwrap();
    let scheme = signer.schemes()[0];
    let signature = signer.sign(scheme, b"message").unwrap();
    verify(&signer.chain()[0], scheme, b"message", &signature).unwrap();
    assert_eq!(signer.info().holder, "token:SOFT0001");

    // Pulled out: nothing signs any more, whoever still holds the session.
    fs::rename(place.path().join("token.json"), place.path().join("elsewhere.json")).unwrap();
    assert_eq!(signer.sign(scheme, b"message").unwrap_err().code, "TOKEN.ABSENT");
    assert_eq!(session.signer(&Call::unattached(), &sha1).unwrap_err().code, "TOKEN.ABSENT");
    assert_eq!(token.tokens(&Call::unattached()).unwrap(), []);
}

#[test]
fn a_try_is_on_disk_before_the_pin_is_looked_at() {
    let place = tempfile::tempdir().unwrap();
    let (token, _) = filled(place.path(), 3);
    // The try is cut short after it was counted: what opens the keys cannot be read.
    let sealed = fs::read(place.path().join("key.age")).unwrap();
    fs::write(place.path().join("key.age"), "").unwrap();
    assert_eq!(refused(&token, PIN), "TOKEN.FAILED");
    assert!(fs::read_to_string(place.path().join("tries.json")).unwrap().contains('1'), "it stays counted");
    fs::write(place.path().join("key.age"), sealed).unwrap();
    assert_eq!(refused(&token, "00000000"), "PIN.INCORRECT");
    assert_eq!(refused(&token, "00000000"), "PIN.LOCKED");
    assert_eq!(refused(&token, PIN), "PIN.LOCKED", "for good");
}

#[test]
fn a_lost_count_opens_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (token, _) = filled(place.path(), 3);
    fs::remove_file(place.path().join("tries.json")).unwrap();
    assert_eq!(refused(&token, PIN), "TOKEN.FAILED");
    assert_eq!(token.tokens(&Call::unattached()).unwrap_err().code, "TOKEN.FAILED");
}

#[test]
fn it_is_made_once_and_for_its_owner_only() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("key");
    filled(&folder, 3);
    assert_eq!(SoftToken::create(&folder, &new(3)).unwrap_err().code, "TOKEN.SETTINGS");
    for (change, code) in [("", "TOKEN.SETTINGS"), ("no spaces", "TOKEN.SETTINGS"), ("12345678901234567", "TOKEN.SETTINGS")] {
        let unfit = NewSoftToken { serial: change.to_owned(), ..new(3) };
        assert_eq!(SoftToken::create(&place.path().join("other"), &unfit).unwrap_err().code, code);
    }
    let short = NewSoftToken { pin: Secret::text("123"), ..new(3) };
    assert_eq!(SoftToken::create(&place.path().join("other"), &short).unwrap_err().code, "SECRET.UNFIT");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("key.age")), mode(&folder.join("tries.json"))), (0o700, 0o600, 0o600));
    }
}

/// Names the token to a process that races.
const PLACE: &str = "KIRIKAE_TEST_SOFT_TOKEN";

/// What a racing process does; in a plain run of the suite it does nothing.
#[test]
fn racer() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let token = SoftToken::open(Path::new(&place)).unwrap();
    for _ in 0..4 {
        let code = refused(&token, "00000000");
        assert!(["PIN.INCORRECT", "PIN.LOCKED"].contains(&code.as_str()), "{code}");
    }
}

#[test]
fn processes_that_race_it_lose_no_count() {
    let place = tempfile::tempdir().unwrap();
    let (token, _) = filled(place.path(), 10);
    let start = || Command::new(std::env::current_exe().unwrap()).args(["racer", "--exact"]).env(PLACE, place.path()).spawn().unwrap();
    let racers = [start(), start()];
    for mut racer in racers {
        assert!(racer.wait().unwrap().success());
    }
    assert!(fs::read_to_string(place.path().join("tries.json")).unwrap().contains('8'), "2 processes, 4 wrong PINs each");
    token.login(&Call::unattached(), SERIAL, &Secret::text(PIN)).unwrap();
    assert!(fs::read_to_string(place.path().join("tries.json")).unwrap().contains('0'));
}
