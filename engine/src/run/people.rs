//! Questions to people while a process drives the run: secrets shown and typed, answers taken, lapsing, parking.
//!
//! May use: the driver, questions. Must not: decide anything; put the value of a secret into an event.

use super::attempt::Shared;
use super::driver::RunError;
use super::event::EventBody;
use super::secrets::{escrowed, keep_shown};
use super::state::Doing;
use super::turns::Desk;
use crate::action::{Answer, Blobs, Question, QuestionField, Secrets};
use crate::backend::BackendError;
use crate::dsl::{Value, fold, read_scalar};
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

impl Desk<'_> {
    /// Gets an answer to the question of a step. `false`: nobody is there who gives one that fits.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    pub(super) fn await_answer(&mut self, shared: &Shared<'_>, step: &str) -> Result<bool, RunError> {
        let Some(known) = self.log.state().step(step) else { return Ok(true) };
        let Doing::Asked(question) = known.doing.clone() else { return Ok(true) };
        let (handed_off, asked) = (known.handed_off.is_some(), known.asked);
        if self.lapse(step, &question) {
            return Ok(true);
        }
        self.reveal(&question)?;
        let answer = if handed_off { self.person.take_over(step, &question) } else { self.person.answer(step, &question) };
        let answer = answer.and_then(|answer| self.with_secrets(shared, step, &question, question.folded(answer)));
        let answer = answer.and_then(|answer| self.with_evidence(shared, &question, answer));
        match answer {
            Some(answer) if question.accepts(&answer).is_ok() => {
                let answer = Answer { asked, ..answer };
                self.stage(EventBody::HumanAnswered { step: step.to_owned(), answer, settled: None });
                Ok(true)
            }
            _ => Ok(self.lapse(step, &question)),
        }
    }

    /// Whether it is too late to answer; then the time is on record, and the core decides.
    fn lapse(&mut self, step: &str, question: &Question) -> bool {
        let Some(until) = question.until.filter(|until| self.log.now() > *until) else { return false };
        self.stage(EventBody::TimerFired { timer: format!("{step}/lapse/{until}"), step: step.to_owned() });
        true
    }

    /// Shows the secrets that are typed into the page, if somebody is there to read them. That they were shown is on record first.
    fn reveal(&mut self, question: &Question) -> Result<(), RunError> {
        let person = self.person;
        let Some(account) = person.reader() else { return Ok(()) };
        for reveal in &question.reveals {
            let of = SecretRef::parse(&reveal.secret).map_or_else(|| Value::DeclaredSecret(reveal.secret.clone()), Value::Secret);
            match self.secrets.value(&of) {
                Ok(value) => {
                    self.stage(EventBody::SecretShown { reference: reveal.secret.clone(), account: account.clone() });
                    self.log.commit()?;
                    person.reveal(reveal, &value);
                }
                Err(error) => self.log.note(&error),
            }
        }
        Ok(())
    }

    /// The answer with files of evidence, kept before it is on record. `None`: one could not be kept.
    fn with_evidence(&mut self, shared: &Shared<'_>, question: &Question, mut answer: Answer) -> Option<Answer> {
        while answer.yes && question.evidence_file {
            let Some((name, content)) = self.person.evidence() else { break };
            match shared.blobs.keep(&name, &content, false) {
                Ok(file) => answer.files.push(file),
                Err(error) => {
                    self.log.note(&error);
                    return None;
                }
            }
        }
        Some(answer)
    }

    /// The answer with the secrets that the page showed: typed by the person, in the vault before the answer is on record.
    /// `None`: one was not given.
    fn with_secrets(&mut self, shared: &Shared<'_>, step: &str, question: &Question, mut answer: Answer) -> Option<Answer> {
        let wanted = question.fields.iter().filter(|field| answer.yes && field.is_secret()).collect::<Vec<_>>();
        for field in wanted {
            let Some(value) = self.person.secret_shown(field) else {
                if field.is_optional() {
                    continue;
                }
                return None;
            };
            let (run, playbook, at) = (&self.log.state().run, &shared.program.checked.id, self.log.now());
            let kept = secret_field(field, value).and_then(|value| keep_shown(&*shared.backends.vault, run, step, playbook, &field.name, value, at));
            match kept {
                Ok(reference) => {
                    self.stage(escrowed(step, &field.name, &reference));
                    answer.fields.insert(field.name.clone(), reference.as_str().to_owned());
                }
                Err(error) => {
                    self.log.note(&error);
                    return None;
                }
            }
        }
        Some(answer)
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
