//! `nested`: labels in nested spans with line breaks, tables in tables.

use super::markup::{Markup, escape};
use super::{Field, Page};

/// The nested variant.
pub(super) struct Nested;

impl Markup for Nested {
    fn values(&self, values: &[(String, String)]) -> String {
        let rows: String = values
            .iter()
            .map(|(label, value)| {
                format!("<tr><th>\n  <span><b>{}</b>\n  </span>\n</th><td>\n  <span>{}</span>\n</td></tr>\n", self.label(label), self.value(value))
            })
            .collect();
        format!("<table><tr><td>\n<table border=\"1\">\n{rows}</table>\n</td></tr></table>\n")
    }

    fn field(&self, field: &Field) -> String {
        format!(
            "<table><tr><td><label for=\"{}\"><span>\n    {}\n  </span> <em>(必須)</em></label></td><td>{}</td></tr></table>\n",
            escape(&field.name),
            self.label(&field.label),
            self.control(field)
        )
    }

    fn link(&self, label: &str, address: &str) -> String {
        format!("<table><tr><td><a href=\"{}\"><span>\n  <b>{}</b>\n</span></a></td></tr></table>\n", escape(address), self.label(label))
    }

    fn body(&self, page: &Page) -> String {
        let blocks: String = page.blocks.iter().map(|block| format!("<tr><td>\n{}</td></tr>\n", self.block(block))).collect();
        format!("<table width=\"100%\">\n{blocks}</table>\n")
    }
}
