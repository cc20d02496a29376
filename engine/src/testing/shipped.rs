//! The playbooks, profiles and manuals of this repository as a library.

use std::path::Path;

use crate::check::Library;
use crate::text::Source;

/// Reads below `playbooks/`, at the time of asking.
#[derive(Clone, Copy, Debug)]
pub struct Shipped;

impl Shipped {
    /// Every shipped playbook, by id.
    pub fn playbooks(self) -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks");
        let folders = std::fs::read_dir(&root).expect("playbooks/").flatten().filter(|entry| entry.path().is_dir() && entry.file_name() != "portals");
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).expect("a folder of playbooks").flatten());
        let mut names: Vec<String> = files.filter_map(|file| Some(file.path().strip_prefix(&root).ok()?.to_string_lossy().into_owned())).collect();
        names.retain(|name| name.ends_with(".yaml") && !name.ends_with(".test.yaml"));
        names.sort();
        assert!(!names.is_empty(), "there are playbooks");
        names.iter().filter_map(|name| self.read(name)).collect()
    }

    fn read(self, name: &str) -> Option<Source> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks").join(name);
        Some(Source::from_bytes(name, &std::fs::read(path).ok()?).expect("UTF-8"))
    }
}

impl Library for Shipped {
    fn playbook(&self, id: &str) -> Option<Source> {
        self.read(&format!("{id}.yaml"))
    }

    fn portal(&self, id: &str) -> Option<Source> {
        self.read(&format!("portals/{id}.yaml"))
    }

    fn sources(&self) -> Option<Source> {
        self.read("sources.yaml")
    }
}
