//! The person at the terminal: approvals, questions, secrets.

use std::collections::BTreeMap;

use inquire::validator::Validation;
use jiff::Timestamp;
use kirikae_engine::action::{Answer, Question};
use kirikae_engine::check::SecretDecl;
use kirikae_engine::dsl::{Type, fold, read_scalar};
use kirikae_engine::plan::PlanStep;
use kirikae_engine::run::Person;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::{Lang, Text};

use crate::render;

/// A person at the terminal.
pub struct Terminal {
    /// Language.
    pub lang: Lang,
}

/// Nobody.
pub struct Nobody;

impl Person for Nobody {
    fn answer(&self, _step: &str, _question: &Question) -> Option<Answer> {
        None
    }
}

/// Answers for a rehearsal: yes, with the fields' examples.
pub struct Practice {
    /// Language.
    pub lang: Lang,
    /// Answers by step address: fields by name.
    pub answers: BTreeMap<String, BTreeMap<String, String>>,
}

impl Person for Practice {
    fn answer(&self, step: &str, question: &Question) -> Option<Answer> {
        render::out(&match self.lang {
            Lang::Ja => format!("  問 {}\n    練習のため自動で回答: はい", question.ask.get(self.lang)),
            Lang::En => format!("  asked: {}\n    answered for practice: yes", question.ask.get(self.lang)),
        });
        let given = self.answers.get(step);
        let field = |name: &str, example: &Option<String>| given.and_then(|fields| fields.get(name).cloned()).or_else(|| example.clone());
        let fields = question.fields.iter().filter_map(|wanted| Some((wanted.name.clone(), field(&wanted.name, &wanted.example)?))).collect();
        let evidence = question.evidence.then(|| "練習".to_owned());
        Some(Answer { yes: true, fields, evidence, by: "practice".to_owned(), account: crate::state::account(), at: Timestamp::now() })
    }

    /// Nobody has seen to anything in a rehearsal: the run parks there.
    fn take_over(&self, _step: &str, _question: &Question) -> Option<Answer> {
        None
    }
}

impl Person for Terminal {
    fn answer(&self, _step: &str, question: &Question) -> Option<Answer> {
        let ja = self.lang == Lang::Ja;
        render::out("");
        for item in &question.items {
            render::out(&format!("  □ {}", item.get(self.lang)));
        }
        let yes = inquire::Confirm::new(question.ask.get(self.lang)).with_default(false).prompt_skippable().ok()??;
        let mut fields = BTreeMap::new();
        if yes {
            for field in &question.fields {
                let typed = inquire::Text::new(field.title.get(self.lang)).prompt_skippable().ok()??;
                let folded = Type::parse(&field.ty).map_or(typed.clone(), |ty| fold(&ty, &typed));
                fields.insert(field.name.clone(), folded);
            }
        }
        let evidence = if yes && question.evidence {
            inquire::Text::new(if ja { "見たもの(証拠):" } else { "What was seen (evidence):" }).prompt_skippable().ok()?
        } else {
            None
        };
        let account = crate::state::account();
        let answer = Answer { yes, fields, evidence, by: account.clone(), account, at: Timestamp::now() };
        match question.accepts(&answer) {
            Ok(()) => Some(answer),
            Err(why) => {
                render::err(why.get(self.lang));
                self.answer(_step, question)
            }
        }
    }
}

impl Terminal {
    /// Asks for an approval. `None`: the person left the prompt.
    pub fn approve(&self, step: &PlanStep) -> Option<bool> {
        let fee = step.fee.map_or(String::new(), |fee| match (self.lang, fee.verified) {
            (Lang::Ja, true) => format!(" ({}円)", fee.yen),
            (Lang::Ja, false) => format!(" ({}円・未確認)", fee.yen),
            (Lang::En, true) => format!(" ({} yen)", fee.yen),
            (Lang::En, false) => format!(" ({} yen, unverified)", fee.yen),
        });
        let text = match self.lang {
            Lang::Ja => format!("取り消せません: {} {}{fee}。実行してよいですか", step.address, step.title.get(self.lang)),
            Lang::En => format!("cannot be undone: {} {}{fee}. Go ahead", step.address, step.title.get(self.lang)),
        };
        inquire::Confirm::new(&text).with_default(false).prompt_skippable().ok().flatten()
    }

    /// Whether the person agrees; leaving the prompt is a no.
    pub fn agrees(&self, ask: &Text) -> bool {
        inquire::Confirm::new(ask.get(self.lang)).with_default(false).prompt_skippable().ok().flatten() == Some(true)
    }

    /// Asks for a secret, hidden, until it has the shape of its type; a new one twice. `None`: the person left the prompt.
    pub fn secret(&self, secret: &SecretDecl) -> Option<Secret> {
        let ja = self.lang == Lang::Ja;
        let (ty, unfit) = (secret.ty.clone(), unfit(&secret.ty, self.lang));
        let prompt =
            inquire::Password::new(secret.title.get(self.lang)).with_display_mode(inquire::PasswordDisplayMode::Hidden).with_validator(move |typed: &str| {
                let fits = read_scalar(&ty, &fold(&ty, typed)).is_ok();
                Ok(if fits { Validation::Valid } else { Validation::Invalid(unfit.as_str().into()) })
            });
        let prompt = if secret.new {
            prompt.with_custom_confirmation_message(if ja { "もう一度:" } else { "Again:" }).with_custom_confirmation_error_message(if ja {
                "2回の入力が違います。もう一度入れてください。"
            } else {
                "The two entries differ. Type it again."
            })
        } else {
            prompt.without_confirmation()
        };
        prompt.prompt_skippable().ok().flatten().map(Secret::text)
    }
}

/// What a person is told whose entry has not the shape of its type; it never shows the entry.
fn unfit(ty: &Type, lang: Lang) -> String {
    match (lang, ty.required()) {
        (Lang::Ja, Type::Digits(n)) => format!("数字{n}桁で入れてください。"),
        (Lang::En, Type::Digits(n)) => format!("Type {n} digits."),
        (Lang::Ja, ty) => format!("{ty} の形で入れてください。"),
        (Lang::En, ty) => format!("It must be {ty}."),
    }
}
