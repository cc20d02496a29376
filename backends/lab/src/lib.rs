//! Practice portals on loopback, with TLS, a practice CA and faults on request (`portals-and-sites.md` 4).
//!
//! May use: portal profiles as plain data, the folder store. Must not: reach anything but 127.0.0.1, print, read the environment.

mod desk;
mod effects;
mod error;
mod faults;
mod form;
mod generic;
mod html;
mod obn;
mod orcamo;
mod pki;
mod portal;
mod sanka;
mod server;
mod service;
mod site;
mod state;
mod terminal;

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use kirikae_engine::backend::profile::Profile;
use kirikae_engine::clock::{Clock, SystemClock};
use kirikae_engine::text::Text;
use tokio::sync::watch;

pub use error::LabError;
pub use faults::{Fault, FaultKind};
pub use html::HtmlVariant;
pub use pki::{ClientKeys, practice_root_fingerprints};
pub use terminal::Terminal;

use desk::Desk;
use effects::Effects;
use faults::FaultBook;
use generic::Generic;
use obn::Obn;
use orcamo::{Door, Orcamo};
use pki::Issuer;
use portal::{Pace, Portal};
use sanka::{Sanka, media};
use service::{Changing, Service};
use state::State;

/// How long each state of a request lasts, unless said otherwise.
const PACE: Duration = Duration::from_secs(2);

/// What a lab is started with.
pub struct LabOptions {
    /// Its folder; made if it is not there.
    pub dir: PathBuf,
    /// The programs whose portals are practised.
    pub profiles: Vec<Profile>,
    /// Faults on request.
    pub faults: Vec<Fault>,
    /// How pages are written.
    pub html: HtmlVariant,
    /// The port; `None`: the one of the last start with this folder, else a free one.
    pub port: Option<u16>,
    /// Days until the certificate to renew ends, Japan time; 0: today, negative: ended. For a new folder only.
    pub days_left: i64,
    /// How long each state of a request (鍵生成中, 発行要求中) lasts before the certificate shows as issued.
    pub pace: Duration,
    /// What keys the practice CA makes for its clients.
    pub client_keys: ClientKeys,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl LabOptions {
    /// A lab in `dir` without faults, with states of 2 s and a certificate that ends in 60 days.
    pub fn new(dir: impl Into<PathBuf>, profiles: Vec<Profile>) -> Self {
        Self {
            dir: dir.into(),
            profiles,
            faults: vec![],
            html: HtmlVariant::default(),
            port: None,
            days_left: 60,
            pace: PACE,
            client_keys: ClientKeys::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// A lab that is running. It ends when this is dropped.
pub struct Lab {
    port: u16,
    dir: PathBuf,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Lab {
    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The site file that leads to this lab.
    pub fn site_path(&self) -> PathBuf {
        site::path(&self.dir)
    }

    /// The log of what the portals did.
    pub fn effects_path(&self) -> PathBuf {
        self.dir.join("effects.jsonl")
    }

    /// Takes the inserted USB key out and inserts the next one. `false`: there is no other.
    ///
    /// # Errors
    /// When the lab's files cannot be moved.
    pub fn change_key(&self) -> Result<bool, LabError> {
        media::change_key(&self.dir)
    }

    /// Does with a program on the terminal what a person does who was told to work there (the MPKI client: renews the certificate in the
    /// store). `false`: `place` names no program that the lab has.
    ///
    /// # Errors
    /// `LAB.FILE`, `LAB.STORE`, `LAB.CRYPTO`.
    pub fn work(&self, place: &str) -> Result<bool, LabError> {
        let portals = &self.service.portals;
        let Some(portal) = portals.iter().find(|portal| portal.program().is_some_and(|program| place.contains(program))) else { return Ok(false) };
        let mut changing = self.service.lock();
        site::renew_on_terminal(&self.dir, portal.as_ref(), &mut changing.desk, self.service.clock.now())?;
        Ok(true)
    }

    /// Stops serving and waits until the port is free.
    pub fn stop(mut self) {
        self.end();
    }

    /// Serves until the process ends or another thread's [`Lab::stopper`] stops it.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }

    /// Stops the lab from another thread (a Ctrl-C handler).
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let stop = self.stop.clone();
        move || {
            stop.send_replace(true);
        }
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lab({}, port {})", self.dir.display(), self.port)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts the practice portals. When this returns they listen, and `site.yaml` and `port` are in the folder.
///
/// # Errors
/// `LAB.FILE`, `LAB.PORT`, `LAB.PROFILES`, `LAB.STORE`, `LAB.CRYPTO`.
pub fn start(options: LabOptions) -> Result<Lab, LabError> {
    let LabOptions { dir, profiles, faults, html, port, days_left, pace, client_keys, clock } = options;
    fs::create_dir_all(&dir).map_err(|error| LabError::file(&dir, &error))?;
    let mut desk = Desk { state: State::open(&dir)?, effects: Effects::open(&dir)? };
    let portals = profiles.into_iter().map(|profile| portal_of(profile, client_keys)).collect::<Result<Vec<_>, _>>()?;
    apart(&portals)?;
    let faults = FaultBook::new(faults);
    faults.fits(&portals.iter().map(|portal| portal.profile()).collect::<Vec<_>>())?;
    let listener = server::listen(port.or(desk.state.held.port).unwrap_or(0))?;
    let port = listener.local_addr().map_err(|error| LabError::port(0, &error))?.port();
    desk.state.held.port = Some(port);
    site::seed(&dir, &portals, &mut desk, days_left, clock.now())?;
    site::write(&dir, &portals, &desk, port)?;
    desk.state.save()?;
    let tls = pki::tls_config(&portals.iter().map(|portal| portal.issuer()).collect::<Vec<_>>())?;
    let changing = Mutex::new(Changing { desk, sessions: HashMap::new() });
    let pace = Pace::of(pace);
    let service = Arc::new(Service { portals, faults, html, pace, clock, changing });
    let (stop, stopped) = watch::channel(false);
    let thread = server::run(listener, tls, service.clone(), stopped)?;
    let (told, half) = (dir.join("port"), dir.join("port.tmp"));
    // Whoever waits for the file must not read half of it.
    fs::write(&half, port.to_string()).and_then(|()| fs::rename(&half, &told)).map_err(|error| LabError::file(&told, &error))?;
    Ok(Lab { port, dir, service, stop, thread: Some(thread) })
}

fn portal_of(profile: Profile, client_keys: ClientKeys) -> Result<Box<dyn Portal>, LabError> {
    if let Some(door) = Door::of(&profile.id) {
        return Ok(Box::new(Orcamo::new(door, profile, client_keys)?));
    }
    let example = profile.facts.get("issuer").and_then(|fact| fact.glob.as_ref()).map(|(_, example)| example.clone());
    let issuer = Issuer::of(&profile.id, &example.unwrap_or_else(|| format!("{} Practice CA", profile.id)))?.with_client_keys(client_keys);
    Ok(match profile.id.as_str() {
        "obn" => Box::new(Obn::new(profile, issuer)),
        "sanka" => Box::new(Sanka::new(profile, issuer)),
        _ => Box::new(Generic::new(profile, issuer)?),
    })
}

/// All portals of a lab share its address, so no two may have a page at the same path.
fn apart(portals: &[Box<dyn Portal>]) -> Result<(), LabError> {
    let mut taken: HashMap<String, &str> = HashMap::new();
    for portal in portals {
        let id = portal.profile().id.as_str();
        for path in portal.paths() {
            if let Some(other) = taken.insert(path.clone(), id) {
                return Err(LabError::profiles(Text::new(
                    format!("{other} と {id} は、どちらも {path} のページを使います"),
                    format!("{other} and {id} both have a page at {path}"),
                )));
            }
        }
    }
    Ok(())
}
