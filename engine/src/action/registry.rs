//! The one list of actions.

use std::sync::OnceLock;

use super::{
    Action, Manifest, ca_apply, ca_fetch, ca_find_issued, ca_obtain, ca_renew, ca_revoke, ca_root, ca_software, ca_status, cert_accept, cert_delete,
    cert_export, cert_find, cert_import, cert_prove_key, cert_trust, csr_create, file_delete, file_find, file_save, host_check, human_commit, human_confirm,
    human_destroy, human_perform, key_create, notify_send, p12_inspect, portal, secret_keep, software_install, software_remove, time_wait, token_login,
    token_wait, web_probe, web_set_password, web_sign_in,
};

use crate::dsl::reader::nearest;

/// All actions with their manifests, by name.
pub struct Registry(Vec<(Manifest, &'static dyn Action)>);

impl Registry {
    /// A registry of these actions.
    pub fn of(actions: &[&'static dyn Action]) -> Registry {
        Registry(actions.iter().map(|action| (portal::with_token_session(action.manifest()), *action)).collect())
    }

    /// The action written `name@major`.
    pub fn find(&self, name: &str, major: u32) -> Option<(&Manifest, &'static dyn Action)> {
        self.0.iter().find(|(manifest, _)| manifest.name == name && manifest.major == major).map(|(manifest, action)| (manifest, *action))
    }

    /// The action whose name is nearest to a misspelt one, if one is near enough.
    pub fn nearest(&self, name: &str) -> Option<&Manifest> {
        let near = nearest(name, self.manifests().map(|manifest| manifest.name))?;
        self.manifests().find(|manifest| manifest.name == near)
    }

    /// All manifests, in the order of the list.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.0.iter().map(|(manifest, _)| manifest)
    }
}

/// Every action there is. A new one is one file and one line here.
static ACTIONS: &[&dyn Action] = &[
    &ca_apply::CaApply,
    &ca_fetch::CaFetch,
    &ca_find_issued::CaFindIssued,
    &ca_obtain::CaObtain,
    &ca_renew::CaRenew,
    &ca_revoke::CaRevoke,
    &ca_root::CaRoot,
    &ca_software::CaSoftware,
    &ca_status::CaStatus,
    &cert_accept::CertAccept,
    &cert_delete::CertDelete,
    &cert_export::CertExport,
    &cert_find::CertFind,
    &cert_import::CertImport,
    &cert_prove_key::CertProveKey,
    &cert_trust::CertTrust,
    &csr_create::CsrCreate,
    &file_delete::FileDelete,
    &file_find::FileFind,
    &file_save::FileSave,
    &host_check::HostCheck,
    &human_commit::HumanCommit,
    &human_confirm::HumanConfirm,
    &human_destroy::HumanDestroy,
    &human_perform::HumanPerform,
    &key_create::KeyCreate,
    &notify_send::NotifySend,
    &p12_inspect::P12Inspect,
    &secret_keep::SecretKeep,
    &software_install::SoftwareInstall,
    &software_remove::SoftwareRemove,
    &time_wait::TimeWait,
    &token_login::TokenLogin,
    &token_wait::TokenWait,
    &web_probe::WebProbe,
    &web_set_password::WebSetPassword,
    &web_sign_in::WebSignIn,
];

/// The registry.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::of(ACTIONS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Effect, Kind};
    use crate::backend::code_info;

    #[test]
    fn every_manifest_is_complete_and_its_facts_fit_its_kind() {
        for (manifest, action) in &registry().0 {
            let name = manifest.name;
            for help in manifest.inputs.iter().map(|input| input.help).chain(manifest.outputs.iter().map(|output| output.help)) {
                assert!(!help.ja.is_empty() && !help.en.is_empty(), "{name}: help in both languages");
            }
            for code in &manifest.codes {
                assert!(code_info(code).is_some(), "{name}: {code} is not in the table");
            }
            assert!(manifest.codes.is_sorted(), "{name}: codes in order");
            match action.kind() {
                Kind::Read(_) => assert!(manifest.effect == Effect::Read && manifest.observe.is_none(), "{name}"),
                // What a person does out of sight cannot be looked at.
                Kind::Write(_) => assert!(manifest.effect != Effect::Read && manifest.observe.is_none() == manifest.person, "{name}"),
            }
            if let Some(claims) = manifest.claims {
                assert!(manifest.inputs.iter().any(|input| input.name == claims), "{name}: claims an input that it has");
            }
        }
    }

    #[test]
    fn names_are_sorted_and_found_by_name_and_major_version() {
        let names: Vec<_> = registry().manifests().map(|manifest| manifest.name).collect();
        assert!(names.is_sorted());
        assert!(registry().find("ca.renew", 1).is_some());
        assert!(registry().find("ca.renew", 2).is_none());
    }
}
