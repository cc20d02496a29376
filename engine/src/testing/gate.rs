//! Backends that hold their calls until somebody lets them go: for tests of what runs side by side, of what waits, of what hangs.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{FakeFolder, FakePortal, locked};
use crate::backend::profile::{Operation, Profile};
use crate::backend::{
    BackendError, CaRead, CaWrite, Call, Capabilities, FileEntry, FolderRead, FolderWrite, Gives, Notice, Notifier, Progress, Request, SecretSink, Session,
    Signer,
};

/// Holds calls while it is shut, and counts those that are in.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    shut: bool,
    inside: usize,
    most: usize,
    entered: usize,
}

impl Gate {
    /// A gate that holds every call until it is opened.
    pub fn shut() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { shut: true, ..State::default() }), changed: Condvar::new() })
    }

    /// Lets all go, now and later.
    pub fn open(&self) {
        locked(&self.state).shut = false;
        self.changed.notify_all();
    }

    /// Waits until so many calls are in at the same time.
    pub fn await_inside(&self, calls: usize) {
        let state = locked(&self.state);
        drop(self.changed.wait_while(state, |state| state.inside < calls).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until so many calls have come, whether they are in or have gone through.
    pub fn await_entered(&self, calls: usize) {
        let state = locked(&self.state);
        drop(self.changed.wait_while(state, |state| state.entered < calls).unwrap_or_else(PoisonError::into_inner));
    }

    /// The most calls that were in at the same time.
    pub fn most(&self) -> usize {
        locked(&self.state).most
    }

    /// Calls that came, those that are in included.
    pub fn entered(&self) -> usize {
        locked(&self.state).entered
    }

    fn pass(&self) {
        let mut state = locked(&self.state);
        state.entered += 1;
        state.inside += 1;
        state.most = state.most.max(state.inside);
        self.changed.notify_all();
        let mut state = self.changed.wait_while(state, |state| state.shut).unwrap_or_else(PoisonError::into_inner);
        state.inside -= 1;
    }

    /// The same for a backend that honours deadlines: it gives up at the call's. `false`: it gave up.
    fn pass_in_time(&self, call: &Call, longest: Duration) -> bool {
        let mut state = locked(&self.state);
        state.entered += 1;
        state.inside += 1;
        state.most = state.most.max(state.inside);
        self.changed.notify_all();
        let (mut state, _) = self.changed.wait_timeout_while(state, call.time_left(longest), |state| state.shut).unwrap_or_else(PoisonError::into_inner);
        state.inside -= 1;
        !state.shut
    }
}

/// A folder whose lists are held.
#[derive(Debug)]
pub struct HeldFolder {
    pub inner: Arc<FakeFolder>,
    pub gate: Arc<Gate>,
    pub capabilities: Capabilities,
}

impl HeldFolder {
    /// A folder that honours deadlines or does not, for so many calls at once.
    pub fn new(inner: &Arc<FakeFolder>, gate: &Arc<Gate>, interruptible: bool, max_parallel: u32) -> Arc<Self> {
        let capabilities = Capabilities { interruptible, max_parallel, ..inner.capabilities() };
        Arc::new(Self { inner: inner.clone(), gate: gate.clone(), capabilities })
    }
}

impl FolderRead for HeldFolder {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn plain(&self) -> bool {
        self.inner.plain()
    }

    fn list(&self, call: &Call) -> Result<Vec<FileEntry>, BackendError> {
        if !self.capabilities.interruptible {
            self.gate.pass();
        } else if !self.gate.pass_in_time(call, Duration::from_secs(3600)) {
            return Err(BackendError::new("FOLDER.ABSENT", crate::text::Text::new("応答がありません。", "no answer in time.")));
        }
        self.inner.list(call)
    }

    fn read(&self, call: &Call, name: &str, limit: u64) -> Result<Vec<u8>, BackendError> {
        self.inner.read(call, name, limit)
    }

    fn probe_writable(&self, call: &Call) -> Result<(), BackendError> {
        self.inner.probe_writable(call)
    }
}

impl FolderWrite for HeldFolder {
    fn write(&self, call: &Call, name: &str, content: &[u8]) -> Result<(), BackendError> {
        self.inner.write(call, name, content)
    }

    fn remove(&self, call: &Call, name: &str) -> Result<(), BackendError> {
        self.inner.remove(call, name)
    }
}

/// A notifier whose sendings are held.
#[derive(Debug)]
pub struct HeldNotifier {
    pub inner: Arc<dyn Notifier>,
    pub gate: Arc<Gate>,
}

impl Notifier for HeldNotifier {
    fn send(&self, call: &Call, notice: &Notice) -> Result<(), BackendError> {
        self.gate.pass();
        self.inner.send(call, notice)
    }
}

/// A portal that does not honour deadlines and whose answers to committing requests are held: what was sent has had its effect.
#[derive(Debug)]
pub struct HeldPortal {
    pub inner: Arc<FakePortal>,
    pub gate: Arc<Gate>,
}

impl CaRead for HeldPortal {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { interruptible: false, ..self.inner.capabilities() }
    }

    fn profile(&self) -> &Profile {
        self.inner.profile()
    }

    fn absent_after(&self, looking: Operation) -> Option<Duration> {
        CaRead::absent_after(&*self.inner, looking)
    }

    fn open(&self, call: &Call, client: Option<Arc<dyn Signer>>) -> Result<Box<dyn Session>, BackendError> {
        self.inner.open(call, client)
    }

    fn reach(&self, call: &Call) -> Result<Option<jiff::Timestamp>, BackendError> {
        self.inner.reach(call)
    }

    fn look(&self, call: &Call, session: &mut dyn Session, operation: Operation, request: &Request) -> Result<Gives, BackendError> {
        self.inner.look(call, session, operation, request)
    }
}

impl CaWrite for HeldPortal {
    fn send(
        &self,
        call: &Call,
        session: &mut dyn Session,
        operation: Operation,
        request: &Request,
        sink: &mut dyn SecretSink,
    ) -> Result<Progress<Gives>, BackendError> {
        let result = self.inner.send(call, session, operation, request, sink);
        self.gate.pass();
        result
    }
}
