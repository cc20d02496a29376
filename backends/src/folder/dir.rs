//! A folder of this machine or of a medium in it.
//!
//! May use: files directly in its own folder. Must not: make the folder (a stick that is not inserted must not become a
//! folder on the disk), overwrite a file, follow a name out of the folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kirikae_engine::backend::{BackendError, Call, Capabilities, FileEntry, FolderRead, FolderWrite, Verb};
use kirikae_engine::text::Text;

use super::durable::{self, ReadError};

/// Bytes of the longest file name that all usual file systems take.
const MAX_NAME: usize = 255;

/// A folder.
#[derive(Debug)]
pub struct DirFolder {
    id: String,
    path: PathBuf,
    removable: bool,
    plain: bool,
}

/// What the site file says of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderSettings {
    /// Where it is.
    pub path: PathBuf,
    /// It is on a medium that a person inserts.
    pub removable: bool,
    /// Backups here are bare PKCS#12 files, as the manuals have them.
    pub plain: bool,
}

impl DirFolder {
    /// The folder that `settings` name. Touches nothing yet.
    ///
    /// # Errors
    /// `FOLDER.ABSENT` if the path cannot be made absolute.
    pub fn open(settings: &FolderSettings) -> Result<Self, BackendError> {
        let path = std::path::absolute(&settings.path).map_err(|reason| {
            BackendError::new(
                "FOLDER.ABSENT",
                Text::new(format!("フォルダの場所が正しくありません({reason})。"), format!("the folder's path is no path ({reason}).")),
            )
        })?;
        Ok(Self { id: format!("folder:{}", path.display()), path, removable: settings.removable, plain: settings.plain })
    }

    /// Whether it is on a medium that a person inserts.
    pub fn removable(&self) -> bool {
        self.removable
    }

    /// Is the folder there, and a folder?
    fn present(&self) -> Result<(), BackendError> {
        match fs::metadata(&self.path) {
            Ok(about) if about.is_dir() => Ok(()),
            Ok(_) => Err(self.absent(&io::ErrorKind::NotADirectory.into())),
            Err(reason) => Err(self.absent(&reason)),
        }
    }

    fn absent(&self, reason: &io::Error) -> BackendError {
        let path = self.path.display();
        let (ja, en) = match (reason.kind(), self.removable) {
            (io::ErrorKind::NotFound, true) => (
                format!("フォルダ {path} がありません。媒体(USBメモリなど)が挿さっていないようです。"),
                format!("the folder {path} is not there; its medium does not seem to be inserted."),
            ),
            (io::ErrorKind::NotFound, false) => (format!("フォルダ {path} がありません。"), format!("the folder {path} does not exist.")),
            (io::ErrorKind::NotADirectory, _) => (format!("{path} はフォルダではありません。"), format!("{path} is not a folder.")),
            _ => (format!("フォルダ {path} を開けません({reason})。"), format!("the folder {path} cannot be opened ({reason}).")),
        };
        BackendError::new("FOLDER.ABSENT", Text::new(ja, en))
    }

    fn unwritable(&self, reason: &io::Error) -> BackendError {
        let path = self.path.display();
        match reason.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => self.absent(reason),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BackendError::new(
                "FOLDER.FULL",
                Text::new(format!("フォルダ {path} に空きがありません({reason})。"), format!("no space is left in the folder {path} ({reason}).")),
            ),
            _ => BackendError::new(
                "FOLDER.READONLY",
                Text::new(format!("フォルダ {path} に書き込めません({reason})。"), format!("the folder {path} cannot be written to ({reason}).")),
            ),
        }
    }

    /// The path of a name, if it is one: no way out of the folder, nothing hidden.
    fn path_of(&self, name: &str) -> Result<PathBuf, BackendError> {
        let usable = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        if usable { Ok(self.path.join(name)) } else { Err(bad_name(name)) }
    }
}

impl FolderRead for DirFolder {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        // A network share or a worn stick can hold a file operation for as long as it likes.
        Capabilities { interruptible: false, ..Capabilities::local(&[Verb::List, Verb::Read, Verb::Write]) }
    }

    fn plain(&self) -> bool {
        self.plain
    }

    fn list(&self, _call: &Call) -> Result<Vec<FileEntry>, BackendError> {
        let absent = |reason| self.absent(&reason);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(absent)? {
            let entry = entry.map_err(absent)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // A link is followed; one that leads nowhere, or a file that has just gone, is no file here.
            let Ok(about) = fs::metadata(entry.path()) else { continue };
            if about.is_file() && self.path_of(&name).is_ok() {
                let modified = about.modified().ok().and_then(|at| Timestamp::try_from(at).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
                files.push(FileEntry { name, size: about.len(), modified });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn read(&self, _call: &Call, name: &str, limit: u64) -> Result<Vec<u8>, BackendError> {
        let path = self.path_of(name)?;
        self.present()?;
        durable::read(&path, limit).map_err(|reason| {
            let path = path.display();
            let not_found = |ja: String, en: String| BackendError::new("FILE.NOT_FOUND", Text::new(ja, en));
            match reason {
                ReadError::Absent => not_found(format!("ファイル {path} がありません。"), format!("there is no file {path}.")),
                ReadError::NotAFile => not_found(format!("{path} はファイルではありません。"), format!("{path} is not a file.")),
                ReadError::Io(reason) => not_found(format!("ファイル {path} を読めません({reason})。"), format!("the file {path} cannot be read ({reason}).")),
                ReadError::TooBig(size) => BackendError::new(
                    "FILE.TOO_BIG",
                    Text::new(
                        format!("ファイル {path} は{size}バイトあります({limit}バイトまで)。"),
                        format!("the file {path} has {size} bytes; at most {limit} are read."),
                    ),
                ),
            }
        })
    }

    fn probe_writable(&self, _call: &Call) -> Result<(), BackendError> {
        self.present()?;
        durable::probe(&self.path).map_err(|reason| self.unwritable(&reason))
    }
}

impl FolderWrite for DirFolder {
    fn write(&self, _call: &Call, name: &str, content: &[u8]) -> Result<(), BackendError> {
        let path = self.path_of(name)?;
        if !is_portable(name) {
            return Err(bad_name(name));
        }
        self.present()?;
        match durable::create(&self.path, name, content) {
            Err(reason) if reason.kind() == io::ErrorKind::AlreadyExists && is_same(&path, content) => {
                durable::sync_folder(&self.path).map_err(|reason| self.unwritable(&reason))
            }
            Err(reason) if reason.kind() == io::ErrorKind::AlreadyExists => {
                let path = path.display();
                Err(BackendError::new(
                    "FILE.DIFFERENT",
                    Text::new(format!("{path} には内容の違うものが既にあります。"), format!("{path} is there already and differs.")),
                ))
            }
            result => result.map_err(|reason| self.unwritable(&reason)),
        }
    }

    fn remove(&self, _call: &Call, name: &str) -> Result<(), BackendError> {
        self.path_of(name)?;
        self.present()?;
        durable::remove(&self.path, name).map_err(|reason| self.unwritable(&reason))
    }
}

/// Whether every usual file system takes the name, that of a stick or of Windows too.
fn is_portable(name: &str) -> bool {
    name.len() <= MAX_NAME && !name.ends_with(['.', ' ']) && !name.chars().any(|c| c.is_control() || r#":*?"<>|"#.contains(c))
}

fn bad_name(name: &str) -> BackendError {
    BackendError::new("FILE.BAD_NAME", Text::new(format!("{name:?} はファイル名として使えません。"), format!("{name:?} cannot be the name of a file.")))
}

fn is_same(path: &Path, content: &[u8]) -> bool {
    durable::read(path, content.len() as u64).is_ok_and(|there| there == content)
}
