//! Literals of any type, as playbooks write them.
//!
//! May use: the reader, types. Must not: know expressions.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::{Type, Value};
use crate::text::{Kind, Node, Text};

/// A literal of a type: a scalar, a list, a mapping. Every mistake becomes a finding.
pub(crate) fn literal(reader: &mut Reader<'_>, ty: &Type, node: &Node) -> Option<Value> {
    match ty {
        Type::Optional(inner) => literal(reader, inner, node),
        Type::Text => reader.text(node).map(Value::Text),
        Type::List(inner) => {
            let items: Vec<_> = reader.list(node).iter().map(|item| literal(reader, inner, item)).collect();
            items.into_iter().collect::<Option<_>>().filter(|_| matches!(node.kind, Kind::List(_))).map(Value::List)
        }
        Type::Map(inner) => {
            let entries: Vec<_> = reader.entries(node)?.iter().map(|entry| Some((entry.key.value.clone(), literal(reader, inner, &entry.value)?))).collect();
            entries.into_iter().collect::<Option<_>>().map(Value::Map)
        }
        Type::Object(fields) => object(reader, fields, node),
        _ => reader.value(ty, node),
    }
}

fn object(reader: &mut Reader<'_>, fields: &BTreeMap<String, Type>, node: &Node) -> Option<Value> {
    let keys: Vec<&str> = fields.keys().map(String::as_str).collect();
    let given = reader.map(node, &keys)?;
    let mut values = BTreeMap::new();
    let mut whole = true;
    for (name, ty) in fields {
        match given.get(name) {
            Some(node) => match literal(reader, ty, node) {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => whole = false,
            },
            None if ty.is_optional() => {}
            None => {
                missing_field(reader, node, name);
                whole = false;
            }
        }
    }
    whole.then_some(Value::Map(values))
}

/// Reports a field that must be there.
pub(crate) fn missing_field(reader: &mut Reader<'_>, node: &Node, name: &str) {
    let what = Text::new(format!("「{name}」がありません。"), format!("`{name}` is missing."));
    let span = match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node.span, |entry| entry.key.span),
        _ => node.span,
    };
    reader.error("DSL.MISSING_KEY", span, what).cure.push(Text::new(format!("「{name}: …」を加えてください。"), format!("add `{name}: ...`.")));
}
