//! Why an expression is refused, with places inside the expression; becomes a diagnostic of its file.

use crate::text::{Diagnostic, Fix, Source, Span, Text};

/// Names listed in one cure, at most.
const SHOWN: usize = 12;

/// A finding about the bytes `start..end` of an expression.
#[derive(Debug)]
pub(super) struct Refusal {
    pub code: &'static str,
    pub start: usize,
    pub end: usize,
    what: Text,
    why: Option<Text>,
    cure: Vec<Text>,
    fix: Option<String>,
}

impl Refusal {
    pub fn new(code: &'static str, (start, end): (usize, usize), what: Text) -> Self {
        Self { code, start, end, what, why: None, cure: vec![], fix: None }
    }

    pub fn why(mut self, ja: impl Into<String>, en: impl Into<String>) -> Self {
        self.why = Some(Text::new(ja, en));
        self
    }

    pub fn cure(mut self, ja: impl Into<String>, en: impl Into<String>) -> Self {
        self.cure.push(Text::new(ja, en));
        self
    }

    /// The one correct text instead of the bytes.
    pub fn instead(mut self, text: impl Into<String>) -> Self {
        self.fix = Some(text.into());
        self
    }

    /// 「もしかして」 with the correction, if a name is near enough; else the first names there are.
    pub fn did_you_mean(self, near: Option<&str>, known: &[&str]) -> Self {
        match near {
            Some(near) => self.cure(format!("もしかして: {near}"), format!("did you mean `{near}`?")).instead(near),
            None if known.is_empty() => self,
            None if known.len() > SHOWN => {
                let first = &known[..SHOWN];
                self.cure(format!("使えるのは {} などです。", first.join("・")), format!("there is {} and more.", first.join(", ")))
            }
            None => self.cure(format!("使えるのは {} です。", known.join("・")), format!("there is {}.", known.join(", "))),
        }
    }

    pub fn diagnostic(self, at: &dyn Fn(usize, usize) -> Span, source: &Source) -> Diagnostic {
        let span = at(self.start, self.end);
        let finding = Diagnostic::error(self.code, source.place(span), self.what);
        Diagnostic { why: self.why, cure: self.cure, fix: self.fix.map(|text| Fix { span, text }), ..finding }
    }
}
