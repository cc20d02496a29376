//! Citations wherever they are written: in checklists of steps, in profiles.

use super::Cite;
use crate::text::{Diagnostic, Kind, Node, Source, Spanned, Text};

/// Every `cite` inside a value, as written. What is no citation is a finding.
pub(super) fn cites_in(source: &Source, node: &Node) -> (Vec<Spanned<Cite>>, Vec<Diagnostic>) {
    let (mut cites, mut found) = (vec![], vec![]);
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match &node.kind {
            Kind::List(items) => open.extend(items),
            Kind::Map(entries) => {
                for entry in entries {
                    match entry.key.value == "cite" {
                        true => read(source, &entry.value, &mut cites, &mut found),
                        false => open.push(&entry.value),
                    }
                }
            }
            Kind::Scalar(_) | Kind::Broken => {}
        }
    }
    (cites, found)
}

/// `manual#section`, or a list of them.
fn read(source: &Source, node: &Node, cites: &mut Vec<Spanned<Cite>>, found: &mut Vec<Diagnostic>) {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    for item in items {
        // What an expression will say is not known here.
        let Some(scalar) = item.scalar().filter(|scalar| !scalar.text.contains("${{")) else { continue };
        match scalar.text.split_once('#') {
            Some((manual, section)) if !manual.is_empty() && !section.is_empty() => {
                cites.push(Spanned::new(Cite { manual: manual.to_owned(), section: section.to_owned() }, item.span));
            }
            _ => {
                let what = Text::new(format!("「{}」は出典の書き方ではありません。", scalar.text), format!("`{}` is no citation.", scalar.text));
                let cure = Text::new("obn_edge#2.2 のように「名前#節」と書いてください。", "write manual#section, such as obn_edge#2.2.");
                found.push(Diagnostic::error("CITE.FORM", source.place(item.span), what).cure(cure));
            }
        }
    }
}
