//! What stands in `with`, `when` and texts, to typed expressions and literals.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::Binding;
use super::assign::{assignable, printable};
use super::scope::{Scope, Types, View};
use crate::dsl::expr::{Expr, Node as ExprNode, Part, Piece, Template, compile, scan};
use crate::dsl::playbook::{Words, Written, literal, missing_field};
use crate::dsl::reader::Reader;
use crate::dsl::{Type, Value};
use crate::text::{Diagnostic, Kind, Node, Scalar, Source, Span, Text};

/// Binds values at one place of a playbook.
pub(super) struct Binder<'a> {
    /// The playbook's file.
    pub(super) source: &'a Source,
    /// Its names.
    pub(super) scope: &'a Scope,
    /// Own outputs, in `expect` and `repeat`.
    pub(super) result: Option<&'a Types>,
    /// Set when a name was met that is not there yet but will be.
    pub(super) postponed: Option<&'a Cell<bool>>,
    /// Findings.
    pub(super) found: Vec<Diagnostic>,
}

impl<'a> Binder<'a> {
    /// A binder without `result`.
    pub(super) fn new(source: &'a Source, scope: &'a Scope) -> Self {
        Self { source, scope, result: None, postponed: None, found: vec![] }
    }

    /// Reports something at a place; of a secret with the way it took.
    pub(super) fn error(&mut self, code: &'static str, span: Span, what: Text, cure: Text) {
        let mut finding = Diagnostic::error(code, self.source.place(span), what).cure(cure);
        self.scope.traces.explain(self.source, &mut finding);
        self.found.push(finding);
    }

    fn compiled(&mut self, scalar: &Scalar, text: &str, start: usize) -> Option<Expr> {
        let names = View { scope: self.scope, result: self.result, postponed: self.postponed };
        let at = |from: usize, to: usize| scalar.place(Span::new(start + from, start + to));
        match compile(text, &at, self.source, &names) {
            Ok(expr) => Some(expr),
            Err(mut found) => {
                found.iter_mut().for_each(|finding| self.scope.traces.explain(self.source, finding));
                self.found.extend(found);
                None
            }
        }
    }

    /// A bare expression.
    pub(super) fn bare(&mut self, written: &Written) -> Option<Expr> {
        if written.scalar.text.trim_start().starts_with("${{") {
            let what = Text::new("ここには ${{ }} を付けずに式を書きます。", "an expression stands here without `${{ }}`.");
            self.error("EXPR.WRAPPED", written.span, what, Text::new("${{ と }} を消してください。", "remove `${{` and `}}`."));
            return None;
        }
        self.compiled(&written.scalar, &written.scalar.text, 0)
    }

    /// Binds what may use names further down.
    ///
    /// # Errors
    /// It has to wait for them; nothing is reported.
    pub(super) fn early<T>(&mut self, bind: impl FnOnce(&mut Binder<'_>) -> Option<T>) -> Result<Option<T>, ()> {
        let postponed = Cell::new(false);
        let mut early = Binder { source: self.source, scope: self.scope, result: self.result, postponed: Some(&postponed), found: vec![] };
        let bound = bind(&mut early);
        let found = early.found;
        if postponed.get() {
            return Err(());
        }
        self.found.extend(found);
        Ok(bound)
    }

    /// A truth value.
    pub(super) fn condition(&mut self, written: &Written) -> Option<Expr> {
        let expr = self.bare(written)?;
        if *expr.ty.required() == Type::Bool {
            return Some(expr);
        }
        let what = Text::new(format!("条件は真偽値でなければなりません({} です)。", expr.ty), format!("a condition must be a bool; this is {}.", expr.ty));
        self.error("TYPE.MISMATCH", expr.span, what, Text::new("比較(== や <=)にしてください。", "write a comparison (`==`, `<=`)."));
        None
    }

    /// Words for people.
    pub(super) fn words(&mut self, words: &Words) -> Option<Template> {
        let ja = self.parts(&words.ja.scalar, words.ja.span);
        let en = words.en.as_ref().map(|en| self.parts(&en.scalar, en.span));
        Some(Template { ja: ja?, en: en.map_or(Some(None), |en| en.map(Some))? })
    }

    fn parts(&mut self, scalar: &Scalar, span: Span) -> Option<Vec<Part>> {
        let parts: Vec<Option<Part>> = self
            .pieces(scalar, span)?
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(Part::Text(text)),
                Piece::Expr { text, start } => {
                    let expr = self.compiled(scalar, &text, start)?;
                    self.fits_text(&expr).then_some(Part::Expr(expr))
                }
            })
            .collect();
        parts.into_iter().collect()
    }

    fn fits_text(&mut self, expr: &Expr) -> bool {
        if printable(&expr.ty) {
            return true;
        }
        if expr.ty.is_secret() {
            let what = Text::new("秘密の値は文の中に出せません。", "a secret cannot stand in a text.");
            self.error("SECRET.SINK", expr.span, what, Text::new("文から外してください。", "take it out of the text."));
        } else {
            let what = Text::new(format!("型 {} の値は文の中に出せません。", expr.ty), format!("a value of type {} cannot stand in a text.", expr.ty));
            self.error(
                "TYPE.MISMATCH",
                expr.span,
                what,
                Text::new("その中の項目(例: .not_after)を書いてください。", "write one of its attributes, such as `.not_after`."),
            );
        }
        false
    }

    fn pieces(&mut self, scalar: &Scalar, span: Span) -> Option<Vec<Piece>> {
        match scan(&scalar.text) {
            Ok(pieces) => Some(pieces),
            Err(error) => {
                let mut at = scalar.place(Span::new(error.at, error.at + 1));
                at = if at.start < at.end { at } else { span };
                self.found.push(Diagnostic::error("EXPR.SYNTAX", self.source.place(at), error.what));
                None
            }
        }
    }

    /// The value of an input of a type.
    pub(super) fn value(&mut self, ty: &Type, node: &Node) -> Option<Binding> {
        if !has_expression(node) {
            return self.literal(ty, node).map(Binding::Literal);
        }
        match (ty.required(), &node.kind) {
            (_, Kind::Scalar(scalar)) => self.scalar(ty, scalar, node.span),
            (Type::List(inner), Kind::List(items)) => {
                let items: Vec<Option<Expr>> = items.iter().map(|item| self.inside(inner, item)).collect();
                let items: Vec<Expr> = items.into_iter().collect::<Option<_>>()?;
                let optional = items.iter().any(|item| item.ty.is_optional());
                Some(built(ExprNode::List(items), ty, optional, node.span))
            }
            (Type::Map(inner), Kind::Map(entries)) => {
                let fields = entries.iter().map(|entry| Some((entry.key.value.clone(), self.inside(inner, &entry.value)?))).collect::<Vec<_>>();
                let fields: BTreeMap<String, Expr> = fields.into_iter().collect::<Option<_>>()?;
                let optional = fields.values().any(|field| field.ty.is_optional());
                Some(built(ExprNode::Object(fields), ty, optional, node.span))
            }
            (Type::Object(known), Kind::Map(_)) => self.object(ty, known, node),
            (Type::Text, Kind::Map(_)) => {
                let mut reader = Reader::new(self.source);
                let words = Words::read(&mut reader, node);
                self.found.extend(reader.found);
                self.words(&words?).map(Binding::Template)
            }
            _ => {
                self.not_here(node.span);
                None
            }
        }
    }

    /// A value inside a list or mapping.
    fn inside(&mut self, ty: &Type, node: &Node) -> Option<Expr> {
        Some(match self.value(ty, node)? {
            Binding::Expr(expr) => expr,
            Binding::Literal(value) => Expr { node: ExprNode::Literal(value), ty: ty.required().clone(), span: node.span },
            Binding::Template(template) => {
                let optional = template.whole().is_some_and(|expr| expr.ty.is_optional());
                let ty = if optional { Type::Text.optional() } else { Type::Text };
                Expr { node: ExprNode::Text(Box::new(template)), ty, span: node.span }
            }
        })
    }

    /// Named fields, some of them with expressions.
    fn object(&mut self, ty: &Type, known: &BTreeMap<String, Type>, node: &Node) -> Option<Binding> {
        let mut reader = Reader::new(self.source);
        let keys: Vec<&str> = known.keys().map(String::as_str).collect();
        let given = reader.map(node, &keys);
        let missing: Vec<&String> =
            known.iter().filter(|(name, ty)| !ty.is_optional() && given.is_some_and(|given| given.get(name).is_none())).map(|(name, _)| name).collect();
        missing.iter().for_each(|name| missing_field(&mut reader, node, name));
        let whole = reader.found.is_empty();
        self.found.extend(reader.found);
        let given = given?;
        let fields = known.iter().filter_map(|(name, ty)| Some((name, ty, given.get(name)?)));
        let fields: Vec<Option<(String, Expr)>> = fields.map(|(name, ty, node)| Some((name.clone(), self.inside(ty, node)?))).collect();
        let fields: BTreeMap<String, Expr> = fields.into_iter().collect::<Option<_>>()?;
        let optional = fields.iter().any(|(name, field)| field.ty.is_optional() && known.get(name).is_some_and(|ty| !ty.is_optional()));
        whole.then(|| built(ExprNode::Object(fields), ty, optional, node.span))
    }

    fn not_here(&mut self, span: Span) {
        let what = Text::new("この中に ${{ }} は書けません。", "`${{ }}` cannot be used in here.");
        self.error("EXPR.NOT_HERE", span, what, Text::new("決まった値を書いてください。", "write plain values."));
    }

    fn literal(&mut self, ty: &Type, node: &Node) -> Option<Value> {
        if ty.is_secret() || ty.is_handle() {
            if matches!(node.kind, Kind::Broken) {
                return None;
            }
            if ty.is_secret() {
                let what = Text::new("秘密の値を手順書に書くことはできません。", "a secret cannot be written into a playbook.");
                let cure =
                    Text::new("secrets に宣言して ${{ secrets.名前 }} と書いてください。", "declare it under `secrets` and write `${{ secrets.name }}`.");
                self.error("SECRET.LITERAL", node.span, what, cure);
            } else {
                let what = Text::new(
                    format!("型 {ty} の値は手順が作るもので、文字では書けません。"),
                    format!("a value of type {ty} is made by a step; it cannot be written."),
                );
                let cure = Text::new("${{ steps.手順.項目 }} と書いてください。", "write `${{ steps.step.output }}`.");
                self.error("TYPE.HANDLE", node.span, what, cure);
            }
            return None;
        }
        let mut reader = Reader::new(self.source);
        let value = literal(&mut reader, ty, node);
        self.found.extend(reader.found);
        value
    }

    fn scalar(&mut self, ty: &Type, scalar: &Scalar, span: Span) -> Option<Binding> {
        let pieces = self.pieces(scalar, span)?;
        if let [Piece::Expr { text, start }] = pieces.as_slice() {
            let expr = self.compiled(scalar, text, *start)?;
            return self.whole(ty, expr);
        }
        if *ty.required() == Type::Text {
            return Some(Binding::Template(Template { ja: self.parts(scalar, span)?, en: None }));
        }
        let what =
            Text::new(format!("型 {ty} の値の途中に ${{{{ }}}} は書けません。"), format!("`${{{{ }}}}` cannot stand inside a longer value of type {ty}."));
        let cure = Text::new("値の全体を1つの ${{ }} にしてください。", "make the whole value one `${{ }}`.");
        self.error("EXPR.NOT_HERE", span, what, cure);
        None
    }

    /// A value that is exactly one expression keeps its type.
    fn whole(&mut self, ty: &Type, expr: Expr) -> Option<Binding> {
        if *ty.required() == Type::Text && *expr.ty.required() != Type::Text {
            return self.fits_text(&expr).then(|| Binding::Template(Template { ja: vec![Part::Expr(expr)], en: None }));
        }
        if assignable(&expr.ty, ty) {
            return Some(Binding::Expr(expr));
        }
        let (code, what, cure) = match (expr.ty.is_secret(), ty.is_secret()) {
            (true, false) => (
                "SECRET.SINK",
                Text::new("秘密の値は、秘密の値を受け取る項目にだけ渡せます。", "a secret may go only into an input that takes a secret."),
                Text::new(format!("この項目の型は {ty} です。"), format!("this input is of type {ty}.")),
            ),
            (false, true) => (
                "SECRET.NOT_SECRET",
                Text::new("この項目には秘密の値を渡します。", "this input takes a secret."),
                Text::new("secrets に宣言した名前を書いてください(${{ secrets.名前 }})。", "use a declared secret: `${{ secrets.name }}`."),
            ),
            _ => (
                "TYPE.MISMATCH",
                Text::new(
                    format!("型 {} の値は、型 {ty} の項目に渡せません。", expr.ty),
                    format!("a value of type {} does not fit into an input of type {ty}.", expr.ty),
                ),
                Text::new(format!("{ty} の値を渡してください。"), format!("give a value of type {ty}.")),
            ),
        };
        self.error(code, expr.span, what, cure);
        None
    }
}

/// A list or mapping with expressions in it.
fn built(node: ExprNode, ty: &Type, optional: bool, span: Span) -> Binding {
    let ty = ty.required().clone();
    Binding::Expr(Expr { node, ty: if optional { ty.optional() } else { ty }, span })
}

/// Whether `${{` stands anywhere in a value.
fn has_expression(node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar(scalar) => scalar.text.contains("${{"),
        Kind::List(items) => items.iter().any(has_expression),
        Kind::Map(entries) => entries.iter().any(|entry| has_expression(&entry.value)),
        Kind::Broken => false,
    }
}
