//! The engine's API in the version that both sides know.
//!
//! The version is asked again every minute, because an engine may be upgraded or rolled back behind us. Whoever
//! needs it while it is asked waits for that one attempt, and fails with it: callers of an engine out of reach do
//! not queue up.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bollard::errors::Error as EngineError;
use bollard::models::SystemVersion;
use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::http::uri::PathAndQuery;
use tokio::sync::Mutex as AsyncMutex;

use super::REQUEST_MAX;
use super::endpoint::{DockerEndpoint, DockerOptions};
use super::failure::cut;
use super::stats::CpuSample;
use super::transport::Transport;
use crate::address::Allowed;
use crate::dial::UnderWay;
use crate::{AgentError, ProbeFailure, ProbeStage, Remedy};

/// The oldest API that has all that we need: Docker 20.10.
const OLDEST: (usize, usize) = (1, 41);
/// How long a negotiated version is trusted.
const VERSION_AGE_MAX: Duration = Duration::from_secs(60);
/// The first answer of an engine comes within this time …
const VERSION_MAX: Duration = Duration::from_secs(5);
/// … and is not larger.
const VERSION_BYTES_MAX: usize = 1024 * 1024;

/// A connection to one engine and what is known about it.
pub(crate) struct Client {
    pub(crate) options: DockerOptions,
    pub(crate) transport: Arc<Transport>,
    /// What the last attempt to agree on a version came to; held while there is one.
    negotiated: AsyncMutex<Option<Result<(Docker, Instant), ProbeFailure>>>,
    /// Attempts that have ended.
    attempts: AtomicU64,
    /// The last look at each container's processor time.
    pub(crate) cpu: Mutex<HashMap<String, CpuSample>>,
    /// Network names are not unique on an engine: only one of us makes networks at a time.
    pub(crate) making_networks: AsyncMutex<()>,
}

impl Client {
    pub(crate) fn new(endpoint: DockerEndpoint, options: DockerOptions) -> Result<Self, ProbeFailure> {
        let allowed =
            Allowed { loopback: options.allow_loopback, networks: options.allowed_networks.clone() };
        let transport = Arc::new(Transport::new(endpoint, allowed)?);
        Ok(Self {
            options,
            transport,
            negotiated: AsyncMutex::new(None),
            attempts: AtomicU64::new(0),
            cpu: Mutex::new(HashMap::new()),
            making_networks: AsyncMutex::new(()),
        })
    }

    /// The API in a version that both sides know.
    pub(crate) async fn docker(&self) -> Result<Docker, AgentError> {
        let asked_after = self.attempts.load(Ordering::SeqCst);
        let mut negotiated = self.negotiated.lock().await;
        match negotiated.as_ref() {
            Some(Ok((docker, since))) if since.elapsed() < VERSION_AGE_MAX => return Ok(docker.clone()),
            // It failed while we waited for it; only who asks from now on tries again.
            Some(Err(failure)) if self.attempts.load(Ordering::SeqCst) != asked_after => {
                return Err(failure.clone().into());
            }
            _ => {}
        }
        let ended = self.negotiate().await.map(|(docker, _)| docker);
        self.attempts.fetch_add(1, Ordering::SeqCst);
        *negotiated = Some(ended.clone().map(|docker| (docker, Instant::now())));
        ended.map_err(AgentError::from)
    }

    /// Asks the engine for its version and builds the API for it; the stage of a failure is named.
    pub(crate) async fn negotiate(&self) -> Result<(Docker, SystemVersion), ProbeFailure> {
        self.negotiate_within(VERSION_MAX).await
    }

    /// The same within a limit for the whole way to the first answer: the stage that is under way at its end is
    /// the one that failed.
    async fn negotiate_within(&self, limit: Duration) -> Result<(Docker, SystemVersion), ProbeFailure> {
        let engine = |message: String| ProbeFailure::at(ProbeStage::Engine, Remedy::InspectEngine, message);
        let under_way = UnderWay::default();
        let asked = tokio::time::timeout(limit, self.ask_version(&under_way)).await;
        let body = asked.map_err(|_| under_way.late())??;
        let version: SystemVersion = serde_json::from_slice(&body)
            .map_err(|error| engine(format!("what answers is not a Docker engine: {error}")))?;
        let agreed = agree(version.api_version.as_deref(), version.min_api_version.as_deref())?;
        let docker = self.api(&agreed).map_err(|error| engine(error.to_string()))?;
        Ok((docker, version))
    }

    async fn ask_version(&self, under_way: &UnderWay) -> Result<Bytes, ProbeFailure> {
        let engine = |message: String| ProbeFailure::at(ProbeStage::Engine, Remedy::InspectEngine, message);
        let request =
            Request::get("/version").body(Full::<Bytes>::default()).map_err(|e| engine(e.to_string()))?;
        let response = self.transport.send_first(request, under_way).await?;
        let status = response.status();
        if status == 401 || status == 403 {
            let message = format!("the engine answered {status}");
            return Err(ProbeFailure::at(
                ProbeStage::Authentication,
                Remedy::CheckClientCertificate,
                message,
            ));
        }
        let body = Limited::new(response.into_body(), VERSION_BYTES_MAX).collect().await;
        let body = body.map_err(|error| engine(error.to_string()))?.to_bytes();
        if !status.is_success() {
            return Err(engine(cut(&format!(
                "the engine answered {status}: {}",
                String::from_utf8_lossy(&body)
            ))));
        }
        Ok(body)
    }

    fn api(&self, version: &ClientVersion) -> Result<Docker, EngineError> {
        let transport = Arc::clone(&self.transport);
        let prefix = format!("/v{}.{}", version.major_version, version.minor_version);
        let send = move |request: BollardRequest| {
            let transport = Arc::clone(&transport);
            let request = versioned(request, &prefix);
            async move {
                let sent = transport.send(request).await;
                sent.map_err(|failure| EngineError::IOError { err: io::Error::other(failure) })
            }
        };
        Docker::connect_with_custom_transport(send, Some("http://docker"), REQUEST_MAX.as_secs(), version)
    }
}

/// Puts the version before a request's path. The API library loses it when it joins path and base, and an engine
/// that is asked without one answers in its newest version.
fn versioned<B>(mut request: Request<B>, prefix: &str) -> Request<B> {
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    if !path.starts_with(&format!("{prefix}/"))
        && let Ok(uri) = format!("{prefix}{path}").parse()
    {
        *request.uri_mut() = uri;
    }
    request
}

/// Picks the newest version that both sides know.
fn agree(newest: Option<&str>, oldest: Option<&str>) -> Result<ClientVersion, ProbeFailure> {
    let fail = |message: String| ProbeFailure::at(ProbeStage::ApiVersion, Remedy::UpgradeEngine, message);
    let text = newest.unwrap_or_default();
    let theirs = parse(text).ok_or_else(|| fail(format!("the engine says API version {text:?}")))?;
    if theirs < OLDEST {
        return Err(fail(format!(
            "the engine knows API {text}; at least {}.{} is needed",
            OLDEST.0, OLDEST.1
        )));
    }
    let ours = (API_DEFAULT_VERSION.major_version, API_DEFAULT_VERSION.minor_version);
    if let Some(oldest) = oldest.and_then(parse)
        && oldest > ours
    {
        let message =
            format!("the engine wants at least API {}.{}, which is newer than ours", oldest.0, oldest.1);
        return Err(ProbeFailure::at(ProbeStage::ApiVersion, Remedy::InspectEngine, message));
    }
    let (major_version, minor_version) = theirs.min(ours);
    Ok(ClientVersion { major_version, minor_version })
}

fn parse(version: &str) -> Option<(usize, usize)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests;
