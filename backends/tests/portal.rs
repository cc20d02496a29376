//! A portal as the engine meets it: real HTTPS on loopback, the profile of the manual, and everything that can go wrong after a button is pressed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kirikae_backends::ca::portal::{Portal, PortalSettings, Roots};
use kirikae_backends::store::signer::SoftSigner;
use kirikae_backends::x509::{Custody, cert_info};
use kirikae_engine::backend::profile::{Hands, Operation, Profile};
use kirikae_engine::backend::{BackendError, CaRead, CaWrite, Call, Class, Gives, Progress, Request, SecretSink, Session, Signer};
use kirikae_engine::dsl::decode_profile;
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::Source;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

const MENU: &str = "<h1>更新申請サイト</h1><a href='/p/apply'>証明書更新申請</a><a href='/p/list'>更新後証明書の取得</a>";
const CONFIRM: &str = "<h1>証明書更新申請</h1><form method=post action=/p/accept><input type=hidden name=csrf value=t1><button>Submit</button></form>";
const ACCEPTED: &str = "<h1>申請情報を受け付けました</h1><table><tr><th>リクエストID<td>202611230100076<tr><th>リファレンスID<td>ref-once-7
    <tr><th>Common Name<td>0110119153<tr><th>Organizational Unit<td>医療機関<tr><th>Organizational Unit<td>北海道<tr><th>Organization<td>Online</table>";
const LIST: &str = "<h1>更新後証明書の取得</h1><table><tr><th>リクエストID<th>証明書ステータス<th>発行日
    <tr><td>202601010100001<td>発行済み<td>2023/11/01<tr><td>202611230100076<td><form action=/p/key><button>Download Key</button></form><td>2026/11/23</table>";
const KEY: &str = "<h1>鍵の取得</h1><form method=post action=/p/key>パスワード<input type=password name=pw><button>Submit</button></form>";

/// What a page does: an answer as it goes over the wire.
type Pages = dyn Fn(&Asked) -> Vec<u8> + Send + Sync;

#[derive(Clone, Debug)]
struct Asked {
    line: String,
    headers: String,
    body: String,
    certificates: usize,
}

struct Site {
    base: String,
    root_pem: String,
    client: Arc<dyn Signer>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

fn ok(kind: &str, body: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("Content-Type: {kind}\r\n"), body)
}

fn html(body: &str) -> Vec<u8> {
    ok("text/html; charset=utf-8", body.as_bytes())
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let date = "Date: Mon, 23 Nov 2026 01:15:00 GMT";
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}{date}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn file(bytes: &[u8]) -> Vec<u8> {
    answer("200 OK", "Content-Type: application/x-pkcs12\r\nContent-Disposition: attachment; filename=\"../0110119153.p12\"\r\n", bytes)
}

fn p12() -> Vec<u8> {
    let mut bytes = vec![0x30, 0x82, 0x01, 0x00];
    bytes.extend([5; 256]);
    bytes
}

fn params(name: &str, hosts: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn client_signer(der: &[u8], key: &KeyPair) -> SoftSigner {
    let custody = Custody { has_key: true, key_exportable: true, key_protected: false, holder: "test".to_owned(), friendly_name: None };
    SoftSigner::new(cert_info(der, custody).unwrap(), vec![der.to_vec()], &Secret::bytes(key.serialize_der())).unwrap()
}

/// Serves `pages` over TLS on loopback; asks for a client certificate of its root, and lets those without one in.
fn site(pages: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Site {
    let mut root = params("test root", vec![]);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let (server_key, client_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let server = params("localhost", vec!["localhost".to_owned()]).signed_by(&server_key, &root).unwrap();
    let client = params("0110119153", vec![]).signed_by(&client_key, &root).unwrap();
    let client = client_signer(client.der(), &client_key);

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).allow_unauthenticated().build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(server.der().to_vec())], PrivatePkcs8KeyDer::from(server_key.serialize_der()).into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let asked = Arc::new(Mutex::new(vec![]));
    let (log, config, pages): (_, _, Arc<Pages>) = (asked.clone(), Arc::new(config), Arc::new(pages));
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket);
            let Some(request) = receive(&mut tls) else { continue };
            log.lock().unwrap().push(request.clone());
            // A cut answer may fail on the way out: that is what it is for.
            let _ = tls.write_all(&pages(&request));
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    Site { base, root_pem: root.pem(), client: Arc::new(client), asked }
}

fn receive(tls: &mut StreamOwned<ServerConnection, std::net::TcpStream>) -> Option<Asked> {
    let (mut bytes, mut buffer) = (vec![], [0; 4096]);
    loop {
        let count = tls.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let (line, headers) = head.split_once("\r\n")?;
        let length = headers.to_ascii_lowercase().lines().find_map(|header| header.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0_usize);
        if body.len() >= length {
            let certificates = tls.conn.peer_certificates().map_or(0, <[_]>::len);
            let line = line.trim_end_matches(" HTTP/1.1").to_owned();
            return Some(Asked { line, headers: headers.to_ascii_lowercase(), body: body.to_owned(), certificates });
        }
    }
}

/// The pages of the renewal; `special` answers first.
fn renewal(special: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static) -> Site {
    site(move |asked| {
        special(asked).unwrap_or_else(|| match asked.line.as_str() {
            "GET /p/ru" => answer("200 OK", "Content-Type: text/html; charset=utf-8\r\nSet-Cookie: sid=s1; Path=/; Secure; HttpOnly\r\n", MENU.as_bytes()),
            "GET /p/apply" => html(CONFIRM),
            "POST /p/accept" => answer("302 Found", "Location: /p/accepted\r\n", b""),
            "GET /p/accepted" => html(ACCEPTED),
            "GET /p/list" => html(LIST),
            "GET /p/key" | "GET /p/key?" => html(KEY),
            "POST /p/key" => file(&p12()),
            _ => answer("404 Not Found", "Content-Type: text/html\r\n", b"<h1>?</h1>"),
        })
    })
}

impl Site {
    fn portal(&self) -> Portal {
        Portal::new(profile(), self.settings()).unwrap()
    }

    fn settings(&self) -> PortalSettings {
        PortalSettings {
            base: self.base.clone(),
            roots: Roots::Pem(self.root_pem.clone().into_bytes()),
            proxy: None,
            timeout: Duration::from_secs(30),
            absent_after: None,
            hands: None,
        }
    }

    fn send(&self, operation: Operation, request: &Request, kept: &mut Kept) -> Result<Gives, BackendError> {
        let portal = self.portal();
        let mut session = portal.open(&Call::unattached(), Some(self.client.clone())).unwrap();
        send(&portal, session.as_mut(), operation, request, kept)
    }

    fn renew(&self) -> Result<Gives, BackendError> {
        self.send(Operation::Renew, &Request::default(), &mut Kept::default())
    }

    fn fetch(&self) -> Result<Gives, BackendError> {
        self.send(Operation::Fetch, &fetching(), &mut Kept::default())
    }

    fn posts(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.line.starts_with("POST")).count()
    }
}

fn send(portal: &Portal, session: &mut dyn Session, operation: Operation, request: &Request, kept: &mut Kept) -> Result<Gives, BackendError> {
    match portal.send(&Call::unattached(), session, operation, request, kept)? {
        Progress::Done(gives) => Ok(gives),
        Progress::Pending { .. } => panic!("the portal never asks to come back"),
    }
}

fn profile() -> Profile {
    decode_profile(&Source::new("obn.yaml", include_str!("../../playbooks/portals/obn.yaml"))).unwrap()
}

fn fetching() -> Request {
    let mut request = Request::default();
    request.plain.insert("request_id".into(), "202611230100076".into());
    request.secret.insert("password".into(), Secret::text("0429"));
    request
}

#[derive(Default)]
struct Kept(Vec<(String, String)>);

impl SecretSink for Kept {
    fn keep(&mut self, name: &str, value: Secret) -> Result<SecretRef, BackendError> {
        self.0.push((name.to_owned(), value.expose_text().unwrap().to_owned()));
        Ok(SecretRef::vault(name))
    }
}

#[test]
fn a_renewal_is_requested_listed_and_fetched_in_one_session() {
    let site = renewal(|_| None);
    let portal = site.portal();
    assert_eq!(portal.id(), format!("portal:obn@{}", site.base));
    let mut session = portal.open(&Call::unattached(), Some(site.client.clone())).unwrap();
    let mut kept = Kept::default();

    let probe = portal.look(&Call::unattached(), session.as_mut(), Operation::Probe, &Request::default()).unwrap();
    assert_eq!(probe.signed_in.as_deref(), Some("更新後証明書の取得"));
    assert_eq!(probe.date.unwrap().to_string(), "2026-11-23T01:15:00Z");

    let renewed = send(&portal, session.as_mut(), Operation::Renew, &Request::default(), &mut kept).unwrap();
    assert_eq!(renewed.plain["request_id"], ["202611230100076"]);
    assert_eq!(renewed.plain["ou"], ["医療機関", "北海道"]);
    assert_eq!(kept.0, [("reference_id".to_owned(), "ref-once-7".to_owned())]);
    assert!(!renewed.plain.contains_key("reference_id") && renewed.secret.contains_key("reference_id"));

    let rows = portal.look(&Call::unattached(), session.as_mut(), Operation::FindIssued, &Request::default()).unwrap().rows.unwrap();
    assert_eq!(rows.iter().map(|row| row.columns["request_id"].as_str()).collect::<Vec<_>>(), ["202601010100001", "202611230100076"]);

    let status = portal.look(&Call::unattached(), session.as_mut(), Operation::Status, &Request::default()).unwrap();
    assert_eq!(status.plain["status"], ["issued"], "the newest row's button means issued");

    let (name, content) = send(&portal, session.as_mut(), Operation::Fetch, &fetching(), &mut kept).unwrap().file.unwrap();
    assert_eq!((name.as_str(), content.expose()), ("0110119153.p12", p12().as_slice()));

    let asked = site.asked.lock().unwrap();
    let posts: Vec<&Asked> = asked.iter().filter(|asked| asked.line.starts_with("POST")).collect();
    assert_eq!(
        posts.iter().map(|asked| (asked.line.as_str(), asked.body.as_str())).collect::<Vec<_>>(),
        [("POST /p/accept", "csrf=t1"), ("POST /p/key", "pw=0429")]
    );
    assert!(posts.iter().all(|asked| asked.certificates > 0 && asked.headers.contains("cookie: sid=s1")));
}

#[test]
fn nobody_is_signed_in_without_a_client_certificate() {
    let site = renewal(|_| None);
    let portal = site.portal();
    let mut session = portal.open(&Call::unattached(), None).unwrap();
    let probe = portal.look(&Call::unattached(), session.as_mut(), Operation::Probe, &Request::default()).unwrap();
    assert_eq!(probe.signed_in, None);
    assert_eq!(site.asked.lock().unwrap()[0].certificates, 0);
}

#[test]
fn after_the_button_only_the_expected_page_is_success() {
    let menu = || html(MENU);
    let cases: Vec<(&str, Box<dyn Fn() -> Vec<u8> + Send + Sync>, &str)> = vec![
        ("307", Box::new(|| answer("307 Temporary Redirect", "Location: /p/accept\r\n", b"")), "PORTAL.REDIRECTED_WRITE"),
        ("308", Box::new(|| answer("308 Permanent Redirect", "Location: /p/accept\r\n", b"")), "PORTAL.REDIRECTED_WRITE"),
        ("lost answer", Box::new(Vec::new), "PORTAL.RESULT_UNKNOWN"),
        ("cut answer", Box::new(|| b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 900\r\n\r\n<h1>".to_vec()), "PORTAL.RESULT_UNKNOWN"),
        ("503", Box::new(|| answer("503 Service Unavailable", "", b"")), "PORTAL.RESULT_UNKNOWN"),
        ("500 with the page", Box::new(|| answer("500 Internal Server Error", "Content-Type: text/html\r\n", ACCEPTED.as_bytes())), "PORTAL.RESULT_UNKNOWN"),
        ("busy text", Box::new(|| html("<p>混み合っています")), "PORTAL.RESULT_UNKNOWN"),
        ("session timeout", Box::new(|| html("<p>セッションがタイムアウトしました")), "PORTAL.RESULT_UNKNOWN"),
        ("another page", Box::new(menu), "PORTAL.RESULT_UNKNOWN"),
        ("redirect elsewhere", Box::new(|| answer("302 Found", "Location: https://elsewhere.invalid/\r\n", b"")), "PORTAL.RESULT_UNKNOWN"),
    ];
    for (what, reply, code) in cases {
        let site = renewal(move |asked| (asked.line == "POST /p/accept").then(&reply));
        let error = site.renew().err().unwrap();
        assert_eq!((error.code.as_str(), error.class), (code, Class::Ambiguous), "{what}");
        assert_eq!(site.posts(), 1, "{what}: the committing request is sent once");
    }
}

#[test]
fn before_the_button_troubles_have_their_own_codes_and_nothing_is_sent() {
    let cases: [(&str, fn() -> Vec<u8>, &str, Class); 6] = [
        ("503", || answer("503 Service Unavailable", "", b""), "PORTAL.BUSY", Class::Transient),
        ("session timeout", || html("<p>セッションが タイムアウトしました"), "PORTAL.SESSION_EXPIRED", Class::Transient),
        ("403", || answer("403 Forbidden", "Content-Type: text/html\r\n", b"<h1>Forbidden</h1>"), "PORTAL.CERT_REJECTED", Class::Human),
        (
            "403 that says busy",
            || answer("403 Forbidden", "Content-Type: text/html; charset=utf-8\r\n", "混み合っています".as_bytes()),
            "PORTAL.BUSY",
            Class::Transient,
        ),
        ("another page", || html("<h1>工事中</h1>"), "PORTAL.PAGE_UNKNOWN", Class::Human),
        ("endless redirect", || answer("302 Found", "Location: /p/apply\r\n", b""), "PORTAL.PAGE_UNKNOWN", Class::Human),
    ];
    for (what, reply, code, class) in cases {
        let site = renewal(move |asked| (asked.line == "GET /p/apply").then(reply));
        let error = site.renew().err().unwrap();
        assert_eq!((error.code.as_str(), error.class), (code, class), "{what}");
        assert_eq!(site.posts(), 0, "{what}");
        assert!(site.asked.lock().unwrap().len() <= 10, "{what}");
    }
}

#[test]
fn a_fetch_that_may_be_repeated_keeps_the_codes_of_its_troubles() {
    let cases: [(&str, fn() -> Vec<u8>, &str); 5] = [
        ("truncated file", || file(&p12()[..100]), "PORTAL.FILE_BAD"),
        ("page instead of file", || html("<h1>お待ちください</h1>"), "PORTAL.FILE_BAD"),
        ("page under the type of a file", || ok("application/x-pkcs12", b"<html><h1>x</h1>"), "PORTAL.FILE_BAD"),
        ("busy", || answer("503 Service Unavailable", "", b""), "PORTAL.BUSY"),
        ("session timeout", || html("セッションがタイムアウトしました"), "PORTAL.SESSION_EXPIRED"),
    ];
    for (what, reply, code) in cases {
        let site = renewal(move |asked| (asked.line == "POST /p/key").then(reply));
        let error = site.fetch().err().unwrap();
        assert_eq!((error.code.as_str(), error.class), (code, Class::Transient), "{what}");
        assert_eq!(site.posts(), 1, "{what}");
    }
}

#[test]
fn a_refusal_of_the_site_proves_that_nothing_happened() {
    let form = "<h1>証明書の取得画面</h1><form method=post action=/p/got>リクエストID<input name=a><br>リファレンスID<input name=b><br>
        証明書パスワード<input type=password name=c><br>証明書パスワード(確認用)<input type=password name=d><br><button>ダウンロード</button></form>";
    let site = renewal(move |asked| match asked.line.as_str() {
        "GET /p/rcd" => Some(html(form)),
        "POST /p/got" => Some(html("<p>リクエストIDまたはリファレンスIDが正しくありません")),
        _ => None,
    });
    let mut request = fetching();
    request.secret.insert("reference_id".into(), Secret::text("abc"));
    let error = site.send(Operation::Obtain, &request, &mut Kept::default()).err().unwrap();
    assert_eq!((error.code.as_str(), error.class), ("PORTAL.WRONG_ID", Class::Human));
    assert_eq!(site.asked.lock().unwrap().last().unwrap().body, "a=202611230100076&b=abc&c=0429&d=0429");
}

#[test]
fn a_secret_shown_once_is_kept_even_if_the_rest_of_the_page_is_not_as_expected() {
    let site = renewal(|asked| (asked.line == "GET /p/accepted").then(|| html("<h1>申請情報を受け付けました</h1><p>リファレンスID：ref-once-7</p>")));
    let mut kept = Kept::default();
    let error = site.send(Operation::Renew, &Request::default(), &mut kept).err().unwrap();
    assert_eq!((error.code.as_str(), error.data["inner"].as_str()), ("PORTAL.RESULT_UNKNOWN", "PORTAL.PAGE_UNKNOWN"));
    assert_eq!(kept.0, [("reference_id".to_owned(), "ref-once-7".to_owned())]);
    assert!(!format!("{error:?}").contains("ref-once-7"));
}

#[test]
fn pages_are_read_in_the_charset_of_header_and_meta() {
    let encoded = |text: &str| encoding_rs::SHIFT_JIS.encode(text).0.into_owned();
    let (menu, confirm) = (encoded(MENU), encoded(&format!("<head><meta http-equiv=content-type content='text/html; charset=Shift_JIS'></head>{CONFIRM}")));
    let accepted = encoded(ACCEPTED);
    let site = renewal(move |asked| match asked.line.as_str() {
        "GET /p/ru" => Some(ok("text/html; charset=Shift_JIS", &menu)),
        "GET /p/apply" => Some(ok("text/html", &confirm)),
        "GET /p/accepted" => Some(ok("text/html; charset=windows-31j", &accepted)),
        _ => None,
    });
    assert_eq!(site.renew().unwrap().plain["ou"], ["医療機関", "北海道"]);
}

#[test]
fn only_the_roots_of_the_site_file_are_trusted() {
    let (site, other) = (renewal(|_| None), renewal(|_| None));
    let portal = Portal::new(profile(), PortalSettings { roots: other.settings().roots, ..site.settings() }).unwrap();
    let mut session = portal.open(&Call::unattached(), Some(site.client.clone())).unwrap();
    let error = send(&portal, session.as_mut(), Operation::Renew, &Request::default(), &mut Kept::default()).err().unwrap();
    assert_eq!((error.code.as_str(), error.class), ("NET.UNTRUSTED", Class::Human));
    assert!(site.asked.lock().unwrap().is_empty());
    let none = Portal::new(profile(), PortalSettings { roots: Roots::Pem(vec![]), ..site.settings() }).unwrap();
    assert_eq!(none.open(&Call::unattached(), None).err().unwrap().code, "NET.UNTRUSTED");
}

#[test]
fn a_portal_that_is_not_there_is_unreachable() {
    let site = renewal(|_| None);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let portal = Portal::new(profile(), PortalSettings { base: format!("https://localhost:{port}/"), ..site.settings() }).unwrap();
    let mut session = portal.open(&Call::unattached(), None).unwrap();
    let error = portal.look(&Call::unattached(), session.as_mut(), Operation::Probe, &Request::default()).err().unwrap();
    assert_eq!((error.code.as_str(), error.class), ("NET.UNREACHABLE", Class::Transient));
}

#[test]
fn a_person_does_what_the_site_file_gives_to_persons() {
    let site = renewal(|_| None);
    let portal = Portal::new(profile(), PortalSettings { hands: Some(Hands::Person), ..site.settings() }).unwrap();
    let mut session = portal.open(&Call::unattached(), None).unwrap();
    let error = send(&portal, session.as_mut(), Operation::Renew, &Request::default(), &mut Kept::default()).err().unwrap();
    assert_eq!((error.code.as_str(), error.class), ("PORTAL.NEEDS_PERSON", Class::Human));
    assert!(site.asked.lock().unwrap().is_empty());
}

#[test]
fn a_probe_without_pages_names_the_labels_that_are_missing() {
    let site = renewal(|asked| (asked.line == "GET /p/ru").then(|| html("<a href=/p/list>更新後証明書の取得</a>")));
    let mut profile = profile();
    profile.operations.get_mut(&Operation::Probe).unwrap().pages.clear();
    // The site of this test has the pages of renewals only.
    profile.operations.retain(|operation, _| !matches!(operation, Operation::Obtain | Operation::Revoke | Operation::Software));
    let portal = Portal::new(profile, site.settings()).unwrap();
    let mut session = portal.open(&Call::unattached(), Some(site.client.clone())).unwrap();
    let probe = portal.look(&Call::unattached(), session.as_mut(), Operation::Probe, &Request::default()).unwrap();
    assert_eq!(probe.missing, ["renew: 証明書更新申請"]);
}

const OTHER: &str = r#"kirikae: portal/1
id: other
version: "1.0.0"
title: 別のサイト
checked: { status: unverified, by: 試験 }
base: https://other.example
operations:
  root:
    trust: none
    pages:
      - { open: /root, download: { file: "*.cer" } }
  software:
    pages:
      - { open: /software, download: { file: "*.msi" } }
  apply:
    observe: none
    takes: { csr: file }
    pages:
      - { open: /apply, upload: { csr: CSRファイル }, press: 申請する, commits: true }
      - { see: 受け付けました }
  probe: {}
"#;

/// A site of [`OTHER`].
fn other() -> Site {
    site(|asked| match asked.line.as_str() {
        "GET /root" => answer("200 OK", "Content-Type: application/pkix-cert\r\nSet-Cookie: sid=s1\r\n", b"root"),
        "GET /apply" => {
            html("<h1>申請</h1><form method=post enctype=multipart/form-data action=/apply>CSRファイル<input type=file name=f><button>申請する</button></form>")
        }
        "POST /apply" => html("<h1>受け付けました</h1>"),
        _ => answer("404 Not Found", "Content-Type: text/html\r\n", b"<h1>?</h1>"),
    })
}

fn other_portal(site: &Site, roots: &str) -> Portal {
    let profile = decode_profile(&Source::new("other.yaml", OTHER)).unwrap();
    Portal::new(profile, PortalSettings { roots: Roots::Pem(roots.as_bytes().to_vec()), ..site.settings() }).unwrap()
}

#[test]
fn only_the_root_is_received_from_a_site_that_nobody_vouches_for_and_nothing_of_ours_goes_there() {
    let (site, stranger) = (other(), other());
    let portal = other_portal(&site, &stranger.root_pem);
    let mut session = portal.open(&Call::unattached(), Some(site.client.clone())).unwrap();
    let gives = send(&portal, session.as_mut(), Operation::Root, &Request::default(), &mut Kept::default()).unwrap();
    assert!(gives.file.is_some_and(|(name, content)| name == "root.cer" && content.expose() == b"root"));
    let asked = site.asked.lock().unwrap().clone();
    assert_eq!((asked.len(), asked[0].certificates), (1, 0), "no client certificate: {asked:?}");
    let error = send(&portal, session.as_mut(), Operation::Software, &Request::default(), &mut Kept::default()).err().unwrap();
    assert_eq!(error.code, "NET.UNTRUSTED", "what follows is not trusted either");
    let csr = Request { files: [("csr".to_owned(), ("a.csr".to_owned(), Secret::text("csr")))].into(), ..Request::default() };
    assert_eq!(send(&portal, session.as_mut(), Operation::Apply, &csr, &mut Kept::default()).err().unwrap().code, "NET.UNTRUSTED");
    assert_eq!(site.posts(), 0);
}

#[test]
fn a_file_is_uploaded_under_its_name_and_a_download_is_no_page_to_probe() {
    let site = other();
    let portal = other_portal(&site, &site.root_pem);
    let mut session = portal.open(&Call::unattached(), None).unwrap();
    let probed = portal.look(&Call::unattached(), session.as_mut(), Operation::Probe, &Request::default()).unwrap();
    assert_eq!(probed.missing, Vec::<String>::new());
    let lines = |site: &Site| site.asked.lock().unwrap().iter().map(|asked| asked.line.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&site), ["GET /apply"]);
    let missing = send(&portal, session.as_mut(), Operation::Apply, &Request::default(), &mut Kept::default()).err().unwrap();
    assert_eq!((missing.code.as_str(), site.posts()), ("INPUT.UNKNOWN", 0));
    let csr = Request { files: [("csr".to_owned(), ("申請.csr".to_owned(), Secret::text("-----BEGIN")))].into(), ..Request::default() };
    send(&portal, session.as_mut(), Operation::Apply, &csr, &mut Kept::default()).unwrap();
    let body = site.asked.lock().unwrap().last().unwrap().body.clone();
    assert!(body.contains("name=\"f\"; filename=\"申請.csr\"") && body.contains("-----BEGIN"), "{body}");
}

#[test]
fn a_site_is_reached_with_one_request_and_without_a_certificate() {
    let (site, stranger) = (other(), other());
    let date = other_portal(&site, &site.root_pem).reach(&Call::unattached()).unwrap();
    assert_eq!(date, Some("2026-11-23T01:15:00Z".parse().unwrap()));
    let asked = site.asked.lock().unwrap().clone();
    assert_eq!((asked.len(), asked[0].certificates, asked[0].line.as_str()), (1, 0, "GET /"));
    assert_eq!(other_portal(&site, &stranger.root_pem).reach(&Call::unattached()).unwrap_err().code, "NET.UNTRUSTED");
}
