//! Expressions as text again: what is printed reads back as the same expression.
//!
//! Must not: know names or types; what cannot be written inside an expression (a handle, a mapping, a text with expressions) is `…`.

use std::fmt;

use super::{Binary, Expr, Node, Ref};
use crate::dsl::Value;

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name) => write!(f, "inputs.{name}"),
            Self::Secret(name) => write!(f, "secrets.{name}"),
            Self::Let(name) => write!(f, "let.{name}"),
            Self::Output { step, output } => write!(f, "steps.{step}.{output}"),
            Self::Outcome(step) => write!(f, "steps.{step}.outcome"),
            Self::Result(name) => write!(f, "result.{name}"),
            Self::Error(name) => write!(f, "error.{name}"),
            Self::Run(name) => write!(f, "run.{name}"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Literal(value) => literal(value, f),
            Node::Ref(r) => write!(f, "{r}"),
            Node::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
            Node::Object(_) | Node::Text(_) => f.write_str("…"),
            Node::Attribute(base, name) => write!(f, "{}.{name}", Part(base)),
            Node::Not(operand) => write!(f, "not {}", Part(operand)),
            Node::Binary(operator, left, right) => write!(f, "{} {} {}", Part(left), operator.word(), Part(right)),
            Node::If { condition, then, otherwise } => write!(f, "{} if {} else {}", Part(then), Part(condition), Part(otherwise)),
            Node::Glob(operand, pattern) => write!(f, "{} is glob({pattern})", Part(operand)),
            Node::Default(operand, other) => write!(f, "{} | default({other})", Part(operand)),
            Node::Lower(operand) => write!(f, "{} | lower", Part(operand)),
            Node::Length(operand) => write!(f, "{} | length", Part(operand)),
            Node::First(operand) => write!(f, "{} | first", Part(operand)),
            Node::Last(operand) => write!(f, "{} | last", Part(operand)),
            Node::Shift(operand, seconds) => {
                let filter = if *seconds < 0 { "minus" } else { "plus" };
                write!(f, "{} | {filter}('{}')", Part(operand), length(seconds.unsigned_abs()))
            }
        }
    }
}

/// An operand, in brackets unless it is a single word: precedence is never relied on.
struct Part<'a>(&'a Expr);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let negative = matches!(&self.0.node, Node::Literal(Value::Int(number)) if *number < 0);
        match &self.0.node {
            Node::Literal(_) | Node::List(_) | Node::Ref(_) | Node::Attribute(..) if !negative => write!(f, "{}", self.0),
            _ => write!(f, "({})", self.0),
        }
    }
}

impl Binary {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Add => "+",
            Self::Subtract => "-",
        }
    }
}

fn literal(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::Str(text) => quoted(text, f),
        Value::Text(text) => quoted(&text.ja, f),
        Value::Int(number) => write!(f, "{number}"),
        Value::Bool(yes) => write!(f, "{yes}"),
        Value::Date(date) => write!(f, "date('{date}')"),
        Value::DateTime(at) => write!(f, "datetime('{at}')"),
        Value::List(items) => {
            f.write_str("[")?;
            for (index, item) in items.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ", " })?;
                literal(item, f)?;
            }
            f.write_str("]")
        }
        _ => f.write_str("…"),
    }
}

/// In single quotes, with the escapes that the parser reads back.
fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("'")?;
    for c in text.chars() {
        match c {
            '\'' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() && u32::from(c) <= 0xff => write!(f, "\\x{:02x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("'")
}

/// In the greatest unit that fits: `7d`, `12h`, `90s`.
fn length(seconds: u64) -> String {
    match seconds {
        s if s > 0 && s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s > 0 && s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s > 0 && s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
