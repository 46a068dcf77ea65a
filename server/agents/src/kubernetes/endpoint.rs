//! Where a cluster's API server listens and what is wanted of the cluster.
//!
//! Credentials stay in memory: nothing here may write them to a disk or show them.

use std::fmt;

use domain::host::RegistryCredentials;
use domain::host::cluster::{ClusterCredentials, ClusterSettings};
use domain::network::Network;

/// How a cluster is reached.
#[derive(Clone)]
pub enum KubernetesEndpoint {
    /// By the address of its API server.
    Remote {
        /// `https://host:port/path`, as `domain::host::cluster::canonical_server` gives it.
        server: String,
        /// Who the API server is, and who we are.
        credentials: ClusterCredentials,
    },
    /// The cluster that the portal itself runs in, as the service account of its pod.
    InCluster,
}

impl fmt::Debug for KubernetesEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote { server, .. } => f.write_str(server),
            Self::InCluster => f.write_str("in-cluster"),
        }
    }
}

/// What the portal's configuration says about a cluster.
#[derive(Debug, Clone)]
pub struct KubernetesOptions {
    /// What the admin decided.
    pub settings: ClusterSettings,
    /// How users reach node ports; stands in certificates and profiles.
    pub client_address: String,
    /// By what nodes' images are pulled; empty: without a name.
    pub registries: Vec<RegistryCredentials>,
    /// True where an API server on the portal's own machine may be called.
    pub allow_loopback: bool,
    /// Where API servers may be called; empty: wherever nothing else stands against it.
    pub allowed_networks: Vec<Network>,
    /// Namespace of the portal's own pod, where it runs in this very cluster. The connection finds it itself: whoever
    /// makes one says `None`.
    pub portal_namespace: Option<String>,
}
