//! The folder store as an operator meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kirikae_backends::store::dir::DirStore;
use kirikae_backends::store::signer;
use kirikae_engine::backend::{BackendError, Call, ImportOption, ImportRequest, StoreRead, StoreWrite, StoredCert};
use kirikae_engine::secret::Secret;
use support::{Clinic, clinic, issue_for};

fn store(folder: &Path) -> DirStore {
    store_with(folder, "store password")
}

fn store_with(folder: &Path, password: &'static str) -> DirStore {
    DirStore::open(folder, Box::new(move || Ok(Secret::text(password)))).unwrap()
}

fn request(clinic: &Clinic) -> ImportRequest {
    ImportRequest { file: clinic.p12("1234"), password: Secret::text("1234"), friendly_name: None, options: BTreeMap::from([(ImportOption::Exportable, true)]) }
}

fn import(store: &DirStore, clinic: &Clinic) -> Result<StoredCert, BackendError> {
    store.import(&Call::unattached(), &request(clinic))
}

fn list(store: &DirStore) -> Vec<StoredCert> {
    store.list(&Call::unattached()).unwrap()
}

fn soon() -> Call {
    Call { deadline: Some(Instant::now()), ..Call::unattached() }
}

/// Visible files, sorted.
fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn file_with(folder: &Path, ending: &str) -> std::path::PathBuf {
    folder.join(files(folder).into_iter().find(|name| name.ends_with(ending)).unwrap())
}

#[test]
fn a_certificate_is_imported_listed_used_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clinic) = (store(folder.path()), clinic());
    assert_eq!(list(&store), []);

    let imported = import(&store, &clinic).unwrap();
    assert_eq!(list(&store), std::slice::from_ref(&imported));
    assert_eq!(imported.der, clinic.leaf.der);
    let info = &imported.info;
    assert_eq!((info.has_key, info.key_exportable, info.friendly_name.as_deref()), (true, true, Some("受付2")));
    assert_eq!((info.holder.as_str(), store.id()), (format!("dir:{}", folder.path().display()).as_str(), info.holder.as_str()));

    // The thumbprint as Windows shows it, in capitals.
    let signer = store.signer(&Call::unattached(), &info.sha1.to_uppercase()).unwrap();
    assert_eq!(signer.chain(), [clinic.leaf.der.clone(), clinic.middle.der.clone()], "leaf first, no root");
    let scheme = signer.schemes()[0];
    let signature = signer.sign(scheme, b"hello").unwrap();
    signer::verify(&imported.der, scheme, b"hello", &signature).unwrap();
    assert_eq!(signer::verify(&imported.der, scheme, b"hallo", &signature).unwrap_err().code, "KEY.MISMATCH");
    assert_eq!(signer::verify(&clinic.root.der, scheme, b"hello", &signature).unwrap_err().code, "KEY.MISMATCH");
    assert_eq!(signer.sign(0x0401, b"hello").unwrap_err().code, "KEY.UNUSABLE", "an RSA scheme with an EC key");

    let locked = store.lock(&Call::unattached()).unwrap();
    locked.prove_key(&info.sha1).unwrap();
    assert_eq!(locked.list().unwrap().len(), 1);
    locked.delete(&info.sha1).unwrap();
    assert_eq!(locked.delete(&info.sha1).unwrap_err().code, "CERT.GONE");
    drop(locked);
    assert!(files(folder.path()).is_empty());
    assert_eq!(store.signer(&Call::unattached(), &info.sha1).unwrap_err().code, "CERT.GONE");
}

#[test]
fn importing_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clinic) = (store(folder.path()), clinic());
    let first = import(&store, &clinic).unwrap();
    let content = fs::read(file_with(folder.path(), ".p12")).unwrap();
    let again = ImportRequest { friendly_name: Some("other".into()), ..request(&clinic) };
    assert_eq!(store.import(&Call::unattached(), &again).unwrap(), first);
    assert_eq!(fs::read(file_with(folder.path(), ".p12")).unwrap(), content);
}

#[test]
fn old_and_renewed_certificate_live_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let (store, old) = (store(folder.path()), clinic());
    let renewed = issue_for(old.leaf.key.clone(), "CN=0110119153,OU=受付,OU=端末2,O=さくら医院,C=JP", 0x8f02, 1000, Some(&old.middle), false);
    let new = Clinic { leaf: renewed, ..clinic() };
    let before = import(&store, &old).unwrap();
    let after = import(&store, &new).unwrap();
    assert_eq!(list(&store).len(), 2);
    store.lock(&Call::unattached()).unwrap().delete(&before.info.sha1).unwrap();
    assert_eq!(list(&store), std::slice::from_ref(&after));
    store.lock(&Call::unattached()).unwrap().prove_key(&after.info.sha1).unwrap();
}

#[test]
fn a_crash_between_key_and_description_is_completed_by_importing_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clinic) = (store(folder.path()), clinic());
    import(&store, &clinic).unwrap();
    fs::remove_file(file_with(folder.path(), ".json")).unwrap();
    fs::write(folder.path().join(".kirikae-00ff.tmp"), "half a file").unwrap();

    assert_eq!(list(&store), [], "a key alone is not listed");
    assert_eq!(store.locked(&Call::unattached()).unwrap(), files(folder.path()));
    let completed = import(&store, &clinic).unwrap();
    assert_eq!(list(&store), std::slice::from_ref(&completed));
    assert!(store.locked(&Call::unattached()).unwrap().is_empty());
    store.lock(&Call::unattached()).unwrap().prove_key(&completed.info.sha1).unwrap();
    assert!(!folder.path().join(".kirikae-00ff.tmp").exists());
}

#[test]
fn a_crash_in_the_middle_of_deleting_is_completed_by_deleting_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clinic) = (store(folder.path()), clinic());
    let imported = import(&store, &clinic).unwrap();
    fs::remove_file(file_with(folder.path(), ".p12")).unwrap();

    assert!(!list(&store)[0].info.has_key);
    let error = store.signer(&Call::unattached(), &imported.info.sha1).unwrap_err();
    assert_eq!(error.code, "KEY.UNUSABLE");
    store.lock(&Call::unattached()).unwrap().delete(&imported.info.sha1).unwrap();
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_mistyped_path_is_not_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sanka");
    let store = store(&path);
    for error in [
        store.list(&Call::unattached()).unwrap_err(),
        store.probe_writable(&Call::unattached()).unwrap_err(),
        import(&store, &clinic()).unwrap_err(),
        store.lock(&Call::unattached()).err().unwrap(),
    ] {
        assert_eq!(error.code, "STORE.UNREADABLE");
        assert!(error.cure.ja.contains("mkdir"), "{error:?}");
    }
    assert!(!path.exists(), "it was not made silently");

    DirStore::create_folder(&path).unwrap();
    store.probe_writable(&Call::unattached()).unwrap();
    import(&store, &clinic()).unwrap();
}

#[test]
fn a_file_in_place_of_the_folder_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::write(&path, "").unwrap();
    let error = store(&path).list(&Call::unattached()).unwrap_err();
    assert_eq!(error.code, "STORE.UNREADABLE");
    assert!(error.cause.ja.contains("フォルダではありません"), "{error:?}");
}

/// `/sys` refuses new files to everybody, the administrator too.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_told_before_and_at_the_import() {
    let store = store(Path::new("/sys"));
    assert_eq!(list(&store), [], "reading works");
    assert_eq!(store.probe_writable(&Call::unattached()).unwrap_err().code, "STORE.READONLY");
    assert_eq!(import(&store, &clinic()).unwrap_err().code, "STORE.READONLY");
}

#[test]
fn an_import_that_cannot_be_described_leaves_the_store_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clinic) = (store(folder.path()), clinic());
    let imported = import(&store, &clinic).unwrap();
    let json = file_with(folder.path(), ".json");
    store.lock(&Call::unattached()).unwrap().delete(&imported.info.sha1).unwrap();
    // The description's place is taken by a folder with something in it, so that the rename fails.
    fs::create_dir(&json).unwrap();
    fs::write(json.join("x"), "").unwrap();
    assert_eq!(import(&store, &clinic).unwrap_err().code, "STORE.READONLY");
    assert_eq!(files(folder.path()), [json.file_name().unwrap().to_str().unwrap()], "no key is left alone");
    fs::remove_dir_all(&json).unwrap();
    import(&store, &clinic).unwrap();
}

#[test]
fn two_at_once_take_turns_or_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (store(folder.path()), store(folder.path()));
    let held = first.lock(&Call::unattached()).unwrap();
    assert_eq!(second.lock(&soon()).err().unwrap().code, "STORE.LOCKED");
    assert_eq!(second.import(&soon(), &request(&clinic())).unwrap_err().code, "STORE.LOCKED");
    let cancelled = Call::unattached();
    cancelled.cancel.cancel();
    assert_eq!(second.lock(&cancelled).err().unwrap().code, "STORE.LOCKED");
    second.list(&Call::unattached()).expect("looking needs no lock");

    std::thread::scope(|scope| {
        let clinic = clinic();
        let waiting = scope.spawn(move || second.import(&Call::unattached(), &request(&clinic)));
        std::thread::sleep(Duration::from_millis(100));
        drop(held);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(list(&first).len(), 1);
}

#[test]
fn listing_needs_no_password_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let clinic = clinic();
    let imported = import(&store(folder.path()), &clinic).unwrap();

    let never = DirStore::open(folder.path(), Box::new(|| panic!("listing asked for the password"))).unwrap();
    assert_eq!(list(&never).len(), 1);

    let wrong = store_with(folder.path(), "hunter2");
    let error = wrong.signer(&Call::unattached(), &imported.info.sha1).unwrap_err();
    assert_eq!(error.code, "STORE.UNREADABLE");
    assert!(error.cause.ja.contains("パスワード") && !format!("{error:?}{wrong:?}").contains("hunter2"));

    // Importing from the backup mends a store whose password was lost.
    import(&wrong, &clinic).unwrap();
    wrong.lock(&Call::unattached()).unwrap().prove_key(&imported.info.sha1).unwrap();
}

#[test]
fn a_damaged_description_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clinic) = (store(folder.path()), clinic());
    import(&store, &clinic).unwrap();
    let json = file_with(folder.path(), ".json");
    fs::write(&json, "{").unwrap();
    let error = store.list(&Call::unattached()).unwrap_err();
    assert_eq!(error.code, "STORE.UNREADABLE");
    assert!(error.cause.ja.contains(json.file_name().unwrap().to_str().unwrap()), "{error:?}");
    import(&store, &clinic).expect("importing again mends it");
    assert_eq!(list(&store).len(), 1);
}

#[test]
fn a_swapped_key_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clinic) = (store(folder.path()), clinic());
    let imported = import(&store, &clinic).unwrap();
    let stranger = support::clinic();
    fs::write(file_with(folder.path(), ".p12"), stranger.p12("store password").expose()).unwrap();
    let locked = store.lock(&Call::unattached()).unwrap();
    assert_eq!(locked.prove_key(&imported.info.sha1).unwrap_err().code, "KEY.MISMATCH");
    fs::write(file_with(folder.path(), ".p12"), "<html>").unwrap();
    assert_eq!(locked.prove_key(&imported.info.sha1).unwrap_err().code, "KEY.UNUSABLE");
}

#[test]
fn names_from_certificates_never_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    DirStore::create_folder(&path).unwrap();
    let mut clinic = clinic();
    for cn in ["../../etc/passwd", "...", "a/b", r"c\5c..\5cd", "山田 太郎"] {
        clinic.leaf = support::issue(&format!("CN={cn}"), 5, 10, Some(&clinic.middle), false);
        import(&store(&path), &clinic).unwrap();
    }
    assert_eq!(files(folder.path()), ["store"]);
    assert_eq!(list(&store(&path)).len(), 5);
    for name in files(&path) {
        let stem = name.rsplit_once('.').unwrap().0;
        assert!(stem.chars().all(|c| c.is_alphanumeric() || c == '-'), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn files_are_for_the_owner_only_and_hold_no_key_in_the_clear() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let clinic = clinic();
    import(&store(folder.path()), &clinic).unwrap();
    let pkcs8 = clinic.leaf.pkcs8();
    let scalar = clinic.leaf.key.to_bytes();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        let content = fs::read(&path).unwrap();
        for secret in [pkcs8.expose(), &scalar[..], b"1234", b"store password"] {
            assert!(!content.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
    let signer = store(folder.path()).signer(&Call::unattached(), &list(&store(folder.path()))[0].info.sha1).unwrap();
    assert!(format!("{signer:?}").len() < 200, "{signer:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_at_import_keeps_what_is_there_and_leaves_no_half() {
    let Some(disk) = support::disk::TinyDisk::mount() else { return };
    let (store, old) = (store(disk.path()), clinic());
    let kept = import(&store, &old).unwrap();
    let before = files(disk.path());
    let new = clinic();
    let mut codes = Vec::new();
    // No block left, one, two: the disk fills up at another file each time.
    for left in 0..3 {
        disk.fill(left);
        match import(&store, &new) {
            Ok(_) => break,
            Err(error) => {
                codes.push(error.code);
                assert_eq!(files(disk.path()), before, "{left} blocks left");
            }
        }
    }
    assert!(codes.len() >= 2 && codes.iter().all(|code| code == "FOLDER.FULL"), "{codes:?}");
    disk.fill(2);
    assert_eq!(store.probe_writable(&Call::unattached()).unwrap_err().code, "FOLDER.FULL");
    store.lock(&Call::unattached()).unwrap().prove_key(&kept.info.sha1).unwrap();

    fs::remove_file(disk.path().join(".filler")).unwrap();
    import(&store, &new).unwrap();
    assert_eq!(list(&store).len(), 2);
}

#[test]
fn no_password_is_made_for_a_store_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirStore::open(&folder.path().join("none"), Box::new(|| panic!("a password was made"))).unwrap();
    assert_eq!(import(&store, &clinic()).unwrap_err().code, "STORE.UNREADABLE");
}

/// The password is asked of the site's source; what that says is what the operator sees.
#[test]
fn a_password_that_cannot_be_had_ends_the_import_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let missing = || Err(BackendError::new("SECRET.MISSING", kirikae_engine::text::Text::plain("none")));
    let store = DirStore::open(folder.path(), Box::new(missing)).unwrap();
    assert_eq!(import(&store, &clinic()).unwrap_err().code, "SECRET.MISSING");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
