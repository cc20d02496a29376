//! Source text, spans, the spanned tree of a YAML document, and diagnostics.
//!
//! May use: the YAML library, in `tree` and `yaml_error` only; `encoding_rs` in `encoding`. Must not: know what a playbook means.

mod alignment;
mod diagnostic;
mod encoding;
mod fix;
mod foreign;
mod message;
mod quoting;
mod source;
mod traps;
mod tree;
mod yaml_error;

pub use diagnostic::{Diagnostic, Fix, MAX_FINDINGS, Related, Severity, sorted};
pub use fix::{Change, Mended, mend};
pub(crate) use foreign::{foreign, truth_word};
pub use message::{Lang, Phrase, Text};
pub use source::{LineColumn, Place, Source, Sources, Span, Spanned};
pub use tree::{Entry, Kind, MAX_BYTES, Node, Scalar, Tree};
