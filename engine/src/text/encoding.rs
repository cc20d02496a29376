//! Bytes of a file to its text; files in other encodings than UTF-8 are named.
//!
//! May use: encoding_rs. Must not: convert silently.

use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_16BE, UTF_16LE};

use super::{Diagnostic, MAX_BYTES, Place, Source, Span, Text, traps};

/// What a file seems to be written in.
struct Guess {
    encoding: &'static Encoding,
    /// For people.
    ja: &'static str,
    en: &'static str,
    /// For `iconv -f`.
    iconv: &'static str,
}

const CP932: Guess = Guess { encoding: SHIFT_JIS, ja: "Shift_JIS(CP932、メモ帳の ANSI)", en: "Shift_JIS (CP932, Notepad's ANSI)", iconv: "CP932" };
const EUC: Guess = Guess { encoding: EUC_JP, ja: "EUC-JP", en: "EUC-JP", iconv: "EUC-JP" };
const LITTLE: Guess = Guess { encoding: UTF_16LE, ja: "UTF-16", en: "UTF-16", iconv: "UTF-16LE" };
const BIG: Guess = Guess { encoding: UTF_16BE, ja: "UTF-16", en: "UTF-16", iconv: "UTF-16BE" };

impl Source {
    /// A source from the bytes of a file.
    ///
    /// # Errors
    /// `YAML.TOO_BIG` over 1 MiB, `YAML.NOT_UTF8` with the encoding it seems to be in. The place of the latter counts in the text of
    /// [`Source::for_excerpt`].
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Diagnostic> {
        if bytes.len() > MAX_BYTES {
            return Err(traps::too_big(name, bytes.len() as u64));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !looks_like_utf16(bytes) => Ok(Self::new(name, text)),
            Ok(_) => Err(not_utf8(name, bytes, 0)),
            Err(error) => Err(not_utf8(name, bytes, error.valid_up_to())),
        }
    }

    /// Refuses a file for its size, before it is read.
    pub fn too_big(name: &str, size: u64) -> Option<Diagnostic> {
        (size > MAX_BYTES as u64).then(|| traps::too_big(name, size))
    }

    /// The text of a file in whatever encoding it seems to be, only to be shown beside a finding.
    pub fn for_excerpt(name: &str, bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
        match guess(bytes) {
            Some(guess) => Self::new(name, &*guess.encoding.decode(bytes).0),
            None => Self::new(name, &*String::from_utf8_lossy(bytes)),
        }
    }
}

fn not_utf8(name: &str, bytes: &[u8], valid_up_to: usize) -> Diagnostic {
    let guess = guess(bytes);
    let offset = match &guess {
        Some(guess) if guess.encoding == UTF_16LE || guess.encoding == UTF_16BE => 0,
        Some(guess) => guess.encoding.decode_without_bom_handling(&bytes[..valid_up_to]).0.len(),
        None => valid_up_to,
    };
    let place = Place { file: name.into(), span: Span::new(offset, offset + 1) };
    let what = Text::new("文字コードが UTF-8 ではありません。", "the file is not UTF-8.");
    let finding = Diagnostic::error("YAML.NOT_UTF8", place, what);
    match guess {
        Some(guess) => finding
            .why(Text::new(format!("{} で保存されているようです", guess.ja), format!("it seems to be {}", guess.en)))
            .cure(Text::new(
                "メモ帳なら「名前を付けて保存」の「エンコード」で UTF-8 を選び、保存し直してください。",
                "in Notepad: Save as, with the encoding UTF-8.",
            ))
            .cure(Text::new(
                format!("コマンドなら: iconv -f {} -t UTF-8 元のファイル > 新しいファイル", guess.iconv),
                format!("on a command line: iconv -f {} -t UTF-8 OLD > NEW", guess.iconv),
            )),
        None => finding
            .why(Text::new("UTF-8 では意味のないバイトです", "these bytes mean nothing in UTF-8"))
            .cure(Text::new("正しいファイルか確かめ、UTF-8 で保存し直してください。", "check that it is the right file, and save it as UTF-8.")),
    }
}

fn guess(bytes: &[u8]) -> Option<Guess> {
    if bytes.starts_with(&[0xff, 0xfe]) {
        return Some(LITTLE);
    }
    if bytes.starts_with(&[0xfe, 0xff]) {
        return Some(BIG);
    }
    if looks_like_utf16(bytes) {
        return Some(if bytes.first() == Some(&0) { BIG } else { LITTLE });
    }
    if std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let decoded = |encoding: &'static Encoding| encoding.decode_without_bom_handling_and_without_replacement(bytes);
    let cp932 = decoded(SHIFT_JIS);
    // Kanji of EUC-JP are half-width kana in Shift_JIS: where nearly all of them are, it is not Shift_JIS.
    let euc = decoded(EUC_JP).is_some()
        && cp932.as_ref().is_none_or(|text| {
            let wide = text.chars().filter(|c| !c.is_ascii());
            let (kana, all) = wide.fold((0, 0), |(kana, all), c| (kana + usize::from(('\u{ff61}'..='\u{ff9f}').contains(&c)), all + 1));
            kana * 2 > all
        });
    if euc {
        return Some(EUC);
    }
    cp932.map(|_| CP932)
}

/// UTF-16 without a byte order mark: every other one of the first bytes is zero.
fn looks_like_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [a, b, c, d, ..] if (*a == 0) != (*b == 0) && (*c == 0) != (*d == 0) && (*a == 0) == (*c == 0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn told(bytes: &[u8]) -> (String, usize, usize) {
        let finding = Source::from_bytes("a.yaml", bytes).unwrap_err();
        assert_eq!(finding.code, "YAML.NOT_UTF8");
        let at = Source::for_excerpt("a.yaml", bytes).line_column(finding.place.unwrap().span.start);
        (finding.why.unwrap().en.unwrap(), at.line, at.column)
    }

    #[test]
    fn other_encodings_are_named_at_their_first_character() {
        assert_eq!(told(b"id: a\ntitle: \x8d\x58\x90\x56\n"), ("it seems to be Shift_JIS (CP932, Notepad's ANSI)".to_owned(), 2, 8));
        assert_eq!(told(b"title: \xb9\xb9\xbf\xb7\n"), ("it seems to be EUC-JP".to_owned(), 1, 8));
        assert_eq!(told(&[0xff, 0xfe, b'a', 0]), ("it seems to be UTF-16".to_owned(), 1, 1));
        assert_eq!(told(b"k\0i\0r\0i\0"), ("it seems to be UTF-16".to_owned(), 1, 1));
        assert_eq!(told(b"a: \xff\xff\n"), ("these bytes mean nothing in UTF-8".to_owned(), 1, 4));
    }

    #[test]
    fn the_size_is_looked_at_first() {
        assert_eq!(Source::from_bytes("a.yaml", &vec![0xff; MAX_BYTES + 1]).unwrap_err().code, "YAML.TOO_BIG");
        assert_eq!(&*Source::from_bytes("a.yaml", "題".as_bytes()).unwrap().text, "題");
    }
}
