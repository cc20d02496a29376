//! This terminal.
//!
//! May use: the system's resolver, TCP connections to what is asked for. Must not: send anything over them, keep them open.

use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use kirikae_engine::backend::{BackendError, Call, HostRead, HostWrite, Installed};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

/// The longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The terminal that the program runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisHost;

impl HostRead for ThisHost {
    fn os(&self) -> String {
        std::env::consts::OS.to_owned()
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
        Err(unsupported())
    }

    fn probe_install(&self, _call: &Call) -> Result<(), BackendError> {
        Err(unsupported())
    }
}

impl HostWrite for ThisHost {
    fn install(&self, _call: &Call, _installer: &Secret) -> Result<(), BackendError> {
        Err(unsupported())
    }

    fn remove(&self, _call: &Call, _program: &Installed) -> Result<(), BackendError> {
        Err(unsupported())
    }
}

fn unsupported() -> BackendError {
    BackendError::new(
        "BACKEND.UNSUPPORTED",
        Text::new("この端末では、プログラムを調べたり入れたりできません(Windows だけです)。", "programs can be looked at and installed on Windows only."),
    )
    .cure(Text::new("この手順は人が行ってください(human.perform)。", "let a person do this step (`human.perform`)."))
}
