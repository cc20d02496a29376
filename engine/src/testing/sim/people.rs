//! The people of a simulated clinic: who answers, types secrets, and knows what happened at the portal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::by_hand::by_hand;
use super::faults::Harm;
use super::ground::Ground;
use super::process::Process;
use crate::action::{Answer, Question};
use crate::backend::{BackendError, IdempotencyKey};
use crate::check::SecretDecl;
use crate::clock::Clock;
use crate::dsl::Value;
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
pub(super) fn at_the_desk(process: &Process<'_>, step: &str, question: &Question) -> Option<Answer> {
    let ground = process.site.ground;
    if ground.harmed(Harm::Absent) {
        return None;
    }
    // Where nothing goes wrong, nobody is slower than any question allows.
    let slowest = if ground.disturbances_left() == 0 { 300 } else { 900 };
    ground.pass(Duration::from_secs(ground.draw(|rng| rng.between(5, slowest))));
    Some(says(process, step, question))
}

/// What somebody answers. Who is asked to do something does it, and says the same of it however often the question is put.
pub(super) fn says(process: &Process<'_>, step: &str, question: &Question) -> Answer {
    let ground = process.site.ground;
    let known = process.state.step(step);
    let number = known.map_or(0, |known| known.trying.as_ref().map_or(u64::from(known.attempt), |counted| counted.seq));
    let tries = known.is_some_and(|known| known.trying.is_some());
    let at_pages = !question.moves.is_empty();
    let asked = known.and_then(|known| known.asked);
    if at_pages && !question.acts {
        return Answer { asked, ..by_hand(process, step, question) };
    }
    if !question.acts && !tries {
        return Answer { asked, ..word(ground, question, is_willing(ground, step)) };
    }
    let answer = ground.word_for(&process.run, step, number, || if at_pages { by_hand(process, step, question) } else { does(process, step, question) });
    Answer { at: ground.now(), asked, ..answer }
}

fn is_willing(ground: &Ground, step: &str) -> bool {
    ground.asked(step) <= PATIENCE && !ground.harmed(Harm::No)
}

/// Does what is asked, and types what is typed in it.
fn does(process: &Process<'_>, step: &str, question: &Question) -> Answer {
    let ground = process.site.ground;
    if !is_willing(ground, step) {
        return word(ground, question, false);
    }
    let met = |problem: Option<String>| Answer { problem, ..word(ground, question, false) };
    if let Some(counted) = process.state.step(step).and_then(|known| known.trying.as_ref()) {
        let wrong = ground.harmed(Harm::WrongSecret);
        ground.tried(&counted.on, !wrong, &process.run, step, process.site.program.checked.attempts.get(step));
        let (at, after) = problems(process, step);
        if wrong {
            return met(at);
        }
        if ground.harmed(Harm::No) && after.is_some() {
            return met(after);
        }
    }
    if question.acts {
        let attempt = process.state.step(step).map_or(0, |known| known.attempt);
        let key = IdempotencyKey::new(&process.run, step);
        ground.effect_of(key.as_str(), &process.run, step, attempt, "done by a person");
    }
    word(ground, question, true)
}

/// The problem where the value is typed, and one that is met after it.
fn problems(process: &Process<'_>, step: &str) -> (Option<String>, Option<String>) {
    let items = process.prepared(step).and_then(|(inputs, _)| inputs.list("do").map(<[Value]>::to_vec)).unwrap_or_default();
    let of = |item: &Value, name: &str| if let Value::Map(item) = item { item.get(name).cloned() } else { None };
    let named = |item: &Value| if let Some(Value::Str(name)) = of(item, "problem") { Some(name) } else { None };
    let Some(typed) = items.iter().rposition(|item| of(item, "spends") == Some(Value::Bool(true))) else { return (None, None) };
    (named(&items[typed]), items[typed + 1..].iter().find_map(named))
}

/// An answer that fits the question.
pub(super) fn word(ground: &Ground, question: &Question, yes: bool) -> Answer {
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
        asked: None,
    }
}

/// What somebody says who looked at the portal's list, or telephoned.
pub(super) fn found_out(ground: &Ground, fields: BTreeMap<String, String>) -> Answer {
    let name = "院長".to_owned();
    Answer { yes: true, fields, evidence: None, by: name.clone(), account: name, at: ground.now(), problem: None, rows: None, files: vec![], asked: None }
}
