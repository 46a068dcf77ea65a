//! The first channel's genesis block: its configuration is worked out from the plan and the chain's certificates.

use domain::Error;
use domain::chain::{ChainSpec, Consensus, FabricVersion};
use domain::name::{ChannelName, OrganizationName};
use domain::node::NodeKind;
use fabric::genesis::{
    ApplicationOrg, Batch, BftConsenter, ChannelProfile, Consensus as GenesisConsensus,
    FabricVersion as GenesisVersion, OrdererOrg, RaftConsenter,
};
use workflow::{Context, StepError};

use super::CreatesChain;
use super::ports::planned;
use crate::error::internal;
use crate::material::Trust;
use crate::operations::{step_error, store_error};
use crate::services::Services;
use crate::topology::{self, ChainPlan, PlannedNode};

/// Name of the document that holds the first channel's genesis block.
pub const GENESIS: &str = "genesis";
/// Most transactions in a block.
const BATCH_MESSAGES: u32 = 500;
/// Most bytes in a block; leaves room below the 100 MB of a message.
const BATCH_BYTES_MAX: u32 = 49 * 1_024 * 1_024;
/// Bytes after which a block is cut.
const BATCH_BYTES_PREFERRED: u32 = 2 * 1_024 * 1_024;

pub(super) async fn make_genesis<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let plan = planned(&ctx).await?;
    if services.store.document_read(&spec.name, GENESIS).await.map_err(store_error)?.is_some() {
        return Ok(());
    }
    let members: Vec<(&OrganizationName, Option<&PlannedNode>)> =
        plan.members().map(|(name, _)| (name, plan.peers_of(name).next())).collect();
    let block = genesis_block(services, spec, &plan, &spec.channel, &members, ctx.now_ms())
        .await
        .map_err(step_error)?;
    services.store.document_put(&spec.name, GENESIS, &block).await.map_err(store_error)
}

/// A channel's first block over some organizations, each with its anchor peer, and all orderers of the chain.
pub(crate) async fn genesis_block(
    services: &Services,
    spec: &ChainSpec,
    plan: &ChainPlan,
    channel: &ChannelName,
    members: &[(&OrganizationName, Option<&PlannedNode>)],
    now_ms: i64,
) -> Result<Vec<u8>, Error> {
    let trust = services.trust(plan).await?;
    let mut profile = profile(services, spec, plan, &trust, members).await?;
    profile.channel = channel.to_string();
    let nonce = crate::secrets::random::<24>().map_err(|error| internal("make a genesis block", error))?;
    fabric::genesis::block(&profile, now_ms / 1_000, nonce)
        .map_err(|error| internal("make a genesis block", error))
}

pub(super) async fn discard_genesis<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    ctx.env().store.document_delete(&ctx.params().chain_spec().name, GENESIS).await.map_err(store_error)
}

/// A channel's configuration: its organizations, with the anchor peers in it.
async fn profile(
    services: &Services,
    spec: &ChainSpec,
    plan: &ChainPlan,
    trust: &Trust,
    members: &[(&OrganizationName, Option<&PlannedNode>)],
) -> Result<ChannelProfile, Error> {
    let msp = |msp_id: &str| {
        trust.msps.get(msp_id).cloned().ok_or_else(|| internal("make a genesis block", msp_id))
    };
    let orderers: Vec<&PlannedNode> = plan.of_kind(NodeKind::Orderer).collect();
    let endpoints = orderers.iter().map(|node| node.inner_address()).collect();
    let mut application_orgs = Vec::new();
    for (name, organization) in plan.members() {
        let Some((_, anchor)) = members.iter().find(|(member, _)| *member == name) else { continue };
        let anchor = anchor.map(|peer| (peer.inner_name().to_owned(), peer.inner_port()));
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
        let (host, port) = (node.inner_name().to_owned(), node.inner_port());
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
