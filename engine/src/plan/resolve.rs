//! Names to values, across the frames of sub-playbooks: what a plan knows, and what a run has.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::action::{Inputs, Outputs};
use crate::check::{Binding, BoundAction, Checked, Condition, SecretDecl, What};
use crate::dsl::expr::{Expr, Part, Ref, Scope, Template, Tri, Why, evaluate, render};
use crate::dsl::{Type, Value};
use crate::text::Text;

/// What is known of a step.
#[derive(Clone, Debug)]
pub enum StepFacts<'a> {
    /// It has not ended; its outputs will be known after it.
    Pending,
    /// It was, or will be, skipped.
    Skipped,
    /// It ended: the word of its outcome, and its outputs as JSON by name.
    Ended(&'a str, &'a BTreeMap<String, Json>),
}

/// What is known of a run or a plan so far.
pub trait Facts {
    /// Of the step with this index.
    fn step(&self, index: usize) -> StepFacts<'_>;
}

/// What expressions of a row of `rescue` can see of the error.
#[derive(Clone, Copy, Debug)]
pub struct ErrorFacts<'a> {
    /// Code.
    pub code: &'a str,
    /// The text on the page that meant it.
    pub shown: Option<&'a str>,
    /// Failed tries that are counted.
    pub used: Option<i64>,
    /// Tries left.
    pub left: Option<i64>,
}

impl<'a> ErrorFacts<'a> {
    /// Of an error's code and its facts for machines.
    pub fn of(code: &'a str, data: &'a BTreeMap<String, String>) -> Self {
        let number = |name: &str| data.get(name)?.parse().ok();
        Self { code, shown: data.get("shown").map(String::as_str), used: number("used"), left: number("left") }
    }
}

/// Resolves names of a checked playbook against facts.
#[derive(Clone, Copy)]
pub struct Resolver<'a> {
    /// The playbook.
    pub checked: &'a Checked,
    /// Inputs of the root playbook.
    pub inputs: &'a BTreeMap<String, Value>,
    /// What is known.
    pub facts: &'a dyn Facts,
    /// Run id; empty in a plan.
    pub run: &'a str,
    /// Expressions' "now".
    pub now: Timestamp,
    /// The site's time zone.
    pub zone: &'a TimeZone,
    /// The error that a row of `rescue` is for; `None` where there is none yet.
    pub error: Option<ErrorFacts<'a>>,
}

/// The inputs of a step, in parallel trees: known, unknown (with why), secret.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// Known values, secrets as references among them.
    pub known: Inputs,
    /// Unknown ones: type, and what they wait for.
    pub unknown: BTreeMap<String, (Type, Why)>,
    /// Required inputs that are absent: the step is skipped.
    pub absent: BTreeMap<String, Why>,
}

struct FrameScope<'a> {
    resolver: Resolver<'a>,
    frame: usize,
    result: Option<&'a Outputs>,
}

impl Scope for FrameScope<'_> {
    fn get(&self, reference: &Ref) -> Tri {
        self.resolver.reference(self.frame, reference, self.result)
    }

    fn now(&self) -> Timestamp {
        self.resolver.now
    }

    fn zone(&self) -> &TimeZone {
        self.resolver.zone
    }
}

impl<'a> Resolver<'a> {
    /// The value of an expression in a frame; `result` is the step's own outputs.
    pub fn value(&self, frame: usize, expr: &Expr, result: Option<&Outputs>) -> Tri {
        evaluate(expr, &FrameScope { resolver: *self, frame, result })
    }

    /// The truth of a condition.
    pub fn truth(&self, condition: &Condition, result: Option<&Outputs>) -> Tri {
        self.value(condition.frame, &condition.expr, result)
    }

    /// A text for people; what is not known yet is said so in it.
    pub fn text(&self, frame: usize, template: &Template, result: Option<&Outputs>) -> Text {
        render(template, &FrameScope { resolver: *self, frame, result }).0
    }

    /// The inputs of a step's action.
    pub fn inputs_of(&self, frame: usize, action: &BoundAction) -> Bound {
        let mut bound = Bound::default();
        for spec in &action.manifest.inputs {
            let Some(binding) = action.with.get(&spec.name) else { continue };
            match self.binding(frame, binding, &spec.ty) {
                Tri::Known(value) => {
                    bound.known.0.insert(spec.name.clone(), value);
                }
                Tri::Unknown(ty, why) => {
                    bound.unknown.insert(spec.name.clone(), (ty, why));
                }
                Tri::Absent(why) => {
                    if !spec.ty.is_optional() {
                        bound.absent.insert(spec.name.clone(), why);
                    }
                }
            }
        }
        let one_of = &action.manifest.one_of;
        let left = |name: &&str| bound.known.0.contains_key(*name) || bound.unknown.contains_key(*name);
        // None of them is left: what they guard must not happen without.
        if let (Some(first), false) = (one_of.first(), one_of.iter().any(left)) {
            let given = one_of.iter().filter_map(|name| action.with.get(*name));
            let why = given.filter_map(|binding| match self.binding(frame, binding, &Type::Text) {
                Tri::Absent(why) => Some(why),
                _ => None,
            });
            let why = why.reduce(Why::and).unwrap_or_default();
            bound.absent.insert((*first).to_owned(), why);
        }
        bound
    }

    /// What a kept secret is about, once everything in it is known.
    pub fn subject(&self, secret: &SecretDecl) -> Option<String> {
        let (_, about) = secret.kept.as_ref()?;
        let parts = about.ja.iter().map(|part| match part {
            Part::Text(_) => true,
            Part::Expr(expr) => self.value(0, expr, None).known().is_some(),
        });
        parts.into_iter().all(|known| known).then(|| self.text(0, about, None).ja)
    }

    /// The outputs of the root playbook that are known.
    pub fn outputs(&self) -> Outputs {
        let outputs = self.checked.outputs.iter();
        outputs.filter_map(|(name, expr)| Some((name.clone(), self.value(0, expr, None).known()?.clone()))).collect()
    }

    /// The value of a name in a frame, if it is known.
    pub fn named(&self, frame: usize, reference: &Ref) -> Option<Value> {
        self.reference(frame, reference, None).known().cloned()
    }

    /// The value that a row gives for an output, if it is known.
    pub fn given(&self, frame: usize, binding: &Binding) -> Option<Value> {
        self.binding(frame, binding, &Type::Text).known().cloned()
    }

    fn binding(&self, frame: usize, binding: &Binding, ty: &Type) -> Tri {
        match binding {
            Binding::Literal(value) => Tri::Known(value.clone()),
            Binding::Expr(expr) => self.value(frame, expr, None),
            Binding::Template(template) => {
                if let Some(Tri::Absent(why)) = template.whole().map(|expr| self.value(frame, expr, None)) {
                    return Tri::Absent(why);
                }
                let scope = FrameScope { resolver: *self, frame, result: None };
                let (text, waits_for) = render(template, &scope);
                if !waits_for.0.is_empty() {
                    return Tri::Unknown(ty.required().clone(), waits_for);
                }
                match ty.required() {
                    Type::Text => Tri::Known(Value::Text(text)),
                    _ => Tri::Known(Value::Str(text.ja)),
                }
            }
        }
    }

    fn reference(&self, frame: usize, reference: &Ref, result: Option<&Outputs>) -> Tri {
        let scope = &self.checked.frames[frame];
        let absent = |name: &str| Tri::Absent(Why::of(name));
        match reference {
            Ref::Input(name) => match scope.caller {
                None => self.inputs.get(name).map_or_else(|| absent(name), |value| Tri::Known(value.clone())),
                Some((caller, _)) => match scope.inputs.get(name) {
                    Some(binding) => self.binding(caller, binding, &Type::Text),
                    None => absent(name),
                },
            },
            Ref::Secret(name) => match scope.caller {
                None => Tri::Known(Value::DeclaredSecret(name.clone())),
                Some((caller, _)) => match scope.secrets.get(name) {
                    Some(binding) => self.binding(caller, binding, &Type::Text),
                    None => absent(name),
                },
            },
            Ref::Let(name) => scope.lets.get(name).map_or_else(|| absent(name), |expr| self.value(frame, expr, None)),
            Ref::Output { step, output } => match scope.steps.get(step) {
                Some(index) => self.output(*index, output),
                None => absent(step),
            },
            Ref::Outcome(step) => match scope.steps.get(step).map(|index| (*index, self.facts.step(*index))) {
                Some((_, StepFacts::Ended(outcome, _))) => Tri::Known(Value::Str(outcome.to_owned())),
                Some((_, StepFacts::Skipped)) => Tri::Known(Value::Str("skipped".to_owned())),
                Some((index, StepFacts::Pending)) => Tri::Unknown(Type::String, Why::of(&self.checked.steps[index].address)),
                None => absent(step),
            },
            Ref::Result(name) => result.and_then(|outputs| outputs.get(name)).map_or_else(|| absent(name), |value| Tri::Known(value.clone())),
            Ref::Error(name) => self.error(name),
            Ref::Run(name) => match name.as_str() {
                "started_at" => Tri::Known(Value::DateTime(self.now)),
                "id" if !self.run.is_empty() => Tri::Known(Value::Str(self.run.to_owned())),
                _ => Tri::Unknown(Type::String, Why::of("run")),
            },
        }
    }

    fn error(&self, name: &str) -> Tri {
        let number = |number: Option<i64>| number.map_or_else(|| Tri::Absent(Why::of(format!("error.{name}"))), |number| Tri::Known(Value::Int(number)));
        match (&self.error, name) {
            (None, "used" | "left") => Tri::Unknown(Type::Int, Why::default()),
            (None, _) => Tri::Unknown(Type::String, Why::default()),
            (Some(error), "code") => Tri::Known(Value::Str(error.code.to_owned())),
            (Some(error), "used") => number(error.used),
            (Some(error), "left") => number(error.left),
            (Some(error), _) => error.shown.map_or_else(|| Tri::Absent(Why::of("error.shown")), |shown| Tri::Known(Value::Str(shown.to_owned()))),
        }
    }

    fn output(&self, index: usize, output: &str) -> Tri {
        let step = &self.checked.steps[index];
        let why = || Why::of(&step.address);
        match &step.what {
            What::Call { frame } => match self.checked.frames[*frame].outputs.get(output) {
                Some(_) if matches!(self.facts.step(index), StepFacts::Skipped) => Tri::Absent(why()),
                Some(expr) => self.value(*frame, expr, None),
                None => Tri::Absent(why()),
            },
            What::Action(action) => {
                let Some(spec) = action.manifest.outputs.iter().find(|spec| spec.name == output) else { return Tri::Absent(why()) };
                match self.facts.step(index) {
                    StepFacts::Pending => Tri::Unknown(spec.ty.required().clone(), why()),
                    StepFacts::Skipped => Tri::Absent(why()),
                    StepFacts::Ended(_, outputs) => {
                        outputs.get(output).and_then(|json| Value::from_json(&spec.ty, json)).map_or_else(|| Tri::Absent(why()), Tri::Known)
                    }
                }
            }
        }
    }
}

/// Outputs as JSON, as journals and plans hold them.
pub fn outputs_to_json(outputs: &Outputs) -> BTreeMap<String, Json> {
    outputs.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
}

/// Outputs back from JSON, by the manifest's types; what does not fit is left out.
pub fn outputs_from_json(action: &BoundAction, json: &BTreeMap<String, Json>) -> Outputs {
    let specs = action.manifest.outputs.iter();
    specs.filter_map(|spec| Some((spec.name.clone(), Value::from_json(&spec.ty, json.get(&spec.name)?)?))).collect()
}
