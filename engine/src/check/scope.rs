//! The names of one playbook, and what each may be used for at one place.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::traces::Traces;
use crate::dsl::expr::{Expr, NameError, Names, Ref};
use crate::dsl::{RoleKind, Type};
use crate::text::Text;

/// Types by name; `None` where an earlier error already explains that there is none.
pub(super) type Types = BTreeMap<String, Option<Type>>;

/// A role as one playbook sees it.
#[derive(Clone, Debug)]
pub(super) struct RoleIn {
    /// Kind.
    pub(super) kind: RoleKind,
    /// Profile.
    pub(super) profile: Option<String>,
    /// Name in the root playbook.
    pub(super) root: String,
}

/// The `do` of one row of `rescue`, while its steps are checked.
#[derive(Clone, Default)]
pub(super) struct RowScope {
    /// What stands before the ids of its steps among the names of the frame: `request/rescue/NET.UNTRUSTED/`.
    pub(super) prefix: String,
    /// Outputs of its steps so far; `None` for a step with an error.
    pub(super) steps: BTreeMap<String, Option<Types>>,
}

/// The names of one frame while its steps are checked from top to bottom.
#[derive(Clone, Default)]
pub(super) struct Scope {
    /// Index of the frame.
    pub(super) frame: usize,
    /// Inputs.
    pub(super) inputs: Types,
    /// Secrets, as `secret<..>`.
    pub(super) secrets: Types,
    /// Roles; `None` where one was reported.
    pub(super) roles: BTreeMap<String, Option<RoleIn>>,
    /// `let` that were checked.
    pub(super) lets: Types,
    /// `let` that wait for steps further down.
    pub(super) waiting: BTreeSet<String>,
    /// Kept secrets whose subject waits for steps further down.
    pub(super) unkept: Vec<String>,
    /// Outputs of the steps so far; `None` for a step with an error.
    pub(super) steps: BTreeMap<String, Option<Types>>,
    /// Ids of all steps.
    pub(super) all_steps: Vec<String>,
    /// The ways that secrets took.
    pub(super) traces: Traces,
    /// Set in a row of `rescue`.
    pub(super) row: Option<RowScope>,
}

/// A scope as seen from one place.
pub(super) struct View<'a> {
    /// The names.
    pub(super) scope: &'a Scope,
    /// Own outputs, in `expect` and `repeat`.
    pub(super) result: Option<&'a Types>,
    /// Set when a name was not there yet but will be; then it is not an error here.
    pub(super) postponed: Option<&'a Cell<bool>>,
}

impl Names for View<'_> {
    fn type_of(&self, r: &Ref) -> Result<Type, NameError> {
        let scope = self.scope;
        match r {
            Ref::Input(name) => pick(&scope.inputs, name, "REF.UNKNOWN_INPUT", "inputs"),
            Ref::Secret(name) if scope.unkept.contains(name) => Err(self.later(Text::new(
                format!("secrets.{name} の kept.about は、これより下の手順か、自分自身に頼っています。"),
                format!("what `secrets.{name}` is about depends on a step below, or on itself."),
            ))),
            Ref::Secret(name) => pick(&scope.secrets, name, "REF.UNKNOWN_SECRET", "secrets"),
            Ref::Let(name) if scope.waiting.contains(name) => Err(self.later(Text::new(
                format!("let.{name} は、これより下の手順か、自分自身に頼っています。"),
                format!("`let.{name}` depends on a step below, or on itself."),
            ))),
            Ref::Let(name) => pick(&scope.lets, name, "REF.UNKNOWN_LET", "let"),
            Ref::Output { step, output } => match self.step(step)? {
                Some(outputs) => pick(outputs, output, "REF.UNKNOWN_OUTPUT", &format!("steps.{step}")),
                None => Err(silent()),
            },
            // Which words there are is a fact of the language; here it only counts whether the step is there.
            Ref::Outcome(step) => self.step(step).map(|_| Type::String),
            Ref::Result(name) => match self.result {
                Some(result) => pick(result, name, "REF.UNKNOWN_OUTPUT", "result"),
                None => Err(NameError {
                    code: "REF.RESULT",
                    what: Text::new(
                        "result は、その手順自身の expect と repeat でだけ使えます。",
                        "`result` is known in the step's own `expect` and `repeat` only.",
                    ),
                    candidates: vec![],
                    silent: false,
                }),
            },
            Ref::Error(name) => match (self.scope.row.is_some(), name.as_str()) {
                (false, _) => {
                    let what = Text::new("error は rescue の行の中だけで使えます。", "`error` is known in rows of `rescue` only.");
                    Err(NameError { code: "REF.ERROR", what, candidates: vec![], silent: false })
                }
                (true, "code") => Ok(Type::String),
                (true, "shown") => Ok(Type::String.optional()),
                (true, "used" | "left") => Ok(Type::Int.optional()),
                _ => Err(unknown("REF.UNKNOWN_NAME", "error", name, ["code", "shown", "used", "left"].map(str::to_owned).to_vec())),
            },
            Ref::Run(name) => match name.as_str() {
                "id" => Ok(Type::String),
                "started_at" => Ok(Type::DateTime),
                _ => Err(unknown("REF.UNKNOWN_NAME", "run", name, ["id", "started_at"].map(str::to_owned).to_vec())),
            },
        }
    }

    fn row(&self) -> Option<&str> {
        self.scope.row.as_ref().map(|row| row.prefix.as_str())
    }
}

impl View<'_> {
    fn step(&self, id: &str) -> Result<Option<&Types>, NameError> {
        if let Some((row, id)) = self.scope.row.as_ref().and_then(|row| Some((row, id.strip_prefix(row.prefix.as_str())?))) {
            return match row.steps.get(id) {
                Some(outputs) => Ok(outputs.as_ref()),
                None => Err(unknown("REF.UNKNOWN_STEP", "do", id, row.steps.keys().cloned().collect())),
            };
        }
        if let Some(outputs) = self.scope.steps.get(id) {
            return Ok(outputs.as_ref());
        }
        if self.scope.all_steps.iter().any(|known| known == id) {
            return Err(self.later(Text::new(
                format!("手順「{id}」はここより上にありません。上にある手順だけを使えます。"),
                format!("the step `{id}` is not above; only steps above can be used."),
            )));
        }
        Err(unknown("REF.UNKNOWN_STEP", "steps", id, self.scope.all_steps.clone()))
    }

    fn later(&self, what: Text) -> NameError {
        match self.postponed {
            Some(postponed) => {
                postponed.set(true);
                silent()
            }
            None => NameError { code: "REF.NOT_ABOVE", what, candidates: vec![], silent: false },
        }
    }
}

fn pick(types: &Types, name: &str, code: &'static str, root: &str) -> Result<Type, NameError> {
    match types.get(name) {
        Some(Some(ty)) => Ok(ty.clone()),
        Some(None) => Err(silent()),
        None => Err(unknown(code, root, name, types.keys().cloned().collect())),
    }
}

fn silent() -> NameError {
    NameError { code: "REF.UNKNOWN_NAME", what: Text::default(), candidates: vec![], silent: true }
}

fn unknown(code: &'static str, root: &str, name: &str, candidates: Vec<String>) -> NameError {
    NameError { code, what: Text::new(format!("「{root}.{name}」はありません。"), format!("there is no `{root}.{name}`.")), candidates, silent: false }
}

/// Every name that an expression uses.
pub(super) fn refs(expr: &Expr) -> Vec<&Ref> {
    use crate::dsl::expr::Node;
    match &expr.node {
        Node::Literal(_) => vec![],
        Node::List(items) => items.iter().flat_map(refs).collect(),
        Node::Object(fields) => fields.values().flat_map(refs).collect(),
        Node::Text(template) => template.exprs().flat_map(refs).collect(),
        Node::Ref(r) => vec![r],
        Node::Attribute(inner, _)
        | Node::Not(inner)
        | Node::Lower(inner)
        | Node::Length(inner)
        | Node::First(inner)
        | Node::Last(inner)
        | Node::Shift(inner, _) => refs(inner),
        Node::Binary(_, a, b) | Node::Glob(a, b) | Node::Default(a, b) => [refs(a), refs(b)].concat(),
        Node::If { condition, then, otherwise } => [refs(condition), refs(then), refs(otherwise)].concat(),
    }
}
