//! Which devices a step uses, and how many calls each of them takes at once.
//!
//! May use: inputs, capabilities. Must not: call a backend for anything else.

use std::collections::BTreeMap;

use crate::action::{Effect, Inputs, Live};
use crate::backend::{BackendSet, Capabilities};
use crate::check::{BoundAction, Checked};
use crate::dsl::Value;
use crate::plan::credential_keys;

/// A device: one backend, under however many roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    /// The backend's identity.
    pub(super) id: String,
    /// Calls at once, at least 1.
    pub(super) at_once: u32,
    /// It ends a call at its deadline.
    pub(super) interruptible: bool,
}

impl Device {
    fn new(id: &str, capabilities: &Capabilities) -> Self {
        let at_once = if capabilities.exclusive { 1 } else { capabilities.max_parallel.max(1) };
        Self { id: id.to_owned(), at_once, interruptible: capabilities.interruptible }
    }
}

/// The devices of a step, each once, by identity: its roles, the holders of the certificates whose keys it may
/// use, and the tokens that it has logged in to.
pub(super) fn devices(backends: &BackendSet, live: &Live, action: &BoundAction, inputs: &Inputs) -> Vec<Device> {
    let mut found = BTreeMap::new();
    let logins = inputs.0.values().filter_map(|value| if let Value::Live(name) = value { live.token_backend(name) } else { None });
    logins.for_each(|id| holder(backends, &id, &mut found));
    action.portal.iter().for_each(|role| by_role(backends, role, &mut found));
    inputs.0.values().for_each(|value| add(backends, value, &mut found));
    found.into_values().collect()
}

/// The credential that a step acts on, as something that takes one step at a time: between a look and its sending no other step of the
/// run may send anything for the same credential, however many calls its portal takes at once.
pub(super) fn credential(checked: &Checked, action: &BoundAction, inputs: &Inputs) -> Option<Device> {
    let key = credential_keys(checked, action, inputs).filter(|_| action.manifest.effect > Effect::Read)?;
    Some(Device { id: key, at_once: 1, interruptible: true })
}

/// The folders of these roles.
pub(super) fn folders<'r>(backends: &BackendSet, roles: impl IntoIterator<Item = &'r String>) -> Vec<Device> {
    let found = roles.into_iter().filter_map(|role| backends.folders.get(role));
    found.map(|folder| Device::new(folder.id(), &folder.capabilities())).collect()
}

fn add(backends: &BackendSet, value: &Value, found: &mut BTreeMap<String, Device>) {
    match value {
        Value::Role(role) => by_role(backends, role, found),
        Value::Cert(cert) => holder(backends, &cert.holder, found),
        Value::Token(token) => holder(backends, &token.holder, found),
        Value::Key(key) => holder(backends, &key.holder, found),
        Value::Proof(proof) => holder(backends, &proof.holder, found),
        Value::List(items) => items.iter().for_each(|item| add(backends, item, found)),
        Value::Map(entries) => entries.values().for_each(|entry| add(backends, entry, found)),
        _ => {}
    }
}

fn by_role(backends: &BackendSet, role: &str, found: &mut BTreeMap<String, Device>) {
    let stores = backends.stores.get(role).map(|store| Device::new(store.id(), &store.capabilities()));
    let cas = backends.cas.get(role).map(|ca| Device::new(ca.id(), &ca.capabilities()));
    let folders = backends.folders.get(role).map(|folder| Device::new(folder.id(), &folder.capabilities()));
    let tokens = backends.tokens.get(role).map(|token| Device::new(token.id(), &token.capabilities()));
    found.extend([stores, tokens, cas, folders].into_iter().flatten().map(|device| (device.id.clone(), device)));
}

fn holder(backends: &BackendSet, id: &str, found: &mut BTreeMap<String, Device>) {
    if let Some(store) = backends.stores.values().find(|store| store.id() == id) {
        found.insert(id.to_owned(), Device::new(id, &store.capabilities()));
    }
    if let Some(token) = backends.tokens.values().find(|token| token.id() == id) {
        found.insert(id.to_owned(), Device::new(id, &token.capabilities()));
    }
}
