//! File names of vault entries: one for each id, none outside the folder.
//!
//! May use: nothing. Must not: give two ids one name, also where upper and lower case are the same (Windows).

use std::fmt::Write;

/// Bytes of the longest name; with its ending and a temporary name it fits every usual file system.
const MAX: usize = 200;

/// The file name of an id of `[A-Za-z0-9._/-]+`; `None` for any other id, or one that is too long.
/// Lower-case letters, digits, `_` and `-` stand for themselves, all else as `%` and two hex digits.
pub(super) fn encode(id: &str) -> Option<String> {
    let mut name = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            b'A'..=b'Z' | b'.' | b'/' => write!(name, "%{byte:02x}").ok()?,
            _ => return None,
        }
    }
    (!name.is_empty() && name.len() <= MAX).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_names_that_stay_in_the_folder() {
        assert_eq!(encode("obn/renew-web.p12_password").as_deref(), Some("obn%2frenew-web%2ep12_password"));
        assert_eq!(encode("../../etc").as_deref(), Some("%2e%2e%2f%2e%2e%2fetc"));
        assert_eq!((encode("AB"), encode("ab")), (Some("%41%42".into()), Some("ab".into())));
    }

    #[test]
    fn other_ids_have_no_name() {
        for id in ["", "a b", "a%2f", "ä", "a\\b", "a:b", &"a".repeat(201), "a\0"] {
            assert_eq!(encode(id), None, "{id:?}");
        }
    }
}
