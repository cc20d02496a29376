//! A person whose hands work the pages of the simulated portal (`hands: person`): what they see, press and save.
//!
//! May use: the portal, the process that asks. Must not: know what the core will make of the answer.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::faults::Harm;
use super::ground::Ground;
use super::people::word;
use super::portal::{Listed, SimPortal, shown};
use super::process::Process;
use crate::action::{Answer, Inputs, Question, Secrets};
use crate::backend::profile::Operation;
use crate::backend::{EntryInfo, IdempotencyKey, Request};
use crate::clock::Clock;
use crate::dsl::CertInfo;
use crate::run::shown_secret;
use crate::secret::{Secret, SecretRef};

/// What a person answers who was asked to work pages, after they did.
pub(super) fn by_hand(process: &Process<'_>, step: &str, question: &Question) -> Answer {
    let ground = process.site.ground;
    let Some((hands, operation)) = hands(process, step, question) else { return word(ground, question, false) };
    if ground.harmed(Harm::No) {
        return word(ground, question, false);
    }
    match operation {
        Operation::Probe | Operation::FindIssued | Operation::Status => hands.look(operation),
        Operation::Renew => hands.renew(),
        _ => hands.receive(operation),
    }
}

/// Who works the pages of one question.
struct Hands<'p> {
    process: &'p Process<'p>,
    ground: &'p Ground,
    portal: &'p SimPortal,
    question: &'p Question,
    step: &'p str,
    inputs: Inputs,
}

fn hands<'p>(process: &'p Process<'_>, step: &'p str, question: &'p Question) -> Option<(Hands<'p>, Operation)> {
    let operation = process.site.program.action(step)?.manifest.operation?;
    // A write asks for its list first.
    let operation = if question.acts || operation.is_read() { operation } else { Operation::FindIssued };
    let (inputs, _) = process.prepared(step)?;
    let portal = process.site.portals.get(inputs.role("portal")?)?;
    Some((Hands { process, ground: process.site.ground, portal, question, step, inputs }, operation))
}

impl Hands<'_> {
    fn client(&self) -> Option<&CertInfo> {
        self.inputs.cert("client_cert")
    }

    fn wanted(&self) -> Option<String> {
        self.inputs.str("request_id").map(str::to_owned)
    }

    fn yes(&self) -> Answer {
        Answer { fields: BTreeMap::new(), ..word(self.ground, self.question, true) }
    }

    /// The problem of this code; where the page has none of it, a no.
    fn met(&self, code: &str) -> Answer {
        let problem = self.question.problems.iter().find(|problem| problem.code == code).map(|problem| problem.name.clone());
        Answer { problem, ..word(self.ground, self.question, false) }
    }

    /// Something is in the way before anything was pressed.
    fn in_the_way(&self, harm: Harm) -> Option<Answer> {
        let codes = ["NET.UNREACHABLE", "PORTAL.BUSY", "PORTAL.SESSION_EXPIRED", "PORTAL.CERT_REJECTED", "PORTAL.PAGE_UNKNOWN"];
        self.ground.harmed(harm).then(|| self.met(self.ground.draw(|rng| rng.pick(&codes))))
    }

    fn now(&self) -> Timestamp {
        self.ground.clock_now()
    }

    fn look(&self, operation: Operation) -> Answer {
        if let Some(answer) = self.in_the_way(Harm::Read) {
            return answer;
        }
        let (mut answer, now) = (self.yes(), self.now());
        match operation {
            Operation::Probe => {
                if let Some(client) = self.client() {
                    self.ground.proves(&client.sha1);
                }
            }
            Operation::FindIssued => {
                self.ground.looked();
                answer.rows = Some(self.portal.visible().iter().map(|row| shown(row, now).columns).collect());
            }
            _ => {
                let wanted = self.wanted();
                let row = self.portal.visible().into_iter().rev().find(|row| wanted.as_ref().is_none_or(|id| *id == row.request_id));
                if let Some(row) = row {
                    answer.fields.insert("status".to_owned(), if row.ready_from > now { "pending" } else { "issued" }.to_owned());
                }
            }
        }
        answer
    }

    /// The button is pressed, once.
    fn renew(&self) -> Answer {
        let Some(client) = self.client() else { return self.met("PORTAL.CERT_REJECTED") };
        if let Some(answer) = self.in_the_way(Harm::Write) {
            return answer;
        }
        self.effect("ca.renew by hand");
        let key = IdempotencyKey::new(&self.process.run, self.step);
        if !self.ground.arrives_as(&client.sha1, key.as_str(), self.portal.absent_after) {
            return self.met("PORTAL.RESULT_UNKNOWN");
        }
        let lost = self.ground.harmed(Harm::LostAnswer);
        if lost && self.ground.draw(|rng| rng.chance(400)) {
            self.ground.say(|| "    what was pressed is lost".to_owned());
            return self.met("PORTAL.RESULT_UNKNOWN");
        }
        let Listed { request_id, .. } = self.portal.issue(client, lost);
        self.ground.came_of(&client.sha1, Some(request_id.clone()), false);
        self.ground.say(|| format!("    issued {request_id} by hand"));
        if lost {
            return self.met("PORTAL.RESULT_UNKNOWN");
        }
        let Some(reference) = self.keep("reference_id", Secret::text("zigLUVC29Q")) else { return self.met("PORTAL.RESULT_UNKNOWN") };
        let mut answer = self.yes();
        let fields = [
            ("request_id", request_id),
            ("cn", client.subject.cn.clone()),
            ("ou", "診療所".to_owned()),
            ("o", "ReceiptOnline".to_owned()),
            ("reference_id", reference.as_str().to_owned()),
        ];
        let asked = |name: &str| self.question.fields.iter().any(|field| field.name == name);
        answer.fields.extend(fields.into_iter().filter(|(name, _)| asked(name)).map(|(name, value)| (name.to_owned(), value)));
        answer
    }

    /// A file is saved where the browser saves.
    fn receive(&self, operation: Operation) -> Answer {
        if let Some(answer) = self.in_the_way(Harm::Write) {
            return answer;
        }
        self.effect("a file received by hand");
        let (now, wanted) = (self.now(), self.wanted());
        let ready = self.portal.visible().into_iter().rev().find(|row| row.ready_from <= now && wanted.as_ref().is_none_or(|id| *id == row.request_id));
        let Some(row) = ready else { return self.met(if operation == Operation::Fetch { "PORTAL.NO_ROW" } else { "PORTAL.WRONG_ID" }) };
        let mut request = Request::default();
        if let Some(Ok(password)) = self.inputs.0.get("password").map(|password| self.process.secrets.value(password)) {
            request.secret.insert("password".to_owned(), password);
        }
        if let Some((name, content)) = self.portal.file(&row.cert, &request).file {
            self.process.site.downloads.put(&name, content.expose());
        }
        self.yes()
    }

    fn effect(&self, what: &str) {
        let attempt = self.process.state.step(self.step).map_or(0, |known| known.attempt);
        let key = IdempotencyKey::new(&self.process.run, self.step);
        self.ground.effect_of(key.as_str(), &self.process.run, self.step, attempt, what);
    }

    /// What the page showed, typed into the vault before the answer.
    fn keep(&self, name: &str, value: Secret) -> Option<SecretRef> {
        let reference = shown_secret(&self.process.run, self.step, name);
        let info = EntryInfo {
            reference: reference.clone(),
            name: name.to_owned(),
            about: self.process.run.clone(),
            written_at: self.ground.now(),
            labels: BTreeMap::new(),
        };
        self.process.site.backends.vault.put(&info, &value).ok().map(|()| reference)
    }
}
