//! What people write in YAML that would be read as something else: each with its own message and, where there is exactly one, the correction.
//!
//! May use: text. Must not: know the YAML library, or what a document means.

use super::tree::MAX_BYTES;
use super::{Diagnostic, Source, Span, Spanned, Text};

/// Why a text cannot be read at all.
pub(super) fn unreadable(source: &Source) -> Option<Diagnostic> {
    if source.text.len() > MAX_BYTES {
        return Some(too_big(source.text.len() as u64));
    }
    let body = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let skipped = source.text.len() - body.len();
    let bad = |c: char| c == '\u{feff}' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let (at, character) = body.char_indices().find(|(_, c)| bad(*c))?;
    let span = Span::new(at + skipped, at + skipped + character.len_utf8());
    let what = Text::new(
        format!("目に見えない文字(U+{:04X})が入っています。", character as u32),
        format!("there is an invisible character (U+{:04X}).", character as u32),
    );
    let cure = Text::new("この文字を消してください。", "delete this character.");
    Some(Diagnostic::error("YAML.CONTROL", source.place(span), what).cure(cure).fix(span, ""))
}

/// A document over the limit; `size` in bytes.
pub(super) fn too_big(size: u64) -> Diagnostic {
    let what = Text::new(format!("大きすぎます({size} バイト)。1 MiB までです。"), format!("the file is too big ({size} bytes); at most 1 MiB is read."));
    let cure = Text::new("正しいファイルか確かめてください。", "check that it is the right file.");
    Diagnostic::about_file("YAML.TOO_BIG", what).cure(cure)
}

/// A second document.
pub(super) fn second_document(source: &Source, span: Span) -> Diagnostic {
    let what = Text::new("1つのファイルに書けるのは1つの文書だけです。", "a file holds one document.");
    let cure = Text::new("「---」から後を別のファイルに移してください。", "move what follows `---` to a file of its own.");
    Diagnostic::error("YAML.DOCUMENTS", source.place(span), what).cure(cure)
}

/// A tag.
pub(super) fn tag(source: &Source, span: Span) -> Diagnostic {
    let written = written(source, span);
    let what =
        Text::new(format!("「{written}」は YAML のタグになります。使えません。"), format!("`{written}` is a YAML tag, which is not part of the language."));
    let cure = Text::new("! で始まる値は \"…\" で囲んでください。", "quote a value that starts with `!`.");
    Diagnostic::error("YAML.TAG", source.place(span), what).cure(cure)
}

/// An anchor.
pub(super) fn anchor(source: &Source, span: Span) -> Diagnostic {
    let written = written(source, span);
    let what = Text::new(
        format!("「{written}」は YAML のアンカーになります。使えません。"),
        format!("`{written}` is a YAML anchor, which is not part of the language."),
    );
    let cure = Text::new("& で始まる値は \"…\" で囲んでください。", "quote a value that starts with `&`.");
    Diagnostic::error("YAML.ANCHOR", source.place(span), what).cure(cure)
}

/// An alias; mostly a pattern like `*.p12`.
pub(super) fn alias(source: &Source, span: Span) -> Diagnostic {
    let written = written(source, span);
    let what = Text::new(format!("「{written}」は YAML の別名(エイリアス)として読まれます。"), format!("`{written}` is read as a YAML alias."));
    let cure = Text::new("* で始まる値は \"…\" で囲んでください。", "quote a value that starts with `*`.");
    Diagnostic::error("YAML.ALIAS", source.place(span), what).cure(cure).fix(span, format!("\"{written}\""))
}

/// `<<`.
pub(super) fn merge(source: &Source, span: Span) -> Diagnostic {
    let what = Text::new("「<<」(別の組の取り込み)は使えません。", "merge keys (`<<`) are not part of the language.");
    Diagnostic::error("YAML.MERGE_KEY", source.place(span), what).cure(Text::new("項目をそのまま書いてください。", "write the keys out."))
}

/// A mapping or list as a key; mostly `{{ x }}`.
pub(super) fn key(source: &Source, span: Span) -> Diagnostic {
    let what = Text::new("項目名に { } や [ ] は使えません。", "a key cannot be a mapping or a list.");
    let cure = Text::new("式は \"${{ … }}\" のように、$ を付けて引用符で囲みます。", "write expressions with a `$` and in quotes: \"${{ … }}\".");
    Diagnostic::error("YAML.KEY", source.place(span), what).cure(cure)
}

/// The same key again.
pub(super) fn duplicate(source: &Source, name: &Spanned<String>, first: Span) -> Diagnostic {
    let what = Text::new(format!("「{}」が2回書かれています。", name.value), format!("`{}` is written twice.", name.value));
    let why = Text::new("YAML ではどちらが使われるか分かりません", "YAML readers differ in which one they take");
    let cure = Text::new("どちらか1つにしてください。", "keep one of them.");
    Diagnostic::error("YAML.DUPLICATE_KEY", source.place(name.span), what)
        .why(why)
        .cure(cure)
        .related(source.place(first), Text::new("1回目はここです", "first written here"))
}

/// `{ say: 1枚だけです, 削除できません }`: a comma inside a text in braces makes a new key.
pub(super) fn stray_comma(source: &Source, name: &Spanned<String>, before: Option<Span>) -> Diagnostic {
    let what = Text::new(
        format!("「,」で区切れて、「{}」が別の項目になっています。", name.value),
        format!("the comma ends the value, so `{}` becomes a key of its own.", name.value),
    );
    let cure = Text::new("「,」を含む値は \"…\" で囲んでください。", "quote values that contain a comma.");
    let finding = Diagnostic::error("YAML.STRAY_COMMA", source.place(name.span), what).cure(cure);
    match before {
        Some(before) => finding.related(source.place(before), Text::new("この値がここで切れています", "this value was cut")),
        None => finding,
    }
}

/// What is suspicious about a text without quotes, before any comment.
pub(super) fn plain(source: &Source, text: &str, span: Span, is_key: bool) -> Option<Diagnostic> {
    let first = text.chars().next()?;
    let one = Span::new(span.start, span.start + first.len_utf8());
    if matches!(first, '\u{3000}' | '\u{a0}') {
        let run = text.len() - text.trim_start_matches(['\u{3000}', '\u{a0}']).len();
        let blanks = Span::new(span.start, span.start + run);
        let what = Text::new("全角スペースで字下げされています。", "this is indented with a full-width (or no-break) space.");
        let why = Text::new("YAML では字下げにならず、名前や値の一部になります", "YAML takes it as part of the name or value");
        let cure = Text::new("半角スペースに直してください。", "use ordinary spaces.");
        let count = text.chars().take_while(|c| matches!(c, '\u{3000}' | '\u{a0}')).count();
        return Some(Diagnostic::error("YAML.FULLWIDTH_SPACE", source.place(blanks), what).why(why).cure(cure).fix(blanks, "  ".repeat(count)));
    }
    let half = match first {
        '－' => Some("- "),
        '＃' => Some("# "),
        '｛' => Some("{"),
        '［' => Some("["),
        '＂' | '”' | '“' => Some("\""),
        _ => None,
    };
    if let Some(half) = half {
        return Some(fullwidth_sign(source, one, first, half));
    }
    if let Some(at) = fullwidth_colon(text).filter(|_| !is_key) {
        let place = Span::new(span.start + at, span.start + at + '：'.len_utf8());
        return Some(fullwidth_sign(source, place, '：', ": "));
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        let shorter = digits.trim_start_matches('0');
        let what = Text::new("0 で始まる数字は引用符で囲んでください。", "quote a number that starts with 0.");
        let why = Text::new(
            format!("他の YAML ソフトは {shorter}(先頭の 0 が消える)などと読みます"),
            format!("other YAML readers take it as {shorter} (the 0 is lost) or as octal"),
        );
        let cure = Text::new(format!("\"{text}\" と書いてください。"), format!("write \"{text}\"."));
        return Some(Diagnostic::error("YAML.LEADING_ZERO", source.place(span), what).why(why).cure(cure).fix(span, format!("\"{text}\"")));
    }
    None
}

/// A full-width sign where YAML wants a half-width one.
pub(super) fn fullwidth_sign(source: &Source, span: Span, sign: char, half: &str) -> Diagnostic {
    let what = Text::new(format!("全角の「{sign}」が使われています。"), format!("this `{sign}` is a full-width sign."));
    let why = Text::new("YAML の記号にならず、文字として読まれます", "YAML reads it as a letter");
    let cure = Text::new(
        format!("半角の「{}」に直すか、文なら全体を \"…\" で囲んでください。", half.trim()),
        format!("write `{}`, or quote the whole text if it is one.", half.trim()),
    );
    Diagnostic::error("YAML.FULLWIDTH_SIGN", source.place(span), what).why(why).cure(cure).fix(span, half)
}

/// The place of a full-width colon right after something that looks like a key, at the start of any line of the text.
pub(super) fn fullwidth_colon(text: &str) -> Option<usize> {
    text.match_indices('：').map(|(at, _)| at).find(|at| {
        let before = text[..*at].trim_end_matches([' ', '\u{3000}']);
        let word = before.len() - before.trim_end_matches(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_').len();
        let bare = &before[..before.len() - word];
        word > 0 && (bare.is_empty() || bare.ends_with([' ', '\n']))
    })
}

/// A comment right of a text that it may have cut in two.
pub(super) fn cut_by_comment(source: &Source, before: &str, at: Span, comment: &str, span: Span) -> Option<Diagnostic> {
    let odd = |quote: char| before.matches(quote).count() % 2 == 1;
    let open = before.matches("${{").count() > before.matches("}}").count()
        || before.matches('「').count() > before.matches('」').count()
        || before.matches('(').count() > before.matches(')').count();
    let glued = !comment.is_empty() && !comment.starts_with([' ', '\t', '#', '!', '-', '=']);
    if !(odd('\'') || odd('"') || open || glued) {
        return None;
    }
    let what = Text::new("「 #」から後がコメントになり、捨てられています。", "everything after ` #` is a comment and is dropped.");
    let why = Text::new(format!("残ったのは「{before}」だけです"), format!("only `{before}` is left"));
    let cure = Text::new(
        "# を含む値は全体を引用符で囲んでください。コメントなら「# 」と空白を入れてください。",
        "quote the whole value if # belongs to it; start a comment with `# `.",
    );
    Some(
        Diagnostic::error("YAML.COMMENT_CUTS", source.place(at), what)
            .why(why)
            .cure(cure)
            .related(source.place(span), Text::new("ここがコメントになっています", "this became a comment")),
    )
}

fn written(source: &Source, span: Span) -> &str {
    source.text.get(span.start..span.end).unwrap_or_default()
}
