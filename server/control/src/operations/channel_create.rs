//! `channel-create`: a further channel over chosen organizations and peers of a chain, and all its orderers. The anchor
//! peers stand in the first block, so nothing has to be configured afterwards.

use domain::channel::ChannelSpec;
use domain::node::NodeKind;
use domain::{Code, Error};
use fabric::block::parse_block;
use fabric::config_view;
use fabric::error::ErrorKind;
use serde::{Deserialize, Serialize};
use store::ChannelRecord;
use workflow::{Context, Operation, Plan, StepError};

use super::chain_create::{genesis_block, node_error};
use super::leader::await_leader;
use super::{for_each_node, left_behind, link, step_error, store_error, until_at};
use crate::error::internal;
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::PlannedNode;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelCreate {
    pub spec: ChannelSpec,
}

impl Operation for ChannelCreate {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("channel-create", 1)
            .step("make-channel-genesis", make_genesis, discard_genesis)
            .step("join-orderers", join_orderers, leave_orderers)
            .timeout_ms(300_000)
            .step("join-peers", join_peers, list_joined)
            .timeout_ms(300_000)
            .step("open-channel", open_channel, close_channel)
    }
}

/// Name of the document that holds a channel's first block.
pub(crate) fn genesis_document(channel: &str) -> String {
    format!("genesis/{channel}")
}

async fn make_genesis(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), &ctx.params().spec);
    let known = services.store.channel_list(&spec.chain).await.map_err(store_error)?;
    if known.iter().any(|channel| channel.name == spec.name) {
        return Err(step_error(Error::conflict(Code::ChannelExists).with("name", &spec.name)));
    }
    let document = genesis_document(spec.name.as_str());
    if let Some(block) = services.store.document_read(&spec.chain, &document).await.map_err(store_error)? {
        return check_members(spec, &block);
    }
    let record = services.store.chain_read(&spec.chain).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::not_found()))?;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let mut members = Vec::new();
    for member in &spec.members {
        members.push((&member.organization, member.peers.first().and_then(|name| link.plan.node(name))));
    }
    let block = genesis_block(services, &record.spec, &link.plan, &spec.name, &members, ctx.now_ms())
        .await
        .map_err(step_error)?;
    services.store.document_put(&spec.chain, &document, &block).await.map_err(store_error)
}

/// A block that an earlier try left must be of the same organizations.
fn check_members(spec: &ChannelSpec, block: &[u8]) -> Result<(), StepError> {
    let view = config_view::view(block).map_err(|error| step_error(internal("read a first block", error)))?;
    let mut found: Vec<String> = view.anchors.into_iter().map(|(msp_id, _)| msp_id).collect();
    let mut wanted: Vec<String> = spec.members.iter().map(|member| member.organization.msp_id()).collect();
    found.sort();
    wanted.sort();
    if found == wanted {
        return Ok(());
    }
    Err(step_error(Error::conflict(Code::ChannelLeftBehind).with("name", &spec.name)))
}

/// The block is kept as long as a peer may have joined by it: peers keep what they joined, so the same channel can only
/// be made again from the same block.
async fn discard_genesis(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), &ctx.params().spec);
    let document = genesis_document(spec.name.as_str());
    if services.store.document_read(&spec.chain, &document).await.map_err(store_error)?.is_none() {
        return Ok(());
    }
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    for name in spec.members.iter().flat_map(|member| &member.peers) {
        let Some(peer) = link.plan.node(name) else { continue };
        let height = services.network.height(&link, peer, spec.name.as_str()).await;
        if !height.is_err_and(|error| error.kind() == ErrorKind::ChannelUnknown) {
            let kept = Error::conflict(Code::FirstBlockKept).with("channel", &spec.name).with("node", name);
            let text =
                format!("left behind: the first block of channel {}, by which {name} joined", spec.name);
            left_behind(&ctx, kept, text).await;
            return Ok(());
        }
    }
    services.store.document_delete(&spec.chain, &document).await.map_err(store_error)
}

/// The first block, as the step before kept it.
async fn first_block(ctx: &Context<ChannelCreate>) -> Result<Vec<u8>, StepError> {
    let spec = &ctx.params().spec;
    let document = genesis_document(spec.name.as_str());
    let block = ctx.env().store.document_read(&spec.chain, &document).await.map_err(store_error)?;
    block.ok_or_else(|| step_error(internal("join a channel", "the first block is gone")))
}

async fn join_orderers(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), &ctx.params().spec);
    let (link, block) = (link(services, &spec.chain).await.map_err(step_error)?, first_block(&ctx).await?);
    let orderers: Vec<PlannedNode> = link.plan.of_kind(NodeKind::Orderer).cloned().collect();
    let (ctx_ref, link_ref, block_ref) = (&ctx, &link, block.as_slice());
    for_each_node(&ctx, orderers, |node| async move {
        let channel = ctx_ref.params().spec.name.as_str();
        until_at(ctx_ref, link_ref, &node, || async {
            ctx_ref.env().network.orderer_join(link_ref, &node, channel, block_ref).await.map(Some)
        })
        .await
    })
    .await?;
    await_leader(&ctx, &link, spec.name.as_str()).await
}

async fn leave_orderers(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), &ctx.params().spec);
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    for node in link.plan.of_kind(NodeKind::Orderer) {
        let left = services.network.orderer_leave(&link, node, spec.name.as_str()).await;
        left.map_err(|error| node_error(node, &error))?;
    }
    Ok(())
}

async fn join_peers(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let spec = &ctx.params().spec;
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let block = first_block(&ctx).await?;
    let names = spec.members.iter().flat_map(|member| &member.peers);
    let peers: Vec<PlannedNode> = names.filter_map(|name| link.plan.node(name)).cloned().collect();
    join_all(&ctx, &link, spec.name.as_str(), peers, &block).await
}

/// Joins peers to a channel and waits until each serves it.
pub(super) async fn join_all<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    channel: &str,
    peers: Vec<PlannedNode>,
    block: &[u8],
) -> Result<(), StepError> {
    for_each_node(ctx, peers, |peer| async move {
        let network = &ctx.env().network;
        until_at(ctx, link, &peer, || async {
            network.peer_join(link, &peer, block).await?;
            Ok((network.height(link, &peer, channel).await? > 0).then_some(()))
        })
        .await?;
        check_first(ctx, link, channel, &peer, block).await?;
        ctx.note(format!("{} joined", peer.name)).await;
        Ok(())
    })
    .await
}

/// A peer that still has an older channel of this name says that it has joined: its first block is another one.
async fn check_first<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    channel: &str,
    peer: &PlannedNode,
    block: &[u8],
) -> Result<(), StepError> {
    let own =
        ctx.env().network.block(link, peer, channel, 0).await.map_err(|error| node_error(peer, &error))?;
    let hash = |bytes: &[u8]| parse_block(bytes).map(|block| block.hash).ok();
    if hash(&own) == hash(block) {
        return Ok(());
    }
    Err(step_error(Error::conflict(Code::ChannelLeftBehind).with("node", &peer.name)))
}

/// A peer cannot leave a channel while it runs: an undo says what stays.
async fn list_joined(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let spec = &ctx.params().spec;
    for peer in spec.members.iter().flat_map(|member| &member.peers) {
        let kept = Error::conflict(Code::ChannelKept).with("channel", &spec.name).with("node", peer);
        let text = format!("left behind: channel {} on {peer}, if it had joined already", spec.name);
        left_behind(&ctx, kept, text).await;
    }
    Ok(())
}

async fn open_channel(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), &ctx.params().spec);
    let record = ChannelRecord {
        name: spec.name.clone(),
        organizations: spec.members.iter().map(|member| member.organization.clone()).collect(),
        created_ms: ctx.now_ms(),
    };
    services.store.channel_put(&spec.chain, &record).await.map_err(store_error)?;
    services.changed("chain", &spec.chain);
    Ok(())
}

async fn close_channel(ctx: Context<ChannelCreate>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), &ctx.params().spec);
    services.store.channel_delete(&spec.chain, &spec.name).await.map_err(store_error)?;
    services.changed("chain", &spec.chain);
    Ok(())
}
