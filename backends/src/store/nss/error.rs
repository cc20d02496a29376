//! What the store says when something is wrong, with the place and the system's own words.
//!
//! May use: error values. Must not: touch files.

use std::io;
use std::path::{Path, PathBuf};

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::Text;
use rusqlite::ErrorCode;

use super::browser::Running;
use super::tool::Trouble;

/// What was being done when the database refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Looking,
    Changing,
}

/// No certificate has this thumbprint.
pub(super) fn gone(place: &Path, thumbprint: &str) -> BackendError {
    let place = place.display();
    BackendError::new(
        "CERT.GONE",
        Text::new(
            format!("NSS データベース {place} に拇印 {thumbprint} の証明書がありません。"),
            format!("the NSS database {place} has no certificate with thumbprint {thumbprint}."),
        ),
    )
}

/// The certificate is there and its key is not.
pub(super) fn no_key(place: &Path, thumbprint: &str) -> BackendError {
    let place = place.display();
    BackendError::new(
        "KEY.UNUSABLE",
        Text::new(
            format!("NSS データベース {place} に、証明書 {thumbprint} の秘密鍵がありません。"),
            format!("the NSS database {place} does not hold the private key of certificate {thumbprint}."),
        ),
    )
}

/// What was written out has another key.
pub(super) fn foreign_key(place: &Path, thumbprint: &str) -> BackendError {
    let place = place.display();
    let text = Text::new(
        format!("NSS データベース {place} の秘密鍵は、証明書 {thumbprint} のものではありません。"),
        format!("the private key in the NSS database {place} is not that of certificate {thumbprint}."),
    );
    BackendError::new("KEY.MISMATCH", text)
}

/// The key may not leave the database.
pub(super) fn not_extractable(place: &Path, code: &str) -> BackendError {
    let place = place.display();
    let text = Text::new(
        format!("NSS データベース {place} の秘密鍵は、取り出せない鍵として作られています。"),
        format!("the private key in the NSS database {place} was made as one that cannot be taken out."),
    );
    BackendError::new(code, text)
}

/// An option of the import that NSS does not have.
pub(super) fn no_strong_protection(place: &Path) -> BackendError {
    let place = place.display();
    let text = Text::new(
        format!("NSS データベース {place} では「秘密キーの保護を強力にする」を指定できません。"),
        format!("the NSS database {place} cannot ask a person at every use of a key."),
    );
    BackendError::new("BACKEND.UNSUPPORTED", text).cure(Text::new(
        "ブラウザに「主パスワード」(プライマリパスワード)を設定すると、すべての鍵がそれで守られます。",
        "a primary password, set in the browser, protects all keys there.",
    ))
}

/// Nothing, or more than one thing, is meant by `profile`.
pub(super) fn not_found(word: &str, candidates: &[PathBuf]) -> BackendError {
    let list = candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let text = if candidates.is_empty() {
        Text::new(
            format!("{word} の証明書データベースが見つかりません(cert9.db)。"),
            format!("no certificate database (cert9.db) of {word} was found in the home folder."),
        )
    } else {
        Text::new(format!("{word} の証明書データベースが複数あります: {list}"), format!("{word} has several certificate databases: {list}."))
    };
    let cure = if candidates.is_empty() {
        Text::new(
            "ブラウザを一度起動してから閉じるか、サイトファイルの path に cert9.db のあるフォルダを書いてください。",
            "start the browser once and close it, or name the folder of cert9.db as `path` in the site file.",
        )
    } else {
        Text::new("サイトファイルの profile を消し、使う方を path に書いてください。", "remove `profile` from the site file and name one of them as `path`.")
    };
    BackendError::new("STORE.UNREADABLE", text).cure(cure).with("candidates", list)
}

/// Neither `profile` nor `path`, or both.
pub(super) fn unnamed() -> BackendError {
    let cause = Text::new("保管先(nss)には profile か path のどちらか1つを書きます。", "a store of kind `nss` has either `profile` or `path`.");
    BackendError::new("STORE.UNREADABLE", cause).cure(Text::new(
        "例: { store: nss, profile: firefox } / { store: nss, path: /home/uketsuke/.pki/nssdb }",
        "such as { store: nss, profile: firefox } or { store: nss, path: /home/reception/.pki/nssdb }.",
    ))
}

/// There is no database in the folder.
pub(super) fn absent(place: &Path, file: &str) -> BackendError {
    let legacy = place.join("cert8.db").exists();
    let place = place.display();
    let text = if legacy {
        Text::new(
            format!("{place} にあるのは古い形式の証明書データベース(cert8.db)です。"),
            format!("{place} holds a certificate database of the old kind (cert8.db)."),
        )
    } else {
        Text::new(format!("{place} に NSS データベースがありません({file} なし)。"), format!("there is no NSS database in {place} ({file} is missing)."))
    };
    BackendError::new("STORE.UNREADABLE", text).cure(Text::new(
        format!("サイトファイルの profile か path を確かめてください。新しく作るなら: certutil -N -d sql:{place}"),
        format!("check `profile` or `path` in the site file; to make a new one: certutil -N -d sql:{place}"),
    ))
}

/// A browser has the database open.
pub(super) fn browser(place: &Path, running: &Running) -> BackendError {
    let (place, name, lock) = (place.display(), running.name, running.lock.display());
    BackendError::new(
        "STORE.LOCKED",
        Text::new(
            format!("{name} が動いていて、証明書データベース {place} を使っています({lock})。"),
            format!("{name} is running and uses the certificate database {place} ({lock})."),
        ),
    )
    .cure(Text::new(
        format!("{name} の画面をすべて閉じてから、もう一度行ってください。途中で止まった実行は kirikae resume で続きます。"),
        format!("close all windows of {name} and try again; a run that stopped halfway goes on with `kirikae resume`."),
    ))
    .with("browser", name)
}

/// SQLite refused.
pub(super) fn sqlite(place: &Path, doing: Doing, error: &rusqlite::Error) -> BackendError {
    let place = place.display();
    let unreadable = || Text::new(format!("NSS データベース {place} を読めません({error})。"), format!("the NSS database {place} cannot be read ({error})."));
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => BackendError::new(
            "STORE.LOCKED",
            Text::new(
                format!("ほかのプログラムが NSS データベース {place} を使っています({error})。"),
                format!("another program is working in the NSS database {place} ({error})."),
            ),
        ),
        Some(ErrorCode::DiskFull) => BackendError::new(
            "FOLDER.FULL",
            Text::new(
                format!("NSS データベース {place} の場所に空きがありません({error})。"),
                format!("no space is left for the NSS database {place} ({error})."),
            ),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure) if doing == Doing::Changing => {
            BackendError::new(
                "STORE.READONLY",
                Text::new(format!("NSS データベース {place} に書き込めません({error})。"), format!("the NSS database {place} cannot be written to ({error}).")),
            )
        }
        _ => BackendError::new("STORE.UNREADABLE", unreadable()),
    }
}

/// The folder cannot be written to.
pub(super) fn unwritable(place: &Path, reason: &io::Error) -> BackendError {
    let place = place.display();
    match reason.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BackendError::new(
            "FOLDER.FULL",
            Text::new(
                format!("NSS データベース {place} の場所に空きがありません({reason})。"),
                format!("no space is left for the NSS database {place} ({reason})."),
            ),
        ),
        _ => BackendError::new(
            "STORE.READONLY",
            Text::new(format!("NSS データベース {place} に書き込めません({reason})。"), format!("the NSS database {place} cannot be written to ({reason}).")),
        ),
    }
}

/// NSS's tool did not do it. `code`: what it means when the tool gives a reason of its own.
pub(super) fn tool(place: &Path, code: &str, named: bool, trouble: &Trouble) -> BackendError {
    let place = place.display();
    match trouble {
        Trouble::Absent(tool) => BackendError::new(
            "STORE.UNREADABLE",
            Text::new(format!("NSS のツール {tool} がこの端末にありません。"), format!("the tool {tool} of NSS is not installed on this machine.")),
        )
        .cure(Text::new(
            "管理者が入れてください: apt install libnss3-tools(Fedora などでは nss-tools)",
            "let the administrator install it: apt install libnss3-tools (nss-tools on Fedora and the like).",
        )),
        Trouble::BadPassword if named => BackendError::new(
            "STORE.BAD_PASSWORD",
            Text::new(
                format!("主パスワードが違うので、NSS データベース {place} の鍵を使えません。"),
                format!("the primary password does not open the keys of the NSS database {place}."),
            ),
        ),
        Trouble::BadPassword => BackendError::new(
            "STORE.BAD_PASSWORD",
            Text::new(
                format!("NSS データベース {place} には主パスワードが設定されていますが、サイトファイルに password がありません。"),
                format!("the NSS database {place} has a primary password, and the site file names none."),
            ),
        ),
        Trouble::Overrun(tool) => BackendError::new(
            "STORE.UNREADABLE",
            Text::new(
                format!("NSS のツール {tool} が時間内に終わらないので止めました({place})。"),
                format!("the tool {tool} of NSS did not end in time and was stopped ({place})."),
            ),
        )
        .cure(Text::new(
            "そのデータベースに登録された PKCS#11 モジュール(カードリーダーなど)が止まっていないか確かめてください: modutil -list -dbdir sql:…",
            "look whether a PKCS#11 module of that database (a card reader) hangs: modutil -list -dbdir sql:…",
        )),
        Trouble::ReadOnly(tool) => BackendError::new(
            "STORE.READONLY",
            Text::new(
                format!("NSS のツール {tool} は、鍵を使うだけのときも NSS データベース {place} に書き込めることを求めますが、書き込めません。"),
                format!("the tool {tool} of NSS wants to be able to write to the NSS database {place}, even to use a key, and cannot."),
            ),
        ),
        Trouble::Unopened(tool, said) => BackendError::new(
            "STORE.UNREADABLE",
            Text::new(
                format!("NSS のツール {tool} が NSS データベース {place} を開けません: {said}"),
                format!("the tool {tool} of NSS cannot open the NSS database {place}: {said}"),
            ),
        )
        .cure(Text::new(
            "ほかのプログラムが使っていないか、ブラウザの証明書マネージャーで開けるかを確かめてください。",
            "look whether another program uses it, and whether the certificate manager of the browser opens it.",
        ))
        .with("said", said.clone()),
        Trouble::Refused(tool, said) => BackendError::new(
            code,
            Text::new(format!("NSS のツール {tool} が断りました({place}): {said}"), format!("the tool {tool} of NSS refused ({place}): {said}")),
        )
        .cure(Text::new(
            "NSS のメッセージの理由を確かめてください。同じことをブラウザの証明書マネージャーで試すと、分かりやすいことがあります。",
            "see the reason that NSS gives; trying the same in the certificate manager of the browser may tell more.",
        ))
        .with("said", said.clone()),
        Trouble::Io(reason) => BackendError::new(
            "STORE.UNREADABLE",
            Text::new(format!("NSS のツールを動かせません({reason})。"), format!("the tools of NSS cannot be run ({reason}).")),
        ),
    }
}

/// Bytes that are no certificate.
pub(super) fn no_certificate(reason: &str) -> BackendError {
    let text = Text::new(format!("証明書として読めません({reason})。"), format!("not readable as a certificate ({reason})."));
    BackendError::new("CERT.UNREADABLE", text)
}

/// The tool said that all went well, and the database does not show it.
pub(super) fn without_effect(place: &Path, what: &str) -> BackendError {
    let place = place.display();
    let text = Text::new(
        format!("NSS のツール {what} は成功と答えましたが、{place} に結果がありません。"),
        format!("the tool {what} of NSS said that it was done, and {place} does not show it."),
    );
    BackendError::new("STORE.UNREADABLE", text).cure(Text::new(
        "ブラウザの証明書マネージャーで行ってください。ブラウザの NSS がツールより新しいと、設定が合わないことがあります。",
        "do it in the certificate manager of the browser; its NSS may be newer than the tools.",
    ))
}
