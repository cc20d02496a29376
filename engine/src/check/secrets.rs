//! Where declared secrets flow: what a person types elsewhere goes nowhere but into a count, counted ones go to a device or an account.
//!
//! May use: the unfolded graph, the declarations. Must not: know values.

use std::collections::{BTreeMap, BTreeSet};

use super::closure::Closure;
use super::{Attempts, Binding, BoundAction, Checked, Frame, What};
use crate::action::TRIES_ON;
use crate::dsl::expr::{Expr, Node, Ref};
use crate::dsl::playbook::{Playbook, SecretSpec};
use crate::text::{Diagnostic, Text};

/// Checks the declarations and gives the limits of each step, by its address.
pub(super) fn flows(checked: &Checked, closure: &Closure) -> (BTreeMap<String, Attempts>, Vec<Diagnostic>) {
    let flows = Flows { checked, closure };
    let mut found = flows.typed_elsewhere();
    found.extend(flows.tries());
    found.extend(flows.without_a_counter());
    (flows.limits(), found)
}

/// The limit of a secret of the root playbook: the strictest of its own and of all steps that take it.
pub(super) fn limit_of(secret: &SecretSpec, checked: &Checked, closure: &Closure) -> Option<Attempts> {
    let flows = Flows { checked, closure };
    let name = &secret.name.value;
    let taken = flows.taken().filter(|taken| taken.chain.last().is_some_and(|(frame, last)| *frame == 0 && last == name));
    taken.filter_map(|taken| flows.strictest(&taken.chain)).chain(secret.attempts.iter().map(|own| own.value.clone())).reduce(Attempts::strictest)
}

struct Flows<'a> {
    checked: &'a Checked,
    closure: &'a Closure,
}

/// A secret input of a step with the declarations its value comes through, from the step's own frame outwards.
struct Taken<'a> {
    address: &'a str,
    action: &'a BoundAction,
    input: &'a str,
    frame: usize,
    given: &'a Expr,
    chain: Vec<(usize, String)>,
}

impl<'a> Flows<'a> {
    fn playbook(&self, frame: usize) -> Option<&'a Playbook> {
        self.closure.playbooks.get(&self.checked.frames[frame].playbook)?.as_deref()
    }

    fn declaration(&self, frame: usize, name: &str) -> Option<&'a SecretSpec> {
        self.playbook(frame)?.secrets.iter().find(|secret| secret.name.value == name)
    }

    fn taken(&self) -> impl Iterator<Item = Taken<'a>> {
        let frames = &self.checked.frames;
        self.checked.steps.iter().flat_map(move |step| {
            let What::Action(action) = &step.what else { return vec![] };
            let secrets = action.with.iter().filter_map(|(input, binding)| match binding {
                Binding::Expr(given) if given.ty.required().is_secret() => Some((input, given)),
                _ => None,
            });
            let taken = secrets.map(|(input, given)| {
                let chain = chain(frames, step.frame, given);
                Taken { address: &step.address, action, input, frame: step.frame, given, chain }
            });
            taken.collect()
        })
    }

    fn strictest(&self, chain: &[(usize, String)]) -> Option<Attempts> {
        let declared = chain.iter().filter_map(|(frame, name)| self.declaration(*frame, name)?.attempts.as_ref());
        declared.map(|attempts| attempts.value.clone()).reduce(Attempts::strictest)
    }

    /// What a person types elsewhere, and only that, can be counted by a step that asks them.
    fn tries(&self) -> Vec<Diagnostic> {
        let mut found = vec![];
        for taken in self.taken().filter(|taken| taken.action.manifest.is_tries(taken.input)) {
            let Some(playbook) = self.playbook(taken.frame) else { continue };
            let mut report = |what: Text, cure: Text| found.push(Diagnostic::error("SECRET.TRIES", playbook.source.place(taken.given.span), what).cure(cure));
            let declarations: Option<Vec<&SecretSpec>> = taken.chain.iter().map(|(frame, name)| self.declaration(*frame, name)).collect();
            let declarations = declarations.unwrap_or_default();
            if declarations.is_empty() || declarations.iter().any(|secret| !secret.typed_by_person) {
                report(
                    Text::new("tries に書けるのは、人が別の画面で入れる秘密だけです。", "`tries` takes only a secret that a person types elsewhere."),
                    Text::new("その秘密の宣言に typed_by_person: true を書いてください。", "declare that secret with `typed_by_person: true`."),
                );
            } else if declarations.iter().all(|secret| secret.attempts.is_none()) {
                report(
                    Text::new("この秘密には attempts が無いので、数えても止められません。", "this secret has no `attempts`; counting it stops nothing."),
                    Text::new(
                        "宣言に attempts: { limit, leave, per_run, cite } を書いてください。",
                        "give its declaration `attempts: { limit, leave, per_run, cite }`.",
                    ),
                );
            } else if !taken.action.with.contains_key(TRIES_ON) {
                report(
                    Text::new("回数を何について数えるのか、書いてありません。", "what these tries are counted on is not said."),
                    Text::new(
                        "tries_on に、本人IDやカードの番号など、相手が数えているものを書いてください。",
                        "write in `tries_on` what the other side counts them on: a personal ID, the number of a card.",
                    ),
                );
            }
        }
        found
    }

    /// A secret that a person types elsewhere is never handed to an action.
    fn typed_elsewhere(&self) -> Vec<Diagnostic> {
        let taken = self.taken().filter(|taken| !taken.action.manifest.is_tries(taken.input)).filter_map(|taken| {
            let (frame, name) = taken.chain.iter().find(|(frame, name)| self.declaration(*frame, name).is_some_and(|secret| secret.typed_by_person))?;
            let (declared_in, declaration) = (self.playbook(*frame)?, self.declaration(*frame, name)?);
            let what = Text::new(
                format!("「{name}」は人が別の画面で入れる値なので、手順に渡せません。"),
                format!("`{name}` is typed by a person elsewhere; no step can be given it."),
            );
            let cure = Text::new(
                "kirikae に入れる値なら typed_by_person を消し、そうでなければここから外してください。",
                "leave `typed_by_person` out if kirikae is to have the value, else take it out of here.",
            );
            let place = self.playbook(taken.frame)?.source.place(taken.given.span);
            let declared = declared_in.source.place(declaration.name.span);
            Some(Diagnostic::error("SECRET.TYPED_BY_PERSON", place, what).cure(cure).related(declared, Text::new("ここで宣言", "declared here")))
        });
        taken.collect()
    }

    /// `attempts` where nothing counts: opening a file spends no try.
    fn without_a_counter(&self) -> Vec<Diagnostic> {
        let counted: BTreeSet<(&str, String)> = self
            .taken()
            .filter(|taken| self.counts(taken))
            .flat_map(|taken| taken.chain)
            .map(|(frame, name)| (self.checked.frames[frame].playbook.as_str(), name))
            .collect();
        let ids: BTreeSet<&str> = self.checked.frames.iter().map(|frame| frame.playbook.as_str()).collect();
        let playbooks = ids.into_iter().filter_map(|id| self.closure.playbooks.get(id)?.as_deref());
        let limited = playbooks.flat_map(|playbook| playbook.secrets.iter().map(move |secret| (playbook, secret)));
        limited
            .filter(|(playbook, secret)| !counted.contains(&(playbook.id.value.as_str(), secret.name.value.clone())))
            .filter_map(|(playbook, secret)| {
                let at = secret.attempts.as_ref()?.span;
                let name = &secret.name.value;
                let (what, cure) = if secret.typed_by_person {
                    (
                        Text::new(format!("「{name}」の回数を数える手順がありません。"), format!("no step counts the tries of `{name}`.")),
                        Text::new(
                            format!("その値を入れてもらう human.… の手順に tries: \"${{{{ secrets.{name} }}}}\" と tries_on を書いてください。"),
                            format!("give the `human.…` step in which it is typed `tries: \"${{{{ secrets.{name} }}}}\"` and `tries_on`."),
                        ),
                    )
                } else {
                    (
                        Text::new(
                            format!("「{name}」は、回数に限りのある相手(USBキー・カード・サイトのアカウント)には渡されません。"),
                            format!("`{name}` goes to no device and no account; nothing counts its tries."),
                        ),
                        Text::new(
                            "attempts を消してください。ファイルを開くだけなら、まちがえても回数は減りません。",
                            "leave `attempts` out: opening a file spends no try.",
                        ),
                    )
                };
                Some(Diagnostic::error("SECRET.ATTEMPTS_SINK", playbook.source.place(at), what).cure(cure))
            })
            .collect()
    }

    /// Whether failed tries are counted where a secret goes: by a device, an account of a portal, or what a person types it into.
    fn counts(&self, taken: &Taken<'_>) -> bool {
        let action = taken.action;
        let operation = action.manifest.operation.and_then(|operation| self.checked.profiles.get(action.portal.as_ref()?)?.operations.get(&operation));
        action.manifest.is_tries(taken.input) || action.manifest.spends_attempt || operation.is_some_and(|operation| operation.tries.is_some())
    }

    /// By address: the limits that hold for the secrets a step takes, or that a person types in it.
    fn limits(&self) -> BTreeMap<String, Attempts> {
        let mut limits: BTreeMap<String, Attempts> = BTreeMap::new();
        let taken = self.taken().filter_map(|taken| Some((taken.address.to_owned(), self.strictest(&taken.chain)?)));
        for (address, attempts) in taken {
            let stricter = match limits.remove(&address) {
                Some(known) => known.strictest(attempts),
                None => attempts,
            };
            limits.insert(address, stricter);
        }
        limits
    }
}

/// The declarations that a secret comes through: a secret is only ever handed on as it is.
fn chain(frames: &[Frame], mut frame: usize, given: &Expr) -> Vec<(usize, String)> {
    let mut chain = vec![];
    let mut expr = given;
    loop {
        match &expr.node {
            Node::Ref(Ref::Let(name)) => match frames[frame].lets.get(name) {
                Some(next) => expr = next,
                None => return chain,
            },
            Node::Ref(Ref::Secret(name)) => {
                chain.push((frame, name.clone()));
                match (frames[frame].caller, frames[frame].secrets.get(name)) {
                    (Some((caller, _)), Some(Binding::Expr(next))) => (frame, expr) = (caller, next),
                    _ => return chain,
                }
            }
            _ => return chain,
        }
    }
}
