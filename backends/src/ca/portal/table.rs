//! Lists: rows and columns by their headings, in tables, definition lists and repeated label-value pairs.
//!
//! May use: pages, labels, values. Must not: choose a row by itself, take an unknown page for an empty list.

use scraper::ElementRef;

use super::labels::{Miss, candidates, fold_label};
use super::page::{Page, Reading, ancestors, closest, fold, is};
use super::values::{Shown, occurrences, shown};

/// More columns or rows than this are no list for people.
const MAX_SPAN: usize = 100;

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Heading and what stands under it, in page order.
    pub cells: Vec<(String, Shown)>,
    /// First and last position of the row in document order.
    pub span: (usize, usize),
}

/// What kind of list a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// A list under some of the headings, perhaps without rows.
    Rows(Vec<Record>),
    /// No list, and the page says that there is nothing.
    Nothing,
    /// Neither: the page is not as expected. The headings that are there.
    Unknown(Vec<String>),
}

impl Record {
    /// What stands under one of these spellings of a heading. `None` if no heading has any.
    ///
    /// # Errors
    /// Several headings have the same spelling.
    pub fn cell(&self, spellings: &[String]) -> Result<Option<&Shown>, Miss> {
        for spelling in spellings {
            let wanted = fold_label(spelling);
            let matching: Vec<&(String, Shown)> = self.cells.iter().filter(|(heading, _)| fold_label(heading) == wanted).collect();
            match matching.as_slice() {
                [] => {}
                [(_, only)] => return Ok(Some(only)),
                several => return Err(Miss::Several(candidates(several.iter().map(|(heading, _)| heading.clone())))),
            }
        }
        Ok(None)
    }

    /// Every cell as text.
    pub fn texts(&self) -> Vec<String> {
        self.cells.iter().map(|(_, shown)| if shown.lines.is_empty() { shown.buttons.join(" ") } else { shown.text() }).collect()
    }

    /// Whether a cell shows this value, not as a part of a longer word or number.
    pub fn shows(&self, value: &str) -> bool {
        let wanted = fold(value);
        !wanted.is_empty() && self.cells.iter().any(|(_, shown)| shown.lines.iter().any(|line| has_word(&fold(line), &wanted)))
    }

    /// Whether something at this position in document order is in the row.
    pub fn holds(&self, position: usize) -> bool {
        (self.span.0..=self.span.1).contains(&position)
    }
}

/// The list that a page shows under these headings (all spellings of all columns).
pub(crate) fn listing(page: &Page, headings: &[String]) -> Listing {
    let mut wanted: Vec<String> = headings.iter().map(|heading| fold_label(heading)).filter(|heading| !heading.is_empty()).collect();
    wanted.sort();
    wanted.dedup();
    let grids: Vec<Grid> = page.visible().filter(|element| is(*element, "table")).filter_map(|table| grid(page, table, &wanted)).collect();
    if let Some(best) = grids.iter().map(|grid| grid.score).max() {
        return Listing::Rows(grids.into_iter().filter(|grid| grid.score == best).flat_map(|grid| grid.rows).collect());
    }
    let records = records(page, headings);
    if !records.is_empty() {
        return Listing::Rows(records);
    }
    if says_nothing_there(page) {
        return Listing::Nothing;
    }
    let heads = page.visible().filter(|element| matches!(element.value().name(), "th" | "dt"));
    Listing::Unknown(candidates(heads.map(|head| page.text(head, Reading::Words))))
}

/// The record with the latest date or largest number in a column; the first of equal ones.
/// `None` if some record shows none there.
pub(crate) fn newest<'r>(records: &[&'r Record], spellings: &[String]) -> Option<&'r Record> {
    let keyed: Option<Vec<(Vec<u64>, &Record)>> = records.iter().map(|record| Some((order_key(&record.cell(spellings).ok()??.text())?, *record))).collect();
    let keyed = keyed?;
    let latest = keyed.iter().map(|(key, _)| key).max()?;
    keyed.iter().find(|(key, _)| key == latest).map(|(_, record)| *record)
}

/// A date (`2026/11/23 10:15`, `2026年11月23日`, `令和8年11月23日`) or a number of digits, comparable.
fn order_key(text: &str) -> Option<Vec<u64>> {
    let text = fold(text);
    let (era, rest) = ["令和", "R"].iter().find_map(|era| text.strip_prefix(era)).map_or((0, text.as_str()), |rest| (2018, rest));
    let rest = rest.replace("元年", "1年");
    let mut numbers: Vec<u64> = rest.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).map(str::parse).collect::<Result<_, _>>().ok()?;
    if rest.bytes().all(|byte| byte.is_ascii_digit()) && era == 0 {
        return (!numbers.is_empty()).then_some(numbers);
    }
    *numbers.first_mut()? += era;
    (numbers.len() >= 3 && numbers[0] >= 1900).then_some(numbers)
}

struct Grid {
    score: usize,
    rows: Vec<Record>,
}

fn grid(page: &Page, table: ElementRef<'_>, wanted: &[String]) -> Option<Grid> {
    let rows = layout(page, table);
    let head = rows.iter().position(|row| is_head(page, row, wanted))?;
    let headings: Vec<String> = rows[head].cells.iter().map(|cell| page.text(*cell, Reading::Words).replace('\n', "")).collect();
    let score = wanted.iter().filter(|name| headings.iter().any(|heading| &&fold_label(heading) == name)).count();
    let is_row =
        |row: &&Row<'_>| row.cells.iter().any(|cell| is(*cell, "td")) && !(row.cells.len() > 1 && row.cells.iter().all(|cell| cell.id() == row.cells[0].id()));
    let rows = rows[head + 1..].iter().filter(is_row).filter(|row| row.cells.len() == headings.len()).map(|row| Record {
        cells: headings.iter().cloned().zip(row.cells.iter().map(|cell| shown(page, *cell))).collect(),
        span: page.span(row.element.id()),
    });
    Some(Grid { score, rows: rows.collect() })
}

struct Row<'p> {
    element: ElementRef<'p>,
    cells: Vec<ElementRef<'p>>,
}

/// The rows of a table, not of tables in it, with spanned cells repeated.
fn layout<'p>(page: &'p Page, table: ElementRef<'p>) -> Vec<Row<'p>> {
    let mut open: Vec<(usize, ElementRef<'p>)> = vec![];
    let rows = table.descendent_elements().filter(|element| is(*element, "tr") && !page.is_hidden(element.id()));
    let rows = rows.filter(|row| closest(*row, &["table"]).is_some_and(|own| own.id() == table.id()));
    let mut laid_out = vec![];
    for row in rows {
        let mut cells: Vec<ElementRef<'p>> = vec![];
        let mut below: Vec<(usize, ElementRef<'p>)> = vec![];
        let take_open = |cells: &mut Vec<ElementRef<'p>>, below: &mut Vec<(usize, ElementRef<'p>)>| {
            while let Some((left, cell)) = open.get(cells.len()).filter(|(left, _)| *left > 0) {
                below.push((left - 1, *cell));
                cells.push(*cell);
            }
        };
        for cell in row.child_elements().filter(|child| matches!(child.value().name(), "td" | "th") && !page.is_hidden(child.id())) {
            take_open(&mut cells, &mut below);
            for _ in 0..extent(cell, "colspan") {
                below.push((extent(cell, "rowspan") - 1, cell));
                cells.push(cell);
            }
        }
        take_open(&mut cells, &mut below);
        open = below;
        if !cells.is_empty() {
            laid_out.push(Row { element: row, cells });
        }
    }
    laid_out
}

fn extent(cell: ElementRef<'_>, attribute: &str) -> usize {
    cell.attr(attribute).and_then(|number| number.trim().parse().ok()).unwrap_or(1).clamp(1, MAX_SPAN)
}

/// A row of headings: all `th`, or mostly known headings where the table has no `th` in that row.
fn is_head(page: &Page, row: &Row<'_>, wanted: &[String]) -> bool {
    let known = row.cells.iter().filter(|cell| wanted.contains(&fold_label(&page.text(**cell, Reading::Words)))).count();
    let heads = row.cells.iter().filter(|cell| is(**cell, "th")).count();
    if heads == row.cells.len() { known >= 1 } else { heads == 0 && known >= 2 && known * 2 > row.cells.len() }
}

/// Repeated label-value pairs: a record ends where one of its labels comes again.
fn records(page: &Page, headings: &[String]) -> Vec<Record> {
    let mut pairs: Vec<(usize, String, Shown)> = vec![];
    let mut known: Vec<String> = vec![];
    for heading in headings {
        let folded = fold_label(heading);
        if known.contains(&folded) {
            continue;
        }
        known.push(folded);
        let places = occurrences(page, heading);
        pairs.extend(places.into_iter().filter_map(|place| Some((place.at, heading.clone(), place.values.into_iter().next()?))));
    }
    pairs.sort_by_key(|(at, _, _)| *at);
    let mut records: Vec<Record> = vec![];
    for (at, heading, shown) in pairs {
        match records.last_mut() {
            Some(record) if record.cells.iter().all(|(other, _)| *other != heading) => {
                record.cells.push((heading, shown));
                record.span.1 = at;
            }
            _ => records.push(Record { cells: vec![(heading, shown)], span: (at, at) }),
        }
    }
    widen(page, &mut records);
    records
}

/// Lets each record reach over all that surrounds its labels and no other record's.
fn widen(page: &Page, records: &mut [Record]) {
    let inner: Vec<(usize, usize)> = records.iter().map(|record| record.span).collect();
    for (index, record) in records.iter_mut().enumerate() {
        let alone = |span: (usize, usize)| inner.iter().enumerate().all(|(other, place)| other == index || place.1 < span.0 || place.0 > span.1);
        let around = page.all().find(|element| page.span(element.id()).0 == record.span.0);
        let widest = around.into_iter().flat_map(ancestors).map(|element| page.span(element.id())).take_while(|span| alone(*span)).last();
        record.span = match widest {
            Some(span) if span.0 <= record.span.0 && span.1 >= record.span.1 => span,
            _ => (record.span.0, inner.get(index + 1).map_or(usize::MAX, |next| next.0 - 1)),
        };
    }
}

fn says_nothing_there(page: &Page) -> bool {
    let lines = page.runs(page.root(), Reading::Words);
    lines.iter().map(|line| fold(&line.text)).any(|line| {
        let about = ["該当", "対象", "証明書", "申請", "データ", "一覧"].iter().any(|word| line.contains(word));
        let none = ["ありません", "見つかりません", "存在しません", "なし", "0件"].iter().any(|word| has_word(&line, word));
        about && none && !line.contains("権限")
    })
}

/// Whether `text` holds `word` without a letter or digit of ASCII next to an ASCII end of it.
fn has_word(text: &str, word: &str) -> bool {
    let joins = |inner: Option<char>, outer: Option<char>| inner.is_some_and(|c| c.is_ascii_alphanumeric()) && outer.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !joins(word.chars().next(), before) && !joins(word.chars().next_back(), after)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::page::tests::page;
    use super::*;

    fn headings() -> Vec<String> {
        ["リクエストID", "証明書ステータス", "発行日"].map(str::to_owned).to_vec()
    }

    fn texts(html: &str) -> Vec<Vec<String>> {
        match listing(&page(html), &headings()) {
            Listing::Rows(rows) => rows.iter().map(Record::texts).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_are_read_from_every_layout() {
        for html in [
            "<table><thead><tr><th>リクエストＩＤ<th>証明書ステータス</thead><tbody><tr><td>1<td>鍵生成中<tr><td>2<td>発行済み</table>",
            "<table><tr><td>リクエストID</td><td>証明書ステータス</td></tr><tr><td>1</td><td>鍵生成中</td></tr><tr><td>2</td><td>発行済み</td></tr></table>",
            "<table><tr><td>枠<table><tr><th>リクエストID<th>証明書ステータス<tr><td>1<td>鍵生成中<tr><td>2<td>発行済み</table></table>",
            "<dl><dt>リクエストID<dd>1<dt>証明書ステータス<dd>鍵生成中<dt>リクエストID<dd>2<dt>証明書ステータス<dd>発行済み</dl>",
            "<table><tr><th>リクエストID<td>1<tr><th>証明書ステータス<td>鍵生成中</table><table><tr><th>リクエストID<td>2<tr><th>証明書ステータス<td>発行済み</table>",
            "<ul><li>リクエストID：1<br>証明書ステータス：鍵生成中</li><li>リクエストID：2<br>証明書ステータス：発行済み</li></ul>",
            "<div><div><b>リクエストID</b><i>1</i></div><div><b>証明書ステータス</b><i>鍵生成中</i></div></div>
             <div><div><b>リクエストID</b><i>2</i></div><div><b>証明書ステータス</b><i>発行済み</i></div></div>",
        ] {
            assert_eq!(texts(html), [["1", "鍵生成中"], ["2", "発行済み"]], "{html}");
        }
    }

    #[test]
    fn spanned_cells_stand_in_every_row_and_column() {
        let html = "<table><tr><th>リクエストID<th>証明書ステータス<th>発行日<tr><td rowspan=2>1<td>鍵生成中<td>a<tr><td colspan=2>発行済み</table>";
        assert_eq!(texts(html), [["1", "鍵生成中", "a"], ["1", "発行済み", "発行済み"]]);
    }

    #[test]
    fn a_button_belongs_to_its_card_even_before_the_labels() {
        let html = "<section><div><button>Download Key</button><dl><dt>リクエストID<dd>1</dl></div><div><button>Download Key</button><dl><dt>リクエストID<dd>2</dl></div></section>";
        let page = page(html);
        let Listing::Rows(rows) = listing(&page, &headings()) else { panic!() };
        let buttons: Vec<usize> = page.visible().filter(|element| is(*element, "button")).map(|button| page.span(button.id()).0).collect();
        assert!(rows[0].holds(buttons[0]) && !rows[0].holds(buttons[1]));
        assert!(rows[1].holds(buttons[1]) && !rows[1].holds(buttons[0]));
    }

    #[test]
    fn an_empty_list_is_not_taken_for_an_unknown_page() {
        assert_eq!(listing(&page("<table><tr><th>リクエストID<th>発行日</table>"), &headings()), Listing::Rows(vec![]));
        let none = "<table><tr><th>リクエストID<th>発行日<tr><td colspan=2>該当なし</table>";
        assert_eq!(listing(&page(none), &headings()), Listing::Rows(vec![]));
        assert_eq!(listing(&page("<p>該当する証明書はありません。</p>"), &headings()), Listing::Nothing);
        assert_eq!(listing(&page("<p>証明書を見る権限がありません。</p>"), &headings()), Listing::Unknown(vec![]));
        let other = "<table><tr><th>番号<th>日付<tr><td>1<td>2</table>";
        assert_eq!(listing(&page(other), &headings()), Listing::Unknown(vec!["番号".into(), "日付".into()]));
    }

    #[test]
    fn the_newest_row_is_the_latest_date_in_any_writing() {
        let html = "<table><tr><th>リクエストID<th>発行日<tr><td>9<td>2026年2月3日<tr><td>10<td>２０２６/11/01 09:00<tr><td>11<td>令和8年10月31日</table>";
        let page = page(html);
        let Listing::Rows(rows) = listing(&page, &headings()) else { panic!() };
        let rows: Vec<&Record> = rows.iter().collect();
        assert!(newest(&rows, &["発行日".into()]).unwrap().shows("10"));
        assert!(newest(&rows, &["リクエストID".into()]).unwrap().shows("11"));
        assert!(newest(&rows, &["有効期限".into()]).is_none());
    }

    #[test]
    fn a_value_is_not_found_inside_a_longer_one() {
        let page = page("<table><tr><th>リクエストID<th>発行日<tr><td>１２３<td>受付(45)</table>");
        let Listing::Rows(rows) = listing(&page, &headings()) else { panic!() };
        assert!(rows[0].shows("123") && rows[0].shows("45") && !rows[0].shows("12"));
    }
}
