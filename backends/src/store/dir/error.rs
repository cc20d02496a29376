//! What the folder store says when something is wrong, with the place and the system's own words.
//!
//! May use: error values. Must not: touch files.

use std::io;
use std::path::Path;

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::{Lang, Text};

use crate::folder::durable::ReadError;

/// No certificate has this thumbprint.
pub(super) fn gone(folder: &Path, thumbprint: &str) -> BackendError {
    let folder = folder.display();
    BackendError::new(
        "CERT.GONE",
        Text::new(format!("保管先 {folder} に拇印 {thumbprint} の証明書がありません。"), format!("{folder} has no certificate with thumbprint {thumbprint}.")),
    )
}

/// The folder itself cannot be read.
pub(super) fn unreadable(folder: &Path, reason: &io::Error) -> BackendError {
    let path = folder.display();
    let (ja, en) = match reason.kind() {
        io::ErrorKind::NotFound => {
            let text = Text::new(format!("保管先のフォルダ {path} がありません。"), format!("the store's folder {path} does not exist."));
            return BackendError::new("STORE.UNREADABLE", text).cure(Text::new(
                format!("サイトファイルの path を確かめてください。新しい保管先なら、先にフォルダを作ってください: mkdir -m 700 {path}"),
                format!("check `path` in the site file; for a new store, make the folder first: mkdir -m 700 {path}"),
            ));
        }
        io::ErrorKind::NotADirectory => (format!("保管先 {path} はフォルダではありません。"), format!("the store {path} is not a folder.")),
        _ => (format!("保管先 {path} を読めません({reason})。"), format!("the store {path} cannot be read ({reason}).")),
    };
    BackendError::new("STORE.UNREADABLE", Text::new(ja, en))
}

/// The folder cannot be written to.
pub(super) fn unwritable(folder: &Path, reason: &io::Error) -> BackendError {
    let path = folder.display();
    match reason.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => unreadable(folder, reason),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BackendError::new(
            "FOLDER.FULL",
            Text::new(format!("保管先 {path} に空きがありません({reason})。"), format!("no space is left in the store {path} ({reason}).")),
        ),
        _ => BackendError::new(
            "STORE.READONLY",
            Text::new(format!("保管先 {path} に書き込めません({reason})。"), format!("the store {path} cannot be written to ({reason}).")),
        ),
    }
}

/// A file of the store cannot be read.
pub(super) fn unread(folder: &Path, file: &str, reason: ReadError) -> BackendError {
    let why = match reason {
        ReadError::Absent => Text::new("ファイルがありません", "it is not there"),
        ReadError::NotAFile => Text::new("ファイルではありません", "it is not a file"),
        ReadError::TooBig(size) => Text::new(format!("大きすぎます({size}バイト)"), format!("it is too big, {size} bytes")),
        ReadError::Io(reason) => Text::plain(reason.to_string()),
    };
    let (folder, en) = (folder.display(), why.get(Lang::En));
    let text = Text::new(format!("保管先 {folder} の {file} を読めません: {}。", why.ja), format!("{file} in {folder} cannot be read: {en}."));
    BackendError::new("STORE.UNREADABLE", text).with("file", file)
}

/// A `NAME.json` is not as this store writes it.
pub(super) fn damaged(folder: &Path, file: &str, reason: &str) -> BackendError {
    let folder = folder.display();
    BackendError::new(
        "STORE.UNREADABLE",
        Text::new(format!("保管先 {folder} の {file} が壊れています({reason})。"), format!("{file} in {folder} is damaged ({reason}).")),
    )
    .cure(Text::new(
        format!("{file} を別の場所に移し、その証明書を控えから取り込み直してください。"),
        format!("move {file} elsewhere and import that certificate again from its backup."),
    ))
    .with("file", file)
}

/// The certificate is there and its key is not.
pub(super) fn no_key_file(folder: &Path, file: &str) -> BackendError {
    let folder = folder.display();
    let text = Text::new(format!("保管先 {folder} に鍵のファイル {file} がありません。"), format!("the key file {file} is missing in {folder}."));
    BackendError::new("KEY.UNUSABLE", text).with("file", file)
}

/// A key file that the store's password does not open, or that is damaged.
pub(super) fn key_file(folder: &Path, file: &str, reason: &BackendError) -> BackendError {
    let folder = folder.display();
    if reason.code == "P12.BAD_PASSWORD" {
        let text =
            Text::new(format!("保管先のパスワードでは {folder} の {file} を開けません。"), format!("the store's password does not open {file} in {folder}."));
        return BackendError::new("STORE.UNREADABLE", text)
            .cure(Text::new("サイトファイルでこの保管先の password を確かめてください。", "check the `password` of this store in the site file."))
            .with("file", file);
    }
    let text = Text::new(
        format!("{folder} の {file} から鍵を取り出せません: {}", reason.cause.ja),
        format!("the key in {file} in {folder} cannot be used: {}", reason.cause.get(Lang::En)),
    );
    BackendError::new("KEY.UNUSABLE", text).with("file", file).with("reason", reason.code.clone())
}

/// The key file belongs to another certificate.
pub(super) fn foreign_key(folder: &Path, file: &str) -> BackendError {
    let folder = folder.display();
    let text = Text::new(
        format!("{folder} の {file} の秘密鍵は、この証明書のものではありません。"),
        format!("the private key in {file} in {folder} is not this certificate's."),
    );
    BackendError::new("KEY.MISMATCH", text).with("file", file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_taken_for_a_missing_permission() {
        let code = |errno| unwritable(Path::new("/store"), &io::Error::from_raw_os_error(errno)).code;
        // ENOSPC, EDQUOT, EROFS, EACCES, ENOENT as Linux numbers them.
        assert_eq!([28, 122, 30, 13, 2].map(code), ["FOLDER.FULL", "FOLDER.FULL", "STORE.READONLY", "STORE.READONLY", "STORE.UNREADABLE"]);
    }
}
