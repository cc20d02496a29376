//! Carries out the pages of an operation, move by move.
//!
//! May use: the wire, screens, forms. Must not: send the committing request twice, guess whether it arrived, choose a label by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use kirikae_engine::backend::profile::{Label, Open, Operation, OperationSpec, PageItem, PickRow, Profile, WhenMissing};
use kirikae_engine::backend::{BackendError, Call, Gives, Request, SecretSink};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use url::Url;

use super::fill;
use super::forms::{self, Filled, Outgoing};
use super::http::{Fault, JSON, Reply, Wire};
use super::labels::{self, Miss, Named, one};
use super::screen::{self, Screen, spellings};
use super::table::Record;
use super::{download, trouble};

/// Moves and redirects of one operation, at most.
const MAX_MOVES: u32 = 10;

/// A Web session: the wire with its cookies, and what later operations go on from.
pub(super) struct Web {
    /// Where requests go through.
    pub wire: Wire,
    /// Where each operation ended.
    pub ended: BTreeMap<Operation, Url>,
    /// What was read, for addresses that a later operation opens.
    pub seen: BTreeMap<String, String>,
    /// The page or file of the last answer.
    pub screen: Screen,
}

/// What an operation is carried out with.
pub(super) struct Task<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The portal's address without a final `/`.
    pub base: &'a str,
    /// The longest wait for one answer.
    pub timeout: Duration,
    /// The circumstances.
    pub call: &'a Call,
    /// Which operation.
    pub operation: Operation,
    /// Its pages.
    pub spec: &'a OperationSpec,
    /// What is typed.
    pub request: &'a Request,
}

/// Why an operation ended early.
struct Stop {
    error: BackendError,
    /// The site said that nothing happened, or nothing was sent.
    certain: bool,
}

impl From<BackendError> for Stop {
    fn from(error: BackendError) -> Self {
        Self { error, certain: false }
    }
}

/// Carries out an operation. `sink` is `None` for a look.
///
/// # Errors
/// As `CaRead::look` and `CaWrite::send` say.
pub(super) fn carry_out(task: &Task<'_>, web: &mut Web, sink: Option<&mut dyn SecretSink>) -> Result<Gives, BackendError> {
    let mut moves = Moves { task, web, sink, gives: Gives::default(), made: 0, committed: false, confirmed: false };
    let result = moves.all();
    let committed = moves.committed;
    match result {
        Ok(()) => Ok(moves.gives),
        Err(Stop { error, certain }) if !committed || certain || task.spec.repeatable || error.code == "PORTAL.REDIRECTED_WRITE" => Err(error),
        Err(Stop { error, .. }) => Err(trouble::result_unknown(&error)),
    }
}

struct Moves<'a, 'c> {
    task: &'a Task<'a>,
    web: &'a mut Web,
    sink: Option<&'a mut (dyn SecretSink + 'c)>,
    gives: Gives,
    made: u32,
    committed: bool,
    /// After the committing request, something that the profile expects was there.
    confirmed: bool,
}

impl Moves<'_, '_> {
    fn all(&mut self) -> Result<(), Stop> {
        let items = &self.task.spec.pages;
        for (index, item) in items.iter().enumerate() {
            if !self.item(item, &items[index + 1..])? {
                break;
            }
        }
        if self.committed && !self.confirmed {
            return Err(trouble::unknown("送ったあとの画面を、プロファイルが書いていません。", "the profile names no page after the sending.", &[]).into());
        }
        if let Some(page) = self.web.screen.page() {
            self.web.ended.insert(self.task.operation, page.url.clone());
        }
        Ok(())
    }

    /// One item; `false` if the operation ends here.
    fn item(&mut self, item: &PageItem, rest: &[PageItem]) -> Result<bool, Stop> {
        let presses = item.press.is_some() || item.follow.is_some();
        if let Some(outgoing) = self.start(item)? {
            self.go(outgoing, item, rest, item.commits && !presses)?;
        }
        if item.if_seen.as_deref().is_some_and(|text| !self.web.screen.shows(text)) {
            return Ok(true);
        }
        self.expect(item)?;
        let row = match self.row(item)? {
            Found::Row(row) => row,
            Found::End => return Ok(false),
        };
        self.read(item, row.as_ref())?;
        self.check(item)?;
        if presses {
            let outgoing = self.pressed(item, row.as_ref())?;
            self.go(outgoing, item, rest, item.commits || self.signs_in(item))?;
        }
        if let Some((pattern, inside)) = &item.download {
            let received = download::file(&self.web.screen, pattern, inside.as_deref(), self.task.operation)?;
            self.confirmed = true;
            self.gives.file = Some(received);
            self.web.screen = Screen::Blank;
        }
        Ok(true)
    }

    /// Whether an item sends the password of a sign-in whose profile marks no committing move: a try is spent, so it is sent once, and
    /// what is not recognised afterwards may be a refusal.
    fn signs_in(&self, item: &PageItem) -> bool {
        let spec = self.task.spec;
        let secret = |name: &str| spec.takes.iter().any(|(known, ty)| known == name && ty.is_secret());
        self.task.operation == Operation::SignIn && !spec.pages.iter().any(|page| page.commits) && item.fill.iter().any(|(name, _)| secret(name))
    }

    /// What `open`, `post` or `continue` sends.
    fn start(&self, item: &PageItem) -> Result<Option<Outgoing>, Stop> {
        if let Some(open) = &item.open {
            return Ok(Some(Outgoing::get(match open {
                Open::Path(path) => self.address(path)?,
                Open::From { name, hosts } => self.address_read(name, hosts)?,
            })));
        }
        if let Some((path, pairs)) = &item.post {
            let mut object = serde_json::Map::new();
            for (key, value) in pairs {
                let value = match value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                    Some(name) => fill::text_of(self.task, name)?.unwrap_or_else(|| Secret::text("")).expose_text().unwrap_or_default().to_owned(),
                    None => value.clone(),
                };
                object.insert(key.clone(), value.into());
            }
            let body = serde_json::Value::Object(object).to_string().into_bytes();
            return Ok(Some(Outgoing { url: self.address(path)?, post: Some((JSON.to_owned(), body.into())), from: None }));
        }
        if let Some(operation) = item.resume {
            let ended = self.web.ended.get(&operation).ok_or_else(|| {
                let what = Text::new(
                    format!("{operation} の続きの画面がありません(画面を開き直す必要があります)。"),
                    format!("there is no page of `{operation}` to go on from in this session."),
                );
                BackendError::new("PORTAL.SESSION_EXPIRED", what)
            })?;
            return Ok(Some(Outgoing::get(ended.clone())));
        }
        Ok(None)
    }

    fn address(&self, path: &str) -> Result<Url, BackendError> {
        let text = format!("{}/{}", self.task.base, path.trim_start_matches('/'));
        Url::parse(&text)
            .map_err(|error| trouble::unknown(format!("アドレス {text} を読めません: {error}"), format!("the address {text} cannot be read: {error}"), &[]))
    }

    fn address_read(&self, name: &str, hosts: &[String]) -> Result<Url, BackendError> {
        let text = self.task.request.plain.get(name).or_else(|| self.web.seen.get(name));
        let url = text.and_then(|text| Url::parse(text.trim()).ok());
        let base = Url::parse(self.task.base).ok();
        let known = |url: &Url| {
            let host = url.host_str().unwrap_or_default();
            base.as_ref().is_some_and(|base| base.origin() == url.origin()) || hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
        };
        url.filter(known)
            .ok_or_else(|| trouble::unknown(format!("{name} は、このサイトのアドレスではありません。"), format!("`{name}` is no address of this portal."), &[]))
    }

    /// Sends a request and goes where its answer leads; the answer becomes the screen.
    fn go(&mut self, outgoing: Outgoing, item: &PageItem, rest: &[PageItem], commits: bool) -> Result<(), Stop> {
        if outgoing.post.is_some() && self.task.operation.is_read() && !item.safe {
            let what = Text::new("見るだけの操作から送ることはできません。", "an operation that only looks cannot send.");
            return Err(BackendError::new("BACKEND.UNSUPPORTED", what).into());
        }
        let mut reply = if commits { self.commit(&outgoing)? } else { self.fetch(&outgoing)? };
        let mut posted = outgoing.post.is_some();
        while (300..400).contains(&reply.status) && reply.location.is_some() {
            if posted && !matches!(reply.status, 301..=303) {
                let (ja, en) =
                    (format!("サイトが HTTP {} で送り直しを求めました。", reply.status), format!("the site asked to send it again (HTTP {}).", reply.status));
                let unsafe_again = commits && !self.task.spec.repeatable;
                let error = if unsafe_again { BackendError::new("PORTAL.REDIRECTED_WRITE", Text::new(ja, en)) } else { trouble::unknown(ja, en, &[]) };
                return Err(error.into());
            }
            let to = reply.location.as_deref().and_then(|location| reply.url.join(location).ok());
            let mut url = to.ok_or_else(|| trouble::unknown("移動先のアドレスを読めません。", "the address of the redirect cannot be read.", &[]))?;
            url.set_fragment(None);
            posted = false;
            reply = self.fetch(&Outgoing { url, post: None, from: Some(reply.url) })?;
        }
        self.arrive(reply, item, rest, commits)
    }

    fn fetch(&mut self, outgoing: &Outgoing) -> Result<Reply, Stop> {
        self.count()?;
        if !self.committed && self.task.call.cancel.is_cancelled() {
            return Err(trouble::fault(Fault::Unreachable(Text::new("止められました", "cancelled"))).into());
        }
        let reply = self.web.wire.fetch(outgoing, self.time_left()?).map_err(trouble::fault)?;
        self.gives.date = reply.date.or(self.gives.date);
        Ok(reply)
    }

    /// Sends the committing request. From here on only what the profile expects says that it happened.
    fn commit(&mut self, outgoing: &Outgoing) -> Result<Reply, Stop> {
        self.count()?;
        if self.committed {
            return Err(trouble::unknown("確定の送信は1回だけです。", "the committing request is sent only once.", &[]).into());
        }
        if self.task.call.cancel.is_cancelled() {
            return Err(trouble::fault(Fault::Unreachable(Text::new("止められました", "cancelled"))).into());
        }
        let limit = self.time_left()?;
        self.committed = true;
        let reply = self.web.wire.commit(outgoing, limit).map_err(|fault| {
            let certain = match &fault {
                Fault::Unreachable(_) | Fault::Untrusted(_) | Fault::Elsewhere(_) | Fault::Key(_) => true,
                Fault::ClientRejected { sent } => !sent,
                Fault::Lost(_) | Fault::TooLong(_) => false,
            };
            Stop { error: trouble::fault(fault), certain }
        })?;
        self.gives.date = reply.date.or(self.gives.date);
        Ok(reply)
    }

    fn count(&mut self) -> Result<(), BackendError> {
        self.made += 1;
        if self.made > MAX_MOVES {
            return Err(trouble::unknown("画面の移動が多すぎます。", "the operation goes over too many pages.", &[]));
        }
        Ok(())
    }

    fn time_left(&self) -> Result<Duration, BackendError> {
        let left = self.task.call.time_left(self.task.timeout);
        if left.is_zero() { Err(trouble::fault(Fault::Unreachable(Text::new("時間内に応答がありません", "no answer in time")))) } else { Ok(left) }
    }

    /// Judges an answer and makes it the screen.
    fn arrive(&mut self, reply: Reply, item: &PageItem, rest: &[PageItem], commits: bool) -> Result<(), Stop> {
        let (status, cut) = (reply.status, reply.cut);
        self.web.screen = Screen::of(reply, self.task.profile)?;
        if cut {
            let error = match &self.web.screen {
                Screen::File(_) => trouble::bad_file("ファイルが途中で切れました。", "the file was cut off."),
                _ => trouble::fault(Fault::Lost(Text::new("画面が途中で切れました", "the page was cut off"))),
            };
            return Err(error.into());
        }
        let expected = (200..300).contains(&status) && self.committed && expects(&self.web.screen, item, rest, commits);
        if commits && let Some(refusal) = item.refused.iter().find(|refusal| self.web.screen.shows(&refusal.see)) {
            let error = trouble::said(&refusal.code, &refusal.see);
            // A page that says both proves neither.
            return Err(Stop { error, certain: !expected });
        }
        let known = self.task.profile.errors.iter().find(|known| self.web.screen.shows(&known.see));
        match known {
            Some(known) if !expected => Err(trouble::shown(known).into()),
            _ if !(200..300).contains(&status) => Err(trouble::status(status).into()),
            _ => Ok(()),
        }
    }

    /// `see`, `see_any`, `signed_in`.
    fn expect(&mut self, item: &PageItem) -> Result<(), Stop> {
        let missing = item.see.iter().chain(&item.signed_in).find(|text| !self.web.screen.shows(text));
        let none_of = !item.see_any.is_empty() && !item.see_any.iter().any(|text| self.web.screen.shows(text));
        if missing.is_none() && !none_of {
            let says = !item.see.is_empty() || !item.see_any.is_empty() || item.signed_in.is_some() || item.if_seen.is_some();
            // The committing item's own words are about the page before it was sent.
            self.confirmed |= self.committed && says;
            if item.signed_in.is_some() && self.task.spec.client_cert && self.web.wire.key_use.presented() {
                self.gives.signed_in.clone_from(&item.signed_in);
            }
            return Ok(());
        }
        let page = self.web.screen.need_page()?;
        if page.needs_script() {
            let what = Text::new("画面がスクリプトで作られています。", "the page is made by a script.");
            return Err(BackendError::new("PORTAL.NEEDS_SCRIPT", what).into());
        }
        let wanted = missing.map_or_else(|| item.see_any.join("」「"), Clone::clone);
        let there = screen::labels_of(page);
        Err(trouble::unknown(format!("画面に「{wanted}」が見当たりません。"), format!("the page does not show \u{201c}{wanted}\u{201d}."), &there).into())
    }

    fn row(&mut self, item: &PageItem) -> Result<Found, Stop> {
        let task = self.task;
        let with_text = |name: &Option<String>| name.as_ref().and_then(|name| task.request.plain.get(name)).map(String::as_str);
        if let Some(spec) = &item.rows {
            let records = screen::rows(self.web.screen.need_page()?, spec, task.profile, with_text(&spec.with_text), &item.read)?;
            self.gives.rows = Some(records.iter().map(|record| screen::row(record, spec)).collect::<Result<_, _>>()?);
            self.confirmed |= self.committed;
        }
        let Some(spec) = &item.row else { return Ok(Found::Row(None)) };
        let records = screen::rows(self.web.screen.need_page()?, spec, task.profile, with_text(&spec.with_text), &item.read)?;
        let picked = match records.as_slice() {
            [] => match &item.when_missing {
                Some(WhenMissing::Nothing) => return Ok(Found::End),
                missing => {
                    let code = missing.as_ref().map_or("PORTAL.NO_ROW", |missing| match missing {
                        WhenMissing::Code(code) => code,
                        WhenMissing::Nothing => "PORTAL.NO_ROW",
                    });
                    return Err(BackendError::new(code, Text::new("一覧に当てはまる行がありません。", "no row of the list matches.")).into());
                }
            },
            [only] => Some(only.clone()),
            _ if spec.pick == PickRow::Newest => screen::newest_of(&records, spec, task.profile),
            _ => None,
        };
        self.confirmed |= self.committed;
        picked.map(|row| Found::Row(Some(row))).ok_or_else(|| {
            let count = records.len();
            BackendError::new("PORTAL.MANY_ROWS", Text::new(format!("一覧に当てはまる行が{count}行あります。"), format!("{count} rows of the list match.")))
                .into()
        })
    }

    /// Reads what the page shows: secrets first, each kept before anything else can fail.
    fn read(&mut self, item: &PageItem, row: Option<&Record>) -> Result<(), Stop> {
        let task = self.task;
        let is_secret = |name: &str| task.spec.gives.iter().any(|(known, ty)| known == name && ty.is_secret());
        let (secret, plain): (Vec<_>, Vec<_>) = item.read.iter().partition(|(name, _)| is_secret(name));
        let mut first_error: Option<BackendError> = None;
        for (name, label) in secret {
            match self.keep(name, label, row) {
                Ok(()) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        if let Some(error) = first_error {
            return Err(error.into());
        }
        for (name, label) in plain {
            let texts = self.texts(name, label, row)?;
            if let Some(text) = texts.first() {
                self.web.seen.insert(name.clone(), text.clone());
                self.confirmed |= self.committed;
                self.gives.plain.insert(name.clone(), texts);
            }
        }
        Ok(())
    }

    fn keep(&mut self, name: &str, label: &Label, row: Option<&Record>) -> Result<(), BackendError> {
        let Some(text) = self.texts(name, label, row)?.into_iter().next() else { return Ok(()) };
        let sink = self.sink.as_mut().ok_or_else(|| {
            BackendError::new(
                "BACKEND.UNSUPPORTED",
                Text::new(format!("見るだけの操作で秘密の {name} は読めません。"), format!("a look cannot keep the secret `{name}`.")),
            )
        })?;
        let reference = sink.keep(name, Secret::text(text))?;
        self.confirmed |= self.committed;
        self.gives.secret.insert(name.to_owned(), reference);
        Ok(())
    }

    fn texts(&self, name: &str, label: &Label, row: Option<&Record>) -> Result<Vec<String>, BackendError> {
        let page = self.web.screen.need_page()?;
        row.map_or_else(|| screen::values(page, name, label), |row| screen::values_in_row(row, name, label))
    }

    fn check(&self, item: &PageItem) -> Result<(), Stop> {
        for name in &item.check {
            let Some(text) = fill::text_of(self.task, name)? else { continue };
            if !self.web.screen.shows(text.expose_text().unwrap_or_default()) {
                let en = format!("the page does not show the value of `{name}` that was given.");
                return Err(trouble::unknown(format!("画面に、入力した {name} の値が出ていません。"), en, &[]).into());
            }
        }
        Ok(())
    }

    /// Fills the page in and presses the button or link.
    fn pressed(&self, item: &PageItem, row: Option<&Record>) -> Result<Outgoing, Stop> {
        let page = self.web.screen.need_page()?;
        let filled: Filled = fill::filled(page, item, row, self.task)?;
        let in_row = |named: &Named<scraper::ElementRef<'_>>| row.is_none_or(|row| row.holds(page.span(named.thing.id()).0));
        let given = |name: &str| self.task.request.plain.get(name).cloned();
        let (label, mut things) = match (&item.press, &item.follow) {
            (Some(press), _) => (press.clone(), labels::buttons(page)),
            (None, Some(follow)) => (follow.named_after(given), labels::links(page)),
            (None, None) => return Err(trouble::unknown("押すところがありません。", "there is nothing to press.", &[]).into()),
        };
        things.retain(in_row);
        let names = spellings(&label);
        let shown = names.first().cloned().unwrap_or_default();
        let thing = match one(&things, &names) {
            Ok(thing) => *thing,
            Err(Miss::Nothing(there)) => self.other_way(page, item, row, &label).ok_or_else(|| {
                let there = if there.is_empty() { screen::labels_of(page) } else { there };
                trouble::missed("press", &names, Miss::Nothing(there))
            })?,
            Err(several) => return Err(trouble::missed("press", &names, several).into()),
        };
        let outgoing = if super::page::is_button(thing) { forms::press(page, thing, &filled) } else { forms::follow(page, thing) };
        outgoing.map_err(|fault| trouble::form(&shown, fault).into())
    }

    /// What looks like a button may be a link, and the other way round: a link for `press` where nothing was filled in,
    /// a button that only fetches for `follow`, and what the CSS fallback finds.
    fn other_way<'p>(&self, page: &'p super::page::Page, item: &PageItem, row: Option<&Record>, label: &Label) -> Option<scraper::ElementRef<'p>> {
        let fills = !item.fill.is_empty() || !item.choose.is_empty() || !item.tick.is_empty() || !item.upload.is_empty();
        let mut others: Vec<Named<scraper::ElementRef<'p>>> = match item.press {
            Some(_) if fills => vec![],
            Some(_) => labels::links(page),
            None => labels::buttons(page).into_iter().filter(|named| forms::is_get(page, named.thing)).collect(),
        };
        others.retain(|named| row.is_none_or(|row| row.holds(page.span(named.thing.id()).0)));
        if let Ok(thing) = one(&others, &spellings(label)) {
            return Some(*thing);
        }
        match page.select(label.css.as_deref()?).as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

enum Found {
    Row(Option<Record>),
    End,
}

/// Whether a screen is what the next item expects: its words are all there, or it is the file to be received.
fn expects(screen: &Screen, item: &PageItem, rest: &[PageItem], just_sent: bool) -> bool {
    let is_file = matches!(screen, Screen::File(_));
    if just_sent && item.download.is_some() {
        return is_file;
    }
    let next = rest.iter().find(|next| next.if_seen.as_deref().is_none_or(|text| screen.shows(text)));
    next.is_some_and(|next| {
        let words = !next.see.is_empty() || !next.see_any.is_empty() || next.signed_in.is_some() || next.if_seen.is_some();
        let shown = next.see.iter().chain(&next.signed_in).all(|text| screen.shows(text));
        let any = next.see_any.is_empty() || next.see_any.iter().any(|text| screen.shows(text));
        next.open.is_none() && ((words && shown && any) || (next.download.is_some() && is_file))
    })
}
