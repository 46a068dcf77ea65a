//! A scripted API server: it lists what it was given, page by page, holds watches open, and answers `410 Gone` when it
//! is told to. It knows no object and no right.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, KubernetesOptions};
use bytes::Bytes;
use domain::host::cluster::{ClusterAuthority, ClusterCredentials, ClusterLogin, ClusterSettings};
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub const PATIENCE: Duration = Duration::from_secs(60);
pub const INSTALLATION: &str = "scripted";
pub const PODS: &str = "/api/v1/pods";
pub const SERVICES: &str = "/api/v1/services";
pub const SETS: &str = "/apis/apps/v1/statefulsets";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The server and an agent that was pointed at it.
pub struct Server {
    pub agent: KubernetesAgent,
    script: Arc<Mutex<Script>>,
}

/// What it was asked and what it answers.
#[derive(Default)]
struct Script {
    /// Path and query of every request.
    asked: Vec<String>,
    /// The items of each page of a list, by path; a path that is not here has one page without items.
    pages: HashMap<String, Vec<Vec<Value>>>,
    /// Watches by path, in the order in which they were opened.
    watches: HashMap<String, Vec<UnboundedSender<String>>>,
    /// So many of the next requests for a later page are answered with `410 Gone`.
    stale_pages: usize,
    /// So many of the next watches are.
    stale_watches: usize,
}

impl Server {
    pub async fn raise() -> Self {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
                )
                .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script::default()));
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&script)));
        Self { agent: agent(at, certificate.pem()), script }
    }

    /// Gives a list its pages.
    pub fn lists(&self, path: &str, pages: Vec<Vec<Value>>) {
        self.script.lock().unwrap().pages.insert(path.to_owned(), pages);
    }

    /// Forgets the moment of the next lists that have come to a later page.
    pub fn forgets_pages(&self, times: usize) {
        self.script.lock().unwrap().stale_pages = times;
    }

    /// Forgets the moments of the next watches.
    pub fn forgets_watches(&self, times: usize) {
        self.script.lock().unwrap().stale_watches = times;
    }

    /// The requests for a path so far, only lists or only watches.
    pub fn asked(&self, path: &str, for_watch: bool) -> Vec<String> {
        let script = self.script.lock().unwrap();
        let of_path = script.asked.iter().filter(|asked| asked.split('?').next() == Some(path));
        of_path.filter(|asked| asked.contains("watch=true") == for_watch).cloned().collect()
    }

    /// Waits until so many watches of a path were opened, and returns the last one.
    pub async fn watch(&self, path: &str, count: usize) -> UnboundedSender<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = {
                let mut script = self.script.lock().unwrap();
                let watches = script.watches.entry(path.to_owned()).or_default();
                if watches.len() >= count { watches.last().cloned() } else { None }
            };
            if let Some(watch) = found {
                return watch;
            }
            assert!(Instant::now() < deadline, "{path} is not watched {count} times");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends the last watch of a path, as a server does from time to time.
    pub fn ends_watch(&self, path: &str) {
        let script = self.script.lock().unwrap();
        script.watches[path].last().unwrap().close_channel();
    }
}

fn agent(at: SocketAddr, authority: String) -> KubernetesAgent {
    let credentials = ClusterCredentials {
        authority: ClusterAuthority::Ca { pem: authority },
        server_name: None,
        login: ClusterLogin::Token { token: "any".to_owned() },
    };
    let options = KubernetesOptions {
        settings: ClusterSettings::default(),
        client_address: "host.example".to_owned(),
        registries: vec![],
        allow_loopback: true,
        allowed_networks: vec![],
        portal_namespace: None,
    };
    let endpoint = KubernetesEndpoint::Remote { server: format!("https://{at}"), credentials };
    KubernetesAgent::connect(endpoint, options, INSTALLATION).unwrap()
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, script: Arc<Mutex<Script>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let answer = script.lock().unwrap().answer(request.uri());
                std::future::ready(Ok::<_, Infallible>(answer))
            });
            let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Script {
    fn answer(&mut self, uri: &Uri) -> Response<Body> {
        self.asked.push(uri.to_string());
        let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default());
        if query.contains("watch=true") {
            return self.watch(path);
        }
        let page: usize = match query.split('&').find_map(|part| part.strip_prefix("continue=")) {
            Some(token) => token.parse().unwrap(),
            None => 0,
        };
        if page > 0 && self.stale_pages > 0 {
            self.stale_pages -= 1;
            return whole(StatusCode::GONE, &gone());
        }
        let pages = self.pages.get(&path).map(Vec::as_slice).unwrap_or_default();
        let items = pages.get(page).cloned().unwrap_or_default();
        let mut metadata = json!({"resourceVersion": "10"});
        if page + 1 < pages.len() {
            metadata["continue"] = json!((page + 1).to_string());
        }
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items});
        whole(StatusCode::OK, &list)
    }

    fn watch(&mut self, path: String) -> Response<Body> {
        // Only pods: three kinds are watched, and which of them would come first is left to chance.
        if path == PODS && self.stale_watches > 0 {
            self.stale_watches -= 1;
            return whole(StatusCode::GONE, &gone());
        }
        let (sender, events) = unbounded::<String>();
        self.watches.entry(path).or_default().push(sender);
        let frames = events.map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from(event))));
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

fn whole(status: StatusCode, value: &Value) -> Response<Body> {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// The status of a server that has forgotten a moment.
pub fn gone() -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: 10 (20)", "reason": "Expired", "code": 410,
    })
}
