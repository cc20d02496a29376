//! `buttons`: `<button>` with nested spans, `<div>` layout, fields inside their labels.

use super::markup::{Markup, escape};
use super::{Button, Field};

/// The variant with `<button>`.
pub(super) struct Buttons;

impl Markup for Buttons {
    fn values(&self, values: &[(String, String)]) -> String {
        let rows: String =
            values.iter().map(|(label, value)| format!("<div><span>{}</span>：<span>{}</span></div>\n", self.label(label), self.value(value))).collect();
        format!("<div class=\"values\">\n{rows}</div>\n")
    }

    fn field(&self, field: &Field) -> String {
        format!("<div class=\"field\"><label><span>{}</span> {}</label></div>\n", self.label(&field.label), self.control(field))
    }

    fn button(&self, button: &Button) -> String {
        let name = button.name.as_ref().map(|name| format!(" name=\"{}\" value=\"1\"", escape(name))).unwrap_or_default();
        format!("<button type=\"submit\"{name}><span class=\"icon\"></span><span><b>{}</b></span></button>\n", self.label(&button.label))
    }
}
