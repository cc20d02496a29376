//! A person with a browser, and a lab to visit. The browser knows visible labels and buttons only.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kirikae_backends::store::dir::DirStore;
use kirikae_engine::backend::profile::Profile;
use kirikae_engine::dsl::decode_profile;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Source;
use kirikae_lab::{Fault, HtmlVariant, Lab, LabOptions, start};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use scraper::{ElementRef, Html, Selector};

/// The profile of the online-billing CA, as the library has it.
pub fn obn() -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks/portals/obn.yaml");
    profile(&std::fs::read_to_string(path).unwrap())
}

/// A profile from its text.
pub fn profile(text: &str) -> Profile {
    decode_profile(&Source::new("portal.yaml", text)).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// A lab of the online-billing CA with short states.
pub fn lab(dir: &Path, faults: &[&str], html: HtmlVariant) -> Lab {
    let faults = faults.iter().map(|fault| fault.parse::<Fault>().unwrap()).collect();
    start(LabOptions { faults, html, pace: Duration::from_millis(100), ..LabOptions::new(dir, vec![obn()]) }).unwrap()
}

/// Effects so far, one word each.
pub fn effects(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("effects.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["effect"].as_str().unwrap().to_owned()).collect()
}

/// How often an effect happened.
pub fn count(dir: &Path, effect: &str) -> usize {
    effects(dir).iter().filter(|word| *word == effect).count()
}

/// The store with the certificate to renew.
pub fn store(dir: &Path) -> DirStore {
    let password = std::fs::read_to_string(dir.join("personal.pw")).unwrap();
    DirStore::open(&dir.join("personal"), Box::new(move || Ok(Secret::text(password.clone())))).unwrap()
}

/// A key with its chain.
#[derive(Clone)]
pub struct Credential {
    pub chain: Vec<Vec<u8>>,
    pub key: Vec<u8>,
}

/// What is in a PKCS#12 file; `None`: it does not open.
pub fn open_p12(file: &[u8], password: &str) -> Option<Credential> {
    let store = KeyStore::from_pkcs12(file, password, Pkcs12ImportPolicy::Strict).ok()?;
    let (_, entry) = store.entries().next()?;
    match entry {
        KeyStoreEntry::PrivateKeyChain(chain) => {
            Some(Credential { chain: chain.certs().iter().map(|certificate| certificate.as_der().to_vec()).collect(), key: chain.key().as_der().to_vec() })
        }
        _ => None,
    }
}

/// The certificate to renew, with its key: the one `.p12` of the store's folder.
pub fn old_credential(dir: &Path) -> Credential {
    let password = std::fs::read_to_string(dir.join("personal.pw")).unwrap();
    let file = files(&dir.join("personal"), "p12").pop().unwrap();
    open_p12(&std::fs::read(file).unwrap(), password.trim()).unwrap()
}

/// Files of a folder with this extension.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|known| known == extension)).collect()
}

/// A browser with its cookies.
pub struct Browser {
    client: reqwest::blocking::Client,
    base: String,
}

/// A page as it came.
pub struct Seen {
    pub status: u16,
    pub date: String,
    pub body: Vec<u8>,
    pub text: String,
    pub location: Option<String>,
    charset: &'static encoding_rs::Encoding,
}

impl Browser {
    /// A browser that trusts the lab, with or without a client certificate.
    pub fn new(dir: &Path, lab: &Lab, credential: Option<&Credential>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.join("lab-ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let tls = match credential {
            Some(credential) => {
                let chain = credential.chain.iter().cloned().map(CertificateDer::from).collect();
                builder.with_client_auth_cert(chain, PrivatePkcs8KeyDer::from(credential.key.clone()).into()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let client = reqwest::blocking::Client::builder()
            .tls_backend_preconfigured(tls)
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .unwrap();
        Self { client, base: format!("https://127.0.0.1:{}", lab.port()) }
    }

    /// Opens an address.
    pub fn open(&self, path: &str) -> Result<Seen, reqwest::Error> {
        self.client.get(format!("{}{path}", self.base)).send().and_then(Seen::of)
    }

    /// Clicks the one link of this text.
    pub fn follow(&self, seen: &Seen, label: &str) -> Result<Seen, reqwest::Error> {
        let page = seen.page();
        let links: Vec<String> =
            select(&page, "a").filter(|link| folded(&text(*link)) == folded(label)).map(|link| link.attr("href").unwrap().to_owned()).collect();
        assert_eq!(links.len(), 1, "{label}: {}", seen.text);
        self.open(&links[0])
    }

    /// Types values into the fields that are seen, in order, and presses the one visible button of this text.
    pub fn press(&self, seen: &Seen, label: &str, values: &[&str]) -> Result<Seen, reqwest::Error> {
        self.send(seen, label, values, true)
    }

    /// As [`Browser::press`], but forgets what is hidden in the form.
    pub fn press_forgetting(&self, seen: &Seen, label: &str, values: &[&str]) -> Result<Seen, reqwest::Error> {
        self.send(seen, label, values, false)
    }

    fn send(&self, seen: &Seen, label: &str, values: &[&str], echo: bool) -> Result<Seen, reqwest::Error> {
        let page = seen.page();
        let is_button = |control: &ElementRef<'_>| control.attr("type") == Some("submit");
        let named = |control: &ElementRef<'_>| {
            folded(&control.attr("value").filter(|_| control.value().name() == "input").map_or_else(|| text(*control), str::to_owned))
        };
        let visible = |form: &ElementRef<'_>| {
            !form.ancestors().filter_map(ElementRef::wrap).any(|around| around.attr("style").is_some_and(|style| style.contains("none")))
        };
        let forms: Vec<ElementRef<'_>> = select(&page, "form")
            .filter(visible)
            .filter(|form| form.select(&selector("input, button")).any(|control| is_button(&control) && named(&control) == folded(label)))
            .collect();
        assert_eq!(forms.len(), 1, "{label}: {}", seen.text);
        let form = forms[0];
        let mut typed = values.iter();
        let mut pairs: Vec<(String, String)> = vec![];
        for control in form.select(&selector("input, select")).filter(|control| !is_button(control)) {
            let name = control.attr("name").unwrap().to_owned();
            match control.attr("type") {
                Some("hidden") if echo => pairs.push((name, control.attr("value").unwrap().to_owned())),
                Some("hidden") => {}
                _ => pairs.push((name, (*typed.next().expect("a value for each field")).to_owned())),
            }
        }
        assert!(typed.next().is_none(), "more values than fields: {}", seen.text);
        let encoded = |text: &str| seen.charset.encode(text).0.iter().map(|octet| format!("%{octet:02X}")).collect::<String>();
        let body = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&");
        let request = self.client.post(format!("{}{}", self.base, form.attr("action").unwrap()));
        request.header("content-type", "application/x-www-form-urlencoded").body(body).send().and_then(Seen::of)
    }
}

impl Seen {
    fn of(response: reqwest::blocking::Response) -> Result<Self, reqwest::Error> {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, date, location) = (response.status().as_u16(), header("date").unwrap(), header("location"));
        let charset = if header("content-type").is_some_and(|kind| kind.contains("Shift_JIS")) { encoding_rs::SHIFT_JIS } else { encoding_rs::UTF_8 };
        let body = response.bytes()?.to_vec();
        let text = charset.decode(&body).0.into_owned();
        Ok(Self { status, date, body, text, location, charset })
    }

    fn page(&self) -> Html {
        Html::parse_document(&self.text)
    }

    /// Whether the page shows this text, width and white space folded.
    pub fn shows(&self, words: &str) -> bool {
        let page = self.page();
        let visible = text(page.root_element());
        let buttons: Vec<String> = select(&page, "input[type=submit]").filter_map(|button| button.attr("value").map(str::to_owned)).collect();
        folded(&visible).contains(&folded(words)) || buttons.iter().any(|button| folded(button) == folded(words))
    }

    /// Values beside labels: rows of two cells and definition lists, width and white space folded.
    pub fn values(&self) -> BTreeMap<String, String> {
        let page = self.page();
        let cells = |around: ElementRef<'_>| around.child_elements().map(|cell| folded(&text(cell))).collect::<Vec<_>>();
        let rows = select(&page, "tr, .values > div").map(cells).filter(|pair| pair.len() == 2);
        let definitions = select(&page, "dl").flat_map(|list| cells(list).chunks(2).map(<[String]>::to_vec).collect::<Vec<_>>());
        rows.chain(definitions).map(|pair| (pair[0].trim_end_matches(':').to_owned(), pair[1].clone())).collect()
    }
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}

fn select<'a>(page: &'a Html, css: &str) -> impl Iterator<Item = ElementRef<'a>> {
    page.select(&selector(css)).collect::<Vec<_>>().into_iter()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect()
}

/// Half-width, without white space.
pub fn folded(text: &str) -> String {
    let half = |c: char| if ('\u{ff01}'..='\u{ff5e}').contains(&c) { char::from_u32(u32::from(c) - 0xfee0).unwrap() } else { c };
    text.chars().map(half).filter(|c| !c.is_whitespace()).collect()
}
