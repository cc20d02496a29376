//! Finding fields, buttons and links by the words a person sees beside or on them.
//!
//! May use: pages. Must not: send anything, choose among several matches.
//! Labels are compared by folded width and without white space, as whole texts; zero or two matches are an answer, not a guess.

use scraper::{ElementRef, Node};

use super::page::{Page, Reading, ancestors, closest, collapse, fold, is, is_block, is_button, is_field, kind_of};

/// How many candidates a message lists, and how long each may be.
const MAX_CANDIDATES: usize = 20;
const MAX_CANDIDATE: usize = 40;

/// What follows a label without belonging to it.
const TRAILERS: &[&str] = &[":", "*", "※", "(必須)"];

/// Something on the page and the names that a person could call it by.
#[derive(Clone, Debug)]
pub(crate) struct Named<T> {
    /// The thing.
    pub thing: T,
    /// Its names as they stand on the page, the best first.
    pub names: Vec<String>,
}

/// Why a label did not lead to one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// Nothing has that label; what is there.
    Nothing(Vec<String>),
    /// Several have it; which.
    Several(Vec<String>),
}

/// A question with given answers.
#[derive(Clone, Debug)]
pub(crate) enum Choice<'p> {
    /// A `<select>`.
    Select(ElementRef<'p>),
    /// Radio buttons of one name.
    Radios(Vec<ElementRef<'p>>),
}

/// A label folded for comparison: width, white space, trailing `:` `*` `※` `(必須)`.
pub(crate) fn fold_label(text: &str) -> String {
    let mut label = fold(text);
    while let Some(shorter) = TRAILERS.iter().find_map(|trailer| label.strip_suffix(trailer)) {
        label = shorter.to_owned();
    }
    label
}

/// The one thing that has one of these spellings: the first spelling that anything has decides.
///
/// # Errors
/// Nothing has any of them, or several things have the same one.
pub(crate) fn one<'n, T>(things: &'n [Named<T>], spellings: &[String]) -> Result<&'n T, Miss> {
    for spelling in spellings {
        let wanted = fold_label(spelling);
        let matching: Vec<&Named<T>> = things.iter().filter(|named| !wanted.is_empty() && named.names.iter().any(|name| fold_label(name) == wanted)).collect();
        match matching.as_slice() {
            [] => {}
            [only] => return Ok(&only.thing),
            several => return Err(Miss::Several(candidates(several.iter().map(|named| named.names.join("/"))))),
        }
    }
    Err(Miss::Nothing(candidates(things.iter().filter_map(|named| named.names.first().cloned()))))
}

/// Names as a message lists them: short, not too many.
pub(crate) fn candidates(names: impl Iterator<Item = String>) -> Vec<String> {
    names.filter(|name| !name.trim().is_empty()).take(MAX_CANDIDATES).map(|name| name.chars().take(MAX_CANDIDATE).collect()).collect()
}

/// Fields that can be filled in, ticked or chosen; not hidden, not disabled.
pub(crate) fn fields(page: &Page) -> Vec<Named<ElementRef<'_>>> {
    usable(page).filter(|element| is_field(*element)).map(|field| Named { thing: field, names: field_names(page, field) }).collect()
}

/// Buttons that can be pressed.
pub(crate) fn buttons(page: &Page) -> Vec<Named<ElementRef<'_>>> {
    usable(page)
        .filter(|element| is_button(*element) && kind_of(*element) != "reset")
        .map(|button| Named { thing: button, names: button_names(page, button) })
        .collect()
}

/// Links that can be followed.
pub(crate) fn links(page: &Page) -> Vec<Named<ElementRef<'_>>> {
    page.visible()
        .filter(|element| is(*element, "a") && element.attr("href").is_some())
        .map(|link| Named { thing: link, names: named([page.text(link, Reading::Everything), attr(link, "aria-label")]) })
        .collect()
}

/// Selects and groups of radio buttons.
pub(crate) fn choices(page: &Page) -> Vec<Named<Choice<'_>>> {
    let mut choices: Vec<Named<Choice<'_>>> = vec![];
    for field in fields(page) {
        if is(field.thing, "select") {
            choices.push(Named { thing: Choice::Select(field.thing), names: field.names });
        } else if kind_of(field.thing) == "radio" {
            let (name, form) = (field.thing.attr("name"), closest(field.thing, &["form"]).map(|form| form.id()));
            let group = choices.iter_mut().find_map(|choice| match &mut choice.thing {
                Choice::Radios(radios) => {
                    radios.first().is_some_and(|first| first.attr("name") == name && closest(*first, &["form"]).map(|form| form.id()) == form).then_some(radios)
                }
                Choice::Select(_) => None,
            });
            match group {
                Some(radios) => radios.push(field.thing),
                None => choices.push(Named { thing: Choice::Radios(vec![field.thing]), names: group_names(page, field.thing) }),
            }
        }
    }
    choices
}

/// The answers of a choice, by what stands beside them and by the value they send.
pub(crate) fn answers<'p>(page: &'p Page, choice: &Choice<'p>) -> Vec<Named<ElementRef<'p>>> {
    match choice {
        Choice::Select(select) => select
            .descendent_elements()
            .filter(|element| is(*element, "option") && element.attr("disabled").is_none())
            .map(|option| Named { thing: option, names: named([collapse(&option.text().collect::<String>()), attr(option, "label"), attr(option, "value")]) })
            .collect(),
        Choice::Radios(radios) => radios
            .iter()
            .map(|radio| {
                let mut names = own_names(page, *radio);
                names.extend(named([attr(*radio, "value")]));
                Named { thing: *radio, names }
            })
            .collect(),
    }
}

/// What can be read as the name of the screen: title and headings.
pub(crate) fn headings(page: &Page) -> Vec<String> {
    let headings = page.visible().filter(|element| matches!(element.value().name(), "h1" | "h2" | "h3" | "h4" | "legend" | "caption"));
    candidates(std::iter::once(page.title()).chain(headings.map(|heading| page.text(heading, Reading::Everything).replace('\n', " "))))
}

/// The names of a button: its words, `value`, `aria-label`, `alt`.
pub(crate) fn button_names(page: &Page, button: ElementRef<'_>) -> Vec<String> {
    let words = if is(button, "button") { page.text(button, Reading::Everything).replace('\n', "") } else { attr(button, "value") };
    named([words, attr(button, "aria-label"), attr(button, "alt")])
}

/// The cells of the row that a cell is in, visible ones only.
pub(crate) fn row_cells<'p>(page: &Page, cell: ElementRef<'p>) -> Vec<ElementRef<'p>> {
    let Some(row) = closest(cell, &["tr"]) else { return vec![] };
    row.child_elements().filter(|child| matches!(child.value().name(), "td" | "th") && !page.is_hidden(child.id())).collect()
}

fn usable(page: &Page) -> impl Iterator<Item = ElementRef<'_>> {
    page.visible().filter(|element| element.attr("disabled").is_none())
}

fn named<const N: usize>(names: [String; N]) -> Vec<String> {
    names.into_iter().filter(|name| !name.trim().is_empty()).collect()
}

fn attr(element: ElementRef<'_>, name: &str) -> String {
    element.attr(name).map(collapse).unwrap_or_default()
}

fn field_names(page: &Page, field: ElementRef<'_>) -> Vec<String> {
    let mut names = own_names(page, field);
    if !(is(field, "input") && kind_of(field) == "radio") {
        names.extend(place_names(page, field));
    }
    names
}

/// Names that belong to the field alone.
fn own_names(page: &Page, field: ElementRef<'_>) -> Vec<String> {
    let mut names = vec![];
    if let Some(id) = field.attr("id") {
        let pointing = page.visible().filter(|element| is(*element, "label") && element.attr("for") == Some(id));
        names.extend(pointing.map(|label| page.text(label, Reading::Words)));
    }
    if let Some(around) = closest(field, &["label"])
        && !page.is_hidden(around.id())
    {
        names.push(page.text(around, Reading::Words));
    }
    let labelled_by = field.attr("aria-labelledby").unwrap_or_default();
    names.extend(labelled_by.split_whitespace().filter_map(|id| page.by_id(id)).map(|element| page.text(element, Reading::Words)));
    names.extend([attr(field, "aria-label"), attr(field, "placeholder")]);
    if matches!(kind_of(field).as_str(), "radio" | "checkbox") {
        names.push(text_after(page, field));
    }
    names.retain(|name| !name.trim().is_empty());
    names
}

/// Names from where the field stands: the heading of its row, its `<dt>`, the words before it.
fn place_names(page: &Page, field: ElementRef<'_>) -> Vec<String> {
    let mut names = vec![];
    names.extend(text_before(page, field));
    if let Some(cell) = closest(field, &["td", "th"]) {
        names.extend(cell_heading(page, cell));
    }
    if let Some(definition) = closest(field, &["dd"]) {
        let term = definition.prev_siblings().filter_map(ElementRef::wrap).find(|element| is(*element, "dt"));
        names.extend(term.filter(|term| !page.is_hidden(term.id())).map(|term| page.text(term, Reading::Words)));
    }
    names.retain(|name| !name.trim().is_empty());
    names
}

fn group_names(page: &Page, first: ElementRef<'_>) -> Vec<String> {
    let mut names = place_names(page, first);
    if let Some(fieldset) = closest(first, &["fieldset"]) {
        names.extend(fieldset.child_elements().find(|child| is(*child, "legend")).map(|legend| page.text(legend, Reading::Words)));
    }
    let grouping = ancestors(first).find(|around| around.attr("role") == Some("radiogroup"));
    names.extend(grouping.map(|group| attr(group, "aria-label")).filter(|name| !name.is_empty()));
    names
}

fn has_field(page: &Page, element: ElementRef<'_>) -> bool {
    std::iter::once(element).chain(element.descendent_elements()).any(|inner| is_field(inner) && !page.is_hidden(inner.id()))
}

/// The heading of a cell: the nearest cell before it that holds words and no field, else the head of its column.
fn cell_heading(page: &Page, cell: ElementRef<'_>) -> Option<String> {
    let cells = row_cells(page, cell);
    let index = cells.iter().position(|other| other.id() == cell.id())?;
    let says = |other: &ElementRef<'_>| Some(page.text(*other, Reading::Words)).filter(|text| !fold_label(text).is_empty() && !has_field(page, *other));
    if let Some(heading) = cells[..index].iter().rev().find_map(says) {
        return Some(heading);
    }
    let table = closest(cell, &["table"])?;
    let first = table.descendent_elements().find(|element| is(*element, "tr") && !page.is_hidden(element.id()))?;
    let heads: Vec<ElementRef<'_>> = first.child_elements().filter(|child| matches!(child.value().name(), "td" | "th")).collect();
    heads.get(index).and_then(says)
}

/// The words right before a field, on its line or in the block before it.
fn text_before(page: &Page, field: ElementRef<'_>) -> Option<String> {
    let mut at = field;
    for _ in 0..6 {
        let mut pieces: Vec<String> = vec![];
        for sibling in at.prev_siblings() {
            let blank = pieces.iter().all(|piece| piece.trim().is_empty());
            match sibling.value() {
                Node::Text(text) => pieces.push(text.to_string()),
                Node::Element(_) => {
                    let Some(element) = ElementRef::wrap(sibling) else { continue };
                    if page.is_hidden(element.id()) {
                        continue;
                    }
                    if has_field(page, element) || is_button(element) {
                        return if blank { None } else { joined(pieces) };
                    }
                    if is(element, "br") || is_block(element) {
                        if !blank {
                            break;
                        }
                        pieces.push(page.text(element, Reading::Words));
                    } else {
                        pieces.push(page.text(element, Reading::Words));
                    }
                }
                _ => {}
            }
        }
        if let Some(name) = joined(pieces) {
            return Some(name);
        }
        let parent = at.parent().and_then(ElementRef::wrap)?;
        let walled = matches!(parent.value().name(), "form" | "body" | "td" | "th" | "dd" | "tr" | "fieldset");
        let others = parent.descendent_elements().filter(|element| is_field(*element) && !page.is_hidden(element.id())).count() > 1;
        if walled || others {
            return None;
        }
        at = parent;
    }
    None
}

fn joined(mut pieces: Vec<String>) -> Option<String> {
    pieces.reverse();
    Some(collapse(&pieces.concat())).filter(|text| !text.is_empty())
}

/// The words right after a check box or radio button, up to the next field or line.
fn text_after(page: &Page, field: ElementRef<'_>) -> String {
    let mut text = String::new();
    for sibling in field.next_siblings() {
        match sibling.value() {
            Node::Text(piece) => text.push_str(piece),
            Node::Element(_) => {
                let Some(element) = ElementRef::wrap(sibling) else { continue };
                if page.is_hidden(element.id()) {
                    continue;
                }
                if has_field(page, element) || is_button(element) || is(element, "br") || is_block(element) {
                    break;
                }
                text.push_str(&page.text(element, Reading::Words));
            }
            _ => {}
        }
    }
    collapse(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::page::tests::page;
    use super::*;

    fn field_called(html: &str, label: &str) -> Result<String, Miss> {
        let page = page(html);
        let fields = fields(&page);
        one(&fields, &[label.to_owned()]).map(|field| field.attr("name").unwrap_or_default().to_owned())
    }

    #[test]
    fn a_field_is_found_however_its_label_is_written() {
        for html in [
            "<form><label for=a>リクエストID</label><input id=a name=x></form>",
            "<form><label>ﾘｸｴｽﾄ ＩＤ：<input name=x></label></form>",
            "<form><label><span>リクエスト</span><span>ID</span> <input name=x><small>15桁</small></label></form>",
            "<form><table><tr><th>リクエストID（必須）<td><input type=hidden name=h><input name=x>半角数字</table></form>",
            "<form><table><tr><td>リクエストID※</td><td>：</td><td><input name=x></td></tr></table></form>",
            "<form><table><tr><th>リクエストID</th><th>他</th></tr><tr><td><input name=x></td><td><input name=y></td></tr></table></form>",
            "<form><dl><dt>リクエストID*</dt><dd><div><input name=x></div></dd></dl></form>",
            "<form>リクエストID：<input name=x><br>リファレンスID：<input name=y></form>",
            "<form><p>リクエストID<br><input name=x></p></form>",
            "<form><div><div>リクエストID</div><div><span><input name=x></span></div></div><div><div>リファレンスID</div><div><input name=y></div></div></form>",
            "<form><input name=x placeholder=リクエストID></form>",
            "<form><input name=x aria-label='リクエスト　ID'></form>",
            "<form><b id=l>リクエストID</b><p>説明</p><input name=x aria-labelledby=l></form>",
        ] {
            assert_eq!(field_called(html, "リクエストID"), Ok("x".to_owned()), "{html}");
        }
    }

    #[test]
    fn the_whole_label_counts() {
        let html = "<form><table><tr><th>証明書パスワード<td><input type=password name=a><tr><th>証明書パスワード（確認用）<td><input type=password name=b></table></form>";
        assert_eq!(field_called(html, "証明書パスワード"), Ok("a".to_owned()));
        assert_eq!(field_called(html, "証明書パスワード(確認用)"), Ok("b".to_owned()));
    }

    #[test]
    fn zero_and_two_matches_name_the_candidates() {
        let html = "<form>氏名<input name=a><br>パスワード<input name=b><br>パスワード<input name=c></form>";
        assert_eq!(field_called(html, "パスワード"), Err(Miss::Several(vec!["パスワード".into(), "パスワード".into()])));
        assert_eq!(field_called(html, "暗証番号"), Err(Miss::Nothing(vec!["氏名".into(), "パスワード".into(), "パスワード".into()])));
    }

    #[test]
    fn hidden_and_disabled_twins_do_not_count() {
        let html = "<div style='display:none'><form>PIN<input name=decoy></form></div><form>PIN<input name=off disabled><br>PIN<input name=real></form>";
        assert_eq!(field_called(html, "PIN"), Ok("real".to_owned()));
    }

    #[test]
    fn another_spelling_is_tried_only_when_the_first_is_missing() {
        let page = page("<form>パスワード<input name=a><br>証明書パスワード<input name=b></form>");
        let fields = fields(&page);
        let name = |spellings: &[&str]| {
            let spellings: Vec<String> = spellings.iter().map(|text| (*text).to_owned()).collect();
            one(&fields, &spellings).unwrap().attr("name").unwrap().to_owned()
        };
        assert_eq!(name(&["パスワード", "証明書パスワード"]), "a");
        assert_eq!(name(&["暗証番号", "証明書パスワード"]), "b");
    }

    #[test]
    fn buttons_and_links_are_found_by_their_words() {
        let page = page(
            "<button><span>Sub</span><span>mit</span></button><input type=submit value='戻 る'><input type=image alt=印刷>
             <button disabled>停止</button><input type=reset value=消す><a href=x>更新後<br>証明書の取得</a><a href=y><img alt=証明書更新申請></a><a>ただの字</a>",
        );
        let found = |things: &[Named<ElementRef<'_>>], label: &str| one(things, &[label.to_owned()]).is_ok();
        for label in ["Submit", "戻る", "印刷"] {
            assert!(found(&buttons(&page), label), "{label}");
        }
        assert!(!found(&buttons(&page), "停止") && !found(&buttons(&page), "消す"));
        assert!(found(&links(&page), "更新後証明書の取得") && found(&links(&page), "証明書更新申請") && !found(&links(&page), "ただの字"));
    }

    #[test]
    fn radio_groups_and_selects_are_choices_with_answers() {
        let page = page(
            "<form><fieldset><legend>申請の種類</legend><input type=radio name=k value=1>新規<label><input type=radio name=k value=2>更新</label></fieldset>
             <table><tr><th>区分<td><select name=s><option value=a>医科<option value=b>歯科</select></table></form>",
        );
        let choices = choices(&page);
        for (label, answer, value) in [("申請の種類", "新規", "1"), ("申請の種類", "更新", "2"), ("区分", "歯科", "b")] {
            let choice = one(&choices, &[label.to_owned()]).unwrap();
            let answers = answers(&page, choice);
            assert_eq!(one(&answers, &[answer.to_owned()]).unwrap().attr("value"), Some(value));
        }
    }
}
