//! Where declared secrets flow: what a person types elsewhere goes nowhere, counted ones go to a device or an account.
//!
//! May use: the unfolded graph, the declarations. Must not: know values.

use std::collections::{BTreeMap, BTreeSet};

use super::closure::Closure;
use super::{Attempts, Binding, BoundAction, Checked, Frame, What};
use crate::dsl::expr::{Expr, Node, Ref};
use crate::dsl::playbook::{Playbook, SecretSpec};
use crate::text::{Diagnostic, Text};

/// Checks the declarations and gives the limits of each step, by its address.
pub(super) fn flows(checked: &Checked, closure: &Closure) -> (BTreeMap<String, Attempts>, Vec<Diagnostic>) {
    let flows = Flows { checked, closure };
    let mut found = flows.typed_elsewhere();
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
            let secrets = action.with.values().filter_map(|binding| match binding {
                Binding::Expr(given) if given.ty.is_secret() => Some(given),
                _ => None,
            });
            let taken = secrets.map(|given| Taken { address: &step.address, action, frame: step.frame, given, chain: chain(frames, step.frame, given) });
            taken.collect()
        })
    }

    fn strictest(&self, chain: &[(usize, String)]) -> Option<Attempts> {
        let declared = chain.iter().filter_map(|(frame, name)| self.declaration(*frame, name)?.attempts.as_ref());
        declared.map(|attempts| attempts.value.clone()).reduce(Attempts::strictest)
    }

    /// A secret that a person types elsewhere is never handed to an action.
    fn typed_elsewhere(&self) -> Vec<Diagnostic> {
        let taken = self.taken().filter_map(|taken| {
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
            .filter(|taken| self.counts(taken.action))
            .flat_map(|taken| taken.chain)
            .map(|(frame, name)| (self.checked.frames[frame].playbook.as_str(), name))
            .collect();
        let ids: BTreeSet<&str> = self.checked.frames.iter().map(|frame| frame.playbook.as_str()).collect();
        let playbooks = ids.into_iter().filter_map(|id| self.closure.playbooks.get(id)?.as_deref());
        let limited = playbooks.flat_map(|playbook| playbook.secrets.iter().map(move |secret| (playbook, secret)));
        limited
            .filter(|(playbook, secret)| !self.typed_at_a_step(playbook, secret) && !counted.contains(&(playbook.id.value.as_str(), secret.name.value.clone())))
            .filter_map(|(playbook, secret)| {
                let at = secret.attempts.as_ref()?.span;
                let name = &secret.name.value;
                let (what, cure) = if secret.typed_by_person {
                    (
                        Text::new(format!("「{name}」を入れる人の手順がありません。"), format!("no step asks a person to type `{name}`.")),
                        Text::new("その値を入れてもらう human.… の手順を加えてください。", "add the `human.…` step in which it is typed."),
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

    fn typed_at_a_step(&self, playbook: &Playbook, secret: &SecretSpec) -> bool {
        let asks = |step: &super::Step| self.checked.frames[step.frame].playbook == playbook.id.value && asks_a_person(&step.what);
        secret.typed_by_person && self.checked.steps.iter().any(asks)
    }

    /// Whether the other side of an action counts failed tries: a device, or an account of a portal.
    fn counts(&self, action: &BoundAction) -> bool {
        let operation = action.manifest.operation.and_then(|operation| self.checked.profiles.get(action.portal.as_ref()?)?.operations.get(&operation));
        action.manifest.spends_attempt || operation.is_some_and(|operation| operation.tries.is_some())
    }

    /// By address: the limits that hold for the secrets a step takes, or that a person types in it.
    fn limits(&self) -> BTreeMap<String, Attempts> {
        let mut limits: BTreeMap<String, Attempts> = BTreeMap::new();
        let taken = self.taken().filter_map(|taken| Some((taken.address.to_owned(), self.strictest(&taken.chain)?)));
        let typed = self.checked.steps.iter().filter(|step| asks_a_person(&step.what)).flat_map(|step| {
            let secrets = self.playbook(step.frame).map(|playbook| playbook.secrets.as_slice()).unwrap_or_default();
            let limited = secrets.iter().filter(|secret| secret.typed_by_person).filter_map(|secret| secret.attempts.as_ref());
            limited.map(|attempts| (step.address.clone(), attempts.value.clone()))
        });
        for (address, attempts) in taken.chain(typed) {
            let stricter = match limits.remove(&address) {
                Some(known) => known.strictest(attempts),
                None => attempts,
            };
            limits.insert(address, stricter);
        }
        limits
    }
}

fn asks_a_person(what: &What) -> bool {
    matches!(what, What::Action(action) if action.manifest.person)
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
