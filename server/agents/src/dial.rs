//! How a connection to a host is opened, whatever speaks on it: checked addresses, all of them tried, and TLS.
//!
//! The address is checked at every use and never looked up again in between. The stages are told apart, because "Test
//! connection" names them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::{self, Allowed};
use crate::{ProbeFailure, ProbeStage, Remedy, tls};

/// A connection that takes longer to open has failed.
pub(crate) const OPEN_MAX: Duration = Duration::from_secs(5);
/// What an address of a name gets before the next one is tried beside it: a packet that is dropped somewhere must not
/// cost the time in which another address would answer.
const HEAD_START: Duration = Duration::from_millis(250);

/// What is said of a port that takes connections and is silent then.
const NO_HANDSHAKE: &str = "the TLS handshake got no answer in time";

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

    pub(crate) fn enter(&self, stage: ProbeStage) {
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
            ProbeStage::Authentication
            | ProbeStage::ApiVersion
            | ProbeStage::Engine
            | ProbeStage::Permission
            | ProbeStage::Storage
            | ProbeStage::Capacity => {
                (Remedy::InspectEngine, "no answer to the first question in time".to_owned())
            }
        };
        ProbeFailure::late(stage, remedy, message)
    }
}

/// A port of a host that speaks TLS.
pub(crate) struct TlsRoute {
    address: String,
    port: u16,
    /// What the host's certificate must name.
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    allowed: Allowed,
    /// The address that answered last: it is likely to answer again.
    last_peer: Mutex<Option<IpAddr>>,
}

impl TlsRoute {
    /// Reads the address, a name or an IP address with or without brackets; nothing is opened yet.
    pub(crate) fn new(
        address: &str,
        port: u16,
        name: Option<&str>,
        config: ClientConfig,
        allowed: Allowed,
    ) -> Result<Self, ProbeFailure> {
        let bare = address.trim_start_matches('[').trim_end_matches(']').to_owned();
        let shown = name.unwrap_or(&bare);
        let name = ServerName::try_from(shown.to_owned()).map_err(|_| {
            let message = format!("{shown:?} is not a host name or address");
            ProbeFailure::at(ProbeStage::Address, Remedy::CorrectAddress, message)
        })?;
        Ok(Self { address: bare, port, name, config: Arc::new(config), allowed, last_peer: Mutex::new(None) })
    }

    /// Opens a connection; a failure names the stage.
    pub(crate) async fn open(&self, under_way: &UnderWay) -> Result<TlsStream<TcpStream>, ProbeFailure> {
        under_way.enter(ProbeStage::Address);
        let mut found = address::resolve(&self.address, self.port, &self.allowed).await?;
        let last = self.last_peer();
        found.sort_by_key(|at| Some(at.ip()) != last);
        under_way.enter(ProbeStage::Tcp);
        let stream = connect_any(&found, under_way).await?;
        if let Ok(peer) = stream.peer_addr() {
            *self.last_peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer.ip());
        }
        under_way.enter(ProbeStage::Tls);
        let connector = TlsConnector::from(Arc::clone(&self.config));
        match tokio::time::timeout(OPEN_MAX, connector.connect(self.name.clone(), stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(tls::handshake_failure(&error)),
            Err(_) => Err(ProbeFailure::late(ProbeStage::Tls, Remedy::EnableEngineTls, NO_HANDSHAKE)),
        }
    }

    /// The address that answered last, or the one that was given.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.last_peer().or_else(|| self.address.parse().ok())
    }

    /// Says why an address is not called; `None` when it may be.
    pub(crate) fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        self.allowed.refusal(address)
    }

    fn last_peer(&self) -> Option<IpAddr> {
        *self.last_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to whichever address answers first. They are called in order: the next one when one refuses, or beside those
/// that have not answered after a moment. All of them together get the time of one.
pub(crate) async fn connect_any(
    addresses: &[SocketAddr],
    under_way: &UnderWay,
) -> Result<TcpStream, ProbeFailure> {
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

#[cfg(test)]
pub(crate) mod tests;
