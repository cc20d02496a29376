//! Portals over HTTPS: the operations of a profile, carried out on the pages as a person would.
//!
//! May use: the engine's ports, HTTP, TLS, HTML. Must not: know playbooks, plans or runs; store or log what a page shows.

pub mod browser;
mod download;
mod fill;
mod forms;
mod http;
mod labels;
mod moves;
mod page;
mod probe;
pub mod reach;
mod screen;
mod table;
mod tls;
mod trouble;
mod values;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kirikae_engine::backend::profile::{Hands, Operation, OperationSpec, Profile, Standing};
use kirikae_engine::backend::{BackendError, CaRead, CaWrite, Call, Capabilities, Gives, Locality, Progress, Request, SecretSink, Session, Signer, Verb};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use url::Url;

use self::forms::Outgoing;
use self::http::{Fault, Wire};
use self::moves::{Task, Web, carry_out};
use self::screen::Screen;
use self::tls::Trust;

/// Whom to trust.
#[derive(Clone, Debug)]
pub enum Roots {
    /// These certificates and no others.
    Pem(Vec<u8>),
    /// The roots of this machine, DER, as the caller found them; those that cannot be parsed are left out.
    System(Vec<Vec<u8>>),
}

/// A proxy on the way.
#[derive(Clone)]
pub struct ProxySettings {
    /// Its address, `http://host:port`.
    pub url: String,
    /// Its account.
    pub user: Option<String>,
    /// The account's password.
    pub password: Option<Secret>,
}

/// What the site file says of a portal.
#[derive(Clone)]
pub struct PortalSettings {
    /// Its address: `https://` host, port, path.
    pub base: String,
    /// Whom to trust.
    pub roots: Roots,
    /// The proxy, if the site has one; the environment's is never used.
    pub proxy: Option<ProxySettings>,
    /// The longest wait for one answer.
    pub timeout: Duration,
    /// How long until "not in the list" is conclusive here.
    pub absent_after: Option<Duration>,
    /// Who does the pages, before the profile's word.
    pub hands: Option<Hands>,
}

/// A portal.
pub struct Portal {
    id: String,
    base: String,
    url: Url,
    profile: Profile,
    settings: PortalSettings,
}

impl Portal {
    /// A portal of this profile. Contacts nothing and reads nothing.
    ///
    /// # Errors
    /// `BACKEND.UNSUPPORTED` if the address is none of `https://`.
    pub fn new(profile: Profile, settings: PortalSettings) -> Result<Self, BackendError> {
        let base = settings.base.trim_end_matches('/').to_owned();
        let url = Url::parse(&base).ok().filter(|url| url.scheme() == "https" && url.host_str().is_some());
        let url = url.ok_or_else(|| {
            BackendError::new(
                "BACKEND.UNSUPPORTED",
                Text::new(format!("サイトのアドレス {base:?} は https:// のアドレスではありません。"), format!("{base:?} is no https:// address.")),
            )
            .cure(Text::new("サイトファイルの portals.….base を直してください。", "mend `portals.….base` in the site file."))
        })?;
        Ok(Self { id: format!("portal:{}@{base}", profile.id), base, url, profile, settings })
    }

    fn spec(&self, operation: Operation) -> Result<&OperationSpec, BackendError> {
        let id = &self.profile.id;
        let spec = self.profile.operations.get(&operation).ok_or_else(|| {
            BackendError::new("BACKEND.UNSUPPORTED", Text::new(format!("{id} に {operation} はありません。"), format!("{id} has no `{operation}`.")))
        })?;
        if self.hands(operation) == Hands::Person {
            let what = Text::new(format!("{id} の {operation} は人がブラウザで行います。"), format!("a person does `{operation}` of {id} in a browser."));
            return Err(BackendError::new("PORTAL.NEEDS_PERSON", what));
        }
        Ok(spec)
    }

    fn web(&self, trust: Trust, client: Option<Arc<dyn Signer>>) -> Result<Web, BackendError> {
        let wire = Wire::new(&self.url, &self.profile.hosts, trust, self.settings.proxy.clone(), client)?;
        Ok(Web { wire, ended: BTreeMap::new(), seen: BTreeMap::new(), screen: Screen::Blank })
    }

    fn task<'a>(&'a self, call: &'a Call, operation: Operation, spec: &'a OperationSpec, request: &'a Request) -> Task<'a> {
        Task { profile: &self.profile, base: &self.base, timeout: self.settings.timeout, call, operation, spec, request }
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Portal({})", self.id)
    }
}

impl CaRead for Portal {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { locality: Locality::Remote, ..Capabilities::local(&[Verb::Read, Verb::Write]) }
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn hands(&self, operation: Operation) -> Hands {
        self.settings.hands.unwrap_or_else(|| self.profile.hands_of(operation))
    }

    fn absent_after(&self, looking: Operation) -> Option<Duration> {
        let verified = || self.profile.operations.get(&looking)?.absent_after.filter(|(_, standing)| *standing == Standing::Verified).map(|(after, _)| after);
        self.settings.absent_after.or_else(verified)
    }

    fn open(&self, _call: &Call, client: Option<Arc<dyn Signer>>) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(self.web(Trust::Under(tls::roots(&self.settings.roots)?), client)?))
    }

    fn reach(&self, call: &Call) -> Result<Option<jiff::Timestamp>, BackendError> {
        let web = self.web(Trust::Under(tls::roots(&self.settings.roots)?), None)?;
        let limit = call.time_left(self.settings.timeout);
        match web.wire.fetch(&Outgoing::get(self.url.clone()), limit) {
            Ok(reply) => Ok(reply.date),
            // A server that wants a certificate for its pages is there and trusted all the same.
            Err(Fault::ClientRejected { .. } | Fault::TooLong(_)) => Ok(None),
            Err(fault) => Err(trouble::fault(fault)),
        }
    }

    fn look(&self, call: &Call, session: &mut dyn Session, operation: Operation, request: &Request) -> Result<Gives, BackendError> {
        let spec = self.spec(operation)?;
        if !operation.is_read() {
            let what = Text::new(format!("{operation} は見るだけの操作ではありません。"), format!("`{operation}` does not only look."));
            return Err(BackendError::new("BACKEND.UNSUPPORTED", what));
        }
        let web = web(session)?;
        let task = self.task(call, operation, spec, request);
        if spec.pages.is_empty() { probe::first_pages(&task, web) } else { carry_out(&task, web, None) }
    }
}

impl CaWrite for Portal {
    fn send(
        &self,
        call: &Call,
        session: &mut dyn Session,
        operation: Operation,
        request: &Request,
        sink: &mut dyn SecretSink,
    ) -> Result<Progress<Gives>, BackendError> {
        let spec = self.spec(operation)?;
        if spec.trust_none {
            // A session of its own, without cookies and certificate: a site that nobody vouches for gets nothing of ours.
            let mut web = self.web(Trust::Nobody, None)?;
            return carry_out(&self.task(call, operation, spec, request), &mut web, Some(sink)).map(Progress::Done);
        }
        let web = web(session)?;
        let goes_on = spec.pages.first().and_then(|item| item.resume).is_none_or(|from| web.ended.contains_key(&from));
        let (operation, spec) = match spec.fallback {
            Some(other) if !goes_on => (other, self.spec(other)?),
            _ => (operation, spec),
        };
        carry_out(&self.task(call, operation, spec, request), web, Some(sink)).map(Progress::Done)
    }
}

impl Session for Web {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn web(session: &mut dyn Session) -> Result<&mut Web, BackendError> {
    session.as_any_mut().downcast_mut().ok_or_else(|| {
        BackendError::new("BACKEND.UNSUPPORTED", Text::new("別の種類のサイトで開いた画面です。", "the session was opened by another kind of backend."))
    })
}
