//! Documents to [`Checked`]: names, types, order, effects, proofs, skips.
//!
//! May use: `dsl`, `action` manifests, `backend::profile`, `text`. Must not: contact anything, know plans or runs.

mod checked;

pub use checked::{Binding, Guard};
pub use checked::{
    BoundAction, Catalogue, Checked, Cite, Condition, Document, DocumentKind, EndsAs, Frame, InputDecl, Manual, Repeat, RoleDecl, SecretDecl, Step, What,
};
