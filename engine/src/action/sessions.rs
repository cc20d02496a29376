//! Sessions: those of one attempt of one step, and the live ones that later steps of this process go on with.
//!
//! Must not: be written down. A live session is known by a name; in the next process the step that opened it runs again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::ReadCx;
use crate::backend::{BackendError, CaRead, Session, TokenSession};
use crate::dsl::CertInfo;
use crate::text::Text;

/// The sessions that steps opened in this process, by name. Clones share them.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    tokens: BTreeMap<String, Arc<dyn TokenSession>>,
    web: BTreeMap<String, Box<dyn Session>>,
}

impl Live {
    fn open(&self) -> MutexGuard<'_, Open> {
        // A panic elsewhere leaves whole entries behind: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sessions of one attempt of one step, so that a look and the sending after it share one; and the live ones.
#[derive(Default)]
pub struct Sessions {
    open: RefCell<BTreeMap<(String, String), Box<dyn Session>>>,
    date: Cell<Option<Timestamp>>,
    live: Live,
}

impl Sessions {
    /// Those of an attempt in a process that has these live ones.
    pub fn beside(live: &Live) -> Self {
        Self { live: live.clone(), ..Self::default() }
    }

    /// Runs `work` in the session of this portal and certificate, opening it first if needed.
    /// The key is taken from the certificate's holder.
    ///
    /// # Errors
    /// Of opening, and of `work`.
    pub fn with<T>(
        &self,
        cx: &ReadCx<'_>,
        ca: &dyn CaRead,
        client: Option<&CertInfo>,
        work: impl FnOnce(&mut dyn Session) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let key = key(ca, client);
        let known = self.open.borrow_mut().remove(&key);
        let mut session = match known {
            Some(session) => session,
            None => {
                let signer = client.map(|cert| cx.backends.holder(&cert.holder)?.signer(&cx.call, &cert.sha1)).transpose()?;
                ca.open(&cx.call, signer)?
            }
        };
        let result = work(&mut *session);
        self.open.borrow_mut().insert(key, session);
        result
    }

    /// Runs `work` in a session that an earlier step signed in to.
    ///
    /// # Errors
    /// `PORTAL.SESSION_EXPIRED` if it is not open in this process; those of `work`.
    pub fn with_live<T>(&self, name: &str, work: impl FnOnce(&mut dyn Session) -> Result<T, BackendError>) -> Result<T, BackendError> {
        let known = self.live.open().web.remove(name);
        let mut session = known.ok_or_else(|| {
            let what = Text::new("ログインした画面は、もう開いていません。", "the session that was signed in to is not open any more.");
            BackendError::new("PORTAL.SESSION_EXPIRED", what)
        })?;
        let result = work(&mut *session);
        self.live.open().web.insert(name.to_owned(), session);
        result
    }

    /// Hands this attempt's session of a portal on to later steps, under a name.
    pub fn hand_on(&self, name: &str, ca: &dyn CaRead, client: Option<&CertInfo>) {
        if let Some(session) = self.open.borrow_mut().remove(&key(ca, client)) {
            self.live.open().web.insert(name.to_owned(), session);
        }
    }

    /// Keeps a logged-in token for later steps, under a name.
    pub fn keep_token(&self, name: &str, session: Arc<dyn TokenSession>) {
        self.live.open().tokens.insert(name.to_owned(), session);
    }

    /// The logged-in token of this name.
    ///
    /// # Errors
    /// `TOKEN.ABSENT` if it is not open in this process.
    pub fn token(&self, name: &str) -> Result<Arc<dyn TokenSession>, BackendError> {
        self.live.open().tokens.get(name).cloned().ok_or_else(|| {
            let what = Text::new("USBキーは、もう開いていません。", "the token is not logged in to any more.");
            BackendError::new("TOKEN.ABSENT", what)
        })
    }

    /// Notes the `Date` header of a portal's answer.
    pub fn saw_date(&self, date: Option<Timestamp>) {
        self.date.set(date.or(self.date.get()));
    }

    /// The last `Date` header that was seen.
    pub fn portal_date(&self) -> Option<Timestamp> {
        self.date.get()
    }
}

fn key(ca: &dyn CaRead, client: Option<&CertInfo>) -> (String, String) {
    (ca.id().to_owned(), client.map_or_else(String::new, |cert| cert.sha1.clone()))
}
