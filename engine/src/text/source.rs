//! Files as text, and places in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Diagnostic, MAX_BYTES, Text, traps};

/// Half-open range of bytes in one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Span {
    /// A span from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A value with the span it was written at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands in its file.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value and its span.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A span in a named file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// The range in it.
    pub span: Span,
}

/// Line and column for people: both start at 1, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One file: its name as given, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name as given on the command line, or the path below the library.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A source of this name and text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// A source from the bytes of a file.
    ///
    /// # Errors
    /// `YAML.TOO_BIG` over 1 MiB, `YAML.NOT_UTF8` with the encoding it seems to be in.
    pub fn from_bytes(name: impl Into<Arc<str>>, bytes: &[u8]) -> Result<Self, Diagnostic> {
        if bytes.len() > MAX_BYTES {
            return Err(traps::too_big(bytes.len() as u64));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => Err(not_utf8(bytes, error.valid_up_to())),
        }
    }

    /// A place in this source.
    pub fn place(&self, span: Span) -> Place {
        Place { file: self.name.clone(), span }
    }

    /// SHA-256 of the text, lower-case hex.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn line_column(&self, offset: usize) -> LineColumn {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        LineColumn { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

/// The sources of one check, by name, so that diagnostics can be shown with their text.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<Arc<str>, Source>);

impl Sources {
    /// Adds a source; a second one of the same name replaces the first.
    pub fn add(&mut self, source: Source) {
        self.0.insert(source.name.clone(), source);
    }

    /// The source of this name.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.0.get(name)
    }
}

fn not_utf8(bytes: &[u8], valid_up_to: usize) -> Diagnostic {
    let line = bytes[..valid_up_to].iter().filter(|byte| **byte == b'\n').count() + 1;
    let what = Text::new(format!("文字コードが UTF-8 ではありません({line}行目から)。"), format!("the file is not UTF-8 (from line {line} on)."));
    let why = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        Some(Text::new("UTF-16 で保存されているようです", "it seems to be UTF-16"))
    } else if is_cp932(bytes) {
        Some(Text::new("Shift_JIS(ANSI)で保存されているようです", "it seems to be Shift_JIS (CP932)"))
    } else {
        None
    };
    let cure = Text::new("UTF-8 で保存し直してください(メモ帳では「名前を付けて保存」の「エンコード」)。", "save it as UTF-8 (in Notepad: Save as, Encoding).");
    let finding = Diagnostic::about_file("YAML.NOT_UTF8", what).cure(cure);
    match why {
        Some(why) => finding.why(why),
        None => finding,
    }
}

/// Whether all bytes are well-formed Windows-31J.
fn is_cp932(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            0x00..=0x7f | 0xa1..=0xdf => {}
            0x81..=0x9f | 0xe0..=0xfc => match rest.next() {
                Some(0x40..=0x7e | 0x80..=0xfc) => {}
                _ => return false,
            },
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn other_encodings_are_named() {
        let sjis = b"title: \x8d\x58\x90\x56\n";
        let finding = Source::from_bytes("a.yaml", sjis).unwrap_err();
        assert_eq!(finding.code, "YAML.NOT_UTF8");
        assert!(finding.why.unwrap().en.unwrap().contains("Shift_JIS"));
        let utf16 = [0xff, 0xfe, b'a', 0];
        assert!(Source::from_bytes("a.yaml", &utf16).unwrap_err().why.unwrap().ja.contains("UTF-16"));
        assert_eq!(Source::from_bytes("a.yaml", &vec![b'a'; MAX_BYTES + 1]).unwrap_err().code, "YAML.TOO_BIG");
        assert_eq!(&*Source::from_bytes("a.yaml", "題".as_bytes()).unwrap().text, "題");
    }
}
