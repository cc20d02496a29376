//! `hidden`: beside each form a second one that no eye sees, with the same labels. Sending it is recorded as `decoy`.

use super::Form;
use super::markup::{Markup, escape};
use crate::portal::DECOY_PATH;

/// The variant with hidden fields and decoys.
pub(super) struct Hidden;

impl Markup for Hidden {
    fn decoy(&self, form: &Form) -> String {
        let fields: String = form
            .fields
            .iter()
            .map(|field| format!("<label>{}<input type=\"text\" name=\"d_{}\"></label>\n", escape(&field.label), escape(&field.name)))
            .collect();
        let buttons: String = form.buttons.iter().map(|button| format!("<input type=\"submit\" value=\"{}\">\n", escape(&button.label))).collect();
        format!("<div style=\"display: none\"><form method=\"post\" action=\"{DECOY_PATH}\">\n{fields}{buttons}</form></div>\n")
    }
}
