//! The pages of an operation as moves of a person, in the order in which the engine's own hands make them.
//!
//! May use: profile data, plain values. Must not: leave a move out, hold a secret.

use std::collections::BTreeMap;

use crate::backend::checklist::{Move, ShownCert};
use crate::backend::profile::{Open, OperationSpec, PageItem, PickRow, Profile, RowSpec, WhenMissing};

/// An operation with what is known of its parameters.
pub(super) struct Pages<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The operation.
    pub spec: &'a OperationSpec,
    /// The portal's address without a final `/`.
    pub base: &'a str,
    /// The certificate to enter with.
    pub client: Option<&'a ShownCert>,
    /// Plain values by parameter.
    pub plain: &'a BTreeMap<String, String>,
}

impl Pages<'_> {
    /// All moves. An operation without pages (a probe) opens the first page of every other one.
    pub fn moves(&self) -> Vec<Move> {
        if !self.spec.pages.is_empty() {
            return self.spec.pages.iter().flat_map(|page| self.page(page)).collect();
        }
        let firsts = self.profile.operations.values().filter_map(|spec| spec.pages.first().filter(|_| !spec.client_cert || self.client.is_some()));
        firsts
            .flat_map(|first| {
                self.page(&PageItem { open: first.open.clone(), see: first.see.clone(), signed_in: first.signed_in.clone(), ..PageItem::default() })
            })
            .collect()
    }

    fn page(&self, page: &PageItem) -> Vec<Move> {
        let mut moves: Vec<Move> = self.start(page).into_iter().collect();
        let rest = self.on_page(page);
        match &page.if_seen {
            Some(text) => moves.push(Move::IfSeen { text: text.clone(), moves: rest }),
            None => moves.extend(rest),
        }
        moves
    }

    fn start(&self, page: &PageItem) -> Option<Move> {
        let at = |path: &str| Move::Open { address: format!("{}/{}", self.base, path.trim_start_matches('/')), certificate: self.client.cloned() };
        match (&page.open, &page.post, page.resume) {
            (Some(Open::Path(path)), _, _) | (None, Some((path, _)), _) => Some(at(path)),
            (Some(Open::From { name, .. }), _, _) => Some(Move::OpenShown { name: name.clone(), address: self.plain.get(name).cloned() }),
            (None, None, Some(operation)) => Some(Move::GoOn { operation: operation.word().to_owned() }),
            (None, None, None) => None,
        }
    }

    fn on_page(&self, page: &PageItem) -> Vec<Move> {
        let mut moves: Vec<Move> = page.see.iter().map(|text| Move::See { text: text.clone() }).collect();
        if !page.see_any.is_empty() {
            moves.push(Move::SeeAny { texts: page.see_any.clone() });
        }
        moves.extend(page.signed_in.iter().map(|text| Move::SignedIn { text: text.clone() }));
        if let Some(rows) = &page.rows {
            moves.push(Move::Rows { text: self.row_text(rows), button: rows.with_button.clone(), columns: rows.columns.clone() });
        }
        if let Some(row) = &page.row {
            let newest = row.pick == PickRow::Newest;
            let may_be_missing = page.when_missing == Some(WhenMissing::Nothing);
            moves.push(Move::Row { text: self.row_text(row), button: row.with_button.clone(), newest, may_be_missing });
        }
        let is_secret = |name: &str| self.spec.gives.iter().any(|(known, ty)| known == name && ty.is_secret());
        if page.rows.is_none() {
            moves.extend(page.read.iter().map(|(name, label)| Move::Read { name: name.clone(), label: label.clone(), secret: is_secret(name) }));
        }
        moves.extend(page.check.iter().filter(|name| self.has(name)).map(|name| Move::Check { name: name.clone(), value: self.value(name) }));
        moves.extend(page.fill.iter().filter(|(name, _)| self.has(name)).map(|(name, label)| Move::Fill {
            name: name.clone(),
            label: label.clone(),
            value: self.value(name),
        }));
        moves.extend(page.choose.iter().filter(|(name, _)| self.has(name)).map(|(name, label)| Move::Choose {
            name: name.clone(),
            label: label.clone(),
            value: self.value(name),
        }));
        moves.extend(page.tick.iter().map(|label| Move::Tick { label: label.clone() }));
        moves.extend(page.upload.iter().filter(|(name, _)| self.has(name)).map(|(name, label)| Move::Upload {
            name: name.clone(),
            label: label.clone(),
            value: self.value(name),
        }));
        moves.extend(page.press.iter().map(|label| Move::Press { label: label.clone(), commits: page.commits }));
        moves.extend(page.follow.iter().filter(|_| page.press.is_none()).map(|label| {
            let label = label.named_after(|name| self.value(name));
            Move::Follow { label, commits: page.commits }
        }));
        moves.extend(page.dialog.iter().map(|text| Move::Dialog { text: text.clone() }));
        moves.extend(page.download.iter().map(|(pattern, inside)| Move::Download { pattern: pattern.clone(), inside: inside.clone() }));
        moves
    }

    fn row_text(&self, row: &RowSpec) -> Option<String> {
        self.plain.get(row.with_text.as_ref()?).cloned()
    }

    fn value(&self, name: &str) -> Option<String> {
        self.plain.get(name).cloned()
    }

    /// Whether a parameter is given: an optional one that is not, is not typed.
    fn has(&self, name: &str) -> bool {
        let optional = self.spec.takes.iter().any(|(known, ty)| known == name && ty.is_optional());
        !optional || self.plain.contains_key(name)
    }
}
