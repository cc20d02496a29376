//! The parts of a page as markup. The methods given here are the plain variant; every other one replaces some of them.

use super::{Block, Button, Cell, Field, FieldKind, Form, Page, Table};

/// Markup of the parts of a page.
pub(super) trait Markup {
    /// The encoding's name.
    fn charset(&self) -> &'static str {
        "UTF-8"
    }

    /// Words of a label, a heading of a column, a link.
    fn label(&self, text: &str) -> String {
        escape(text)
    }

    /// A value that the site shows.
    fn value(&self, text: &str) -> String {
        escape(text)
    }

    /// Values beside their labels.
    fn values(&self, values: &[(String, String)]) -> String {
        let rows: String = values.iter().map(|(label, value)| format!("<tr><th>{}</th><td>{}</td></tr>\n", self.label(label), self.value(value))).collect();
        format!("<table border=\"1\">\n{rows}</table>\n")
    }

    /// A field with its label.
    fn field(&self, field: &Field) -> String {
        format!("<p><label for=\"{}\">{}</label> {}</p>\n", escape(&field.name), self.label(&field.label), self.control(field))
    }

    /// The control of a field.
    fn control(&self, field: &Field) -> String {
        let name = escape(&field.name);
        match &field.kind {
            FieldKind::Text => format!("<input type=\"text\" id=\"{name}\" name=\"{name}\">"),
            FieldKind::Password => format!("<input type=\"password\" id=\"{name}\" name=\"{name}\" autocomplete=\"off\">"),
            FieldKind::Check => format!("<input type=\"checkbox\" id=\"{name}\" name=\"{name}\" value=\"on\">"),
            FieldKind::File => format!("<input type=\"file\" id=\"{name}\" name=\"{name}\">"),
            FieldKind::Select(words) => {
                let options: String = words.iter().map(|word| format!("<option value=\"{0}\">{0}</option>", escape(word))).collect();
                format!("<select id=\"{name}\" name=\"{name}\">{options}</select>")
            }
        }
    }

    /// A button.
    fn button(&self, button: &Button) -> String {
        let name = button.name.as_ref().map(|name| format!(" name=\"{}\"", escape(name))).unwrap_or_default();
        format!("<input type=\"submit\"{name} value=\"{}\">\n", self.label(&button.label))
    }

    /// A link.
    fn link(&self, label: &str, address: &str) -> String {
        format!("<p><a href=\"{}\">{}</a></p>\n", escape(address), self.label(label))
    }

    /// A list.
    fn table(&self, table: &Table) -> String {
        let headings: String = table.headings.iter().map(|heading| format!("<th>{}</th>", self.label(heading))).collect();
        let rows: String =
            table.rows.iter().map(|row| format!("<tr>{}</tr>\n", row.iter().map(|cell| format!("<td>{}</td>", self.cell(cell))).collect::<String>())).collect();
        format!("<table border=\"1\">\n<tr>{headings}</tr>\n{rows}</table>\n")
    }

    /// What a cell of a list holds.
    fn cell(&self, cell: &Cell) -> String {
        match cell {
            Cell::Text(text) => self.value(text),
            Cell::Form(form) => self.form(form),
            Cell::Link(label, address) => format!("<a href=\"{}\">{}</a>", escape(address), self.label(label)),
        }
    }

    /// A form.
    fn form(&self, form: &Form) -> String {
        let hidden: String =
            form.hidden.iter().map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value))).collect();
        let fields = self.fields(&form.fields);
        let buttons: String = form.buttons.iter().map(|button| self.button(button)).collect();
        let encoding = if form.multipart() { " enctype=\"multipart/form-data\"" } else { "" };
        let decoy = self.decoy(form);
        format!("{decoy}<form method=\"post\" action=\"{}\"{encoding}>\n{hidden}{fields}{buttons}</form>\n", escape(&form.action))
    }

    /// What stands before a form and no eye sees.
    fn decoy(&self, _form: &Form) -> String {
        String::new()
    }

    /// The fields of a form.
    fn fields(&self, fields: &[Field]) -> String {
        fields.iter().map(|field| self.field(field)).collect()
    }

    /// What is below the heading.
    fn body(&self, page: &Page) -> String {
        page.blocks.iter().map(|block| self.block(block)).collect()
    }

    /// One part.
    fn block(&self, block: &Block) -> String {
        match block {
            Block::Text(text) => format!("<p>{}</p>\n", escape(text)),
            Block::Values(values) => self.values(values),
            Block::Link(label, address) => self.link(label, address),
            Block::Form(form) => self.form(form),
            Block::Table(table) => self.table(table),
        }
    }

    /// The whole page.
    fn document(&self, page: &Page) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"ja\">\n<head><meta charset=\"{}\"><title>{}</title></head>\n<body>\n<h1>{}</h1>\n{}</body>\n</html>\n",
            self.charset(),
            escape(&page.title),
            escape(&page.heading),
            self.body(page)
        )
    }
}

/// Text inside elements and attributes.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
        html
    })
}
