//! Checked expressions: every node has a type.

use std::collections::BTreeMap;

use crate::dsl::{Type, Value};
use crate::text::{Span, Text};

/// A checked expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it does.
    pub node: Node,
    /// The type of its value; `optional<>` if it may be absent.
    pub ty: Type,
    /// Where it stands in its file, from its leftmost leaf.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A literal.
    Literal(Value),
    /// A list of expressions.
    List(Vec<Expr>),
    /// Named values, some of which are expressions; written in YAML, never inside an expression.
    Object(BTreeMap<String, Expr>),
    /// A text with expressions in it, inside a list or mapping.
    Text(Box<Template>),
    /// A value from outside.
    Ref(Ref),
    /// An attribute of a handle or object.
    Attribute(Box<Expr>, String),
    /// `not x`.
    Not(Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `x if c else y`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// When it is true.
        then: Box<Expr>,
        /// When it is false.
        otherwise: Box<Expr>,
    },
    /// `x is glob(pattern)`.
    Glob(Box<Expr>, Box<Expr>),
    /// `x | default(y)`; lazy.
    Default(Box<Expr>, Box<Expr>),
    /// `x | lower`.
    Lower(Box<Expr>),
    /// `x | length` of a list or text.
    Length(Box<Expr>),
    /// `x | first`.
    First(Box<Expr>),
    /// `x | last`.
    Last(Box<Expr>),
    /// `x | plus('7d')`, or `minus` when negative: seconds to add to a date or instant.
    Shift(Box<Expr>, i64),
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `and`
    And,
    /// `or`
    Or,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `+` on whole numbers, saturating
    Add,
    /// `-` on whole numbers, saturating
    Subtract,
}

/// A value from outside an expression, by the names of its playbook.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ref {
    /// `inputs.name`
    Input(String),
    /// `secrets.name`
    Secret(String),
    /// `let.name`
    Let(String),
    /// `steps.id.output`
    Output {
        /// The step.
        step: String,
        /// Its output.
        output: String,
    },
    /// `steps.id.outcome`
    Outcome(String),
    /// `result.output`: the step's own output, in `expect` and `repeat`.
    Result(String),
    /// `error.code`, `error.shown`, `error.used`, `error.left`: in `rescue`.
    Error(String),
    /// `run.id`, `run.started_at`
    Run(String),
}

/// A text with expressions in it, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Japanese.
    pub ja: Vec<Part>,
    /// English, if the author wrote it.
    pub en: Option<Vec<Part>>,
}

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As written.
    Text(String),
    /// `${{ }}`
    Expr(Expr),
}

impl Template {
    /// A text without expressions.
    pub fn plain(text: &Text) -> Self {
        Self { ja: vec![Part::Text(text.ja.clone())], en: text.en.as_ref().map(|en| vec![Part::Text(en.clone())]) }
    }

    /// All expressions in it.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.ja.iter().chain(self.en.iter().flatten()).filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expr(expr) => Some(expr),
        })
    }

    /// The expression, if the text is nothing but one.
    pub fn whole(&self) -> Option<&Expr> {
        match (self.ja.as_slice(), &self.en) {
            ([Part::Expr(expr)], None) => Some(expr),
            _ => None,
        }
    }
}
