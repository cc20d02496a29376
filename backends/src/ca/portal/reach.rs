//! Whether a portal can be reached: a connection and a TLS handshake, and nothing more. No request is sent.
//!
//! May use: the address and roots of the settings. Must not: send a byte beyond the handshake; present a certificate.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::Text;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConnection};
use url::Url;

use super::PortalSettings;
use super::tls::{Trust, config, roots};

/// The longest wait for a connection or for each answer of the handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far it was possible to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The server answered and its certificate is trusted.
    Server,
    /// The proxy (host and port) takes connections; what lies behind it can only be seen by sending a request.
    Proxy(String),
}

/// Connects to where the settings say and greets it.
///
/// # Errors
/// `NET.UNREACHABLE` (name, port, silence), `NET.UNTRUSTED` (its certificate; with `data["clock"]` where the date may be to blame).
pub fn reach(settings: &PortalSettings) -> Result<Reached, BackendError> {
    if let Some(proxy) = &settings.proxy {
        let (host, port) = address(&proxy.url)?;
        connect(&host, port)?;
        return Ok(Reached::Proxy(format!("{host}:{port}")));
    }
    let (host, port) = address(&settings.base)?;
    let config = config(Trust::Under(roots(&settings.roots)?), None)?;
    let name = ServerName::try_from(host.clone()).map_err(|error| unreachable(&host, port, &error))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|error| unreachable(&host, port, &error))?;
    let mut stream = connect(&host, port)?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            return judged(&host, port, &error);
        }
    }
    Ok(Reached::Server)
}

/// What a handshake that did not end says. A server that wants a certificate first has shown its own by then.
fn judged(host: &str, port: u16, error: &io::Error) -> Result<Reached, BackendError> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(_)) => Ok(Reached::Server),
        Some(rustls::Error::InvalidCertificate(reason)) => {
            let text = Text::new(
                format!("{host}:{port} の証明書を信頼できません({reason})。"),
                format!("the certificate of {host}:{port} is not trusted ({reason})."),
            );
            let error = BackendError::new("NET.UNTRUSTED", text);
            let by_date = matches!(
                reason,
                CertificateError::Expired
                    | CertificateError::NotValidYet
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYetContext { .. }
            );
            Err(if by_date { error.with("clock", "suspect") } else { error })
        }
        _ => Err(unreachable(host, port, error)),
    }
}

/// Host and port of an address.
fn address(of: &str) -> Result<(String, u16), BackendError> {
    let url = Url::parse(of).ok();
    let parts = url.as_ref().and_then(|url| Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?)));
    parts.ok_or_else(|| {
        BackendError::new("NET.UNREACHABLE", Text::new(format!("{of} はアドレスとして読めません。"), format!("{of} cannot be read as an address.")))
    })
}

fn connect(host: &str, port: u16) -> Result<TcpStream, BackendError> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for place in (host, port).to_socket_addrs().map_err(|error| unreachable(host, port, &error))? {
        match TcpStream::connect_timeout(&place, PATIENCE) {
            Ok(stream) => {
                let patient = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
                return patient.map(|()| stream).map_err(|error| unreachable(host, port, &error));
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(host, port, &last))
}

fn unreachable(host: &str, port: u16, reason: &dyn std::fmt::Display) -> BackendError {
    BackendError::new(
        "NET.UNREACHABLE",
        Text::new(format!("{host}:{port} につながりません({reason})。"), format!("{host}:{port} cannot be reached ({reason}).")),
    )
}
