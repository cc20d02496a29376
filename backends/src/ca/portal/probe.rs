//! A probe without pages of its own: the first page of every operation, and the labels that it lacks.
//!
//! May use: screens, forms' labels. Must not: press or send anything.

use kirikae_engine::backend::profile::{Hands, Open, PageItem};
use kirikae_engine::backend::{BackendError, Gives};

use super::fill::found;
use super::labels::{choices, fields, one};
use super::moves::{Task, Web, carry_out};
use super::page::Page;
use super::screen::{pressable, spellings};

/// Opens the first page of every operation that this session can open, and names what is missing there.
///
/// # Errors
/// Of the pages: `NET.*`, `PORTAL.BUSY` and the like; a label that is missing is no error.
pub(super) fn first_pages(task: &Task<'_>, web: &mut Web) -> Result<Gives, BackendError> {
    let mut gives = Gives::default();
    for (operation, spec) in &task.profile.operations {
        // What is a file at once is no page to look at.
        let is_page =
            |first: &&PageItem| matches!(first.open, Some(Open::Path(_))) && (first.download.is_none() || first.press.is_some() || first.follow.is_some());
        let Some(first) = spec.pages.first().filter(is_page) else { continue };
        let closed =
            (spec.client_cert && !web.wire.has_client()) || spec.needs_sign_in || spec.trust_none || task.profile.hands_of(*operation) == Hands::Person;
        if closed {
            continue;
        }
        let mut opening = task.spec.clone();
        opening.pages = vec![PageItem { open: first.open.clone(), ..PageItem::default() }];
        let looked = carry_out(&Task { spec: &opening, ..*task }, web, None)?;
        gives.date = looked.date.or(gives.date);
        let missing = web.screen.page().map_or_else(|| vec![operation.word().to_owned()], |page| missing(page, first));
        gives.missing.extend(missing.into_iter().map(|label| format!("{operation}: {label}")));
    }
    Ok(gives)
}

fn missing(page: &Page, item: &PageItem) -> Vec<String> {
    let mut missing: Vec<String> = item.see.iter().chain(&item.signed_in).filter(|text| !page.shows(text)).cloned().collect();
    if !item.see_any.is_empty() && !item.see_any.iter().any(|text| page.shows(text)) {
        missing.push(item.see_any.join(" / "));
    }
    let (fields, choices, pressable) = (fields(page), choices(page), pressable(page));
    let filled = item.fill.iter().chain(&item.upload).map(|(_, label)| label).chain(&item.tick);
    missing.extend(filled.filter(|label| found(page, &fields, "", label).is_err()).map(|label| label.labels.join(" / ")));
    let chosen = item.choose.iter().map(|(_, label)| label);
    missing.extend(chosen.filter(|label| !label.optional && one(&choices, &spellings(label)).is_err()).map(|label| label.labels.join(" / ")));
    // What is pressed in a row of a list need not be there yet.
    let pressed = item.press.iter().chain(&item.follow).filter(|_| item.row.is_none());
    missing.extend(pressed.filter(|label| one(&pressable, &spellings(label)).is_err()).map(|label| label.labels.join(" / ")));
    missing
}
