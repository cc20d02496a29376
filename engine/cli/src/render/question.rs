//! A question to a person, in words: at the terminal, and for who answers from elsewhere.

use kirikae_engine::action::{Question, QuestionField};
use kirikae_engine::dsl::Type;
use kirikae_engine::text::Lang;

use super::pad;

/// The question with its checklist and what can be answered. Secrets are named, never shown.
pub fn lines(question: &Question, lang: Lang) -> Vec<String> {
    let ja = lang == Lang::Ja;
    let word = |ja_word: &str, en_word: &str| pad(if ja { ja_word } else { en_word }, 10);
    let mut lines = vec![format!("  {}  {}", word("問い", "question"), question.ask.get(lang))];
    if let Some(who) = &question.who {
        lines.push(format!("  {}  {who}", word("人", "person")));
    }
    if let Some(place) = &question.place {
        lines.push(format!("  {}  {}", word("場所", "where"), place.get(lang)));
    }
    if let Some(until) = question.until {
        lines.push(format!("  {}  {}", word("期限", "until"), until.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M")));
    }
    lines.extend(question.items.iter().map(|item| format!("    □ {}", item.get(lang))));
    for reveal in &question.reveals {
        lines.push(match reveal.secret.strip_prefix("vault:") {
            Some(id) => format!("  {}  「{}」: kirikae secrets show {id}", word("秘密の値", "secret"), reveal.label),
            None => format!("  {}  「{}」: {}", word("秘密の値", "secret"), reveal.label, reveal.secret),
        });
    }
    lines
}

/// What `kirikae answer` can be given.
pub fn answers(question: &Question, run: &str, step: &str, lang: Lang) -> Vec<String> {
    let ja = lang == Lang::Ja;
    let next = pad(if ja { "次に" } else { "next" }, 10);
    let blank = pad("", 10);
    let by = if ja { "名前" } else { "NAME" };
    let mut yes = format!("  {next}  kirikae answer {run} {step} --yes --by {by}");
    for field in &question.fields {
        let (open, close) = if field.is_optional() { ("[", "]") } else { ("", "") };
        let flag = if field.is_secret() { "--secret-file" } else { "--field" };
        yes.push_str(&format!(" {open}{flag} {}={}{close}", field.name, if field.is_secret() { "PATH" } else { "…" }));
    }
    if let Some(columns) = &question.rows {
        let cells: Vec<String> = columns.iter().map(|column| format!("{}=…", column.name)).collect();
        yes.push_str(&format!(" --row \"{}\"|none", cells.join("; ")));
    }
    if question.evidence_file {
        yes.push_str(" --evidence FILE");
    } else if question.evidence {
        yes.push_str(" --saw TEXT|--evidence FILE");
    }
    let mut lines = vec![yes];
    let shown = question.fields.iter().chain(question.rows.iter().flatten()).map(|field| format!("  {blank}    {}", about(field, lang)));
    lines.extend(shown);
    let no = match (question.acts, ja) {
        (true, true) => "行っていない",
        (true, false) => "it was not done",
        (false, true) => "いいえ",
        (false, false) => "no",
    };
    lines.push(format!("  {blank}  kirikae answer {run} {step} --no --by {by}  ({no})"));
    let problems = question.problems.iter();
    lines.extend(problems.map(|problem| format!("  {blank}  kirikae answer {run} {step} --problem {} --by {by}  ({})", problem.name, problem.say.get(lang))));
    lines
}

/// A field with its label and its type, or the words of the screen.
pub fn about(field: &QuestionField, lang: Lang) -> String {
    let title = field.title.get(lang);
    let texts: Vec<&str> = field.means.iter().flat_map(|(_, texts)| texts.iter().map(String::as_str)).collect();
    if !texts.is_empty() {
        return format!("{}: {title} ({})", field.name, texts.join("・"));
    }
    match Type::parse(&field.ty).map(|ty| ty.required().clone()) {
        None | Some(Type::String) => format!("{}: {title}", field.name),
        Some(ty) => format!("{}: {title} ({ty})", field.name),
    }
}
