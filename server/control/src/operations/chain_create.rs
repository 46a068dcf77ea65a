//! `chain-create`: from a specification to running nodes that have joined the first channel.

use domain::chain::{ChainSpec, ChainState, HealthView};
use domain::id::OperationId;
use domain::name::ChainName;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use store::ChainRecord;
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::{agent_error, fabric_error, step_error, store_error};
use crate::error::internal;
use crate::material::Places;
use crate::services::Services;
use crate::topology::{self, ChainPlan, PlannedNode};

mod genesis;
mod join;
mod nodes;

pub use genesis::GENESIS;
use genesis::{discard_genesis, make_genesis};
use join::join_channel;
pub(crate) use nodes::remove_space;
pub use nodes::{CONFIG_PATH, DATA_PATH, ImagesPinned};
use nodes::{ensure_images, remove_nodes, start_nodes};

/// Parameters: the specification. The first step makes the chain's record, which holds the name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainCreate {
    pub spec: ChainSpec,
}

impl Operation for ChainCreate {
    type Env = Services;

    fn plan() -> Plan<Self> {
        create_steps(Plan::named("chain-create", 1))
    }
}

/// An operation that creates a chain, perhaps among other things.
pub trait CreatesChain: Operation<Env = Services> {
    /// What is created.
    fn chain_spec(&self) -> &ChainSpec;
}

impl CreatesChain for ChainCreate {
    fn chain_spec(&self) -> &ChainSpec {
        &self.spec
    }
}

/// Adds the steps that create a chain.
pub fn create_steps<P: CreatesChain>(plan: Plan<P>) -> Plan<P> {
    plan.step("reserve-ports", reserve_ports, release_ports)
        .step("issue-identities", issue_identities, discard_identities)
        .step("make-genesis", make_genesis, discard_genesis)
        .step("ensure-images", ensure_images, keep)
        .timeout_ms(1_800_000)
        .step("start-nodes", start_nodes, remove_nodes)
        .timeout_ms(600_000)
        .step("join-channel", join_channel, keep)
        .timeout_ms(300_000)
}

/// The chain, worked out on its port block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortsReserved {
    pub plan: ChainPlan,
}

impl StepOutput for PortsReserved {
    const STEP: &'static str = "reserve-ports";
}

async fn reserve_ports<P: CreatesChain>(ctx: Context<P>) -> Result<PortsReserved, StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let host = services
        .store
        .host_read(&spec.host)
        .await
        .map_err(store_error)?
        .ok_or_else(|| step_error(Error::invalid(Code::HostMissing)))?;
    hold_name(&ctx, spec).await?;
    let agent = services.agent(&spec.host).await.map_err(step_error)?;
    let used = agent.used_ports().await.map_err(agent_error)?;
    let blocks: Vec<u16> = host.spec.blocks().collect();
    // A block with a foreign port in it is passed over as a whole.
    let skip: Vec<u16> = blocks
        .iter()
        .copied()
        .filter(|block| used.range(*block..*block + domain::host::PORTS_PER_CHAIN).next().is_some())
        .collect();
    let block = services
        .store
        .claim_block(&spec.host, &spec.name, host.spec.capacity, &blocks, &skip)
        .await
        .map_err(|error| step_error(claim_error(error, host.spec.capacity)))?;
    let plan = topology::plan(spec, &host.spec, block).map_err(step_error)?;
    let stored = serde_json::to_value(&plan).map_err(|error| step_error(internal("store a plan", error)))?;
    services.store.chain_plan_save(&spec.name, stored).await.map_err(store_error)?;
    ctx.note(format!("ports {block}–{}", block + domain::host::PORTS_PER_CHAIN - 1)).await;
    Ok(PortsReserved { plan })
}

/// Makes the chain's record; one that this operation made before is its own.
async fn hold_name<P: CreatesChain>(ctx: &Context<P>, spec: &ChainSpec) -> Result<(), StepError> {
    let services = ctx.env();
    let record = new_record(spec, ctx.operation_id(), ctx.now_ms());
    match services.store.chain_create(&record).await {
        Ok(()) => services.changed("chain", &spec.name),
        Err(store::StoreError::Taken { .. }) => {
            let holder = services.store.chain_read(&spec.name).await.map_err(store_error)?;
            if holder.is_none_or(|holder| holder.operation != record.operation) {
                let refusal = Error::conflict(Code::ChainNameTaken).with("name", &spec.name);
                return Err(step_error(refusal));
            }
        }
        Err(error) => return Err(store_error(error)),
    }
    Ok(())
}

/// A chain's record before anything of it exists.
fn new_record(spec: &ChainSpec, operation: &str, now_ms: i64) -> ChainRecord {
    ChainRecord {
        name: spec.name.clone(),
        spec: spec.clone(),
        plan: serde_json::Value::Null,
        state: ChainState::Creating,
        health: HealthView::default(),
        owner: None,
        host: spec.host.clone(),
        created_ms: now_ms,
        operation: Some(OperationId::new(operation)),
    }
}

/// A refused claim in the words of the portal.
pub(crate) fn claim_error(error: store::StoreError, capacity: u16) -> Error {
    match error {
        store::StoreError::HostFull => Error::conflict(Code::HostFull).with("capacity", capacity),
        store::StoreError::NoBlock => Error::conflict(Code::HostPortsUsed),
        other => crate::error::store(other),
    }
}

async fn release_ports<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let spec = ctx.params().chain_spec();
    let holder = ctx.env().store.chain_read(&spec.name).await.map_err(store_error)?;
    // Somebody else's chain of this name, on which the first step failed, is not ours to forget.
    if holder.is_some_and(|holder| holder.operation != Some(OperationId::new(ctx.operation_id()))) {
        return Ok(());
    }
    forget_chain(ctx.env(), spec).await
}

/// The last of an undo or a deletion: ports and name are free again.
pub(crate) async fn forget_chain(services: &Services, spec: &ChainSpec) -> Result<(), StepError> {
    services.store.release_block(&spec.host, &spec.name).await.map_err(store_error)?;
    services.store.chain_delete(&spec.name).await.map_err(store_error)?;
    services.changed("chain", &spec.name);
    Ok(())
}

async fn issue_identities<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let plan = ctx.output::<PortsReserved>()?.plan;
    ctx.env().issue_chain(&plan).await.map_err(step_error)
}

async fn discard_identities<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    discard_secrets(ctx.env(), &ctx.params().chain_spec().name).await
}

/// Removes every key of a chain.
pub(crate) async fn discard_secrets(services: &Services, chain: &ChainName) -> Result<(), StepError> {
    services.store.secret_delete_prefix(&Places(chain).all()).await.map_err(store_error)?;
    Ok(())
}

<<<<<<< HEAD
=======
async fn make_genesis<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let plan = ctx.output::<PortsReserved>()?.plan;
    if services.store.document_read(&spec.name, GENESIS).await.map_err(store_error)?.is_some() {
        return Ok(());
    }
    let trust = services.trust(&plan).await.map_err(step_error)?;
    let profile = profile(services, spec, &plan, &trust).await.map_err(step_error)?;
    let nonce = crate::secrets::random::<24>()
        .map_err(|error| step_error(internal("make a genesis block", error)))?;
    let block = fabric::genesis::block(&profile, ctx.now_ms() / 1_000, nonce)
        .map_err(|error| step_error(internal("make a genesis block", error)))?;
    services.store.document_put(&spec.name, GENESIS, &block).await.map_err(store_error)
}

async fn discard_genesis<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    ctx.env().store.document_delete(&ctx.params().chain_spec().name, GENESIS).await.map_err(store_error)
}

/// The first channel's configuration: every organization, with the anchor peers in it.
async fn profile(
    services: &Services,
    spec: &ChainSpec,
    plan: &ChainPlan,
    trust: &Trust,
) -> Result<ChannelProfile, Error> {
    let msp = |msp_id: &str| {
        trust.msps.get(msp_id).cloned().ok_or_else(|| internal("make a genesis block", msp_id))
    };
    let orderers: Vec<&PlannedNode> = plan.of_kind(NodeKind::Orderer).collect();
    let endpoints =
        orderers.iter().map(|node| format!("{}:{}", node.domain_name, node.inner_port())).collect();
    let mut application_orgs = Vec::new();
    for (name, organization) in plan.members() {
        let anchor = plan.peers_of(name).next().map(|peer| (peer.domain_name.clone(), peer.inner_port()));
        application_orgs.push(ApplicationOrg {
            msp: msp(&organization.msp_id)?,
            anchor_peers: anchor.into_iter().collect(),
        });
    }
    Ok(ChannelProfile {
        channel: spec.channel.to_string(),
        version: match spec.version {
            FabricVersion::V2_5 => GenesisVersion::V2_5,
            FabricVersion::V3_1 => GenesisVersion::V3,
        },
        orderer_orgs: vec![OrdererOrg { msp: msp(topology::ORDERER_MSP)?, endpoints }],
        application_orgs,
        consensus: consenters(services, spec.consensus, plan, &orderers).await?,
        batch: Batch {
            timeout_ms: spec.batch_timeout_ms,
            max_messages: BATCH_MESSAGES,
            absolute_max_bytes: BATCH_BYTES_MAX,
            preferred_max_bytes: BATCH_BYTES_PREFERRED,
        },
    })
}

async fn consenters(
    services: &Services,
    consensus: Consensus,
    plan: &ChainPlan,
    orderers: &[&PlannedNode],
) -> Result<GenesisConsensus, Error> {
    let mut raft = Vec::new();
    let mut bft = Vec::new();
    for (id, node) in (1..).zip(orderers) {
        let tls = services.node_tls(plan, node).await?.cert_pem.clone();
        let (host, port) = (node.domain_name.clone(), node.inner_port());
        match consensus {
            Consensus::Raft => {
                raft.push(RaftConsenter { host, port, client_tls_pem: tls.clone(), server_tls_pem: tls });
            }
            Consensus::Bft => bft.push(BftConsenter {
                id,
                host,
                port,
                msp_id: node.msp_id.clone(),
                identity_pem: services.node_sign(plan, node).await?.cert_pem.clone(),
                client_tls_pem: tls.clone(),
                server_tls_pem: tls,
            }),
        }
    }
    Ok(match consensus {
        Consensus::Raft => GenesisConsensus::Raft(raft),
        Consensus::Bft => GenesisConsensus::Bft(bft),
    })
}

async fn ensure_images<P: CreatesChain>(ctx: Context<P>) -> Result<ImagesPinned, StepError> {
    let plan = ctx.output::<PortsReserved>()?.plan;
    let of = |kind| plan.of_kind(kind).next().map(|node| node.images.clone()).unwrap_or_default();
    let peer = ensure_first(&ctx, of(NodeKind::Peer)).await?;
    let orderer = ensure_first(&ctx, of(NodeKind::Orderer)).await?;
    Ok(ImagesPinned { peer, orderer })
}

/// The first of some images that is present, else the first that can be pulled.
async fn ensure_first<P: CreatesChain>(
    ctx: &Context<P>,
    references: Vec<String>,
) -> Result<String, StepError> {
    let agent = ctx.env().agent(&ctx.params().chain_spec().host).await.map_err(step_error)?;
    for reference in &references {
        if let Some(facts) = agent.image(reference).await.map_err(agent_error)? {
            super::host_prepare::note(ctx, &facts).await;
            return Ok(facts.id);
        }
    }
    let mut last = step_error(Error::unavailable(Code::ImageMissing));
    for reference in &references {
        match super::host_prepare::pull(ctx, &ctx.params().chain_spec().host, agent.as_ref(), reference).await {
            Ok(facts) => return Ok(facts.id),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn start_nodes<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let services = ctx.env();
    let plan = ctx.output::<PortsReserved>()?.plan;
    let images = ctx.output::<ImagesPinned>()?;
    let link = link_of(services, plan).await.map_err(step_error)?;
    let space = SpaceSpec {
        installation: services.installation.clone(),
        chain: link.plan.chain.to_string(),
        operation: ctx.operation_id().to_owned(),
    };
    link.agent.ensure_space(&space).await.map_err(agent_error)?;
    let nodes = link.plan.nodes.clone();
    let (ctx_ref, link_ref, images_ref) = (&ctx, &link, &images);
    for_each_node(&ctx, nodes, |node| async move {
        let spec = node_spec(ctx_ref.env(), link_ref, &node, images_ref, ctx_ref.operation_id(), true)
            .await
            .map_err(step_error)?;
        link_ref.agent.ensure_node(&spec).await.map_err(agent_error)?;
        let healthy = until(ctx_ref, node.name.as_str(), || async {
            ctx_ref.env().network.healthy(link_ref, &node).await.map(Some)
        });
        match healthy.await {
            Ok(()) => {
                ctx_ref.note(format!("{} is up", node.name)).await;
                Ok(())
            }
            Err(error) => Err(with_logs(link_ref, &node, error).await),
        }
    })
    .await
}

/// What a node of a chain shall be, as its host's agent understands it.
pub(crate) async fn node_spec(
    services: &Services,
    link: &ChainLink,
    node: &PlannedNode,
    images: &ImagesPinned,
    operation: &str,
    allow_new_data: bool,
) -> Result<NodeSpec, Error> {
    let mut files = services.node_files(&link.plan, &link.trust, node).await?;
    let published = PortSpec { container: node.inner_port(), publish: Publish::Fixed(node.port) };
    let mut ports =
        vec![published, PortSpec { container: node.operations_port(), publish: Publish::Assigned }];
    let orderer = node.kind == NodeKind::Orderer;
    let environment = if orderer {
        files.push(plain_file("orderer.yaml", node_config::orderer_yaml().as_bytes()));
        ports.push(PortSpec { container: topology::ADMIN_PORT, publish: Publish::Assigned });
        let msp_id = node.msp_id.clone();
        node_config::orderer_environment(&node_config::OrdererSettings { msp_id, ..Default::default() })
    } else {
        let yaml = node_config::core_yaml(&node_config::StateDatabase::LevelDb);
        files.push(plain_file("core.yaml", yaml.as_bytes()));
        node_config::peer_environment(&node_config::PeerSettings {
            id: node.domain_name.clone(),
            msp_id: node.msp_id.clone(),
            address: format!("{}:{}", node.domain_name, node.inner_port()),
            gossip_bootstrap: vec![bootstrap(&link.plan, node)],
            ..Default::default()
        })
    };
    Ok(NodeSpec {
        installation: link.installation.clone(),
        chain: link.plan.chain.to_string(),
        node: node.name.to_string(),
        kind: node.kind.as_str().to_owned(),
        image: if orderer { images.orderer.clone() } else { images.peer.clone() },
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
        aliases: vec![node.domain_name.clone(), node.name.to_string()],
        network: if orderer { NodeNetwork::Chain } else { NodeNetwork::ChainAndChaincode },
        limits: Limits {
            memory_mib: link.plan.resources.memory_mib,
            cpu_milli: link.plan.resources.cpu_milli,
            pids: PIDS_MAX,
        },
        operation: operation.to_owned(),
        user: None,
        read_only_root: false,
        refuse_image_volumes: false,
        allow_new_data,
    })
}

/// The peer of the same organization that a peer looks for first; the first one looks for itself.
fn bootstrap(plan: &ChainPlan, node: &PlannedNode) -> String {
    let first = plan.of_kind(NodeKind::Peer).find(|peer| peer.organization == node.organization);
    first.map_or(String::new(), |peer| format!("{}:{}", peer.domain_name, peer.inner_port()))
}

async fn remove_nodes<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    remove_space(ctx.params().chain_spec(), ctx.env()).await
}

/// Removes everything of a chain from its host.
pub(crate) async fn remove_space(spec: &ChainSpec, services: &Services) -> Result<(), StepError> {
    let agent = services.agent(&spec.host).await.map_err(step_error)?;
    agent.remove_space(&services.installation, spec.name.as_str()).await.map_err(agent_error)?;
    Ok(())
}

async fn join_channel<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let link = link_of(services, ctx.output::<PortsReserved>()?.plan).await.map_err(step_error)?;
    let block = services
        .store
        .document_read(&spec.name, GENESIS)
        .await
        .map_err(store_error)?
        .ok_or_else(|| step_error(internal("join a channel", "the genesis block is gone")))?;
    let channel = spec.channel.as_str();
    let (ctx_ref, link_ref, block_ref) = (&ctx, &link, block.as_slice());
    for_each_node(&ctx, link.plan.nodes.clone(), |node| async move {
        let joined = until(ctx_ref, node.name.as_str(), || async {
            let network = &ctx_ref.env().network;
            match node.kind {
                NodeKind::Orderer => {
                    network.orderer_join(link_ref, &node, channel, block_ref).await.map(Some)
                }
                _ => network.peer_join(link_ref, &node, block_ref).await.map(Some),
            }
        });
        match joined.await {
            Ok(()) => Ok(()),
            Err(error) => Err(with_logs(link_ref, &node, error).await),
        }
    })
    .await?;
    await_ready(&ctx, &link, channel).await?;
    open_chain(&ctx, spec).await
}

/// Waits until every orderer knows a leader and every peer has the first block.
async fn await_ready<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    channel: &str,
) -> Result<(), StepError> {
    for node in &link.plan.nodes {
        until(ctx, node.name.as_str(), || async {
            let network = &ctx.env().network;
            match node.kind {
                NodeKind::Orderer => Ok(network.orderer_ready(link, node, channel).await?.then_some(())),
                _ => Ok((network.height(link, node, channel).await? > 0).then_some(())),
            }
        })
        .await?;
    }
    Ok(())
}

async fn open_chain<P: CreatesChain>(ctx: &Context<P>, spec: &ChainSpec) -> Result<(), StepError> {
    let services = ctx.env();
    let channel = ChannelRecord {
        name: spec.channel.clone(),
        organizations: spec.organizations.iter().map(|organization| organization.name.clone()).collect(),
        created_ms: ctx.now_ms(),
    };
    services.store.channel_put(&spec.name, &channel).await.map_err(store_error)?;
    set_state(services, &spec.name, &[ChainState::Creating, ChainState::Running], ChainState::Running).await
}

>>>>>>> hosts
/// Moves a chain to another state and tells the pages.
pub(crate) async fn set_state(
    services: &Services,
    chain: &ChainName,
    from: &[ChainState],
    to: ChainState,
) -> Result<(), StepError> {
    services.store.chain_state_save(chain, from, to).await.map_err(store_error)?;
    services.changed("chain", chain);
    Ok(())
}

/// Explains an error of a node that is not part of waiting.
pub(crate) fn node_error(node: &PlannedNode, error: &fabric::error::FabricError) -> StepError {
    fabric_error(node.name.as_str(), error)
}
