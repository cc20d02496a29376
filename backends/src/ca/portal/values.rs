//! Values beside labels: table rows, definition lists, pairs of elements, `label：value` lines, fields that show a value.
//!
//! May use: pages, labels. Must not: know types, profiles or what a value means.

use ego_tree::NodeId;
use scraper::{ElementRef, Node};

use super::labels::{button_names, fold_label, row_cells};
use super::page::{Page, Reading, closest, collapse, is, is_block, is_button, is_field, kind_of};

/// No label is made of more nodes than this.
const MAX_LABEL_NODES: usize = 40;

/// Elements whose words are no labels of values.
const NO_LABELS: &[&str] = &["a", "button", "option", "title", "h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption", "html", "body", "head"];

/// What stands in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its lines, white space collapsed, none empty.
    pub lines: Vec<String>,
    /// The words of the buttons there.
    pub buttons: Vec<String>,
}

impl Shown {
    /// The lines as one text.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// A label on the page with what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    /// Position of the label in document order.
    pub at: usize,
    /// The places beside it; several under one `<dt>` or column head.
    pub values: Vec<Shown>,
}

/// Every place where the page shows a value under this label, in document order.
pub(crate) fn occurrences(page: &Page, label: &str) -> Vec<Occurrence> {
    let wanted = fold_label(label);
    if wanted.is_empty() {
        return vec![];
    }
    let mut found: Vec<(ElementRef<'_>, Occurrence)> = vec![];
    let mut seen: Vec<NodeId> = vec![];
    for element in page.visible().filter(|element| says(page, *element, &wanted)) {
        let label = outermost(page, element, &wanted);
        if seen.contains(&label.id()) {
            continue;
        }
        seen.push(label.id());
        let values = values_of(page, label);
        if !values.is_empty() {
            found.push((label, Occurrence { at: page.span(label.id()).0, values }));
        }
    }
    let lines = page.runs(page.root(), Reading::Words).into_iter().filter_map(|run| {
        let (head, tail) = run.text.split_once([':', '：'])?;
        let known = found.iter().any(|(label, _)| {
            let (start, end) = page.span(label.id());
            run.first <= end && run.last >= start
        });
        let fits = fold_label(head) == wanted && !tail.trim().is_empty() && !known;
        fits.then(|| Occurrence { at: run.first, values: vec![Shown { lines: vec![collapse(tail)], buttons: vec![] }] })
    });
    let lines: Vec<Occurrence> = lines.collect();
    let mut all: Vec<Occurrence> = found.into_iter().map(|(_, occurrence)| occurrence).chain(lines).collect();
    all.sort_by_key(|occurrence| occurrence.at);
    all
}

/// What stands in an element: its words, or the value of the one field in it.
pub(crate) fn shown(page: &Page, element: ElementRef<'_>) -> Shown {
    let mut lines: Vec<String> = page.text(element, Reading::Words).lines().map(str::to_owned).collect();
    let within = || std::iter::once(element).chain(element.descendent_elements()).filter(|inner| !page.is_hidden(inner.id()));
    if lines.is_empty() {
        let fields: Vec<ElementRef<'_>> = within().filter(|inner| is_field(*inner)).collect();
        if let [only] = fields.as_slice() {
            lines.extend(field_value(*only));
        }
    }
    let buttons = within()
        .filter(|inner| is_button(*inner) || is(*inner, "a"))
        .filter_map(|inner| if is_button(inner) { button_names(page, inner).into_iter().next() } else { Some(page.text(inner, Reading::Everything)) });
    let buttons = buttons.filter(|words| !words.is_empty()).collect();
    Shown { lines, buttons }
}

/// What a field shows; never what is typed hidden.
pub(crate) fn field_value(field: ElementRef<'_>) -> Option<String> {
    let text = match field.value().name() {
        "textarea" => field.text().collect::<String>(),
        "select" => {
            let options: Vec<ElementRef<'_>> = field.descendent_elements().filter(|element| is(*element, "option")).collect();
            let chosen = options.iter().rev().find(|option| option.attr("selected").is_some()).or(options.first())?;
            chosen.text().collect()
        }
        _ if matches!(kind_of(field).as_str(), "password" | "checkbox" | "radio" | "file") => return None,
        _ => field.attr("value")?.to_owned(),
    };
    Some(collapse(&text)).filter(|text| !text.is_empty())
}

fn says(page: &Page, element: ElementRef<'_>, wanted: &str) -> bool {
    let (start, end) = page.span(element.id());
    end - start <= MAX_LABEL_NODES
        && !NO_LABELS.contains(&element.value().name())
        && closest(element, &["button", "a"]).is_none_or(|around| closest(around, &["th"]).is_some())
        && fold_label(&page.text(element, Reading::Words)) == wanted
}

/// The outermost element that says nothing but the label; cells, terms and `<label>` stay themselves.
fn outermost<'p>(page: &Page, element: ElementRef<'p>, wanted: &str) -> ElementRef<'p> {
    let mut label = element;
    while !matches!(label.value().name(), "th" | "td" | "dt" | "label" | "li") {
        match label.parent().and_then(ElementRef::wrap) {
            Some(parent) if says(page, parent, wanted) => label = parent,
            _ => break,
        }
    }
    label
}

fn values_of(page: &Page, label: ElementRef<'_>) -> Vec<Shown> {
    let values = match label.value().name() {
        "th" | "td" => cells_beside(page, label),
        "dt" => definitions(page, label),
        "label" => match labelled_field(page, label) {
            Some(field) => return field_value(field).map(|text| Shown { lines: vec![text], buttons: vec![] }).into_iter().collect(),
            None => return following(page, label).into_iter().collect(),
        },
        _ => return following(page, label).into_iter().collect(),
    };
    values.into_iter().map(|value| shown(page, value)).collect()
}

fn definitions<'p>(page: &Page, term: ElementRef<'p>) -> Vec<ElementRef<'p>> {
    let after = term.next_siblings().filter_map(ElementRef::wrap).filter(|element| !page.is_hidden(element.id()));
    after.skip_while(|element| !matches!(element.value().name(), "dt" | "dd")).take_while(|element| is(*element, "dd")).collect()
}

fn labelled_field<'p>(page: &'p Page, label: ElementRef<'p>) -> Option<ElementRef<'p>> {
    let inside = || label.descendent_elements().find(|element| is_field(*element));
    label.attr("for").and_then(|id| page.by_id(id)).or_else(inside).filter(|field| is_field(*field) && !page.is_hidden(field.id()))
}

/// The cells that a label cell speaks for: those after it in its row, or those below it when its row holds headings only.
fn cells_beside<'p>(page: &'p Page, label: ElementRef<'p>) -> Vec<ElementRef<'p>> {
    let cells = row_cells(page, label);
    let Some(index) = cells.iter().position(|cell| cell.id() == label.id()) else { return vec![] };
    let rest = &cells[index + 1..];
    if is(label, "th") {
        if cells.iter().all(|cell| is(*cell, "th")) {
            return column_below(page, label, index);
        }
        return rest.iter().copied().take_while(|cell| is(*cell, "td")).collect();
    }
    if cells.iter().any(|cell| is(*cell, "th")) {
        return vec![];
    }
    let is_first_row = closest(label, &["table"])
        .and_then(|table| table.descendent_elements().find(|element| is(*element, "tr")))
        .is_some_and(|row| closest(label, &["tr"]).is_some_and(|own| own.id() == row.id()));
    if cells.len() > 2 && is_first_row {
        return column_below(page, label, index);
    }
    if index.is_multiple_of(2) { rest.first().copied().into_iter().collect() } else { vec![] }
}

fn column_below<'p>(page: &'p Page, head: ElementRef<'p>, index: usize) -> Vec<ElementRef<'p>> {
    let (Some(table), Some(row)) = (closest(head, &["table"]), closest(head, &["tr"])) else { return vec![] };
    let (_, end) = page.span(row.id());
    table
        .descendent_elements()
        .filter(|element| is(*element, "tr") && !page.is_hidden(element.id()) && page.span(element.id()).0 > end)
        .filter(|row| closest(*row, &["table"]).is_some_and(|own| own.id() == table.id()))
        .filter_map(|row| row.child_elements().filter(|cell| matches!(cell.value().name(), "td" | "th") && !page.is_hidden(cell.id())).nth(index))
        .take_while(|cell| is(*cell, "td"))
        .collect()
}

/// What follows a label that is no cell: the next element, or the words up to the end of the line.
fn following(page: &Page, label: ElementRef<'_>) -> Option<Shown> {
    let mut words = String::new();
    for sibling in label.next_siblings() {
        match sibling.value() {
            Node::Text(text) => words.push_str(text),
            Node::Element(_) => {
                let Some(element) = ElementRef::wrap(sibling) else { continue };
                if page.is_hidden(element.id()) {
                    continue;
                }
                let blank = strip_colon(&words).is_empty();
                if is(element, "br") {
                    if blank {
                        continue;
                    }
                    break;
                }
                if blank {
                    return Some(shown(page, element)).filter(|shown| !shown.lines.is_empty() || !shown.buttons.is_empty());
                }
                if is_block(element) || element.value().name() == label.value().name() || is_field(element) || is_button(element) {
                    break;
                }
                words.push_str(&page.text(element, Reading::Words));
            }
            _ => {}
        }
    }
    let words = strip_colon(&words);
    (!words.is_empty()).then(|| Shown { lines: vec![words], buttons: vec![] })
}

fn strip_colon(words: &str) -> String {
    collapse(words.trim().trim_start_matches([':', '：']))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::page::tests::page;
    use super::*;

    fn read(html: &str, label: &str) -> Vec<Vec<String>> {
        occurrences(&page(html), label).into_iter().map(|found| found.values.into_iter().map(|value| value.text()).collect()).collect()
    }

    #[test]
    fn a_value_is_read_however_it_is_laid_out() {
        for html in [
            "<table><tr><th>リクエストID<td>123</table>",
            "<table><tr><td><b>リクエストＩＤ：</b></td><td><span>1<span>23</span></span></td></tr><tr><td>他</td><td>9</td></tr></table>",
            "<table><tr><th>他<th>リクエストID<tr><td>9<td>123</table>",
            "<table><tr><th>他<td>9<th>リクエストID<td>123</table>",
            "<dl><dt>他<dd>9<dt>リクエストID<dd>123</dl>",
            "<dl><div><dt>リクエストID</dt><dd>123</dd></div><div><dt>他</dt><dd>9</dd></div></dl>",
            "<p>リクエストID：123</p>",
            "<p>リクエスト<b>ID</b> : <b>123</b></p>",
            "<p><b>リクエストID</b>：123<br><b>他</b>：9</p>",
            "<div><div><span>リクエストID</span></div><div><span>123</span></div></div><div><div>他</div><div>9</div></div>",
            "<span>リクエストID</span><span>123</span><span>他</span><span>9</span>",
            "<form><label for=a>リクエストID</label><input id=a readonly value=123></form>",
            "<form><table><tr><th>リクエストID<td><input readonly value=123></table></form>",
            "<p>リクエストID<br>の説明です</p><dl><dt>リクエストID<dd>123</dl>",
        ] {
            assert_eq!(read(html, "リクエストID"), [["123"]], "{html}");
        }
    }

    #[test]
    fn every_value_under_a_label_is_kept_in_order() {
        let twice = "<table><tr><th>Organizational Unit<td>医療機関<tr><th>Organizational Unit<td>0110119153</table>";
        assert_eq!(read(twice, "Organizational Unit"), [["医療機関"], ["0110119153"]]);
        let under_one = "<dl><dt>Organizational Unit<dd>医療機関<dd>0110119153</dl>";
        assert_eq!(read(under_one, "Organizational Unit"), [["医療機関", "0110119153"]]);
    }

    #[test]
    fn headings_links_and_hidden_words_are_no_labels() {
        for html in [
            "<h2>リクエストID</h2><p>123</p>",
            "<a href=x>リクエストID</a><p>123</p>",
            "<p hidden>リクエストID：123</p>",
            "<dl hidden><dt>リクエストID<dd>123</dl>",
        ] {
            assert!(read(html, "リクエストID").is_empty(), "{html}");
        }
    }

    #[test]
    fn buttons_are_kept_apart_from_words() {
        let page = page("<table><tr><th>状態<td><form><button>Download Key</button></form></table>");
        let found = occurrences(&page, "状態");
        assert_eq!(found[0].values, [Shown { lines: vec![], buttons: vec!["Download Key".into()] }]);
    }
}
