//! Sessions: those of one attempt of one step, and the live ones that later steps of this process go on with.
//!
//! Must not: be written down. A live session is known by a name; in the next process the step that opened it runs again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::ReadCx;
use super::question::{Answered, Question};
use crate::backend::{BackendError, CaRead, Session, Signer, TokenSession, on_token};
use crate::dsl::CertInfo;
use crate::text::Text;

/// The sessions that steps opened in this process, by name. Clones share them.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    tokens: BTreeMap<String, OpenToken>,
    web: BTreeMap<String, Box<dyn Session>>,
}

/// A logged-in token, and the identity of the backend that it was found in.
struct OpenToken {
    backend: String,
    session: Arc<dyn TokenSession>,
}

impl Live {
    /// The identity of the token backend behind a live session; `None` if it is another kind of session, or not open in this process.
    pub fn token_backend(&self, name: &str) -> Option<String> {
        self.open().tokens.get(name).map(|token| token.backend.clone())
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // A panic elsewhere leaves whole entries behind: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sessions of one attempt of one step, so that a look and the sending after it share one; the live ones; and what people answered
/// whose hands carry it out.
#[derive(Default)]
pub struct Sessions {
    open: RefCell<BTreeMap<(String, String), Box<dyn Session>>>,
    date: Cell<Option<Timestamp>>,
    live: Live,
    answered: RefCell<VecDeque<Answered>>,
    asked: RefCell<Option<Question>>,
}

impl Sessions {
    /// Those of an attempt in a process that has these live ones.
    pub fn beside(live: &Live) -> Self {
        Self { live: live.clone(), ..Self::default() }
    }

    /// The same for an attempt that is taken up again with the answers to what it asked, in the order asked.
    #[must_use]
    pub fn with_answers(self, answered: Vec<Answered>) -> Self {
        Self { answered: RefCell::new(answered.into()), ..self }
    }

    /// Whether the next question has its answer already.
    pub fn is_answered(&self) -> bool {
        !self.answered.borrow().is_empty()
    }

    /// Asks a person. The action is left with the error; whoever drives it puts the question and calls the action once more, with the answer.
    ///
    /// # Errors
    /// `PORTAL.NEEDS_PERSON` as long as nobody has answered; then `HUMAN.DECLINED` and the codes of the question's problems.
    pub fn ask(&self, question: Question) -> Result<Answered, BackendError> {
        if let Some(answered) = self.answered.borrow_mut().pop_front() {
            return answered.done().map(|()| answered);
        }
        let cause = Text::new(format!("人に尋ねます: {}", question.ask.ja), format!("a person is asked: {}", question.ask.get(crate::text::Lang::En)));
        *self.asked.borrow_mut() = Some(question);
        Err(BackendError::new("PORTAL.NEEDS_PERSON", cause))
    }

    /// The question that the action was left with; once.
    pub fn asked(&self) -> Option<Question> {
        self.asked.borrow_mut().take()
    }

    /// Runs `work` in the session of this portal and certificate, opening it first if needed.
    /// The key is taken from the certificate's holder; `token` names the login of a token that holds it.
    ///
    /// # Errors
    /// Of opening, and of `work`.
    pub fn with<T>(
        &self,
        cx: &ReadCx<'_>,
        ca: &dyn CaRead,
        client: Option<&CertInfo>,
        token: Option<&str>,
        work: impl FnOnce(&mut dyn Session) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let key = key(ca, client);
        let known = self.open.borrow_mut().remove(&key);
        let mut session = match known {
            Some(session) => session,
            None => {
                let signer = client.map(|cert| self.signer(cx, cert, token)).transpose()?;
                ca.open(&cx.call, signer)?
            }
        };
        let result = work(&mut *session);
        self.open.borrow_mut().insert(key, session);
        result
    }

    /// The credential of a certificate, its key taken from the certificate's holder; `token` names the login of a token that holds it.
    ///
    /// # Errors
    /// `BACKEND.MISSING`, `TOKEN.NOT_OPEN`, `TOKEN.WRONG`, `TOKEN.ABSENT`; those of the store or the token.
    pub fn signer(&self, cx: &ReadCx<'_>, cert: &CertInfo, token: Option<&str>) -> Result<Arc<dyn Signer>, BackendError> {
        let Some(serial) = on_token(&cert.holder) else { return cx.backends.holder(&cert.holder)?.signer(&cx.call, &cert.sha1) };
        let session = self.token(token.ok_or_else(|| {
            let cause = Text::new(
                format!("証明書 {} の鍵はUSBキー {serial} の中にあり、まだ開いていません。", cert.subject.cn),
                format!("the key of {} is on token {serial}, which is not open.", cert.subject.cn),
            );
            BackendError::new("TOKEN.NOT_OPEN", cause)
        })?)?;
        if session.serial() != serial {
            let open = session.serial();
            let cause = Text::new(
                format!("開いたのはUSBキー {open} ですが、証明書は {serial} の中にあります。"),
                format!("token {open} is open, but the certificate is on {serial}."),
            );
            return Err(BackendError::new("TOKEN.WRONG", cause));
        }
        session.signer(&cx.call, &cert.sha1)
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

    /// Keeps a logged-in token of this backend for later steps, under a name.
    pub fn keep_token(&self, name: &str, backend: &str, session: Arc<dyn TokenSession>) {
        self.live.open().tokens.insert(name.to_owned(), OpenToken { backend: backend.to_owned(), session });
    }

    /// The logged-in token of this name.
    ///
    /// # Errors
    /// `TOKEN.NOT_OPEN` if it is not open in this process.
    pub fn token(&self, name: &str) -> Result<Arc<dyn TokenSession>, BackendError> {
        self.live.open().tokens.get(name).map(|token| token.session.clone()).ok_or_else(|| {
            let what = Text::new("USBキーは、もう開いていません。", "the token is not logged in to any more.");
            BackendError::new("TOKEN.NOT_OPEN", what)
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
