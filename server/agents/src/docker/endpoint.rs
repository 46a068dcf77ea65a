//! Where a Docker engine listens and how the portal may reach it.
//!
//! Keys and certificates stay in memory: nothing here may write them to a disk or show them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use domain::host::Subnet;
use domain::network::Network;
use zeroize::Zeroizing;

/// Address of an engine.
#[derive(Clone)]
pub enum DockerEndpoint {
    /// The local engine's socket.
    Unix {
        /// Absolute path of the socket.
        path: PathBuf,
    },
    /// A remote engine; always with mutual TLS.
    Tcp {
        /// Host name or IP address, without scheme and port; the certificate must be for it.
        address: String,
        /// Usually 2376.
        port: u16,
        /// The authority that signed the engine's certificate, PEM.
        ca_pem: String,
        /// Our certificate and what leads to the engine's client authority, PEM.
        client_cert_pem: String,
        /// Our key, PEM (PKCS#8, PKCS#1 or SEC1).
        client_key_pem: Zeroizing<String>,
    },
}

impl fmt::Debug for DockerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { path } => write!(f, "unix://{}", path.display()),
            Self::Tcp { address, port, .. } => write!(f, "tcp://{address}:{port}"),
        }
    }
}

/// What the portal's configuration says about a Docker host.
#[derive(Debug, Clone)]
pub struct DockerOptions {
    /// The host's address on which nodes' ports are published.
    pub bind_address: IpAddr,
    /// How users reach the host; stands in certificates and profiles.
    pub client_address: String,
    /// True where an engine on the portal's own machine may be reached over TCP.
    pub allow_loopback: bool,
    /// Where engines and their nodes may be called over TCP; empty: wherever nothing else stands against it.
    pub allowed_networks: Vec<Network>,
    /// Where the chains' networks take their addresses from.
    pub network_range: Subnet,
}

impl Default for DockerOptions {
    /// The local engine: everything stays on this machine.
    fn default() -> Self {
        Self {
            bind_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            client_address: Ipv4Addr::LOCALHOST.to_string(),
            allow_loopback: false,
            allowed_networks: Vec::new(),
            network_range: Subnet::default(),
        }
    }
}
