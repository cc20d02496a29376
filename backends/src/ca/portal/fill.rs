//! Fills in a page: fields, choices, check boxes, files, by their labels.
//!
//! May use: pages, labels, what the operation is given. Must not: send anything.

use kirikae_engine::backend::BackendError;
use kirikae_engine::backend::profile::{Label, PageItem};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use scraper::ElementRef;

use super::forms::{Entry, Filled};
use super::labels::{Choice, Miss, Named, answers, choices, fields, one};
use super::moves::Task;
use super::page::{Page, is, kind_of};
use super::table::Record;
use super::trouble;

/// The value of a parameter; `None` if it is optional and not given.
///
/// # Errors
/// `INPUT.UNKNOWN` if it is needed and not given.
pub(super) fn text_of(task: &Task<'_>, name: &str) -> Result<Option<Secret>, BackendError> {
    given(task, name, task.request.secret.get(name).cloned().or_else(|| task.request.plain.get(name).map(|text| Secret::text(text.clone()))))
}

/// The file of a parameter; `None` if it is optional and not given.
fn file_of<'a>(task: &Task<'a>, name: &str) -> Result<Option<&'a (String, Secret)>, BackendError> {
    given(task, name, task.request.files.get(name))
}

fn given<T>(task: &Task<'_>, name: &str, value: Option<T>) -> Result<Option<T>, BackendError> {
    let optional = task.spec.takes.iter().any(|(known, ty)| known == name && ty.is_optional());
    if value.is_none() && !optional {
        return Err(BackendError::new("INPUT.UNKNOWN", Text::new(format!("{name} がまだ分かりません。"), format!("`{name}` is not known yet."))));
    }
    Ok(value)
}

/// What the item types, chooses, ticks and uploads.
///
/// # Errors
/// `PORTAL.PAGE_UNKNOWN` if a label has no field or several; `INPUT.UNKNOWN`.
pub(super) fn filled(page: &Page, item: &PageItem, row: Option<&Record>, task: &Task<'_>) -> Result<Filled, BackendError> {
    let in_row = |element: &ElementRef<'_>| row.is_none_or(|row| row.holds(page.span(element.id()).0));
    let all: Vec<Named<ElementRef<'_>>> = fields(page).into_iter().filter(|named| in_row(&named.thing)).collect();
    let of_kind = |fits: &dyn Fn(ElementRef<'_>) -> bool| all.iter().filter(|named| fits(named.thing)).cloned().collect::<Vec<_>>();
    let typed = of_kind(&|field| is(field, "textarea") || (is(field, "input") && !matches!(kind_of(field).as_str(), "checkbox" | "radio" | "file")));
    let boxes = of_kind(&|field| is(field, "input") && kind_of(field) == "checkbox");
    let files = of_kind(&|field| is(field, "input") && kind_of(field) == "file");
    let mut filled = Filled::new();
    for (name, label) in &item.fill {
        let Some(value) = text_of(task, name)? else { continue };
        for field in found(page, &typed, name, label)? {
            filled.insert(field.id(), Entry::Text(value.clone()));
        }
    }
    for (name, label) in &item.choose {
        let Some(value) = text_of(task, name)? else { continue };
        choose(page, name, label, value.expose_text().unwrap_or_default(), &in_row, &mut filled)?;
    }
    for label in &item.tick {
        for field in found(page, &boxes, "tick", label)? {
            filled.insert(field.id(), Entry::Checked);
        }
    }
    for (name, label) in &item.upload {
        let Some((file, content)) = file_of(task, name)? else { continue };
        for field in found(page, &files, name, label)? {
            filled.insert(field.id(), Entry::File(file.clone(), content.clone()));
        }
    }
    Ok(filled)
}

/// The field of each label of `label`; none for one that may be missing.
pub(super) fn found<'p>(page: &'p Page, fields: &[Named<ElementRef<'p>>], name: &str, label: &Label) -> Result<Vec<ElementRef<'p>>, BackendError> {
    let mut found = vec![];
    for (index, text) in label.labels.iter().enumerate() {
        let mut spellings = vec![text.clone()];
        if index == 0 {
            spellings.extend(label.or.iter().cloned());
        }
        match one(fields, &spellings) {
            Ok(field) => found.push(*field),
            Err(Miss::Nothing(there)) => {
                let by_css = label.css.as_deref().map(|css| page.select(css)).unwrap_or_default();
                match by_css.as_slice() {
                    [only] => found.push(*only),
                    [] if label.optional => {}
                    _ => return Err(trouble::missed(name, &spellings, Miss::Nothing(there))),
                }
            }
            Err(several) => return Err(trouble::missed(name, &spellings, several)),
        }
    }
    Ok(found)
}

fn choose<'p>(
    page: &'p Page,
    name: &str,
    label: &Label,
    value: &str,
    in_row: &dyn Fn(&ElementRef<'p>) -> bool,
    filled: &mut Filled,
) -> Result<(), BackendError> {
    let mut known: Vec<Named<Choice<'p>>> = choices(page);
    known.retain(|named| match &named.thing {
        Choice::Select(select) => in_row(select),
        Choice::Radios(radios) => radios.first().is_some_and(in_row),
    });
    let spellings = super::screen::spellings(label);
    let choice = match one(&known, &spellings) {
        Ok(choice) => choice,
        Err(Miss::Nothing(_)) if label.optional => return Ok(()),
        Err(miss) => return Err(trouble::missed(name, &spellings, miss)),
    };
    let texts = label.means.iter().find(|(word, _)| word == value).map_or_else(|| vec![value.to_owned()], |(_, texts)| texts.clone());
    let offered = answers(page, choice);
    let answer = one(&offered, &texts).map_err(|miss| trouble::missed(name, &texts, miss))?;
    match choice {
        Choice::Select(select) => filled.insert(select.id(), Entry::Chosen(answer.id())),
        Choice::Radios(_) => filled.insert(answer.id(), Entry::Checked),
    };
    Ok(())
}
