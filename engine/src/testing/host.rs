//! A terminal in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use super::locked;
use crate::backend::{BackendError, Call, HostRead, HostWrite, Installed};
use crate::secret::Secret;
use crate::text::Text;

/// A terminal: names that resolve, places that answer, a list of programs.
#[derive(Debug)]
pub struct FakeHost(Mutex<State>);

#[derive(Debug)]
struct State {
    os: String,
    user: String,
    names: BTreeSet<String>,
    open: BTreeSet<(String, u16)>,
    programs: Option<Vec<Installed>>,
    /// What an installer puts into the list.
    installers: BTreeMap<Vec<u8>, Installed>,
    fault: Option<&'static str>,
    effects: usize,
    asked: Vec<String>,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self(Mutex::new(State {
            os: "windows11".to_owned(),
            user: "uketsuke".to_owned(),
            names: BTreeSet::new(),
            open: BTreeSet::new(),
            programs: Some(vec![]),
            installers: BTreeMap::new(),
            fault: None,
            effects: 0,
            asked: vec![],
        }))
    }
}

impl FakeHost {
    /// The name resolves, and its port answers.
    pub fn answers(&self, name: &str, port: u16) {
        let mut state = locked(&self.0);
        state.names.insert(name.to_owned());
        state.open.insert((name.to_owned(), port));
    }

    /// A program is in the list.
    pub fn has(&self, name: &str, version: &str) {
        if let Some(programs) = &mut locked(&self.0).programs {
            programs.push(installed(name, version));
        }
    }

    /// There is no list of programs here, and none can be installed.
    pub fn has_no_list(&self) {
        locked(&self.0).programs = None;
    }

    /// The content of an installer of this program.
    pub fn installer(&self, name: &str, version: &str) -> Secret {
        let content = [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], format!("{name} {version}").as_bytes()].concat();
        locked(&self.0).installers.insert(content.clone(), installed(name, version));
        Secret::bytes(content)
    }

    /// The next installation or removal fails with this code.
    pub fn fail(&self, code: &'static str) {
        locked(&self.0).fault = Some(code);
    }

    /// Installations and removals.
    pub fn effects(&self) -> usize {
        locked(&self.0).effects
    }

    /// What was resolved and connected to, in order.
    pub fn asked(&self) -> Vec<String> {
        locked(&self.0).asked.clone()
    }
}

fn installed(name: &str, version: &str) -> Installed {
    Installed { name: name.to_owned(), version: version.to_owned(), key: format!("{{{name}}}") }
}

fn error(code: &str) -> BackendError {
    BackendError::new(code, Text::new(format!("{code} (試験)。"), format!("{code} (test).")))
}

impl HostRead for FakeHost {
    fn os(&self) -> String {
        locked(&self.0).os.clone()
    }

    fn user(&self) -> String {
        locked(&self.0).user.clone()
    }

    fn resolve(&self, _call: &Call, name: &str) -> Result<Vec<IpAddr>, BackendError> {
        let mut state = locked(&self.0);
        state.asked.push(name.to_owned());
        if state.names.contains(name) { Ok(vec![Ipv4Addr::LOCALHOST.into()]) } else { Err(error("NET.UNREACHABLE")) }
    }

    fn connect(&self, _call: &Call, name: &str, port: u16) -> Result<(), BackendError> {
        let mut state = locked(&self.0);
        state.asked.push(format!("{name}:{port}"));
        if state.open.contains(&(name.to_owned(), port)) { Ok(()) } else { Err(error("NET.UNREACHABLE")) }
    }

    fn programs(&self, _call: &Call) -> Result<Vec<Installed>, BackendError> {
        locked(&self.0).programs.clone().ok_or_else(|| error("BACKEND.UNSUPPORTED"))
    }

    fn probe_install(&self, call: &Call) -> Result<(), BackendError> {
        self.programs(call).map(drop)
    }
}

impl HostWrite for FakeHost {
    fn install(&self, _call: &Call, installer: &Secret) -> Result<(), BackendError> {
        let mut state = locked(&self.0);
        if let Some(code) = state.fault.take() {
            return Err(error(code));
        }
        let program = state.installers.get(installer.expose()).cloned().ok_or_else(|| error("SOFTWARE.FAILED"))?;
        state.effects += 1;
        let programs = state.programs.as_mut().ok_or_else(|| error("BACKEND.UNSUPPORTED"))?;
        programs.retain(|known| known.name != program.name);
        programs.push(program);
        Ok(())
    }

    fn remove(&self, _call: &Call, program: &Installed) -> Result<(), BackendError> {
        let mut state = locked(&self.0);
        if let Some(code) = state.fault.take() {
            return Err(error(code));
        }
        state.effects += 1;
        state.programs.as_mut().ok_or_else(|| error("BACKEND.UNSUPPORTED"))?.retain(|known| known != program);
        Ok(())
    }
}
