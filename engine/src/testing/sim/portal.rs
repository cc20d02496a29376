//! The portal of a simulated clinic: a list, requests that come through or not, answers that are lost, late or slow.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::faults::Harm;
use super::ground::{Ground, SLACK, cut_off};
use crate::backend::profile::{Hands, Operation, Profile};
use crate::backend::{BackendError, CaRead, CaWrite, Call, Capabilities, Gives, Locality, Progress, Request, Row, SecretSink, Session, Signer, Verb};
use crate::clock::Clock;
use crate::dsl::CertInfo;
use crate::secret::Secret;
use crate::testing::{FakeP12, certificate, locked};
use crate::text::Text;

/// A row longer hidden than this would make every look inconclusive; with a verified `absent_after` the portal keeps to that.
const HIDDEN: Duration = Duration::from_hours(3);

/// A portal that answers as the profile says.
pub(super) struct SimPortal {
    id: String,
    profile: Profile,
    ground: Arc<Ground>,
    p12: Arc<FakeP12>,
    pub(super) absent_after: Option<Duration>,
    hands: Hands,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: Vec<Listed>,
    /// Work that goes on or has ended, by idempotency key and attempt: what it gives, and from when. Whoever asks again is told again.
    slow: BTreeMap<(String, u32), (Gives, Timestamp)>,
}

/// A row of the list.
#[derive(Clone)]
pub(super) struct Listed {
    pub(super) request_id: String,
    pub(super) cert: CertInfo,
    visible_from: Timestamp,
    pub(super) ready_from: Timestamp,
}

struct SimSession {
    client: Option<CertInfo>,
}

impl Session for SimSession {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl std::fmt::Debug for SimPortal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)
    }
}

impl SimPortal {
    pub(super) fn new(profile: Profile, ground: Arc<Ground>, p12: Arc<FakeP12>, absent_after: Option<Duration>, hands: Hands) -> Self {
        let id = format!("portal:{}@https://127.0.0.1", profile.id);
        Self { id, profile, ground, p12, absent_after, hands, state: Mutex::default() }
    }

    /// Adds a row for a certificate that can be fetched.
    pub(super) fn list(&self, request_id: &str, cert: CertInfo) {
        let from = cert.not_before;
        locked(&self.state).rows.push(Listed { request_id: request_id.to_owned(), cert, visible_from: from, ready_from: from });
    }

    pub(super) fn visible(&self) -> Vec<Listed> {
        let now = self.ground.clock.now();
        locked(&self.state).rows.iter().filter(|row| row.visible_from <= now).cloned().collect()
    }

    fn refuses_to_read(&self) -> Result<(), BackendError> {
        if !self.ground.harmed(Harm::Read) {
            return Ok(());
        }
        let codes = ["NET.UNREACHABLE", "PORTAL.BUSY", "PORTAL.SESSION_EXPIRED", "PORTAL.CLOSED", "PORTAL.CERT_REJECTED"];
        Err(fault(self.ground.draw(|rng| *rng.pick(&codes))))
    }

    fn renew(&self, call: &Call, client: &CertInfo, sink: &mut dyn SecretSink) -> Result<Gives, BackendError> {
        if self.ground.harmed(Harm::Write) {
            let codes = ["NET.UNREACHABLE", "PORTAL.BUSY", "PORTAL.SESSION_EXPIRED", "PORTAL.CERT_REJECTED", "PORTAL.PAGE_UNKNOWN"];
            return Err(fault(self.ground.draw(|rng| *rng.pick(&codes))));
        }
        self.ground.effect(call, "ca.renew");
        if !self.ground.arrives(&client.sha1, call, self.absent_after) {
            return Err(fault("PORTAL.REFUSED"));
        }
        if self.ground.harmed(Harm::Damaged) {
            self.ground.say(|| "    the portal refuses".to_owned());
            self.ground.came_of(&client.sha1, None, true);
            return Err(fault("PORTAL.REFUSED"));
        }
        let lost = self.ground.harmed(Harm::LostAnswer);
        if lost && self.ground.draw(|rng| rng.chance(400)) {
            let code = self.ground.draw(|rng| *rng.pick(&["PORTAL.RESULT_UNKNOWN", "PORTAL.REDIRECTED_WRITE"]));
            self.ground.say(|| format!("    the request is lost ({code})"));
            return Err(fault(code));
        }
        let row = self.issue(client, lost);
        self.ground.came_of(&client.sha1, Some(row.request_id.clone()), false);
        self.ground.say(|| format!("    issued {} (listed from {})", row.request_id, row.visible_from));
        if lost {
            return Err(fault("PORTAL.RESULT_UNKNOWN"));
        }
        let mut gives = Gives { date: Some(self.ground.clock.now()), ..Gives::default() };
        let shown = [
            ("request_id", vec![row.request_id]),
            ("cn", vec![client.subject.cn.clone()]),
            ("ou", client.subject.ou.clone()),
            ("o", vec!["ReceiptOnline".to_owned()]),
        ];
        gives.plain.extend(shown.into_iter().map(|(name, texts)| (name.to_owned(), texts)));
        gives.secret.insert("reference_id".to_owned(), sink.keep("reference_id", Secret::text("zigLUVC29Q"))?);
        Ok(gives)
    }

    pub(super) fn issue(&self, client: &CertInfo, lost: bool) -> Listed {
        let now = self.ground.clock.now();
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let until = today.saturating_add(jiff::Span::new().years(3).months(3));
        let mut state = locked(&self.state);
        let serial = 0x9000 + state.rows.len() as u64;
        let cert = CertInfo { not_before: now, ..certificate(&client.subject.cn, serial, &today.to_string(), &until.to_string()) };
        let (hidden, ready) = self.ground.draw(|rng| {
            // A look that the clock brought too near still sees what was hidden.
            let slack = self.absent_after.map_or(Duration::ZERO, |_| SLACK.unsigned_abs());
            let most = (self.absent_after.unwrap_or(HIDDEN) - slack).as_millis();
            let hidden = if lost && rng.chance(500) { rng.below(u64::try_from(most).unwrap_or(0)) } else { 0 };
            (hidden, hidden + rng.pick(&[0, 60_000, 900_000]))
        });
        let after = |ms: u64| now + SignedDuration::from_millis(i64::try_from(ms).unwrap_or(0));
        let row = Listed { request_id: format!("20261123{serial:07}"), cert, visible_from: after(hidden), ready_from: after(ready) };
        state.rows.push(row.clone());
        row
    }

    pub(super) fn file(&self, cert: &CertInfo, request: &Request) -> Gives {
        let password = request.secret.get("password").and_then(|password| password.expose_text().map(str::to_owned)).unwrap_or_default();
        let content = if self.ground.harmed(Harm::Damaged) {
            let whole = self.p12.make("0000", cert, &[]);
            match self.ground.draw(|rng| rng.below(3)) {
                0 => Secret::text("<html><title>エラー</title></html>"),
                1 => Secret::bytes(whole.expose()[..10].to_vec()),
                _ => whole,
            }
        } else {
            self.p12.make(&password, cert, &[])
        };
        Gives { file: Some((format!("{}.p12", cert.serial), content)), ..Gives::default() }
    }

    fn receive(&self, call: &Call, operation: Operation, request: &Request) -> Result<Gives, BackendError> {
        if self.ground.harmed(Harm::Write) {
            return Err(fault(self.ground.draw(|rng| *rng.pick(&["NET.UNREACHABLE", "PORTAL.BUSY", "PORTAL.SESSION_EXPIRED"]))));
        }
        self.ground.effect(call, operation.word());
        let now = self.ground.clock.now();
        let wanted = request.plain.get("request_id");
        let ready = self.visible().into_iter().rev().find(|row| row.ready_from <= now && wanted.is_none_or(|id| *id == row.request_id));
        let missing = if operation == Operation::Fetch { "PORTAL.NO_ROW" } else { "PORTAL.WRONG_ID" };
        let gives = self.file(&ready.ok_or_else(|| fault(missing))?.cert, request);
        if self.ground.harmed(Harm::LostAnswer) { Err(fault("NET.UNREACHABLE")) } else { Ok(gives) }
    }
}

impl CaRead for SimPortal {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { locality: Locality::Remote, ..Capabilities::local(&[Verb::Read, Verb::Write]) }
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn hands(&self, _operation: Operation) -> Hands {
        self.hands
    }

    fn absent_after(&self, _looking: Operation) -> Option<Duration> {
        self.absent_after
    }

    fn open(&self, _call: &Call, client: Option<Arc<dyn Signer>>) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(SimSession { client: client.map(|signer| signer.info().clone()) }))
    }

    fn reach(&self, _call: &Call) -> Result<Option<Timestamp>, BackendError> {
        self.ground.enter("reach")?;
        self.refuses_to_read()?;
        Ok(Some(self.ground.clock.now()))
    }

    fn look(&self, _call: &Call, session: &mut dyn Session, operation: Operation, request: &Request) -> Result<Gives, BackendError> {
        self.ground.enter(operation.word())?;
        self.refuses_to_read()?;
        let client = client(session)?;
        let now = self.ground.clock.now();
        let mut gives = Gives { date: Some(now), ..Gives::default() };
        match operation {
            Operation::Probe => {
                if let Some(client) = &client {
                    self.ground.proves(&client.sha1);
                }
                gives.signed_in = client.map(|_| "更新後証明書の取得".to_owned());
            }
            Operation::FindIssued => {
                self.ground.looked();
                gives.rows = Some(self.visible().iter().map(|row| shown(row, now)).collect());
            }
            _ => {
                let wanted = request.plain.get("request_id");
                if let Some(row) = self.visible().iter().rev().find(|row| wanted.is_none_or(|id| *id == row.request_id)) {
                    let word = if row.ready_from > now { "pending" } else { "issued" };
                    gives.plain.insert("status".to_owned(), vec![word.to_owned()]);
                }
            }
        }
        self.ground.leave(operation.word())?;
        Ok(gives)
    }
}

impl CaWrite for SimPortal {
    fn send(
        &self,
        call: &Call,
        session: &mut dyn Session,
        operation: Operation,
        request: &Request,
        sink: &mut dyn SecretSink,
    ) -> Result<Progress<Gives>, BackendError> {
        self.ground.enter(operation.word())?;
        let now = self.ground.clock.now();
        let work = (call.key.as_str().to_owned(), call.attempt);
        let going_on = locked(&self.state).slow.get(&work).map(|(gives, due)| (copy(gives), *due));
        let gives = match going_on {
            Some((_, due)) if due > now => {
                let retry_after = Duration::try_from(due.duration_since(now)).unwrap_or_default() / 2 + Duration::from_secs(1);
                return Ok(Progress::Pending { retry_after, cookie: b"still".to_vec() });
            }
            Some((gives, _)) => gives,
            None => {
                let gives = match operation {
                    Operation::Renew => self.renew(call, &client(session)?.ok_or_else(|| fault("PORTAL.CERT_REJECTED"))?, sink)?,
                    _ => self.receive(call, operation, request)?,
                };
                if self.ground.harmed(Harm::Slow) {
                    let wait = self.ground.draw(|rng| *rng.pick(&[20u64, 200, 4_000]));
                    self.ground.say(|| format!("    goes on for {wait} s"));
                    let due = now + SignedDuration::from_secs(i64::try_from(wait).unwrap_or(0));
                    locked(&self.state).slow.insert(work, (gives, due));
                    self.ground.leave(operation.word())?;
                    return Ok(Progress::Pending { retry_after: Duration::from_secs(wait), cookie: b"goes on".to_vec() });
                }
                gives
            }
        };
        self.ground.leave(operation.word())?;
        Ok(Progress::Done(gives))
    }
}

fn client(session: &mut dyn Session) -> Result<Option<CertInfo>, BackendError> {
    Ok(session.as_any_mut().downcast_mut::<SimSession>().ok_or_else(cut_off)?.client.clone())
}

pub(super) fn shown(row: &Listed, now: Timestamp) -> Row {
    let day = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date().strftime("%Y/%m/%d").to_string();
    let status = if row.ready_from > now { "鍵生成中" } else { "発行済み" };
    let columns = [
        ("request_id", row.request_id.clone()),
        ("subject", row.cert.subject.cn.clone()),
        ("serial", row.cert.serial.clone()),
        ("issued_on", day(row.cert.not_before)),
        ("not_after", day(row.cert.not_after)),
        ("status", status.to_owned()),
    ];
    Row { cells: columns.iter().map(|(_, text)| text.clone()).collect(), columns: columns.into_iter().map(|(name, text)| (name.to_owned(), text)).collect() }
}

fn copy(gives: &Gives) -> Gives {
    Gives { plain: gives.plain.clone(), secret: gives.secret.clone(), file: gives.file.clone(), date: gives.date, ..Gives::default() }
}

/// An error of this code.
pub(super) fn fault(code: &str) -> BackendError {
    BackendError::new(code, Text::new(format!("{code} (模擬)"), format!("{code} (simulated)")))
}
