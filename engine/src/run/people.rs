//! Questions to people while a process drives the run: secrets shown and typed, answers taken, lapsing, parking.
//!
//! May use: the driver, questions. Must not: decide anything; put the value of a secret into an event.

use jiff::Timestamp;

use super::driver::{Driver, RunError};
use super::event::{EventBody, ParkCause};
use super::secrets::Escrow;
use super::state::Doing;
use crate::action::{Answer, Blobs, Question, QuestionField, Secrets};
use crate::backend::{BackendError, SecretSink, Vault};
use crate::dsl::{Value, fold, read_scalar};
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

impl Driver<'_> {
    /// Gets an answer from the person who is there, or parks.
    pub(super) fn await_answer(&mut self, step: String) -> Result<(), RunError> {
        let Some(known) = self.state().step(&step) else { return Ok(()) };
        let Doing::Asked(question) = known.doing.clone() else { return Ok(()) };
        let handed_off = known.handed_off.is_some();
        if self.lapse(&step, &question)? {
            return Ok(());
        }
        self.reveal(&question)?;
        let person = self.context.person;
        let answer = if handed_off { person.take_over(&step, &question) } else { person.answer(&step, &question) };
        let answer = match answer {
            Some(answer) => self.with_secrets(&step, &question, question.folded(answer))?,
            None => None,
        };
        let answer = answer.and_then(|answer| self.with_evidence(&question, answer));
        match answer {
            Some(answer) if question.accepts(&answer).is_ok() => self.append(EventBody::HumanAnswered { step, answer, settled: None }),
            _ if self.lapse(&step, &question)? => Ok(()),
            _ => self.append(EventBody::RunParked { cause: ParkCause::Person, steps: vec![step], until: question.until }),
        }
    }

    /// Whether it is too late to answer; then the time is on record, and the core decides.
    fn lapse(&mut self, step: &str, question: &Question) -> Result<bool, RunError> {
        let Some(until) = question.until.filter(|until| self.now() > *until) else { return Ok(false) };
        self.append(EventBody::TimerFired { timer: format!("{step}/lapse/{until}"), step: step.to_owned() })?;
        Ok(true)
    }

    /// Shows the secrets that are typed into the page, if somebody is there to read them. That they were shown is on record first.
    fn reveal(&mut self, question: &Question) -> Result<(), RunError> {
        let person = self.context.person;
        let Some(account) = person.reader() else { return Ok(()) };
        for reveal in &question.reveals {
            let of = SecretRef::parse(&reveal.secret).map_or_else(|| Value::DeclaredSecret(reveal.secret.clone()), Value::Secret);
            match self.secrets.value(&of) {
                Ok(value) => {
                    self.append(EventBody::SecretShown { reference: reveal.secret.clone(), account: account.clone() })?;
                    person.reveal(reveal, &value);
                }
                Err(error) => self.note(&error),
            }
        }
        Ok(())
    }

    /// The answer with files of evidence, kept before it is on record. `None`: one could not be kept.
    fn with_evidence(&mut self, question: &Question, mut answer: Answer) -> Option<Answer> {
        while answer.yes && question.evidence_file {
            let Some((name, content)) = self.context.person.evidence() else { break };
            match self.blobs.keep(&name, &content, false) {
                Ok(file) => answer.files.push(file),
                Err(error) => {
                    self.note(&error);
                    return None;
                }
            }
        }
        Some(answer)
    }

    /// The answer with the secrets that the page showed: typed by the person, in the vault before the answer is on record.
    /// `None`: one was not given.
    fn with_secrets(&mut self, step: &str, question: &Question, mut answer: Answer) -> Result<Option<Answer>, RunError> {
        let wanted: Vec<&QuestionField> =
            question.fields.iter().filter(|field| answer.yes && field.is_secret() && !answer.fields.contains_key(&field.name)).collect();
        for field in wanted {
            let Some(value) = self.context.person.secret_shown(field) else {
                if field.is_optional() {
                    continue;
                }
                return Ok(None);
            };
            let kept = secret_field(field, value).and_then(|value| {
                let (run, playbook) = (&self.state().run, &self.context.program.checked.id);
                keep_shown(&*self.context.backends.vault, run, step, playbook, &field.name, value, self.now())
            });
            match kept {
                Ok(reference) => {
                    let name = format!("{step}.{}", field.name);
                    self.append(EventBody::SecretEscrowed { step: step.to_owned(), name, reference: reference.as_str().to_owned() })?;
                    answer.fields.insert(field.name.clone(), reference.as_str().to_owned());
                }
                Err(error) => {
                    self.note(&error);
                    return Ok(None);
                }
            }
        }
        Ok(Some(answer))
    }
}

/// A secret that a person read on a page, folded and checked by its type. The error does not hold it.
///
/// # Errors
/// `SECRET.UNFIT`.
pub fn secret_field(field: &QuestionField, typed: Secret) -> Result<Secret, BackendError> {
    let ty = field.of_type();
    let folded = typed.expose_text().map(|text| fold(&ty, text.trim()));
    match folded.filter(|folded| read_scalar(&ty, folded).is_ok()) {
        Some(folded) => Ok(Secret::text(folded)),
        None => Err(BackendError::new(
            "SECRET.UNFIT",
            Text::new(
                format!("{}({})は {} の形で入れてください。", field.title.ja, field.name, field.ty),
                format!("secret `{}` must be {}.", field.name, field.ty),
            ),
        )),
    }
}

/// Keeps a secret that a page showed to a person, where the engine's own hands would have kept it.
///
/// # Errors
/// As the vault's.
pub fn keep_shown(vault: &dyn Vault, run: &str, step: &str, playbook: &str, name: &str, value: Secret, at: Timestamp) -> Result<SecretRef, BackendError> {
    Escrow { vault, run, step, playbook, at, kept: vec![] }.keep(name, value)
}
