//! The last step of a creation: every node joins the first channel as soon as it is well, and the chain is open once all
//! of them serve it.

use domain::chain::{ChainSpec, ChainState};
use domain::id::OperationId;
use domain::node::NodeKind;
use store::ChannelRecord;
use workflow::{Context, StepError};

use super::nodes::bring_back;
use super::{CreatesChain, GENESIS, set_state};
use crate::error::internal;
use crate::network::ChainLink;
use crate::operations::leader::await_leader;
use crate::operations::{for_each_node, link, step_error, store_error, until_at};
use crate::topology::PlannedNode;

/// No node waits for another one: orderers of Raft choose a leader a second after they have joined, and meanwhile the
/// peers get ready.
pub(super) async fn join_channel<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let link = link(services, &spec.name).await.map_err(step_error)?;
    bring_back(&ctx, &link).await?;
    let block = services
        .store
        .document_read(&spec.name, GENESIS)
        .await
        .map_err(store_error)?
        .ok_or_else(|| step_error(internal("join a channel", "the genesis block is gone")))?;
    let (ctx_ref, link_ref, block_ref) = (&ctx, &link, block.as_slice());
    for_each_node(&ctx, link.plan.nodes.clone(), |node| async move {
        join_when_well(ctx_ref, link_ref, &node, block_ref).await
    })
    .await?;
    await_leader(&ctx, &link, spec.channel.as_str()).await?;
    open_chain(&ctx, spec).await
}

/// Waits until a node is well and makes it join the first channel; that it is up is written down meanwhile.
async fn join_when_well<P: CreatesChain>(
    ctx: &Context<P>,
    link: &ChainLink,
    node: &PlannedNode,
    block: &[u8],
) -> Result<(), StepError> {
    let (network, name) = (&ctx.env().network, node.name.as_str());
    until_at(ctx, link, node, || async { network.healthy(link, node).await.map(Some) }).await?;
    let noted = ctx.note(format!("{name} is up"));
    let ((), joined) = futures::join!(noted, join(ctx, link, node, block));
    joined
}

/// Makes a node join the first channel; a peer has the first block then.
async fn join<P: CreatesChain>(
    ctx: &Context<P>,
    link: &ChainLink,
    node: &PlannedNode,
    block: &[u8],
) -> Result<(), StepError> {
    let network = &ctx.env().network;
    let channel = ctx.params().chain_spec().channel.as_str();
    if node.kind == NodeKind::Orderer {
        let joined = until_at(ctx, link, node, || async {
            network.orderer_join(link, node, channel, block).await.map(Some)
        });
        return joined.await;
    }
    until_at(ctx, link, node, || async { network.peer_join(link, node, block).await.map(Some) }).await?;
    until_at(ctx, link, node, || async { Ok((network.height(link, node, channel).await? > 0).then_some(())) })
        .await
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

/// A chain that is taken back is not open any more: the reconciler would bring back what the undo removes. What is gone,
/// or belongs to another creation, has nothing to close.
pub(super) async fn close_chain<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, name) = (ctx.env(), &ctx.params().chain_spec().name);
    let record = services.store.chain_read(name).await.map_err(store_error)?;
    let own = Some(OperationId::new(ctx.operation_id()));
    match record.filter(|record| record.operation == own).map(|record| record.state) {
        Some(ChainState::Running) => {
            set_state(services, name, &[ChainState::Running], ChainState::Creating).await
        }
        _ => Ok(()),
    }
}
