//! One file out of a zip archive that a portal hands out.
//!
//! May use: bytes in memory, the zip format. Must not: write files; take a name in an archive for a path; unpack more than was asked for.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::BackendError;
use crate::dsl::glob_matches;
use crate::secret::Secret;
use crate::text::Text;

/// So many entries are looked at, at most: an archive with a certificate has a handful.
const MAX_ENTRIES: usize = 64;
/// What comes out is at most so long, whatever the archive says of itself.
const MAX_CONTENT: u64 = 16 * 1024 * 1024;
/// No file name is longer, in characters.
const MAX_NAME: usize = 120;

/// Whether the bytes begin as a zip archive does.
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The one file in an archive whose name (without folders) fits `pattern`: that name, safe for people to see, and the content.
///
/// # Errors
/// `PORTAL.FILE_BAD`: no archive, cut off, none or several such files, one under a password, too long.
pub fn entry(archive: &Secret, pattern: &str) -> Result<(String, Secret), BackendError> {
    let mut archive = ZipArchive::new(Cursor::new(archive.expose())).map_err(|error| unreadable(&error))?;
    if archive.len() > MAX_ENTRIES {
        let count = archive.len();
        return Err(bad(format!("zip の中のファイルが多すぎます({count}個)。"), format!("the zip file has too many entries ({count}).")));
    }
    let wanted = pattern.to_lowercase();
    let mut fitting = vec![];
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| unreadable(&error))?;
        let path = text(entry.name_raw());
        let name = last_part(&path);
        if entry.is_file() && !path.starts_with("__MACOSX/") && glob_matches(&wanted, &name.to_lowercase()) {
            fitting.push((index, name, entry.encrypted()));
        }
    }
    let (index, name) = match fitting.as_slice() {
        [(_, name, true)] => {
            return Err(bad(format!("zip の中の {name} にパスワードが掛かっています。"), format!("{name} in the zip file is under a password.")));
        }
        [(index, name, false)] => (*index, name.clone()),
        [] => return Err(bad(format!("zip の中に {pattern} がありません。"), format!("the zip file has no {pattern}."))),
        several => {
            let count = several.len();
            return Err(bad(format!("zip の中に {pattern} が{count}個あります。"), format!("the zip file has {count} files like {pattern}.")));
        }
    };
    let mut content = vec![];
    let entry = archive.by_index(index).map_err(|error| unreadable(&error))?;
    let read = entry.take(MAX_CONTENT + 1).read_to_end(&mut content);
    let content = Secret::bytes(content);
    read.map_err(|error| unreadable(&ZipError::Io(error)))?;
    if content.expose().len() as u64 > MAX_CONTENT {
        return Err(bad(format!("zip の中の {name} が長すぎます。"), format!("{name} in the zip file is too long.")));
    }
    Ok((name, content))
}

/// A name as it is written: UTF-8, else Windows-31J, as Japanese programs pack.
fn text(name: &[u8]) -> String {
    std::str::from_utf8(name).map_or_else(|_| encoding_rs::SHIFT_JIS.decode(name).0.into_owned(), str::to_owned)
}

/// The last part of a name in an archive, without what no file name may have.
fn last_part(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = last.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*'));
    kept.take(MAX_NAME).collect::<String>().trim_matches(['.', ' ']).to_owned()
}

fn unreadable(error: &ZipError) -> BackendError {
    bad(format!("zip ファイルが壊れているか、途中で切れています: {error}"), format!("the zip file is damaged or was cut off: {error}"))
}

fn bad(ja: impl Into<String>, en: impl Into<String>) -> BackendError {
    BackendError::new("PORTAL.FILE_BAD", Text::new(ja, en))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Secret {
        let mut writer = ZipWriter::new(Cursor::new(vec![]));
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        Secret::bytes(writer.finish().unwrap().into_inner())
    }

    fn refused(archive: &Secret) -> String {
        let error = entry(archive, "*.p12").err().unwrap();
        assert_eq!(error.code, "PORTAL.FILE_BAD");
        error.cause.ja
    }

    #[test]
    fn the_one_file_that_fits_comes_out_under_its_bare_name() {
        for name in ["client300.p12", "../../etc/client300.p12", "C:\\x\\client300.p12", "証明書/client300.P12"] {
            let (found, content) = entry(&archive(&[("readme.txt", b"x"), (name, b"key")]), "*.p12").unwrap();
            assert!(found.eq_ignore_ascii_case("client300.p12") && content.expose() == b"key", "{found}");
        }
    }

    #[test]
    fn what_is_cut_missing_double_or_huge_is_refused() {
        let whole = archive(&[("a.p12", &[7; 4000])]);
        assert!(refused(&Secret::bytes(whole.expose()[..whole.expose().len() / 2].to_vec())).contains("途中で切れて"));
        assert!(refused(&Secret::text("<html>")).contains("壊れている"));
        assert!(refused(&archive(&[("readme.txt", b"x")])).contains("ありません"));
        assert!(refused(&archive(&[("a.p12", b"x"), ("b.p12", b"y")])).contains("2個"));
        // A small file that unpacks to more than anybody asked for.
        let bomb = archive(&[("a.p12", &vec![0; 17 * 1024 * 1024])]);
        assert!(bomb.expose().len() < 100_000 && refused(&bomb).contains("長すぎます"));
        let many: Vec<(String, &[u8])> = (0..65).map(|nth| (format!("{nth}.txt"), &b"x"[..])).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        assert!(refused(&archive(&many)).contains("多すぎます"));
    }

    #[test]
    fn a_damaged_content_is_seen_by_its_checksum() {
        let mut bytes = archive(&[("a.p12", b"0123456789")]).expose().to_vec();
        let at = bytes.windows(4).position(|four| four == b"2345").unwrap_or(35);
        bytes[at] ^= 1;
        assert!(entry(&Secret::bytes(bytes), "*.p12").is_err());
    }
}
