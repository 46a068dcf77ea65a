//! How bytes reach the engine: the local socket, or TCP with mutual TLS.
//!
//! One connection per request: the address is checked at every use, nothing idle is kept, and a request cannot
//! meet a connection that died. The stages of opening one are told apart, because "Test connection" names them.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hyper::body::{Body, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::address::{self, Allowed};
use super::endpoint::DockerEndpoint;
use super::tls;
use crate::{BoxedStream, ProbeFailure, ProbeStage, Remedy};

/// A connection that takes longer to open has failed.
const OPEN_MAX: Duration = Duration::from_secs(5);
/// What an address of a name gets before the next one is tried beside it: a packet that is dropped somewhere must not
/// cost the time in which another address would answer.
const HEAD_START: Duration = Duration::from_millis(250);

/// How the message of a failure begins when the engine hung up without a word of HTTP.
const CONNECTION_ENDED: &str = "the connection ended";
/// What is said of a port that takes connections and is silent then.
const NO_HANDSHAKE: &str = "the TLS handshake got no answer in time";

/// Opens connections to one engine.
pub(crate) struct Transport {
    route: Route,
    allowed: Allowed,
    /// The address that answered last, for reaching ports published on all addresses of a remote host.
    last_peer: Mutex<Option<IpAddr>>,
}

/// How far a first question has come. Whoever bounds the time of all stages together asks here which of them did not
/// end.
pub(crate) struct UnderWay(Mutex<Progress>);

struct Progress {
    stage: ProbeStage,
    /// The addresses that were called, in order, and why each failed that has.
    called: Vec<(SocketAddr, Option<String>)>,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self(Mutex::new(Progress { stage: ProbeStage::Address, called: Vec::new() }))
    }
}

impl UnderWay {
    fn look(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stage: ProbeStage) {
        self.look().stage = stage;
    }

    fn call(&self, at: SocketAddr) {
        self.look().called.push((at, None));
    }

    fn failed(&self, at: SocketAddr, why: &io::Error) {
        if let Some((_, said)) = self.look().called.iter_mut().find(|(called, _)| *called == at) {
            *said = Some(why.to_string());
        }
    }

    /// Every address that was called, with what came of it.
    fn called(&self) -> String {
        let progress = self.look();
        let each = progress.called.iter().map(|(at, why)| match why {
            Some(why) => format!("{at}: {why}"),
            None => format!("{at}: no answer in time"),
        });
        let all: Vec<String> = each.collect();
        if all.is_empty() { "no connection in time".to_owned() } else { all.join("; ") }
    }

    /// The failure of the stage that is under way when the time is over.
    pub(crate) fn late(&self) -> ProbeFailure {
        let stage = self.look().stage;
        let (remedy, message) = match stage {
            ProbeStage::Address => (Remedy::CheckName, "the name does not resolve in time".to_owned()),
            ProbeStage::Tcp => (Remedy::StartEngine, self.called()),
            ProbeStage::Tls => (Remedy::EnableEngineTls, NO_HANDSHAKE.to_owned()),
            ProbeStage::Authentication | ProbeStage::ApiVersion | ProbeStage::Engine => {
                (Remedy::InspectEngine, "no answer to the first question in time".to_owned())
            }
        };
        ProbeFailure::late(stage, remedy, message)
    }
}

enum Route {
    Unix(PathBuf),
    Tls { address: String, port: u16, name: ServerName<'static>, config: Arc<ClientConfig> },
}

impl Transport {
    /// Reads the endpoint; nothing is opened yet.
    pub(crate) fn new(endpoint: DockerEndpoint, allowed: Allowed) -> Result<Self, ProbeFailure> {
        let route = match endpoint {
            DockerEndpoint::Unix { path } => {
                if !path.is_absolute() {
                    let message = format!("{} is not an absolute path", path.display());
                    return Err(ProbeFailure::at(ProbeStage::Address, Remedy::CorrectAddress, message));
                }
                Route::Unix(path)
            }
            DockerEndpoint::Tcp { address, port, ca_pem, client_cert_pem, client_key_pem } => {
                let bare = address.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(bare.clone()).map_err(|_| {
                    let message = format!("{address:?} is not a host name or address");
                    ProbeFailure::at(ProbeStage::Address, Remedy::CorrectAddress, message)
                })?;
                let config = tls::client_config(&ca_pem, &client_cert_pem, &client_key_pem)?;
                Route::Tls { address: bare, port, name, config: Arc::new(config) }
            }
        };
        Ok(Self { route, allowed, last_peer: Mutex::new(None) })
    }

    /// Opens a connection to the engine; a failure names the stage.
    async fn open(&self, under_way: &UnderWay) -> Result<BoxedStream, ProbeFailure> {
        match &self.route {
            Route::Unix(path) => {
                under_way.enter(ProbeStage::Tcp);
                open_unix(path).await
            }
            Route::Tls { address, port, name, config } => {
                let mut found = address::resolve(address, *port, &self.allowed).await?;
                // The address that answered last is likely to answer again.
                let last = self.last_peer();
                found.sort_by_key(|at| Some(at.ip()) != last);
                under_way.enter(ProbeStage::Tcp);
                let stream = connect_any(&found, under_way).await?;
                if let Ok(peer) = stream.peer_addr() {
                    *self.last_peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer.ip());
                }
                under_way.enter(ProbeStage::Tls);
                let connector = TlsConnector::from(Arc::clone(config));
                let handshake = connector.connect(name.clone(), stream);
                match tokio::time::timeout(OPEN_MAX, handshake).await {
                    Ok(Ok(stream)) => Ok(Box::new(stream)),
                    Ok(Err(error)) => Err(tls::handshake_failure(&error)),
                    Err(_) => Err(ProbeFailure::late(ProbeStage::Tls, Remedy::EnableEngineTls, NO_HANDSHAKE)),
                }
            }
        }
    }

    /// Sends one request over a connection of its own. The caller bounds the time.
    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, ProbeFailure>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.send_first(request, &UnderWay::default()).await
    }

    /// The same for the first question, the one for the engine's version, telling how far it has come.
    pub(crate) async fn send_first<B>(
        &self,
        request: Request<B>,
        under_way: &UnderWay,
    ) -> Result<Response<Incoming>, ProbeFailure>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let stream = self.open(under_way).await?;
        under_way.enter(ProbeStage::ApiVersion);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| self.sent_failure(&e))?;
        // The task ends with the connection, and the connection with the response's body.
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "connection to the engine ended");
            }
        });
        sender.send_request(path_only(request)).await.map_err(|error| self.sent_failure(&error))
    }

    /// Opens a plain connection to a port that a node publishes.
    pub(crate) async fn dial(&self, at: SocketAddr) -> Result<TcpStream, ProbeFailure> {
        // The portal reaches its own loopback only for an engine on the same machine.
        let refusal = match self.route {
            Route::Unix(_) => address::denied(at.ip(), true),
            Route::Tls { .. } => self.allowed.refusal(at.ip()),
        };
        if let Some(why) = refusal {
            let message = format!("{} {why}", at.ip());
            return Err(ProbeFailure::at(ProbeStage::Address, Remedy::UseOtherAddress, message));
        }
        connect_any(&[at], &UnderWay::default()).await
    }

    fn last_peer(&self) -> Option<IpAddr> {
        *self.last_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address under which ports published at `bind` are reached from here.
    pub(crate) fn reach(&self, bind: IpAddr) -> IpAddr {
        if !bind.is_unspecified() {
            return bind;
        }
        match &self.route {
            Route::Unix(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Route::Tls { address, .. } => {
                self.last_peer().or_else(|| address.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
            }
        }
    }

    /// Reads a failure of the very first request. An engine that refuses our certificate hangs up, and its reason
    /// may be lost when it does so while we still write.
    pub(crate) fn first_failure(&self, failure: ProbeFailure) -> ProbeFailure {
        let hung_up = failure.stage == ProbeStage::Engine && failure.message.starts_with(CONNECTION_ENDED);
        if hung_up && matches!(self.route, Route::Tls { .. }) {
            return ProbeFailure::at(
                ProbeStage::Authentication,
                Remedy::CheckClientCertificate,
                format!("the engine hung up right after the handshake ({})", failure.message),
            );
        }
        failure
    }

    /// Reads a failure behind the handshake: with TLS 1.3 that is where a refused client certificate shows.
    fn sent_failure(&self, error: &hyper::Error) -> ProbeFailure {
        if let Some(alert) = tls::refused_certificate(error) {
            return alert;
        }
        let detail = with_sources(error);
        ProbeFailure::at(ProbeStage::Engine, Remedy::InspectEngine, format!("{CONNECTION_ENDED}: {detail}"))
    }
}

async fn open_unix(path: &PathBuf) -> Result<BoxedStream, ProbeFailure> {
    let shown = path.display();
    match tokio::time::timeout(OPEN_MAX, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            let (stage, remedy) = match error.kind() {
                io::ErrorKind::NotFound => (ProbeStage::Address, Remedy::StartEngine),
                io::ErrorKind::PermissionDenied => (ProbeStage::Tcp, Remedy::GrantSocketAccess),
                _ => (ProbeStage::Tcp, Remedy::StartEngine),
            };
            Err(ProbeFailure::at(stage, remedy, format!("{shown}: {error}")))
        }
        Err(_) => {
            Err(ProbeFailure::at(ProbeStage::Tcp, Remedy::StartEngine, format!("{shown}: no answer in time")))
        }
    }
}

/// Connects to whichever address answers first. They are called in order: the next one when one refuses, or beside those
/// that have not answered after a moment. All of them together get the time of one.
async fn connect_any(addresses: &[SocketAddr], under_way: &UnderWay) -> Result<TcpStream, ProbeFailure> {
    let race = async {
        let (mut left, mut calls) = (addresses.iter().copied(), FuturesUnordered::new());
        loop {
            if let Some(at) = left.next() {
                under_way.call(at);
                calls.push(async move { (at, TcpStream::connect(at).await) });
            }
            tokio::select! {
                ended = calls.next() => match ended {
                    Some((_, Ok(stream))) => return Some(stream),
                    Some((at, Err(error))) => under_way.failed(at, &error),
                    None => return None,
                },
                () = tokio::time::sleep(HEAD_START), if left.len() > 0 => {}
            }
        }
    };
    let Ok(Some(stream)) = tokio::time::timeout(OPEN_MAX, race).await else {
        return Err(ProbeFailure::at(ProbeStage::Tcp, Remedy::StartEngine, under_way.called()));
    };
    // Requests are small and answered at once; waiting to fill packets only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    Ok(stream)
}

/// HTTP/1 wants the bare path in the request line and the name in a header of its own.
fn path_only<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path_and_query().map_or_else(|| String::from("/"), ToString::to_string);
    if let Ok(uri) = path.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
    request
}

/// An error with all that caused it.
pub(crate) fn with_sources(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
pub(super) mod tests;
