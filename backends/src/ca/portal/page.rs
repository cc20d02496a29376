//! A page as the eye sees it: HTML in, visible text and visible elements out.
//!
//! May use: the HTML parser, encodings. Must not: know HTTP, profiles or what a page means.

use std::collections::{HashMap, HashSet};

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use encoding_rs::Encoding;
use scraper::{ElementRef, Html, Node, Selector};
use unicode_normalization::UnicodeNormalization;
use url::Url;

/// More tags than this are no page for people, and cost a parser more than time allows.
const MAX_TAGS: usize = 60_000;

/// Elements that start and end a line.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "legend",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Which words of an element count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All that is shown, the words on buttons too.
    Everything,
    /// Labels and values: without buttons and what stands inside fields.
    Words,
}

/// A parsed page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it was read from, after redirects.
    pub url: Url,
    /// The encoding that its bytes were in, for what its forms send back.
    pub encoding: &'static Encoding,
    html: Html,
    hidden: HashSet<NodeId>,
    span: HashMap<NodeId, (usize, usize)>,
    folded: String,
}

/// Folds width and drops all white space: how labels and texts are compared.
pub(crate) fn fold(text: &str) -> String {
    text.nfkc().filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}')).collect()
}

impl Page {
    /// Parses a page. `None` if it has more tags than any page for people.
    pub fn parse(url: Url, encoding: &'static Encoding, text: &str) -> Option<Self> {
        if text.bytes().filter(|byte| *byte == b'<').count() > MAX_TAGS {
            return None;
        }
        let html = Html::parse_document(text);
        let hidden = hidden_elements(&html);
        let span = spans(&html);
        let mut page = Self { url, encoding, html, hidden, span, folded: String::new() };
        page.folded = fold(&format!("{}{}", page.title(), page.text(page.root(), Reading::Everything)));
        Some(page)
    }

    /// The document element.
    pub fn root(&self) -> ElementRef<'_> {
        self.html.root_element()
    }

    /// The title, in one line.
    pub fn title(&self) -> String {
        self.all().find(|element| is(*element, "title")).map(|title| collapse(&title.text().collect::<String>())).unwrap_or_default()
    }

    /// Every element, hidden or not, in document order.
    pub fn all(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.html.tree.root().descendants().filter_map(ElementRef::wrap)
    }

    /// The visible elements in document order.
    pub fn visible(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.all().filter(|element| !self.is_hidden(element.id()))
    }

    /// Whether an element, or one around it, is hidden.
    pub fn is_hidden(&self, id: NodeId) -> bool {
        self.hidden.contains(&id)
    }

    /// Whether the title, a heading or the text shows this.
    pub fn shows(&self, text: &str) -> bool {
        let wanted = fold(text);
        !wanted.is_empty() && self.folded.contains(&wanted)
    }

    /// Whether nothing is there to be read, but a script is.
    pub fn needs_script(&self) -> bool {
        let words = fold(&self.text(self.root(), Reading::Everything));
        words.chars().count() < 20 && self.all().any(|element| is(element, "script") || is(element, "frameset"))
    }

    /// First and last position of a node in document order.
    pub fn span(&self, id: NodeId) -> (usize, usize) {
        self.span.get(&id).copied().unwrap_or((0, 0))
    }

    /// The visible elements that a CSS selector finds; none for a selector that cannot be read.
    pub fn select(&self, css: &str) -> Vec<ElementRef<'_>> {
        let Ok(selector) = Selector::parse(css) else { return vec![] };
        self.html.select(&selector).filter(|element| !self.is_hidden(element.id())).collect()
    }

    /// The element of this `id` attribute.
    pub fn by_id(&self, id: &str) -> Option<ElementRef<'_>> {
        self.all().find(|element| element.attr("id") == Some(id))
    }

    /// The visible text of an element: one line for each block, white space collapsed, no empty lines.
    pub fn text(&self, element: ElementRef<'_>, reading: Reading) -> String {
        self.runs(element, reading).into_iter().map(|run| run.text).collect::<Vec<_>>().join("\n")
    }

    /// The lines of an element, each with its first and last text nodes' positions.
    pub fn runs(&self, element: ElementRef<'_>, reading: Reading) -> Vec<Run> {
        let mut lines = Lines::default();
        let mut skipped: Option<NodeId> = None;
        for edge in element.traverse() {
            match edge {
                Edge::Open(_) | Edge::Close(_) if skipped.is_some() => {
                    if let Edge::Close(node) = edge
                        && skipped == Some(node.id())
                    {
                        skipped = None;
                    }
                }
                Edge::Open(node) => match node.value() {
                    Node::Text(text) => lines.push(text, self.span(node.id()).0),
                    Node::Element(_) => {
                        let Some(child) = ElementRef::wrap(node) else { continue };
                        if self.is_hidden(child.id()) || (child.id() != element.id() && !is_read(child, reading)) {
                            skipped = Some(child.id());
                        }
                        if is_line_end(child) {
                            lines.end();
                        }
                        if skipped.is_none()
                            && let Some(text) = replacing_text(child, reading)
                        {
                            lines.push(text, self.span(child.id()).0);
                        }
                    }
                    _ => {}
                },
                Edge::Close(node) => {
                    if ElementRef::wrap(node).is_some_and(is_line_end) {
                        lines.end();
                    }
                }
            }
        }
        lines.end();
        lines.done
    }
}

/// One line of visible text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// The text, white space collapsed.
    pub text: String,
    /// Position of the first node of the line in document order.
    pub first: usize,
    /// Position of the last.
    pub last: usize,
}

#[derive(Default)]
struct Lines {
    done: Vec<Run>,
    raw: String,
    places: Option<(usize, usize)>,
}

impl Lines {
    fn push(&mut self, text: &str, place: usize) {
        if !text.trim().is_empty() {
            self.places = Some((self.places.map_or(place, |(first, _)| first), place));
        }
        self.raw.push_str(text);
    }

    fn end(&mut self) {
        let text = collapse(&std::mem::take(&mut self.raw));
        if let (false, Some((first, last))) = (text.is_empty(), self.places.take()) {
            self.done.push(Run { text, first, last });
        }
    }
}

/// White space runs become one space; none at the ends.
pub(crate) fn collapse(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c == '\u{feff}').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether an element has this tag.
pub(crate) fn is(element: ElementRef<'_>, tag: &str) -> bool {
    element.value().name() == tag
}

/// The lower-cased `type` of an element, or what the element has without one.
pub(crate) fn kind_of(element: ElementRef<'_>) -> String {
    let default = if is(element, "button") { "submit" } else { "text" };
    element.attr("type").map(|kind| kind.trim().to_ascii_lowercase()).filter(|kind| !kind.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// Whether an element is something that is filled in, chosen or ticked.
pub(crate) fn is_field(element: ElementRef<'_>) -> bool {
    match element.value().name() {
        "select" | "textarea" => true,
        "input" => !matches!(kind_of(element).as_str(), "hidden" | "submit" | "image" | "button" | "reset"),
        _ => false,
    }
}

/// Whether an element is a button, of a form or of a script.
pub(crate) fn is_button(element: ElementRef<'_>) -> bool {
    is(element, "button") || (is(element, "input") && matches!(kind_of(element).as_str(), "submit" | "image" | "button" | "reset"))
}

/// The elements around one, from the nearest.
pub(crate) fn ancestors<'p>(element: ElementRef<'p>) -> impl Iterator<Item = ElementRef<'p>> {
    element.ancestors().filter_map(ElementRef::wrap)
}

/// The nearest element around one that has a tag of these.
pub(crate) fn closest<'p>(element: ElementRef<'p>, tags: &[&str]) -> Option<ElementRef<'p>> {
    ancestors(element).find(|around| tags.contains(&around.value().name()))
}

/// Whether an element starts a new line.
pub(crate) fn is_block(element: ElementRef<'_>) -> bool {
    BLOCKS.contains(&element.value().name())
}

fn is_line_end(element: ElementRef<'_>) -> bool {
    is(element, "br") || is_block(element)
}

fn is_read(element: ElementRef<'_>, reading: Reading) -> bool {
    match element.value().name() {
        "head" | "script" | "style" | "noscript" | "template" | "select" | "textarea" | "iframe" | "datalist" => false,
        "button" => reading == Reading::Everything,
        _ => true,
    }
}

/// Words of elements that hold no text nodes: pictures and `<input>` buttons.
fn replacing_text(element: ElementRef<'_>, reading: Reading) -> Option<&str> {
    match element.value().name() {
        "img" => element.attr("alt"),
        "input" if reading == Reading::Everything && is_button(element) => element.attr("value").or_else(|| element.attr("alt")),
        _ => None,
    }
}

fn spans(html: &Html) -> HashMap<NodeId, (usize, usize)> {
    let mut spans: HashMap<NodeId, (usize, usize)> = HashMap::new();
    let mut next = 0;
    for edge in html.tree.root().traverse() {
        match edge {
            Edge::Open(node) => {
                spans.insert(node.id(), (next, next));
                next += 1;
            }
            Edge::Close(node) => {
                if let Some(span) = spans.get_mut(&node.id()) {
                    span.1 = next - 1;
                }
            }
        }
    }
    spans
}

/// Every element that is hidden itself or lies in a hidden one.
fn hidden_elements(html: &Html) -> HashSet<NodeId> {
    let by_sheet = hidden_by_sheet(html);
    let mut hidden = HashSet::new();
    let mut inside = 0_usize;
    for edge in html.tree.root().traverse() {
        let hides = |node: NodeRef<'_, Node>| ElementRef::wrap(node).is_some_and(|element| hides_itself(element) || by_sheet.contains(&element.id()));
        match edge {
            Edge::Open(node) => {
                if hides(node) {
                    inside += 1;
                }
                if inside > 0 {
                    hidden.insert(node.id());
                }
            }
            Edge::Close(node) => {
                if hides(node) {
                    inside -= 1;
                }
            }
        }
    }
    hidden
}

fn hides_itself(element: ElementRef<'_>) -> bool {
    let invisible = match element.value().name() {
        "template" | "script" | "style" | "noscript" => true,
        "input" => kind_of(element) == "hidden",
        "dialog" => element.attr("open").is_none(),
        _ => false,
    };
    invisible
        || element.attr("hidden").is_some()
        || element.attr("aria-hidden").is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        || element.attr("style").is_some_and(style_hides)
}

fn style_hides(style: &str) -> bool {
    style.split(';').any(|declaration| {
        let declaration: String = declaration.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        let declaration = declaration.trim_end_matches("!important");
        matches!(declaration, "display:none" | "visibility:hidden" | "visibility:collapse")
    })
}

/// Elements that a plain rule of a `<style>` on the page hides. Rules inside `@media` and the like are left out:
/// whether they hold depends on the screen.
fn hidden_by_sheet(html: &Html) -> HashSet<NodeId> {
    let mut hidden = HashSet::new();
    let sheets = html.tree.root().descendants().filter_map(ElementRef::wrap).filter(|element| is(*element, "style"));
    for sheet in sheets {
        for (selectors, body) in plain_rules(&sheet.text().collect::<String>()) {
            if style_hides(&body)
                && let Ok(selector) = Selector::parse(&selectors)
            {
                hidden.extend(html.select(&selector).map(|element| element.id()));
            }
        }
    }
    hidden
}

fn plain_rules(sheet: &str) -> Vec<(String, String)> {
    let mut rules = vec![];
    let mut text = String::new();
    let mut rest = sheet;
    while let Some(start) = rest.find("/*") {
        text.push_str(&rest[..start]);
        rest = rest[start..].find("*/").map_or("", |end| &rest[start + end + 2..]);
    }
    text.push_str(rest);
    let (mut depth, mut head, mut body) = (0_usize, String::new(), String::new());
    for c in text.chars() {
        match c {
            '{' => {
                depth += 1;
                if depth > 1 {
                    body.push(c);
                }
            }
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let (head, body) = (std::mem::take(&mut head), std::mem::take(&mut body));
                    if !head.trim_start().starts_with('@') {
                        rules.push((head, body));
                    }
                }
            }
            ';' if depth == 0 => head.clear(),
            _ if depth == 0 => head.push(c),
            _ => body.push(c),
        }
    }
    rules
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    pub(crate) fn page(html: &str) -> Page {
        Page::parse(Url::parse("https://portal.test/p/ru").unwrap(), encoding_rs::UTF_8, html).unwrap()
    }

    #[test]
    fn nested_spans_make_one_word_and_blocks_make_lines() {
        let page = page("<p>リクエスト<b>I<i>D</i></b>\n <span>12</span><span>34</span></p><div>次の行<br>その次</div>");
        assert_eq!(page.text(page.root(), Reading::Words), "リクエストID 1234\n次の行\nその次");
    }

    #[test]
    fn text_is_found_whatever_its_width_and_line_breaks() {
        let page = page("<title>受付</title><p>申請情報を<br>受け付け\n  ました。</p><input type=submit value='Ｓｕｂｍｉｔ'>");
        assert!(page.shows("申請情報を受け付けました"));
        assert!(page.shows("Submit"));
        assert!(page.shows("受付"));
        assert!(!page.shows("取得"));
    }

    #[test]
    fn hidden_text_is_not_shown() {
        for html in [
            "<p hidden>期限切れ</p>",
            "<p style='color:red; DISPLAY : none'>期限切れ</p>",
            "<p style='visibility:hidden !important'>期限切れ</p>",
            "<div aria-hidden=true><p>期限切れ</p></div>",
            "<template><p>期限切れ</p></template>",
            "<script>alert('期限切れ')</script>",
            "<noscript>期限切れ</noscript>",
            "<style>/* x */ .off, #no { display: none; }</style><p class=off>期限切れ</p>",
            "<dialog>期限切れ</dialog>",
            "<input type=hidden value=期限切れ>",
        ] {
            assert!(!page(html).shows("期限切れ"), "{html}");
        }
        assert!(page("<style>@media print { p { display:none } } i{color:red}</style><p>期限切れ</p>").shows("期限切れ"));
    }

    #[test]
    fn deep_nesting_is_walked_and_too_many_tags_are_refused() {
        let deep = "<span>".repeat(20_000) + "底";
        assert!(page(&deep).shows("底"));
        let url = Url::parse("https://portal.test/").unwrap();
        assert!(Page::parse(url, encoding_rs::UTF_8, &"<b>".repeat(MAX_TAGS + 1)).is_none());
    }

    #[test]
    fn an_empty_page_with_a_script_needs_script() {
        assert!(page("<div id=app></div><script src=app.js></script>").needs_script());
        assert!(!page("<p>申請情報を受け付けました。この画面を印刷してください。</p><script></script>").needs_script());
    }
}
