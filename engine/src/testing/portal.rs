//! A portal in memory: rows, states, faults, and a count of every committing request.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil};

use super::{FakeP12, FixedClock, ISSUER, certificate, certificate_of, locked, root_certificate};
use crate::backend::profile::{Hands, ObserveBy, Operation, Profile};
use crate::backend::{
    BackendError, CaRead, CaWrite, Call, Capabilities, Class, Gives, IdempotencyKey, Locality, Progress, Request, Row, SecretSink, Session, Signer, Verb,
    code_info,
};
use crate::clock::Clock;
use crate::dsl::{CertInfo, Type};
use crate::secret::Secret;
use crate::text::{Phrase, Text};

/// What goes wrong at the next request of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It ends before anything is sent, with this code.
    Before(&'static str),
    /// The committing request arrives and has no effect; the answer is lost.
    DropBefore,
    /// It has its effect; the answer is lost.
    LoseAnswer,
    /// It has its effect, which the list hides for so long; the answer is lost.
    LoseAnswerHidden(Duration),
    /// It is answered with 307.
    Redirect,
    /// The page refuses with this code; nothing happened.
    Refuse(&'static str),
    /// The page of a good answer shows a request ID that is none.
    OddPage,
    /// The file is cut off, or a page, or has another password.
    CutFile,
    HtmlFile,
    WrongPasswordFile,
}

/// A row as the portal knows it.
#[derive(Clone, Debug)]
pub struct ListedRow {
    /// 15 digits.
    pub request_id: String,
    /// The certificate of the row; its key is in the file of `fetch`.
    pub cert: CertInfo,
    /// Looks of `status` until it is issued.
    pub pending_looks: u32,
    /// Not in the list before this instant.
    pub hidden_until: Option<Timestamp>,
    /// Instead of the certificate's day, as the page writes it.
    pub issued_on: String,
    /// As the page writes it.
    pub not_after: String,
}

/// What a portal issues; what is not said is made up: the client's name, from now on for three years and three months.
#[derive(Clone, Debug)]
pub struct Issue {
    pub cn: Option<String>,
    /// Hex.
    pub serial: Option<String>,
    pub issuer: String,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
}

/// A portal that acts by its profile ([`super::obn_profile`], or a checked one).
pub struct FakePortal {
    id: String,
    profile: Profile,
    clock: Arc<FixedClock>,
    p12: Arc<FakeP12>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: Vec<ListedRow>,
    columns: Vec<String>,
    faults: VecDeque<(Operation, Fault)>,
    rejected: BTreeSet<String>,
    missing: Vec<String>,
    absent_after: Option<Duration>,
    received: u32,
    issued: u32,
    sign_ins: u32,
    pending_looks: u32,
    clock_off: Option<jiff::SignedDuration>,
    unsettled: BTreeMap<String, Sent>,
    /// The state after the pending looks; `issued` if not said.
    last_state: Option<String>,
    issue: Option<Issue>,
    /// Values on pages in place of the portal's own.
    shows: BTreeMap<Operation, BTreeMap<String, String>>,
    refuses: BTreeMap<Operation, String>,
    hides: Option<Duration>,
    /// What goes wrong with each file in turn; the last stays.
    downloads: Vec<Option<Fault>>,
    downloaded: usize,
    rejects_issued: bool,
    calls: BTreeMap<Operation, u32>,
    issued_certs: Vec<CertInfo>,
    shown_secrets: Vec<String>,
    /// Who does its pages, before the profile's word.
    hands: Option<Hands>,
    /// The password that its pages showed last.
    shown_password: Option<String>,
}

/// A committing request whose end the portal remembers, to judge the next one.
struct Sent {
    at: Timestamp,
    answered: bool,
    looks: Vec<Timestamp>,
}

impl std::fmt::Debug for FakePortal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)
    }
}

impl FakePortal {
    /// A portal with an empty list that names all columns, issuing after one pending look.
    pub fn new(profile: Profile, clock: Arc<FixedClock>, p12: Arc<FakeP12>) -> Self {
        let columns = ["request_id", "subject", "serial", "issued_on", "not_after", "status"].map(str::to_owned).to_vec();
        // Where nothing tells a state, nothing is waited for.
        let pending_looks = u32::from(profile.operations.contains_key(&Operation::Status));
        let state = State { columns, pending_looks, ..State::default() };
        Self { id: format!("portal:{}@https://127.0.0.1", profile.id), profile, clock, p12, state: Mutex::new(state) }
    }

    /// Its answers to looks tell the time, so far from the clock of the terminal.
    pub fn tells_time(&self, off: jiff::SignedDuration) {
        locked(&self.state).clock_off = Some(off);
    }

    /// Adds a row for a certificate that was issued earlier.
    pub fn list(&self, request_id: &str, cert: &CertInfo) {
        let row = ListedRow::of(request_id, cert.clone());
        locked(&self.state).rows.push(row);
    }

    /// Changes the last row.
    pub fn change_last(&self, change: impl FnOnce(&mut ListedRow)) {
        change(locked(&self.state).rows.last_mut().expect("a row"));
    }

    /// The list shows only these columns.
    pub fn show_columns(&self, columns: &[&str]) {
        locked(&self.state).columns = columns.iter().map(|name| (*name).to_owned()).collect();
    }

    /// The next request of an operation goes wrong.
    pub fn fault(&self, operation: Operation, fault: Fault) {
        locked(&self.state).faults.push_back((operation, fault));
    }

    /// Its pages are done by the engine, also where the profile leaves them to a person.
    pub fn acts_by_itself(&self) {
        locked(&self.state).hands = Some(Hands::Engine);
    }

    /// The portal no longer accepts this certificate.
    pub fn reject(&self, thumbprint: &str) {
        locked(&self.state).rejected.insert(thumbprint.to_owned());
    }

    /// The probe does not find this label.
    pub fn lose_label(&self, label: &str) {
        locked(&self.state).missing.push(label.to_owned());
    }

    /// "Not in the list" is conclusive after so long.
    pub fn absent_after(&self, after: Duration) {
        locked(&self.state).absent_after = Some(after);
    }

    /// Looks of `status` until a request is issued.
    pub fn pending_looks(&self, looks: u32) {
        locked(&self.state).pending_looks = looks;
    }

    /// What `status` says of a new request, look by look; the last stays.
    pub fn states(&self, words: &[&str]) {
        let Some((last, before)) = words.split_last() else { return };
        let mut state = locked(&self.state);
        state.pending_looks = if *last == "pending" { u32::MAX } else { u32::try_from(before.len()).expect("few") };
        state.last_state = Some((*last).to_owned());
    }

    /// What it issues from now on.
    pub fn issues(&self, issue: Issue) {
        locked(&self.state).issue = Some(issue);
    }

    /// Pages of an operation show these values.
    pub fn shows(&self, operation: Operation, values: BTreeMap<String, String>) {
        locked(&self.state).shows.insert(operation, values);
    }

    /// An operation is refused with this code, every time.
    pub fn refuses(&self, operation: Operation, code: &str) {
        locked(&self.state).refuses.insert(operation, code.to_owned());
    }

    /// New rows are in the list only after so long.
    pub fn hides(&self, time: Duration) {
        locked(&self.state).hides = Some(time);
    }

    /// What goes wrong with the files that are fetched, in turn; the last stays.
    pub fn downloads(&self, faults: impl Iterator<Item = Option<Fault>>) {
        locked(&self.state).downloads = faults.collect();
    }

    /// What it issues is not accepted by it.
    pub fn reject_issued(&self) {
        locked(&self.state).rejects_issued = true;
    }

    /// Whether "not in the list" ever becomes conclusive.
    pub fn is_conclusive(&self) -> bool {
        locked(&self.state).absent_after.is_some()
    }

    /// How often an operation was carried out, or tried.
    pub fn calls(&self, operation: Operation) -> u32 {
        locked(&self.state).calls.get(&operation).copied().unwrap_or_default()
    }

    /// What it issued.
    pub fn issued_certs(&self) -> Vec<CertInfo> {
        locked(&self.state).issued_certs.clone()
    }

    /// Secrets that its pages showed.
    pub fn shown_secrets(&self) -> Vec<String> {
        locked(&self.state).shown_secrets.clone()
    }

    /// Committing requests for certificates that arrived.
    pub fn received(&self) -> u32 {
        locked(&self.state).received
    }

    /// Certificates issued.
    pub fn issued(&self) -> u32 {
        locked(&self.state).issued
    }

    /// Sign-ins that arrived.
    pub fn sign_ins(&self) -> u32 {
        locked(&self.state).sign_ins
    }

    fn take_fault(&self, operation: Operation) -> Option<Fault> {
        let mut state = locked(&self.state);
        *state.calls.entry(operation).or_default() += 1;
        let at = state.faults.iter().position(|(of, _)| *of == operation)?;
        state.faults.remove(at).map(|(_, fault)| fault)
    }

    fn client(&self, session: &mut dyn Session, operation: Operation) -> Result<Option<CertInfo>, BackendError> {
        let session = session.as_any_mut().downcast_mut::<FakeSession>().expect("a session of this portal");
        let client = session.client.clone();
        let spec = self.profile.operations.get(&operation).expect("an operation of the profile");
        match &client {
            None if spec.client_cert => Err(error("PORTAL.CERT_REJECTED")),
            Some(cert) if self.rejects(cert) => Err(error("PORTAL.CERT_REJECTED")),
            _ => Ok(client),
        }
    }

    fn rejects(&self, cert: &CertInfo) -> bool {
        let state = locked(&self.state);
        state.rejected.contains(&cert.sha1) || (state.rejects_issued && state.issued_certs.iter().any(|issued| issued.sha1 == cert.sha1))
    }

    /// The word for the state of a row.
    fn state_of(&self, row: &ListedRow) -> String {
        if row.pending_looks > 0 { "pending".to_owned() } else { locked(&self.state).last_state.clone().unwrap_or_else(|| "issued".to_owned()) }
    }

    /// The certificate of a request that arrives now.
    fn made(&self, state: &State, client: &CertInfo, now: Timestamp) -> CertInfo {
        let serial = 0x9000 + u64::from(state.issued);
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let until = today.saturating_add(jiff::Span::new().years(3).months(3));
        // Valid from the moment it is issued.
        let usual = CertInfo { not_before: now, ..certificate(&client.subject.cn, serial, &today.to_string(), &until.to_string()) };
        let Some(issue) = &state.issue else { return usual };
        let serial = issue.serial.clone().unwrap_or_else(|| usual.serial.clone());
        let cn = issue.cn.clone().unwrap_or_else(|| client.subject.cn.clone());
        let issuer = if issue.issuer.is_empty() { ISSUER } else { &issue.issuer };
        let (not_before, not_after) = (issue.not_before.unwrap_or(now), issue.not_after.unwrap_or(usual.not_after));
        CertInfo { not_before, not_after, ..certificate_of(&cn, &serial, issuer) }
    }

    /// What the page after a committing request shows, by the profile.
    fn gives(&self, operation: Operation, row: &ListedRow, client: Option<&CertInfo>, sink: &mut dyn SecretSink) -> Result<Gives, BackendError> {
        let spec = self.profile.operations.get(&operation).expect("an operation of the profile");
        let told = locked(&self.state).shows.get(&operation).cloned().unwrap_or_default();
        let mut gives = Gives::default();
        for (name, ty) in &spec.gives {
            let told = told.get(name).cloned();
            if ty.is_secret() {
                let value = told.unwrap_or_else(|| "zigLUVC29Q".to_owned());
                {
                    let mut state = locked(&self.state);
                    state.shown_secrets.push(value.clone());
                    if name == "password" {
                        state.shown_password = Some(value.clone());
                    }
                }
                gives.secret.insert(name.clone(), sink.keep(name, Secret::text(value))?);
                continue;
            }
            let of_client = |of: fn(&CertInfo) -> Vec<String>| client.map(of).unwrap_or_default();
            let texts = match (told, name.as_str()) {
                (Some(told), _) => vec![told],
                (None, "request_id") => vec![row.request_id.clone()],
                (None, "valid_to") => vec![row.not_after.clone()],
                (None, "cn") => of_client(|cert| vec![cert.subject.cn.clone()]),
                (None, "ou") => of_client(|cert| cert.subject.ou.clone()),
                (None, "o") => of_client(|cert| cert.subject.o.clone().into_iter().collect()),
                (None, name) => vec![made_up(ty, name)],
            };
            gives.plain.insert(name.clone(), texts);
        }
        Ok(gives)
    }

    /// Whether its list is read as one row, not as all of them.
    fn reads_one(&self) -> bool {
        self.profile.operations.get(&Operation::FindIssued).is_some_and(|spec| spec.pages.iter().all(|page| page.rows.is_none()))
    }

    /// What the page of one certificate says: as it is told, else made up.
    fn one(&self, client: Option<&CertInfo>) -> Result<Gives, BackendError> {
        let certificate = client.cloned().unwrap_or_else(|| certificate("", 0, "2026-01-01", "2026-01-01"));
        self.gives(Operation::FindIssued, &ListedRow::of("000000000000000", certificate), client, &mut NoSecrets)
    }

    fn visible(&self) -> Vec<ListedRow> {
        let now = self.clock.now();
        locked(&self.state).rows.iter().filter(|row| row.hidden_until.is_none_or(|until| until <= now)).cloned().collect()
    }

    fn shown(&self, row: &ListedRow) -> Row {
        let status = if row.pending_looks > 0 { "鍵生成中" } else { "発行済み" };
        let all = [
            ("request_id", row.request_id.as_str()),
            ("subject", row.cert.subject.cn.as_str()),
            ("serial", row.cert.serial.as_str()),
            ("issued_on", row.issued_on.as_str()),
            ("not_after", row.not_after.as_str()),
            ("status", status),
        ];
        let columns = locked(&self.state).columns.clone();
        let named: Vec<(&str, &str)> = all.into_iter().filter(|(name, _)| columns.iter().any(|column| column == name)).collect();
        Row {
            columns: named.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            cells: named.iter().map(|(_, text)| (*text).to_owned()).collect(),
        }
    }

    /// A second committing request for one certificate is right only after the first one was conclusively not found.
    fn judge(&self, operation: Operation, client: &CertInfo) {
        let state = locked(&self.state);
        let Some(sent) = state.unsettled.get(&client.sha1) else { return };
        // Without a list only a person can settle it.
        let listed = self.profile.operations.get(&operation).is_some_and(|spec| spec.observe != ObserveBy::Nothing);
        if !listed {
            return;
        }
        assert!(!sent.answered, "a second renewal of {} after an answered one", client.sha1);
        let apart = state.absent_after.and_then(|after| SignedDuration::try_from(after).ok());
        let (first, last) = (sent.looks.first(), sent.looks.last());
        let conclusive = matches!((apart, first, last), (Some(apart), Some(first), Some(last)) if last.duration_since(*first) >= apart && *first >= sent.at);
        assert!(conclusive, "a second renewal of {} without a conclusive look", client.sha1);
    }

    fn request(&self, operation: Operation, client: &CertInfo, fault: Option<Fault>, sink: &mut dyn SecretSink) -> Result<Gives, BackendError> {
        self.judge(operation, client);
        let now = self.clock.now();
        if let Some(Fault::Refuse(code)) = fault {
            locked(&self.state).received += 1;
            return Err(error(code));
        }
        let row = {
            let mut state = locked(&self.state);
            state.received += 1;
            state.unsettled.insert(client.sha1.clone(), Sent { at: now, answered: false, looks: vec![] });
            match fault {
                Some(Fault::DropBefore) => return Err(error("PORTAL.RESULT_UNKNOWN")),
                Some(Fault::Redirect) => return Err(error("PORTAL.REDIRECTED_WRITE")),
                _ => {}
            }
            state.issued += 1;
            let nth = 0x9000 + u64::from(state.issued);
            let cert = self.made(&state, client, now);
            state.issued_certs.push(cert.clone());
            let mut row = ListedRow::of(&format!("20261123{nth:07}"), cert);
            row.pending_looks = state.pending_looks;
            row.hidden_until = state.hides.map(|time| now + SignedDuration::try_from(time).expect("a duration"));
            if let Some(Fault::LoseAnswerHidden(time)) = fault {
                row.hidden_until = Some(now + SignedDuration::try_from(time).expect("a duration"));
            }
            state.rows.push(row.clone());
            row
        };
        if matches!(fault, Some(Fault::LoseAnswer | Fault::LoseAnswerHidden(_))) {
            return Err(error("PORTAL.RESULT_UNKNOWN"));
        }
        if let Some(sent) = locked(&self.state).unsettled.get_mut(&client.sha1) {
            sent.answered = true;
        }
        let mut gives = self.gives(operation, &row, Some(client), sink)?;
        if fault == Some(Fault::OddPage) {
            gives.plain.insert("request_id".to_owned(), vec!["受付中".to_owned()]);
        }
        Ok(gives)
    }

    /// What goes wrong with the next file.
    fn next_download(&self) -> Option<Fault> {
        let mut state = locked(&self.state);
        let nth = state.downloaded;
        state.downloaded += 1;
        state.downloads.get(nth).or(state.downloads.last()).cloned().flatten()
    }

    /// A file under the password that was typed, or else that its pages showed.
    fn file(&self, cert: &CertInfo, fault: Option<Fault>, request: &Request) -> Gives {
        let typed = request.secret.get("password").and_then(|password| password.expose_text().map(str::to_owned));
        let Some(password) = typed.or_else(|| locked(&self.state).shown_password.clone()) else {
            // The certificate alone, for who has the key.
            return Gives { file: Some((format!("{}.cer", cert.serial), self.p12.make_certificate(cert))), ..Gives::default() };
        };
        let content = match fault.or_else(|| self.next_download()) {
            Some(Fault::HtmlFile) => Secret::text("<html><title>エラー</title></html>"),
            Some(Fault::WrongPasswordFile) => self.p12.make("0000", cert, &[]),
            Some(Fault::CutFile) => {
                let whole = self.p12.make(&password, cert, &[]);
                Secret::bytes(whole.expose()[..10].to_vec())
            }
            _ => self.p12.make(&password, cert, &[]),
        };
        Gives { file: Some((format!("{}.p12", cert.serial), content)), ..Gives::default() }
    }
}

impl CaRead for FakePortal {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { locality: Locality::Remote, ..Capabilities::local(&[Verb::Read, Verb::Write]) }
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn hands(&self, operation: Operation) -> Hands {
        locked(&self.state).hands.unwrap_or_else(|| self.profile.hands_of(operation))
    }

    fn absent_after(&self, _looking: Operation) -> Option<Duration> {
        locked(&self.state).absent_after
    }

    fn open(&self, _call: &Call, client: Option<Arc<dyn Signer>>) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(FakeSession { client: client.map(|signer| signer.info().clone()), looked: false }))
    }

    fn reach(&self, _call: &Call) -> Result<Option<Timestamp>, BackendError> {
        let off = locked(&self.state).clock_off.unwrap_or_default();
        Ok(Some(self.clock.now() + off))
    }

    fn look(&self, _call: &Call, session: &mut dyn Session, operation: Operation, request: &Request) -> Result<Gives, BackendError> {
        assert!(operation.is_read(), "a look that carries out {operation}");
        if let Some(fault) = self.take_fault(operation) {
            match fault {
                Fault::Before(code) => return Err(error(code)),
                other => panic!("{other:?} is no fault of a look"),
            }
        }
        let client = self.client(session, operation)?;
        match operation {
            Operation::Probe => {
                let missing = locked(&self.state).missing.clone();
                Ok(Gives { signed_in: client.map(|_| "更新後証明書の取得".to_owned()), missing, ..Gives::default() })
            }
            Operation::FindIssued if self.reads_one() => self.one(client.as_ref()),
            Operation::FindIssued => {
                session.as_any_mut().downcast_mut::<FakeSession>().expect("a session").looked = true;
                let now = self.clock.now();
                for sent in locked(&self.state).unsettled.values_mut() {
                    sent.looks.push(now);
                }
                let rows = self.visible().iter().map(|row| self.shown(row)).collect();
                let date = locked(&self.state).clock_off.map(|off| now + off);
                Ok(Gives { rows: Some(rows), date, ..Gives::default() })
            }
            _ => {
                let wanted = request.plain.get("request_id");
                let visible = self.visible();
                let found = visible.iter().rev().find(|row| wanted.is_none_or(|id| *id == row.request_id));
                let Some(found) = found else { return Ok(Gives::default()) };
                let word = self.state_of(found);
                let mut state = locked(&self.state);
                let row = state.rows.iter_mut().find(|row| row.request_id == found.request_id).expect("the row");
                // One that is never issued is pending for ever.
                row.pending_looks = if row.pending_looks == u32::MAX { u32::MAX } else { row.pending_looks.saturating_sub(1) };
                Ok(Gives { plain: BTreeMap::from([("status".to_owned(), vec![word])]), ..Gives::default() })
            }
        }
    }
}

impl CaWrite for FakePortal {
    fn send(
        &self,
        call: &Call,
        session: &mut dyn Session,
        operation: Operation,
        request: &Request,
        sink: &mut dyn SecretSink,
    ) -> Result<Progress<Gives>, BackendError> {
        assert!(!operation.is_read(), "a sending of {operation}");
        assert!(call.key != IdempotencyKey::new("", ""), "a sending outside a run");
        let client = self.client(session, operation)?;
        let fault = self.take_fault(operation);
        if let Some(Fault::Before(code)) = fault {
            return Err(error(code));
        }
        let refused = locked(&self.state).refuses.get(&operation).cloned();
        if let Some(code) = refused {
            locked(&self.state).received += u32::from(operation == Operation::Renew);
            return Err(error(&code));
        }
        let gives = match operation {
            Operation::Renew => {
                let looked = session.as_any_mut().downcast_mut::<FakeSession>().expect("a session").looked;
                let listed = self.profile.operations.get(&operation).is_some_and(|spec| spec.observe != ObserveBy::Nothing);
                assert!(looked || !listed, "a committing request without a look in its session");
                self.request(operation, &client.expect("a client certificate"), fault, sink)?
            }
            Operation::Fetch => {
                let wanted = request.plain.get("request_id");
                let visible = self.visible();
                let ready = visible.iter().rev().find(|row| self.state_of(row) == "issued" && wanted.is_none_or(|id| *id == row.request_id));
                let ready = ready.ok_or_else(|| error("PORTAL.NO_ROW"))?;
                let gives = self.gives(Operation::Fetch, ready, client.as_ref(), sink)?;
                Gives { file: self.file(&ready.cert, fault, request).file, ..gives }
            }
            Operation::Obtain => {
                let visible = self.visible();
                let known = visible.iter().find(|row| request.plain.get("request_id") == Some(&row.request_id));
                self.file(&known.ok_or_else(|| error("PORTAL.WRONG_ID"))?.cert, fault, request)
            }
            Operation::Root => Gives { file: Some(("root.cer".to_owned(), self.p12.make_certificate(&root_certificate("Practice Root")))), ..Gives::default() },
            Operation::Software => {
                let msi = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0x4b];
                Gives { file: Some(("client.msi".to_owned(), Secret::bytes(msi.to_vec()))), ..Gives::default() }
            }
            Operation::Apply => self.request(operation, &client.unwrap_or_else(applicant), fault, sink)?,
            other => {
                match fault {
                    Some(Fault::Refuse(code)) => return Err(error(code)),
                    Some(Fault::DropBefore | Fault::LoseAnswer) => return Err(error("PORTAL.RESULT_UNKNOWN")),
                    _ => {}
                }
                locked(&self.state).sign_ins += u32::from(other == Operation::SignIn);
                let row = ListedRow::of("000000000000000", self.made(&State::default(), &certificate("", 0, "2026-01-01", "2026-01-01"), self.clock.now()));
                let marker = self.profile.operations.get(&other).and_then(|spec| spec.pages.iter().find_map(|page| page.signed_in.clone()));
                Gives { signed_in: marker.filter(|_| client.is_some()), ..self.gives(other, &row, client.as_ref(), sink)? }
            }
        };
        Ok(Progress::Done(gives))
    }
}

/// A look keeps no secret.
struct NoSecrets;

impl SecretSink for NoSecrets {
    fn keep(&mut self, name: &str, _value: Secret) -> Result<crate::secret::SecretRef, BackendError> {
        panic!("a look that reads the secret {name}")
    }
}

impl ListedRow {
    fn of(request_id: &str, cert: CertInfo) -> Self {
        let date = |at: Timestamp| -> civil::Date { at.to_zoned(jiff::tz::TimeZone::UTC).date() };
        let slashes = |date: civil::Date| date.strftime("%Y/%m/%d").to_string();
        let (issued_on, not_after) = (slashes(date(cert.not_before)), slashes(date(cert.not_after)));
        Self { request_id: request_id.to_owned(), cert, pending_looks: 0, hidden_until: None, issued_on, not_after }
    }
}

struct FakeSession {
    client: Option<CertInfo>,
    looked: bool,
}

impl Session for FakeSession {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Who asks for a first certificate and shows none.
fn applicant() -> CertInfo {
    certificate("applicant", 0, "2026-01-01", "2026-01-01")
}

/// A value of a type, for a page.
fn made_up(ty: &Type, name: &str) -> String {
    match ty.required() {
        Type::Digits(n) => "1234567890".chars().cycle().take(*n as usize).collect(),
        Type::Date => "2030-01-31".to_owned(),
        Type::Enum(words) => words.first().cloned().unwrap_or_default(),
        Type::Int => "1".to_owned(),
        Type::Bool => "true".to_owned(),
        Type::Url => "https://127.0.0.1/file".to_owned(),
        _ => name.to_owned(),
    }
}

fn error(code: &str) -> BackendError {
    let title = code_info(code).map_or(Phrase { ja: "試験の故障", en: "a fault of the test" }, |info| info.title);
    let error = BackendError::new(code, Text::new(format!("{}(試験)。", title.ja), format!("{} (test).", title.en)));
    if code.starts_with("PORTAL.") || code.starts_with("NET.") { error } else { error.class(Class::Human) }
}
