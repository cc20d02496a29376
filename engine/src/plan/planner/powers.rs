//! What a step asks of its backend, and the backend cannot: the step is blocked, with the missing power by name (`runs.md` 1).
//!
//! May use: manifests, capabilities. Must not: contact anything.

use std::collections::BTreeSet;

use crate::action::Inputs;
use crate::backend::{BackendError, Call, ReadBackends, Verb};
use crate::check::BoundAction;
use crate::text::Text;

/// The power that the backend of a step lacks. A role that is bound to nothing lacks none here: that is told elsewhere.
///
/// # Errors
/// `BACKEND.UNSUPPORTED`; `HOST.NOT_ADMIN` of this terminal.
pub(super) fn suffice(backends: ReadBackends<'_>, action: &BoundAction, known: &Inputs) -> Result<(), BackendError> {
    let verbs = &action.manifest.verbs;
    if verbs.contains(&Verb::Install) {
        return backends.host().probe_install(&Call::unattached());
    }
    let roles = action.manifest.inputs.iter().filter_map(|input| known.role(&input.name));
    let bound = roles.filter_map(|role| can(backends, role));
    for (id, can) in bound {
        if let Some(missing) = verbs.iter().find(|verb| !can.contains(verb)) {
            let (ja, en) = word(*missing);
            return Err(BackendError::new(
                "BACKEND.UNSUPPORTED",
                Text::new(format!("{id} には、この手順に要る力({ja})がありません。"), format!("{id} cannot {en}, which this step needs.")),
            ));
        }
    }
    Ok(())
}

/// The backend of a role and what it can do.
fn can(backends: ReadBackends<'_>, role: &str) -> Option<(String, BTreeSet<Verb>)> {
    let store = backends.store(role).map(|store| (store.id().to_owned(), store.capabilities().verbs));
    let folder = || backends.folder(role).map(|folder| (folder.id().to_owned(), folder.capabilities().verbs));
    let token = || backends.token(role).map(|token| (token.id().to_owned(), token.capabilities().verbs));
    let ca = || backends.ca(role).map(|ca| (ca.id().to_owned(), ca.capabilities().verbs));
    store.or_else(|_| folder()).or_else(|_| token()).or_else(|_| ca()).ok()
}

fn word(verb: Verb) -> (&'static str, &'static str) {
    match verb {
        Verb::List => ("一覧", "list what is there"),
        Verb::Import => ("取り込み", "import a certificate file"),
        Verb::Delete => ("削除", "delete a certificate"),
        Verb::Sign => ("署名", "sign with a key"),
        Verb::Export => ("書き出し", "write a certificate out"),
        Verb::Trust => ("ルート証明書の信頼", "trust a root certificate"),
        Verb::MakeKey => ("鍵の作成", "make keys"),
        Verb::Install => ("プログラムの追加", "install programs"),
        Verb::Read => ("読み取り", "read"),
        Verb::Write => ("書き込み", "write"),
    }
}
