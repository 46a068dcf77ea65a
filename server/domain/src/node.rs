//! Nodes: the processes of a chain.

use serde::{Deserialize, Serialize};

use crate::chain::NodeResources;
use crate::error::Error;
use crate::id::HostId;
use crate::name::{NodeName, OrganizationName};

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    Orderer,
    Peer,
    Ca,
    Chaincode,
}

impl NodeKind {
    /// The word that stands in labels and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orderer => "orderer",
            Self::Peer => "peer",
            Self::Ca => "ca",
            Self::Chaincode => "chaincode",
        }
    }

    /// Files that a new node finds below its configuration folder, in a volume of its own; what has no volume has none.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Orderer => &ORDERER_FILES,
            Self::Peer => &PEER_FILES,
            Self::Ca | Self::Chaincode => &[],
        }
    }
}

/// Folder inside a node with its configuration.
pub const CONFIG_FOLDER: &str = "/etc/heddle";
/// Folder inside a node with its ledgers, in a second volume.
pub const DATA_FOLDER: &str = "/var/hyperledger";

const ORDERER_FILES: [&str; 10] = node_files("orderer.yaml");
const PEER_FILES: [&str; 10] = node_files("core.yaml");

/// The configuration and what identifies the node. The first block of a channel is none of them: orderers and peers
/// get it when they join.
const fn node_files(configuration: &'static str) -> [&'static str; 10] {
    [
        configuration,
        "msp/config.yaml",
        "msp/cacerts/ca-cert.pem",
        "msp/tlscacerts/tlsca-cert.pem",
        "msp/signcerts/cert.pem",
        "msp/keystore/priv_sk",
        "tls/ca.crt",
        "tls/server.crt",
        "tls/server.key",
        "admin-ca.crt",
    ]
}

/// What a node's process does, as the engine tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Nobody has looked yet, or the host does not answer.
    Unknown,
    Missing,
    Created,
    Running,
    Restarting,
    Stopped,
    /// Its data are gone; it must be added again under a new identity.
    Failed,
}

impl NodeState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Missing,
        Self::Created,
        Self::Running,
        Self::Restarting,
        Self::Stopped,
        Self::Failed,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Missing => "missing",
            Self::Created => "created",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// A node as shown on its chain's page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    pub name: NodeName,
    pub kind: NodeKind,
    /// Owning organization; orderers belong to the ordering organization.
    pub organization: Option<OrganizationName>,
    pub host: HostId,
    /// Name that users know the endpoint by (`peer0_org1_grpc`), and its address.
    pub endpoints: Vec<(String, String)>,
    pub state: NodeState,
    pub reason: Option<String>,
    /// What a person must do about it, if it does not pass by itself.
    #[serde(default)]
    pub problem: Option<Error>,
    /// Height per channel, in blocks.
    pub heights: Vec<(String, u64)>,
    /// Thousandths of a core.
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// The most that it may use; none of what the chain's plan does not hold.
    #[serde(default)]
    pub resources: Option<NodeResources>,
    pub image: String,
}
