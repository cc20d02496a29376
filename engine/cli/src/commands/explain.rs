//! `kirikae explain [CODE]`

use kirikae_engine::backend::Class;
use kirikae_engine::explain::{Part, Story, nearest_code, stories};
use kirikae_engine::text::{Lang, Text};
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render;

/// Arguments of `explain`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A code such as YAML.TAB [default: list them all]
    code: Option<String>,
}

/// Tells the story of a code, or lists all codes by area.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let lang = globals.lang();
    let all = stories();
    let Some(wanted) = args.code.as_ref().map(|code| code.trim().to_uppercase()) else {
        list(&all, lang, globals.format);
        return Ok(exit::DONE);
    };
    let Some(story) = all.iter().find(|story| story.code == wanted) else {
        let near = nearest_code(&wanted, &all).map(|near| Text::new(format!("もしかして: {near}。"), format!("did you mean {near}? "))).unwrap_or_default();
        let cure = Text::new(
            format!("{}kirikae explain で一覧を見てください。手順書やプロファイルが自分で決めたコードは、その文書の say に説明があります。", near.ja),
            format!("{}see `kirikae explain` for all; a code of a playbook's or profile's own is told by its `say`.", near.en.unwrap_or_default()),
        );
        return Err(Failure::usage("EXPLAIN.UNKNOWN", Text::new(format!("{wanted} というコードはありません。"), format!("there is no code {wanted}.")), cure));
    };
    match globals.format {
        Format::Json => render::out(&as_json(story, lang).to_string()),
        _ => render::out(&told(story, lang)),
    }
    Ok(exit::DONE)
}

fn list(all: &[Story], lang: Lang, format: Format) {
    if format == Format::Json {
        let codes: Vec<_> = all.iter().map(|story| json!({"code": story.code, "title": story.title.get(lang)})).collect();
        render::out(&json!({"codes": codes}).to_string());
        return;
    }
    let width = all.iter().map(|story| story.code.len()).max().unwrap_or_default();
    let mut area = "";
    for story in all {
        let own = story.code.split('.').next().unwrap_or_default();
        if own != area {
            area = own;
            render::out(&format!("\n{area}"));
        }
        render::out(&format!("  {:<width$}  {}", story.code, story.title.get(lang)));
    }
}

/// The story for people.
fn told(story: &Story, lang: Lang) -> String {
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let mut lines = vec![format!("{}  {}", story.code, story.title.get(lang)), String::new(), story.story.get(lang).to_owned()];
    if let Some(class) = story.class {
        lines.extend([String::new(), format!("{}: {}", word("種類", "class"), who(class).get(lang))]);
    }
    if let Some(cure) = &story.cure {
        lines.push(format!("{}: {}", word("直し方", "cure"), cure.get(lang)));
    }
    if let Some(example) = &story.example {
        let (wrong, right) = match example.part {
            Part::When => (format!("when: {}", example.wrong), format!("when: {}", example.right)),
            _ => (example.wrong.clone(), example.right.clone()),
        };
        let bytes = if example.part == Part::Bytes { word("(16進のバイト列)", " (bytes in hexadecimal)") } else { "" };
        lines.extend([String::new(), format!("{}{bytes}:", word("悪い例", "wrong")), indented(&wrong)]);
        lines.extend([String::new(), format!("{}:", word("良い例", "right")), indented(&right)]);
    }
    lines.join("\n")
}

/// Indented; what the eye cannot see is written out.
fn indented(text: &str) -> String {
    let seen = |c: char| match c {
        '\t' => "<TAB>".to_owned(),
        '\u{3000}' => "<全角空白>".to_owned(),
        '\u{a0}' | '\0' | '\r' | '\u{200b}'..='\u{200f}' | '\u{feff}' => format!("<U+{:04X}>", c as u32),
        other => other.to_string(),
    };
    text.lines().map(|line| format!("    {}", line.chars().map(seen).collect::<String>())).collect::<Vec<_>>().join("\n")
}

fn who(class: Class) -> Text {
    match class {
        Class::Transient => Text::new("一時的(何も起きていない。やり直しても安全)", "transient (nothing happened; trying again is safe)"),
        Class::Permanent => Text::new("やり直しても同じ(原因を直す)", "permanent (trying again gives the same)"),
        Class::Ambiguous => Text::new("行われたかどうか不明(送り直さず、見て確かめる)", "ambiguous (whether it happened is not known; look, never send again)"),
        Class::Human => Text::new("人の対応が先(何も起きていない)", "human (a person acts first; nothing happened)"),
    }
}

fn as_json(story: &Story, lang: Lang) -> serde_json::Value {
    let example = story.example.as_ref().map(|example| json!({"wrong": example.wrong, "right": example.right}));
    json!({
        "code": story.code, "title": story.title.get(lang), "story": story.story.get(lang), "class": story.class,
        "cure": story.cure.as_ref().map(|cure| cure.get(lang)), "example": example,
    })
}
