//! `retry`, `deadline` and `rescue`: which errors a step can end with, and what may follow them (`language.md` 8).
//!
//! May use: manifests, profiles, the table of codes. Must not: know plans or runs.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::bind::Binder;
use super::edges::{Edges, Follow};
use super::scope::{RowScope, Scope, Types};
use super::steps::{Around, Unfolder};
use super::{Binding, BoundAction, Deadline, Guard, Rescue, Retry, Row, Step, What};
use crate::action::{Effect, problem_code};
use crate::backend::profile::{ObserveBy, PageItem, Profile, Then, WhenMissing};
use crate::backend::{Class, ERROR_CODES, code_info};
use crate::dsl::expr::{Expr, Node, Part, Ref, Template};
use crate::dsl::playbook::{Playbook, RescueSpec, RetrySpec, StepSpec, Written};
use crate::dsl::reader::{did_you_mean, nearest};
use crate::dsl::{RoleKind, Type, Value};
use crate::text::{Diagnostic, Place, Span, Spanned, Text};

/// A row with `then: resume`, judged when all that may use its step is known.
pub(super) struct Resume {
    /// Index of its step.
    pub(super) step: usize,
    /// Where the code is written.
    pub(super) place: Place,
    /// The outputs that it names, also where their value has an error.
    pub(super) given: Vec<String>,
}

/// A date or an instant.
pub(super) fn deadline(binder: &mut Binder<'_>, written: &Written) -> Option<Deadline> {
    let expr = binder.bare(written)?;
    if matches!(expr.ty.required(), Type::Date | Type::DateTime) {
        return Some(Deadline { expr, text: written.scalar.text.clone() });
    }
    let what =
        Text::new(format!("deadline には日付か日時の式を書きます({} です)。", expr.ty), format!("`deadline` must be a date or datetime; this is {}.", expr.ty));
    let cure = Text::new("steps.current.cert.not_after のように書いてください。", "write, for example, `steps.current.cert.not_after`.");
    binder.found.push(Diagnostic::error("TYPE.MISMATCH", binder.source.place(expr.span), what).cure(cure));
    None
}

impl Unfolder<'_> {
    /// Checks what the step at `index` does about errors, and adds the steps of its rows.
    pub(super) fn errors(&mut self, playbook: &Rc<Playbook>, scope: &Scope, spec: &StepSpec, index: usize, outputs: &Types) {
        if spec.retry.is_none() && spec.rescue.is_empty() && spec.deadline.is_none() {
            return;
        }
        let is_call = matches!(self.steps[index].what, What::Call { .. });
        for (key, written) in [("retry", spec.retry.as_ref().map(|retry| retry.key)), ("deadline", spec.deadline.as_ref().map(|written| written.span))] {
            if let Some(span) = written.filter(|_| is_call) {
                self.not_on_call(playbook, span, key);
            }
        }
        let codes = self.codes_of(index);
        self.steps[index].retry = spec.retry.as_ref().filter(|_| !is_call).and_then(|retry| self.retry(playbook, retry, &codes));
        for row in &spec.rescue {
            let checked = self.row(playbook, scope, row, index, outputs, &codes);
            self.steps[index].rescue.extend(checked);
        }
    }

    fn not_on_call(&mut self, playbook: &Playbook, span: Span, key: &str) {
        let what = Text::new(format!("部品を呼ぶ手順には「{key}」を書けません。"), format!("`{key}` cannot stand on a step that calls a playbook."));
        let cure = Text::new("部品の中の、その手順に書いてください。", "write it on the step inside that playbook.");
        self.report(playbook, "CHECK.NOT_ON_CALL", span, what).cure.push(cure);
    }

    fn retry(&mut self, playbook: &Playbook, spec: &RetrySpec, codes: &BTreeSet<String>) -> Option<Retry> {
        let mut errors = vec![];
        for code in &spec.errors {
            let class = class_of(&code.value);
            if !self.reachable(playbook, code, codes) {
                continue;
            }
            if class == Class::Transient {
                errors.push(code.value.clone());
                continue;
            }
            let what = Text::new(
                format!("{} は一時的なエラーではないので、retry に書けません。", code.value),
                format!("`{}` is not transient and cannot be retried.", code.value),
            );
            let cure = if class == Class::Ambiguous {
                Text::new(
                    "行われたかもしれないことは、送り直しません。rescue の stop か hand_off を使ってください。",
                    "it may have happened, so it is never sent again; use `stop` or `hand_off` in `rescue`.",
                )
            } else {
                Text::new(
                    "直してからやり直すなら、rescue の then: retry を使ってください。",
                    "to try again after something was put right, use `then: retry` in `rescue`.",
                )
            };
            self.report(playbook, "CHECK.RETRY_CLASS", code.span, what).cure.push(cure);
        }
        Some(Retry { errors, times: spec.times, wait: spec.wait })
    }

    fn reachable(&mut self, playbook: &Playbook, code: &Spanned<String>, codes: &BTreeSet<String>) -> bool {
        if codes.contains(&code.value) {
            return true;
        }
        let what = Text::new(format!("この手順はコード {} で終わることがありません。", code.value), format!("this step never ends with `{}`.", code.value));
        let near = nearest(&code.value, codes.iter().map(String::as_str)).map(str::to_owned);
        let list: Vec<&str> = codes.iter().map(String::as_str).collect();
        let list = list.join(" ");
        let finding = self.report(playbook, "CHECK.UNREACHABLE_CODE", code.span, what);
        did_you_mean(finding, code.span, near);
        finding.cure.push(Text::new(format!("書けるコード: {list}"), format!("codes of this step: {list}")));
        false
    }

    fn row(&mut self, playbook: &Rc<Playbook>, scope: &Scope, spec: &RescueSpec, index: usize, outputs: &Types, codes: &BTreeSet<String>) -> Option<Rescue> {
        let reachable = self.reachable(playbook, &spec.code, codes);
        self.ending(playbook, spec, index);
        let key = self.frames[scope.frame].steps.iter().find(|(_, step)| **step == index).map(|(key, _)| key.clone())?;
        let mut inner = scope.clone();
        inner.row = Some(RowScope { prefix: format!("{key}/rescue/{}/", spec.code.value), steps: BTreeMap::new() });
        self.inner_steps(playbook, &mut inner, spec, index);
        let mut binder = Binder::new(&playbook.source, &inner);
        let say = binder.words(&spec.say);
        let mut give = BTreeMap::new();
        for entry in &spec.give {
            match outputs.get(&entry.key.value) {
                Some(Some(ty)) => give.extend(binder.value(ty, &entry.value).map(|binding| (entry.key.value.clone(), binding))),
                Some(None) => {}
                None => {
                    let name = &entry.key.value;
                    let what = Text::new(format!("この手順に「{name}」という出力はありません。"), format!("this step has no output `{name}`."));
                    let mut finding = Diagnostic::error("REF.UNKNOWN_OUTPUT", playbook.source.place(entry.key.span), what);
                    did_you_mean(&mut finding, entry.key.span, nearest(name, outputs.keys().map(String::as_str)).map(str::to_owned));
                    binder.found.push(finding);
                }
            }
        }
        for name in spec.ask_again.iter().filter(|name| !scope.secrets.contains_key(&name.value)) {
            let what = Text::new(format!("「secrets.{}」はありません。", name.value), format!("there is no `secrets.{}`.", name.value));
            let mut finding = Diagnostic::error("REF.UNKNOWN_SECRET", playbook.source.place(name.span), what);
            did_you_mean(&mut finding, name.span, nearest(&name.value, scope.secrets.keys().map(String::as_str)).map(str::to_owned));
            binder.found.push(finding);
        }
        self.found.append(&mut binder.found);
        let say = say?;
        // What is said and given may name steps above that the step itself does not wait for.
        let mut edges = Edges::default();
        let follow = Follow { frames: &self.frames, steps: &self.steps };
        follow.template(scope.frame, &say, &mut edges);
        give.values().for_each(|binding| follow.binding(scope.frame, binding, &mut edges));
        let after = &mut self.steps[index].after;
        after.extend(edges.data.into_iter().chain(edges.order).filter(|on| *on < index));
        after.sort_unstable();
        after.dedup();
        if spec.then.value == Then::Resume {
            let given = spec.give.iter().map(|entry| entry.key.value.clone()).collect();
            self.resumes.push(Resume { step: index, place: playbook.source.place(spec.code.span), given });
        }
        let cite = spec.cite.iter().map(|cite| cite.value.clone()).collect();
        let ask_again = spec.ask_again.iter().map(|name| name.value.clone()).collect();
        let row = Rescue { code: spec.code.value.clone(), cite, say, then: spec.then.value, times: spec.times, give, ask_again };
        reachable.then_some(row)
    }

    /// Whether the row may end as it says.
    fn ending(&mut self, playbook: &Playbook, spec: &RescueSpec, index: usize) {
        let (code, then) = (&spec.code.value, spec.then.value);
        if class_of(code) == Class::Ambiguous
            && let Some(first) = spec.steps.first()
        {
            let what = Text::new(
                format!("{code} の行には do を書けません。行われたかどうかが決まるまで、ほかのことはしません。"),
                format!("a row for `{code}` has no `do`: nothing else is done until it is known whether it happened."),
            );
            let cure = Text::new("say に、人がすることを書いてください。", "say in `say` what a person does.");
            self.report(playbook, "CHECK.RESCUE_AMBIGUOUS", first.id.span, what).cure.push(cure);
        }
        if class_of(code) == Class::Ambiguous && !then.keeps_doubt() {
            let what = Text::new(
                format!("{code} は、行われたかどうか分からないという意味です。then は stop か hand_off だけです。"),
                format!("`{code}` means that it may have happened; `then` is `stop` or `hand_off`."),
            );
            let cure = Text::new(
                "送り直しや「済み」の扱いはできません。一覧で確かめるのは自動です。",
                "it is neither sent again nor taken for done; the engine looks by itself.",
            );
            self.report(playbook, "CHECK.RESCUE_AMBIGUOUS", spec.then.span, what).cure.push(cure);
        }
        if then == Then::Retry && self.fails_after_irreversible(index, code) {
            let what = Text::new(
                format!("{code} は取り消せない手順が終わった後の確認のコードなので、やり直せません。"),
                format!("`{code}` comes from a check after the irreversible effect; the step cannot run again."),
            );
            let cure = Text::new("then を stop か hand_off にしてください。", "write `then: stop` or `then: hand_off`.");
            self.report(playbook, "CHECK.RESCUE_DONE", spec.then.span, what).cure.push(cure);
        }
        if then == Then::Resume && matches!(self.steps[index].what, What::Call { .. }) {
            self.not_on_call(playbook, spec.then.span, "then: resume");
        }
    }

    /// Whether the code is that of an `expect` of an irreversible step: of this one, or of one inside the call.
    fn fails_after_irreversible(&self, index: usize, code: &str) -> bool {
        let step = &self.steps[index];
        match &step.what {
            What::Action(action) => action.manifest.effect == Effect::Irreversible && guard_codes(&step.expect).any(|own| own == code),
            What::Call { frame } => self.frames[*frame].steps.values().any(|inner| self.fails_after_irreversible(*inner, code)),
        }
    }

    /// The steps of `do`: one after another, under the address of the row.
    fn inner_steps(&mut self, playbook: &Rc<Playbook>, inner: &mut Scope, spec: &RescueSpec, index: usize) {
        let start = self.steps.len();
        let prefix = format!("{}/rescue/{}/", self.steps[index].address, spec.code.value);
        let around = Around { when: self.steps[index].when.clone(), require: vec![], base: vec![], prefix };
        let mut above = None;
        for step in &spec.steps {
            let added = self.step(playbook, inner, &around, step, above, false);
            above = added.as_ref().map(|(index, _)| *index).or(above);
            if let Some(row) = &mut inner.row {
                row.steps.insert(step.id.value.clone(), added.map(|(_, outputs)| outputs));
            }
        }
        for step in self.steps.iter_mut().skip(start).filter(|step| step.row.is_none()) {
            step.row = Some(Row { owner: index, code: spec.code.value.clone() });
        }
    }

    /// The codes that a step can end with.
    fn codes_of(&self, index: usize) -> BTreeSet<String> {
        let step = &self.steps[index];
        let mut codes: BTreeSet<String> = guard_codes(&step.require).chain(guard_codes(&step.expect)).map(str::to_owned).collect();
        if step.deadline.is_some() {
            codes.insert("DEADLINE.PASSED".to_owned());
        }
        if step.repeat.is_some() {
            codes.insert("REPEAT.TIMEOUT".to_owned());
        }
        match &step.what {
            What::Action(action) => codes.extend(action_codes(action, action.portal.as_deref().and_then(|role| self.profile(role)))),
            What::Call { frame } => {
                for inner in self.frames[*frame].steps.values() {
                    let handled = |code: &String| self.steps[*inner].rescue(code).is_some();
                    codes.extend(self.codes_of(*inner).into_iter().filter(|code| !handled(code)));
                }
            }
        }
        codes
    }

    fn profile(&self, role: &str) -> Option<&Profile> {
        let role = self.closure.root.as_ref()?.backends.iter().find(|known| known.name.value == role)?;
        self.closure.profiles.get(&role.profile.as_ref()?.value)?.as_ref()
    }

    /// A step that counts as done must give what others take from it. `outputs` are those of the root playbook.
    pub(super) fn give_what_is_used(&mut self, outputs: &[(String, Expr)]) {
        let used = self.used(outputs);
        for Resume { step, place, given } in &self.resumes {
            let (step, frame) = (&self.steps[*step], self.steps[*step].frame);
            let What::Action(action) = &step.what else { continue };
            let names = &self.frames[frame].steps;
            let Some(key) = names.iter().find_map(|(key, index)| (self.steps[*index].address == step.address).then_some(key)) else { continue };
            let own: Vec<&Expr> = step.expect.iter().map(|guard| &guard.that.expr).collect();
            let missing: Vec<&str> = action
                .manifest
                .outputs
                .iter()
                .filter(|output| !output.ty.is_optional() && !given.contains(&output.name))
                .filter(|output| {
                    let output = &output.name;
                    used.contains(&(frame, Ref::Output { step: key.clone(), output: output.clone() }))
                        || own.iter().any(|expr| super::scope::refs(expr).contains(&&Ref::Result(output.clone())))
                })
                .map(|output| output.name.as_str())
                .collect();
            if missing.is_empty() {
                continue;
            }
            let list = missing.join(", ");
            let what = Text::new(
                format!("済んだことにするには、後で使う出力 {list} の値が要ります。"),
                format!("`then: resume` must give the outputs that are used: {list}."),
            );
            let cure = Text::new(format!("give: {{ {}: … }} を加えてください。", missing[0]), format!("add `give: {{ {}: .. }}`.", missing[0]));
            self.found.push(Diagnostic::error("CHECK.GIVE_MISSING", place.clone(), what).cure(cure));
        }
    }

    /// Every name that is used anywhere, with the frame it is used in.
    fn used(&self, outputs: &[(String, Expr)]) -> BTreeSet<(usize, Ref)> {
        let mut used = BTreeSet::new();
        let mut expr = |frame: usize, expr: &Expr| used.extend(super::scope::refs(expr).into_iter().map(|name| (frame, name.clone())));
        outputs.iter().for_each(|(_, output)| expr(0, output));
        for (index, frame) in self.frames.iter().enumerate() {
            frame.lets.values().chain(frame.outputs.values()).for_each(|value| expr(index, value));
            frame.kept.values().for_each(|(_, about)| about.exprs().for_each(|part| expr(index, part)));
            if let Some((caller, _)) = frame.caller {
                frame.inputs.values().chain(frame.secrets.values()).for_each(|binding| in_binding(binding, &mut |part| expr(caller, part)));
            }
        }
        for step in &self.steps {
            in_step(step, &mut expr);
        }
        used
    }
}

fn in_step(step: &Step, found: &mut dyn FnMut(usize, &Expr)) {
    step.when.iter().for_each(|condition| found(condition.frame, &condition.expr));
    for guard in step.require.iter().chain(&step.expect) {
        found(guard.that.frame, &guard.that.expr);
        in_template(&guard.say, &mut |part| found(guard.that.frame, part));
    }
    if let Some(repeat) = &step.repeat {
        found(repeat.until.frame, &repeat.until.expr);
    }
    if let Some(deadline) = &step.deadline {
        found(step.frame, &deadline.expr);
    }
    if let What::Action(action) = &step.what {
        action.with.values().for_each(|binding| in_binding(binding, &mut |part| found(step.frame, part)));
    }
    for row in &step.rescue {
        in_template(&row.say, &mut |part| found(step.frame, part));
        row.give.values().for_each(|binding| in_binding(binding, &mut |part| found(step.frame, part)));
    }
}

fn in_binding(binding: &Binding, found: &mut dyn FnMut(&Expr)) {
    match binding {
        Binding::Literal(_) => {}
        Binding::Expr(expr) => found(expr),
        Binding::Template(template) => in_template(template, found),
    }
}

fn in_template(template: &Template, found: &mut dyn FnMut(&Expr)) {
    for part in template.ja.iter().chain(template.en.iter().flatten()) {
        if let Part::Expr(expr) = part {
            found(expr);
        }
    }
}

fn guard_codes(guards: &[Guard]) -> impl Iterator<Item = &str> {
    guards.iter().map(|guard| guard.code.as_deref().unwrap_or("EXPECT.FAILED"))
}

/// A code that no table knows is the playbook's or the profile's own: permanent.
fn class_of(code: &str) -> Class {
    code_info(code).map_or(Class::Permanent, |info| info.class)
}

/// The codes of an action, of the backends its inputs lead to, and of what the engine does around it.
fn action_codes(action: &BoundAction, profile: Option<&Profile>) -> BTreeSet<String> {
    let manifest = &action.manifest;
    let mut codes: BTreeSet<String> = manifest.codes.iter().map(|code| (*code).to_owned()).collect();
    let mut areas = vec![];
    for input in manifest.inputs.iter().filter(|input| action.with.contains_key(&input.name)) {
        match input.ty.required() {
            Type::Role(kind) => {
                areas.push("BACKEND.");
                areas.extend(std::iter::once(kind).chain(input.or_kinds).filter_map(|kind| area(*kind)));
            }
            Type::Cert => {
                areas.push("STORE.");
                areas.extend(action.with.contains_key("session").then_some("TOKEN."));
                codes.insert("KEY.UNUSABLE".to_owned());
                if manifest.effect == Effect::Irreversible {
                    codes.insert("CERT.GONE".to_owned());
                }
            }
            Type::File => codes.extend(["FILE.NOT_FOUND", "VAULT.UNREADABLE"].map(str::to_owned)),
            Type::Secret(_) => codes.extend(["SECRET.UNFIT", "VAULT.UNREADABLE"].map(str::to_owned)),
            _ => {}
        }
    }
    if manifest.effect > Effect::Read {
        // Room in the state folder and at the backup places is looked for before the first write.
        areas.push("FOLDER.");
        codes.insert("STEP.UNCERTAIN".to_owned());
    }
    if manifest.effect == Effect::Irreversible {
        codes.insert("CLOCK.WRONG".to_owned());
    }
    codes.extend(problems(action).into_iter().map(|name| problem_code(&name)));
    codes.extend(ERROR_CODES.iter().map(|info| info.code).filter(|code| areas.iter().any(|area| code.starts_with(area))).map(str::to_owned));
    if let (Some(profile), Some(operation)) = (profile, manifest.operation) {
        codes.extend(profile.errors.iter().map(|known| known.code.clone()));
        let own = profile.operations.get(&operation);
        let looking = own.and_then(|spec| match spec.observe {
            ObserveBy::Look(looking) => profile.operations.get(&looking),
            ObserveBy::Nothing => None,
        });
        codes.extend(own.into_iter().chain(looking).flat_map(|spec| &spec.pages).flat_map(page_codes));
    }
    codes
}

/// The problems that a question to a person names.
fn problems(action: &BoundAction) -> Vec<String> {
    match action.with.get("problems").filter(|_| action.manifest.has_problems()) {
        Some(Binding::Literal(Value::Map(problems))) => problems.keys().cloned().collect(),
        Some(Binding::Expr(Expr { node: Node::Object(problems), .. })) => problems.keys().cloned().collect(),
        _ => vec![],
    }
}

fn area(kind: RoleKind) -> Option<&'static str> {
    match kind {
        RoleKind::Store => Some("STORE."),
        RoleKind::Folder => Some("FOLDER."),
        RoleKind::Token => Some("TOKEN."),
        // The codes of portals stand in the manifests.
        RoleKind::Ca | RoleKind::Web => None,
    }
}

fn page_codes(page: &PageItem) -> impl Iterator<Item = String> {
    let missing = match &page.when_missing {
        Some(WhenMissing::Code(code)) => Some(code.clone()),
        _ => None,
    };
    page.refused.iter().map(|refusal| refusal.code.clone()).chain(missing)
}
