//! What a renewal costs beside its own cryptography: `obn/renew-web` through the real backends against a practice portal.
//!
//! The lab is another process (this program called with `lab DIR`), so that the CPU time of this process is the client's alone.
//! Connections are counted by a relay in that process, openings and writings of PKCS#12 files by wrappers around the store
//! and the opener. Then the same number of each is measured alone: openings and writings by the same functions on the same
//! files, handshakes by rustls with the same key and roots. The limit is on renewal / (sum of those), with store, vault, journal
//! and backup in folders in memory; with folders on disk the kernel's work for some hundred flushes comes on top.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../../../engine/benches/figure/mod.rs"]
mod figure;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use figure::{Figures, cpu, in_memory, median_ms};
use jiff::Timestamp;
use kirikae_backends::ca::portal::{Portal, PortalSettings, Roots};
use kirikae_backends::folder::dir::{DirFolder, FolderSettings};
use kirikae_backends::store::dir::DirStore;
use kirikae_backends::store::p12::{self, Pkcs12Files};
use kirikae_backends::vault::age::AgeVault;
use kirikae_engine::action::registry;
use kirikae_engine::backend::{
    BackendError, BackendSet, CaWrite, Call, CancelToken, Capabilities, FolderWrite, ImportRequest, OpenedP12, P12, Signer, StoreLock, StoreRead, StoreWrite,
    StoredCert, Vault,
};
use kirikae_engine::check::{Checked, Library, check};
use kirikae_engine::clock::SystemClock;
use kirikae_engine::dsl::decode_site;
use kirikae_engine::dsl::site::Site;
use kirikae_engine::plan::LookScope;
use kirikae_engine::run::{Pauser, Phase, RunEnd};
use kirikae_engine::secret::Secret;
use kirikae_engine::testing::{FakeNotifier, Shipped, carry_out, planned};
use kirikae_engine::text::Source;
use kirikae_lab::LabOptions;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("lab") {
        return serve(Path::new(&arguments.next().expect("the lab's folder")));
    }
    let mut figures = Figures::default();
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(&in_memory())).collect();
    let of = |part: fn(&Round) -> Duration| median_ms(rounds.iter().map(part).collect());
    let (renewal, alone) = (of(|round| round.renewal), of(Round::alone));
    let first = &rounds[0];
    figures.note("a renewal through the real backends (CPU, median)", renewal, "ms");
    figures.note(&format!("  {} openings of the store's file alone", first.stored.times), of(|round| round.stored.all()), "ms");
    figures.note(&format!("  {} openings of the portal's file alone", first.received.times), of(|round| round.received.all()), "ms");
    figures.note(&format!("  {} writings of the store's file alone", first.written.times), of(|round| round.written.all()), "ms");
    figures.note(&format!("  {} TLS handshakes alone", first.handshakes.times), of(|round| round.handshakes.all()), "ms");
    figures.at_most("a renewal / its key derivations and TLS handshakes alone", renewal / alone, 1.2, "x");
    let on_disk: Vec<Round> = (0..ROUNDS).map(|_| round(&std::env::temp_dir())).collect();
    let of = |part: fn(&Round) -> Duration| median_ms(on_disk.iter().map(part).collect());
    figures.note("  the same with all folders on disk", of(|round| round.renewal) / of(Round::alone), "x");
    figures.end()
}

/// How often a renewal did something, and what one of it takes alone.
struct Part {
    times: u32,
    one: Duration,
}

impl Part {
    fn all(&self) -> Duration {
        self.one * self.times
    }
}

/// What one renewal took, and its parts alone.
struct Round {
    renewal: Duration,
    stored: Part,
    received: Part,
    written: Part,
    handshakes: Part,
}

impl Round {
    fn alone(&self) -> Duration {
        [&self.stored, &self.received, &self.written, &self.handshakes].into_iter().map(Part::all).sum()
    }
}

fn round(place: &Path) -> Round {
    let dir = tempfile::tempdir_in(place).unwrap();
    let lab = LabProcess::start(dir.path());
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let checked = check(&Shipped.playbook("obn/renew-web").unwrap(), &Shipped, registry()).result.unwrap();
    let text = std::fs::read_to_string(dir.path().join("site.yaml")).unwrap();
    let site = decode_site(&Source::new("site.yaml", text.as_str())).unwrap();
    let count = Arc::new(Count::default());
    let backends = backends(dir.path(), &state, &checked, &site, lab.relay, &count);
    let before = lab.connections();
    let (renewal, end) = cpu(|| {
        let plan = planned(&checked, &site, &backends, Timestamp::now(), LookScope::Local, &BTreeMap::new());
        carry_out(plan, &checked, &site, &backends, &SystemClock, &Moment, &state)
    });
    assert_eq!(end.state.phase, Phase::Ended(RunEnd::Done), "{:?}", end.state.failed());
    let handshakes = lab.connections() - before;
    let (file, password) = stored_file(dir.path());
    let credential = p12::open(&file, &password, "bench").unwrap();
    let certificates: Vec<Vec<u8>> = std::iter::once(&credential.leaf).chain(&credential.others).map(|cert| cert.der.clone()).collect();
    let (from_portal, its_password) = count.file.lock().unwrap().take().expect("a file from the portal");
    let config = client(dir.path(), &certificates, &credential.key);
    let part = |count: &AtomicU32, one| Part { times: count.load(Ordering::Relaxed), one };
    Round {
        renewal,
        stored: part(&count.stored, each(10, || p12::open(&file, &password, "bench").unwrap())),
        received: part(&count.received, each(10, || p12::open(from_portal.expose(), &its_password, "bench").unwrap())),
        written: part(&count.written, each(10, || p12::write(&credential.key, &certificates, "bench", &password).unwrap())),
        handshakes: Part { times: handshakes, one: each(20, || shake_hands(&config, lab.relay)) },
    }
}

/// CPU time of one of `times` repetitions.
fn each<T>(times: u32, work: impl Fn() -> T) -> Duration {
    let _warm = work();
    let (took, ()) = cpu(|| (0..times).for_each(|_| drop(work())));
    took / times
}

fn backends(dir: &Path, state: &Path, checked: &Checked, site: &Site, port: u16, count: &Arc<Count>) -> BackendSet {
    let password = dir.join("personal.pw");
    let password = Box::new(move || Ok(Secret::text(std::fs::read_to_string(&password).unwrap().trim())));
    let store = DirStore::open(&dir.join("personal"), password).unwrap();
    let roots = std::fs::read(dir.join("lab-ca.pem")).unwrap();
    let settings = PortalSettings {
        base: format!("https://127.0.0.1:{port}"),
        roots: Roots::Pem(roots),
        proxy: None,
        timeout: Duration::from_secs(30),
        absent_after: site.portals["obn"].absent_after.map(|(after, _)| after),
        hands: None,
    };
    let portal = Portal::new(checked.profiles["issuer"].clone(), settings).unwrap();
    let backup = DirFolder::open(&FolderSettings { path: dir.join("backup"), removable: false, plain: false }).unwrap();
    BackendSet {
        stores: BTreeMap::from([("personal".to_owned(), Arc::new(Counting { inner: store, count: count.clone() }) as Arc<dyn StoreWrite>)]),
        tokens: BTreeMap::new(),
        cas: BTreeMap::from([("issuer".to_owned(), Arc::new(portal) as Arc<dyn CaWrite>)]),
        folders: BTreeMap::from([("backup".to_owned(), Arc::new(backup) as Arc<dyn FolderWrite>)]),
        downloads: None,
        p12: Arc::new(Counting { inner: Pkcs12Files, count: count.clone() }),
        vault: Arc::new(AgeVault::open(state, &[]).unwrap()) as Arc<dyn Vault>,
        notifier: Arc::new(FakeNotifier::default()),
        host: Arc::new(kirikae_backends::host::ThisHost { scratch: dir.to_owned() }),
        practice: false,
    }
}

/// The file of the certificate that is in the store, and its password.
fn stored_file(dir: &Path) -> (Vec<u8>, Secret) {
    let files = std::fs::read_dir(dir.join("personal")).unwrap().map(|file| file.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "p12")).expect("a certificate in the store");
    (std::fs::read(file).unwrap(), Secret::text(std::fs::read_to_string(dir.join("personal.pw")).unwrap().trim()))
}

fn client(dir: &Path, chain: &[Vec<u8>], key: &Secret) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(dir.join("lab-ca.pem")).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::try_from(key.expose().to_vec()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

fn shake_hands(config: &Arc<ClientConfig>, port: u16) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut connection = ClientConnection::new(config.clone(), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).unwrap();
    }
}

/// Waits never longer than a moment.
struct Moment;

impl Pauser for Moment {
    fn wait(&self, now: Timestamp, until: Timestamp, _cancel: &CancelToken) -> bool {
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        thread::sleep(wait.min(Duration::from_millis(20)));
        true
    }
}

/// How many PKCS#12 files were opened and written. By the code of the folder store: a signer or a proof of a key opens one;
/// an import opens the file it is given and writes the one it keeps.
#[derive(Default)]
struct Count {
    stored: AtomicU32,
    received: AtomicU32,
    written: AtomicU32,
    /// The portal's file and its password: it costs something else than the store's.
    file: Mutex<Option<(Secret, Secret)>>,
}

impl Count {
    fn opens_stored(&self) {
        self.stored.fetch_add(1, Ordering::Relaxed);
    }

    fn opens_received(&self, file: &Secret, password: &Secret) {
        self.received.fetch_add(1, Ordering::Relaxed);
        *self.file.lock().unwrap() = Some((file.clone(), password.clone()));
    }
}

struct Counting<T> {
    inner: T,
    count: Arc<Count>,
}

impl<T: fmt::Debug> fmt::Debug for Counting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl P12 for Counting<Pkcs12Files> {
    fn open(&self, file: &Secret, password: &Secret) -> Result<OpenedP12, BackendError> {
        self.count.opens_received(file, password);
        self.inner.open(file, password)
    }

    fn certificates(&self, file: &Secret) -> Result<Vec<StoredCert>, BackendError> {
        self.inner.certificates(file)
    }

    fn verify(&self, certificate: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> Result<(), BackendError> {
        self.inner.verify(certificate, scheme, message, signature)
    }
}

impl StoreRead for Counting<DirStore> {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn list(&self, call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        self.inner.list(call)
    }

    fn signer(&self, call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        self.count.opens_stored();
        self.inner.signer(call, thumbprint)
    }

    fn probe_writable(&self, call: &Call) -> Result<(), BackendError> {
        self.inner.probe_writable(call)
    }
}

impl StoreWrite for Counting<DirStore> {
    fn import(&self, call: &Call, request: &ImportRequest) -> Result<StoredCert, BackendError> {
        self.count.opens_received(&request.file, &request.password);
        self.count.written.fetch_add(1, Ordering::Relaxed);
        self.inner.import(call, request)
    }

    fn lock<'a>(&'a self, call: &Call) -> Result<Box<dyn StoreLock + 'a>, BackendError> {
        Ok(Box::new(CountingLock { inner: self.inner.lock(call)?, count: &self.count }))
    }
}

struct CountingLock<'a> {
    inner: Box<dyn StoreLock + 'a>,
    count: &'a Count,
}

impl StoreLock for CountingLock<'_> {
    fn list(&self) -> Result<Vec<StoredCert>, BackendError> {
        self.inner.list()
    }

    fn prove_key(&self, thumbprint: &str) -> Result<(), BackendError> {
        self.count.opens_stored();
        self.inner.prove_key(thumbprint)
    }

    fn delete(&self, thumbprint: &str) -> Result<(), BackendError> {
        self.inner.delete(thumbprint)
    }
}

/// The lab as a child process, with the port of its relay.
struct LabProcess {
    child: Child,
    relay: u16,
    counts: std::cell::RefCell<BufReader<std::process::ChildStdout>>,
}

impl LabProcess {
    fn start(dir: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program).arg("lab").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut counts = BufReader::new(child.stdout.take().unwrap());
        let relay = number(&mut counts);
        Self { child, relay: relay.try_into().unwrap(), counts: counts.into() }
    }

    /// Connections so far.
    fn connections(&self) -> u32 {
        writeln!(self.child.stdin.as_ref().unwrap(), "?").unwrap();
        number(&mut *self.counts.borrow_mut())
    }
}

impl Drop for LabProcess {
    fn drop(&mut self) {
        // The child serves until its input ends.
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

fn number(from: &mut impl BufRead) -> u32 {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim().parse().unwrap_or_else(|_| panic!("a number from the lab, not {line:?}"))
}

/// The child: a lab whose states pass at once, behind a relay that counts. Says the relay's port, then the count for each line it reads.
fn serve(dir: &Path) -> ExitCode {
    let checked = check(&Shipped.playbook("obn/renew-web").unwrap(), &Shipped, registry()).result.unwrap();
    let mut options = LabOptions::new(dir, vec![checked.profiles["issuer"].clone()]);
    options.pace = Duration::from_millis(1);
    let lab = kirikae_lab::start(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let connections = Arc::new(AtomicU32::new(0));
    let (counted, port) = (connections.clone(), lab.port());
    thread::spawn(move || {
        for client in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
            relay(client.try_clone().unwrap(), server.try_clone().unwrap());
            relay(server, client);
        }
    });
    for _question in std::io::stdin().lines() {
        println!("{}", connections.load(Ordering::SeqCst));
    }
    lab.stop();
    ExitCode::SUCCESS
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ended = std::io::copy(&mut from, &mut to);
        let _closed = to.shutdown(std::net::Shutdown::Write);
    });
}
