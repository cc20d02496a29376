//! A disk of a few blocks, for what happens when it is full.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system in memory; unmounted when dropped.
pub struct TinyDisk {
    folder: tempfile::TempDir,
}

impl TinyDisk {
    /// Mounts one of 64 KiB, if this user may.
    #[allow(dead_code)]
    pub fn mount() -> Option<Self> {
        Self::sized(64)
    }

    /// Mounts one of so many KiB, if this user may.
    pub fn sized(kib: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        println!("skipped: mounting a small disk is not allowed here");
        None
    }

    /// Forbids or allows writing.
    #[allow(dead_code)]
    pub fn read_only(&self, yes: bool) {
        let mode = if yes { "remount,ro" } else { "remount,rw" };
        let mounted = Command::new("mount").args(["-o", mode]).arg(self.path()).output().unwrap();
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it up but for `left` blocks of 4 KiB.
    pub fn fill(&self, left: usize) -> PathBuf {
        let filler = self.path().join(".filler");
        let _ = fs::remove_file(&filler);
        let (mut file, mut blocks) = (fs::File::create(&filler).unwrap(), 0);
        while file.write_all(&[1; 4096]).is_ok() {
            blocks += 1;
        }
        file.set_len((blocks - left as u64) * 4096).unwrap();
        filler
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).output();
    }
}
