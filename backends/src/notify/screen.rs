//! Notices on the screen: handed to whoever owns it.
//!
//! May use: the callback it was given. Must not: print by itself.

use std::fmt;

use kirikae_engine::backend::{BackendError, Call, Notice, Notifier};

/// Shows a notice. Called on the thread of the step that sends it.
pub type Show = Box<dyn Fn(&Notice) + Send + Sync>;

/// Hands every notice to a callback.
pub struct ScreenNotifier(Show);

impl ScreenNotifier {
    /// A notifier that shows notices with `show`.
    pub fn new(show: Show) -> Self {
        Self(show)
    }
}

impl fmt::Debug for ScreenNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScreenNotifier")
    }
}

impl Notifier for ScreenNotifier {
    fn send(&self, _call: &Call, notice: &Notice) -> Result<(), BackendError> {
        (self.0)(notice);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn notices_arrive_in_order() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shown = seen.clone();
        let notifier = ScreenNotifier::new(Box::new(move |notice| shown.lock().unwrap().push(notice.subject.clone())));
        for subject in ["更新の時期です", "終わりました"] {
            let notice = Notice { to: "担当者".into(), subject: subject.into(), body: String::new() };
            notifier.send(&Call::unattached(), &notice).unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), ["更新の時期です", "終わりました"]);
    }
}
