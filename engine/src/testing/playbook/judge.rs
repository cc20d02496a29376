//! What came of a case against what was expected of it.
//!
//! May use: scenes and what was played in them. Must not: play.

use super::canary::{artifacts, holders};
use super::report::Difference;
use super::scene::{Played, Scene};
use super::stage::Stage;
use crate::backend::profile::Operation;
use crate::dsl::test::Expect;
use crate::text::{Lang, Source, Span, Spanned, Text};

/// Every difference, in the order of the keys.
pub(super) fn judge(expect: &Expect, source: &Source, scene: &Scene<'_>, played: &Played, stage: &Stage) -> Vec<Difference> {
    let mut judge = Judge { source, scene, played, stage, found: vec![] };
    judge.ending(expect);
    judge.steps(expect);
    judge.calls(expect);
    judge.held(expect);
    judge.outputs(expect);
    judge.secrets(expect);
    judge.found
}

struct Judge<'a> {
    source: &'a Source,
    scene: &'a Scene<'a>,
    played: &'a Played,
    stage: &'a Stage,
    found: Vec<Difference>,
}

impl Judge<'_> {
    fn differs(&mut self, span: Span, what: &str, expected: &str, got: &str) {
        let text = Text::new(format!("{what}: あるべきは {expected}、実際は {got}"), format!("{what}: expected {expected}, got {got}"));
        self.found.push(Difference { place: Some(self.source.place(span)), what: text });
    }

    fn compare(&mut self, what: &str, expected: &Spanned<String>, got: &str) {
        if expected.value != got {
            self.differs(expected.span, what, &expected.value, got);
        }
    }

    fn ending(&mut self, expect: &Expect) {
        let trouble = self.played.trouble();
        if let Some(expected) = &expect.result
            && self.played.ending() != Some(expected.value)
        {
            let got = self.played.ending().map_or("none", |ending| ending.word());
            let got = match &trouble {
                Some((step, code)) => format!("{got} ({code} @ {step}{})", self.cause(step)),
                None => got.to_owned(),
            };
            self.differs(expected.span, "result", expected.value.word(), &got);
        }
        let (step, code) = trouble.unwrap_or_else(|| ("none".to_owned(), "none".to_owned()));
        if let Some(expected) = &expect.error {
            self.compare("error", expected, &code);
        }
        if let Some(expected) = &expect.at {
            self.compare("at", expected, &step);
        }
    }

    /// The words of a step's error.
    fn cause(&self, step: &str) -> String {
        let ended = self.played.state.as_ref().and_then(|state| state.ended(step)).and_then(|ended| ended.error.as_ref());
        let planned = || self.played.plan.step(step).and_then(|step| Some(step.reason.as_ref()?.say.get(Lang::Ja).to_owned()));
        ended.map(|error| error.cause.get(Lang::Ja).to_owned()).or_else(planned).map(|cause| format!(": {cause}")).unwrap_or_default()
    }

    fn steps(&mut self, expect: &Expect) {
        for (step, expected) in &expect.decision {
            let decided = self.played.plan.step(&step.value).and_then(|planned| serde_json::to_value(planned.decision).ok());
            let got = decided.as_ref().and_then(|word| word.as_str()).unwrap_or("none").to_owned();
            self.compare(&format!("decision.{}", step.value), expected, &got);
        }
        for (step, expected) in &expect.outcome {
            let got = self.played.outcome(&step.value);
            self.compare(&format!("outcome.{}", step.value), expected, got);
        }
    }

    fn calls(&mut self, expect: &Expect) {
        let of_actions = self.stage.calls();
        for (called, expected) in &expect.calls {
            let portal = called.value.split_once('.').and_then(|(role, word)| self.scene.world.requests(role, Operation::parse(word)?));
            let got = of_actions.get(&called.value).copied().or(portal).unwrap_or_default();
            if got != expected.value {
                self.differs(expected.span, &format!("calls.{}", called.value), &expected.value.to_string(), &got.to_string());
            }
        }
    }

    fn held(&mut self, expect: &Expect) {
        for (wanted, rows) in [(true, &expect.has), (false, &expect.lacks)] {
            for (role, names) in rows {
                let held = self.scene.world.held(&role.value);
                for name in names.iter().filter(|name| held.contains(&name.value) != wanted) {
                    let got = if held.is_empty() { "-".to_owned() } else { held.join(" ") };
                    let key = if wanted { "has" } else { "lacks" };
                    self.differs(name.span, &format!("{key}.{}", role.value), &name.value, &got);
                }
            }
        }
    }

    fn outputs(&mut self, expect: &Expect) {
        let outputs = self.played.outputs();
        for (name, expected) in &expect.outputs {
            let value = outputs.get(&name.value);
            let thumbprint = value.and_then(|value| value.get("sha1")?.as_str());
            let got = match (thumbprint, value) {
                (Some(thumbprint), _) => self.scene.world.name_of(thumbprint).unwrap_or(thumbprint).to_owned(),
                (None, Some(value)) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                (None, None) => "none".to_owned(),
            };
            self.compare(&format!("outputs.{}", name.value), expected, &got);
        }
    }

    fn secrets(&mut self, expect: &Expect) {
        if expect.never_in_artifacts.is_empty() {
            return;
        }
        let artifacts = artifacts(self.scene, self.played);
        for canary in &expect.never_in_artifacts {
            let holders = holders(&artifacts, &canary.value);
            if !holders.is_empty() {
                // The text itself is not written out again: reports are artifacts, too.
                self.differs(canary.span, "never_in_artifacts", "-", &holders.join(" "));
            }
        }
    }
}
