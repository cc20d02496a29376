//! Text to value, directed by the type; and the folding of what people type.

use jiff::Timestamp;

use super::{Type, Value};
use crate::text::Text;

/// Why a text is no value of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalarError {
    /// What is wrong, with the value's shape, never a secret value.
    pub why: Text,
}

fn wrong(ja: String, en: String) -> ScalarError {
    ScalarError { why: Text::new(ja, en) }
}

/// Folds what a person typed, by type: full-width ASCII to half-width, U+3000 to space, trimmed; `hex` drops
/// what is between its digits where thumbprints are printed (white space, colons, hyphens, the invisible mark that Windows copies before
/// them) and is lower-cased. `string`, `text` and secrets of them stay as they are.
pub fn fold(ty: &Type, typed: &str) -> String {
    let inner = match ty.required() {
        Type::Secret(inner) => inner.required(),
        other => other,
    };
    let narrow = |text: &str| -> String {
        text.chars()
            .map(|c| match c {
                '\u{3000}' => ' ',
                '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
                other => other,
            })
            .collect::<String>()
            .trim()
            .to_owned()
    };
    match inner {
        Type::Digits(_) | Type::Ascii | Type::Int | Type::Bool | Type::Date | Type::DateTime | Type::Duration | Type::Url | Type::Enum(_) => narrow(typed),
        Type::Hex => narrow(typed).chars().filter(|c| !between_digits(*c)).collect::<String>().to_ascii_lowercase(),
        _ => typed.to_owned(),
    }
}

/// What stands between and around the digits of a thumbprint where people copy it from.
fn between_digits(c: char) -> bool {
    c.is_whitespace() || matches!(c, ':' | '-' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

/// Reads a scalar of a type from its text, without folding. Optional and secret types read what is inside.
///
/// # Errors
/// Why it does not fit. Lists, maps, objects and handles have no scalar form.
pub fn read_scalar(ty: &Type, text: &str) -> Result<Value, ScalarError> {
    let no = |ja: &str, en: &str| wrong(ja.to_owned(), en.to_owned());
    match ty {
        Type::Optional(inner) | Type::Secret(inner) => read_scalar(inner, text),
        Type::String | Type::Glob => Ok(Value::Str(text.to_owned())),
        Type::Text => Ok(Value::Text(Text::plain(text))),
        Type::Int => {
            let plain = text == "0" || text.trim_start_matches('-').bytes().next().is_some_and(|b| (b'1'..=b'9').contains(&b));
            match text.parse() {
                Ok(number) if plain => Ok(Value::Int(number)),
                _ => Err(no("整数(例: 90)を書いてください。", "write a whole number, such as 90.")),
            }
        }
        Type::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(no("true か false を書いてください。", "write true or false.")),
        },
        Type::Enum(words) => {
            if words.iter().any(|word| word == text) {
                Ok(Value::Str(text.to_owned()))
            } else {
                Err(wrong(format!("{} のどれかを書いてください。", words.join("・")), format!("write one of {}.", words.join(", "))))
            }
        }
        Type::Digits(n) => {
            let count = text.chars().count();
            if text.bytes().all(|b| b.is_ascii_digit()) && count == *n as usize {
                Ok(Value::Str(text.to_owned()))
            } else if text.chars().any(|c| ('\u{ff10}'..='\u{ff19}').contains(&c)) {
                Err(wrong(
                    format!("全角の数字があります。半角の数字{n}桁で書いてください。"),
                    format!("it has full-width digits; write {n} half-width digits."),
                ))
            } else if text.bytes().all(|b| b.is_ascii_digit()) && count + 1 == *n as usize {
                Err(wrong(
                    format!("数字{n}桁のところ{count}桁です。先頭の 0 が消えていませんか。"),
                    format!("it has {count} digits instead of {n}; a leading 0 may have been lost."),
                ))
            } else {
                Err(wrong(
                    format!("半角の数字{n}桁で書いてください({count}文字あります)。"),
                    format!("write {n} half-width digits (it has {count} characters)."),
                ))
            }
        }
        Type::Ascii => {
            if !text.is_empty() && text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                Ok(Value::Str(text.to_owned()))
            } else {
                Err(no("半角の英数字と記号だけで書いてください。", "write half-width letters, digits and signs only."))
            }
        }
        Type::Hex => {
            if !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                Ok(Value::Str(text.to_owned()))
            } else {
                Err(no("0-9 と小文字の a-f だけで、2文字ずつ書いてください。", "write pairs of 0-9 and lower-case a-f."))
            }
        }
        Type::Url => {
            if text.starts_with("https://") || text.starts_with("http://") {
                Ok(Value::Str(text.to_owned()))
            } else {
                Err(no("https:// で始まる URL を書いてください。", "write a URL that starts with https://."))
            }
        }
        Type::Date => text.parse().map(Value::Date).map_err(|_| no("日付は 2026-11-23 の形で書いてください。", "write a date like 2026-11-23.")),
        Type::DateTime => text
            .parse::<Timestamp>()
            .map(Value::DateTime)
            .map_err(|_| no("日時は 2026-11-23T09:00:00+09:00 の形で書いてください。", "write an instant like 2026-11-23T09:00:00+09:00.")),
        Type::Duration => match read_duration(text) {
            Some(_) => Ok(Value::Str(text.to_owned())),
            None => Err(no("長さは 30s・10m・24h・90d の形で書いてください。", "write a length of time like 30s, 10m, 24h or 90d.")),
        },
        Type::Role(_) => Ok(Value::Role(text.to_owned())),
        Type::List(_) | Type::Map(_) | Type::Object(_) => {
            Err(no("ここには1つの値ではなく、並びや組を書きます。", "a list or mapping goes here, not a single value."))
        }
        _ => Err(no("この値は手順が作るもので、文字では書けません。", "this value is made by a step; it cannot be written.")),
    }
}

/// Reads `30s`, `10m`, `24h`, `90d`: a whole number without leading zero, and one unit.
pub fn read_duration(text: &str) -> Option<std::time::Duration> {
    let unit = match text.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let count: u64 = plain.then(|| digits.parse().ok())??;
    count.checked_mul(unit).map(std::time::Duration::from_secs)
}
