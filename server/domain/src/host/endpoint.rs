//! Where a host's engine listens, and how the portal is let in. Pure: nothing is dialled here, and credentials have no
//! `Debug` output.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::cluster::{self, ClusterCredentials, KUBECONFIG_MAX};
use super::{is_address, out_of_range};
use crate::error::{Code, Error};

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Endpoint {
    /// The engine of the machine the portal runs on; only if it was allowed at start.
    Local { path: String },
    /// An engine over TCP; always with mutual TLS.
    Tcp { address: String, port: u16 },
    /// The API server of a cluster, `https://host:port/path`.
    Cluster { server: String },
    /// The cluster that the portal itself runs in, as the service account of its pod.
    InCluster,
}

impl Endpoint {
    /// The endpoint in one canonical form, by which "the same endpoint twice" is judged.
    pub fn canonical(&self) -> String {
        match self {
            Self::Local { path } => format!("unix://{path}"),
            Self::Tcp { address, port } => {
                let address = address.trim().to_ascii_lowercase();
                // One IP address has many spellings.
                match address.parse::<IpAddr>() {
                    Ok(ip) => format!("tcp://{}:{port}", ip.to_canonical()),
                    Err(_) => format!("tcp://{address}:{port}"),
                }
            }
            Self::Cluster { server } => {
                cluster::canonical_server(server).unwrap_or_else(|_| server.trim().to_owned())
            }
            Self::InCluster => "in-cluster".to_owned(),
        }
    }

    /// Whether it is a cluster rather than one engine.
    pub fn is_cluster(&self) -> bool {
        match self {
            Self::Cluster { .. } | Self::InCluster => true,
            Self::Local { .. } | Self::Tcp { .. } => false,
        }
    }

    /// Name or address of the machine that it names, without brackets; none where it names none.
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Tcp { address, .. } => Some(address.trim().to_owned()),
            Self::Cluster { server } => {
                let canonical = cluster::canonical_server(server).ok()?;
                let rest = canonical.strip_prefix("https://")?;
                let authority = rest.split('/').next()?;
                let (host, _) = authority.rsplit_once(':')?;
                Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
            }
            Self::Local { .. } | Self::InCluster => None,
        }
    }

    /// Checks its form; a refusal names its field.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Local { path } if !path.starts_with('/') => {
                Err(Error::invalid(Code::FieldMissing).on("path"))
            }
            Self::Tcp { address, .. } if address.trim().is_empty() => {
                Err(Error::invalid(Code::FieldMissing).on("address"))
            }
            Self::Tcp { address, .. } if !is_address(address) => {
                Err(Error::invalid(Code::AddressMalformed).with("text", address).on("address"))
            }
            Self::Tcp { port: 0, .. } => Err(out_of_range("port", 1, u16::MAX)),
            Self::Cluster { server } if server.trim().is_empty() => {
                Err(Error::invalid(Code::FieldMissing).on("server"))
            }
            Self::Cluster { server } => cluster::canonical_server(server).map(drop),
            Self::Local { .. } | Self::Tcp { .. } | Self::InCluster => Ok(()),
        }
    }
}

/// Credentials of a remote engine, as PEM. They are stored encrypted and never leave the server again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsCredentials {
    pub ca_pem: String,
    pub certificate_pem: String,
    pub key_pem: String,
}

impl fmt::Debug for TlsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsCredentials(..)")
    }
}

impl TlsCredentials {
    /// Checks presence and size; what is inside is read when a connection is made.
    pub fn check(&self) -> Result<(), Error> {
        cluster::check_text("ca_pem", &self.ca_pem)?;
        cluster::check_text("certificate_pem", &self.certificate_pem)?;
        cluster::check_text("key_pem", &self.key_pem)
    }
}

/// What an admin gives so that the portal is let in. It goes in and never comes out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum HostCredentials {
    /// For an engine over TCP.
    Tls(TlsCredentials),
    /// For a cluster.
    Cluster(ClusterCredentials),
    /// For a cluster, as its tools have it; what it says of one context is taken out of it, and the text forgotten.
    Kubeconfig { text: String, context: String },
}

impl fmt::Debug for HostCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls(_) => "Tls(..)",
            Self::Cluster(_) => "Cluster(..)",
            Self::Kubeconfig { .. } => "Kubeconfig(..)",
        })
    }
}

impl HostCredentials {
    /// Checks presence and size, and that they are for this kind of host; a refusal names its field.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), Error> {
        match (self, endpoint) {
            (Self::Tls(given), Endpoint::Tcp { .. }) => given.check(),
            (Self::Cluster(given), Endpoint::Cluster { .. }) => given.check(),
            (Self::Kubeconfig { text, context }, Endpoint::Cluster { .. }) => {
                check_kubeconfig(text)?;
                cluster::check_text("context", context)
            }
            (Self::Tls(_) | Self::Cluster(_) | Self::Kubeconfig { .. }, _) => {
                Err(Error::invalid(Code::CredentialsForeign).on("credentials"))
            }
        }
    }
}

/// Checks presence and size of a kubeconfig.
pub fn check_kubeconfig(text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Error::invalid(Code::FieldMissing).on("kubeconfig"));
    }
    if text.len() > KUBECONFIG_MAX {
        return Err(Error::invalid(Code::TextTooLong).with("max", KUBECONFIG_MAX).on("kubeconfig"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
