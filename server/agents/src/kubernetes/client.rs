//! The client of one cluster's API: our own connections, bounds and credentials under kube's types.
//!
//! Nothing is taken from kube's own configuration: no kubeconfig, no environment, no proxy, no plugin. Requests are sent
//! once; who wants to try again does so where it shows.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::AUTHORIZATION;
use hyper::{Request, Response};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::Body;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::BoxError;

use super::answer::{Answer, Broken, REQUEST_MAX, Sort};
use super::dial::Connector;
use super::endpoint::{KubernetesEndpoint, KubernetesOptions};
use super::failure::cause;
use super::way::Way;
use crate::address::{self, Allowed};
use crate::dial::{UnderWay, connect_any};
use crate::{ProbeFailure, ProbeStage, Remedy, tls};

/// A connection that nobody uses is closed after this time.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// Connections that are kept for the next request.
const IDLE_CONNECTIONS_MAX: usize = 8;

type Http = legacy::Client<Connector, Body>;

/// The client of one cluster and what is wanted of it.
pub(super) struct Client {
    pub(super) kube: kube::Client,
    pub(super) options: KubernetesOptions,
    /// Whether the portal runs in this very cluster.
    pub(super) in_cluster: bool,
    pub(super) way: Arc<Way>,
}

impl Client {
    /// Reads the endpoint; nothing is opened yet. It is called inside of the runtime, which carries its requests.
    ///
    /// # Errors
    /// Stage `Address` for an address that is none and for a portal that runs in no cluster, `Tls` or `Authentication`
    /// for certificates, keys and tokens that cannot be read.
    pub(super) fn new(
        endpoint: KubernetesEndpoint,
        mut options: KubernetesOptions,
    ) -> Result<Self, ProbeFailure> {
        let allowed =
            Allowed { loopback: options.allow_loopback, networks: options.allowed_networks.clone() };
        let (way, in_cluster) = match endpoint {
            KubernetesEndpoint::Remote { server, credentials } => {
                (Way::remote(&server, &credentials, allowed)?, false)
            }
            KubernetesEndpoint::InCluster => (Way::in_cluster()?, true),
        };
        // Whatever was given: only the pod's own files tell it.
        options.portal_namespace.clone_from(&way.namespace);
        let way = Arc::new(way);
        Ok(Self { kube: kube_client(Arc::clone(&way)), options, in_cluster, way })
    }

    /// Opens a plain connection to a Service, by its name inside of the cluster. Only for a portal that runs there: the
    /// name is ours, and its address is one of the cluster's own.
    pub(super) async fn dial(&self, service: &str, port: u16) -> Result<TcpStream, ProbeFailure> {
        if !self.in_cluster {
            let message = format!("{service} is a name inside of the cluster only");
            return Err(ProbeFailure::at(ProbeStage::Address, Remedy::RunInCluster, message));
        }
        let found = address::resolve(service, port, &Allowed::default()).await?;
        connect_any(&found, &UnderWay::default()).await
    }
}

fn kube_client(way: Arc<Way>) -> kube::Client {
    let http: Http = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(Connector::new(Arc::clone(&way.route)));
    let service =
        tower::service_fn(move |request: Request<Body>| send(http.clone(), Arc::clone(&way), request));
    kube::Client::new(service, "default")
}

/// Sends one request and bounds its answer.
async fn send(http: Http, way: Arc<Way>, request: Request<Body>) -> Result<Response<Answer>, BoxError> {
    let (mut parts, body) = request.into_parts();
    parts.uri = way.absolute(&parts.uri)?;
    if let Some(value) = way.bearer.header().await? {
        parts.headers.insert(AUTHORIZATION, value);
    }
    let (sort, asked) = (Sort::of(&parts.uri), Instant::now());
    let sent = tokio::time::timeout(REQUEST_MAX, http.request(Request::from_parts(parts, body))).await;
    let answer = sent.map_err(|_| Broken::Late(REQUEST_MAX))?.map_err(unsent)?;
    Ok(answer.map(|body| Answer::new(body, sort, asked)))
}

/// Finds what we know better inside of the HTTP client's error: the stage of opening a connection, or a certificate of
/// ours that is refused, which with TLS 1.3 shows only behind the handshake.
fn unsent(error: legacy::Error) -> BoxError {
    if let Some(failure) = cause::<ProbeFailure>(&error) {
        return failure.clone().into();
    }
    match tls::refused_certificate(&error) {
        Some(refused) => refused.into(),
        None => error.into(),
    }
}
