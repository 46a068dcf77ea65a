//! Reads a test network's folder and hands out connections and identities.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    pin::Pin,
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
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Ports are all on 127.0.0.1; names are those of the certificates.
#[derive(Deserialize)]
pub struct Addresses {
    pub channel: String,
    pub orderer_port: u16,
    pub orderer_admin_port: u16,
    pub org1_port: u16,
    pub org2_port: u16,
    /// A chaincode on the channel with the functions `put` and `get`.
    pub chaincode: String,
    /// Where peers reach a server of the same program for the package `service_1` that the lifecycle test makes;
    /// its id follows from this address, so the server can be started before.
    pub service_address: String,
}

pub struct Network {
    pub folder: PathBuf,
    pub addresses: Addresses,
    pub channel: String,
    pub genesis: Vec<u8>,
}

impl Network {
    /// `None`, with the reason on the error stream, when no network is given.
    pub fn from_env() -> Option<Self> {
        let Some(folder) = std::env::var_os("HEDDLE_FABRIC_NET").map(PathBuf::from) else {
            let reason = b"skipped: HEDDLE_FABRIC_NET names no running network\n";
            std::io::stderr().write_all(reason).unwrap();
            return None;
        };
        let addresses = fs::read(folder.join("addresses.json")).unwrap();
        let addresses: Addresses = serde_json::from_slice(&addresses).unwrap();
        let genesis = fs::read(folder.join("ch.block")).unwrap();
        Some(Self { channel: addresses.channel.clone(), genesis, addresses, folder })
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
        let client = "ordererOrganizations/example.com/users/Admin@example.com/tls";
        self.conn(self.addresses.orderer_admin_port, "orderer0.example.com", ORDERER_ROOTS, Some(client))
    }

    pub fn orderer_admin_without_certificate(&self) -> NodeConn {
        self.conn(self.addresses.orderer_admin_port, "orderer0.example.com", ORDERER_ROOTS, None)
    }

    pub fn orderer_admin_with_wrong_name(&self) -> NodeConn {
        let client = "ordererOrganizations/example.com/users/Admin@example.com/tls";
        self.conn(self.addresses.orderer_admin_port, "orderer1.example.com", ORDERER_ROOTS, Some(client))
    }

    pub fn peer(&self, org: &str) -> NodeConn {
        let (domain, port) = self.org(org);
        let roots = format!("peerOrganizations/{domain}/tlsca/tlsca.{domain}-cert.pem");
        self.conn(port, &format!("peer0.{domain}"), &roots, None)
    }

    /// A port where nothing listens.
    pub fn nobody(&self) -> NodeConn {
        self.conn(1, "orderer0.example.com", ORDERER_ROOTS, None)
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
            Source::Orderer => {
                self.conn(self.addresses.orderer_port, "orderer0.example.com", ORDERER_ROOTS, None)
            }
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
            "Org1MSP" => ("org1.example.com", self.addresses.org1_port),
            "Org2MSP" => ("org2.example.com", self.addresses.org2_port),
            _ => panic!("no such organization"),
        }
    }
}

const ORDERER_ROOTS: &str = "ordererOrganizations/example.com/tlsca/tlsca.example.com-cert.pem";

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
