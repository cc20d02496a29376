//! A `repeat` whose end can never come: nothing that it looks at can end it, or a final state does not.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::rules::Graph;
use super::scope::refs;
use super::{Repeat, Step, What};
use crate::dsl::expr::{Expr, Ref, Scope, Tri, Why, evaluate};
use crate::dsl::{Type, Value};
use crate::text::{Diagnostic, Text};

/// Reports every `until` that stays false for good.
pub(super) fn repeats(graph: &Graph<'_>) -> Vec<Diagnostic> {
    let repeats = graph.checked.steps.iter().filter_map(|step| Some((step, step.repeat.as_ref()?)));
    let found = repeats.filter_map(|(step, repeat)| {
        let place = graph.source(repeat.until.frame)?.place(repeat.until.expr.span);
        if !refs(&repeat.until.expr).iter().any(|r| matches!(r, Ref::Result(_))) {
            let what = Text::new(
                "until が、見た結果(result)を使っていません。いつまで見直しても変わりません。",
                "`until` does not use `result`: looking again changes nothing.",
            );
            let cure = Text::new("until: result.status != 'pending' のように書いてください。", "write something like `until: result.status != 'pending'`.");
            return Some(Diagnostic::error("CHECK.REPEAT_ENDLESS", place, what).cure(cure));
        }
        let (output, words) = never_ending(step, repeat)?;
        let list = words.join("・");
        let what = Text::new(
            format!("result.{output} が {list} になると、もう変わらないのに見直し続けます。"),
            format!("`result.{output}` stays `{}` for good once it is so, and `until` never holds.", words.join("`, `")),
        );
        let cure = Text::new(
            format!("{list} でも終わるようにして、その後の expect で確かめてください。"),
            "let `until` hold for it too, and tell the states apart in `expect`.",
        );
        Some(Diagnostic::error("CHECK.REPEAT_ENDLESS", place, what).cure(cure))
    });
    found.collect()
}

/// Final words of an output with which `until` is false whatever else comes.
fn never_ending<'a>(step: &'a Step, repeat: &Repeat) -> Option<(&'a str, Vec<&'a str>)> {
    let What::Action(action) = &step.what else { return None };
    action.manifest.outputs.iter().filter(|output| !output.passing.is_empty()).find_map(|output| {
        let Type::Enum(words) = output.ty.required() else { return None };
        let last = words.iter().map(String::as_str).filter(|word| !output.passing.contains(word));
        let endless: Vec<&str> = last.filter(|word| stays_false(&repeat.until.expr, &output.name, word)).collect();
        (!endless.is_empty()).then_some((output.name.as_str(), endless))
    })
}

fn stays_false(until: &Expr, output: &str, word: &str) -> bool {
    evaluate(until, &Supposed { output, word, zone: TimeZone::UTC }).truth() == Some(false)
}

/// One output has one word, nothing else is known.
struct Supposed<'a> {
    output: &'a str,
    word: &'a str,
    zone: TimeZone,
}

impl Scope for Supposed<'_> {
    fn get(&self, r: &Ref) -> Tri {
        match r {
            Ref::Result(name) if name == self.output => Tri::Known(Value::Str(self.word.to_owned())),
            _ => Tri::Unknown(Type::Bool.optional(), Why::default()),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }
}
