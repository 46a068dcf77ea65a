//! Chains: what is wanted, what is, and what is allowed in which state.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::host::HostFacts;
use crate::id::{HostId, OperationId, UserId};
use crate::name::{ChainName, ChannelName, OrganizationName, TemplateName};
use crate::node::{NodeView, ReasonKind};
use crate::permission::Grant;

mod resources;

pub use resources::NodeResources;

/// Most organizations of a chain.
pub const ORGANIZATIONS_MAX: usize = 10;
/// Most peers of a chain, all organizations together.
pub const PEERS_MAX: usize = 26;

/// Fabric lines that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FabricVersion {
    #[serde(rename = "2.5")]
    V2_5,
    #[serde(rename = "3.1")]
    V3_1,
}

impl FabricVersion {
    /// The full version that stands for `{version}` in image names.
    pub fn image_tag(self) -> &'static str {
        match self {
            Self::V2_5 => "2.5.0",
            Self::V3_1 => "3.1.5",
        }
    }

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2_5 => "2.5",
            Self::V3_1 => "3.1",
        }
    }
}

/// How orderers agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consensus {
    Raft,
    Bft,
}

/// One organization and how many peers it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationSpec {
    pub name: OrganizationName,
    pub peers: u16,
}

/// What an operator wants of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSpec {
    pub name: ChainName,
    pub host: HostId,
    pub version: FabricVersion,
    pub consensus: Consensus,
    pub orderers: u16,
    pub organizations: Vec<OrganizationSpec>,
    /// First channel.
    pub channel: ChannelName,
    pub batch_timeout_ms: u32,
    pub resources: NodeResources,
}

impl ChainSpec {
    /// Peers of all organizations.
    pub fn peers(&self) -> usize {
        self.organizations.iter().map(|o| usize::from(o.peers)).sum()
    }

    /// Checks everything that can be judged without a host; the first refusal names the limit.
    pub fn check(&self) -> Result<(), Error> {
        if self.organizations.is_empty() {
            return Err(Error::invalid(Code::TooFewOrganizations).on("organizations"));
        }
        if self.organizations.len() > ORGANIZATIONS_MAX {
            return Err(Error::invalid(Code::TooManyOrganizations)
                .with("max", ORGANIZATIONS_MAX)
                .with("count", self.organizations.len())
                .on("organizations"));
        }
        if self.peers() > PEERS_MAX {
            return Err(Error::invalid(Code::TooManyPeers)
                .with("max", PEERS_MAX)
                .with("count", self.peers())
                .on("organizations"));
        }
        self.check_organizations()?;
        self.check_consensus()?;
        if !(10..=60_000).contains(&self.batch_timeout_ms) {
            return Err(range(10, 60_000).on("batch_timeout_ms"));
        }
        self.resources.check()
    }

    fn check_organizations(&self) -> Result<(), Error> {
        let mut msp_ids = BTreeSet::from(["OrdererMSP".to_owned()]);
        for organization in &self.organizations {
            if organization.peers == 0 {
                return Err(range(1, PEERS_MAX).on("organizations"));
            }
            if !msp_ids.insert(organization.name.msp_id()) {
                return Err(Error::invalid(Code::OrganizationTwice)
                    .with("name", &organization.name)
                    .on("organizations"));
            }
        }
        Ok(())
    }

    fn check_consensus(&self) -> Result<(), Error> {
        match self.consensus {
            Consensus::Raft if !matches!(self.orderers, 1 | 3 | 5) => {
                Err(Error::invalid(Code::OrdererCountRaft).with("count", self.orderers).on("orderers"))
            }
            Consensus::Bft if self.version == FabricVersion::V2_5 => {
                Err(Error::invalid(Code::BftNeedsVersion3).on("consensus"))
            }
            Consensus::Bft if !matches!(self.orderers, 4 | 7) => {
                Err(Error::invalid(Code::OrdererCountBft).with("count", self.orderers).on("orderers"))
            }
            Consensus::Raft | Consensus::Bft => Ok(()),
        }
    }
}

fn range(min: impl ToString, max: impl ToString) -> Error {
    Error::invalid(Code::ValueOutOfRange).with("min", min).with("max", max)
}

/// Life of a chain; a deleted one is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainState {
    Creating,
    Running,
    Stopping,
    Stopped,
    Starting,
    Updating,
    Deleting,
    Failed,
}

impl ChainState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Creating,
        Self::Running,
        Self::Stopping,
        Self::Stopped,
        Self::Starting,
        Self::Updating,
        Self::Deleting,
        Self::Failed,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Updating => "updating",
            Self::Deleting => "deleting",
            Self::Failed => "failed",
        }
    }
}

/// What can be done to a chain as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainVerb {
    Start,
    Stop,
    Restart,
    /// Give a node more or less of the host.
    Resize,
    Delete,
    /// Configuration changes: channels, chaincode.
    Update,
    /// Invoke and query.
    Transact,
}

impl ChainVerb {
    /// States in which it is allowed; the server refuses the others with this list.
    pub fn allowed_in(self) -> &'static [ChainState] {
        match self {
            Self::Start => &[ChainState::Stopped],
            Self::Stop | Self::Restart | Self::Resize | Self::Update => &[ChainState::Running],
            // A deployment does not keep applications waiting.
            Self::Transact => &[ChainState::Running, ChainState::Updating],
            Self::Delete => &[ChainState::Running, ChainState::Stopped, ChainState::Failed],
        }
    }

    /// Refuses a state in which it is not allowed.
    pub fn check(self, state: ChainState) -> Result<(), Error> {
        if self.allowed_in().contains(&state) {
            return Ok(());
        }
        let allowed: Vec<&str> = self.allowed_in().iter().map(|s| s.as_str()).collect();
        Err(Error::conflict(Code::ChainState)
            .with("state", state.as_str())
            .with("allowed", allowed.join(", ")))
    }
}

/// How well a chain does, apart from its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    Unknown,
    Ok,
    Degraded,
    Unreachable,
}

/// What is wrong with a chain, or with one of its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ailment {
    /// The node it is about; none: the chain as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub why: Error,
    /// What keeps the node from running, if its host told. The host's own words are on the node's page: they change often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonKind>,
}

impl Ailment {
    /// What is wrong with a node.
    pub fn of(node: impl ToString, why: Error) -> Self {
        Self { node: Some(node.to_string()), why, reason: None }
    }

    /// What is wrong with the chain as a whole.
    pub fn of_chain(why: Error) -> Self {
        Self { node: None, why, reason: None }
    }
}

/// Health with what is wrong and the time of the look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthView {
    pub health: Health,
    /// Empty when all is well. Rows of former versions held sentences under another name; the next look replaces them.
    #[serde(default)]
    pub ailments: Vec<Ailment>,
    pub checked_ms: Option<i64>,
    /// Since when it is so.
    #[serde(default)]
    pub since_ms: Option<i64>,
}

impl Default for HealthView {
    fn default() -> Self {
        Self { health: Health::Unknown, ailments: Vec::new(), checked_ms: None, since_ms: None }
    }
}

/// A chain in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainSummary {
    pub name: ChainName,
    pub state: ChainState,
    pub health: HealthView,
    pub host: HostId,
    pub host_name: String,
    pub version: FabricVersion,
    pub consensus: Consensus,
    pub organizations: u16,
    pub peers: u16,
    pub orderers: u16,
    pub owner: Option<UserId>,
    /// The owner's name, in lists of chains; else empty.
    #[serde(default)]
    pub owner_name: String,
    pub created_ms: i64,
    /// The operation that holds the chain, if one does: nothing else but a deletion after a failure begins meanwhile.
    pub operation: Option<OperationId>,
    /// Whether that operation failed, so that a person must resume or undo it.
    #[serde(default)]
    pub operation_failed: bool,
    /// The template that it was made from for the pool; free while it has no owner.
    #[serde(default)]
    pub pool: Option<TemplateName>,
    /// When its owner has to give it back, unix milliseconds; none: it has no end.
    #[serde(default)]
    pub expires_ms: Option<i64>,
}

/// A chain's page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainView {
    pub summary: ChainSummary,
    pub spec: ChainSpec,
    pub nodes: Vec<NodeView>,
    /// What the caller holds on it.
    pub grant: Grant,
    /// What may be done now, by right and by state.
    pub verbs: Vec<ChainVerb>,
    /// Its data lies in folders, which can be kept when it is deleted.
    #[serde(default)]
    pub keeps_folders: bool,
    /// The newest operation on it, whether or not it holds the chain.
    #[serde(default)]
    pub last_operation: Option<OperationId>,
}

/// What the wizard begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainOffer {
    /// A name that is free.
    pub name: ChainName,
    /// The host that takes one more chain first; none: there is no host at all.
    pub host: Option<HostId>,
    /// Names that are taken.
    pub taken: Vec<ChainName>,
}

/// The review before creation: every node with its ports and image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainPlanView {
    pub port_block: u16,
    pub nodes: Vec<PlannedNodeView>,
    pub checks: Vec<CheckView>,
    pub facts: Option<HostFacts>,
}

/// One node of the review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNodeView {
    pub name: String,
    pub domain_name: String,
    pub ports: Vec<u16>,
    pub image: String,
    /// What the name stands for now: a digest where a registry knows it, else the content's id; none: not there yet.
    #[serde(default)]
    pub pinned: Option<String>,
    /// Whether it was built or loaded on the host, so that no registry knows it.
    #[serde(default)]
    pub local_only: bool,
}

/// Verdict of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
}

/// What a pre-flight looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    Engine,
    ApiVersion,
    Permissions,
    Storage,
    Images,
    Ports,
    /// The host's own rules for what runs on it, quotas included.
    Quota,
    Cpu,
    Memory,
    Disk,
    Clock,
    Names,
    Capacity,
}

/// One line of a pre-flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    pub kind: CheckKind,
    pub verdict: Verdict,
    /// The reason and its fix, if it did not pass.
    pub problem: Option<Error>,
    /// A fact worth showing: the image's name, the port block.
    pub fact: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(organizations: u16, peers: u16) -> ChainSpec {
        ChainSpec {
            name: ChainName::parse("demo").unwrap(),
            host: HostId::new("h"),
            version: FabricVersion::V2_5,
            consensus: Consensus::Raft,
            orderers: 1,
            organizations: (1..=organizations)
                .map(|n| OrganizationSpec {
                    name: OrganizationName::parse(&format!("org{n}")).unwrap(),
                    peers,
                })
                .collect(),
            channel: ChannelName::parse("mychannel").unwrap(),
            batch_timeout_ms: 200,
            resources: NodeResources::DEFAULT,
        }
    }

    fn code(spec: &ChainSpec) -> Option<Code> {
        spec.check().err().map(|e| e.code)
    }

    #[test]
    fn limits_are_named() {
        assert_eq!(code(&spec(2, 2)), None);
        assert_eq!(code(&spec(10, 2)), None);
        assert_eq!(code(&spec(0, 2)), Some(Code::TooFewOrganizations));
        assert_eq!(code(&spec(11, 1)), Some(Code::TooManyOrganizations));
        assert_eq!(code(&spec(9, 3)), Some(Code::TooManyPeers));
        assert_eq!(spec(9, 3).check().unwrap_err().values["max"], "26");
    }

    #[test]
    fn orderer_counts() {
        for (consensus, version, count, expected) in [
            (Consensus::Raft, FabricVersion::V2_5, 2, Some(Code::OrdererCountRaft)),
            (Consensus::Raft, FabricVersion::V2_5, 6, Some(Code::OrdererCountRaft)),
            (Consensus::Raft, FabricVersion::V3_1, 5, None),
            (Consensus::Bft, FabricVersion::V2_5, 4, Some(Code::BftNeedsVersion3)),
            (Consensus::Bft, FabricVersion::V3_1, 3, Some(Code::OrdererCountBft)),
            (Consensus::Bft, FabricVersion::V3_1, 7, None),
        ] {
            let mut chain = spec(1, 1);
            (chain.consensus, chain.version, chain.orderers) = (consensus, version, count);
            assert_eq!(code(&chain), expected, "{consensus:?} {version:?} {count}");
        }
    }

    #[test]
    fn two_names_with_one_msp_id_are_refused() {
        let mut chain = spec(1, 1);
        chain
            .organizations
            .push(OrganizationSpec { name: OrganizationName::parse("orderer").unwrap(), peers: 1 });
        assert_eq!(code(&chain), Some(Code::OrganizationTwice));
    }

    #[test]
    fn health_that_a_former_version_stored_is_still_read() {
        let row = r#"{"health":"degraded","reasons":["peer0-org1: stopped"],"checked_ms":5,"since_ms":3}"#;
        let read: HealthView = serde_json::from_str(row).unwrap();
        assert_eq!((read.health, read.ailments.len(), read.checked_ms), (Health::Degraded, 0, Some(5)));
        let ailments = vec![Ailment::of("peer0-org1", Error::conflict(Code::NodeDataLost))];
        let now = HealthView { ailments, ..read };
        assert_eq!(serde_json::from_str::<HealthView>(&serde_json::to_string(&now).unwrap()).unwrap(), now);
    }

    #[test]
    fn a_stopped_chain_can_be_started_or_deleted_only() {
        let allowed: Vec<ChainVerb> = [
            ChainVerb::Start,
            ChainVerb::Stop,
            ChainVerb::Restart,
            ChainVerb::Resize,
            ChainVerb::Delete,
            ChainVerb::Update,
            ChainVerb::Transact,
        ]
        .into_iter()
        .filter(|v| v.check(ChainState::Stopped).is_ok())
        .collect();
        assert_eq!(allowed, vec![ChainVerb::Start, ChainVerb::Delete]);
    }
}
