//! Every built-in kind keeps the contract of its port. A new kind has one line here, which makes its rig.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod rigs;
mod support;

use kirikae_backends::{Kind, builtin};
use kirikae_engine::testing::contract::{folder, store};

/// Makes a store of a kind, or `None` where what the kind needs is not installed and its test is to be skipped.
type StoreRigs = fn() -> Option<store::StoreRig>;

const STORES: &[(&str, StoreRigs)] = &[
    ("dir", rigs::dir::store),
    #[cfg(target_os = "linux")]
    ("nss", rigs::nss::store),
    ("windows", rigs::windows::store),
];

/// Makes a folder of a kind.
type FolderRigs = fn() -> folder::FolderRig;

const FOLDERS: &[(&str, FolderRigs)] = &[("dir", rigs::dir::folder)];

/// Tests of tokens. A module has one state in a process, so they run the suite themselves.
const TOKENS: &[(&str, &str)] = &[("pkcs11", include_str!("token_pkcs11.rs")), ("soft", include_str!("token_soft.rs"))];

#[test]
fn every_kind_of_store_has_its_line() {
    same_names(builtin().stores, STORES);
}

#[test]
fn every_kind_of_folder_has_its_line() {
    same_names(builtin().folders, FOLDERS);
}

#[test]
fn every_kind_of_token_has_its_line_and_runs_the_suite() {
    same_names(builtin().tokens, TOKENS);
    for (name, tests) in TOKENS {
        assert!(tests.contains("contract::token::{TokenRig, holds}") && tests.contains("    holds("), "the tests of {name} do not run the suite");
    }
}

fn same_names<Open, Rig>(kinds: &[Kind<Open>], rigs: &[(&str, Rig)]) {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let rigs: Vec<&str> = rigs.iter().map(|(name, _)| *name).collect();
    assert_eq!(rigs, kinds, "a kind of the table in backends/src/lib.rs has no line in this file, or stands in another place");
}

#[test]
fn every_store_keeps_the_contract() {
    for (name, rig) in STORES {
        if rig().is_some() {
            println!("store {name}");
            store::holds(|| rig().unwrap());
        }
    }
}

#[test]
fn every_folder_keeps_the_contract() {
    for (name, rig) in FOLDERS {
        println!("folder {name}");
        folder::holds(rig);
    }
}
