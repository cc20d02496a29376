//! What can go wrong when a lab starts or writes its files. May use: texts. Must not: know HTTP or certificates.

use std::fmt;
use std::path::Path;

use kirikae_engine::text::{Lang, Text};

/// A lab cannot start or go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabError {
    /// `LAB.CAUSE`.
    pub code: &'static str,
    /// What happened and why, with the values.
    pub cause: Text,
    /// What to do.
    pub cure: Text,
}

impl LabError {
    /// `LAB.OPTION`: a fault or HTML variant is misspelled.
    pub(crate) fn option(cause: Text, known: &str) -> Self {
        let cure = Text::new(format!("使えるのは次のとおりです: {known}"), format!("known: {known}"));
        Self { code: "LAB.OPTION", cause, cure }
    }

    /// `LAB.FILE`: a file of the lab's folder cannot be read or written.
    pub(crate) fn file(path: &Path, error: &dyn fmt::Display) -> Self {
        let path = path.display();
        Self {
            code: "LAB.FILE",
            cause: Text::new(
                format!("練習用フォルダのファイルを読み書きできません: {path}({error})"),
                format!("a file of the lab cannot be read or written: {path} ({error})"),
            ),
            cure: Text::new(
                "書き込める空のフォルダを指定してください。壊れている場合は、フォルダを消してやり直してください。",
                "name an empty folder that can be written, or delete a damaged one and start again.",
            ),
        }
    }

    /// `LAB.PORT`: the port cannot be listened on.
    pub(crate) fn port(port: u16, error: &dyn fmt::Display) -> Self {
        Self {
            code: "LAB.PORT",
            cause: Text::new(
                format!("127.0.0.1 のポート {port} で待ち受けできません({error})"),
                format!("cannot listen on port {port} of 127.0.0.1 ({error})"),
            ),
            cure: Text::new(
                "同じフォルダの練習用ポータルが動いていないか確かめるか、別のポートを指定してください。",
                "see whether a lab of the same folder is running, or name another port.",
            ),
        }
    }

    /// `LAB.PROFILES`: the profiles cannot be served together.
    pub(crate) fn profiles(cause: Text) -> Self {
        let cure = Text::new("プロファイルごとに別の練習用フォルダで起動してください。", "start one lab for each of these profiles.");
        Self { code: "LAB.PROFILES", cause, cure }
    }

    /// `LAB.STORE`: the practice store cannot be filled.
    pub(crate) fn store(error: &kirikae_engine::backend::BackendError) -> Self {
        let cause = error.cause.map(|cause| format!("{}: {cause}", error.code));
        Self { code: "LAB.STORE", cause, cure: error.cure.clone() }
    }

    /// `LAB.CRYPTO`: a certificate, key or PKCS#12 file cannot be made.
    pub(crate) fn crypto(error: impl fmt::Display) -> Self {
        Self {
            code: "LAB.CRYPTO",
            cause: Text::new(format!("練習用の証明書や鍵を作れません({error})"), format!("a practice certificate or key cannot be made ({error})")),
            cure: Text::new(
                "プロファイルの facts.issuer の例と入力の例に、証明書に書けない文字がないか確かめてください。",
                "see whether the profile's facts.issuer or the example inputs hold characters that a certificate cannot.",
            ),
        }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause.get(Lang::En))
    }
}

impl std::error::Error for LabError {}
