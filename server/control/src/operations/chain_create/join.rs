//! The last step of a creation: every node joins the first channel, and the chain is open once all of them serve it.

use domain::chain::{ChainSpec, ChainState};
use domain::id::OperationId;
use domain::node::NodeKind;
use store::ChannelRecord;
use workflow::{Context, Operation, StepError};

use super::ports::planned;
use super::{CreatesChain, GENESIS, set_state};
use crate::error::internal;
use crate::network::ChainLink;
use crate::operations::leader::await_leader;
use crate::operations::{for_each_node, link_of, step_error, store_error, until_at};
use crate::services::Services;

pub(super) async fn join_channel<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let link = link_of(services, planned(&ctx).await?).await.map_err(step_error)?;
    let block = services
        .store
        .document_read(&spec.name, GENESIS)
        .await
        .map_err(store_error)?
        .ok_or_else(|| step_error(internal("join a channel", "the genesis block is gone")))?;
    let channel = spec.channel.as_str();
    let (ctx_ref, link_ref, block_ref) = (&ctx, &link, block.as_slice());
    for_each_node(&ctx, link.plan.nodes.clone(), |node| async move {
        until_at(ctx_ref, link_ref, &node, || async {
            let network = &ctx_ref.env().network;
            match node.kind {
                NodeKind::Orderer => {
                    network.orderer_join(link_ref, &node, channel, block_ref).await.map(Some)
                }
                _ => network.peer_join(link_ref, &node, block_ref).await.map(Some),
            }
        })
        .await
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
    await_leader(ctx, link, channel).await?;
    for node in link.plan.of_kind(NodeKind::Peer) {
        until_at(ctx, link, node, || async {
            Ok((ctx.env().network.height(link, node, channel).await? > 0).then_some(()))
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
