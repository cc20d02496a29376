//! Whether a folder can hold the state: local, writable, with room.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use fs4::FileExt;

use crate::text::Text;

/// Bytes kept free for journal and vault while a run writes.
const RESERVE: u64 = 8 << 20;

/// Why a place cannot hold the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceError {
    /// `STATE.NETWORK STATE.READONLY STATE.FULL`
    pub code: &'static str,
    /// What and why.
    pub cause: Text,
    /// What to do.
    pub cure: Text,
}

/// Makes the folder if needed (owner-only) and refuses network file systems, where SQLite's log is not safe.
///
/// # Errors
/// `STATE.NETWORK`, `STATE.READONLY`.
pub fn check_place(folder: &Path) -> Result<(), PlaceError> {
    fs::create_dir_all(folder).map_err(|error| readonly(folder, &error))?;
    owner_only(folder).map_err(|error| readonly(folder, &error))?;
    let network = fs::canonicalize(folder).ok().and_then(|path| network_mount(&path));
    match network {
        Some(kind) => Err(PlaceError {
            code: "STATE.NETWORK",
            cause: Text::new(
                format!("状態フォルダ {} はネットワーク上({kind})にあります。", folder.display()),
                format!("the state folder {} is on a network file system ({kind}).", folder.display()),
            ),
            cure: Text::new("--state でこの端末のディスクのフォルダを指定してください。", "name a folder on a local disk with --state."),
        }),
        None => Ok(()),
    }
}

/// Keeps 8 MiB for the run in `FOLDER/reserve`, and proves create, fsync and rename there.
///
/// # Errors
/// `STATE.FULL`, `STATE.READONLY`.
pub fn reserve(folder: &Path) -> Result<(), PlaceError> {
    let (fresh, kept) = (folder.join(format!("reserve.{}.new", std::process::id())), folder.join("reserve"));
    let write = || -> std::io::Result<()> {
        let file = File::create(&fresh)?;
        claim_room(&file)?;
        file.sync_all()?;
        fs::rename(&fresh, &kept)?;
        sync_folder(folder)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&fresh);
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => PlaceError {
                code: "STATE.FULL",
                cause: Text::new(
                    format!("状態フォルダ {} に 8 MiB の空きがありません。", folder.display()),
                    format!("less than 8 MiB free in {}.", folder.display()),
                ),
                cure: Text::new("空きを作ってください。まだ何も送っていません。", "free some space; nothing was sent yet."),
            },
            _ => readonly(folder, &error),
        }
    })
}

/// Gives the reserved room back. Only room that was kept free: the next run reserves it again.
pub fn release(folder: &Path) {
    let _ = fs::remove_file(folder.join("reserve"));
}

/// Blocks of the disk without writing them, where the file system can; else by filling them.
fn claim_room(mut file: &File) -> std::io::Result<()> {
    match FileExt::allocate(file, RESERVE) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let block = vec![0u8; 1 << 20];
            (0..RESERVE / (1 << 20)).try_for_each(|_| file.write_all(&block))
        }
        done => done,
    }
}

/// Makes renames and new files of a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Writes a file durably and owner-only: temporary file, fsync, rename, fsync of the folder.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Two processes may write the same content at once: each has its own temporary file.
    let fresh = folder.join(format!(".{name}.{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder(folder)
}

fn owner_only(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    let _ = folder;
    Ok(())
}

fn readonly(folder: &Path, error: &std::io::Error) -> PlaceError {
    PlaceError {
        code: "STATE.READONLY",
        cause: Text::new(
            format!("状態フォルダ {} に書き込めません: {error}", folder.display()),
            format!("cannot write to the state folder {}: {error}", folder.display()),
        ),
        cure: Text::new("--state で書き込めるフォルダを指定してください。", "name a writable folder with --state."),
    }
}

/// The kind of network file system that a path is on, where the system says (Linux: proc(5), mounts).
fn network_mount(path: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let entries = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (place, kind) = (fields.nth(1)?, fields.next()?);
        path.starts_with(place.replace("\\040", " ")).then(|| (place.len(), kind.to_owned()))
    });
    let (_, kind) = entries.max_by_key(|(length, _)| *length)?;
    const NETWORK: &[&str] =
        &["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.rclone", "ncpfs", "davfs", "fuse.davfs2"];
    NETWORK.contains(&kind.as_str()).then_some(kind)
}
