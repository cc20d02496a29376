//! A file that was just received and is what it should be: a PKCS#12 that opens with its password, a root certificate, a program; else
//! it is no output.

use super::{Inputs, Observed, Outputs, ReadCx, WriteCx, portal};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Gives, Progress};
use crate::dsl::{CertInfo, FileRef, Value};
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

/// How every such step is looked at: what was received is known from the journal alone, and receiving it again is free.
pub(super) fn look() -> Observed {
    Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null }
}

/// Receives a root certificate: DER, or PEM. Among several certificates it is the one that issued itself.
///
/// # Errors
/// Of the operation; `PORTAL.FILE_BAD`.
pub(super) fn root(cx: &WriteCx<'_>, inputs: &Inputs) -> Result<Progress<Outputs>, BackendError> {
    as_it_is(cx, inputs, Operation::Root, |name, content| {
        let found = cx.read.backends.p12().certificates(content).map_err(|error| {
            bad(format!("{name} は証明書ではありません。{}", error.cause.ja), format!("{name} is no certificate: {}", error.cause.get(Lang::En)))
        })?;
        let certs: Vec<CertInfo> = found.into_iter().map(|cert| cert.info).collect();
        let roots: Vec<&CertInfo> = certs.iter().filter(|cert| cert.subject_dn == cert.issuer_dn).collect();
        let count = roots.len();
        let [root] = roots.as_slice() else {
            return Err(bad(
                format!("{name} の中のルート証明書(自分で署名したもの)は{count}枚で、1枚ではありません。"),
                format!("{name} holds {count} root certificates, not one."),
            ));
        };
        Ok(Outputs::from([("cert".to_owned(), Value::Cert(Box::new((*root).clone())))]))
    })
}

/// Receives a program.
///
/// # Errors
/// Of the operation; `PORTAL.FILE_BAD` for what is no program of the kind that its name says.
pub(super) fn software(cx: &WriteCx<'_>, inputs: &Inputs) -> Result<Progress<Outputs>, BackendError> {
    as_it_is(cx, inputs, Operation::Software, |name, content| {
        if is_program(name, content.expose()) {
            return Ok(Outputs::new());
        }
        let bytes = content.expose().len();
        Err(bad(
            format!("受け取った {name}({bytes}バイト)は、その種類のファイルではありません。"),
            format!("the received {name} ({bytes} bytes) is no file of that kind."),
        ))
    })
}

/// Receives a file that holds no key, judges it, and takes it in among the files of the run.
fn as_it_is(
    cx: &WriteCx<'_>,
    inputs: &Inputs,
    operation: Operation,
    judge: impl FnOnce(&str, &Secret) -> Result<Outputs, BackendError>,
) -> Result<Progress<Outputs>, BackendError> {
    let gives = match portal::send(cx, inputs, operation)? {
        Progress::Done(gives) => gives,
        Progress::Pending { retry_after, cookie } => return Ok(Progress::Pending { retry_after, cookie }),
    };
    let (name, content) = gives.file.as_ref().ok_or_else(no_file)?;
    let mut outputs = judge(name, content)?;
    outputs.insert("file".to_owned(), Value::File(cx.read.blobs.keep(name, content, false)?));
    let spec = portal::spec(portal::ca(&cx.read, inputs)?.profile(), operation)?;
    outputs.extend(portal::outputs(spec, &gives, "PORTAL.FILE_BAD")?);
    Ok(Progress::Done(outputs))
}

/// Whether the bytes begin as a file of this name does: an OLE compound file ([MS-CFB] 2.2), a PE program, a zip file. Of other kinds
/// only a page in its place is seen.
fn is_program(name: &str, bytes: &[u8]) -> bool {
    const BEGINNINGS: [(&str, &[u8]); 4] =
        [(".msi", &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]), (".exe", b"MZ"), (".zip", b"PK\x03\x04"), (".jar", b"PK\x03\x04")];
    let name = name.to_ascii_lowercase();
    match BEGINNINGS.iter().find(|(ending, _)| name.ends_with(ending)) {
        Some((_, beginning)) => bytes.starts_with(beginning),
        None => !bytes.is_empty() && !bytes.trim_ascii_start().starts_with(b"<"),
    }
}

fn no_file() -> BackendError {
    bad("ファイルを受け取れませんでした。", "no file was received.")
}

fn check(cx: &ReadCx<'_>, inputs: &Inputs, gives: &Gives) -> Result<FileRef, BackendError> {
    let (name, content) = gives.file.as_ref().ok_or_else(no_file)?;
    let password = password(cx, inputs, gives)?;
    // An operation without a password may give the certificate alone: its key is where the request was made.
    if password.is_none() && cx.backends.p12().certificates(content).is_ok() {
        return cx.blobs.keep(name, content, false);
    }
    if !is_whole_pkcs12(content.expose()) {
        let bytes = content.expose().len();
        return Err(bad(
            format!("受け取ったもの({bytes}バイト)は証明書ファイル(PKCS#12)ではないか、途中で切れています。"),
            format!("what was received ({bytes} bytes) is no PKCS#12 file, or was cut off."),
        ));
    }
    if let Some(password) = password {
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
    use super::{is_program, is_whole_pkcs12};

    #[test]
    fn a_program_begins_as_its_name_says() {
        let msi = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0];
        assert!(is_program("Client.MSI", &msi) && is_program("a.exe", b"MZ..") && is_program("readme.txt", b"words"));
        for (name, bytes) in [("a.msi", &b"MZ"[..]), ("a.msi", b"<html>"), ("a.exe", b""), ("a.bin", b" <!DOCTYPE html>"), ("a.bin", b"")] {
            assert!(!is_program(name, bytes), "{name} {bytes:?}");
        }
    }

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
