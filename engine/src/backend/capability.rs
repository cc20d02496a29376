//! What a backend can do, as data.

use std::collections::{BTreeMap, BTreeSet};

/// Something that can be asked of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// List what is there.
    List,
    /// Import a PKCS#12 file.
    Import,
    /// Delete a credential.
    Delete,
    /// Sign with a key (proof, mutual TLS).
    Sign,
    /// Write a credential out.
    Export,
    /// Trust a root certificate.
    Trust,
    /// Make a key that waits for its certificate.
    MakeKey,
    /// Install and remove programs.
    Install,
    /// Read a page or file.
    Read,
    /// Send something or write a file.
    Write,
}

/// An option of the import wizard (`procedures.md` 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImportOption {
    /// このキーをエクスポート可能にする
    Exportable,
    /// 秘密キーの保護を強力にする
    StrongProtection,
    /// すべての拡張プロパティを含める
    ExtendedProperties,
}

/// What a store does with an import option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionSupport {
    /// It takes effect.
    Honoured,
    /// It is written down only.
    Recorded,
    /// An import that asks for it fails.
    Refused,
}

/// Where a backend lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// On this machine.
    Local,
    /// Over the network; a plan does not contact it.
    Remote,
}

/// What a backend can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What can be asked of it.
    pub verbs: BTreeSet<Verb>,
    /// What each import option does here; an option not named is refused.
    pub import_options: BTreeMap<ImportOption, OptionSupport>,
    /// One caller at a time.
    pub exclusive: bool,
    /// Calls at once, at least 1.
    pub max_parallel: u32,
    /// Local or remote.
    pub locality: Locality,
    /// Listing needs a secret.
    pub list_needs_secret: bool,
    /// It honours `Call::deadline`.
    pub interruptible: bool,
    /// Keys can be written out.
    pub can_export_keys: bool,
    /// Keys live in hardware.
    pub hardware_keys: bool,
}

impl Capabilities {
    /// A local, interruptible, non-exclusive backend with these verbs.
    pub fn local(verbs: &[Verb]) -> Self {
        Self {
            verbs: verbs.iter().copied().collect(),
            import_options: BTreeMap::new(),
            exclusive: false,
            max_parallel: 1,
            locality: Locality::Local,
            list_needs_secret: false,
            interruptible: true,
            can_export_keys: false,
            hardware_keys: false,
        }
    }
}
