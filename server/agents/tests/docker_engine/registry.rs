//! Pulls from a registry that the test runs itself: with and without credentials, with progress, and what is missing.
//! Engines take registries on loopback addresses without TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use agents::{Agent, AgentError, ImageProgress, MissingWhy, PullCredentials};
use bollard::query_parameters::RemoveImageOptions;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::bed::{on_engine, skipped};

/// `puller:s3cret`.
const BASIC: &str = "Basic cHVsbGVyOnMzY3JldA==";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Large enough that the engine tells how far it is.
const LAYER_BYTES: usize = 4 * 1024 * 1024;

/// What a registry holds: content by path below `/v2/`, with its type.
#[derive(Default)]
struct Shelf(BTreeMap<String, (&'static str, Bytes)>);

fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

impl Shelf {
    /// Puts an image of one layer on the shelf.
    fn add(&mut self, name: &str, tag: &str) {
        let mut random = vec![0; LAYER_BYTES];
        getrandom::fill(&mut random).unwrap();
        let mut files = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(u64::try_from(random.len()).unwrap());
        files.append_data(&mut header, "content", random.as_slice()).unwrap();
        let layer = files.into_inner().unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut packed, &layer).unwrap();
        let packed = packed.finish().unwrap();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(), "digest": digest(&config),
            },
            "layers": [{
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": packed.len(), "digest": digest(&packed),
            }],
        });
        let manifest = manifest.to_string().into_bytes();
        for blob in [config, packed] {
            let path = format!("{name}/blobs/{}", digest(&blob));
            self.0.insert(path, ("application/octet-stream", blob.into()));
        }
        let by_digest = digest(&manifest);
        for reference in [tag, by_digest.as_str()] {
            self.0.insert(format!("{name}/manifests/{reference}"), (MANIFEST, manifest.clone().into()));
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let reply = Response::builder().header("Docker-Distribution-Api-Version", "registry/2.0");
        if request.headers().get("authorization").and_then(|value| value.to_str().ok()) != Some(BASIC) {
            let error = json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]});
            return reply
                .status(StatusCode::UNAUTHORIZED)
                .header("WWW-Authenticate", "Basic realm=\"test\"")
                .body(Full::from(error.to_string()))
                .unwrap();
        }
        let path = request.uri().path().trim_start_matches("/v2/");
        if path.is_empty() {
            return reply.body(Full::from("{}")).unwrap();
        }
        let Some((kind, content)) = self.0.get(path) else {
            let error = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]});
            return reply.status(StatusCode::NOT_FOUND).body(Full::from(error.to_string())).unwrap();
        };
        let reply = reply
            .header("Content-Type", *kind)
            .header("Content-Length", content.len())
            .header("Docker-Content-Digest", digest(content));
        let body = if request.method() == Method::HEAD { Bytes::new() } else { content.clone() };
        reply.body(Full::from(body)).unwrap()
    }
}

/// A registry on loopback, and how often it was asked.
async fn registry(shelf: Shelf) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (shelf, asked) = (Arc::new(shelf), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (shelf, count) = (Arc::clone(&shelf), Arc::clone(&count));
            let answer = service_fn(move |request| {
                count.fetch_add(1, Ordering::Relaxed);
                let answer = shelf.answer(&request);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
            );
        }
    });
    (at, asked)
}

fn credentials(password: &str) -> PullCredentials {
    PullCredentials { username: "puller".into(), password: Zeroizing::new(password.into()) }
}

fn why<T: std::fmt::Debug>(result: Result<T, AgentError>) -> MissingWhy {
    match result.unwrap_err() {
        AgentError::ImageMissing { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_pulled_with_its_registrys_credentials_and_with_progress() {
    on_engine(async |bed| {
        let name = format!("heddle-test/{}", bed.installation);
        let mut shelf = Shelf::default();
        shelf.add(&name, "1");
        let (at, asked) = registry(shelf).await;
        let image = format!("{at}/{name}:1");
        let good = credentials("s3cret");
        let offered = bed.agent.ask_registry(&image, Some(&good)).await;
        if asked.load(Ordering::Relaxed) == 0 {
            return skipped(&format!("the engine does not share this machine's loopback: {offered:?}"));
        }
        assert_eq!(offered, Ok(()));
        let absent = format!("{at}/{name}:2");
        let found = why(bed.agent.ask_registry(&absent, Some(&good)).await);
        assert!(matches!(found, MissingWhy::NotInRegistry(_)), "{found:?}");
        for given in [None, Some(credentials("wrong"))] {
            let found = why(bed.agent.ask_registry(&image, given.as_ref()).await);
            assert!(matches!(found, MissingWhy::Denied(_)), "{found:?}");
            let found = why(bed.agent.ensure_image(&image, given.as_ref(), &mut |_| ()).await);
            assert!(matches!(found, MissingWhy::Denied(_)), "{found:?}");
            assert!(!format!("{found:?}").contains("s3cret"));
        }
        let found = why(bed.agent.ensure_image(&absent, Some(&good), &mut |_| ()).await);
        assert!(matches!(found, MissingWhy::NotInRegistry(_)), "{found:?}");
        assert!(bed.agent.image(&image).await.unwrap().is_none(), "nothing was pulled by asking");

        let steps = Mutex::new(Vec::<ImageProgress>::new());
        let mut note = |step| steps.lock().unwrap().push(step);
        let pulled = bed.agent.ensure_image(&image, Some(&good), &mut note).await.unwrap();
        let options = Some(RemoveImageOptions { force: true, ..RemoveImageOptions::default() });
        let steps = steps.into_inner().unwrap();
        let again_asked = asked.load(Ordering::Relaxed);
        let again = bed.agent.ensure_image(&image, None, &mut |_| panic!("nothing is pulled again")).await;
        let removed = bed.hands.remove_image(&image, options, None).await;
        assert_eq!(again.unwrap(), pulled);
        assert_eq!(asked.load(Ordering::Relaxed), again_asked);
        removed.unwrap();
        let repository = format!("{at}/{name}@sha256:");
        assert!(pulled.digest.as_ref().is_some_and(|digest| digest.starts_with(&repository)), "{pulled:?}");
        assert!(!pulled.local_only && pulled.id.starts_with("sha256:"), "{pulled:?}");
        let told = steps.iter().filter(|step| step.status == "Downloading");
        assert!(told.clone().any(|step| step.total.is_some_and(|total| total > 1_000_000)), "{steps:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_not_there_is_told_from_one_that_lacks_the_image() {
    on_engine(async |bed| {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let image = format!("{nobody}/heddle-test/none:1");
        let found = why(bed.agent.ask_registry(&image, None).await);
        assert!(matches!(found, MissingWhy::RegistryUnreachable(_)), "{found:?}");
        let found = why(bed.agent.ensure_image(&image, None, &mut |_| ()).await);
        assert!(matches!(found, MissingWhy::RegistryUnreachable(_)), "{found:?}");
        assert_eq!(why(bed.agent.ask_registry("heddle.local/none:1", None).await), MissingWhy::LocalOnly);
    })
    .await;
}
