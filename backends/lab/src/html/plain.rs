//! `plain`: the markup of an ordinary old site.

use super::markup::Markup;

/// The plain variant.
pub(super) struct Plain;

impl Markup for Plain {}
