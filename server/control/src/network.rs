//! The portal's view of a running Fabric network: the verbs that operations and use cases need, each a single
//! declarative call. Two networks know them: the one of real nodes, and a simulated one on which operations are run,
//! crashed and undone in tests by the thousand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agents::{Agent, NodeRef};
use async_trait::async_trait;
use fabric::error::FabricError;
use fabric::identity::SigningIdentity;

use crate::material::Trust;
use crate::topology::{ChainPlan, PlannedNode};

pub mod native;
#[cfg(any(test, feature = "testkit"))]
pub mod simulated;

/// Longest wait for how many blocks a node has, where a page or a call waits for it. Shorter than what the network
/// itself grants: a node that hangs is passed over, and asked again with the next look.
const HEIGHT_TIMEOUT: Duration = Duration::from_secs(2);

/// Blocks that a node has of a channel, if it tells in time. The wait begins when this is first polled.
pub(crate) async fn height_in_time(
    network: &dyn Network,
    link: &ChainLink,
    node: &PlannedNode,
    channel: &str,
) -> Result<u64, FabricError> {
    let height = network.height(link, node, channel);
    let late = |_| FabricError::Timeout { what: "how many blocks there are", after: HEIGHT_TIMEOUT };
    tokio::time::timeout(HEIGHT_TIMEOUT, height).await.map_err(late).and_then(std::convert::identity)
}

/// A chain within reach: its plan, its host's agent and the keys that the portal holds for it.
#[derive(Clone)]
pub struct ChainLink {
    pub agent: Arc<dyn Agent>,
    pub installation: String,
    pub plan: Arc<ChainPlan>,
    pub trust: Arc<Trust>,
}

impl ChainLink {
    /// The node on its host.
    pub fn node_ref(&self, node: &PlannedNode) -> NodeRef {
        self.place(node.name.as_str())
    }

    /// What has a name among the chain's containers on its host, whether or not the plan knows of it.
    pub fn place(&self, name: &str) -> NodeRef {
        NodeRef::new(&self.installation, self.plan.chain.as_str(), name)
    }
}

/// A definition that organizations agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionSpec {
    pub name: String,
    pub version: String,
    pub sequence: i64,
    /// Fabric expression; none: the channel's default.
    pub policy: Option<String>,
    pub init_required: bool,
}

/// A committed definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedDefinition {
    pub version: String,
    pub sequence: i64,
}

/// A call of a chaincode.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Call {
    pub channel: String,
    pub chaincode: String,
    pub arguments: Vec<Vec<u8>>,
    /// Private input; never ordered, never stored, never printed.
    pub transient: BTreeMap<String, Vec<u8>>,
    /// MSP IDs that must endorse, or one of which must answer; empty lets the peer choose.
    pub organizations: Vec<String>,
    pub is_init: bool,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Call({}/{}, {} arguments)", self.channel, self.chaincode, self.arguments.len())
    }
}

/// An endorsed transaction, ready to be ordered.
#[derive(Clone, Debug)]
pub struct Endorsed {
    pub tx_id: String,
    /// What the chaincode answered.
    pub result: Vec<u8>,
    /// The signed envelope.
    pub envelope: Vec<u8>,
}

/// Where a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub block: u64,
    /// Name of the validation code.
    pub code: String,
    pub valid: bool,
}

/// What can be asked of a network.
#[async_trait]
pub trait Network: Send + Sync {
    /// Whether the node's operations endpoint says that it is well.
    async fn healthy(&self, link: &ChainLink, node: &PlannedNode) -> Result<(), FabricError>;

    /// Joins an orderer to a channel; joined before is joined.
    async fn orderer_join(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        block: &[u8],
    ) -> Result<(), FabricError>;

    /// Whether the orderer takes part in the channel and knows a leader.
    async fn orderer_ready(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<bool, FabricError>;

    /// Whether the orderer says that it leads the channel.
    async fn orderer_leads(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<bool, FabricError>;

    /// Joins a peer to a channel; joined before is joined.
    async fn peer_join(&self, link: &ChainLink, node: &PlannedNode, block: &[u8]) -> Result<(), FabricError>;

    /// Blocks that a node has of a channel.
    async fn height(&self, link: &ChainLink, node: &PlannedNode, channel: &str) -> Result<u64, FabricError>;

    /// Installs a package; installed before is installed. Returns the package id.
    async fn install(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        package: &[u8],
    ) -> Result<String, FabricError>;

    /// Ids of the packages that a peer holds.
    async fn installed(&self, link: &ChainLink, node: &PlannedNode) -> Result<Vec<String>, FabricError>;

    /// Approves a definition for the organization of `node`; approved before is approved.
    async fn approve(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
        package_id: &str,
    ) -> Result<(), FabricError>;

    /// Which organizations, by MSP ID, have approved a definition.
    async fn readiness(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
    ) -> Result<BTreeMap<String, bool>, FabricError>;

    /// Whether the organization of `node` has approved a definition.
    async fn approved(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
    ) -> Result<bool, FabricError>;

    /// Commits a definition with the endorsement of the given organizations; committed before is committed.
    async fn commit(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
        msp_ids: &[String],
    ) -> Result<(), FabricError>;

    /// The committed definition, as this peer knows it.
    async fn committed(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        name: &str,
    ) -> Result<Option<CommittedDefinition>, FabricError>;

    /// Asks without writing.
    async fn evaluate(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        call: &Call,
    ) -> Result<Vec<u8>, FabricError>;

    /// Collects endorsements; nothing is written yet.
    async fn endorse(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        call: &Call,
    ) -> Result<Endorsed, FabricError>;

    /// Hands an endorsed transaction to the orderers.
    async fn order(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        endorsed: &Endorsed,
    ) -> Result<(), FabricError>;

    /// Waits until a transaction is in a block.
    async fn commit_status(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        channel: &str,
        tx_id: &str,
    ) -> Result<Committed, FabricError>;

    /// A block by number, as it is stored.
    async fn block(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        number: u64,
    ) -> Result<Vec<u8>, FabricError>;

    /// The block that holds a transaction.
    async fn block_of(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        tx_id: &str,
    ) -> Result<Vec<u8>, FabricError>;

    /// Takes an orderer out of a channel and waits until its blocks are gone; out of it before is out of it.
    async fn orderer_leave(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<(), FabricError>;

    /// The newest configuration block of a channel, as a peer has it.
    async fn config_block(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<u8>, FabricError>;

    /// Makes these (host and port) the anchor peers of the organization of `node`; set before is set. Returns once
    /// the transaction is handed to the orderers.
    async fn set_anchor_peers(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        anchors: &[(String, u16)],
    ) -> Result<(), FabricError>;

    /// Anchor peers (`host:port`) of the organization of `node`, as that peer has the configuration.
    async fn anchor_peers(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<String>, FabricError>;

    /// Makes a list (PEM) the revocation list of the organization of `node`, instead of the one it had; set before is
    /// set. Returns once the transaction is handed to the orderers.
    async fn set_revocations(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        crl_pem: &str,
    ) -> Result<(), FabricError>;

    /// The revocation lists (PEM) of the organization of `node`, as that peer has the configuration.
    async fn revocations(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<String>, FabricError>;
}
