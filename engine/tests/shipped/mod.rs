//! The shipped documents, and those beside the cases.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::path::{Path, PathBuf};

use kirikae_engine::check::Library;
use kirikae_engine::text::Source;

/// The repository's root.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file as a source, if it is there.
pub fn read(path: &Path, name: &str) -> Option<Source> {
    Some(Source::from_bytes(name, &std::fs::read(path).ok()?).unwrap())
}

/// The YAML files of a folder, sorted.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(top().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{folder} has files");
    files
}

/// The shipped playbooks, and those beside the cases.
pub struct Folders;

impl Library for Folders {
    fn playbook(&self, id: &str) -> Option<Source> {
        let file = format!("{id}.yaml");
        read(&top().join("playbooks").join(&file), &file).or_else(|| read(&top().join("tests/cases/library").join(&file), &file))
    }

    fn portal(&self, id: &str) -> Option<Source> {
        let file = format!("portals/{id}.yaml");
        read(&top().join("playbooks").join(&file), &file).or_else(|| read(&top().join("tests/cases/library").join(&file), &file))
    }

    fn sources(&self) -> Option<Source> {
        read(&top().join("playbooks/sources.yaml"), "sources.yaml")
    }
}
