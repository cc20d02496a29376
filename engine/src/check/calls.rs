//! What stands behind `uses`: an action with its inputs bound, or a sub-playbook with its frame.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::bind::Binder;
use super::edges::Edges;
use super::scope::{RoleIn, Scope, Types};
use super::steps::{Around, Done, Unfolder, frame, inputs, secrets};
use super::{Binding, BoundAction, What};
use crate::action::{Effect, Manifest};
use crate::backend::profile::Operation;
use crate::dsl::playbook::{Playbook, StepSpec};
use crate::dsl::reader::{Reader, did_you_mean, nearest};
use crate::dsl::{RoleKind, Type, Value, read_scalar};
use crate::text::{Entry, Kind, Node, Span, Text};

impl Unfolder<'_> {
    /// An action with its inputs bound.
    pub(super) fn action(&mut self, playbook: &Playbook, scope: &Scope, spec: &StepSpec, name: &str, major: u32, span: Span) -> Option<Done> {
        let Some((manifest, _)) = self.registry.find(name, major) else {
            let wanted = format!("{name}@{major}");
            let known: Vec<String> = self.registry.manifests().map(Manifest::reference).collect();
            let near = nearest(&wanted, known.iter().map(String::as_str)).map(str::to_owned);
            let list = known.join(" ");
            let finding = self.report(
                playbook,
                "ACTION.UNKNOWN",
                span,
                Text::new(format!("「{wanted}」という動作はありません。"), format!("there is no action `{wanted}`.")),
            );
            did_you_mean(finding, span, near);
            finding.cure.push(Text::new(format!("使える動作: {list}"), format!("actions: {list}")));
            return None;
        };
        let mut manifest = manifest.clone();
        let mut with = BTreeMap::new();
        let mut portal = None;
        if let Some(operation) = manifest.operation {
            let role = self.portal(playbook, scope, spec, operation)?;
            let profile = self.closure.profiles.get(role.profile.as_ref()?)?.as_ref()?;
            manifest = manifest.with_profile(profile)?;
            with.insert("portal".to_owned(), Binding::Literal(Value::Role(role.root.clone())));
            portal = Some(role.root);
        }
        let names: Vec<&str> = manifest.inputs.iter().map(|input| input.name.as_str()).collect();
        self.unknown_inputs(playbook, spec, &names);
        let mut edges = Edges::default();
        let mut may_skip = false;
        let mut sure_one_of = false;
        for input in &manifest.inputs {
            if input.name == "portal" && portal.is_some() {
                continue;
            }
            match spec.with.iter().find(|entry| entry.key.value == input.name) {
                Some(entry) => {
                    let binding = match input.ty.required() {
                        Type::Role(kind) => {
                            let fits = |known| known == *kind || input.or_kinds.contains(&known);
                            self.named_role(playbook, scope, &entry.value, fits).map(|role| Binding::Literal(Value::Role(role.root)))
                        }
                        _ => self.bound(playbook, scope, &input.ty, &entry.value),
                    };
                    let Some(binding) = binding else { continue };
                    let default = input.default.as_ref().and_then(|default| read_scalar(&input.ty, default).ok());
                    let binding = binding.or_default(default);
                    let may_be_absent = self.follow(scope.frame, &binding, &mut edges);
                    may_skip |= may_be_absent && !input.ty.is_optional();
                    sure_one_of |= !may_be_absent && manifest.one_of.contains(&input.name.as_str());
                    with.insert(input.name.clone(), binding);
                }
                None => match &input.default {
                    Some(default) => {
                        if let Ok(value) = read_scalar(&input.ty, default) {
                            with.insert(input.name.clone(), Binding::Literal(value));
                        }
                    }
                    None if input.ty.is_optional() => {}
                    None => self.missing_input(playbook, spec, &input.name, &input.ty),
                },
            }
        }
        may_skip |= !manifest.one_of.is_empty() && !sure_one_of;
        if !manifest.one_of.is_empty() && !manifest.one_of.iter().any(|name| spec.with.iter().any(|entry| entry.key.value == *name)) {
            let list = manifest.one_of.join(", ");
            let what = Text::new(format!("{list} のどれか1つは要ります。"), format!("one of {list} must be given."));
            let cure = Text::new(format!("with に {list} のどれかを加えてください。"), format!("add one of {list} to `with`."));
            self.report(playbook, "CHECK.ONE_OF", spec.id.span, what).cure.push(cure);
        }
        let lost = manifest.effect != Effect::Read && !manifest.repeatable;
        let outputs = manifest.outputs.iter().map(|output| {
            let ty = if lost && !output.recoverable { output.ty.clone().optional() } else { output.ty.clone() };
            (output.name.clone(), Some(ty))
        });
        let outputs = outputs.collect();
        Some(Done { what: What::Action(Box::new(BoundAction { manifest, with, portal })), outputs, may_skip, edges, inside: vec![] })
    }

    /// The role of a portal operation: as given, or the only one whose profile has it.
    fn portal(&mut self, playbook: &Playbook, scope: &Scope, spec: &StepSpec, operation: Operation) -> Option<RoleIn> {
        if let Some(entry) = spec.with.iter().find(|entry| entry.key.value == "portal") {
            let role = self.named_role(playbook, scope, &entry.value, |kind| matches!(kind, RoleKind::Ca | RoleKind::Web))?;
            let profile = self.closure.profiles.get(role.profile.as_ref()?)?.as_ref()?;
            if !profile.operations.contains_key(&operation) {
                let what = Text::new(
                    format!("プロファイル {} に {operation} がありません。", profile.id),
                    format!("profile `{}` has no operation `{operation}`.", profile.id),
                );
                self.report(playbook, "ROLE.NO_OPERATION", entry.value.span, what);
                return None;
            }
            return Some(role);
        }
        // A role that was reported may be the one that is meant.
        let broken = scope.roles.values().any(|role| match role {
            Some(role) => role.profile.as_ref().is_some_and(|id| self.closure.profiles.get(id).is_none_or(Option::is_none)),
            None => true,
        });
        let fits = |role: &&RoleIn| {
            let profile = role.profile.as_ref().and_then(|id| self.closure.profiles.get(id)?.as_ref());
            profile.is_some_and(|profile| profile.operations.contains_key(&operation))
        };
        let able: Vec<(&String, RoleIn)> = scope.roles.iter().filter_map(|(name, role)| Some((name, role.as_ref().filter(fits)?.clone()))).collect();
        match able.as_slice() {
            [(_, role)] => Some(role.clone()),
            [] if broken => None,
            [] => {
                let what =
                    Text::new(format!("{operation} ができるサイトの役割がありません。"), format!("no role of this playbook has a profile with `{operation}`."));
                let cure = Text::new("backends に { kind: ca, profile: … } の役割を加えてください。", "add a role `{ kind: ca, profile: .. }` to `backends`.");
                self.report(playbook, "ROLE.NO_OPERATION", spec.id.span, what).cure.push(cure);
                None
            }
            several => {
                let list: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
                let list = list.join(", ");
                let what = Text::new(
                    format!("どのサイトのことか決まりません(portal: {list} のどれか)。"),
                    format!("several roles can do this; say which: `portal:` {list}."),
                );
                self.report(playbook, "DSL.MISSING_INPUT", spec.id.span, what);
                None
            }
        }
    }

    fn role(&mut self, playbook: &Playbook, scope: &Scope, kind: RoleKind, node: &Node) -> Option<RoleIn> {
        self.named_role(playbook, scope, node, |known| known == kind)
    }

    /// A role written as a plain word.
    fn named_role(&mut self, playbook: &Playbook, scope: &Scope, node: &Node, fits: impl Fn(RoleKind) -> bool) -> Option<RoleIn> {
        let mut reader = Reader::new(&playbook.source);
        let name = reader.string(node);
        self.found.extend(reader.found);
        let name = name?;
        let able = scope.roles.iter().filter(|(_, role)| role.as_ref().is_some_and(|role| fits(role.kind)));
        let able: Vec<&str> = able.map(|(name, _)| name.as_str()).collect();
        let list = able.join(", ");
        let cure = Text::new(format!("書ける役割: {list}"), format!("roles that fit: {list}"));
        match scope.roles.get(&name) {
            Some(Some(role)) if fits(role.kind) => Some(role.clone()),
            Some(Some(role)) => {
                let what = Text::new(
                    format!("役割「{name}」の種類は {} で、ここには使えません。", role.kind.word()),
                    format!("the role `{name}` is of kind {}, which does not fit here.", role.kind.word()),
                );
                self.report(playbook, "ROLE.WRONG_KIND", node.span, what).cure.push(cure);
                None
            }
            Some(None) => None,
            None => {
                let near = nearest(&name, able.iter().copied()).map(str::to_owned);
                let what = Text::new(format!("「{name}」という役割は backends にありません。"), format!("there is no role `{name}` in `backends`."));
                let finding = self.report(playbook, "ROLE.UNKNOWN", node.span, what);
                did_you_mean(finding, node.span, near);
                finding.cure.push(cure);
                None
            }
        }
    }

    fn bound(&mut self, playbook: &Playbook, scope: &Scope, ty: &Type, node: &Node) -> Option<Binding> {
        let mut binder = Binder::new(&playbook.source, scope);
        let binding = binder.value(ty, node);
        self.found.extend(binder.found);
        binding
    }

    fn unknown_inputs(&mut self, playbook: &Playbook, spec: &StepSpec, names: &[&str]) {
        for Entry { key, .. } in spec.with.iter().filter(|entry| !names.contains(&entry.key.value.as_str())) {
            let near = nearest(&key.value, names.iter().copied()).map(str::to_owned);
            let list = names.join(", ");
            let what = Text::new(format!("「{}」という入力はありません。", key.value), format!("there is no input `{}`.", key.value));
            let finding = self.report(playbook, "DSL.UNKNOWN_INPUT", key.span, what);
            did_you_mean(finding, key.span, near);
            finding.cure.push(Text::new(format!("使える入力: {list}"), format!("inputs: {list}")));
        }
    }

    fn missing_input(&mut self, playbook: &Playbook, spec: &StepSpec, name: &str, ty: &Type) {
        if *ty == Type::Proof {
            let what = Text::new(
                format!("「{name}」がありません。代わりが使えたという証明なしには、何も消せません。"),
                format!("`{name}` is missing: nothing is destroyed without proof that its replacement works."),
            );
            let cure = Text::new(
                format!("新しい証明書を web.probe などで使う手順を上に置き、「{name}: \"${{{{ steps.その手順.proof }}}}\"」と書いてください。"),
                format!("prove the new certificate in a step above (web.probe@1) and write `{name}: \"${{{{ steps.that_step.proof }}}}\"`."),
            );
            self.report(playbook, "CHECK.NO_PROOF", spec.id.span, what).cure.push(cure);
            return;
        }
        let what = Text::new(format!("入力「{name}」({ty})がありません。"), format!("the input `{name}` ({ty}) is missing."));
        let cure = Text::new(format!("with に「{name}: …」を加えてください。"), format!("add `{name}: ...` to `with`."));
        self.report(playbook, "DSL.MISSING_INPUT", spec.id.span, what).cure.push(cure);
    }

    /// A call of a sub-playbook: its frame and its steps.
    pub(super) fn call(&mut self, playbook: &Playbook, scope: &Scope, spec: &StepSpec, id: &str, around: &Around) -> Option<Done> {
        let called: Rc<Playbook> = self.closure.playbooks.get(id)?.clone()?;
        let mut inner = Scope { inputs: inputs(&called), secrets: secrets(&called), ..Scope::default() };
        let names: Vec<&str> = called
            .inputs
            .iter()
            .map(|input| &input.name)
            .chain(called.secrets.iter().map(|secret| &secret.name))
            .map(|name| name.value.as_str())
            .chain(called.backends.iter().map(|role| role.name.value.as_str()))
            .collect();
        self.unknown_inputs(playbook, spec, &names);
        let given = |name: &str| spec.with.iter().find(|entry| entry.key.value == name).map(|entry| &entry.value);
        let mut roles = BTreeMap::new();
        for role in &called.backends {
            let Some(kind) = role.kind else { continue };
            let name = role.name.value.as_str();
            let known = match given(name) {
                Some(node) => self.role(playbook, scope, kind, node),
                None => match scope.roles.get(name) {
                    Some(known) if known.as_ref().is_none_or(|known| known.kind == kind) => known.clone(),
                    _ => {
                        self.missing_input(playbook, spec, name, &Type::Role(kind));
                        None
                    }
                },
            };
            let wanted = role.profile.as_ref().map(|profile| &profile.value);
            if let Some(known) = known.as_ref().filter(|known| known.profile.as_ref() != wanted) {
                let (own, other) = (known.profile.clone().unwrap_or_default(), wanted.cloned().unwrap_or_default());
                let what = Text::new(
                    format!("役割「{name}」のプロファイルが違います({own} と {other})。"),
                    format!("the role `{name}` has another profile ({own}, not {other})."),
                );
                self.report(playbook, "ROLE.PROFILE", given(name).map_or(spec.id.span, |node| node.span), what);
            }
            roles.extend(known.as_ref().map(|known| (name.to_owned(), known.root.clone())));
            inner.roles.insert(name.to_owned(), known);
        }
        let mut bound = frame(&called, Some((scope.frame, usize::MAX)), roles);
        for input in &called.inputs {
            let (name, Some(ty)) = (&input.name.value, &input.ty) else { continue };
            let binding = match (given(name), &input.default) {
                (Some(node), default) => self.bound(playbook, scope, ty, node).map(|binding| binding.or_default(default.clone())),
                (None, Some(default)) => Some(Binding::Literal(default.clone())),
                (None, None) if ty.is_optional() => None,
                (None, None) => {
                    self.missing_input(playbook, spec, name, ty);
                    None
                }
            };
            if binding.as_ref().is_some_and(Binding::may_be_absent) {
                inner.inputs.insert(name.clone(), Some(ty.clone().optional()));
            }
            bound.inputs.extend(binding.map(|binding| (name.clone(), binding)));
        }
        for secret in &called.secrets {
            let (name, Some(ty)) = (&secret.name.value, &secret.ty) else { continue };
            let ty = Type::Secret(Box::new(ty.clone()));
            let Some(node) = given(name) else {
                self.missing_input(playbook, spec, name, &ty);
                continue;
            };
            let before = match &node.kind {
                Kind::Scalar(scalar) => scope.traces.of(scalar.text.trim().trim_start_matches("${{").trim_end_matches("}}")),
                _ => &[],
            };
            inner.traces.add(format!("secrets.{name}"), playbook.source.place(node.span), Text::new("ここで渡された", "handed on here"), before);
            let binding = self.bound(playbook, scope, &ty, node);
            if binding.as_ref().is_some_and(Binding::may_be_absent) {
                inner.secrets.insert(name.clone(), Some(ty.optional()));
            }
            bound.secrets.extend(binding.map(|binding| (name.clone(), binding)));
        }
        let start = self.steps.len();
        let index = self.frames.len();
        self.frames.push(bound);
        let (outputs, types) = self.frame(&called, &mut inner, around);
        self.frames[index].outputs = outputs.into_iter().collect();
        let outputs: Types = types;
        // The steps of rows run only when something goes wrong: nobody waits for them.
        let inside = (start..self.steps.len()).filter(|index| self.steps[*index].row.is_none()).collect();
        Some(Done { what: What::Call { frame: index }, outputs, may_skip: false, edges: Edges::default(), inside })
    }
}
