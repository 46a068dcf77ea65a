//! Nodes: the processes of a chain.

use serde::{Deserialize, Serialize};

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
    /// Height per channel, in blocks.
    pub heights: Vec<(String, u64)>,
    /// Thousandths of a core.
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub image: String,
}
