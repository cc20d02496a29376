//! Practice pages of any profile, made from its own labels: states over time, a list, a file, a sign-in.
//!
//! They know no rules of the program; a portal whose behaviour matters has pages of its own (`obn`).
//! May use: the desk, the page model. Must not: know HTTP or markup.

pub(crate) mod account;
mod page;
mod screens;

use kirikae_engine::backend::profile::{Operation, OperationSpec, Profile};
use kirikae_engine::dsl::Type;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::LabError;
use crate::desk::Order;
use crate::effects::{About, Effect};
use crate::html::Page;
use crate::pki::{ISSUER_ROOT, Issuer, requested_key};
use crate::portal::{Answer, Client, Incoming, Part, Portal, Visit, not_accepted, session_over};
use crate::site::subject;
use crate::state::Issuance;
use page::{Drawing, example, field_name, is_list};
use screens::{Screen, screens};

/// The shape of request IDs where a profile gives none.
const REQUEST_ID: Type = Type::Digits(15);

/// A portal made from its profile.
pub(crate) struct Generic {
    profile: Profile,
    issuer: Issuer,
    screens: Vec<Screen>,
}

impl Generic {
    /// The portal of this profile.
    pub(crate) fn new(profile: Profile, issuer: Issuer) -> Result<Self, LabError> {
        let screens = screens(&profile)?;
        Ok(Self { profile, issuer, screens })
    }

    fn screen(&self, path: &str) -> Option<&Screen> {
        self.screens.iter().find(|screen| screen.path == path)
    }

    fn spec(&self, operation: Operation) -> &OperationSpec {
        &self.profile.operations[&operation]
    }

    /// Whether this holds for every operation that uses a screen.
    fn all(&self, screen: &Screen, holds: impl Fn(&OperationSpec) -> bool) -> bool {
        screen.items.iter().all(|(operation, _)| holds(self.spec(*operation)))
    }

    fn committed(&self, screen: &Screen) -> Option<Operation> {
        // A sign-in spends a try whether or not its profile marks it.
        let commits = |(operation, place): &&(Operation, usize)| *operation == Operation::SignIn || self.spec(*operation).pages[*place].commits;
        screen.pressed.iter().find(commits).map(|(operation, _)| *operation)
    }

    fn downloaded(&self, screen: &Screen) -> Option<(Operation, &str)> {
        screen
            .items
            .iter()
            .find_map(|(operation, place)| self.spec(*operation).pages[*place].download.as_ref().map(|(pattern, _)| (*operation, pattern.as_str())))
    }

    /// The shape of the request IDs that an operation gives.
    fn request_id_type(&self, operation: Operation) -> &Type {
        let known = self.spec(operation).gives.iter().find(|(name, _)| name == "request_id");
        known.map_or(&REQUEST_ID, |(_, ty)| ty)
    }

    /// The rows of a list as this client sees them now.
    fn rows(&self, visit: &mut Visit<'_>, screen: &Screen, client: &Client) -> Result<Vec<Issuance>, LabError> {
        let is_list = screen.items.iter().any(|(operation, place)| is_list(&self.spec(*operation).pages[*place]));
        let stale = is_list && visit.is_stale(self, client)?;
        let mut rows = visit.desk.rows(&self.profile.id, &client.about.subject, visit.now);
        if stale {
            rows.retain(|row| row.is_issued(visit.now));
            rows.reverse();
        }
        Ok(rows)
    }

    /// Remembers what was typed.
    fn remember(&self, visit: &mut Visit<'_>) {
        let names = self.profile.operations.values().flat_map(|spec| &spec.takes).map(|(name, _)| name);
        for name in names {
            if let Some(text) = visit.incoming.sent.texts.get(&field_name(name)) {
                visit.session.values.insert(name.clone(), text.trim().to_owned());
            }
        }
        for (name, content) in names_of_files(&self.profile).filter_map(|name| Some((name, visit.incoming.sent.files.get(&field_name(name))?))) {
            visit.session.values.insert(name.clone(), hex::encode(content));
        }
        if let Some(request_id) = visit.incoming.sent.texts.get("rid") {
            visit.session.values.insert("request_id".into(), request_id.clone());
        }
    }

    /// The key of the request that was uploaded for an operation; `Err`: what was uploaded is no request.
    fn uploaded_key(&self, visit: &Visit<'_>, operation: Operation) -> Result<Option<SubjectPublicKeyInfoOwned>, ()> {
        let Some((name, _)) = self.spec(operation).takes.iter().find(|(_, ty)| *ty == Type::File) else { return Ok(None) };
        let content = visit.session.values.get(name).and_then(|content| hex::decode(content).ok());
        content.and_then(|content| requested_key(&content)).map(Some).ok_or(())
    }

    /// What a committing request does. The words of a refusal, if it is refused.
    fn commit(&self, visit: &mut Visit<'_>, operation: Operation, client: &Client) -> Result<Option<&'static str>, LabError> {
        let program = &self.profile.id;
        match operation {
            Operation::Apply | Operation::Renew | Operation::Obtain => {
                let Ok(public) = self.uploaded_key(visit, operation) else { return Ok(Some("申請データ(CSR)を読めません。")) };
                let mishap = visit.mishap(&self.profile, operation)?;
                let at_once = operation == Operation::Obtain;
                let order = Order {
                    program,
                    operation,
                    issuer: &self.issuer,
                    subject: client.subject.clone(),
                    public,
                    replaces: Some(client.about.serial.clone()).filter(|serial| !serial.is_empty()),
                    takes: if at_once { std::time::Duration::ZERO } else { visit.pace.issuing },
                    listed: !at_once,
                    mishap,
                };
                let claimed = visit.session.values.get("request_id").cloned().filter(|_| at_once);
                if let Some(claimed) = claimed {
                    visit.desk.exchange(order, &claimed, visit.now)?;
                } else {
                    let (issuance, reference_id) = visit.desk.accept(order, self.request_id_type(operation), visit.now)?;
                    visit.session.values.insert("request_id".into(), issuance.request_id);
                    visit.session.values.insert("reference_id".into(), reference_id);
                }
                Ok(None)
            }
            Operation::Revoke => {
                let newest = visit.desk.newest(program, &client.about.subject).map(|issuance| issuance.about());
                let about = if client.about.serial.is_empty() { newest } else { Some(client.about.clone()) };
                if let Some(about) = about {
                    visit.desk.revoke(program, operation, &about, visit.now)?;
                }
                Ok(None)
            }
            Operation::SetPassword => account::set_password(visit, &self.profile, &client.about).map(|()| None),
            _ => Ok(None),
        }
    }

    fn file(&self, visit: &mut Visit<'_>, (operation, pattern): (Operation, &str), client: &Client) -> Result<Answer, LabError> {
        let program = &self.profile.id;
        match operation {
            Operation::Root => return Ok(Answer::File(named(pattern, program), ISSUER_ROOT.as_bytes().to_vec())),
            Operation::Software => return Ok(Answer::File(named(pattern, program), practice_program(pattern))),
            _ => {}
        }
        let asked = visit.session.values.get("request_id").and_then(|request_id| visit.desk.find(program, request_id));
        let issued = asked.or_else(|| visit.desk.newest(program, &client.about.subject)).filter(|issuance| issuance.is_issued(visit.now));
        let Some(issuance) = issued else { return Ok(Answer::page(Page::titled("対象の証明書がありません。"))) };
        let is_password = |(name, ty): &&(String, Type)| ty.is_secret() && name.contains("password");
        let spec = self.spec(operation);
        let typed = spec.takes.iter().find(is_password).and_then(|(name, _)| visit.session.values.get(name)).cloned();
        // A password that the site makes is the example that its page shows.
        let shown = || spec.gives.iter().find(is_password).map(|(_, ty)| example(ty));
        let password = typed.or_else(shown).unwrap_or_default();
        let password = visit.file_password(&self.profile, operation, &password)?;
        let file = visit.desk.hand_out(&self.issuer, &issuance, operation, &password, visit.now)?;
        Ok(Answer::File(named(pattern, &issuance.request_id), file))
    }
}

impl Portal for Generic {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn sends_notices(&self) -> bool {
        false
    }

    fn begins(&self, incoming: &Incoming) -> bool {
        !incoming.post && self.screen(&incoming.path).is_some_and(|screen| screen.opened)
    }

    fn paths(&self) -> Vec<String> {
        self.screens.iter().map(|screen| screen.path.clone()).collect()
    }

    fn part(&self, incoming: &Incoming) -> Part {
        let Some(screen) = self.screen(&incoming.path) else { return Part::default() };
        let is_last = |(operation, place): &&(Operation, usize)| operation.is_read() && place + 1 == self.spec(*operation).pages.len();
        Part {
            commits: self.committed(screen).filter(|_| incoming.post),
            ends: screen.items.iter().filter(is_last).map(|(operation, _)| *operation).collect(),
            file: self.downloaded(screen).map(|(operation, _)| operation),
        }
    }

    fn answer(&self, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
        let Some(screen) = self.screen(&visit.incoming.path) else { return Ok(Answer::page(session_over())) };
        let client = match visit.client(self)? {
            Some(client) => client,
            None if !screen.items.is_empty() && self.all(screen, |spec| spec.client_cert) => return Ok(Answer::Page(403, not_accepted())),
            None => somebody(visit, &self.profile),
        };
        if visit.incoming.post {
            self.remember(visit);
            if screen.pressed.iter().any(|(operation, _)| *operation == Operation::SignIn) && !visit.session.signed_in {
                if let Some(words) = account::judge(visit, &self.profile, &client.about)? {
                    return Ok(Answer::page(Page::titled(&words)));
                }
                visit.session.signed_in = true;
                visit.desk.tell(visit.now, &self.profile.id, Effect::SignedIn, Some(Operation::SignIn), &client.about)?;
            }
            if let Some(operation) = self.committed(screen)
                && let Some(words) = self.commit(visit, operation, &client)?
            {
                return Ok(Answer::page(Page::titled(words)));
            }
        }
        if !visit.session.signed_in && !screen.items.is_empty() && self.all(screen, |spec| spec.needs_sign_in) {
            return Ok(Answer::page(session_over()));
        }
        if let Some(file) = self.downloaded(screen) {
            return self.file(visit, file, &client);
        }
        let rows = self.rows(visit, screen, &client)?;
        let known = |name: &str| visit.session.values.get(name).cloned();
        let drawing = Drawing { profile: &self.profile, screens: &self.screens, known: &known, subject: &client.subject, rows: &rows, now: visit.now };
        Ok(Answer::page(drawing.page(screen)))
    }
}

/// The parameters that are files.
fn names_of_files(profile: &Profile) -> impl Iterator<Item = &String> {
    profile.operations.values().flat_map(|spec| &spec.takes).filter(|(_, ty)| *ty == Type::File).map(|(name, _)| name)
}

/// Who visits a page that asks for no certificate: whom the practice certificates are for.
fn somebody(visit: &Visit<'_>, profile: &Profile) -> Client {
    let subject = subject(profile);
    let name = subject.iter().find(|(kind, _)| kind == "CN").map(|(_, value)| value.clone()).unwrap_or_default();
    Client { subject, about: About { subject: name, serial: String::new() }, not_before: visit.now }
}

/// A file that begins as a program of this name does, and is none.
fn practice_program(name: &str) -> Vec<u8> {
    let beginning: &[u8] = match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "msi" => &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1],
        "exe" => b"MZ",
        "zip" | "jar" => b"PK\x03\x04",
        _ => b"",
    };
    [beginning, b"KIRIKAE PRACTICE: no program"].concat()
}

/// A file name that fits a pattern.
fn named(pattern: &str, name: &str) -> String {
    pattern.replace('*', name).replace('?', "0")
}
