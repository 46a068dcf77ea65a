//! `chain-start`: starts the nodes of a stopped chain and waits until they are well.

use domain::chain::ChainState;
use domain::name::ChainName;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::set_state;
use super::chain_stop::stop_everything;
use super::leader::await_leader_among;
use super::{for_each_node, given_up, link, step_error, store_error, until_at};
use crate::network::ChainLink;
use crate::services::Services;

mod level;
mod nodes;
mod servers;

use level::await_level;
pub(super) use nodes::{bring_up, list, look, needs_making, quorum, spec_around_data, status_of};
use nodes::{check_quorum, sorted};
pub(super) use servers::start_servers;

/// Parameters. A restart stops the nodes before: former versions began such ones, which are still resumed and undone. Now
/// a restart is an operation of its own, `chain-restart`.
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

/// A restart stops first, and says so. An earlier version said that it starts: one that was cut off there goes on here.
async fn mark_starting(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let (from, to) = if ctx.params().restart {
        (&[ChainState::Running, ChainState::Stopping, ChainState::Starting][..], ChainState::Stopping)
    } else {
        (&[ChainState::Stopped, ChainState::Starting][..], ChainState::Starting)
    };
    set_state(ctx.env(), &ctx.params().chain, from, to).await
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

/// Nodes first, then what serves chaincode. One that has lost its data would hold all others up for ever: the chain runs
/// without it, as one does whose node loses them while it runs.
async fn start_nodes(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    let present = look(&ctx, &link).await?;
    let (whole, lost) = sorted(&link, &present);
    check_quorum(&link.plan, &lost)?;
    for node in lost {
        ctx.note(format!("{} has lost its data: the chain starts without it", node.name)).await;
    }
    let (ctx_ref, link_ref, present_ref) = (&ctx, &link, present.as_slice());
    for_each_node(&ctx, whole, |node| async move {
        bring_up(ctx_ref, link_ref, &node, present_ref).await?;
        until_at(ctx_ref, link_ref, &node, || async {
            ctx_ref.env().network.healthy(link_ref, &node).await.map(Some)
        })
        .await
    })
    .await?;
    start_servers(&ctx, &link, &present).await
}

/// The chain runs when every channel has a leader and every peer in it has all blocks: until then a peer would answer
/// a query from an older state.
async fn catch_up(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    let (whole, _lost) = sorted(&link, &list(&link).await?);
    for channel in ctx.env().store.channel_list(chain).await.map_err(store_error)? {
        let channel = channel.name.as_str();
        await_leader_among(&ctx, &link, &whole, channel).await?;
        await_level(&ctx, &link, &whole, channel).await?;
    }
    set_state(ctx.env(), chain, &[ChainState::Starting, ChainState::Running], ChainState::Running).await
}

/// Starts whatever can be started, for an undo: a node that is gone or has lost its data is the reconciler's to show.
pub(super) async fn start_everything<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<(), StepError> {
    let present = look(ctx, link).await?;
    for node in &link.plan.nodes {
        if let Err(error) = bring_up(ctx, link, node, &present).await {
            let why = given_up(error)?;
            ctx.note(format!("{} cannot be started: {why}", node.name)).await;
        }
    }
    start_servers(ctx, link, &present).await
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
