//! Steps from top to bottom: names, inputs, order; sub-playbooks are unfolded where they are called.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::bind::Binder;
use super::closure::Closure;
use super::edges::{Edges, Follow};
use super::guards::{guards, repeat};
use super::lints::{Facts, skips};
use super::rescue::{Resume, deadline};
use super::rules::{Graph, findings};
use super::scope::{RoleIn, Scope, Types};
use super::secrets::{flows, limit_of};
use super::{Binding, Checked, Condition, Frame, Guard, InputDecl, RoleDecl, SecretDecl, Step, What};
use crate::action::Registry;
use crate::backend::profile::Profile;
use crate::dsl::Type;
use crate::dsl::expr::Expr;
use crate::dsl::playbook::{Playbook, SecretSpec, StepSpec, Uses};
use crate::dsl::reader::{did_you_mean, nearest};
use crate::text::{Diagnostic, Severity, Span, Text};

/// A playbook with all its calls unfolded has at most so many steps.
const MAX_STEPS: usize = 1_000;

/// Puts frames and steps together.
pub(super) struct Unfolder<'a> {
    /// Documents.
    pub(super) closure: &'a Closure,
    /// Actions.
    pub(super) registry: &'a Registry,
    /// Frames so far.
    pub(super) frames: Vec<Frame>,
    /// Steps so far.
    pub(super) steps: Vec<Step>,
    /// Facts of the steps so far.
    pub(super) facts: Vec<Facts>,
    /// Rows that let a step count as done.
    pub(super) resumes: Vec<Resume>,
    /// Findings.
    pub(super) found: Vec<Diagnostic>,
}

/// What a call gives to the steps inside it.
#[derive(Clone, Default)]
pub(super) struct Around {
    /// Conditions of the calls.
    pub(super) when: Vec<Condition>,
    /// Guards for the first step.
    pub(super) require: Vec<Guard>,
    /// What the call waits for.
    pub(super) base: Vec<usize>,
    /// `install/`; empty for the root.
    pub(super) prefix: String,
}

/// What a step does, found out.
pub(super) struct Done {
    /// What it does.
    pub(super) what: What,
    /// Its outputs.
    pub(super) outputs: Types,
    /// A required input may be absent.
    pub(super) may_skip: bool,
    /// What its inputs need.
    pub(super) edges: Edges,
    /// For a call: the steps inside it.
    pub(super) inside: Vec<usize>,
}

/// Checks and unfolds a root playbook.
pub(super) fn unfold(closure: &Closure, root: &Rc<Playbook>, registry: &Registry) -> (Checked, Vec<Diagnostic>) {
    let mut unfolder = Unfolder { closure, registry, frames: vec![], steps: vec![], facts: vec![], resumes: vec![], found: vec![] };
    let mut scope = Scope { inputs: inputs(root), secrets: secrets(root), ..Scope::default() };
    for secret in &root.secrets {
        let place = root.source.place(secret.name.span);
        scope.traces.add(format!("secrets.{}", secret.name.value), place, Text::new("秘密の値の宣言", "the secret is declared here"), &[]);
    }
    for role in &root.backends {
        let known = role.kind.map(|kind| RoleIn { kind, profile: role.profile.as_ref().map(|id| id.value.clone()), root: role.name.value.clone() });
        scope.roles.insert(role.name.value.clone(), known);
    }
    let roles = root.backends.iter().map(|role| (role.name.value.clone(), role.name.value.clone())).collect();
    unfolder.frames.push(frame(root, None, roles));
    let (outputs, _) = unfolder.frame(root, &mut scope, &Around::default());
    unfolder.give_what_is_used(&outputs);
    let more = skips(&unfolder.steps, &unfolder.facts, &unfolder.frames);
    unfolder.found.extend(more);
    let mut checked = Checked {
        id: root.id.value.clone(),
        version: root.version.clone(),
        program: root.id.value.split('/').next().unwrap_or_default().to_owned(),
        title: root.title.clone(),
        summary: root.summary.clone(),
        documents: closure.documents.values().cloned().collect(),
        catalogue: closure.catalogue.clone(),
        profiles: profiles(root, closure),
        roles: root.backends.iter().filter_map(role_decl).collect(),
        inputs: root.inputs.iter().filter_map(input_decl).collect(),
        secrets: vec![],
        attempts: BTreeMap::new(),
        outputs,
        frames: unfolder.frames,
        steps: unfolder.steps,
        warnings: vec![],
    };
    let mut found = unfolder.found;
    let broken = found.iter().chain(&closure.found).any(|finding| finding.severity == Severity::Error);
    // Rules over the whole say nothing of what is only half there.
    if !broken {
        let (attempts, more) = flows(&checked, closure);
        found.extend(more);
        checked.attempts = attempts;
        found.extend(findings(&Graph { checked: &checked, closure, facts: &unfolder.facts }));
    }
    checked.secrets = root.secrets.iter().filter_map(|secret| secret_decl(secret, &checked, closure)).collect();
    (checked, found)
}

impl Unfolder<'_> {
    /// Checks the playbook of the newest frame. Its outputs and their types.
    pub(super) fn frame(&mut self, playbook: &Rc<Playbook>, scope: &mut Scope, around: &Around) -> (Vec<(String, Expr)>, Types) {
        scope.frame = self.frames.len() - 1;
        scope.all_steps = playbook.steps.iter().map(|step| step.id.value.clone()).collect();
        scope.waiting = playbook.lets.iter().map(|(name, _)| name.value.clone()).collect();
        self.await_kept(playbook, scope);
        let mut above = None;
        let mut first = true;
        self.lets(playbook, scope, None);
        for spec in &playbook.steps {
            if self.steps.len() >= MAX_STEPS {
                let what = Text::new(format!("手順が多すぎます({MAX_STEPS}まで)。"), format!("too many steps (at most {MAX_STEPS})."));
                self.found.push(Diagnostic::error("DSL.TOO_BIG", playbook.source.place(spec.id.span), what));
                break;
            }
            let step = self.step(playbook, scope, around, spec, above, first);
            above = step.as_ref().map(|(index, _)| *index).or(above);
            first = false;
            let outputs = step.map(|(_, outputs)| outputs);
            for (output, ty) in outputs.iter().flatten() {
                if ty.as_ref().is_some_and(Type::is_secret) {
                    let label = Text::new("この手順が見せる秘密の値", "the secret is shown by this step");
                    scope.traces.add(format!("steps.{}.{output}", spec.id.value), playbook.source.place(spec.id.span), label, &[]);
                }
            }
            scope.steps.insert(spec.id.value.clone(), outputs);
            self.lets(playbook, scope, Some(&spec.id.value));
        }
        self.never_kept(playbook, scope);
        let mut binder = Binder::new(&playbook.source, scope);
        for (_, written) in playbook.lets.iter().filter(|(name, _)| scope.waiting.contains(&name.value)) {
            binder.bare(written);
        }
        let mut outputs = vec![];
        let mut types = Types::new();
        for (name, written) in &playbook.outputs {
            let expr = binder.bare(written);
            if let Some(expr) = expr.as_ref().filter(|expr| expr.ty.is_secret()) {
                let what = Text::new("秘密の値を outputs に出すことはできません。", "a secret cannot be an output of a playbook.");
                let cure = Text::new("あとで使うなら secret.keep で保管してください。", "keep it with `secret.keep` if it is needed later.");
                binder.error("SECRET.SINK", expr.span, what, cure);
            }
            types.insert(name.value.clone(), expr.as_ref().map(|expr| expr.ty.clone()));
            outputs.extend(expr.map(|expr| (name.value.clone(), expr)));
        }
        self.found.extend(binder.found);
        (outputs, types)
    }

    /// Checks what of `let` and of kept secrets can be checked by now; after a step, only what may have waited for it.
    fn lets(&mut self, playbook: &Playbook, scope: &mut Scope, after: Option<&str>) {
        let mut known = after.map(|step| vec![step.to_owned()]);
        loop {
            let mut unkept = scope.unkept.clone();
            self.kept(playbook, scope, known.as_deref());
            unkept.retain(|secret| !scope.unkept.contains(secret));
            let mut fresh = unkept;
            for (name, written) in &playbook.lets {
                let names_it = |word: &String| written.scalar.text.contains(word.as_str());
                let tried = known.as_ref().is_some_and(|known| !known.iter().chain(&fresh).any(names_it));
                if tried || !scope.waiting.contains(&name.value) {
                    continue;
                }
                let mut binder = Binder::new(&playbook.source, scope);
                let Ok(expr) = binder.early(|binder| binder.bare(written)) else { continue };
                self.found.extend(binder.found);
                scope.waiting.remove(&name.value);
                fresh.push(name.value.clone());
                scope.lets.insert(name.value.clone(), expr.as_ref().map(|expr| expr.ty.clone()));
                if let Some(expr) = expr {
                    if expr.ty.is_secret() {
                        let before = scope.traces.of(&written.scalar.text).to_vec();
                        let label = Text::new("ここで名前を付けた", "named here");
                        scope.traces.add(format!("let.{}", name.value), playbook.source.place(name.span), label, &before);
                    }
                    self.frames[scope.frame].lets.insert(name.value.clone(), expr);
                }
            }
            if fresh.is_empty() {
                return;
            }
            known = Some(fresh);
        }
    }

    /// Checks a step and adds it. Its index and outputs; `None` if it has an error.
    pub(super) fn step(
        &mut self,
        playbook: &Rc<Playbook>,
        scope: &Scope,
        around: &Around,
        spec: &StepSpec,
        above: Option<usize>,
        first: bool,
    ) -> Option<(usize, Types)> {
        let mut binder = Binder::new(&playbook.source, scope);
        let deadline = spec.deadline.as_ref().and_then(|written| deadline(&mut binder, written));
        let own_when = spec.when.as_ref().and_then(|written| {
            let expr = binder.condition(written)?;
            Some(Condition { frame: scope.frame, expr, text: written.scalar.text.clone() })
        });
        let mut require = if first { around.require.clone() } else { vec![] };
        require.extend(guards(&mut binder, &spec.require));
        self.found.append(&mut binder.found);
        let waits = self.waits(playbook, scope, spec, above);
        let start = if waits.is_empty() { around.base.clone() } else { waits };
        let when: Vec<Condition> = around.when.iter().cloned().chain(own_when.clone()).collect();
        let uses = spec.uses.as_ref()?;
        let address = format!("{}{}", around.prefix, spec.id.value);
        let done = match &uses.value {
            Uses::Action(name, major) => self.action(playbook, scope, spec, name, *major, uses.span),
            Uses::Playbook(id, _) => {
                let inner = Around { when: when.clone(), require: require.clone(), base: start.clone(), prefix: format!("{address}/") };
                self.call(playbook, scope, spec, id, &inner)
            }
        }?;
        let is_call = matches!(done.what, What::Call { .. });
        let mut binder = Binder { result: Some(&done.outputs), ..Binder::new(&playbook.source, scope) };
        let expect = guards(&mut binder, &spec.expect);
        let effect = match &done.what {
            What::Action(action) => Some(action.manifest.effect),
            What::Call { .. } => None,
        };
        let repeat = repeat(&mut binder, spec, effect);
        self.found.append(&mut binder.found);
        let require = if is_call { vec![] } else { require };
        let mut edges = done.edges.clone();
        let follow = Follow { frames: &self.frames, steps: &self.steps };
        for condition in &when {
            follow.expr(condition.frame, &condition.expr, &mut edges);
        }
        follow.guards(&require, &mut edges);
        follow.guards(&expect, &mut edges);
        if let Some(repeat) = &repeat {
            follow.expr(repeat.until.frame, &repeat.until.expr, &mut edges);
        }
        if let Some(deadline) = &deadline {
            follow.expr(scope.frame, &deadline.expr, &mut edges);
        }
        let index = self.steps.len();
        let mut after: Vec<usize> = start.into_iter().chain(done.inside).chain(edges.data.iter().copied()).chain(edges.order).collect();
        after.sort_unstable();
        after.dedup();
        let may_skip = own_when.is_some() || done.may_skip;
        self.facts.push(Facts { place: playbook.source.place(spec.id.span), may_skip });
        if let What::Call { frame } = done.what {
            self.frames[frame].caller = Some((scope.frame, index));
        }
        let name = format!("{}{}", scope.row.as_ref().map_or("", |row| row.prefix.as_str()), spec.id.value);
        self.frames[scope.frame].steps.insert(name, index);
        self.steps.push(Step {
            address,
            frame: scope.frame,
            title: spec.title.clone(),
            cite: spec.cite.iter().map(|cite| cite.value.clone()).collect(),
            what: done.what,
            when,
            require,
            expect,
            retry: None,
            repeat,
            deadline,
            rescue: vec![],
            row: None,
            after,
            data: edges.data.into_iter().collect(),
        });
        self.errors(playbook, scope, spec, index, &done.outputs);
        let optional = |ty: Type| if may_skip { ty.optional() } else { ty };
        Some((index, done.outputs.into_iter().map(|(name, ty)| (name, ty.map(optional))).collect()))
    }

    /// What a step waits for by `needs`, else the step above.
    fn waits(&mut self, playbook: &Playbook, scope: &Scope, spec: &StepSpec, above: Option<usize>) -> Vec<usize> {
        let Some(needs) = &spec.needs else { return above.into_iter().collect() };
        let mut waits = vec![];
        for id in needs {
            match self.frames[scope.frame].steps.get(&id.value) {
                Some(index) => waits.push(*index),
                None if scope.steps.contains_key(&id.value) => {}
                None => {
                    let below = scope.all_steps.contains(&id.value);
                    let (code, what) = if below {
                        let what = Text::new(
                            format!("手順「{}」はここより上にありません。needs には上の手順だけを書きます。", id.value),
                            format!("the step `{}` is not above; `needs` names steps above only.", id.value),
                        );
                        ("REF.NOT_ABOVE", what)
                    } else {
                        ("REF.UNKNOWN_STEP", Text::new(format!("手順「{}」はありません。", id.value), format!("there is no step `{}`.", id.value)))
                    };
                    let mut finding = Diagnostic::error(code, playbook.source.place(id.span), what);
                    let near = nearest(&id.value, scope.steps.keys().map(String::as_str)).filter(|_| !below);
                    did_you_mean(&mut finding, id.span, near.map(str::to_owned));
                    self.found.push(finding);
                }
            }
        }
        waits
    }

    /// Adds what a binding needs, and says whether it may be absent.
    pub(super) fn follow(&self, frame: usize, binding: &Binding, edges: &mut Edges) -> bool {
        Follow { frames: &self.frames, steps: &self.steps }.binding(frame, binding, edges);
        binding.may_be_absent()
    }

    /// Reports something about a step.
    pub(super) fn report(&mut self, playbook: &Playbook, code: &'static str, span: Span, what: Text) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(code, playbook.source.place(span), what));
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}

/// Types of a playbook's inputs: with a default they are never absent.
pub(super) fn inputs(playbook: &Playbook) -> Types {
    let inputs = playbook.inputs.iter();
    inputs
        .map(|input| {
            let ty = input.ty.clone().map(|ty| if input.default.is_some() { ty.required().clone() } else { ty });
            (input.name.value.clone(), ty)
        })
        .collect()
}

/// Types of a playbook's secrets.
pub(super) fn secrets(playbook: &Playbook) -> Types {
    playbook.secrets.iter().map(|secret| (secret.name.value.clone(), secret.ty.clone().map(|ty| Type::Secret(Box::new(ty))))).collect()
}

/// An empty frame.
pub(super) fn frame(playbook: &Playbook, caller: Option<(usize, usize)>, roles: BTreeMap<String, String>) -> Frame {
    Frame {
        playbook: playbook.id.value.clone(),
        caller,
        inputs: BTreeMap::new(),
        secrets: BTreeMap::new(),
        kept: BTreeMap::new(),
        roles,
        lets: BTreeMap::new(),
        steps: BTreeMap::new(),
        outputs: BTreeMap::new(),
    }
}

fn profiles(root: &Playbook, closure: &Closure) -> BTreeMap<String, Profile> {
    let named = root.backends.iter().filter_map(|role| Some((role.name.value.clone(), closure.profiles.get(&role.profile.as_ref()?.value)?.clone()?)));
    named.collect()
}

fn role_decl(role: &crate::dsl::playbook::RoleSpec) -> Option<RoleDecl> {
    Some(RoleDecl { name: role.name.value.clone(), kind: role.kind?, profile: role.profile.as_ref().map(|id| id.value.clone()) })
}

fn input_decl(input: &crate::dsl::playbook::InputSpec) -> Option<InputDecl> {
    Some(InputDecl {
        name: input.name.value.clone(),
        ty: input.ty.clone()?,
        title: input.title.clone(),
        default: input.default.clone(),
        example: input.example.clone(),
        private: input.private,
        labels: input.labels.iter().map(|(word, text)| (word.value.clone(), text.clone())).collect(),
        cite: input.cite.iter().map(|cite| cite.value.clone()).collect(),
    })
}

fn secret_decl(secret: &SecretSpec, checked: &Checked, closure: &Closure) -> Option<SecretDecl> {
    Some(SecretDecl {
        name: secret.name.value.clone(),
        ty: secret.ty.clone()?,
        title: secret.title.clone(),
        new: secret.new,
        kept: checked.frames[0].kept.get(&secret.name.value).cloned(),
        typed_by_person: secret.typed_by_person,
        attempts: limit_of(secret, checked, closure),
        cite: secret.cite.iter().map(|cite| cite.value.clone()).collect(),
    })
}
