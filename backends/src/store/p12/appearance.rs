//! What a file looks like that is no PKCS#12 file.
//!
//! May use: the first bytes, the outer header. Must not: decrypt anything; put content of the file into a text.

use kirikae_engine::text::Text;

use super::ber;
use crate::x509::public_key;

/// Says what the file looks like, if it is plainly something other than a whole PKCS#12 file.
pub(super) fn not_pkcs12(file: &[u8]) -> Option<Text> {
    let start: Vec<u8> = file.iter().copied().skip_while(|byte| byte.is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(byte)).take(64).collect();
    let begins = |words: &[u8]| start.len() >= words.len() && start[..words.len()].eq_ignore_ascii_case(words);
    if start.is_empty() {
        return Some(Text::new("ファイルが空です。", "the file is empty."));
    }
    if begins(b"<!doctype") || begins(b"<html") || begins(b"<head") || begins(b"<?xml") {
        return Some(Text::new(
            "証明書ファイルではなく、Webページ(HTML)です。サイトのエラー画面を保存したのかもしれません。",
            "it is a Web page (HTML), not a certificate file; perhaps an error page of the site was saved.",
        ));
    }
    if begins(b"-----BEGIN") {
        return Some(Text::new("PEM形式のテキストです。PKCS#12(.p12、.pfx)ではありません。", "it is PEM text, not PKCS#12 (.p12, .pfx)."));
    }
    if begins(b"PK\x03\x04") {
        return Some(Text::new("ZIPファイルです。中の証明書ファイルを取り出してください。", "it is a ZIP archive; take the certificate file out of it."));
    }
    if file.starts_with(&[0x30, 0x80]) && ber::to_der(file).is_none() {
        return Some(Text::new("途中で切れているか、壊れています。", "it is truncated or damaged."));
    }
    if base64_start(&start) {
        return Some(Text::new(
            "Base64のテキストです。PKCS#12(.p12、.pfx)に戻してから使ってください。",
            "it is base64 text; decode it to a PKCS#12 file (.p12, .pfx) first.",
        ));
    }
    let Some(whole) = outer_length(file) else {
        return Some(Text::new("PKCS#12 ではない別の種類のファイルです。", "it is some other kind of file, not PKCS#12."));
    };
    let have = file.len() as u64;
    if have < whole {
        return Some(Text::new(
            format!("途中で切れています({whole}バイトあるはずが{have}バイトです)。"),
            format!("it is truncated ({have} bytes of {whole})."),
        ));
    }
    public_key(file).is_ok().then(|| Text::new("証明書だけのファイルで、PKCS#12 ではありません。", "it is a bare certificate, not PKCS#12."))
}

/// Whether it begins as the base64 of a SEQUENCE of some length does.
fn base64_start(start: &[u8]) -> bool {
    start.len() >= 40 && start.starts_with(b"MI") && start.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte))
}

/// How long the outer SEQUENCE says that the file is, in bytes.
fn outer_length(file: &[u8]) -> Option<u64> {
    // By hand: a DER reader refuses a value that is cut off, and the cut is what is looked for.
    if file.first() != Some(&0x30) {
        return None;
    }
    let digits = match *file.get(1)? {
        short @ 0..=0x7f => return Some(u64::from(short) + 2),
        long @ 0x81..=0x84 => usize::from(long - 0x80),
        _ => return None,
    };
    let length = file.get(2..2 + digits)?.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    Some(length + 2 + digits as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn says(file: &[u8]) -> String {
        not_pkcs12(file).unwrap().en.unwrap()
    }

    #[test]
    fn what_people_save_instead_is_named() {
        assert!(says(b"").contains("empty"));
        assert!(says(b"\xef\xbb\xbf\r\n<!DOCTYPE html><title>").contains("HTML"));
        assert!(says(b"  <HTML lang=ja>").contains("HTML"));
        assert!(says(b"-----BEGIN CERTIFICATE-----").contains("PEM"));
        assert!(says(b"PK\x03\x04rest").contains("ZIP"));
        assert!(says(&[0x30, 0x80, 2, 1, 3]).contains("truncated"));
        assert!(says(b"MIIKLgIBAzCCCeQGCSqGSIb3DQEHAaCCCdUEggnRMIIJ\r\nzTCC").contains("base64"));
        assert!(says(b"hello").contains("other kind"));
        assert!(says(&[0x30, 0x82, 0x10, 0x00, 2, 1, 3]).contains("7 bytes of 4100"));
        assert_eq!(not_pkcs12(&[0x30, 3, 2, 1, 3]), None);
    }
}
