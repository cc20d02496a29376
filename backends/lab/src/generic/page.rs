//! A screen as a page: texts, values, list, forms and links under the profile's own labels.
//!
//! May use: the profile, issuances, the page model. Must not: have effects.

use jiff::Timestamp;
use kirikae_engine::backend::profile::{Label, Operation, OperationSpec, PageItem, Profile};
use kirikae_engine::dsl::Type;
use kirikae_engine::text::Lang;

use super::screens::{Move, Screen, first};
use crate::html::{Block, Cell, Field, FieldKind, Form, Page, Table};
use crate::state::{Issuance, japan_day};

/// What a page is drawn from.
pub(super) struct Drawing<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// All screens.
    pub screens: &'a [Screen],
    /// What the session knows: parameters typed, IDs shown once.
    pub known: &'a dyn Fn(&str) -> Option<String>,
    /// Whose page it is, most specific first.
    pub subject: &'a [(String, String)],
    /// Rows of the list, newest first.
    pub rows: &'a [Issuance],
    /// Now.
    pub now: Timestamp,
}

impl Drawing<'_> {
    /// The page of a screen.
    pub(super) fn page(&self, screen: &Screen) -> Page {
        let items: Vec<(&OperationSpec, &PageItem)> = screen.items.iter().map(|(operation, place)| self.item(*operation, *place)).collect();
        let mut texts: Vec<&str> = items.iter().flat_map(|(_, item)| texts_of(item)).collect();
        texts.retain(|text| !screen.moves.iter().any(|(step, _)| step.text() == *text));
        let heading = texts.first().copied().unwrap_or(self.profile.title.get(Lang::Ja)).to_owned();
        let mut page = Page::titled(&heading);
        texts.retain(|text| *text != heading);
        texts.sort_unstable();
        texts.dedup();
        for text in texts {
            page = page.says(text);
        }
        let listed: Vec<(&OperationSpec, &PageItem)> = items.iter().copied().filter(|(_, item)| is_list(item)).collect();
        if !listed.is_empty() {
            page = page.with(Block::Table(self.table(screen, &listed)));
        }
        let values = self.values(&items);
        if !values.is_empty() {
            page = page.with(Block::Values(values));
        }
        for (step, next) in &screen.moves {
            let address = &self.screens[*next].path;
            let taking: Vec<_> = items.iter().copied().filter(|(_, item)| !is_list(item) && Move::of(item).as_ref() == Some(step)).collect();
            match step {
                Move::Follow(label) => page = page.with(Block::Link(label.clone(), address.clone())),
                Move::Press(label) if !taking.is_empty() => {
                    page = page.with(Block::Form(Form { fields: fields_of(&taking), ..Form::button(address, label) }));
                }
                // A button of a row.
                Move::Press(_) => {}
            }
        }
        page
    }

    fn item(&self, operation: Operation, place: usize) -> (&OperationSpec, &PageItem) {
        let spec = &self.profile.operations[&operation];
        (spec, &spec.pages[place])
    }

    fn values(&self, items: &[(&OperationSpec, &PageItem)]) -> Vec<(String, String)> {
        let mut values = vec![];
        for (spec, item) in items.iter().filter(|(_, item)| !is_list(item)) {
            for (name, label) in &item.read {
                let shown = match self.parts(name) {
                    parts if label.all && !parts.is_empty() => parts,
                    _ => vec![self.value(spec, name, label, self.rows.first())],
                };
                values.extend(shown.into_iter().map(|value| (first(label).to_owned(), value)));
            }
            values.extend(item.check.iter().filter_map(|name| Some((name.clone(), (self.known)(name)?))));
        }
        let mut once: Vec<(String, String)> = vec![];
        for value in values {
            if !once.contains(&value) {
                once.push(value);
            }
        }
        once
    }

    fn table(&self, screen: &Screen, listed: &[(&OperationSpec, &PageItem)]) -> Table {
        let mut columns: Vec<(&OperationSpec, &str, &Label)> = vec![];
        for (spec, item) in listed {
            let named = item.row.iter().chain(&item.rows).flat_map(|row| &row.columns);
            for (name, label) in named.chain(&item.read) {
                if !columns.iter().any(|(_, _, known)| first(known) == first(label)) {
                    columns.push((spec, name, label));
                }
            }
        }
        let by_id = listed.iter().any(|(_, item)| item.row.as_ref().is_some_and(|row| row.with_text.is_some()))
            && !columns.iter().any(|(_, name, _)| *name == "request_id");
        let buttons: Vec<(&str, &str)> = screen
            .moves
            .iter()
            .filter(|(step, _)| listed.iter().any(|(_, item)| item.press.is_some() && Move::of(item).as_ref() == Some(step)))
            .map(|(step, next)| (step.text(), self.screens[*next].path.as_str()))
            .collect();
        let id_heading = by_id.then(|| "リクエストID".to_owned());
        let headings =
            id_heading.into_iter().chain(columns.iter().map(|(_, _, label)| first(label).to_owned())).chain(buttons.iter().map(|_| "操作".to_owned()));
        let row = |issuance: &Issuance| {
            let id = by_id.then(|| Cell::Text(issuance.request_id.clone()));
            let is_open = |name: &str| matches!(name, "serial" | "issued_on" | "not_after") && !issuance.is_issued(self.now);
            let text = |spec, name, label| if is_open(name) { "-".to_owned() } else { self.value(spec, name, label, Some(issuance)) };
            let texts = columns.iter().map(|(spec, name, label)| Cell::Text(text(*spec, *name, *label)));
            let button = |(label, address): &(&str, &str)| match issuance.is_issued(self.now) {
                true => Cell::Form(Form { hidden: vec![("rid".into(), issuance.request_id.clone())], ..Form::button(address, label) }),
                false => Cell::Text(String::new()),
            };
            id.into_iter().chain(texts).chain(buttons.iter().map(button)).collect()
        };
        Table { headings: headings.collect(), rows: self.rows.iter().map(row).collect() }
    }

    /// What stands under a label: of an issuance, of the session, or an example of its type.
    fn value(&self, spec: &OperationSpec, name: &str, label: &Label, issuance: Option<&Issuance>) -> String {
        if !label.means.is_empty() {
            return issuance.map_or_else(|| "-".into(), |issuance| self.state(label, issuance));
        }
        let day = |at: Timestamp| japan_day(at).strftime("%Y/%m/%d").to_string();
        let of_issuance = issuance.and_then(|issuance| match name {
            "request_id" => Some(issuance.request_id.clone()),
            "subject" | "cn" => Some(issuance.common_name().to_owned()),
            "serial" => Some(issuance.serial.clone()),
            "issued_on" => Some(day(issuance.not_before)),
            "not_after" => Some(day(issuance.not_after)),
            "status" => Some(if issuance.is_issued(self.now) { "発行済み" } else { "処理中" }.into()),
            _ => None,
        });
        let of_type = || spec.gives.iter().chain(&spec.takes).find(|(known, _)| known == name).map(|(_, ty)| example(ty));
        of_issuance.or_else(|| (self.known)(name)).or_else(|| self.parts(name).first().cloned()).or_else(of_type).unwrap_or_else(|| "練習".into())
    }

    /// The words for a state: those that mean `issued`, before that those that mean `pending`, each for an equal time.
    fn state(&self, label: &Label, issuance: &Issuance) -> String {
        let words = |meaning: &str| label.means.iter().filter(|(word, _)| word == meaning).flat_map(|(_, texts)| texts).map(String::as_str).collect::<Vec<_>>();
        let (pending, issued) = (words("pending"), words("issued"));
        let word = if issuance.is_issued(self.now) { issued.first() } else { pending.get(issuance.stage(self.now, pending.len())) };
        word.copied().unwrap_or("-").to_owned()
    }

    /// The parts of the subject that an output is named after.
    fn parts(&self, name: &str) -> Vec<String> {
        self.subject.iter().filter(|(kind, _)| kind.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).collect()
    }
}

/// The name a parameter is sent as.
pub(super) fn field_name(parameter: &str) -> String {
    format!("f_{parameter}")
}

pub(super) fn is_list(item: &PageItem) -> bool {
    item.row.is_some() || item.rows.is_some()
}

fn texts_of(item: &PageItem) -> impl Iterator<Item = &str> {
    item.if_seen.iter().chain(&item.see).chain(item.see_any.first()).chain(&item.signed_in).map(String::as_str)
}

fn fields_of(items: &[(&OperationSpec, &PageItem)]) -> Vec<Field> {
    let mut fields: Vec<Field> = vec![];
    for (spec, item) in items {
        let ty = |name: &str| spec.takes.iter().find(|(known, _)| known == name).map(|(_, ty)| ty);
        let typed = item
            .fill
            .iter()
            .map(|(name, label)| (name.as_str(), label, if matches!(ty(name), Some(Type::Secret(_))) { FieldKind::Password } else { FieldKind::Text }));
        let chosen = item.choose.iter().map(|(name, label)| (name.as_str(), label, FieldKind::Select(choices(ty(name), label))));
        let sent = item.upload.iter().map(|(name, label)| (name.as_str(), label, FieldKind::File));
        let ticked = item.tick.iter().map(|label| (first(label), label, FieldKind::Check));
        for (name, label, kind) in typed.chain(chosen).chain(sent).chain(ticked) {
            for (nth, words) in label.labels.iter().enumerate() {
                let name = if nth == 0 { field_name(name) } else { format!("{}_{}", field_name(name), nth + 1) };
                if !fields.iter().any(|field| field.name == name) {
                    fields.push(Field { label: words.clone(), name, kind: kind.clone() });
                }
            }
        }
    }
    fields
}

fn choices(ty: Option<&Type>, label: &Label) -> Vec<String> {
    let texts: Vec<String> = label.means.iter().filter_map(|(_, texts)| texts.first().cloned()).collect();
    match ty {
        Some(Type::Enum(words)) if texts.is_empty() => words.clone(),
        _ => texts,
    }
}

/// A value of a type, for what a practice portal has no meaning for.
pub(super) fn example(ty: &Type) -> String {
    match ty {
        Type::Int => "1".into(),
        Type::Bool => "はい".into(),
        Type::Enum(words) => words.first().cloned().unwrap_or_default(),
        Type::Digits(count) => "1".repeat(usize::try_from(*count).unwrap_or(1)),
        Type::Ascii | Type::Hex => "abc123".into(),
        Type::Url => "https://127.0.0.1/".into(),
        Type::Date => "2026/04/01".into(),
        Type::List(inner) | Type::Optional(inner) | Type::Secret(inner) => example(inner),
        _ => "練習".into(),
    }
}
