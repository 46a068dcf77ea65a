//! Hosts: where nodes run.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::id::HostId;
use crate::name::{HostName, TemplateName};

pub mod capacity;
pub mod cluster;
mod endpoint;
pub mod image;
pub mod pool;
mod subnet;

use cluster::{ClusterExposure, ClusterSettings};
pub use endpoint::{Endpoint, HostCredentials, TlsCredentials, check_kubeconfig};
pub use image::RegistryCredentials;
pub use pool::NodeLogLevel;
pub use subnet::Subnet;

/// First port of the default range.
pub const PORT_FIRST: u16 = 31_000;
/// Last port of the default range.
pub const PORT_LAST: u16 = 32_000;
/// First of the ports that a cluster gives to services on its machines, unless it was told otherwise.
pub const NODE_PORT_FIRST: u16 = 30_000;
/// Last of these ports.
pub const NODE_PORT_LAST: u16 = 32_767;
/// First of the ports that Linux gives to outgoing connections, unless it was told otherwise.
pub const SYSTEM_PORT_FIRST: u16 = 32_768;
/// Last of these ports.
pub const SYSTEM_PORT_LAST: u16 = 60_999;
/// Ports that a chain takes on each host it uses.
pub const PORTS_PER_CHAIN: u16 = 100;
/// Most chains a host may be given room for.
pub const CAPACITY_MAX: u16 = 1_000;
/// Most image names per kind of node, and most image rules.
const LIST_MAX: usize = 50;
/// The smallest range that holds the networks of one chain, as a prefix.
const NETWORK_PREFIX_MAX: u8 = 24;

/// What an admin decides about a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    pub name: HostName,
    pub endpoint: Endpoint,
    /// Most chains at once.
    pub capacity: u16,
    /// Address on which ports are published; a cluster has none.
    pub bind_address: String,
    /// Address by which clients reach published ports; stands in certificates and profiles.
    pub client_address: String,
    pub port_first: u16,
    pub port_last: u16,
    /// Image names per kind of node; see [`ImageNames`].
    pub images: ImageNames,
    /// Registry prefixes whose images users may run as chaincode; empty: only what an admin or operator approved.
    pub image_rules: Vec<String>,
    /// Where the networks of chains take their addresses from; a cluster decides that itself.
    #[serde(default)]
    pub network_range: Subnet,
    /// What only clusters have; exactly these have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSettings>,
    /// Whether new chains are made on it.
    #[serde(default = "schedulable")]
    pub schedulable: bool,
    /// What nodes of new chains print.
    #[serde(default)]
    pub log_level: NodeLogLevel,
    /// The template from which the portal keeps the host full of free chains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autofill: Option<TemplateName>,
}

/// Hosts of former versions took every chain.
fn schedulable() -> bool {
    true
}

impl HostSpec {
    /// A local engine with the defaults that "next, next" takes.
    pub fn local(name: HostName, path: &str) -> Self {
        Self {
            name,
            endpoint: Endpoint::Local { path: path.to_owned() },
            capacity: 10,
            bind_address: "127.0.0.1".to_owned(),
            client_address: "127.0.0.1".to_owned(),
            port_first: PORT_FIRST,
            port_last: PORT_LAST,
            images: ImageNames::default(),
            image_rules: Vec::new(),
            network_range: Subnet::default(),
            cluster: None,
            schedulable: true,
            log_level: NodeLogLevel::default(),
            autofill: None,
        }
    }

    /// A cluster with the defaults that "next, next" takes. Its nodes are reached where its API server is; for the
    /// portal's own cluster that cannot be known, and has to be said.
    pub fn cluster(name: HostName, endpoint: Endpoint) -> Self {
        let client_address = endpoint.host().unwrap_or_default();
        Self {
            endpoint,
            bind_address: String::new(),
            client_address,
            cluster: Some(ClusterSettings::default()),
            ..Self::local(name, "")
        }
    }

    /// Checks what can be judged without the engine; a refusal names its field.
    pub fn check(&self) -> Result<(), Error> {
        if self.capacity == 0 || self.capacity > CAPACITY_MAX {
            return Err(out_of_range("capacity", 1, CAPACITY_MAX));
        }
        self.endpoint.check()?;
        self.check_cluster()?;
        self.check_ports()?;
        self.check_addresses()?;
        self.check_images()?;
        if self.network_range.prefix() > NETWORK_PREFIX_MAX {
            let text = self.network_range;
            return Err(Error::invalid(Code::NetworkRangeMalformed).with("text", text).on("network_range"));
        }
        Ok(())
    }

    fn check_cluster(&self) -> Result<(), Error> {
        match (&self.cluster, self.endpoint.is_cluster()) {
            (Some(settings), true) => settings.check(),
            (None, false) => Ok(()),
            (None, true) => Err(Error::invalid(Code::FieldMissing).on("cluster")),
            (Some(_), false) => Err(Error::invalid(Code::ClusterSettingsForeign).on("cluster")),
        }
    }

    fn check_ports(&self) -> Result<(), Error> {
        let (min, max) = self.port_bounds();
        let first_max = max - (PORTS_PER_CHAIN - 1);
        if !(min..=first_max).contains(&self.port_first) {
            return Err(out_of_range("port_first", min, first_max));
        }
        if self.port_last > max {
            return Err(out_of_range("port_last", min, max));
        }
        if self.blocks().next().is_none() {
            let needed = self.port_first.saturating_add(PORTS_PER_CHAIN - 1);
            return Err(Error::invalid(Code::PortRangeTooSmall)
                .with("ports", PORTS_PER_CHAIN)
                .with("last", needed)
                .on("port_last"));
        }
        Ok(())
    }

    /// Between which ports the range may lie. Services of a cluster get ports of its machines from a range of its own.
    fn port_bounds(&self) -> (u16, u16) {
        match self.cluster.as_ref().map(|settings| &settings.exposure) {
            Some(ClusterExposure::NodePort) => (NODE_PORT_FIRST, NODE_PORT_LAST),
            Some(ClusterExposure::LoadBalancer { .. } | ClusterExposure::ClusterIp) | None => {
                (1_024, u16::MAX)
            }
        }
    }

    fn check_addresses(&self) -> Result<(), Error> {
        // The machines of a cluster publish ports on addresses that it chooses itself.
        let bound = (!self.endpoint.is_cluster()).then_some(("bind_address", &self.bind_address));
        for (field, text) in bound.into_iter().chain([("client_address", &self.client_address)]) {
            if text.trim().is_empty() {
                return Err(Error::invalid(Code::FieldMissing).on(field));
            }
        }
        if bound.is_some() {
            self.check_bind_address()?;
        }
        let anywhere = self.client_address.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
        if anywhere || !is_address(&self.client_address) {
            let text = &self.client_address;
            return Err(Error::invalid(Code::AddressMalformed).with("text", text).on("client_address"));
        }
        Ok(())
    }

    /// Ports that a remote machine publishes on its loopback address are reached by nobody, the portal included.
    fn check_bind_address(&self) -> Result<(), Error> {
        let text = &self.bind_address;
        let refused = |code| Error::invalid(code).with("text", text).on("bind_address");
        let address: IpAddr = text.parse().map_err(|_| refused(Code::BindAddressMalformed))?;
        match &self.endpoint {
            _ if address.is_multicast() => Err(refused(Code::BindAddressMalformed)),
            Endpoint::Tcp { .. } if address.to_canonical().is_loopback() => {
                Err(refused(Code::BindAddressLoopback))
            }
            Endpoint::Local { .. }
            | Endpoint::Tcp { .. }
            | Endpoint::Cluster { .. }
            | Endpoint::InCluster => Ok(()),
        }
    }

    fn check_images(&self) -> Result<(), Error> {
        let lists = [
            ("images_peer", &self.images.peer),
            ("images_orderer", &self.images.orderer),
            ("images_sample", &self.images.sample),
        ];
        for (field, names) in lists {
            // Without the sample a chain still works; without node images none can be made.
            if names.is_empty() && field != "images_sample" {
                return Err(Error::invalid(Code::FieldMissing).on(field));
            }
            check_each(field, names, image::is_image_name, Code::ImageNameMalformed)?;
        }
        check_each("image_rules", &self.image_rules, image::is_rule, Code::ImageRuleMalformed)
    }

    /// Whether the rules let users run an image as chaincode. What an admin or operator approved is not asked here.
    pub fn allows_image(&self, name: &str) -> bool {
        self.images.sample.iter().any(|sample| sample == name)
            || self.image_rules.iter().any(|rule| image::is_below(name, rule))
    }

    /// Whether what the chains on the host hold still fits: their number, and their port blocks, which a moved range
    /// must not cut in two.
    pub fn check_held(&self, held: &[(u16, String)]) -> Result<(), Error> {
        if held.len() > usize::from(self.capacity) {
            return Err(Error::conflict(Code::CapacityBelowUse).with("count", held.len()).on("capacity"));
        }
        for (block, chain) in held {
            let cut = |own: u16| own != *block && own.abs_diff(*block) < PORTS_PER_CHAIN;
            if self.blocks().any(cut) {
                return Err(Error::conflict(Code::PortRangeOverlap)
                    .with("block", block)
                    .with("chain", chain)
                    .on("port_first"));
            }
        }
        Ok(())
    }

    /// Whether everything stays by which the chains on the host find what is theirs.
    pub fn check_kept(&self, before: &Self, chains: usize) -> Result<(), Error> {
        let (Some(now), Some(then), false) = (&self.cluster, &before.cluster, chains == 0) else {
            return Ok(());
        };
        // How users reach nodes is written into what was made of each; what a load balancer is told may change.
        let exposed = [&now.exposure, &then.exposure].map(std::mem::discriminant);
        let changed = [
            ("namespace_prefix", now.namespace_prefix != then.namespace_prefix),
            ("storage", now.storage != then.storage),
            ("volume_gib", now.volume_gib != then.volume_gib),
            ("exposure", exposed[0] != exposed[1]),
        ];
        match changed.into_iter().find(|(_, changed)| *changed) {
            Some((field, _)) => Err(Error::conflict(Code::ClusterSettingsInUse).on(field)),
            None => Ok(()),
        }
    }

    /// First ports of the blocks that chains may take, lowest first.
    pub fn blocks(&self) -> impl Iterator<Item = u16> + use<> {
        let (mut next, last) = (u32::from(self.port_first), u32::from(self.port_last));
        std::iter::from_fn(move || {
            let block = next;
            next += u32::from(PORTS_PER_CHAIN);
            (block + u32::from(PORTS_PER_CHAIN) - 1 <= last)
                .then_some(block)
                .and_then(|b| u16::try_from(b).ok())
        })
    }
}

fn out_of_range(field: &str, min: u16, max: u16) -> Error {
    Error::invalid(Code::ValueOutOfRange).with("min", min).with("max", max).on(field)
}

/// An IP address or a host name, without scheme, port or brackets.
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || image::is_host_name(text)
}

fn check_each(field: &str, names: &[String], fits: fn(&str) -> bool, code: Code) -> Result<(), Error> {
    if names.len() > LIST_MAX {
        return Err(Error::invalid(Code::TooManyEntries).with("max", LIST_MAX).on(field));
    }
    match names.iter().find(|name| !fits(name)) {
        Some(name) => Err(Error::invalid(code).with("name", name).on(field)),
        None => Ok(()),
    }
}

/// Which images run a chain's nodes on a host. `{version}` stands for the Fabric version of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageNames {
    /// Tried in order; the first that is present, else the first that can be pulled.
    pub peer: Vec<String>,
    pub orderer: Vec<String>,
    /// The sample chaincode.
    pub sample: Vec<String>,
}

impl Default for ImageNames {
    fn default() -> Self {
        let pair = |kind: &str| {
            vec![
                format!("heddle.local/fabric-{kind}:{{version}}"),
                format!("hyperledger/fabric-{kind}:{{version}}"),
            ]
        };
        Self {
            peer: pair("peer"),
            orderer: pair("orderer"),
            sample: vec!["heddle.local/chaincode-example02:1".to_owned()],
        }
    }
}

/// Whether a host answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    Unknown,
    Active,
    Inactive,
}

/// What the reconciler saw of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStatus {
    pub state: HostState,
    /// Why it is inactive; of a cluster that is active: what of it cannot be used.
    pub reason: Option<Error>,
    pub last_seen_ms: Option<i64>,
    pub facts: Option<HostFacts>,
}

impl Default for HostStatus {
    fn default() -> Self {
        Self { state: HostState::Unknown, reason: None, last_seen_ms: None, facts: None }
    }
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    pub engine: String,
    pub version: String,
    pub api_version: String,
    pub operating_system: String,
    pub architecture: String,
    pub cpus: u32,
    pub memory_mib: u64,
    /// Memory of its largest machine: no node gets more than that. None: nobody has looked at that yet.
    #[serde(default)]
    pub memory_largest_mib: Option<u64>,
    /// Free space where data lives; none: the engine does not tell.
    #[serde(default)]
    pub disk_free_mib: Option<u64>,
    /// The engine's own identity: the same behind every address that leads to it.
    #[serde(default)]
    pub engine_id: String,
    /// What the engine complains about.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The stages of a connection test, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeStage {
    Address,
    Tcp,
    Tls,
    Authentication,
    ApiVersion,
    Engine,
    /// Only of clusters, as are those behind it.
    Permission,
    Storage,
    Capacity,
}

/// Outcome of a connection test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeView {
    /// Stages that passed.
    pub passed: Vec<ProbeStage>,
    /// Stage that failed, with the reason; none: everything passed.
    pub failed: Option<(ProbeStage, Error)>,
    pub facts: Option<HostFacts>,
}

/// How far an image is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ImageState {
    Present {
        id: String,
        local_only: bool,
    },
    /// It is being pulled; bytes, as far as they are known.
    Preparing {
        done: u64,
        total: u64,
    },
    /// It can be pulled.
    Missing,
    /// No registry serves it: it is built, or its archive is uploaded.
    MissingLocal,
    /// Its name stands for another content than the one that was approved.
    Replaced {
        id: String,
    },
}

/// What an image is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageUse {
    Peer,
    Orderer,
    Sample,
    /// Given for chaincode.
    Chaincode,
}

/// One image on a host's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    pub reference: String,
    pub purpose: ImageUse,
    pub state: ImageState,
}

/// An image that an admin or operator approved for chaincode on a host: exactly this content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedImage {
    /// Content id, `sha256:…`.
    pub id: String,
    /// The name it had then.
    pub reference: String,
    /// Who approved it.
    pub by: String,
    pub at_ms: i64,
}

/// A host as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    pub id: HostId,
    pub spec: HostSpec,
    pub status: HostStatus,
    /// Chains it holds.
    pub chains: u16,
    /// Registries for which there are credentials.
    #[serde(default)]
    pub registries: Vec<String>,
    pub created_ms: i64,
}

#[cfg(test)]
mod tests;
