//! What is refused on the tokens alone, before parsing: size (a deep expression overflows the parser's stack), and the
//! signs and words that are not of the language, whose places only the tokens know exactly.
//!
//! Must not: know the parser.

use super::refusal::Refusal;
use crate::text::Text;

/// Bytes of an expression, at most.
pub(super) const MAX_BYTES: usize = 1_024;
const MAX_TOKENS: usize = 256;
const MAX_NESTING: usize = 16;

/// Bytes of one token.
pub(super) type Range = (usize, usize);

/// The reason why an expression is too long to be looked at.
pub(super) fn too_long(text: &str) -> Option<Refusal> {
    (text.len() > MAX_BYTES).then(|| {
        let what = Text::new(
            format!("式が長すぎます({}バイト。{MAX_BYTES}バイトまで)。", text.len()),
            format!("the expression is too long ({} bytes, at most {MAX_BYTES}).", text.len()),
        );
        split(Refusal::new("EXPR.TOO_LONG", (0, text.len()), what))
    })
}

/// Everything that the tokens `ranges` of `text` show to be outside the language.
pub(super) fn refused(text: &str, ranges: &[Range]) -> Vec<Refusal> {
    if ranges.len() > MAX_TOKENS {
        let what = Text::new(format!("式が長すぎます({MAX_TOKENS}語まで)。"), format!("the expression has too many parts (at most {MAX_TOKENS})."));
        return vec![split(Refusal::new("EXPR.TOO_MANY", (ranges[MAX_TOKENS].0, text.len()), what))];
    }
    if let Some(deep) = deepest(text, ranges) {
        return vec![deep];
    }
    (0..ranges.len()).filter_map(|index| refuse(text, ranges, index)).collect()
}

fn split(refusal: Refusal) -> Refusal {
    refusal.cure("let で途中の値に名前を付けて、分けて書いてください。", "name the parts under `let` and write shorter expressions.")
}

/// The reason why an expression with more than `most` levels is not looked at.
pub(super) fn too_deep(at: Range, most: usize) -> Refusal {
    let what = Text::new(format!("式の入れ子が深すぎます({most}段まで)。"), format!("the expression is nested too deeply (at most {most} levels)."));
    split(Refusal::new("EXPR.TOO_DEEP", at, what))
}

/// The first bracket or prefix that is nested too deeply.
fn deepest(text: &str, ranges: &[Range]) -> Option<Refusal> {
    let (mut nesting, mut prefixes) = (0_usize, 0_usize);
    for &(start, end) in ranges {
        match &text[start..end] {
            "(" | "[" | "{" => nesting += 1,
            ")" | "]" | "}" => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        prefixes = if matches!(&text[start..end], "-" | "not") { prefixes + 1 } else { 0 };
        if nesting > MAX_NESTING || prefixes > MAX_NESTING {
            return Some(too_deep((start, end), MAX_NESTING));
        }
    }
    None
}

fn refuse(text: &str, ranges: &[Range], index: usize) -> Option<Refusal> {
    let at = ranges[index];
    let token = &text[at.0..at.1];
    let before = index.checked_sub(1).map_or("", |index| &text[ranges[index].0..ranges[index].1]);
    let refusal = |code, ja: String, en: String| Some(Refusal::new(code, at, Text::new(ja, en)));
    match token {
        "~" => refusal("EXPR.OPERATOR", "~ は使えません。".into(), "`~` is not an operator of the language.".into()).map(|it| {
            it.cure("文は \"残り ${{ … }} 日\" のように、文の中に式を書いて作ってください。", "write the expressions inside the text: \"… ${{ … }} …\".")
        }),
        "*" | "/" | "//" | "%" | "**" => refusal("EXPR.OPERATOR", format!("{token} は使えません。"), format!("`{token}` is not an operator of the language."))
            .map(|it| it.cure("計算は + と - だけです。", "there are only `+` and `-`.")),
        "{" => refusal("EXPR.MAP", "式の中に { } は書けません。".into(), "a mapping cannot be written inside an expression.".into())
            .map(|it| it.cure("組は YAML で書き、その値を ${{ }} にしてください。", "write the mapping in YAML and use `${{ }}` for its values.")),
        "[" if is_value(before) => Some(index_or_slice(text, &ranges[index..])),
        "none" | "None" | "null" if before != "." => refusal("EXPR.NONE", format!("{token} という値はありません。"), format!("there is no value `{token}`."))
            .map(|it| it.cure("値がないときの代わりは x | default(…) で書いてください。", "write `x | default(…)` for what may be absent.")),
        "True" | "False" if before != "." => {
            let word = token.to_ascii_lowercase();
            refusal("EXPR.BOOL", format!("{token} ではなく {word} と書きます。"), format!("it is written `{word}`.")).map(|it| {
                let cure = (format!("{word} と書いてください。"), format!("write `{word}`."));
                it.cure(cure.0, cure.1).instead(word)
            })
        }
        _ if is_string(token) && is_string(before) => refusal("EXPR.ADJACENT", "文字列が並んでいます。".into(), "two strings stand side by side.".into())
            .map(|it| it.cure("1つの文字列にするか、間に , か演算子を書いてください。", "join them into one, or write a comma or an operator between them.")),
        _ if token.starts_with(|c: char| c.is_ascii_digit()) && before != "." => number(at, token),
        _ => None,
    }
}

fn is_string(token: &str) -> bool {
    token.starts_with(['\'', '"'])
}

/// Whether a `[` after this token would pick something out of it.
fn is_value(token: &str) -> bool {
    let keyword = matches!(token, "and" | "or" | "not" | "in" | "is" | "if" | "else");
    !keyword && (is_string(token) || matches!(token, ")" | "]") || token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

fn index_or_slice(text: &str, ranges: &[Range]) -> Refusal {
    let (mut depth, mut slice, mut end) = (0_usize, false, ranges[0].1);
    for &(start, stop) in ranges {
        end = stop;
        match &text[start..stop] {
            "[" | "(" => depth += 1,
            "]" | ")" => depth = depth.saturating_sub(1),
            ":" if depth == 1 => slice = true,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let at = (ranges[0].0, end);
    let refusal = if slice {
        Refusal::new("EXPR.SLICE", at, Text::new("一部分を取り出す [ : ] は使えません。", "slices are not part of the language."))
    } else {
        Refusal::new("EXPR.INDEX", at, Text::new("[ ] で値を取り出すことはできません。", "values cannot be picked out by `[ ]`."))
    };
    refusal.cure("名前は x.name、並びの端は x | first や x | last と書いてください。", "write `x.name`, or `x | first` and `x | last` of a list.")
}

fn number(at: Range, token: &str) -> Option<Refusal> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    if digits && token.len() > 1 && token.starts_with('0') {
        let what = Text::new(format!("数 {token} の先頭に 0 があります。"), format!("the number {token} has a leading zero."));
        let refusal = Refusal::new("EXPR.LEADING_ZERO", at, what);
        return Some(refusal.cure("番号なら引用符で囲んでください。", "put quotes around it if it is an ID.").instead(format!("'{token}'")));
    }
    if digits && token.parse::<i64>().is_ok() {
        return None;
    }
    let what = Text::new(format!("{token} は扱えない数です。"), format!("`{token}` is not a number of the language."));
    Some(Refusal::new("EXPR.NUMBER", at, what).cure("64ビットの整数だけを使えます。", "only whole numbers of 64 bits can be used."))
}

/// Why the text cannot be cut into tokens at `at`.
pub(super) fn unreadable(text: &str, at: usize) -> Refusal {
    let rest = &text[at..];
    let Some(c) = rest.chars().next() else {
        return Refusal::new("EXPR.SYNTAX", (at, at), Text::new("式が途中で終わっています。", "the expression ends too early."))
            .cure("続きを書くか、余った演算子やかっこを消してください。", "write the rest, or remove an operator or bracket too many.");
    };
    let here = (at, at + c.len_utf8());
    if rest.starts_with("${{") {
        let what = Text::new("式の中に ${{ は書けません。", "`${{` cannot stand inside an expression.");
        return Refusal::new("EXPR.BRACES", (at, at + 3), what)
            .why("when・that・until・deadline・let・outputs には、式をそのまま書きます", "when, that, until, deadline, let and outputs hold bare expressions")
            .cure("${{ と }} を取ってください。", "remove `${{` and `}}`.");
    }
    if matches!(c, '\'' | '"') {
        let what = Text::new("引用符が閉じていないか、\\ の使い方が違います。", "the quote is never closed, or a `\\` in it means nothing.");
        return Refusal::new("EXPR.QUOTE", (at, text.len()), what).cure("同じ引用符で閉じてください。", "close it with the same quote.");
    }
    if c == '\u{3000}' {
        let what = Text::new("全角の空白は式に書けません。", "a full-width space cannot stand in an expression.");
        return Refusal::new("EXPR.CHARACTER", here, what).cure("半角の空白にしてください。", "write an ordinary space.").instead(" ");
    }
    let refusal = Refusal::new("EXPR.CHARACTER", here, Text::new(format!("「{c}」は式に書けません。"), format!("`{c}` cannot stand in an expression.")));
    let instead = match c {
        '&' => "and".to_owned(),
        '!' => "not".to_owned(),
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '「' | '」' => "'".to_owned(),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).map(String::from).unwrap_or_default(),
        _ => return refusal.cure("日本語などの文字列は引用符で囲んでください。", "put quotes around a text."),
    };
    let refusal = refusal.cure(format!("「{instead}」と書いてください。"), format!("write `{instead}`."));
    if matches!(c, '\u{ff01}'..='\u{ff5e}') { refusal.instead(instead) } else { refusal }
}
