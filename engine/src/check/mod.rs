//! Documents to [`Checked`]: names, types, order, effects, proofs, skips.
//!
//! May use: `dsl`, `action` manifests, `backend::profile`, `text`. Must not: contact anything, know plans or runs.

mod checked;

pub use checked::{Binding, Guard};
pub use checked::{
    BoundAction, Catalogue, Checked, Cite, Condition, Document, DocumentKind, EndsAs, Frame, InputDecl, Manual, Repeat, RoleDecl, SecretDecl, Step, What,
};
pub trait Library {
    fn playbook(&self, id: &str) -> Option<crate::text::Source>;
    fn portal(&self, id: &str) -> Option<crate::text::Source>;
    fn sources(&self) -> Option<crate::text::Source>;
}
pub struct Outcome {
    pub result: Result<Checked, Vec<crate::text::Diagnostic>>,
}
pub fn check(_s: &crate::text::Source, _l: &dyn Library, _r: &crate::action::Registry) -> Outcome {
    Outcome { result: Err(vec![]) }
}
