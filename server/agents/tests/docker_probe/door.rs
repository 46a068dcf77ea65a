//! A port that speaks mutual TLS and leads to a local socket, and clients of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, ProbeFailure, ProbeStage, Remedy};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

pub type Authority = CertifiedIssuer<'static, KeyPair>;

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, both PEM.
pub fn issue(authority: &Authority, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
    let params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

/// Opens a port that speaks mutual TLS and leads to the engine's socket.
pub async fn door(socket: &Path, ours: &Authority, clients: &Authority, name: &str) -> SocketAddr {
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let (certificate, key) = issue(ours, &[name]);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let socket = PathBuf::from(socket);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, socket) = (acceptor.clone(), socket.clone());
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let mut inside = UnixStream::connect(&socket).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    at
}

/// How a portal would reach it.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub at: SocketAddr,
    pub trusts: &'a Authority,
    pub from: &'a Authority,
    pub allow_loopback: bool,
}

impl Client<'_> {
    pub fn agent(&self) -> DockerAgent {
        let (certificate, key) = issue(self.from, &["portal"]);
        let endpoint = DockerEndpoint::Tcp {
            address: self.at.ip().to_string(),
            port: self.at.port(),
            ca_pem: self.trusts.pem(),
            client_cert_pem: certificate.pem(),
            client_key_pem: Zeroizing::new(key.serialize_pem()),
        };
        let options = DockerOptions {
            bind_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            client_address: "host.example".into(),
            allow_loopback: self.allow_loopback,
            ..DockerOptions::default()
        };
        DockerAgent::connect(endpoint, options).unwrap()
    }

    pub async fn failure(&self) -> (ProbeStage, Remedy) {
        let ProbeFailure { stage, remedy, .. } = self.agent().probe().await.unwrap_err();
        (stage, remedy)
    }
}
