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
                cure: Text::new(
                    "空きを作ってから続けてください。この手順ではまだ何も送っていません。",
                    "free some space and go on; this step has sent nothing yet.",
                ),
            },
            _ => readonly(folder, &error),
        }
    })
}

/// Whether room is kept.
pub(crate) fn is_reserved(folder: &Path) -> bool {
    fs::metadata(folder.join("reserve")).is_ok_and(|kept| kept.len() == RESERVE)
}

/// Gives the reserved room back: at the end of a run, or on a full disk for what must still be written. `false`: none was kept.
pub fn release(folder: &Path) -> bool {
    fs::remove_file(folder.join("reserve")).is_ok()
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
    if is_unc(path) {
        return Some("UNC".to_owned());
    }
    network_kind(&fs::read_to_string("/proc/self/mounts").ok()?, path)
}

/// `\\server\share` of Windows.
fn is_unc(path: &Path) -> bool {
    use std::path::{Component, Prefix};
    matches!(path.components().next(), Some(Component::Prefix(prefix)) if matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)))
}

/// File systems whose locks and shared memory do not hold between machines, or not at all.
const NETWORK: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncp",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "prl_fs",
    "pvfs2",
    "smb2",
    "smb3",
    "smbfs",
    "vboxsf",
    "vmhgfs",
];

/// Programs behind `fuse.*` that reach other machines.
const NETWORK_FUSE: &[&str] = &[
    "ceph",
    "ceph-fuse",
    "curlftpfs",
    "davfs",
    "davfs2",
    "gcsfuse",
    "glusterfs",
    "gvfsd-fuse",
    "juicefs",
    "rclone",
    "s3fs",
    "smbnetfs",
    "sshfs",
    "vmhgfs-fuse",
];

/// The kind of the mount that a path lies on, if it is a network's. `mounts` is the text of `/proc/self/mounts`; of two mounts at the
/// same place the later one covers the other.
fn network_kind(mounts: &str, path: &Path) -> Option<String> {
    let entries = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (place, kind) = (unescape(fields.nth(1)?), fields.next()?);
        path.starts_with(&place).then(|| (place.len(), kind.to_owned()))
    });
    let (_, kind) = entries.max_by_key(|(length, _)| *length)?;
    let over_network = NETWORK.contains(&kind.as_str()) || kind.strip_prefix("fuse.").is_some_and(|program| NETWORK_FUSE.contains(&program));
    over_network.then_some(kind)
}

/// White space and backslashes stand as three octal digits in `/proc/self/mounts`.
fn unescape(place: &str) -> String {
    let mut parts = place.split('\\');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut text, part| {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => text.extend([char::from(byte).to_string().as_str(), &part[3..]]),
            None => text.extend(["\\", part]),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = r"/dev/vda / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
server:/export /srv/state nfs4 rw,vers=4.2 0 0
/dev/vdb /srv/state/local xfs rw 0 0
//server/share /mnt/with\040space cifs rw 0 0
user@host: /mnt/ssh fuse.sshfs rw 0 0
portal /mnt/doc fuse.portal rw 0 0
/dev/vdc /mnt/twice ext4 rw 0 0
server:/twice /mnt/twice nfs rw 0 0
";

    #[test]
    fn the_innermost_mount_decides() {
        let kind = |path: &str| network_kind(MOUNTS, Path::new(path));
        assert_eq!(kind("/var/lib/kirikae"), None);
        assert_eq!(kind("/srv/state/kirikae").as_deref(), Some("nfs4"));
        assert_eq!(kind("/srv/state").as_deref(), Some("nfs4"));
        assert_eq!(kind("/srv/statement"), None, "names are compared whole");
        assert_eq!(kind("/srv/state/local/kirikae"), None, "a local disk inside a network one");
        assert_eq!(kind("/mnt/with space/kirikae").as_deref(), Some("cifs"));
        assert_eq!(kind("/mnt/ssh").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind("/mnt/doc"), None, "a file system in user space that is of this machine");
        assert_eq!(kind("/mnt/twice").as_deref(), Some("nfs"), "the later mount covers the earlier");
    }

    #[test]
    fn every_kind_of_the_tables_is_refused() {
        let kinds = NETWORK.iter().map(|kind| (*kind).to_owned()).chain(NETWORK_FUSE.iter().map(|program| format!("fuse.{program}")));
        for kind in kinds {
            assert_eq!(network_kind(&format!("x /state {kind} rw 0 0\n"), Path::new("/state/a")), Some(kind));
        }
        for kind in ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "f2fs", "vfat", "fuseblk", "ntfs3"] {
            assert_eq!(network_kind(&format!("x /state {kind} rw 0 0\n"), Path::new("/state/a")), None, "{kind}");
        }
    }
}
