//! Files that lie in memory only: how a secret reaches NSS's tools.
//!
//! The tools take passwords and PKCS#12 files by path, read some of them twice, and ask for the size of others, so a pipe does not
//! do. An anonymous file (`memfd_create(2)`) does: it has no name, is on no disk, and is gone with its last holder. The tool opens it
//! through this process's own `/proc/PID/fd`, so that nothing is inherited by whatever else is started meanwhile.
//! May use: memfd. Must not: be given a name in a file system.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use kirikae_engine::secret::Secret;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file in memory.
pub(super) struct Memory(File);

impl Memory {
    /// An empty one, to be written by a tool.
    pub(super) fn empty() -> io::Result<Self> {
        Ok(Self(File::from(memfd_create("kirikae", MFdFlags::MFD_CLOEXEC)?)))
    }

    /// One with this content.
    pub(super) fn holding(content: &[u8]) -> io::Result<Self> {
        let mut memory = Self::empty()?;
        memory.0.write_all(content)?;
        Ok(memory)
    }

    /// Where a child process of this user finds it while this process holds it.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// What it holds.
    pub(super) fn content(mut self) -> io::Result<Secret> {
        // Sized before it is read, so that no copy of the secret is left behind by a growing buffer.
        let mut content = Vec::with_capacity(usize::try_from(self.0.metadata()?.len()).unwrap_or_default() + 1);
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_end(&mut content)?;
        Ok(Secret::bytes(content))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn another_process_reads_and_writes_it() {
        let (source, target) = (Memory::holding(b"secret").unwrap(), Memory::empty().unwrap());
        let copied = std::process::Command::new("cp").arg(source.path()).arg(target.path()).status().unwrap();
        assert!(copied.success());
        assert_eq!(target.content().unwrap().expose(), b"secret");
    }
}
