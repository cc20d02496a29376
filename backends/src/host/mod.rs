//! This terminal.
//!
//! May use: the system's resolver, TCP connections to what is asked for. Must not: send anything over them, keep them open.

#[cfg(windows)]
mod windows;

use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use kirikae_engine::backend::{BackendError, Call, HostRead, HostWrite, Installed};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

/// The longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The terminal that the program runs on.
#[derive(Clone, Debug)]
pub struct ThisHost {
    /// Where an installer lies while it runs.
    pub scratch: PathBuf,
}

impl HostRead for ThisHost {
    fn os(&self) -> String {
        system::os()
    }

    fn user(&self) -> String {
        whoami::username().unwrap_or_default()
    }

    fn resolve(&self, _call: &Call, name: &str) -> Result<Vec<IpAddr>, BackendError> {
        let unresolved = |reason: &str| {
            BackendError::new(
                "NET.UNREACHABLE",
                Text::new(format!("名前 {name} のアドレスが分かりません({reason})。"), format!("the name {name} does not resolve ({reason}).")),
            )
        };
        let found: Vec<IpAddr> = (name, 0).to_socket_addrs().map_err(|error| unresolved(&error.to_string()))?.map(|address| address.ip()).collect();
        if found.is_empty() { Err(unresolved("-")) } else { Ok(found) }
    }

    fn connect(&self, call: &Call, name: &str, port: u16) -> Result<(), BackendError> {
        let mut reason = "-".to_owned();
        for address in self.resolve(call, name)? {
            let left = call.time_left(PATIENCE);
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&(address, port).into(), left) {
                Ok(_) => return Ok(()),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(BackendError::new(
            "NET.UNREACHABLE",
            Text::new(format!("{name} のポート {port} につながりません({reason})。"), format!("port {port} of {name} cannot be reached ({reason}).")),
        ))
    }

    fn programs(&self, _call: &Call) -> Result<Vec<Installed>, BackendError> {
        system::programs()
    }

    fn probe_install(&self, _call: &Call) -> Result<(), BackendError> {
        system::probe_install()
    }
}

impl HostWrite for ThisHost {
    fn install(&self, _call: &Call, installer: &Secret) -> Result<(), BackendError> {
        system::install(&self.scratch, installer)
    }

    fn remove(&self, _call: &Call, program: &Installed) -> Result<(), BackendError> {
        system::remove(program)
    }
}

#[cfg(windows)]
use windows as system;

/// Where programs come and go in ways that this program does not know.
#[cfg(not(windows))]
mod system {
    use std::path::Path;

    use super::{BackendError, Installed, Secret, Text};

    pub(super) fn os() -> String {
        std::env::consts::OS.to_owned()
    }

    pub(super) fn programs() -> Result<Vec<Installed>, BackendError> {
        Err(unsupported())
    }

    pub(super) fn probe_install() -> Result<(), BackendError> {
        Err(unsupported())
    }

    pub(super) fn install(_scratch: &Path, _installer: &Secret) -> Result<(), BackendError> {
        Err(unsupported())
    }

    pub(super) fn remove(_program: &Installed) -> Result<(), BackendError> {
        Err(unsupported())
    }

    fn unsupported() -> BackendError {
        BackendError::new(
            "BACKEND.UNSUPPORTED",
            Text::new("この端末では、プログラムを調べたり入れたりできません(Windows だけです)。", "programs can be looked at and installed on Windows only."),
        )
        .cure(Text::new("この手順は人が行ってください(human.perform)。", "let a person do this step (`human.perform`)."))
    }
}
