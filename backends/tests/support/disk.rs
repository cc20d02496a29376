//! A disk of a few blocks, for what happens when it is full.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system of 64 KiB; unmounted when dropped.
pub struct TinyDisk {
    folder: tempfile::TempDir,
}

impl TinyDisk {
    /// Mounts one, if this user may.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(folder.path()).output();
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

    /// Fills it but for `left` blocks of 4 KiB.
    pub fn fill(&self, left: usize) -> PathBuf {
        let filler = self.path().join(".filler");
        let _ = fs::remove_file(&filler);
        let mut blocks = 0;
        while fs::write(&filler, vec![1; (blocks + 1) * 4096]).is_ok() {
            blocks += 1;
        }
        fs::write(&filler, vec![1; (blocks - left) * 4096]).unwrap();
        filler
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).output();
    }
}
