//! "Test connection" on a real engine, over its socket and over mutual TLS.
//!
//! The engine is put behind a small TLS door of the test's own, so that no second engine is needed. Where an
//! engine has a TLS listener of its own, `HEDDLE_TEST_DOCKER_TLS=host:port` names it and
//! `HEDDLE_TEST_DOCKER_TLS_DIR` the folder with `ca.pem`, `cert.pem` and `key.pem` for it.

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, PortSpec, ProbeStage, Publish, Remedy, Selector};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UnixStream};
use zeroize::Zeroizing;

use crate::bed::{Bed, on_engine, skipped};
use crate::door::{Client, authority, door, issue};

#[tokio::test(flavor = "multi_thread")]
async fn the_local_socket_tells_the_engines_facts() {
    on_engine(async |bed| {
        let facts = bed.agent.probe().await.unwrap();
        let known = bed.hands.info().await.unwrap();
        assert_eq!(Some(&facts.id), known.id.as_ref());
        assert!(!facts.version.is_empty() && !facts.architecture.is_empty());
        assert!(facts.memory_bytes.is_some_and(|bytes| bytes > 1 << 20) && facts.cpus.is_some_and(|n| n > 0));
        let skew =
            facts.clock.unwrap().duration_since(facts.asked_at).unwrap_or_else(|early| early.duration());
        assert!(skew.as_secs() < 60, "{skew:?}");
        let nowhere = DockerEndpoint::Unix { path: "/nonexistent/docker.sock".into() };
        let failure =
            DockerAgent::connect(nowhere, DockerOptions::default()).unwrap().probe().await.unwrap_err();
        assert_eq!((failure.stage, failure.remedy), (ProbeStage::Address, Remedy::StartEngine));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_works_and_each_stage_fails_by_its_name() {
    on_engine(async |bed| {
        let (engines, clients, strangers) =
            (authority("engines"), authority("clients"), authority("strangers"));
        let at = door(&bed.socket, &engines, &clients, "127.0.0.1").await;
        let good = Client { at, trusts: &engines, from: &clients, allow_loopback: true };
        verbs_work(&bed, &good.agent()).await;

        let not_allowed = Client { allow_loopback: false, ..good };
        assert_eq!(not_allowed.failure().await, (ProbeStage::Address, Remedy::UseOtherAddress));
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let nobody = Client { at: nobody, ..good };
        assert_eq!(nobody.failure().await, (ProbeStage::Tcp, Remedy::StartEngine));
        let foreign_engine = Client { trusts: &strangers, ..good };
        assert_eq!(foreign_engine.failure().await, (ProbeStage::Tls, Remedy::CheckAuthority));
        let other_name = door(&bed.socket, &engines, &clients, "elsewhere.example").await;
        let other_name = Client { at: other_name, ..good };
        assert_eq!(other_name.failure().await, (ProbeStage::Tls, Remedy::CheckAuthority));
        let foreign_client = Client { from: &strangers, ..good };
        assert_eq!(
            foreign_client.failure().await,
            (ProbeStage::Authentication, Remedy::CheckClientCertificate)
        );

        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain_at = plain.local_addr().unwrap();
        let socket = bed.socket.clone();
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = plain.accept().await {
                let mut inside = UnixStream::connect(&socket).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
        let plain = Client { at: plain_at, ..good };
        assert_eq!(plain.failure().await, (ProbeStage::Tls, Remedy::EnableEngineTls));
    })
    .await;
}

/// The whole way of a node, through TLS: create, upload, start, logs, connect, remove.
async fn verbs_work(bed: &Bed, agent: &DockerAgent) {
    assert_eq!(agent.probe().await.unwrap().id, bed.agent.probe().await.unwrap().id);
    agent.ensure_space(&bed.space("remote")).await.unwrap();
    let mut spec = bed.spec("remote", "peer0");
    spec.ports = vec![PortSpec { container: 7051, publish: Publish::Assigned }];
    spec.environment.insert("NODE_LISTEN".into(), "7051".into());
    agent.ensure_node(&spec).await.unwrap();
    bed.lines_with(&spec.node_ref(), "listening 7051").await;
    let mut said = String::new();
    agent.connect(&spec.node_ref(), 7051).await.unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "hello from peer0\n");
    agent.remove_space(&bed.installation, "remote").await.unwrap();
    let selector = Selector { installation: bed.installation.clone(), chain: None };
    assert!(agent.list_nodes(&selector).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_engines_own_tls_listener_takes_its_clients_and_no_others() {
    let Ok(at) = std::env::var("HEDDLE_TEST_DOCKER_TLS_ADDRESS") else {
        return skipped("HEDDLE_TEST_DOCKER_TLS_ADDRESS names no listener");
    };
    let (address, port) = at.rsplit_once(':').unwrap();
    let read = |what: &str| {
        let file = std::env::var(format!("HEDDLE_TEST_DOCKER_TLS_{what}")).unwrap();
        std::fs::read_to_string(file).unwrap()
    };
    let agent = |certificate: String, key: String| {
        let endpoint = DockerEndpoint::Tcp {
            address: address.into(),
            port: port.parse().unwrap(),
            ca_pem: read("CA"),
            client_cert_pem: certificate,
            client_key_pem: Zeroizing::new(key),
        };
        let options = DockerOptions { allow_loopback: true, ..DockerOptions::default() };
        DockerAgent::connect(endpoint, options).unwrap()
    };
    assert!(!agent(read("CERT"), read("KEY")).probe().await.unwrap().id.is_empty());
    let strangers = authority("strangers");
    for _ in 0..20 {
        let (certificate, key) = issue(&strangers, &["portal"]);
        let failure = agent(certificate.pem(), key.serialize_pem()).probe().await.unwrap_err();
        assert_eq!(
            (failure.stage, failure.remedy),
            (ProbeStage::Authentication, Remedy::CheckClientCertificate)
        );
    }
}

#[tokio::test]
async fn unusable_material_is_named_before_anything_is_opened() {
    let ours = authority("ours");
    let (certificate, key) = issue(&ours, &["portal"]);
    let (_, other_key) = issue(&ours, &["portal"]);
    let failure = |ca: &str, certificate: &str, key: &str| {
        let endpoint = DockerEndpoint::Tcp {
            address: "192.0.2.7".into(),
            port: 2376,
            ca_pem: ca.into(),
            client_cert_pem: certificate.into(),
            client_key_pem: Zeroizing::new(key.into()),
        };
        let failure = DockerAgent::connect(endpoint, DockerOptions::default()).map(drop).unwrap_err();
        (failure.stage, failure.remedy)
    };
    let (ca, certificate, key) = (ours.pem(), certificate.pem(), key.serialize_pem());
    let material = (ProbeStage::Authentication, Remedy::CheckClientMaterial);
    assert_eq!(failure("", &certificate, &key), (ProbeStage::Tls, Remedy::CheckAuthority));
    assert_eq!(failure(&ca, "nonsense", &key), material);
    assert_eq!(failure(&ca, &certificate, "nonsense"), material);
    assert_eq!(failure(&ca, &certificate, &other_key.serialize_pem()), material);
}
