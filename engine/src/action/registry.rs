//! The one list of actions.

use std::sync::OnceLock;

use super::{Action, Manifest};

/// All actions with their manifests, by name.
pub struct Registry(Vec<(Manifest, &'static dyn Action)>);

impl Registry {
    /// The action written `name@major`.
    pub fn find(&self, name: &str, major: u32) -> Option<(&Manifest, &'static dyn Action)> {
        self.0.iter().find(|(manifest, _)| manifest.name == name && manifest.major == major).map(|(manifest, action)| (manifest, *action))
    }

    /// All manifests, in the order of the list.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.0.iter().map(|(manifest, _)| manifest)
    }
}

/// Every action there is. A new one is one file and one line here.
static ACTIONS: &[&dyn Action] = &[];

/// The registry.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry(ACTIONS.iter().map(|action| (action.manifest(), *action)).collect()))
}
