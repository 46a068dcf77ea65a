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

/// The kinds of what keeps a node from running, or threatens it while it runs. Each has a sentence with its fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// The image is not there, and is not to be pulled.
    ImageNotOnHost,
    /// The registry does not have the image.
    ImageNotInRegistry,
    /// The registry wants (other) credentials for the image.
    ImageDenied,
    /// The registry is out of reach, or does not answer for now.
    RegistryUnreachable,
    /// The image cannot be pulled, and the host has not said why.
    ImageNotPulled,
    /// No image can have this name.
    ImageNameMalformed,
    /// No machine takes the node: there is no room, or none that fits.
    NoMachine,
    /// The machine that the node runs on does not answer.
    MachineOutOfSight,
    /// The machine that could take the node is closed for new ones; the host's words begin with its name.
    MachineClosed,
    /// The process was killed for want of memory.
    OutOfMemory,
    /// The process ends again and again.
    EndsAgain,
    /// The process runs, and the node does not say that it is well.
    NotWell,
    /// The host took the node away from its machine.
    MovedAway,
    /// The node cannot be put together: something that it needs is not there.
    CannotBeMade,
    /// The process cannot be started.
    CannotStart,
    /// A quota or a rule of the host stands against the node.
    NotAllowed,
    /// Data or files cannot be mounted.
    NotMounted,
    /// No volume is made for the data.
    NoVolume,
    /// The machine gives the node no network.
    NoNetwork,
    /// Somebody removes the data: it goes when the process ends.
    DataGoing,
    /// Somebody has paused the process.
    Paused,
    /// Whatever else the host says.
    Other,
}

impl ReasonKind {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::ImageNotOnHost,
        Self::ImageNotInRegistry,
        Self::ImageDenied,
        Self::RegistryUnreachable,
        Self::ImageNotPulled,
        Self::ImageNameMalformed,
        Self::NoMachine,
        Self::MachineOutOfSight,
        Self::MachineClosed,
        Self::OutOfMemory,
        Self::EndsAgain,
        Self::NotWell,
        Self::MovedAway,
        Self::CannotBeMade,
        Self::CannotStart,
        Self::NotAllowed,
        Self::NotMounted,
        Self::NoVolume,
        Self::NoNetwork,
        Self::DataGoing,
        Self::Paused,
        Self::Other,
    ];
}

/// A host's words are cut to this many characters.
const SAID_MAX: usize = 400;

/// Why a node does not run, or what threatens it while it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReason {
    pub kind: ReasonKind,
    /// The host's own words, in English and cut to a bound; none where it had none.
    pub said: Option<String>,
}

impl NodeReason {
    /// A reason that the host has no words for.
    pub fn new(kind: ReasonKind) -> Self {
        Self { kind, said: None }
    }

    /// A reason in the host's words, cut to a bound; blank ones count as none.
    pub fn told(kind: ReasonKind, said: &str) -> Self {
        let said = said.trim();
        let mut kept: String = said.chars().take(SAID_MAX).collect();
        if kept.len() < said.len() {
            kept.push('…');
        }
        Self { kind, said: (!kept.is_empty()).then_some(kept) }
    }
}

/// The machine, of those that a host is made of, that a node runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// What the host calls it.
    pub name: String,
    /// Its IP address, as far as the host tells it.
    pub address: Option<String>,
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
    /// Why it does not run, or what threatens it, if the host told.
    pub reason: Option<NodeReason>,
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
    /// When its process started last, in milliseconds since 1970.
    #[serde(default)]
    pub started_ms: Option<i64>,
    /// How often the host started it again by itself.
    #[serde(default)]
    pub restarts: u32,
    /// How its last process ended, while none runs.
    #[serde(default)]
    pub exit_code: Option<i64>,
    /// The machine that it runs on; none on a host that is a single machine.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// Its own ports that are published, each with its address `host:port`.
    #[serde(default)]
    pub ports: Vec<(u16, String)>,
}

impl NodeView {
    /// Whether the host has the lines of the process before this one apart: a host of several machines keeps them for a
    /// node that it started again, and one that is a single machine keeps all lines of a node in one stream.
    pub fn has_earlier_log(&self) -> bool {
        self.machine.is_some() && self.restarts > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_host_are_bounded_and_blank_ones_are_none() {
        assert_eq!(NodeReason::told(ReasonKind::Other, " \n"), NodeReason::new(ReasonKind::Other));
        assert_eq!(NodeReason::told(ReasonKind::Other, " full ").said.as_deref(), Some("full"));
        let long = NodeReason::told(ReasonKind::Other, &"é".repeat(SAID_MAX + 1)).said;
        assert_eq!(long, Some(format!("{}…", "é".repeat(SAID_MAX))));
    }

    #[test]
    fn every_kind_of_reason_is_told_in_a_word_of_its_own() {
        let words: std::collections::BTreeSet<String> =
            ReasonKind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
        assert_eq!(words.len(), ReasonKind::ALL.len());
    }
}
