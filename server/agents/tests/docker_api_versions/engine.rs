//! An engine that only writes down what it is asked, and what is asked of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, ProbeStage, Remedy, SpaceSpec};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;

type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// An engine that says which versions it knows and makes whatever network it is asked for.
fn engine(newest: &str, oldest: &str) -> (tempfile::TempDir, PathBuf, Asked) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let asked = Asked::default();
    let version = json!({"ApiVersion": newest, "MinAPIVersion": oldest, "Version": "test", "Arch": "amd64"});
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (version, log) = (version.clone(), Arc::clone(&log));
            let answer = service_fn(move |request| answer(request, version.clone(), Arc::clone(&log)));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
            );
        }
    });
    (folder, socket, asked)
}

async fn answer(
    request: Request<Incoming>,
    version: Value,
    log: Asked,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let line = format!("{} {}", request.method(), request.uri().path());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = match line.as_str() {
        "GET /version" => version,
        line if line.ends_with("/info") => json!({"ID": "engine", "OSType": "linux"}),
        line if line.ends_with("/networks") => json!([]),
        _ => json!({"Id": "made", "Warning": ""}),
    };
    log.lock().unwrap().push((line, body));
    Ok(Response::new(Full::from(answer.to_string())))
}

fn agent(socket: PathBuf) -> DockerAgent {
    DockerAgent::connect(DockerEndpoint::Unix { path: socket }, DockerOptions::default()).unwrap()
}

#[tokio::test]
async fn the_oldest_and_the_newest_engine_get_the_same_bodies_under_their_version() {
    let ours = bollard::API_DEFAULT_VERSION;
    let newest = format!("{}.{}", ours.major_version, ours.minor_version);
    let mut bodies = vec![];
    for (says, spoken) in [("1.41", "1.41"), ("1.999", newest.as_str())] {
        let (_folder, socket, asked) = engine(says, "1.24");
        let agent = agent(socket);
        let facts = agent.probe().await.unwrap();
        assert_eq!((facts.api_version.as_str(), facts.api_version_max.as_str()), (spoken, says));
        let space = SpaceSpec { installation: "abc".into(), chain: "demo".into(), operation: "op".into() };
        agent.ensure_space(&space).await.unwrap();
        let asked = asked.lock().unwrap().clone();
        let behind: Vec<_> = asked.iter().filter(|(line, _)| line != "GET /version").collect();
        assert!(behind.iter().all(|(line, _)| line.contains(&format!(" /v{spoken}/"))), "{behind:?}");
        let made: Vec<Value> = behind
            .iter()
            .filter(|(line, _)| line.ends_with("/networks/create"))
            .map(|(_, body)| body.clone())
            .collect();
        assert_eq!(made.len(), 2);
        bodies.push(made);
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn engines_that_are_too_old_or_none_at_all_are_named() {
    let failure = async |newest: &str, oldest: &str| {
        let (_folder, socket, _) = engine(newest, oldest);
        let failure = agent(socket).probe().await.unwrap_err();
        (failure.stage, failure.remedy)
    };
    assert_eq!(failure("1.40", "1.12").await, (ProbeStage::ApiVersion, Remedy::UpgradeEngine));
    assert_eq!(failure("", "").await, (ProbeStage::ApiVersion, Remedy::UpgradeEngine));
    assert_eq!(failure("1.999", "1.998").await, (ProbeStage::ApiVersion, Remedy::InspectEngine));

    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("plain.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let failure = agent(socket).probe().await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Engine, Remedy::InspectEngine));
}
