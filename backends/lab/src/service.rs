//! From a request to an answer: sessions, `received`, faults, echoes. Everything of the server that is not the network.
//!
//! May use: portals, the desk, faults, the page model. Must not: know hyper, tokio or TLS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::clock::Clock;
use kirikae_engine::text::Lang;
use sha2::{Digest, Sha256};

use crate::LabError;
use crate::desk::Desk;
use crate::effects::{About, Effect};
use crate::faults::{FaultBook, FaultKind, refusal};
use crate::html::{HtmlVariant, Page};
use crate::pki::random_bytes;
use crate::portal::{Answer, DECOY_PATH, Incoming, Pace, Part, Portal, Session, Visit, about_presented, busy, closed, session_over};

/// How long `drop-after-effect-hidden-30s` hides a row.
const HIDDEN: Duration = Duration::from_secs(30);
/// How wrong `Date` is under `clock-skew`.
const SKEW: Duration = Duration::from_secs(3600);

/// The practice portals of a lab.
pub(crate) struct Service {
    /// One for each program.
    pub portals: Vec<Box<dyn Portal>>,
    /// Faults on request.
    pub faults: FaultBook,
    /// How pages are written.
    pub html: HtmlVariant,
    /// How long things last.
    pub pace: Pace,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What changes.
    pub changing: Mutex<Changing>,
}

/// What requests change; one at a time.
pub(crate) struct Changing {
    /// The CA.
    pub desk: Desk,
    /// Sessions by cookie. They do not survive a restart.
    pub sessions: HashMap<String, Session>,
}

/// What goes back over the wire.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// Status code.
    pub status: u16,
    /// Header lines.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Wait so long before the answer.
    pub wait: Duration,
    /// The answer; `None`: the connection is closed without one.
    pub reply: Option<Reply>,
}

/// What a fault does to a request.
#[derive(Clone, PartialEq, Eq)]
enum Blow {
    /// Close the connection; nothing happens.
    Drop,
    /// Answer with 503; nothing happens.
    Busy,
    /// Answer with 503 and the words of a maintenance; nothing happens.
    Closed,
    /// Answer with 307; nothing happens.
    Redirect,
    /// Answer with this text; nothing happens.
    Refused(String),
    /// Answer with the session page; nothing happens.
    SessionOver,
}

impl Service {
    /// Answers a request that came with this session cookie.
    pub(crate) fn handle(&self, incoming: &Incoming, cookie: Option<&str>) -> Outcome {
        let now = self.clock.now();
        self.answer(incoming, cookie, now).unwrap_or_else(|error| {
            let page = Page::titled("練習用ポータルの故障").says(&format!("{}: {}", error.code, error.cause.get(Lang::Ja)));
            Outcome { wait: Duration::ZERO, reply: Some(self.reply(Answer::Page(500, page), None, now)) }
        })
    }

    fn answer(&self, incoming: &Incoming, cookie: Option<&str>, now: Timestamp) -> Result<Outcome, LabError> {
        let mut changing = self.lock();
        let Changing { desk, sessions } = &mut *changing;
        desk.settle(now)?;
        if incoming.path == DECOY_PATH {
            desk.tell(now, "lab", Effect::Decoy, None, &About::default())?;
            return Ok(self.plainly(Answer::page(Page::titled("送信完了").says("目に見えない入力欄が送信されました。")), now));
        }
        let Some(portal) = self.portals.iter().find(|portal| portal.paths().contains(&incoming.path)) else {
            return Ok(self.plainly(Answer::Page(404, Page::titled("ページが見つかりません")), now));
        };
        let portal = portal.as_ref();
        sessions.retain(|_, session| now.duration_since(session.last).unsigned_abs() <= self.pace.session);
        let mut session = match cookie.and_then(|id| sessions.remove(id)) {
            Some(session) => session,
            None if portal.begins(incoming) => Session::new(hex::encode(random_bytes::<16>()?), now),
            None => {
                self.receive(desk, portal, incoming, now)?;
                return Ok(self.plainly(Answer::page(session_over()), now));
            }
        };
        session.last = now;
        self.receive(desk, portal, incoming, now)?;
        let mut visit = Visit { incoming, session: &mut session, desk, faults: &self.faults, now, pace: self.pace };
        let outcome = self.visit(portal, &mut visit)?;
        if outcome.keep_session {
            sessions.insert(session.id.clone(), session);
        }
        Ok(Outcome { wait: outcome.wait, reply: outcome.reply })
    }

    /// Tells `received` of a committing request, before anything else becomes of it.
    fn receive(&self, desk: &mut Desk, portal: &dyn Portal, incoming: &Incoming, now: Timestamp) -> Result<(), LabError> {
        match portal.part(incoming).commits {
            Some(operation) => desk.tell(now, &portal.profile().id, Effect::Received, Some(operation), &about_presented(incoming)),
            None => Ok(()),
        }
    }

    fn visit(&self, portal: &dyn Portal, visit: &mut Visit<'_>) -> Result<Visited, LabError> {
        let now = visit.now;
        let part = portal.part(visit.incoming);
        let targets = targets(portal, &part);
        visit.session.skewed = visit.session.skewed || visit.session_struck(FaultKind::ClockSkew, portal.profile())?;
        let wait = if struck(visit, portal, FaultKind::Delay, &targets)?.is_some() { self.pace.delay } else { Duration::ZERO };
        if let Some(blow) = blow(visit, portal, &targets)? {
            let keep_session = blow != Blow::SessionOver;
            let reply = match blow {
                Blow::Drop => None,
                Blow::Busy => Some(self.reply(Answer::Page(503, busy()), Some(visit.session), now)),
                Blow::Closed => Some(self.reply(Answer::Page(503, closed(portal.profile())), Some(visit.session), now)),
                Blow::Refused(text) => Some(self.reply(Answer::page(Page::titled(&text)), Some(visit.session), now)),
                Blow::SessionOver => Some(self.reply(Answer::page(session_over()), None, now)),
                Blow::Redirect => {
                    let mut reply = self.reply(Answer::Page(307, Page::titled("移動しました")), Some(visit.session), now);
                    reply.headers.push(("location", visit.incoming.path.clone()));
                    Some(reply)
                }
            };
            return Ok(Visited { wait, reply, keep_session });
        }
        let answer = if !portal.has_forms() || self.echoed(visit) {
            portal.answer(visit)?
        } else {
            Answer::Page(400, Page::titled("入力エラー").says("画面の情報が変わっているため、受け付けられません。"))
        };
        let hides = struck(visit, portal, FaultKind::DropAfterEffectHidden30s, &targets)?.is_some();
        if hides {
            let owner = about_presented(visit.incoming).subject;
            let until = now.checked_add(HIDDEN).map_err(LabError::crypto)?;
            visit.desk.hide_newest(&portal.profile().id, &owner, until)?;
        }
        if hides || struck(visit, portal, FaultKind::DropAfterEffect, &targets)?.is_some() {
            return Ok(Visited { wait, reply: None, keep_session: true });
        }
        let answer = damaged(visit, portal, &part, answer)?;
        Ok(Visited { wait, reply: Some(self.reply(answer, Some(visit.session), now)), keep_session: true })
    }

    /// Whether the form sends back what the variant hid in it.
    fn echoed(&self, visit: &Visit<'_>) -> bool {
        let wanted = if visit.incoming.post { self.html.echoes(&seal(visit.session, &visit.incoming.path)) } else { vec![] };
        wanted.iter().all(|(name, value)| visit.incoming.sent.texts.get(name) == Some(value))
    }

    fn plainly(&self, answer: Answer, now: Timestamp) -> Outcome {
        Outcome { wait: Duration::ZERO, reply: Some(self.reply(answer, None, now)) }
    }

    fn reply(&self, answer: Answer, session: Option<&Session>, now: Timestamp) -> Reply {
        let late = if session.is_some_and(|session| session.skewed) { SKEW } else { Duration::ZERO };
        let mut headers = vec![("date", httpdate::fmt_http_date(std::time::SystemTime::from(now) + late)), ("cache-control", "no-store".to_owned())];
        if let Some(session) = session {
            headers.push(("set-cookie", format!("{COOKIE}={}; Path=/; Secure; HttpOnly", session.id)));
        }
        match answer {
            Answer::Page(status, mut page) => {
                if let Some(session) = session {
                    page.forms_mut().for_each(|form| form.hidden.extend(self.html.echoes(&seal(session, &form.action))));
                }
                headers.push(("content-type", format!("text/html; charset={}", self.html.encoding().name())));
                Reply { status, headers, body: self.html.render(&page) }
            }
            Answer::File(name, body) => {
                headers.push(("content-type", "application/octet-stream".to_owned()));
                headers.push(("content-disposition", format!("attachment; filename=\"{name}\"")));
                Reply { status: 200, headers, body }
            }
            Answer::Json(text) => {
                headers.push(("content-type", "application/json".to_owned()));
                Reply { status: 200, headers, body: text.into_bytes() }
            }
        }
    }

    /// What changes, for one at a time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session cookie's name.
pub(crate) const COOKIE: &str = "LABSESSION";

struct Visited {
    wait: Duration,
    reply: Option<Reply>,
    keep_session: bool,
}

/// The operations whose faults act on this request: of an operation that commits, the committing request; else its last page.
fn targets(portal: &dyn Portal, part: &Part) -> Vec<Operation> {
    if let Some(operation) = part.commits {
        return vec![operation];
    }
    let commits = |operation: &Operation| portal.profile().operations.get(operation).is_some_and(|spec| spec.pages.iter().any(|page| page.commits));
    part.ends.iter().chain(&part.file).copied().filter(|operation| !commits(operation)).collect()
}

fn struck(visit: &mut Visit<'_>, portal: &dyn Portal, kind: FaultKind, targets: &[Operation]) -> Result<Option<Operation>, LabError> {
    for operation in targets {
        if visit.struck(kind, portal.profile(), *operation)? {
            return Ok(Some(*operation));
        }
    }
    Ok(None)
}

fn blow(visit: &mut Visit<'_>, portal: &dyn Portal, targets: &[Operation]) -> Result<Option<Blow>, LabError> {
    let blows = [
        (FaultKind::DropBefore, Blow::Drop),
        (FaultKind::Http503, Blow::Busy),
        (FaultKind::Maintenance, Blow::Closed),
        (FaultKind::Redirect307, Blow::Redirect),
        (FaultKind::SessionTimeout, Blow::SessionOver),
    ];
    for (kind, blow) in blows {
        if struck(visit, portal, kind, targets)?.is_some() {
            return Ok(Some(blow));
        }
    }
    if let Some(operation) = struck(visit, portal, FaultKind::Refused, targets)?
        && let Some(text) = refusal(portal.profile(), operation)
    {
        return Ok(Some(Blow::Refused(text.to_owned())));
    }
    Ok(None)
}

/// What the faults of files make of a file.
fn damaged(visit: &mut Visit<'_>, portal: &dyn Portal, part: &Part, answer: Answer) -> Result<Answer, LabError> {
    let Answer::File(name, mut content) = answer else { return Ok(answer) };
    let file: Vec<Operation> = part.file.into_iter().collect();
    if struck(visit, portal, FaultKind::HtmlInsteadOfFile, &file)?.is_some() {
        return Ok(Answer::page(Page::titled("エラー").says("ファイルを用意できませんでした。")));
    }
    if struck(visit, portal, FaultKind::TruncatedFile, &file)?.is_some() {
        content.truncate(content.len() / 2);
    }
    Ok(Answer::File(name, content))
}

/// A session's own word for a form's action: nobody can make it up.
fn seal(session: &Session, action: &str) -> String {
    hex::encode(&Sha256::digest(format!("{}|{action}", session.id))[..12])
}
