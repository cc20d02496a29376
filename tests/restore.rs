//! Backups that are worth something: the store is lost, the machine is lost, and the certificate signs in again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use kirikae_engine::journal::{Journal, STATE_RUN};
use serde_json::Value as Json;
use support::{Lab, component, said};

/// The backups in the folder for backups; the site has others.
fn listed(lab: &Lab) -> Vec<Json> {
    let output = lab.run(&["restore", "--format", "json"]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    let folders = json["folders"].as_array().unwrap().clone();
    folders.iter().find(|folder| folder["folder"] == "backup").unwrap()["backups"].as_array().unwrap().clone()
}

fn empty(folder: &Path) {
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        std::fs::remove_file(file.path()).unwrap();
    }
}

/// The certificate of the store signs in at the practice site, which checks it by mutual TLS.
fn signs_in(lab: &Lab) {
    let before = lab.count("signed_in", None);
    let proved = lab.run(&["apply", "obn/verify"]);
    assert_eq!(proved.status.code(), Some(0), "{}", said(&proved));
    assert!(said(&proved).contains("終わりました"), "{}", said(&proved));
    assert!(lab.count("signed_in", None) >= before);
}

fn the_backup(lab: &Lab) -> PathBuf {
    std::fs::read_dir(lab.path("backup")).unwrap().flatten().next().unwrap().path()
}

#[test]
fn a_lost_store_is_restored_and_signs_in() {
    let lab = Lab::start(&[]);
    assert_eq!(lab.renew().status.code(), Some(0));
    let backup = listed(&lab).pop().unwrap();
    assert_eq!((&backup["state"], &backup["wrapped"], &backup["stores"]), (&"opens".into(), &true.into(), &serde_json::json!(["personal"])), "{backup}");
    let name = backup["name"].as_str().unwrap();
    let unchanged = lab.run(&["restore", name, "--to", "personal"]);
    assert!(unchanged.status.code() == Some(0) && said(&unchanged).contains("何も変えていません"), "{}", said(&unchanged));

    empty(&lab.path("personal"));
    assert_eq!(lab.run(&["apply", "obn/verify"]).status.code(), Some(1), "there is nothing left to sign in with");
    assert_eq!(listed(&lab)[0]["stores"], serde_json::json!([]));
    let told = lab.run(&["restore"]);
    assert!(said(&told).contains(&format!("kirikae restore {name}")) && said(&told).contains("開きます"), "{}", said(&told));

    let asked = lab.run(&["restore", name, "--to", "personal"]);
    assert_eq!(asked.status.code(), Some(4), "{}", said(&asked));
    assert!(said(&asked).contains("APPROVAL.MISSING") && said(&asked).contains("取り込み"), "{}", said(&asked));
    assert_eq!(lab.store().len(), 0, "nothing without a yes");
    let thumbprint = &backup["cert"]["sha1"].as_str().unwrap()[..8];
    let restored = lab.run(&["restore", thumbprint, "--to", "personal", "--yes"]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    assert_eq!(lab.store().len(), 1);
    signs_in(&lab);

    let events = Journal::open(&lab.state()).unwrap().events(STATE_RUN).unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.body.kind()).collect();
    assert_eq!(kinds, ["IntentRecorded", "StepEnded"], "intent before effect");
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));
}

#[test]
fn an_older_certificate_does_not_come_back_unasked() {
    let lab = Lab::start(&[]);
    let old = lab.place.path().join("old.p12");
    std::fs::copy(&lab.store()[0], &old).unwrap();
    assert_eq!(lab.renew().status.code(), Some(0));
    let password = format!("password={}", lab.path("personal.pw").display());
    let restore = |more: &[&str]| lab.run(&[&["restore", old.to_str().unwrap(), "--secret-file", &password, "--to", "personal", "--yes"], more].concat());
    let refused = restore(&[]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("RESTORE.NEWER"), "{}", said(&refused));
    assert_eq!(lab.store().len(), 1);
    let told = restore(&["--beside-newer"]);
    assert_eq!(told.status.code(), Some(0), "{}", said(&told));
    assert_eq!(lab.store().len(), 2);
    signs_in(&lab);
}

#[test]
fn a_backup_that_does_not_open_says_why_and_nothing_is_imported() {
    let lab = Lab::start(&[]);
    assert_eq!(lab.renew().status.code(), Some(0));
    let whole = std::fs::read(the_backup(&lab)).unwrap();
    std::fs::write(lab.path("backup/cut.p12.age"), &whole[..whole.len() - 40]).unwrap();
    std::fs::write(lab.path("backup/readme.txt"), "no backup").unwrap();
    std::fs::write(lab.path("backup/torn.p12"), [0x30, 0x82, 0x10, 0x00, 2, 1, 3]).unwrap();
    let old = lab.place.path().join("locked.p12");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other", "-days", "9", "-keyout"])
        .arg(lab.place.path().join("key.pem"))
        .arg("-out")
        .arg(lab.place.path().join("cert.pem"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let made = Command::new("openssl")
        .args(["pkcs12", "-export", "-passout", "pass:unheard-of", "-inkey"])
        .arg(lab.place.path().join("key.pem"))
        .arg("-in")
        .arg(lab.place.path().join("cert.pem"))
        .arg("-out")
        .arg(&old)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
    std::fs::copy(&old, lab.path("backup/locked.p12")).unwrap();

    let found = listed(&lab);
    let state = |name: &str| found.iter().find(|backup| backup["name"] == name).map(|backup| backup["state"].as_str().unwrap().to_owned());
    assert_eq!(
        [state("cut.p12.age"), state("torn.p12"), state("locked.p12"), state("readme.txt")],
        [Some("closed".to_owned()), Some("closed".to_owned()), Some("locked".to_owned()), None]
    );
    for (name, code) in [("cut.p12.age", "VAULT.UNREADABLE"), ("torn.p12", "P12.UNREADABLE"), ("locked.p12", "RESTORE.LOCKED"), ("none", "RESTORE.NOT_FOUND")] {
        let refused = lab.run(&["restore", name, "--yes"]);
        assert!(refused.status.code() != Some(0) && said(&refused).contains(code), "{name}: {}", said(&refused));
    }
    assert_eq!(lab.store().len(), 1);
    std::fs::write(lab.path("pw"), "unheard-of\n").unwrap();
    let restored = lab.run(&["restore", "locked.p12", "--secret-file", &format!("password={}", lab.path("pw").display()), "--to", "personal", "--yes"]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    assert_eq!(lab.store().len(), 2);
}

/// A recovery key in a file, as a person makes it, named in the site file.
fn recovery_key(lab: &Lab) -> Option<PathBuf> {
    let key = lab.place.path().join("recovery.txt");
    let made = Command::new(component::program("age-keygen")?).arg("-o").arg(&key).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let public = std::fs::read_to_string(&key).unwrap().lines().find_map(|line| line.strip_prefix("# public key: ").map(str::to_owned)).unwrap();
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    std::fs::write(lab.path("site.yaml"), format!("{site}vault: {{ recipients: [{public}] }}\n")).unwrap();
    Some(key)
}

/// `age -d -i KEY FILE > OUT`, as the page on secrets says.
fn age(key: &Path, file: &Path, out: &Path) {
    let opened = Command::new(component::program("age").unwrap()).args(["-d", "-i"]).arg(key).arg("-o").arg(out).arg(file).output().unwrap();
    assert!(opened.status.success(), "{}", said(&opened));
}

/// The encrypted file of the vault entry whose file name holds `part`.
fn vault_file(vault: &Path, part: &str) -> PathBuf {
    let files = std::fs::read_dir(vault).unwrap().flatten().map(|file| file.path());
    let is_it = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "age") && path.file_name().unwrap().to_string_lossy().contains(part);
    files.into_iter().find(is_it).unwrap()
}

#[test]
fn a_lost_machine_is_recovered_with_age_alone() {
    let lab = Lab::start(&[]);
    let Some(key) = recovery_key(&lab) else { return };
    assert_eq!(lab.renew().status.code(), Some(0));
    // What is left: the backup medium, a copy of the vault, the recovery key from the safe.
    let password = lab.place.path().join("pw");
    age(&key, &vault_file(&lab.state().join("vault"), "p12_password"), &password);
    let p12 = lab.place.path().join("new.p12");
    age(&key, &the_backup(&lab), &p12);
    std::fs::remove_dir_all(lab.state()).unwrap();
    empty(&lab.path("personal"));

    let restored = lab.run(&["restore", p12.to_str().unwrap(), "--secret-file", &format!("password={}", password.display()), "--to", "personal", "--yes"]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    signs_in(&lab);
}

#[test]
fn a_copied_vault_is_recovered_for_a_new_machine() {
    let lab = Lab::start(&[]);
    let Some(key) = recovery_key(&lab) else { return };
    assert_eq!(lab.renew().status.code(), Some(0));
    // The state folder came along, the identity did not.
    std::fs::remove_dir_all(lab.state().join("keys")).unwrap();
    empty(&lab.path("personal"));
    assert_eq!(listed(&lab)[0]["state"], "closed");
    let refused = lab.run(&["secrets", "recover", "--identity", lab.path("site.yaml").to_str().unwrap()]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("VAULT.BAD_IDENTITY"), "{}", said(&refused));

    let recovered = lab.run(&["secrets", "recover", "--identity", key.to_str().unwrap()]);
    assert_eq!(recovered.status.code(), Some(0), "{}", said(&recovered));
    // The backup itself is encrypted to the identity of before and to the recovery key.
    let p12 = lab.place.path().join("new.p12");
    age(&key, &the_backup(&lab), &p12);
    let restored = lab.run(&["restore", p12.to_str().unwrap(), "--to", "personal", "--yes"]);
    assert_eq!(restored.status.code(), Some(0), "the vault has its password: {}", said(&restored));
    signs_in(&lab);
    let list = lab.run(&["secrets", "list"]);
    assert!(said(&list).contains("obn_reference_id") && !said(&list).contains("注意"), "{}", said(&list));
}
