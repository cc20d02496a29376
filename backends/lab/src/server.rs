//! The network: TLS on loopback, HTTP/1.1, one thread with its own runtime.
//!
//! May use: hyper, tokio, rustls. Must not: decide anything; it asks the [`Service`].

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming as Body};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::LabError;
use crate::form::{Sent, cookie, urlencoded};
use crate::pki::Presented;
use crate::portal::Incoming;
use crate::service::{COOKIE, Outcome, Reply, Service};

/// More than any form of the portals needs.
const BODY_LIMIT: usize = 2 * 1024 * 1024;
/// How long connections may take to end when the lab is stopped.
const FAREWELL: Duration = Duration::from_millis(200);
/// How long to wait after a connection that could not be taken.
const BREATH: Duration = Duration::from_millis(20);

/// Takes a port of 127.0.0.1; 0 takes a free one.
pub(crate) fn listen(port: u16) -> Result<TcpListener, LabError> {
    let bound = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let listener = bound.map_err(|error| LabError::port(port, &error))?;
    listener.set_nonblocking(true).map_err(|error| LabError::port(port, &error))?;
    Ok(listener)
}

/// Serves until `stop` turns true.
pub(crate) fn run(listener: TcpListener, tls: ServerConfig, service: Arc<Service>, mut stop: watch::Receiver<bool>) -> Result<JoinHandle<()>, LabError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("kirikae-lab")
        .enable_all()
        .build()
        .map_err(|error| LabError::port(0, &error))?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(|error| LabError::port(0, &error))?
    };
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let serve = move || {
        runtime.spawn(accept(listener, acceptor, service));
        // An error is the sender's end, which is the lab's end, too.
        let _stopped = runtime.block_on(async { stop.wait_for(|stop| *stop).await.is_ok() });
        runtime.shutdown_timeout(FAREWELL);
    };
    std::thread::Builder::new().name("kirikae-lab".into()).spawn(serve).map_err(|error| LabError::port(0, &error))
}

/// Takes connections. Never returns; it ends with the runtime.
async fn accept(listener: tokio::net::TcpListener, acceptor: TlsAcceptor, service: Arc<Service>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, acceptor.clone(), service.clone()));
            }
            // Out of file descriptors, or a client that went away: others may still come.
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, service: Arc<Service>) {
    // A client that does not trust the practice root, or is no TLS client, goes away here.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let presented = Presented(certificates.iter().map(|certificate| certificate.to_vec()).collect());
    let answer = service_fn(move |request| answer(request, presented.clone(), service.clone()));
    // An error here is a connection that ended; faults end connections on purpose.
    let _ended = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

/// The error that makes hyper close the connection without an answer.
type Closed = std::io::Error;

async fn answer(request: Request<Body>, presented: Presented, service: Arc<Service>) -> Result<Response<Full<Bytes>>, Closed> {
    let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let session = cookie(&header(header::COOKIE), COOKIE).map(str::to_owned);
    let content_type = header(header::CONTENT_TYPE);
    let post = request.method() == Method::POST;
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let Ok(body) = Limited::new(request.into_body(), BODY_LIMIT).collect().await else {
        return Err(Closed::other("no whole request"));
    };
    let encoding = service.html.encoding();
    let sent =
        if post { Sent::read(&content_type, &body.to_bytes(), encoding) } else { Sent { texts: urlencoded(query.as_bytes(), encoding), ..Sent::default() } };
    let Outcome { wait, reply } = service.handle(&Incoming { post, path, sent, presented }, session.as_deref());
    tokio::time::sleep(wait).await;
    match reply {
        Some(reply) => Ok(response(reply)),
        None => Err(Closed::other("closed by a fault")),
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(reply.body))).unwrap_or_default()
}
