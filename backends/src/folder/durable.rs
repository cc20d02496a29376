//! Files that survive a crash: owner-only, written whole or not at all, on the disk when the call returns.
//!
//! May use: the standard library, random names. Must not: know what the files mean; choose error codes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Names of unfinished files start and end like this; they are never listed.
const TEMPORARY: (&str, &str) = (".kirikae-", ".tmp");

/// Bytes that a probe writes: more than a PKCS#12 file with its chain needs.
const PROBE_SIZE: usize = 16 * 1024;

/// Why a file could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// There is none.
    Absent,
    /// It is a folder, a pipe or a device.
    NotAFile,
    /// It has more bytes than allowed.
    TooBig(u64),
    /// The system says so.
    Io(io::Error),
}

/// Writes a file whole, in place of one of the same name.
pub(crate) fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::write(folder, content)?;
    fs::rename(&unfinished.path, folder.join(name))?;
    sync_folder(folder)
}

/// Writes a file whole; `AlreadyExists` if the name is taken, also by somebody who is faster.
pub(crate) fn create(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::write(folder, content)?;
    let target = folder.join(name);
    match fs::hard_link(&unfinished.path, &target) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Sticks with FAT know no links; there the check and the rename are two moves.
        Err(_) if fs::symlink_metadata(&target).is_ok() => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(&unfinished.path, &target)?,
    }
    drop(unfinished);
    sync_folder(folder)
}

/// Removes a file for good; one that is not there is removed already.
pub(crate) fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_folder(folder),
    }
}

/// Waits for the lock file `name` of a folder; the lock ends with the file.
pub(crate) fn lock(folder: &Path, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(name))?;
    file.lock()?;
    Ok(file)
}

/// Shows that a file could be written in `folder`: create, fsync, rename, remove.
pub(crate) fn probe(folder: &Path) -> io::Result<()> {
    let mut probe = Unfinished::write(folder, &[0; PROBE_SIZE])?;
    let renamed = temporary_path(folder)?;
    fs::rename(&probe.path, &renamed)?;
    probe.path = renamed;
    sync_folder(folder)?;
    fs::remove_file(&probe.path)?;
    sync_folder(folder)
}

/// Removes what a crash left unfinished. Only for a caller that alone writes to the folder.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Puts the names in a folder on the disk, also those that a killed process has just left there.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems cannot sync a folder and need not.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a folder that its owner alone can enter, with its parents; one that is there stays as it is.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made: Vec<&Path> = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    builder.create(path)?;
    made.iter().filter_map(|path| path.parent()).try_for_each(|parent| sync_folder(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }))
}

/// The content of a regular file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let absent_or = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { ReadError::Absent } else { ReadError::Io(error) };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let about = fs::metadata(path).map_err(absent_or)?;
    if !about.is_file() {
        return Err(ReadError::NotAFile);
    }
    if about.len() > limit {
        return Err(ReadError::TooBig(about.len()));
    }
    let mut content = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    let file = File::open(path).map_err(absent_or)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(ReadError::Io)?;
    let size = content.len() as u64;
    if size > limit { Err(ReadError::TooBig(size)) } else { Ok(content) }
}

/// A file under a temporary name; removed when dropped, unless it was renamed.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    fn write(folder: &Path, content: &[u8]) -> io::Result<Self> {
        let path = temporary_path(folder)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let unfinished = Self { path };
        file.write_all(content)?;
        file.sync_all()?;
        Ok(unfinished)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing under this name; a leftover is swept later.
        let _ = fs::remove_file(&self.path);
    }
}

fn temporary_path(folder: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(folder.join(format!("{}{}{}", TEMPORARY.0, hex::encode(random), TEMPORARY.1)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_taken_name_is_not_overwritten_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), "a", b"first").unwrap();
        assert_eq!(create(folder.path(), "a", b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&folder.path().join("a"), 10).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn replacing_changes_the_content_and_probing_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), "a", b"first").unwrap();
        replace(folder.path(), "a", b"second").unwrap();
        probe(folder.path()).unwrap();
        assert_eq!(read(&folder.path().join("a"), 10).unwrap(), b"second");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn what_a_crash_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".kirikae-0011.tmp"), "half").unwrap();
        fs::write(folder.path().join(".other.tmp"), "not ours").unwrap();
        sweep(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [".other.tmp"]);
    }

    #[test]
    fn big_files_and_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let big = folder.path().join("big");
        File::create(&big).unwrap().set_len(200 << 20).unwrap();
        assert!(matches!(read(&big, 1 << 20), Err(ReadError::TooBig(size)) if size == 200 << 20));
        assert!(matches!(read(folder.path(), 1 << 20), Err(ReadError::NotAFile)));
        assert!(matches!(read(&folder.path().join("none"), 1), Err(ReadError::Absent)));
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folders_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        create_folder(&folder.path().join("x/y")).unwrap();
        replace(folder.path(), "a", b"").unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("x"), mode("x/y")), (0o600, 0o700, 0o700));
    }
}
