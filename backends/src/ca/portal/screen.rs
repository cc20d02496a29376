//! What an answer shows: a page or a file; and what stands on it under the labels of a profile.
//!
//! May use: pages, labels, values, tables, profile data. Must not: send anything, keep anything.

use encoding_rs::Encoding as Charset;
use kirikae_engine::backend::profile::{Encoding, Label, Profile, RowSpec};
use kirikae_engine::backend::{BackendError, Row};
use scraper::ElementRef;

use super::http::{JSON, MAX_PAGE, Reply, is_page};
use super::labels::{Miss, Named, buttons, candidates, fold_label, headings, links};
use super::page::{Page, fold};
use super::table::{Listing, Record, listing, newest};
use super::trouble;
use super::values::{Shown, occurrences, shown};

/// The columns that tell which row is the newest, in the order in which they are asked.
const AGES: [&str; 3] = ["issued_on", "request_id", "not_after"];

/// What an operation looks at.
pub(super) enum Screen {
    /// Nothing yet.
    Blank,
    /// A page.
    Page(Page),
    /// Anything else.
    File(Reply),
}

impl Screen {
    /// The page or file of an answer. `PORTAL.PAGE_UNKNOWN` for a page that is none for people.
    pub fn of(reply: Reply, profile: &Profile) -> Result<Self, BackendError> {
        let json = reply.media.as_deref() == Some(JSON);
        if !json && !looks_like_page(&reply) {
            return Ok(Self::File(reply));
        }
        if reply.body.expose().len() > MAX_PAGE {
            return Err(trouble::unknown("画面が長すぎます。", "the page is too long.", &[]));
        }
        let encoding = charset_of(&reply, profile.encoding);
        let text = encoding.decode(reply.body.expose()).0;
        let text = if json { of_json(&text) } else { text.into_owned() };
        let page = Page::parse(reply.url, encoding, &text);
        page.map(Self::Page).ok_or_else(|| trouble::unknown("画面の要素が多すぎます。", "the page has too many elements.", &[]))
    }

    /// Whether it shows this text.
    pub fn shows(&self, text: &str) -> bool {
        self.page().is_some_and(|page| page.shows(text))
    }

    /// The page, if it is one.
    pub fn page(&self) -> Option<&Page> {
        match self {
            Self::Page(page) => Some(page),
            Self::Blank | Self::File(_) => None,
        }
    }

    /// The page.
    ///
    /// # Errors
    /// `PORTAL.PAGE_UNKNOWN` if there is none.
    pub fn need_page(&self) -> Result<&Page, BackendError> {
        self.page().ok_or_else(|| match self {
            Self::File(_) => trouble::unknown("画面の代わりにファイルが返ってきました。", "a file came instead of a page.", &[]),
            _ => trouble::unknown("まだどの画面も開いていません。", "no page is open yet.", &[]),
        })
    }
}

/// A JSON answer as a page: every value under its pointer (RFC 6901), `/uri`.
fn of_json(text: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return format!("<pre>{}</pre>", escaped(text)) };
    let mut list = String::new();
    let mut open = vec![(String::new(), &value)];
    while let Some((pointer, value)) = open.pop() {
        let inner = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            serde_json::Value::Object(fields) => open.extend(fields.iter().rev().map(|(key, value)| (inner(key), value))),
            serde_json::Value::Array(items) => open.extend(items.iter().enumerate().rev().map(|(nth, value)| (inner(&nth.to_string()), value))),
            value => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                list.push_str(&format!("<dt>{}</dt><dd>{}</dd>", escaped(&pointer), escaped(&text)));
            }
        }
    }
    format!("<dl>{list}</dl>")
}

fn looks_like_page(reply: &Reply) -> bool {
    let start: String = String::from_utf8_lossy(&reply.body.expose()[..reply.body.expose().len().min(512)]).to_ascii_lowercase();
    let start = start.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let html = ["<!doctype", "<html", "<head", "<body", "<!--"].iter().any(|tag| start.starts_with(tag));
    html || reply.media.as_deref().is_some_and(is_page)
}

/// The charset of a page: header, byte order mark, `<meta>`, profile.
fn charset_of(reply: &Reply, fallback: Encoding) -> &'static Charset {
    let body = reply.body.expose();
    reply.encoding.or_else(|| Charset::for_bom(body).map(|(encoding, _)| encoding)).or_else(|| meta_charset(body)).unwrap_or(match fallback {
        Encoding::Utf8 => encoding_rs::UTF_8,
        Encoding::ShiftJis => encoding_rs::SHIFT_JIS,
        Encoding::EucJp => encoding_rs::EUC_JP,
    })
}

fn meta_charset(body: &[u8]) -> Option<&'static Charset> {
    let start = String::from_utf8_lossy(&body[..body.len().min(4096)]).to_ascii_lowercase();
    start.split("<meta").skip(1).find_map(|rest| {
        let tag = rest.split('>').next()?;
        let value = tag.split_once("charset")?.1.trim_start().strip_prefix('=')?;
        let value = value.trim_start().trim_start_matches(['"', '\'']);
        Charset::for_label(value.split(['"', '\'', ';', ' ', '/']).next()?.as_bytes())
    })
}

/// Every spelling of a label.
pub(super) fn spellings(label: &Label) -> Vec<String> {
    label.labels.iter().chain(&label.or).cloned().collect()
}

/// What a page shows under a label, in order: one text unless the label is `all`; none only if it is optional.
///
/// # Errors
/// `PORTAL.PAGE_UNKNOWN`.
pub(super) fn values(page: &Page, name: &str, label: &Label) -> Result<Vec<String>, BackendError> {
    if let Some(button) = label.only_button() {
        let wanted = fold_label(button);
        let there = pressable(page).iter().any(|named| named.names.iter().any(|name| fold_label(name) == wanted));
        return Ok(vec![there.to_string()]);
    }
    let found = spellings(label).iter().map(|spelling| occurrences(page, spelling)).find(|found| !found.is_empty()).unwrap_or_default();
    let mut places: Vec<Shown> = found.into_iter().flat_map(|occurrence| occurrence.values).collect();
    if let (true, Some(css)) = (places.is_empty(), &label.css) {
        places = page.select(css).into_iter().map(|element| shown(page, element)).collect();
    }
    take(name, label, &places, || labels_of(page))
}

/// What a row shows under a label, as [`values`].
pub(super) fn values_in_row(record: &Record, name: &str, label: &Label) -> Result<Vec<String>, BackendError> {
    let cell = record.cell(&spellings(label)).map_err(|miss| trouble::missed(name, &spellings(label), miss))?;
    let mut places: Vec<Shown> = cell.cloned().into_iter().collect();
    if let (true, Some(button)) = (places.is_empty(), &label.button) {
        let buttons = record.cells.iter().flat_map(|(_, shown)| &shown.buttons);
        places =
            buttons.filter(|text| fold_label(text) == fold_label(button)).take(1).map(|text| Shown { lines: vec![], buttons: vec![text.clone()] }).collect();
    }
    take(name, label, &places, || candidates(record.cells.iter().map(|(heading, _)| heading.clone())))
}

fn take(name: &str, label: &Label, places: &[Shown], there: impl Fn() -> Vec<String>) -> Result<Vec<String>, BackendError> {
    let text = |place: &Shown| {
        let button = label.button.as_ref().filter(|button| place.lines.is_empty() && place.buttons.iter().any(|text| fold_label(text) == fold_label(button)));
        button.cloned().unwrap_or_else(|| place.text())
    };
    let texts: Vec<String> = if label.all { places.iter().flat_map(|place| place.lines.clone()).collect() } else { places.iter().map(text).collect() };
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    match texts.len() {
        0 if label.optional => Ok(vec![]),
        0 => Err(trouble::missed(name, &spellings(label), Miss::Nothing(there()))),
        1 => texts.iter().map(|text| meaning(name, label, text)).collect(),
        _ if label.all => texts.iter().map(|text| meaning(name, label, text)).collect(),
        _ => Err(trouble::missed(name, &spellings(label), Miss::Several(vec![]))),
    }
}

/// The enum word of a screen text, or the text itself where the label means no words.
fn meaning(name: &str, label: &Label, text: &str) -> Result<String, BackendError> {
    if label.means.is_empty() {
        return Ok(text.to_owned());
    }
    let means = |(_, texts): &&(String, Vec<String>)| texts.iter().any(|known| fold(known) == fold(text));
    label.means.iter().find(means).map(|(word, _)| word.clone()).ok_or_else(|| {
        let text: String = text.chars().take(40).collect();
        trouble::unknown(
            format!("{name} の「{text}」が何を意味するか、プロファイルに書かれていません。"),
            format!("the profile does not say what {text:?} means for `{name}`."),
            &[],
        )
    })
}

/// The labels that are there, for messages: headings, fields, buttons, links; never values.
pub(super) fn labels_of(page: &Page) -> Vec<String> {
    let pressable = buttons(page).into_iter().chain(links(page)).filter_map(|named| named.names.into_iter().next());
    let fields = super::labels::fields(page).into_iter().filter_map(|named| named.names.into_iter().next());
    candidates(headings(page).into_iter().chain(fields).chain(pressable))
}

/// The rows of the page's list that a row spec asks for.
///
/// # Errors
/// `PORTAL.PAGE_UNKNOWN` if the page shows no list and does not say that there is nothing.
pub(super) fn rows(page: &Page, spec: &RowSpec, profile: &Profile, with_text: Option<&str>, read: &[(String, Label)]) -> Result<Vec<Record>, BackendError> {
    let own = spec.columns.iter().chain(read).flat_map(|(_, label)| spellings(label));
    let known = columns(profile).flat_map(|(_, label)| spellings(label));
    let records = match listing(page, &own.chain(known).collect::<Vec<_>>()) {
        Listing::Rows(records) => records,
        Listing::Nothing => vec![],
        Listing::Unknown(there) => return Err(trouble::unknown("画面に一覧が見当たりません。", "there is no list on the page.", &there)),
    };
    let buttons: Vec<(usize, Vec<String>)> = pressable(page).into_iter().map(|named| (page.span(named.thing.id()).0, named.names)).collect();
    let has_button = |record: &Record, wanted: &str| {
        let wanted = fold_label(wanted);
        buttons.iter().any(|(at, names)| record.holds(*at) && names.iter().any(|name| fold_label(name) == wanted))
    };
    let fits = |record: &Record| with_text.is_none_or(|text| record.shows(text)) && spec.with_button.as_deref().is_none_or(|button| has_button(record, button));
    Ok(records.into_iter().filter(fits).collect())
}

/// The newest of several rows. `None` if no column tells.
pub(super) fn newest_of(records: &[Record], spec: &RowSpec, profile: &Profile) -> Option<Record> {
    let records: Vec<&Record> = records.iter().collect();
    AGES.iter().find_map(|age| {
        let labels = spec.columns.iter().chain(columns(profile)).filter(|(name, _)| name == age);
        labels.into_iter().find_map(|(_, label)| newest(&records, &spellings(label))).cloned()
    })
}

/// A row as the engine sees it.
///
/// # Errors
/// `PORTAL.PAGE_UNKNOWN` if a column is missing or there twice.
pub(super) fn row(record: &Record, spec: &RowSpec) -> Result<Row, BackendError> {
    let mut row = Row { cells: record.texts(), ..Row { columns: Default::default(), cells: vec![] } };
    for (name, label) in &spec.columns {
        match record.cell(&spellings(label)).map_err(|miss| trouble::missed(name, &spellings(label), miss))? {
            Some(cell) => {
                let text = if cell.lines.is_empty() { cell.buttons.join(" ") } else { cell.text() };
                row.columns.insert(name.clone(), text);
            }
            None if label.optional => {}
            None => {
                let there = candidates(record.cells.iter().map(|(heading, _)| heading.clone()));
                return Err(trouble::missed(name, &spellings(label), Miss::Nothing(there)));
            }
        }
    }
    Ok(row)
}

/// Buttons, then links.
pub(super) fn pressable(page: &Page) -> Vec<Named<ElementRef<'_>>> {
    buttons(page).into_iter().chain(links(page)).collect()
}

/// The columns of every list of a profile: a list may be known by headings that another operation reads.
fn columns(profile: &Profile) -> impl Iterator<Item = &(String, Label)> {
    let items = profile.operations.values().flat_map(|spec| &spec.pages);
    items.flat_map(|item| {
        let listed = item.row.iter().chain(&item.rows).flat_map(|spec| &spec.columns);
        listed.chain(item.read.iter().filter(|_| item.row.is_some()))
    })
}
