//! Text to syntax tree, by minijinja's parser. The only file that knows minijinja.
//!
//! Must not: know types or names. Places come from leaves: minijinja's infix and attribute nodes have wrong starts.

use minijinja::machinery::{ast, parse_expr, tokenize};
use minijinja::value::{Value, ValueKind};

use super::Binary;
use super::refusal::Refusal;
use super::tokens::{self, Range};
use crate::text::Text;

/// Syntax with the bytes from its leftmost leaf to its end.
#[derive(Debug)]
pub(super) struct Tree {
    pub node: Syntax,
    pub start: usize,
    pub end: usize,
}

impl Tree {
    pub fn at(&self) -> Range {
        (self.start, self.end)
    }
}

/// What was written, before names and types.
#[derive(Debug)]
pub(super) enum Syntax {
    String(String),
    Int(i64),
    Bool(bool),
    List(Vec<Tree>),
    Name(String),
    Attribute(Box<Tree>, String),
    Not(Box<Tree>),
    Negate(Box<Tree>),
    Binary(Binary, Box<Tree>, Box<Tree>),
    If { condition: Box<Tree>, then: Box<Tree>, otherwise: Box<Tree> },
    Filter(Box<Tree>, Word, Vec<Tree>),
    Test(Box<Tree>, Word, Vec<Tree>),
    Call(Word, Vec<Tree>),
}

/// The name of a filter, test or function.
#[derive(Debug)]
pub(super) struct Word {
    pub name: String,
    pub start: usize,
}

impl Word {
    pub fn at(&self) -> Range {
        (self.start, self.start + self.name.len())
    }
}

/// Reads an expression; also refuses whatever has no meaning in the language.
pub(super) fn parse(text: &str) -> Result<Tree, Vec<Refusal>> {
    if let Some(refusal) = tokens::too_long(text) {
        return Err(vec![refusal]);
    }
    let (ranges, whole) = ranges(text);
    let mut refusals = tokens::refused(text, &ranges);
    if !whole {
        let end = ranges.last().map_or(0, |range| range.1);
        refusals.push(tokens::unreadable(text, end + text[end..].len() - text[end..].trim_ascii_start().len()));
    } else if ranges.is_empty() {
        refusals.push(
            Refusal::new("EXPR.EMPTY", (0, text.len()), Text::new("式がありません。", "there is no expression."))
                .cure("式を書くか、この行を消してください。", "write one, or remove this line."),
        );
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    match parse_expr(text) {
        Ok(expr) => tree(&expr, 0).map_err(|refusal| vec![*refusal]),
        Err(_) => Err(vec![syntax_error(text, &ranges)]),
    }
}

/// The places of the tokens, and whether the whole text could be cut into tokens.
fn ranges(text: &str) -> (Vec<Range>, bool) {
    let mut ranges = vec![];
    for token in tokenize(text, true, Default::default()) {
        match token {
            Ok((_, span)) => ranges.push((span.start_offset as usize, span.end_offset as usize)),
            Err(_) => return (ranges, false),
        }
    }
    (ranges, true)
}

/// The first token that nothing could follow on: the parser itself gives lines only.
fn syntax_error(text: &str, ranges: &[Range]) -> Refusal {
    let wrong = ranges.iter().position(|range| match parse_expr(&text[..range.1]) {
        Ok(_) => false,
        Err(error) => !error.detail().is_some_and(|detail| detail.starts_with("unexpected end of input")),
    });
    let Some(index) = wrong else {
        return tokens::unreadable(text, text.len());
    };
    let at = ranges[index];
    let token = &text[at.0..at.1];
    let before = index.checked_sub(1).map_or("", |index| &text[ranges[index].0..ranges[index].1]);
    if token == "=" {
        let what = Text::new("= は比べる印ではありません。", "`=` does not compare.");
        return Refusal::new("EXPR.ASSIGN", at, what).cure("等しいかどうかは == と書いてください。", "write `==`.").instead("==");
    }
    let refusal =
        Refusal::new("EXPR.SYNTAX", at, Text::new(format!("「{token}」の所で式が読めません。"), format!("the expression cannot be read at `{token}`.")));
    match (before, token) {
        ("|", "|") => refusal.cure("「または」は or と書いてください。", "write `or`."),
        (_, "}}") => refusal.cure("}} を取ってください。", "remove `}}`."),
        _ => refusal.cure(
            "演算子・かっこ・引用符が足りないか、余っていないか確かめてください。",
            "look for an operator, bracket or quote that is missing or too many.",
        ),
    }
}

type Outcome<T> = Result<T, Box<Refusal>>;

fn refuse<T>(code: &'static str, at: Range, ja: &str, en: &str, cure: (&str, &str)) -> Outcome<T> {
    Err(Box::new(Refusal::new(code, at, Text::new(ja, en)).cure(cure.0, cure.1)))
}

/// Operators behind each other nest as well; every later pass walks this tree on the stack.
const MAX_DEPTH: usize = 32;

fn tree(expr: &ast::Expr<'_>, above: usize) -> Outcome<Tree> {
    let depth = above + 1;
    if depth > MAX_DEPTH {
        return Err(Box::new(tokens::too_deep(own(expr), MAX_DEPTH)));
    }
    match expr {
        ast::Expr::Var(var) => Ok(leaf(Syntax::Name(var.id.to_owned()), expr)),
        ast::Expr::Const(constant) => Ok(leaf(literal(&constant.value, own(expr))?, expr)),
        ast::Expr::List(list) => Ok(leaf(Syntax::List(list.items.iter().map(|item| tree(item, depth)).collect::<Outcome<_>>()?), expr)),
        ast::Expr::GetAttr(attribute) => Ok(behind(tree(&attribute.expr, depth)?, expr, |base| Syntax::Attribute(base, attribute.name.to_owned()))),
        ast::Expr::UnaryOp(unary) => prefix(unary, own(expr), depth),
        ast::Expr::BinOp(infix) => {
            let operator = operator(infix.op)
                .ok_or(own(expr))
                .or_else(|at| refuse("EXPR.OPERATOR", at, "この演算子は使えません。", "this operator is not part of the language.", ARITHMETIC))?;
            let (left, right) = (tree(&infix.left, depth)?, tree(&infix.right, depth)?);
            let (start, end) = (left.start, right.end);
            Ok(Tree { node: Syntax::Binary(operator, Box::new(left), Box::new(right)), start, end })
        }
        ast::Expr::IfExpr(choice) => conditional(choice, own(expr), depth),
        ast::Expr::Filter(filter) => {
            let Some(operand) = &filter.expr else { return outside(expr, depth) };
            let word = Word { name: filter.name.to_owned(), start: own(expr).0 };
            let args = arguments(&filter.args, word.at(), depth)?;
            Ok(behind(tree(operand, depth)?, expr, |operand| Syntax::Filter(operand, word, args)))
        }
        ast::Expr::Test(test) => {
            let word = Word { name: test.name.to_owned(), start: own(expr).0 };
            let args = arguments(&test.args, word.at(), depth)?;
            Ok(behind(tree(&test.expr, depth)?, expr, |operand| Syntax::Test(operand, word, args)))
        }
        ast::Expr::Call(call) => match &call.expr {
            ast::Expr::Var(var) => {
                let start = own(&call.expr).0;
                let word = Word { name: var.id.to_owned(), start };
                let args = arguments(&call.args, word.at(), depth)?;
                Ok(Tree { node: Syntax::Call(word, args), start, end: own(expr).1 })
            }
            callee => refuse(
                "EXPR.CALL",
                tree(callee, depth)?.at(),
                "これは呼び出せません。",
                "this cannot be called.",
                ("( ) を取ってください。", "remove the `( )`."),
            ),
        },
        _ => outside(expr, depth),
    }
}

/// The node's own place: exact for leaves, brackets and the end of anything; its start is wrong for infix and attributes.
fn own(expr: &ast::Expr<'_>) -> Range {
    let span = expr.span();
    (span.start_offset as usize, span.end_offset as usize)
}

fn leaf(node: Syntax, expr: &ast::Expr<'_>) -> Tree {
    let (start, end) = own(expr);
    Tree { node, start, end }
}

/// A node that follows on its operand (`.name`, `| filter`, `is test`).
fn behind(operand: Tree, expr: &ast::Expr<'_>, node: impl FnOnce(Box<Tree>) -> Syntax) -> Tree {
    let start = operand.start;
    Tree { node: node(Box::new(operand)), start, end: own(expr).1 }
}

fn literal(value: &Value, at: Range) -> Outcome<Syntax> {
    let syntax = match value.kind() {
        ValueKind::Bool => Some(Syntax::Bool(value.is_true())),
        ValueKind::Number => value.as_i64().map(Syntax::Int),
        ValueKind::String => value.as_str().map(|text| Syntax::String(text.to_owned())),
        _ => None,
    };
    match syntax {
        Some(syntax) => Ok(syntax),
        None => refuse(
            "EXPR.NUMBER",
            at,
            "扱えない値です。",
            "not a value of the language.",
            ("64ビットの整数だけを使えます。", "only whole numbers of 64 bits can be used."),
        ),
    }
}

fn prefix(unary: &ast::UnaryOp<'_>, at: Range, depth: usize) -> Outcome<Tree> {
    let operand = tree(&unary.expr, depth)?;
    let (inner, end) = (operand.start, operand.end);
    Ok(match (&unary.op, operand.node) {
        // `a not in b` and `not a in b` are one and the same.
        (ast::UnaryOpKind::Not, Syntax::Binary(Binary::In, item, list)) => Tree { node: Syntax::Binary(Binary::NotIn, item, list), start: inner, end },
        (ast::UnaryOpKind::Not, node) => Tree { node: Syntax::Not(Box::new(Tree { node, start: inner, end })), start: at.0.min(inner), end },
        (ast::UnaryOpKind::Neg, Syntax::Int(number)) => Tree { node: Syntax::Int(number.saturating_neg()), start: at.0.min(inner), end },
        (ast::UnaryOpKind::Neg, node) => Tree { node: Syntax::Negate(Box::new(Tree { node, start: inner, end })), start: at.0.min(inner), end },
    })
}

const ARITHMETIC: (&str, &str) = ("計算は + と - だけです。", "there are only `+` and `-`.");

fn operator(op: ast::BinOpKind) -> Option<Binary> {
    Some(match op {
        ast::BinOpKind::Eq => Binary::Equal,
        ast::BinOpKind::Ne => Binary::NotEqual,
        ast::BinOpKind::Lt => Binary::Less,
        ast::BinOpKind::Lte => Binary::LessEqual,
        ast::BinOpKind::Gt => Binary::Greater,
        ast::BinOpKind::Gte => Binary::GreaterEqual,
        ast::BinOpKind::ScAnd => Binary::And,
        ast::BinOpKind::ScOr => Binary::Or,
        ast::BinOpKind::Add => Binary::Add,
        ast::BinOpKind::Sub => Binary::Subtract,
        ast::BinOpKind::In => Binary::In,
        ast::BinOpKind::Mul | ast::BinOpKind::Div | ast::BinOpKind::FloorDiv | ast::BinOpKind::Rem | ast::BinOpKind::Pow | ast::BinOpKind::Concat => {
            return None;
        }
    })
}

fn conditional(choice: &ast::IfExpr<'_>, at: Range, depth: usize) -> Outcome<Tree> {
    let then = tree(&choice.true_expr, depth)?;
    let condition = tree(&choice.test_expr, depth)?;
    let Some(otherwise) = &choice.false_expr else {
        let cure = ("x if 条件 else y と、偽のときの値も書いてください。", "write `x if c else y`.");
        return refuse("EXPR.NO_ELSE", (then.start, at.1), "else がありません。", "`else` is missing.", cure);
    };
    let otherwise = tree(otherwise, depth)?;
    let (start, end) = (then.start, otherwise.end);
    Ok(Tree { node: Syntax::If { condition: Box::new(condition), then: Box::new(then), otherwise: Box::new(otherwise) }, start, end })
}

fn arguments(args: &[ast::CallArg<'_>], at: Range, depth: usize) -> Outcome<Vec<Tree>> {
    let plain = |arg: &ast::CallArg<'_>| match arg {
        ast::CallArg::Pos(expr) => tree(expr, depth),
        ast::CallArg::Kwarg(_, value) => {
            let end = tree(value, depth)?.end;
            refuse(
                "EXPR.KWARGS",
                (at.0, end),
                "名前付きの引数は使えません。",
                "arguments have no names.",
                ("値だけを書いてください。", "write the value alone."),
            )
        }
        ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => refuse(
            "EXPR.KWARGS",
            at,
            "* や ** の引数は使えません。",
            "`*` and `**` arguments are not part of the language.",
            ("値を1つずつ書いてください。", "write each value."),
        ),
    };
    args.iter().map(plain).collect()
}

/// What has no meaning in the language at all.
fn outside<T>(expr: &ast::Expr<'_>, depth: usize) -> Outcome<T> {
    match expr {
        ast::Expr::Compare(compare) => {
            let at = (tree(&compare.expr, depth)?.start, own(expr).1);
            let cure = ("a < b and b < c のように、and でつないでください。", "join two comparisons with `and`.");
            refuse("EXPR.CHAINED", at, "比較を続けて書くことはできません。", "comparisons cannot be chained.", cure)
        }
        ast::Expr::GetItem(item) => {
            let cure = ("名前は x.name、並びの端は x | first や x | last と書いてください。", "write `x.name`, or `x | first` and `x | last` of a list.");
            refuse(
                "EXPR.INDEX",
                (tree(&item.expr, depth)?.start, own(expr).1),
                "番号で値を取り出すことはできません。",
                "values cannot be picked out by number.",
                cure,
            )
        }
        ast::Expr::Tuple(_) => {
            let cure = ("並びは [ ] で書いてください。", "write a list with `[ ]`.");
            refuse("EXPR.TUPLE", own(expr), "( , ) の組は使えません。", "tuples are not part of the language.", cure)
        }
        _ => refuse(
            "EXPR.SYNTAX",
            own(expr),
            "この書き方は使えません。",
            "this is not part of the language.",
            ("式を書き直してください。", "write the expression differently."),
        ),
    }
}
