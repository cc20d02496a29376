//! A folder and a notifier in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{FixedClock, locked};
use crate::backend::{BackendError, Call, Capabilities, FileEntry, FolderRead, FolderWrite, Notice, Notifier, Verb};
use crate::clock::Clock;
use crate::text::Text;

/// A folder.
#[derive(Debug)]
pub struct FakeFolder {
    id: String,
    plain: bool,
    clock: Arc<FixedClock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, (Vec<u8>, jiff::Timestamp)>,
    fault: Option<&'static str>,
    torn: bool,
    flipped: bool,
}

impl FakeFolder {
    /// An empty folder.
    pub fn new(id: &str, plain: bool, clock: Arc<FixedClock>) -> Self {
        Self { id: id.to_owned(), plain, clock, state: Mutex::default() }
    }

    /// Puts a file in.
    pub fn put(&self, name: &str, content: &[u8]) {
        locked(&self.state).files.insert(name.to_owned(), (content.to_vec(), self.clock.now()));
    }

    /// Every call fails with this code until `None`.
    pub fn fail(&self, code: Option<&'static str>) {
        locked(&self.state).fault = code;
    }

    /// The next write loses its last byte, as a bad medium does.
    pub fn tear_next_write(&self) {
        locked(&self.state).torn = true;
    }

    /// The next write changes one bit in its middle, as a bad medium does.
    pub fn flip_next_write(&self) {
        locked(&self.state).flipped = true;
    }

    /// Names in it.
    pub fn names(&self) -> Vec<String> {
        locked(&self.state).files.keys().cloned().collect()
    }

    /// What its files hold, in the order of their names.
    pub fn contents(&self) -> Vec<Vec<u8>> {
        locked(&self.state).files.values().map(|(content, _)| content.clone()).collect()
    }

    fn fault(&self) -> Result<(), BackendError> {
        match locked(&self.state).fault {
            Some(code) => Err(BackendError::new(code, Text::new(format!("{} の故障(試験)", self.id), format!("fault of {} (test).", self.id)))),
            None => Ok(()),
        }
    }
}

impl FolderRead for FakeFolder {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::local(&[Verb::List, Verb::Read, Verb::Write])
    }

    fn plain(&self) -> bool {
        self.plain
    }

    fn list(&self, _call: &Call) -> Result<Vec<FileEntry>, BackendError> {
        self.fault()?;
        let state = locked(&self.state);
        let entry = |(name, (content, modified)): (&String, &(Vec<u8>, jiff::Timestamp))| FileEntry {
            name: name.clone(),
            size: u64::try_from(content.len()).expect("small"),
            modified: *modified,
        };
        Ok(state.files.iter().map(entry).collect())
    }

    fn read(&self, _call: &Call, name: &str, limit: u64) -> Result<Vec<u8>, BackendError> {
        self.fault()?;
        let state = locked(&self.state);
        let found =
            state.files.get(name).ok_or_else(|| BackendError::new("FILE.NOT_FOUND", Text::new(format!("{name} がありません。"), format!("no {name}."))))?;
        if found.0.len() as u64 > limit {
            return Err(BackendError::new("FILE.TOO_BIG", Text::new(format!("{name} が大きすぎます。"), format!("{name} is too big."))));
        }
        Ok(found.0.clone())
    }

    fn probe_writable(&self, _call: &Call) -> Result<(), BackendError> {
        self.fault()
    }
}

impl FolderWrite for FakeFolder {
    fn write(&self, _call: &Call, name: &str, content: &[u8]) -> Result<(), BackendError> {
        assert!(!name.contains(['/', '\\']), "a file name that is a path: {name}");
        self.fault()?;
        let mut state = locked(&self.state);
        if state.files.get(name).is_some_and(|(known, _)| known != content) {
            return Err(BackendError::new("FILE.DIFFERENT", Text::new(format!("{name} があります。"), format!("{name} exists."))));
        }
        let torn = std::mem::take(&mut state.torn);
        let mut kept = if torn { &content[..content.len() - 1] } else { content }.to_vec();
        if std::mem::take(&mut state.flipped) {
            let middle = kept.len() / 2;
            kept[middle] ^= 1;
        }
        state.files.insert(name.to_owned(), (kept, self.clock.now()));
        Ok(())
    }

    fn remove(&self, _call: &Call, name: &str) -> Result<(), BackendError> {
        self.fault()?;
        locked(&self.state).files.remove(name);
        Ok(())
    }
}

/// Keeps the notices.
#[derive(Debug, Default)]
pub struct FakeNotifier(Mutex<Vec<Notice>>);

impl FakeNotifier {
    /// What was sent.
    pub fn sent(&self) -> Vec<Notice> {
        locked(&self.0).clone()
    }
}

impl Notifier for FakeNotifier {
    fn send(&self, _call: &Call, notice: &Notice) -> Result<(), BackendError> {
        locked(&self.0).push(notice.clone());
        Ok(())
    }
}
