//! What operators take and give.

use super::compile::{Checker, is_string, optional_if};
use super::parse::{Syntax, Tree};
use super::refusal::Refusal;
use super::tokens::Range;
use super::{Binary, Expr, Node};
use crate::dsl::reader::nearest;
use crate::dsl::{Type, Value, read_scalar};
use crate::text::Text;

impl Checker<'_> {
    pub(super) fn mismatch<T>(&mut self, at: Range, ja: &str, en: &str, found: &Type) -> Option<T> {
        let what = Text::new(format!("ここには{ja}が要りますが、{found} です。"), format!("{en} is needed here, not `{found}`."));
        self.refuse(Refusal::new("TYPE.MISMATCH", at, what).cure("型の合う値を書いてください。", "write a value of the right type."))
    }

    /// A condition is a bool: nothing else counts as true or false.
    fn condition(&mut self, tree: &Tree) -> Option<Expr> {
        let expr = self.part(tree)?;
        if *expr.ty.required() == Type::Bool {
            return Some(expr);
        }
        let ty = expr.ty.required();
        let what = Text::new(format!("ここには条件(bool)が要りますが、{ty} です。"), format!("a condition (bool) is needed here, not `{ty}`."));
        let refusal = Refusal::new("EXPR.NOT_BOOL", tree.at(), what);
        self.refuse(match ty {
            Type::List(_) => refusal.cure("空でないことは (x | length) > 0 と書いてください。", "write `(x | length) > 0` for a list that is not empty."),
            Type::Int => refusal.cure("x != 0 のように比べてください。", "compare it, such as `x != 0`."),
            _ => refusal.cure("== などで比べてください。", "compare it, for example with `==`."),
        })
    }

    pub(super) fn negation(&mut self, tree: &Tree, operand: &Tree) -> Option<Expr> {
        let operand = self.condition(operand)?;
        let ty = operand.ty.clone();
        Some(self.expr(tree, Node::Not(Box::new(operand)), ty))
    }

    /// `-x` is `0 - x`.
    pub(super) fn negative(&mut self, tree: &Tree, operand: &Tree) -> Option<Expr> {
        let operand = self.number(operand)?;
        let ty = operand.ty.clone();
        let zero = self.expr(tree, Node::Literal(Value::Int(0)), Type::Int);
        Some(self.expr(tree, Node::Binary(Binary::Subtract, Box::new(zero), Box::new(operand)), ty))
    }

    pub(super) fn conditional(&mut self, tree: &Tree, condition: &Tree, then_tree: &Tree, otherwise: &Tree) -> Option<Expr> {
        let checked = (self.condition(condition), self.part(then_tree), self.part(otherwise));
        let (condition, mut then, mut other) = (checked.0?, checked.1?, checked.2?);
        let ty = self.same_kind((&mut then, then_tree.at()), (&mut other, otherwise.at()))?;
        let ty = optional_if(condition.ty.is_optional() || then.ty.is_optional() || other.ty.is_optional(), ty);
        Some(self.expr(tree, Node::If { condition: Box::new(condition), then: Box::new(then), otherwise: Box::new(other) }, ty))
    }

    pub(super) fn binary(&mut self, tree: &Tree, operator: Binary, left: &Tree, right: &Tree) -> Option<Expr> {
        let (left, right, ty) = match operator {
            Binary::And | Binary::Or => {
                let checked = (self.condition(left), self.condition(right));
                (checked.0?, checked.1?, Type::Bool)
            }
            Binary::Add | Binary::Subtract => {
                let checked = (self.number(left), self.number(right));
                (checked.0?, checked.1?, Type::Int)
            }
            Binary::In | Binary::NotIn => {
                let checked = (self.part(left), self.part(right));
                let (left, right) = self.membership((checked.0?, left.at()), checked.1?, right)?;
                (left, right, Type::Bool)
            }
            _ => {
                let checked = (self.part(left), self.part(right));
                let (mut a, mut b) = (checked.0?, checked.1?);
                self.can_meet(&a.ty, &b.ty, (left.start, right.end))?;
                let ty = self.same_kind((&mut a, left.at()), (&mut b, right.at()))?;
                self.comparable(operator, &ty, (left.start, right.end))?;
                (a, b, Type::Bool)
            }
        };
        let ty = optional_if(left.ty.is_optional() || right.ty.is_optional(), ty);
        Some(self.expr(tree, Node::Binary(operator, Box::new(left), Box::new(right)), ty))
    }

    fn number(&mut self, tree: &Tree) -> Option<Expr> {
        let expr = self.part(tree)?;
        let ty = expr.ty.required();
        if *ty == Type::Int {
            return Some(expr);
        }
        let what = Text::new(format!("+ と - は整数だけの計算です({ty} があります)。"), format!("`+` and `-` take whole numbers, not `{ty}`."));
        let refusal = Refusal::new("TYPE.MISMATCH", tree.at(), what);
        self.refuse(match ty {
            Type::Date | Type::DateTime => {
                refusal.cure("日付は x | plus('7d') や x | minus('7d') と書いてください。", "write `x | plus('7d')` or `x | minus('7d')`.")
            }
            _ => refusal.cure("文は \"… ${{ … }} …\" のように、文の中に式を書いて作ってください。", "write the expressions inside the text: \"… ${{ … }} …\"."),
        })
    }

    fn membership(&mut self, (mut item, item_at): (Expr, Range), mut list: Expr, written: &Tree) -> Option<(Expr, Expr)> {
        let Type::List(inner) = list.ty.required().clone() else {
            let found = list.ty.clone();
            let what = Text::new(format!("in の右には並びが要りますが、{found} です。"), format!("`in` takes a list on its right, not `{found}`."));
            let refusal = Refusal::new("TYPE.MISMATCH", written.at(), what);
            return self.refuse(refusal.cure("文字列の一部は x is glob('*…*') で調べてください。", "write `x is glob('*…*')` to look inside a string."));
        };
        match (&mut list.node, &written.node) {
            // Each word of a written list is checked for itself.
            (Node::List(items), Syntax::List(trees)) => {
                for (other, tree) in items.iter_mut().zip(trees) {
                    let ty = self.same_kind((&mut item, item_at), (other, tree.at()))?;
                    self.comparable(Binary::Equal, &ty, tree.at())?;
                }
            }
            _ => {
                self.can_meet(&item.ty, &inner, (item_at.0, written.end))?;
                let mut element = Expr { node: list.node.clone(), ty: *inner, span: list.span };
                let ty = self.same_kind((&mut item, item_at), (&mut element, written.at()))?;
                self.comparable(Binary::Equal, &ty, written.at())?;
            }
        }
        Some((item, list))
    }

    /// Two enums without a common word are never equal.
    fn can_meet(&mut self, left: &Type, right: &Type, at: Range) -> Option<()> {
        let (Type::Enum(a), Type::Enum(b)) = (left.required(), right.required()) else { return Some(()) };
        if a.iter().any(|word| b.contains(word)) {
            return Some(());
        }
        let what = Text::new(
            format!("左({})と右({})が同じになることはありません。", a.join("・"), b.join("・")),
            format!("one of {} is never one of {}.", a.join(", "), b.join(", ")),
        );
        self.refuse(Refusal::new("EXPR.ENUM_WORD", at, what).cure("比べる相手を確かめてください。", "check what is compared."))
    }

    /// Whether values of this type can be compared so.
    fn comparable(&mut self, operator: Binary, ty: &Type, at: Range) -> Option<()> {
        let equality = matches!(operator, Binary::Equal | Binary::NotEqual);
        if matches!(ty, Type::Int | Type::Date | Type::DateTime) {
            return Some(());
        }
        if !equality {
            let what = Text::new(format!("{ty} に大小はありません。"), format!("`{ty}` has no order."));
            return self.refuse(
                Refusal::new("EXPR.ORDER", at, what).cure("< や > で比べられるのは int・date・datetime です。", "`<` and `>` compare int, date and datetime."),
            );
        }
        let base = match ty {
            Type::List(inner) => inner.required(),
            other => other,
        };
        if is_string(base) || matches!(base, Type::Int | Type::Bool | Type::Text | Type::Date | Type::DateTime) {
            return Some(());
        }
        let what = Text::new(format!("{ty} どうしを比べることはできません。"), format!("values of `{ty}` cannot be compared."));
        let refusal = Refusal::new("TYPE.MISMATCH", at, what);
        self.refuse(match ty.attributes().first() {
            Some((name, _)) => refusal.cure(format!("x.{name} のように中の値を比べてください。"), format!("compare what is in it, such as `x.{name}`.")),
            None => refusal.cure("ほかの値で比べてください。", "compare something else."),
        })
    }

    /// The type both have, `optional<>` left aside. A written string takes the type of the other side.
    pub(super) fn same_kind(&mut self, (left, left_at): (&mut Expr, Range), (right, right_at): (&mut Expr, Range)) -> Option<Type> {
        let (a, b) = (left.ty.required().clone(), right.ty.required().clone());
        if a == b {
            return Some(a);
        }
        match (&a, &b) {
            (Type::List(_), Type::List(_)) if is_empty(right) => return Some(adopt(right, a)),
            (Type::List(_), Type::List(_)) if is_empty(left) => return Some(adopt(left, b)),
            _ => {}
        }
        let read = match (written(left), written(right)) {
            (_, Some(text)) => self.read_as(right, &text, &a, right_at)?,
            (Some(text), None) => self.read_as(left, &text, &b, left_at)?,
            (None, None) => None,
        };
        if read.is_some() {
            return read;
        }
        if is_string(&a) && is_string(&b) {
            return Some(Type::String);
        }
        let what = Text::new(format!("型が違います: {a} と {b}。"), format!("the types differ: `{a}` and `{b}`."));
        let at = (left_at.0.min(right_at.0), left_at.1.max(right_at.1));
        let refusal = Refusal::new("TYPE.MISMATCH", at, what);
        self.refuse(match (&a, &b) {
            (Type::Date | Type::DateTime, _) | (_, Type::Date | Type::DateTime) => refusal.cure(
                "日付は date('2026-11-23')、日時は datetime('2026-11-23T09:00:00+09:00') と書いてください。",
                "write `date('2026-11-23')` or `datetime('2026-11-23T09:00:00+09:00')`.",
            ),
            _ => refusal.cure("同じ型の値にしてください。", "use two values of one type."),
        })
    }

    /// Takes a written string as a value of `ty`. `Some(None)` if strings cannot become that.
    fn read_as(&mut self, literal: &mut Expr, text: &str, ty: &Type, at: Range) -> Option<Option<Type>> {
        match ty {
            Type::Enum(words) if !words.iter().any(|word| word == text) => {
                let known: Vec<&str> = words.iter().map(String::as_str).collect();
                let what = Text::new(format!("「{text}」という値にはなりません。"), format!("it can never be `{text}`."));
                let near = nearest(text, known.iter().copied()).map(|word| format!("'{word}'"));
                let all = words.join("・");
                let refusal = Refusal::new("EXPR.ENUM_WORD", at, what).why(format!("{all} のどれかです"), format!("it is one of {}", words.join(", ")));
                self.refuse(refusal.did_you_mean(near.as_deref(), &known))
            }
            Type::Text => {
                literal.node = Node::Literal(Value::Text(Text::plain(text)));
                Some(Some(adopt(literal, Type::Text)))
            }
            _ if is_string(ty) && read_scalar(ty, text).is_ok() => Some(Some(adopt(literal, ty.clone()))),
            _ => Some(None),
        }
    }
}

fn adopt(expr: &mut Expr, ty: Type) -> Type {
    expr.ty = ty.clone();
    ty
}

fn is_empty(expr: &Expr) -> bool {
    matches!(&expr.node, Node::List(items) if items.is_empty())
}

/// A string written in the expression.
fn written(expr: &Expr) -> Option<String> {
    match (&expr.node, &expr.ty) {
        (Node::Literal(Value::Str(text)), Type::String) => Some(text.clone()),
        _ => None,
    }
}
