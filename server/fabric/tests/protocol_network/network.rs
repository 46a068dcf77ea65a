//! Reads a test network's folder and hands out connections and identities.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    pin::Pin,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use fabric::{
    conn::{BoxedStream, Dial, NodeConn, TcpDial, TlsSettings},
    deliver::{Source, Subscription},
    gateway::Gateway,
    identity::SigningIdentity,
};
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The sample, deployed on the channel.
pub const CHAINCODE: &str = "example02";
/// Ports after the first one, all on 127.0.0.1.
const ORDERER: u16 = 0;
const ADMIN: u16 = 1;

/// A network of `end2end/bench/network/network.sh`.
pub struct Network {
    pub folder: PathBuf,
    pub channel: String,
    pub genesis: Vec<u8>,
    /// Stands in front of its containers; the name of its engine network.
    name: String,
    port: u16,
}

impl Network {
    /// `None`, with the reason, when no network is given.
    pub fn from_env() -> Option<Self> {
        let Some(folder) = std::env::var_os("HEDDLE_FABRIC_NET").map(PathBuf::from) else {
            let mut out = std::io::stdout();
            writeln!(out, "skipped: HEDDLE_FABRIC_NET names no running network").unwrap();
            return None;
        };
        let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        Some(Self {
            channel: "bench".to_owned(),
            genesis: fs::read(folder.join("bench.block")).unwrap(),
            name: variable("HEDDLE_FABRIC_NET_NAME"),
            port: variable("HEDDLE_FABRIC_NET_PORT").parse().unwrap(),
            folder,
        })
    }

    /// A server of the sample for a package, reached by peers under `name` on port 9999; it goes away with the network.
    pub fn serve(&self, name: &str, package_id: &str) {
        let container = format!("{}-{name}", self.name);
        let mut docker = Command::new("docker");
        docker.args(["run", "-d", "--name", &container, "--network", &self.name, "--network-alias", name]);
        docker.args([
            "-e",
            &format!("CHAINCODE_ID={package_id}"),
            "-e",
            "CHAINCODE_SERVER_ADDRESS=0.0.0.0:9999",
        ]);
        docker.args(["-e", "CHAINCODE_TLS_DISABLED=true", "heddle.local/chaincode-example02:1"]);
        docker.env("DOCKER_HOST", std::env::var("HEDDLE_TEST_DOCKER").unwrap());
        let ran = docker.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() || said.contains("is already in use"), "{said}");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join("crypto").join(path)).unwrap()
    }

    fn conn(&self, port: u16, name: &str, roots: &str, client: Option<&str>) -> NodeConn {
        let client = client.map(|folder| {
            (self.read(&format!("{folder}/client.crt")), self.read(&format!("{folder}/client.key")))
        });
        let settings = TlsSettings { server_name: name.into(), roots_pem: self.read(roots), client };
        NodeConn::new(Arc::new(TcpDial("127.0.0.1".into(), port)), settings).unwrap()
    }

    pub fn orderer_admin(&self) -> NodeConn {
        let client = "ordererOrganizations/bench/users/Admin@bench/tls";
        self.conn(self.port + ADMIN, "orderer0.bench", ORDERER_ROOTS, Some(client))
    }

    pub fn orderer_admin_without_certificate(&self) -> NodeConn {
        self.conn(self.port + ADMIN, "orderer0.bench", ORDERER_ROOTS, None)
    }

    pub fn orderer_admin_with_wrong_name(&self) -> NodeConn {
        let client = "ordererOrganizations/bench/users/Admin@bench/tls";
        self.conn(self.port + ADMIN, "orderer1.bench", ORDERER_ROOTS, Some(client))
    }

    pub fn peer(&self, org: &str) -> NodeConn {
        let (domain, port) = self.org(org);
        let roots = format!("peerOrganizations/{domain}/tlsca/tlsca.{domain}-cert.pem");
        self.conn(port, &format!("peer0.{domain}"), &roots, None)
    }

    /// A port where nothing listens.
    pub fn nobody(&self) -> NodeConn {
        self.conn(1, "orderer0.bench", ORDERER_ROOTS, None)
    }

    pub fn admin(&self, org: &str) -> SigningIdentity {
        let (domain, _) = self.org(org);
        let msp = format!("peerOrganizations/{domain}/users/Admin@{domain}/msp");
        let cert = self.read(&format!("{msp}/signcerts/Admin@{domain}-cert.pem"));
        SigningIdentity::new(org, &cert, &self.read(&format!("{msp}/keystore/priv_sk"))).unwrap()
    }

    pub fn gateway(&self, org: &str) -> Gateway {
        Gateway::new(self.peer(org), self.admin(org))
    }

    pub fn subscription(&self, source: Source) -> Subscription {
        let conn = match source {
            Source::Peer => self.peer("Org1MSP"),
            Source::Orderer => self.conn(self.port + ORDERER, "orderer0.bench", ORDERER_ROOTS, None),
        };
        Subscription { conn, source, reader: self.admin("Org1MSP"), channel: self.channel.clone() }
    }

    /// A peer whose connections break after so many bytes, and the number of connections made.
    pub fn breaking_subscription(&self, bytes: usize) -> (Subscription, Arc<AtomicUsize>) {
        let (domain, port) = self.org("Org1MSP");
        let roots_pem = self.read(&format!("peerOrganizations/{domain}/tlsca/tlsca.{domain}-cert.pem"));
        let settings = TlsSettings { server_name: format!("peer0.{domain}"), roots_pem, client: None };
        let dials = Arc::new(AtomicUsize::new(0));
        let dial =
            BreakingDial { inner: TcpDial("127.0.0.1".into(), port), bytes, dials: Arc::clone(&dials) };
        let conn = NodeConn::new(Arc::new(dial), settings).unwrap();
        (Subscription { conn, ..self.subscription(Source::Peer) }, dials)
    }

    fn org(&self, org: &str) -> (&'static str, u16) {
        match org {
            "Org1MSP" => ("org1.bench", self.port + 2),
            "Org2MSP" => ("org2.bench", self.port + 3),
            _ => panic!("no such organization"),
        }
    }
}

const ORDERER_ROOTS: &str = "ordererOrganizations/bench/tlsca/tlsca.bench-cert.pem";

struct BreakingDial {
    inner: TcpDial,
    bytes: usize,
    dials: Arc<AtomicUsize>,
}

impl Dial for BreakingDial {
    fn dial(&self) -> BoxFuture<'static, io::Result<BoxedStream>> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let (connecting, left) = (self.inner.dial(), self.bytes);
        Box::pin(async move {
            let breaking: BoxedStream = Box::new(Breaking { inner: connecting.await?, left });
            Ok(breaking)
        })
    }
}

/// Lets so many bytes in and then fails.
struct Breaking {
    inner: BoxedStream,
    left: usize,
}

impl AsyncRead for Breaking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut part = buffer.take(self.left);
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut part))?;
        let count = part.filled().len();
        let filled = part.filled().to_vec();
        buffer.put_slice(&filled);
        self.left -= count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
