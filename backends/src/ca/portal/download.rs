//! A received file: whole, not a page, with a name that is safe and fits.
//!
//! May use: screens. Must not: write files, open what is in them.

use kirikae_engine::backend::profile::Operation;
use kirikae_engine::backend::{BackendError, archive};
use kirikae_engine::dsl::glob_matches;
use kirikae_engine::secret::Secret;

use super::http::Reply;
use super::screen::Screen;
use super::trouble;

/// No file name is longer, in characters.
const MAX_NAME: usize = 120;

/// The file that a screen is, with a name for people that fits `pattern`; or the file `inside` it, when it is an archive. A site that hands
/// out what is inside, unpacked, is taken at its word.
///
/// # Errors
/// `PORTAL.FILE_BAD` if it is a page, empty, cut off or of another name, or the archive does not hold just one such file.
pub(super) fn file(screen: &Screen, pattern: &str, inside: Option<&str>, operation: Operation) -> Result<(String, Secret), BackendError> {
    let reply = match screen {
        Screen::File(reply) => reply,
        Screen::Page(_) => return Err(trouble::bad_file("ファイルの代わりに画面が返ってきました。", "a page came instead of the file.")),
        Screen::Blank => return Err(trouble::bad_file("ファイルが返ってきませんでした。", "no file came.")),
    };
    if let Some(inside) = inside {
        if archive::is_archive(reply.body.expose()) {
            let (name, content) = archive::entry(&reply.body, inside)?;
            return whole(name, content);
        }
        let bare = name(reply, inside, operation).filter(|_| reply.file_name.is_some());
        return match bare {
            Some(name) => whole(name, reply.body.clone()),
            None => Err(trouble::bad_file("受け取ったものは zip ファイルではないか、途中で切れています。", "what came is no zip file, or was cut off.")),
        };
    }
    let name = name(reply, pattern, operation).ok_or_else(|| {
        trouble::bad_file(format!("受け取ったファイルの名前が {pattern} に当てはまりません。"), format!("the name of the file does not fit {pattern:?}."))
    })?;
    whole(name, reply.body.clone())
}

/// A file that is not empty and, by its name a PKCS#12, whole.
fn whole(name: String, content: Secret) -> Result<(String, Secret), BackendError> {
    let bytes = content.expose();
    let lower = name.to_ascii_lowercase();
    let der = lower.ends_with(".p12") || lower.ends_with(".pfx");
    if bytes.is_empty() || (der && !is_whole_sequence(bytes)) {
        let size = bytes.len();
        return Err(trouble::bad_file(
            format!("受け取ったファイル({size}バイト)は途中で切れているか、証明書ファイルではありません。"),
            format!("the file ({size} bytes) was cut off or is no PKCS#12 file."),
        ));
    }
    Ok((name, content))
}

/// The name that the server gives; without one, the last part of the address if it fits, else one made from the pattern.
fn name(reply: &Reply, pattern: &str, operation: Operation) -> Option<String> {
    let fits = |name: &String| glob_matches(&pattern.to_lowercase(), &name.to_lowercase());
    if let Some(given) = &reply.file_name {
        return sanitised(given).filter(fits);
    }
    let last = reply.url.path_segments().and_then(|mut parts| parts.next_back()).and_then(sanitised);
    last.filter(fits).or_else(|| sanitised(&pattern.replace('*', operation.word()).replace('?', "_")))
}

/// A name without directories, control characters and what Windows does not take.
fn sanitised(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')).collect();
    let kept: String = kept.trim().trim_matches('.').chars().rev().take(MAX_NAME).collect::<Vec<_>>().into_iter().rev().collect();
    (!kept.is_empty()).then_some(kept)
}

/// Whether the bytes are one SEQUENCE and nothing else (X.690 8.1.3); an indefinite length must be closed.
fn is_whole_sequence(bytes: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = bytes else { return false };
    match *first {
        0x80 => rest.ends_with(&[0, 0]),
        short @ 0..0x80 => rest.len() == usize::from(short),
        long => {
            let digits = usize::from(long & 0x7f);
            rest.split_at_checked(digits)
                .filter(|_| digits <= 4)
                .is_some_and(|(length, body)| body.len() == length.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte)))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_never_become_paths() {
        for (given, name) in [("../../etc/a.p12", "a.p12"), ("C:\\x\\証明書.p12", "証明書.p12"), ("a\r\nb:.p12", "ab.p12"), ("..a.p12.", "a.p12")] {
            assert_eq!(sanitised(given).unwrap(), name);
        }
        assert_eq!(sanitised("../.."), None);
    }

    #[test]
    fn a_cut_sequence_is_seen_by_its_length() {
        let mut whole = vec![0x30, 0x82, 0x01, 0x00];
        whole.extend([7; 256]);
        assert!(is_whole_sequence(&whole) && !is_whole_sequence(&whole[..200]) && !is_whole_sequence(b"<html>"));
        assert!(is_whole_sequence(&[0x30, 1, 5]) && is_whole_sequence(&[0x30, 0x80, 5, 0, 0]) && !is_whole_sequence(&[0x30, 0x80, 5, 0]));
    }
}
