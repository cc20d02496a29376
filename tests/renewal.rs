//! The renewal of an online-billing certificate against a lab in its own process: once, whatever happens.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../backends/tests/support/disk.rs"]
mod disk;
mod support;

use std::process::{Command, Stdio};

use support::{Lab, kirikae, said};

/// One issuance; the old certificate gone only with the new one there; the journal whole; nothing to do afterwards.
fn settled(lab: &Lab) {
    assert_eq!(lab.count("issued", None), 1);
    assert_eq!(lab.store().len(), 1, "only the new certificate is left");
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));
    let received = lab.count("received", Some("renew"));
    let again = lab.renew();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains("まだ更新の時期ではありません"), "{}", said(&again));
    assert_eq!(lab.count("received", Some("renew")), received, "nothing to do sends nothing");
}

fn attempts(lab: &Lab) -> usize {
    let events = lab.show()["events"].as_array().unwrap().clone();
    events.iter().filter(|event| event["kind"] == "IntentRecorded" && event["step"] == "request").count()
}

#[test]
fn renews_once_and_then_has_nothing_to_do() {
    let lab = Lab::start(&[]);
    let output = lab.renew();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    settled(&lab);
}

#[test]
fn every_fault_ends_with_one_issuance() {
    for fault in
        ["drop-before@renew", "drop-after-effect@renew", "stale-row", "redirect-307@renew", "session-timeout@renew", "http-503@renew", "http-503@find_issued"]
    {
        let lab = Lab::start(&["--fault", fault]);
        let output = lab.renew();
        if output.status.code() != Some(0) {
            lab.resume_to_the_end();
        }
        assert!(lab.count("received", Some("renew")) <= attempts(&lab), "{fault}: one committing request per attempt");
        settled(&lab);
    }
}

#[test]
fn a_busy_site_is_tried_again_by_itself() {
    let lab = Lab::start(&["--fault", "http-503@fetch"]);
    let output = lab.renew();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let events = lab.show()["events"].as_array().unwrap().clone();
    let waited = events.iter().filter(|event| event["kind"] == "TimerArmed" && event["timer"] == "fetch/retry/1").count();
    assert_eq!(waited, 1, "{}", said(&output));
    settled(&lab);
}

#[test]
fn a_missing_backup_medium_is_handed_to_a_person_and_the_old_certificate_stays() {
    let lab = Lab::start(&["--fault", "truncated-file@fetch"]);
    assert_eq!(lab.renew().status.code(), Some(1), "requested, and stopped before the backup");
    std::fs::rename(lab.path("backup"), lab.path("unplugged")).unwrap();
    let parked = lab.run(&["resume", "last"]);
    assert_eq!(parked.status.code(), Some(75), "{}", said(&parked));
    assert!(said(&parked).contains("媒体を挿してください") && said(&parked).contains("kirikae answer"), "{}", said(&parked));
    assert_eq!(lab.store().len(), 2, "the old certificate is not deleted without a backup");
    std::fs::rename(lab.path("unplugged"), lab.path("backup")).unwrap();
    let answered = lab.run(&["answer", "last", "backup", "--yes", "--by", "受付"]);
    assert_eq!(answered.status.code(), Some(0), "{}", said(&answered));
    lab.resume_to_the_end();
    settled(&lab);
}

#[test]
fn a_hidden_row_is_not_taken_for_an_absence() {
    let lab = Lab::start(&["--fault", "drop-after-effect-hidden-30s@renew"]);
    lab.edit_site("absent_after: 1s", "absent_after: 40s");
    let output = lab.renew();
    if output.status.code() != Some(0) {
        lab.resume_to_the_end();
    }
    assert_eq!(lab.count("received", Some("renew")), 1);
    settled(&lab);
}

#[test]
fn without_a_verified_delay_a_person_decides() {
    let lab = Lab::start(&["--fault", "drop-before@renew"]);
    lab.edit_site("absent_after: 1s", "timeout: 30s");
    let output = lab.renew();
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    assert!(said(&output).contains("STEP.UNCERTAIN") && said(&output).contains("kirikae answer"), "{}", said(&output));
    let refused = lab.run(&["abandon", "last", "--by", "受付"]);
    assert_eq!(refused.status.code(), Some(1), "an uncertain run is not given up: {}", said(&refused));
    let answered = lab.run(&["answer", "last", "request", "--uncertain", "not-done", "--by", "受付"]);
    assert_eq!(answered.status.code(), Some(0), "{}", said(&answered));
    lab.resume_to_the_end();
    settled(&lab);
}

#[test]
fn a_bad_file_is_fetched_again_and_the_old_certificate_stays_until_then() {
    for fault in ["truncated-file@fetch", "html-instead-of-file@fetch", "wrong-password-file@fetch"] {
        let lab = Lab::start(&["--fault", fault]);
        let output = lab.renew();
        assert_eq!(output.status.code(), Some(1), "{fault}: {}", said(&output));
        assert!(said(&output).contains("PORTAL.FILE_BAD"), "{fault}: {}", said(&output));
        assert_eq!(lab.store().len(), 1, "the old certificate is still there");
        let shown = lab.run(&["show", "last"]);
        assert!(said(&shown).contains("残り") && said(&shown).contains("kirikae resume"), "{}", said(&shown));
        lab.resume_to_the_end();
        settled(&lab);
    }
}

#[test]
fn two_at_once_make_one_issuance_and_one_refusal() {
    let lab = Lab::start(&[]);
    let spawn = || lab.command(&["apply", "playbooks/obn/renew-web.yaml", "--approve", "all"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let both = [spawn(), spawn()].map(|child| child.wait_with_output().unwrap());
    let mut codes = both.iter().map(|output| output.status.code()).collect::<Vec<_>>();
    codes.sort();
    assert_eq!(codes, [Some(0), Some(1)], "{}\n{}", said(&both[0]), said(&both[1]));
    let refused = both.iter().find(|output| output.status.code() == Some(1)).unwrap();
    assert!(said(refused).contains("RUN.UNFINISHED") && said(refused).contains("kirikae resume"), "{}", said(refused));
    settled(&lab);
}

#[test]
fn nothing_irreversible_without_approval() {
    let lab = Lab::start(&[]);
    let output = lab.run(&["apply", "playbooks/obn/renew-web.yaml"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("APPROVAL.MISSING"));
    assert_eq!(lab.count("received", None), 0);
}

#[test]
fn a_saved_plan_is_applied_once() {
    let lab = Lab::start(&[]);
    let plan = lab.place.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    assert_eq!(lab.run(&["plan", "playbooks/obn/renew-web.yaml", "--out", plan, "--detailed-exitcode"]).status.code(), Some(10));
    let first = lab.run(&["apply", plan, "--approve", "all"]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let second = lab.run(&["apply", plan, "--approve", "all"]);
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
}

#[test]
fn an_untrusted_site_and_wrong_ids_are_named() {
    let lab = Lab::start(&[]);
    std::fs::write(lab.path("reference-id.txt"), "WRONGWRONG\n").unwrap();
    let wrong = lab.run(&["apply", "playbooks/obn/obtain.yaml", "--approve", "all"]);
    assert!(said(&wrong).contains("PORTAL.WRONG_ID"), "{}", said(&wrong));
    let other = Lab::start(&[]);
    let pem = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other", "-days", "1", "-keyout", "/dev/null"])
        .output()
        .unwrap();
    std::fs::write(other.path("lab-ca.pem"), pem.stdout).unwrap();
    let untrusted = other.renew();
    assert_eq!(untrusted.status.code(), Some(1));
    assert!(said(&untrusted).contains("NET.UNTRUSTED"), "{}", said(&untrusted));
    assert_eq!(other.count("received", None), 0);
}

#[test]
fn the_profile_follows_other_markup_of_the_same_pages() {
    for html in ["plain", "buttons", "deflist", "fullwidth", "sjis", "hidden", "nested"] {
        let output = kirikae().args(["rehearse", "playbooks/obn/renew-web.yaml", "--html", html]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{html}: {}", said(&output));
    }
}

#[test]
fn every_playbook_can_be_carried_out() {
    let lab = Lab::start(&[]);
    for playbook in ["obn/verify", "obn/install", "obn/backup-file", "obn/obtain", "obn/renew-web"] {
        let output = lab.run(&["apply", playbook, "--approve", "all"]);
        assert_eq!(output.status.code(), Some(0), "{playbook}: {}", said(&output));
    }
}

#[test]
fn openssl_confirms_key_and_chain_of_what_is_in_the_store() {
    let lab = Lab::start(&[]);
    assert_eq!(lab.renew().status.code(), Some(0));
    let p12 = lab.store().pop().unwrap();
    let opened = Command::new("openssl")
        .args(["pkcs12", "-nodes", "-passin"])
        .arg(format!("file:{}", lab.path("personal.pw").display()))
        .arg("-in")
        .arg(&p12)
        .output()
        .unwrap();
    assert!(opened.status.success(), "{}", said(&opened));
    let pem = lab.place.path().join("new.pem");
    std::fs::write(&pem, &opened.stdout).unwrap();
    let public = |arguments: &[&str]| Command::new("openssl").args(arguments).arg("-in").arg(&pem).output().unwrap().stdout;
    assert_eq!(public(&["pkey", "-pubout"]), public(&["x509", "-pubkey", "-noout"]), "key and certificate match");
    let shown = lab.show();
    let thumbprint = shown["state"]["steps"]["install/put"]["doing"]["ended"]["outputs"]["cert"]["sha1"].as_str().unwrap_or_default().to_owned();
    let print = String::from_utf8(public(&["x509", "-noout", "-fingerprint", "-sha1"])).unwrap().replace(':', "").to_lowercase();
    assert!(!thumbprint.is_empty() && print.contains(&thumbprint), "{print} {thumbprint}");
}

#[test]
fn the_backup_opens_with_the_recovery_key_and_secrets_stand_nowhere() {
    let lab = Lab::start(&[]);
    let identity = age::x25519::Identity::generate();
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    let generated = "{ generate: digits(4) }";
    assert!(site.contains(generated), "{site}");
    std::fs::write(lab.path("p12.pw"), "7391\n").unwrap();
    let site = site.replacen(generated, "{ file: ./p12.pw }", 1) + &format!("vault: {{ recipients: [{}] }}\n", identity.to_public());
    std::fs::write(lab.path("site.yaml"), site).unwrap();
    let output = lab.renew();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let backup = std::fs::read_dir(lab.path("backup")).unwrap().flatten().next().unwrap().path();
    let content = age::decrypt(&identity, &std::fs::read(&backup).unwrap()).unwrap();
    let plain = lab.place.path().join("backup.p12");
    std::fs::write(&plain, content).unwrap();
    let opened = Command::new("openssl").args(["pkcs12", "-nodes", "-passin", "pass:7391", "-in"]).arg(&plain).output().unwrap();
    assert!(opened.status.success(), "{}", said(&opened));
    let reference = decrypted(&lab, &identity, "reference_id");
    assert!(reference.len() >= 8, "{reference}");
    let journal = std::fs::read(lab.state().join("journal.db")).unwrap();
    let wal = std::fs::read(lab.state().join("journal.db-wal")).unwrap_or_default();
    let mut everything = vec![said(&output), String::from_utf8_lossy(&journal).into_owned(), String::from_utf8_lossy(&wal).into_owned()];
    let blobs = std::fs::read_dir(lab.state().join("blobs")).unwrap().flatten();
    everything.extend(blobs.map(|blob| std::fs::read_to_string(blob.path()).unwrap()));
    for text in everything {
        assert!(!text.contains(&reference), "the reference ID is in a record");
        let tokens = text.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(!tokens.into_iter().any(|token| token == "7391"), "the password is in a record");
    }
}

/// The store moves to a disk of its own, whose room and mode the test can change. `None` where mounting is not allowed.
fn store_on_a_disk(lab: &Lab) -> Option<disk::TinyDisk> {
    let disk = disk::TinyDisk::mount()?;
    for file in std::fs::read_dir(lab.path("personal")).unwrap().flatten() {
        std::fs::copy(file.path(), disk.path().join(file.file_name())).unwrap();
    }
    lab.edit_site("path: ./personal,", &format!("path: {},", disk.path().display()));
    Some(disk)
}

/// The import fails with `code`; the old certificate still works; `show` says what is done and left; then `mend` and `resume`.
fn an_import_that_cannot_be_written(code: &str, disk: &disk::TinyDisk, lab: &Lab, mend: impl FnOnce()) {
    let output = lab.renew();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains(code), "{code}: {}", said(&output));
    assert_eq!(lab.count("issued", None), 1);
    let works = lab.run(&["apply", "obn/verify"]);
    assert_eq!(works.status.code(), Some(0), "the old certificate still signs in: {}", said(&works));
    let run = lab.run(&["runs", "--format", "json"]);
    let runs: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let parked = runs.as_array().unwrap().iter().find(|run| run["phase"] == "parked").unwrap()["run"].as_str().unwrap().to_owned();
    let shown = said(&lab.run(&["show", &parked]));
    assert!(shown.contains("install/put") && shown.contains("残り") && shown.contains(&format!("kirikae resume {parked}")), "{shown}");
    mend();
    let resumed = lab.run(&["resume", &parked]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert_eq!(lab.count("issued", None), 1, "nothing was requested again");
    let left = std::fs::read_dir(disk.path()).unwrap().flatten().filter(|file| file.path().extension().is_some_and(|extension| extension == "p12"));
    assert_eq!(left.count(), 1, "only the new certificate is left");
}

#[test]
fn a_full_disk_at_import_loses_nothing() {
    let lab = Lab::start(&[]);
    let Some(disk) = store_on_a_disk(&lab) else { return };
    let filler = disk.fill(0);
    an_import_that_cannot_be_written("FOLDER.FULL", &disk, &lab, || std::fs::remove_file(filler).unwrap());
}

#[test]
fn a_read_only_store_at_import_loses_nothing() {
    let lab = Lab::start(&[]);
    let Some(disk) = store_on_a_disk(&lab) else { return };
    disk.read_only(true);
    an_import_that_cannot_be_written("STORE.READONLY", &disk, &lab, || disk.read_only(false));
}

/// The value of the first vault entry whose file name holds `part`.
fn decrypted(lab: &Lab, identity: &age::x25519::Identity, part: &str) -> String {
    let mut folders = vec![lab.state().join("vault")];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (file.path(), file.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                folders.push(path);
            } else if name.contains(part) && name.ends_with(".age") {
                return String::from_utf8(age::decrypt(identity, &std::fs::read(path).unwrap()).unwrap()).unwrap();
            }
        }
    }
    panic!("no {part} in the vault");
}
