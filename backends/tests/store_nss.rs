//! The NSS store as an operator meets it, checked both ways against NSS's own tools.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod rigs;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kirikae_backends::store::p12::Pkcs12Files;
use kirikae_backends::store::signer;
use kirikae_backends::{StoreSettings, builtin};
use kirikae_engine::backend::{BackendError, Call, Class, ImportOption, ImportRequest, P12, StoreWrite, StoredCert};
use kirikae_engine::secret::Secret;
use rigs::component;
use rigs::nss::Profile;
use rusqlite::Connection;
use support::{Clinic, clinic, issue_for};

fn call() -> Call {
    Call::unattached()
}

fn soon() -> Call {
    Call { deadline: Some(Instant::now()), ..call() }
}

fn import(store: &dyn StoreWrite, clinic: &Clinic) -> Result<StoredCert, BackendError> {
    let options = BTreeMap::from([(ImportOption::Exportable, true)]);
    store.import(&call(), &ImportRequest { file: clinic.p12("1234"), password: Secret::text("1234"), friendly_name: None, options })
}

fn prove(store: &dyn StoreWrite, cert: &StoredCert) -> Result<(), BackendError> {
    store.lock(&call())?.prove_key(&cert.info.sha1)
}

/// A clinic below another authority: an authority gives a serial number once, and NSS holds it to that.
fn other_clinic() -> Clinic {
    let root = support::issue("CN=Other Root CA,O=Practice,C=JP", 1, 3650, None, true);
    let middle = support::issue("CN=Other Issuing CA,O=Practice,C=JP", 2, 3650, Some(&root), true);
    let leaf = support::issue("CN=0110119153,O=さくら医院,C=JP", 0x8f01, 60, Some(&middle), false);
    Clinic { root, middle, leaf }
}

/// A PKCS#12 file of an RSA key, made by OpenSSL below `place`.
fn rsa_file(place: &Path, subject: &str) -> std::path::PathBuf {
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(place).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "90", "-utf8", "-subj", subject]);
    run(&["pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-name", "請求用", "-passout", "pass:1234", "-out", "file.p12"]);
    place.join("file.p12")
}

#[test]
fn what_is_imported_here_is_whole_for_nss() {
    let Some(profile) = Profile::new(None) else { return };
    let (store, clinic) = (profile.store(), clinic());
    let imported = import(&*store, &clinic).unwrap();
    assert_eq!(profile.certificates(), ["受付2 u,u,u", "Practice Issuing CA - Practice ,,"], "a key, its certificate and the one above it");
    assert_eq!(profile.keys().len(), 1);

    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("out.p12");
    profile.tool("pk12util", &["-o", file.to_str().unwrap(), "-n", "受付2", "-W", "outside"]);
    let opened = Pkcs12Files.open(&Secret::bytes(fs::read(file).unwrap()), &Secret::text("outside")).unwrap();
    assert_eq!((opened.leaf.der, opened.leaf.info.friendly_name), (imported.der, Some("受付2".to_owned())));
}

#[test]
fn what_nss_imported_is_listed_used_and_deleted_here() {
    let Some(profile) = Profile::new(None) else { return };
    let place = tempfile::tempdir().unwrap();
    let file = rsa_file(place.path(), "/C=JP/O=さくら医院/CN=0110119153");
    profile.tool("pk12util", &["-i", file.to_str().unwrap(), "-W", "1234"]);
    let store = profile.store();
    let [cert] = <[StoredCert; 1]>::try_from(store.list(&call()).unwrap()).unwrap();
    let info = &cert.info;
    assert_eq!((info.subject.cn.as_str(), info.friendly_name.as_deref()), ("0110119153", Some("請求用")));
    assert!(info.has_key && info.key_exportable && !info.key_protected);

    let signer = store.signer(&call(), &info.sha1).unwrap();
    assert!(signer.schemes().contains(&0x0401) && signer.schemes().contains(&0x0804), "PKCS#1 for TLS 1.2, PSS for 1.3");
    for scheme in signer.schemes() {
        signer::verify(&cert.der, scheme, b"hello", &signer.sign(scheme, b"hello").unwrap()).unwrap();
    }

    let written = store.export().unwrap().export(&call(), &info.sha1, &Secret::text("控え 1")).unwrap();
    assert_eq!(Pkcs12Files.open(&written, &Secret::text("控え 1")).unwrap().leaf.der, cert.der);

    store.lock(&call()).unwrap().delete(&info.sha1).unwrap();
    assert!(profile.certificates().is_empty() && profile.keys().is_empty());
    let left: i64 = database(&profile, "cert9.db").query_row("SELECT count(*) FROM nssPublic", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "no public key, no trust is left over");
}

fn database(profile: &Profile, file: &str) -> Connection {
    Connection::open(profile.path.join(file)).unwrap()
}

#[test]
fn a_renewal_for_the_same_key_keeps_it_when_the_old_certificate_goes() {
    let Some(profile) = Profile::new(None) else { return };
    let (store, old) = (profile.store(), clinic());
    let renewed = issue_for(old.leaf.key.clone(), &old.leaf.subject().to_string(), 0x8f02, 1000, Some(&old.middle), false);
    let new = Clinic { leaf: renewed, root: old.root.clone(), middle: old.middle.clone() };
    let (before, after) = (import(&*store, &old).unwrap(), import(&*store, &new).unwrap());
    assert_eq!(profile.certificates().iter().filter(|line| line.starts_with("受付2 ")).count(), 2, "NSS gives both the one nickname");
    assert_eq!(profile.keys().len(), 1);

    store.lock(&call()).unwrap().delete(&before.info.sha1).unwrap();
    assert_eq!((profile.keys().len(), profile.certificates().iter().filter(|line| line.starts_with("受付2 ")).count()), (1, 1));
    prove(&*store, &after).unwrap();
    // The tools see the one that is left, not the one that went.
    let shown = profile.tool("certutil", &["-L", "-n", "受付2"]);
    assert!(shown.contains("36610 (0x8f02)"), "{shown}");
}

#[test]
fn a_primary_password_is_asked_where_a_key_is_used_and_nowhere_else() {
    let Some(profile) = Profile::new(Some("主パスワード 1")) else { return };
    let (store, clinic) = (profile.store(), clinic());
    let cert = import(&*store, &clinic).unwrap();
    prove(&*store, &cert).unwrap();
    assert_eq!(store.trusting().unwrap().trust(&call(), &clinic.root.der).unwrap().der, clinic.root.der);
    store.export().unwrap().export(&call(), &cert.info.sha1, &Secret::text("1234")).unwrap();

    let secret = "hunter2";
    for (other, named) in [(profile.store_with(Some(secret)), true), (profile.store_with(None), false)] {
        let keys = profile.keys();
        assert_eq!(other.list(&call()).unwrap(), store.list(&call()).unwrap());
        assert_eq!(other.roots().unwrap().trusted(&call()).unwrap().len(), 1);
        let second = other_clinic();
        let errors = [
            prove(&*other, &cert).unwrap_err(),
            other.signer(&call(), &cert.info.sha1).unwrap_err(),
            import(&*other, &second).unwrap_err(),
            other.trusting().unwrap().trust(&call(), &second.root.der).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.code.as_str(), error.class), ("STORE.BAD_PASSWORD", Class::Human), "{error}");
            assert_eq!(error.cause.ja.contains("サイトファイルに password がありません"), !named);
            assert!(!format!("{error:?}{other:?}").contains(secret));
        }
        assert_eq!((profile.keys(), profile.certificates().len()), (keys, 3), "nothing was left behind");
    }
    store.lock(&call()).unwrap().delete(&cert.info.sha1).unwrap();
    assert!(profile.keys().is_empty());
}

#[test]
fn a_store_without_primary_password_does_not_mind_one_in_the_site_file() {
    let Some(profile) = Profile::new(None) else { return };
    let store = profile.store_with(Some("not needed"));
    let cert = import(&*store, &clinic()).unwrap();
    prove(&*store, &cert).unwrap();
}

/// Everything that writes says `STORE.LOCKED` and does nothing; `what` stands in the cause.
fn refuses_to_write(store: &dyn StoreWrite, profile: &Profile, what: &str) {
    let (before, clinic) = (profile.content(), other_clinic());
    let errors = [
        import(store, &clinic).unwrap_err(),
        store.lock(&call()).err().unwrap(),
        store.probe_writable(&call()).unwrap_err(),
        store.trusting().unwrap().trust(&call(), &clinic.root.der).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code, "STORE.LOCKED");
        assert!(error.cause.ja.contains(what), "{error:?}");
    }
    assert!(profile.content() == before, "nothing was written");
}

#[test]
fn nothing_is_written_while_firefox_has_the_profile() {
    let (Some(profile), Some(python)) = (Profile::new(None), component::program("python3")) else { return };
    let store = profile.store();
    let cert = import(&*store, &clinic()).unwrap();
    // What Firefox does at its start, as Firefox ESR 153 was seen to.
    let script = "import fcntl,sys\nlock = open(sys.argv[1], 'w')\nfcntl.lockf(lock, fcntl.LOCK_EX)\nprint(flush=True)\nsys.stdin.read()";
    let mut command = Command::new(python);
    command.args(["-c", script]).arg(profile.path.join(".parentlock")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut firefox = command.spawn().unwrap();
    std::io::Read::read_exact(firefox.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    std::os::unix::fs::symlink(format!("127.0.0.1:+{}", firefox.id()), profile.path.join("lock")).unwrap();

    refuses_to_write(&*store, &profile, "Firefox");
    assert_eq!(store.list(&call()).unwrap().len(), 2, "looking is no matter");
    store.signer(&call(), &cert.info.sha1).expect("nor is signing in");

    // It crashes: the link stays, the lock does not.
    firefox.kill().unwrap();
    firefox.wait().unwrap();
    prove(&*store, &cert).unwrap();
    store.lock(&call()).unwrap().delete(&cert.info.sha1).unwrap();
}

#[test]
fn a_database_that_another_program_writes_to_is_locked() {
    let Some(profile) = Profile::new(None) else { return };
    let store = profile.store();
    let cert = import(&*store, &clinic()).unwrap();
    for file in ["cert9.db", "key4.db"] {
        let other = database(&profile, file);
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        for error in [store.list(&soon()).unwrap_err(), store.probe_writable(&soon()).unwrap_err(), store.signer(&soon(), &cert.info.sha1).unwrap_err()] {
            assert_eq!(error.code, "STORE.LOCKED", "{file}");
        }
        let request = ImportRequest { file: clinic().p12("1"), password: Secret::text("1"), friendly_name: None, options: BTreeMap::new() };
        assert_eq!(store.import(&soon(), &request).unwrap_err().code, "STORE.LOCKED", "{file}");
        other.execute_batch("ROLLBACK").unwrap();
    }
    std::thread::scope(|scope| {
        let other = database(&profile, "cert9.db");
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let waiting = scope.spawn(|| store.list(&call()));
        std::thread::sleep(Duration::from_millis(200));
        drop(other);
        assert_eq!(waiting.join().unwrap().unwrap().len(), 2, "a short transaction is waited for");
    });
    prove(&*store, &cert).unwrap();
}

#[test]
fn an_import_that_breaks_off_between_key_and_certificate_leaves_nothing() {
    let Some(profile) = Profile::new(None) else { return };
    let (store, kept) = (profile.store(), clinic());
    let kept = import(&*store, &kept).unwrap();
    let keys = profile.keys();
    // The tool writes the key first; then the certificate is refused.
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON nssPublic WHEN NEW.a0 = x'00000001' BEGIN SELECT RAISE(ABORT, 'broken'); END";
    database(&profile, "cert9.db").execute_batch(trigger).unwrap();
    let error = import(&*store, &other_clinic()).unwrap_err();
    assert_eq!(error.code, "STORE.UNREADABLE");
    assert!(error.cause.ja.contains("pk12util"), "{error:?}");
    assert_eq!((profile.keys(), store.list(&call()).unwrap().len()), (keys, 2), "the key that was written is gone again");

    database(&profile, "cert9.db").execute_batch("DROP TRIGGER broken").unwrap();
    import(&*store, &other_clinic()).unwrap();
    prove(&*store, &kept).unwrap();
}

#[test]
fn a_full_or_read_only_disk_is_told_before_anything_is_written() {
    let Some(profile) = Profile::new(None) else { return };
    let Some(disk) = support::disk::TinyDisk::sized(512) else { return };
    let cert = import(&*profile.store(), &clinic()).unwrap();
    for (name, content) in profile.content() {
        fs::write(disk.path().join(name), content).unwrap();
    }
    let settings = StoreSettings { path: Some(disk.path().to_owned()), ..StoreSettings::default() };
    let store = (builtin().store("nss").unwrap().open)(settings).unwrap();
    let root = other_clinic().root.der;
    let codes = || {
        let refused = store.trusting().unwrap().trust(&call(), &root).unwrap_err();
        [import(&*store, &other_clinic()).unwrap_err().code, store.probe_writable(&call()).unwrap_err().code, refused.code]
    };
    disk.fill(2);
    assert_eq!(codes(), ["FOLDER.FULL"; 3]);
    fs::remove_file(disk.path().join(".filler")).unwrap();

    disk.read_only(true);
    assert_eq!(codes(), ["STORE.READONLY"; 3]);
    assert_eq!(store.lock(&call()).unwrap().delete(&cert.info.sha1).unwrap_err().code, "STORE.READONLY");
    assert_eq!(store.list(&call()).unwrap().len(), 2);
    assert_eq!(prove(&*store, &cert).unwrap_err().code, "STORE.READONLY", "the tool says so of itself");
    disk.read_only(false);
    import(&*store, &other_clinic()).unwrap();
}

#[test]
fn trust_is_seen_both_ways_and_takes_nothing_away() {
    let Some(profile) = Profile::new(None) else { return };
    let (store, clinic) = (profile.store(), clinic());
    let trusting = store.trusting().unwrap();
    let pem = |der: &[u8]| {
        use base64::Engine;
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64::engine::general_purpose::STANDARD.encode(der))
    };
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("root.pem");
    fs::write(&file, pem(&clinic.root.der)).unwrap();
    // A person has trusted it for e-mail, under a name of his own.
    profile.tool("certutil", &["-A", "-n", "うちのCA", "-t", ",C,", "-i", file.to_str().unwrap()]);
    assert!(trusting.trusted(&call()).unwrap().is_empty());
    let trusted = trusting.trust(&call(), &clinic.root.der).unwrap();
    assert_eq!(trusted.info.friendly_name.as_deref(), Some("うちのCA"));
    assert_eq!(profile.certificates(), ["うちのCA C,C,"]);

    profile.tool("certutil", &["-M", "-n", "うちのCA", "-t", ",,"]);
    assert!(trusting.trusted(&call()).unwrap().is_empty());
    profile.tool("certutil", &["-M", "-n", "うちのCA", "-t", "CT,,"]);
    assert_eq!(trusting.trusted(&call()).unwrap(), [trusted]);

    // Another root of the same common name.
    let other = support::issue("CN=うちのCA,O=Other", 7, 100, None, true);
    trusting.trust(&call(), &other.der).unwrap();
    assert_eq!(profile.certificates().len(), 2);
    assert_eq!(trusting.dialog(), None);
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let place = tempfile::tempdir().unwrap();
    let open = |path: &Path| (builtin().store("nss").unwrap().open)(StoreSettings { path: Some(path.to_owned()), ..StoreSettings::default() }).unwrap();
    let refused = |path: &Path| {
        let store = open(path);
        let error = store.list(&call()).unwrap_err();
        assert_eq!((error.code.as_str(), import(&*store, &clinic()).unwrap_err().code.as_str()), ("STORE.UNREADABLE", "STORE.UNREADABLE"));
        error
    };
    assert!(refused(&place.path().join("none")).cure.ja.contains("certutil -N"));
    fs::write(place.path().join("cert8.db"), "").unwrap();
    assert!(refused(place.path()).cause.ja.contains("古い形式"));
    assert!(!place.path().join("cert9.db").exists(), "none was made");
    for file in ["cert9.db", "key4.db"] {
        fs::write(place.path().join(file), "<html>not a database, long enough to have a header of SQLite</html>".repeat(20)).unwrap();
    }
    assert!(refused(place.path()).cause.ja.contains("読めません"));
}

#[test]
fn the_profile_of_a_browser_is_found_or_the_choice_is_told() {
    let Some(profile) = Profile::new(None) else { return };
    let home = tempfile::tempdir().unwrap();
    let open = |settings: &[(&str, &str)], path: Option<&Path>| {
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let home = Some(home.path().to_owned());
        (builtin().store("nss").unwrap().open)(StoreSettings { path: path.map(Path::to_owned), home, settings, ..StoreSettings::default() })
    };
    let put = |folder: &str| {
        let folder = home.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in profile.content() {
            fs::write(folder.join(name), content).unwrap();
        }
    };
    let none = open(&[("profile", "firefox")], None).err().unwrap();
    assert_eq!(none.code, "STORE.UNREADABLE");
    assert!(none.cure.ja.contains("一度起動"), "{none:?}");

    put(".mozilla/firefox/a.default");
    put(".mozilla/firefox/b.work");
    let ini = home.path().join(".mozilla/firefox/profiles.ini");
    fs::write(&ini, "[Profile0]\nName=default\nPath=a.default\nDefault=1\n\n[Profile1]\nName=work\nPath=b.work\n").unwrap();
    let store = open(&[("profile", "firefox")], None).unwrap();
    assert_eq!(store.id(), format!("nss:{}/.mozilla/firefox/a.default", home.path().display()));
    assert!(store.list(&call()).unwrap().is_empty());

    fs::write(&ini, "[Profile0]\nPath=a.default\n\n[Profile1]\nPath=b.work\n").unwrap();
    let several = open(&[("profile", "firefox")], None).err().unwrap();
    assert!(several.data["candidates"].contains("a.default") && several.data["candidates"].contains("b.work"), "{several:?}");

    put(".pki/nssdb");
    assert_eq!(open(&[("profile", "chrome")], None).unwrap().id(), format!("nss:{}/.pki/nssdb", home.path().display()));
    for (settings, path) in [(&[][..], None), (&[("profile", "chrome")][..], Some(profile.path.as_path())), (&[("profile", "pki/nssdb")][..], None)] {
        assert_eq!(open(settings, path).err().unwrap().code, "STORE.UNREADABLE");
    }
}
