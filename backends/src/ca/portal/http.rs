//! One request, one answer: the HTTP client of a portal (`runs.md` 9).
//!
//! May use: reqwest, TLS. Must not: follow redirects, send anything twice, read pages, know profiles.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use encoding_rs::Encoding;
use jiff::Timestamp;
use kirikae_engine::backend::{BackendError, Signer};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::{Lang, Phrase, Text};
use reqwest::blocking::{Client, Response};
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header;
use url::{Origin, Url};

use super::ProxySettings;
use super::forms::Outgoing;
use super::tls::{self, Handshake, KeyUse, Trust};

/// The media type of JSON.
pub(super) const JSON: &str = "application/json";
/// A page is at most this long.
pub(super) const MAX_PAGE: usize = 2 * 1024 * 1024;
/// A file is at most this long.
pub(super) const MAX_FILE: usize = 16 * 1024 * 1024;

/// What all clients of a session share.
pub(super) struct Wire {
    base: Origin,
    hosts: Vec<String>,
    trust: Trust,
    proxy: Option<ProxySettings>,
    signer: Option<Arc<dyn Signer>>,
    cookies: Arc<Jar>,
    /// What became of the client certificate.
    pub key_use: Arc<KeyUse>,
    own: Client,
    other: Client,
}

/// An answer, whole or cut.
pub(super) struct Reply {
    /// What was asked for.
    pub url: Url,
    /// The status code.
    pub status: u16,
    /// Where to go on, for a redirect.
    pub location: Option<String>,
    /// Media type without parameters, lower case.
    pub media: Option<String>,
    /// Encoding that the header names.
    pub encoding: Option<&'static Encoding>,
    /// File name that the header names.
    pub file_name: Option<String>,
    /// The server's clock.
    pub date: Option<Timestamp>,
    /// The body; wiped, as it may be a key or show a secret.
    pub body: Secret,
    /// The connection ended before the body did.
    pub cut: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing was sent: there is no connection.
    Unreachable(Text),
    /// Nothing was sent: the server is not trusted.
    Untrusted(Text),
    /// The server refused the client certificate; `sent` unless that was in the handshake.
    ClientRejected {
        /// Whether the request may have arrived.
        sent: bool,
    },
    /// It was sent, and no answer came.
    Lost(Text),
    /// The answer is longer than allowed.
    TooLong(usize),
    /// Nothing was sent: the address is none of the portal's.
    Elsewhere(String),
    /// The key did not sign.
    Key(BackendError),
}

impl Wire {
    /// A wire to the origin of `base`; `hosts` are reached without certificate and cookies.
    ///
    /// # Errors
    /// `NET.UNTRUSTED`, `NET.UNREACHABLE` (the proxy's address).
    pub fn new(base: &Url, hosts: &[String], trust: Trust, proxy: Option<ProxySettings>, signer: Option<Arc<dyn Signer>>) -> Result<Self, BackendError> {
        let (cookies, key_use) = (Arc::new(Jar::default()), Arc::new(KeyUse::default()));
        let client = signer.as_ref().map(|signer| (signer, &key_use));
        let own = build(&trust, proxy.as_ref(), client, Some(&cookies))?;
        let other = build(&trust, proxy.as_ref(), None, None)?;
        Ok(Self { base: base.origin(), hosts: hosts.to_vec(), trust, proxy, signer, cookies, key_use, own, other })
    }

    /// Whether a client certificate is at hand.
    pub fn has_client(&self) -> bool {
        self.signer.is_some()
    }

    /// The cookies that go with an address, as a `Cookie` header has them.
    pub fn cookies_at(&self, url: &Url) -> Option<String> {
        self.cookies.cookies(url).and_then(|value| value.to_str().ok().map(str::to_owned))
    }

    /// Takes cookies over for an address.
    pub fn take_cookies(&self, cookies: &str, url: &Url) {
        cookies.split(';').for_each(|cookie| self.cookies.add_cookie_str(&format!("{}; Path=/", cookie.trim()), url));
    }

    /// Sends a request that commits nothing.
    pub fn fetch(&self, outgoing: &Outgoing, limit: Duration) -> Result<Reply, Fault> {
        let client = if outgoing.url.origin() == self.base { &self.own } else { self.elsewhere(&outgoing.url)? };
        self.exchange(client, outgoing, limit)
    }

    /// Sends the committing request, once, over a connection of its own: a kept connection that the server has just
    /// closed would leave it open whether the request arrived.
    pub fn commit(&self, outgoing: &Outgoing, limit: Duration) -> Result<Reply, Fault> {
        if outgoing.url.origin() != self.base {
            return Err(Fault::Elsewhere(host(&outgoing.url)));
        }
        let client = self.signer.as_ref().map(|signer| (signer, &self.key_use));
        let client = build(&self.trust, self.proxy.as_ref(), client, Some(&self.cookies)).map_err(|error| Fault::Unreachable(error.cause))?;
        self.exchange(&client, outgoing, limit)
    }

    fn elsewhere(&self, url: &Url) -> Result<&Client, Fault> {
        let known = url.scheme() == "https" && self.hosts.iter().any(|known| known.eq_ignore_ascii_case(url.host_str().unwrap_or_default()));
        known.then_some(&self.other).ok_or_else(|| Fault::Elsewhere(host(url)))
    }

    fn exchange(&self, client: &Client, outgoing: &Outgoing, limit: Duration) -> Result<Reply, Fault> {
        let url = outgoing.url.clone();
        let mut request = match &outgoing.post {
            None => client.get(url.clone()),
            Some((kind, body)) => client.post(url.clone()).header(header::CONTENT_TYPE, kind.as_str()).body(body.to_vec()),
        };
        // Who posts JSON wants JSON back.
        if outgoing.post.as_ref().is_some_and(|(kind, _)| kind == JSON) {
            request = request.header(header::ACCEPT, JSON);
        }
        if let Some(from) = outgoing.from.as_ref().filter(|from| from.origin() == url.origin()) {
            request = request.header(header::REFERER, from.as_str());
            if outgoing.post.is_some() {
                request = request.header(header::ORIGIN, from.origin().ascii_serialization());
            }
        }
        let answer = request.timeout(limit).send().map_err(|error| self.fault(&error))?;
        read(url, answer)
    }

    fn fault(&self, error: &reqwest::Error) -> Fault {
        if let Some(failure) = self.key_use.take_failure() {
            return Fault::Key(failure);
        }
        let why = causes(error);
        match tls::handshake(error) {
            Some(Handshake::Untrusted) => Fault::Untrusted(why),
            Some(Handshake::ClientRejected) => Fault::ClientRejected { sent: !error.is_connect() },
            None if error.is_connect() || error.is_builder() => Fault::Unreachable(why),
            None => Fault::Lost(why),
        }
    }
}

fn build(
    trust: &Trust,
    proxy: Option<&ProxySettings>,
    client: Option<(&Arc<dyn Signer>, &Arc<KeyUse>)>,
    cookies: Option<&Arc<Jar>>,
) -> Result<Client, BackendError> {
    let mut headers = header::HeaderMap::new();
    headers.insert(header::ACCEPT, header::HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"));
    headers.insert(header::ACCEPT_LANGUAGE, header::HeaderValue::from_static("ja,en;q=0.5"));
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls::config(trust.clone(), client)?)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .user_agent(concat!("Mozilla/5.0 (compatible; kirikae/", env!("CARGO_PKG_VERSION"), ")"))
        .default_headers(headers);
    if let Some(cookies) = cookies {
        builder = builder.cookie_provider(cookies.clone());
    }
    if let Some(settings) = proxy {
        let mut proxy = reqwest::Proxy::all(&settings.url).map_err(|error| unusable(&causes(&error)))?;
        if let Some(user) = &settings.user {
            proxy = proxy.basic_auth(user, settings.password.as_ref().and_then(Secret::expose_text).unwrap_or_default());
        }
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| unusable(&causes(&error)))
}

fn unusable(why: &Text) -> BackendError {
    let (ja, en) = (&why.ja, why.get(Lang::En));
    BackendError::new("NET.UNREACHABLE", Text::new(format!("通信の準備ができません: {ja}"), format!("the connection cannot be set up: {en}")))
}

fn read(url: Url, answer: Response) -> Result<Reply, Fault> {
    let text = |name: header::HeaderName| answer.headers().get(name).map(|value| lossy(value.as_bytes()));
    let kind = text(header::CONTENT_TYPE);
    let media = kind.as_deref().and_then(|kind| kind.split(';').next()).map(|media| media.trim().to_ascii_lowercase());
    let named = kind.as_deref().and_then(|kind| kind.split(';').skip(1).find_map(|part| charset(part.trim())));
    let date = text(header::DATE).and_then(|date| httpdate::parse_http_date(&date).ok()).and_then(|at| Timestamp::try_from(at).ok());
    let file_name = text(header::CONTENT_DISPOSITION).and_then(|disposition| name_in(&disposition));
    let (status, location) = (answer.status().as_u16(), text(header::LOCATION));
    let longest = if media.as_deref().is_some_and(is_page) { MAX_PAGE } else { MAX_FILE };
    let mut body = vec![];
    let cut = answer.take(longest as u64 + 1).read_to_end(&mut body).is_err();
    let body = Secret::bytes(body);
    if body.expose().len() > longest {
        return Err(Fault::TooLong(longest));
    }
    Ok(Reply { url, status, location, media: media.filter(|media| !media.is_empty()), encoding: named, file_name, date, body, cut })
}

/// Whether a media type is that of a page.
pub(super) fn is_page(media: &str) -> bool {
    matches!(media, "text/html" | "application/xhtml+xml")
}

fn charset(part: &str) -> Option<&'static Encoding> {
    let (key, value) = part.split_once('=')?;
    key.trim().eq_ignore_ascii_case("charset").then(|| Encoding::for_label(value.trim().trim_matches(['"', '\'']).as_bytes())).flatten()
}

/// The file name of a `Content-Disposition` (RFC 6266): `filename*` before `filename`.
fn name_in(disposition: &str) -> Option<String> {
    let parts = || disposition.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
    let value = |wanted: &str| parts().find(|(key, _)| key.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim());
    let extended = value("filename*").and_then(|value| {
        let mut pieces = value.splitn(3, '\'');
        let encoding = Encoding::for_label(pieces.next()?.as_bytes())?;
        let bytes: Vec<u8> = percent_decoded(pieces.nth(1)?);
        Some(encoding.decode(&bytes).0.into_owned())
    });
    extended.or_else(|| value("filename").map(|value| value.trim_matches('"').to_owned())).filter(|name| !name.is_empty())
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        match digits {
            Some(byte) => {
                bytes.extend(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

/// Header bytes: UTF-8, else Windows-31J, as Japanese servers write them.
fn lossy(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| encoding_rs::SHIFT_JIS.decode(bytes).0.into_owned(), str::to_owned)
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Why there is no answer, in words; without the address, whose query may hold what a person typed.
fn causes(error: &reqwest::Error) -> Text {
    if error.is_timeout() {
        return Text::new("時間内に応答がありません", "no answer in time");
    }
    let mut next = std::error::Error::source(error);
    let mut causes = vec![];
    while let Some(cause) = next {
        if let Some(words) = cause.downcast_ref::<io::Error>().and_then(|error| words(error.kind())) {
            return words.into();
        }
        causes.push(without_link(&cause.to_string()));
        next = cause.source();
    }
    if causes.is_empty() { Text::new("通信に失敗しました", "the request failed") } else { Text::plain(causes.join(": ")) }
}

/// What people know under another name than the system's.
fn words(kind: io::ErrorKind) -> Option<Phrase> {
    Some(match kind {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Phrase { ja: "途中で接続が切れました", en: "the connection was closed" }
        }
        io::ErrorKind::ConnectionRefused => Phrase { ja: "接続を断られました", en: "the connection was refused" },
        io::ErrorKind::TimedOut => Phrase { ja: "時間内に応答がありません", en: "no answer in time" },
        _ => return None,
    })
}

/// Messages of libraries that end with an address lead people to documentation for programmers.
fn without_link(message: &str) -> String {
    message.find("http").map_or(message, |at| &message[..at]).trim_end_matches([' ', ':', '(']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_libraries_are_left_out() {
        let closed = "peer closed connection without sending TLS close_notify: https://docs.example/manual#unexpected-eof";
        assert_eq!(without_link(closed), "peer closed connection without sending TLS close_notify");
        assert_eq!(without_link("dns error"), "dns error");
    }
}
