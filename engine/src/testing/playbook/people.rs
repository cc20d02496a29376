//! The people of a test: what they type and answer, in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::{FakeStore, FakeTokens, FixedClock, locked};
use super::world::SimWorld;
use crate::action::{Answer, Question};
use crate::backend::BackendError;
use crate::check::SecretDecl;
use crate::clock::Clock;
use crate::dsl::CertInfo;
use crate::dsl::test::SimAnswer;
use crate::run::{Person, SecretSources};
use crate::secret::Secret;

/// Answers by secret or step; the last of several is given again and again. Who is not mentioned is not there.
#[derive(Debug)]
pub(super) struct People {
    answers: BTreeMap<String, Vec<SimAnswer>>,
    given: Mutex<BTreeMap<String, usize>>,
    stores: BTreeMap<String, Arc<FakeStore>>,
    tokens: BTreeMap<String, Arc<FakeTokens>>,
    certs: BTreeMap<String, CertInfo>,
    clock: Arc<FixedClock>,
}

impl People {
    /// People of these answers, who live in this world.
    pub(super) fn new(answers: BTreeMap<String, Vec<SimAnswer>>, world: &SimWorld) -> Self {
        let (stores, tokens, certs) = (world.stores.clone(), world.tokens.clone(), world.certs.clone());
        Self { answers, given: Mutex::default(), stores, tokens, certs, clock: world.clock.clone() }
    }

    /// Does what an answer says was done, once.
    fn work(&self, answer: &SimAnswer) {
        for (store, name) in answer.leaves.iter().flat_map(|(role, names)| names.iter().map(move |name| (self.stores.get(&role.value), name))) {
            if let (Some(store), Some(cert)) = (store, self.certs.get(&name.value))
                && !store.thumbprints().contains(&cert.sha1)
            {
                store.put(cert.clone());
            }
        }
        for (tokens, serials) in answer.inserts.iter().filter_map(|(role, serials)| Some((self.tokens.get(&role.value)?, serials))) {
            let serials: Vec<&str> = serials.iter().map(|serial| serial.value.as_str()).collect();
            tokens.only(&serials);
        }
    }

    fn next(&self, name: &str) -> Option<&SimAnswer> {
        let several = self.answers.get(name)?;
        let mut given = locked(&self.given);
        let nth = given.entry(name.to_owned()).or_default();
        let answer = several.get(*nth).or(several.last())?;
        *nth += 1;
        Some(answer).filter(|answer| !answer.nobody)
    }

    /// Whether the person did what a step asked for: the last thing they said of it was a yes.
    pub(super) fn did(&self, step: &str) -> bool {
        let given = locked(&self.given).get(step).copied().unwrap_or_default();
        let said = self.answers.get(step).filter(|_| given > 0).and_then(|several| several.get(given - 1).or(several.last()));
        said.is_some_and(|answer| !answer.nobody && answer.word == "true")
    }

    /// Everything that is typed for these secrets.
    pub(super) fn typed<'a>(&'a self, secrets: &'a [SecretDecl]) -> impl Iterator<Item = &'a str> {
        let answers = secrets.iter().filter_map(|secret| self.answers.get(&secret.name)).flatten();
        answers.filter(|answer| !answer.nobody).map(|answer| answer.word.as_str())
    }
}

impl Person for People {
    fn answer(&self, step: &str, question: &Question) -> Option<Answer> {
        let answer = self.next(step)?;
        self.work(answer);
        let example = |name: &str| question.fields.iter().find(|field| field.name == name)?.example.clone();
        let fields = question.fields.iter().filter_map(|field| {
            let given = answer.fields.get(&field.name).cloned().or_else(|| example(&field.name))?;
            Some((field.name.clone(), given))
        });
        let by = "受付".to_owned();
        let problem = question.problems.iter().find(|problem| problem.name == answer.word).map(|problem| problem.name.clone());
        Some(Answer {
            yes: answer.word != "false" && problem.is_none(),
            problem,
            fields: fields.collect(),
            evidence: answer.evidence.clone().or_else(|| question.evidence.then(|| "画面で見ました".to_owned())),
            account: by.clone(),
            by,
            at: self.clock.now(),
            ..Answer::default()
        })
    }
}

impl SecretSources for People {
    fn unattended(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(None)
    }

    fn ask(&self, secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(self.next(&secret.name).map(|answer| Secret::text(answer.word.clone())))
    }
}
