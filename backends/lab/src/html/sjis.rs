//! `sjis`: pages and forms in Shift_JIS.

use super::markup::Markup;

/// The Shift_JIS variant.
pub(super) struct Sjis;

impl Markup for Sjis {
    fn charset(&self) -> &'static str {
        "Shift_JIS"
    }
}
