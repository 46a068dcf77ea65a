//! The nodes of a new chain: their images, what each of them shall be, starting and removing them.

use std::sync::Arc;

use agents::{
    Agent, AgentError, ImageFacts, Limits, NodeNetwork, NodeSpec, NodeState, NodeStatus, PortSpec, Publish,
    SpaceSpec,
};
use domain::chain::{ChainSpec, Consensus, NodeResources};
use domain::host::PORTS_PER_CHAIN;
use domain::node::NodeKind;
use domain::{Code, Error};
use fabric::node_config;
use workflow::{Context, StepError, StepOutput};

use super::CreatesChain;
use super::ports::{move_ports, planned, to_value};
use crate::material::plain_file;
use crate::network::ChainLink;
use crate::operations::{agent_error, for_each_node, host_prepare, link, selector, step_error, store_error};
use crate::services::Services;
use crate::topology::{self, ChainPlan, ImagesPinned, PlannedNode};

/// Where a node finds its configuration.
pub const CONFIG_PATH: &str = node_config::CONFIG_DIR;
/// What a node's data volume covers: exactly the volume for data that public images declare. The one that they declare
/// for their own configuration stays unnamed, and goes with its container.
pub const DATA_PATH: &str = "/var/hyperledger";
/// Processes and threads a node may have.
const PIDS_MAX: u32 = 2_048;

impl StepOutput for ImagesPinned {
    const STEP: &'static str = "ensure-images";
}

pub(super) async fn ensure_images<P: CreatesChain>(ctx: Context<P>) -> Result<ImagesPinned, StepError> {
    let mut plan = planned(&ctx).await?;
    let of = |kind| plan.of_kind(kind).next().map(|node| node.images.clone()).unwrap_or_default();
    let peer = ensure_first(&ctx, of(NodeKind::Peer)).await?;
    let orderer = ensure_first(&ctx, of(NodeKind::Orderer)).await?;
    let digest = |facts: &ImageFacts| facts.registry_digest().map(str::to_owned);
    let (peer_digest, orderer_digest) = (digest(&peer), digest(&orderer));
    let images = ImagesPinned { peer: peer.id, orderer: orderer.id, peer_digest, orderer_digest };
    // The chain's record outlives this operation's: whoever makes a node anew finds its image there.
    plan.images = Some(images.clone());
    ctx.env().store.chain_plan_save(&plan.chain, to_value(&plan)?).await.map_err(store_error)?;
    Ok(images)
}

/// The first of some images that is present, else the first that can be pulled.
async fn ensure_first<P: CreatesChain>(
    ctx: &Context<P>,
    references: Vec<String>,
) -> Result<ImageFacts, StepError> {
    let host = &ctx.params().chain_spec().host;
    let agent = ctx.env().agent(host).await.map_err(step_error)?;
    let facts = host_prepare::ensure_first(ctx, host, agent.as_ref(), references).await?;
    facts.ok_or_else(|| step_error(Error::unavailable(Code::ImageMissing)))
}

/// Why a node could not be started.
enum StartFailure {
    /// Somebody else has one of the chain's ports.
    PortTaken(u16),
    Other(StepError),
}

impl From<StepError> for StartFailure {
    fn from(error: StepError) -> Self {
        Self::Other(error)
    }
}

/// Starts all nodes. A chain that meets a taken port moves on: nobody knows its ports yet. Whether they are well is
/// waited for when they join, so that none waits for the slowest.
pub(super) async fn start_nodes<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let mut link = link(ctx.env(), &ctx.params().chain_spec().name).await.map_err(step_error)?;
    ensure_space(&ctx, &link).await?;
    let mut tried = Vec::new();
    loop {
        match ensure_nodes(&ctx, &link, true).await {
            Ok(()) => return Ok(()),
            Err(StartFailure::Other(error)) => return Err(error),
            Err(StartFailure::PortTaken(port)) => {
                tried.push(link.plan.port_block);
                let plan = move_ports(&ctx, &link.plan, &tried).await?;
                ctx.note(format!("port {port} is taken: on to ports from {}", plan.port_block)).await;
                link.plan = Arc::new(plan);
            }
        }
    }
}

/// Makes what the nodes share.
async fn ensure_space<P: CreatesChain>(ctx: &Context<P>, link: &ChainLink) -> Result<(), StepError> {
    let space = SpaceSpec {
        installation: link.installation.clone(),
        chain: link.plan.chain.to_string(),
        operation: ctx.operation_id().to_owned(),
    };
    link.agent.ensure_space(&space).await.map_err(agent_error)
}

/// Makes sure that what was started is still there when nodes are to join: a creation may be resumed long after some were
/// lost. Ports are known by now, so none is left for others. A node that had data does not begin without it.
pub(super) async fn bring_back<P: CreatesChain>(ctx: &Context<P>, link: &ChainLink) -> Result<(), StepError> {
    let present = link.agent.list_nodes(&selector(link)).await.map_err(agent_error)?;
    let runs = |node: &PlannedNode| {
        let mut named = present.iter().filter(|status| status.node.node == node.name.as_str());
        named.any(|status| status.state == NodeState::Running)
    };
    if link.plan.nodes.iter().all(runs) {
        return Ok(());
    }
    ensure_space(ctx, link).await?;
    ensure_nodes(ctx, link, false).await.map_err(|failure| match failure {
        StartFailure::PortTaken(port) => agent_error(AgentError::PortTaken(port)),
        StartFailure::Other(error) => error,
    })
}

/// Makes every node run on the ports of the plan; one that runs on others is made anew around its data.
async fn ensure_nodes<P: CreatesChain>(
    ctx: &Context<P>,
    link: &ChainLink,
    allow_new_data: bool,
) -> Result<(), StartFailure> {
    let images = &ctx.output::<ImagesPinned>()?;
    let block = link.plan.port_block;
    for_each_node(ctx, link.plan.nodes.clone(), |node| async move {
        let image = images.of(node.kind).to_owned();
        let spec = node_spec(ctx.env(), link, &node, image, ctx.operation_id(), allow_new_data)
            .await
            .map_err(step_error)?;
        match link.agent.ensure_node(&spec).await {
            Ok(_) => Ok(()),
            Err(AgentError::PortTaken(port)) if (block..block + PORTS_PER_CHAIN).contains(&port) => {
                Err(StartFailure::PortTaken(port))
            }
            Err(error) => Err(agent_error(error).into()),
        }
    })
    .await
}

/// What a node of a chain shall be, as its host's agent understands it.
async fn node_spec(
    services: &Services,
    link: &ChainLink,
    node: &PlannedNode,
    image: String,
    operation: &str,
    allow_new_data: bool,
) -> Result<NodeSpec, Error> {
    let mut files = services.node_files(&link.plan, &link.trust, node).await?;
    let published = PortSpec { container: node.inner_port(), publish: Publish::Fixed(node.port) };
    let mut ports =
        vec![published, PortSpec { container: node.operations_port(), publish: Publish::Assigned }];
    let orderer = node.kind == NodeKind::Orderer;
    let resources = link.plan.resources_of(node);
    let logging_spec = link.plan.log_level.as_str().to_owned();
    let environment = if orderer {
        files.push(plain_file("orderer.yaml", node_config::orderer_yaml().as_bytes()));
        ports.push(PortSpec { container: topology::ADMIN_PORT, publish: Publish::Assigned });
        let msp_id = node.msp_id.clone();
        node_config::orderer_environment(&node_config::OrdererSettings {
            msp_id,
            logging_spec,
            ..Default::default()
        })
    } else {
        let yaml = node_config::core_yaml(&node_config::StateDatabase::LevelDb);
        files.push(plain_file("core.yaml", yaml.as_bytes()));
        node_config::peer_environment(&node_config::PeerSettings {
            id: node.domain_name.clone(),
            msp_id: node.msp_id.clone(),
            address: node.inner_address(),
            gossip_bootstrap: vec![bootstrap(&link.plan, node)],
            // No single orderer is believed where some may lie.
            cluster_delivery: link.plan.consensus == Consensus::Bft,
            logging_spec,
            ..Default::default()
        })
    };
    Ok(NodeSpec {
        installation: link.installation.clone(),
        chain: link.plan.chain.to_string(),
        node: node.name.to_string(),
        kind: node.kind.as_str().to_owned(),
        image,
        entrypoint: Vec::new(),
        command: if orderer {
            vec!["orderer".to_owned()]
        } else {
            ["peer", "node", "start"].map(str::to_owned).to_vec()
        },
        environment,
        files,
        data_path: Some(DATA_PATH.to_owned()),
        config_path: CONFIG_PATH.to_owned(),
        working_dir: None,
        ports,
        health_port: Some(node.operations_port()),
        aliases: vec![node.domain_name.clone(), node.name.to_string()],
        network: network_of(node.kind),
        limits: limits(resources),
        operation: operation.to_owned(),
        user: None,
        read_only_root: false,
        refuse_image_volumes: false,
        allow_new_data,
    })
}

/// The networks of a kind of node.
pub(crate) fn network_of(kind: NodeKind) -> NodeNetwork {
    if kind == NodeKind::Orderer { NodeNetwork::Chain } else { NodeNetwork::ChainAndChaincode }
}

/// The most a node may use.
pub(crate) fn limits(resources: NodeResources) -> Limits {
    let NodeResources { cpu_milli, memory_mib } = resources;
    Limits { memory_mib, cpu_milli, pids: PIDS_MAX }
}

/// What a node whose container is gone shall be, around the data that it still has; none when nobody knows its image. It
/// runs what its chain was made with, for a name may stand for another image by now. Where the record does not tell, it
/// runs what another node of its kind runs, else the first by name.
pub(crate) async fn spec_anew(
    services: &Services,
    link: &ChainLink,
    node: &PlannedNode,
    operation: &str,
    others: &[NodeStatus],
) -> Result<Option<NodeSpec>, Error> {
    let image = match &link.plan.images {
        Some(images) => {
            let (id, digest) = (images.of(node.kind), images.digest_of(node.kind));
            Some(host_prepare::kept_image(services, link, id, digest).await?)
        }
        None => image_of(link.agent.as_ref(), node, others).await?,
    };
    match image {
        Some(image) => node_spec(services, link, node, image, operation, false).await.map(Some),
        None => Ok(None),
    }
}

async fn image_of(
    agent: &dyn Agent,
    node: &PlannedNode,
    others: &[NodeStatus],
) -> Result<Option<String>, Error> {
    let mut of_kind = others.iter().filter(|other| other.kind == node.kind.as_str());
    if let Some(id) = of_kind.find_map(|other| other.image_id.clone()) {
        return Ok(Some(id));
    }
    for reference in &node.images {
        if let Some(facts) = agent.image(reference).await.map_err(crate::error::agent)? {
            return Ok(Some(facts.id));
        }
    }
    Ok(None)
}

/// The peer of the same organization that a peer looks for first; the first one looks for itself.
fn bootstrap(plan: &ChainPlan, node: &PlannedNode) -> String {
    let first = plan.of_kind(NodeKind::Peer).find(|peer| peer.organization == node.organization);
    first.map_or(String::new(), PlannedNode::inner_address)
}

pub(super) async fn remove_nodes<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    remove_space(ctx.params().chain_spec(), ctx.env()).await
}

/// Removes everything of a chain from its host.
pub(crate) async fn remove_space(spec: &ChainSpec, services: &Services) -> Result<(), StepError> {
    let agent = services.agent(&spec.host).await.map_err(step_error)?;
    agent.remove_space(&services.installation, spec.name.as_str()).await.map_err(agent_error)?;
    Ok(())
}
