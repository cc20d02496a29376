//! The modules that this process has loaded: each once, initialised once, one call at a time.
//!
//! PKCS#11 knows one initialisation and one login state of a token in a process, however many backends use the module; so this
//! table belongs to the process. A module stays loaded until the process ends: unloading other people's code is not safe.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use kirikae_engine::backend::BackendError;
use kirikae_engine::text::Text;

static LOADED: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// How often each token was logged in to by this process: only the newest login may log out.
pub(super) type Logins = BTreeMap<String, u64>;

/// A module.
pub(super) struct Module {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    library: Option<Pkcs11>,
    logins: Logins,
}

/// The module in this file. It is loaded by the first call.
///
/// # Errors
/// `TOKEN.NO_MODULE` if the file is gone.
pub(super) fn load(path: &Path) -> Result<Arc<Module>, BackendError> {
    // Two names of one file are one module.
    let path = path.canonicalize().map_err(|reason| unloadable(path, &reason.to_string()))?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let module = loaded.entry(path.clone()).or_insert_with(|| Arc::new(Module { path, state: Mutex::default() }));
    Ok(module.clone())
}

impl Module {
    /// Makes calls while nobody else does.
    ///
    /// # Errors
    /// `TOKEN.NO_MODULE` if it cannot be loaded, `TOKEN.FAILED` if it cannot be initialised; those of `work`.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Pkcs11, &mut Logins) -> Result<T, BackendError>) -> Result<T, BackendError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { library, logins } = &mut *state;
        let library = match library {
            Some(library) => library,
            None => library.insert(self.start()?),
        };
        work(library, logins)
    }

    /// Ends a login, unless a call is stuck in the module: then the process will end it.
    pub(super) fn end(&self, work: impl FnOnce(&Logins)) {
        if let Some(state) = self.idle() {
            work(&state.logins);
        }
    }

    /// The state once nobody is at it; none if that takes too long.
    fn idle(&self) -> Option<MutexGuard<'_, State>> {
        for _ in 0..100 {
            match self.state.try_lock() {
                Ok(state) => return Some(state),
                Err(TryLockError::Poisoned(state)) => return Some(state.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(10)),
            }
        }
        None
    }

    fn start(&self) -> Result<Pkcs11, BackendError> {
        let library = Pkcs11::new(&self.path).map_err(|reason| unloadable(&self.path, &reason.to_string()))?;
        let initialise = |flags| match library.initialize(CInitializeArgs::new(flags)) {
            // Another name of the same library, or somebody else in this process, was first.
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            result => result,
        };
        let started = match initialise(CInitializeFlags::OS_LOCKING_OK) {
            // An old module without locks of its own: our calls never overlap anyway.
            Err(Error::Pkcs11(RvError::CantLock | RvError::ArgumentsBad, _)) => initialise(CInitializeFlags::empty()),
            result => result,
        };
        started.map_err(|reason| super::failed("C_Initialize", &reason))?;
        Ok(library)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("path", &self.path).finish_non_exhaustive()
    }
}

fn unloadable(path: &Path, reason: &str) -> BackendError {
    let path = path.display();
    let cause =
        Text::new(format!("USBキーのドライバー {path} を読み込めません({reason})。"), format!("the token's driver {path} cannot be loaded ({reason})."));
    let cure = Text::new(
        "ドライバーを入れ直してください。64ビットの kirikae には 64ビット用のものが要ります。",
        "install the driver again; a 64-bit kirikae needs the 64-bit one.",
    );
    BackendError::new("TOKEN.NO_MODULE", cause).cure(cure)
}
