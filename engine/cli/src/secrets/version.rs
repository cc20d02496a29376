//! Which version of a value a source holds, told without reading the value: a value that failed once is not tried again before that changes.
//!
//! May use: names, times and identities. Must not: open a source.

use std::path::{Path, PathBuf};

use kirikae_engine::backend::Vault;
use kirikae_engine::dsl::site::SecretSource;
use kirikae_engine::plan::SourceVersion;

use super::fetch::newest;

/// The version of a source that asks nobody; `None` for one that does, or has no value.
pub fn version(source: &SecretSource, base: &Path, vault: &dyn Vault) -> Option<SourceVersion> {
    match source {
        SecretSource::Ask | SecretSource::Generate(_) => None,
        SecretSource::File(path) => Some(file(&base.join(path))),
        SecretSource::Env(name) => Some(unseen(format!("env:{name}"))),
        // Without its arguments: they may tell more than a record should hold.
        SecretSource::Pipe(command) => Some(unseen(format!("pipe:{}", command.first().map_or("", String::as_str)))),
        SecretSource::Vault(entry) => {
            let found = newest(vault.list().ok()?, entry)?;
            Some(SourceVersion { source: found.reference.as_str().to_owned(), version: found.written_at.to_string() })
        }
    }
}

/// A source whose change cannot be seen: one failure, then a person.
pub fn unseen(source: String) -> SourceVersion {
    SourceVersion { source, version: String::new() }
}

/// Which file it is and when it last changed; one that is not there has a version, too.
pub fn file(path: &Path) -> SourceVersion {
    let path: PathBuf = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let version = std::fs::metadata(&path).map_or_else(|_| "absent".to_owned(), |file| format!("{}:{}", identity(&file), file.modified().map_or(0, since)));
    SourceVersion { source: format!("file:{}", path.display()), version }
}

#[cfg(unix)]
fn identity(file: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{}:{}", file.dev(), file.ino())
}

#[cfg(not(unix))]
fn identity(file: &std::fs::Metadata) -> String {
    let made = file.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    made.map_or_else(String::new, |since| since.as_nanos().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_has_another_version_when_it_is_written_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        assert_eq!(file(&path).version, "absent");
        std::fs::write(&path, "1234").unwrap();
        let first = file(&path);
        assert_eq!(file(&path), first, "looking changes nothing");
        let written = std::fs::File::options().write(true).open(&path).unwrap();
        written.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
        let second = file(&path);
        assert!(second.source == first.source && second.version != first.version);
        std::fs::write(folder.path().join("new"), "1234").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(![&first.version, &second.version].contains(&&file(&path).version), "another file of the same name");
        assert!(!format!("{second:?}").contains("1234"));
    }
}
