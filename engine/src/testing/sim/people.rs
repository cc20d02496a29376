//! The people of a simulated clinic: who answers, types secrets, and knows what happened at the portal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::faults::Harm;
use super::ground::Ground;
use crate::action::{Answer, Question};
use crate::backend::BackendError;
use crate::check::SecretDecl;
use crate::clock::Clock;
use crate::run::SecretSources;
use crate::secret::Secret;

/// The password of every file that was there before.
pub(super) const PASSWORD: &str = "1234";

/// Types secrets when asked.
pub(super) struct Typist(pub(super) Arc<Ground>);

impl SecretSources for Typist {
    fn unattended(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(None)
    }

    fn ask(&self, secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        if self.0.harmed(Harm::Absent) {
            self.0.say(|| format!("    nobody is there to type {}", secret.name));
            return Ok(None);
        }
        let wrong = !secret.new && self.0.harmed(Harm::WrongSecret);
        let unfit = wrong && self.0.draw(|rng| rng.chance(300));
        Ok(Some(Secret::text(match (wrong, unfit) {
            (_, true) => "",
            (true, _) => "9999",
            _ => PASSWORD,
        })))
    }
}

/// Who was asked the same so often says no: it cannot be seen to.
const PATIENCE: u32 = 8;

/// Somebody at the desk, who takes minutes; `None`: nobody.
pub(super) fn at_the_desk(ground: &Ground, step: &str, question: &Question) -> Option<Answer> {
    if ground.harmed(Harm::Absent) {
        return None;
    }
    ground.pass(Duration::from_secs(ground.draw(|rng| rng.between(5, 900))));
    Some(says(ground, step, question))
}

/// Yes, or no.
pub(super) fn says(ground: &Ground, step: &str, question: &Question) -> Answer {
    let yes = ground.asked(step) <= PATIENCE && !ground.harmed(Harm::No);
    word(ground, question, yes)
}

/// An answer that fits the question.
fn word(ground: &Ground, question: &Question, yes: bool) -> Answer {
    let name = "受付".to_owned();
    let field = |field: &crate::action::QuestionField| (field.name.clone(), field.example.clone().unwrap_or_else(|| "1".to_owned()));
    Answer {
        yes,
        fields: question.fields.iter().map(field).collect(),
        evidence: question.evidence.then(|| "画面に出た".to_owned()),
        by: name.clone(),
        account: name,
        at: ground.now(),
        problem: None,
        rows: None,
        files: vec![],
    }
}

/// What somebody says who looked at the portal's list, or telephoned.
pub(super) fn found_out(ground: &Ground, fields: BTreeMap<String, String>) -> Answer {
    let name = "院長".to_owned();
    Answer { yes: true, fields, evidence: None, by: name.clone(), account: name, at: ground.now(), problem: None, rows: None, files: vec![] }
}
