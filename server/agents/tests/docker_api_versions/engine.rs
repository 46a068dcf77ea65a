//! An engine that writes down what it is asked, and what is asked of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{
    Agent, Limits, NodeFile, NodeNetwork, NodeSpec, PortSpec, ProbeStage, Publish, Remedy, SpaceSpec,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use zeroize::Zeroizing;

type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// An engine that says which versions it knows and makes whatever it is asked for.
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
    let line = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let found = {
        let mut log = log.lock().unwrap();
        log.push((line.clone(), body));
        behaviour(&line, &log, version)
    };
    let (status, answer) = found.map_or((404, json!({"message": "no such object"})), |found| (200, found));
    Ok(Response::builder().status(status).body(Full::from(answer.to_string())).unwrap())
}

/// What an engine would say: whatever was made before is there.
fn behaviour(line: &str, log: &[(String, Value)], version: Value) -> Option<Value> {
    let (method, path) = line.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap();
    let made =
        |kind: &str| log.iter().rev().find(|(line, _)| line.contains(kind)).map(|(_, body)| body.clone());
    let last = path.rsplit('/').next().unwrap();
    match (method, path) {
        (_, "/version") => Some(version),
        ("GET", path) if path.ends_with("/info") => Some(json!({"ID": "engine", "OSType": "linux"})),
        ("GET", path) if path.ends_with("/networks") => Some(json!([])),
        ("GET", path) if path.contains("/images/") => {
            Some(json!({"Id": "sha256:00", "Architecture": "amd64", "RepoDigests": [], "Config": {}}))
        }
        ("GET", path) if path.contains("/volumes/") => {
            let bodies = log.iter().filter(|(line, _)| line.contains("/volumes/create"));
            let body = bodies.map(|(_, body)| body).find(|body| body["Name"] == last)?;
            Some(json!({
                "Name": last, "Driver": "local", "Mountpoint": "/x", "Scope": "local",
                "Labels": body["Labels"], "Options": {},
            }))
        }
        ("GET", path) if path.contains("/containers/") => {
            let body = made("/containers/create")?;
            let status = if made("/start").is_some() { "running" } else { "created" };
            let networks = body["NetworkingConfig"]["EndpointsConfig"].clone();
            Some(json!({
                "Id": "made", "Config": {"Labels": body["Labels"]}, "State": {"Status": status},
                "NetworkSettings": {"Networks": networks},
            }))
        }
        _ => Some(json!({
            "Id": "made", "Warning": "", "Warnings": [],
            "Name": "made", "Driver": "local", "Mountpoint": "/x", "Scope": "local", "Labels": {}, "Options": {},
        })),
    }
}

/// A node of every kind of setting.
fn node() -> NodeSpec {
    let file = |path: &str, secret| NodeFile {
        path: path.to_owned(),
        content: Zeroizing::new(b"content".to_vec()),
        mode: if secret { 0o600 } else { 0o644 },
        secret,
    };
    NodeSpec {
        installation: "abc".into(),
        chain: "demo".into(),
        node: "peer0-org1".into(),
        kind: "peer".into(),
        image: "sha256:00".into(),
        entrypoint: vec![],
        command: vec!["peer".into(), "node".into(), "start".into()],
        environment: [("CORE_PEER_ID".to_owned(), "peer0.org1.demo".to_owned())].into(),
        files: vec![file("core.yaml", false), file("msp/key.pem", true)],
        data_path: Some("/var/hyperledger".into()),
        config_path: "/etc/heddle".into(),
        working_dir: None,
        ports: vec![
            PortSpec { container: 7051, publish: Publish::Fixed(31_020) },
            PortSpec { container: 9443, publish: Publish::Assigned },
        ],
        health_port: None,
        aliases: vec!["peer0.org1.demo".into()],
        network: NodeNetwork::ChainAndChaincode,
        limits: Limits { memory_mib: 512, cpu_milli: 1_000, pids: 100 },
        operation: "op".into(),
        user: None,
        read_only_root: false,
        refuse_image_volumes: false,
        allow_new_data: false,
    }
}

fn agent(socket: PathBuf) -> DockerAgent {
    DockerAgent::connect(DockerEndpoint::Unix { path: socket }, DockerOptions::default()).unwrap()
}

/// The whole conversation by which a chain's space and a node come to be, without the version in the paths.
async fn conversation(says: &str, spoken: &str) -> Vec<Value> {
    let (_folder, socket, asked) = engine(says, "1.24");
    let agent = agent(socket);
    let facts = agent.probe().await.unwrap();
    assert_eq!((facts.api_version.as_str(), facts.api_version_max.as_str()), (spoken, says));
    let space = SpaceSpec { installation: "abc".into(), chain: "demo".into(), operation: "op".into() };
    agent.ensure_space(&space).await.unwrap();
    agent.ensure_node(&node()).await.unwrap();
    let asked = asked.lock().unwrap().clone();
    let prefix = format!("/v{spoken}/");
    let behind = asked.into_iter().filter(|(line, _)| !line.ends_with(" /version"));
    behind
        .map(|(line, body)| {
            assert!(line.contains(&format!(" {prefix}")), "{line} is not asked in version {spoken}");
            json!({"line": line.replacen(&prefix, "/", 1), "body": body})
        })
        .filter(|asked| asked["line"].as_str().is_some_and(|line| !line.starts_with("GET ")))
        .collect()
}

/// Maps are sorted here, because the order in which they are sent has no meaning.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(map.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[tokio::test]
async fn the_oldest_and_the_newest_engine_get_the_golden_bodies_under_their_version() {
    let ours = bollard::API_DEFAULT_VERSION;
    let newest = format!("{}.{}", ours.major_version, ours.minor_version);
    let oldest = conversation("1.41", "1.41").await;
    assert_eq!(oldest, conversation("1.999", &newest).await, "both ends are asked the same");
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docker_api_versions/golden.json");
    let found = format!("{:#}\n", sorted(Value::from(oldest)));
    if std::env::var("HEDDLE_GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(golden, &found).unwrap();
    }
    let expected = std::fs::read_to_string(golden).unwrap_or_default();
    assert_eq!(found, expected, "if that is meant, run with HEDDLE_GOLDEN=write");
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
