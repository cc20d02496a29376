//! The renewal of an online-billing certificate that lies in the profile of Firefox.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{Lab, component, said};

/// As no other text of these tests.
const PRIMARY: &str = "hunter2-primary";

/// A lab whose certificate lies in a Firefox profile under a home folder of its own.
struct Desk {
    lab: Lab,
    home: PathBuf,
    profile: PathBuf,
}

impl Desk {
    /// `None` where NSS's tools are not installed.
    fn new() -> Option<Self> {
        component::program("certutil")?;
        component::program("pk12util")?;
        let lab = Lab::start(&[]);
        let home = lab.place.path().join("home");
        let firefox = home.join(".config/mozilla/firefox");
        let profile = firefox.join("711t5afl.default-esr");
        fs::create_dir_all(&profile).unwrap();
        fs::write(firefox.join("profiles.ini"), "[Profile0]\nName=default-esr\nIsRelative=1\nPath=711t5afl.default-esr\n").unwrap();
        fs::write(lab.path("primary.pw"), format!("{PRIMARY}\n")).unwrap();
        let desk = Self { lab, home, profile };
        desk.tool("certutil", &["-N"]);
        // The file of the folder store, as it is: NSS opens what kirikae writes.
        let password = fs::read_to_string(desk.lab.path("personal.pw")).unwrap();
        desk.tool("pk12util", &["-i", desk.lab.store()[0].to_str().unwrap(), "-W", password.trim()]);
        fs::remove_dir_all(desk.lab.path("personal")).unwrap();
        desk.lab.edit_site(
            "{ store: dir, path: ./personal, password: { file: ./personal.pw } }",
            "{ store: nss, profile: firefox, password: { file: ./primary.pw } }",
        );
        Some(desk)
    }

    fn tool(&self, tool: &str, arguments: &[&str]) -> String {
        let option = if tool == "pk12util" { "-k" } else { "-f" };
        let database = format!("sql:{}", self.profile.display());
        let output = Command::new(tool).args(arguments).args(["-d", &database, option]).arg(self.lab.path("primary.pw")).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{tool} {arguments:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The certificates that have a key, and the keys, as NSS counts them.
    fn counted(&self) -> (usize, usize) {
        let (certificates, keys) = (self.tool("certutil", &["-L"]), self.tool("certutil", &["-K"]));
        (certificates.matches("u,u,u").count(), keys.lines().filter(|line| line.starts_with('<')).count())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.lab.command(arguments).env("HOME", &self.home).output().unwrap()
    }

    fn renew(&self) -> Output {
        self.run(&["apply", "playbooks/obn/renew-web.yaml", "--approve", "all"])
    }

    /// Puts programs before NSS's tools that write down what they are called with.
    fn search_path_that_tells(&self, log: &Path) -> OsString {
        let folder = self.lab.place.path().join("bin");
        fs::create_dir(&folder).unwrap();
        for tool in ["certutil", "pk12util"] {
            let real = component::program(tool).unwrap();
            let script = format!("#!/bin/sh\nprintf '%s\\n' \"$0 $*\" >> '{}'\nexec '{}' \"$@\"\n", log.display(), real.display());
            fs::write(folder.join(tool), script).unwrap();
            fs::set_permissions(folder.join(tool), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).unwrap()
    }
}

#[test]
fn renews_in_the_profile_of_firefox_under_a_primary_password() {
    let Some(desk) = Desk::new() else { return };
    let ready = desk.run(&["dry-run", "playbooks/obn/renew-web.yaml"]);
    assert_eq!(ready.status.code(), Some(0), "{}", said(&ready));
    let before = desk.tool("certutil", &["-L"]);

    let log = desk.lab.place.path().join("calls");
    let path = desk.search_path_that_tells(&log);
    let arguments = ["apply", "playbooks/obn/renew-web.yaml", "--approve", "all"];
    let output = desk.lab.command(&arguments).env("HOME", &desk.home).env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(desk.lab.count("issued", None), 1);
    assert_eq!(desk.counted(), (1, 1), "the new certificate with its key, and nothing of the old: {before}");

    let certs = desk.run(&["certs", "--format", "json"]);
    assert!(said(&certs).contains(&format!("nss:{}", desk.profile.display())), "{}", said(&certs));
    let again = desk.renew();
    assert!(again.status.success() && said(&again).contains("まだ更新の時期ではありません"), "{}", said(&again));

    let calls = fs::read_to_string(&log).unwrap();
    assert!(calls.contains("pk12util -i") && calls.contains("pk12util -o"), "{calls}");
    let journal = fs::read(desk.lab.state().join("journal.db")).unwrap();
    for text in [calls, said(&output), said(&certs), String::from_utf8_lossy(&journal).into_owned()] {
        assert!(!text.contains(PRIMARY), "the primary password is in what others can read");
    }
}

#[test]
fn an_open_firefox_is_told_beforehand_and_costs_no_second_request() {
    let Some(desk) = Desk::new() else { return };
    let lock = desk.profile.join("lock");
    symlink(format!("127.0.0.1:{}", std::process::id()), &lock).unwrap();
    let planned = desk.run(&["plan", "playbooks/obn/renew-web.yaml"]);
    assert!(planned.status.success(), "looking is no matter: {}", said(&planned));
    let tried = desk.run(&["dry-run", "playbooks/obn/renew-web.yaml"]);
    assert_eq!(tried.status.code(), Some(1));
    assert!(said(&tried).contains("STORE.LOCKED") && said(&tried).contains("Firefox の画面をすべて閉じて"), "{}", said(&tried));

    let output = desk.renew();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("STORE.LOCKED"), "{}", said(&output));
    assert_eq!(desk.counted(), (1, 1), "the old certificate is as it was");
    fs::remove_file(lock).unwrap();
    let resumed = desk.run(&["resume", "last"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert_eq!((desk.lab.count("received", Some("renew")), desk.lab.count("issued", None), desk.counted()), (1, 1, (1, 1)));
}

#[test]
fn without_the_tools_of_nss_certificates_are_listed_and_the_cure_is_told() {
    let Some(desk) = Desk::new() else { return };
    let empty = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| desk.lab.command(arguments).env("HOME", &desk.home).env("PATH", empty.path()).output().unwrap();
    let listed = run(&["certs"]);
    assert!(listed.status.success() && said(&listed).contains("0110119153"), "{}", said(&listed));
    let output = run(&["apply", "playbooks/obn/renew-web.yaml", "--approve", "all"]);
    assert!(!output.status.success() && said(&output).contains("libnss3-tools"), "{}", said(&output));
    assert_eq!((desk.lab.count("received", Some("renew")), desk.counted()), (0, (1, 1)));
}
