//! How texts become bytes. UTF-8 everywhere, but for people at a Windows console of another code page whose programs (`more`,
//! `findstr`, PowerShell) read our output through a pipe: they get theirs. On the console itself the system takes any character.
//!
//! Must not: change what machines read. JSON and other formats are UTF-8 always.

use std::borrow::Cow;
use std::sync::OnceLock;

use encoding_rs::SHIFT_JIS;

/// Japanese Windows as it comes.
const JAPANESE: u32 = 932;

/// The code page that people's programs read; found once.
static PAGE: OnceLock<Option<u32>> = OnceLock::new();

/// Says that what this process writes is for people.
pub fn for_people() {
    let _ = PAGE.set(console_page());
}

/// The bytes of a text; `terminal`: they go to the console itself.
pub fn bytes(text: &str, terminal: bool) -> Cow<'_, [u8]> {
    match PAGE.get().copied().flatten() {
        Some(page) if !terminal => in_page(text, page),
        _ => Cow::Borrowed(text.as_bytes()),
    }
}

#[cfg(windows)]
fn console_page() -> Option<u32> {
    kirikae_backends::windows::console::output_code_page()
}

#[cfg(not(windows))]
fn console_page() -> Option<u32> {
    None
}

fn in_page(text: &str, page: u32) -> Cow<'_, [u8]> {
    if page != JAPANESE {
        return Cow::Borrowed(text.as_bytes());
    }
    let whole = text.chars().map(alike).collect::<String>();
    let (encoded, _, lossy) = SHIFT_JIS.encode(&whole);
    if !lossy {
        return Cow::Owned(encoded.into_owned());
    }
    // A library that meets a character without a place writes a number of HTML; people read a question mark more easily.
    let known = |c: char| !SHIFT_JIS.encode(c.encode_utf8(&mut [0; 4])).2;
    let shown: String = whole.chars().map(|c| if known(c) { c } else { '?' }).collect();
    Cow::Owned(SHIFT_JIS.encode(&shown).0.into_owned())
}

/// What Japanese Windows has in place of a character that it lacks.
fn alike(c: char) -> char {
    match c {
        '\u{301c}' => '～',
        '\u{2014}' => '―',
        '\u{00b7}' => '・',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_windows_reads_its_own_code_page() {
        assert_eq!(&*in_page("証明書 ①", 932), b"\x8f\xd8\x96\xbe\x8f\x91 \x87\x40");
        assert_eq!(&*in_page("a · é", 932), b"a \x81\x45 ?", "a like character, else a question mark");
        assert_eq!(&*in_page("証", 65001), "証".as_bytes());
    }

    #[test]
    fn nothing_changes_where_no_code_page_was_found() {
        assert_eq!(&*bytes("証", false), "証".as_bytes());
    }
}
