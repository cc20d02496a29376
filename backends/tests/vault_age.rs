//! The vault: who can open it, what survives, what shows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use kirikae_backends::vault::age::{AgeVault, Covered, Protection};
use kirikae_engine::backend::{BackendError, EntryInfo, Vault};
use kirikae_engine::secret::{Secret, SecretRef};

const CANARY: &str = "refid-canary-8841";

fn open(state: &Path) -> AgeVault {
    AgeVault::open(state, &[]).unwrap()
}

fn info(id: &str) -> EntryInfo {
    EntryInfo {
        reference: SecretRef::vault(id),
        name: "obn_reference_id".into(),
        about: "202511230000001".into(),
        written_at: "2026-11-23T00:00:00Z".parse().unwrap(),
        labels: BTreeMap::from([("run".into(), "20261123-abcdef".into())]),
    }
}

fn value(vault: &dyn Vault, id: &str) -> Option<String> {
    vault.get(&SecretRef::vault(id)).unwrap().map(|secret| secret.expose_text().unwrap().to_owned())
}

#[test]
fn an_entry_is_kept_listed_replaced_and_erased() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    assert_eq!((vault.list().unwrap(), value(&vault, "a")), (vec![], None));
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0, "looking makes nothing");

    for id in ["obn/renew-web.p12_password", "20261123-abcdef/reference_id", "OBN/renew-web.p12_password"] {
        vault.put(&info(id), &Secret::text(format!("value of {id}"))).unwrap();
    }
    // Another process finds them.
    let vault = open(state.path());
    let ids: Vec<_> = vault.list().unwrap().into_iter().map(|info| info.reference.id().to_owned()).collect();
    assert_eq!(ids, ["20261123-abcdef/reference_id", "OBN/renew-web.p12_password", "obn/renew-web.p12_password"]);
    assert_eq!(vault.list().unwrap()[2], info("obn/renew-web.p12_password"));
    for id in &ids {
        assert_eq!(value(&vault, id).unwrap(), format!("value of {id}"));
        assert_eq!(vault.info(&SecretRef::vault(id)).unwrap(), Some(info(id)));
    }
    assert_eq!(vault.info(&SecretRef::vault("b")).unwrap(), None);
    let below = |prefix: &str| vault.below(prefix).unwrap().iter().map(|reference| reference.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(below("obn/"), ["obn/renew-web.p12_password"], "upper and lower case are two");
    assert_eq!((below("20261123-abcdef/ref").len(), below("x").len()), (1, 0));

    vault.put(&EntryInfo { about: "newer".into(), ..info(&ids[0]) }, &Secret::text("second")).unwrap();
    assert_eq!((value(&vault, &ids[0]).as_deref(), vault.list().unwrap()[0].about.as_str()), (Some("second"), "newer"));

    vault.remove(&SecretRef::vault(&ids[0])).unwrap();
    vault.remove(&SecretRef::vault(&ids[0])).expect("what is gone is gone");
    assert_eq!((value(&vault, &ids[0]), vault.list().unwrap().len()), (None, 2));
    open(tempfile::tempdir().unwrap().path()).remove(&SecretRef::vault("a")).expect("nothing to erase");
}

#[test]
fn files_and_keys_survive_byte_for_byte() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let file: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    vault.put(&info("file"), &Secret::bytes(file.clone())).unwrap();
    assert!(vault.get(&SecretRef::vault("file")).unwrap().unwrap().expose() == file);
    let wrapped = vault.wrap(&Secret::bytes(file.clone())).unwrap();
    assert!(vault.unwrap(&wrapped).unwrap().expose() == file);
    vault.put(&info("empty"), &Secret::text("")).unwrap();
    assert_eq!(value(&vault, "empty").as_deref(), Some(""));
}

#[test]
fn only_the_engine_and_the_recovery_keys_open_it() {
    let state = tempfile::tempdir().unwrap();
    let (recovery, stranger) = (Identity::generate(), Identity::generate());
    let vault = AgeVault::open(state.path(), &[recovery.to_public().to_string()]).unwrap();
    vault.put(&info("obn/x"), &Secret::text(CANARY)).unwrap();

    let sealed = fs::read(state.path().join("vault/obn%2fx.age")).unwrap();
    assert_eq!(age::decrypt(&recovery, &sealed).unwrap(), CANARY.as_bytes());
    assert!(age::decrypt(&stranger, &sealed).is_err());
    let wrapped = vault.wrap(&Secret::text(CANARY)).unwrap();
    assert_eq!(age::decrypt(&recovery, &wrapped).unwrap(), CANARY.as_bytes());

    // The identity file is one that the age program takes.
    let text = fs::read_to_string(vault.identity_file()).unwrap();
    let own: Identity = text.lines().find(|line| !line.starts_with('#')).unwrap().parse().unwrap();
    assert_eq!(age::decrypt(&own, &sealed).unwrap(), CANARY.as_bytes());
    assert!(text.contains(&own.to_public().to_string()));

    // The same file under another terminal's identity.
    let other = tempfile::tempdir().unwrap();
    open(other.path()).put(&info("obn/x"), &Secret::text("theirs")).unwrap();
    fs::write(other.path().join("vault/obn%2fx.age"), &sealed).unwrap();
    assert_eq!(open(other.path()).get(&SecretRef::vault("obn/x")).err().unwrap().code, "VAULT.UNREADABLE");
    assert_eq!(open(other.path()).unwrap(&wrapped).err().unwrap().code, "VAULT.UNREADABLE");
}

#[test]
fn what_a_crash_leaves_is_not_an_entry() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    for id in ["putting", "erasing", "whole"] {
        vault.put(&info(id), &Secret::text("x")).unwrap();
    }
    fs::remove_file(state.path().join("vault/putting.json")).unwrap();
    fs::remove_file(state.path().join("vault/erasing.age")).unwrap();
    fs::write(state.path().join("vault/.kirikae-00.tmp"), "half").unwrap();
    assert_eq!(vault.list().unwrap(), [info("whole")]);
    assert_eq!((value(&vault, "putting"), value(&vault, "erasing")), (None, None));
    vault.put(&info("putting"), &Secret::text("again")).unwrap();
    vault.remove(&SecretRef::vault("erasing")).unwrap();
    assert_eq!((value(&vault, "putting").as_deref(), vault.list().unwrap().len()), (Some("again"), 2));
}

#[test]
fn nothing_shows_a_value() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    vault.put(&info("obn/x"), &Secret::text(CANARY)).unwrap();
    let identity = fs::read_to_string(vault.identity_file()).unwrap();
    let key = identity.lines().find(|line| !line.starts_with('#')).unwrap();
    let shown = format!("{vault:?}{:?}", vault.list().unwrap());
    assert!(!shown.contains(CANARY) && !shown.contains(key), "{shown}");
    for entry in fs::read_dir(state.path().join("vault")).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        assert!(!content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    }
}

#[test]
fn damage_is_told_and_never_taken_for_no_entry() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    vault.put(&info("a"), &Secret::text(CANARY)).unwrap();
    let file = state.path().join("vault/a.age");
    let sealed = fs::read(&file).unwrap();
    for damaged in [&sealed[..sealed.len() - 1], &sealed[..40], b"", b"<html>"] {
        fs::write(&file, damaged).unwrap();
        let error = vault.get(&SecretRef::vault("a")).err().unwrap();
        assert_eq!(error.code, "VAULT.UNREADABLE");
        assert!(error.cause.ja.contains("a.age"), "{error:?}");
    }
    fs::write(state.path().join("vault/a.json"), "{").unwrap();
    assert_eq!(vault.list().unwrap_err().code, "VAULT.UNREADABLE");
}

#[test]
fn ids_cannot_leave_the_vault() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(&state.path().join("state"));
    vault.put(&info("../../escape"), &Secret::text("x")).unwrap();
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    assert_eq!(value(&vault, "../../escape").as_deref(), Some("x"));
    for id in ["", "a b", "a\\b", "秘密", &"a".repeat(300)] {
        assert_eq!(vault.put(&info(id), &Secret::text("x")).unwrap_err().code, "VAULT.UNREADABLE", "{id:?}");
    }
}

#[test]
fn a_recovery_recipient_that_is_none_is_refused() {
    let refused = |text: &str| {
        let error = AgeVault::open(Path::new("/nowhere"), &[text.to_owned()]).err().unwrap();
        assert_eq!(error.code, "VAULT.BAD_RECIPIENT");
        format!("{error:?}")
    };
    assert!(refused("age1typo").contains("age1typo"));
    refused("");
    // The wrong half of the pair: refused, and not repeated on a screen.
    let secret = Identity::generate().to_string();
    assert!(!refused(secret.expose_secret()).contains(&secret.expose_secret()[20..]));
    assert!(!refused(&secret.expose_secret().to_lowercase()).contains(&secret.expose_secret().to_lowercase()[20..]));
}

#[test]
fn a_lost_identity_is_not_replaced_silently() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    vault.put(&info("a"), &Secret::text("x")).unwrap();
    let kept = fs::read(vault.identity_file()).unwrap();
    fs::remove_file(vault.identity_file()).unwrap();
    assert_eq!(vault.get(&SecretRef::vault("a")).err().unwrap().code, "VAULT.UNREADABLE");
    assert_eq!(vault.put(&info("b"), &Secret::text("y")).unwrap_err().code, "VAULT.UNREADABLE");
    assert!(!vault.identity_file().exists());

    fs::write(vault.identity_file(), "no identity").unwrap();
    restrict(&vault.identity_file());
    assert_eq!(vault.get(&SecretRef::vault("a")).err().unwrap().code, "VAULT.UNREADABLE");
    fs::write(vault.identity_file(), kept).unwrap();
    assert_eq!(value(&vault, "a").as_deref(), Some("x"));
}

#[test]
fn two_first_uses_at_once_agree_on_one_identity() {
    let state = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let vault = open(state.path());
            scope.spawn(move || {
                vault.wrap(&Secret::text(format!("{n}"))).map(drop).and_then(|()| vault.put(&info(&format!("e{n}")), &Secret::text("x"))).unwrap()
            });
        }
    });
    let vault = open(state.path());
    for n in 0..8 {
        assert_eq!(value(&vault, &format!("e{n}")).as_deref(), Some("x"));
    }
}

#[cfg(unix)]
#[test]
fn an_identity_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    vault.put(&info("a"), &Secret::text("x")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&vault.identity_file()), mode(&state.path().join("vault")), mode(&state.path().join("vault/a.age"))), (0o600, 0o700, 0o600));
    for open_to_others in [0o644, 0o640, 0o602] {
        fs::set_permissions(vault.identity_file(), fs::Permissions::from_mode(open_to_others)).unwrap();
        let error = vault.get(&SecretRef::vault("a")).err().unwrap();
        assert!(error.code == "VAULT.UNREADABLE" && error.cure.ja.contains("chmod 600"), "{error:?}");
    }
    restrict(&vault.identity_file());
    assert_eq!(value(&vault, "a").as_deref(), Some("x"));
}

#[cfg(unix)]
fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn restrict(_path: &Path) {}

#[test]
fn a_recipient_that_comes_later_is_told_and_covered() {
    let state = tempfile::tempdir().unwrap();
    let (first, second) = (Identity::generate(), Identity::generate());
    let keys = |identities: &[&Identity]| identities.iter().map(|identity| identity.to_public().to_string()).collect::<Vec<_>>();
    open(state.path()).put(&info("a"), &Secret::text(CANARY)).unwrap();
    assert!(open(state.path()).coverage().unwrap().iter().all(Covered::is_right), "nobody is named, nobody is missing");

    let vault = AgeVault::open(state.path(), &keys(&[&first])).unwrap();
    vault.put(&info("b"), &Secret::text("b")).unwrap();
    let missing =
        |vault: &AgeVault| vault.coverage().unwrap().into_iter().map(|covered| (covered.reference.id().to_owned(), covered.missing)).collect::<Vec<_>>();
    assert_eq!(missing(&vault), [("a".to_owned(), keys(&[&first])), ("b".to_owned(), vec![])]);

    let both = AgeVault::open(state.path(), &keys(&[&first, &second])).unwrap();
    assert_eq!(missing(&both), [("a".to_owned(), keys(&[&first, &second])), ("b".to_owned(), keys(&[&second]))]);
    for covered in both.coverage().unwrap() {
        assert!(both.cover(&covered.reference).unwrap());
    }
    assert!(both.coverage().unwrap().iter().all(Covered::is_right));
    for (file, content) in [("a", CANARY), ("b", "b")] {
        let sealed = fs::read(state.path().join(format!("vault/{file}.age"))).unwrap();
        assert_eq!(age::decrypt(&second, &sealed).unwrap(), content.as_bytes());
        assert_eq!(value(&both, file).as_deref(), Some(content));
        assert_eq!(both.list().unwrap().len(), 2);
    }
    assert_eq!(both.list().unwrap()[0], info("a"), "nothing else has changed");
    assert!(!both.cover(&SecretRef::vault("gone")).unwrap());

    // A key that the site no longer names can open until the entry is covered anew.
    let only = AgeVault::open(state.path(), &keys(&[&second])).unwrap();
    assert_eq!(only.coverage().unwrap()[0].former, keys(&[&first]));
    only.cover(&SecretRef::vault("a")).unwrap();
    assert!(age::decrypt(&first, &fs::read(state.path().join("vault/a.age")).unwrap()).is_err());
}

#[test]
fn a_description_speaks_of_its_own_file_only() {
    let state = tempfile::tempdir().unwrap();
    let recovery = Identity::generate();
    let keys = [recovery.to_public().to_string()];
    let vault = AgeVault::open(state.path(), &keys).unwrap();
    vault.put(&info("a"), &Secret::text("x")).unwrap();
    let described = fs::read(state.path().join("vault/a.json")).unwrap();
    // A crash between the two files of a replaced entry: the value for the engine alone, the description of the one before.
    open(state.path()).put(&info("a"), &Secret::text("y")).unwrap();
    fs::write(state.path().join("vault/a.json"), described).unwrap();
    assert_eq!(vault.coverage().unwrap()[0].missing, keys);
}

#[test]
fn a_recovery_key_opens_the_vault_for_a_new_identity() {
    let state = tempfile::tempdir().unwrap();
    let (recovery, stranger) = (Identity::generate(), Identity::generate());
    open(state.path()).put(&info("before"), &Secret::text("for the engine alone")).unwrap();
    let vault = AgeVault::open(state.path(), &[recovery.to_public().to_string()]).unwrap();
    vault.put(&info("obn/x"), &Secret::text(CANARY)).unwrap();
    fs::remove_file(vault.identity_file()).unwrap();

    let key = |identity: &Identity| Secret::text(format!("# made by age-keygen\n{}\n", identity.to_string().expose_secret()));
    for wrong in [key(&stranger), Secret::text(recovery.to_public().to_string()), Secret::text("")] {
        assert_eq!(vault.recover(&wrong).unwrap_err().code, "VAULT.BAD_IDENTITY");
        assert!(!vault.identity_file().exists(), "a key that opens nothing changes nothing");
    }
    let recovered = vault.recover(&key(&recovery)).unwrap();
    assert_eq!(recovered.opened, [SecretRef::vault("obn/x")]);
    assert_eq!(recovered.closed, [SecretRef::vault("before")]);
    assert_eq!(value(&vault, "obn/x").as_deref(), Some(CANARY));
    let sealed = fs::read(state.path().join("vault/obn%2fx.age")).unwrap();
    assert_eq!(age::decrypt(&recovery, &sealed).unwrap(), CANARY.as_bytes(), "and the recovery key opens it as before");
    assert_eq!(vault.recover(&key(&recovery)).unwrap(), recovered, "recovering twice is the same");
}

#[test]
fn covering_and_writing_at_once_lose_no_value() {
    let state = tempfile::tempdir().unwrap();
    let recovery = [Identity::generate().to_public().to_string()];
    open(state.path()).put(&info("a"), &Secret::text("0")).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (1..=40).for_each(|n| open(state.path()).put(&info("a"), &Secret::text(n.to_string())).unwrap()));
        let vault = AgeVault::open(state.path(), &recovery).unwrap();
        while !writer.is_finished() {
            vault.cover(&SecretRef::vault("a")).unwrap();
        }
    });
    assert_eq!(value(&open(state.path()), "a").as_deref(), Some("40"));
}

/// Stands in for a protection of the operating system: the file is nothing that age could read.
struct Turned;

impl Protection for Turned {
    fn protect(&self, identity: &Secret) -> Result<Secret, BackendError> {
        Ok(Secret::bytes(identity.expose().iter().rev().copied().collect()))
    }

    fn open(&self, _path: &Path, stored: Secret) -> Result<Secret, BackendError> {
        self.protect(&stored)
    }
}

#[test]
fn the_identity_lies_as_its_protection_writes_it() {
    let state = tempfile::tempdir().unwrap();
    let protected = || AgeVault::protected(state.path(), &[], Arc::new(Turned)).unwrap();
    protected().put(&info("a"), &Secret::text("x")).unwrap();
    assert!(!fs::read_to_string(protected().identity_file()).unwrap().contains("AGE-SECRET-KEY"));
    assert_eq!(value(&protected(), "a").as_deref(), Some("x"));
    assert_eq!(open(state.path()).get(&SecretRef::vault("a")).err().unwrap().code, "VAULT.UNREADABLE");
}
