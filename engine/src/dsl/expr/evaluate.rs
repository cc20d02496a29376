//! The value of an expression, as far as it is known: strong Kleene logic over known, unknown and absent.
//!
//! Total: no operator fails or wraps around. May use: values, the clock it is given. Must not: parse anything.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::{Binary, Expr, Node, Ref, Template, Tri, Why, render};
use crate::dsl::{Type, Value, glob_matches};
use crate::text::Text;

/// What an expression can see.
pub trait Scope {
    /// The value of a name.
    fn get(&self, r: &Ref) -> Tri;
    /// The instant `days_left` counts from.
    fn now(&self) -> Timestamp;
    /// The zone in which days begin and end.
    fn zone(&self) -> &TimeZone;
}

/// The value of `expr`. What is `Known` although something is unknown holds whatever that will be.
/// An absent operand makes the result absent, unless the other operand alone decides (`false and`, `true or`) or `default` stands in.
pub fn evaluate(expr: &Expr, scope: &dyn Scope) -> Tri {
    let now = |operand: &Expr| evaluate(operand, scope);
    match &expr.node {
        Node::Literal(value) => Tri::Known(value.clone()),
        Node::Ref(r) => scope.get(r),
        Node::List(items) => list(expr, items.iter().map(now).collect()),
        Node::Object(fields) => object(expr, fields, now),
        Node::Text(template) => text(expr, template, scope),
        Node::Attribute(base, name) => match now(base) {
            Tri::Known(value) => value.attribute(name, scope.now(), scope.zone()).map_or_else(|| Tri::Absent(Why::default()), Tri::Known),
            other => retyped(expr, other),
        },
        Node::Not(operand) => one(expr, now(operand), |value| match value {
            Value::Bool(yes) => Some(Value::Bool(!yes)),
            _ => None,
        }),
        Node::Binary(Binary::And, left, right) => kleene(expr, now(left), now(right), false),
        Node::Binary(Binary::Or, left, right) => kleene(expr, now(left), now(right), true),
        Node::Binary(operator, left, right) => two(expr, now(left), now(right), |left, right| binary(*operator, left, right)),
        Node::If { condition, then, otherwise } => choose(expr, now(condition), condition.ty.is_optional(), || now(then), || now(otherwise)),
        Node::Glob(operand, pattern) => two(expr, now(operand), now(pattern), |text, pattern| match (text, pattern) {
            (Value::Str(text), Value::Str(pattern)) => Some(Value::Bool(glob_matches(pattern, text))),
            _ => None,
        }),
        Node::Default(operand, other) => match now(operand) {
            Tri::Absent(why) => match now(other) {
                Tri::Absent(also) => Tri::Absent(why.and(also)),
                known => known,
            },
            known => retyped(expr, known),
        },
        Node::Lower(operand) => one(expr, now(operand), |value| match value {
            Value::Str(text) => Some(Value::Str(text.to_lowercase())),
            _ => None,
        }),
        Node::Length(operand) => one(expr, now(operand), |value| {
            let count = match value {
                Value::List(items) => items.len(),
                Value::Str(text) | Value::Text(Text { ja: text, .. }) => text.chars().count(),
                _ => return None,
            };
            i64::try_from(count).ok().map(Value::Int)
        }),
        Node::First(operand) => end_of(expr, now(operand), |items| items.first()),
        Node::Last(operand) => end_of(expr, now(operand), |items| items.last()),
        Node::Shift(operand, seconds) => one(expr, now(operand), |value| shift(value, *seconds)),
    }
}

/// Nothing is known about a value of this expression: the checker keeps operands of wrong types out, a scope may still hand them in.
fn undecided(expr: &Expr, why: Why) -> Tri {
    Tri::Unknown(expr.ty.clone(), why)
}

fn retyped(expr: &Expr, value: Tri) -> Tri {
    match value {
        Tri::Unknown(_, why) => undecided(expr, why),
        other => other,
    }
}

fn one(expr: &Expr, operand: Tri, apply: impl FnOnce(&Value) -> Option<Value>) -> Tri {
    match operand {
        Tri::Known(value) => apply(&value).map_or_else(|| undecided(expr, Why::default()), Tri::Known),
        other => retyped(expr, other),
    }
}

fn two(expr: &Expr, left: Tri, right: Tri, apply: impl FnOnce(&Value, &Value) -> Option<Value>) -> Tri {
    match (left, right) {
        (Tri::Known(left), Tri::Known(right)) => apply(&left, &right).map_or_else(|| undecided(expr, Why::default()), Tri::Known),
        (Tri::Absent(why), Tri::Absent(also)) => Tri::Absent(why.and(also)),
        (Tri::Absent(why), _) | (_, Tri::Absent(why)) => Tri::Absent(why),
        (Tri::Unknown(_, why), Tri::Unknown(_, also)) => undecided(expr, why.and(also)),
        (Tri::Unknown(_, why), Tri::Known(_)) | (Tri::Known(_), Tri::Unknown(_, why)) => undecided(expr, why),
    }
}

/// `and` (decided by false) and `or` (decided by true).
fn kleene(expr: &Expr, left: Tri, right: Tri, decides: bool) -> Tri {
    if left.truth() == Some(decides) || right.truth() == Some(decides) {
        return Tri::Known(Value::Bool(decides));
    }
    match (left, right) {
        // The unknown one may still decide alone.
        (Tri::Absent(why), Tri::Unknown(_, also)) | (Tri::Unknown(_, why), Tri::Absent(also)) => undecided(expr, why.and(also)),
        (left, right) => two(expr, left, right, |_, _| Some(Value::Bool(!decides))),
    }
}

fn list(expr: &Expr, items: Vec<Tri>) -> Tri {
    let mut values = vec![];
    let (mut unknown, mut absent) = (None::<Why>, None::<Why>);
    for item in items {
        match item {
            Tri::Known(value) => values.push(value),
            Tri::Unknown(_, why) => unknown = Some(unknown.unwrap_or_default().and(why)),
            Tri::Absent(why) => absent = Some(absent.unwrap_or_default().and(why)),
        }
    }
    match (absent, unknown) {
        (Some(why), _) => Tri::Absent(why),
        (None, Some(why)) => undecided(expr, why),
        (None, None) => Tri::Known(Value::List(values)),
    }
}

/// A field that may be left out is left out when it is absent.
fn object(expr: &Expr, fields: &BTreeMap<String, Expr>, now: impl Fn(&Expr) -> Tri) -> Tri {
    let mut values = BTreeMap::new();
    let (mut unknown, mut absent) = (None::<Why>, None::<Why>);
    let may_be_left_out = |name: &str| matches!(expr.ty.required(), Type::Object(known) if known.get(name).is_some_and(Type::is_optional));
    for (name, field) in fields {
        match now(field) {
            Tri::Known(value) => {
                values.insert(name.clone(), value);
            }
            Tri::Unknown(_, why) => unknown = Some(unknown.unwrap_or_default().and(why)),
            Tri::Absent(_) if may_be_left_out(name) => {}
            Tri::Absent(why) => absent = Some(absent.unwrap_or_default().and(why)),
        }
    }
    match (absent, unknown) {
        (Some(why), _) => Tri::Absent(why),
        (None, Some(why)) => undecided(expr, why),
        (None, None) => Tri::Known(Value::Map(values)),
    }
}

/// A text that is one single expression is absent when that is.
fn text(expr: &Expr, template: &Template, scope: &dyn Scope) -> Tri {
    if let Some(Tri::Absent(why)) = template.whole().map(|whole| evaluate(whole, scope)) {
        return Tri::Absent(why);
    }
    let (text, waits_for) = render(template, scope);
    if waits_for.0.is_empty() { Tri::Known(Value::Text(text)) } else { undecided(expr, waits_for) }
}

fn choose(expr: &Expr, condition: Tri, may_be_absent: bool, then: impl FnOnce() -> Tri, otherwise: impl FnOnce() -> Tri) -> Tri {
    let (ty, why) = match condition {
        Tri::Known(Value::Bool(true)) => return retyped(expr, then()),
        Tri::Known(Value::Bool(false)) => return retyped(expr, otherwise()),
        Tri::Known(_) => return undecided(expr, Why::default()),
        Tri::Absent(why) => return Tri::Absent(why),
        Tri::Unknown(ty, why) => (ty, why),
    };
    let reasons = |tri: &Tri| match tri {
        Tri::Known(_) => Why::default(),
        Tri::Unknown(_, why) | Tri::Absent(why) => why.clone(),
    };
    match (then(), otherwise()) {
        // A condition that turns out absent makes the whole absent, whatever the arms are.
        (Tri::Known(a), Tri::Known(b)) if a == b && !may_be_absent && !ty.is_optional() => Tri::Known(a),
        (Tri::Absent(a), Tri::Absent(b)) => Tri::Absent(why.and(a).and(b)),
        (a, b) => undecided(expr, why.and(reasons(&a)).and(reasons(&b))),
    }
}

fn end_of(expr: &Expr, operand: Tri, pick: impl FnOnce(&[Value]) -> Option<&Value>) -> Tri {
    match operand {
        Tri::Known(Value::List(items)) => pick(&items).cloned().map_or_else(|| Tri::Absent(Why::default()), Tri::Known),
        Tri::Known(_) => undecided(expr, Why::default()),
        other => retyped(expr, other),
    }
}

fn binary(operator: Binary, left: &Value, right: &Value) -> Option<Value> {
    Some(match operator {
        Binary::Equal => Value::Bool(equal(left, right)),
        Binary::NotEqual => Value::Bool(!equal(left, right)),
        Binary::Less => Value::Bool(order(left, right)?.is_lt()),
        Binary::LessEqual => Value::Bool(order(left, right)?.is_le()),
        Binary::Greater => Value::Bool(order(left, right)?.is_gt()),
        Binary::GreaterEqual => Value::Bool(order(left, right)?.is_ge()),
        Binary::In => Value::Bool(contains(left, right)?),
        Binary::NotIn => Value::Bool(!contains(left, right)?),
        Binary::Add => Value::Int(int(left)?.saturating_add(int(right)?)),
        Binary::Subtract => Value::Int(int(left)?.saturating_sub(int(right)?)),
        Binary::And | Binary::Or => return None,
    })
}

/// Words for people are equal when their Japanese is: English may be missing.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => a.ja == b.ja,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn contains(item: &Value, list: &Value) -> Option<bool> {
    match list {
        Value::List(items) => Some(items.iter().any(|other| equal(item, other))),
        _ => None,
    }
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// Adds seconds; days move by whole days. Stops at the first and last day of the calendar.
fn shift(value: &Value, seconds: i64) -> Option<Value> {
    match value {
        Value::Date(date) => {
            let limit = if seconds < 0 { civil::Date::MIN } else { civil::Date::MAX };
            Some(Value::Date(date.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(limit)))
        }
        Value::DateTime(at) => {
            let limit = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
            Some(Value::DateTime(at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(limit)))
        }
        _ => None,
    }
}
