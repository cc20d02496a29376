//! Secrets kept from before, as a plan sees them: whether the vault has them, never what they are.

use super::model::{LookScope, Message};
use super::planner::{PlanRequest, World};
use super::resolve::Resolver;
use crate::text::Text;

/// Notices for kept secrets that the vault does not have; somebody will be asked for them. What is not known yet is not noticed.
pub(super) fn not_kept(request: &PlanRequest<'_>, world: &World<'_>, resolver: &Resolver<'_>, used: impl Fn(&str) -> bool) -> Vec<Message> {
    if request.scope == LookScope::Offline {
        return vec![];
    }
    let kept = request.checked.secrets.iter().filter(|secret| used(&secret.name));
    let kept = kept.filter_map(|secret| Some((secret, &secret.kept.as_ref()?.0, resolver.subject(secret)?)));
    let missing = kept.filter(|(secret, name, about)| {
        let elsewhere = request.secret_sources.get(&secret.name).is_some_and(|source| source != "kept");
        let entries = world.backends.vault().list().unwrap_or_default();
        !elsewhere && !entries.iter().any(|entry| entry.name == **name && entry.about == *about)
    });
    let notice = |(secret, name, about): (&crate::check::SecretDecl, &String, String)| Message {
        code: "PLAN.NOT_KEPT".to_owned(),
        message: Text::new(
            format!("{}: 保管庫に {name}({about} のもの)がありません。使う直前に尋ねます。", secret.title.ja),
            format!("{}: the vault has no {name} about {about}; it will be asked for.", secret.title.get(crate::text::Lang::En)),
        ),
    };
    missing.map(notice).collect()
}
