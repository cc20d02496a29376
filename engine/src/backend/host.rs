//! The port of this terminal: what it is, what it reaches, what programs are installed.

use std::fmt::Debug;
use std::net::IpAddr;

use super::{BackendError, Call};
use crate::secret::Secret;

/// A program in the system's list of installed programs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// Name as the list shows it.
    pub name: String,
    /// Version as the list shows it; empty if it shows none.
    pub version: String,
    /// How the system knows it (the product code of an MSI).
    pub key: String,
}

/// Reads of a terminal. Nothing is contacted but what is asked for.
pub trait HostRead: Debug + Send + Sync {
    /// The system, one of `windows10 windows11 linux`, or another word.
    fn os(&self) -> String;
    /// Name of the user.
    fn user(&self) -> String;
    /// The addresses of a DNS name, as the system resolves it.
    ///
    /// # Errors
    /// `NET.UNREACHABLE`.
    fn resolve(&self, call: &Call, name: &str) -> Result<Vec<IpAddr>, BackendError>;
    /// Opens a TCP connection and closes it; sends nothing.
    ///
    /// # Errors
    /// `NET.UNREACHABLE`.
    fn connect(&self, call: &Call, name: &str, port: u16) -> Result<(), BackendError>;
    /// The installed programs, sorted.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED` where there is no list to read.
    fn programs(&self, call: &Call) -> Result<Vec<Installed>, BackendError>;
    /// Whether programs can be installed and removed here, by this user.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED`, `HOST.NOT_ADMIN`.
    fn probe_install(&self, call: &Call) -> Result<(), BackendError>;
}

/// Writes of a terminal.
pub trait HostWrite: HostRead {
    /// Installs a program from its installer, without questions on the screen.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED`, `HOST.NOT_ADMIN`, `SOFTWARE.FAILED`.
    fn install(&self, call: &Call, installer: &Secret) -> Result<(), BackendError>;
    /// Removes an installed program, without questions on the screen.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED`, `HOST.NOT_ADMIN`, `SOFTWARE.FAILED`.
    fn remove(&self, call: &Call, program: &Installed) -> Result<(), BackendError>;
}
