//! What expressions are made of, for the reference: each form with an example that checks.
//!
//! Must not: decide anything; `compile` does.

use crate::text::Phrase;

/// An operator, test, filter or function of the language.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// As it is written.
    pub written: &'static str,
    /// What it is.
    pub kind: FormKind,
    /// What it gives.
    pub gives: &'static str,
    /// What it does, a sentence.
    pub help: Phrase,
    /// An expression that uses it, with the names of a renewal (`inputs.medical_code`, `steps.current.cert`, ..).
    pub example: &'static str,
}

/// Kinds of forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormKind {
    /// Between or before values.
    Operator,
    /// Behind `is`.
    Test,
    /// Behind `|`.
    Filter,
    /// With arguments in brackets.
    Function,
}

impl FormKind {
    /// Its name in a language.
    pub fn name(self) -> Phrase {
        match self {
            Self::Operator => Phrase { ja: "演算子", en: "operator" },
            Self::Test => Phrase { ja: "検査", en: "test" },
            Self::Filter => Phrase { ja: "フィルター", en: "filter" },
            Self::Function => Phrase { ja: "関数", en: "function" },
        }
    }
}

const fn form(kind: FormKind, written: &'static str, gives: &'static str, ja: &'static str, en: &'static str, example: &'static str) -> Form {
    Form { written, kind, gives, help: Phrase { ja, en }, example }
}

use FormKind::{Filter, Function, Operator, Test};

/// Every operator, test, filter and function.
pub const FORMS: &[Form] = &[
    form(Operator, "a and b", "bool", "両方が成り立つ。", "both hold.", "steps.current.cert.has_key and steps.current.count == 1"),
    form(Operator, "a or b", "bool", "どちらかが成り立つ。", "one of them holds.", "steps.current.cert.has_key or steps.current.count == 1"),
    form(Operator, "not a", "bool", "成り立たない。", "it does not hold.", "not steps.current.cert.key_protected"),
    form(
        Operator,
        "a == b   a != b",
        "bool",
        "同じ、違う。両方が同じ型のとき。",
        "equal, different; both are of one type.",
        "steps.current.cert.subject.cn == inputs.medical_code",
    ),
    form(
        Operator,
        "a < b   a <= b   a > b   a >= b",
        "bool",
        "大小。int・date・datetime どうし。",
        "order; of int, date or datetime.",
        "steps.current.cert.days_left <= 90",
    ),
    form(
        Operator,
        "x in list   x not in list",
        "bool",
        "並びの中にある、ない。",
        "is, or is not, one of a list.",
        "steps.current.cert.subject.cn in [inputs.medical_code, '0110119999']",
    ),
    form(
        Operator,
        "a + b   a - b",
        "int",
        "整数の足し算と引き算。",
        "sum and difference of whole numbers.",
        "steps.current.cert.days_left - inputs.renew_within_days",
    ),
    form(
        Operator,
        "x if c else y",
        "x, y",
        "c が成り立てば x、でなければ y。",
        "x if c holds, else y.",
        "'new' if steps.current.cert.days_left > 90 else 'old'",
    ),
    form(Operator, "x.name", "attribute", "中の値。", "a part of a value.", "steps.current.cert.subject.cn"),
    form(
        Test,
        "x is glob(p)",
        "bool",
        "形が合う。* は何文字でも、? は1文字。",
        "fits a pattern: `*` is any text, `?` any character.",
        "steps.current.cert.issuer is glob('Online Billing*')",
    ),
    form(Filter, "x | default(y)", "x", "x が無いときだけ y。", "y only where x is absent.", "steps.current.cert.subject.o | default('-')"),
    form(Filter, "x | first", "optional", "並びの最初。空なら無し。", "the first of a list; absent if it is empty.", "steps.current.cert.subject.ou | first"),
    form(Filter, "x | last", "optional", "並びの最後。空なら無し。", "the last of a list; absent if it is empty.", "steps.current.cert.subject.ou | last"),
    form(Filter, "x | length", "int", "並びの数、または文字数。", "how many items, or characters.", "(steps.current.others | length) > 0"),
    form(Filter, "x | lower", "string", "英字を小文字にする。", "in lower case.", "steps.current.cert.issuer | lower"),
    form(Filter, "x | minus('7d')", "date, datetime", "日時を前へ。", "an earlier date or instant.", "steps.current.cert.not_after | minus('90d')"),
    form(Filter, "x | plus('7d')", "date, datetime", "日時を後へ。", "a later date or instant.", "run.started_at | plus('12h')"),
    form(Function, "date('2026-11-23')", "date", "日付。", "a calendar day.", "date('2026-11-23') < date('2027-01-01')"),
    form(
        Function,
        "datetime('2026-11-23T09:00:00+09:00')",
        "datetime",
        "日時。",
        "an instant.",
        "steps.current.cert.not_after > datetime('2026-11-23T09:00:00+09:00')",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::compile::{FILTERS, FUNCTIONS};
    use super::*;

    #[test]
    fn every_filter_and_function_is_in_the_manual_and_no_other() {
        let named = |kind: FormKind| -> Vec<&str> {
            let of_kind = FORMS.iter().filter(|form| form.kind == kind);
            let names = of_kind.filter_map(|form| form.written.trim_start_matches("x | ").split('(').next());
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            names
        };
        let sorted = |names: &[&'static str]| -> Vec<&str> {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        assert_eq!(named(FormKind::Filter), sorted(&FILTERS));
        assert_eq!(named(FormKind::Function), sorted(&FUNCTIONS));
    }
}
