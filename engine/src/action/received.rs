//! A certificate file that was just received: whole, a PKCS#12, opens with its password; else it is no output.

use super::{Inputs, Outputs, ReadCx, WriteCx, portal};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Gives, Progress};
use crate::dsl::{FileRef, Value};
use crate::secret::Secret;
use crate::text::{Lang, Text};

/// The name of the parameter or output that is the file's password.
const PASSWORD: &str = "password";

/// Carries out a receiving operation and takes its file into the vault.
///
/// # Errors
/// Of the operation; `PORTAL.FILE_BAD` unless it gave a whole PKCS#12 that opens with the password that was typed or
/// shown, if there is one.
pub(super) fn receive(cx: &WriteCx<'_>, inputs: &Inputs, operation: Operation) -> Result<Progress<Outputs>, BackendError> {
    let gives = match portal::send(cx, inputs, operation)? {
        Progress::Done(gives) => gives,
        Progress::Pending { retry_after, cookie } => return Ok(Progress::Pending { retry_after, cookie }),
    };
    let file = check(&cx.read, inputs, &gives)?;
    let spec = portal::spec(portal::ca(&cx.read, inputs)?.profile(), operation)?;
    let mut outputs = portal::outputs(spec, &gives, "PORTAL.FILE_BAD")?;
    outputs.insert("file".to_owned(), Value::File(file));
    Ok(Progress::Done(outputs))
}

fn check(cx: &ReadCx<'_>, inputs: &Inputs, gives: &Gives) -> Result<FileRef, BackendError> {
    let (name, content) = gives.file.as_ref().ok_or_else(|| bad("ファイルを受け取れませんでした。", "no file was received."))?;
    if !is_whole_pkcs12(content.expose()) {
        let bytes = content.expose().len();
        return Err(bad(
            format!("受け取ったもの({bytes}バイト)は証明書ファイル(PKCS#12)ではないか、途中で切れています。"),
            format!("what was received ({bytes} bytes) is no PKCS#12 file, or was cut off."),
        ));
    }
    if let Some(password) = password(cx, inputs, gives)? {
        cx.backends.p12().open(content, &password).map_err(|error| {
            bad(format!("受け取ったファイルが開けません。{}", error.cause.ja), format!("the received file does not open: {}", error.cause.get(Lang::En)))
                .with("inner", error.code)
        })?;
    }
    cx.blobs.keep(name, content, true)
}

/// The password that the file must open with: the one that was typed, else the one that the page showed.
fn password(cx: &ReadCx<'_>, inputs: &Inputs, gives: &Gives) -> Result<Option<Secret>, BackendError> {
    let typed = inputs.0.get(PASSWORD).cloned();
    let shown = || gives.secret.get(PASSWORD).map(|reference| Value::Secret(reference.clone()));
    typed.or_else(shown).map(|reference| cx.secrets.value(&reference)).transpose()
}

fn bad(ja: impl Into<String>, en: impl Into<String>) -> BackendError {
    BackendError::new("PORTAL.FILE_BAD", Text::new(ja, en))
}

/// Whether the bytes are one whole PFX: SEQUENCE { INTEGER 3, .. } (RFC 7292 4), its length that of the bytes.
/// The indefinite length of BER is taken when it is closed.
pub(crate) fn is_whole_pkcs12(bytes: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = bytes else { return false };
    let body = match *first {
        0x80 => rest.strip_suffix(&[0, 0]),
        short @ 0..0x80 => (rest.len() == usize::from(short)).then_some(rest),
        long => {
            let digits = usize::from(long & 0x7f);
            rest.split_at_checked(digits).filter(|_| digits <= 4).and_then(|(length, body)| {
                let length = length.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
                (body.len() == length).then_some(body)
            })
        }
    };
    body.is_some_and(|body| body.starts_with(&[0x02, 0x01, 0x03]))
}

#[cfg(test)]
mod tests {
    use super::is_whole_pkcs12;

    #[test]
    fn only_a_whole_pfx_passes() {
        assert!(is_whole_pkcs12(&[0x30, 5, 2, 1, 3, 0x30, 0]));
        assert!(is_whole_pkcs12(&[0x30, 0x80, 2, 1, 3, 0x30, 0, 0, 0]));
        let mut long = vec![0x30, 0x82, 1, 0, 2, 1, 3];
        long.resize(4 + 256, 0);
        assert!(is_whole_pkcs12(&long));
        assert!(!is_whole_pkcs12(&long[..200]), "cut off");
        long.push(0);
        assert!(!is_whole_pkcs12(&long), "something behind it");
        assert!(!is_whole_pkcs12(b"<html>"));
        assert!(!is_whole_pkcs12(&[]));
        assert!(!is_whole_pkcs12(&[0x30, 5, 2, 1, 0, 0x30, 0]), "another version: a bare PKCS#8 key");
    }
}
