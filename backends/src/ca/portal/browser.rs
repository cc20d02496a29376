//! A browser worked by a checklist: the moves that a person is given, made one after another by what the page shows.
//!
//! For rehearsals, where a practice person stands in for one at a screen. Where it goes and what it presses comes from the checklist
//! alone.
//! May use: the wire, screens, labels, forms. Must not: make a move that is not on the list; press what commits twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kirikae_engine::backend::checklist::Move;
use kirikae_engine::backend::profile::{ObserveBy, Open, Operation, OperationSpec, PageItem, PickRow, Profile, RowSpec, WhenMissing};
use kirikae_engine::backend::{BackendError, Call, Gives, Request, Row, SecretSink, Signer};
use kirikae_engine::dsl::Type;
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::Text;
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::Wire;
use super::moves::{Task, Web, carry_out};
use super::screen::Screen;
use super::{Roots, tls};

/// A browser with one window.
pub struct Browser {
    web: Web,
    wait: Duration,
    pressed: bool,
    /// What a person knows of the site: how its lists are headed, which texts mean trouble. Its pages are not looked at.
    site: Profile,
}

/// A window: where it is, and the cookies there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window {
    /// The address of its page.
    pub url: String,
    /// The cookies, as a `Cookie` header has them.
    pub cookies: Option<String>,
}

/// What was written down from the pages.
#[derive(Default)]
pub struct Notes {
    /// Values by name; several of a list.
    pub plain: BTreeMap<String, Vec<String>>,
    /// Secret values by name.
    pub secret: BTreeMap<String, Secret>,
    /// Rows of a list.
    pub rows: Option<Vec<Row>>,
    /// The file that came: its name and content.
    pub file: Option<(String, Secret)>,
    /// The mark of an accepted sign-in that was seen.
    pub signed_in: Option<String>,
}

impl Browser {
    /// A browser that trusts `roots` and has this certificate at hand. `start` is any address of the site.
    ///
    /// # Errors
    /// `NET.UNTRUSTED`, `KEY.UNUSABLE`; `BACKEND.UNSUPPORTED` if the address is none.
    pub fn new(site: Profile, start: &str, roots: &Roots, client: Option<Arc<dyn Signer>>, wait: Duration) -> Result<Self, BackendError> {
        let url = Url::parse(start).map_err(|error| BackendError::new("BACKEND.UNSUPPORTED", Text::plain(format!("{start}: {error}"))))?;
        let wire = Wire::new(&url, &[], tls::Trust::Under(tls::roots(roots)?), None, client)?;
        Ok(Self { web: Web { wire, ended: BTreeMap::new(), seen: BTreeMap::new(), screen: Screen::Blank }, wait, pressed: false, site })
    }

    /// What its window shows, for another process to go on with.
    pub fn window(&self) -> Option<Window> {
        let url = self.web.screen.page()?.url.clone();
        Some(Window { cookies: self.web.wire.cookies_at(&url), url: url.into() })
    }

    /// Opens what another process left in its window.
    ///
    /// # Errors
    /// What the page shows instead: `PORTAL.*`, `NET.*`.
    pub fn reopen(&mut self, window: &Window) -> Result<(), BackendError> {
        let url = Url::parse(&window.url).map_err(|error| BackendError::new("BACKEND.UNSUPPORTED", Text::plain(error.to_string())))?;
        window.cookies.iter().for_each(|cookies| self.web.wire.take_cookies(cookies, &url));
        let (mut item, mut base) = (PageItem::default(), String::new());
        at(&window.url, &mut item, &mut base)?;
        self.one(item, &base, &Request::default(), vec![], None).map(|_| ())
    }

    /// Makes the moves. `secrets` are the values that are not on the list. Ends early, well, where a row may be missing and is.
    ///
    /// # Errors
    /// What a page shows instead: `PORTAL.*`, `NET.*`.
    pub fn work(&mut self, moves: &[Move], secrets: &BTreeMap<String, Secret>) -> Result<Notes, BackendError> {
        let mut notes = Notes::default();
        for page in pages(moves) {
            if !self.page(&page, secrets, &mut notes)? {
                break;
            }
        }
        Ok(notes)
    }

    /// Whether the page shows this text.
    pub fn shows(&self, text: &str) -> bool {
        self.web.screen.shows(text)
    }

    /// Whether what commits may have been pressed.
    pub fn pressed(&self) -> bool {
        self.pressed
    }

    /// Carries one item out.
    fn one(
        &mut self,
        item: PageItem,
        base: &str,
        request: &Request,
        secret_names: Vec<String>,
        sink: Option<&mut dyn SecretSink>,
    ) -> Result<Gives, BackendError> {
        let spec = OperationSpec {
            cite: vec![],
            client_cert: true,
            needs_sign_in: false,
            takes: vec![],
            gives: secret_names.iter().map(|name| (name.clone(), Type::Secret(Box::new(Type::String)))).collect(),
            tries: None,
            observe: ObserveBy::Nothing,
            absent_after: None,
            claim: None,
            // Whether it may be sent again is for those who read the answer; here it is sent once anyway.
            repeatable: true,
            fallback: None,
            hands: None,
            trust_none: false,
            pages: vec![item],
        };
        let call = Call::unattached();
        let task = Task { profile: &self.site, base, timeout: self.wait, call: &call, operation: Operation::Fetch, spec: &spec, request };
        carry_out(&task, &mut self.web, sink)
    }

    /// One page; `false` if the person is done there.
    fn page(&mut self, page: &[Move], secrets: &BTreeMap<String, Secret>, notes: &mut Notes) -> Result<bool, BackendError> {
        self.pressed |= page.iter().any(commits);
        let (item, base, mut request) = as_item(page)?;
        request.secret = secrets.clone();
        let ends_here = item.when_missing == Some(WhenMissing::Nothing);
        let secret_names: Vec<String> =
            page.iter().filter_map(|step| if let Move::Read { name, secret: true, .. } = step { Some(name.clone()) } else { None }).collect();
        let mut written = Written::default();
        let gives = self.one(item, &base, &request, secret_names, Some(&mut written))?;
        let found = !ends_here || !gives.plain.is_empty() || gives.rows.is_some();
        notes.secret.extend(written.0);
        notes.plain.extend(gives.plain);
        notes.rows = gives.rows.or(notes.rows.take());
        notes.file = gives.file.or(notes.file.take());
        notes.signed_in = gives.signed_in.or(notes.signed_in.take());
        Ok(found)
    }
}

/// Secrets as they are written down.
#[derive(Default)]
struct Written(BTreeMap<String, Secret>);

impl SecretSink for Written {
    fn keep(&mut self, name: &str, value: Secret) -> Result<SecretRef, BackendError> {
        self.0.insert(name.to_owned(), value);
        Ok(SecretRef::vault(name))
    }
}

fn commits(step: &Move) -> bool {
    match step {
        Move::Press { commits, .. } | Move::Follow { commits, .. } => *commits,
        Move::IfSeen { moves, .. } => moves.iter().any(commits),
        _ => false,
    }
}

/// The moves of each page: a page ends with what leads to another one.
fn pages(moves: &[Move]) -> Vec<Vec<Move>> {
    let mut pages: Vec<Vec<Move>> = vec![vec![]];
    for step in moves {
        let begins = matches!(step, Move::Open { .. } | Move::OpenShown { .. } | Move::GoOn { .. } | Move::IfSeen { .. } | Move::Download { .. });
        let leads_away = |last: &Move| matches!(last, Move::Press { .. } | Move::Follow { .. } | Move::IfSeen { .. } | Move::Dialog { .. });
        let left = pages.last().and_then(|page| page.last()).is_some_and(leads_away);
        // What a page asks when a button is pressed belongs to that button.
        if (begins || left) && !matches!(step, Move::Dialog { .. }) && pages.last().is_some_and(|page| !page.is_empty()) {
            pages.push(vec![]);
        }
        if let Some(page) = pages.last_mut() {
            page.push(step.clone());
        }
    }
    pages.retain(|page| !page.is_empty());
    pages
}

/// A page's moves as an item, the site's address, and the values that are typed.
fn as_item(page: &[Move]) -> Result<(PageItem, String, Request), BackendError> {
    let (mut item, mut base, mut request) = (PageItem::default(), String::new(), Request::default());
    for step in page {
        add(step, &mut item, &mut base, &mut request)?;
    }
    Ok((item, base, request))
}

fn add(step: &Move, item: &mut PageItem, base: &mut String, request: &mut Request) -> Result<(), BackendError> {
    match step {
        Move::Open { address, .. } => at(address, item, base)?,
        Move::OpenShown { address: Some(address), .. } => at(address, item, base)?,
        Move::OpenShown { name, address: None } => item.open = Some(Open::From { name: name.clone(), hosts: vec![] }),
        Move::GoOn { operation } => item.resume = Operation::parse(operation),
        Move::IfSeen { text, moves } => {
            item.if_seen = Some(text.clone());
            for inner in moves {
                add(inner, item, base, request)?;
            }
        }
        Move::See { text } => item.see.push(text.clone()),
        Move::SeeAny { texts } => item.see_any.clone_from(texts),
        Move::SignedIn { text } => item.signed_in = Some(text.clone()),
        Move::Row { text, button, newest, may_be_missing } => {
            let pick = if *newest { PickRow::Newest } else { PickRow::Only };
            item.row = Some(RowSpec { with_text: wanted(text, request), with_button: button.clone(), pick, columns: vec![] });
            item.when_missing = may_be_missing.then_some(WhenMissing::Nothing);
        }
        Move::Rows { text, button, columns } => {
            item.rows = Some(RowSpec { with_text: wanted(text, request), with_button: button.clone(), pick: PickRow::Only, columns: columns.clone() });
        }
        Move::Read { name, label, .. } => item.read.push((name.clone(), label.clone())),
        Move::Check { name, value } => {
            given(name, value, request);
            item.check.push(name.clone());
        }
        Move::Fill { name, label, value } => {
            given(name, value, request);
            item.fill.push((name.clone(), label.clone()));
        }
        Move::Choose { name, label, value } => {
            given(name, value, request);
            item.choose.push((name.clone(), label.clone()));
        }
        Move::Tick { label } => item.tick.push(label.clone()),
        Move::Upload { name, label, .. } => item.upload.push((name.clone(), label.clone())),
        Move::Press { label, .. } => item.press = Some(label.clone()),
        Move::Follow { label, .. } => item.follow = Some(label.clone()),
        Move::Dialog { text } => item.dialog = Some(text.clone()),
        // A browser saves an archive as it comes.
        Move::Download { pattern, .. } => item.download = Some((pattern.clone(), None)),
    }
    Ok(())
}

/// The parameter that holds the text of a row.
fn wanted(text: &Option<String>, request: &mut Request) -> Option<String> {
    let text = text.as_ref()?;
    request.plain.insert("row".to_owned(), text.clone());
    Some("row".to_owned())
}

fn given(name: &str, value: &Option<String>, request: &mut Request) {
    if let Some(value) = value {
        request.plain.insert(name.to_owned(), value.clone());
    }
}

fn at(address: &str, item: &mut PageItem, base: &mut String) -> Result<(), BackendError> {
    let url = Url::parse(address).map_err(|error| BackendError::new("BACKEND.UNSUPPORTED", Text::plain(format!("{address}: {error}"))))?;
    *base = url.origin().ascii_serialization();
    let path = address.strip_prefix(base.as_str()).unwrap_or_else(|| url.path());
    item.open = Some(Open::Path(path.to_owned()));
    Ok(())
}
