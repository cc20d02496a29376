//! From the text of an expression to a checked one: names get their types, operators what they are made for.
//!
//! Must not: evaluate anything.

use super::names::Names;
use super::parse::{Syntax, Tree, Word, parse};
use super::refusal::Refusal;
use super::tokens::Range;
use super::{Expr, Node, Ref};
use crate::dsl::reader::nearest;
use crate::dsl::{Type, Value, read_duration, read_scalar};
use crate::text::{Diagnostic, Source, Span, Text};

/// Parses and checks the expression `text`, without `${{ }}`. `at(start, end)` gives the place in the file of bytes of `text`.
///
/// # Errors
/// `EXPR.*`, `TYPE.MISMATCH`, and the codes of `names`; all findings of the expression. Empty if an earlier error explains it.
pub fn compile(text: &str, at: &dyn Fn(usize, usize) -> Span, source: &Source, names: &dyn Names) -> Result<Expr, Vec<Diagnostic>> {
    let mut checker = Checker { names, at, findings: vec![] };
    let expr = match parse(text) {
        Ok(tree) => checker.whole(&tree),
        Err(refusals) => {
            checker.findings = refusals;
            None
        }
    };
    match (expr, checker.findings.is_empty()) {
        (Some(expr), true) => Ok(expr),
        _ => Err(checker.findings.into_iter().map(|refusal| refusal.diagnostic(at, source)).collect()),
    }
}

const ROOTS: [&str; 8] = ["inputs", "secrets", "let", "steps", "result", "error", "do", "run"];
pub(super) const FILTERS: [&str; 7] = ["default", "lower", "length", "first", "last", "plus", "minus"];
pub(super) const FUNCTIONS: [&str; 2] = ["date", "datetime"];

/// The outcomes a step above can have had.
fn outcome() -> Type {
    Type::Enum(["observed", "unchanged", "changed", "skipped", "failed", "waiting", "uncertain"].map(String::from).to_vec())
}

/// Checks a tree. A part that is `None` was reported already, or is nobody's fault here.
pub(super) struct Checker<'c> {
    names: &'c dyn Names,
    at: &'c dyn Fn(usize, usize) -> Span,
    findings: Vec<Refusal>,
}

impl Checker<'_> {
    /// The only place where a secret may stand.
    fn whole(&mut self, tree: &Tree) -> Option<Expr> {
        match &tree.node {
            Syntax::Attribute(..) => self.attribute(tree),
            _ => self.part(tree),
        }
    }

    /// A part of an expression: anything but a secret.
    pub(super) fn part(&mut self, tree: &Tree) -> Option<Expr> {
        match &tree.node {
            Syntax::String(text) => Some(self.literal(tree, Value::Str(text.clone()), Type::String)),
            Syntax::Int(number) => Some(self.literal(tree, Value::Int(*number), Type::Int)),
            Syntax::Bool(yes) => Some(self.literal(tree, Value::Bool(*yes), Type::Bool)),
            Syntax::List(items) => self.list(tree, items),
            Syntax::Name(name) => self.lone_name(tree.at(), name),
            Syntax::Attribute(..) => {
                let expr = self.attribute(tree)?;
                self.not_secret(expr, tree.at())
            }
            Syntax::Not(operand) => self.negation(tree, operand),
            Syntax::Negate(operand) => self.negative(tree, operand),
            Syntax::Binary(operator, left, right) => self.binary(tree, *operator, left, right),
            Syntax::If { condition, then, otherwise } => self.conditional(tree, condition, then, otherwise),
            Syntax::Filter(operand, word, args) => self.filter(tree, operand, word, args),
            Syntax::Test(operand, word, args) => self.test(tree, operand, word, args),
            Syntax::Call(word, args) => self.call(tree, word, args),
        }
    }

    pub(super) fn refuse<T>(&mut self, refusal: Refusal) -> Option<T> {
        self.findings.push(refusal);
        None
    }

    pub(super) fn expr(&self, tree: &Tree, node: Node, ty: Type) -> Expr {
        Expr { node, ty, span: (self.at)(tree.start, tree.end) }
    }

    fn literal(&self, tree: &Tree, value: Value, ty: Type) -> Expr {
        self.expr(tree, Node::Literal(value), ty)
    }

    fn not_secret(&mut self, expr: Expr, at: Range) -> Option<Expr> {
        if !expr.ty.is_secret() {
            return Some(expr);
        }
        let what = Text::new("秘密の値を式の中で使うことはできません。", "a secret cannot be used in an expression.");
        self.refuse(
            Refusal::new("EXPR.SECRET", at, what)
                .why("秘密の値は、比べたり加工したりせず、そのまま渡します", "secrets are handed on as they are, never compared or changed")
                .cure(
                    "秘密を受け取る項目に \"${{ secrets.名前 }}\" とだけ書いてください。",
                    "write `${{ secrets.name }}` alone, in a field that takes a secret.",
                ),
        )
    }

    fn list(&mut self, tree: &Tree, items: &[Tree]) -> Option<Expr> {
        let checked: Vec<Option<Expr>> = items.iter().map(|item| self.part(item)).collect();
        let mut checked = checked.into_iter().collect::<Option<Vec<_>>>()?;
        let Some(first) = checked.first().cloned() else {
            return Some(self.expr(tree, Node::List(vec![]), Type::List(Box::new(Type::String))));
        };
        let mut ty = first.ty.required().clone();
        for (item, written) in checked.iter_mut().zip(items).skip(1) {
            let mut so_far = Expr { ty: ty.clone(), ..first.clone() };
            ty = self.same_kind((&mut so_far, items[0].at()), (item, written.at()))?;
        }
        let optional = checked.iter().any(|item| item.ty.is_optional());
        let ty = Type::List(Box::new(ty));
        Some(self.expr(tree, Node::List(checked), if optional { ty.optional() } else { ty }))
    }

    fn lone_name<T>(&mut self, at: Range, name: &str) -> Option<T> {
        if ROOTS.contains(&name) {
            let ja = format!("{name} だけでは値になりません。");
            let refusal = Refusal::new("EXPR.INCOMPLETE", at, Text::new(ja, format!("`{name}` alone is no value.")));
            let form = if matches!(name, "steps" | "do") { format!("{name}.id.output") } else { format!("{name}.name") };
            return self.refuse(refusal.cure(format!("{form} の形で書いてください。"), format!("write `{form}`.")));
        }
        let refusal = Refusal::new("EXPR.NAME", at, Text::new(format!("{name} という名前はありません。"), format!("there is no `{name}`.")));
        let meant = [Ref::Input(name.to_owned()), Ref::Let(name.to_owned()), Ref::Result(name.to_owned()), Ref::Secret(name.to_owned())]
            .into_iter()
            .zip(["inputs", "let", "result", "secrets"])
            .find(|(r, _)| self.names.type_of(r).is_ok())
            .map(|(_, root)| format!("{root}.{name}"));
        let refusal = match meant {
            Some(meant) => refusal.did_you_mean(Some(&meant), &[]),
            None => refusal
                .did_you_mean(nearest(name, ROOTS), &ROOTS)
                .cure(format!("文字列なら引用符で囲んで '{name}' と書いてください。"), format!("write '{name}' with quotes if it is a text.")),
        };
        self.refuse(refusal)
    }

    /// `root.name`, `steps.id.output`, or an attribute of something.
    fn attribute(&mut self, tree: &Tree) -> Option<Expr> {
        let Syntax::Attribute(base, name) = &tree.node else { return self.part(tree) };
        let last = (tree.end.saturating_sub(name.len()), tree.end);
        match &base.node {
            Syntax::Name(root) => match root.as_str() {
                "inputs" => self.reference(tree, last, Ref::Input(name.clone())),
                "secrets" => self.reference(tree, last, Ref::Secret(name.clone())),
                "let" => self.reference(tree, last, Ref::Let(name.clone())),
                "result" => self.reference(tree, last, Ref::Result(name.clone())),
                "run" => self.reference(tree, last, Ref::Run(name.clone())),
                "error" => self.reference(tree, last, Ref::Error(name.clone())),
                root @ ("steps" | "do") => {
                    let what = Text::new(format!("{root}.{name} だけでは値になりません。"), format!("`{root}.{name}` alone is no value."));
                    let refusal = Refusal::new("EXPR.INCOMPLETE", tree.at(), what);
                    self.refuse(refusal.cure(
                        format!("{root}.{name}.出力の名前 か {root}.{name}.outcome と書いてください。"),
                        format!("write `{root}.{name}.` and an output, or `outcome`."),
                    ))
                }
                other => {
                    let refusal = Refusal::new(
                        "EXPR.ROOT",
                        base.at(),
                        Text::new(format!("{other} から始まる名前はありません。"), format!("no name starts with `{other}`.")),
                    );
                    self.refuse(refusal.did_you_mean(nearest(other, ROOTS), &ROOTS))
                }
            },
            Syntax::Attribute(root, step) if matches!(&root.node, Syntax::Name(root) if root == "steps") => {
                let r = if name == "outcome" { Ref::Outcome(step.clone()) } else { Ref::Output { step: step.clone(), output: name.clone() } };
                self.reference(tree, last, r)
            }
            Syntax::Attribute(root, step) if matches!(&root.node, Syntax::Name(root) if root == "do") => {
                let Some(row) = self.names.row() else {
                    let what = Text::new("do は rescue の行の中だけで使えます。", "`do` is known in rows of `rescue` only.");
                    return self.refuse(Refusal::new("REF.DO", root.at(), what).cure("steps.手順.出力 と書いてください。", "write `steps.id.output`."));
                };
                let step = format!("{row}{step}");
                let r = if name == "outcome" { Ref::Outcome(step) } else { Ref::Output { step, output: name.clone() } };
                self.reference(tree, last, r)
            }
            _ => self.attribute_of(tree, base, name, last),
        }
    }

    fn reference(&mut self, tree: &Tree, last: Range, r: Ref) -> Option<Expr> {
        match self.names.type_of(&r) {
            Ok(_) if matches!(r, Ref::Outcome(_)) => Some(self.expr(tree, Node::Ref(r), outcome())),
            Ok(ty) => Some(self.expr(tree, Node::Ref(r), ty)),
            Err(error) if error.silent => None,
            Err(error) => {
                let known: Vec<&str> = error.candidates.iter().map(String::as_str).collect();
                let (at, near) = self.misspelt(tree, last, &r, &known);
                self.refuse(Refusal::new(error.code, at, error.what).did_you_mean(near, &known))
            }
        }
    }

    /// Which part of `steps.id.output` is meant by the candidates: the step if it is unknown, else the last name.
    fn misspelt<'k>(&self, tree: &Tree, last: Range, r: &Ref, known: &[&'k str]) -> (Range, Option<&'k str>) {
        let step = match r {
            Ref::Output { step, .. } | Ref::Outcome(step) if self.names.type_of(&Ref::Outcome(step.clone())).is_err() => Some(step),
            _ => None,
        };
        match (step, &tree.node) {
            (Some(step), Syntax::Attribute(base, _)) => {
                let written = step.rsplit('/').next().unwrap_or(step);
                ((base.end.saturating_sub(written.len()), base.end), nearest(written, known.iter().copied()))
            }
            (_, Syntax::Attribute(_, name)) => (last, nearest(name, known.iter().copied())),
            _ => (last, None),
        }
    }

    fn attribute_of(&mut self, tree: &Tree, base: &Tree, name: &str, last: Range) -> Option<Expr> {
        let base = self.part(base)?;
        let Some(ty) = base.ty.attribute(name) else {
            let inner = base.ty.required().clone();
            let known: Vec<&str> = inner.attributes().into_iter().map(|(name, _)| name).collect();
            let what = Text::new(format!("{inner} に {name} はありません。"), format!("`{inner}` has no `{name}`."));
            return self.refuse(Refusal::new("EXPR.ATTRIBUTE", last, what).did_you_mean(nearest(name, known.iter().copied()), &known));
        };
        let ty = if base.ty.is_optional() { ty.optional() } else { ty };
        Some(self.expr(tree, Node::Attribute(Box::new(base), name.to_owned()), ty))
    }

    fn filter(&mut self, tree: &Tree, operand: &Tree, word: &Word, args: &[Tree]) -> Option<Expr> {
        let name = word.name.as_str();
        if !FILTERS.contains(&name) {
            let what = Text::new(format!("{name} というフィルターはありません。"), format!("there is no filter `{name}`."));
            return self.refuse(Refusal::new("EXPR.FILTER", word.at(), what).did_you_mean(nearest(name, FILTERS), &FILTERS));
        }
        let wanted = usize::from(matches!(name, "default" | "plus" | "minus"));
        let checked = self.part(operand);
        self.count(word, args, wanted)?;
        match (name, args) {
            ("default", [other]) => {
                let other_checked = self.part(other);
                self.default(tree, (checked?, operand.at()), (other_checked?, other.at()))
            }
            ("plus" | "minus", [by]) => self.shift(tree, checked?, operand.at(), by, if name == "minus" { -1 } else { 1 }),
            _ => self.plain_filter(tree, checked?, operand.at(), name),
        }
    }

    fn count(&mut self, word: &Word, args: &[Tree], wanted: usize) -> Option<()> {
        if args.len() == wanted {
            return Some(());
        }
        let name = &word.name;
        let what = Text::new(
            format!("{name} の引数は{wanted}個です({}個あります)。", args.len()),
            format!("`{name}` takes {wanted} argument(s), not {}.", args.len()),
        );
        let at = (word.start, args.last().map_or(word.at().1, |last| last.end));
        self.refuse(Refusal::new("EXPR.ARGUMENTS", at, what).cure("引数の数を直してください。", "correct the number of arguments."))
    }

    fn default(&mut self, tree: &Tree, (mut operand, operand_at): (Expr, Range), (mut other, at): (Expr, Range)) -> Option<Expr> {
        let ty = self.same_kind((&mut operand, operand_at), (&mut other, at))?;
        let ty = if other.ty.is_optional() { ty.optional() } else { ty };
        Some(self.expr(tree, Node::Default(Box::new(operand), Box::new(other)), ty))
    }

    fn plain_filter(&mut self, tree: &Tree, operand: Expr, at: Range, name: &str) -> Option<Expr> {
        let optional = operand.ty.is_optional();
        let (node, ty) = match (name, operand.ty.required().clone()) {
            ("lower", ty) if is_string(&ty) => (Node::Lower(Box::new(operand)), Type::String),
            ("length", ty) if is_string(&ty) || matches!(ty, Type::List(_) | Type::Text) => (Node::Length(Box::new(operand)), Type::Int),
            ("first", Type::List(inner)) => (Node::First(Box::new(operand)), inner.optional()),
            ("last", Type::List(inner)) => (Node::Last(Box::new(operand)), inner.optional()),
            ("lower", ty) => return self.mismatch(at, "文字列", "a string", &ty),
            ("length", ty) => return self.mismatch(at, "並びか文字列", "a list or string", &ty),
            (_, ty) => return self.mismatch(at, "並び", "a list", &ty),
        };
        Some(self.expr(tree, node, if optional { ty.optional() } else { ty }))
    }

    fn shift(&mut self, tree: &Tree, operand: Expr, at: Range, by: &Tree, sign: i64) -> Option<Expr> {
        let ty = operand.ty.clone();
        let days_only = match ty.required() {
            Type::Date => true,
            Type::DateTime => false,
            other => return self.mismatch(at, "日付か日時", "a date or datetime", other),
        };
        let seconds = match &by.node {
            Syntax::String(text) => read_duration(text).and_then(|length| i64::try_from(length.as_secs()).ok()),
            _ => None,
        };
        match seconds {
            Some(seconds) if !days_only || seconds % 86_400 == 0 => Some(self.expr(tree, Node::Shift(Box::new(operand), sign * seconds), ty)),
            _ if days_only => self.bad_literal(by.at(), "'7d' のように、日数を引用符で囲んで書いてください。", "write whole days with quotes, such as '7d'."),
            _ => self.bad_literal(
                by.at(),
                "'7d' や '12h' のように、引用符で囲んで書いてください。",
                "write a length of time with quotes, such as '7d' or '12h'.",
            ),
        }
    }

    fn bad_literal<T>(&mut self, at: Range, ja: &str, en: &str) -> Option<T> {
        self.refuse(Refusal::new("EXPR.LITERAL", at, Text::new("この値は読めません。", "this value cannot be read.")).cure(ja, en))
    }

    fn test(&mut self, tree: &Tree, operand: &Tree, word: &Word, args: &[Tree]) -> Option<Expr> {
        if word.name != "glob" {
            let refusal =
                Refusal::new("EXPR.TEST", word.at(), Text::new(format!("is {} はありません。", word.name), format!("there is no `is {}`.", word.name)));
            return self.refuse(match word.name.as_str() {
                "none" | "defined" | "undefined" => {
                    refusal.cure("値がないときの代わりは x | default(…) で書いてください。", "write `x | default(…)` for what may be absent.")
                }
                _ => refusal.did_you_mean(nearest(&word.name, ["glob"]), &["glob"]),
            });
        }
        let checked = self.part(operand);
        self.count(word, args, 1)?;
        let pattern = self.part(args.first()?);
        let (checked, pattern) = (checked?, pattern?);
        for (expr, at) in [(&checked, operand.at()), (&pattern, args.first()?.at())] {
            if !is_string(expr.ty.required()) {
                return self.mismatch(at, "文字列", "a string", &expr.ty);
            }
        }
        let ty = optional_if(checked.ty.is_optional() || pattern.ty.is_optional(), Type::Bool);
        Some(self.expr(tree, Node::Glob(Box::new(checked), Box::new(pattern)), ty))
    }

    fn call(&mut self, tree: &Tree, word: &Word, args: &[Tree]) -> Option<Expr> {
        let ty = match word.name.as_str() {
            "date" => Type::Date,
            "datetime" => Type::DateTime,
            name => {
                let refusal = Refusal::new(
                    "EXPR.FUNCTION",
                    word.at(),
                    Text::new(format!("{name}(…) という関数はありません。"), format!("there is no function `{name}`.")),
                );
                return self.refuse(match name {
                    "glob" => refusal.cure("x is glob('…') と書いてください。", "write `x is glob('…')`."),
                    _ if FILTERS.contains(&name) => refusal.cure(format!("x | {name} の形で書いてください。"), format!("write `x | {name}`.")),
                    _ => refusal.did_you_mean(nearest(name, FUNCTIONS), &FUNCTIONS),
                });
            }
        };
        self.count(word, args, 1)?;
        let arg = args.first()?;
        let Syntax::String(text) = &arg.node else {
            return self.bad_literal(arg.at(), "'2026-11-23' のように、引用符で囲んで書いてください。", "write it with quotes, such as '2026-11-23'.");
        };
        match read_scalar(&ty, text) {
            Ok(value) => Some(self.literal(tree, value, ty)),
            Err(error) => {
                let (ja, en) = (error.why.ja.clone(), error.why.en.unwrap_or(error.why.ja));
                self.bad_literal(arg.at(), &ja, &en)
            }
        }
    }
}

/// Types whose values are exact machine text.
pub(super) fn is_string(ty: &Type) -> bool {
    matches!(ty, Type::String | Type::Digits(_) | Type::Ascii | Type::Hex | Type::Enum(_) | Type::Glob | Type::Url)
}

pub(super) fn optional_if(optional: bool, ty: Type) -> Type {
    if optional { ty.optional() } else { ty }
}
