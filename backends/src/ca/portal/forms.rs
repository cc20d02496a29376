//! What a browser would send when a button is pressed or a link is followed.
//!
//! May use: pages, encodings. Must not: send anything, know profiles.
//! Source: HTML Standard, "constructing the entry list" and "form submission algorithm".

use std::collections::HashMap;

use ego_tree::NodeId;
use encoding_rs::Encoding;
use kirikae_engine::secret::Secret;
use scraper::ElementRef;
use url::Url;
use zeroize::Zeroizing;

use super::page::{Page, closest, collapse, is, is_button, kind_of};

/// A request that is not sent yet.
pub(crate) struct Outgoing {
    /// Where to.
    pub url: Url,
    /// Content type and body of a POST; `None` is a GET.
    pub post: Option<(String, Zeroizing<Vec<u8>>)>,
    /// The page it was made on.
    pub from: Option<Url>,
}

impl Outgoing {
    /// A GET of an address, not from a page.
    pub fn get(url: Url) -> Self {
        Self { url, post: None, from: None }
    }
}

/// What goes into a field.
pub(crate) enum Entry {
    /// Typed text.
    Text(Secret),
    /// Set (check box, radio button).
    Checked,
    /// This option of a select.
    Chosen(NodeId),
    /// A file: its name for the other side, its content.
    File(String, Secret),
}

/// What was filled in, by field.
pub(crate) type Filled = HashMap<NodeId, Entry>;

/// Why pressing or following leads nowhere without a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormFault {
    /// It runs a script.
    Script,
    /// The button is in another form than a field that was filled in.
    OtherForm,
    /// The page's encoding has no place for a character of this field's value.
    Unencodable(String),
    /// The address or the way of sending cannot be read.
    Unreadable(String),
}

/// The form that a field or button belongs to.
pub(crate) fn form_of<'p>(page: &'p Page, control: ElementRef<'p>) -> Option<ElementRef<'p>> {
    if let Some(id) = control.attr("form") {
        return page.by_id(id).filter(|element| is(*element, "form"));
    }
    closest(control, &["form"]).or_else(|| {
        // `<table><form><tr>`: the parser closes such a form at once, but its fields stay with it.
        let at = page.span(control.id()).0;
        let misplaced = |form: &ElementRef<'_>| is(*form, "form") && !form.has_children() && page.span(form.id()).0 < at;
        page.all().filter(misplaced).last().filter(|form| closest(*form, &["table"]).is_some())
    })
}

/// Whether pressing this button sends a GET.
pub(crate) fn is_get(page: &Page, button: ElementRef<'_>) -> bool {
    form_of(page, button).is_some_and(|form| method(form, button) == "get")
}

/// The request of a link.
///
/// # Errors
/// The link runs a script or cannot be read.
pub(crate) fn follow(page: &Page, link: ElementRef<'_>) -> Result<Outgoing, FormFault> {
    let href = link.attr("href").unwrap_or_default().trim();
    if href.is_empty() || href.starts_with('#') {
        return Err(FormFault::Script);
    }
    Ok(Outgoing { url: resolve(page, href)?, post: None, from: Some(page.url.clone()) })
}

/// The request of a button, with what was filled in; hidden fields, defaults and the button's own value as the page gives them.
///
/// # Errors
/// As [`FormFault`] says.
pub(crate) fn press(page: &Page, button: ElementRef<'_>, filled: &Filled) -> Result<Outgoing, FormFault> {
    if !matches!(kind_of(button).as_str(), "submit" | "image") {
        return Err(FormFault::Script);
    }
    let form = form_of(page, button).ok_or(FormFault::Script)?;
    let controls: Vec<ElementRef<'_>> = page.all().filter(|element| form_of_control(page, *element) == Some(form.id())).collect();
    if filled.keys().any(|id| controls.iter().all(|control| control.id() != *id)) {
        return Err(FormFault::OtherForm);
    }
    let encoding = encoding_of(page, form);
    let pairs = pairs(page, &controls, button, filled, encoding)?;
    let action = button.attr("formaction").or(form.attr("action")).map(str::trim).unwrap_or_default();
    let mut url = if action.is_empty() { page.url.clone() } else { resolve(page, action)? };
    let from = Some(page.url.clone());
    match method(form, button).as_str() {
        "get" => {
            url.set_query(Some(&String::from_utf8_lossy(&urlencoded(&pairs))));
            Ok(Outgoing { url, post: None, from })
        }
        "post" => {
            let enctype = button.attr("formenctype").or(form.attr("enctype")).unwrap_or_default().trim().to_ascii_lowercase();
            let post = match enctype.as_str() {
                "multipart/form-data" => multipart(&pairs).ok_or(FormFault::Unreadable(enctype))?,
                "text/plain" => return Err(FormFault::Unreadable(enctype)),
                _ => ("application/x-www-form-urlencoded".to_owned(), urlencoded(&pairs)),
            };
            Ok(Outgoing { url, post: Some(post), from })
        }
        _ => Err(FormFault::Script),
    }
}

fn method(form: ElementRef<'_>, button: ElementRef<'_>) -> String {
    match button.attr("formmethod").or(form.attr("method")).unwrap_or_default().trim().to_ascii_lowercase() {
        method if matches!(method.as_str(), "post" | "dialog") => method,
        _ => "get".to_owned(),
    }
}

fn resolve(page: &Page, href: &str) -> Result<Url, FormFault> {
    let base = page.all().find(|element| is(*element, "base") && element.attr("href").is_some());
    let base = base.and_then(|base| page.url.join(base.attr("href")?.trim()).ok()).unwrap_or_else(|| page.url.clone());
    let mut url = base.join(href).map_err(|_| FormFault::Unreadable(href.chars().take(80).collect()))?;
    if url.scheme() == "javascript" {
        return Err(FormFault::Script);
    }
    url.set_fragment(None);
    Ok(url)
}

fn form_of_control(page: &Page, element: ElementRef<'_>) -> Option<NodeId> {
    let submittable = matches!(element.value().name(), "input" | "select" | "textarea" | "button");
    if !submittable || closest(element, &["template", "datalist"]).is_some() {
        return None;
    }
    form_of(page, element).map(|form| form.id())
}

fn encoding_of(page: &Page, form: ElementRef<'_>) -> &'static Encoding {
    let accepted = form.attr("accept-charset").unwrap_or_default();
    let labels = accepted.split([',', ' ']).map(str::trim).filter(|label| !label.is_empty());
    labels.filter_map(|label| Encoding::for_label(label.as_bytes())).next().unwrap_or(page.encoding).output_encoding()
}

struct Pair {
    name: Vec<u8>,
    value: Zeroizing<Vec<u8>>,
    file: Option<Vec<u8>>,
}

fn pairs(page: &Page, controls: &[ElementRef<'_>], button: ElementRef<'_>, filled: &Filled, encoding: &'static Encoding) -> Result<Vec<Pair>, FormFault> {
    let mut pairs = vec![];
    for control in controls {
        let name = control.attr("name").unwrap_or_default();
        if is_disabled(*control) || (is_button(*control) && control.id() != button.id()) {
            continue;
        }
        if is(*control, "input") && kind_of(*control) == "image" {
            let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
            for axis in ["x", "y"] {
                pairs.push(pair(&format!("{prefix}{axis}"), "0", encoding)?);
            }
            continue;
        }
        if name.is_empty() {
            continue;
        }
        match filled.get(&control.id()) {
            Some(Entry::File(file, content)) => {
                let value = Zeroizing::new(content.expose().to_vec());
                pairs.push(Pair { name: encode(name, name, encoding)?, value, file: Some(encode(name, file, encoding)?) });
            }
            Some(Entry::Text(text)) => {
                let text = text.expose_text().ok_or_else(|| FormFault::Unencodable(name.to_owned()))?;
                pairs.push(pair(name, text, encoding)?);
            }
            entry => {
                for value in values(page, *control, entry, controls, filled, encoding) {
                    pairs.push(pair(name, &value, encoding)?);
                }
                if kind_of(*control) == "file" && is(*control, "input") {
                    pairs.push(Pair { name: encode(name, name, encoding)?, value: Zeroizing::default(), file: Some(vec![]) });
                }
            }
        }
    }
    Ok(pairs)
}

/// What a control sends by itself: its value as the page gives it, or as it was set.
fn values(
    page: &Page,
    control: ElementRef<'_>,
    entry: Option<&Entry>,
    controls: &[ElementRef<'_>],
    filled: &Filled,
    encoding: &'static Encoding,
) -> Vec<String> {
    let value = |default: &str| vec![control.attr("value").unwrap_or(default).to_owned()];
    match control.value().name() {
        "textarea" => vec![control.text().collect()],
        "select" => {
            let chosen = match entry {
                Some(Entry::Chosen(option)) => vec![*option],
                _ => default_options(control),
            };
            let options = control.descendent_elements().filter(|option| chosen.contains(&option.id()));
            options.map(|option| option.attr("value").map_or_else(|| collapse(&option.text().collect::<String>()), str::to_owned)).collect()
        }
        "button" => value(""),
        _ => match kind_of(control).as_str() {
            "file" => vec![],
            "checkbox" if entry.is_some() || control.attr("checked").is_some() => value("on"),
            "radio" => {
                let form = form_of(page, control).map(|form| form.id());
                let set_by_us = controls.iter().any(|other| {
                    filled.contains_key(&other.id())
                        && kind_of(*other) == "radio"
                        && other.attr("name") == control.attr("name")
                        && form_of(page, *other).map(|form| form.id()) == form
                });
                if entry.is_some() || (!set_by_us && control.attr("checked").is_some()) { value("on") } else { vec![] }
            }
            "checkbox" => vec![],
            "hidden" if control.attr("name").is_some_and(|name| name.eq_ignore_ascii_case("_charset_")) => vec![encoding.name().to_owned()],
            _ => value(""),
        },
    }
}

fn default_options(select: ElementRef<'_>) -> Vec<NodeId> {
    let options: Vec<ElementRef<'_>> = select.descendent_elements().filter(|element| is(*element, "option") && element.attr("disabled").is_none()).collect();
    let mut selected = options.iter().filter(|option| option.attr("selected").is_some());
    if select.attr("multiple").is_some() {
        return selected.map(|option| option.id()).collect();
    }
    let shows_one = select.attr("size").is_none_or(|size| size.trim() == "1");
    selected.next_back().or(options.first().filter(|_| shows_one)).map(|option| option.id()).into_iter().collect()
}

fn is_disabled(control: ElementRef<'_>) -> bool {
    control.attr("disabled").is_some() || closest(control, &["fieldset"]).is_some_and(|fieldset| fieldset.attr("disabled").is_some())
}

fn pair(name: &str, value: &str, encoding: &'static Encoding) -> Result<Pair, FormFault> {
    Ok(Pair { name: encode(name, name, encoding)?, value: Zeroizing::new(encode(name, &crlf(value), encoding)?), file: None })
}

fn crlf(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n"))
}

fn encode(field: &str, text: &str, encoding: &'static Encoding) -> Result<Vec<u8>, FormFault> {
    let (bytes, _, lost) = encoding.encode(text);
    if lost { Err(FormFault::Unencodable(field.to_owned())) } else { Ok(bytes.into_owned()) }
}

fn urlencoded(pairs: &[Pair]) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(vec![]);
    for pair in pairs {
        if !body.is_empty() {
            body.push(b'&');
        }
        let value = pair.file.as_deref().unwrap_or(&pair.value);
        for (index, bytes) in [pair.name.as_slice(), value].into_iter().enumerate() {
            if index == 1 {
                body.push(b'=');
            }
            for piece in url::form_urlencoded::byte_serialize(bytes) {
                body.extend_from_slice(piece.as_bytes());
            }
        }
    }
    body
}

fn multipart(pairs: &[Pair]) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).ok()?;
    let boundary = format!("----kirikae{}", hex::encode(random));
    let mut body = Zeroizing::new(vec![]);
    for pair in pairs {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"").as_bytes());
        body.extend_from_slice(&quoted(&pair.name));
        body.push(b'"');
        if let Some(file) = &pair.file {
            body.extend_from_slice(b"; filename=\"");
            body.extend_from_slice(&quoted(file));
            body.extend_from_slice(b"\"\r\nContent-Type: application/octet-stream");
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&pair.value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Some((format!("multipart/form-data; boundary={boundary}"), body))
}

fn quoted(name: &[u8]) -> Vec<u8> {
    let mut quoted = vec![];
    for byte in name {
        match byte {
            b'"' => quoted.extend_from_slice(b"%22"),
            b'\r' => quoted.extend_from_slice(b"%0D"),
            b'\n' => quoted.extend_from_slice(b"%0A"),
            other => quoted.push(*other),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::labels::{buttons, fields, one};
    use super::super::page::tests::page;
    use super::*;

    fn pressed(page: &Page, button: &str, typed: &[(&str, &str)]) -> Result<Outgoing, FormFault> {
        let (fields, buttons) = (fields(page), buttons(page));
        let fill = |(label, text): &(&str, &str)| (one(&fields, &[(*label).to_owned()]).unwrap().id(), Entry::Text(Secret::text(*text)));
        press(page, *one(&buttons, &[button.to_owned()]).unwrap(), &typed.iter().map(fill).collect())
    }

    fn body(outgoing: &Outgoing) -> String {
        String::from_utf8(outgoing.post.as_ref().unwrap().1.to_vec()).unwrap()
    }

    #[test]
    fn hidden_fields_defaults_and_the_pressed_button_are_sent() {
        let page = page(
            "<form action='../go?x=1' method=POST><input type=hidden name=csrf value='t&amp;1'><div style='display:none'><input name=trap value=''></div>
             番号<input name=no value=old><select name=s><option value=a>A<option selected>B</select><textarea name=t>\nx\ny</textarea>
             <input type=radio name=r value=1><input type=radio name=r value=2 checked><input type=checkbox name=c><input type=checkbox name=d checked>
             <input name=off disabled value=z><fieldset disabled><input name=off2 value=z></fieldset>
             <button name=go value=1>送信</button><button name=back value=1>戻る</button></form>
             <form><input name=other value=decoy><button>検索</button></form>",
        );
        let outgoing = pressed(&page, "送信", &[("番号", "12 3")]).unwrap();
        assert_eq!(outgoing.url.as_str(), "https://portal.test/go?x=1");
        assert_eq!(body(&outgoing), "csrf=t%261&trap=&no=12+3&s=B&t=x%0D%0Ay&r=2&d=on&go=1");
        assert_eq!(outgoing.post.unwrap().0, "application/x-www-form-urlencoded");
    }

    #[test]
    fn get_forms_replace_the_query_and_buttons_overrule_the_form() {
        let page = page("<form action='/a?old=1' method=post>番号<input name=no><button formmethod=get formaction=/b?old=2>探す</button></form>");
        let outgoing = pressed(&page, "探す", &[("番号", "1")]).unwrap();
        assert!(outgoing.post.is_none());
        assert_eq!(outgoing.url.as_str(), "https://portal.test/b?no=1");
    }

    #[test]
    fn values_are_sent_in_the_encoding_of_the_page() {
        let html = "<form method=post>氏名<input name=名><input type=hidden name=_charset_><button>送信</button></form>";
        let page = Page::parse(Url::parse("https://portal.test/").unwrap(), encoding_rs::SHIFT_JIS, html).unwrap();
        assert_eq!(body(&pressed(&page, "送信", &[("氏名", "髙﨑①")]).unwrap()), "%96%BC=%FB%FC%FA%B1%87%40&_charset_=Shift_JIS");
        assert_eq!(pressed(&page, "送信", &[("氏名", "𠮷")]).err(), Some(FormFault::Unencodable("名".into())));
    }

    #[test]
    fn a_form_that_accepts_another_charset_gets_it() {
        let html = "<form method=post accept-charset=utf-8>氏名<input name=n><button>送信</button></form>";
        let page = Page::parse(Url::parse("https://portal.test/").unwrap(), encoding_rs::SHIFT_JIS, html).unwrap();
        assert_eq!(body(&pressed(&page, "送信", &[("氏名", "𠮷")]).unwrap()), "n=%F0%A0%AE%B7");
    }

    #[test]
    fn multipart_is_written_as_browsers_write_it() {
        let page = page(
            "<form method=post enctype=multipart/form-data>名前<input name='名\"前'><input type=file name=f>CSR<input type=file name=csr><button>送信</button></form>",
        );
        let (fields, buttons) = (fields(&page), buttons(&page));
        let id = |label: &str| one(&fields, &[label.to_owned()]).unwrap().id();
        let filled =
            Filled::from([(id("名前"), Entry::Text(Secret::text("値"))), (id("CSR"), Entry::File("a.csr".to_owned(), Secret::bytes(b"abc".to_vec())))]);
        let outgoing = press(&page, *one(&buttons, &["送信".to_owned()]).unwrap(), &filled).unwrap();
        let kind = outgoing.post.as_ref().unwrap().0.clone();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let octets = "Content-Type: application/octet-stream";
        assert_eq!(
            body(&outgoing),
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"名%22前\"\r\n\r\n値\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n{octets}\r\n\r\n\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"csr\"; filename=\"a.csr\"\r\n{octets}\r\n\r\nabc\r\n--{boundary}--\r\n"
            )
        );
    }

    #[test]
    fn fields_of_a_form_that_the_table_swallowed_stay_with_it() {
        let page = page("<table><form action=/go method=post><tr><td>番号</td><td><input name=no><input type=submit value=送信></td></tr></form></table>");
        assert_eq!(body(&pressed(&page, "送信", &[("番号", "1")]).unwrap()), "no=1");
    }

    #[test]
    fn fields_outside_the_form_can_belong_to_it_by_id() {
        let page = page("<form id=f method=post></form>番号<input name=no form=f><button form=f>送信</button>");
        assert_eq!(body(&pressed(&page, "送信", &[("番号", "1")]).unwrap()), "no=1");
    }

    #[test]
    fn what_needs_a_script_or_crosses_forms_is_refused() {
        let script = page("<button type=button>送信</button><form action='javascript:go()'><button>申請</button></form><a href='javascript:x()'>次へ</a>");
        assert_eq!(pressed(&script, "送信", &[]).err(), Some(FormFault::Script));
        assert_eq!(pressed(&script, "申請", &[]).err(), Some(FormFault::Script));
        let link = script.visible().find(|element| is(*element, "a")).unwrap();
        assert_eq!(follow(&script, link).err(), Some(FormFault::Script));
        let two = page("<form>番号<input name=no></form><form method=post><button>送信</button></form>");
        assert_eq!(pressed(&two, "送信", &[("番号", "1")]).err(), Some(FormFault::OtherForm));
    }

    #[test]
    fn a_link_is_taken_relative_to_the_base_of_the_page() {
        let page = page("<base href=/sub/><a href='list?a=1#top'>一覧</a>");
        let link = page.visible().find(|element| is(*element, "a")).unwrap();
        assert_eq!(follow(&page, link).unwrap().url.as_str(), "https://portal.test/sub/list?a=1");
    }
}
