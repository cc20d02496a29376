//! Random playbooks that pass `check`: the same seed gives the same text.
//!
//! They have what playbooks have: branches that need nothing, `when`, `require` and `expect`, `retry`, rows of `rescue` with steps of
//! their own, `repeat`, deadlines, sub-playbooks, irreversible and human steps. Their roles are those of [`crate::testing::World`]:
//! `issuer` (portal `obn`), `personal` (store), `backup` and `inbox` (folders), `key` (token). Texts are written first and checked afterwards; one
//! that the checks refuse is thrown away, and the next one has fewer of these things.
//! May use: `check`, the shipped profile and catalogue. Must not: know runs.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::parts::Part;
use super::rng::Rng;
use super::steps::Pen;
use crate::action::registry;
use crate::check::{Checked, Library, check};
use crate::testing::Shipped;
use crate::text::{Diagnostic, Source};

/// Texts that are tried for one seed before it is given up.
const TRIES: u64 = 24;

/// Documents in memory beside the shipped ones, which are read once.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// Playbooks by id.
    pub playbooks: BTreeMap<String, String>,
}

/// A random playbook.
#[derive(Clone, Debug)]
pub struct RandomPlaybook {
    /// The root document.
    pub text: String,
    /// The playbooks it calls.
    pub shelf: Shelf,
    /// It, checked.
    pub checked: Checked,
    /// Texts before it that the checks refused.
    pub refused: u64,
}

impl Library for Shelf {
    fn playbook(&self, id: &str) -> Option<Source> {
        match self.playbooks.get(id) {
            Some(text) => Some(Source::new(format!("{id}.yaml"), text.as_str())),
            None => Shipped.playbook(id),
        }
    }

    fn portal(&self, id: &str) -> Option<Source> {
        static OBN: OnceLock<Option<Source>> = OnceLock::new();
        if id == "obn" { OBN.get_or_init(|| Shipped.portal("obn")).clone() } else { Shipped.portal(id) }
    }

    fn sources(&self) -> Option<Source> {
        static SOURCES: OnceLock<Option<Source>> = OnceLock::new();
        SOURCES.get_or_init(|| Shipped.sources()).clone()
    }
}

/// The playbook of a seed.
///
/// # Panics
/// When the checks refuse every text that is tried; the message shows the last one with its findings.
pub fn random_playbook(seed: u64) -> RandomPlaybook {
    let mut last = (String::new(), vec![]);
    for attempt in 0..TRIES {
        let mut rng = Rng::new(seed, 0x9a70 + attempt);
        // The last texts are plain: no decoration, few steps.
        let rate = 1000 - attempt * 1000 / (TRIES - 1);
        let (text, shelf) = write(&mut rng, rate);
        match examine(&text, &shelf) {
            Ok(checked) => return RandomPlaybook { text, shelf, checked, refused: attempt },
            Err(findings) => last = (text, findings),
        }
    }
    panic!("no valid playbook for seed {seed}:\n{}\n{:#?}", last.0, last.1)
}

fn examine(text: &str, shelf: &Shelf) -> Result<Checked, Vec<Diagnostic>> {
    check(&Source::new("random.yaml", text), shelf, registry()).result
}

/// The text of a random playbook that may or may not pass, and the playbooks it calls. `rate` of 1000: how much is in it.
fn write(rng: &mut Rng, rate: u64) -> (String, Shelf) {
    let mut shelf = Shelf::default();
    let mut pen = Pen::new(rate);
    let count = 2 + rng.below(4 + rate * 8 / 1000);
    pen.find(rng, true);
    for _ in 0..count {
        pen.step(rng, &mut |rng, part: Part| {
            let id = format!("common/part{}", shelf.playbooks.len());
            shelf.playbooks.insert(id.clone(), part.write(rng, &id, rate));
            id
        });
    }
    let (outputs, limited) = (pen.outputs(), pen.limited());
    let steps = pen.into_text();
    let text = format!(
        r#"kirikae: playbook/1
id: obn/random
version: "1.0.0"
title: 乱数の手順
sources: [obn_edge]
backends:
  issuer: {{ kind: ca, profile: obn }}
  personal: store
  backup: folder
  inbox: folder
  key: token
inputs:
  code: {{ type: digits(10), title: 番号, default: "0110119153" }}
  wanted: {{ type: bool, title: はい, default: true }}
  unwanted: {{ type: bool, title: いいえ, default: false }}
  count: {{ type: int, title: 数, default: 3 }}
  soon: {{ type: date, title: 近い日, default: 2026-11-24 }}
  later: {{ type: date, title: 遠い日, default: 2026-12-20 }}
  request_id: {{ type: digits(15), title: リクエストID, default: "202611010000777" }}
secrets:
  p12_password: {{ type: digits(4), new: true, title: 暗証 }}
  reference_id: {{ type: ascii, title: リファレンスID }}
{limited}steps:
{steps}{outputs}"#
    );
    (text, shelf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Effect;
    use crate::check::What;

    #[test]
    fn seeds_give_valid_playbooks_with_everything_in_them_and_most_texts_pass() {
        let all: Vec<RandomPlaybook> = (0..400).map(random_playbook).collect();
        let refused: u64 = all.iter().map(|playbook| playbook.refused).sum();
        assert!(refused < 800, "{refused} texts were refused for 400 playbooks");
        assert_eq!(all[7].text, random_playbook(7).text);
        let have = |what: &str, has: &dyn Fn(&Checked) -> bool| {
            let count = all.iter().filter(|playbook| has(&playbook.checked)).count();
            assert!(count >= 10, "{what}: {count} of 400");
        };
        let any = |checked: &Checked, has: &dyn Fn(&crate::check::Step) -> bool| checked.steps.iter().any(has);
        let writes = |step: &crate::check::Step, least: Effect| matches!(&step.what, What::Action(action) if action.manifest.effect >= least);
        have("a second branch", &|checked| checked.steps.iter().skip(1).any(|step| step.after.is_empty() && step.row.is_none()));
        have("when", &|checked| any(checked, &|step| !step.when.is_empty()));
        have("require", &|checked| any(checked, &|step| !step.require.is_empty()));
        have("expect", &|checked| any(checked, &|step| !step.expect.is_empty()));
        have("retry", &|checked| any(checked, &|step| step.retry.is_some()));
        have("repeat", &|checked| any(checked, &|step| step.repeat.is_some()));
        have("deadline", &|checked| any(checked, &|step| step.deadline.is_some()));
        have("rescue", &|checked| any(checked, &|step| !step.rescue.is_empty()));
        have("steps of a row", &|checked| any(checked, &|step| step.row.is_some()));
        have("a call", &|checked| any(checked, &|step| matches!(step.what, What::Call { .. })));
        have("an irreversible step", &|checked| any(checked, &|step| writes(step, Effect::Irreversible)));
        have("a human step", &|checked| any(checked, &|step| matches!(&step.what, What::Action(action) if action.manifest.person)));
        have("a login", &|checked| any(checked, &|step| matches!(&step.what, What::Action(action) if action.manifest.name == "token.login")));
        have("a try that a person makes", &|checked| any(checked, &|step| matches!(&step.what, What::Action(action) if action.with.contains_key("tries"))));
        have("a deletion", &|checked| any(checked, &|step| matches!(&step.what, What::Action(action) if action.manifest.name == "cert.delete")));
    }
}
