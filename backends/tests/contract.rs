//! Every built-in kind keeps the contract of its port. A new kind has one line here, which makes its rig.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod rigs;
mod support;

use kirikae_backends::{Kind, builtin};
use kirikae_engine::testing::contract::{folder, store};

/// Makes a store of a kind, or `None` where what the kind needs is not installed and its test is to be skipped.
type StoreRigs = fn() -> Option<store::StoreRig>;

const STORES: &[(&str, StoreRigs)] = &[("dir", rigs::dir::store), ("windows", rigs::windows::store)];

/// Makes a folder of a kind.
type FolderRigs = fn() -> folder::FolderRig;

const FOLDERS: &[(&str, FolderRigs)] = &[("dir", rigs::dir::folder)];

#[test]
fn every_kind_of_store_has_its_line() {
    same_names(builtin().stores, STORES);
}

#[test]
fn every_kind_of_folder_has_its_line() {
    same_names(builtin().folders, FOLDERS);
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
