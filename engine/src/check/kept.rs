//! Secrets kept from before: what they are about may rest on steps, so they can be used below those only.
//!
//! Must not: look into a vault.

use super::bind::Binder;
use super::scope::Scope;
use super::steps::Unfolder;
use crate::dsl::playbook::{Playbook, SecretSpec, Words};

impl Unfolder<'_> {
    /// Names the kept secrets of a root playbook; what a sub-playbook declares is given by its caller.
    pub(super) fn await_kept(&self, playbook: &Playbook, scope: &mut Scope) {
        if self.frames[scope.frame].caller.is_none() {
            scope.unkept = playbook.secrets.iter().filter(|secret| secret.kept.is_some()).map(|secret| secret.name.value.clone()).collect();
        }
    }

    /// Binds those whose subject can be told by now: of those tried before, the ones that name something of `known`.
    pub(super) fn kept(&mut self, playbook: &Playbook, scope: &mut Scope, known: Option<&[String]>) {
        for (secret, name, about) in kept(playbook) {
            let tried = known.is_some_and(|known| !known.iter().any(|word| about.ja.scalar.text.contains(word.as_str())));
            if tried || !scope.unkept.contains(&secret.name.value) {
                continue;
            }
            let mut binder = Binder::new(&playbook.source, scope);
            let Ok(bound) = binder.early(|binder| binder.words(&about)) else { continue };
            self.found.extend(binder.found);
            scope.unkept.retain(|waiting| *waiting != secret.name.value);
            if let Some(about) = bound {
                self.frames[scope.frame].kept.insert(secret.name.value.clone(), (name.clone(), about));
            }
        }
    }

    /// Reports those that rest on what does not exist.
    pub(super) fn never_kept(&mut self, playbook: &Playbook, scope: &Scope) {
        let mut binder = Binder::new(&playbook.source, scope);
        for (_, _, about) in kept(playbook).filter(|(secret, ..)| scope.unkept.contains(&secret.name.value)) {
            binder.words(&about);
        }
        self.found.extend(binder.found);
    }
}

fn kept(playbook: &Playbook) -> impl Iterator<Item = (&SecretSpec, &String, Words)> {
    playbook.secrets.iter().filter_map(|secret| {
        let (name, about) = secret.kept.as_ref()?;
        Some((secret, name, Words { ja: about.clone(), en: None }))
    })
}
