//! Which browser works with a database just now.
//!
//! SQLite keeps two writers apart, but a browser reads its certificates once and goes on with what it read: what was deleted
//! underneath comes back to life in its lists, and what it writes at its end was decided before. So nothing is written while one runs.
//! May use: the lock files of browsers, `/proc`. Must not: touch them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// Folders with the settings of Chromium and its kin, below the folder that `.pki/nssdb` is below, too.
const CHROMIUM: [&str; 9] = [
    ".config/google-chrome",
    ".config/google-chrome-beta",
    ".config/google-chrome-unstable",
    ".config/chromium",
    ".config/microsoft-edge",
    ".config/BraveSoftware/Brave-Browser",
    ".config/vivaldi",
    ".config/opera",
    "../common/chromium",
];

/// Where Chromium keeps its database, below the home folder.
pub(super) const SHARED: [&str; 2] = [".pki/nssdb", ".local/share/pki/nssdb"];

/// A browser that is running.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Running {
    /// Its name, for people.
    pub(super) name: &'static str,
    /// The lock that says so.
    pub(super) lock: PathBuf,
}

/// The browser that has the database in `folder` open.
pub(super) fn running(folder: &Path) -> Option<Running> {
    firefox(folder).or_else(|| chromium(folder))
}

/// Firefox holds a lock on `.parentlock` of its profile, where the file system has locks, and always a link `lock` to
/// `ADDRESS:+PID` (`+`: it has that lock, too).
fn firefox(profile: &Path) -> Option<Running> {
    let lock = profile.join(".parentlock");
    if is_locked(&lock) {
        return Some(Running { name: "Firefox", lock });
    }
    let lock = profile.join("lock");
    let target = fs::read_link(&lock).ok()?;
    let (_, pid) = target.to_str()?.rsplit_once(':')?;
    (!pid.starts_with('+') && is_alive(pid)).then_some(Running { name: "Firefox", lock })
}

/// Chromium and its kin make a link `SingletonLock` to `HOST-PID` in the folder of their settings.
fn chromium(database: &Path) -> Option<Running> {
    let home =
        SHARED.iter().find_map(|shared| database.ends_with(shared).then(|| database.ancestors().nth(Path::new(shared).components().count())).flatten())?;
    CHROMIUM.iter().map(|folder| home.join(folder).join("SingletonLock")).find_map(|lock| {
        let target = fs::read_link(&lock).ok()?;
        let (host, pid) = target.to_str()?.rsplit_once('-')?;
        let here = fs::read_to_string("/proc/sys/kernel/hostname").is_ok_and(|name| name.trim() == host);
        // On another machine that shares the home folder nobody can be asked: taken for running.
        (!here || is_alive(pid)).then_some(Running { name: "Chrome", lock })
    })
}

/// Whether another process holds a POSIX lock on the file. Asking takes none.
fn is_locked(file: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(file).or_else(|_| File::open(file)) else { return false };
    let mut lock = libc::flock { l_type: libc::F_WRLCK as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).is_ok() && i32::from(lock.l_type) != libc::F_UNLCK
}

fn is_alive(pid: &str) -> bool {
    pid.parse::<u32>().is_ok_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::symlink;

    use super::*;

    fn link(place: &Path, file: &str, target: &str) {
        let file = place.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&file);
        symlink(target, file).unwrap();
    }

    /// A process number that no process has: above the kernel's limit of 2^22.
    const NOBODY: u32 = 1 << 23;

    #[test]
    fn a_firefox_that_runs_is_seen_and_one_that_crashed_is_not() {
        let profile = tempfile::tempdir().unwrap();
        let me = std::process::id();
        assert_eq!(running(profile.path()), None);
        link(profile.path(), "lock", &format!("127.0.0.1:{me}"));
        assert_eq!(running(profile.path()).unwrap().name, "Firefox");
        link(profile.path(), "lock", &format!("127.0.0.1:{NOBODY}"));
        assert_eq!(running(profile.path()), None);
        // It had the lock of `.parentlock`, which ends with its process, whoever has its number now.
        link(profile.path(), "lock", &format!("127.0.0.1:+{me}"));
        fs::write(profile.path().join(".parentlock"), "").unwrap();
        assert_eq!(running(profile.path()), None);
    }

    #[test]
    fn a_chrome_that_runs_is_seen_from_the_database_that_it_shares() {
        let home = tempfile::tempdir().unwrap();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let (host, me) = (host.trim(), std::process::id());
        for shared in SHARED {
            let database = home.path().join(shared);
            link(home.path(), ".config/chromium/SingletonLock", &format!("{host}-{me}"));
            assert_eq!(running(&database).unwrap().name, "Chrome");
            link(home.path(), ".config/chromium/SingletonLock", &format!("{host}-{NOBODY}"));
            assert_eq!(running(&database), None);
            link(home.path(), ".config/chromium/SingletonLock", &format!("other-{host}-{NOBODY}"));
            assert_eq!(running(&database).unwrap().name, "Chrome");
        }
        assert_eq!(running(home.path()), None, "a database elsewhere is nobody's");
    }
}
