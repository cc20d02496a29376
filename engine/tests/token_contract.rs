//! The fake tokens do what the port promises, in memory and in a file.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use kirikae_engine::testing::contract::token::{TokenRig, holds};
use kirikae_engine::testing::{FakeToken, FakeTokens, certificate};

fn rig(backend: FakeTokens, change: impl FnOnce(&mut FakeToken)) -> TokenRig {
    let cert = certificate("0012700016000053", 7, "2026-01-01", "2027-01-01");
    let mut token = FakeToken { certs: vec![cert.clone()], limit: 4, ..FakeToken::new("0123456789") };
    change(&mut token);
    let (flags, serial, pin) = (!token.mute, token.serial.clone(), token.pin.clone());
    backend.insert(token);
    TokenRig { backend: Arc::new(backend), serial, pin, wrong_pin: "87654321".to_owned(), credential: Some(cert.sha1), locks_after: Some(4), flags }
}

#[test]
fn the_fake_token_keeps_the_contract() {
    holds(|| rig(FakeTokens::default(), |_| {}));
}

#[test]
fn so_does_one_that_reports_no_flags_and_one_that_reports_a_general_error() {
    holds(|| rig(FakeTokens::default(), |token| token.mute = true));
    holds(|| rig(FakeTokens::default(), |token| token.vague = true));
}

#[test]
fn so_does_one_whose_state_lies_in_a_file() {
    let home = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    holds(|| {
        number.set(number.get() + 1);
        rig(FakeTokens::in_file(&home.path().join(format!("{}.json", number.get()))), |_| {})
    });
}
