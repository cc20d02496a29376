//! The notice port.

use std::fmt::Debug;

use super::{BackendError, Call};

/// A notice to a person or role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Role or name, as the playbook says.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// Text.
    pub body: String,
}

/// Sends notices.
pub trait Notifier: Debug + Send + Sync {
    /// Sends one notice.
    ///
    /// # Errors
    /// `NOTIFY.UNREACHABLE`.
    fn send(&self, call: &Call, notice: &Notice) -> Result<(), BackendError>;
}
