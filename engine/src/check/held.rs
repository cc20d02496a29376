//! A key on a token signs only in a login: whoever enters a site with such a certificate names the login.
//!
//! May use: manifests, where values come from. Must not: know what a site binds.

use super::origins::Origins;
use super::rules::Graph;
use super::{Binding, Checked, What};
use crate::dsl::{RoleKind, Value};
use crate::text::{Diagnostic, Text};

/// Reports operations whose client certificate was found on a token, and that are given no login.
pub(super) fn without_login(graph: &Graph<'_>) -> Vec<Diagnostic> {
    let checked = graph.checked;
    let origins = Origins { frames: &checked.frames, steps: &checked.steps };
    let mut found = vec![];
    for (index, step) in checked.steps.iter().enumerate() {
        let What::Action(action) = &step.what else { continue };
        let takes_login = action.manifest.inputs.iter().any(|input| input.name == "session") && !action.with.contains_key("session");
        let Some(binding) = action.with.get("client_cert").filter(|_| takes_login && !graph.by_hand(index)) else { continue };
        let makers = origins.of_binding(step.frame, binding);
        let Some((maker, _)) = makers.into_iter().find(|(maker, _)| searches_tokens(checked, *maker)) else { continue };
        let what = Text::new(
            format!("手順「{}」で見つけた証明書の鍵はUSBキーの中にあり、開かないと使えません。", checked.steps[maker].address),
            format!("the key of the certificate that `{}` finds is on a token, which must be open.", checked.steps[maker].address),
        );
        let cure = Text::new(
            "token.login の手順を置き、ここに session: \"${{ steps.その手順.session }}\" を書いてください。",
            "put a token.login step before, and write `session: \"${{ steps.THAT.session }}\"` here.",
        );
        let place = graph.place_of(step.frame, binding).unwrap_or_else(|| graph.place(index));
        let label = Text::new("ここで見つける", "found here");
        found.push(Diagnostic::error("CHECK.TOKEN_SESSION", place, what).cure(cure).related(graph.place(maker), label));
    }
    found
}

/// Whether a step finds certificates on tokens.
fn searches_tokens(checked: &Checked, index: usize) -> bool {
    let What::Action(action) = &checked.steps[index].what else { return false };
    let Some(Binding::Literal(Value::Role(role))) = action.with.get("in") else { return false };
    checked.roles.iter().any(|known| known.name == *role && known.kind == RoleKind::Token)
}
