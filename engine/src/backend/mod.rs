//! Ports: what the engine needs of a store, a token, a portal, a folder, a vault, as plain traits and data.
//!
//! May use: `dsl` values, `secret`, `text`. Must not: know playbooks, plans, runs or a concrete backend.
//! Reads and writes are different handle types; a planner that holds `StoreRead` cannot write.

pub mod archive;
mod ca;
mod call;
mod capability;
pub mod checklist;
mod codes;
mod error;
mod folder;
mod host;
mod notify;
mod practice;
pub mod profile;
mod set;
mod store;
mod token;
mod vault;

pub use ca::{CaRead, CaWrite, Gives, Request, Row, SecretSink, Session};
pub use call::{Call, CancelToken, IdempotencyKey, Progress};
pub use capability::{Capabilities, ImportOption, Locality, OptionSupport, Verb};
pub use codes::{CodeInfo, ERROR_CODES, code_info};
pub use error::{BackendError, Class};
pub use folder::{FileEntry, FolderRead, FolderWrite};
pub use host::{HostRead, HostWrite, Installed};
pub use notify::{Notice, Notifier};
pub use practice::PRACTICE_ROOTS;
pub use set::{BackendSet, ReadBackends, WriteBackends, on_token};
pub use store::{
    ImportRequest, KeyKind, OpenedP12, P12, PendingKey, Signer, StoreExport, StoreKeyMaker, StoreKeys, StoreLock, StoreRead, StoreRoots, StoreTrust,
    StoreWrite, StoredCert,
};
pub use token::{PinFlags, PinShape, PresentToken, TokenRead, TokenSession, TokenWrite};
pub use vault::{EntryInfo, Vault};
