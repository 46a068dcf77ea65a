//! One test per stage, against a port that speaks TLS and answers as an API server does. What a real cluster says is
//! tested on one; here it is told apart at which stage a test stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use domain::host::cluster::{
    ClusterAuthority, ClusterCredentials, ClusterExposure, ClusterLogin, ClusterSettings,
};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::kubernetes::{KubernetesEndpoint, KubernetesOptions};

/// What answers.
#[derive(Clone)]
struct Double {
    /// What `/version` says.
    minor: &'static str,
    /// The user that we are.
    user: &'static str,
    /// The access review with this in its body is denied.
    denied: &'static str,
    /// What storage classes there are, and what machines.
    classes: Value,
    machines: Value,
    /// What is answered instead of anything else.
    instead: Option<(u16, &'static str)>,
}

impl Default for Double {
    fn default() -> Self {
        let class = json!({
            "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "example"
        });
        let machine = json!({
            "metadata": {"name": "one"}, "spec": {},
            "status": {
                "allocatable": {"cpu": "4", "memory": "8Gi"},
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"architecture": "amd64", "osImage": "Debian 12"}
            }
        });
        Self {
            minor: "34",
            user: "portal",
            denied: "nothing is denied",
            classes: json!([class]),
            machines: json!([machine]),
            instead: None,
        }
    }
}

impl Double {
    fn answer(&self, path: &str, body: &str) -> (u16, Value) {
        let list = |version: &str, kind: &str, items: &Value| {
            (200, json!({"apiVersion": version, "kind": kind, "metadata": {}, "items": items}))
        };
        let path = path.split('?').next().unwrap_or_default();
        match path.trim_start_matches("/behind") {
            "/version" => {
                let git = format!("v1.{}.4", self.minor.trim_end_matches('+'));
                (200, json!({"major": "1", "minor": self.minor, "gitVersion": git}))
            }
            "/apis/authentication.k8s.io/v1/selfsubjectreviews" => (
                201,
                json!({
                    "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {},
                    "status": {"userInfo": {"username": self.user}}
                }),
            ),
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => (
                201,
                json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
                    "spec": {}, "status": {"allowed": !body.contains(self.denied)}
                }),
            ),
            "/api/v1/namespaces/kube-system" => (
                200,
                json!({
                    "apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": "kube-system", "uid": "the-cluster"}
                }),
            ),
            "/api/v1/nodes" => list("v1", "NodeList", &self.machines),
            "/apis/storage.k8s.io/v1/storageclasses" => {
                list("storage.k8s.io/v1", "StorageClassList", &self.classes)
            }
            "/apis" => (200, json!({"apiVersion": "v1", "kind": "APIGroupList", "groups": []})),
            _ => {
                let status = json!({
                    "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 404, "message": "not found"
                });
                (404, status)
            }
        }
    }

    /// Opens a port that answers like this, with a certificate for a name.
    async fn open(self, name: &str) -> Door {
        let own = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let double = Arc::new(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, double) = (acceptor.clone(), Arc::clone(&double));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let Some((path, body)) = request(&mut stream).await else { return };
                    let (status, said) = match double.instead {
                        Some((status, said)) => (status, said.to_owned()),
                        None => {
                            let (status, said) = double.answer(&path, &body);
                            (status, said.to_string())
                        }
                    };
                    let length = said.len();
                    let head = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close";
                    let answer =
                        format!("HTTP/1.1 {status} x\r\n{head}\r\nContent-Length: {length}\r\n\r\n{said}");
                    let _gone = stream.write_all(answer.as_bytes()).await;
                    let _gone = stream.shutdown().await;
                });
            }
        });
        let fingerprint = hex::encode(Sha256::digest(own.cert.der()));
        Door { at, pem: own.cert.pem(), fingerprint }
    }
}

/// Reads one request: its path and its body.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut seen = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.ok().filter(|length| *length > 0)?;
        seen.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().filter_map(|line| line.split_once(": "));
        let mut lengths = announced.filter(|(key, _)| key.eq_ignore_ascii_case("content-length"));
        let wanted: usize = lengths.next().and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        if body.len() >= wanted {
            return Some((head.split(' ').nth(1)?.to_owned(), body.to_owned()));
        }
    }
}

/// An open port and how it is known.
struct Door {
    at: SocketAddr,
    pem: String,
    fingerprint: String,
}

impl Door {
    fn client(&self, authority: ClusterAuthority, settings: ClusterSettings) -> Client {
        let login = ClusterLogin::Token { token: "abc".to_owned() };
        let credentials = ClusterCredentials { authority, server_name: None, login };
        let endpoint =
            KubernetesEndpoint::Remote { server: format!("https://{}/behind", self.at), credentials };
        let options = KubernetesOptions {
            settings,
            client_address: "cluster.example".to_owned(),
            registries: Vec::new(),
            allow_loopback: true,
            allowed_networks: Vec::new(),
            portal_namespace: None,
        };
        Client::new(endpoint, options).unwrap_or_else(|failure| panic!("{failure}"))
    }

    fn ca(&self) -> ClusterAuthority {
        ClusterAuthority::Ca { pem: self.pem.clone() }
    }

    async fn failure(&self, settings: ClusterSettings) -> ProbeFailure {
        probe(&self.client(self.ca(), settings)).await.unwrap_err()
    }
}

/// Where a test of this stops.
async fn stops(double: Double) -> (ProbeStage, Remedy, String) {
    let failure = double.open("127.0.0.1").await.failure(ClusterSettings::default()).await;
    (failure.stage, failure.remedy, failure.message)
}

#[tokio::test]
async fn what_is_right_passes_every_stage() {
    let door = Double::default().open("127.0.0.1").await;
    let facts = probe(&door.client(door.ca(), ClusterSettings::default())).await.unwrap();
    assert_eq!((facts.id.as_str(), facts.version.as_str()), ("the-cluster", "v1.34.4"));
    assert_eq!((facts.api_version.as_str(), facts.architecture.as_str()), ("1.34", "amd64"));
    assert_eq!((facts.cpus, facts.memory_bytes), (Some(4), Some(8 << 30)));
    assert_eq!(facts.memory_largest_bytes, Some(8 << 30));
    assert_eq!(facts.storage.as_deref(), Some("fast"));
    assert_eq!(facts.permissions, Some(rbac::permissions(&ClusterSettings::default()).len()));
    assert_eq!(facts.clock, Some(UNIX_EPOCH + Duration::from_secs(784_111_777)));
    assert_eq!(facts.warnings, ["the cluster has no metrics: use of CPU and memory is not shown"]);
}

#[tokio::test]
async fn a_pinned_certificate_is_enough_and_another_one_is_shown() {
    let door = Double::default().open("elsewhere.example").await;
    let pinned = |sha256: &str| ClusterAuthority::Pinned { sha256: sha256.to_owned() };
    let client = door.client(pinned(&door.fingerprint.to_uppercase()), ClusterSettings::default());
    assert!(probe(&client).await.is_ok());
    let client = door.client(pinned(&"00".repeat(32)), ClusterSettings::default());
    let failure = probe(&client).await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tls, Remedy::CheckFingerprint));
    assert!(failure.message.contains(&door.fingerprint), "{failure}");
}

#[tokio::test]
async fn a_foreign_authority_or_another_name_fails_at_tls() {
    let (door, other) =
        (Double::default().open("127.0.0.1").await, Double::default().open("127.0.0.1").await);
    let failure = probe(&door.client(other.ca(), ClusterSettings::default())).await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tls, Remedy::CheckAuthority));
    let failure = Double::default().open("elsewhere.example").await.failure(ClusterSettings::default()).await;
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tls, Remedy::CheckAuthority));
}

#[tokio::test]
async fn address_and_port_are_judged_first() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let open = Double::default().open("127.0.0.1").await;
    let door = Door { at: closed, ..open };
    let failure = door.failure(ClusterSettings::default()).await;
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tcp, Remedy::StartEngine));
    let mut client = door.client(door.ca(), ClusterSettings::default());
    let options = KubernetesOptions { allow_loopback: false, ..client.options };
    let login = ClusterLogin::Token { token: "abc".to_owned() };
    let credentials = ClusterCredentials { authority: door.ca(), server_name: None, login };
    let server = format!("https://{closed}");
    client = Client::new(KubernetesEndpoint::Remote { server, credentials }, options).ok().unwrap();
    let failure = probe(&client).await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Address, Remedy::UseOtherAddress));
}

#[tokio::test]
async fn plain_http_is_said_to_be_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let door = Door { at, ..Double::default().open("127.0.0.1").await };
    let failure = door.failure(ClusterSettings::default()).await;
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tls, Remedy::EnableEngineTls));
}

#[tokio::test]
async fn who_is_not_known_fails_at_authentication() {
    let refused = (ProbeStage::Authentication, Remedy::RenewToken);
    let unauthorized =
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","code":401}"#;
    let (stage, remedy, _) = stops(Double { instead: Some((401, unauthorized)), ..Double::default() }).await;
    assert_eq!((stage, remedy), refused);
    let (stage, remedy, _) = stops(Double { user: NOBODY, ..Double::default() }).await;
    assert_eq!((stage, remedy), refused);
    let nobody = r#"{"message":"forbidden: User \"system:anonymous\" cannot get path \"/version\""}"#;
    let (stage, remedy, _) = stops(Double { instead: Some((403, nobody)), ..Double::default() }).await;
    assert_eq!((stage, remedy), refused);
}

#[tokio::test]
async fn what_is_no_cluster_or_an_old_one_is_told_apart() {
    let (stage, remedy, message) =
        stops(Double { instead: Some((200, "<html>s3cret</html>")), ..Double::default() }).await;
    assert_eq!((stage, remedy), (ProbeStage::Engine, Remedy::InspectEngine));
    assert!(!message.contains("s3cret"), "{message}");
    for status in [401, 403, 502] {
        let (_, _, message) =
            stops(Double { instead: Some((status, "<html>s3cret</html>")), ..Double::default() }).await;
        assert!(!message.contains("s3cret"), "{message}");
    }
    let (stage, remedy, _) = stops(Double { instead: Some((200, "{}")), ..Double::default() }).await;
    assert_eq!((stage, remedy), (ProbeStage::Engine, Remedy::InspectEngine));
    let (stage, remedy, message) = stops(Double { minor: "32+", ..Double::default() }).await;
    assert_eq!((stage, remedy), (ProbeStage::ApiVersion, Remedy::UpgradeEngine));
    assert!(message.contains("v1.32.4") && message.contains("1.33"), "{message}");
}

#[tokio::test]
async fn every_missing_permission_is_named() {
    let (stage, remedy, message) = stops(Double { denied: "\"secrets\"", ..Double::default() }).await;
    assert_eq!((stage, remedy), (ProbeStage::Permission, Remedy::GrantPermissions));
    let expect = "get secrets, list secrets, create secrets, patch secrets, delete secrets";
    assert_eq!(message, format!("permissions are missing: {expect}"));
}

#[tokio::test]
async fn storage_that_is_not_there_is_named_with_what_is() {
    let failure = async |storage: ClusterStorage, double: Double| {
        let settings = ClusterSettings { storage, ..ClusterSettings::default() };
        let failure = double.open("127.0.0.1").await.failure(settings).await;
        assert_eq!((failure.stage, failure.remedy), (ProbeStage::Storage, Remedy::ChooseStorage));
        failure.message
    };
    let class = |name: Option<&str>| ClusterStorage::Class { name: name.map(str::to_owned) };
    let message = failure(class(Some("slow")), Double::default()).await;
    assert_eq!(message, "there is no storage class slow; there are: fast");
    let message = failure(class(None), Double { classes: json!([]), ..Double::default() }).await;
    assert_eq!(message, "no storage class is the default one; there are: none");
    let local = ClusterStorage::NodeLocal { kube_node: "two".to_owned(), path: "/data".to_owned() };
    assert_eq!(failure(local, Double::default()).await, "the cluster has no machine two");
}

#[tokio::test]
async fn a_cluster_without_a_fitting_machine_says_why_each_does_not() {
    let mut settings = ClusterSettings { exposure: ClusterExposure::ClusterIp, ..ClusterSettings::default() };
    settings.node_selector.insert("disk".to_owned(), "fast".to_owned());
    let failure = Double::default().open("127.0.0.1").await.failure(settings).await;
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Capacity, Remedy::ProvideMachines));
    assert_eq!(failure.message, "no machine would run nodes: one has no label disk=fast");
}
