//! Source text, spans and diagnostics.
//!
//! May use: nothing else of the crate. Must not: know what a playbook means.

mod diagnostic;
mod message;
mod source;

pub use diagnostic::{Diagnostic, Fix, MAX_FINDINGS, Related, Severity, sorted};
pub use message::{Lang, Phrase, Text};
pub use source::{LineColumn, Place, Source, Sources, Span, Spanned};
