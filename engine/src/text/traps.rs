//! What people write in YAML that would be read as something else: each with its own message and, where there is exactly one, the correction.
//!
//! May use: text. Must not: know the YAML library, or what a document means.

use super::quoting::{block_value, quoted};
use super::tree::MAX_BYTES;
use super::{Diagnostic, Fix, Place, Source, Span, Spanned, Text};

/// Why a text cannot be read at all.
pub(super) fn unreadable(source: &Source) -> Option<Diagnostic> {
    if source.text.len() > MAX_BYTES {
        return Some(too_big(&source.name, source.text.len() as u64));
    }
    let body = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let skipped = source.text.len() - body.len();
    let (at, character) = body.char_indices().find(|(at, c)| is_invisible(*c) || (*c == '\r' && !body[at + 1..].starts_with('\n')))?;
    let span = Span::new(at + skipped, at + skipped + character.len_utf8());
    let what = Text::new(
        format!("目に見えない文字(U+{:04X})が入っています。", character as u32),
        format!("there is an invisible character (U+{:04X}).", character as u32),
    );
    if character == '\r' {
        let cure = Text::new("改行は LF か CRLF にしてください。", "end lines with LF or CRLF.");
        return Some(Diagnostic::error("YAML.CONTROL", source.place(span), what).cure(cure).fix(span, "\n"));
    }
    let cure = Text::new("この文字を消してください。", "delete this character.");
    Some(Diagnostic::error("YAML.CONTROL", source.place(span), what).cure(cure).fix(span, ""))
}

/// Controls, byte order marks inside the text, characters without width, and those that turn the direction of writing. Joiners and variation
/// selectors belong to letters and stay.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{feff}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

/// A `%` line before the document.
pub(super) fn directive(source: &Source) -> Option<Diagnostic> {
    let mut at = source.text.len() - source.text.trim_start_matches('\u{feff}').len();
    for line in source.text[at..].split_inclusive('\n') {
        if line.starts_with('%') {
            let shown = Span::new(at, at + line.trim_end().len());
            let what = Text::new("% で始まる行(YAML の指示)は使えません。", "directives (lines that start with `%`) are not part of the language.");
            let cure = Text::new("この行を消してください。", "delete this line.");
            let finding = Diagnostic::error("YAML.DIRECTIVE", source.place(shown), what).cure(cure);
            return Some(finding.fix(Span::new(at, at + line.len()), ""));
        }
        if !line.trim().is_empty() && !line.starts_with('#') {
            return None;
        }
        at += line.len();
    }
    None
}

/// A document over the limit; `size` in bytes.
pub(super) fn too_big(name: &str, size: u64) -> Diagnostic {
    let what = Text::new(format!("大きすぎます({size} バイト)。1 MiB までです。"), format!("the file is too big ({size} bytes); at most 1 MiB is read."));
    let cure = Text::new("正しいファイルか確かめてください。", "check that it is the right file.");
    Diagnostic::error("YAML.TOO_BIG", Place { file: name.into(), span: Span::new(0, 0) }, what).cure(cure)
}

/// `"E:\kirikae"`: between double quotes a backslash means something, so that a path of Windows becomes another text.
pub(super) fn escape(source: &Source, start: usize) -> Diagnostic {
    let text = &source.text[start..];
    let end = text[1..].find(['"', '\n']).map_or(text.len(), |end| end + 1 + usize::from(text[end + 1..].starts_with('"')));
    let span = Span::new(start, start + end);
    let what = Text::new("\"…\" の中の \\ は、次の文字と合わせて別の文字になります。", "between double quotes, a `\\` changes the character after it.");
    let why = Text::new("\\t はタブ、\\n は改行になり、意味のない組み合わせは読めません", "`\\t` becomes a tab, `\\n` a new line; other pairs cannot be read");
    let cure = Text::new("Windows のパスは '…' で囲むか、\\ の代わりに / を使ってください。", "put a Windows path between single quotes, or write / for \\.");
    let finding = Diagnostic::error("YAML.ESCAPE", source.place(span), what).why(why).cure(cure);
    let inside = text[..end].strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inside.filter(|inside| !inside.contains('\'') && !inside.contains("\\\\") && !inside.ends_with('\\')) {
        Some(inside) => finding.fix(span, format!("'{inside}'")),
        None => finding,
    }
}

/// A path of Windows between double quotes whose backslashes are not doubled.
pub(super) fn windows_path(source: &Source, span: Span) -> Option<Diagnostic> {
    let raw = written(source, span).as_bytes();
    let drive = matches!(raw, [b'"', letter, b':', b'\\', next, ..] if letter.is_ascii_alphabetic() && *next != b'\\');
    drive.then(|| escape(source, span.start))
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
    let finding = Diagnostic::error("YAML.ALIAS", source.place(span), what).cure(cure);
    let whole = block_value(&source.text, span.start).filter(|value| value.start == span.start).unwrap_or(span);
    match quoted(self::written(source, whole)) {
        Some(text) => finding.fix(whole, text),
        None => finding,
    }
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
    let Some(before) = before else { return finding };
    let finding = finding.related(source.place(before), Text::new("この値がここで切れています", "this value was cut"));
    let text = &*source.text;
    let mut end = name.span.end;
    // Further pieces without a colon belong to the same text.
    while let Some(rest) = text[end..].trim_start_matches(' ').strip_prefix(',') {
        let piece = rest[..rest.find([',', '}', '\n']).unwrap_or(rest.len())].trim_end();
        if piece.contains(": ") || piece.ends_with(':') || piece.is_empty() {
            break;
        }
        end = text.len() - rest.len() + piece.len();
    }
    match &text[before.start..end] {
        whole if whole.contains(['"', '\'', '\\', '{', '[', '#', '\n']) => finding,
        whole => finding.fix(Span::new(before.start, end), format!("\"{whole}\"")),
    }
}

/// What is suspicious about a text without quotes, before any comment.
pub(super) fn plain(source: &Source, text: &str, span: Span, is_key: bool) -> Option<Diagnostic> {
    let first = text.chars().next()?;
    let one = Span::new(span.start, span.start + first.len_utf8());
    if let Some(finding) = fullwidth_blank(source, text, span) {
        return Some(finding);
    }
    let (half, pair) = match first {
        '－' => ("- ", None),
        '＃' => ("# ", None),
        '｛' => ("{", Some(('｝', "}"))),
        '［' => ("[", Some(('］', "]"))),
        '＂' => ("\"", Some(('＂', "\""))),
        '“' | '”' => ("\"", Some(('”', "\""))),
        _ => ("", None),
    };
    if !half.is_empty() {
        let finding = fullwidth_sign(source, one, first, half);
        return Some(match pair {
            None => finding,
            // One bracket alone would only make another error of it.
            Some((last, half_last)) => {
                let inside = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
                let fix = inside.map(|inside| Fix { span, text: format!("{half}{inside}{half_last}") });
                Diagnostic { fix, ..finding }
            }
        });
    }
    // Where it stands in the file: a text of several lines is shorter than what is written.
    if let Some(at) = fullwidth_colon(written(source, span)).filter(|_| !is_key) {
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
    // A truth word as a key is no name of the language (`DSL.BAD_NAME`).
    if is_key && super::truth_word(text).is_none() { super::foreign(source, text, span) } else { None }
}

/// Full-width spaces that look like YAML's: as indentation, around a value, before a comment.
fn fullwidth_blank(source: &Source, text: &str, span: Span) -> Option<Diagnostic> {
    let wide = ['\u{3000}', '\u{a0}'];
    let why = Text::new("YAML では空白にならず、名前や値の一部になります", "YAML takes it as part of the name or value");
    let finding = |blanks: Span, what: Text, with: String| {
        let cure = Text::new("半角スペースに直してください。", "use ordinary spaces.");
        Some(Diagnostic::error("YAML.FULLWIDTH_SPACE", source.place(blanks), what).why(why.clone()).cure(cure).fix(blanks, with))
    };
    let lead = text.len() - text.trim_start_matches(wide).len();
    if lead > 0 {
        let blanks = Span::new(span.start, span.start + lead);
        let before = &source.text[..span.start];
        let indents = before.rsplit('\n').next().is_some_and(|line| line.trim_start_matches([' ', '-', '\u{feff}']).is_empty());
        if indents {
            let count = text.chars().take_while(|c| wide.contains(c)).count();
            let what = Text::new("全角スペースで字下げされています。", "this is indented with a full-width (or no-break) space.");
            return finding(blanks, what, "  ".repeat(count));
        }
        let what = Text::new("値の前に全角スペースがあります。", "there is a full-width (or no-break) space before the value.");
        return finding(blanks, what, String::new());
    }
    if let Some(at) = wide.iter().find_map(|blank| text.find(&format!("{blank}#"))) {
        let length = text[at..].chars().next().map_or(0, char::len_utf8);
        let what = Text::new("# の前が全角スペースなので、コメントになっていません。", "with a full-width space before it, `#` starts no comment.");
        return finding(Span::new(span.start + at, span.start + at + length), what, " ".to_owned());
    }
    let kept = text.trim_end_matches(wide).len();
    if kept < text.len() && kept > 0 {
        let what = Text::new("値の後に全角スペースがあります。", "there is a full-width (or no-break) space after the value.");
        return finding(Span::new(span.end - (text.len() - kept), span.end), what, String::new());
    }
    None
}

/// `title:　更新`: the space behind a colon is a full-width one, so that YAML sees no key.
pub(super) fn fullwidth_after_colon(source: &Source, line: Span) -> Option<Diagnostic> {
    let text = &source.text[line.start..line.end];
    let at = text.match_indices([':', '-']).map(|(at, _)| at + 1).find(|at| {
        let key = text[..at - 1].trim_start_matches([' ', '-']);
        let looks = key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') && (text[..*at].ends_with('-') == key.is_empty());
        looks && text[*at..].starts_with(['\u{3000}', '\u{a0}'])
    })?;
    let length = text[at..].len() - text[at..].trim_start_matches(['\u{3000}', '\u{a0}']).len();
    let span = Span::new(line.start + at, line.start + at + length);
    let what = Text::new("「:」の後が全角スペースです。", "the space after the sign is a full-width one.");
    let why = Text::new("YAML では「: 」(コロンと半角スペース)で項目になります", "YAML wants a colon and an ordinary space");
    let cure = Text::new("半角スペースに直してください。", "use an ordinary space.");
    Some(Diagnostic::error("YAML.FULLWIDTH_SPACE", source.place(span), what).why(why).cure(cure).fix(span, " "))
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
    let why = match written(source, at) {
        "" => Text::new("値は何も残っていません", "no value is left"),
        _ => Text::new(format!("残ったのは「{before}」だけです"), format!("only `{before}` is left")),
    };
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
