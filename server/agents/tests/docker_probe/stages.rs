//! One test per stage.

use std::net::SocketAddr;
use std::path::PathBuf;

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, ProbeStage, Remedy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::door::{Authority, Client, authority, door};

/// What answers behind the door.
#[derive(Clone, Copy)]
enum Behind {
    Engine { newest: &'static str },
    WebServer,
    Forbidding,
    Silent,
}

/// Answers every request on a local socket.
fn behind(what: Behind) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = vec![0; 4096];
                let length = stream.read(&mut asked).await.unwrap_or(0);
                let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
                let (status, body) = match what {
                    Behind::Engine { newest } if asked.starts_with("GET /version") => (
                        "200 OK",
                        format!("{{\"ApiVersion\":\"{newest}\",\"Version\":\"1\",\"Arch\":\"amd64\"}}"),
                    ),
                    Behind::Engine { .. } => {
                        ("200 OK", "{\"ID\":\"engine\",\"OSType\":\"linux\"}".to_owned())
                    }
                    Behind::WebServer => ("200 OK", "<html>hello</html>".to_owned()),
                    Behind::Forbidding => ("403 Forbidden", "{\"message\":\"no\"}".to_owned()),
                    Behind::Silent => std::future::pending().await,
                };
                let length = body.len();
                let head = "Content-Type: application/json\r\nConnection: close";
                let answer = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}");
                let _gone = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (folder, socket)
}

struct Authorities {
    engines: Authority,
    clients: Authority,
    strangers: Authority,
}

impl Authorities {
    fn new() -> Self {
        Self {
            engines: authority("engines"),
            clients: authority("clients"),
            strangers: authority("strangers"),
        }
    }

    fn client(&self, at: SocketAddr) -> Client<'_> {
        Client { at, trusts: &self.engines, from: &self.clients, allow_loopback: true }
    }

    /// A door of this engine's, with something behind it.
    async fn engine(&self, what: Behind, name: &str) -> (tempfile::TempDir, SocketAddr) {
        let (folder, socket) = behind(what);
        let at = door(&socket, &self.engines, &self.clients, name).await;
        (folder, at)
    }
}

const GOOD: Behind = Behind::Engine { newest: "1.44" };

#[tokio::test]
async fn what_is_right_passes_every_stage() {
    let all = Authorities::new();
    let (_folder, at) = all.engine(GOOD, "127.0.0.1").await;
    let facts = all.client(at).agent().probe().await.unwrap();
    assert_eq!((facts.id.as_str(), facts.api_version.as_str()), ("engine", "1.44"));
    assert_eq!(
        (facts.memory_bytes, facts.disk_free_bytes, facts.clock),
        (None, None, None),
        "unknown stays unknown"
    );
}

#[tokio::test]
async fn the_address_is_judged_before_anything_is_opened() {
    let all = Authorities::new();
    let (_folder, at) = all.engine(GOOD, "127.0.0.1").await;
    let refused = Client { allow_loopback: false, ..all.client(at) };
    assert_eq!(refused.failure().await, (ProbeStage::Address, Remedy::UseOtherAddress));
    let nowhere = DockerEndpoint::Unix { path: "/nonexistent/engine.sock".into() };
    let failure = DockerAgent::connect(nowhere, DockerOptions::default()).unwrap().probe().await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Address, Remedy::StartEngine));
}

#[tokio::test]
async fn a_closed_port_fails_at_tcp() {
    let all = Authorities::new();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(all.client(closed).failure().await, (ProbeStage::Tcp, Remedy::StartEngine));
    // A socket file that nobody listens on any more.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("left.sock");
    drop(UnixListener::bind(&path).unwrap());
    let left = DockerAgent::connect(DockerEndpoint::Unix { path }, DockerOptions::default()).unwrap();
    let failure = left.probe().await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tcp, Remedy::StartEngine));
}

#[tokio::test]
async fn an_engine_that_speaks_plain_http_is_said_to_be_without_tls() {
    let all = Authorities::new();
    let (_folder, socket) = behind(GOOD);
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut outside, _)) = plain.accept().await {
            let mut inside = UnixStream::connect(&socket).await.unwrap();
            tokio::spawn(async move {
                let _ended = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    assert_eq!(all.client(at).failure().await, (ProbeStage::Tls, Remedy::EnableEngineTls));
}

#[tokio::test]
async fn a_port_that_never_answers_the_handshake_does_not_hold_the_test_up() {
    let all = Authorities::new();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            kept.push(stream);
        }
    });
    let limit = std::time::Duration::from_secs(30);
    let failure = tokio::time::timeout(limit, async { all.client(at).failure().await }).await.unwrap();
    assert_eq!(failure, (ProbeStage::Tls, Remedy::EnableEngineTls));
}

#[tokio::test]
async fn a_foreign_certificate_or_another_name_fails_at_tls() {
    let all = Authorities::new();
    let (_folder, at) = all.engine(GOOD, "127.0.0.1").await;
    let wrong_authority = Client { trusts: &all.strangers, ..all.client(at) };
    assert_eq!(wrong_authority.failure().await, (ProbeStage::Tls, Remedy::CheckAuthority));
    let (_folder, at) = all.engine(GOOD, "elsewhere.example").await;
    assert_eq!(all.client(at).failure().await, (ProbeStage::Tls, Remedy::CheckAuthority));
}

#[tokio::test]
async fn a_client_of_another_authority_fails_at_authentication() {
    let all = Authorities::new();
    let (_folder, at) = all.engine(GOOD, "127.0.0.1").await;
    let foreign = Client { from: &all.strangers, ..all.client(at) };
    assert_eq!(foreign.failure().await, (ProbeStage::Authentication, Remedy::CheckClientCertificate));
    let (_folder, at) = all.engine(Behind::Forbidding, "127.0.0.1").await;
    let refused = all.client(at).failure().await;
    assert_eq!(refused, (ProbeStage::Authentication, Remedy::CheckClientCertificate));
}

#[tokio::test]
async fn an_engine_that_is_too_old_fails_at_its_api_version() {
    let all = Authorities::new();
    let (_folder, at) = all.engine(Behind::Engine { newest: "1.40" }, "127.0.0.1").await;
    assert_eq!(all.client(at).failure().await, (ProbeStage::ApiVersion, Remedy::UpgradeEngine));
}

#[tokio::test]
async fn an_engine_that_is_asked_for_its_version_and_is_silent_fails_there() {
    let all = Authorities::new();
    let (_folder, at) = all.engine(Behind::Silent, "127.0.0.1").await;
    assert_eq!(all.client(at).failure().await, (ProbeStage::ApiVersion, Remedy::InspectEngine));
}

#[tokio::test]
async fn what_is_no_engine_fails_at_its_facts() {
    let all = Authorities::new();
    let (_folder, at) = all.engine(Behind::WebServer, "127.0.0.1").await;
    assert_eq!(all.client(at).failure().await, (ProbeStage::Engine, Remedy::InspectEngine));
}
