//! The state folder fails: full, read-only, damaged, lost. The error says what and what to do; nothing is lost, nothing sent twice.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../backends/tests/support/disk.rs"]
mod disk;
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use disk::TinyDisk;
use support::gate::Held;
use support::{Lab, said};

/// Room for a state folder with its 8 MiB, and little more.
const KIB: usize = 16 * 1024;

fn kirikae(lab: &Lab, state: &Path, arguments: &[&str]) -> Command {
    let mut command = support::kirikae();
    command.arg("--site").arg(lab.path("site.yaml")).arg("--state").arg(state).args(arguments);
    command
}

fn run(lab: &Lab, state: &Path, arguments: &[&str]) -> Output {
    kirikae(lab, state, arguments).output().unwrap()
}

const RENEW: [&str; 4] = ["apply", "obn/renew-web", "--approve", "all"];

/// The command ends with 1 and one of these codes; both languages say what happened and what to do. Nothing is received by the portal.
fn refused(lab: &Lab, state: &Path, arguments: &[&str], codes: &[&str]) {
    let received = lab.count("received", None);
    for (lang, cure) in [("ja", "直し方"), ("en", "cure")] {
        let output = run(lab, state, &[arguments, &["--lang", lang]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        let text = said(&output);
        let code = codes.iter().find(|code| text.contains(**code)).unwrap_or_else(|| panic!("{codes:?} in {text}"));
        let after = text.split(code).nth(1).unwrap();
        assert!(after.lines().next().is_some_and(|cause| cause.len() > 10), "{text}");
        assert!(text.contains(cure), "{cure} in {text}");
        let explained = run(lab, state, &["explain", code, "--lang", lang]);
        assert_eq!(explained.status.code(), Some(0), "{}", said(&explained));
    }
    assert_eq!(lab.count("received", None), received, "nothing was sent");
}

/// The renewal ends well, once.
fn settled(lab: &Lab, state: &Path, output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    assert_eq!((lab.count("issued", None), lab.count("received", Some("renew")), lab.store().len()), (1, 1, 1));
    assert_eq!(run(lab, state, &["verify"]).status.code(), Some(0));
}

#[test]
fn a_disk_without_room_is_told_before_anything_is_sent() {
    let Some(disk) = TinyDisk::sized(KIB) else { return };
    let lab = Lab::start(&[]);
    let state = disk.path().join("state");
    assert_eq!(run(&lab, &state, &["runs"]).status.code(), Some(0));
    // A journal has room, the 8 MiB have not.
    let filler = disk.fill(1_000);
    let output = run(&lab, &state, &RENEW);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("STATE.FULL"), "{}", said(&output));
    assert_eq!(lab.count("received", None), 0);
    // Nothing has room.
    let filler_too = disk.path().join("filler");
    fs::rename(filler, &filler_too).unwrap();
    let rest = disk.fill(0);
    refused(&lab, &state, &RENEW, &["JOURNAL.FULL", "FOLDER.FULL", "STATE.FULL"]);
    fs::remove_file(rest).unwrap();
    fs::remove_file(filler_too).unwrap();
    let output = run(&lab, &state, &RENEW);
    settled(&lab, &state, &output);
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_run_loses_nothing_of_what_was_sent() {
    let Some(disk) = TinyDisk::sized(KIB) else { return };
    let lab = Lab::start(&[]);
    let state = disk.path().join("state");
    let mut held = Held::start(kirikae(&lab, &state, &[&RENEW[..], &["--format", "json"]].concat()), &state);
    // The intent of the request is on disk, the request is not sent yet: now everything else on the disk is taken.
    let intended = |held: &mut Held| held.events().iter().any(|event| event.body.kind() == "IntentRecorded");
    while !intended(&mut held) {
        let events = held.events().len();
        assert!(held.until(events + 1));
    }
    let filler = disk.fill(0);
    assert_eq!(held.finish(), Some(1), "it stops");
    assert_eq!((lab.count("received", Some("renew")), lab.count("issued", None)), (1, 1));
    let shown = run(&lab, &state, &["show", "last"]);
    assert!(said(&shown).contains("FULL"), "{}", said(&shown));
    // What the page showed once is in the vault, and the journal knows of it: that went into the room that was kept.
    let json = run(&lab, &state, &["show", "last", "--format", "json"]);
    let shown: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let outputs = &shown["state"]["steps"]["request"]["doing"]["ended"]["outputs"];
    assert!(outputs["reference_id"].as_str().is_some_and(|reference| reference.starts_with("vault:")), "{outputs}");
    // Without room nothing more is sent.
    let still = run(&lab, &state, &["resume", "last"]);
    assert_eq!(still.status.code(), Some(1), "{}", said(&still));
    assert!(said(&still).contains("FULL"), "{}", said(&still));
    fs::remove_file(filler).unwrap();
    let resumed = run(&lab, &state, &["resume", "last"]);
    settled(&lab, &state, &resumed);
    let secrets = run(&lab, &state, &["secrets", "list"]);
    assert!(said(&secrets).contains("obn_reference_id"), "the reference ID was kept: {}", said(&secrets));
}

#[test]
fn a_read_only_state_folder_is_told_before_anything_is_sent() {
    let Some(disk) = TinyDisk::sized(KIB) else { return };
    let lab = Lab::start(&[]);
    let state = disk.path().join("state");
    for prepared in [false, true] {
        if prepared {
            assert_eq!(run(&lab, &state, &["runs"]).status.code(), Some(0));
        }
        disk.read_only(true);
        refused(&lab, &state, &RENEW, &["STATE.READONLY", "JOURNAL.READONLY"]);
        disk.read_only(false);
    }
    let output = run(&lab, &state, &RENEW);
    settled(&lab, &state, &output);
}

#[test]
fn a_parked_run_whose_journal_is_damaged_or_lost_is_not_begun_anew() {
    let lab = Lab::start(&["--fault", "drop-after-effect-hidden-30s@renew"]);
    lab.edit_site(", absent_after: 1s", "");
    let parked = lab.renew();
    assert_eq!(parked.status.code(), Some(75), "{}", said(&parked));
    let file = lab.state().join("journal.db");
    let whole = fs::read(&file).unwrap();
    let spoilt: [(&str, Vec<u8>); 4] = [
        ("no header", [&[0; 100], &whole[100..]].concat()),
        ("half", whole[..whole.len() / 2].to_vec()),
        ("empty", vec![]),
        ("noise", vec![0xa5; whole.len()]),
    ];
    for (what, content) in spoilt {
        fs::write(&file, content).unwrap();
        for arguments in [&RENEW[..], &["resume", "last"], &["verify"]] {
            refused(&lab, &lab.state(), arguments, &["JOURNAL.CORRUPT"]);
        }
        assert_eq!(lab.count("received", Some("renew")), 1, "{what}");
    }
    fs::remove_file(&file).unwrap();
    refused(&lab, &lab.state(), &RENEW, &["JOURNAL.CORRUPT"]);
    // The copy of the state folder is put back: the run is there, and its request is looked up.
    fs::write(&file, whole).unwrap();
    let unfinished = lab.renew();
    assert!(said(&unfinished).contains("RUN.UNFINISHED"), "{}", said(&unfinished));
    std::thread::sleep(std::time::Duration::from_secs(31));
    let resumed = lab.run(&["resume", "last"]);
    settled(&lab, &lab.state(), &resumed);
}
