//! `deflist`: definition lists instead of tables for values and fields.

use super::markup::Markup;
use super::{Field, Page};

/// The variant with definition lists.
pub(super) struct Deflist;

impl Markup for Deflist {
    fn values(&self, values: &[(String, String)]) -> String {
        let rows: String = values.iter().map(|(label, value)| format!("<dt>{}</dt>\n<dd>{}</dd>\n", self.label(label), self.value(value))).collect();
        format!("<dl>\n{rows}</dl>\n")
    }

    fn field(&self, field: &Field) -> String {
        format!("<dt>{}</dt>\n<dd>{}</dd>\n", self.label(&field.label), self.control(field))
    }

    fn fields(&self, fields: &[Field]) -> String {
        if fields.is_empty() { String::new() } else { format!("<dl>\n{}</dl>\n", fields.iter().map(|field| self.field(field)).collect::<String>()) }
    }

    fn body(&self, page: &Page) -> String {
        format!("<main>\n{}</main>\n", page.blocks.iter().map(|block| self.block(block)).collect::<String>())
    }
}
