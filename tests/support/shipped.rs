//! The shipped playbooks, and labs in which each has something to do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, check};
use kirikae_engine::dsl::Type;
use kirikae_engine::testing::Shipped;

use super::{Lab, said};

/// Playbooks for which another one must be carried out first.
const BEFORE: [(&str, &str); 1] = [("obn/delete-old", "obn/install")];

/// Playbooks that only a rehearsal can carry out here: practice roots are trusted nowhere else, the MPKI client is for Windows, and a
/// switch waits until the old certificate has expired, with USB keys that a hand changes.
const REHEARSED_ONLY: [&str; 5] = ["obn/mpki-install", "obn/mpki-upgrade", "obn/root-install", "sanka/cd-switch", "sanka/usb-switch"];

/// The ids of those that a person starts: they ask for nothing that only another playbook can give.
pub fn rehearsed() -> Vec<String> {
    let checked = Shipped.playbooks().into_iter().map(|source| check(&source, &Shipped, registry()).result.unwrap());
    let started = checked.filter(|checked| checked.inputs.iter().all(|input| !matches!(input.ty, Type::File | Type::Cert | Type::Proof | Type::BackupRef)));
    started.map(|checked| checked.id).collect()
}

/// Those of them that can be carried out against a lab.
pub fn started_by_people() -> Vec<String> {
    rehearsed().into_iter().filter(|id| !REHEARSED_ONLY.contains(&id.as_str())).collect()
}

/// Whether a playbook asks for secrets.
pub fn asks_for_secrets(playbook: &str) -> bool {
    !check(&Shipped.playbook(playbook).unwrap(), &Shipped, registry()).result.unwrap().secrets.iter().all(|secret| secret.typed_by_person)
}

/// Whether a playbook has a secret with a limited number of tries that the engine makes.
pub fn counts_tries(playbook: &str) -> bool {
    let checked = check(&Shipped.playbook(playbook).unwrap(), &Shipped, registry()).result.unwrap();
    checked.secrets.iter().any(|secret| secret.attempts.is_some() && !secret.typed_by_person)
}

/// Does in a fresh lab what gives this playbook something to do.
pub fn lab_before(lab: &Lab, playbook: &str) {
    for (_, before) in BEFORE.iter().filter(|(of, _)| *of == playbook) {
        let output = lab.run(&["apply", before]);
        assert_eq!(output.status.code(), Some(0), "{before}: {}", said(&output));
    }
}
