//! Credential keys: what a run claims is the credential, not itself (`runs.md` 3).

use crate::action::Inputs;
use crate::check::{BoundAction, Checked};

/// The credential key of a step, if its inputs tell it: program, issuer and serial of the certificate that the action claims,
/// or, for a first issue, program and the value of the parameter that the profile's operation names.
pub fn credential_keys(checked: &Checked, action: &BoundAction, known: &Inputs) -> Option<String> {
    let named = claimed(checked, action);
    if let Some(parameter) = named {
        let value = known.str(parameter).or_else(|| known.text(parameter).map(|text| text.ja.as_str()));
        return value.map(|value| format!("{}/{parameter}/{value}", checked.program));
    }
    let cert = action.manifest.claims.and_then(|input| known.cert(input))?;
    Some(format!("{}/{}/{}", checked.program, cert.issuer_dn, cert.serial))
}

/// The parameter that the profile's operation names. It wins over the action's own: a site may be entered with another certificate than
/// the one that is renewed.
fn claimed<'c>(checked: &'c Checked, action: &BoundAction) -> Option<&'c str> {
    let operation = action.manifest.operation.filter(|_| action.manifest.effect > crate::action::Effect::Read)?;
    let profile = checked.profiles.get(action.portal.as_deref()?)?;
    profile.operations.get(&operation)?.claim.as_deref()
}

/// The key of a run none of whose steps names a credential.
pub fn site_key(checked: &Checked, site: &str) -> String {
    format!("{}/site/{site}/{}", checked.program, checked.id)
}
