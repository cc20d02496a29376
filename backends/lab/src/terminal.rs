//! A practice terminal: a list of programs that practice installers change, names and places that all lead to this machine.
//!
//! May use: the engine's port. Must not: start a program, look a name up or connect anywhere.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use kirikae_engine::backend::{BackendError, Call, HostRead, HostWrite, Installed};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

/// How an MSI begins: an OLE compound file ([MS-CFB] 2.2).
const MSI: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// What stands behind that in a practice installer; then name and version, one a line.
const MARK: &str = "KIRIKAE PRACTICE\n";
/// The version that every practice program has.
const VERSION: &str = "1.0.0";

/// The installer of a practice program.
pub(crate) fn installer(name: &str) -> Vec<u8> {
    [&MSI[..], format!("{MARK}{name}\n{VERSION}\n").as_bytes()].concat()
}

/// The terminal.
#[derive(Debug, Default)]
pub struct Terminal(Mutex<Vec<Installed>>);

impl HostRead for Terminal {
    fn os(&self) -> String {
        "windows11".to_owned()
    }

    fn user(&self) -> String {
        "practice".to_owned()
    }

    fn resolve(&self, _call: &Call, _name: &str) -> Result<Vec<IpAddr>, BackendError> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }

    fn connect(&self, _call: &Call, _name: &str, _port: u16) -> Result<(), BackendError> {
        Ok(())
    }

    fn programs(&self, _call: &Call) -> Result<Vec<Installed>, BackendError> {
        Ok(self.list().clone())
    }

    fn probe_install(&self, _call: &Call) -> Result<(), BackendError> {
        Ok(())
    }
}

impl HostWrite for Terminal {
    fn install(&self, _call: &Call, content: &Secret) -> Result<(), BackendError> {
        let text = content.expose().strip_prefix(&MSI).and_then(|rest| std::str::from_utf8(rest).ok());
        let mut lines = text.and_then(|text| text.strip_prefix(MARK)).map(str::lines).into_iter().flatten();
        let (Some(name), Some(version)) = (lines.next(), lines.next()) else {
            let cause =
                Text::new("練習用のインストーラーではないため、練習では入れません。", "it is no practice installer, so a rehearsal does not install it.");
            return Err(BackendError::new("SOFTWARE.FAILED", cause));
        };
        let mut list = self.list();
        list.retain(|known| known.name != name);
        list.push(Installed { name: name.to_owned(), version: version.to_owned(), key: name.to_owned() });
        list.sort();
        Ok(())
    }

    fn remove(&self, _call: &Call, program: &Installed) -> Result<(), BackendError> {
        self.list().retain(|known| known != program);
        Ok(())
    }
}

impl Terminal {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Installed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_practice_installers_change_the_list_of_programs() {
        let (terminal, call) = (Terminal::default(), Call::unattached());
        assert_eq!(terminal.install(&call, &Secret::bytes(MSI.to_vec())).unwrap_err().code, "SOFTWARE.FAILED");
        assert!(terminal.programs(&call).unwrap().is_empty());
        terminal.install(&call, &Secret::bytes(installer("Client"))).unwrap();
        terminal.install(&call, &Secret::bytes(installer("Client"))).unwrap();
        let programs = terminal.programs(&call).unwrap();
        assert_eq!(programs.iter().map(|known| (known.name.as_str(), known.version.as_str())).collect::<Vec<_>>(), [("Client", VERSION)]);
        terminal.remove(&call, &programs[0]).unwrap();
        assert!(terminal.programs(&call).unwrap().is_empty());
    }
}
