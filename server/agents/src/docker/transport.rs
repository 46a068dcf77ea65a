//! How bytes reach the engine: the local socket, or TCP with mutual TLS.
//!
//! One connection per request: the address is checked at every use, nothing idle is kept, and a request cannot
//! meet a connection that died. The stages of opening one are told apart, because "Test connection" names them.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use hyper::body::{Body, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use super::endpoint::DockerEndpoint;
use crate::address::{self, Allowed};
use crate::dial::{OPEN_MAX, TlsRoute, UnderWay, connect_any};
use crate::error::with_sources;
use crate::{BoxedStream, ProbeFailure, ProbeStage, Remedy, tls};

/// How the message of a failure begins when the engine hung up without a word of HTTP.
const CONNECTION_ENDED: &str = "the connection ended";

/// Opens connections to one engine.
pub(crate) struct Transport {
    route: Route,
}

enum Route {
    Unix(PathBuf),
    Tls(Box<TlsRoute>),
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
                let config = tls::client_config(&ca_pem, &client_cert_pem, &client_key_pem)?;
                Route::Tls(Box::new(TlsRoute::new(&address, port, None, config, allowed)?))
            }
        };
        Ok(Self { route })
    }

    /// Opens a connection to the engine; a failure names the stage.
    async fn open(&self, under_way: &UnderWay) -> Result<BoxedStream, ProbeFailure> {
        match &self.route {
            Route::Unix(path) => {
                under_way.enter(ProbeStage::Tcp);
                open_unix(path).await
            }
            Route::Tls(route) => Ok(Box::new(route.open(under_way).await?)),
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
        let refusal = match &self.route {
            Route::Unix(_) => address::denied(at.ip(), true),
            Route::Tls(route) => route.refusal(at.ip()),
        };
        if let Some(why) = refusal {
            let message = format!("{} {why}", at.ip());
            return Err(ProbeFailure::at(ProbeStage::Address, Remedy::UseOtherAddress, message));
        }
        connect_any(&[at], &UnderWay::default()).await
    }

    /// The address under which ports published at `bind` are reached from here.
    pub(crate) fn reach(&self, bind: IpAddr) -> IpAddr {
        if !bind.is_unspecified() {
            return bind;
        }
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        match &self.route {
            Route::Unix(_) => here,
            Route::Tls(route) => route.peer().unwrap_or(here),
        }
    }

    /// Reads a failure of the very first request. An engine that refuses our certificate hangs up, and its reason
    /// may be lost when it does so while we still write.
    pub(crate) fn first_failure(&self, failure: ProbeFailure) -> ProbeFailure {
        let hung_up = failure.stage == ProbeStage::Engine && failure.message.starts_with(CONNECTION_ENDED);
        if hung_up && matches!(self.route, Route::Tls(_)) {
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

/// HTTP/1 wants the bare path in the request line and the name in a header of its own.
fn path_only<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path_and_query().map_or_else(|| String::from("/"), ToString::to_string);
    if let Ok(uri) = path.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
    request
}
