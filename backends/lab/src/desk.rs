//! The desk of the practice CA: accepts requests, issues, answers for lists, revokes. One desk serves all programs of a lab.
//!
//! May use: PKI, state, effects. Must not: know pages or HTTP.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::dsl::Type;
use sha2::{Digest, Sha256};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::LabError;
use crate::effects::{About, Effect, Effects};
use crate::pki::{Issuer, Validity, distinguished_name, pack, random_bytes, serial_hex};
use crate::portal::Client;
use crate::state::{Issuance, Notice, State, japan, japan_day};

/// The desk.
pub(crate) struct Desk {
    /// What is remembered.
    pub state: State,
    /// What is told.
    pub effects: Effects,
}

/// A request for a certificate.
pub(crate) struct Order<'a> {
    /// The profile's id.
    pub program: &'a str,
    /// For the effects.
    pub operation: Operation,
    /// Its issuer.
    pub issuer: &'a Issuer,
    /// Subject, most specific first.
    pub subject: Vec<(String, String)>,
    /// The client's own key; without one the CA makes it.
    pub public: Option<SubjectPublicKeyInfoOwned>,
    /// Serial of the certificate it renews.
    pub replaces: Option<String>,
    /// How long until it shows as issued.
    pub takes: Duration,
    /// It stands in the list of renewals.
    pub listed: bool,
    /// What goes wrong.
    pub mishap: Mishap,
}

/// What goes wrong with an issuance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishap {
    /// It is never issued.
    pub never: bool,
    /// Its common name is another's.
    pub wrong_subject: bool,
    /// The old one is revoked when it is issued.
    pub revokes_old: bool,
}

impl Desk {
    /// Accepts a request: from here on it will be issued. Gives it with its reference ID, which is told this once.
    /// `shape` is the type of the request ID.
    pub(crate) fn accept(&mut self, order: Order<'_>, shape: &Type, now: Timestamp) -> Result<(Issuance, String), LabError> {
        let request_id = shaped(&self.state.next_request_id(now), shape);
        let reference_id = reference_id()?;
        let issuance = self.issue(order, request_id, digest(&reference_id), now)?;
        Ok((issuance, reference_id))
    }

    /// The certificate of a notice, issued when it is received for the first time. `None`: the IDs are wrong.
    pub(crate) fn receive(&mut self, order: Order<'_>, request_id: &str, reference_id: &str, now: Timestamp) -> Result<Option<Issuance>, LabError> {
        let known = |notice: &&Notice| notice.program == order.program && notice.request_id == request_id && notice.reference_digest == digest(reference_id);
        let Some(notice) = self.state.held.notices.iter().find(known).cloned() else { return Ok(None) };
        if let Some(issued) = self.state.held.issuances.iter().find(|issuance| issuance.program == order.program && issuance.request_id == request_id) {
            return Ok(Some(issued.clone()));
        }
        let order = Order { subject: notice.subject, ..order };
        self.issue(order, notice.request_id, notice.reference_digest, now).map(Some)
    }

    /// The certificate of a request ID that some notice outside the lab names: issued when it is asked for the first time.
    pub(crate) fn exchange(&mut self, order: Order<'_>, request_id: &str, now: Timestamp) -> Result<Issuance, LabError> {
        match self.find(order.program, request_id) {
            Some(issued) => Ok(issued),
            None => self.issue(order, request_id.to_owned(), String::new(), now),
        }
    }

    /// The issuance that these two IDs are of.
    pub(crate) fn with_ids(&self, program: &str, request_id: &str, reference_id: &str) -> Option<Issuance> {
        self.find(program, request_id).filter(|issuance| issuance.reference_digest == digest(reference_id))
    }

    /// When the notice with these IDs was sent.
    pub(crate) fn notice_sent(&self, program: &str, request_id: &str) -> Option<Timestamp> {
        self.state.held.notices.iter().find(|notice| notice.program == program && notice.request_id == request_id).map(|notice| notice.sent_at)
    }

    /// Rows of the list that a client with this common name sees, newest first.
    pub(crate) fn rows(&self, program: &str, owner: &str, now: Timestamp) -> Vec<Issuance> {
        let mine = |issuance: &&Issuance| issuance.program == program && issuance.owner == owner && issuance.is_shown(now);
        self.state.held.issuances.iter().rev().filter(mine).cloned().collect()
    }

    /// An issuance by its request ID.
    pub(crate) fn find(&self, program: &str, request_id: &str) -> Option<Issuance> {
        self.state.held.issuances.iter().find(|issuance| issuance.program == program && issuance.request_id == request_id).cloned()
    }

    /// The newest issuance of this owner, shown in lists or not.
    pub(crate) fn newest(&self, program: &str, owner: &str) -> Option<Issuance> {
        self.state.held.issuances.iter().rev().find(|issuance| issuance.program == program && issuance.owner == owner).cloned()
    }

    /// Whoever has a certificate of this program, each once, in the order of their first.
    pub(crate) fn owners(&self, program: &str) -> Vec<String> {
        let mut owners: Vec<String> = vec![];
        for issuance in self.state.held.issuances.iter().filter(|issuance| issuance.program == program) {
            if !owners.contains(&issuance.owner) {
                owners.push(issuance.owner.clone());
            }
        }
        owners
    }

    /// Puts a certificate that was issued outside the lab's time into the list of a program.
    pub(crate) fn put_row(&mut self, program: &str, subject: &[(String, String)], paper: &Paper) -> Result<(), LabError> {
        let issued = paper.validity.not_before;
        let owner = subject.iter().find(|(kind, _)| kind == "CN").map(|(_, value)| value.clone()).unwrap_or_default();
        let request_id = format!("{}{:07}", japan_day(issued).strftime("%Y%m%d"), 10 + self.state.held.issuances.len());
        self.state.held.issuances.push(Issuance {
            program: program.to_owned(),
            request_id,
            reference_digest: String::new(),
            owner,
            replaces: None,
            accepted_at: issued,
            ready_at: issued,
            never: false,
            revokes_old: false,
            hidden_until: None,
            listed: true,
            subject: subject.to_vec(),
            serial: paper.serial.clone(),
            not_before: issued,
            not_after: paper.validity.not_after,
            certificate: hex::encode(&paper.certificate),
            key: hex::encode(&paper.key),
        });
        self.state.save()
    }

    /// The file of an issuance: PKCS#12 with the key the server made, the certificate, the issuer; the certificate alone, DER, where the
    /// client has the key. Tells `fetched`.
    pub(crate) fn hand_out(&mut self, issuer: &Issuer, issuance: &Issuance, operation: Operation, password: &str, now: Timestamp) -> Result<Vec<u8>, LabError> {
        let key = hex::decode(&issuance.key).map_err(LabError::crypto)?;
        let certificate = hex::decode(&issuance.certificate).map_err(LabError::crypto)?;
        let file = if key.is_empty() { certificate } else { pack(&issuance.request_id, &key, &[&certificate, issuer.der()], password)? };
        self.tell(now, &issuance.program, Effect::Fetched, Some(operation), &issuance.about())?;
        Ok(file)
    }

    /// Puts a certificate that was issued at `before` into the client's list, and remembers that this client sees it on top.
    pub(crate) fn put_old_row(&mut self, program: &str, issuer: &Issuer, client: &Client, before: Timestamp) -> Result<(), LabError> {
        let paper = certify(issuer, &client.subject, renewed_validity(before)?)?;
        let request_id = format!("{}0000077", japan_day(before).strftime("%Y%m%d"));
        let row = Issuance { listed: true, ..issued_before(program, &client.subject, paper, request_id) };
        self.state.held.issuances.insert(0, row);
        self.state.held.stale_lists.insert(client.about.serial.clone());
        self.state.save()
    }

    /// Remembers a certificate that was received with a notice long ago. Gives its request ID and reference ID.
    pub(crate) fn remember(&mut self, program: &str, subject: &[(String, String)], paper: Paper) -> Result<(String, String), LabError> {
        let reference_id = reference_id()?;
        let request_id = self.state.next_request_id(paper.validity.not_before);
        let known = issued_before(program, subject, paper, request_id.clone());
        self.state.held.issuances.push(Issuance { reference_digest: digest(&reference_id), ..known });
        self.state.save()?;
        Ok((request_id, reference_id))
    }

    /// Hides the newest row of this owner for a time.
    pub(crate) fn hide_newest(&mut self, program: &str, owner: &str, until: Timestamp) -> Result<(), LabError> {
        let newest = self.state.held.issuances.iter_mut().rev().find(|issuance| issuance.program == program && issuance.owner == owner);
        if let Some(issuance) = newest {
            issuance.hidden_until = Some(until);
        }
        self.state.save()
    }

    /// Revokes a certificate.
    pub(crate) fn revoke(&mut self, program: &str, operation: Operation, about: &About, now: Timestamp) -> Result<(), LabError> {
        if self.state.held.revoked.insert(about.serial.clone(), now).is_some() {
            return Ok(());
        }
        self.state.save()?;
        self.tell(now, program, Effect::Revoked, Some(operation), about)
    }

    /// Whether a certificate is revoked.
    pub(crate) fn is_revoked(&self, serial: &str) -> bool {
        self.state.held.revoked.contains_key(serial)
    }

    /// Carries out what was due since the last look: revocations at issue.
    pub(crate) fn settle(&mut self, now: Timestamp) -> Result<(), LabError> {
        let due = |issuance: &&Issuance| issuance.revokes_old && issuance.is_issued(now);
        let due: Vec<Issuance> = self.state.held.issuances.iter().filter(due).cloned().collect();
        for issuance in due {
            if let Some(serial) = &issuance.replaces {
                self.revoke(&issuance.program, Operation::Renew, &About { subject: issuance.owner.clone(), serial: serial.clone() }, now)?;
            }
        }
        Ok(())
    }

    /// Tells an effect.
    pub(crate) fn tell(&mut self, now: Timestamp, program: &str, effect: Effect, operation: Option<Operation>, about: &About) -> Result<(), LabError> {
        self.effects.record(now, program, effect, operation, about)
    }

    fn issue(&mut self, order: Order<'_>, request_id: String, reference_digest: String, now: Timestamp) -> Result<Issuance, LabError> {
        let owner = order.subject.iter().find(|(kind, _)| kind == "CN").map(|(_, value)| value.clone()).unwrap_or_default();
        let mut subject = order.subject;
        if order.mishap.wrong_subject {
            subject.iter_mut().filter(|(kind, _)| kind == "CN").for_each(|(_, value)| *value = other_name(value));
        }
        let paper = match order.public {
            Some(public) => certify_key(order.issuer, &subject, renewed_validity(now)?, public)?,
            None => certify(order.issuer, &subject, renewed_validity(now)?)?,
        };
        let ready_at = now.checked_add(order.takes).map_err(LabError::crypto)?;
        let issuance = Issuance {
            program: order.program.to_owned(),
            request_id,
            reference_digest,
            owner,
            replaces: order.replaces,
            accepted_at: now,
            ready_at,
            never: order.mishap.never,
            revokes_old: order.mishap.revokes_old,
            hidden_until: None,
            listed: order.listed,
            subject,
            serial: paper.serial,
            not_before: paper.validity.not_before,
            not_after: paper.validity.not_after,
            certificate: hex::encode(paper.certificate),
            key: hex::encode(paper.key),
        };
        self.state.held.issuances.push(issuance.clone());
        self.state.save()?;
        if !issuance.never {
            self.tell(now, order.program, Effect::Issued, Some(order.operation), &issuance.about())?;
        }
        Ok(issuance)
    }
}

/// An issuance of the past, in no list.
fn issued_before(program: &str, subject: &[(String, String)], paper: Paper, request_id: String) -> Issuance {
    let at = paper.validity.not_before;
    Issuance {
        program: program.to_owned(),
        request_id,
        reference_digest: String::new(),
        owner: subject.iter().find(|(kind, _)| kind == "CN").map(|(_, value)| value.clone()).unwrap_or_default(),
        replaces: None,
        accepted_at: at,
        ready_at: at,
        never: false,
        revokes_old: false,
        hidden_until: None,
        listed: false,
        subject: subject.to_vec(),
        serial: paper.serial,
        not_before: at,
        not_after: paper.validity.not_after,
        certificate: hex::encode(paper.certificate),
        key: hex::encode(paper.key),
    }
}

impl Issuance {
    /// Whom its effects are about.
    pub(crate) fn about(&self) -> About {
        About { subject: self.common_name().to_owned(), serial: self.serial.clone() }
    }
}

/// A certificate with the key that the server made for it.
pub(crate) struct Paper {
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS#8 DER; empty where the client has it.
    pub key: Vec<u8>,
    /// Hex.
    pub serial: String,
    /// From when to when.
    pub validity: Validity,
}

/// Makes a key and a certificate for it.
pub(crate) fn certify(issuer: &Issuer, subject: &[(String, String)], validity: Validity) -> Result<Paper, LabError> {
    let pair = issuer.make_key()?;
    Ok(Paper { key: pair.private_der()?, ..certify_key(issuer, subject, validity, pair.public()?)? })
}

/// Makes a certificate for a key that the client has.
fn certify_key(issuer: &Issuer, subject: &[(String, String)], validity: Validity, public: SubjectPublicKeyInfoOwned) -> Result<Paper, LabError> {
    let parts: Vec<(&str, &str)> = subject.iter().map(|(kind, value)| (kind.as_str(), value.as_str())).collect();
    let certificate = issuer.issue(&distinguished_name(&parts)?, public, validity)?;
    Ok(Paper { serial: serial_hex(&certificate)?, certificate, key: vec![], validity })
}

/// From now for 3 years and 3 months.
pub(crate) fn renewed_validity(now: Timestamp) -> Result<Validity, LabError> {
    let end = now.to_zoned(japan()).checked_add(3.years().months(3)).map_err(LabError::crypto)?;
    Ok(Validity { not_before: now, not_after: end.timestamp() })
}

/// 10 letters and digits, as in the manual.
pub(crate) fn reference_id() -> Result<String, LabError> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    Ok(random_bytes::<10>()?.iter().map(|octet| char::from(LETTERS[usize::from(*octet) % LETTERS.len()])).collect())
}

/// A request ID as a program writes it: its last digits change from one to the next, so they are kept.
fn shaped(id: &str, shape: &Type) -> String {
    let Type::Digits(count) = shape.required() else { return id.to_owned() };
    let count = usize::try_from(*count).unwrap_or(id.len());
    id[id.len().saturating_sub(count)..].chars().rev().chain(std::iter::repeat('1')).take(count).collect::<Vec<_>>().into_iter().rev().collect()
}

/// What is remembered of a reference ID.
pub(crate) fn digest(reference_id: &str) -> String {
    hex::encode(Sha256::digest(reference_id))
}

/// A common name of the same shape that is somebody else's.
fn other_name(name: &str) -> String {
    let mut chars: Vec<char> = name.chars().collect();
    if let Some(last) = chars.last_mut() {
        *last = if *last == '9' { '0' } else { '9' };
    }
    chars.into_iter().collect()
}
