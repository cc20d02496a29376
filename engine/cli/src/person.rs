//! The person at the terminal: approvals, questions, secrets.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use inquire::validator::Validation;
use jiff::Timestamp;
use kirikae_engine::action::{Answer, Question, QuestionField, Reveal};
use kirikae_engine::check::SecretDecl;
use kirikae_engine::dsl::{Type, fold, read_scalar};
use kirikae_engine::plan::PlanStep;
use kirikae_engine::run::Person;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::{Lang, Text};

use crate::commands::answer::evidence;
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

impl Person for Terminal {
    fn answer(&self, _step: &str, question: &Question) -> Option<Answer> {
        render::out("");
        render::question::lines(question, self.lang).iter().for_each(|line| render::out(line));
        let mut answer = Answer { by: crate::state::account(), account: crate::state::account(), ..Answer::default() };
        match self.word(question)? {
            Said::Yes => answer.yes = true,
            Said::No => {}
            Said::Problem(name) => answer.problem = Some(name),
        }
        if answer.yes {
            for field in question.fields.iter().filter(|field| !field.is_secret()) {
                answer.fields.insert(field.name.clone(), self.field(field)?);
            }
            answer.fields.retain(|_, value| !value.is_empty());
            if let Some(columns) = &question.rows {
                answer.rows = Some(self.rows(columns)?);
            }
            if question.evidence && !question.evidence_file {
                answer.evidence = inquire::Text::new(self.pick("見たもの(証拠):", "What was seen (evidence):")).prompt_skippable().ok()?;
            }
        }
        answer.at = Timestamp::now();
        // Secrets and files are asked for next; the rest must fit now.
        let mut rest = question.clone();
        rest.fields.retain(|field| !field.is_secret());
        rest.evidence_file = false;
        rest.evidence &= !question.evidence_file;
        match rest.accepts(&rest.folded(answer.clone())) {
            Ok(()) => Some(answer),
            Err(_) if question.until.is_some_and(|until| answer.at > until) => None,
            Err(why) => {
                render::err(why.get(self.lang));
                self.answer(_step, question)
            }
        }
    }

    fn reader(&self) -> Option<String> {
        std::io::stdout().is_terminal().then(crate::state::account)
    }

    fn reveal(&self, reveal: &Reveal, value: &Secret) {
        let Some(text) = value.expose_text() else { return };
        render::out(&match self.lang {
            Lang::Ja => format!("  「{}」に入れる値: {text}   (表示したことを記録しました)", reveal.label),
            Lang::En => format!("  for \u{201c}{}\u{201d}: {text}   (that it was shown is written down)", reveal.label),
        });
    }

    fn secret_shown(&self, field: &QuestionField) -> Option<Secret> {
        self.hidden(field.title.get(self.lang), &field.of_type(), false)
    }

    fn evidence(&self) -> Option<(String, Secret)> {
        loop {
            let typed = inquire::Text::new(self.pick("証拠のファイル(終わりは Enter だけ):", "File of evidence (Enter alone when done):"))
                .prompt_skippable()
                .ok()??;
            if typed.trim().is_empty() {
                return None;
            }
            match evidence(std::path::Path::new(typed.trim())) {
                Ok(file) => return Some(file),
                Err(failure) => failure.show(self.lang, crate::globals::Format::Text),
            }
        }
    }
}

/// What a person says to a question.
enum Said {
    Yes,
    No,
    Problem(String),
}

impl Terminal {
    fn pick(&self, ja: &'static str, en: &'static str) -> &'static str {
        if self.lang == Lang::Ja { ja } else { en }
    }

    /// Yes, no, or one of the problems.
    fn word(&self, question: &Question) -> Option<Said> {
        let ask = question.ask.get(self.lang);
        if question.problems.is_empty() {
            let yes = inquire::Confirm::new(ask).with_default(false).prompt_skippable().ok()??;
            return Some(if yes { Said::Yes } else { Said::No });
        }
        let (yes, no) = match question.acts {
            true => (self.pick("はい(済んだ)", "yes, it is done"), self.pick("いいえ(行っていない)", "no, it was not done")),
            false => (self.pick("はい", "yes"), self.pick("いいえ", "no")),
        };
        let mut options = vec![yes.to_owned(), no.to_owned()];
        options.extend(question.problems.iter().map(|problem| problem.say.get(self.lang).to_owned()));
        let chosen = inquire::Select::new(ask, options).raw_prompt_skippable().ok()??;
        Some(match chosen.index {
            0 => Said::Yes,
            1 => Said::No,
            index => Said::Problem(question.problems.get(index - 2)?.name.clone()),
        })
    }

    /// The value of a field, folded, once it fits; of a list its values, one a line. `None`: the person left the prompt.
    fn field(&self, field: &QuestionField) -> Option<String> {
        let title = render::question::about(field, self.lang);
        if !field.means.is_empty() {
            let mut texts: Vec<String> = field.means.iter().flat_map(|(_, texts)| texts.clone()).collect();
            if field.is_optional() {
                texts.push(self.pick("(一覧に無い)", "(not in the list)").to_owned());
            }
            let chosen = inquire::Select::new(&title, texts).prompt_skippable().ok()??;
            return Some(if field.means.iter().any(|(_, texts)| texts.contains(&chosen)) { field.fold(&chosen) } else { String::new() });
        }
        let list = matches!(field.of_type().required(), Type::List(_));
        let mut lines: Vec<String> = vec![];
        loop {
            let typed = inquire::Text::new(&title).prompt_skippable().ok()??;
            let folded = field.fold(&typed);
            let empty = folded.is_empty();
            if empty && (field.is_optional() || list && !lines.is_empty()) {
                return Some(lines.join("\n"));
            }
            if empty || !field.fits(&folded) {
                render::err(&unfit(&field.of_type(), self.lang));
                continue;
            }
            if !list {
                return Some(folded);
            }
            lines.push(folded);
        }
    }

    fn rows(&self, columns: &[QuestionField]) -> Option<Vec<BTreeMap<String, String>>> {
        let mut rows = vec![];
        loop {
            let more = self.pick("一覧に(まだ書いていない)行がありますか", "Is there a row that was not given yet");
            if !inquire::Confirm::new(more).with_default(false).prompt_skippable().ok()?? {
                return Some(rows);
            }
            let mut row = BTreeMap::new();
            for column in columns {
                row.insert(column.name.clone(), self.field(column)?);
            }
            row.retain(|_, value| !value.is_empty());
            rows.push(row);
        }
    }

    /// A secret, typed hidden until it has the shape of its type. `None`: the person left the prompt.
    pub fn hidden(&self, title: &str, ty: &Type, twice: bool) -> Option<Secret> {
        let (wanted, unfit) = (ty.clone(), unfit(ty, self.lang));
        let prompt = inquire::Password::new(title).with_display_mode(inquire::PasswordDisplayMode::Hidden).with_validator(move |typed: &str| {
            let fits = read_scalar(&wanted, &fold(&wanted, typed)).is_ok();
            Ok(if fits { Validation::Valid } else { Validation::Invalid(unfit.as_str().into()) })
        });
        let prompt = if twice {
            prompt
                .with_custom_confirmation_message(self.pick("もう一度:", "Again:"))
                .with_custom_confirmation_error_message(self.pick("2回の入力が違います。もう一度入れてください。", "The two entries differ. Type it again."))
        } else {
            prompt.without_confirmation()
        };
        prompt.prompt_skippable().ok().flatten().map(Secret::text)
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
        self.hidden(secret.title.get(self.lang), &secret.ty, secret.new)
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
