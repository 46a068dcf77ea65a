//! `chain-start`: starts the nodes of a stopped chain and waits until they are well.

use agents::{AgentError, NodeRef, Selector};
use domain::chain::ChainState;
use domain::name::ChainName;
use domain::node::NodeKind;
use domain::{Code, Error};
use fabric::error::{ErrorKind, FabricError};
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::{set_state, spec_anew};
use super::chain_stop::stop_everything;
use super::leader::await_leader;
use super::{agent_error, chaincode_nodes, for_each_node, link, step_error, store_error, until, with_logs};
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::PlannedNode;

/// Parameters. A restart stops the nodes before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainStart {
    pub chain: ChainName,
    pub restart: bool,
}

impl Operation for ChainStart {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("chain-start", 2)
            .step("mark-starting", mark_starting, unmark)
            .step("stop-nodes", stop_nodes, start_again)
            .timeout_ms(300_000)
            .step("start-nodes", start_nodes, as_before)
            .timeout_ms(600_000)
            .step("catch-up", catch_up, keep)
            .timeout_ms(600_000)
    }
}

/// A restart stops first, and says so.
async fn mark_starting(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let (before, to) = if ctx.params().restart {
        (ChainState::Running, ChainState::Stopping)
    } else {
        (ChainState::Stopped, ChainState::Starting)
    };
    set_state(ctx.env(), &ctx.params().chain, &[before, to], to).await
}

/// A restart is a stop of everything before the start: each of both may be cut by a crash and done again, and no node is
/// left that was not started anew.
async fn stop_nodes(ctx: Context<ChainStart>) -> Result<(), StepError> {
    if !ctx.params().restart {
        return Ok(());
    }
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    stop_everything(&ctx, &link).await?;
    let from = [ChainState::Stopping, ChainState::Starting];
    set_state(ctx.env(), chain, &from, ChainState::Starting).await
}

/// What was to be restarted runs on.
async fn start_again(ctx: Context<ChainStart>) -> Result<(), StepError> {
    if !ctx.params().restart {
        return Ok(());
    }
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    let from = [ChainState::Stopping, ChainState::Starting, ChainState::Running];
    set_state(ctx.env(), chain, &from, ChainState::Starting).await?;
    start_everything(&ctx, &link).await
}

async fn start_nodes(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    let (ctx_ref, link_ref) = (&ctx, &link);
    for_each_node(&ctx, link.plan.nodes.clone(), |node| async move {
        let place = link_ref.node_ref(&node);
        match link_ref.agent.start(&place).await {
            Ok(()) => {}
            Err(AgentError::NotFound(_)) => make_anew(ctx_ref, link_ref, &node).await?,
            Err(error) => return Err(agent_error(error)),
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

/// A node whose container somebody removed comes back around its data, on the image that it had.
async fn make_anew(ctx: &Context<ChainStart>, link: &ChainLink, node: &PlannedNode) -> Result<(), StepError> {
    let chain = Some(link.plan.chain.to_string());
    let selector = Selector { installation: link.installation.clone(), chain };
    let present = link.agent.list_nodes(&selector).await.map_err(agent_error)?;
    let status = present.iter().find(|status| status.node == link.node_ref(node));
    let status = status.ok_or_else(|| agent_error(AgentError::NotFound(node.name.to_string())))?;
    let spec = spec_anew(ctx.env(), link, node, &status.operation, &present).await.map_err(step_error)?;
    let spec = spec.ok_or_else(|| step_error(Error::unavailable(Code::ImageMissing)))?;
    ctx.note(format!("{} has no container any more: it is made anew", node.name)).await;
    link.agent.ensure_node(&spec).await.map(drop).map_err(agent_error)
}

/// The chain runs when every channel has a leader and every peer in it has all blocks: until then a peer would answer
/// a query from an older state.
async fn catch_up(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    for channel in ctx.env().store.channel_list(chain).await.map_err(store_error)? {
        let channel = channel.name.as_str();
        await_leader(&ctx, &link, channel).await?;
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
    let before = if ctx.params().restart { ChainState::Running } else { ChainState::Stopped };
    let from = [ChainState::Starting, ChainState::Stopping, before];
    set_state(ctx.env(), &ctx.params().chain, &from, before).await
}
