//! From a chain's specification to its nodes, names, ports and addresses. Pure: the same specification and port
//! block always give the same plan, which is stored with the chain and never worked out anew.

use std::collections::BTreeMap;

use agents::NodeStatus;
use domain::Error;
use domain::chain::{ChainSpec, Consensus, FabricVersion, NodeResources};
use domain::host::{HostSpec, NodeLogLevel};
use domain::id::HostId;
use domain::name::{ChainName, NodeName, OrganizationName};
use domain::node::NodeKind;
use serde::{Deserialize, Serialize};

/// MSP ID of the ordering organization.
pub const ORDERER_MSP: &str = "OrdererMSP";
/// Port of an orderer inside its network.
pub const ORDERER_PORT: u16 = 7050;
/// Port of a peer inside its network.
pub const PEER_PORT: u16 = 7051;
/// Orderer administration, reached by the portal alone.
pub const ADMIN_PORT: u16 = 9443;
/// Operations endpoint of an orderer, reached by the portal alone.
pub const ORDERER_OPERATIONS_PORT: u16 = 8443;
/// Operations endpoint of a peer, reached by the portal alone.
pub const PEER_OPERATIONS_PORT: u16 = 9443;
/// Port on which a chaincode server listens in the chaincode network.
pub const CHAINCODE_PORT: u16 = 9999;

const ORDERERS_OFFSET: u16 = 10;
const PEERS_OFFSET: u16 = 20;
const PORTS_PER_PEER: u16 = 3;

/// One organization of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOrganization {
    /// None: the ordering organization.
    pub name: Option<OrganizationName>,
    pub msp_id: String,
    /// `org1.demo`.
    pub domain_name: String,
}

/// One node of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNode {
    pub name: NodeName,
    pub kind: NodeKind,
    pub organization: Option<OrganizationName>,
    pub msp_id: String,
    /// `peer0.org1.demo`: stands in certificates and profiles.
    pub domain_name: String,
    /// `peer0-org1`: by which the chain's nodes find it, on every kind of host; stands in the channel configuration.
    /// None: a chain that was made when that was the domain name. What its ledgers say stays.
    #[serde(default)]
    pub inner_name: Option<String>,
    pub host: HostId,
    /// Published port of its gRPC service.
    pub port: u16,
    /// Name by which users know the endpoint: `peer0_org1_grpc`.
    pub endpoint_name: String,
    /// Image by name, as the host's rules resolve it for this kind and version.
    pub images: Vec<String>,
    /// Its own limits, once somebody has resized it. None: those of the chain.
    #[serde(default)]
    pub resources: Option<NodeResources>,
}

impl PlannedNode {
    /// Name by which the other nodes of its chain reach it.
    pub fn inner_name(&self) -> &str {
        self.inner_name.as_deref().unwrap_or(&self.domain_name)
    }

    /// The same with the port of its gRPC service: `peer0-org1:7051`.
    pub fn inner_address(&self) -> String {
        format!("{}:{}", self.inner_name(), self.inner_port())
    }

    /// Port of its gRPC service inside its network.
    pub fn inner_port(&self) -> u16 {
        if self.kind == NodeKind::Orderer { ORDERER_PORT } else { PEER_PORT }
    }

    /// Port of its operations endpoint inside its network.
    pub fn operations_port(&self) -> u16 {
        if self.kind == NodeKind::Orderer { ORDERER_OPERATIONS_PORT } else { PEER_OPERATIONS_PORT }
    }
}

/// Images by their ids, so that a later pull of the same name changes nothing; and by their digests where a registry knows
/// them, so that the same ones come back to a host that has lost them. Those that were built on the host have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesPinned {
    pub peer: String,
    pub orderer: String,
    #[serde(default)]
    pub peer_digest: Option<String>,
    #[serde(default)]
    pub orderer_digest: Option<String>,
}

impl ImagesPinned {
    /// The image of a kind of node.
    pub fn of(&self, kind: NodeKind) -> &str {
        if kind == NodeKind::Orderer { &self.orderer } else { &self.peer }
    }

    /// What a registry calls it, `repository@sha256:…`.
    pub fn digest_of(&self, kind: NodeKind) -> Option<&str> {
        let digest = if kind == NodeKind::Orderer { &self.orderer_digest } else { &self.peer_digest };
        digest.as_deref()
    }
}

/// What a plan that does not tell was made for: peers of older chains keep how they fetch blocks.
fn consensus_untold() -> Consensus {
    Consensus::Raft
}

/// A chain, worked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainPlan {
    pub chain: ChainName,
    pub host: HostId,
    pub version: FabricVersion,
    #[serde(default = "consensus_untold")]
    pub consensus: Consensus,
    pub port_block: u16,
    pub client_address: String,
    pub resources: NodeResources,
    pub organizations: Vec<PlannedOrganization>,
    pub nodes: Vec<PlannedNode>,
    /// What its nodes run; none until the creation has found the images.
    #[serde(default)]
    pub images: Option<ImagesPinned>,
    /// What its nodes print; what the host said when it was made.
    #[serde(default)]
    pub log_level: NodeLogLevel,
}

impl ChainPlan {
    /// Nodes of one kind, in order.
    pub fn of_kind(&self, kind: NodeKind) -> impl Iterator<Item = &PlannedNode> {
        self.nodes.iter().filter(move |node| node.kind == kind)
    }

    /// Peers of one organization, in order.
    pub fn peers_of<'a>(
        &'a self,
        organization: &'a OrganizationName,
    ) -> impl Iterator<Item = &'a PlannedNode> {
        self.of_kind(NodeKind::Peer).filter(move |node| node.organization.as_ref() == Some(organization))
    }

    /// Peers of any of these organizations, in order.
    pub fn peers_among(&self, organizations: &[OrganizationName]) -> impl Iterator<Item = &PlannedNode> {
        let is_of = move |peer: &&PlannedNode| {
            peer.organization.as_ref().is_some_and(|owner| organizations.contains(owner))
        };
        self.of_kind(NodeKind::Peer).filter(is_of)
    }

    /// The most that a node may use: its own limits where it was resized, else those of the chain.
    pub fn resources_of(&self, node: &PlannedNode) -> NodeResources {
        node.resources.unwrap_or(self.resources)
    }

    /// The same plan with other limits for one node; a name that it does not know changes nothing.
    #[must_use]
    pub fn with_resources(mut self, name: &NodeName, resources: Option<NodeResources>) -> Self {
        for node in self.nodes.iter_mut().filter(|node| node.name == *name) {
            node.resources = resources;
        }
        self
    }

    /// The node of a name.
    pub fn node(&self, name: &NodeName) -> Option<&PlannedNode> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// Organizations that own peers.
    pub fn members(&self) -> impl Iterator<Item = (&OrganizationName, &PlannedOrganization)> {
        self.organizations.iter().filter_map(|o| o.name.as_ref().map(|name| (name, o)))
    }

    /// Where clients reach a node, host and port: what its own host tells, or else the host's address with the published
    /// port.
    pub fn reached(&self, node: &PlannedNode, status: Option<&NodeStatus>) -> (String, u16) {
        let told = status.and_then(|status| status.reached.get(&node.inner_port()));
        told.cloned().unwrap_or_else(|| (self.client_address.clone(), node.port))
    }

    /// The same as `host:port`, with what a host lists of the chain's nodes; nothing where it does not answer.
    pub fn address(&self, node: &PlannedNode, statuses: &[NodeStatus]) -> String {
        let status = statuses.iter().find(|status| status.node.node == node.name.as_str());
        let (host, port) = self.reached(node, status);
        address(&host, port)
    }

    /// Endpoints under the names users know, with the address clients use.
    pub fn endpoints(&self, statuses: &[NodeStatus]) -> BTreeMap<String, String> {
        let endpoint = |node: &PlannedNode| (node.endpoint_name.clone(), self.address(node, statuses));
        self.nodes.iter().map(endpoint).collect()
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Works a specification out on a port block. The specification must have passed its own checks.
pub fn plan(spec: &ChainSpec, host: &HostSpec, port_block: u16) -> Result<ChainPlan, Error> {
    spec.check()?;
    let chain = spec.name.as_str();
    let mut organizations = vec![PlannedOrganization {
        name: None,
        msp_id: ORDERER_MSP.to_owned(),
        domain_name: format!("orderer.{chain}"),
    }];
    let mut nodes = Vec::new();
    for index in 0..spec.orderers {
        nodes.push(orderer(spec, host, port_block, index)?);
    }
    let mut peer_slot = 0;
    for organization in &spec.organizations {
        organizations.push(PlannedOrganization {
            name: Some(organization.name.clone()),
            msp_id: organization.name.msp_id(),
            domain_name: format!("{}.{chain}", organization.name),
        });
        for index in 0..organization.peers {
            nodes.push(peer(
                spec,
                host,
                &organization.name,
                index,
                port_block + PEERS_OFFSET + PORTS_PER_PEER * peer_slot,
            )?);
            peer_slot += 1;
        }
    }
    Ok(ChainPlan {
        chain: spec.name.clone(),
        host: spec.host.clone(),
        version: spec.version,
        consensus: spec.consensus,
        port_block,
        client_address: host.client_address.clone(),
        resources: spec.resources,
        organizations,
        nodes,
        images: None,
        log_level: host.log_level,
    })
}

fn orderer(spec: &ChainSpec, host: &HostSpec, port_block: u16, index: u16) -> Result<PlannedNode, Error> {
    let endpoint_name = if spec.orderers == 1 { "orderer".to_owned() } else { format!("orderer{index}") };
    let name = NodeName::parse(&format!("orderer{index}"))?;
    Ok(PlannedNode {
        inner_name: Some(name.to_string()),
        name,
        kind: NodeKind::Orderer,
        organization: None,
        msp_id: ORDERER_MSP.to_owned(),
        domain_name: format!("orderer{index}.orderer.{}", spec.name),
        host: spec.host.clone(),
        port: port_block + ORDERERS_OFFSET + index,
        endpoint_name,
        images: images(&host.images.orderer, spec.version),
        resources: None,
    })
}

fn peer(
    spec: &ChainSpec,
    host: &HostSpec,
    organization: &OrganizationName,
    index: u16,
    port: u16,
) -> Result<PlannedNode, Error> {
    let name = NodeName::parse(&format!("peer{index}-{organization}"))?;
    Ok(PlannedNode {
        inner_name: Some(name.to_string()),
        name,
        kind: NodeKind::Peer,
        organization: Some(organization.clone()),
        msp_id: organization.msp_id(),
        domain_name: format!("peer{index}.{organization}.{}", spec.name),
        host: spec.host.clone(),
        port,
        endpoint_name: format!("peer{index}_{organization}_grpc"),
        images: images(&host.images.peer, spec.version),
        resources: None,
    })
}

/// Image names of a version, in the order in which they are tried.
pub fn images(names: &[String], version: FabricVersion) -> Vec<String> {
    names.iter().map(|name| name.replace("{version}", version.image_tag())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use agents::{DataVolume, NodeRef, NodeState as AgentState};
    use domain::chain::OrganizationSpec;
    use domain::name::{ChannelName, HostName};

    use super::*;

    fn spec(organizations: u16, peers: u16, orderers: u16) -> ChainSpec {
        ChainSpec {
            name: ChainName::parse("first").unwrap(),
            host: HostId::new("h1"),
            version: FabricVersion::V2_5,
            consensus: Consensus::Raft,
            orderers,
            organizations: (1..=organizations)
                .map(|n| OrganizationSpec {
                    name: OrganizationName::parse(&format!("org{n}")).unwrap(),
                    peers,
                })
                .collect(),
            channel: ChannelName::parse("mychannel").unwrap(),
            batch_timeout_ms: 200,
            resources: NodeResources { cpu_milli: 1_000, memory_mib: 512 },
        }
    }

    fn host() -> HostSpec {
        HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock")
    }

    #[test]
    fn scenario_two_ports_and_names() {
        let plan = plan(&spec(2, 2, 1), &host(), 31_000).unwrap();
        let endpoints = plan.endpoints(&[]);
        assert_eq!(endpoints["orderer"], "127.0.0.1:31010");
        assert_eq!(endpoints["peer0_org1_grpc"], "127.0.0.1:31020");
        assert_eq!(endpoints["peer1_org1_grpc"], "127.0.0.1:31023");
        assert_eq!(endpoints["peer0_org2_grpc"], "127.0.0.1:31026");
        assert_eq!(endpoints["peer1_org2_grpc"], "127.0.0.1:31029");
        assert_eq!(plan.nodes[1].domain_name, "peer0.org1.first");
        assert_eq!(plan.nodes[0].inner_address(), "orderer0:7050");
        assert_eq!(plan.nodes[1].inner_address(), "peer0-org1:7051");
    }

    #[test]
    fn clients_are_sent_where_the_host_says_and_else_to_its_address() {
        let plan = plan(&spec(1, 2, 1), &host(), 31_000).unwrap();
        let status = |name: &str, own: u16, at: (&str, u16)| NodeStatus {
            node: NodeRef::new("abc", "first", name),
            kind: "peer".to_owned(),
            operation: "op".to_owned(),
            state: AgentState::Running,
            started_at: None,
            exit_code: None,
            reason: None,
            machine: None,
            data_volume: DataVolume::Present,
            ports: BTreeMap::new(),
            reached: BTreeMap::from([(own, (at.0.to_owned(), at.1))]),
            image_id: None,
            restarts: 0,
            fingerprint: None,
        };
        let statuses = [
            status("orderer0", ORDERER_PORT, ("lb.example", 31_010)),
            status("peer0-org1", PEER_PORT, ("fd00::1", 7_051)),
            // Where another port is reached says nothing of this one.
            status("peer1-org1", PEER_OPERATIONS_PORT, ("lb.example", 9_443)),
        ];
        let endpoints = plan.endpoints(&statuses);
        assert_eq!(endpoints["orderer"], "lb.example:31010");
        assert_eq!(endpoints["peer0_org1_grpc"], "[fd00::1]:7051");
        assert_eq!(endpoints["peer1_org1_grpc"], "127.0.0.1:31023");
    }

    #[test]
    fn addresses_of_every_family() {
        assert_eq!(address("127.0.0.1", 31_020), "127.0.0.1:31020");
        assert_eq!(address("host.example", 1), "host.example:1");
        assert_eq!(address("fd00::1", 1), "[fd00::1]:1");
    }

    /// What a chain's ledgers say of its nodes does not change when the portal does.
    #[test]
    fn chains_of_before_keep_their_domain_names() {
        let plan = plan(&spec(1, 1, 1), &host(), 31_000).unwrap();
        let mut stored = serde_json::to_value(&plan).unwrap();
        assert_eq!(serde_json::from_value::<ChainPlan>(stored.clone()).unwrap(), plan);
        for node in stored["nodes"].as_array_mut().unwrap() {
            node.as_object_mut().unwrap().remove("inner_name");
        }
        let before: ChainPlan = serde_json::from_value(stored).unwrap();
        let addresses: Vec<String> = before.nodes.iter().map(PlannedNode::inner_address).collect();
        assert_eq!(addresses, ["orderer0.orderer.first:7050", "peer0.org1.first:7051"]);
    }

    #[test]
    fn a_node_has_the_limits_of_its_chain_until_it_is_resized() {
        let before = plan(&spec(1, 2, 1), &host(), 31_000).unwrap();
        let mut stored = serde_json::to_value(&before).unwrap();
        for node in stored["nodes"].as_array_mut().unwrap() {
            node.as_object_mut().unwrap().remove("resources");
        }
        assert_eq!(
            serde_json::from_value::<ChainPlan>(stored).unwrap(),
            before,
            "a plan of a former version"
        );
        let (larger, name) =
            (NodeResources { cpu_milli: 250, memory_mib: 1_024 }, NodeName::parse("peer1-org1").unwrap());
        let resized = before.clone().with_resources(&name, Some(larger));
        let read: ChainPlan = serde_json::from_value(serde_json::to_value(&resized).unwrap()).unwrap();
        let limits: Vec<_> = read.nodes.iter().map(|node| read.resources_of(node)).collect();
        assert_eq!(limits, [before.resources, before.resources, larger]);
        assert_eq!(resized.with_resources(&name, None), before);
    }

    #[test]
    fn peers_of_some_organizations_are_found_in_order_and_no_orderer_is() {
        let plan = plan(&spec(3, 2, 1), &host(), 31_000).unwrap();
        let among = |names: &[&str]| -> Vec<String> {
            let names: Vec<_> = names.iter().map(|name| OrganizationName::parse(name).unwrap()).collect();
            plan.peers_among(&names).map(|peer| peer.name.to_string()).collect()
        };
        assert_eq!(among(&["org3", "org1"]), ["peer0-org1", "peer1-org1", "peer0-org3", "peer1-org3"]);
        assert!(among(&[]).is_empty());
    }

    #[test]
    fn the_largest_chain_stays_in_its_block_without_two_of_a_port() {
        let mut largest = spec(10, 2, 5);
        largest.organizations[0].peers = 8;
        let plan = plan(&largest, &host(), 31_900).unwrap();
        let ports: BTreeSet<u16> = plan.nodes.iter().map(|n| n.port).collect();
        assert_eq!(ports.len(), 31);
        assert!(ports.iter().all(|p| (31_910..=31_999).contains(p)));
    }
}
