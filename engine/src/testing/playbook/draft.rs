//! A playbook test to start from, made from the playbook alone: one certificate that ends soon, one that follows it, examples as inputs.
//!
//! May use: checked playbooks. Must not: promise that the playbook has anything to do in that world.

use std::fmt::Write;

use crate::backend::profile::Operation;
use crate::check::{Binding, Checked, What};
use crate::dsl::{RoleKind, Type, Value};

/// Digits that no date, year or serial looks like.
const DIGITS: &str = "7391824605";

/// The text of a test without cases.
pub fn draft(checked: &Checked) -> String {
    let mut text = format!("kirikae: test/1\nplaybook: {}\nclock: \"2026-11-23T10:00:00+09:00\"\n", checked.id);
    let cn = quoted(&subject(checked));
    let _ = write!(text, "certs:\n  old: {{ cn: {cn}, not_before: 2023-10-22, not_after: 2027-01-22 }}\n");
    let _ = writeln!(text, "  new: {{ cn: {cn}, not_before: 2026-11-01, not_after: 2030-02-01 }}");
    let password = checked.secrets.iter().find(|secret| !secret.typed_by_person).map_or_else(|| DIGITS[..4].to_owned(), |secret| made_up(&secret.ty));
    backends(&mut text, checked, &password);
    inputs(&mut text, checked, &password);
    answers(&mut text, checked);
    text
}

/// The name that certificates are issued to: the first input of so many digits, which is the institution's code.
fn subject(checked: &Checked) -> String {
    let code = checked.inputs.iter().find(|input| matches!(input.ty.required(), Type::Digits(_)));
    code.and_then(|input| input.example.clone()).unwrap_or_else(|| "0110119153".to_owned())
}

fn backends(text: &mut String, checked: &Checked, password: &str) {
    if checked.roles.is_empty() {
        return;
    }
    text.push_str("backends:\n");
    for role in &checked.roles {
        let told = match role.kind {
            RoleKind::Store => "{ holds: old }".to_owned(),
            RoleKind::Folder => match looked_for(checked, &role.name) {
                Some(name) => format!("{{ files: {{ {}: {{ cert: new, password: {} }} }} }}", quoted(&name), quoted(password)),
                None => "{}".to_owned(),
            },
            RoleKind::Ca | RoleKind::Web => match notice(checked, &role.name) {
                Some(id) => format!("{{ listed: [{{ request_id: {}, cert: new }}] }}", quoted(&id)),
                None => "{}".to_owned(),
            },
            RoleKind::Token => format!("{{ tokens: [{{ serial: \"2C0F8A6B\", pin: {}, holds: old }}] }}", quoted(password)),
        };
        let _ = writeln!(text, "  {}: {told}", role.name);
    }
}

/// A file name that a step looks for in this folder.
fn looked_for(checked: &Checked, role: &str) -> Option<String> {
    checked.steps.iter().find_map(|step| {
        let What::Action(action) = &step.what else { return None };
        let here = action.manifest.name == "file.find" && action.with.get("in") == Some(&Binding::Literal(Value::Role(role.to_owned())));
        match action.with.get("name") {
            Some(Binding::Literal(Value::Str(pattern))) if here => Some(pattern.replace('?', "2").replace('*', "new")),
            _ => None,
        }
    })
}

/// The request ID of a paper notice, where the playbook receives a certificate with one.
fn notice(checked: &Checked, role: &str) -> Option<String> {
    let obtains = checked.steps.iter().any(
        |step| matches!(&step.what, What::Action(action) if action.manifest.operation == Some(Operation::Obtain) && action.portal.as_deref() == Some(role)),
    );
    let id = checked.inputs.iter().find(|input| input.name == "request_id").filter(|_| obtains)?;
    id.example.clone()
}

fn inputs(text: &mut String, checked: &Checked, password: &str) {
    let missing = checked.inputs.iter().filter(|input| input.default.is_none() && input.example.is_none() && !input.ty.is_optional());
    let mut lines = String::new();
    for input in missing {
        let value = match input.ty.required() {
            Type::File => format!("{{ name: new.p12, cert: new, password: {} }}", quoted(password)),
            Type::Cert => "{ cert: old }".to_owned(),
            Type::Bool => "true".to_owned(),
            Type::Int => "1".to_owned(),
            Type::Glob => quoted("*"),
            ty => quoted(&made_up(ty)),
        };
        let _ = writeln!(lines, "  {}: {value}", input.name);
    }
    if !lines.is_empty() {
        let _ = write!(text, "inputs:\n{lines}");
    }
}

fn answers(text: &mut String, checked: &Checked) {
    let mut lines = String::new();
    for secret in checked.secrets.iter().filter(|secret| !secret.typed_by_person) {
        let _ = writeln!(lines, "  {}: {}", secret.name, quoted(&made_up(&secret.ty)));
    }
    for step in checked.steps.iter().filter(|step| matches!(&step.what, What::Action(action) if action.manifest.person)) {
        let _ = writeln!(lines, "  {}: true", step.address);
    }
    if !lines.is_empty() {
        let _ = write!(text, "answers:\n{lines}");
    }
}

/// A value of a type.
fn made_up(ty: &Type) -> String {
    match ty.required() {
        Type::Digits(n) => DIGITS.chars().cycle().take(*n as usize).collect(),
        Type::Date => "2026-11-23".to_owned(),
        Type::DateTime => "2026-11-23T10:00:00+09:00".to_owned(),
        Type::Duration => "1h".to_owned(),
        Type::Hex => "7391".to_owned(),
        Type::Url => "https://example.jp/".to_owned(),
        Type::Enum(words) => words.first().cloned().unwrap_or_default(),
        _ => "zk7391qx".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
