//! What the sites for the root certificate (manual 5.3.1) and for the MPKI client (1.5) hand out.
//!
//! May use: the practice root, practice installers, the page model. Must not: know the desk.

use crate::LabError;
use crate::html::{Block, Page};
use crate::pki::{SITE_ROOT, certificate_der};
use crate::portal::Answer;
use crate::terminal::installer;

/// The root certificate: a file at once.
pub(super) const ROOT: &str = "/p/cert";
/// The page of the MPKI client.
pub(super) const CLIENT: &str = "/p/s";
/// Its installer.
pub(super) const INSTALLER: &str = "/p/s/installer";

/// Their paths.
pub(super) const PATHS: [&str; 3] = [ROOT, CLIENT, INSTALLER];

/// Answers a request for one of them; `None` for other paths.
pub(super) fn answer(path: &str) -> Result<Option<Answer>, LabError> {
    Ok(match path {
        ROOT => Some(Answer::File("SCRootCA2.cer".into(), certificate_der(SITE_ROOT)?)),
        CLIENT => {
            let page = Page::titled("MPKI クライアント取得用サイト").says("MPKI クライアントのインストーラーをダウンロードします。");
            Some(Answer::page(page.with(Block::Link("ダウンロード".into(), INSTALLER.into()))))
        }
        INSTALLER => Some(Answer::File("CybertrustManagedPKIClient.msi".into(), installer("Cybertrust Managed PKI Client"))),
        _ => None,
    })
}
