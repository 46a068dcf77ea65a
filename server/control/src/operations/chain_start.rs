//! `chain-start`: starts the nodes of a stopped chain and waits until they are well.

use agents::{AgentError, NodeRef};
use domain::chain::ChainState;
use domain::name::ChainName;
use domain::node::NodeKind;
use fabric::error::{ErrorKind, FabricError};
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::set_state;
use super::chain_stop::stop_everything;
use super::{agent_error, chaincode_nodes, for_each_node, link, step_error, store_error, until, with_logs};
use crate::network::ChainLink;
use crate::services::Services;

/// Parameters. A restart stops the nodes before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainStart {
    pub chain: ChainName,
    pub restart: bool,
}

impl Operation for ChainStart {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("chain-start", 1)
            .step("mark-starting", mark_starting, unmark)
            .step("start-nodes", start_nodes, as_before)
            .timeout_ms(600_000)
            .step("catch-up", catch_up, keep)
            .timeout_ms(600_000)
    }
}

async fn mark_starting(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let from: &[ChainState] = if ctx.params().restart {
        &[ChainState::Running, ChainState::Starting]
    } else {
        &[ChainState::Stopped, ChainState::Starting]
    };
    set_state(ctx.env(), &ctx.params().chain, from, ChainState::Starting).await
}

async fn start_nodes(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    let (ctx_ref, link_ref) = (&ctx, &link);
    for_each_node(&ctx, link.plan.nodes.clone(), |node| async move {
        let place = link_ref.node_ref(&node);
        if ctx_ref.params().restart && ctx_ref.attempt() == 1 {
            link_ref.agent.restart(&place, super::chain_stop::GRACE).await.map_err(agent_error)?;
        } else {
            link_ref.agent.start(&place).await.map_err(agent_error)?;
        }
        let healthy = until(ctx_ref, node.name.as_str(), || async {
            ctx_ref.env().network.healthy(link_ref, &node).await.map(Some)
        });
        match healthy.await {
            Ok(()) => Ok(()),
            Err(error) => Err(with_logs(link_ref, &node, error).await),
        }
    })
    .await?;
    start_chaincode(&link).await
}

/// The chain runs when every channel has a leader and every peer in it has all blocks: until then a peer would answer
/// a query from an older state.
async fn catch_up(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    for channel in ctx.env().store.channel_list(chain).await.map_err(store_error)? {
        let channel = channel.name.as_str();
        let orderers = link.plan.nodes.iter().filter(|node| node.kind == NodeKind::Orderer);
        for node in orderers {
            until(&ctx, node.name.as_str(), || async {
                Ok(ctx.env().network.orderer_ready(&link, node, channel).await?.then_some(()))
            })
            .await?;
        }
        until(&ctx, channel, || async { Ok(is_level(&ctx, &link, channel).await?.then_some(())) }).await?;
    }
    set_state(ctx.env(), chain, &[ChainState::Starting, ChainState::Running], ChainState::Running).await
}

/// Whether every peer in the channel has as many blocks as any node.
async fn is_level(ctx: &Context<ChainStart>, link: &ChainLink, channel: &str) -> Result<bool, FabricError> {
    let looks = link.plan.nodes.iter().map(|node| ctx.env().network.height(link, node, channel));
    let mut heights = Vec::new();
    for (node, height) in link.plan.nodes.iter().zip(futures::future::join_all(looks).await) {
        match height {
            Ok(height) => heights.push((node.kind, height)),
            // Not every peer is in every channel.
            Err(error) if error.kind() == ErrorKind::ChannelUnknown => {}
            Err(error) => return Err(error),
        }
    }
    let top = heights.iter().map(|(_, height)| *height).max().unwrap_or(0);
    Ok(heights.iter().all(|(kind, height)| *kind == NodeKind::Orderer || *height == top))
}

/// Chaincode containers are not part of the plan; whatever of them is on the host is started.
async fn start_chaincode(link: &ChainLink) -> Result<(), StepError> {
    for node in chaincode_nodes(link).await? {
        link.agent.start(&node).await.map_err(agent_error)?;
    }
    Ok(())
}

/// Starts whatever can be started, for an undo: a node that is gone or has lost its data is the reconciler's to show.
pub(super) async fn start_everything<P: Operation>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<(), StepError> {
    let mut nodes: Vec<NodeRef> = link.plan.nodes.iter().map(|node| link.node_ref(node)).collect();
    nodes.extend(chaincode_nodes(link).await?);
    for node in nodes {
        match link.agent.start(&node).await {
            Ok(()) => {}
            Err(error @ (AgentError::NotFound(_) | AgentError::DataLost(_))) => {
                ctx.note(format!("{} cannot be started: {error}", node.node)).await;
            }
            Err(error) => return Err(agent_error(error)),
        }
    }
    Ok(())
}

/// A chain that was stopped is stopped again; one that was to be restarted runs on.
async fn as_before(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    if ctx.params().restart {
        return start_everything(&ctx, &link).await;
    }
    // Not `running` while nodes are stopped: the reconciler would start them again.
    let from = [ChainState::Starting, ChainState::Running, ChainState::Stopping, ChainState::Stopped];
    set_state(ctx.env(), chain, &from, ChainState::Stopping).await?;
    stop_everything(&ctx, &link).await
}

async fn unmark(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let (own, before) = if ctx.params().restart {
        ([ChainState::Starting, ChainState::Running], ChainState::Running)
    } else {
        ([ChainState::Starting, ChainState::Stopping], ChainState::Stopped)
    };
    let from = [own[0], own[1], before];
    set_state(ctx.env(), &ctx.params().chain, &from, before).await
}
